"""What the store remembers of itself: by which rules it was judged, when something was last done."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from aggregator.store.database import Database
from aggregator.store.schema import settings

_VALUE = select(settings.c.value).where(settings.c.name == bindparam("wanted"))


def value_of(connection: Connection, name: str) -> str | None:
    return connection.execute(_VALUE, {"wanted": name}).scalar()


def put(database: Database, connection: Connection, name: str, value: str) -> None:
    connection.execute(database.upsert(settings, "value"), {"name": name, "value": value})


def is_due(connection: Connection, name: str, every: timedelta, now: datetime) -> bool:
    """Whether `note_done` was not called in the time `every` before `now`: also if a clock was ahead when it was."""
    done_at = value_of(connection, name)
    return done_at is None or not timedelta() <= now - datetime.fromisoformat(done_at) < every


def note_done(database: Database, connection: Connection, name: str, now: datetime) -> None:
    put(database, connection, name, now.isoformat())


def forget(database: Database, names: Iterable[str]) -> None:
    """Remember that these things are not, or no longer, wholly done by any rules."""
    with database.writing() as connection:
        for name in sorted(names):
            put(database, connection, name, "")


def is_outdated(database: Database, name: str, value: str) -> bool:
    """Whether something was last done by other rules than these."""
    with database.reading() as connection:
        return value_of(connection, name) != value


def noted(database: Database, name: str) -> str | None:
    """What was remembered under a name."""
    with database.reading() as connection:
        return value_of(connection, name)


def note(database: Database, name: str, value: str) -> None:
    """Remember by which rules something was done that is not published."""
    with database.writing() as connection:
        put(database, connection, name, value)
