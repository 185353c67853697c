"""Editions that are published behind topics (variants, labels, everything): which are not published as they are now.

Topics' own feeds and their digests are published together, and known by `store.topics`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from aggregator.store.database import Database
from aggregator.store.schema import editions

EVERYTHING = "_all"  # that of all stories: it changes with each of them

_CHANGED = or_(editions.c.changes != editions.c.published_changes, editions.c.expires_at <= bindparam("now"))
_DIRTY = select(editions.c.name, editions.c.changes, editions.c.created_at).where(_CHANGED).order_by(editions.c.name)
_PUBLISHED = update(editions).where(editions.c.name == bindparam("published"))  # the row names the columns
_CHANGE = update(editions).values(changes=editions.c.changes + 1)
_TOUCH = _CHANGE.where(editions.c.name == bindparam("touched"))


@dataclass(frozen=True, slots=True)
class DirtyEdition:
    """An edition to publish. `changes` goes back to `mark_published`: what changes meanwhile stays dirty."""

    name: str
    changes: int
    created_at: datetime


def register(database: Database, names: Collection[str], now: datetime) -> None:
    """Make the table say which of these editions there are."""
    fresh = {"created_at": now, "changes": 1, "published_changes": 0}
    with database.writing() as connection:
        connection.execute(delete(editions).where(editions.c.name.not_in(sorted(names))))
        if names:
            rows = [{"name": name} | fresh for name in sorted(names)]
            connection.execute(database.insert(editions).on_conflict_do_nothing(), rows)


def republish(database: Database, names: Collection[str]) -> None:
    """Have editions published again, whether or not they have changed."""
    if names:
        with database.writing() as connection:
            touch(connection, names)


def dirty(database: Database, now: datetime) -> list[DirtyEdition]:
    """Editions whose published files are not, or no longer, what the store says."""
    with database.reading() as connection:
        return [DirtyEdition(*row) for row in connection.execute(_DIRTY, {"now": now})]


def mark_published(database: Database, edition: DirtyEdition, expires_at: datetime | None) -> None:
    """The files of an edition are what the store said when `edition` was read."""
    with database.writing() as connection:
        shown = {"published_changes": edition.changes, "expires_at": expires_at}
        connection.execute(_PUBLISHED, {"published": edition.name, **shown})


def touch(connection: Connection, names: Iterable[str]) -> None:
    """Note that editions have changed; those that are not configured are left alone."""
    rows = [{"touched": name} for name in sorted(set(names))]
    if rows:
        connection.execute(_TOUCH, rows)  # one by one, so that they are locked in order


def touch_all(connection: Connection) -> None:
    """Note that all editions behind topics have changed."""
    connection.execute(_CHANGE)
