"""What a page says of itself: in JSON-LD, in `<meta>` and `<link>`, in its elements. Pure.

See https://schema.org/Article, https://ogp.me and https://html.spec.whatwg.org/#the-head-element. Each field is taken
from the first place that states it, and `told` names that place.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from aggregator import urls
from aggregator.parsers._dates import date
from aggregator.parsers._json_ld import MAX_LISTED, article, line_of, listed, named, string
from aggregator.words import folded

MAX_MARKED = 5000  # elements with a name
MAX_LINES = 30  # short lines of elements that are named after what they hold
MAX_LINE = 200
MIN_STANDFIRST, MAX_STANDFIRST = 40, 400  # characters

_BY = re.compile(r"^(?:written by|by|von|par|por|текст|автор|autore?|auteur|author)[: ]\s*", re.IGNORECASE)
_STANDFIRST = re.compile(
    r"standfirst|\bdek\b|sub-?title|sub-?headline|article_?_?-?desc|article-?lead|teaser|\bintro\b|alternativeheadline",
    re.IGNORECASE,
)
_NAMED = re.compile(r"byline|author|dateline|\bdate|-date|_date|publish|posted|timestamp|source|credit", re.IGNORECASE)
_SITE_BEHIND = re.compile(r"^(.{10,}\S)\s*(?:\s[|–—«»·•-]|\s?\||\s::)\s+([^|–—«»·•]{2,60})$", re.DOTALL)
_PARTED = re.compile(r"\s+(?:[|–—«»·•-]|::)\s+|\s?\|\s?")
_SAVED_FROM = re.compile(r"saved from url=\(\d{1,6}\)(https?://\S{1,2000})")  # as browsers write it
_DAY = re.compile(r"\d{4}-\d\d-\d\d")

# Elements that are looked at for what they are named after, with the attributes one of which they need to have.
_NAMES = ("class", "id", "itemprop")
_NAMED_BY = {**dict.fromkeys(("p", "div", "span"), _NAMES), **dict.fromkeys(("h2", "a"), ("class", "itemprop"))}
_NAMED_BY |= {**dict.fromkeys(("li", "small"), ("class",)), **dict.fromkeys(("time", "address"), ())}
# Names of `<meta>`, those to be believed most first.
_TITLES = tuple("og:title twitter:title citation_title dc.title parsely-title sailthru.title".split())
_AUTHORS = tuple(
    "author article:author og:article:author parsely-author sailthru.author citation_author dc.creator dcterms.creator"
    " byl".split()
)
_PUBLISHED = tuple(
    "article:published_time og:article:published_time article:published datepublished parsely-pub-date sailthru.date"
    " dcterms.created dc.date.issued dcterms.date dc.date citation_publication_date citation_date publish-date"
    " publishdate pubdate date".split()
)
_UPDATED = tuple("article:modified_time og:updated_time datemodified dcterms.modified last-modified".split())
_SITES = tuple("og:site_name application-name dc.publisher citation_journal_title".split())
_PICTURES = tuple("og:image:secure_url og:image og:image:url twitter:image twitter:image:src".split())
_SECTIONS = tuple("article:section og:article:section parsely-section".split())
_TAGS = tuple("article:tag og:article:tag parsely-tags news_keywords keywords dc.subject".split())


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says of itself. Untrusted; `link` and `base` are absolute, other links are as they are written."""

    title: str = ""
    subtitle: str = ""
    authors: tuple[str, ...] = ()
    published_at: datetime | None = None
    updated_at: datetime | None = None
    site: str | None = None
    language: str | None = None
    link: str | None = None
    base: str | None = None
    thumbnail: str | None = None
    description: str = ""
    body: str = ""  # the whole text, where JSON-LD holds it
    is_live: bool = False  # it has many parts, each of which looks like an article
    categories: tuple[str, ...] = ()
    licence: str | None = None
    told: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()  # of elements that are named after a date, an author or a source


def page(tree: Any, text: str, url: str | None) -> Page:
    """From a page's tree and its text; `url` is where it was found, if that is known."""
    meta, node, marked = _meta(tree), article(tree), _marked(tree)
    saved = _SAVED_FROM.search(text[:5000])
    based = _attribute(tree, ".//base[@href]", "href")
    told: dict[str, str] = {}
    link = _first(told, "url", _links(tree, meta, node, saved[1] if saved else None, url))
    base = urls.absolute(based, url) or (saved[1] if saved else None) or url or link
    site = _first(told, "source", _sites(meta, node, link))
    published = _first(told, "published", _dates(tree, meta, node))
    return Page(
        title=_first(told, "title", _titles(tree, meta, node, site)) or "",
        subtitle=line_of(node.get("alternativeHeadline")) or _standfirst(marked),
        authors=_first(told, "author", _authors(tree, meta, node)) or (),
        published_at=published,
        updated_at=_updated(meta, node, published),
        site=site,
        language=_first(told, "language", _languages(tree, meta, node)),
        link=link,
        base=base,
        thumbnail=next(
            filter(None, (*(one for name in _PICTURES for one in meta.get(name, ())), *_pictures(node))), None
        ),
        description=next(iter(_values(meta, ("og:description", "description", "twitter:description"))), ""),
        body=string(node.get("articleBody")) or "",
        is_live=any("LiveBlog" in str(kind) for kind in listed(node.get("@type"))),
        categories=_first(told, "tags", _categories(meta, node)) or (),
        licence=_attribute(tree, ".//link[@rel='license'][@href]", "href")
        or string(node.get("license"))
        or _attribute(tree, ".//a[@rel='license'][@href]", "href"),
        told=told,
        lines=tuple(_named_lines(marked)),
    )


