"""How much comes to each topic, and from each source, day by day; for people to look at."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from aggregator.store.articles import chunks
from aggregator.store.database import Database
from aggregator.store.schema import articles, memberships, stories, topics

_COUNTS = (
    select(topics.c.slug, func.count(memberships.c.story).label("stories"))
    .outerjoin(memberships, memberships.c.topic == topics.c.slug)
    .group_by(topics.c.slug)
)
_LATEST = (  # of each topic, as their index is: one look into it each
    select(memberships.c.story)
    .where(memberships.c.topic == topics.c.slug, memberships.c.dated_at.is_not(None))
    .order_by(memberships.c.dated_at.desc(), memberships.c.story)
    .limit(1)
    .correlate(topics)
    .scalar_subquery()
)
_LEADS = (
    select(topics.c.slug, stories.c.founded_at, articles.c.key, articles.c.title, articles.c.language)
    .select_from(topics)
    .join(stories, stories.c.id == _LATEST)
    .join(articles, articles.c.key == stories.c.lead)
)


@dataclass(frozen=True, slots=True)
class Latest:
    """A topic's newest story, as its lead tells it."""

    key: str
    title: str
    language: str | None
    dated_at: datetime


@dataclass(frozen=True, slots=True)
class Volume:
    """How many stories a topic has, the newest of them, and how many are dated on each day (UTC)."""

    stories: int = 0
    latest: Latest | None = None
    by_day: Mapping[date, int] | None = None


def of_topics(database: Database, since: datetime) -> dict[str, Volume]:
    """The volume of every topic, its days from `since` on: three questions, however many topics there are."""
    day = _day(memberships.c.dated_at, database)
    days = select(memberships.c.topic, day, func.count()).where(memberships.c.dated_at >= since)
    with database.reading() as connection:
        by_day = _by_day(connection.execute(days.group_by(memberships.c.topic, day)))
        latest = {
            row.slug: Latest(row.key, row.title, row.language, row.founded_at) for row in connection.execute(_LEADS)
        }
        counts = connection.execute(_COUNTS).all()
    return {row.slug: Volume(row.stories, latest.get(row.slug), by_day.get(row.slug)) for row in counts}


def of_sources(
    connection: Connection, database: Database, ids: Collection[str], since: datetime
) -> dict[str, dict[date, int]]:
    """How many articles of these sources were first seen on each day since then."""
    found: dict[str, dict[date, int]] = {}
    day = _day(articles.c.first_seen_at, database)
    days = select(articles.c.source, day, func.count()).where(articles.c.first_seen_at >= since)
    for chunk in chunks(ids):
        found |= _by_day(connection.execute(days.where(articles.c.source.in_(chunk)).group_by(articles.c.source, day)))
    return found


def _day(column: Any, database: Database) -> Any:
    """The day of a time in UTC. On PostgreSQL `date` alone would take that of the session's zone; SQLite has none."""
    return func.date(column if database.is_sqlite else func.timezone("UTC", column))


def _by_day(rows: Iterable[Any]) -> dict[str, dict[date, int]]:
    found: dict[str, dict[date, int]] = defaultdict(dict)
    for name, day, count in rows:
        found[name][date.fromisoformat(str(day))] = count
    return dict(found)
