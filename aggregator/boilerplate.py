"""Which lines of a text are the article, and which the furniture of the page around it? Pure.

Behind the article: lines are scored by how much they look like furniture; of the ends of the text that begin at a
marker, the best-scoring one goes, with the names directly before it (of an author, of tags, of sections). Sentences go
with it only if markers outweigh them; those that stand before and amid articles, too, say nothing of what follows.
Before it: short lines at the top that are markers, or names between such; never the title. In the middle: lines that
are markers of the kind that stands by itself. Lines of other texts prove themselves and what is such around them,
nothing else. Without a marker everything stays: losing article text costs more than keeping some furniture.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby, pairwise

from aggregator.markers import AMID, BEFORE, BEHIND, LONGEST, MENU, Markers
from aggregator.words import folded, short_hash

NAME = 3  # words: the name of an author, a tag or a section has hardly more
SHORT = 12  # words: a sentence with more is prose
LONG = 30  # words: a headline or teaser has fewer, so a longer line is prose even without a full stop
NAMES_BEFORE = 6  # lines: more names before a marker are a list in the article
NAMES_TOGETHER = 2  # lines, before a marker at the top
MENU_LINES = 3  # sections among names: from that number on they are a menu
DENSE = 1 / 4  # of the lines: where that many are markers
ENOUGH = 60  # words in sentences: an article that has them may be shorter than what others say below it
MOST = 0.5  # of the words: more than that goes only where markers are dense
WRAPPED = 0.25  # of the lines begin within a sentence: such a text's lines are not its paragraphs
TOP = 30  # lines, within which an article has to begin if anything before it shall be found
MANY = 10_000  # lines: a text with more is no article; nothing is looked for in it
TITLE = 5  # words: a first line with more is a title, though it may read like a marker

_MARKER = 3.0  # the score of a marker
_WEAK = 1.0  # of one that follows another, as in a row of buttons, or that stands amid articles too
_SENTENCE = 2.5  # that much less, at least: about one marker outweighs a sentence, if it tells of what follows
_SURE = 16  # a kind of line, beside those of the markers: furniture at any length, and no title
_SENTENCE_END = re.compile(r"[.!?。！？؟۔।]['\"”’»)\]」』]*$")
_ASKED = re.compile(r"[?!？！؟]\W*$")
_ELLIPSIS = re.compile(r"(?:…|\.\.)\W*$")
_ITEM = re.compile(r"(?:[-*•‣▪–—]|\d{1,3}[.)])\s")
_TIMED_END = re.compile(r"(?:END\b\W*)?\d{1,2}[:.]\d\d\s*[AP]\.?M\b.{0,12}$")  # below an official transcript
_SHARED = "stands in other files of this source"
_AFTER_COLON = " '\"”’»)]-–—"
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:https?://)?(?:www\.)?(?:twitter|x|facebook|instagram)\.com/\S+")
_SENT_TO = re.compile(  # below a circular
    r"(?:[^\s@]+\s+){0,6}(?:\b(?:to|an|à|a|para|per|на|إلى)\s|至|给|給|宛)\s*<?[\w.+-]+@[\w-]+(?:\.[\w-]+)+>?",
    re.IGNORECASE,
)
_SAYS_WHO = re.compile(r"\d.*[:：]$")
_NUMBERS = re.compile(r"[\W\d_]*\d[\W\d_]*")
_DATED_END = re.compile(r"\d.{0,8}\b\w{1,2}\.$")  # 10 a.m., 2026 г.
_YEAR = re.compile(r"\d{4}")
_CRUMB = re.compile(r"[>›»→]")
_COLUMN = re.compile(r"(?<=\s)[|/·•]\s")
_HAN = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_THAI = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_END = 60  # characters at the end of a line that tell how it ends: a line may be a million long


@dataclass(frozen=True, slots=True)
class Range:
    """Lines that are furniture: from line `start` up to but without line `end`; the text's first line is 0."""

    start: int
    end: int
    reason: str  # for people; quotes the line that gave it away


@dataclass(frozen=True, slots=True)
class _Line:
    """What is looked at in a line."""

    text: str
    count: int  # of words
    ends: bool  # a sentence
    kinds: int  # of markers, as bits
    score: float  # as furniture: above zero it looks like it, below like prose
    prose: bool
    repeated: bool = False  # in other texts of the source

    @property
    def sentence(self) -> bool:
        return self.prose or (self.ends and self.count >= NAME and self.score < 0 and not self.kinds & (BEHIND | AMID))

    @property
    def is_told(self) -> bool:
        """Whether it is a sentence that no line of a site's is, nor a title."""
        return self.sentence and not self.kinds & _SURE

    @property
    def goes_on(self) -> bool:
        return self.count > NAME and not self.ends

    @property
    def name(self) -> bool:
        return self.count <= NAME and self.score > 0