def _first(told: dict[str, str], name: str, found: Iterable[tuple[str, Any]]) -> Any:
    """The first value with something in it; where it was found is noted."""
    for place, value in found:
        if value:
            told[name] = place
            return value
    return None


def _meta(tree: Any) -> dict[str, list[str]]:
    """What `<meta>` says, by name in lower case, wherever it stands: saved pages have it in the body, too."""
    found: dict[str, list[str]] = {}
    for element in tree.iter("meta"):
        name = element.get("property") or element.get("name") or element.get("itemprop") or element.get("http-equiv")
        value = line_of(element.get("content"))
        if name and value and len(found.setdefault(name.strip().lower(), [])) < MAX_LISTED:
            found[name.strip().lower()].append(value)
    return found


def _titles(
    tree: Any, meta: Mapping[str, list[str]], node: Mapping[str, Any], site: str | None
) -> Iterator[tuple[str, str]]:
    written = line_of(_line(tree.find(".//title")))
    lines = [line for element in tree.iter("h1") if (line := _line(element))]
    headings = [line for line in lines if not _is_site(line, written, site)]
    site = site or next((line for line in lines if line not in headings), None)
    stated = [("JSON-LD", line_of(node.get("headline")))]
    stated += [(f"meta {name}", _without_site(value, site)) for name in _TITLES for value in meta.get(name, ())[:1]]
    for place, title in stated:
        longer = next((line for line in headings if title and _continues(title, line)), None)
        yield (place, title) if longer is None else ("heading", longer)
    if len(headings) == 1 or (headings and folded(headings[0]) in folded(written)):
        yield "heading", headings[0]
    yield "title", _without_site(written, site)
    yield "heading", next(iter(headings), "")


def _is_site(line: str, written: str, site: str | None) -> bool:
    """Whether a heading is no title but the site's name: as the page says, or as its `<title>` has it at an end."""
    name = folded(line)
    if site and name == folded(site):
        return True
    parts = [folded(part) for part in _PARTED.split(written)]
    return len(parts) > 1 and name in (parts[0], parts[-1]) and len(name) < max(map(len, parts))


def _continues(title: str, line: str) -> bool:
    """Whether a title is but the beginning of a heading: many are cut at a hundred characters."""
    beginning = title.rstrip(". …")
    return title != beginning and line.startswith(beginning) and len(line) > len(title)


def _without_site(title: str, site: str | None) -> str:
    """The title without the site's name behind it, or before it."""
    first, *others = _PARTED.split(title)
    if site and others and folded(first) == folded(site):
        return title[len(first) :].lstrip(" |–—«»·•:-")
    behind = _SITE_BEHIND.match(title)
    if behind is None:
        return title
    name = folded(behind[2])
    own = folded(site or "")
    if own and (name == own or name in own or own in name):
        return behind[1].rstrip(" |–—«»·•:-")
    return behind[1] if not own and "|" in title[behind.end(1) :] else title


