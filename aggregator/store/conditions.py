"""How each source does: one page of a list that can be asked for by state and by name. For people to look at."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, case, func, or_, select

from aggregator.models import SourceState, Visit
from aggregator.store import volumes
from aggregator.store.database import Database
from aggregator.store.schema import UtcDateTime, articles, hosts, sources, visits
from aggregator.store.sources import state_of, visit_of

State = Literal["failing", "silent", "new", "fine"]
Order = Literal["state", "name", "latest", "visit", "next"]
STATES: tuple[State, ...] = ("failing", "silent", "new", "fine")  # what somebody should look at first
SILENT = timedelta(days=30)  # without anything new

# One look into an index for each source: (source, first_seen_at), and (source, id).
_latest = select(func.max(articles.c.first_seen_at)).where(articles.c.source == sources.c.id).scalar_subquery()
_last_visit = select(func.max(visits.c.id)).where(visits.c.source == sources.c.id).scalar_subquery()
_condition: ColumnElement[str] = case(
    (sources.c.failing_since.is_not(None), "failing"),
    (sources.c.succeeded_at.is_(None), "new"),
    (func.coalesce(_latest < bindparam("quiet_since", type_=UtcDateTime()), True), "silent"),
    else_="fine",
)
_COUNTS = select(_condition.label("state"), func.count().label("sources")).where(sources.c.active).group_by("state")
_ALL = (
    select(
        sources,
        hosts.c.free_at,
        _condition.label("condition"),
        _latest.label("latest_at"),
        _last_visit.label("last_visit"),
    )
    .outerjoin(hosts, hosts.c.host == sources.c.host)
    .where(sources.c.active)
)
_URGENCY = case({name: number for number, name in enumerate(STATES)}, value=_condition)
_ORDERS: dict[Order, tuple[Any, ...]] = {
    "state": (_URGENCY,),
    "name": (),
    "latest": (_latest.is_(None), _latest.desc()),
    "visit": (_last_visit.is_(None), _last_visit.desc()),
    "next": (sources.c.due_at,),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A source and how it does."""

    id: str
    name: str
    url: str | None
    condition: State
    due_at: datetime
    plan: str  # why it is due then
    free_at: datetime | None  # its host rests until then
    failures: int
    state: SourceState
    latest_at: datetime | None  # when its newest article was first seen
    last: Visit | None
    failed: Visit | None  # the last visit with an error, of those that are kept
    by_day: dict[date, int]  # articles first seen


def counts(database: Database, now: datetime) -> dict[State, int]:
    """How many active sources there are in each state."""
    with database.reading() as connection:
        rows = connection.execute(_COUNTS, {"quiet_since": now - SILENT})
        return {row.state: row.sources for row in rows}


def page(
    database: Database,
    now: datetime,
    *,
    since: datetime,
    state: State | None = None,
    query: str = "",
    order: Order = "state",
    limit: int,
    offset: int = 0,
) -> list[Condition]:
    """So many active sources of a state (or any) whose name or host has these letters; their days from `since` on.

    The address is not searched: it may hold what nobody should be able to guess letter by letter.
    """
    statement = _narrowed(_ALL, state, query).order_by(*_ORDERS[order], sources.c.name, sources.c.id)
    with database.reading() as connection:
        asked = {"quiet_since": now - SILENT}
        rows = connection.execute(statement.limit(limit).offset(offset), asked).all()
        ids = [row.id for row in rows]
        last = _visits(connection, visits.c.id.in_([row.last_visit for row in rows if row.last_visit is not None]))
        failed = _visits(connection, visits.c.id.in_(_last_failures(ids)))
        days = volumes.of_sources(connection, database, ids, since)
    return [
        Condition(
            row.id,
            row.name,
            row.url,
            row.condition,
            row.due_at,
            row.plan,
            row.free_at,
            row.failures,
            state_of(row),
            row.latest_at,
            last.get(row.id),
            failed.get(row.id),
            days.get(row.id, {}),
        )
        for row in rows
    ]


def _narrowed(statement: Select[Any], state: State | None, query: str) -> Select[Any]:
    if state is not None:
        statement = statement.where(_condition == state)
    for word in query.split():
        found = sources.c.name.icontains(word, autoescape=True), sources.c.host.icontains(word, autoescape=True)
        statement = statement.where(or_(*found))
    return statement


def _last_failures(ids: Collection[str]) -> Select[Any]:
    failures = and_(visits.c.source.in_(ids), visits.c.error.is_not(None))
    return select(func.max(visits.c.id)).where(failures).group_by(visits.c.source)


def _visits(connection: Connection, wanted: ColumnElement[bool]) -> dict[str, Visit]:
    return {row.source: visit_of(row) for row in connection.execute(select(visits).where(wanted))}
