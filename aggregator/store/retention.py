"""Retention: stories that are too old go, and leave tombstones, so that who still carries them brings nothing back.

A tombstone is fresh while its source is seen to carry the article. Twice a year everything is read in whole, so the
tombstone of an article that is still carried never becomes old enough to go itself.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, case, delete, func, literal, or_, select, update

from aggregator.identity import guid_hash, mark
from aggregator.models import Article
from aggregator.store import editions, pages, relations, sketches, withdrawals
from aggregator.store.articles import chunks
from aggregator.store.database import Database
from aggregator.store.schema import (
    UtcDateTime,
    articles,
    memberships,
    memories,
    retired,
    sources,
    stories,
    tags,
    tombstones,
)
from aggregator.store.settings import is_due, note_done, put, value_of
from aggregator.store.topics import touch
from aggregator.words import folded

CARRIED = timedelta(days=30)  # a tombstone is moved forward no sooner: most visits write nothing
FORGOTTEN = timedelta(days=730)  # a tombstone goes when its source has not been seen to carry the article for so long
READ_AGAIN = timedelta(days=180)  # well below `FORGOTTEN`: a source may miss its turn

_BURIED = select(tombstones.c.key, tombstones.c.guid_mark, tombstones.c.page_mark).where(
    tombstones.c.source == bindparam("source"),
    or_(
        tombstones.c.key.in_(bindparam("keys", expanding=True)),
        tombstones.c.guid_mark.in_(bindparam("guids", expanding=True)),
        tombstones.c.page_mark.in_(bindparam("pages", expanding=True)),
    ),
)
_GROWING_OLD = select(tombstones.c.key).where(
    tombstones.c.key.in_(bindparam("keys", expanding=True)), tombstones.c.carried_at < bindparam("before")
)
_AT_ONCE = 300  # articles looked for in one question


@dataclass(frozen=True, slots=True)
class Removed:
    """So many are gone."""

    stories: int
    articles: int


@dataclass(frozen=True, slots=True)
class Limits:
    """The time before which all copies of a story must have been first seen, for it to be too old."""

    otherwise: datetime
    by_topic: Mapping[str, datetime] = field(default_factory=dict)  # of a story in several topics the earliest counts


def outdated(database: Database, limits: Limits, *, after: str = "", limit: int) -> list[str]:
    """Ids of stories that are too old, in order, to walk them piece by piece.

    No article is dated later than it was first seen, so that time alone decides.
    """
    story = articles.c.story
    of_old = select(story).where(story > after).group_by(story).having(_are_outdated(limits))
    with database.reading() as connection:
        return list(connection.execute(of_old.order_by(story).limit(limit)).scalars())


def remove(database: Database, story_ids: Collection[str], limits: Limits, now: datetime) -> Removed:
    """Take away those of these stories that are still outdated, with their copies, tags and memberships.

    One transaction, so give it a few hundred at a time. Topics that lose a story are
    published anew. Must run where visits are stored: a visit must not add a copy to a story that is about to go.
    """
    with database.writing() as connection:
        copies = _outdated_copies(connection, story_ids, limits)
        gone = sorted({copy.story for copy in copies})
        _bury(database, connection, copies, now)
        touch(connection, _delete(connection, gone, [copy.key for copy in copies]))
        editions.touch(connection, [editions.EVERYTHING] if gone else [])
    return Removed(len(gone), len(copies))


def buried(database: Database, source: str, carried: Sequence[Article]) -> dict[str, str]:
    """Which of these articles of a source retention has taken away: their keys, each with that of its tombstone.

    An article is known by its key, its guid, or its page, title and date, so that it does not come back when its source
    moves or its publisher changes the guids.
    """
    found: dict[str, str] = {}
    if not carried:
        return found
    with database.reading() as connection:
        for start in range(0, len(carried), _AT_ONCE):
            some = {article.key: _marks(article) for article in carried[start : start + _AT_ONCE]}
            guids, pages = zip(*some.values(), strict=True)
            sought = {
                "source": source,
                "keys": sorted(some),
                "guids": sorted(guids),
                "pages": sorted(filter(None, pages)),
            }
            rows = connection.execute(_BURIED, sought).all()
            by_mark = {mark: row.key for row in rows for mark in (row.key, row.guid_mark, row.page_mark) if mark}
            found |= {
                key: by_mark[mark] for key, marks in some.items() for mark in (key, *marks) if mark and mark in by_mark
            }
    return found


def note_carried(database: Database, keys: Collection[str], now: datetime) -> None:
    """These articles are still carried by their sources, so their tombstones stay. Writes where they grow old only."""
    with database.reading() as connection:
        asked = ({"keys": chunk, "before": now - CARRIED} for chunk in chunks(keys))
        growing_old = [key for question in asked for key in connection.execute(_GROWING_OLD, question).scalars()]
    if not growing_old:
        return
    with database.writing() as connection:
        for chunk in chunks(growing_old):
            connection.execute(update(tombstones).where(tombstones.c.key.in_(chunk)).values(carried_at=now))


def forget_tombstones(database: Database, now: datetime, *, limit: int) -> int:
    """Delete up to so many tombstones of articles that nobody has carried for two years; the number deleted."""
    old = select(tombstones.c.key).where(tombstones.c.carried_at < now - FORGOTTEN).limit(limit)
    with database.writing() as connection:
        return connection.execute(delete(tombstones).where(tombstones.c.key.in_(old))).rowcount


def read_again(database: Database, now: datetime) -> None:
    """Let sources be read in whole, as if for the first time, that were not for half a year.

    What is skipped or unchanged is not seen to be carried. So everything that a source carries is read at least twice
    a year, which keeps its tombstones fresh. Sources that keep no memory take their turn together.
    """
    old = select(memories.c.source).where(memories.c.whole_at < now - READ_AGAIN)
    without = select(tombstones.c.source).where(tombstones.c.source.not_in(select(memories.c.source))).distinct()
    with database.writing() as connection:
        wanted = list(connection.execute(old).scalars())
        if is_due(connection, "read_again", READ_AGAIN, now):
            wanted += connection.execute(without).scalars()
            note_done(database, connection, "read_again", now)
        for chunk in chunks(wanted):
            unread = update(sources).where(sources.c.id.in_(chunk))
            connection.execute(unread.values(packed_hash=None, body_hash=None, read_at=None))
            connection.execute(delete(memories).where(memories.c.source.in_(chunk)))


def is_housekeeping_due(database: Database, every: timedelta, now: datetime) -> bool:
    """Whether it was not done in the time `every` before `now`."""
    with database.reading() as connection:
        return is_due(connection, "housekeeping", every, now)


def note_housekeeping(database: Database, now: datetime) -> None:
    """All of it is done for this time."""
    with database.writing() as connection:
        note_done(database, connection, "housekeeping", now)


def believed(database: Database, now: datetime, most: timedelta) -> datetime:
    """The time by which things are too old: `now`, but not more than `most` after what it was before.

    A clock that jumps ahead by years would else have everything removed at once. What it was before is, at first, the
    time of the last housekeeping or of the newest article; it is noted for the next time.
    """
    with database.writing() as connection:
        said = value_of(connection, "believed") or value_of(connection, "housekeeping")
        newest = select(func.max(articles.c.first_seen_at)).where(articles.c.first_seen_at <= now)
        before = datetime.fromisoformat(said) if said else connection.execute(newest).scalar() or now
        found = min(now, before + most)
        put(database, connection, "believed", found.isoformat())
    return found


def _are_outdated(limits: Limits) -> ColumnElement[bool]:
    """Of articles grouped by story. Topics of a story are looked at only where its age does not decide by itself."""
    newest = func.max(articles.c.first_seen_at)
    otherwise = literal(limits.otherwise, UtcDateTime())
    if not limits.by_topic:
        return newest < otherwise
    latest = max(limits.otherwise, *limits.by_topic.values())
    times = {slug: literal(before, UtcDateTime()) for slug, before in limits.by_topic.items()}
    own = func.min(case(times, value=memberships.c.topic, else_=otherwise))
    earliest = select(own).where(memberships.c.story == articles.c.story).correlate(articles).scalar_subquery()
    return and_(newest < literal(latest, UtcDateTime()), newest < func.coalesce(earliest, otherwise))


def _outdated_copies(connection: Connection, story_ids: Collection[str], limits: Limits) -> list[Row[Any]]:
    """The copies of those stories that are too old still, in the order of their keys."""
    names = ("story", "key", "source", "guid", "link", "folded_title", "published_at", "text_hash")
    copies = select(*(articles.c[name] for name in names))
    found: list[Row[Any]] = []
    for chunk in chunks(story_ids):
        story = articles.c.story
        still = select(story).where(story.in_(chunk)).group_by(story).having(_are_outdated(limits))
        gone = list(connection.execute(still).scalars())
        found += connection.execute(copies.where(story.in_(gone)))
    return sorted(found, key=lambda row: row.key)


def _bury(database: Database, connection: Connection, copies: Iterable[Row[Any]], now: datetime) -> None:
    rows = [
        {
            "key": copy.key,
            "source": copy.source,
            "carried_at": now,
            "guid_mark": guid_hash(copy.guid).hex(),
            "page_mark": mark(copy.link, copy.folded_title, copy.published_at, copy.text_hash),
        }
        for copy in copies
    ]
    if rows:
        connection.execute(database.upsert(tombstones, "source", "carried_at", "guid_mark", "page_mark"), rows)


def _marks(article: Article) -> tuple[str, str | None]:
    page = mark(article.link, folded(article.title), article.published_at, article.text_hash)
    return guid_hash(article.guid).hex(), page


def _delete(connection: Connection, story_ids: Iterable[str], keys: Iterable[str]) -> set[str]:
    """Delete stories and their copies, with all that points to them; the topics that they were in."""
    lost: set[str] = set()
    for chunk in chunks(keys):
        connection.execute(delete(tags).where(tags.c.article.in_(chunk)))
        sketches.drop(connection, chunk)
        connection.execute(delete(retired).where(retired.c.story.in_(chunk)))
        withdrawals.forget(connection, chunk)
        connection.execute(delete(articles).where(articles.c.key.in_(chunk)))
    for chunk in chunks(story_ids):
        pages.touch(connection, chunk)
        left = delete(memberships).where(memberships.c.story.in_(chunk)).returning(memberships.c.topic)
        lost.update(connection.execute(left).scalars())
        relations.forget(connection, chunk)
        connection.execute(delete(stories).where(stories.c.id.in_(chunk)))
    return lost
