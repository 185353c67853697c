"""A page that was saved: the article on it, without the page.

The text is what trafilatura finds (`_main_text`), title, date and authors are what the page says of itself (`_page`),
else what stands on it. A page that asks for something (JavaScript, consent, proof) in the place of an article is
refused, and so is one without a text.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from html import escape
from typing import Any

from aggregator import sniff
from aggregator.errors import DocumentError
from aggregator.markup import paragraphs, safe_html
from aggregator.models import Category, Document, Entry, Link, Markup, Origin, Parsed
from aggregator.parsers._dates import date
from aggregator.parsers._decoding import decoded_page
from aggregator.parsers._facts import completed
from aggregator.parsers._main_text import BUGS, load, main_text
from aggregator.parsers._page import Page, page, people
from aggregator.parsers._tree import tree_of
from aggregator.registry import Parser
from aggregator.words import folded

MIN_TEXT = 60  # characters: what is shorter is no article, but what is left of a page
SHORT_TEXT = 700  # characters up to which a page may be one that only asks for something
MARKUP = 8  # times as long as its text is little HTML
LINES = 6  # of the beginning and of the end, where a byline or a source may stand
HEAD, HEAD_WORDS = 5, 12  # blocks, and words before the title, of an article's head
MAX_DATE = 80  # characters of a line with a date

_AND = frozenset("and und et y e и".split())
_FIGURES = re.compile(r"[\d.,:/ 年月日時时分-]{6,25}")  # a date or a time
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_ASKS = re.compile(
    r"(?:enable|activate|turn on|requires?|without|disabled) (?:java ?script|cookies)"
    r"|java ?script (?:is|to be|must be|needs to be|muss|ist) \w+|(?:activez|activar|включите) \W?java ?script"
    r"|(?:accept|manage|use[sd]?) (?:all |our |your )?cookies|verify(?:ing)? (?:that )?you are (?:a )?human"
    r"|checking your browser|access denied|are you a robot|your privacy choices",
    re.IGNORECASE,
)
_WHAT_TO_DO = "say `read_as: text` if it is none, else drop its text, or save it from a browser that shows the article"


def parse(document: Document) -> Parsed:
    """One entry. Raises DocumentError where no article is found, and for pages that only ask for something."""
    maker = sniff.challenge({}, document.body)
    if maker:
        raise DocumentError(f"{document.name}: a page that wants proof that we are no robot ({maker})", "challenge")
    text = decoded_page(document.body, document.charset)
    tree = tree_of(text, document.name)
    try:
        return Parsed((_read(tree, text, document),), format="an HTML page")
    except BUGS as error:
        raise DocumentError(f"{document.name}: the page cannot be read: {type(error).__name__}: {error}") from error


def _read(tree: Any, text: str, document: Document) -> Entry:
    said = page(tree, text, document.url)
    if said.published_at is None:
        said = replace(said, **_found_date(tree, said, document.modified_at))
    if not said.authors:
        said = replace(said, **_found_authors(tree, said))
    found = main_text(tree, said.base, is_live=said.is_live)
    kept = _without_head(found, said)
    _refuse_stub(kept, document.name)
    return _entry(said, kept, found, document)


def _refuse_stub(found: Sequence[str], name: str) -> None:
    """Raises DocumentError for an article's elements that hold too little text, or only ask for something."""
    if sum(map(len, found)) > MARKUP * SHORT_TEXT:
        return
    text = " ".join(paragraphs("\n".join(found)))
    if len(text) <= SHORT_TEXT and _ASKS.search(text):
        raise DocumentError(
            f"{name}: a page that asks for JavaScript, cookies or the like, and no article: {text[:80]}…"
        )
    if len(text) < MIN_TEXT:
        raise DocumentError(f"{name}: no article is found on this page; {_WHAT_TO_DO}")


def _without_head(found: list[str], said: Page) -> list[str]:
    """The article's elements without those of its head: what stands before the title, a byline, a date."""
    if said.body and (len(found) < 2 or sum(map(len, found)) < len(said.body) / 2):
        return [f"<p>{escape(line, quote=False)}</p>" for line in _lines_of(said.body)]
    texts = [" ".join(paragraphs(part)) for part in found[: 2 * HEAD]]
    title = next((number for number, text in enumerate(texts[:HEAD]) if _says(text, said.title)), 0)
    first = title if sum(len(text.split()) for text in texts[:title]) <= HEAD_WORDS else 0
    authors = _words(" ".join(said.authors))
    gone = {
        number for number, text in enumerate(texts[: first + HEAD]) if number < first or _is_head(text, said, authors)
    }
    return [part for number, part in enumerate(found) if number not in gone]


def _lines_of(body: str) -> list[str]:
    if "</p>" in body:
        return paragraphs(safe_html(body, None))
    return [line for part in body.split("\n") if (line := " ".join(part.split()))]


def _says(line: str, title: str) -> bool:
    """Whether a line is the title; one that is twice as long is not even compared."""
    return bool(line) and len(line) <= 2 * len(title) and folded(line) == folded(title)


def _is_head(line: str, said: Page, authors: set[str]) -> bool:
    """Whether a line says nothing but who wrote the article, or when."""
    if _FIGURES.fullmatch(line) or (len(line) <= MAX_DATE and line in said.lines and _YEAR.search(line)):
        return True
    return bool(authors) and _words(" ".join(people([line]))) == authors


def _words(names: str) -> set[str]:
    return set(folded(names).split()) - _AND


def _entry(said: Page, kept: list[str], found: list[str], document: Document) -> Entry:
    first, last = ([line for part in parts for line in paragraphs(part)] for parts in (found[:LINES], found[-LINES:]))
    entry = Entry(
        guid=document.identity,
        link=said.link,
        links=(Link(said.link),) if said.link else (),
        base=said.base,
        title=Markup(said.title),
        subtitle=Markup("" if said.subtitle in first else said.subtitle),
        summary=Markup(said.description),
        content=Markup("\n".join(kept), html=True),
        authors=said.authors,
        categories=tuple(map(Category, said.categories)),
        published_at=said.published_at,
        updated_at=said.updated_at,
        language=said.language,
        thumbnail=said.thumbnail,
        origin=Origin(said.site) if said.site else None,
        licence=said.licence,
        framed=True,
    )
    return completed(entry, document, said.told, [*said.lines, *first[:LINES], *last[-LINES:]])


def _found_date(tree: Any, said: Page, latest: datetime | None) -> dict[str, Any]:
    """The day that htmldate finds: in addresses, and in elements that are named after it. None is after `latest`."""
    from htmldate import find_date

    found = date(find_date(tree, extensive_search=False, original_date=True, url=said.link, max_date=latest))
    return {"published_at": found, "told": {**said.told, "published": "page"}} if found else {}


def _found_authors(tree: Any, said: Page) -> dict[str, Any]:
    """Those whom trafilatura finds in elements that are named after them."""
    from trafilatura.metadata import extract_author

    found = people((extract_author(tree) or "").split("; "))
    return {"authors": found, "told": {**said.told, "author": "page"}} if found else {}


PLUGIN = Parser(frozenset({sniff.HTML}), parse, prepare=load)
