"""Which lines of a text are the article, and which the furniture of the page around it? Pure.

Behind the article: lines are scored by how much they look like furniture; the best-scoring end of the text that begins
at a marker, or a few lines before one, goes. Before it: a run of short lines that are markers, or lie between such. In
the middle: single lines that are nothing but furniture. Without a marker everything stays: losing article text costs
more than keeping a tail.
"""

import re
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import accumulate

from aggregator.markers import AMID, BEFORE, BEHIND, MENU, Markers, built_in
from aggregator.models import Cut
from aggregator.words import folded, short_hash

CONFIRMED_WITHIN = 6
BODY_SHARE = 0.35  # of the words: before that, a marker alone cuts nothing
LONG = 30  # words: a headline or teaser has fewer, so a longer line is prose even without a full stop
SHORT = 12
MENU_RUN = 3
MOST = 0.6
DENSE = 1 / 6
NAME = 3
WRAPPED = 0.25


@dataclass(frozen=True, slots=True)
class Range:
    """Lines that are furniture, from `start` up to but without `end`, the first line of the text being 0."""

    start: int
    end: int
    reason: str


_SENTENCE_END = re.compile(r"[.!?。！？؟۔]['\"”’»)\]」』]*$")
_ITEM = re.compile(r"(?:[-*•‣▪–—]|\d{1,3}[.)])\s")
_TIMED_END = re.compile(r"(?:END\b\W*)?\d{1,2}[:.]\d\d\s*[AP]\.?M\b.{0,12}$")  # below an official transcript
_ELLIPSIS = re.compile(r"(?:…|\.\.\.)\W*$")
_AFTER_COLON = " '\"”’»)]-–—"
_ADDRESS = re.compile(r"(?:https?://)?(?:www\.)?[\w.+-]{1,60}(?:@[\w-]{1,60}(?:\.[\w-]{1,60}){1,4}|\.(?:com|org|net)/\S{1,200})")
_HAN = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_THAI = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_END = 300  # characters at the end of a line that tell how it ends: a line may be a million long


def line_hash(line: str) -> bytes:
    return short_hash(folded(line).encode("utf-8", "surrogatepass"))


def cut(lines: Sequence[str]) -> Cut | None:
    """Where to cut a text's lines, the first being line 0; None to leave it whole."""
    found = furniture(lines, built_in(), titled=True)
    if found and found[-1].end == len(lines):
        return Cut(found[-1].start, tuple(lines[found[-1].start :]), found[-1].reason)
    return None


def furniture(lines, markers, *, repeated=frozenset(), titled=False):
    counts = [_count(line) for line in lines]
    cont = {n for n in range(len(lines)) if _continues(lines, counts, n)}
    if len(cont) < WRAPPED * len(lines): cont = set()
    kinds = [0 if n in cont else markers.kinds(line) for n, line in enumerate(lines)]
    tail = _tail(lines, counts, kinds, cont)
    return (tail,) if tail else ()


def _tail(lines, counts, kinds, cont):
    marked = {n for n, line in enumerate(lines) if n and (kinds[n] & BEHIND or _ADDRESS.fullmatch(line.strip()))}
    marked |= _menus(lines, counts, kinds)
    if not marked:
        return None
    scores = [-1.0 if n in cont or n+1 in cont else 3.0 if n in marked or kinds[n] & AMID else _score(line, counts[n]) for n, line in enumerate(lines)]
    sums = list(accumulate(reversed(scores)))[::-1]
    best, start = 0.0, 0
    for n in range(len(lines) - 1, 0, -1):
        if n in marked and sums[n] > best:
            best, start = sums[n], n
    total = sum(counts)
    if start:
        return Range(_stretch(start, counts, scores), len(lines), f"looks like furniture, as {_quoted(lines[start])} confirms")
    before = 0
    for n, count in enumerate(counts):
        if n in marked and not kinds[n] & AMID and before >= BODY_SHARE * total and dense(marked, n, len(lines)):
            return Range(n, len(lines), "marks")
        before += count
    return None


def _stretch(start, counts, scores):
    n = start
    while n > 1 and start - n <= CONFIRMED_WITHIN and counts[n - 1] <= NAME and scores[n - 1] > 0:
        n -= 1
    return n if start - n <= CONFIRMED_WITHIN else start


def dense(marked, n, end):
    return sum(m >= n for m in marked) >= DENSE * (end - n)


def _continues(lines, counts, n):
    """Whether a line goes on with the sentence of the line before, as where a text is wrapped."""
    line = lines[n].lstrip()
    return n > 0 and line[:1].islower() and counts[n-1] > 3 and not _SENTENCE_END.search(lines[n - 1][-_END:])


def _menus(lines, counts, kinds):
    found = set()
    run = []
    for n in range(1, len(lines) + 1):
        if n < len(lines) and counts[n] <= 4 and not _SENTENCE_END.search(lines[n][-_END:]):
            run.append(n)
            continue
        menu = [m for m in run if kinds[m] & MENU]
        if len(menu) >= MENU_RUN:
            found.update(menu)
        run = []
    return found


def _count(line: str) -> int:
    count = len(line.split())
    if line.isascii():
        return count
    return count + len(_HAN.findall(line)) // 2 + len(_THAI.findall(line)) // 5


def _score(line: str, count: int) -> float:
    """How much a line that is no marker looks like furniture: above zero it does, below it looks like prose."""
    end = line[-_END:]
    ends = bool(_SENTENCE_END.search(end))
    announces = end.rstrip(_AFTER_COLON).endswith(":")  # a list
    if not ends and (count > LONG or announces or _ITEM.match(line) or _TIMED_END.match(line)):
        return -1.0
    if _ELLIPSIS.search(end):
        return 1.0
    if count <= SHORT and not ends:
        return 0.8
    if not ends:
        return 0.2
    return -1.0 if count <= SHORT else -min(4.0, count / 6)


def _quoted(line: str) -> str:
    return f"“{line.strip()[:60]}”"
