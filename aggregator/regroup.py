"""Stories taken apart and folded again: because a person says so, or by other thresholds.

A story keeps its id, and with it the id of its item, as long as the article that founded it is in it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator import folding
from aggregator.errors import StateError
from aggregator.judge import Judge
from aggregator.models import Copy, Story, Wish
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import rulings as stored_rulings
from aggregator.store import stories as stored_stories

RECENT = timedelta(days=10)  # since an article was first seen: its copies have come, and may still come


def check(database: Database, kind: str, article: str, other: str | None) -> None:
    """Raise StateError, with what to do, where a wish could not be fulfilled."""
    for key in filter(None, (article, other)):
        if not stored_articles.known(database, [key]):
            raise StateError(f"{key}: no article has this key; `explain` shows the keys of a story")
    if kind == "split" and len(stored_articles.story_of(database, article)) == 1:
        raise StateError(f"{article}: is the only copy of its story already")
    if article == other:
        raise StateError(f"{article}: is one article; name two")


def fulfil(database: Database, judge: Judge, wish: Wish, now: datetime) -> None:
    """Do what a person wants of a story. Doing it again changes nothing more."""
    copies = stored_articles.story_of(database, wish.article)
    others = stored_articles.story_of(database, wish.other) if wish.other else []
    if wish.kind == "split":
        stored_rulings.say(database, ((wish.article, copy.key) for copy in copies), same=False, now=now)
    elif wish.kind == "merge":
        pairs = ((one.key, other.key) for one in copies for other in others)
        stored_rulings.say(database, pairs, same=True, now=now)
    elif copies:
        stored_stories.choose(database, copies[0].story or "", wish.article)
        copies = stored_articles.story_of(database, wish.article)
    fold_again(database, judge, {copy.key: copy for copy in (*copies, *others)}.values())
    stored_stories.done(database, [wish.id])


def fold_again(database: Database, judge: Judge, copies: Iterable[Copy]) -> int:
    """Decide anew which of these copies, all of some stories, belong together; how many stories are others now."""
    known = {copy.key: copy for copy in copies}
    before = _by_story(known.values())
    found = [_named(story, before.keys()) for story in folding.among(database, list(known.values()))]
    changed = [story for story in found if _is_new(story, before)]
    if changed:
        leads = stored_articles.by_keys(database, [story.lead for story in changed])
        memberships = {story.id: judge.judge(leads[story.lead]).memberships(story) for story in changed}
        gone = before.keys() - {story.id for story in found}
        stored_stories.regroup(database, gone, changed, memberships)
    return len(changed)


def fold_recent(database: Database, judge: Judge, now: datetime) -> int:
    """Decide anew which of the articles of the last days belong together; how many stories are others now."""
    return fold_again(database, judge, stored_articles.recent_copies(database, now - RECENT))


def _by_story(copies: Iterable[Copy]) -> dict[str, list[Copy]]:
    found: dict[str, list[Copy]] = {}
    for copy in copies:
        found.setdefault(copy.story or copy.key, []).append(copy)
    return found


def _named(story: Story, before: Collection[str]) -> Story:
    """The story with the id of one of the stories before whose founder is in it; the most senior one's, if any."""
    name = next((copy.key for copy in story.copies if copy.key in before), story.id)
    return replace(story, id=name, copies=tuple(replace(copy, story=name) for copy in story.copies))


def _is_new(story: Story, before: Mapping[str, Sequence[Copy]]) -> bool:
    """Whether it has other copies than before, for other reasons, or another lead."""
    old = {copy.key: copy.placement for copy in before.get(story.id, ())}
    return old != {copy.key: copy.placement for copy in story.copies} or any(copy.chosen for copy in story.copies)
