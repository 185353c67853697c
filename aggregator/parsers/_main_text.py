"""The article of a page, without the page → HTML with a paragraph, list, quotation … for each outermost element. Pure.

trafilatura finds it; what it answers, a tree of elements of TEI, is written as HTML here. Nothing is ever fetched. It
is loaded by `load` and at the first use, since that takes long.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from itertools import islice
from typing import TYPE_CHECKING, Any

from lxml import etree
from lxml.html import HTMLParser, document_fromstring

from aggregator.errors import DocumentError
from aggregator.markup import MAX_HTML, legal

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
MAX_TAGS = 400_000  # with those that are written in scripts: above, a page is not even parsed
MAX_ELEMENTS = 50_000  # of which trafilatura takes three seconds
MANY_ELEMENTS = 15_000  # above, trafilatura alone is asked: what it asks besides takes time by the square of paragraphs
LONG_TAG, MAX_ATTRIBUTES, MAX_ATTRIBUTE = 5000, 50, 2000  # characters of a tag, attributes, characters of one
MANY_ATTRIBUTES = 200_000  # in all, with what looks like one in scripts
MAX_SPANS, MAX_SPAN = 1000, 20  # cells that cover several places of a table, and how many
MAX_TABLES = 500  # that are looked at
LONG_CELL, PARAGRAPHS = 400, 3  # characters, and breaks, of a cell that is no cell of a table of facts
MAX_DEPTH = 60  # elements of an article below each other; what is deeper loses its elements

_INLINE = {"#b": "strong", "#i": "em", "#u": "u", "#t": "code", "#sub": "sub", "#sup": "sup"}
_LISTS = {"ol": "ol", "dl": "dl"}
_BLOCKS = frozenset("p head list quote code table graphic".split())
_PHRASES = frozenset("hi ref lb del span".split())
_SPACE = re.compile(r"\s+")
_UNEVEN = re.compile(r"[^\S ]|  ")
_BREAKS = re.compile(r"(?:\s*<br>){2,}\s*")
_TAG = re.compile(
    r"""<([a-zA-Z][^\s/>]{0,100}+)((?:[^>=]++|=\s*+(?:"[^"]*+"?|'[^']*+'?|[^\s>]*+))*+)>?"""
)  # HTML §13.2.5; what it matches it passes, so that all takes linear time
_ATTRIBUTE = re.compile(r"""[^\s/=>"']{1,100}+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"']*+))?""")
_QUOTED_END = re.compile(r"""=\s*(?:"[^">]*>|'[^'>]*>)""")
_EDGES = re.compile(r"\A(?:\s|<br>)+|(?:\s|<br>)+\Z")
_HEADING = re.compile(r"(<strong>[^<>]{1,200}</strong>)\s*<br>\s*(?=[^<\s])")  # a bold line that begins a paragraph
_NOWHERE = re.compile(r'(?:<figure>)?<img src="(?!https?://)[^"]*"[^<>]*>(?:</figure>\n?)?')
_SAVED = re.compile(r"(?:\./)?[^/:?#]{1,250}_(?:files|Dateien|fichiers|archivos|arquivos|bestanden|pliki)/")


@cache
def load() -> None:
    """Import trafilatura, and let it say nothing of pages it cannot read."""
    import trafilatura

    for name in ("trafilatura", "htmldate", "justext"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    trafilatura.bare_extraction("<html><body><p>Loads what is loaded when it is first used.</p></body></html>")


def tree_of(text: str, name: str) -> Any:
    """The elements of a page. Raises DocumentError for one that has too many, or none."""
    if text.count("<") > MAX_TAGS:
        raise DocumentError(f"{name}: a page of more than {MAX_TAGS:,} tags")
    parser = HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, collect_ids=False)
    try:
        tree = document_fromstring(_with_short_tags(legal(text)).encode(), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise DocumentError(f"{name}: a page without a single element") from error
    if _count(tree) > MAX_ELEMENTS:
        raise DocumentError(f"{name}: a page of more than {MAX_ELEMENTS:,} elements")
    return tree


def _count(tree: Any) -> int:
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


def main_text(tree: Any, base: str | None, *, is_live: bool = False) -> list[str]:
    """The outermost elements of the article that stands in a page's tree; none where nothing is found.

    `base`: what relative links are relative to; without one, relative pictures go. `is_live`: each `<article>` is but a
    part of the article. The tree is changed where that helps: it is of no other use afterwards.
    """
    from trafilatura import bare_extraction

    _without_layout(tree)
    _without_large_spans(tree)
    _without_double_breaks(tree)
    for part in list(tree.iter("article", "time")) if is_live else ():
        part.tag = "div" if part.tag == "article" else "span"  # trafilatura takes one article, and no times
        part.attrib.clear()
    try:
        found = bare_extraction(tree, options=_extractor(_count(tree) > MANY_ELEMENTS))
    finally:
        _forget()
    if found is None or isinstance(found, dict):
        return []
    return list(_beginning(_written(found.body), base))


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


def _written(body: Any) -> Iterator[str]:
    """Each outermost element; text and phrases between them are paragraphs."""
    loose = [_text(body.text)]
    for child in body:
        if child.tag in _BLOCKS or not (child.tag in _PHRASES or child.tag == "item"):
            yield from _paragraphs("".join(loose))
            loose = []
            yield from _block(child) if child.tag in _BLOCKS else _written(child)
        else:
            loose.append(_phrase(child, 0))
        loose.append(_text(child.tail))
    yield from _paragraphs("".join(loose))


def _block(element: Any) -> Iterator[str]:
    if element.tag == "p":
        yield from _paragraphs(_inside(element, 0))
    elif element.tag == "graphic":
        picture = _picture(element)
        if picture:
            yield f"<figure>{picture}</figure>"
    else:
        written = _element(element, 0)
        if written:
            yield written


def _paragraphs(html: str) -> Iterator[str]:
    """Paragraphs of phrases; pages of old separate them by two line breaks."""
    pieces = _BREAKS.split(_HEADING.sub(r"\1<br><br>", html, count=1)) if "<br>" in html else [html]
    for piece in pieces:
        line = (_EDGES.sub("", piece) if "<br>" in piece else piece).strip()
        if line.startswith("<img ") and line.find(">") == len(line) - 1:
            yield f"<figure>{line}</figure>"
        elif line:
            yield f"<p>{line}</p>"


def _element(element: Any, depth: int) -> str:
    """A block with all that is in it."""
    tag = {"head": element.get("rend", "h2"), "list": _LISTS.get(element.get("rend", ""), "ul")}.get(element.tag, "")
    tag = tag or {"quote": "blockquote", "code": "pre", "table": "table", "p": "p"}.get(element.tag, "div")
    inside = _code(element) if tag == "pre" else _inside(element, depth)
    return f"<{tag}>{inside}</{tag}>" if inside.strip() else ""


def _inside(element: Any, depth: int) -> str:
    parts = [_text(element.text)]
    for child in element:
        parts += (_phrase(child, depth + 1), _text(child.tail))
    return "".join(parts).strip()


def _phrase(element: Any, depth: int) -> str:
    """An element inside of another."""
    tag = element.tag
    if tag == "lb":
        return "<br>"
    if tag == "graphic":
        return _picture(element)
    if depth > MAX_DEPTH:
        return _text(" ".join(element.itertext()))
    inside = _inside(element, depth)
    if tag == "ref":
        target = element.get("target") or ""
        return f'<a href="{escape(target)}">{inside}</a>' if target and inside else inside
    if tag == "hi":
        name = _INLINE.get(element.get("rend", ""))
        return f"<{name}>{inside}</{name}>" if name and inside else inside
    if tag in ("quote", "code") and _is_in_a_line(element):
        name = "q" if tag == "quote" else "code"
        return f"<{name}>{inside}</{name}>" if inside else ""
    if tag in ("del", "row"):
        name = "tr" if tag == "row" else "del"
        return f"<{name}>{inside}</{name}>" if inside else ""
    if tag == "item":
        name = (element.get("rend") or "li")[:2]
        return f"<{name}>{inside}</{name}>"
    if tag == "cell":
        name = "th" if element.get("role") == "head" else "td"
        return f"<{name}>{inside}</{name}>"
    return _element(element, depth) if tag in _BLOCKS else inside


def _is_in_a_line(element: Any) -> bool:
    parent = element.getparent()
    return parent is not None and parent.tag in ("p", "head", "hi", "ref")


def _code(element: Any) -> str:
    return escape("".join(element.itertext()).strip("\n"), quote=False)


def _picture(element: Any) -> str:
    """A picture, but for one that a browser has saved beside its page: that is nowhere on the web."""
    source = element.get("src") or element.get("data-src") or ""
    if not source or source.startswith("data:") or _SAVED.match(source):
        return ""
    said = "".join(f' {name}="{escape(value)}"' for name in ("alt", "title") if (value := element.get(name)))
    return f'<img src="{escape(source)}"{said}>'


def _text(text: str | None) -> str:
    if not text:
        return ""
    return escape(_SPACE.sub(" ", text) if _UNEVEN.search(text) else text, quote=False)
