"""RSS 0.9x–2.0, RDF, Atom and CDF, read by feedparser.

A damaged feed gives what can be read of it; a document without a version and without entries is no feed. feedparser
is told to leave markup alone: `clean` does that for all formats, and better.
"""

import calendar
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax import SAXException

import feedparser

from aggregator.errors import DocumentError
from aggregator.models import Advice, Category, Document, Enclosure, Entry, Markup

_HEAD = 100_000  # bytes in which a channel's own elements are looked for
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}
# What feedparser raises on malformed input, such as character references outside Unicode.
_BUGS = (ValueError, AttributeError, LookupError, TypeError, RecursionError, AssertionError, ArithmeticError)
_HTML = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True, slots=True)
class Head:
    """What a feed says of itself, and what its entries take over from it."""

    advice: Advice
    title: str | None
    format: str | None
    inherited: tuple[tuple[str, str], ...]


def inheriting(entry: Entry, inherited: Iterable[tuple[str, str]]) -> Entry:
    """The entry with what it takes over from its feed."""
    language = dict(inherited).get("language")
    return replace(entry, language=entry.language or language)


def parse(document: Document) -> tuple[tuple[Entry, ...], Head]:
    """The entries of a feed. Raises DocumentError for what is no feed."""
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
    except _BUGS as error:
        raise DocumentError(f"{document.name}: the feed cannot be parsed: {type(error).__name__}: {error}") from error
    trouble = parsed.get("bozo_exception")
    if not parsed.entries and (isinstance(trouble, SAXException) or not parsed.get("version")):
        raise DocumentError(f"{document.name}: nothing of the feed can be read: {trouble or 'it has no entries'}")
    language = parsed.feed.get("language")
    entries = tuple(_entry(raw, document) for raw in parsed.entries)
    title = _text(parsed.feed.get("title"))
    inherited = (("language", language),) if language else ()
    return entries, Head(_advice(parsed.feed, document.body), title, _format(parsed.get("version")), inherited)


def _entry(raw: Any, document: Document) -> Entry:
    content: Any = max(_parts(raw, "content"), key=lambda part: len(part.get("value") or ""), default={})
    summary = _parts(raw, "summary_detail", default={})[0]
    title = _parts(raw, "title_detail", default={})[0]
    body = content if content.get("value") else summary
    return Entry(
        guid=_text(raw.get("id")),
        link=_text(raw.get("link")),
        base=_text(body.get("base") or title.get("base")) or document.url,
        title=_markup(title),
        summary=_markup(summary),
        content=_markup(content),
        authors=tuple(_authors(raw)),
        categories=tuple(_categories(_parts(raw, "tags"))),
        enclosures=tuple(_enclosures(_parts(raw, "enclosures"))),
        published_at=_date(raw.get("published_parsed")),
        updated_at=_date(dict.get(raw, "updated_parsed")),  # its own get() would answer with published
        language=_text(body.get("language")),
    )


def _advice(feed: Any, body: bytes) -> Advice:
    links = [(link.get("rel"), _text(link.get("href"))) for link in _parts(feed, "links")]
    hours = (int(hour) for hour in _listed(body, b"skipHours", b"hour") if hour.isdigit())
    days = (day[:3].lower() for day in _listed(body, b"skipDays", b"day"))
    return Advice(
        ttl=max(filter(None, (_ttl(feed), _update_period(feed))), default=None),
        skip_hours=frozenset(hour % 24 for hour in hours if hour <= 24),
        skip_days=frozenset(_DAYS.index(day) for day in days if day in _DAYS),
        hubs=tuple(href for rel, href in links if rel == "hub" and href),
        self_url=next((href for rel, href in links if rel == "self" and href), None),
    )


def _format(version: Any) -> str | None:
    """feedparser's `rss20` as people write it: `RSS 2.0`."""
    match = re.fullmatch(r"(rss|atom|cdf)(?:(\d)(\d+))?\w?", str(version or ""))
    if match is None:
        return None
    name = {"rss": "RSS", "atom": "Atom", "cdf": "CDF"}[match[1]]
    return f"{name} {match[2]}.{match[3]}" if match[2] else name


def _ttl(feed: Any) -> timedelta | None:
    """RSS 2.0 `ttl`, in minutes."""
    minutes = _number(feed.get("ttl"))
    return timedelta(minutes=minutes) if minutes else None


def _update_period(feed: Any) -> timedelta | None:
    """RSS 1.0 syndication module: so many updates in a period. Nonsense is as if nothing were said."""
    period = _PERIODS.get(str(feed.get("sy_updateperiod")).strip().lower())
    return period / (_number(feed.get("sy_updatefrequency")) or 1) if period else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 1e-3 < number < 1e6 else None


def _listed(body: bytes, outer: bytes, inner: bytes) -> list[str]:
    """The texts of `inner` inside `outer`: of repeated elements feedparser keeps the last alone."""
    found = re.search(b"<%s>(.{0,2000}?)</%s>" % (outer, outer), body[:_HEAD], re.DOTALL)
    texts = re.findall(rb"<%s>\s*(\w{1,9})\s*</%s>" % (inner, inner), found[1]) if found else []
    return [text.decode("ascii", "replace") for text in texts]


def _parts(raw: Any, name: str, default: Any = None) -> list[Any]:
    """A field as the mappings it should consist of. An unknown element of that name in the feed is plain text."""
    value = raw.get(name)
    found = [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, dict)]
    return found or ([default] if default is not None else [])


def _markup(detail: Any) -> Markup:
    return Markup(detail.get("value") or "", detail.get("type") in _HTML)


def _authors(raw: Any) -> Iterator[str]:
    for author in _parts(raw, "authors"):
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
