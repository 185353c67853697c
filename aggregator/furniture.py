"""Article → Article without what the page around it had before, amid and behind it. Pure.

The original stays in the article, with what was cut from it and why, so that newer rules can be applied to it again.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby

from aggregator import boilerplate
from aggregator.boilerplate import MANY, line_hash, sentence_words
from aggregator.clean import with_body, without_derived
from aggregator.markers import Markers
from aggregator.markup import blocks, paragraphs
from aggregator.models import Article, Cut
from aggregator.words import folded

FIRST_LINE = "first line"  # where a title was found (`Article.told`) that is still part of the original
THE_TITLE = "the title"  # the reason of its cut
MAX_TITLE = 300  # characters: a longer first line is a paragraph, and the text has no title of its own
LEARNED_FROM = 3  # articles of one source that share a line: it is their site's
MAX_SHARED = 0.5  # of the words in its sentences: what shares more with others is their copy, and tells nothing new

_PICTURE = ""  # the reason of a block without lines


@dataclass(frozen=True, slots=True)
class _Block:
    """An outermost element of the original: where it is, and its lines."""

    start: int
    end: int
    lines: tuple[str, ...]


def cut(article: Article, markers: Markers, repeated: Collection[bytes] = frozenset()) -> Article:
    """The article without furniture; as it is where none is looked for, or none but what was cut before is found.

    `repeated` are hashes of lines that are known to be the site's: see `learned`.
    """
    if article.original is None:
        return article
    pieces = _blocks(article.original)
    lines = [line for piece in pieces for line in piece.lines]
    ranges = boilerplate.furniture(lines, markers, repeated=repeated, titled=not _is_first_line(article))
    reasons = {number: part.reason for part in ranges for number in range(part.start, part.end)}
    title = _take_title(article, lines, reasons)
    cuts = tuple(_cuts(pieces, reasons))
    if (title, cuts) == (article.title, article.cuts):
        return article
    html = _without(article.original, cuts)
    changed = replace(without_derived(article), cuts=cuts)
    return with_body(changed, title, html, "\n\n".join(paragraphs(html)))


def removed(article: Article) -> Iterator[tuple[Cut, list[str]]]:
    """What was cut, each part with its lines."""
    return ((part, paragraphs((article.original or "")[part.start : part.end])) for part in article.cuts)


def learned(originals: Iterable[str]) -> frozenset[bytes]:
    """Hashes of the lines that several articles of one source share, from their originals; copies count once."""
    counts: Counter[bytes] = Counter()
    for original in originals:
        words = {line_hash(line): sentence_words(line) for line in paragraphs(original)[:MANY]}
        if sum(words[line] for line in counts.keys() & words) <= MAX_SHARED * sum(words.values()):
            counts.update(words.keys())
    return frozenset(line for line, count in counts.items() if count >= LEARNED_FROM)


def _blocks(original: str) -> list[_Block]:
    return [_Block(start, end, tuple(paragraphs(original[start:end]))) for start, end in blocks(original)]


def _is_first_line(article: Article) -> bool:
    return ("title", FIRST_LINE) in article.told


def _take_title(article: Article, lines: Sequence[str], reasons: dict[int, str]) -> str:
    """The title; its line, if it stands in the text, is added to what is cut."""
    first = next((number for number in range(len(lines)) if number not in reasons), None)
    if _is_first_line(article):
        if first is None or len(lines[first]) > MAX_TITLE:
            return ""
        reasons[first] = THE_TITLE
        return lines[first]
    if first is not None and first < len(lines) - 1 and folded(lines[first]) == folded(article.title):
        reasons[first] = "the title, said again"
    return article.title


def _cuts(pieces: Sequence[_Block], reasons: Mapping[int, str]) -> Iterator[Cut]:
    """Neighbouring blocks that go for one reason: if all their lines go; a picture goes with what is around it."""
    with_lines = [piece for piece in pieces if piece.lines]
    firsts = accumulate((len(piece.lines) for piece in with_lines), initial=0)
    own = {piece.start: _shared(reasons, first, piece) for piece, first in zip(with_lines, firsts, strict=False)}
    before = list(accumulate((own.get(piece.start, _PICTURE) for piece in pieces), _unless_picture))
    behind = list(accumulate((own.get(piece.start, _PICTURE) for piece in reversed(pieces)), _unless_picture))[::-1]
    last = before[-1] if before else None
    marked = [
        (piece, one if one == (last if other is _PICTURE else other) else None)
        for piece, one, other in zip(pieces, before, behind, strict=True)
    ]
    for reason, group in groupby(marked, key=lambda pair: pair[1]):
        together = [piece for piece, _ in group]
        if reason:
            yield Cut(together[0].start, together[-1].end, reason)


def _shared(reasons: Mapping[int, str], first: int, piece: _Block) -> str | None:
    """The reason why all lines of a block go, if they do."""
    own = [reasons.get(first + number) for number in range(len(piece.lines))]
    return None if None in own else own[0]


def _unless_picture(last: str | None, own: str | None) -> str | None:
    return last if own is _PICTURE else own


def _without(original: str, cuts: Iterable[Cut]) -> str:
    kept, place = [], 0
    for part in cuts:
        kept.append(original[place : part.start])
        place = part.end
    return "".join([*kept, original[place:]])
