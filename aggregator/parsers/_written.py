"""An article as trafilatura finds it, a tree of elements of TEI → HTML, a string for each outermost element. Pure."""

import re
from collections.abc import Iterator
from html import escape
from typing import Any

MAX_DEPTH = 60  # elements of an article below each other; what is deeper loses its elements

_INLINE = {"#b": "strong", "#i": "em", "#u": "u", "#t": "code", "#sub": "sub", "#sup": "sup"}
_LISTS = {"ol": "ol", "dl": "dl"}
_BLOCKS = frozenset("p head list quote code table graphic".split())
_PHRASES = frozenset("hi ref lb del span".split())
_SPACE = re.compile(r"\s+")
_UNEVEN = re.compile(r"[^\S ]|  ")
_BREAKS = re.compile(r"(?:\s*<br>){2,}\s*")
_EDGES = re.compile(r"\A(?:\s|<br>)+|(?:\s|<br>)+\Z")
_HEADING = re.compile(r"(<strong>[^<>]{1,200}</strong>)\s*<br>\s*(?=[^<\s])")  # a bold line that begins a paragraph
_SAVED = re.compile(r"(?:\./)?[^/:?#]{1,250}_(?:files|Dateien|fichiers|archivos|arquivos|bestanden|pliki)/")


def written(body: Any) -> Iterator[str]:
    """Each outermost element; text and phrases between them are paragraphs."""
    loose = [_text(body.text)]
    for child in body:
        if child.tag in _BLOCKS or not (child.tag in _PHRASES or child.tag == "item"):
            yield from _paragraphs("".join(loose))
            loose = []
            yield from _block(child) if child.tag in _BLOCKS else written(child)
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