def furniture(
    lines: Sequence[str], markers: Markers, *, repeated: Collection[bytes] = frozenset(), titled: bool = False
) -> tuple[Range, ...]:
    """The furniture among a text's lines (or paragraphs): ranges in their order that do not overlap.

    They never take all of a text's words. `repeated` holds the `line_hash` of lines that other texts of the same source
    have too. Where the title is known apart from the text, `titled` is true; else the title is looked for among the
    first lines, and kept.
    """
    if len(lines) > MANY:
        return ()
    found = _looked_at(lines, markers, repeated)
    shared = _shared_tail(found)
    page = found[: shared.start] if shared else found
    tail = _tail(page)
    body = page[: tail.start] if tail else page
    head = _head(body, titled)
    ranges = [*head, *_amid(body, head), *filter(None, (tail, shared))]
    gone = sum(line.count for part in ranges for line in found[part.start : part.end])
    return tuple(sorted(ranges, key=lambda part: part.start)) if gone < sum(line.count for line in found) else ()


def line_hash(line: str) -> bytes:
    """Eight bytes, equal for lines of the same words."""
    return short_hash(folded(line).encode("utf-8", "surrogatepass"))


def sentence_words(line: str) -> int:
    """How many words a line has, if it is a sentence: an article's, or one that a site says again and again."""
    count = _count(line)
    return count if count >= NAME and (count > LONG or _SENTENCE_END.search(line.rstrip()[-_END:])) else 0


def _looked_at(lines: Sequence[str], markers: Markers, repeated: Collection[bytes]) -> list[_Line]:
    found = [_look(line.strip(), markers) for line in lines]
    return _with_menus(_with_repeated(_with_answered(_with_wrapped(found)), lines, repeated))


def _look(line: str, markers: Markers) -> _Line:
    count = _count(line)
    ends = bool(_SENTENCE_END.search(line[-_END:]))
    kinds = _kinds(line, markers)
    score = _WEAK if kinds & AMID else _MARKER if kinds & BEHIND else _score(line, count, ends)
    prose = count > (SHORT if ends else LONG) and kinds & (BEHIND | AMID) != BEHIND
    return _Line(line[:LONGEST], count, ends, kinds, score, prose)


def _with_wrapped(found: list[_Line]) -> list[_Line]:
    """The lines, as prose where a sentence goes on into the next one, if that is so in much of the text."""
    inner = {n for n, (last, line) in enumerate(pairwise(found), 1) if last.goes_on and line.text[:1].islower()}
    if len(inner) < WRAPPED * len(found):
        return found
    return [
        replace(line, kinds=0, score=-1.0, prose=True) if n in inner or n + 1 in inner else line
        for n, line in enumerate(found)
    ]


def _with_answered(found: list[_Line]) -> list[_Line]:
    """The lines, with the mail that is answered as markers: a line like "On 3 March Ana wrote:", and those in ">"."""
    quoted = [line.text.startswith(">") for line in found]
    start = next((n for n in range(1, len(found) - 1) if quoted[n + 1] and _SAYS_WHO.search(found[n].text)), len(found))
    if any(line.sentence and not quoted[n] for n, line in enumerate(found[start + 1 :], start + 1)):
        return found
    marked = [replace(line, kinds=line.kinds | BEHIND, score=_WEAK, prose=False) for line in found[start:]]
    return [*found[:start], *(replace(line, score=_MARKER) for line in marked[:1]), *marked[1:]]


def _with_repeated(found: list[_Line], lines: Sequence[str], hashes: Collection[bytes]) -> list[_Line]:
    """The lines, with those that other texts have; but not if most sentences are among them: then it is a copy.

    A sentence that is told again and again is background as well as a notice of the site's, and marks nothing.
    """
    if not hashes:
        return found
    again = {n for n, line in enumerate(lines) if found[n].count and line_hash(line) in hashes}
    sentences = {n for n, line in enumerate(found) if line.sentence}
    if 2 * sum(found[n].count for n in again & sentences) >= sum(found[n].count for n in sentences):
        return found
    sure = again - sentences
    sure |= {n for n in again if found[n].count <= SHORT and (n == 0 or n - 1 in sure) and n + 1 in sure}
    return [
        replace(line, kinds=line.kinds | (_SURE if n in sure else 0), repeated=True) if n in again else line
        for n, line in enumerate(found)
    ]


