"""How stories enter a topic: once each, at a time of ours that no later one goes before."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, func, select, update

from aggregator.periods import hour_of
from aggregator.store.articles import among, chunks
from aggregator.store.database import Database
from aggregator.store.events import FOUNDER, IS_LOOKED_AT, IS_ONE_PER_EVENT
from aggregator.store.schema import WAITS_TO_ENTER, UtcDateTime, articles, memberships, stories

SET_BACK = timedelta(hours=1)  # a clock that is set back further was wrong: what it said then is passed over

_OF_TOPIC = memberships.c.topic == bindparam("slug")
_SINCE = bindparam("since", type_=UtcDateTime())
_WAITS = WAITS_TO_ENTER & (memberships.c.dated_at >= _SINCE)  # as an index of it is
_LEADING = (
    select(memberships.c.story, articles.c.source, memberships.c.score, memberships.c.dated_at)
    .join(stories, stories.c.id == memberships.c.story)
    .join(articles, articles.c.key == stories.c.lead)
    .join(FOUNDER, FOUNDER.c.key == stories.c.id)
    .where(_OF_TOPIC)
)
_ENTRANTS = _LEADING.where(_WAITS).order_by(memberships.c.story)
_HAVE_ITEMS = _LEADING.where(memberships.c.hidden.is_(False), memberships.c.bundled_at.is_(None))
_THIS_HOUR = _HAVE_ITEMS.where(memberships.c.entered_at >= bindparam("hour"))
_LATEST = (
    _HAVE_ITEMS.where(
        memberships.c.entered_at.is_not(None),
        # Not by the index of dates: the last ones by another one are wanted.
        func.coalesce(memberships.c.dated_at, _SINCE) >= _SINCE,
    )
    .order_by(memberships.c.entered_at.desc(), memberships.c.story)
    .limit(bindparam("most", type_=Integer()))
)
_OF_EVENTS = {one: one.where(IS_ONE_PER_EVENT) for one in (_ENTRANTS, _THIS_HOUR, _LATEST)}
_IS_PLACED = select(stories.c.id).where(stories.c.id == memberships.c.story, IS_LOOKED_AT).exists()
# Counted, not looked for: for one row PostgreSQL would read the whole table, since nearly all seem to wait.
_earlier = memberships.alias("earlier")
_LAST = select(func.max(_earlier.c.entered_at)).where(_earlier.c.topic == bindparam("slug")).scalar_subquery()
_IS_THERE = select(func.count(), _LAST).select_from(memberships).where(_OF_TOPIC, _WAITS)
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
    is_there, let_in = (_IS_PLACED_THERE, _ENTER_PLACED) if one_per_event else (_IS_THERE, _ENTER)
    with database.reading() as connection:
        count, last = connection.execute(is_there, {"slug": slug, "since": since}).one()
    if not count:
        return 0
    at = last if last and now < last < now + SET_BACK else now
    entry = {"slug": slug, "since": since, "at": at}
    asked = {"slug": slug, "topic": slug, "since": since, "past": False, "hour": hour_of(at), "most": latest}
    with database.writing() as connection:
        bundled = _bundled(connection, asked, rest, one_per_event) if rest else ()
        for chunk in chunks(bundled):
            connection.execute(_BUNDLE, {**entry, "hour": hour_of(at), "ids": chunk})
        return int(connection.execute(let_in, entry).rowcount) + len(bundled)


def _bundled(connection: Connection, asked: Mapping[str, Any], rest: Rest, one_per_event: bool) -> Collection[str]:
    entrants, this_hour, last = (
        [Entrant(*row) for row in connection.execute(_OF_EVENTS[one] if one_per_event else one, asked)]
        for one in (_ENTRANTS, _THIS_HOUR, _LATEST)
    )
    return rest(entrants, Door(len(this_hour), [one.source for one in reversed(last)]))
