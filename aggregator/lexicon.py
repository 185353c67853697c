"""Which of many names stand where in a text? Pure.

All names are looked for at once, by one Aho–Corasick automaton over the words of the text as `spelling.loose` gives
them, each between spaces, so that whole words match. Of a name with stems ("Южн* Коре*"), or one in Arabic letters, to
which particles are joined, the longest fixed part is looked for; where it is found, the name is compared word by word.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain
from typing import Generic, TypeVar

from ahocorasick_rs import BytesAhoCorasick

from aggregator.spelling import is_ending, is_particles, loose_once, pieces_once, without_article

_Meaning = TypeVar("_Meaning")

STEM = "*"  # behind a word: any ending may follow
MOST = 5_000  # occurrences of one name: a text of forty pages that has more is made of nothing else
_AT_ONCE = 10_000  # words: more in one call would hold up other threads


@dataclass(frozen=True, slots=True)
class Name:
    """A name, taken apart."""

    text: str
    written: tuple[str, ...]
    words: tuple[str, ...]  # loose
    stems: tuple[bool, ...]  # whether endings may follow
    core: str | None  # of an Arabic name: its first word without the article; particles may stand before it
    letters: int  # fixed ones: of two names on the same words, that with more is meant

    @property
    def is_exact(self) -> bool:
        """Whether it stands wherever its anchor does."""
        return self.core is None and not any(self.stems)

    def anchor(self) -> tuple[str, int]:
        """The longest part without a gap, and the number of words up to where it ends."""
        if self.is_exact:
            return f" {' '.join(self.words)} ", len(self.words)
        first = self.core or f" {self.words[0]}"
        parts, part = [], ""
        for number, (word, is_stem) in enumerate(zip(self.words, self.stems, strict=True), 1):
            part += first if number == 1 else f" {word}"
            if is_stem:
                parts.append((part, number))
                part = ""
        parts.append((f"{part} ", len(self.words)))
        return max(parts, key=lambda one: len(one[0].strip()))

    def stands_in(self, found: Sequence[str]) -> bool:
        """Whether these loose words, as many as the name has, are the name."""
        first = 0
        if self.core:
            before, core, behind = found[0].partition(self.core)
            if not core or not is_particles(before, self.words[0]) or not _fits(behind, self.stems[0]):
                return False
            first = 1
        return all(
            theirs.startswith(mine) and _fits(theirs[len(mine) :], is_stem)
            for mine, theirs, is_stem in zip(self.words[first:], found[first:], self.stems[first:], strict=True)
        )


@dataclass(frozen=True, slots=True)
class Occurrence(Generic[_Meaning]):
    """A name in a text, as a range of words."""

    start: int
    end: int
    name: Name
    meaning: _Meaning


class Lexicon(Generic[_Meaning]):
    """Names with their meanings, ready to be looked for. Names and meanings may come more than once."""

    def __init__(self, names: Iterable[tuple[str, _Meaning]]) -> None:
        texts: list[str] = []
        meanings: list[_Meaning] = []
        for text, meaning in names:  # before anything that is not kept, for the sake of memory
            texts.append(text)
            meanings.append(meaning)
        anchors = list(map(_anchor, texts))
        order = sorted(range(len(texts)), key=anchors.__getitem__)
        self._texts = [texts[number] for number in order]
        self._meanings = [meanings[number] for number in order]
        self._lengths = array("B", [anchors[number][1] for number in order])  # in words, up to the anchor's end
        self._of_pattern = array("I")  # the first of the names that have this anchor, and behind all the end
        patterns: list[bytes] = []
        for place, number in enumerate(order):
            if not patterns or patterns[-1] != anchors[number][0]:
                patterns.append(anchors[number][0])
                self._of_pattern.append(place)
        self._of_pattern.append(len(order))
        self._automaton = BytesAhoCorasick(patterns) if patterns else None

    def find(self, words: Sequence[str]) -> Iterator[Occurrence[_Meaning]]:
        """Each name in these loose words, in the order of the words at which it was found; names may overlap.

        Of each anchor the first `MOST` are looked at.
        """
        if self._automaton is None:
            return
        buffer = _buffer(words)
        position = last = 0
        met: Counter[int] = Counter()
        for pattern, _, end in self._automaton.find_matches_as_indexes(buffer, overlapping=True):  # by their ends
            last += buffer.count(b" ", position, end - 1)
            position = end - 1
            met[pattern] += 1
            if met[pattern] > MOST:
                continue
            for number in range(self._of_pattern[pattern], self._of_pattern[pattern + 1]):
                name = name_of(self._texts[number])
                start = last - self._lengths[number]
                found = words[start : start + len(name.words)] if start >= 0 else ()
                if name.is_exact or (len(found) == len(name.words) and name.stands_in(found)):
                    yield Occurrence(start, start + len(name.words), name, self._meanings[number])


def _fits(behind: str, is_stem: bool) -> bool:
    return is_ending(behind) if is_stem else not behind


def _take_apart(text: str) -> Name:
    parts = [pieces_once(part) for part in text.split(STEM)]
    written = tuple(chain.from_iterable(parts))
    ends = set(accumulate(map(len, parts[:-1])))
    stems = tuple(number in ends for number in range(1, len(written) + 1)) if ends else (False,) * len(written)
    words = tuple(map(loose_once, written))
    core = without_article(words[0]) if words else None
    return Name(text, written, words, stems, core, sum(map(len, words)))


name_of = lru_cache(maxsize=4_000)(_take_apart)  # those that come again in news


def _anchor(text: str) -> tuple[bytes, int]:
    if text.isascii() and text.replace(" ", "").isalnum():  # most of them: nothing to take apart
        words = text.lower().split()
        return f" {' '.join(words)} ".encode(), len(words)
    name = _take_apart(text)
    part, length = name.anchor() if name.words else (" \n ", 0)
    return part.encode(), length


def _buffer(words: Sequence[str]) -> bytes:
    """Words as bytes, a space on each side of each."""
    parts = (" ".join(words[start : start + _AT_ONCE]) for start in range(0, len(words), _AT_ONCE))
    return f" {' '.join(parts)} ".encode()
