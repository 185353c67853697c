"""RSS 0.9x–2.0, RDF, Atom and CDF, read by feedparser."""

from aggregator import sniff
from aggregator.models import Document, Parsed
from aggregator.parsers import _feedparser
from aggregator.parsers._newest import newest
from aggregator.registry import Parser

MAX_ENTRIES = 2000


def parse(document: Document) -> Parsed:
    """The entries of a feed, of more than MAX_ENTRIES the newest. Raises DocumentError for what is no feed."""
    found, head = _feedparser.parse(document)
    kept, dropped = newest(found, MAX_ENTRIES)
    entries = tuple(_feedparser.inheriting(entry, head.inherited) for entry in kept)
    return Parsed(entries, head.advice, head.title, head.format, dropped=dropped)


PLUGIN = Parser(frozenset({sniff.FEED}), parse)
