"""What stands in an article: its words, its paragraphs, and where concepts and phrases occur. Pure.

Computed once per article and used by taggers and topics alike. One Aho–Corasick automaton holds the aliases of all
concepts and the phrases of all topics, so a thousand of them cost little more than ten.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ahocorasick_rs import BytesAhoCorasick

from aggregator.config import Concept
from aggregator.models import Article
from aggregator.words import folded, folds, words

MAX_READ = 100_000  # characters of a text, some forty pages: what stands behind hardly tells more, and takes its time
_AT_ONCE = 10_000  # words: more in one call would hold up other threads
LEDE_WORDS = 70  # of the body: what a desk calls the lede, and a paragraph more


@dataclass(frozen=True, slots=True)
class Hit:
    """An occurrence, as a range of words; words of the title come first."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Features:
    """One article, read. `concepts` and `phrases` hold each occurrence, in order."""

    article: Article
    words: tuple[str, ...]  # as written: the title's, then the text's
    title_length: int  # in words
    paragraphs: tuple[int, ...]  # the word each paragraph of the text begins with
    concepts: Mapping[str, tuple[Hit, ...]]  # by concept id
    phrases: Mapping[str, tuple[Hit, ...]]  # by folded phrase

    @property
    def body_length(self) -> int:
        return len(self.words) - self.title_length

    def in_title(self, hit: Hit) -> bool:
        return hit.start < self.title_length

    def in_lede(self, hit: Hit) -> bool:
        return self.title_length <= hit.start < self.title_length + LEDE_WORDS

    def paragraph_of(self, hit: Hit) -> int:
        """The number of the paragraph, from 0; -1 for the title."""
        return bisect_right(self.paragraphs, hit.start) - 1


class Vocabulary:
    """All aliases, guards and phrases that matter to a configuration, ready to be looked for in any text."""

    def __init__(self, concepts: Mapping[str, Concept], phrases: Iterable[str] = ()) -> None:
        self.concepts = concepts
        self._meanings: dict[bytes, list[_Meaning]] = defaultdict(list)
        for identity, concept in concepts.items():
            for _, alias in concept.named():
                self._add(alias, identity)
            for _, guard in concept.guarded():
                self._add(guard, None)
        for phrase in phrases:
            self._add(phrase, None, phrase_key(phrase))
        self._patterns = sorted(self._meanings)
        self._lengths = [pattern.count(b" ") - 1 for pattern in self._patterns]  # in words
        self._automaton = BytesAhoCorasick(self._patterns) if self._patterns else None

    def read(self, article: Article) -> Features:
        """The article's words and everything this vocabulary knows in them."""
        written, title_length, paragraphs = _read_words(article)
        concepts: dict[str, list[Hit]] = defaultdict(list)
        phrases: dict[str, list[Hit]] = defaultdict(list)
        named: list[tuple[Hit, str | None]] = []
        for hit, meaning in self._occurrences(written, title_length):
            if meaning.phrase is not None:
                if hit not in phrases[meaning.phrase][-1:]:
                    phrases[meaning.phrase].append(hit)
            else:
                named.append((hit, meaning.concept))
        for hit, concept in _longest(named):
            if concept and hit not in concepts[concept][-1:]:  # two spellings of one alias are one occurrence
                concepts[concept].append(hit)
        return Features(
            article,
            tuple(written),
            title_length,
            tuple(paragraphs),
            {key: tuple(hits) for key, hits in concepts.items()},
            {key: tuple(hits) for key, hits in phrases.items()},
        )

    def concept_named(self, text: str) -> str | None:
        """The concept of which a text is, as a whole, an alias: how a publisher's category is understood."""
        written = words(text)
        for meaning in self._meanings.get(_pattern(written), ()):
            if meaning.concept and meaning.fits(written):
                return meaning.concept
        return None

    def _add(self, text: str, concept: str | None, phrase: str | None = None) -> None:
        written = words(text)
        if written:
            meaning = _Meaning(tuple(written), concept, phrase)
            if meaning not in self._meanings[_pattern(written)]:  # "US" and "U.S." are the same words
                self._meanings[_pattern(written)].append(meaning)

    def _occurrences(self, written: list[str], title_length: int) -> Iterator[tuple[Hit, "_Meaning"]]:
        if self._automaton is None:
            return
        buffer = _pattern(written)
        position = last = 0
        for number, _, end in self._automaton.find_matches_as_indexes(
            buffer, overlapping=True
        ):  # in order of their ends
            last += buffer.count(b" ", position, end - 1)
            position = end - 1
            first = last - self._lengths[number]
            if first < title_length < last:
                continue  # half in the title, half in the text
            for meaning in self._meanings[self._patterns[number]]:
                if meaning.phrase is not None or meaning.fits(written[first:last]):
                    yield Hit(first, last), meaning


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a sequence of words stands for: a concept, a phrase of a topic, or (neither) a guard."""

    written: tuple[str, ...]
    concept: str | None
    phrase: str | None

    def fits(self, words: list[str]) -> bool:
        """Whether the text has a capital wherever the alias has one: "turkey" is not Turkey, "us" not the US."""
        return all(
            not letter.isupper() or other.isupper()
            for mine, theirs in zip(self.written, words, strict=True)
            if len(mine) == len(theirs)
            for letter, other in zip(mine, theirs, strict=True)
        )


def phrase_key(phrase: str) -> str:
    """What a phrase is called in `Features.phrases`."""
    return folded(phrase)


def _pattern(written: Sequence[str]) -> bytes:
    """Words as bytes, a space on each side of each: so a pattern matches whole words only."""
    parts = (" ".join(folds(written[start : start + _AT_ONCE])) for start in range(0, len(written), _AT_ONCE))
    return f" {' '.join(parts)} ".encode()


def _read_words(article: Article) -> tuple[list[str], int, list[int]]:
    title = words(article.title)
    written, paragraphs = list(title), []
    for paragraph in article.text[:MAX_READ].split("\n\n"):
        paragraphs.append(len(written))
        written.extend(words(paragraph))
    return written, len(title), paragraphs


def _longest(found: list[tuple[Hit, str | None]]) -> Iterator[tuple[Hit, str | None]]:
    """Without occurrences inside a longer one: "China" does not occur in "South China Sea". In order."""
    end = -1
    longest_first = sorted(found, key=lambda pair: (pair[0].start, -pair[0].end, pair[1] or ""))
    covering = Hit(-1, -1)
    for hit, concept in longest_first:
        if hit.end <= end and hit != covering:
            continue
        if hit.end > end:
            end, covering = hit.end, hit
        yield hit, concept
