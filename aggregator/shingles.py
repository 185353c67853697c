"""Words → shingles: the overlapping pieces by which two texts are compared, and a sketch of few of them. Pure.

A shingle is three words, or five characters where a script writes no spaces; what is held of it is its CRC-32, the same
in every process. After A. Broder, On the resemblance and containment of documents, 1997: the smallest numbers
of a text are a fair sample of all of them, and two texts that have much in common have smallest numbers in common.
"""

from collections.abc import Collection, Iterable, Sequence
from heapq import nsmallest
from itertools import chain, compress, pairwise
from operator import not_
from zlib import crc32

SKETCH = 32  # numbers: with 16 one in twenty copies cut to a quarter is not found, docs/quality.md
ENOUGH = 2  # numbers that two sketches share: with fewer, texts are not worth comparing
LEAST_SHARED = 0.2  # of the numbers, in proportion to lengths: a third of what copies can be expected to share
SURE_WORDS = 100  # from there on a sketch is full, and its share tells something
MOST_WORDS = 20_000  # some eighty pages: what stands behind is not looked at

_FIRST_UNSPACED = "\u0e00"  # Thai: `words` makes a character a word from there on, where no spaces are written


def shingles(words: Sequence[str]) -> frozenset[int]:
    """The shingles of a text, 0 to 2³²−1, from its folded words in order. Of fewer words than make one: none."""
    words = words[:MOST_WORDS]
    written = [word.encode("utf-8", "surrogatepass") for word in words]
    unspaced = [is_unspaced(word) for word in words]
    threes: Iterable[tuple[bytes, ...]] = zip(written, written[1:], written[2:], strict=False)
    if any(unspaced):  # a shingle is of the kind of its first word
        fives = zip(written, written[1:], written[2:], written[3:], written[4:], strict=False)
        threes = chain(compress(fives, unspaced), compress(threes, map(not_, unspaced)))
    return frozenset(map(crc32, map(b" ".join, threes)))


def sketch(found: Collection[int]) -> tuple[int, ...]:
    """The smallest of a text's shingles in order, at most `SKETCH`, each −2³¹ to 2³¹−1: an INTEGER of PostgreSQL."""
    return tuple(number - 2**31 for number in nsmallest(SKETCH, found))


def may_be_copies(shared: int, words: int, other_words: int) -> bool:
    """Whether texts of so many words, whose sketches share so many numbers, are worth comparing.

    Of copies the shorter text has at least .62 of its shingles in common with the longer one (`near`), so sketches of
    two full texts share 20 numbers of 32 ± 3; of a text and its half, 12 ± 3.
    """
    fewer, more = sorted((min(words, MOST_WORDS), min(other_words, MOST_WORDS)))
    return shared >= ENOUGH and (fewer < SURE_WORDS or shared >= LEAST_SHARED * SKETCH * fewer / more)


def is_unspaced(word: str) -> bool:
    """Whether a word is one character of a script that writes no spaces."""
    return len(word) == 1 and word >= _FIRST_UNSPACED


def terms(words: Sequence[str]) -> list[str]:
    """What can be named, each as often as it comes: words, and pairs of characters where a script writes no spaces."""
    pairs = [one + other for one, other in pairwise(words) if is_unspaced(one) and is_unspaced(other)]
    return [word for word in words if not is_unspaced(word)] + pairs
