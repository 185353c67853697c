"""JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/).

What a publisher got wrong in one item costs that item, or that field, and nothing else. Numbers serve as ids, since
some publishers write them so. UTF-8 is what JSON is written in (RFC 8259 §8.1); UTF-16 and UTF-32 are read, too.
"""

import json
from collections.abc import Iterator
from typing import Any

from aggregator import sniff
from aggregator.errors import DocumentError
from aggregator.models import Advice, Category, Document, Enclosure, Entry, Link, Markup, Parsed
from aggregator.parsers._dates import date
from aggregator.parsers._newest import newest
from aggregator.registry import Parser

MAX_ENTRIES = 2000
_MAX_LENGTH = 10**15  # bytes of an enclosure that are believed


def parse(document: Document) -> Parsed:
    """The entries of a feed, of more than MAX_ENTRIES the newest. Raises DocumentError for what is no JSON Feed."""
    feed = _loaded(document)
    items = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(items, list):
        raise DocumentError(f"{document.name}: no JSON Feed: it has no list of items")
    language, authors = _text(feed.get("language")), tuple(_authors(feed))
    found = [_entry(item, document, language, authors) for item in _mappings(items)]
    kept = newest([entry.published_at or entry.updated_at for entry in found], MAX_ENTRIES)
    entries = tuple(found[number] for number in kept)
    version = (_text(feed.get("version")) or "").rpartition("/")[2]
    name = f"JSON Feed {version}".strip()
    return Parsed(entries, _advice(feed), _text(feed.get("title")), name, dropped=len(found) - len(kept))


def _loaded(document: Document) -> Any:
    try:
        return json.loads(document.body, parse_constant=_refused)
    except UnicodeError as error:
        raise DocumentError(f"{document.name}: JSON that is not written in UTF-8: {str(error)[:200]}") from error
    except (ValueError, RecursionError) as error:  # no JSON; too deep
        raise DocumentError(f"{document.name}: nothing of the feed can be read: {str(error)[:200]}") from error


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _entry(item: dict[str, Any], document: Document, language: str | None, authors: tuple[str, ...]) -> Entry:
    html, text = _text(item.get("content_html")), _text(item.get("content_text"))
    link = _text(item.get("url"))
    return Entry(
        guid=_id(item.get("id")) or link,
        link=link or _text(item.get("external_url")),
        links=tuple(_links(item)),
        base=link or document.url,
        title=Markup(_text(item.get("title")) or ""),
        summary=Markup(_text(item.get("summary")) or ""),
        content=Markup(html or text or "", html=html is not None),
        authors=tuple(_authors(item)) or authors,
        categories=tuple(Category(tag) for tag in _texts(item.get("tags"))),
        enclosures=tuple(_enclosures(item)),
        published_at=date(item.get("date_published")),
        updated_at=date(item.get("date_modified")),
        language=_text(item.get("language")) or language,
        thumbnail=_text(item.get("image")) or _text(item.get("banner_image")),
    )


def _advice(feed: dict[str, Any]) -> Advice:
    hubs = (_text(hub.get("url")) for hub in _mappings(feed.get("hubs")) if str(hub.get("type")).lower() == "websub")
    return Advice(hubs=tuple(filter(None, hubs)), self_url=_text(feed.get("feed_url")))


def _authors(holder: dict[str, Any]) -> Iterator[str]:
    """Names; version 1.0 has one `author`, 1.1 a list."""
    for author in [*_mappings(holder.get("authors")), *_mappings([holder.get("author")])]:
        name = _text(author.get("name"))
        if name:
            yield name


def _links(item: dict[str, Any]) -> Iterator[Link]:
    """The item's own page, and the one that it is about."""
    for field, rel in (("url", "alternate"), ("external_url", "related")):
        href = _text(item.get(field))
        if href:
            yield Link(href, rel)


def _enclosures(item: dict[str, Any]) -> Iterator[Enclosure]:
    for attachment in _mappings(item.get("attachments")):
        url, size = _text(attachment.get("url")), attachment.get("size_in_bytes")
        believable = isinstance(size, int) and not isinstance(size, bool) and 0 <= size < _MAX_LENGTH
        if url:
            yield Enclosure(url, _text(attachment.get("mime_type")), size if believable else None)


def _id(value: Any) -> str | None:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else _text(value)


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [text for part in value if (text := _text(part))] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


PLUGIN = Parser(frozenset({sniff.JSON_FEED}), parse)
