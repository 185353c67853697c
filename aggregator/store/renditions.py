"""Published files as all machines have them: written by who renders, read by who serves. PostgreSQL only."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import psycopg
from sqlalchemy import Connection, DateTime, bindparam, delete, func, select, text

from aggregator.errors import StateError
from aggregator.store.articles import chunks
from aggregator.store.database import SAID_FIRST, Database
from aggregator.store.schema import renditions

_CHANNEL = "aggregator_renditions"
_AT_ONCE = 20  # files read from the database
_NOW = func.clock_timestamp(type_=DateTime(timezone=True))  # the database's: the clocks of machines differ
_DATES = select(renditions.c.name, renditions.c.changed_at, renditions.c.packed.is_(None).label("is_gone"))
_BODIES = select(renditions.c.name, renditions.c.packed, renditions.c.changed_at).where(
    renditions.c.name.in_(bindparam("names", expanding=True))
)
_NOTIFY = text(f"NOTIFY {_CHANNEL}")


@dataclass(frozen=True, slots=True)
class Rendition:
    """A file, packed; None where it has been taken away. Its date is in nanoseconds since 1970."""

    name: str
    packed: bytes | None
    changed_at: int


def dates(database: Database, *, within: timedelta | None = None, edition: str | None = None) -> dict[str, int | None]:
    """The dates of all files, of those that were noted of late, or of those of an edition; None of those that have been
    taken away."""
    statement = _DATES if within is None else _DATES.where(renditions.c.noted_at >= _NOW - within)
    if edition is not None:
        statement = statement.where(renditions.c.edition == edition)
    with database.reading() as connection:
        return {row.name: None if row.is_gone else row.changed_at for row in connection.execute(statement)}


def read(database: Database, names: Collection[str]) -> Iterator[Rendition]:
    """Files with their bytes, a few at a time in memory."""
    wanted = sorted(names)
    for start in range(0, len(wanted), _AT_ONCE):
        with database.reading() as connection:
            rows = connection.execute(_BODIES, {"names": wanted[start : start + _AT_ONCE]}).all()
        for row in rows:
            yield Rendition(row.name, None if row.packed is None else bytes(row.packed), row.changed_at)


def put(database: Database, connection: Connection, edition: str, changed: Collection[Rendition]) -> None:
    """Let all have these files of an edition from the end of this transaction on, and tell who listens."""
    rows = [
        {"name": one.name, "edition": edition, "packed": one.packed, "changed_at": one.changed_at}
        for one in sorted(changed, key=lambda one: one.name)
    ]
    if rows:
        statement = database.insert(renditions).values(noted_at=_NOW)
        said = {name: statement.excluded[name] for name in ("packed", "changed_at", "noted_at")}
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=said), rows)
        connection.execute(_NOTIFY)


def forget(database: Database, names: Collection[str]) -> None:
    """Remove what nobody is to have. Machines that have it take it away by what their configuration says."""
    with database.writing() as connection:
        for chunk in chunks(sorted(names)):
            connection.execute(delete(renditions).where(renditions.c.name.in_(chunk)))


@asynccontextmanager
async def listening(database: Database) -> AsyncIterator[Callable[[float], Awaitable[None]]]:
    """A connection that hears of new files: wait for the next ones, or for so many seconds. Raises StateError.

    Through a pool of connections that gives them away after each transaction nothing is heard.
    """
    try:
        async with await psycopg.AsyncConnection.connect(**database.for_driver, autocommit=True) as connection:
            await connection.execute(f"{SAID_FIRST}; LISTEN {_CHANNEL}")

            async def wait(seconds: float) -> None:
                try:
                    async for _ in connection.notifies(timeout=seconds, stop_after=1):
                        pass
                except psycopg.Error as error:
                    raise StateError(f"the database {database.place} does not answer: {error}") from error

            yield wait
    except (TimeoutError, psycopg.Error, OSError) as error:
        raise StateError(f"the database {database.place} does not answer: {error}") from error
