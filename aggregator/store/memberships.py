"""Memberships: which stories topics hold, for which reasons, and which of them their feeds show."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, or_, select, update

from aggregator.models import Membership
from aggregator.store import pages
from aggregator.store.articles import chunks
from aggregator.store.database import Database
from aggregator.store.rows import fields_of
from aggregator.store.schema import articles, departed, memberships, stories, topics
from aggregator.store.topics import touch

# Statements are built here, once: to build one takes longer than to execute it. In an UPDATE, rows name its columns.
_OF_STORIES = memberships.c.story.in_(bindparam("stories", expanding=True))
_MEMBERSHIPS = select(memberships).where(_OF_STORIES)
_DEPARTED = select(departed).where(departed.c.story.in_(bindparam("stories", expanding=True)))
_TOPICS = select(memberships.c.topic).where(_OF_STORIES).distinct()
_FOUNDED = select(stories.c.founded_at).where(stories.c.id == memberships.c.story).scalar_subquery()
_LANG = (
    select(articles.c.language)
    .join(stories, stories.c.lead == articles.c.key)
    .where(stories.c.id == memberships.c.story)
    .scalar_subquery()
)
_DESCRIBE = (
    update(memberships)
    .where(
        _OF_STORIES,
        or_(memberships.c.dated_at.is_distinct_from(_FOUNDED), memberships.c.lang.is_distinct_from(_LANG)),
    )
    .values(dated_at=_FOUNDED, lang=_LANG)
)
_others = memberships.alias()
_PAGE_OF_BUNDLE = (
    select(func.min(_others.c.page))
    .where(_others.c.topic == memberships.c.topic, _others.c.bundled_at == memberships.c.bundled_at)
    .scalar_subquery()
)
_REJOIN = (
    update(memberships)
    .where(
        _OF_STORIES,
        memberships.c.bundled_at.is_not(None),
        memberships.c.page.is_(None),
    )
    .values(page=_PAGE_OF_BUNDLE)
)
_LEAVE = delete(memberships).where(memberships.c.topic == bindparam("left"), memberships.c.story == bindparam("by"))
_WAITING = select(memberships.c.topic).where(memberships.c.hidden.is_(None)).distinct()
_UNDECIDED = (
    select(memberships.c.story)
    .where(memberships.c.topic == bindparam("topic"), memberships.c.hidden.is_(None))
    .order_by(memberships.c.dated_at.desc(), memberships.c.story)
)
_OF_UNDECIDED = update(memberships).where(memberships.c.topic == bindparam("in"), memberships.c.hidden.is_(None))
_SHOW = _OF_UNDECIDED.where(memberships.c.story.in_(bindparam("ids", expanding=True))).values(hidden=False)
_HIDE = _OF_UNDECIDED.values(hidden=True)
_DATES = select(memberships.c.topic, memberships.c.dated_at).where(memberships.c.dated_at >= bindparam("since"))


def replace(
    database: Database,
    connection: Connection,
    by_story: Mapping[str, tuple[Membership, ...]],
    new: Collection[str] = frozenset(),
    *,
    is_past: bool = False,
) -> tuple[set[Membership], set[Membership]]:
    """Write what changes of the memberships of stories: as they were, as they are. `new` stories have none yet.

    `is_past`: other rules have brought them, not news. Then new ones are not shown before `settle`, but for
    those that the feed has shown before.
    """
    chunked = chunks(story for story in by_story if story not in new)
    rows = [row for chunk in chunked for row in connection.execute(_MEMBERSHIPS, {"stories": chunk})]
    before, after = set(map(membership_of, rows)), {item for group in by_story.values() for item in group}
    ended = {_in_order(item) for item in before} - {_in_order(item) for item in after}
    told = {_told(item) for item in after}
    pages.touch(connection, {item.story for item in before if _told(item) not in told})
    if ended:
        _note_departed(database, connection, [row for row in rows if (row.topic, row.story) in ended])
        connection.execute(_LEAVE, [{"left": topic, "by": story} for topic, story in sorted(ended)])
    shown_before = _departed(connection, (story for story in by_story if story not in new))
    unseen = {"hidden": None if is_past else False, "entered_at": None, "bundled_at": None}
    begun = [
        fields_of(item) | shown_before.get(_in_order(item), unseen) for item in sorted(after - before, key=_in_order)
    ]
    if begun:
        connection.execute(database.upsert(memberships, "score", "reasons", "rules"), begun)
        _rejoin(connection, [str(row["story"]) for row in begun if row["entered_at"]])
    return before, after


def describe(connection: Connection, story_ids: Iterable[str]) -> None:
    """Let the memberships of stories have the dates and languages of these."""
    for chunk in chunks(story_ids):
        connection.execute(_DESCRIBE, {"stories": chunk})


def topics_of(connection: Connection, story_ids: Iterable[str]) -> set[str]:
    """The topics of which any of these stories is."""
    found = (connection.execute(_TOPICS, {"stories": chunk}).scalars() for chunk in chunks(story_ids))
    return {topic for topics_ in found for topic in topics_}


def membership_of(row: Any) -> Membership:
    """A row of `memberships`, as all others know it."""
    return Membership(row.topic, row.story, row.score, tuple(row.reasons), row.rules)


def of(database: Database, story_ids: Collection[str], *, shown: bool = False) -> dict[str, dict[str, Membership]]:
    """The memberships of stories: by story, by topic; only those `shown` by the topics' feeds, if that is wanted."""
    found: dict[str, dict[str, Membership]] = {story: {} for story in story_ids}
    with database.reading() as connection:
        for chunk in chunks(story_ids):
            for row in connection.execute(_MEMBERSHIPS, {"stories": chunk}):
                if row.hidden is False or not shown:
                    found[row.story][row.topic] = membership_of(row)
    return found


