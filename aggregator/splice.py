"""Where do the entries of an XML feed stand, and how is a smaller feed made of some of them? Pure.

Bytes are cut, never written anew: a feed of a few entries has the declaration and the opening tags of the whole one, so
that namespaces, `xml:base` and `xml:lang` mean in it what they meant. Whatever is not plain enough for that is not cut.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from xml.parsers import expat

from aggregator.models import Document
from aggregator.words import short_hash

_UTF8 = (None, "utf-8", "utf8", "us-ascii", "ascii")
_DECLARATION = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml\s[^>]*?\?>")
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([\w.-]+)["']""")
_FIRST_ELEMENT = re.compile(rb"<[A-Za-z_]")
_NAME = re.compile(rb"<([^\s/>]+)")
_TAG = re.compile(rb"""<(?:[^<>"']++|"[^"]*+"|'[^']*+')*+>""")
_LONGEST_TAG = 64_000  # bytes
_ROOTS = ("rss", "rdf", "feed")
_PARENTS = ("channel", *_ROOTS)
_ENTRIES = ("item", "entry")
_TOKEN = re.compile(rb"<(?:!\[CDATA\[|!--|\?|/?(?:item|entry)(?=[\s/>]))")
_ENDS = {b"<![CDATA[": b"]]>", b"<!--": b"-->", b"<?": b"?>"}
# Elements of the head that say when, not what: a head that differs in them alone is the same.
_DATES = re.compile(rb"<((?:\w+:)?(?:lastBuildDate|pubDate|updated|modified|date))\b[^<>]*>[^<>]*</\1\s*>")
_PIECE = 64_000  # bytes that expat gets at a time: no other thread works while it does

Span = tuple[int, int]


class Uncut(Exception):
    """A document cannot be cut, for the reason given: it is to be read as a whole. Never leaves the parser."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """A feed in pieces. `spans` are the byte ranges of its entries, in order."""

    body: bytes
    spans: tuple[Span, ...]
    opening: bytes  # declaration, and the start tags around the entries
    closing: bytes  # the end tags that belong to them

    @property
    def head(self) -> bytes:
        """All that is no entry."""
        edges = [0, *(edge for span in self.spans for edge in span), len(self.body)]
        return b"".join(self.body[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))

    @property
    def has_image(self) -> bool:
        """Whether the feed has an image of its own: feedparser reads the images of entries otherwise then."""
        return b"<image" in self.head

    def hashes(self) -> list[bytes]:
        """A hash of the bytes of each entry, in order."""
        return [short_hash(self.body[start:end]) for start, end in self.spans]

    def of(self, chosen: Collection[int]) -> bytes:
        """A feed of these entries alone, by their numbers, in their order."""
        stub = b"<image></image>" if self.has_image else b""
        entries = (self.body[start:end] for number, (start, end) in enumerate(self.spans) if number in chosen)
        return b"".join((self.opening, stub, *entries, self.closing))


def head_hash(head: bytes) -> bytes:
    """The hash of a head, whatever its dates."""
    return short_hash(_DATES.sub(b"", head))


def cut(document: Document) -> Cuts:
    """The entries of a document, found without reading it as XML. Raises Uncut.

    What is found is right if `check` accepts the document.
    """
    body = document.body
    declaration = _declaration(document)
    spans = _siblings(body) or _exact(body)
    opening, closing = _around(body, spans[0][0])
    return Cuts(body, tuple(spans), declaration + opening, closing)


def check(body: bytes) -> None:
    """Raises Uncut for what is not well-formed, namespaces included: only a lenient parser can read it."""
    _fed(_parser(), body, True)


def _parser() -> expat.XMLParserType:
    """A parser that refuses a DOCTYPE, wherever it is hidden: its entities can stand for megabytes."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def _refuse_doctype(*_: object) -> None:
    raise Uncut("a DOCTYPE")


