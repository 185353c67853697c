"""Newer rules for what is stored already: what is furniture, what an article is about, where it belongs.

Piece by piece, each in a transaction of its own, so that it can be broken off and done again.
"""

import logging
from collections.abc import Callable
from functools import cache

from aggregator import __version__, dedup, furniture
from aggregator.judge import Judge
from aggregator.links import Rules
from aggregator.markers import Markers
from aggregator.models import Story
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import topics as stored_topics
from aggregator.store import visits as stored_visits
from aggregator.words import digest

BATCH = 200  # articles, or stories, in one transaction

log = logging.getLogger(__name__)

Progress = Callable[[int], None]  # told how many articles or stories have been looked at


def apply(database: Database, judge: Judge, markers: Markers, progress: Progress, *, is_judged: bool) -> int:
    """Do what newer rules ask for; the number of articles that are cut in another way. Raises StateError.

    `is_judged`: by these rules already. That all is done is noted at the end: what was broken off is done again.
    """
    rules = digest([__version__, repr(markers)])
    is_cut = not stored_topics.is_outdated(database, "furniture", rules)
    changed = 0 if is_cut else cut_all(database, markers, progress)
    if changed:
        log.info("other rules of what is furniture: %d articles are cut in another way", changed)
    if not (is_judged and is_cut):
        judge_all(database, judge, progress)
        stored_topics.note_rules(database, judge.rules_hash, furniture=rules)
    return changed


def cut_all(database: Database, markers: Markers, progress: Progress) -> int:
    """Look for furniture in all originals; the number of articles that are others now. Their dates stay."""

    @cache
    def learned(source: str) -> frozenset[bytes]:
        return furniture.learned(stored_articles.originals(database, source))

    last, changed = "", 0
    while batch := stored_articles.with_originals(database, after=last, limit=BATCH):
        pairs = [(furniture.cut(one, markers, learned(one.source) if one.told else frozenset()), one) for one in batch]
        others = [(article, before) for article, before in pairs if article != before]
        stored_visits.save_cuts(database, others)
        changed += len(others)
        last = batch[-1].key
        progress(len(batch))
    return changed


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


def judge_all(database: Database, judge: Judge, progress: Progress) -> None:
    """Apply the rules to the whole store: who leads a story, what it is about, where it belongs."""
    last = ""
    while batch := stored_articles.stories(database, after=last, limit=BATCH):
        stories = [Story(story, dedup.lead(copies).key, tuple(copies)) for story, copies in batch.items()]
        articles = stored_articles.by_keys(database, [copy.key for story in stories for copy in story.copies])
        judgements = {key: judge.judge(article) for key, article in articles.items()}
        stored_visits.save_judgement(
            database,
            {key: judgement.all_tags for key, judgement in judgements.items()},
            {story.id: judgements[story.lead].memberships(story) for story in stories},
            {story.id: story.lead for story in stories},
        )
        last = stories[-1].id
        progress(len(stories))
