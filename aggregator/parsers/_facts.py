"""The facts of a file: what stands beside it, before it and in it; which of them is believed, and where it was found.

In this order: the YAML beside it; what its format states, front matter too; what its text says (`_byline.py`); and for
the date of publication its time. `docs/parsing.md` lists the keys.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from aggregator import urls
from aggregator.clean import FILE_TIME, MAX_AUTHORS, MAX_CATEGORIES, MAX_NAME, MAX_SUMMARY, MAX_TITLE, OLDEST_YEAR
from aggregator.config import yamlfile
from aggregator.errors import ConfigError, DocumentError
from aggregator.furniture import FIRST_LINE
from aggregator.models import Category, Document, Entry, Markup, Origin
from aggregator.parsers import _byline
from aggregator.parsers._dates import date
from aggregator.parsers._dates_in_words import date_in_words
from aggregator.registry import Options

FRONT_MATTER = "front matter"
MAX_BYTES = 64_000  # of what states facts
_ORDER = "title url author published updated source tags language licence summary".split()
UNREAD = "unread"  # in the place of a fact's name: what states facts and cannot be used
_FIELDS = {  # of an entry, that a text states
    "url": "link",
    "author": "authors",
    "published": "published_at",
    "updated": "updated_at",
    "source": "origin",
    "tags": "categories",
}
_FRONT = re.compile(r"\ufeff?---[ \t]*\n(.*?)(?<=\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_LANGUAGE = re.compile("[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)*")
_KEY = re.compile(r"([A-Za-z][\w -]{0,40}):(?:\s+(.*))?$")
# The keys that site generators write, in the order in which they are believed.
_WRITTEN = {
    "title": "title",
    "url": "url canonical_url canonicalurl canonical original_url original link permalink source_url source",
    "author": "author authors by byline creator",
    "published": "published date published_at published_on date_published publishdate pubdate created",
    "updated": "updated lastmod modified updated_at last_modified last_modified_at date_modified date_updated",
    "source": "source publisher publication site_name site",
    "tags": "tags keywords categories category topics",
    "language": "language lang locale",
    "licence": "licence license",
    "summary": "summary description excerpt abstract",
}


def _address(value: Any) -> Any:
    if not isinstance(value, str) or urls.absolute(value) is None:
        raise ValueError("write the whole address, such as https://example.org/news/1")
    return value.strip()


def _moment(value: Any) -> Any:
    found = _written_date(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("write a date such as 2024-03-12, 2024-03-12 10:30 or 2024-03-12T10:30:00+01:00")
    if found.year < OLDEST_YEAR:
        raise ValueError(f"nothing before {OLDEST_YEAR} is believed")
    return found


def _written_date(text: str) -> datetime | None:
    return date(text) or date_in_words(text, None)


def _one_text(value: Any) -> Any:
    if isinstance(value, dict):
        raise ValueError("must be one text: put quotes around it, else YAML takes what stands before a colon for a key")
    return value


def _code(value: Any) -> Any:
    if not isinstance(value, str) or not _LANGUAGE.fullmatch(value):
        raise ValueError("write a language code such as en or pt-BR")
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _listed_by_commas(value: Any) -> Any:
    return [part for part in re.split(r"\s*[,，、]\s*", value.strip()) if part] if isinstance(value, str) else value


def _named(value: Any) -> Any:
    return {"url" if "://" in value else "title": value} if isinstance(value, str) else value


_Text = BeforeValidator(_one_text)
_Name = Annotated[str, _Text, Field(min_length=1, max_length=MAX_NAME)]
_Url = Annotated[str, BeforeValidator(_address)]
_Date = Annotated[datetime, BeforeValidator(_moment)]


class Publisher(Options):
    """Who published it first."""

    title: _Name | None = None
    url: _Url | None = None


class Facts(Options):
    """What a person states of a file."""

    title: Annotated[str, _Text, Field(min_length=1, max_length=MAX_TITLE)] | None = None
    url: _Url | None = None
    author: Annotated[tuple[_Name, ...], BeforeValidator(_listed), Field(max_length=MAX_AUTHORS)] = ()
    published: _Date | None = None
    updated: _Date | None = None
    source: Annotated[Publisher, BeforeValidator(_named)] | None = None
    tags: Annotated[tuple[_Name, ...], BeforeValidator(_listed_by_commas), Field(max_length=MAX_CATEGORIES)] = ()
    language: Annotated[str, BeforeValidator(_code)] | None = None
    licence: _Name | None = None
    summary: Annotated[str, _Text, Field(min_length=1, max_length=MAX_SUMMARY)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_nothing(cls, data: Any) -> Any:
        """A key without a value says nothing."""
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


_SCHEMA: TypeAdapter[Facts] = TypeAdapter(Facts)


def beside(document: Document) -> Facts | None:
    """What the YAML beside a document states; None where there is none. Raises DocumentError with every problem."""
    if document.beside is None:
        return None
    try:
        facts: Facts = yamlfile.parse(document.beside, document.beside_name, MAX_BYTES).validate(_SCHEMA)
    except ConfigError as error:
        raise DocumentError(str(error)) from error
    return facts


def front_matter(text: str) -> tuple[Facts | None, str, dict[str, str]]:
    """What a block of YAML at the beginning of a text states, the text behind it, and where each fact was found.

    None, and the whole text, where there is no such block, or one that states none of our facts. What is no YAML is
    read line by line; what cannot be used is told as UNREAD.
    """
    match = _FRONT.match(text, 0, MAX_BYTES)
    if match is None:
        return None, text, {}
    broken = ""
    try:
        file = yamlfile.parse(match[1].encode(errors="replace"), FRONT_MATTER, MAX_BYTES)
        data, broken = file.data, "".join(map(str, file.problems[:1]))
    except ConfigError as error:
        data, broken = None, str(error.problems[0])
    if broken:
        data = _line_by_line(match[1])
    facts, unread = _stated(data) if isinstance(data, dict) else (None, [])
    if facts is None or (broken and not named(facts, "")):
        return None, text, {}
    told = named(facts, FRONT_MATTER)
    if broken or unread:
        told[UNREAD] = "; ".join([f"no YAML: {broken}"] * bool(broken) + [f"{FRONT_MATTER}: {one}" for one in unread])
    return facts, text[match.end() :], told


def _line_by_line(block: str) -> dict[str, Any] | None:
    """Keys with values, of lines that are not YAML together; None where other lines stand among them."""
    found: dict[str, Any] = {}
    last = ""
    for line in block.split("\n"):
        key = _KEY.match(line.rstrip())
        item = line.strip().removeprefix("- ").strip("\"' ")
        if key:
            last, value = key[1], (key[2] or "").strip()
            is_list = value.startswith("[") and value.endswith("]")
            listed = [part.strip("\"' ") for part in value[1:-1].split(",")] if is_list else value.strip("\"'")
            found.setdefault(last, None if isinstance(listed, str) and listed[:1] in ("", "[", "{") else listed)
        elif last and line.strip().startswith("- ") and not isinstance(found[last], str):
            found[last] = [*(found[last] or ()), item]
        elif line.strip() and line[0] not in " \t#":
            return None
    return found


def _stated(data: Mapping[str, Any]) -> tuple[Facts | None, list[str]]:
    """The facts among a generator's keys, and what cannot be used of them. None where there is no such key."""
    written = {key.lower().replace("-", "_"): value for key, value in data.items() if value is not None}
    names = {field: [name for name in keys.split() if name in written] for field, keys in _WRITTEN.items()}
    if not any(names.values()):
        return None, []
    found = {field: _first_usable(field, [written[name] for name in names[field]]) for field in names}
    unread = [
        f"{names[field][0]}: {written[names[field][0]]}"[:100] for field in names if names[field] and not found[field]
    ]
    unread = [one for one in unread if not one.startswith("source: http")]
    return Facts.model_validate({field: value for field, value in found.items() if value is not None}), unread


