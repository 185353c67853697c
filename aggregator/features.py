"""What stands in an article: its words, sentences, paragraphs, and where concepts and phrases occur. Pure.

Computed once per article and used by taggers and topics alike. One lexicon holds the aliases of all concepts and the
phrases of all topics, so a thousand of them cost little more than ten.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from aggregator import capitals
from aggregator.capitals import Uniform
from aggregator.config import Concept
from aggregator.config.concepts import shipped
from aggregator.gaps import Gap, parts, reaches_over
from aggregator.lexicon import STEM, Lexicon, Occurrence
from aggregator.models import Article
from aggregator.reach import EVERYWHERE, Reach, reaches
from aggregator.sentences import sentences
from aggregator.spelling import loose, pieces

MAX_READ = 100_000  # characters of a text, some forty pages: what stands behind hardly tells more, and takes its time
LEDE_WORDS = 70  # of the body: what a desk calls the lede, and a paragraph more


@dataclass(frozen=True, slots=True)
class Hit:
    """An occurrence, as a range of words; words of the title come first."""

    start: int
    end: int

    @property
    def inside(self) -> range:
        """The words that stand behind another word of it."""
        return range(self.start + 1, self.end)


@dataclass(frozen=True, slots=True)
class Features:
    """One article, read. `concepts` and `phrases` hold each occurrence, in order.

    A concept also occurs where what stands for it is named; `stand_ins` says which of its occurrences are of whom.
    """

    article: Article
    words: tuple[str, ...]  # as written, parted at apostrophes: the title's, then the text's
    title_length: int  # in words
    paragraphs: tuple[int, ...]  # the word each paragraph of the text begins with
    sentences: tuple[int, ...]  # likewise
    concepts: Mapping[str, tuple[Hit, ...]]  # by concept id
    phrases: Mapping[str, tuple[Hit, ...]]  # by `phrase_key`
    stand_ins: Mapping[str, Mapping[str, tuple[Hit, ...]]]  # by concept id, then by that of what stands for it

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

    def sentence_of(self, hit: Hit) -> int:
        """The number of the sentence, from 0; -1 for the title."""
        return bisect_right(self.sentences, hit.start) - 1


class Vocabulary:
    """All aliases, guards and phrases that matter to a configuration, ready to be looked for in any text."""

    def __init__(self, concepts: Mapping[str, Concept], phrases: Iterable[str] = ()) -> None:
        self.concepts = concepts
        known = shipped()
        self._replaced = {name for name, concept in known.items() if concepts.get(name) is not concept}
        own = {name: concept for name, concept in concepts.items() if known.get(name) is not concept}
        self._own = Lexicon([*_meanings(own), *_phrases(phrases)])

    def read(self, article: Article) -> Features:
        """The article's words and everything this vocabulary knows in them."""
        written, title_length, paragraphs, begun, gaps, lost = _read_words(article)
        phrases: dict[str, list[Hit]] = defaultdict(list)
        named: list[_Named] = []
        for found in self._find(loose(written)):
            hit, meaning = Hit(found.start, found.end), found.meaning
            if hit.start < title_length < hit.end:
                continue  # half in the title, half in the text
            if any(at in gaps and not reaches_over(found.name.text, at - hit.start, gaps[at]) for at in hit.inside):
                continue
            if meaning.phrase is not None:
                if hit not in phrases[meaning.phrase][-1:]:
                    phrases[meaning.phrase].append(hit)
            elif meaning.reach.holds_in(article.language):
                number = bisect_right(paragraphs, hit.start) - 1
                passage = lost.get(number)
                if passage is not None or capitals.fit(found.name.written, written[hit.start : hit.end]):
                    doubtful = passage is not None and passage.is_doubtful(found.name.words)
                    concept = None if meaning.is_guard else meaning.concept
                    named.append(_Named(hit, concept, found.name.letters, number, doubtful))
        concepts = _by_concept(_longest(named))
        stand_ins = self._stand_ins(concepts, article)
        return Features(
            article,
            tuple(written),
            title_length,
            tuple(paragraphs),
            tuple(begun),
            {key: tuple(hits) for key, hits in _with(concepts, stand_ins).items()},
            {key: tuple(hits) for key, hits in phrases.items()},
            stand_ins,
        )

    def concept_named(self, text: str, language: str | None = None) -> str | None:
        """The concept of which a text is, as a whole, an alias: how a publisher's category is understood.

        Where it has no capital, or nothing else, capitals tell nothing; who calls a category "us" means us.
        """
        written = pieces(text)
        lost = text.isupper() or text.islower()
        for found in self._find(loose(written)):
            meaning, name = found.meaning, found.name
            if meaning.concept is None or meaning.is_guard or len(name.words) < len(written):
                continue
            if not meaning.reach.holds_in(language):
                continue
            if capitals.fit(name.written, written) or (lost and not Uniform(text).is_doubtful(name.words)):
                return meaning.concept
        return None

    def _find(self, words: list[str]) -> Iterator[Occurrence["_Meaning"]]:
        yield from self._own.find(words)
        if len(self._replaced) < len(shipped()):
            for found in _shipped_names().find(words):
                if found.meaning.concept not in self._replaced:
                    yield found

    def _stand_ins(self, concepts: Mapping[str, list[Hit]], article: Article) -> dict[str, dict[str, tuple[Hit, ...]]]:
        found: dict[str, dict[str, tuple[Hit, ...]]] = {}
        day = article.dated_at.date()
        for name, hits in concepts.items():
            for meant in self.concepts[name].stands_for:
                if meant.concept in self.concepts and meant.holds_on(day):
                    found.setdefault(meant.concept, {})[name] = tuple(hits)
        return found


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a name means, and where: a concept, or that it is none; or a phrase of a topic."""

    concept: str | None = None
    is_guard: bool = False
    phrase: str | None = None
    reach: Reach = EVERYWHERE


@dataclass(frozen=True, slots=True)
class _Named:
    """A concept, or a guard, that was found."""

    hit: Hit
    concept: str | None
    letters: int
    passage: int  # the number of its paragraph, -1 for the title
    doubtful: bool  # it may be an ordinary word in capitals


@cache
def _shipped_names() -> Lexicon[_Meaning]:
    """Once for all configurations: what comes with the program is most of what there is to be looked for."""
    return Lexicon(_meanings(shipped()))


def _meanings(concepts: Mapping[str, Concept]) -> Iterator[tuple[str, _Meaning]]:
    for identity, concept in concepts.items():
        known: dict[Reach, _Meaning] = {}
        for alias, reach in reaches(concept.named()):
            yield alias, known.setdefault(reach, _Meaning(identity, reach=reach))
        guards = _Meaning(identity, is_guard=True)
        yield from ((guard, guards) for _, guard in concept.guarded())


def _phrases(phrases: Iterable[str]) -> Iterator[tuple[str, _Meaning]]:
    for phrase in phrases:
        yield phrase.replace(STEM, " "), _Meaning(phrase=phrase_key(phrase))


def phrase_key(phrase: str) -> str:
    """What a phrase is called in `Features.phrases`: its loose words."""
    return " ".join(filter(None, loose(pieces(phrase))))


def sentence_texts(article: Article) -> list[str]:
    """The sentences of an article as written, in the order of `Features.sentences`."""
    paragraphs = article.text[:MAX_READ].split("\n\n")
    return [sentence for paragraph in paragraphs for sentence in sentences(paragraph) if pieces(sentence)]


def _read_words(article: Article) -> tuple[list[str], int, list[int], list[int], dict[int, Gap], dict[int, Uniform]]:
    """The words, how many are the title's, with which the paragraphs and the sentences begin, what parts words, by the
    word behind it, and paragraphs whose capitals are lost, by their number; -1 is the title."""
    written: list[str] = []
    paragraphs: list[int] = []
    begun: list[int] = []
    gaps = _add(article.title, written)
    title_length = len(written)
    lost = {-1: Uniform(article.title)} if capitals.are_lost(article.title) else {}
    for number, paragraph in enumerate(article.text[:MAX_READ].split("\n\n")):
        if capitals.are_lost(paragraph):
            lost[number] = Uniform(paragraph)
        paragraphs.append(len(written))
        for sentence in sentences(paragraph):
            before = len(written)
            within = _add(sentence, written)
            if len(written) > before:
                gaps[before] = Gap.PARAGRAPH if before == paragraphs[-1] else Gap.SENTENCE
                gaps |= within
                begun.append(before)
    return written, title_length, paragraphs, begun, gaps, lost


def _add(passage: str, written: list[str]) -> dict[int, Gap]:
    """Adds the words of a passage; the gaps within it."""
    gaps = {}
    for gap, words in parts(passage):
        if gap and words:
            gaps[len(written)] = gap
        written.extend(words)
    return gaps


def _longest(found: list[_Named]) -> Iterator[_Named]:
    """Without what stands inside something longer: "China" does not occur in "South China Sea". In order.

    Of names on the same words those count that have most letters: a guard "Кубан*" before a stem "Куб*".
    """
    end = -1
    covering, letters = Hit(-1, -1), 0
    for one in sorted(found, key=lambda one: (one.hit.start, -one.hit.end, -one.letters, one.concept or "")):
        if one.hit == covering:
            if one.letters == letters:
                yield one
        elif one.hit.end > end:
            end, covering, letters = one.hit.end, one.hit, one.letters
            yield one


def _by_concept(found: Iterable[_Named]) -> dict[str, list[Hit]]:
    """The occurrences of each concept; doubtful ones only where others show that a name is meant."""
    kept = [one for one in found if one.concept]
    certain = {one.concept for one in kept if not one.doubtful}
    naming = {one.passage for one in kept if not one.doubtful and not str(one.concept).startswith("subject:")}
    concepts: dict[str, list[Hit]] = defaultdict(list)
    for one in kept:
        is_meant = not one.doubtful or one.concept in certain or one.passage in naming
        # two spellings of one alias are one occurrence
        if one.concept and is_meant and one.hit not in concepts[one.concept][-1:]:
            concepts[one.concept].append(one.hit)
    return concepts


def _with(
    concepts: Mapping[str, list[Hit]], stand_ins: Mapping[str, Mapping[str, tuple[Hit, ...]]]
) -> dict[str, list[Hit]]:
    """The occurrences of each concept and of what stands for it, in order."""
    found = {name: list(hits) for name, hits in concepts.items()}
    for name, others in stand_ins.items():
        hits = {*concepts.get(name, ()), *(hit for some in others.values() for hit in some)}
        found[name] = sorted(hits, key=lambda hit: (hit.start, hit.end))
    return found
