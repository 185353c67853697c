"""What the store remembers of itself: by which rules it was judged, when something was last done."""

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