def _kinds(line: str, markers: Markers) -> int:
    if not line or len(line) > LONGEST:
        return 0
    kinds = markers.kinds(line)
    if _ADDRESS.fullmatch(line):
        kinds |= BEFORE | BEHIND
    if _SENT_TO.fullmatch(line) or _are_links(line, markers):
        kinds |= BEHIND
    if _NUMBERS.fullmatch(line):
        kinds |= BEFORE
    if _is_breadcrumb(line):
        kinds |= BEFORE | _SURE
    return kinds


def _are_links(line: str, markers: Markers) -> bool:
    """Whether a line is a row of markers: "Unsubscribe | View in browser"."""
    parts = _COLUMN.split(line) if _COLUMN.search(line) else []
    return len(parts) > 1 and all(markers.kinds(part.strip()) & BEHIND for part in parts)


def _is_breadcrumb(line: str) -> bool:
    """Whether a line is a way through a site, "Home > World", or a row of its sections."""
    for separator, least in ((_CRUMB, 2), (_COLUMN, 3)):
        parts = separator.split(line) if separator.search(line) else []
        if len(parts) >= least and all(1 <= _count(part) <= NAME for part in parts):
            return True
    return False


def _with_menus(found: list[_Line]) -> list[_Line]:
    """The lines, with sections that stand together as markers."""
    for is_name, run in groupby(range(len(found)), key=lambda n: found[n].name):
        sections = [n for n in run if found[n].kinds & MENU] if is_name else []
        for n in sections if len(sections) >= MENU_LINES else []:
            found[n] = replace(found[n], kinds=found[n].kinds | BEFORE | BEHIND, score=_MARKER)
    return found


def _count(line: str) -> int:
    """About how many words a line has, where a script writes no spaces too: two Han or five Thai letters make one."""
    count = len(line.split())
    return count if line.isascii() else count + len(_HAN.findall(line)) // 2 + len(_THAI.findall(line)) // 5


def _score(line: str, count: int, ends: bool) -> float:
    end = line[-_END:]
    announces = end.rstrip(_AFTER_COLON).endswith((":", "："))  # a list
    if not ends and (count > LONG or announces or _ITEM.match(line) or _TIMED_END.match(line)):
        return -1.0
    if _ELLIPSIS.search(end):
        return 1.0
    if not ends:
        return 0.8 if count <= SHORT else 0.2
    return -min(4.0, max(_SENTENCE if count >= NAME else 1.0, count / 6))


def _shared_tail(found: Sequence[_Line]) -> Range | None:
    """The end of the text that is nothing but lines of other texts, markers, and names."""
    start, names, first = len(found), 0, None
    for n in range(len(found) - 1, 0, -1):
        line = found[n]
        if line.repeated or (line.kinds & BEHIND and not line.prose):
            names = 0
            start = start if line.sentence else n
            first = n if line.repeated and not line.sentence else first
        elif names < NAMES_BEFORE and (line.name or not line.count):
            names += 1
        else:
            break
    return Range(_with_names(found, start), len(found), f"{_quoted(found[first])} {_SHARED}") if first else None


def _tail(found: Sequence[_Line]) -> Range | None:
    marked = [bool(n and line.kinds & BEHIND) for n, line in enumerate(found)]
    scores = _sums_to_end(_tail_scores(found, marked))
    words = _sums_to_end(line.count for line in found)
    sentences = _sums_to_end(line.count * line.sentence for line in found)
    prose = _sums_to_end(line.count * line.prose for line in found)
    markers = _sums_to_end(marked)

    def may_go(start: int) -> bool:
        is_dense = markers[start] >= DENSE * (len(found) - start)
        keeps_most = 2 * sentences[start] <= sentences[0] and (is_dense or words[start] <= MOST * words[0])
        keeps_enough = sentences[0] - sentences[start] >= ENOUGH and 2 * prose[start] <= prose[0]
        return keeps_most or (is_dense and keeps_enough)

    starts = [n for n, is_marker in enumerate(marked) if is_marker and scores[n] > 0 and may_go(n)]
    if not starts:
        return None
    best = max(reversed(starts), key=lambda n: scores[n])
    return Range(_with_names(found, best), len(found), _tail_reason(found[best], int(markers[best]) - 1))


