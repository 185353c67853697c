"""How stories enter a topic: once each, at a time of ours that no later one goes before."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, func, select, update

from aggregator.periods import hour_of
from aggregator.store.articles import among, chunks
from aggregator.store.database import Database
from aggregator.store.schema import WAITS_TO_ENTER, articles, memberships, stories
from aggregator.store.topics import FOUNDER, IS_LOOKED_AT, IS_ONE_PER_EVENT

SET_BACK = timedelta(hours=1)  # a clock that is set back further was wrong: what it said then is passed over

_OF_TOPIC = memberships.c.topic == bindparam("slug")
_WAITS = WAITS_TO_ENTER & (memberships.c.dated_at >= bindparam("since"))  # as an index of it is
_LEADS = (
    select(memberships.c.story, articles.c.source, memberships.c.score, memberships.c.dated_at)
    .join(stories, stories.c.id == memberships.c.story)
    .join(articles, articles.c.key == stories.c.lead)
    .join(FOUNDER, FOUNDER.c.key == stories.c.id)
    .where(memberships.c.topic == bindparam("topic"), _WAITS)
    .order_by(memberships.c.story)
)
_LEADS_OF_EVENTS = _LEADS.where(IS_ONE_PER_EVENT)
_LAST = select(func.max(memberships.c.entered_at)).where(_OF_TOPIC)
_HAS_AN_ITEM = _OF_TOPIC & memberships.c.hidden.is_(False) & memberships.c.bundled_at.is_(None)
_THIS_HOUR = select(func.count()).where(_HAS_AN_ITEM, memberships.c.entered_at >= bindparam("hour"))
# Not by the index of dates: the last ones by another one are wanted.
_IS_RECENT = func.coalesce(memberships.c.dated_at, bindparam("since")) >= bindparam("since")
_LATEST = (
    select(articles.c.source)
    .select_from(memberships)
    .join(stories, stories.c.id == memberships.c.story)
    .join(articles, articles.c.key == stories.c.lead)
    .where(_HAS_AN_ITEM, memberships.c.entered_at.is_not(None), _IS_RECENT)
    .order_by(memberships.c.entered_at.desc(), memberships.c.story)
    .limit(bindparam("most", type_=Integer()))
)
_IS_PLACED = select(stories.c.id).where(stories.c.id == memberships.c.story, IS_LOOKED_AT).exists()
_IS_THERE = select(memberships.c.story).where(_OF_TOPIC, _WAITS).limit(1)
_IS_PLACED_THERE = _IS_THERE.where(_IS_PLACED)
_ENTER: Any = update(memberships).where(_OF_TOPIC, _WAITS).values(entered_at=bindparam("at"))
_ENTER_PLACED = _ENTER.where(_IS_PLACED)
_BUNDLE = _ENTER.where(memberships.c.story.in_(among("ids"))).values(bundled_at=bindparam("hour"))


@dataclass(frozen=True, slots=True)
class Entrant:
    """A story that enters a topic."""

    story: str
    source: str  # of the copy that leads it
    score: int
    dated_at: datetime


@dataclass(frozen=True, slots=True)
class Door:
    """What has entered a topic before, with items of their own."""

    this_hour: int
    latest: Sequence[str]  # sources, the last one at the end


Rest = Callable[[Sequence[Entrant], Door], Collection[str]]


def enter(
    database: Database,
    slug: str,
    now: datetime,
    since: datetime,
    *,
    one_per_event: bool,
    rest: Rest | None,
    latest: int,
) -> int:
    """Let all stories of a topic enter that its feed can show; how many those are.

    `rest` tells which of them have no items of their own, but are in the bundle of the hour; it is told what the
    last `latest` items were. Of stories about one event only the first is asked about. Nothing enters before what has
    entered already, though the clock may have been set back a little.
    """
    asked = {"slug": slug, "since": since}
    is_there, let_in = (_IS_PLACED_THERE, _ENTER_PLACED) if one_per_event else (_IS_THERE, _ENTER)
    with database.reading() as connection:
        if connection.execute(is_there, asked).first() is None:
            return 0
    with database.writing() as connection:
        last = connection.execute(_LAST, {"slug": slug}).scalar()
        at = last if last and now < last < now + SET_BACK else now
        hour = hour_of(at)
        bundled = _bundled(connection, slug, since, hour, latest, rest, one_per_event) if rest else ()
        for chunk in chunks(bundled):
            connection.execute(_BUNDLE, {**asked, "at": at, "hour": hour, "ids": chunk})
        done = connection.execute(let_in, {**asked, "at": at})
        return int(done.rowcount) + len(bundled)


def _bundled(
    connection: Connection,
    slug: str,
    since: datetime,
    hour: datetime,
    latest: int,
    rest: Rest,
    one_per_event: bool,
) -> Collection[str]:
    statement = _LEADS_OF_EVENTS if one_per_event else _LEADS
    rows = connection.execute(statement, {"topic": slug, "since": since, "past": False})
    entrants = [Entrant(*row) for row in rows]
    asked = {"slug": slug, "since": since, "hour": hour, "most": latest}
    count = connection.execute(_THIS_HOUR, asked).scalar_one()
    sources = list(connection.execute(_LATEST, asked).scalars()) if latest else []
    return rest(entrants, Door(count, sources[::-1]))
