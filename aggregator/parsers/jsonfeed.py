"""JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/).

What a publisher got wrong in one item costs that item, or that field, and nothing else. Numbers serve as ids, since
some publishers write them so. UTF-8 is what JSON is written in (RFC 8259 §8.1); UTF-16 and UTF-32 are read, too.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from aggregator import __version__, sniff
from aggregator.errors import DocumentError
from aggregator.identity import guid_hash_of
from aggregator.models import Advice, Category, Document, Enclosure, Entry, Link, Markup, Memory, Parsed
from aggregator.parsers._dates import date
from aggregator.parsers._newest import newest
from aggregator.registry import Parser
from aggregator.words import short_hash

MAX_ENTRIES = 2000
READING = 1  # count up when the same item comes to mean something else
# What may be read in passing, in bytes: a document, its new items, and one that is read for the first time.
_PASSING_BODY, _PASSING_NEW, _PASSING_WHOLE = 500_000, 64_000, 16_000
# Objects, lists and values, in all of a document: loading it is one call, and no other thread works meanwhile.
_PASSING_SIGNS = ((b"{", 5000), (b"[", 5000), (b",", 20_000))
_PASSING_ITEMS = 1000
_MAX_LENGTH = 10**15  # bytes of an enclosure that are believed


def parse(document: Document) -> Parsed:
    """The entries of a feed, of more than MAX_ENTRIES the newest. Raises DocumentError for what is no JSON Feed."""
    feed = _Feed(document)
    version = (_text(feed.head.get("version")) or "").rpartition("/")[2]
    entries = tuple(map(feed.entry, feed.items))
    return Parsed(
        entries,
        _advice(feed.head),
        _text(feed.head.get("title")),
        f"JSON Feed {version}".strip(),
        dropped=feed.dropped,
        memory=feed.memory(guid_hash_of(entry) for entry in entries),
    )


def parse_new(document: Document, memory: Memory, *, in_passing: bool) -> Parsed | None:
    """What is new since `memory`: the items whose JSON is not known. None where the whole is to be read.

    `in_passing`: only if that is sure to take no more than some milliseconds.
    """
    if in_passing and not _is_light(document.body):
        return None
    feed = _Feed(document)
    if feed.context != memory.context or (in_passing and len(feed.all) > _PASSING_ITEMS):
        return None
    seen = dict(memory.entries)
    new = [number for number, known in enumerate(feed.hashes) if known not in seen]
    if in_passing and sum(len(repr(feed.items[number])) for number in new) > _PASSING_NEW:
        return None
    entries = {number: feed.entry(feed.items[number]) for number in new}
    guids = (
        guid_hash_of(entries[number]) if number in entries else seen[known] for number, known in enumerate(feed.hashes)
    )
    return Parsed(
        tuple(entries.values()),
        None if feed.head_hash == memory.head else _advice(feed.head),
        known_guids=tuple(seen[known] for known in feed.hashes if known in seen),
        dropped=feed.dropped,
        memory=replace(feed.memory(guids), whole_at=memory.whole_at),
    )


class _Feed:
    """A feed that was loaded: its newest items, each with its hash. Raises DocumentError."""

    def __init__(self, document: Document) -> None:
        feed = _loaded(document)
        found = feed.get("items") if isinstance(feed, dict) else None
        if not isinstance(found, list):
            raise DocumentError(f"{document.name}: no JSON Feed: it has no list of items")
        self.head: dict[str, Any] = {name: value for name, value in feed.items() if name != "items"}
        self._url, self._language, self._authors = document.url, _text(feed.get("language")), tuple(_authors(feed))
        self.context = _hash([__version__, READING, self._url, self._language, self._authors])
        self.head_hash = _hash(self.head)
        self.all = _mappings(found)
        self.dropped = max(0, len(self.all) - MAX_ENTRIES)

    @cached_property
    def items(self) -> list[dict[str, Any]]:
        return _newest(self.all) if self.dropped else self.all

    @cached_property
    def hashes(self) -> list[bytes]:
        return [_hash(item) for item in self.items]

    def entry(self, item: dict[str, Any]) -> Entry:
        return _entry(item, self._url, self._language, self._authors)

    def memory(self, guids: Iterable[bytes]) -> Memory:
        return Memory(self.context, self.head_hash, (), tuple(zip(self.hashes, guids, strict=True)))


def _newest(items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    dates = [date(item.get("date_published")) or date(item.get("date_modified")) for item in items]
    return [items[number] for number in newest(dates, MAX_ENTRIES)]


def _is_light(body: bytes) -> bool:
    """Whether a document can be loaded in passing: UTF-16 has the same signs."""
    return len(body) <= _PASSING_BODY and all(body.count(sign) <= count for sign, count in _PASSING_SIGNS)


def _hash(value: Any) -> bytes:
    return short_hash(json.dumps(value, sort_keys=True).encode())


def _loaded(document: Document) -> Any:
    try:
        return json.loads(document.body, parse_constant=_refused)
    except UnicodeError as error:
        raise DocumentError(f"{document.name}: JSON that is not written in UTF-8: {str(error)[:200]}") from error
    except (ValueError, RecursionError) as error:  # no JSON; too deep
        raise DocumentError(f"{document.name}: nothing of the feed can be read: {str(error)[:200]}") from error


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _entry(item: dict[str, Any], url: str | None, language: str | None, authors: tuple[str, ...]) -> Entry:
    html, text = _text(item.get("content_html")), _text(item.get("content_text"))
    link = _text(item.get("url"))
    return Entry(
        guid=_id(item.get("id")) or link,
        link=link or _text(item.get("external_url")),
        links=tuple(_links(item)),
        base=link or url,
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


def _is_quick(document: Document) -> bool:
    return len(document.body) <= _PASSING_WHOLE


PLUGIN = Parser(frozenset({sniff.JSON_FEED}), parse, parse_new, _is_quick)
