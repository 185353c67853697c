"""Articles → the stories they belong to, with what the store knows of their copies.

sketches → candidates → copies → texts → rulings → dedup.fold
  of the     that share    of their  to be    a person's
  articles   some hashes   stories   compared  word
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from aggregator import dedup, near, shingles
from aggregator.models import Article, Copy, Likeness, Story
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import rulings as stored_rulings
from aggregator.store import sketches as stored_sketches


@dataclass(frozen=True, slots=True)
class Folded:
    """Stories that some articles belong to, whole, and the sketches by which their near copies will be found."""

    stories: tuple[Story, ...]
    sketches: Mapping[str, tuple[int, ...]]  # by article


def fold(database: Database, articles: Sequence[Article], ranks: Mapping[str, int]) -> Folded:
    """The stories of new or changed articles. `ranks` by source."""
    texts = _Texts(database, articles)
    copies = [dedup.copy_of(article, ranks[article.source]) for article in articles]
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


def _alike(database: Database, sketches: stored_sketches.Sketches) -> dict[str, list[str]]:
    """Possible near copies of each article: among these, and in the store."""
    found = stored_sketches.candidates(database, sketches)
    holders: dict[int, list[str]] = defaultdict(list)
    for key, sketch in sketches.items():
        for number in set(sketch):
            holders[number].append(key)
    for key, others in stored_sketches.sharing(sketches, holders).items():
        found[key] = list(dict.fromkeys([*found[key], *others]))
    return found


def _stories_of(database: Database, keys: Collection[str]) -> list[Copy]:
    return stored_articles.copies(database, keys=keys, links=[], text_hashes=[]) if keys else []


class _Texts:
    """Articles as they are compared, each made ready once, when it is asked for."""

    def __init__(self, database: Database, articles: Iterable[Article]) -> None:
        self._database = database
        self._articles = {article.key: article for article in articles}
        self._ready: dict[str, near.Text] = {}

    def of(self, key: str) -> near.Text:
        if key not in self._ready:
            article = self._articles.get(key) or stored_articles.by_keys(self._database, [key])[key]
            self._ready[key] = near.text_of(article.source, article.dated_at, article.title, article.text)
        return self._ready[key]

    def likeness(self, one: Copy, other: Copy) -> Likeness:
        return near.compare(self.of(one.key), self.of(other.key))
