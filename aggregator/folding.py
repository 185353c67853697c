"""Articles → the stories they belong to, with what the store knows of their copies.

sketches → candidates → copies → texts → rulings → dedup.fold
  of the     that share    of their  to be    a person's
  articles   some hashes   stories   compared  word
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from aggregator import dedup, near, origins, shingles
from aggregator.config import Config
from aggregator.models import Article, Copy, Likeness, Placement, Story
from aggregator.registry import Source
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import rulings as stored_rulings
from aggregator.store import sketches as stored_sketches

MOST_READY = 1000  # texts: some 60 kB each


@dataclass(frozen=True, slots=True)
class Folded:
    """Stories that some articles belong to, whole, and the sketches by which their near copies will be found."""

    stories: tuple[Story, ...]
    sketches: Mapping[str, tuple[int, ...]]  # by article


def fold(database: Database, articles: Sequence[Article], source: Source, config: Config) -> Folded:
    """The stories of new or changed articles of a source."""
    texts = _Texts(database, articles)
    copies = [_copy(article, source, config) for article in articles]
    past = stored_articles.copies(
        database,
        keys=[copy.key for copy in copies],
        links=[copy.link for copy in copies if copy.link],
        text_hashes=[copy.text_hash for copy in copies if copy.word_count],  # no words are not the same words
    )
    placed = {copy.key for copy in past}
    sketches = {article.key: shingles.sketch(texts.of(article.key).shingles) for article in articles}
    alike = _alike(database, {key: sketch for key, sketch in sketches.items() if key not in placed})
    past += _stories_of(database, {other for others in alike.values() for other in others} - placed - sketches.keys())
    rulings = stored_rulings.of(database, sketches.keys())
    past += _stories_of(database, {key for pair in rulings for key in pair} - {copy.key for copy in past})
    evidence = dedup.Evidence(alike, texts.likeness, rulings)
    return Folded(dedup.fold(copies, list({copy.key: copy for copy in past}.values()), evidence), sketches)


def _copy(article: Article, source: Source, config: Config) -> Copy:
    credit = origins.credit(article, config.agencies)
    return replace(
        dedup.copy_of(article, source.rank, config.links),
        voice=origins.voice(article, config.agencies, config.links),
        is_reprint=credit is not None and credit.place != origins.OWN_SITE,
        is_paywalled=source.paywall,
    )


def among(database: Database, copies: Sequence[Copy]) -> tuple[Story, ...]:
    """The stories of some copies as if they came together and for the first time, and nothing else were there."""
    texts = _Texts(database)
    sketches = {copy.key: shingles.sketch(texts.of(copy.key).shingles) for copy in copies}
    rulings = stored_rulings.of(database, sketches.keys())
    evidence = dedup.Evidence(_alike_among(sketches), texts.likeness, rulings)
    return dedup.fold([replace(copy, story=None, placement=Placement("first")) for copy in copies], (), evidence)


def _alike(database: Database, sketches: stored_sketches.Sketches) -> dict[str, list[str]]:
    """Possible near copies of each article: among these, and in the store."""
    found, inner = stored_sketches.candidates(database, sketches), _alike_among(sketches)
    return {key: list(dict.fromkeys([*found[key], *inner[key]])) for key in sketches}


def _alike_among(sketches: stored_sketches.Sketches) -> dict[str, list[str]]:
    holders: dict[int, list[str]] = defaultdict(list)
    for key, sketch in sketches.items():
        for number in set(sketch):
            holders[number].append(key)
    return stored_sketches.sharing(sketches, holders)


def _stories_of(database: Database, keys: Collection[str]) -> list[Copy]:
    return stored_articles.copies(database, keys=keys, links=[], text_hashes=[]) if keys else []


class _Texts:
    """Articles as they are compared: made ready when they are asked for, and some of them kept so."""

    def __init__(self, database: Database, articles: Iterable[Article] = ()) -> None:
        self._database = database
        self._articles = {article.key: article for article in articles}
        self.of = lru_cache(maxsize=MOST_READY)(self._ready)

    def _ready(self, key: str) -> near.Text:
        article = self._articles.get(key) or stored_articles.by_keys(self._database, [key])[key]
        return near.text_of(article.source, article.dated_at, article.title, article.text)

    def likeness(self, one: Copy, other: Copy) -> Likeness:
        return near.compare(self.of(one.key), self.of(other.key))
