"""Duties: what one of the workers does for all. PostgreSQL only.

A duty is held for a while, and kept by saying so again. It saves work and is no lock: for a moment two workers may both
think that they have it, when one was frozen, so what they do must be right all the same.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, or_

from aggregator.store.database import Database
from aggregator.store.schema import duties


def take(database: Database, name: str, worker: str, now: datetime, *, hold: timedelta) -> bool:
    """Whether a worker has a duty for some time from now on: because it had it, or because nobody has."""
    free = or_(duties.c.worker == worker, duties.c.held_until <= now, duties.c.held_until > now + 2 * hold)
    statement = database.upsert(duties, "worker", "held_until", where=free).returning(duties.c.name)
    row = {"name": name, "worker": worker, "held_until": now + hold}
    with database.writing() as connection:
        return connection.execute(statement, row).first() is not None


def leave(database: Database, names: Iterable[str], worker: str) -> None:
    """Let others do at once what this worker has done so far."""
    with database.writing() as connection:
        connection.execute(delete(duties).where(duties.c.name.in_(sorted(names)), duties.c.worker == worker))
