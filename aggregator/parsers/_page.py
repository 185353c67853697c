"""What a page says of itself: in JSON-LD, in `<meta>` and `<link>`, in its elements. Pure.

See https://schema.org/Article, https://ogp.me and https://html.spec.whatwg.org/#the-head-element. Each field is taken
from the first place that states it, and `told` names that place.
"""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

from aggregator import urls
from aggregator.parsers._dates import date
from aggregator.words import folded

MAX_JSON = 1_000_000  # characters of one script
MAX_SCRIPTS = 50
MAX_NODES = 5000  # of JSON-LD that are looked at
MAX_LISTED = 50  # authors, categories
MAX_MARKED = 5000  # elements with a name
MAX_LINES = 30  # short lines of elements that are named after what they hold
MAX_LINE = 200
MIN_STANDFIRST, MAX_STANDFIRST = 40, 400  # characters

_ARTICLE = re.compile(r"(?:article|blogposting|report|review|socialmediaposting|podcastepisode|claimreview)$")
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,31}\d{0,2});", re.IGNORECASE)
_BY = re.compile(r"^(?:written by|by|von|par|por|текст|автор|autore?|auteur|author)[: ]\s*", re.IGNORECASE)
_STANDFIRST = re.compile(
    r"standfirst|\bdek\b|sub-?title|sub-?headline|article_?_?-?desc|article-?lead|teaser|\bintro\b|alternativeheadline",
    re.IGNORECASE,
)
_NAMED = re.compile(r"byline|author|dateline|\bdate|-date|_date|publish|posted|timestamp|source|credit", re.IGNORECASE)
_SITE_BEHIND = re.compile(r"^(.{10,}\S)\s*(?:\s[|–—«»·•-]|\s?\||\s::)\s+([^|–—«»·•]{2,60})$", re.DOTALL)
_SAVED_FROM = re.compile(r"saved from url=\(\d{1,6}\)(https?://\S{1,2000})")  # as browsers write it
_DAY = re.compile(r"\d{4}-\d\d-\d\d")

