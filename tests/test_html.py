"""Saved pages: what they say of themselves, what is no article, and what would hold a parser up."""

import logging
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from aggregator import reading, sniff
from aggregator.config.settings import Parse
from aggregator.errors import DocumentError
from aggregator.markup import paragraphs
from aggregator.models import Article, Document, Entry
from aggregator.parsers import _main_text, html
from aggregator.parsers._decoding import decoded, decoded_page
from aggregator.readers import Readers
from aggregator.reading import Request

NOW = datetime(2026, 11, 27, tzinfo=UTC)
SAID = "The bridge over the harbour opened on Wednesday, three months after a barge had struck one of its piers."
BODY = f"<h1>Bridge opens</h1><p>{SAID}</p><p>{SAID} The first buses crossed at six.</p>"
REQUEST = Request("s", frozenset({sniff.HTML}), NOW)


def page(body: str = BODY, head: str = "", start: str = "") -> bytes:
    return f"{start}<!doctype html><html><head><title>T</title>{head}</head><body><article>{body}</article></body></html>".encode()


def entry(body: bytes, **more: object) -> Entry:
    (found,) = html.parse(Document(body, "p.html", **more)).entries  # type: ignore[arg-type]
    return found


def article(body: bytes) -> Article:
    (found,) = reading.read(Document(body, "p.html", modified_at=NOW), REQUEST).articles
    return found


def test_a_page_is_an_article_that_may_hold_furniture() -> None:
    found = entry(page(), identity="p.html", modified_at=NOW)
    assert found.framed and found.content.html
    assert (found.guid, found.title.value, found.published_at) == ("p.html", "Bridge opens", NOW)
    assert dict(found.told) == {"title": "heading", "published": "the file's time"}


def ld(text: str) -> str:
    return f'<script type="application/ld+json">{text}</script>'


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (ld('{"@type":"NewsArticle","datePublished":"2026-03-04T08:15:00+02:00"}'), "2026-03-04T08:15:00+02:00"),
        (ld('{"@type":["NewsArticle","X"],"datePublished":"2026-03-04T08:15:00"}'), "2026-03-04T08:15:00+00:00"),
        (ld('[{"@graph":[{"@type":"Article","datePublished":["2026-03-04"]}]}]'), "2026-03-04T00:00:00+00:00"),
        (ld('{"@type":"NewsArticle","datePublished":"soon"}') + "<meta name=date content=2026-03-05>", "2026-03-05T00:00:00+00:00"),
        (ld("{broken") + "<meta property='article:published_time' content='2026-03-04T08:15:00Z'>", "2026-03-04T08:15:00+00:00"),
        ("<meta itemprop=datePublished content='Wed, 04 Mar 2026 08:15:00 EST'>", "2026-03-04T08:15:00-05:00"),
        ("<link rel=canonical href='https://a.example/2026/03/04/bridge'>", "2026-03-04T00:00:00+00:00"),
        ("", "2026-11-27T00:00:00+00:00"),
    ],
    ids="JSON-LD naive graph meta broken itemprop address file".split(),
)  # fmt: skip
def test_dates_keep_time_and_zone(head: str, expected: str) -> None:
    found = entry(page(head=head), modified_at=NOW)
    assert found.published_at == datetime.fromisoformat(expected)
    assert str(found.published_at) == str(datetime.fromisoformat(expected))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("<link rel=canonical href='https://a.example/x'><meta property='og:url' content='https://b.example/y'>", "https://a.example/x"),
        ("<link rel=canonical href='/x'><meta property='og:url' content='https://b.example/y'>", "https://b.example/y"),
        ("<link rel=canonical href='https://a.example/'>" + ld('{"@type":"Article","url":"https://a.example/x"}'), "https://a.example/x"),
        ("<link rel=canonical href='javascript:alert(1)'>", None),
        ("<link rel=canonical href='file:///home/me/x.html'>", None),
    ],
    ids="canonical relative front script file".split(),
)  # fmt: skip
def test_the_link_is_the_page_on_the_web(head: str, expected: str | None) -> None:
    assert entry(page(head=head)).link == expected


def test_relative_links_are_relative_to_where_the_page_was_saved_from() -> None:
    body = BODY + f"<p>{SAID} <a href='/more'>More</a></p><p><img src='b.jpg' alt='B'></p>"
    saved = "<!-- saved from url=(0025)https://a.example/news/x -->\n"
    assert 'href="https://a.example/more"' in article(page(body, start=saved)).html
    assert 'src="https://a.example/news/b.jpg"' in article(page(body, start=saved)).html
    assert 'href="https://c.example/more"' in article(page(body, "<base href='https://c.example/d/'>", saved)).html
    assert entry(page(head="<link rel=canonical href='/2026/x'>", start=saved)).link == "https://a.example/2026/x"
    without = article(page(body))
    assert "<img" not in without.html and "More" in without.html and "href" not in without.html


