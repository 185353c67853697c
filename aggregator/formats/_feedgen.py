"""What Atom and RSS share: a Feed as feedgen's generator, with an extension for what feedgen cannot say.

feedgen 1.0 drops `rel` and `type` from the links of Atom entries, writes of `atom:source` only title and link, writes
no authors into RSS without an e-mail address, and knows no HTML titles; the extension puts that right.
"""

import html
import re
from collections.abc import Iterator, Sequence
from typing import Any

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from aggregator import __version__
from aggregator.models import Feed, Item

ATOM = "http://www.w3.org/2005/Atom"
CC = "http://backend.userland.com/creativeCommonsRssModule"
AT = "http://purl.org/atompub/tombstones/1.0"
FH = "http://purl.org/syndication/history/1.0"
DC = "http://purl.org/dc/elements/1.1/"
MEDIA = "http://search.yahoo.com/mrss/"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_TAG, _END_TAG = re.compile(r"</?\w[^<>]*>?"), re.compile(r"</\w")
_LIKE_MARKUP = re.compile(r"</?[a-z!]|&#?\w", re.IGNORECASE)


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
    out.more.feed, out.more.own, out.more.links = feed, own, list(_links(feed, own))
    for relation, address in out.more.links:
        out.link(href=address, rel=relation)
    out.link(href=feed.urls[own], rel="self")
    out.link(href=feed.page, rel="alternate", type="text/html")  # last: RSS takes the last link for the channel's
    for item in feed.items if own == "atom" else (*feed.items, *feed.withdrawn):
        _add(out, item)
    return out


def _links(feed: Feed, own: str) -> Iterator[tuple[str, str]]:
    """What stands beside the feed's own address, each with its relation: WebSub, and RFC 5005 §4."""
    yield from (("hub", hub) for hub in feed.hubs)
    if own in feed.previous:
        yield "prev-archive", feed.previous[own]
    if own in feed.current:
        yield "current", feed.current[own]


def _add(out: FeedGenerator, item: Item) -> None:
    entry = out.add_entry(order="append")
    entry.id(item.id)
    entry.title(item.title)
    if item.link:
        entry.link(href=item.link, rel="alternate")
    entry.summary(item.summary)
    entry.content(item.html, type="html")
    entry.published(item.published_at)
    entry.updated(item.updated_at)
    for name in item.authors or (item.origin.name,):
        entry.author(name=name)
    for one in item.categories:
        entry.category(term=one.term, label=one.label or one.term, **({"scheme": one.scheme} if one.scheme else {}))
    if item.origin.source_url:
        entry.source(url=item.origin.source_url, title=item.origin.name)
    if item.enclosures:
        first = item.enclosures[0]
        media_type = first.media_type or "application/octet-stream"
        entry.enclosure(first.url, str(first.length or 0), media_type)
    if item.comments:
        entry.comments(item.comments)
    entry.more.item = item


class _FeedExtension(BaseExtension):  # type: ignore[misc]  # feedgen ships no types
    feed: Feed
    own: str
    links: Sequence[tuple[str, str]] = ()

    def extend_ns(self) -> dict[str, str]:
        history = {"fh": FH} if self.feed.current or self.feed.complete else {}
        gone = {"at": AT} if self.feed.withdrawn and self.own == "atom" else {}
        return {"creativeCommons": CC, "dc": DC, "media": MEDIA, **history, **gone}

    def extend_atom(self, feed: Any) -> Any:
        for name in ("title", "subtitle"):
            for element in feed.findall(name):
                _declare(element)
        self._history(feed)
        for item in self.feed.withdrawn:  # RFC 6721
            gone = etree.SubElement(feed, f"{{{AT}}}deleted-entry", ref=item.id, when=item.updated_at.isoformat())
            etree.SubElement(gone, f"{{{AT}}}comment").text = item.summary
        return feed

    def extend_rss(self, feed: Any) -> Any:
        """feedgen writes of a channel's links only that to itself; the others stand beside it."""
        own = feed.find(f"channel/{{{ATOM}}}link")
        for relation, address in self.links:
            own.addprevious(etree.Element(f"{{{ATOM}}}link", rel=relation, href=address))
        for name in ("title", "description"):
            text = feed.find(f"channel/{name}")
            text.text = untagged(text.text)
        self._history(feed.find("channel"))
        return feed

    def _history(self, parent: Any) -> None:
        """RFC 5005: this is a page of an archive, or all there is."""
        if self.feed.current:
            etree.SubElement(parent, f"{{{FH}}}archive")
        elif self.feed.complete:
            etree.SubElement(parent, f"{{{FH}}}complete")


