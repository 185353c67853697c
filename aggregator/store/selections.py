"""Which stories an edition has: of some topics, by language and score, the newest of all."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Integer, bindparam, func, select

from aggregator.store.contents import IS_LISTED
from aggregator.store.database import Database
from aggregator.store.events import FOUNDER, IS_ONE_PER_EVENT
from aggregator.store.publicity import is_public
from aggregator.store.schema import memberships, stories

_MOST = bindparam("limit", type_=Integer())
_OF_TOPIC = (
    select(memberships.c.story, memberships.c.dated_at)
    .where(memberships.c.topic == bindparam("topic"), IS_LISTED, memberships.c.dated_at >= bindparam("since"))
    .order_by(memberships.c.dated_at.desc(), memberships.c.story)  # as an index is: the others are not looked at
    .limit(_MOST)
)
_WITH_FOUNDERS = _OF_TOPIC.join(stories, stories.c.id == memberships.c.story).join(
    FOUNDER, FOUNDER.c.key == stories.c.id
)
_COUNT = select(func.count()).select_from(
    select(memberships.c.story)
    .where(memberships.c.topic.in_(bindparam("topics", expanding=True)))
    .limit(_MOST)
    .subquery()
)
_ALL = (
    select(stories.c.id)
    .where(stories.c.founded_at.is_not(None))
    .order_by(stories.c.founded_at.desc(), stories.c.id)
    .limit(_MOST)
)
_ALL_PUBLIC = _ALL.where(is_public(stories.c.id))


@dataclass(frozen=True, slots=True)
class Part:
    """What of a topic is taken: as its feed shows it, nothing that is dated before `since`."""

    topic: str
    since: datetime
    one_per_event: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of their stories: the newest, at most so many."""

    limit: int
    lang: str = ""  # in which it is shown; empty: any
    min_score: int = 0


def newest(database: Database, parts: Sequence[Part], wanted: Wanted, *, past: bool = False) -> dict[str, list[str]]:
    """Stories of some topics together that have items of their own in the feeds of these, the newest first: their ids,
    each with those topics. With the `past`: those, too, that are in bundles there, or that no feed shows."""
    found: dict[tuple[float, str], list[str]] = {}
    chosen = {"limit": wanted.limit, "lang": wanted.lang, "least": wanted.min_score, "past": past}
    with database.reading() as connection:
        # Each a walk along an index, which ends when there are enough: where few stories have the score, it is as long
        # as the topic. Together they would have to be sorted.
        for part in parts:
            statement = _statement(part.one_per_event, bool(wanted.lang), bool(wanted.min_score))
            for story, dated_at in connection.execute(statement, {"topic": part.topic, "since": part.since, **chosen}):
                found.setdefault((-dated_at.timestamp(), story), []).append(part.topic)
    return {key[1]: found[key] for key in sorted(found)[: wanted.limit]}


def are_small(database: Database, topics: Collection[str], *, most: int) -> bool:
    """Whether topics have no more stories together than so many, shown or not; no more are looked at."""
    with database.reading() as connection:
        return int(connection.execute(_COUNT, {"topics": sorted(topics), "limit": most + 1}).scalar_one()) <= most


def everything(database: Database, private: Collection[str], *, limit: int) -> list[str]:
    """The ids of the newest of all stories, at most so many, the newest first; not of those that are in `private`
    topics, shown or not, and in no others: these are looked at all the same, until there are enough."""
    with database.reading() as connection:
        if not private:
            return list(connection.execute(_ALL, {"limit": limit}).scalars())
        return list(connection.execute(_ALL_PUBLIC, {"limit": limit, "private": sorted(private)}).scalars())


@cache  # to build a statement takes longer than to execute it
def _statement(one_per_event: bool, by_lang: bool, by_score: bool) -> Any:
    statement = _WITH_FOUNDERS.where(IS_ONE_PER_EVENT) if one_per_event else _OF_TOPIC
    if by_lang:
        statement = statement.where(memberships.c.lang == bindparam("lang"))
    return statement.where(memberships.c.score >= bindparam("least", type_=Integer())) if by_score else statement