def test_names_come_without_what_announces_them() -> None:
    assert entry(page(head="<meta name=author content='By Mara Lindqvist'>")).authors == ("Mara Lindqvist",)
    people = '{"@type":"Article","author":[{"name":"A. Bell"},"C. Dow",{"name":["E. Fry"]},{"@id":"x"},null,7]}'
    assert entry(page(head=ld(people))).authors == ("A. Bell", "C. Dow", "E. Fry")
    graph = '{"@graph":[{"@type":"Article","author":{"@id":"#1"}},{"@type":"Person","@id":"#1","name":"A. Bell"}]}'
    assert entry(page(head=ld(graph))).authors == ("A. Bell",)
    link = "<meta property='article:author' content='https://facebook.com/a'>"
    assert entry(page(head=link)).authors == ()


def test_titles_lose_the_name_of_their_site() -> None:
    site = "<meta property='og:site_name' content='The Daily Lantern'>"
    for written in ("Bridge opens again - The Daily Lantern", "Bridge opens again | Daily Lantern"):
        found = entry(page(f"<p>{SAID}</p>", f"{site}<meta property='og:title' content='{written}'>"))
        assert found.title.value == "Bridge opens again"
    kept = entry(page(f"<p>{SAID}</p>", f"{site}<meta property='og:title' content='Bridge opens - what we know'>"))
    assert kept.title.value == "Bridge opens - what we know"


@pytest.mark.parametrize(
    "head",
    [
        "<title>Owls settle in the mill | Example Herald</title>",
        "<title>Example Herald – Owls settle in the mill</title>",
        '<meta property="og:site_name" content="Example Herald"><title>Owls settle in the mill</title>',
    ],
)
def test_a_masthead_is_no_title(head: str) -> None:
    prose = "<p>Three owls have settled in the mill, and the miller sleeps elsewhere until the young ones fly.</p>"
    body = f"<html><head>{head}</head><body><h1>Example Herald</h1><h2>Owls settle in the mill</h2>{prose * 3}</body></html>"
    assert article(body.encode()).title == "Owls settle in the mill"


def test_each_block_of_the_article_stands_alone() -> None:
    body = BODY + (
        "<h2>Next</h2><ul><li>One is here.</li><li>Two is <em>there</em>.</li></ul><ol><li>First of all.</li></ol>"
        "<blockquote><p>“Quoted — so.”</p></blockquote><pre><code>x = 1\ny = 2</code></pre>"
        "<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table><p>It was late.<br><br>It <b>rained</b>.<br>Still.</p>"
    )
    html_of = article(page(body)).html
    for part in (
        "<h2>Next</h2>",
        "<ul><li>One is here.</li><li>Two is <em>there</em>.</li></ul>",
        "<ol><li>First of all.</li></ol>",
        "<blockquote><p>“Quoted — so.”</p></blockquote>",
        "<pre>x = 1\ny = 2</pre>",
        "<tr><td>1</td><td>2</td></tr>",
        "<p>It was late.</p>\n<p>It <strong>rained</strong>.<br>Still.</p>",
    ):
        assert part in html_of


def test_characters_are_those_that_the_page_declares_or_proves() -> None:
    text = "<meta http-equiv='Content-Type' content='text/html; charset=windows-1251'><p>Россия и Китай"
    assert "Россия" in decoded_page(text.encode("cp1251"))
    assert "Россия" in decoded_page(text.encode())
    assert "Россия" in decoded_page(text.encode("utf-16"))
    assert "“x”" in decoded_page(b"<meta charset='iso-8859-1'>\x93x\x94")
    assert "日本" in decoded_page("<meta charset=Shift_JIS>日本".encode("shift_jis"))
    assert "é" in decoded_page(b"<meta charset=nonsense>" + "café, là-bas, où l’été commence".encode("cp1252"))
    assert "Россия" not in decoded(text.encode("cp1251"), "latin-1"), "a feed is no page"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (page("<div id=root></div><noscript>Please enable JavaScript to view this site.</noscript>"), "asks for JavaScript"),
        (page("<h1>We value your privacy</h1><p>We use cookies. Accept all cookies to go on to the site you wanted to see.</p>"), "asks for"),
        (page("<p>Checking your browser before accessing the site. This takes a few seconds, please wait here.</p>"), "asks for"),
        (b"<html><head><title>Just a moment...</title></head><body></body></html>", "no robot"),
        (page("<p>Home</p>"), "no article is found"),
        (page(""), "no article is found"),
        (b"<html>", "no article is found"),
    ],
    ids="script consent check challenge word nothing tag".split(),
)  # fmt: skip
def test_a_page_without_an_article_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(DocumentError, match=f"p.html: .*{reason}"):
        entry(body)


