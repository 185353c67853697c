"""RSS 0.9x–2.0, RDF, Atom and CDF, read by feedparser; of a feed that was read before, only the entries that are new.

A damaged feed gives what can be read of it; a document without a version and without entries is no feed. Reading in
part gives what reading the whole would have given, or is not done: the bytes of known entries are taken out, what gives
them their meaning (declaration, opening tags, addresses, this code) must be what it was, and the whole document must be
well-formed.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from feedparser.datetimes import _parse_date

from aggregator import __version__, sniff, splice
from aggregator.errors import DocumentError
from aggregator.identity import guid_hash_of
from aggregator.models import Document, Entry, Memory, Parsed
from aggregator.parsers import _feedparser
from aggregator.parsers._dates import date
from aggregator.parsers._decoding import decoded
from aggregator.parsers._mending import mended, well_begun
from aggregator.parsers._newest import newest
from aggregator.registry import Parser
from aggregator.splice import Cuts, Uncut
from aggregator.words import short_hash

MAX_ENTRIES = 2000  # the newest ones
READING = 1  # count up when the same bytes come to mean something else

# What may be read in passing: feedparser's time grows with the square of the attributes and with the depth.
_PASSING_BODY = 1_000_000  # bytes
_PASSING_TAGS = 50_000  # or other signs "<"
_PASSING_EQUALS = 30_000  # or other signs "=": all the attributes may be those of one tag
_PASSING_NEW = 64_000  # bytes of new entries, or of a new head
_PASSING_WHOLE = 16_000  # bytes of a feed that is read for the first time
_PASSING_SIGNS = ((b"<", 2000), (b"&", 4000), (b"=", 1000))

_SIGN = re.compile(rb"<(?:[^\s<>/:]{1,50}:)?(?:item|entry)(?=[\s/>])", re.IGNORECASE)  # an entry may begin here
_DATE = re.compile(rb"<(?:\w+:)?(?:pubDate|published|updated|issued|date|modified|created)\b[^<>]*>([^<>]{6,80})<")


def parse(document: Document) -> Parsed:
    """All entries of a feed, of more than MAX_ENTRIES the newest. Raises DocumentError for what is no feed.

    Where these cannot be told without reading it all, they are the newest of those that stand first.
    """
    cuts = _cuts(document)
    if len(cuts.spans if cuts else _SIGN.findall(document.body)) > MAX_ENTRIES:
        flood = _flood(document, cuts) if cuts else _damaged_flood(document)
        if flood:
            return flood
    entries, head = _feedparser.parse(document)
    kept = newest([entry.published_at or entry.updated_at for entry in entries], MAX_ENTRIES)
    own = tuple(_feedparser.inheriting(entries[number], head.inherited) for number in kept)
    whole = cuts is not None and len(cuts.spans) == len(entries) and not _has_entries(document, cuts.head)
    memory = _memory(document, cuts, head.inherited, range(len(entries)), entries) if cuts and whole else None
    dropped = len(entries) - len(kept) + head.unread
    return Parsed(own, head.advice, head.title, head.format, dropped=dropped, memory=memory)


def parse_new(document: Document, memory: Memory, *, in_passing: bool) -> Parsed | None:
    """What is new since `memory`; None where the whole is to be read.

    `in_passing`: only if that is sure to take no more than some milliseconds.
    """
    body = document.body
    signs = ((b"<", _PASSING_TAGS), (b"=", _PASSING_EQUALS))
    if in_passing and (len(body) > _PASSING_BODY or any(body.count(sign) > most for sign, most in signs)):
        return None
    try:
        return _parse_new(document, splice.cut(document), memory, in_passing)
    except (Uncut, DocumentError):  # the latter, of a head or of entries alone, says nothing of the whole
        return None


def _parse_new(document: Document, cuts: Cuts, memory: Memory, in_passing: bool) -> Parsed | None:
    if _context(document, cuts) != memory.context or (in_passing and len(cuts.spans) > MAX_ENTRIES):
        return None
    taken = _numbers_of_newest(cuts)
    hashes = cuts.hashes()
    seen = dict(memory.entries)
    new = [number for number in taken if hashes[number] not in seen]
    head = cuts.head
    head_hash = splice.head_hash(head)
    if new or head_hash != memory.head:
        splice.check(document.body)
    advice = None
    if head_hash != memory.head:
        if in_passing and not _is_light(head):
            return None
        strays, said = _feedparser.parse(replace(document, body=head))
        if strays or said.inherited != memory.inherited:
            return None
        advice = said.advice
    entries: tuple[Entry, ...] = ()
    if new:
        part = cuts.of(set(new))
        if in_passing and not _is_light(part):
            return None
        splice.check(part)
        entries = _feedparser.parse(replace(document, body=part))[0]
        if len(entries) != len(new):
            return None
    guids = {hashes[number]: guid_hash_of(entry) for number, entry in zip(new, entries, strict=True)}
    known = tuple(seen[hashes[number]] for number in taken if hashes[number] in seen)
    return Parsed(
        tuple(_feedparser.inheriting(entry, memory.inherited) for entry in entries),
        advice,
        known_guids=known,
        dropped=len(cuts.spans) - len(taken),
        memory=replace(
            memory,
            head=head_hash,
            entries=tuple(
                (hashes[number], seen[hashes[number]] if hashes[number] in seen else guids[hashes[number]])
                for number in taken
            ),
        ),
    )


def _cuts(document: Document) -> Cuts | None:
    try:
        cuts = splice.cut(document)
        splice.check(document.body)
    except Uncut:
        return None
    return cuts


def _has_entries(document: Document, head: bytes) -> bool:
    """Whether entries were left in what stands around those that were cut out: written otherwise than these."""
    if not _SIGN.search(head):
        return False
    try:
        return bool(_feedparser.parse(replace(document, body=head))[0])
    except DocumentError:
        return False


def _flood(document: Document, cuts: Cuts) -> Parsed | None:
    """Of more entries than anybody reads, the newest; None where they cannot be read apart from the rest."""
    taken = _numbers_of_newest(cuts)
    try:
        strays, head = _feedparser.parse(replace(document, body=cuts.head))
        entries = _feedparser.parse(replace(document, body=cuts.of(set(taken))))[0]
    except DocumentError:
        return None
    if strays:
        return None
    whole = len(entries) == len(taken)
    return Parsed(
        tuple(_feedparser.inheriting(entry, head.inherited) for entry in entries),
        head.advice,
        head.title,
        head.format,
        dropped=len(cuts.spans) - len(taken),
        memory=_memory(document, cuts, head.inherited, taken, entries) if whole else None,
    )


def _damaged_flood(document: Document) -> Parsed | None:
    """The same of what is not well-formed, or written in other letters than UTF-8."""
    body = mended(well_begun(decoded(document.body, document.charset)).encode())
    repaired = replace(document, body=body, charset=None)
    try:
        cuts = splice.cut(repaired)
    except Uncut:
        return None
    flood = _flood(repaired, cuts) if len(cuts.spans) > MAX_ENTRIES else None
    return replace(flood, memory=None) if flood else None


def _memory(
    document: Document,
    cuts: Cuts,
    inherited: tuple[tuple[str, str], ...],
    taken: Sequence[int],
    entries: Sequence[Entry],
) -> Memory:
    hashes = cuts.hashes()
    pairs = tuple((hashes[number], guid_hash_of(entry)) for number, entry in zip(taken, entries, strict=True))
    return Memory(_context(document, cuts), splice.head_hash(cuts.head), inherited, pairs)


def _context(document: Document, cuts: Cuts) -> bytes:
    """The hash of all that gives the bytes of an entry their meaning."""
    around = (__version__, READING, document.url, document.media_type, document.charset, cuts.opening, cuts.has_image)
    return short_hash(repr(around).encode())


def _is_quick(document: Document) -> bool:
    return _is_light(document.body, _PASSING_WHOLE)


def _is_light(body: bytes, most: int = _PASSING_NEW) -> bool:
    plain = b"<!ENTITY" not in body and b"\0" not in body  # an entity can stand for megabytes; UTF-16 would hide it
    return len(body) <= most and plain and all(body.count(sign) <= count for sign, count in _PASSING_SIGNS)


def _numbers_of_newest(cuts: Cuts) -> Sequence[int]:
    if len(cuts.spans) <= MAX_ENTRIES:
        return range(len(cuts.spans))
    return newest([_dated(cuts.body, start, end) for start, end in cuts.spans], MAX_ENTRIES)


def _dated(body: bytes, start: int, end: int) -> datetime | None:
    """The first date that stands in an entry, without reading it."""
    found = _DATE.search(body, start, end)
    text = found[1].decode("utf-8", "replace") if found else ""
    return date(text, _parse_date(text))


PLUGIN = Parser(frozenset({sniff.FEED}), parse, parse_new, _is_quick)
