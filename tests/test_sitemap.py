"""News sitemaps, and the other ones."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from aggregator import registry, sniff
from aggregator.errors import DocumentError
from aggregator.models import Category, Document, Entry, Link, Markup, Origin, Parsed
from aggregator.parsers import sitemap
from aggregator.reading import parser_of
from aggregator.sources.folder import FolderSource
from aggregator.sources.http import HttpSource

URL = "https://a.example/news.xml"
NAMES = (
    'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"'
    ' xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
)


def page(
    number: int = 1, name: str = "A Paper", date: str = "2026-11-27T09:00:00+01:00", title: str = "Gas &amp; oil"
) -> str:
    return (
        f"<url><loc>https://a.example/{number}</loc><lastmod>2026-11-27</lastmod><news:news><news:publication>"
        f"<news:name>{name}</news:name><news:language>en</news:language></news:publication>"
        f"<news:publication_date>{date}</news:publication_date><news:title>{title}</news:title>"
        "<news:keywords>gas, oil, gas,</news:keywords></news:news>"
        "<image:image><image:loc>https://a.example/1.png</image:loc></image:image></url>"
    )


def urlset(*pages: str, before: str = '<?xml version="1.0" encoding="UTF-8"?>') -> bytes:
    return f"{before}<urlset {NAMES}>{''.join(pages)}</urlset>".encode()


def read(body: bytes) -> Parsed:
    assert sniff.media_type(body) == sniff.SITEMAP
    return registry.parsers()[sniff.SITEMAP].parse(Document(body, URL, url=URL))


def test_everything_that_a_page_says_is_kept() -> None:
    parsed = read(urlset(page()))
    assert (parsed.title, parsed.format) == ("A Paper", "news sitemap")
    assert parsed.entries == (
        Entry(
            guid="https://a.example/1",
            link="https://a.example/1",
            links=(Link("https://a.example/1"),),
            base="https://a.example/1",
            title=Markup("Gas & oil"),
            categories=(Category("gas"), Category("oil")),
            published_at=datetime(2026, 11, 27, 9, tzinfo=timezone(timedelta(hours=1))),
            updated_at=datetime(2026, 11, 27, tzinfo=UTC),
            language="en",
            thumbnail="https://a.example/1.png",
        ),
    )


def test_a_publication_among_others_is_named() -> None:
    parsed = read(urlset(page(1, "A"), page(2, "B")))
    assert parsed.title is None
    assert [entry.origin for entry in parsed.entries] == [Origin("A"), Origin("B")]


def test_pages_that_are_no_news_are_left_out() -> None:
    assert len(read(urlset(page(), "<url><loc>https://a.example/about</loc></url>")).entries) == 1


def test_a_quiet_weekend_is_no_error() -> None:
    assert read(urlset()).entries == ()


def test_of_a_flood_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemap, "MAX_ENTRIES", 1)
    parsed = read(urlset(page(1, date="2026-11-26"), page(2, date="2026-11-27")))
    assert ([entry.guid for entry in parsed.entries], parsed.dropped) == (["https://a.example/2"], 1)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<sitemapindex><sitemap><loc>https://a.example/1.xml</loc></sitemap></sitemapindex>", "list of 1 sitemaps"),
        (b"<urlset><url><loc>https://a.example/</loc></url></urlset>", "none of which is marked as news"),
        (b"<urlset><!--", "nothing of the sitemap|none of which"),
    ],
)
def test_other_sitemaps_are_named(body: bytes, reason: str) -> None:
    for source in (HttpSource, FolderSource):
        if b"<!--" not in body:
            with pytest.raises(DocumentError, match=reason):
                parser_of(Document(body, URL), source.ACCEPTS).parse(Document(body, URL))


@pytest.mark.parametrize(
    "body",
    [
        urlset(page(title="Россия")).decode().encode("utf-16"),
        urlset(page(title="Россия"), before='<?xml version="1.0" encoding="windows-1251"?>').decode().encode("cp1251"),
        b"\n\n" + urlset(page(title="Россия")),
        urlset(page(title="Россия"), page(2))[:-200],
    ],
    ids=["UTF-16", "windows-1251", "blank lines", "cut off"],
)
def test_broken_ones_are_read_as_they_were_meant(body: bytes) -> None:
    assert read(body).entries[0].title == Markup("Россия")


def test_no_entity_is_expanded_and_no_file_opened() -> None:
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 100}">' for n in range(12))
    doctype = f'<?xml version="1.0"?><!DOCTYPE urlset [{bomb}<!ENTITY f SYSTEM "file:///etc/hostname">]>'
    (entry,) = read(urlset(page(title="&e11;&f;"), before=doctype)).entries
    assert len(entry.title.value) < 100
