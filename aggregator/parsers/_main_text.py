"""The article of a page, without the page → HTML with a paragraph, list, quotation … for each outermost element. Pure.

trafilatura finds it in what `_tree` makes of a page; `_written` makes HTML of its answer. Nothing is ever fetched. It
is loaded by `load` and at the first use, since that takes long.
"""

import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from lxml import etree

from aggregator.markup import MAX_HTML, paragraphs
from aggregator.parsers import _tree
from aggregator.parsers._written import written

if TYPE_CHECKING:
    from trafilatura.settings import Extractor

# Measured on tests/golden/html, see docs/parsing.md: precision loses short articles and lists, recall keeps furniture.
_OPTIONS: dict[str, Any] = {"comments": False, "formatting": True, "links": True, "images": True, "tables": True}
# What trafilatura and its helpers may raise on a page that nobody has thought of. RecursionError is a RuntimeError.
BUGS = (
    ValueError,
    AttributeError,
    LookupError,
    TypeError,
    RuntimeError,
    AssertionError,
    ArithmeticError,
    etree.LxmlError,
)
MANY_ELEMENTS = 15_000  # above, trafilatura alone is asked: what it asks besides takes time by the square of paragraphs
_NOWHERE = re.compile(r'(?:<figure>)?<img src="(?!https?://)[^"]*"[^<>]*>(?:</figure>\n?)?')


@cache
def load() -> None:
    """Import trafilatura, and let it say nothing of pages it cannot read."""
    import trafilatura

    for name in ("trafilatura", "htmldate", "justext"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"dateutil|dateparser")  # of zones that nobody knows
    trafilatura.bare_extraction("<html><body><p>Loads what is loaded when it is first used.</p></body></html>")


def main_text(tree: Any, base: str | None, *, is_live: bool = False) -> list[str]:
    """The outermost elements of the article that stands in a page's tree; none where nothing is found.

    `base`: what relative links are relative to; without one, relative pictures go. `is_live`: each `<article>` is but a
    part of the article. The tree is changed where that helps: it is of no other use afterwards.
    """
    from trafilatura import bare_extraction

    _tree.prepare(tree)
    for part in list(tree.iter("article", "time")) if is_live else ():
        part.tag = "div" if part.tag == "article" else "span"  # trafilatura takes one article, and no times
        part.attrib.clear()
    headings = _headings(tree)
    try:
        found = bare_extraction(tree, options=_extractor(_tree.count(tree) > MANY_ELEMENTS))
    finally:
        _forget()
    if found is None or isinstance(found, dict):
        return []
    return list(_beginning(_with_headings(list(written(found.body)), headings), base))


def _headings(tree: Any) -> dict[str, str]:
    """Headings as HTML, by the text of the paragraph right behind each."""
    found: dict[str, str] = {}
    for heading in tree.iter("h2", "h3", "h4"):
        behind = heading.getnext()
        if behind is not None and behind.tag == "p" and (text := _text(heading)):
            found[_text(behind)] = f"<{heading.tag}>{escape(text)}</{heading.tag}>"
    return found


def _text(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


def _with_headings(parts: list[str], headings: dict[str, str]) -> Iterator[str]:
    """The parts of an article, with its headings where trafilatura has taken nothing but paragraphs."""
    is_bare = headings and all(part.startswith("<p>") for part in parts)
    for part in parts:
        heading = headings.get(" ".join(paragraphs(part))) if is_bare else None
        if heading:
            yield heading
        yield part


def _beginning(parts: Iterable[str], base: str | None) -> Iterator[str]:
    """As much as an article may hold."""
    length = 0
    for part in parts:
        if length >= MAX_HTML:
            return
        length += len(part)
        kept = _NOWHERE.sub("", part) if base is None and "<img" in part else part
        if kept:
            yield kept[:MAX_HTML]


@cache
def _extractor(fast: bool) -> "Extractor":
    from trafilatura.settings import Extractor

    load()
    return Extractor(output_format="html", fast=fast, **_OPTIONS)  # "python" would write its text, too


def _forget() -> None:
    """What one page said is no business of the next, and its long lines stay nowhere."""
    from htmldate.extractors import try_date_expr
    from trafilatura.utils import line_processing, trim

    for remembering in (trim, line_processing, try_date_expr):
        remembering.cache_clear()
