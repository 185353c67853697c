"""Sources: which there are, which are due, who has claimed them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, or_, select, update

from aggregator.models import Lease, SourceState, Visit
from aggregator.registry import Source
from aggregator.store.database import Database
from aggregator.store.schema import sources, visits


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source and its last visit, for people."""

    id: str
    name: str
    due_at: datetime
    failures: int
    last: Visit | None


def register(database: Database, configured: Mapping[str, Source], now: datetime) -> None:
    """Make the table say what the configuration says. New sources are due at once; the others keep their state."""
    rows = [
        {"id": key, "name": source.title, "url": source.address, "rank": source.rank, "active": True}
        for key, source in sorted(configured.items())
    ]
    fresh = {"due_at": now, "failures": 0}
    with database.writing() as connection:
        connection.execute(update(sources).values(active=False))
        if rows:
            statement = database.insert(sources).values([row | fresh for row in rows])
            said = {name: statement.excluded[name] for name in ("name", "url", "rank", "active")}
            connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=said))


def make_due(database: Database, now: datetime, only: Collection[str] | None = None) -> None:
    """Let sources be visited now, or again if they are being visited: all active ones, or those named."""
    statement = update(sources).where(sources.c.active).values(due_at=now)
    if only is not None:
        statement = statement.where(sources.c.id.in_(only))
    with database.writing() as connection:
        connection.execute(statement)


def claim(database: Database, now: datetime, *, limit: int, lease: timedelta) -> list[Lease]:
    """Up to `limit` due sources, longest due first, that no other worker gets before the lease ends."""
    due = (
        select(sources.c.id)
        .where(sources.c.active, sources.c.due_at <= now)
        .where(or_(sources.c.leased_until.is_(None), sources.c.leased_until <= now))
        .order_by(sources.c.due_at, sources.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)  # PostgreSQL only; SQLite lets in one writer at a time anyway
        .cte("due")
    )
    statement = (
        update(sources)
        .where(sources.c.id.in_(select(due.c.id)))
        .values(leased_until=now + lease)
        .returning(
            sources.c.id,
            sources.c.leased_until,
            sources.c.etag,
            sources.c.last_modified,
            sources.c.body_hash,
            sources.c.failures,
        )
    )
    with database.writing() as connection:
        rows = connection.execute(statement).all()
    return [
        Lease(row.id, row.leased_until, SourceState(row.etag, row.last_modified, row.body_hash), row.failures)
        for row in sorted(rows, key=lambda row: row.id)
    ]


def release(database: Database, leases: Iterable[Lease]) -> None:
    """Give claims back without a visit: the sources stay due."""
    rows = [{"source": lease.source, "until": lease.until} for lease in leases]
    statement = (
        update(sources)
        .where(sources.c.id == bindparam("source"), sources.c.leased_until == bindparam("until"))
        .values(leased_until=None)
    )
    if rows:
        with database.writing() as connection:
            connection.execute(statement, rows)


def release_all(database: Database) -> None:
    """Forget all claims: for the one process that a SQLite store has, after a crash."""
    with database.writing() as connection:
        connection.execute(update(sources).where(sources.c.leased_until.is_not(None)).values(leased_until=None))


def statuses(database: Database) -> list[SourceStatus]:
    """The active sources by name, each with its last visit."""
    last = select(func.max(visits.c.id)).group_by(visits.c.source)
    found = select(sources).where(sources.c.active).order_by(sources.c.name, sources.c.id)
    with database.reading() as connection:
        by_source = {row.source: _visit(row) for row in connection.execute(select(visits).where(visits.c.id.in_(last)))}
        return [
            SourceStatus(row.id, row.name, row.due_at, row.failures, by_source.get(row.id))
            for row in connection.execute(found)
        ]


def _visit(row: Any) -> Visit:
    return Visit(**{field.name: getattr(row, field.name) for field in fields(Visit)})
