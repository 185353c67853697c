"""Topics: which there are, and which of them are not published as they are now."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Connection,
    bindparam,
    case,
    delete,
    or_,
    select,
    update,
)

from aggregator.store import editions as stored_editions
from aggregator.store import pages as stored_pages
from aggregator.store.database import Database
from aggregator.store.schema import (
    UtcDateTime,
    memberships,
    pages,
    topics,
    withdrawn,
)
from aggregator.store.settings import put, value_of

# What each publication asks is built here, once: to build a statement takes longer than to execute it.
_CHANGED = or_(topics.c.changes != topics.c.published_changes, topics.c.expires_at <= bindparam("now"))
_HAS_BUNDLES = (
    select(memberships.c.story)
    .where(memberships.c.topic == topics.c.slug, memberships.c.bundled_at.is_not(None))
    .correlate(topics)
    .exists()
)
_DIRTY = select(topics, _HAS_BUNDLES.label("has_bundles")).where(_CHANGED).order_by(topics.c.slug)
_IS_AS_READ = topics.c.changes == bindparam("read")
_PUBLISHED = (
    update(topics)
    .where(topics.c.slug == bindparam("published"))
    .values(
        published_changes=bindparam("read"),
        expires_at=bindparam("next_at", type_=UtcDateTime()),
        # What has changed meanwhile may concern digests, too.
        digested_at=case((_IS_AS_READ, bindparam("digested", type_=UtcDateTime())), else_=topics.c.digested_at),
    )
)


_TOUCH = update(topics).where(topics.c.slug == bindparam("touched")).values(changes=topics.c.changes + 1)


@dataclass(frozen=True, slots=True)
class DirtyTopic:
    """A topic to publish. `changes` goes back to `mark_published`: what changes meanwhile stays dirty."""

    slug: str
    changes: int
    created_at: datetime
    digested_at: datetime | None = None  # its digests tell what entered before; None: they are to be published anew
    has_bundles: bool = False


def register(database: Database, slugs: Iterable[str], rules_hash: str, now: datetime) -> bool:
    """Make the table say which topics there are. True when the rules are not those that the whole store was judged by;
    from then on it is judged by none, until `note_rules`."""
    fresh = {"created_at": now, "changes": 1, "published_changes": 0, "filled": False}
    rows = [{"slug": slug} | fresh for slug in sorted(slugs)]
    with database.writing() as connection:
        gone = select(topics.c.slug).where(topics.c.slug.not_in([row["slug"] for row in rows]))
        connection.execute(delete(memberships).where(memberships.c.topic.in_(gone)))
        connection.execute(delete(pages).where(pages.c.topic.in_(gone)))
        connection.execute(delete(withdrawn).where(withdrawn.c.topic.in_(gone)))
        connection.execute(delete(topics).where(topics.c.slug.not_in([row["slug"] for row in rows])))
        connection.execute(database.insert(topics).values(rows).on_conflict_do_nothing())
        is_outdated = value_of(connection, "rules") != rules_hash
        if is_outdated:
            put(database, connection, "rules", "")
        return is_outdated


def note_rules(database: Database, rules_hash: str, **others: str) -> None:
    """Remember that the whole store has been judged by these rules, and that every topic may look different."""
    with database.writing() as connection:
        for name, value in {"rules": rules_hash, **others}.items():
            put(database, connection, name, value)
        connection.execute(update(topics).values(filled=True))
        touch(connection, connection.execute(select(topics.c.slug)).scalars())
        stored_editions.touch_all(connection)


def touch_all_if(database: Database, name: str, value: str) -> None:
    """Have everything published again when a setting that all feeds show has a new value."""
    with database.reading() as connection:
        if value_of(connection, name) == value:
            return
    with database.writing() as connection:
        put(database, connection, name, value)
        touch(connection, connection.execute(select(topics.c.slug)).scalars())
        stored_editions.touch_all(connection)
        stored_pages.touch_all(connection)


def republish(database: Database, slugs: Collection[str], *, archives: bool = False) -> None:
    """Have topics published again, whether or not they have changed; with their archives, if wanted."""
    if slugs:
        with database.writing() as connection:
            touch(connection, slugs)
            if archives:
                stored_pages.touch_all(connection, slugs)


def dirty(database: Database, now: datetime) -> list[DirtyTopic]:
    """Topics whose published files are not, or no longer, what the store says."""
    with database.reading() as connection:
        rows = connection.execute(_DIRTY, {"now": now})
        return [
            DirtyTopic(row.slug, row.changes, row.created_at, row.digested_at, bool(row.has_bundles)) for row in rows
        ]


def mark_published(
    database: Database,
    topic: DirtyTopic,
    expires_at: datetime | None,
    behind: Collection[str] = (),
    *,
    digested_at: datetime | None = None,
) -> None:
    """The files of a topic are what the store said when `topic` was read; the editions `behind` it are not."""
    with database.writing() as connection:
        shown = {"read": topic.changes, "next_at": expires_at, "digested": digested_at}
        connection.execute(_PUBLISHED, {"published": topic.slug, **shown})
        stored_editions.touch(connection, behind)


def unfilled(database: Database) -> set[str]:
    """The topics that are new: the whole store has not been judged since they were made."""
    with database.reading() as connection:
        return set(connection.execute(select(topics.c.slug).where(topics.c.filled.is_(False))).scalars())


def touch(connection: Connection, slugs: Iterable[str]) -> None:
    """Note that topics have changed, so that they are published again. Topics no longer configured are left alone."""
    rows = [{"touched": slug} for slug in sorted(set(slugs))]
    if rows:
        connection.execute(_TOUCH, rows)  # one by one, so that they are locked in order