def settle(database: Database, most: Mapping[str, int]) -> dict[str, int]:
    """Decide which of the stories that other rules have found in the past are shown in the feed of each topic: the
    newest, at most so many. Answers with how many are shown now, by topic."""
    with database.reading() as connection:
        undecided = sorted(most.keys() & set(connection.execute(_WAITING).scalars()))
    return {slug: _settle(database, slug, most[slug]) for slug in undecided}


def _settle(database: Database, slug: str, most: int) -> int:
    with database.writing() as connection:
        newest = list(connection.execute(_UNDECIDED.limit(most), {"topic": slug}).scalars())
        for chunk in chunks(newest):
            connection.execute(_SHOW, {"in": slug, "ids": chunk})
        connection.execute(_HIDE, {"in": slug})
        touch(connection, [slug])
    return len(newest)


def hiding(database: Database, story: str) -> frozenset[str]:
    """The topics to which a story belongs whose feeds do not show it: changed rules have found it in the past."""
    hidden = select(memberships.c.topic).where(memberships.c.story == story, memberships.c.hidden.is_not(False))
    with database.reading() as connection:
        return frozenset(connection.execute(hidden).scalars())


def bundling(database: Database, story: str) -> frozenset[str]:
    """The topics in whose feeds a story is in a bundle."""
    bundled = select(memberships.c.topic).where(memberships.c.story == story, memberships.c.bundled_at.is_not(None))
    with database.reading() as connection:
        return frozenset(connection.execute(bundled).scalars())


def dates(database: Database, since: datetime) -> dict[str, list[datetime]]:
    """The dates of each topic's stories since then."""
    found: dict[str, list[datetime]] = defaultdict(list)
    with database.reading() as connection:
        for topic, dated_at in connection.execute(_DATES, {"since": since}):
            found[topic].append(dated_at)
    return found


def counts(database: Database) -> dict[str, tuple[int, datetime | None]]:
    """How many stories each topic has, and the date of its newest."""
    statement = (
        select(topics.c.slug, func.count(memberships.c.story), func.max(memberships.c.dated_at))
        .outerjoin(memberships, memberships.c.topic == topics.c.slug)
        .group_by(topics.c.slug)
    )
    with database.reading() as connection:
        return {slug: (number, newest) for slug, number, newest in connection.execute(statement)}


def _note_departed(database: Database, connection: Connection, left: Iterable[Any]) -> None:
    """Remember what readers may have: when rules are mended, it is not hidden as a find from the past, and it is in
    the same digests as before."""
    names = ("topic", "story", "entered_at", "bundled_at")
    rows = [{name: row._mapping[name] for name in names} for row in left if row.hidden is False]
    if rows:
        statement = database.upsert(departed, "entered_at", "bundled_at")
        connection.execute(statement, sorted(rows, key=lambda row: (row["topic"], row["story"])))


def _departed(connection: Connection, story_ids: Iterable[str]) -> dict[tuple[str, str], dict[str, Any]]:
    found = (row for chunk in chunks(story_ids) for row in connection.execute(_DEPARTED, {"stories": chunk}))
    return {
        (row.topic, row.story): {"hidden": False, "entered_at": row.entered_at, "bundled_at": row.bundled_at}
        for row in found
    }


def _rejoin(connection: Connection, story_ids: Collection[str]) -> None:
    """What is back is told in its old digests, and with its bundle, wherever that is."""
    for chunk in chunks(story_ids):
        connection.execute(_REJOIN, {"stories": chunk})
    pages.touch(connection, story_ids)


def _told(membership: Membership) -> tuple[str, str, int, tuple[str, ...]]:
    """What of a membership readers see."""
    return membership.topic, membership.story, membership.score, membership.reasons


def _in_order(membership: Membership) -> tuple[str, str]:
    return membership.topic, membership.story