_WITH_NAME = etree.XPath(
    "//p[@class or @id or @itemprop]|//div[@class or @id or @itemprop]|//span[@class or @id or @itemprop]"
    "|//h2[@class or @itemprop]|//time|//address|//li[@class]|//a[@class or @itemprop]|//small[@class]"
)
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
    meta, node, marked = _meta(tree), _article(tree), _marked(tree)
    saved = _SAVED_FROM.search(text[:5000])
    based = _attribute(tree, ".//base[@href]", "href")
    told: dict[str, str] = {}
    link = _first(told, "url", _links(tree, meta, node, saved[1] if saved else None, url))
    base = urls.absolute(based, url) or (saved[1] if saved else None) or url or link
    site = _first(told, "source", _sites(meta, node, link))
    published = _first(told, "published", _dates(tree, meta, node))
    return Page(
        title=_first(told, "title", _titles(tree, meta, node, site)) or "",
        subtitle=_clean(node.get("alternativeHeadline")) or _standfirst(marked),
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
        body=_string(node.get("articleBody")) or "",
        is_live=any("LiveBlog" in str(kind) for kind in _listed(node.get("@type"))),
        categories=_first(told, "tags", _categories(meta, node)) or (),
        licence=_attribute(tree, ".//link[@rel='license'][@href]", "href")
        or _string(node.get("license"))
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
        value = _clean(element.get("content"))
        if name and value and len(found.setdefault(name.strip().lower(), [])) < MAX_LISTED:
            found[name.strip().lower()].append(value)
    return found


def _article(tree: Any) -> dict[str, Any]:
    """The node of JSON-LD that is an article, or one of the page; empty where there is none."""
    nodes = list(_nodes(tree))
    kinds = [[str(kind).lower() for kind in _listed(node.get("@type"))] for node in nodes]
    for wanted in (_ARTICLE.search, re.compile("^webpage$").search):
        for node, names in zip(nodes, kinds, strict=True):
            if any(map(wanted, names)):
                return node | {name: _referred(node.get(name), nodes) for name in ("author", "creator", "publisher")}
    return {}


def _referred(value: Any, nodes: list[dict[str, Any]]) -> list[Any]:
    """People and organisations, where JSON-LD has but a reference to each: as it describes them elsewhere."""
    described = {node["@id"]: node for node in nodes if isinstance(node.get("@id"), str) and "name" in node}
    return [
        described.get(str(one.get("@id")), one) if isinstance(one, dict) and "name" not in one else one
        for one in _listed(value)
    ]


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """What JSON-LD describes, each before its parts."""
    count = 0
    for number, script in enumerate(tree.iter("script")):
        kind = (script.get("type") or "").strip().lower()
        if (
            number >= 20 * MAX_SCRIPTS
            or not kind.startswith("application/ld+json")
            or len(script.text or "") > MAX_JSON
        ):
            continue
        waiting = deque([_read(script.text or "")])
        while waiting and count < MAX_NODES:
            node, count = waiting.popleft(), count + 1
            if isinstance(node, list):
                waiting.extendleft(reversed(node[:MAX_NODES]))
            elif isinstance(node, dict):
                yield node
                waiting.extend(node[name] for name in ("@graph", "mainEntity", "mainEntityOfPage") if name in node)


def _read(script: str) -> Any:
    text = script.strip().removeprefix("<!--").removesuffix("-->").removeprefix("//<![CDATA[").removesuffix("//]]>")
    try:
        return json.loads(text.strip().rstrip(";"), strict=False)
    except (ValueError, RecursionError):
        return None


def _titles(
    tree: Any, meta: Mapping[str, list[str]], node: Mapping[str, Any], site: str | None
) -> Iterator[tuple[str, str]]:
    headings = [line for element in tree.iter("h1") if (line := _line(element))]
    stated = [("JSON-LD", _clean(node.get("headline")))]
    stated += [(f"meta {name}", _without_site(value, site)) for name in _TITLES for value in meta.get(name, ())[:1]]
    for place, title in stated:
        longer = next((line for line in headings if title and _continues(title, line)), None)
        yield (place, title) if longer is None else ("heading", longer)
    written = _clean(_line(tree.find(".//title")))
    if len(headings) == 1 or (headings and folded(headings[0]) in folded(written)):
        yield "heading", headings[0]
    yield "title", _without_site(written, site)
    yield "heading", next(iter(headings), "")


def _continues(title: str, line: str) -> bool:
    """Whether a title is but the beginning of a heading: many are cut at a hundred characters."""
    beginning = title.rstrip(". …")
    return title != beginning and line.startswith(beginning) and len(line) > len(title)


def _without_site(title: str, site: str | None) -> str:
    """The title without the site's name behind it."""
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
    named = [_named(person) for name in ("author", "creator") for person in _listed(node.get(name))]
    yield "JSON-LD", people(named)
    for name in _AUTHORS:
        yield f"meta {name}", people(meta.get(name, ()))
    for path in (".//*[@itemprop='author']", ".//a[@rel='author']", ".//*[@class='author vcard']"):
        found = tree.xpath(path)[:MAX_LISTED]
        yield "page", people(_line(one.find(".//*[@itemprop='name']")) or _line(one) for one in found)


def people(names: Iterable[str]) -> tuple[str, ...]:
    """Names, without addresses of pages and what announces them."""
    said = (_BY.sub("", _clean(name)).strip(" ,;") for name in names)
    return tuple(dict.fromkeys(name for name in said if name and "://" not in name and len(name) <= MAX_LINE))[
        :MAX_LISTED
    ]


def _dates(tree: Any, meta: Mapping[str, list[str]], node: Mapping[str, Any]) -> Iterator[tuple[str, datetime | None]]:
    for name in ("datePublished", "dateCreated", "uploadDate"):
        yield "JSON-LD", date(_string(node.get(name)))
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
    stated = [_string(node.get("dateModified")), *(one for name in _UPDATED for one in meta.get(name, ()))]
    found = next(filter(None, map(date, stated)), None)
    return found if found and (published is None or found > published) else None


def _sites(
    meta: Mapping[str, list[str]], node: Mapping[str, Any], link: str | None
) -> Iterator[tuple[str, str | None]]:
    for name in _SITES:
        yield f"meta {name}", next(iter(meta.get(name, ())), None)
    yield "JSON-LD", next(filter(None, map(_named, _listed(node.get("publisher")))), None)
    yield "address", (urlsplit(link).hostname or "").removeprefix("www.") if link else None


def _links(
    tree: Any, meta: Mapping[str, list[str]], node: Mapping[str, Any], saved: str | None, url: str | None
) -> Iterator[tuple[str, str | None]]:
    """Addresses of the page, absolute; a site's front page is none of an article's."""
    main = node.get("mainEntityOfPage")
    stated = [
        ("canonical link", urls.absolute(_attribute(tree, ".//link[@rel='canonical'][@href]", "href"), saved or url)),
        ("meta og:url", next(iter(meta.get("og:url", ())), None)),
        ("JSON-LD", _string(node.get("url"))),
        ("JSON-LD", _string(main.get("@id") if isinstance(main, dict) else main)),
        ("saved from", saved),
        ("address", url),
    ]
    for place, value in stated:
        found = urls.absolute(value)
        yield place, found if found and urls.names_a_page(found) else None


def _languages(tree: Any, meta: Mapping[str, list[str]], node: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    yield "JSON-LD", _string(node.get("inLanguage"))
    yield "page", _attribute(tree, "/html[@lang]", "lang")
    for name in ("og:locale", "content-language", "dc.language", "language"):
        yield f"meta {name}", next(iter(meta.get(name, ())), None)


def _categories(meta: Mapping[str, list[str]], node: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Sections and keywords, of all places together; the one named is the first."""
    listed = [("JSON-LD", value) for name in ("articleSection", "keywords") for value in _listed(node.get(name))]
    listed += [(f"meta {name}", value) for name in (*_SECTIONS, *_TAGS) for value in meta.get(name, ())]
    found: dict[str, tuple[str, str]] = {}
    for place, value in listed:
        for term in re.split(r"[,;]", _clean(value)) if isinstance(value, str) else ():
            if term.strip() and len(term) <= MAX_LINE:
                found.setdefault(term.strip().casefold(), (place, term.strip()))
    kept = list(found.values())[:MAX_LISTED]
    yield kept[0][0] if kept else "", tuple(term for _, term in kept)


def _pictures(node: Mapping[str, Any]) -> Iterator[str | None]:
    for image in _listed(node.get("image") or node.get("thumbnailUrl")):
        yield _string(image.get("url") if isinstance(image, dict) else image)


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
    for element in _WITH_NAME(tree)[:MAX_MARKED]:
        said = element.attrib
        found.append((element, f"{said.get('class', '')} {said.get('id', '')} {said.get('itemprop', '')}"[:500]))
    return found


def _values(meta: Mapping[str, list[str]], names: Iterable[str]) -> Iterator[str]:
    return (value for name in names for value in meta.get(name, ()))


def _named(thing: Any) -> str:
    """The name of a person or an organisation, as JSON-LD has it."""
    name = thing.get("name") if isinstance(thing, dict) else thing
    return _clean(name[0] if isinstance(name, list) and name else name)


def _listed(value: Any) -> list[Any]:
    return (value if isinstance(value, list) else [value] if value is not None else [])[:MAX_LISTED]


def _string(value: Any) -> str | None:
    value = value[0] if isinstance(value, list) and value else value
    return value.strip() or None if isinstance(value, str) else None


def _clean(value: Any) -> str:
    """A line of text; many a publisher escapes what needs no escaping."""
    if not isinstance(value, str):
        return ""
    line = " ".join(value[:20_000].split())
    return " ".join(unescape(line).split()) if _REFERENCE.search(line) else line


def _line(element: Any) -> str:
    return " ".join("".join(element.itertext()).split()) if element is not None else ""


def _attribute(tree: Any, path: str, name: str) -> str | None:
    found = tree.xpath(path)
    return (found[0].get(name) or "").strip() or None if found else None
