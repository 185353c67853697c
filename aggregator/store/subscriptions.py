"""Subscriptions at hubs: one for each source at most."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, false, or_, select, update

from aggregator.models import Advice, Subscription
from aggregator.store.database import Database
from aggregator.store.schema import sources, subscriptions
from aggregator.store.sources import advice_of

_COLUMNS = [field.name for field in fields(Subscription)]
_OF_SOURCE = select(subscriptions).where(subscriptions.c.source == bindparam("wanted"))


@dataclass(frozen=True, slots=True)
class Subscribable:
    """A source that names a hub, or has a subscription."""

    source: str
    active: bool  # it is configured
    advice: Advice
    subscription: Subscription | None


def of_source(database: Database, source: str) -> Subscription | None:
    """The subscription of a source, for people and for the next poll."""
    with database.reading() as connection:
        row = connection.execute(_OF_SOURCE, {"wanted": source}).one_or_none()
    return _subscription(row) if row else None


def by_token(database: Database, token: str) -> Subscription | None:
    """The subscription that a callback URL means."""
    with database.reading() as connection:
        row = connection.execute(select(subscriptions).where(subscriptions.c.token == token)).one_or_none()
    return _subscription(row) if row else None


def subscribable(database: Database, *, new: bool = True) -> Sequence[Subscribable]:
    """Every source with a subscription, and if `new` every one with a hub, those that have waited longest first."""
    names_a_hub = sources.c.advice[("hubs", 0)].as_string().is_not(None)
    wanted = sources.c.active & names_a_hub if new else false()
    theirs = [subscriptions.c[name].label(f"subscription_{name}") for name in _COLUMNS]
    statement = (
        select(sources.c.id, sources.c.active, sources.c.advice, *theirs)
        .outerjoin(subscriptions, subscriptions.c.source == sources.c.id)
        .where(or_(subscriptions.c.source.is_not(None), wanted))
        .order_by(subscriptions.c.next_at.nulls_first(), sources.c.id)
    )
    with database.reading() as connection:
        rows = connection.execute(statement).all()
    return [
        Subscribable(
            row.id,
            row.active,
            advice_of(row.advice),
            _subscription(row, "subscription_") if row.subscription_source is not None else None,
        )
        for row in rows
    ]


def put(database: Database, before: Subscription | None, after: Subscription | None) -> bool:
    """Replace one state of a subscription by another; False, and nothing is done, if it is not the one thought of.

    `next_at` and `state` tell one state from another. None means that there is none.
    """
    with database.writing() as connection:
        if before is None:
            assert after is not None
            statement = database.insert(subscriptions).values(asdict(after)).on_conflict_do_nothing()
            return bool(connection.execute(statement).rowcount)
        same = (
            (subscriptions.c.token == before.token)
            & (subscriptions.c.state == before.state)
            & (subscriptions.c.next_at == before.next_at)
        )
        changed = delete(subscriptions) if after is None else update(subscriptions).values(asdict(after))
        return bool(connection.execute(changed.where(same)).rowcount)


def note_push(database: Database, token: str, now: datetime) -> None:
    """The hub has pushed something that was believed."""
    with database.writing() as connection:
        connection.execute(update(subscriptions).where(subscriptions.c.token == token).values(pushed_at=now))


def _subscription(row: Row[Any], prefix: str = "") -> Subscription:
    return Subscription(**{name: getattr(row, prefix + name) for name in _COLUMNS})