def _tail_scores(found: Sequence[_Line], marked: Sequence[bool]) -> list[float]:
    """The scores: less for markers that follow others, or that tell nothing of the sentence below their row."""
    scores, opens = [line.score for line in found], False
    for n in reversed(range(len(found))):
        follows = n > 0 and marked[n - 1]
        opens = found[n].sentence or (opens and bool(found[n].kinds & (BEFORE | AMID)))
        if marked[n] and (follows or opens):
            scores[n] = min(scores[n], 0.0 if follows and opens else _WEAK)
    return scores


def _tail_reason(first: _Line, others: int) -> str:
    return f"{_quoted(first)} stands behind articles" + (f", as {others} more of these lines do" if others else "")


def _with_names(found: Sequence[_Line], start: int) -> int:
    """Where the names begin that stand directly before a line; that line if they are many, or there are none."""
    first = start
    while first > 1 and found[first - 1].name and start - first <= NAMES_BEFORE:
        first -= 1
    return first if start - first <= NAMES_BEFORE else start


def _head(body: Sequence[_Line], titled: bool) -> list[Range]:
    top = body[: _beginning(body)]
    title = -1 if titled else _title(top)
    times = {n for n, line in enumerate(body) if _NUMBERS.fullmatch(line.text)}
    is_log = any(n >= len(top) for n in times)  # a time above each entry is the article's
    heads = [
        n
        for n, line in enumerate(top)
        if n != title and (_is_head(line) or (n < title and line.kinds & MENU)) and not (is_log and n in times)
    ]
    names: list[int] = []
    for last, following in pairwise(sorted([title, *heads])):
        gap = range(last + 1, following)
        if following != title and len(gap) <= NAMES_TOGETHER and all(top[n].name for n in gap):
            names += gap
    numbers = sorted(heads + names)
    return _ranges(body, numbers, lambda line: _SHARED if line.repeated else "stands before articles")


def _beginning(body: Sequence[_Line]) -> int:
    """The number of the first line of prose, not counting a summary before the author and the date; 0 if it is far."""
    prose = [n for n, line in enumerate(body[:TOP]) if line.prose]
    if len(prose) > 1 and all(map(_is_head, body[prose[0] + 1 : prose[0] + 3])):
        return prose[1]
    return prose[0] if prose else next((n for n, line in enumerate(body[:TOP]) if line.is_told and n), 0)


def _title(top: Sequence[_Line]) -> int:
    """The first line, unless it is what sites write above titles: then the longest line that is not of that kind."""
    if (
        not top
        or not _is_head(top[0])
        or (top[0].count > TITLE and not top[0].kinds & _SURE and not _YEAR.search(top[0].text))
    ):
        return 0
    others = [n for n, line in enumerate(top) if not line.prose and not _is_head(line)]
    told = others and top[0].repeated and top[others[0]].sentence and not _ASKED.search(top[others[0]].text)
    return 0 if told else max(others, key=lambda n: top[n].count, default=0)


def _is_head(line: _Line) -> bool:
    is_short = line.count <= SHORT and (not line.ends or bool(_DATED_END.search(line.text)))
    return bool(line.kinds & _SURE or (line.kinds & (BEFORE | AMID) and is_short))


def _amid(body: Sequence[_Line], head: Sequence[Range]) -> list[Range]:
    taken = {n for part in head for n in range(part.start, part.end)}
    alone = (n for n, line in enumerate(body) if n and line.kinds & AMID and not line.prose and n not in taken)
    return _ranges(body, alone, lambda line: "stands by itself in articles")


def _ranges(found: Sequence[_Line], numbers: Iterable[int], why: Callable[[_Line], str]) -> list[Range]:
    """Ranges of the lines with these numbers, given in their order; why the first line of each goes."""
    ranges: list[Range] = []
    for n in numbers:
        if ranges and ranges[-1].end == n:
            ranges[-1] = replace(ranges[-1], end=n + 1)
        else:
            ranges.append(Range(n, n + 1, f"{_quoted(found[n])} {why(found[n])}"))
    return ranges


def _sums_to_end(values: Iterable[float]) -> list[float]:
    """For each value, the sum of it and all that follow."""
    return list(accumulate(reversed(list(values))))[::-1]


def _quoted(line: _Line) -> str:
    return f"“{line.text.strip()[:60]}”"
