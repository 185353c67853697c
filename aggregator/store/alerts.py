"""Alerts, and what is known of sources with which something may be wrong."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, or_, select

from aggregator.models import Alert, SourceFacts, Visit
from aggregator.store.articles import chunks
from aggregator.store.database import Database
from aggregator.store.rows import fields_of
from aggregator.store.schema import alerts, articles, sources, subscriptions, visits
from aggregator.store.sources import rhythm_of, visit_of

MOST = 2000  # alerts of late that are looked at
FAILURES = 2  # in a row, before a source is looked at
FORGOTTEN = timedelta(days=60)  # after an alert is over

_LAST_VISIT = select(func.max(visits.c.id)).where(visits.c.source == sources.c.id).correlate(sources).scalar_subquery()
_FAILING = (
    select(sources.c.id, sources.c.name, sources.c.failures, sources.c.failing_since, visits.c.kind, visits.c.error)
    .outerjoin_from(sources, visits, visits.c.id == _LAST_VISIT)
    .where(sources.c.active, sources.c.failures >= FAILURES)
)
_ITS_NEWS = select(func.max(articles.c.first_seen_at)).where(articles.c.source == sources.c.id)
_NEWS_AT = _ITS_NEWS.correlate(sources).scalar_subquery()
# Folders are left out: people drop files when they like.
_QUIET = select(sources.c.id, sources.c.name, sources.c.rhythm, _NEWS_AT.label("news_at")).where(
    sources.c.active, sources.c.host.is_not(None), sources.c.failures == 0, sources.c.rhythm.is_not(None)
)
_HUBS = (
    select(sources.c.id, sources.c.name, subscriptions.c.hub, subscriptions.c.failures, subscriptions.c.error)
    .join(subscriptions, subscriptions.c.source == sources.c.id)
    .where(sources.c.active)
)
_BROUGHT = or_(visits.c.new > 0, visits.c.updated > 0, visits.c.known > 0, visits.c.skipped > 0)


def recent(database: Database, since: datetime) -> list[Alert]:
    """The alerts that are not over, and those that were told, or told to be over, since then."""
    wanted = select(alerts).where(or_(alerts.c.resolved_at.is_(None), alerts.c.updated_at >= since))
    return _alerts(database, wanted.order_by(alerts.c.since.desc()).limit(MOST))


def latest(database: Database, limit: int) -> list[Alert]:
    """Those that are not over, then those that have changed last."""
    order = (alerts.c.resolved_at.is_not(None), alerts.c.updated_at.desc(), alerts.c.id)
    return _alerts(database, select(alerts).order_by(*order).limit(limit))


def save(database: Database, changed: Sequence[Alert], now: datetime) -> None:
    """Write alerts that are new or others than before, and forget old ones."""
    with database.writing() as connection:
        if changed:
            rows = [fields_of(alert) for alert in sorted(changed, key=lambda alert: alert.id)]
            connection.execute(database.upsert(alerts, "name", "text", "updated_at", "resolved_at"), rows)
        connection.execute(delete(alerts).where(alerts.c.resolved_at < now - FORGOTTEN))


def last_visit(database: Database) -> int:
    """The number of the latest visit."""
    with database.reading() as connection:
        return connection.execute(select(func.max(visits.c.id))).scalar() or 0


def suspects(
    database: Database, quiet_since: datetime, hub_failures: int, after: int, also: Collection[str]
) -> tuple[list[SourceFacts], int]:
    """The sources that fail, that have brought nothing since then, or whose hub refuses us; and those with visits
    after the one of that number, which have brought a document, and `also` these, with their visits. The number of the
    latest visit."""
    with database.reading() as connection:
        found = [
            SourceFacts(row.id, row.name, row.failures, row.failing_since, row.error or "", row.kind or "")
            for row in connection.execute(_FAILING)
        ]
        found += [
            SourceFacts(row.id, row.name, rhythm=rhythm_of(row.rhythm), news_at=row.news_at)
            for row in connection.execute(_QUIET.where(quiet_since >= _NEWS_AT))
        ]
        found += [
            SourceFacts(row.id, row.name, hub=row.hub, hub_failures=row.failures, hub_error=row.error or "")
            for row in connection.execute(_HUBS.where(subscriptions.c.failures >= hub_failures))
        ]
        last = connection.execute(select(func.max(visits.c.id))).scalar() or 0
        fresh = select(visits.c.source).where(visits.c.id > after, _BROUGHT).distinct()
        found += _with_visits(connection, {*connection.execute(fresh).scalars(), *also})
    return found, last


def _with_visits(connection: Connection, wanted: Collection[str]) -> list[SourceFacts]:
    found = []
    for chunk in chunks(wanted):
        names = select(sources.c.id, sources.c.name).where(sources.c.active, sources.c.id.in_(chunk))
        of = select(visits).where(visits.c.source.in_(chunk)).order_by(visits.c.id.desc())
        by_source: dict[str, list[Visit]] = {}
        for row in connection.execute(of):
            by_source.setdefault(row.source, []).append(visit_of(row))
        found += [
            SourceFacts(row.id, row.name, visits=tuple(by_source.get(row.id, ()))) for row in connection.execute(names)
        ]
    return found


def _alerts(database: Database, statement: Any) -> list[Alert]:
    with database.reading() as connection:
        return [Alert(**row._mapping) for row in connection.execute(statement)]
