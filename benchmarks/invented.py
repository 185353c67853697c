"""Invented news: as many articles as one wants, each the same whenever it is asked for by its number.

Words are made of syllables and used after Zipf's law, and there are phrases that everybody uses, so that some shingles
are common. An article tells of one of a day's events, some of which are told of by many; its names come from a list in
which some are common as well. Every tenth article is a near copy of an earlier one, every twentieth has the very words
of one; one in five ends with its source's formula.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random

from aggregator import dedup
from aggregator.models import Article, Copy, Likeness, Placement
from aggregator.words import digest

SOURCES = 1000
VOCABULARY, NAMES = 50_000, 20_000
ARTICLES_OF_AN_EVENT = 5  # on average
SHORTEST, LONGEST = 300, 800  # words
NAMED = 0.15  # of an article's words are those of its event
PHRASES, OF_AN_ARTICLE = 5000, 6
NEAR = 3000  # articles before it among which a copy has its original


def _made(number: int) -> str:
    """A word of as many syllables as are needed to tell it from others: the first ones are short."""
    syllables = []
    number += 1
    while number:
        number, rest = divmod(number - 1, 100)
        syllables.append("bcdfghjklmnprstvwxzy"[rest // 5] + "aeiou"[rest % 5])
    return "".join(syllables)


WORDS = [_made(number) for number in range(VOCABULARY)]
_OFTEN = list(accumulate(1 / (rank + 1.5) for rank in range(VOCABULARY)))  # Mandelbrot's form
PEOPLE = [_made(number + 100).title() + "n" for number in range(NAMES)]
_KNOWN = list(accumulate(1 / (rank + 20) for rank in range(NAMES)))
_PHRASES = [Random(number).choices(WORDS, cum_weights=_OFTEN, k=4) for number in range(PHRASES)]  # noqa: S311
_USED = list(accumulate(1 / (rank + 5) for rank in range(PHRASES)))
LIKENESS = Likeness(True, "alike", 300, 0.7, 0.9, 0.8, 5.0)


@dataclass(frozen=True, slots=True)
class Press:
    """What has been written until now: so many articles, so many a day."""

    articles: int
    a_day: int
    now: datetime

    def article(self, number: int) -> Article:
        """One of them; with a number beyond theirs a new one."""
        words = self._words(number)
        title, source, text = self._title(number), self.source(number), " ".join(words)
        paragraphs = [" ".join(words[start : start + 60]).capitalize() + "." for start in range(0, len(words), 60)]
        hashed = digest([text])
        return Article(
            key=self.key(number),
            source=source,
            guid=str(number),
            title=title,
            text="\n\n".join(paragraphs),
            html=f"<p>{paragraphs[0]}</p>",
            summary=text[:200],
            first_seen_at=self.seen_at(number),
            link=f"https://{source}/{number}",
            published_at=self.seen_at(number) - timedelta(minutes=7),
            language="en",
            content_hash=digest([title, text]),
            news_hash=hashed,
            text_hash=hashed,
            word_count=len(words),
        )

    def _words(self, number: int) -> list[str]:
        """What an article says."""
        rule, rival = self._rival(number)
        if rival is not None:
            words = self._words(rival)
            return _edited(words, number) if rule == "near" else words
        chance = Random(number)  # noqa: S311
        size = chance.randint(SHORTEST, LONGEST)
        words = chance.choices(WORDS, cum_weights=_OFTEN, k=size)
        told = chance.sample(self._event(number), 10) + chance.choices(PEOPLE, cum_weights=_KNOWN, k=2)
        for place in chance.sample(range(size), int(size * NAMED)):
            words[place] = chance.choice(told)
        for phrase in chance.choices(_PHRASES, cum_weights=_USED, k=OF_AN_ARTICLE):
            place = chance.randrange(size - 4)
            words[place : place + 4] = phrase
        return words + _formula(self.source(number)) if chance.random() < 0.2 else words

    def placed(self, number: int, article: Article) -> Copy:
        """An article in its story."""
        rule, rival = self._rival(number)
        if rival is None:
            return replace(dedup.copy_of(article, 50), story=article.key)
        placement = Placement(rule, self.key(rival), LIKENESS if rule == "near" else None)
        return replace(dedup.copy_of(article, 50), story=self.key(rival), placement=placement)

    def seen_at(self, number: int) -> datetime:
        return self.now - timedelta(days=max(0, self.articles - number) / self.a_day)

    def key(self, number: int) -> str:
        return digest(["invented", str(number)])

    def source(self, number: int) -> str:
        return f"site{Random(number).randrange(SOURCES)}.example"  # noqa: S311

    def _rival(self, number: int) -> tuple[str, int | None]:
        """Why an article is in its story, and whose copy it is."""
        rule = {7: "near", 9: "text"}.get(number % 20 if number % 20 == 9 else number % 10, "first")
        chance = Random(-number)  # noqa: S311
        rival = number - chance.randint(10, NEAR)
        rival -= rival % 10  # those are originals
        return (rule, rival) if rule != "first" and rival >= 0 else ("first", None)

    def _title(self, number: int) -> str:
        first = self._rival(number)[1] or number
        chance = Random(first)  # noqa: S311
        named = chance.sample(self._event(first)[:6], 3)
        return " ".join([*named, *chance.choices(WORDS, cum_weights=_OFTEN, k=5)])

    def _event(self, number: int) -> Sequence[str]:
        """The names, first, and other words of what an article tells of: one in four tells of what many tell of."""
        chance = Random(number * 7 + 1)  # noqa: S311
        events = max(1, self.a_day // ARTICLES_OF_AN_EVENT)
        one = int(events ** chance.random()) if chance.random() < 0.25 else chance.randrange(events)
        chance = Random(number // self.a_day * events + one)  # noqa: S311
        words = [WORDS[chance.randrange(200, VOCABULARY)] for _ in range(8)]
        return [*chance.choices(PEOPLE, cum_weights=_KNOWN, k=6), *words]


def _edited(words: Sequence[str], number: int) -> list[str]:
    """A fifth is cut off, and a few words are others."""
    chance = Random(number)  # noqa: S311
    left = list(words[: len(words) * 4 // 5])
    for place in chance.sample(range(len(left)), len(left) // 40):
        left[place] = chance.choice(WORDS)
    return left


def _formula(source: str) -> list[str]:
    chance = Random(source)  # noqa: S311
    return chance.choices(WORDS, cum_weights=_OFTEN, k=25)