def test_a_bug_of_others_costs_the_page_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trafilatura.bare_extraction", lambda tree, options: [][0])
    with pytest.raises(DocumentError, match=r"p\.html: the page cannot be read: IndexError"):
        entry(page())


def test_an_article_about_cookies_is_one() -> None:
    body = f"<h1>Bakers accept cookies</h1><p>Bakers accept cookies. {SAID}</p>" + "".join(
        f"<p>{n}. {SAID}</p>" for n in range(9)
    )
    assert entry(page(body)).title.value == "Bakers accept cookies"


def test_what_one_page_says_is_no_business_of_the_next() -> None:
    first = entry(page())
    for _ in range(5):
        assert entry(page()) == first
    from htmldate.extractors import try_date_expr
    from trafilatura.utils import line_processing, trim

    assert [one.cache_info().currsize for one in (trim, line_processing, try_date_expr)] == [0, 0, 0]


HOSTILE = {
    "megabytes": page(f"<p>{SAID * 8}</p>" * 5000),
    "one text": page(f"<p>{SAID * 90_000}</p>"),
    "divisions": page("<div>" * 100_000 + BODY),
    "formatting": page("<b><i><p>" * 2000 + BODY),
    "references": page("<p>" + "&amp;" * 300_000 + BODY),
    "plaintext": page(f"<plaintext>{BODY * 500}"),
    "no characters": page(f"<p>\0\1{SAID}\0\ufffe</p>" * 3),
    "an attribute": page(f"<p title='{'x' * 5_000_000}'>{BODY}"),
    "attributes": page(f"<p {' '.join(f'a{n}=1' for n in range(100_000))}>{BODY}"),
    "attributes that end": page("<p " + " ".join(f"a{n}='>'" for n in range(50_000)) + f">{BODY}"),
    "many attributes": page(("<p " + " ".join(f"a{n}=1" for n in range(300)) + f">{SAID}") * 1500),
    "spans": page(BODY + "<table>" + "<tr><td colspan=100000 rowspan=100000>x" * 2000),
    "tables": page(BODY + f"<table><tr><td>x<td>{SAID}</table>" * 5000),
    "scripts": page(BODY + "<script>" * 50_000),
    "a tree of JSON": page(BODY, ld("[" * 100_000)),
    "articles in JSON": page(BODY, ld("[" + '{"@type":"Article","author":["a"]},' * 20_000 + "0]")),
    "elements with a name": page(BODY + "<p>" + "<span class=a>x</span>" * 22_000 + "<b><a class=b>y</a></b>" * 10_000),
    "too many tags": page("<p>x" * 500_000),
    "too many elements": page("<p>x" * 100_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_page_takes_long(name: str) -> None:
    _main_text.load()
    begun = time.process_time()
    try:
        entry(HOSTILE[name])
    except DocumentError as error:
        assert name in ("one text", "divisions", "references", "too many tags", "too many elements"), error
    assert time.process_time() - begun < 25  # a tenth of it on a quiet machine


def test_trafilatura_says_nothing_and_is_loaded_when_it_is_needed(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(DocumentError):
        entry(page(""))
    assert caplog.text == ""
    assert logging.getLogger("trafilatura").level == logging.CRITICAL


@pytest.fixture
def readers() -> Iterator[Readers]:
    with Readers(Parse(processes=1, cpu=timedelta(seconds=1), time=timedelta(seconds=20))) as found:
        yield found


def test_loading_is_no_documents_cpu(readers: Readers) -> None:
    found = readers.read(Document(page(), "p.html", modified_at=NOW), REQUEST)
    assert [one.title for one in found.articles] == ["Bridge opens"]


def test_the_daemon_does_not_load_what_reads_pages() -> None:
    import subprocess

    code = (
        "import sys; from aggregator import daemon, registry, reading; registry.load();"
        "print(sorted({'trafilatura', 'htmldate', 'justext', 'dateparser'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_headings_of_a_short_page_stay() -> None:
    line = "The harbour in {} was opened on Monday by both of the ministers, who had waited for it for a year."
    body = "".join(f"<h2>News from {place}</h2><p>{line.format(place)}</p>" for place in ("Arle", "Bexa", "Cord"))
    page = f"<html><head><title>A digest</title></head><body>{body}</body></html>".encode()
    (entry,) = html.parse(Document(page, "a.html", identity="a")).entries
    found = paragraphs(entry.content.value)
    assert found == [text for place in ("Arle", "Bexa", "Cord") for text in (f"News from {place}", line.format(place))]
