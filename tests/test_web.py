"""Serving: validators, encodings, pages."""

import gzip
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from aggregator import config, dedup, runtime
from aggregator.errors import StateError
from aggregator.models import Article, Verdict
from aggregator.store import articles as stored_articles
from aggregator.store import contents, memberships
from aggregator.web import pages, trace
from aggregator.web.private import NOT_FOUND
from aggregator.web.rendering import _templates
from aggregator.web.serve import application

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
async def client(config_directory: Path) -> AsyncIterator[TestClient]:
    """The web server over the shipped configuration, after one pass."""
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        await runtime.once(found, database, lambda visit: None)
        server = TestServer(application(lambda: found, database))
        session = ClientSession(auto_decompress=False)
        async with TestClient(server) as made:
            await made.session.close()
            made._session = session  # type: ignore[assignment]  # to see the bytes as they are sent
            yield made


async def page(client: TestClient, path: str, status: int = 200) -> str:
    """The text of a page."""
    response = await client.get(path, headers={"Accept-Encoding": "identity"})
    assert response.status == status
    return await response.text()


TYPES = {
    "atom": "application/atom+xml; charset=utf-8",
    "rss": "application/rss+xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
}


async def test_a_page_that_the_store_keeps_from_being_made_says_so(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> str:
        raise StateError("the database db.example/news cannot be used")

    monkeypatch.setattr("aggregator.web.pages.topic", fails)
    async with client.get("/topics/energy") as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
        assert await answer.text() == "The database does not answer. Feeds are served all the same.\n"


@pytest.mark.parametrize("extension", TYPES)
async def test_feed_has_its_type_and_validators(client: TestClient, extension: str) -> None:
    response = await client.get(f"/feeds/china-russia.{extension}", headers={"Accept-Encoding": "identity"})
    assert response.status == 200
    assert response.headers["Content-Type"] == TYPES[extension]
    assert response.headers["ETag"].startswith('"')
    assert "Last-Modified" in response.headers
    assert response.headers["Vary"] == "Accept-Encoding"


async def test_packed_and_plain_forms_have_their_own_tags(client: TestClient) -> None:
    plain = await client.get("/feeds/energy.atom", headers={"Accept-Encoding": "identity"})
    packed = await client.get("/feeds/energy.atom", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert gzip.decompress(await packed.read()) == await plain.read()


@pytest.mark.parametrize("validator", ["ETag", "Last-Modified"])
async def test_reader_that_has_the_feed_gets_304(client: TestClient, validator: str) -> None:
    first = await client.get("/feeds/energy.rss")
    header = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}[validator]
    again = await client.get("/feeds/energy.rss", headers={header: first.headers[validator]})
    assert (again.status, await again.read()) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


async def test_other_etag_wins_over_an_equal_date(client: TestClient) -> None:
    first = await client.get("/feeds/energy.rss")
    headers = {"If-None-Match": '"other"', "If-Modified-Since": first.headers["Last-Modified"]}
    assert (await client.get("/feeds/energy.rss", headers=headers)).status == 200


async def test_head_says_what_get_would_say(client: TestClient) -> None:
    get = await client.get("/feeds/energy.atom")
    head = await client.head("/feeds/energy.atom")
    assert await head.read() == b""
    names = ("ETag", "Content-Length", "Content-Type")
    assert [head.headers[name] for name in names] == [get.headers[name] for name in names]


async def test_index_links_every_feed(client: TestClient) -> None:
    text = await page(client, "/")
    for slug in ("china-russia", "us-china", "energy"):
        for extension in TYPES:
            assert f"/feeds/{slug}.{extension}" in text


async def test_topic_page_shows_reasons_and_article_page_its_tags(client: TestClient) -> None:
    text = await page(client, "/topics/china-russia")
    assert "about country:china ≥ 25" in text
    shown = [await page(client, f"/articles/{key}") for key in re.findall(r"/articles/([0-9a-f]{32})", text)]
    assert all("What it is about" in page for page in shown)
    left_out = "Left out: what stood around the article"
    assert any(left_out in page and '<li dir="auto">Source link</li>' in page for page in shown)


def test_a_source_that_has_left_the_configuration_is_named_without_its_secrets(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    article = Article("1" * 32, "example.org/feed?token=s3cret", "1", "T", "", "", "", NOW)
    monkeypatch.setattr(stored_articles, "get", lambda database, key: article)
    monkeypatch.setattr(stored_articles, "story_of", lambda database, key: [dedup.copy_of(article, 1)])
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        shown = pages.article(found, database, article.key)
    assert shown and "example.org/feed?token=***" in shown
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    "path",
    [
        "/feeds/none.atom",
        "/feeds/energy.exe",
        "/feeds/..%2f..%2faggregator.db",
        "/feeds/%2e%2e/aggregator.db",
        "/topics/none",
        "/articles/00000000000000000000000000000000",
        "/articles/x",
        "/topics/energy?after=2026-11-27T12:00:00.000000Z",
        "/topics/energy?after=9999-99-99T99:99:99.000000Z_00000000000000000000000000000000",
        "/static/style.css",
        "/static/..%2fserve.py",
    ],
)
async def test_unknown_addresses_are_404(client: TestClient, path: str) -> None:
    assert (await client.get(path)).status == 404


async def test_parts_of_pages_are_kept_for_good(client: TestClient) -> None:
    text = await page(client, "/")
    names = re.findall(r'(?:href|src)="(static/[a-z]+\.[0-9a-f]{12}\.[a-z]+)"', text)
    assert len(names) == 3
    for name in names:
        plain = await client.get(f"/{name}", headers={"Accept-Encoding": "identity"})
        packed = await client.get(f"/{name}", headers={"Accept-Encoding": "gzip"})
        assert gzip.decompress(await packed.read()) == await plain.read()
        assert plain.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert plain.headers["X-Content-Type-Options"] == "nosniff"
        again = await client.get(f"/{name}", headers={"If-None-Match": plain.headers["ETag"]})
        assert (again.status, await again.read()) == (304, b"")


@pytest.mark.parametrize("path", ["/", "/topics/energy", "/sources"])
async def test_pages_allow_nothing_inline_and_nothing_from_elsewhere_but_pictures(
    client: TestClient, path: str
) -> None:
    response = await client.get(path)
    policy = dict(part.strip().split(" ", 1) for part in response.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    text = await page(client, path)
    assert not re.search(r"<style|<script[^>]*>[^<]|<[^>]+ (?:style|on[a-z]+)=", text)


async def test_pages_are_packed_where_that_is_wanted(client: TestClient) -> None:
    response = await client.get("/", headers={"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(await response.read()).decode() == await page(client, "/")


async def test_topic_is_read_on_from_page_to_page(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = re.findall(r"<h2[^>]*>.*</h2>", await page(client, "/topics/energy"))
    monkeypatch.setattr(pages, "STORIES", 2)
    seen, path = [], "/topics/energy"
    while path:
        text = await page(client, path)
        seen += re.findall(r"<h2[^>]*>.*</h2>", text)
        older = re.search(r'<a rel="next" href="(\?after=[^"]+)">', text)
        path = f"/topics/energy{older[1]}" if older else ""
    assert len(whole) > 2
    assert seen == whole


async def test_article_page_says_why_copies_are_one_and_which_topics_it_is_not_in(client: TestClient) -> None:
    text = await page(client, "/topics/china-russia")
    shown = [await page(client, f"/articles/{key}") for key in re.findall(r"/articles/([0-9a-f]{32})", text)]
    assert any("the story began with it" in one and "the same text as that of" in one for one in shown)
    assert any('<span class="yes">in, score ' in one and '<span class="no">not in</span>' in one for one in shown)


async def test_article_page_asks_of_many_topics_those_alone_that_it_can_be_in(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = re.findall(r"/articles/([0-9a-f]{32})", await page(client, "/topics/china-russia"))[0]
    whole = await page(client, f"/articles/{key}")
    assert len(re.findall('<div class="answer">', whole)) == 3
    monkeypatch.setattr(trace, "MOST_ASKED", 1)
    part = await page(client, f"/articles/{key}")
    assert len(re.findall('<div class="answer">', part)) == 1
    assert "2 topics ask for something that it does not have" in part


async def test_article_page_says_nothing_of_private_topics(config_directory: Path) -> None:
    path = config_directory / "topics.yaml"
    path.write_text(path.read_text().replace("  energy:\n", "  energy:\n    private: true\n"))
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        await runtime.once(found, database, lambda visit: None)
        (lead,) = contents.latest(database, 1)
        members = contents.stories_in(database, "energy", since=datetime(2020, 1, 1, tzinfo=UTC), limit=1, past=True)
        async with TestClient(TestServer(application(lambda: found, database))) as client:
            for key in (lead, members[0].lead.key):
                text = await (await client.get(f"/articles/{key}")).text()
                assert "topics/china-russia" in text
                assert "topics/energy" not in text
                assert "subject:energy" not in text


async def test_sources_are_shown_to_who_is_at_this_machine(client: TestClient) -> None:
    text = await page(client, "/sources")
    assert "2 sources: 1 silent, 1 fine" in text
    assert text.index("Inbox") < text.index("Samples")
    assert "Inbox" not in await page(client, "/sources?q=sample")
    assert "No source is like that." in await page(client, "/sources?state=failing")
    assert "/sources" in await page(client, "/")


async def test_sources_are_not_shown_to_others_unless_they_are_public(config_directory: Path) -> None:
    for said, status in (("local", 403), ("public", 200)):
        found = config.load(config_directory, {"AGGREGATOR_SERVE__SOURCES": said})
        with runtime.opened(found) as database:
            async with TestClient(TestServer(application(lambda found=found: found, database))) as client:
                response = await client.get("/sources", headers={"X-Forwarded-For": "203.0.113.9"})
                assert response.status == status
                index = await (await client.get("/", headers={"Host": "news.example.org"})).text()
                assert ("/sources" in index) is (status == 200)


async def test_newcomer_is_told_what_to_do(config_directory: Path) -> None:
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        async with TestClient(TestServer(application(lambda: found, database))) as client:
            assert "Drop an article into the inbox" in await (await client.get("/")).text()
            await runtime.once(found, database, lambda visit: None)
            assert "Drop an article into the inbox" not in await (await client.get("/")).text()


async def test_links_lead_below_a_base_url_that_has_a_path(config_directory: Path) -> None:
    base = "https://news.example/some/path/"
    found = config.load(config_directory, {"AGGREGATOR_BASE_URL": base})
    with runtime.opened(found) as database:
        await runtime.once(found, database, lambda visit: None)
        async with TestClient(TestServer(application(lambda: found, database))) as client:
            text = await (await client.get("/topics/china-russia")).text()
            paths = sorted(set(re.findall(r"articles/[0-9a-f]{32}", text)))
            for path in ("", *paths):
                text += await (await client.get(f"/{path}")).text()
    assert f'href="{base}topics/energy"' in text
    assert f'href="{base}articles/' in text
    assert f'<a href="{base}"' in text
    assert 'href="../static/style.' in text
    assert 'href="/' not in text


async def test_title_with_markup_is_text_on_every_page(config_directory: Path) -> None:
    path = config_directory / "topics.yaml"
    path.write_text("topics:\n  t: {title: '<script>alert(1)</script>', any: [{phrase: China}]}\n")
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        await runtime.once(found, database, lambda visit: None)
        assert memberships.counts(database)["t"][0] > 0
        async with TestClient(TestServer(application(lambda: found, database))) as client:
            for page in ("/", "/topics/t"):
                text = await (await client.get(page)).text()
                assert "<script>" not in text
                assert "&lt;script&gt;" in text


LABELLED = """topics:
  one:
    title: One
    labels: [asia, politics]
    digests: [daily, weekly]
    variants: {lang: [en, eo], min_score: [50]}
    any: [{phrase: one}]
  two:
    title: Two
    any: [{phrase: two}]
"""


async def test_labels_head_their_topics_and_what_goes_across_them_comes_last(config_directory: Path) -> None:
    (config_directory / "topics.yaml").write_text(LABELLED)
    (config_directory / "sources.yaml").write_text("sources: []\n")
    found = config.load(config_directory, {"AGGREGATOR_EVERYTHING__PUBLISH": "true"})
    front = pages.index(found, {})
    assert re.findall("<h[23]>(?:<a[^>]*>)?([^<]+)", front)[-5:] == [
        "asia",
        "One",
        "Other topics",
        "Two",
        "Across topics",
    ]
    assert re.findall('<th scope="row">([^<]+)', front) == ["politics", "Everything"]
    assert [front.count(f'id="label-{label}"') for label in ("asia", "politics")] == [1, 1]
    assert re.findall("Also: <a[^>]*>([^<]+)", front) == ["daily and weekly digests and 5 selections"]
    with runtime.opened(found) as database:
        shown = pages.topic(found, database, "one") or ""
    assert re.findall('<th scope="row">([^<]+)', shown) == [
        "Daily digest",
        "Weekly digest",
        "Score 50 or better",
        "English",
        "English, score 50 or better",
        "Eo",
        "Eo, score 50 or better",
    ]
    assert shown.count('data-copy="') == 3
    assert 'aria-label="JSON Feed of One"' in shown


async def test_article_page_says_where_its_date_is_from(client: TestClient) -> None:
    (key,) = re.findall(r"/articles/([0-9a-f]{32})", await page(client, "/topics/china-russia"))[-1:]
    assert re.search(
        "<dt>Published</dt><dd>.*</time>, (from |by its publisher)", await page(client, f"/articles/{key}")
    )


def test_what_stands_under_none_is_good_where_it_does_not_hold() -> None:
    macro = _templates().get_template("_parts.html").module.rule  # type: ignore[attr-defined]
    inner = Verdict(False, "all", "", 0, (Verdict(False, "a", ""), Verdict(True, "b", "")))
    shown = macro(Verdict(True, "rule", "", 100, (Verdict(True, "none", "", 100, (inner,)),)))
    assert re.findall('class="(yes|no)">(yes|no)', shown) == [
        ("yes", "yes"),
        ("yes", "yes"),
        ("yes", "no"),
        ("yes", "no"),
        ("no", "yes"),
    ]


async def test_who_is_lost_is_led_on_and_machines_get_a_line(client: TestClient) -> None:
    shown = set()
    for path in ("/nothing", "/topics/none", "/articles/x", f"/topics/private/{'A' * 43}/desk"):
        response = await client.get(path, headers={"Accept": "text/html,*/*", "Accept-Encoding": "identity"})
        text = await response.text()
        assert (response.status, response.content_type) == (404, "text/html")
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        (style,) = re.findall('rel="stylesheet" href="([^"]+)"', text)
        assert (await client.get(str(response.url.join(URL(style)).relative()))).status == 200
        shown.add(text.replace("../", ""))
        for plain, accept in ((path, "*/*"), ("/feeds/none.atom", "text/html")):
            assert await (await client.get(plain, headers={"Accept": accept})).text() == NOT_FOUND
        assert (await client.head(path, headers={"Accept": "text/html"})).status == 404
    assert len(shown) == 1


async def test_the_folder_of_topics_is_the_front_page_and_no_answer_names_the_program(client: TestClient) -> None:
    for path in ("/topics", "/topics/", "/", "/nothing"):
        response = await client.get(path)
        assert response.url.path == ("/" if path.startswith("/topics") else path)
        assert response.status == (404 if path == "/nothing" else 200)
        assert "Server" not in response.headers
    wrong = await client.post("/")
    assert (wrong.status, wrong.headers["Allow"], "Server" in wrong.headers) == (405, "GET,HEAD", False)
