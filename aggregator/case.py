"""An article before the rules of topics: what they ask of it, found out once. Pure.

A *term* is a thing that an article has or has not: a concept with some score, a phrase in the text, a word of its
authors. Rules say which terms they need; see `registry.Leaf.needs`.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal
from urllib.parse import unquote

from aggregator.features import LEDE_WORDS, MAX_READ, Features, Hit, phrase_key, sentence_texts
from aggregator.models import Article, Tag
from aggregator.spelling import pieces
from aggregator.words import folded

Place = Literal["title", "lede", "text", "author", "url", "category"]
IN_TEXT = ("title", "lede", "text")  # fields whose words are found together with those of all other rules

LEVELS = (0, 15, 25, 40)  # scores for which there are terms: seen, prominent, about, a main subject
MAX_FIELD = 10_000  # characters of authors, of an address, of categories
MAX_EXCERPTS = 2
MAX_MARKED = 100  # words that are marked to the letter
AROUND = 80  # characters shown on either side of what was found

_TOKEN = re.compile(r"\S+")


@dataclass(frozen=True)
class Case:
    """One article and what is known of it."""

    features: Features
    tags: Mapping[str, Tag]  # by concept
    sources: tuple[str, ...] = ()  # folded: the id, the name and the labels of its source
    shows: bool = False  # whether verdicts are to carry excerpts
    is_negated: bool = False  # the rule stands under `none`: what is not known must not make it hold
    memo: dict[object, Any] = field(default_factory=dict)

    @property
    def article(self) -> Article:
        return self.features.article

    def negated(self) -> "Case":
        return replace(self, is_negated=not self.is_negated)

    def once(self, key: object, find: Callable[[], Any]) -> Any:
        """What `find` finds, the first time; the same again for every rule that asks."""
        if key not in self.memo:
            self.memo[key] = find()
        return self.memo[key]

    def hits(self, item: str, where: Place = "text", *, is_phrase: bool = False) -> tuple[Hit, ...]:
        """Where a concept, or a phrase, by its key,, stands in the title, the lede (the title with it), or anywhere."""
        found = (self.features.phrases if is_phrase else self.features.concepts).get(item, ())
        if where == "text":
            return found
        features = self.features
        return tuple(hit for hit in found if features.in_title(hit) or (where == "lede" and features.in_lede(hit)))

    def count(self, phrase: str, where: Place) -> int:
        """How often a phrase, by its key, stands in a field."""
        if where in IN_TEXT:
            return len(self.hits(phrase, where, is_phrase=True))
        return sum(f" {value} ".count(f" {phrase} ") for value in self.values(where))

    def values(self, where: Place) -> tuple[str, ...]:
        """The authors, the address, or the categories, each as loose words: see `phrase_key`."""

        def read() -> tuple[str, ...]:
            written = self.written(where)
            return tuple(map(phrase_key, (unquote(written) if where == "url" else written).splitlines()))

        found: tuple[str, ...] = self.once(("values", where), read)
        return found

    def written(self, where: Place) -> str:
        """A field as it was written; authors and categories are lines."""
        written: str = self.once(("written", where), lambda: _written(self.article, where))
        return written

    def excerpts(self, hits: Iterable[Hit]) -> tuple[str, ...]:
        """The sentences in which things were found, with [what was found] marked; where that is wanted."""
        if not self.shows:
            return ()
        by_sentence = {self.features.sentence_of(hit): hit for hit in reversed(tuple(hits))}
        return tuple(self._excerpt(number, by_sentence[number]) for number in sorted(by_sentence)[:MAX_EXCERPTS])

    def _excerpt(self, number: int, hit: Hit) -> str:
        first = 0 if number < 0 else self.features.sentences[number]
        sentence = self.article.title if number < 0 else self._sentences[number]
        start, end = _span(sentence, hit.start - first, hit.end - first)
        found = self.features.words[hit.start : hit.end]
        if len(found) <= MAX_MARKED:
            exact = re.compile(r"\W*".join(map(re.escape, found))).search(sentence, start, end)
            start, end = exact.span() if exact else (start, end)
        return marked(sentence, start, end)

    @cached_property
    def _sentences(self) -> list[str]:
        return self.once("sentences", lambda: sentence_texts(self.article))  # type: ignore[no-any-return]


def scored(concept: str, score: int) -> str:
    """The term of a concept with at least a score, or the nearest below it that there is."""
    return f"score {max(level for level in LEVELS if level <= score)} {concept}"


def mentioned(concept: str) -> str:
    return f"mention {concept}"


def labelled(label: str) -> str:
    return f"label {folded(label)}"


def worded(phrase: str, where: Place) -> str:
    """The term of a phrase, by its key, in a field; outside the text, of its first word."""
    return f"phrase {phrase}" if where in IN_TEXT else f"{where} {phrase.partition(' ')[0]}"


def terms(case: Case) -> Iterator[str]:
    """All terms of an article."""
    yield from map(mentioned, case.features.concepts)
    for tag in case.tags.values():
        yield labelled(tag.label)
        yield from (f"score {level} {tag.concept}" for level in LEVELS if tag.score >= level)
    yield from (f"phrase {phrase}" for phrase in case.features.phrases)
    others: tuple[Place, ...] = ("author", "url", "category")
    yield from (f"{where} {word}" for where in others for value in case.values(where) for word in value.split())


def marked(text: str, start: int, end: int) -> str:
    """What stands around a part of a text, on one line, with the part in brackets."""
    before, behind = max(0, start - AROUND), min(len(text), end + AROUND)
    head = ("…" if before else "") + text[before:start]
    tail = text[end:behind] + ("…" if behind < len(text) else "")
    return " ".join(f"{head}[{text[start : min(end, start + AROUND)]}]{tail}".split())


def _written(article: Article, where: Place) -> str:
    match where:
        case "title":
            return article.title
        case "text":
            return f"{article.title}\n\n{article.text[:MAX_READ]}"
        case "lede":
            return f"{article.title}\n\n{_lede(article.text[:MAX_READ])}"
        case "url":
            return (article.link or "")[:MAX_FIELD]
        case "author":
            return "\n".join(article.authors)[:MAX_FIELD]
        case "category":
            return "\n".join(category.label or category.term for category in article.categories)[:MAX_FIELD]


def _lede(text: str) -> str:
    """A text as far as its lede goes."""
    left = LEDE_WORDS
    for piece in _TOKEN.finditer(text):
        count = len(pieces(piece[0]))
        if count >= left:
            return text[: piece.start() + _reach(piece[0], left)]
        left -= count
    return text


def _reach(piece: str, most: int) -> int:
    """How many characters of a piece without spaces hold so many words."""
    end = most
    while end < len(piece) and len(pieces(piece[:end])) <= most:
        end *= 2
    return bisect_right(range(min(end, len(piece)) + 1), most, key=lambda length: len(pieces(piece[:length]))) - 1


def _span(sentence: str, first: int, last: int) -> tuple[int, int]:
    """The characters of the pieces in which the words [first, last) of a sentence stand."""
    count, start = 0, None
    for piece in _TOKEN.finditer(sentence):
        count += len(pieces(piece[0]))
        if start is None and count > first:
            start = piece.start()
        if start is not None and count >= last:
            return start, piece.end()
    return start or 0, len(sentence)
