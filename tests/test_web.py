"""Serving: validators, encodings, pages."""

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer

from aggregator import config, runtime
from aggregator.store import topics
from aggregator.web.serve import application


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


async def test_health(client: TestClient) -> None:
    assert await (await client.get("/healthz")).text() == "ok\n"


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
        assert topics.counts(database)["t"][0] > 0
        async with TestClient(TestServer(application(lambda: found, database))) as client:
            for page in ("/", "/topics/t"):
                text = await (await client.get(page)).text()
                assert "<script>" not in text
                assert "&lt;script&gt;" in text
