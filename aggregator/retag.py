"""Newer rules for what is stored already: what is furniture, who speaks, what an article is about, where it belongs.

Piece by piece, each in a transaction of its own, so that it can be broken off and done again.
"""

import logging
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import TypeVar

from aggregator import __version__, dedup, furniture, origins
from aggregator.agencies import Agencies
from aggregator.config import Config
from aggregator.errors import StateError
from aggregator.judge import Judge, Judgement
from aggregator.links import Rules
from aggregator.markers import Markers
from aggregator.models import Article
from aggregator.plurals import counted
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import judgements as stored_judgements
from aggregator.store import memberships as stored_memberships
from aggregator.store import settings as stored_settings
from aggregator.store import topics as stored_topics
from aggregator.words import digest

BATCH = 50  # articles, or stories, in one transaction: others wait for a fraction of a second

log = logging.getLogger(__name__)

T = TypeVar("T")
Progress = Callable[[int], None]  # told how many articles or stories have been looked at
Steps = Iterator[tuple[int, int]]  # articles or stories that were looked at, and articles that are cut in another way


def steps(database: Database, judge: Judge, config: Config, now: datetime, *, is_judged: bool) -> Steps:
    """Do what newer rules ask for, a step at a time. Raises StateError.

    `is_judged`: by these rules already. What is to be done is noted before the first step, and that it is done at the
    end: what was broken off is done again, also by the rules before. What changed rules have found in the past does not
    flood a feed: see `backfill` of topics.
    """
    rules, voices = digest([__version__, repr(config.markers)]), voice_rules(config.agencies, config.links)
    is_cut = not stored_settings.is_outdated(database, "furniture", rules)
    is_heard = is_cut and not stored_settings.is_outdated(database, "voices", voices)
    done = {"furniture": is_cut, "voices": is_heard, "rules": is_judged and is_heard}
    outdated = {name for name, is_done in done.items() if not is_done}
    if outdated:
        stored_settings.forget(database, outdated)
    return _steps(database, judge, config, now, outdated, {"furniture": rules, "voices": voices})


def _steps(
    database: Database, judge: Judge, config: Config, now: datetime, outdated: Container[str], rules: Mapping[str, str]
) -> Steps:
    if "furniture" in outdated:
        yield from cut_all(database, config.markers)
    if "voices" in outdated:
        yield from hear_all(database, config.agencies, config.links)
    if "rules" in outdated:
        yield from judge_all(database, judge, now)
        new = stored_topics.unfilled(database)
        most = {slug: topic.limit if slug in new else topic.backfill for slug, topic in config.topics.items()}
        for slug, count in stored_memberships.settle(database, most).items():
            log.info("%s: now in the feed: %s", slug, counted(count, "older story", "older stories"))
        stored_topics.note_rules(database, judge.rules_hash, **rules)


def cut_all(database: Database, markers: Markers) -> Steps:
    """Look for furniture in all originals. Dates of articles stay."""

    @cache
    def learned(source: str) -> frozenset[bytes]:
        return furniture.learned(stored_articles.originals(database, source))

    def shortened(one: Article) -> Article:
        return furniture.cut(one, markers, learned(one.source) if one.told else frozenset())

    last = ""
    while batch := stored_articles.with_originals(database, after=last, limit=BATCH):
        found = _of_each(batch, shortened)
        pairs = [(found[before.key], before) for before in batch if before.key in found]
        others = [(article, before) for article, before in pairs if article != before]
        stored_judgements.save_cuts(database, others)
        last = batch[-1].key
        yield len(batch), len(others)


def voice_rules(agencies: Agencies, rules: Rules) -> str:
    """Another text for other rules by which it is told who speaks in an article."""
    named, hosts = sorted(agencies.by_name.items()), sorted(agencies.by_host.items())
    return digest([__version__, repr(named), repr(hosts), repr(agencies.signed), repr(rules)])


def hear_all(database: Database, agencies: Agencies, rules: Rules) -> Steps:
    """Ask of all articles anew who speaks in them. Stories have to be judged after that."""
    last = ""
    while batch := stored_articles.walked(database, after=last, limit=BATCH):
        stored_judgements.save_voices(database, _of_each(batch, lambda one: origins.spoken(one, agencies, rules)))
        last = batch[-1].key
        yield 0, 0


def link_rules(rules: Rules) -> str:
    """Another text for other rules by which links are compared."""
    return digest([__version__, repr(rules)])


def compare_all(database: Database, rules: Rules, progress: Progress) -> None:
    """Have new articles compared with stored ones by these rules. What is in one story stays in it."""
    last = ""
    while batch := stored_articles.links(database, after=last, limit=5 * BATCH):
        found = {key: (dedup.compared(link, rules), before) for key, link, before in batch}
        stored_judgements.save_links(database, {key: page for key, (page, before) in found.items() if page != before})
        last = batch[-1][0]
        progress(0)  # nobody counts these


def judge_all(database: Database, judge: Judge, now: datetime) -> Steps:
    """Apply the rules to the whole store, latest first: who leads a story, what it is about, where it belongs; then
    what its other copies are about."""
    last = None
    while batch := stored_articles.newest_stories(database, last, BATCH):
        stories = [dedup.story(name, copies) for (_, name), copies in batch]
        judgements = _judgements(database, judge, [story.lead for story in stories])
        stored_judgements.save(
            database,
            {key: judgement.all_tags for key, judgement in judgements.items()},
            {story.id: judgements[story.lead].memberships(story) for story in stories if story.lead in judgements},
            {story.id: story.lead for story in stories},
            now,
        )
        last = batch[-1][0]
        yield len(stories), 0
        others = [copy.key for story in stories for copy in story.copies if copy.key != story.lead]
        for start in range(0, len(others), BATCH):
            judgements = _judgements(database, judge, others[start : start + BATCH])
            tags = {key: judgement.all_tags for key, judgement in judgements.items()}
            stored_judgements.save(database, tags, {}, {}, now)
            yield 0, 0


def _judgements(database: Database, judge: Judge, keys: Collection[str]) -> dict[str, Judgement]:
    return _of_each(stored_articles.by_keys(database, keys).values(), judge.judge)


def _of_each(batch: Iterable[Article], what: Callable[[Article], T]) -> dict[str, T]:
    """Something of each article, by key. One that meets a bug of ours is left as it is: it would stop all others."""
    found = {}
    for article in batch:
        try:
            found[article.key] = what(article)
        except StateError:
            raise
        except Exception:
            log.exception("a bug met while changed rules were applied to %s; please report it", article.key)
    return found
