"""Do we read feeds as another reader does? gofeed's own cases say what each feed means, independently of feedparser.

`python -m tests.test_gofeed` prints the figures and every disagreement. Those that remain stand in docs/parsing.md,
each with its reason.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from lxml import html as lxml_html

from aggregator import registry, sniff
from aggregator.errors import DocumentError
from aggregator.models import Document, Entry, Markup, Parsed

CASES = Path(__file__).parent.parent.parent / "shared" / "cases" / "reliability" / "gofeed_pairs"
PARSING = Path(__file__).parent.parent / "docs" / "parsing.md"
URL_ATTRIBUTES = {"href", "src", "cite", "longdesc", "data", "action", "codebase", "usemap", "classid", "background"}
Field = tuple[str, Any, Any]  # its name, what we read, what gofeed reads


class Words(str):
    """What becomes plain text with us, whatever markup it came with."""


def pairs() -> Iterator[tuple[str, Path, Path]]:
    for expected in sorted(CASES.rglob("*.json")):
        stem = expected.name.removesuffix(".json").removesuffix("_expected")
        given = expected.with_suffix(".xml") if stem == expected.stem else expected.with_name(f"{stem}.json")
        if given.exists() and given != expected:
            yield str(given.relative_to(CASES)), given, expected


def compared() -> dict[str, Field]:
    """Every field that both sides can state, by `file field`."""
    found: dict[str, Field] = {}
    for name, given, expected in pairs():
        for field in _fields(_read(given), json.loads(expected.read_bytes())):
            found[f"{name} {field[0]}"] = field
    return found


def disagreements(fields: dict[str, Field]) -> dict[str, Field]:
    return {name: field for name, field in fields.items() if not _agree(field[1], field[2])}


def explained() -> dict[str, str]:
    """The table of docs/parsing.md: disagreement → its reason."""
    rows = re.findall(r"^\| `(\S+\.\w+ [\w.]+)` \| (.+) \|$", PARSING.read_text(), re.MULTILINE)
    return dict(rows)


@pytest.mark.skipif(not CASES.is_dir(), reason="the collection gofeed_pairs is not here")
def test_we_mean_what_gofeed_means_but_for_what_is_explained() -> None:
    fields = compared()
    wrong = disagreements(fields)
    assert len(fields) > 400
    assert sorted(wrong) == sorted(explained())
    assert 1 - len(wrong) / len(fields) >= 0.98


def test_every_disagreement_has_its_reason() -> None:
    assert all(len(reason) > 20 for reason in explained().values())


def _read(path: Path) -> Parsed:
    body = path.read_bytes()
    kind = sniff.JSON_FEED if path.suffix == ".json" else sniff.FEED
    try:
        return registry.parsers()[kind].parse(Document(body, path.name))
    except DocumentError:
        return Parsed(())


def _fields(ours: Parsed, theirs: dict[str, Any]) -> Iterator[Field]:
    items = theirs.get("items") or theirs.get("entries") or []
    head = [
        ("title", Words(ours.title or ""), theirs.get("title")),
        ("version", (ours.format or "").rpartition(" ")[2], theirs.get("feedVersion") or theirs.get("version")),
        ("feedLink", ours.advice and ours.advice.self_url, theirs.get("feedLink") or theirs.get("feed_url")),
        ("skipDays", ours.advice and sorted(ours.advice.skip_days), _days(theirs.get("skipDays"))),
        ("skipHours", ours.advice and sorted(ours.advice.skip_hours), _hours(theirs.get("skipHours"))),
        ("entries", len(ours.entries), len(items)),
    ]
    yield from ((name, mine, its) for name, mine, its in head if its not in (None, "", []))
    for number, (entry, item) in enumerate(zip(ours.entries, items, strict=False)):
        values = _entry_fields(entry, item, theirs)
        yield from ((f"{number}.{name}", mine, its) for name, mine, its in values if its not in (None, "", [], {}))


def _entry_fields(entry: Entry, item: dict[str, Any], feed: dict[str, Any]) -> Iterator[Field]:
    content, guid = item.get("content"), item.get("guid") or item.get("id")
    links = item.get("links") or []
    base = entry.base
    yield "title", Words(entry.title.value), item.get("title")
    yield "link", entry.link, item.get("link") or item.get("url")
    yield "guid", entry.guid, guid.get("value") if isinstance(guid, dict) else guid
    yield "links", [link.href for link in entry.links], [_href(link) for link in links if _href(link)]
    stated = [link for link in links if isinstance(link, dict) and _href(link)]
    yield "rels", [link.rel for link in entry.links], [link.get("rel", "alternate") for link in stated]
    yield "types", [link.media_type for link in entry.links], [link.get("type") for link in stated]
    yield "summary", _resolved(entry.summary, base), item.get("description") or item.get("summary")
    its = content.get("value") if isinstance(content, dict) else content or item.get("content_html")
    yield "content", _resolved(entry.content, base), its
    published = item.get("publishedParsed") or item.get("pubDateParsed") or item.get("date_published")
    yield "published", entry.published_at, _date(published)
    yield "updated", entry.updated_at, _date(item.get("updatedParsed") or item.get("date_modified"))
    yield "authors", list(entry.authors), _people(item)
    yield "categories", [category.term for category in entry.categories], _terms(item)
    schemes = [part.get("domain") or part.get("scheme") for part in _mappings(item.get("categories"))]
    yield "schemes", [category.scheme for category in entry.categories], list(filter(None, schemes))
    mine = [(file.url, file.media_type, str(file.length or "")) for file in entry.enclosures]
    yield "enclosures", mine, [_file(part) for part in item.get("enclosures") or item.get("attachments") or []]
    image = item.get("image")
    yield "thumbnail", entry.thumbnail, image.get("url") if isinstance(image, dict) else image
    yield "comments", entry.comments, item.get("comments")
    yield "licence", Words(entry.licence or ""), item.get("rights") or feed.get("copyright") or feed.get("rights")
    yield "language", entry.language, _one(item, "dcExt", "language") or feed.get("language")
    source = item.get("source") or {}
    yield "origin", Words(entry.origin.title if entry.origin and entry.origin.title else ""), source.get("title")


def _agree(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, Words):
        return _squeezed(ours) == _squeezed(theirs) or _spoken(ours) == _spoken(theirs)
    if isinstance(ours, Markup):
        return _squeezed(ours.value) == _squeezed(theirs) or _shape(ours.value) == _shape(theirs)
    return bool(ours == theirs)


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _spoken(html: str) -> str:
    return _squeezed(lxml_html.fragment_fromstring(html, create_parent="div").text_content())


def _shape(html: str) -> list[Any]:
    """Elements, attributes and words in order. A `div` around everything is no part of what is said."""
    root = lxml_html.fragment_fromstring(html, create_parent="div")
    while len(root) == 1 and root[0].tag == "div" and not (root.text or "").strip() + (root[0].tail or "").strip():
        root = root[0]
    pieces: list[Any] = [_squeezed(root.text or "")]
    for element in root.iterdescendants():
        if isinstance(element.tag, str):
            pieces += [(element.tag, sorted(element.attrib.items())), _squeezed(element.text or "")]
        pieces.append(_squeezed(element.tail or ""))
    return [piece for piece in pieces if piece]


def _resolved(markup: Markup, base: str | None) -> Markup:
    """With absolute addresses, as gofeed writes them."""
    if not base or "<" not in markup.value:
        return markup
    names = "|".join(URL_ATTRIBUTES)
    value = re.sub(rf'\b({names})="([^"]*)"', lambda m: f'{m[1]}="{urljoin(base, unescape(m[2]))}"', markup.value)
    return Markup(value, markup.html)


def _date(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _href(link: Any) -> str | None:
    return link.get("href") if isinstance(link, dict) else link


def _people(item: dict[str, Any]) -> list[str]:
    author = item.get("author")
    people = item.get("authors") or ([{"name": author}] if isinstance(author, str) else [author or {}])
    return [name for person in people if (name := person.get("name") or person.get("email"))]


def _terms(item: dict[str, Any]) -> list[str]:
    parts = item.get("categories") or item.get("tags") or []
    terms = [part if isinstance(part, str) else part.get("term") or part.get("value") for part in parts]
    return [term for term in terms if term]


def _file(part: dict[str, Any]) -> tuple[Any, ...]:
    size = part.get("length") or part.get("size_in_bytes") or ""
    return part.get("url"), part.get("type") or part.get("mime_type"), str(size)


def _one(item: dict[str, Any], group: str, name: str) -> str | None:
    values = (item.get(group) or {}).get(name)
    return values[0] if values else None


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [part for part in value or [] if isinstance(part, dict)]


def _days(names: list[str] | None) -> list[int]:
    week = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return sorted(week.index(name[:3].lower()) for name in names or [] if name[:3].lower() in week)


def _hours(texts: list[str] | None) -> list[int]:
    return sorted(int(text) % 24 for text in texts or [] if text.isdigit())


if __name__ == "__main__":
    all_fields = compared()
    differing = disagreements(all_fields)
    for id_, (_, ours_, theirs_) in sorted(differing.items()):
        print(f"{id_}\n  ours:   {ours_!r}\n  gofeed: {theirs_!r}")
    print(f"{len(all_fields)} fields, {len(differing)} differ: {1 - len(differing) / len(all_fields):.2%} agree")
