"""feedparser, run by hand on text instead of bytes. Pure.

`read` does what `feedparser.parse` does: it tries expat, then expat on the mended text, and reads what is neither
with feedparser's own loose parser. Nothing is opened or fetched.
"""

import re
from typing import Any
from xml.parsers import expat

from feedparser.api import LooseFeedParser, StrictFeedParser
from feedparser.sanitizer import replace_doctype

from aggregator.parsers._handlers import Enough, Handlers
from aggregator.parsers._mending import mended, well_begun

MAX_ATTRIBUTES = 200  # of one element; feedparser's time grows with the square
MAX_DEPTH = 500  # of elements in what is well-formed
_BUFFER = 262_144
_ENTRY = re.compile(rb"<(?:item|entry)(?=[\s/>])")
_INLINE = {("math", "http://www.w3.org/1998/Math/MathML"), ("svg", "http://www.w3.org/2000/svg")}


def read(text: str, url: str | None) -> Any:
    """What feedparser finds in a document: its `feed`, its `entries`, `version`, and `trouble`, an exception or None.

    Of more entries than a parser's `max_entries` it finds the first.
    Raises whatever feedparser does on input that it did not foresee.
    """
    version, data, entities = replace_doctype(well_begun(text).encode())
    trouble: Exception | None = None
    for mend in (lambda text: text, mended):
        strict = _Strict(url or "", None, "utf-8")
        try:
            strict.read(mend(data))
        except (expat.ExpatError, _TooDeep) as error:
            trouble = trouble or error
        except Enough:
            return _found(strict, version, None, _unread(strict, data))
        else:
            return _found(strict, version, None)
    loose = _Loose(url or "", None, "utf-8", entities)
    try:
        loose.feed(data.decode())
    except Enough:
        return _found(loose, version, trouble, _unread(loose, data))
    return _found(loose, version, trouble)


class Found:
    """What was read. A class of its own, since feedparser's dictionaries answer to names that are not there."""

    def __init__(self, feed: Any, entries: list[Any], version: str, trouble: Exception | None, unread: int) -> None:
        self.feed, self.entries, self.version, self.trouble = feed, entries, version, trouble
        self.unread = unread  # entries, as far as they can be counted


def _found(parser: Any, version: str | None, trouble: Exception | None, unread: int = 0) -> Found:
    return Found(parser.feeddata, parser.entries, version or parser.version, trouble, unread)


def _unread(parser: Any, data: bytes) -> int:
    return max(1, len(_ENTRY.findall(data)) - len(parser.entries))


class _TooDeep(Exception):
    """Elements below each other that no feed has. Caught by: read."""


class _Strict(Handlers, StrictFeedParser):  # type: ignore[misc]
    """For what is well-formed. Hears from expat directly: the standard library's reader takes as long as expat."""

    decls: dict[str, str]  # attributes that feedparser wants to see though expat does not bring them

    def read(self, data: bytes) -> None:
        """Raises expat.ExpatError, _TooDeep, and whatever feedparser does."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.namespace_prefixes = parser.buffer_text = parser.ordered_attributes = True
        parser.buffer_size = _BUFFER
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_UNLESS_STANDALONE)
        parser.ExternalEntityRefHandler = lambda *_: 1  # is passed over
        parser.StartNamespaceDeclHandler = self.startPrefixMapping
        parser.StartElementHandler, parser.EndElementHandler = self._started, self._ended
        parser.CharacterDataHandler = self.handle_data
        self._tags: dict[str, str] = {}  # expat's names of elements → feedparser's, where these never change
        parser.Parse(data, True)

    def _started(self, name: str, attributes: list[str]) -> None:
        if self.depth > MAX_DEPTH:
            raise _TooDeep(f"elements deeper than {MAX_DEPTH}")
        named, self.decls = self.decls, {}
        tag = self._tags.get(name) or self._tag(name)
        if tag.endswith(("math", "svg")):
            namespace, _, local = name.partition(" ")
            if (local.split(" ")[0], namespace) in _INLINE:
                named["xmlns"] = namespace
        if len(attributes) <= 2 * MAX_ATTRIBUTES:
            pairs = list(zip(attributes[::2], attributes[1::2], strict=True))
            named |= {self._attribute(attribute): value for attribute, value in pairs}
            named |= {_written(attribute): value for attribute, value in pairs if " " in attribute}
        self.unknown_starttag(tag, list(named.items()))

    def _ended(self, name: str) -> None:
        self.unknown_endtag(self._tags.get(name) or self._tag(name))

    def _tag(self, name: str) -> str:
        """An element by its local name, with feedparser's prefix of its namespace, or the document's."""
        parts = name.split(" ")
        namespace, local = parts[:2] if len(parts) > 1 else ("", name)
        lower = namespace.lower()
        if "backend.userland.com/rss" in lower or lower in self._matchnamespaces:  # of any version
            prefix = self._matchnamespaces.get(lower, "")
            tag = self._tags[name] = (f"{prefix}:{local}" if prefix else local).lower()
            return tag
        in_use = (prefix for prefix, uri in self.namespaces_in_use.items() if prefix and uri == namespace)
        prefix = next(in_use, "") if namespace else ""
        return (f"{prefix}:{local}" if prefix else local).lower()

    def _attribute(self, name: str) -> str:
        namespace, _, local = name.rpartition(" ") if name.count(" ") < 2 else name.rpartition(" ")[0].rpartition(" ")
        prefix = self._matchnamespaces.get(namespace.lower(), "")
        return (f"{prefix}:{local}" if prefix else local).lower()


def _written(attribute: str) -> str:
    """An attribute as the document has it: with its prefix there."""
    _, local, *prefix = attribute.split(" ")
    return ":".join((*prefix, local)).lower()


class _Loose(Handlers, LooseFeedParser):  # type: ignore[misc]
    """For the rest."""

    max_entries = 2000  # it comes third, after two attempts
