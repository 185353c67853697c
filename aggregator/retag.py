"""Newer rules for what is stored already: what is furniture, who speaks, what an article is about, where it belongs.

Piece by piece, each in a transaction of its own, so that it can be broken off and done again.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache

from aggregator import __version__, dedup, furniture, origins
from aggregator.agencies import Agencies
from aggregator.config import Config
from aggregator.judge import Judge
from aggregator.links import Rules
from aggregator.markers import Markers
from aggregator.models import Story
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import topics as stored_topics
from aggregator.store import visits as stored_visits
from aggregator.words import digest

BATCH = 50  # articles, or stories, in one transaction: others wait for a fraction of a second

log = logging.getLogger(__name__)

Progress = Callable[[int], None]  # told how many articles or stories have been looked at
Steps = Iterator[tuple[int, int]]  # articles or stories that were looked at, and articles that are cut in another way


def steps(database: Database, judge: Judge, config: Config, now: datetime, *, is_judged: bool) -> Steps:
    """Do what newer rules ask for, a step at a time. Raises StateError.

    `is_judged`: by these rules already. That all is done is noted at the end: what was broken off is done again. What
    rules that changed `now` have found in the past does not flood a feed: see `backfill` of topics.
    """
    rules, voices = digest([__version__, repr(config.markers)]), voice_rules(config.agencies, config.links)
    is_cut = not stored_topics.is_outdated(database, "furniture", rules)
    is_heard = is_cut and not stored_topics.is_outdated(database, "voices", voices)
    if not is_cut:
        yield from cut_all(database, config.markers)
    if not is_heard:
        yield from hear_all(database, config.agencies, config.links)
    if not (is_judged and is_heard):
        yield from judge_all(database, judge, now)
        new = stored_topics.new_since(database, now)
        most = {slug: topic.limit if slug in new else topic.backfill for slug, topic in config.topics.items()}
        for slug, count in stored_topics.settle(database, most).items():
            log.info("%s: %d older stories are in the feed now", slug, count)
        stored_topics.note_rules(database, judge.rules_hash, furniture=rules, voices=voices)


def cut_all(database: Database, markers: Markers) -> Steps:
    """Look for furniture in all originals. Dates of articles stay."""

    @cache
    def learned(source: str) -> frozenset[bytes]:
        return furniture.learned(stored_articles.originals(database, source))

    last = ""
    while batch := stored_articles.with_originals(database, after=last, limit=BATCH):
        pairs = [(furniture.cut(one, markers, learned(one.source) if one.told else frozenset()), one) for one in batch]
        others = [(article, before) for article, before in pairs if article != before]
        stored_visits.save_cuts(database, others)
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
        stored_visits.save_voices(database, {one.key: origins.spoken(one, agencies, rules) for one in batch})
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
        stored_visits.save_links(database, {key: page for key, (page, before) in found.items() if page != before})
        last = batch[-1][0]
        progress(0)  # nobody counts these


def judge_all(database: Database, judge: Judge, now: datetime) -> Steps:
    """Apply the rules to the whole store, latest first: who leads a story, what it is about, where it belongs."""
    last = None
    while batch := stored_articles.newest_stories(database, last, BATCH):
        stories = [Story(name, dedup.lead(copies).key, tuple(copies)) for (_, name), copies in batch]
        articles = stored_articles.by_keys(database, [copy.key for story in stories for copy in story.copies])
        judgements = {key: judge.judge(article) for key, article in articles.items()}
        stored_visits.save_judgement(
            database,
            {key: judgement.all_tags for key, judgement in judgements.items()},
            {story.id: judgements[story.lead].memberships(story) for story in stories},
            {story.id: story.lead for story in stories},
            now,
        )
        last = batch[-1][0]
        yield len(stories), 0
