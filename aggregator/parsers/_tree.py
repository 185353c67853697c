"""The elements of a page, in a form and number that take those who look for its article little time.

trafilatura and its helpers stumble over tables that lay a page out, large spans, and line breaks for paragraphs.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from lxml import etree
from lxml.html import HTMLParser, document_fromstring

from aggregator.errors import DocumentError
from aggregator.markup import legal

MAX_TAGS = 400_000  # with those that are written in scripts: above, a page is not even parsed
MAX_ELEMENTS = 50_000  # of which trafilatura takes three seconds
LONG_TAG, MAX_ATTRIBUTES, MAX_ATTRIBUTE = 5000, 50, 2000  # characters of a tag, attributes, characters of one
MANY_ATTRIBUTES = 200_000  # in all, with what looks like one in scripts
MAX_SPANS, MAX_SPAN = 1000, 20  # cells that cover several places of a table, and how many
MAX_TABLES = 500  # that are looked at
LONG_CELL, PARAGRAPHS = 400, 3  # characters, and breaks, of a cell that is no cell of a table of facts

_TAG = re.compile(
    r"""<([a-zA-Z][^\s/>]{0,100}+)((?:[^>=]++|=\s*+(?:"[^"]*+"?|'[^']*+'?|[^\s>]*+))*+)>?"""
)  # HTML §13.2.5; what it matches it passes, so that all takes linear time
_ATTRIBUTE = re.compile(r"""[^\s/=>"']{1,100}+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"']*+))?""")
_QUOTED_END = re.compile(r"""=\s*(?:"[^">]*>|'[^'>]*>)""")


def tree_of(text: str, name: str) -> Any:
    """The elements of a page. Raises DocumentError for one that has too many, or none."""
    if text.count("<") > MAX_TAGS:
        raise DocumentError(f"{name}: a page of more than {MAX_TAGS:,} tags")
    parser = HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, collect_ids=False)
    try:
        tree = document_fromstring(_with_short_tags(legal(text)).encode(), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise DocumentError(f"{name}: a page without a single element") from error
    if count(tree) > MAX_ELEMENTS:
        raise DocumentError(f"{name}: a page of more than {MAX_ELEMENTS:,} elements")
    return tree


def count(tree: Any) -> int:
    """Of its elements."""
    return int(tree.xpath("count(//*)"))


def _with_short_tags(text: str) -> str:
    """Endless tags with their first attributes only: the time that a tag takes grows with their number's square."""
    many = text.count("=") > MANY_ATTRIBUTES  # each takes memory, too
    if not many and max(map(len, text.split(">"))) <= LONG_TAG and not _QUOTED_END.search(text):
        return text
    longest = LONG_TAG // 10 if many else LONG_TAG
    return _TAG.sub(lambda tag: tag[0] if len(tag[0]) <= longest else _shortened(tag), text)


def _shortened(tag: re.Match[str]) -> str:
    attributes = islice(_ATTRIBUTE.finditer(tag[2]), MAX_ATTRIBUTES)
    return f"<{tag[1]} {' '.join(part[0] for part in attributes if len(part[0]) <= MAX_ATTRIBUTE)}>"


def prepare(tree: Any) -> None:
    """Change the tree where that helps."""
    _without_layout(tree)
    _without_large_spans(tree)
    _without_double_breaks(tree)


def _without_layout(tree: Any) -> None:
    """Tables that lay a page out become what they would be today."""
    for table in list(tree.iter("table"))[:MAX_TABLES]:
        parts = list(_parts(table))
        cells = [part for part in parts if part.tag == "td"]
        if table.find(".//table") is not None or any(map(_holds_an_article, cells)):
            for part in (table, *parts):
                part.tag = "div"
                part.attrib.clear()


def _without_large_spans(tree: Any) -> None:
    """trafilatura writes a cell for each place of a table that a span covers."""
    spans = [(cell, name) for cell in tree.iter("td", "th") for name in ("colspan", "rowspan") if name in cell.attrib]
    for number, (cell, name) in enumerate(spans):
        value = cell.get(name)
        if number >= MAX_SPANS or not (value.isdecimal() and len(value) < 3 and int(value) <= MAX_SPAN):
            del cell.attrib[name]


def _without_double_breaks(tree: Any) -> None:
    """Two line breaks in a paragraph are the end of it. From the last one on, so that nothing is moved twice."""
    for first in reversed(list(tree.iter("br"))):
        around, second = first.getparent(), first.getnext()
        if around is None or around.tag != "p" or second is None or second.tag != "br" or (first.tail or "").strip():
            continue
        behind = around.makeelement("p")
        behind.text = second.tail
        behind.extend(second.itersiblings())
        second.tail = first.tail = None
        around.remove(second)
        around.remove(first)
        around.addnext(behind)


def _parts(table: Any) -> Iterator[Any]:
    """Rows and cells of a table, without those of tables inside of it."""
    for part in table:
        if part.tag in ("tbody", "thead", "tfoot", "tr", "td", "th"):
            yield part
            yield from _parts(part) if part.tag not in ("td", "th") else ()


def _holds_an_article(cell: Any) -> bool:
    breaks = sum(1 for _ in islice(cell.iter("br", "p", "div"), PARAGRAPHS))
    return breaks == PARAGRAPHS and len("".join(cell.itertext())) > LONG_CELL
