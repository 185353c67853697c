"""Articles → the stories they belong to, with what the store knows of their copies.

sketches → candidates → copies → texts → rulings → dedup.fold
  of the     that share    of their  to be    a person's
  articles   some hashes   stories   compared  word
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from aggregator import dedup, near, origins, shingles
from aggregator.config import Config
from aggregator.models import Article, Copy, Likeness, Past, Placement, Story
from aggregator.registry import Source
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import rulings as stored_rulings
from aggregator.store import sketches as stored_sketches

MOST_READY = 1000  # texts: some 60 kB each
READ_AT_ONCE = 50  # texts


@dataclass(frozen=True, slots=True)
class Folded:
    """Stories that some articles belong to, whole, and what was known when that was decided."""

    stories: tuple[Story, ...]
    past: Past  # with the sketches by which near copies of these articles will be found


def fold(database: Database, articles: Sequence[Article], source: Source, config: Config) -> Folded:
    """The stories of new or changed articles of a source."""
    texts = _Texts(database, articles)
    copies = {article.key: _copy(article, source, config) for article in articles}
    past = _past(
        database,
        frozenset(copy.link for copy in copies.values() if copy.link),
        frozenset(copy.text_hash for copy in copies.values() if copy.word_count),  # no words are not the same words
        {article.key: shingles.sketch(texts.of(article.key).shingles) for article in articles},
    )
    alike = _alike(past.shared, {**past.copies, **copies})
    texts.expect(_to_be_compared(alike, past.copies.values(), {copy.link for copy in copies.values()}))
    evidence = dedup.Evidence(alike, texts.likeness, past.rulings)
    return Folded(dedup.fold(list(copies.values()), list(past.copies.values()), evidence), past)


def is_outdated(database: Database, past: Past) -> bool:
    """Whether other workers have changed something meanwhile by which it was decided where articles belong."""
    return _past(database, past.links, past.text_hashes, past.sketches) != past


def _past(
    database: Database,
    links: frozenset[str],
    text_hashes: frozenset[str],
    sketches: Mapping[str, tuple[int, ...]],
) -> Past:
    keys = frozenset(sketches)
    copies = stored_articles.copies(database, keys=keys, links=links, text_hashes=text_hashes)
    placed = {copy.key for copy in copies}
    shared = _sharing(database, {key: sketch for key, sketch in sketches.items() if key not in placed})
    copies += _stories_of(database, {other for others in shared.values() for other in others} - placed - keys)
    rulings = stored_rulings.of(database, keys)
    copies += _stories_of(database, {key for pair in rulings for key in pair} - {copy.key for copy in copies})
    return Past(keys, links, text_hashes, sketches, {copy.key: copy for copy in copies}, shared, rulings)


def _copy(article: Article, source: Source, config: Config) -> Copy:
    voice, is_reprint = origins.spoken(article, config.agencies, config.links)
    return replace(
        dedup.copy_of(article, source.rank, config.links),
        voice=voice,
        is_reprint=is_reprint,
        is_paywalled=source.paywall,
        host=source.host,
    )


def among(
    database: Database, copies: Sequence[Copy], rulings: stored_rulings.Rulings | None = None
) -> tuple[Story, ...]:
    """The stories of some copies as if they came anew, in the order in which they were first seen, and nothing else
    were there: whatever dates they claim, a newcomer puts nothing together that was there before it.

    `rulings`: a person's, if other ones than are stored.
    """
    texts = _Texts(database)
    texts.expect(copy.key for copy in copies)
    sketches = {copy.key: shingles.sketch(texts.of(copy.key).shingles) for copy in copies}
    if rulings is None:
        rulings = stored_rulings.of(database, sketches.keys())
    alike = _alike(_sharing_among(sketches), {copy.key: copy for copy in copies})
    evidence = dedup.Evidence(alike, texts.likeness, rulings)
    seen_at = {key: article.first_seen_at for key, article in stored_articles.known(database, sketches.keys()).items()}
    anew = [replace(copy, story=None, placement=Placement("first")) for copy in copies]
    return dedup.fold(anew, (), evidence, seen_at)


def _sharing(database: Database, sketches: stored_sketches.Sketches) -> dict[str, dict[str, int]]:
    """Possible near copies of each article, among these and in the store, with how many numbers they share."""
    found, inner = stored_sketches.candidates(database, sketches), _sharing_among(sketches)
    return {key: found[key] | inner[key] for key in sketches}


def _sharing_among(sketches: stored_sketches.Sketches) -> dict[str, dict[str, int]]:
    holders: dict[int, list[str]] = defaultdict(list)
    for key, sketch in sketches.items():
        for number in set(sketch):
            holders[number].append(key)
    return stored_sketches.sharing(sketches, holders)


def _alike(shared: Mapping[str, Mapping[str, int]], copies: Mapping[str, Copy]) -> dict[str, list[str]]:
    """Those possible near copies of each article that are worth comparing, as long as they are."""
    return {
        key: [
            other
            for other, count in others.items()
            if other in copies and shingles.may_be_copies(count, copies[key].word_count, copies[other].word_count)
        ]
        for key, others in shared.items()
    }


def _to_be_compared(
    alike: Mapping[str, Collection[str]], past: Iterable[Copy], links: Collection[str | None]
) -> Iterator[str]:
    """The copies that new ones will most likely be compared with: who leads a story, and who has the same link."""
    wanted = {other for others in alike.values() for other in others}
    stories: dict[str | None, list[Copy]] = defaultdict(list)
    for copy in past:
        stories[copy.story].append(copy)
        if copy.link and copy.link in links:
            yield copy.key
    for copies in stories.values():
        if any(copy.key in wanted for copy in copies):
            yield dedup.lead(copies).key


def _stories_of(database: Database, keys: Collection[str]) -> list[Copy]:
    return stored_articles.copies(database, keys=keys, links=[], text_hashes=[]) if keys else []


class _Texts:
    """Articles as they are compared: made ready when they are asked for, and some of them kept so."""

    def __init__(self, database: Database, articles: Iterable[Article] = ()) -> None:
        self._database = database
        self._new = {one.key: (one.source, one.dated_at, one.title, one.text) for one in articles}
        self._read: dict[str, tuple[str, datetime, str, str]] = {}
        self._expected: list[str] = []
        self.of = lru_cache(maxsize=MOST_READY)(self._ready)

    def expect(self, keys: Iterable[str]) -> None:
        """Read these together, some at a time, when the first of them is asked for."""
        self._expected = sorted(set(keys) - self._new.keys(), reverse=True)

    def _ready(self, key: str) -> near.Text:
        if key in self._new:
            return near.text_of(*self._new[key])
        if key not in self._read:
            some, self._expected = self._expected[-READ_AT_ONCE:], self._expected[:-READ_AT_ONCE]
            self._read |= stored_articles.texts(self._database, {key, *some})
        return near.text_of(*self._read.pop(key))

    def likeness(self, one: Copy, other: Copy) -> Likeness:
        return near.compare(self.of(one.key), self.of(other.key))
