"""Google's news sitemaps: what a newspaper without a feed offers of the last two days.

See https://developers.google.com/search/docs/crawling-indexing/sitemaps/news-sitemap. A sitemap of all pages, and an
index of sitemaps, are refused by name: they hold no news.
"""

from collections.abc import Iterator
from typing import Any

from lxml import etree

from aggregator import sniff
from aggregator.errors import DocumentError
from aggregator.models import Category, Document, Entry, Link, Markup, Origin, Parsed
from aggregator.parsers._dates import date
from aggregator.parsers._decoding import decoded
from aggregator.parsers._mending import well_begun
from aggregator.parsers._newest import newest
from aggregator.registry import Parser

MAX_ENTRIES = 2000
MAX_KEYWORDS = 100  # of one entry


def parse(document: Document) -> Parsed:
    """The news of a sitemap, of more than MAX_ENTRIES the newest. Raises DocumentError for other sitemaps."""
    root = _root(document)
    if root is None or _local(root) not in ("urlset", "sitemapindex"):
        raise DocumentError(f"{document.name}: nothing of the sitemap can be read")
    if _local(root) == "sitemapindex":
        listed = [text for text in (_text(_child(part, "loc")) for part in root) if text]
        first = f"; its first is {listed[0][:200]}" if listed else ""
        raise DocumentError(f"{document.name}: a list of {len(listed)} sitemaps, not a news sitemap{first}")
    pages = [(page, news) for page in root if (news := _child(page, "news")) is not None]
    if not pages and len(root):
        raise DocumentError(f"{document.name}: a sitemap of {len(root)} pages, none of which is marked as news")
    names = {_text(_child(news, "publication", "name")) for _, news in pages}
    found = [_entry(page, news, len(names) > 1) for page, news in pages]
    kept = newest([entry.published_at or entry.updated_at for entry in found], MAX_ENTRIES)
    title = names.pop() if len(names) == 1 else None
    entries = tuple(found[number] for number in kept)
    return Parsed(entries, title=title, format="news sitemap", dropped=len(found) - len(kept))


def _root(document: Document) -> Any:
    """No entity is expanded, no DTD loaded, nothing fetched; lxml bounds depth and the size of a text."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True, huge_tree=False)
    text = well_begun(decoded(document.body, document.charset))
    try:
        return etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError:
        return None


def _entry(page: Any, news: Any, names_differ: bool) -> Entry:
    link, name = _text(_child(page, "loc")), _text(_child(news, "publication", "name"))
    return Entry(
        guid=link,
        link=link,
        links=(Link(link),) if link else (),
        base=link,
        title=Markup(_text(_child(news, "title")) or ""),
        categories=tuple(map(Category, _keywords(news))),
        published_at=date(_text(_child(news, "publication_date"))),
        updated_at=date(_text(_child(page, "lastmod"))),
        language=_text(_child(news, "publication", "language")),
        thumbnail=_text(_child(page, "image", "loc")),
        origin=Origin(name) if name and names_differ else None,
    )


def _keywords(news: Any) -> Iterator[str]:
    words = (_text(_child(news, "keywords")) or "").split(",")
    yield from dict.fromkeys(word.strip() for word in words[:MAX_KEYWORDS] if word.strip())


def _child(element: Any, *path: str) -> Any:
    """The first child of a name, whatever its namespace: publishers vary it."""
    for name in path:
        element = next((child for child in (element if element is not None else ()) if _local(child) == name), None)
    return element


def _local(element: Any) -> str | None:
    return etree.QName(element).localname if isinstance(element.tag, str) else None


def _text(element: Any) -> str | None:
    return "".join(element.itertext()).strip() or None if element is not None else None


PLUGIN = Parser(frozenset({sniff.SITEMAP}), parse)
