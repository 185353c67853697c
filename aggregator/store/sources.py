"""Sources: which there are, how they do, when they are due."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    update,
)

from aggregator import urls
from aggregator.models import Advice, Rhythm, SourceState, Visit
from aggregator.registry import Source
from aggregator.store.articles import chunks
from aggregator.store.database import Database
from aggregator.store.rows import fields_of
from aggregator.store.schema import UtcDateTime, articles, hosts, sources, tombstones, visits
from aggregator.store.settings import put, value_of
from aggregator.words import digest

AT_REST = timedelta(minutes=1)  # a host that is left alone for longer has asked for it
STATE = [field.name for field in fields(SourceState) if field.name != "files"]  # these have a table of their own


def visitable_at() -> ColumnElement[Any]:
    """When a source may be visited: once it is due and its host free."""
    waits = and_(hosts.c.free_at.is_not(None), hosts.c.free_at > sources.c.due_at)
    return case((waits, hosts.c.free_at), else_=sources.c.due_at)


def _summary() -> Any:
    next_at = func.min(case((sources.c.leased_until.is_(None), visitable_at())), type_=UtcDateTime())
    failing = func.count(case((sources.c.failures > 0, 1)))
    found = select(func.count(), failing, next_at).where(sources.c.active)
    return found.outerjoin_from(sources, hosts, hosts.c.host == sources.c.host)


_ALL = select(sources.c.id).order_by(sources.c.id).with_for_update()
_SUMMARY = _summary()


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source and its last visits, latest first, for people."""

    id: str
    name: str
    due_at: datetime
    plan: str  # why it is due then
    failures: int
    state: SourceState
    free_at: datetime | None  # its host rests until then
    visits: tuple[Visit, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """All sources in three values."""

    sources: int
    failing: int
    next_at: datetime | None  # when the next unclaimed one is due and its host free


def register(database: Database, configured: Mapping[str, Source], now: datetime) -> dict[str, str]:
    """Make the table say what the configuration says. New sources are due at once; the others keep their state.

    A new source at the address to which one that is gone had moved for good takes over its articles. Answers with the
    new sources by the old ones.
    """
    rows = [
        {"id": key, "name": source.title, "url": source.address, "rank": source.rank, "active": True}
        | {"host": source.host, "paywall": source.paywall}
        for key, source in sorted(configured.items())
    ]
    fresh = {"due_at": now, "failures": 0}
    said = digest(map(repr, rows))
    with database.writing() as connection:
        if value_of(connection, "sources") == said:
            return {}  # told already, by another worker, or at the last start
        put(database, connection, "sources", said)
        gone = sorted(set(connection.execute(_ALL).scalars()) - configured.keys())
        successors = _successors(connection, configured)
        for chunk in chunks(gone):
            connection.execute(update(sources).where(sources.c.id.in_(chunk)).values(active=False))
        if rows:
            statement = database.upsert(sources, "name", "url", "rank", "active", "host", "paywall")
            connection.execute(statement, [row | fresh for row in rows])  # a statement holds only so many values
        _hand_over(connection, successors)
    return successors


def make_due(database: Database, now: datetime, only: Collection[str] | None = None) -> None:
    """Let sources be visited now, or again if they are being visited: those named, or all whose hosts are not at rest.

    A host is at rest when it has asked for that; the distance between two visits is none.
    """
    if only is not None:
        meant: ColumnElement[bool] = sources.c.id.in_(only)
    else:
        meant = or_(sources.c.host.is_(None), sources.c.host.not_in(resting(now)))
    with database.writing() as connection:
        connection.execute(_each_in_order(sources.c.active & meant).values(due_at=now, plan=""))


def limit_waits(
    database: Database, now: datetime, longest: timedelta, longest_rest: timedelta, longest_lease: timedelta
) -> None:
    """End every wait that is longer than any can be: it was begun by a clock that was ahead."""
    absurd = (
        _each_in_order(sources.c.due_at > now + longest).values(due_at=now),
        _each_in_order(sources.c.leased_until > now + longest_lease).values(leased_until=None),
        update(hosts).where(hosts.c.free_at > now + longest_rest).values(free_at=now),
    )
    for statement in absurd:
        with database.writing() as connection:
            connection.execute(statement)


def make_failing_due(database: Database, now: datetime, since: datetime) -> None:
    """Let all sources be visited now that have been failing only since then."""
    failing = sources.c.active & (sources.c.failing_since >= since)
    with database.writing() as connection:
        connection.execute(_each_in_order(failing).values(due_at=now))


def hasten(database: Database, source: str, at: datetime) -> None:
    """Let a source be visited at that time if it is not due sooner, and again if it is being visited."""
    later = or_(sources.c.due_at > at, sources.c.leased_until.is_not(None))
    statement = update(sources).where(sources.c.id == source, sources.c.active, later)
    with database.writing() as connection:
        connection.execute(statement.values(due_at=at))


def summary(database: Database) -> Summary:
    """How many there are and how it is with them, at little cost: it is asked for every few seconds."""
    with database.reading() as connection:
        count, failing, next_at = connection.execute(_SUMMARY).one()
    return Summary(count, failing or 0, next_at)


def statuses(
    database: Database, only: str | None = None, *, visits_each: int = 1, failing: bool = False
) -> list[SourceStatus]:
    """The active sources by name, each with its last visits; or one source, by its id or name; or those that fail."""
    found = select(sources, hosts.c.free_at).outerjoin(hosts, hosts.c.host == sources.c.host).where(sources.c.active)
    if only is not None:
        found = found.where(or_(sources.c.id == only, sources.c.name == only))
    if failing:
        found = found.where(sources.c.failures > 0)
    place = func.row_number().over(partition_by=visits.c.source, order_by=visits.c.id.desc()).label("place")
    with database.reading() as connection:
        rows = connection.execute(found.order_by(sources.c.name, sources.c.id)).all()
        theirs = select(visits, place)
        if only is not None:
            theirs = theirs.where(visits.c.source.in_([row.id for row in rows]))
        if failing:
            theirs = theirs.join(sources, sources.c.id == visits.c.source).where(sources.c.failures > 0)
        ranked = theirs.subquery()
        recent = select(ranked).where(ranked.c.place <= visits_each).order_by(ranked.c.id.desc())
        by_source: dict[str, list[Visit]] = {}
        for row in connection.execute(recent):
            by_source.setdefault(row.source, []).append(visit_of(row))
    return [
        SourceStatus(
            row.id,
            row.name,
            row.due_at,
            row.plan,
            row.failures,
            state_of(row),
            row.free_at,
            tuple(by_source.get(row.id, ())),
        )
        for row in rows
    ]


def row_of(state: SourceState) -> dict[str, Any]:
    """A source's memory as columns."""
    advice, rhythm = state.advice, state.rhythm
    return {name: getattr(state, name) for name in STATE} | {
        "advice": {
            "ttl": advice.ttl.total_seconds() if advice.ttl else None,
            "skip_hours": sorted(advice.skip_hours),
            "skip_days": sorted(advice.skip_days),
            "hubs": list(advice.hubs),
            "self_url": advice.self_url,
        },
        "rhythm": fields_of(rhythm) | {"seen_at": rhythm.seen_at.isoformat() if rhythm.seen_at else None},
    }


def state_of(row: Row[Any]) -> SourceState:
    """A source's memory from a row that has its columns."""
    stored = {name: getattr(row, name) for name in STATE}
    return SourceState(**stored | {"advice": advice_of(stored["advice"]), "rhythm": rhythm_of(stored["rhythm"])})


def advice_of(stored: dict[str, Any] | None) -> Advice:
    """A feed's advice from its column."""
    said = stored or {}
    return Advice(
        timedelta(seconds=said["ttl"]) if said.get("ttl") else None,
        frozenset(said.get("skip_hours", ())),
        frozenset(said.get("skip_days", ())),
        tuple(said.get("hubs", ())),
        said.get("self_url"),
    )


def rhythm_of(stored: dict[str, Any] | None) -> Rhythm:
    """What was learned of a source's rhythm, from its column."""
    if not stored:
        return Rhythm()
    seen_at = stored.get("seen_at")
    return Rhythm(
        datetime.fromisoformat(seen_at) if seen_at else None,
        stored.get("days", 0.0),
        stored.get("bursts", 0.0),
        stored.get("recent", 0.0),
        tuple(stored.get("by_hour", Rhythm().by_hour)),
    )


def _successors(connection: Connection, configured: Mapping[str, Source]) -> dict[str, str]:
    """Sources that have moved and are gone from the configuration → the new ones that stand at their new addresses."""
    moved = select(sources.c.id, sources.c.moved_to).where(sources.c.moved_to.is_not(None)).order_by(sources.c.id)
    gone = {row.id: row.moved_to for row in connection.execute(moved) if row.id not in configured}
    if not gone:
        return {}
    there = set(connection.execute(select(sources.c.id)).scalars())
    new = [(key, source.address) for key, source in configured.items() if key not in there]
    at = {urls.identity(address): key for key, address in new if address}
    return {old: at[place] for old, url in gone.items() if (place := urls.identity(url)) in at}


def _hand_over(connection: Connection, successors: Mapping[str, str]) -> None:
    """Give new sources what the old ones had: articles, under their old keys, tombstones, and the rhythm learned."""
    if not successors:
        return
    pairs = [{"old": old, "new": new} for old, new in successors.items()]
    for table in (articles, tombstones):
        theirs = update(table).where(table.c.source == bindparam("old")).values(source=bindparam("new"))
        connection.execute(theirs, pairs)
    former = sources.alias("former")
    learned = select(former.c.rhythm).where(former.c.id == bindparam("old")).scalar_subquery()
    rhythm = update(sources).where(sources.c.id == bindparam("new")).values(rhythm=learned)
    connection.execute(rhythm, pairs)


def resting(now: datetime) -> Select[tuple[str]]:
    """The hosts that have asked to be left alone."""
    return select(hosts.c.host).where(hosts.c.free_at > now + AT_REST)


def _each_in_order(meant: ColumnElement[bool]) -> Any:
    """An UPDATE of some sources that takes hold of them in the order of their ids, as all do: so nobody waits for
    somebody who waits for them."""
    held = select(sources.c.id).where(meant).order_by(sources.c.id).with_for_update().cte("held")
    return update(sources).where(sources.c.id.in_(select(held.c.id)))


def visit_of(row: Any) -> Visit:
    """A visit from a row that has its columns."""
    return Visit(**{field.name: getattr(row, field.name) for field in fields(Visit)})
