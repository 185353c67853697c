"""Where are the words of a text parted, and which names reach over that? Pure; linear time.

No name reaches into another paragraph, and into another sentence only one that has a mark of its own there ("Yahoo!
Inc"). Of a script in which each character is a word (Chinese, Japanese, Korean, Thai) a mark or a space between two
characters parts them, too: 中、国 is not 中国. Points and hyphens do not: they stand within names.
"""

import re
from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache

from aggregator.spelling import pieces, pieces_once
from aggregator.words import UNSPACED

SHORT = 3  # characters: longer names are written with and without spaces (국제 형사 재판소)

_MARKS = r"、，,。．.；;：:！!？?（）()「」『』【】《》〈〉〔〕“”\"…—―～~/／|｜\[\]｡､｢｣"
_IN_TEXT = re.compile(rf"(?<=[{UNSPACED}])(?:[^\S\n]*+(?P<mark>[{_MARKS}])[{_MARKS}\s]*+|[^\S\n]++)(?=[{UNSPACED}])")
_IN_NAME = re.compile(rf"(?P<mark>[{_MARKS}])\s+|\s+|(?<=[{UNSPACED}])[{_MARKS}·・‧-]+(?=[{UNSPACED}])")


class Gap(IntEnum):
    """What stands between two words."""

    NOTHING = 0
    SPACE = 1
    MARK = 2
    SENTENCE = 3
    PARAGRAPH = 4


_REACHING = {Gap.SPACE: Gap.SPACE, Gap.MARK: Gap.SPACE, Gap.SENTENCE: Gap.MARK}  # what a name must have itself


def parts(passage: str) -> Iterator[tuple[Gap, list[str]]]:
    """The words of a passage, each run of them with the gap before it."""
    gap, begun = Gap.NOTHING, 0
    for found in _IN_TEXT.finditer(passage) if not passage.isascii() else ():
        yield gap, pieces(passage[begun : found.start()])
        gap, begun = Gap.MARK if found["mark"] else Gap.SPACE, found.end()
    yield gap, pieces(passage[begun:])


def reaches_over(name: str, place: int, gap: Gap) -> bool:
    """Whether a gap before a word, counted from 0, leaves the name what it is."""
    own, length = _of_name(name)
    if gap == Gap.SPACE and length > SHORT:
        return True
    return gap in _REACHING and own.get(place, Gap.NOTHING) >= _REACHING[gap]


@lru_cache(maxsize=4_000)
def _of_name(name: str) -> tuple[dict[int, Gap], int]:
    """The gaps of a name, by the words that follow them, and how many words it has."""
    gaps: dict[int, Gap] = {}
    count = begun = 0
    for found in _IN_NAME.finditer(name):
        count += len(pieces_once(name[begun : found.start()]))
        gaps[count] = Gap.MARK if found["mark"] else Gap.SPACE
        begun = found.end()
    return gaps, count + len(pieces_once(name[begun:]))