def _authors(
    tree: Any, meta: Mapping[str, list[str]], node: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    said = [named(person) for name in ("author", "creator") for person in listed(node.get(name))]
    yield "JSON-LD", people(said)
    for name in _AUTHORS:
        yield f"meta {name}", people(meta.get(name, ()))
    for path in (".//*[@itemprop='author']", ".//a[@rel='author']", ".//*[@class='author vcard']"):
        found = tree.xpath(path)[:MAX_LISTED]
        yield "page", people(_line(one.find(".//*[@itemprop='name']")) or _line(one) for one in found)


def people(names: Iterable[str]) -> tuple[str, ...]:
    """Names, without addresses of pages and what announces them."""
    said = (_BY.sub("", line_of(name)).strip(" ,;") for name in names)
    return tuple(dict.fromkeys(name for name in said if name and "://" not in name and len(name) <= MAX_LINE))[
        :MAX_LISTED
    ]


def _dates(tree: Any, meta: Mapping[str, list[str]], node: Mapping[str, Any]) -> Iterator[tuple[str, datetime | None]]:
    for name in ("datePublished", "dateCreated", "uploadDate"):
        yield "JSON-LD", date(string(node.get(name)))
    for name in _PUBLISHED:
        for value in meta.get(name, ()):
            yield f"meta {name}", date(value.replace("/", "-") if name.startswith("citation") else value)
    for path in (".//*[@itemprop='datePublished']", ".//time[@pubdate]", ".//article//time", ".//main//time"):
        for element in tree.xpath(path)[:1]:
            yield "time element", date(element.get("datetime") or element.get("content"))
    times = {element.get("datetime") for element in tree.iter("time") if element.get("datetime")}
    if len(times) == 1:
        yield "time element", date(times.pop())


def _updated(meta: Mapping[str, list[str]], node: Mapping[str, Any], published: datetime | None) -> datetime | None:
    stated = [string(node.get("dateModified")), *(one for name in _UPDATED for one in meta.get(name, ()))]
    found = next(filter(None, map(date, stated)), None)
    return found if found and (published is None or found > published) else None


def _sites(
    meta: Mapping[str, list[str]], node: Mapping[str, Any], link: str | None
) -> Iterator[tuple[str, str | None]]:
    for name in _SITES:
        yield f"meta {name}", next(iter(meta.get(name, ())), None)
    yield "JSON-LD", next(filter(None, map(named, listed(node.get("publisher")))), None)
    yield "address", (urlsplit(link).hostname or "").removeprefix("www.") if link else None


def _links(
    tree: Any, meta: Mapping[str, list[str]], node: Mapping[str, Any], saved: str | None, url: str | None
) -> Iterator[tuple[str, str | None]]:
    """Addresses of the page, absolute; a site's front page is none of an article's."""
    main = node.get("mainEntityOfPage")
    stated = [
        ("canonical link", urls.absolute(_attribute(tree, ".//link[@rel='canonical'][@href]", "href"), saved or url)),
        ("meta og:url", next(iter(meta.get("og:url", ())), None)),
        ("JSON-LD", string(node.get("url"))),
        ("JSON-LD", string(main.get("@id") if isinstance(main, dict) else main)),
        ("saved from", saved),
        ("address", url),
    ]
    for place, value in stated:
        found = urls.absolute(value)
        yield place, found if found and urls.names_a_page(found) else None


def _languages(tree: Any, meta: Mapping[str, list[str]], node: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    yield "JSON-LD", string(node.get("inLanguage"))
    yield "page", _attribute(tree, "/html[@lang]", "lang")
    for name in ("og:locale", "content-language", "dc.language", "language"):
        yield f"meta {name}", next(iter(meta.get(name, ())), None)


def _categories(meta: Mapping[str, list[str]], node: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Sections and keywords, of all places together; the one named is the first."""
    stated = [("JSON-LD", value) for name in ("articleSection", "keywords") for value in listed(node.get(name))]
    stated += [(f"meta {name}", value) for name in (*_SECTIONS, *_TAGS) for value in meta.get(name, ())]
    found: dict[str, tuple[str, str]] = {}
    for place, value in stated:
        for term in re.split(r"[,;]", line_of(value)) if isinstance(value, str) else ():
            if term.strip() and len(term) <= MAX_LINE:
                found.setdefault(term.strip().casefold(), (place, term.strip()))
    kept = list(found.values())[:MAX_LISTED]
    yield kept[0][0] if kept else "", tuple(term for _, term in kept)


def _pictures(node: Mapping[str, Any]) -> Iterator[str | None]:
    for image in listed(node.get("image") or node.get("thumbnailUrl")):
        yield string(image.get("url") if isinstance(image, dict) else image)


def _standfirst(marked: Iterable[tuple[Any, str]]) -> str:
    """The sentences that stand between a title and its text."""
    for element, name in marked:
        if element.tag in ("p", "h2", "div") and len(element) <= 3 and _STANDFIRST.search(name):
            line = _line(element)
            if MIN_STANDFIRST <= len(line) <= MAX_STANDFIRST:
                return line
    return ""


def _named_lines(marked: Iterable[tuple[Any, str]]) -> Iterator[str]:
    """Short lines of elements that are named after a date, an author or a source, each once."""
    seen: set[str] = set()
    for element, name in marked:
        if (element.tag == "time" or _NAMED.search(name)) and len(seen) < MAX_LINES:
            line = _line(element)
            if line and len(line) <= MAX_LINE and line not in seen:
                seen.add(line)
                yield line


def _marked(tree: Any) -> list[tuple[Any, str]]:
    """Elements with what they are named after, of those that have a name."""
    found = []
    for element in tree.iter(*_NAMED_BY):
        needed = _NAMED_BY[element.tag]
        if not needed or any(map(element.get, needed)):
            found.append((element, " ".join(element.get(name, "") for name in _NAMES)[:500]))
            if len(found) == MAX_MARKED:
                break
    return found


def _values(meta: Mapping[str, list[str]], names: Iterable[str]) -> Iterator[str]:
    return (value for name in names for value in meta.get(name, ()))


def _line(element: Any) -> str:
    return " ".join("".join(element.itertext()).split()) if element is not None else ""


def _attribute(tree: Any, path: str, name: str) -> str | None:
    found = tree.xpath(path)
    return (found[0].get(name) or "").strip() or None if found else None
