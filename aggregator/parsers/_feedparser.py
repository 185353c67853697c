"""What feedparser makes of a feed → entries, and what the feed says of itself. Pure.

An entry keeps what it says itself; what it takes over from its feed is handed out apart, since an entry that is read
alone must come out the same. A damaged feed gives what can be read of it; a document without a version and without
entries is no feed. Markup is left alone: `clean` does that for all formats, and better.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aggregator.errors import DocumentError
from aggregator.models import Advice, Category, Document, Enclosure, Entry, Link, Markup, Origin
from aggregator.parsers import _reading
from aggregator.parsers._advice import advice
from aggregator.parsers._dates import date
from aggregator.parsers._decoding import decoded
from aggregator.parsers._found import mappings, string

# What feedparser raises on malformed input. RecursionError is one of RuntimeError's.
_BUGS = (ValueError, AttributeError, LookupError, TypeError, RuntimeError, AssertionError, ArithmeticError)
_HTML = ("text/html", "application/xhtml+xml")
_SUMMARIES = ("description", "summary", "dc_description", "itunes_summary")
_TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Head:
    """What a feed says of itself, and what its entries take over from it."""

    advice: Advice
    title: str | None
    format: str | None
    inherited: tuple[tuple[str, str], ...]  # ("language", …), ("author", …) as often as needed, ("licence", …)
    unread: int = 0  # entries beyond those that were read, as far as they can be counted


def parse(document: Document) -> tuple[tuple[Entry, ...], Head]:
    """All entries in the document's order, without what they inherit. Raises DocumentError for what is no feed."""
    text = decoded(document.body, document.charset)
    try:
        found = _reading.read(text, document.url)
        head = _head(found, text)
        entries = tuple(_entry(raw, document.url) for raw in found.entries)
    except _BUGS as error:
        raise DocumentError(f"{document.name}: the feed cannot be parsed: {type(error).__name__}: {error}") from error
    if not entries and (found.trouble or not found.version):
        raise DocumentError(f"{document.name}: nothing of the feed can be read: {found.trouble or 'it has no entries'}")
    return entries, head


def inheriting(entry: Entry, inherited: Iterable[tuple[str, str]]) -> Entry:
    """The entry with the feed's language, authors and licence where it has none of its own (RFC 4287 §4.1.2)."""
    facts = list(inherited)
    said = {name: value for name, value in facts if name != "author"}
    return replace(
        entry,
        language=entry.language or said.get("language"),
        authors=entry.authors or tuple(value for name, value in facts if name == "author"),
        licence=entry.licence or said.get("licence"),
    )


def _head(found: Any, text: str) -> Head:
    feed = found.feed
    authors = [name for author in mappings(feed, "authors") if (name := string(author.get("name")))]
    facts = [("language", string(feed.get("language"))), *(("author", name) for name in dict.fromkeys(authors))]
    facts.append(("licence", _licence(feed, string(feed.get("rights")))))
    inherited = tuple((name, value) for name, value in facts if value)
    return Head(advice(feed, text), string(feed.get("title")), _format(found.version), inherited, found.unread)


def _entry(raw: Any, url: str | None) -> Entry:
    texts: list[dict[str, Any]] = dict.get(raw, "=texts", [])
    title = _first(texts, "title") or _first(texts, "media_title")
    summary = _best(text for text in texts if text["tag"] in _SUMMARIES) or _first(texts, "media_description")
    content = _best(text for text in texts if text["tag"] == "content" and _is_text(text))
    body = content or summary or title
    source = _mapping(raw.get("source"))
    links = tuple(_links(raw))
    published, updated = _dates(raw)
    return Entry(
        guid=string(raw.get("id")),
        link=_main(links) or string(raw.get("link")) or _page_elsewhere(texts),
        links=links,
        base=_base(body.get("base") or dict.get(raw, "=base"), url),
        title=_markup(title),
        subtitle=_markup(_first(texts, "subtitle")),
        summary=_markup(summary),
        content=_markup(content),
        authors=_authors(raw) or _authors(source),
        categories=tuple(_categories(raw)),
        enclosures=tuple(dict.fromkeys(_enclosures(raw, texts))),
        published_at=published,
        updated_at=updated,
        language=_language(raw.get("language")) or _language(body.get("language")) or dict.get(raw, "=language"),
        thumbnail=_thumbnail(raw),
        comments=string(raw.get("comments")) or _replies(links),
        origin=_origin(source),
        licence=_licence(raw, _plain(_first(texts, "rights"))) or _licence(source, string(source.get("rights"))),
    )


def _first(texts: Iterable[dict[str, Any]], tag: str) -> dict[str, Any]:
    """The outermost of an element's texts, the first of equals."""
    return min((text for text in texts if text["tag"] == tag), key=lambda text: text["depth"], default={})


