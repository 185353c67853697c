"""feedparser, run by hand on text instead of bytes. Pure.

`read` does what `feedparser.parse` does: it tries expat, then expat on the mended text, and reads what is neither
with feedparser's own loose parser. Nothing is opened or fetched.
"""

import io
from typing import Any
from xml.sax import SAXException
from xml.sax.expatreader import ExpatParser
from xml.sax.handler import feature_external_ges, feature_namespaces
from xml.sax.xmlreader import AttributesNSImpl, InputSource

from feedparser.api import LooseFeedParser, StrictFeedParser
from feedparser.sanitizer import replace_doctype

from aggregator.parsers._handlers import Handlers
from aggregator.parsers._mending import mended, well_begun

MAX_ATTRIBUTES = 200  # of one element; feedparser's time grows with the square
MAX_DEPTH = 500  # of elements in what is well-formed
_BUFFER = 262_144


def read(text: str, url: str | None) -> Any:
    """What feedparser finds in a document: its `feed`, its `entries`, `version`, and `trouble`, an exception or None.

    Raises whatever feedparser does on input that it did not foresee.
    """
    version, data, entities = replace_doctype(well_begun(text).encode())
    trouble: Exception | None = None
    for mend in (lambda text: text, mended):
        parser = _Strict(url or "", None, "utf-8")
        try:
            _expat(parser).parse(_source(mend(data)))
        except SAXException as error:
            trouble = trouble or error
        else:
            return _found(parser, version, None)
    loose = _Loose(url or "", None, "utf-8", entities)
    loose.feed(data.decode())
    return _found(loose, version, trouble)


class Found:
    """What was read. A class of its own, since feedparser's dictionaries answer to names that are not there."""

    def __init__(self, feed: Any, entries: list[Any], version: str, trouble: Exception | None) -> None:
        self.feed, self.entries, self.version, self.trouble = feed, entries, version, trouble


def _found(parser: Any, version: str | None, trouble: Exception | None) -> Found:
    return Found(parser.feeddata, parser.entries, version or parser.version, trouble)


def _expat(handler: Any) -> ExpatParser:
    parser = _Expat()
    parser.setFeature(feature_namespaces, 1)
    parser.setFeature(feature_external_ges, 0)
    parser.setContentHandler(handler)
    parser.setErrorHandler(handler)
    return parser


def _source(data: bytes) -> InputSource:
    source = InputSource()
    source.setByteStream(io.BytesIO(data))
    return source


class _Expat(ExpatParser):
    """Hands over text in one piece: the standard library's reader calls back for each line and entity."""

    def reset(self) -> None:
        super().reset()
        parser: Any = self.__dict__["_parser"]  # not in typeshed: the reader has no public way to set it
        parser.buffer_text = True
        parser.buffer_size = _BUFFER


class _Strict(Handlers, StrictFeedParser):  # type: ignore[misc]
    """For what is well-formed."""

    def startElementNS(self, name: Any, qname: Any, attrs: Any) -> None:
        if self.depth > MAX_DEPTH:
            raise SAXException(f"elements deeper than {MAX_DEPTH}")
        if len(attrs) > MAX_ATTRIBUTES:
            attrs = AttributesNSImpl({}, {})
        super().startElementNS(name, qname, attrs)


class _Loose(Handlers, LooseFeedParser):  # type: ignore[misc]
    """For the rest."""
