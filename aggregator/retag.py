"""Newer rules for what is stored already: what is furniture, what an article is about, where it belongs.

Piece by piece, each in a transaction of its own, so that it can be broken off and done again.
"""

from collections.abc import Callable
from functools import cache

from aggregator import __version__, dedup, furniture
from aggregator.judge import Judge
from aggregator.links import Rules
from aggregator.markers import Markers
from aggregator.models import Story
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import visits as stored_visits
from aggregator.words import digest

BATCH = 200  # articles, or stories, in one transaction

Progress = Callable[[int], None]  # told how many articles or stories have been looked at


def cut_rules(markers: Markers) -> str:
    """Another text for other rules of what is furniture."""
    return digest([__version__, repr(markers)])


def cut_all(database: Database, markers: Markers, progress: Progress = lambda count: None) -> int:
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


def compare_all(database: Database, rules: Rules) -> None:
    """Have new articles compared with stored ones by these rules. What is in one story stays in it."""
    last = ""
    while batch := stored_articles.links(database, after=last, limit=5 * BATCH):
        found = {key: (dedup.compared(link, rules), before) for key, link, before in batch}
        stored_visits.save_links(database, {key: page for key, (page, before) in found.items() if page != before})
        last = batch[-1][0]


def judge_all(database: Database, judge: Judge, progress: Progress = lambda count: None) -> None:
    """Apply the rules to the whole store: who leads a story, what it is about, where it belongs."""
    last = ""
    while batch := stored_articles.stories(database, after=last, limit=BATCH):
        stories = [Story(story, dedup.lead(copies).key, tuple(copies)) for story, copies in batch.items()]
        articles = stored_articles.by_keys(database, [copy.key for story in stories for copy in story.copies])
        judgements = {key: judge.judge(article) for key, article in articles.items()}
        stored_visits.save_judgement(
            database,
            {key: judgement.all_tags for key, judgement in judgements.items()},
            {story.id: judgements[story.lead].memberships(story.id) for story in stories},
            {story.id: story.lead for story in stories},
        )
        last = stories[-1].id
        progress(len(stories))