def _best(texts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """HTML rather than plain text, then the longest."""
    return max(texts, key=lambda text: (text.get("type") in _HTML, len(text["value"])), default={})


def _is_text(text: dict[str, Any]) -> bool:
    """Whether content is here, and not a picture in base64 (RFC 4287 §4.1.3.3)."""
    return bool(text["value"]) and not str(text.get("type")).startswith(("image/", "audio/", "video/", "font/"))


def _dates(raw: Any) -> tuple[datetime | None, datetime | None]:
    """When it was published, and changed. Dublin Core's date does not say what of: it stands in for the first."""
    published = date(raw.get("published"), raw.get("published_parsed"))
    updated = date(dict.get(raw, "updated"), dict.get(raw, "updated_parsed"))  # its get() would answer with published
    created = date(raw.get("created"), raw.get("created_parsed"))
    return published or created or date(dict.get(raw, "=dc_date")), updated


def _base(base: Any, url: str | None) -> str | None:
    return string(base) or url


def _links(raw: Any) -> Iterator[Link]:
    for link in mappings(raw, "links"):
        href, rel = string(link.get("href")), str(link.get("rel") or "alternate").lower()
        if href and rel != "enclosure":
            yield Link(href, rel, string(dict.get(link, "=type")), string(link.get("title")))


def _main(links: Sequence[Link]) -> str | None:
    """The page of an entry: its first alternate link of type HTML, or of no stated type, or of any."""
    pages = [link for link in links if link.rel == "alternate"]
    html = (link for link in pages if link.media_type in (None, "html", "xhtml", *_HTML))
    return next((link.href for link in [*html, *pages]), None)


def _replies(links: Iterable[Link]) -> str | None:
    return next((link.href for link in links if link.rel == "replies" and link.media_type in _HTML), None)


def _enclosures(raw: Any, texts: Iterable[dict[str, Any]]) -> Iterator[Enclosure]:
    for link in mappings(raw, "links"):
        if link.get("rel") == "enclosure" and link.get("href"):
            yield Enclosure(link["href"], string(dict.get(link, "=type")), _length(link.get("length")))
    for media in mappings(raw, "media_content"):
        if string(media.get("url")):
            yield Enclosure(media["url"], string(media.get("type")), _length(media.get("filesize")))
    yield from (file for file in _elsewhere(texts) if file.media_type not in _HTML)


def _elsewhere(texts: Iterable[dict[str, Any]]) -> Iterator[Enclosure]:
    """Where content is that is not in the feed itself (RFC 4287 §4.1.3.2)."""
    for text in texts:
        url = string(text.get("src"))
        if url:
            yield Enclosure(url, text["type"] if text.get("type") != "text/plain" else None)  # plain: nothing was said


def _page_elsewhere(texts: Iterable[dict[str, Any]]) -> str | None:
    return next((file.url for file in _elsewhere(texts) if file.media_type in _HTML), None)


def _thumbnail(raw: Any) -> str | None:
    """The picture that stands for the entry: the one that says so, else the first that it brings."""
    thumbnails = [media.get("url") for media in mappings(raw, "media_thumbnail")]
    images = [_mapping(raw.get("image")).get("href"), dict.get(raw, "=image")]
    pictures = [media.get("url") for media in mappings(raw, "media_content") if _is_picture(media)]
    return next(filter(None, map(string, [*thumbnails, *images, *pictures])), None)


def _is_picture(media: Any) -> bool:
    return media.get("medium") == "image" or str(media.get("type")).startswith("image/")


def _origin(source: Any) -> Origin | None:
    links = [(link.get("rel"), string(link.get("href"))) for link in mappings(source, "links")]
    feed = next((href for rel, href in links if rel == "self" and href), None)
    page = next((href for rel, href in links if rel == "alternate" and href), None)
    title, url = string(source.get("title")), feed or page or string(dict.get(source, "href"))
    return Origin(title, url) if title or url else None


def _licence(holder: Any, rights: str | None) -> str | None:
    """The address of a licence rather than words."""
    links = (string(link.get("href")) for link in mappings(holder, "links") if link.get("rel") == "license")
    named = map(string, dict.get(holder, "=licences") or ())
    return next(filter(None, [*links, *named]), None) or rights


def _plain(text: dict[str, Any]) -> str | None:
    value = string(text.get("value"))
    return _TAG.sub("", value) if value and text.get("type") in _HTML else value


def _format(version: Any) -> str | None:
    """feedparser's `rss20` as people write it: `RSS 2.0`."""
    match = re.fullmatch(r"(rss|atom|cdf)(?:(\d)(\d+))?\w?", str(version or ""))
    if match is None:
        return None
    name = {"rss": "RSS", "atom": "Atom", "cdf": "CDF"}[match[1]]
    return f"{name} {match[2]}.{match[3]}" if match[2] else name


def _mapping(value: Any) -> Any:
    return value if isinstance(value, dict) else {}


def _markup(text: dict[str, Any]) -> Markup:
    return Markup(text.get("value") or "", text.get("type") in _HTML)


def _authors(raw: Any) -> tuple[str, ...]:
    names = (string(author.get("name")) or string(author.get("email")) for author in mappings(raw, "authors"))
    return tuple(dict.fromkeys(filter(None, names)))


def _categories(raw: Any) -> Iterator[Category]:
    for tag in mappings(raw, "tags"):
        if string(tag.get("term")):
            yield Category(tag["term"], string(tag.get("scheme")), string(tag.get("label")))


def _length(value: Any) -> int | None:
    digits = str(value or "").strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 else None


def _language(value: Any) -> str | None:
    language = string(value)
    return language.replace("_", "-") if language else None