def _fed(parser: expat.XMLParserType, body: bytes, to_its_end: bool) -> None:
    """Let a parser read a document, or the beginning of one. Raises Uncut."""
    try:
        for start in range(0, len(body), _PIECE):
            parser.Parse(body[start : start + _PIECE], False)
        if to_its_end:
            parser.Parse(b"", True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the latter for an encoding that is none
        raise Uncut(f"not well-formed: {error}") from error


def _tag(body: bytes, start: int) -> re.Match[bytes] | None:
    """The tag that begins there."""
    return _TAG.match(body, start, start + _LONGEST_TAG)


def _declaration(document: Document) -> bytes:
    """The XML declaration, if any. Raises Uncut for an encoding that is not UTF-8, and for a DOCTYPE."""
    if (document.charset or "utf-8").lower() not in _UTF8:
        raise Uncut(f"declared over HTTP as {document.charset}")
    body = document.body
    declaration = _DECLARATION.match(body)
    encoding = _ENCODING.search(declaration[0]) if declaration else None
    if encoding and encoding[1].decode("ascii").lower() not in _UTF8:
        raise Uncut(f"declared as {encoding[1].decode('ascii')}")
    root = _FIRST_ELEMENT.search(body)
    if root is None or b"\0" in body[:4] or body.find(b"<!DOCTYPE", 0, root.start()) >= 0:
        raise Uncut("no element" if root is None else "a DOCTYPE, or UTF-16")
    return declaration[0] if declaration else b""


def _siblings(body: bytes) -> list[Span]:
    """Entries that follow one another with nothing but space between them; none where it is not so simple."""
    spans: list[Span] = []
    start, position = -1, 0
    while token := _TOKEN.search(body, position):
        found = token[0]
        if found in _ENDS:
            end = body.find(_ENDS[found], token.end())
            if end < 0:
                return []
            position = end + len(_ENDS[found])
        elif found.startswith(b"</"):
            position = body.find(b">", token.end()) + 1
            if start < 0 or position == 0:
                return []
            spans.append((start, position))
            start = -1
        else:
            tag = _tag(body, token.start())
            if start >= 0 or tag is None or tag[0].endswith(b"/>"):
                return []
            if spans and body[spans[-1][1] : token.start()].strip():
                return []
            start, position = token.start(), tag.end()
    return spans if start < 0 else []


def _exact(body: bytes) -> list[Span]:
    """Entries wherever they stand in their channel, as expat finds them. Raises Uncut."""
    parser = _parser()
    spans: list[Span] = []
    path: list[tuple[str, int]] = []  # local names and places of open elements outside entries
    parents: set[int] = set()
    depth, start = 0, -1  # inside an entry

    def opened(name: str, _attributes: object) -> None:
        nonlocal depth, start
        local = name.rpartition(" ")[2].lower()
        if depth:
            if local in _ENTRIES:
                raise Uncut("an entry inside an entry")
            depth += 1
        elif local in _ENTRIES:
            if not path or path[-1][0] not in _PARENTS or len(path) > 2:
                raise Uncut("an entry outside of a channel")
            parents.add(path[-1][1])
            depth, start = 1, parser.CurrentByteIndex
        else:
            path.append((local, parser.CurrentByteIndex))

    def closed(_name: str) -> None:
        nonlocal depth
        if depth == 0:
            path.pop()
            return
        depth -= 1
        if depth == 0:
            place = parser.CurrentByteIndex
            # The end of <item/> is announced where it begins on some versions of expat, behind it on others.
            tag = _tag(body, place) if place == start or body.startswith(b"</", place) else None
            if tag is None and place == start:
                raise Uncut("a tag that is too long")
            spans.append((start, tag.end() if tag else place))

    parser.StartElementHandler, parser.EndElementHandler = opened, closed
    _fed(parser, body, True)
    if len(parents) != 1:
        raise Uncut("no entries" if not parents else "entries in several channels")
    return spans


def _around(body: bytes, end: int) -> tuple[bytes, bytes]:
    """The start tags of the elements that are open at a place, and the end tags that close them. Raises Uncut."""
    parser = _parser()
    path: list[tuple[str, int]] = []
    parser.StartElementHandler = lambda name, _: path.append((name.rpartition(" ")[2].lower(), parser.CurrentByteIndex))
    parser.EndElementHandler = lambda _: path.pop()
    _fed(parser, body[:end], False)
    if not 1 <= len(path) <= 2 or path[0][0] not in _ROOTS or path[-1][0] not in _PARENTS:
        raise Uncut("no feed with a known root")
    tags = [tag[0] for _, place in path if (tag := _tag(body, place))]
    if len(tags) != len(path):
        raise Uncut("a start tag that cannot be cut")
    names = [name[1] for tag in tags if (name := _NAME.match(tag))]
    return b"".join(tags), b"".join(b"</" + name + b">" for name in reversed(names))
