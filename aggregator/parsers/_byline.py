"""What a text says of itself: who wrote it, when, and where it was first. Pure.

Only lines near its beginning and end are looked at, and only those that are nothing but such a statement, as
`data/bylines.yaml` has the words for; of the first paragraphs the datelines, too. A sentence that merely speaks of a
date or a source states nothing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aggregator import urls
from aggregator.bylines import words
from aggregator.clean import OLDEST_YEAR
from aggregator.language import language as language_of
from aggregator.models import Category, Origin
from aggregator.parsers._dateline import dateline
from aggregator.parsers._dates_in_words import date_in_words

LOOKED_AT = 15  # lines at each end
MAX_LINE = 200  # characters of a line that is a statement
_PARAGRAPHS = 4  # the first ones: a dateline may stand in them
_HEAD = 6  # lines from the title on: further on, lists of other articles have bylines and dates, too
_MOST_BEFORE = 40  # lines, of a site's navigation and an article's head, before the first paragraph
_MOST_PARTS = 6  # of a line: each may be asked whether it is a date, which takes its time
_FEW = 3  # words: a section, a place, a time to read
_LONG, _PROSE = 60, 160  # characters of a line that may be a paragraph, and of one that is one however it ends
_SENTENCE_END = re.compile(r"[.!?。！？؟۔।][\"'”’»“)\]」』）]*$")
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # scripts of which half as many letters say as much
_MAX_TAG_WORDS, _MAX_TAGS = 4, 20
_URL = re.compile(r"https?://[^\s<>\"“”«»，。；）)]+")
_LABEL_END = re.compile(r"[:：/／｜|・]")  # looking for labels takes time
_SEPARATOR = re.compile(r"\s*[|｜•\t]\s*|\s+[·–—/]\s+|\s{3,}")
_BY_BEHIND_DATE = re.compile(r"(?<=[\dmMTr])\s+(?=(?:by|von|par|por)\s+[^\W\d_])")


@dataclass(frozen=True, slots=True)
class Said:
    """A value for a field of an entry, and where it stands, in words."""

    value: Any
    place: str


def said(
    lines: Sequence[str], near: datetime | None, language: str | None = None, *, titled: bool = False
) -> dict[str, Said]:
    """What the lines of a text say, by the name of the fact: url, author, published, updated, source, tags.

    `near` is a time shortly after it was written: that of its file. Of several statements the first counts. `titled`:
    the first line is not the title.
    """
    written = [line for raw in lines if (line := raw.strip(" \t\r\n*_#>"))]
    if not written:
        return {}
    tongue = language or language_of(None, " ".join(written[:40])[:4000])
    found: dict[str, Said] = {}
    title, head = (0, _HEAD) if titled else _head(written)
    for name, fact in _statements(_looked_at(written, title, head), tongue, near, titled, title, head):
        if not isinstance(fact.value, datetime) or _can_be(fact.value, near):
            found.setdefault(name, fact)
    return found


def _can_be(date: datetime, near: datetime | None) -> bool:
    """Whether an article can have been written then: an announced day is a day of something else."""
    return date.year >= OLDEST_YEAR and (near is None or date <= near + timedelta(days=1))


def _head(lines: Sequence[str]) -> tuple[int, int]:
    """Where the title stands, and where an article's head ends: navigation may stand before it.

    The longest line before the first paragraph is the title.
    """
    prose = next((number for number, line in enumerate(lines[:_MOST_BEFORE]) if number and _is_prose(line)), 0)
    if prose <= _HEAD:
        return 0, _HEAD
    title = max(range(prose), key=lambda number: (_length(lines[number]), -number))
    return title, max(title + _HEAD, prose)


def _is_prose(line: str) -> bool:
    length = _length(line)
    return length >= _PROSE or (length >= _LONG and _SENTENCE_END.search(line[-5:]) is not None)


def _length(line: str) -> int:
    return len(line) + (0 if line.isascii() else len(_DENSE.findall(line[:_PROSE])))


def _looked_at(lines: Sequence[str], title: int, head: int) -> list[tuple[int, str]]:
    """The lines near both ends, with their numbers: those at the beginning count more, those from the title on most."""
    begins = max(LOOKED_AT, head)
    ends = max(begins, len(lines) - LOOKED_AT)
    numbered = list(enumerate(lines[:begins]))
    return [*numbered[title:], *numbered[:title], *enumerate(lines[ends:], ends)]


def _statements(
    lines: Sequence[tuple[int, str]], tongue: str | None, near: datetime | None, titled: bool, title: int, head: int
) -> Iterator[tuple[str, Said]]:
    later: list[tuple[str, Said]] = []
    paragraphs = 0
    titled = titled or (len(lines) > 1 and any(dateline(lines[1][1][:MAX_LINE], tongue, near)))
    for number, line in lines:
        if len(line) <= MAX_LINE:
            yield from _of_line(line, tongue, is_head=number < head, is_title=number == title and not titled)
        is_paragraph = len(line) >= _LONG or not line.isascii()
        if paragraphs < _PARAGRAPHS and title <= number < max(LOOKED_AT, head + 1) and is_paragraph:
            paragraphs += 1
            found = dateline(line[:MAX_LINE], tongue, near)
            later += [(name, Said(value, "the dateline")) for name, value in found]
    yield from later


def _of_line(line: str, tongue: str | None, *, is_head: bool, is_title: bool) -> Iterator[tuple[str, Said]]:
    first_in = words().first_in(line)
    if first_in:
        yield from _of_source(first_in, "where it says it was published first")
        return
    for part in _parts(line):
        statement = list(_of_part(part, tongue, is_head=is_head, is_title=is_title))
        if not statement and len(part.split()) > _FEW:
            return  # prose
        yield from statement


def _parts(line: str) -> list[str]:
    """The statements of a line: they stand apart by signs, or each begins with its label."""
    spread = line
    if _LABEL_END.search(line):
        spread = words().labels.sub(lambda found: f"\t{found[1] or found[2]}: ", line)
    spread = words().turns.sub("\t", _BY_BEHIND_DATE.sub("\t", spread))
    return [part for part in _SEPARATOR.split(spread) if part][:_MOST_PARTS]


def _of_part(part: str, tongue: str | None, *, is_head: bool, is_title: bool) -> Iterator[tuple[str, Said]]:
    label = words().labels.match(part)
    if label:
        yield from _labelled(words().kinds(label[1] or label[2]), part[label.end() :].strip(), tongue)
    elif is_head:
        yield from _of_head(part, tongue, is_title=is_title)
    else:
        yield from _of_credits(part)


def _of_head(part: str, tongue: str | None, *, is_title: bool) -> Iterator[tuple[str, Said]]:
    """What says so by its form alone: a byline, but not in the place of a title; a date."""
    dated = words().dated.match(part)
    kind = "updated" if dated and dated["updated"] else "published"
    date = date_in_words(part[dated.end() :] if dated else part, tongue)
    if date:
        yield kind, Said(date, "the line of the date")
    elif not is_title:
        places = [place.start() for place in re.finditer(r",\s", part)]
        ends = [place for place in places if date_in_words(part[place + 1 :], tongue)]
        names = words().written_by(part[: ends[0]] if ends else part) or words().credited(part)
        if names:
            yield "author", Said(names, "the byline")
        if names and ends:
            yield "published", Said(date_in_words(part[ends[0] + 1 :], tongue), "the byline")


def _of_credits(part: str) -> Iterator[tuple[str, Said]]:
    names = words().credited(part)
    if names:
        yield "author", Said(names, "the credits")


def _labelled(kinds: Sequence[str], rest: str, tongue: str | None) -> Iterator[tuple[str, Said]]:
    if "author" in kinds:
        names = words().names(rest, fewest=1)
        if names:
            yield "author", Said(names, "the byline")
    for kind in ("published", "updated"):
        date = date_in_words(rest, tongue) if kind in kinds else None
        if date:
            yield kind, Said(date, "the line of the date")
    if "source" in kinds or "url" in kinds:
        yield from _of_source(rest, "the line of the source", with_name="source" in kinds)
    if "tags" in kinds:
        tags = _tags(rest)
        if tags:
            yield "tags", Said(tags, "the line of tags")


def _of_source(text: str, place: str, *, with_name: bool = True) -> Iterator[tuple[str, Said]]:
    """An address, a name, or both."""
    address = _URL.search(text)
    url = urls.absolute(address[0].rstrip(".,;")) if address else None
    if url:
        yield "url", Said(url, place)
    name = re.split(r"[.。](?:\s|$)|\s[(（|]", _URL.sub(" ", text).strip(), maxsplit=1)[0].strip(" .,;:()[]（）<>-–—")
    if with_name and words().is_publisher(name):
        yield "source", Said(Origin(name, None), place)


def _tags(text: str) -> tuple[Category, ...]:
    parts = [part.strip(" #.") for part in re.split(r"[,，、;；]|\s(?=#)", text)]
    parts = [part for part in parts if part]
    if len(parts) > _MAX_TAGS or any(len(part.split()) > _MAX_TAG_WORDS for part in parts):
        return ()
    return tuple(Category(part) for part in parts)
