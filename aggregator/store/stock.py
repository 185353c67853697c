"""How much there is, and how much waits: counts of rows, by way of indexes, for metrics and `status`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, or_, select, text

from aggregator.store import settings
from aggregator.store.database import Database
from aggregator.store.schema import (
    UtcDateTime,
    alerts,
    articles,
    editions,
    hosts,
    memberships,
    sources,
    stories,
    subscribers,
    subscriptions,
    topics,
)


@dataclass(frozen=True, slots=True)
class Stock:
    """What is stored at one moment."""

    sources: int
    failing: int
    due: int  # could be visited now: their time has come, their hosts are free, and nobody visits them
    due_since: datetime | None  # the first of them
    articles: int
    stories: int
    topic_stories: Mapping[str, int]  # by slug
    unpublished: int  # topics and editions that have changed since
    is_retagging: bool  # not everything is judged by the rules that are in use
    unrelated: int  # stories whose relations are to be looked for
    deliveries: int  # subscribers to whom something is to be delivered
    subscriptions: Mapping[str, int]  # by state
    alerts: Mapping[str, int]  # that are not over, by kind
    database_bytes: int


_NOW = bindparam("now", type_=UtcDateTime())


def _due() -> Select[int, Any]:
    unclaimed = or_(sources.c.leased_until.is_(None), sources.c.leased_until <= _NOW)
    free = or_(hosts.c.free_at.is_(None), hosts.c.free_at <= _NOW)
    found = select(func.count(), func.min(sources.c.due_at)).outerjoin_from(
        sources, hosts, hosts.c.host == sources.c.host
    )
    return found.where(sources.c.active, sources.c.due_at <= _NOW, unclaimed, free)


_DUE = _due()
_SOURCES = select(func.count()).where(sources.c.active)
_FAILING = _SOURCES.where(sources.c.failures > 0)
_OF_TOPICS = (
    select(topics.c.slug, func.count(memberships.c.story))
    .outerjoin(memberships, memberships.c.topic == topics.c.slug)
    .group_by(topics.c.slug)
)
_UNPUBLISHED = select(func.count()).where(topics.c.changes != topics.c.published_changes)
_UNPUBLISHED_EDITIONS = select(func.count()).where(editions.c.changes != editions.c.published_changes)
_UNRELATED = select(func.count()).select_from(stories).where(stories.c.unrelated)
_DELIVERIES = select(func.count()).where(subscribers.c.due_at <= _NOW)
_SUBSCRIPTIONS = select(subscriptions.c.state, func.count()).group_by(subscriptions.c.state)
_ALERTS = select(alerts.c.kind, func.count()).where(alerts.c.resolved_at.is_(None)).group_by(alerts.c.kind)


def taken(database: Database, now: datetime) -> Stock:
    """The stock as it is. Raises StateError."""
    with database.reading() as connection:

        def count(statement: Select[int]) -> int:
            return connection.execute(statement, {"now": now}).scalar_one()

        due, due_since = connection.execute(_DUE, {"now": now}).one()
        return Stock(
            count(_SOURCES),
            count(_FAILING),
            due,
            due_since,
            count(select(func.count()).select_from(articles)),
            count(select(func.count()).select_from(stories)),
            {slug: number for slug, number in connection.execute(_OF_TOPICS)},
            count(_UNPUBLISHED) + count(_UNPUBLISHED_EDITIONS),
            not settings.value_of(connection, "rules"),
            count(_UNRELATED),
            count(_DELIVERIES),
            {state: number for state, number in connection.execute(_SUBSCRIPTIONS)},
            {kind: number for kind, number in connection.execute(_ALERTS)},
            _bytes(database, connection),
        )


def _bytes(database: Database, connection: Connection) -> int:
    if not database.is_sqlite:
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    pages, size = (connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("page_count", "page_size"))
    return int(pages) * int(size)
