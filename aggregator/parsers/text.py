"""An article as plain text: its title on the first line, then paragraphs, then whatever the page had behind it.

Facts may stand before it as front matter, beside it, or in it: see `_facts.py`. In any encoding: see `_decoding.py`.
"""

from aggregator import sniff
from aggregator.errors import DocumentError
from aggregator.furniture import FIRST_LINE
from aggregator.markup import MAX_HTML
from aggregator.models import Document, Entry, Markup, Parsed
from aggregator.parsers._decoding import decoded
from aggregator.parsers._facts import completed, front_matter, with_facts
from aggregator.plaintext import unified
from aggregator.registry import Parser

QUICK_BYTES = 64_000
_MOST_BYTES = 4 * MAX_HTML + 8  # of a text that fits: in UTF-32


def parse(document: Document) -> Parsed:
    """One entry. Raises DocumentError for a text too long for one article, and for facts beside it that are wrong."""
    text = written(document)
    facts, body, told = front_matter(text)
    entry = Entry(guid=document.identity, base=document.url, content=Markup(body.strip("\n")), framed=True)
    if facts is not None:
        entry = with_facts(entry, facts)
    if not entry.title:
        told["title"] = FIRST_LINE
    return Parsed((completed(entry, document, told, body.split("\n")),))


def written(document: Document) -> str:
    """The text of a document, with one kind of line end. Raises DocumentError where clean would cut it short."""
    fits = len(document.body) <= _MOST_BYTES
    text = unified(decoded(document.body, document.charset)) if fits else ""
    if not fits or len(text) > MAX_HTML:
        raise DocumentError(f"{document.name}: longer than {MAX_HTML:,} characters: split it into several files")
    return text


PLUGIN = Parser(frozenset({sniff.TEXT}), parse, is_quick=lambda document: len(document.body) <= QUICK_BYTES)
