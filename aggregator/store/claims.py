"""Claims on sources that are due: who may visit which, so many of each host, and nobody else meanwhile."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, func, or_, select, update

from aggregator.models import Lease
from aggregator.store.database import Database, dialect_insert
from aggregator.store.schema import UtcDateTime, hosts, sources
from aggregator.store.sources import STATE, resting, state_of, visitable_at

_AT_ONCE = 256  # rows taken from the database

# What each round of visits asks is built here, once: to build a statement takes longer than to execute it.
_LEASE = [sources.c[name] for name in ("id", "leased_until", "due_at", "failures", *STATE)]
_NOW, _DUE_BY = bindparam("now", type_=UtcDateTime()), bindparam("due_by", type_=UtcDateTime())


def _claimable(table: Any) -> ColumnElement[bool]:
    unclaimed = or_(table.c.leased_until.is_(None), table.c.leased_until <= _NOW)
    return and_(table.c.active, table.c.due_at <= _DUE_BY, unclaimed)


def _due() -> Select[Any]:
    """Due sources whose hosts can be visited, with the number of visits that are going on there."""
    other = sources.alias("other")
    visited = select(func.count()).select_from(other).where(other.c.host == sources.c.host, other.c.leased_until > _NOW)
    busy = visited.correlate(sources).scalar_subquery()
    # A question for each source that is looked at, never a join: of very many hosts few concern what is claimed.
    free_at = select(hosts.c.free_at).where(hosts.c.host == sources.c.host).correlate(sources).scalar_subquery()
    return (
        select(sources.c.id, sources.c.host, busy.label("busy"))
        .where(_claimable(sources), func.coalesce(free_at, _NOW) <= _NOW)
        .where(busy < bindparam("per_host"))
        .order_by(sources.c.due_at)
    )


def _claim() -> Any:
    mine = (
        select(sources.c.id)
        .where(sources.c.id.in_(bindparam("wanted", expanding=True)), _claimable(sources))
        .with_for_update(skip_locked=True)  # PostgreSQL only; SQLite lets in one writer at a time anyway
        .cte("mine")
    )
    claimed = update(sources).where(sources.c.id.in_(select(mine.c.id)))
    return claimed.values(leased_until=bindparam("until", type_=UtcDateTime())).returning(*_LEASE)


def _next_visit() -> Select[Any]:
    at = visitable_at()
    unclaimed = sources.c.active, sources.c.leased_until.is_(None), sources.c.due_at <= _DUE_BY
    return select(func.min(at)).outerjoin_from(sources, hosts, hosts.c.host == sources.c.host).where(*unclaimed)


@cache
def _take_up(is_sqlite: bool) -> Any:
    """In the order of hosts, so that two workers never wait for each other."""
    of_hosts = sources.c.host.in_(bindparam("wanted", expanding=True))
    each = select(sources.c.host, bindparam("free_at", type_=UtcDateTime())).where(of_hosts).distinct()
    statement = dialect_insert(hosts, is_sqlite).from_select(["host", "free_at"], each.order_by(sources.c.host))
    replaced = {"free_at": statement.excluded.free_at}
    statement = statement.on_conflict_do_update(index_elements=["host"], set_=replaced, where=hosts.c.free_at <= _NOW)
    return statement.returning(hosts.c.host)


_DUE, _CLAIM, _NEXT_VISIT = _due(), _claim(), _next_visit()
_BUSY = (
    select(sources.c.host, func.count())
    .where(sources.c.host.in_(bindparam("of_hosts", expanding=True)), sources.c.leased_until > _NOW)
    .group_by(sources.c.host)
)
_RELEASE = (
    update(sources)
    .where(sources.c.id == bindparam("source"), sources.c.leased_until == bindparam("until"))
    .values(leased_until=None)
)


def claim(
    database: Database,
    now: datetime,
    *,
    limit: int,
    lease: timedelta,
    per_host: int = 1,
    spacing: timedelta = timedelta(),
    due_by: datetime | None = None,
    without: Collection[str] = (),
) -> list[Lease]:
    """Up to `limit` sources that are due, or were at `due_by`, that no other worker gets before the lease ends; none of
    those `without` which it is to be.

    Of each host no more than `per_host` are claimed at a time, and only one each `spacing`; sources of hosts that have
    to wait stay due and keep no others from being claimed.
    """
    with database.writing() as connection:
        sought = {"now": now, "due_by": due_by or now, "per_host": per_host}
        found = _in_turn(connection, sought, limit, 1 if spacing else per_host, without)
        hosts_wanted = sorted({row.host for row in found if row.host})
        free = _taken_up(database, connection, hosts_wanted, now, spacing)
        wanted = [row.id for row in found if row.host is None or row.host in free]
        if not spacing and not database.is_sqlite:
            wanted = _with_room(connection, found, wanted, sought)
        rows = connection.execute(_CLAIM, sought | {"wanted": wanted, "until": now + lease}).all() if wanted else []
    return [_lease(row) for row in sorted(rows, key=lambda row: row.id)]


def claim_one(
    database: Database, source: str, now: datetime, *, lease: timedelta, politely: bool = False
) -> Lease | None:
    """A claim on one source, due or not; None while another worker has it, or if `politely` while its host rests."""
    unclaimed = or_(sources.c.leased_until.is_(None), sources.c.leased_until <= now)
    statement = update(sources).where(sources.c.id == source, sources.c.active, unclaimed)
    if politely:
        statement = statement.where(or_(sources.c.host.is_(None), sources.c.host.not_in(resting(now))))
    with database.writing() as connection:
        row = connection.execute(statement.values(leased_until=now + lease).returning(*_LEASE)).one_or_none()
    return _lease(row) if row else None


def release(database: Database, leases: Iterable[Lease]) -> None:
    """Give claims back without a visit: the sources stay due."""
    rows = [{"source": lease.source, "until": lease.until} for lease in sorted(leases, key=lambda lease: lease.source)]
    if rows:
        with database.writing() as connection:
            connection.execute(_RELEASE, rows)


def release_all(database: Database) -> None:
    """Forget all claims: for the one process that a SQLite store has, after a crash."""
    with database.writing() as connection:
        connection.execute(update(sources).where(sources.c.leased_until.is_not(None)).values(leased_until=None))


def next_visit_at(database: Database, due_by: datetime) -> datetime | None:
    """The earliest time at which the host of a source may be visited that was due by then and nobody has claimed."""
    with database.reading() as connection:
        found: datetime | None = connection.execute(_NEXT_VISIT, {"due_by": due_by}).scalar_one()
        return found


def _in_turn(
    connection: Connection, sought: Mapping[str, Any], limit: int, places: int, without: Collection[str]
) -> list[Row[Any]]:
    """Due sources, those first that have waited longest: of each host no more than `places` and than have room there.

    Rows are taken from the database until there are enough: all may be very many.
    """
    found: list[Row[Any]] = []
    taken: Counter[str] = Counter()
    with connection.execute(_DUE, sought, execution_options={"yield_per": _AT_ONCE}) as rows:
        for row in rows:
            if len(found) == limit:
                break
            if row.id in without:
                continue
            if row.host is None or taken[row.host] < min(places, sought["per_host"] - row.busy):
                taken[row.host] += 1
                found.append(row)
    return found


def _taken_up(
    database: Database, connection: Connection, wanted: list[str], now: datetime, spacing: timedelta
) -> set[str]:
    """Those of the hosts that no other worker has gone to meanwhile. Each waits for `spacing` from now on."""
    if not wanted:
        return set()
    statement = _take_up(database.is_sqlite)
    return set(connection.execute(statement, {"wanted": wanted, "free_at": now + spacing, "now": now}).scalars())


def _with_room(
    connection: Connection, found: Iterable[Row[Any]], wanted: Collection[str], sought: Mapping[str, Any]
) -> list[str]:
    """Those sources for which there is room on their hosts, now that no other worker can claim any there: their rows
    in `hosts` are ours until the end of the transaction."""
    chosen = [row for row in found if row.id in set(wanted)]
    asked = {"of_hosts": sorted({row.host for row in chosen if row.host}), "now": sought["now"]}
    busy = Counter({host: count for host, count in connection.execute(_BUSY, asked)})
    kept = []
    for row in chosen:
        if row.host is None or busy[row.host] < sought["per_host"]:
            busy[row.host] += 1
            kept.append(row.id)
    return kept


def _lease(row: Row[Any]) -> Lease:
    return Lease(row.id, row.leased_until, row.due_at, state_of(row), row.failures)