class _ItemExtension(BaseEntryExtension):  # type: ignore[misc]  # feedgen ships no types
    item: Item

    def extend_atom(self, entry: Any) -> Any:
        for link in entry.findall("link"):
            entry.remove(link)
        if self.item.link:
            _link(entry, rel="alternate", href=self.item.link)
        for enclosure in self.item.enclosures:
            facts = {"type": enclosure.media_type, "length": str(enclosure.length or "")}
            _link(entry, rel="enclosure", href=enclosure.url, **{name: value for name, value in facts.items() if value})
        for copy in (*self.item.also, *self.item.related):
            if copy.link:
                _link(entry, rel="related", href=copy.link, title=untagged(copy.name))
        if self.item.comments:
            _link(entry, rel="replies", href=self.item.comments, type="text/html")  # RFC 4685 §4
        address, words = _licence(self.item)
        if address:
            _link(entry, rel="license", href=address)  # RFC 4946
        if words:
            etree.SubElement(entry, "rights").text = words
        for name in ("title", "summary", "rights"):
            for element in entry.findall(name):
                _declare(element)
        for name in entry.findall("author/name"):
            name.text = untagged(name.text)
        for category in entry.findall("category"):
            category.set("label", untagged(category.get("label")))
        self._thumbnail(entry)
        self._source(entry)
        if self.item.language:
            entry.set(_XML_LANG, self.item.language)
        return entry

    def extend_rss(self, entry: Any) -> Any:
        for author in entry.findall("author"):
            entry.remove(author)
        for name in self.item.authors or (self.item.origin.name,):
            etree.SubElement(entry, f"{{{DC}}}creator").text = untagged(name)
        for name in ("title", "category", "source"):
            for text in entry.findall(name):
                text.text = untagged(text.text)
        for description in entry.findall("description"):  # readers take it for HTML
            description.text = html.escape(self.item.summary, quote=False)
        if self.item.language:
            etree.SubElement(entry, f"{{{DC}}}language").text = self.item.language
        for enclosure in self.item.enclosures[1:]:  # RSS has one at most
            facts = {"type": enclosure.media_type, "fileSize": str(enclosure.length or "")}
            given = {name: value for name, value in facts.items() if value}
            etree.SubElement(entry, f"{{{MEDIA}}}content", url=enclosure.url, **given)
        address, words = _licence(self.item)
        if address:
            etree.SubElement(entry, f"{{{CC}}}license").text = address
        if words:
            etree.SubElement(entry, f"{{{DC}}}rights").text = untagged(words)
        self._thumbnail(entry)
        return entry

    def _thumbnail(self, entry: Any) -> None:
        if self.item.thumbnail:
            etree.SubElement(entry, f"{{{MEDIA}}}thumbnail", url=self.item.thumbnail)

    def _source(self, entry: Any) -> None:
        for source in entry.findall("source"):
            entry.remove(source)
        origin = self.item.origin
        if origin.source_url:
            source = etree.SubElement(entry, "source")
            etree.SubElement(source, "id").text = origin.source_url
            etree.SubElement(source, "title").text = origin.name
            _declare(source[-1])
            etree.SubElement(source, "updated").text = self.item.updated_at.isoformat()
            _link(source, rel="self", href=origin.source_url)


def _licence(item: Item) -> tuple[str | None, str | None]:
    """A licence's address, or its words."""
    is_address = (item.licence or "").startswith(("http://", "https://"))
    return (item.licence, None) if is_address else (None, item.licence)


def _declare(text: Any) -> None:
    """Plain text that looks like HTML is given as HTML that means it: for readers that do not look at the type."""
    if _LIKE_MARKUP.search(text.text or ""):
        text.text = html.escape(text.text, quote=False)
        text.set("type", "html")


def untagged(text: str) -> str:
    """Text without tags, if there is an end tag in it: where it cannot be declared, readers would take it for HTML."""
    return (" ".join(_TAG.sub(" ", text).split()) or "(untitled)") if _END_TAG.search(text) else text


def _link(parent: Any, **attributes: str) -> None:
    etree.SubElement(parent, "link", **attributes)