def _first_usable(field: str, values: Iterable[Any]) -> Any:
    for value in map(partial(_as_ours, field), values):
        try:
            if value and Facts.model_validate({field: value}):
                return value
        except ValidationError:
            continue
    return None


def _as_ours(field: str, value: Any) -> Any:
    """A generator's value as it would stand beside a file."""
    if field == "source" and isinstance(value, str) and "://" in value:
        return None  # the address of the article, as Obsidian writes it
    if field == "author" or (field == "tags" and not isinstance(value, str)):
        return list(_texts(value))
    return value


def _texts(value: Any) -> Iterator[str]:
    """The texts in a list, and the names in a list of mappings. Obsidian writes names as [[links]]."""
    for item in value if isinstance(value, list) else [value]:
        name = item.get("name") if isinstance(item, dict) else item
        if isinstance(name, str) and name.strip("[] "):
            yield name.strip("[] ")


def with_facts(entry: Entry, facts: Facts) -> Entry:
    """The entry with the facts in the place of its own."""
    stated: dict[str, Any] = {
        "title": Markup(facts.title) if facts.title else None,
        "link": facts.url,
        "base": entry.base or facts.url,
        "authors": facts.author,
        "published_at": facts.published,
        "updated_at": facts.updated,
        "origin": Origin(facts.source.title, facts.source.url) if facts.source else None,
        "categories": tuple(map(Category, facts.tags)),
        "language": facts.language,
        "licence": facts.licence,
        "summary": Markup(facts.summary) if facts.summary else None,
    }
    return replace(entry, **{name: value for name, value in stated.items() if value})


def named(facts: Facts, place: str) -> dict[str, str]:
    """Where each of the facts was found."""
    return {name: place for name in _ORDER if getattr(facts, name)}


def completed(entry: Entry, document: Document, told: Mapping[str, str], lines: Sequence[str] = ()) -> Entry:
    """The entry with all facts that are to be had, and where each was found.

    `entry` holds what the document's format states, `told` says in words where. `lines` are the document's text, a line
    each. Raises DocumentError where what stands beside the document cannot be used.
    """
    places = dict(told)
    stated = beside(document)
    if stated is not None:
        entry = with_facts(entry, stated)
        places |= named(stated, document.beside_name)
    titled = places.get("title") != FIRST_LINE
    spoken = _byline.said(lines, document.modified_at, entry.language, titled=titled)
    if "updated" in spoken and not ("published" in spoken or entry.published_at or entry.updated_at):
        spoken = {"published" if name == "updated" else name: fact for name, fact in spoken.items()}
    for name, said in spoken.items():
        if not getattr(entry, _FIELDS[name]):
            entry = replace(entry, **{_FIELDS[name]: said.value})
            places[name] = said.place
    entry = _dated(replace(entry, base=entry.base or entry.link), document, places)
    return replace(entry, told=tuple((name, places[name]) for name in (*_ORDER, UNREAD) if name in places))


def _dated(entry: Entry, document: Document, places: dict[str, str]) -> Entry:
    """With a date of publication: that of the last change, or the file's time, if nothing states one."""
    if entry.published_at is not None:
        return entry
    if entry.updated_at is not None:
        places["published"] = places.get("updated", "the document")
        return replace(entry, published_at=entry.updated_at)
    if document.modified_at is not None:
        places["published"] = FILE_TIME
    return replace(entry, published_at=document.modified_at)
