"""Plain text → its paragraphs. Pure.

A line is a paragraph, unless its block was wrapped at a margin: then each line is so full that the next one's first
word would not have fitted, and most of them end amid a sentence. What is indented, or begins like an item of a list,
begins a paragraph of its own. Columns are counted, so it holds for Chinese and Japanese, whose lines are joined
without a space.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

_LINE_ENDS = re.compile("\r\n|[\r\u2028]")
_PARAGRAPH_ENDS = re.compile("[\f\u2029]")
_INVISIBLE = re.compile("\u00ad\n?|\ufeff")  # soft hyphens, and marks of byte order amid a text
_BLANK = re.compile(r"\n\s*\n")
_SPACES = re.compile(r"[ \t\u3000]+")
_INDENT = re.compile(r"[ \t\u3000]*")
_ITEM = re.compile(r"(?:[-*+•‣·–—▪●■□►]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s+\S")
_SENTENCE_END = re.compile(r"[.!?…:;。！？：；؟۔।][\"'”’»“)\]」』）]*$")
_UNSPACED = re.compile("[\u3001-\u303f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff60\u0e00-\u0eff]")
_MARGINS = range(55, 101)  # columns
_FULL = 0.88  # of the margin: people and programs fill lines so far
ENDING = 200  # characters of a text that tell whether it breaks off
_BROKEN_OFF = re.compile(r"(?:…|\.{3})[ \])）」”\"’']*(?:\n+[^\n]{0,150})?$")


def unified(text: str) -> str:
    """The text with one kind of line end, blank lines between pages, and without what nobody sees."""
    return _INVISIBLE.sub("", _PARAGRAPH_ENDS.sub("\n\n", _LINE_ENDS.sub("\n", text)))


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a unified text, a line each. No-break spaces stay; others, and line ends, become one space."""
    pieces = [piece for block in _BLANK.split(text) for piece in _pieces(block)]
    margin = max((_margin(piece) for piece in pieces if _is_wrapped(piece)), default=0)
    found: list[str] = []
    for piece in pieces:
        fits = margin and _is_full(piece, margin) and _margin(piece) <= margin + 2
        found += [_joined(piece)] if fits or _is_wrapped(piece) else piece
    return found


def breaks_off(text: str) -> bool:
    """Whether a text ends in dots, as excerpts do; a short last paragraph behind them may say where it goes on."""
    return _BROKEN_OFF.search(text[-ENDING:].rstrip()) is not None


def _pieces(block: str) -> Iterator[list[str]]:
    """The lines of a block, parted where a line begins a paragraph by its indentation, or an item."""
    raw = [line for line in block.split("\n") if line.strip()]
    begins = [number for number in _beginnings(raw) if number > 0]
    lines = [_SPACES.sub(" ", line).strip() for line in raw]
    for start, end in pairwise([0, *begins, len(lines)]):
        if start < end:
            yield lines[start:end]


def _beginnings(raw: Sequence[str]) -> list[int]:
    depths = [len(_INDENT.match(line)[0].expandtabs()) for line in raw]  # type: ignore[index]  # it matches nothing, too
    least = min(depths, default=0)
    indented = [number for number, depth in enumerate(depths) if depth > least]
    items = [number for number, line in enumerate(raw) if _ITEM.match(line.strip())]
    if items and (items[0] == 0 or len(items) > 1):
        return items
    hanging = depths[:1] == [least] and len(indented) == len(raw) - 1 > 1
    return [] if hanging else indented


def _is_wrapped(lines: Sequence[str]) -> bool:
    """Whether a block shows by itself that it is one paragraph."""
    margin = _margin(lines)
    if len(lines) < 2 or margin not in _MARGINS or not _is_full(lines, margin):
        return False
    ended = sum(_SENTENCE_END.search(line) is not None for line in lines[:-1])
    return ended * 2 < len(lines) - 1 + (len(lines) > 2) and any(not line[0].isupper() for line in lines[1:])


def _is_full(lines: Sequence[str], margin: int) -> bool:
    """Whether lines end where the next word would not have fitted; a few may end elsewhere amid a sentence."""
    short = [(line, other) for line, other in pairwise(lines) if not _fills(line, other, margin)]
    return len(short) * 2 < len(lines) and all(
        other[0].islower() and not _SENTENCE_END.search(line) for line, other in short
    )


def _fills(line: str, other: str, margin: int) -> bool:
    return _width(line) + 1 + _width(_first_word(other)) >= _FULL * margin


def _margin(lines: Sequence[str]) -> int:
    return max(map(_width, lines))


def _width(line: str) -> int:
    """In columns: signs of East Asia take two."""
    if line.isascii() or len(line) > _MARGINS.stop:
        return len(line)
    return sum(1 + (unicodedata.east_asian_width(sign) in "WF") for sign in line)


def _first_word(line: str) -> str:
    return line[0] if _UNSPACED.match(line) else line.split(" ", 1)[0]


def _joined(lines: Sequence[str]) -> str:
    text = lines[0]
    for line in lines[1:]:
        text += line if _UNSPACED.match(text[-1]) and _UNSPACED.match(line) else f" {line}"
    return text
