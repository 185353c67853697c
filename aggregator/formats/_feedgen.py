"""What Atom and RSS share: a Feed as feedgen's generator, with an extension for what feedgen cannot say.

feedgen 1.0 drops `rel` and `type` from the links of Atom entries, writes of `atom:source` only title and link, and
writes no authors into RSS without an e-mail address; the extension puts that right.
"""

import html
from typing import Any

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from aggregator import __version__
from aggregator.models import Feed, Item

ATOM = "http://www.w3.org/2005/Atom"
DC = "http://purl.org/dc/elements/1.1/"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def generator(feed: Feed, own: str) -> FeedGenerator:
    """The feed ready to be written; `own` is the name of the format that is being written."""
    out = FeedGenerator()
    out.register_extension("more", _FeedExtension, _ItemExtension)
    out.id(feed.id)
    out.title(feed.title)
    out.subtitle(feed.description or feed.title)
    out.description(feed.description or feed.title)
    out.updated(feed.updated_at)
    out.lastBuildDate(feed.updated_at)
    out.generator("aggregator", version=__version__)
    if feed.language:
        out.language(feed.language)
    out.link(href=feed.urls[own], rel="self")
    out.link(href=feed.page, rel="alternate", type="text/html")  # last: RSS takes the last link for the channel's
    for item in feed.items:
        _add(out, item)
    return out


def _add(out: FeedGenerator, item: Item) -> None:
    entry = out.add_entry(order="append")
    entry.id(item.id)
    entry.title(item.title)
    entry.link(href=item.link, rel="alternate")
    entry.summary(item.summary)
    entry.content(item.html, type="html")
    entry.published(item.published_at)
    entry.updated(item.updated_at)
    for name in item.authors or (item.origin.name,):
        entry.author(name=name)
    for tag in item.tags:
        entry.category(term=tag.concept, label=tag.label)
    if item.origin.source_url:
        entry.source(url=item.origin.source_url, title=item.origin.name)
    if item.enclosures:
        first = item.enclosures[0]
        media_type = first.media_type or "application/octet-stream"
        entry.enclosure(first.url, str(first.length or 0), media_type)
    entry.more.item = item


class _FeedExtension(BaseExtension):  # type: ignore[misc]  # feedgen ships no types
    def extend_ns(self) -> dict[str, str]:
        return {"dc": DC}


class _ItemExtension(BaseEntryExtension):  # type: ignore[misc]  # feedgen ships no types
    item: Item

    def extend_atom(self, entry: Any) -> Any:
        for link in entry.findall("link"):
            entry.remove(link)
        _link(entry, rel="alternate", href=self.item.link)
        for enclosure in self.item.enclosures:
            facts = {"type": enclosure.media_type, "length": str(enclosure.length or "")}
            _link(entry, rel="enclosure", href=enclosure.url, **{name: value for name, value in facts.items() if value})
        for copy in self.item.also:
            if copy.link:
                _link(entry, rel="related", href=copy.link, title=copy.name)
        self._source(entry)
        if self.item.language:
            entry.set(_XML_LANG, self.item.language)
        return entry

    def extend_rss(self, entry: Any) -> Any:
        for author in entry.findall("author"):
            entry.remove(author)
        for name in self.item.authors or (self.item.origin.name,):
            etree.SubElement(entry, f"{{{DC}}}creator").text = name
        for description in entry.findall("description"):  # readers take it for HTML
            description.text = html.escape(self.item.summary, quote=False)
        return entry

    def _source(self, entry: Any) -> None:
        for source in entry.findall("source"):
            entry.remove(source)
        origin = self.item.origin
        if origin.source_url:
            source = etree.SubElement(entry, "source")
            etree.SubElement(source, "id").text = origin.source_url
            etree.SubElement(source, "title").text = origin.name
            etree.SubElement(source, "updated").text = self.item.updated_at.isoformat()
            _link(source, rel="self", href=origin.source_url)


def _link(parent: Any, **attributes: str) -> None:
    etree.SubElement(parent, "link", **attributes)
