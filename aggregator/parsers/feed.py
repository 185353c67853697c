"""RSS 0.9x–2.0, RDF, Atom and CDF, read by feedparser.

A damaged feed gives what can be read of it; a document without a version and without entries is no feed. feedparser
is told to leave markup alone: `clean` does that for all formats, and better.
"""

import calendar
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import feedparser

from aggregator import sniff
from aggregator.errors import DocumentError
from aggregator.models import Category, Document, Enclosure, Entry, Markup
from aggregator.registry import Parser

MAX_ENTRIES = 2000  # the first ones: feeds are written newest first
_HTML = ("text/html", "application/xhtml+xml")


def parse(document: Document) -> list[Entry]:
    """The entries of a feed, at most MAX_ENTRIES. Raises DocumentError for what is no feed."""
    content_type = document.media_type or "application/xml"
    if document.charset:
        content_type += f"; charset={document.charset}"
    headers = {"content-type": content_type}  # lower case: feedparser looks for nothing else
    if document.url:
        headers["content-location"] = document.url
    try:
        # A stream, never bytes or str: those feedparser may take for a file name or a URL and open it.
        parsed = feedparser.parse(
            io.BytesIO(document.body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError, AssertionError) as error:
        # It raises on a few malformed inputs, such as character references outside Unicode.
        raise DocumentError(f"{document.name}: the feed cannot be parsed: {type(error).__name__}: {error}") from error
    if not parsed.entries and not parsed.get("version"):
        raise DocumentError(f"{document.name}: no feed: {parsed.get('bozo_exception', 'it has no entries')}")
    language = parsed.feed.get("language")
    return [_entry(raw, document, language) for raw in parsed.entries[:MAX_ENTRIES]]


def _entry(raw: Any, document: Document, language: str | None) -> Entry:
    content = max(raw.get("content") or [{}], key=lambda part: len(part.get("value") or ""))
    summary = raw.get("summary_detail") or {}
    title = raw.get("title_detail") or {}
    body = content if content.get("value") else summary
    return Entry(
        guid=_text(raw.get("id")),
        link=_text(raw.get("link")),
        base=_text(body.get("base") or title.get("base")) or document.url,
        title=_markup(title),
        summary=_markup(summary),
        content=_markup(content),
        authors=tuple(_authors(raw)),
        categories=tuple(_categories(raw.get("tags") or ())),
        enclosures=tuple(_enclosures(raw.get("enclosures") or ())),
        published_at=_date(raw.get("published_parsed")),
        updated_at=_date(dict.get(raw, "updated_parsed")),  # its own get() would answer with published
        language=_text(body.get("language")) or language,
    )


def _markup(detail: Any) -> Markup:
    return Markup(detail.get("value") or "", detail.get("type") in _HTML)


def _authors(raw: Any) -> Iterator[str]:
    for author in raw.get("authors") or ():
        name = author.get("name") or author.get("email")
        if name:
            yield name


def _categories(tags: Sequence[Any]) -> Iterator[Category]:
    for tag in tags:
        if tag.get("term"):
            yield Category(tag["term"], tag.get("scheme"), tag.get("label"))


def _enclosures(enclosures: Sequence[Any]) -> Iterator[Enclosure]:
    for enclosure in enclosures:
        length = str(enclosure.get("length") or "")
        if enclosure.get("href"):
            yield Enclosure(
                enclosure["href"],
                _text(enclosure.get("type")),
                int(length) if length.isascii() and length.isdigit() and len(length) < 16 else None,
            )


def _date(parsed: Any) -> datetime | None:
    """feedparser's UTC tuple. Its values can be out of range: a feed may say anything."""
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError):
        return None


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


PLUGIN = Parser(frozenset({sniff.FEED}), parse)
