"""Subscribers at our own hub, and hubs of others that are told of what we publish."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import Integer, bindparam, delete, func, select, update

from aggregator.models import Subscriber
from aggregator.store.database import Database
from aggregator.store.schema import subscribers

_NAMES = [field.name for field in fields(Subscriber)]
_IS_LIVE = subscribers.c.lease_until > bindparam("now")
_DUE = (
    select(subscribers)
    .where(subscribers.c.due_at <= bindparam("now"), _IS_LIVE)
    .order_by(subscribers.c.failures, subscribers.c.due_at, subscribers.c.id)
    .limit(bindparam("limit", type_=Integer()))
)
# One that waits after a failure goes on waiting.
_AWAKEN = (
    update(subscribers)
    .where(subscribers.c.topic.in_(bindparam("topics", expanding=True)), subscribers.c.due_at.is_(None))
    .values(due_at=bindparam("now"))
)
_AGREED = ("secret", "lease_until")  # of one that is there, what a new agreement changes


def put(database: Database, subscriber: Subscriber) -> None:
    """Add one, or renew it: what was delivered stays known."""
    with database.writing() as connection:
        connection.execute(database.upsert(subscribers, *_AGREED), asdict(subscriber))


def remove(database: Database, subscriber_id: str) -> bool:
    """Whether it was there."""
    with database.writing() as connection:
        return bool(connection.execute(delete(subscribers).where(subscribers.c.id == subscriber_id)).rowcount)


def awaken(database: Database, topics: Collection[str], now: datetime, pinged: Sequence[Subscriber] = ()) -> None:
    """These topics were published: their subscribers are to have them, and the hubs of others to be told."""
    with database.writing() as connection:
        if pinged:
            rows = [asdict(one) for one in sorted(pinged, key=lambda one: one.id)]
            connection.execute(database.upsert(subscribers, "lease_until"), rows)
        connection.execute(_AWAKEN, {"topics": sorted(topics), "now": now})


def due(database: Database, now: datetime, limit: int) -> list[Subscriber]:
    """To whom something is to be delivered: those first with whom that works."""
    with database.reading() as connection:
        rows = connection.execute(_DUE, {"now": now, "limit": limit})
        return [Subscriber(**{name: getattr(row, name) for name in _NAMES}) for row in rows]


def settle(database: Database, after: Subscriber) -> None:
    """What has become of a delivery; nothing is done if the subscriber has gone meanwhile."""
    values = {name: getattr(after, name) for name in ("due_at", "delivered", "delivered_at", "failures", "error")}
    with database.writing() as connection:
        connection.execute(update(subscribers).where(subscribers.c.id == after.id).values(values))


def counts(database: Database, site: str) -> tuple[int, int]:
    """How many there are, and how many of them on a registrable domain."""
    of_site = func.count().filter(subscribers.c.site == site)
    with database.reading() as connection:
        total, some = connection.execute(select(func.count(), of_site).select_from(subscribers)).one()
        return total, some


def forget(database: Database, now: datetime) -> int:
    """Remove those whose lease is over; how many that were."""
    with database.writing() as connection:
        return connection.execute(delete(subscribers).where(subscribers.c.lease_until <= now)).rowcount
