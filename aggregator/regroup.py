"""Stories taken apart and folded again: because a person says so, or by other thresholds.

A story has the id of its article that was seen first, as if it had grown by itself; stories that are put together have
that of the first one. So what is taken apart and put together again, or the other way round, is what it was: a story
keeps its id, and with it the id of its item, as long as the article that founded it is in it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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

BATCH = 50  # stories, in one transaction: others wait for a fraction of a second
RECENT = timedelta(days=10)  # since an article was first seen: its copies have come, and may still come


def check(database: Database, kind: str, article: str, other: str | None) -> None:
    """Raise StateError, with what to do, where a wish could not be fulfilled."""
    for key in filter(None, (article, other)):
        if not stored_articles.known(database, [key]):
            raise StateError(f"{key}: no article has this key or link; `explain` shows the keys of a story")
    if kind == "split" and len(stored_articles.story_of(database, article)) == 1:
        raise StateError(f"{article}: is the only copy of its story already")
    if article == other:
        raise StateError(f"{article}: is one article; name two")


def fulfil(database: Database, judge: Judge, wish: Wish, now: datetime) -> None:
    """Do what a person wants of a story. Doing it again changes nothing more."""
    copies = stored_articles.story_of(database, wish.article)
    others = stored_articles.story_of(database, wish.other) if wish.other else []
    if wish.kind == "split":
        stored_rulings.say(database, _parted(database, wish.article, copies), same=False, now=now)
    elif wish.kind == "merge":
        stored_rulings.say(database, _joined(database, wish, copies, others), same=True, now=now)
    elif copies:
        stored_stories.choose(database, copies[0].story or "", wish.article)
        copies = stored_articles.story_of(database, wish.article)
    fold_again(database, judge, {copy.key: copy for copy in (*copies, *others)}.values(), now)
    stored_stories.done(database, [wish.id])


def fold_again(database: Database, judge: Judge, copies: Iterable[Copy], now: datetime) -> int:
    """Decide anew which of these copies, all of some stories, belong together; how many stories are others now."""
    known = {copy.key: copy for copy in copies}
    before = _by_story(known.values())
    seen = stored_articles.known(database, known.keys())
    seen_at = {key: article.first_seen_at for key, article in seen.items()}
    found = [_named(story, before.keys(), seen_at) for story in folding.among(database, list(known.values()))]
    leads_before = stored_stories.leads(database, before.keys())
    changed = [story for story in found if leads_before.get(story.id) != story.lead or _is_new(story, before)]
    names = {story.id for story in found}
    for some, touched in _batches(changed, before):
        leads = stored_articles.by_keys(database, [story.lead for story in some])
        memberships = {story.id: judge.judge(leads[story.lead]).memberships(story) for story in some}
        stored_stories.regroup(database, touched - names, some, memberships, now)
    return len(changed)


def _batches(changed: Sequence[Story], before: Mapping[str, Sequence[Copy]]) -> Iterator[tuple[list[Story], set[str]]]:
    """Stories that can be written together, about `BATCH` at a time, with the names of those their copies come from:
    no copy of these is in another batch."""
    some: list[Story] = []
    touched: set[str] = set()
    for stories, names in _apart(changed, before):
        some += stories
        touched |= names
        if len(some) >= BATCH:
            yield some, touched
            some, touched = [], set()
    if some:
        yield some, touched


def _apart(changed: Sequence[Story], before: Mapping[str, Sequence[Copy]]) -> Iterator[tuple[list[Story], set[str]]]:
    """The stories that exchange copies with each other, with the names of those they come from."""
    name_of = {copy.key: name for name, copies in before.items() for copy in copies}
    names_of = {story.id: {name_of[copy.key] for copy in story.copies} for story in changed}
    left = {story.id: story for story in changed}
    heirs: dict[str, list[str]] = defaultdict(list)
    for story, names in names_of.items():
        for name in names:
            heirs[name].append(story)
    while left:
        found, touched, asked = [], set[str](), [next(iter(left))]
        while asked:
            one = left.pop(asked.pop(), None)
            if one:
                found.append(one)
                touched |= names_of[one.id]
                asked += [heir for name in names_of[one.id] for heir in heirs.pop(name, ())]
        yield found, touched


def fold_recent(database: Database, judge: Judge, now: datetime) -> int:
    """Decide anew which of the articles of the last days belong together; how many stories are others now."""
    return fold_again(database, judge, stored_articles.recent_copies(database, now - RECENT), now)


def _joined(database: Database, wish: Wish, copies: Sequence[Copy], others: Sequence[Copy]) -> set[tuple[str, str]]:
    """The pairs of which a person says by a merge that they are copies of each other: enough to hold all together, and
    those of which the contrary was said."""
    keys, other_keys = {copy.key for copy in copies}, {copy.key for copy in others}
    enough = {(wish.article, key) for key in other_keys} | {(key, wish.other or "") for key in keys}
    said = stored_rulings.of(database, keys)
    return enough | {(min(pair), max(pair)) for pair in said if pair & keys and pair & other_keys and not said[pair]}


def _parted(database: Database, article: str, copies: Sequence[Copy]) -> set[tuple[str, str]]:
    """The pairs of which a person says by a split that they are no copies of each other.

    Where the article is in its story by a person's word, that is taken back: it goes with what would be with it
    otherwise. Else it goes alone.
    """
    keys = {copy.key for copy in copies}
    rulings = stored_rulings.of(database, keys)
    merged = {key for pair, same in rulings.items() if same and article in pair for key in pair - {article}} & keys
    apart = {pair: same for pair, same in rulings.items() if not same}
    stories = folding.among(database, copies, apart) if merged else ()
    groups = ({copy.key for copy in story.copies} for story in stories)
    own = next((group for group in groups if article in group and not group & merged), {article})
    crossing = (pair for pair, same in rulings.items() if same and pair <= keys and len(pair & own) == 1)
    taken_back = {(min(pair), max(pair)) for pair in crossing}
    return taken_back | {(article, key) for key in keys - own}


def _by_story(copies: Iterable[Copy]) -> dict[str, list[Copy]]:
    found: dict[str, list[Copy]] = {}
    for copy in copies:
        found.setdefault(copy.story or copy.key, []).append(copy)
    return found


def _named(story: Story, before: Collection[str], seen_at: Mapping[str, datetime]) -> Story:
    """The story with the id of one of the stories before whose founder is in it, or of any article: the first seen."""
    founders = [copy for copy in story.copies if copy.key in before] or story.copies
    name = min(founders, key=lambda copy: seen_at[copy.key]).key  # of those seen at once, the most senior
    return replace(story, id=name, copies=tuple(replace(copy, story=name) for copy in story.copies))


def _is_new(story: Story, before: Mapping[str, Sequence[Copy]]) -> bool:
    """Whether it has other copies than before, or has them for other reasons."""
    old = {copy.key: copy.placement for copy in before.get(story.id, ())}
    return old != {copy.key: copy.placement for copy in story.copies}
