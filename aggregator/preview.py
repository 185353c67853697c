"""What would another topics.yaml do to the past? What enters each topic, what leaves it, and why."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aggregator import dedup, origins, topics
from aggregator.judge import Judge
from aggregator.models import Article, Membership, Story
from aggregator.plurals import counted
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import memberships as stored_memberships
from aggregator.terminal import plain

BATCH = 200  # stories
SHOWN = 10  # of what enters a topic and of what leaves it, unless all are wanted


@dataclass(frozen=True, slots=True)
class Change:
    """A story that enters a topic, or leaves it, and why."""

    article: str  # key of the lead
    title: str
    source: str
    dated_at: datetime
    why: str


@dataclass(slots=True)
class TopicDiff:
    """What becomes of a topic."""

    before: int = 0  # stories of the time that was looked at
    entering: list[Change] = field(default_factory=list)
    leaving: list[Change] = field(default_factory=list)


def diff(database: Database, judge: Judge, since: datetime, progress: Callable[[int], None]) -> dict[str, TopicDiff]:
    """What the rules of `judge` would change in what is stored and dated `since` then or later, by topic.

    Nothing is written. `progress` is told how many stories have been looked at.
    """
    found = {slug: TopicDiff() for slug in judge.topics}
    last = ""
    while batch := stored_articles.stories(database, after=last, limit=BATCH, since=since):
        stories = [dedup.story(name, copies) for name, copies in batch.items()]
        leads = stored_articles.by_keys(database, [story.lead for story in stories])
        known = stored_memberships.of(database, batch.keys())
        for story in stories:
            _compare(found, story, leads[story.lead], known[story.id], judge)
        last = stories[-1].id
        progress(len(batch))
    for one in found.values():
        for changes in (one.entering, one.leaving):
            changes.sort(key=lambda change: (change.dated_at, change.article), reverse=True)
    return found


def _compare(
    found: dict[str, TopicDiff], story: Story, lead: Article, before: Mapping[str, Membership], judge: Judge
) -> None:
    after = {membership.topic: membership for membership in judge.judge(lead).memberships(story)}
    for slug in before:
        found.setdefault(slug, TopicDiff()).before += 1
    for slug in after.keys() - before.keys():
        found[slug].entering.append(_change(lead, "; ".join(after[slug].reasons)))
    for slug in before.keys() - after.keys():
        found[slug].leaving.append(_change(lead, _why_not(slug, story, lead, judge)))


def _why_not(slug: str, story: Story, lead: Article, judge: Judge) -> str:
    if slug not in judge.topics:
        return "there is no such topic any more"
    verdict = judge.explain(lead, [slug]).verdicts[slug]
    if verdict.holds:
        voices = origins.independent_in(story.copies)
        return f"{voices} independent sources, of {judge.topics[slug].min_independent_sources} that are wanted"
    decided = topics.deciding(verdict)
    return f"{decided.rule}: {decided.value}"


def _change(lead: Article, why: str) -> Change:
    return Change(lead.key, lead.title, lead.source, lead.dated_at, why)


def lines(found: Mapping[str, TopicDiff], limit: int | None = SHOWN) -> Iterator[str]:
    """For a terminal."""
    for slug, one in found.items():
        after = one.before + len(one.entering) - len(one.leaving)
        before = counted(one.before, "story", "stories")
        yield f"{slug}: {len(one.entering)} enter, {len(one.leaving)} leave: {before} → {after}"
        for mark, changes in (("+", one.entering), ("-", one.leaving)):
            yield from (f"  {line}" for change in changes[:limit] for line in _lines(mark, change))
            if limit is not None and len(changes) > limit:
                yield f"  {mark} … and {len(changes) - limit} more; --all shows them"


def _lines(mark: str, change: Change) -> Iterable[str]:
    title = plain(change.title) or "(untitled)"
    return f"{mark} {change.dated_at:%Y-%m-%d} {title} ({plain(change.source)})", f"    {plain(change.why)}"


def facts(found: Mapping[str, TopicDiff]) -> dict[str, Any]:
    """For machines."""
    return {
        slug: {
            "before": one.before,
            "after": one.before + len(one.entering) - len(one.leaving),
            "entering": [_facts(change) for change in one.entering],
            "leaving": [_facts(change) for change in one.leaving],
        }
        for slug, one in found.items()
    }


def _facts(change: Change) -> dict[str, str]:
    return {
        "key": change.article,
        "title": change.title,
        "source": change.source,
        "dated_at": change.dated_at.isoformat(),
        "why": change.why,
    }
