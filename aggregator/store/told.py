"""What digests and bundles tell of stories: less than feeds do, of more of them. And what entered a topic when."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, Select, bindparam, func, or_, select, union_all

from aggregator.models import Attribution, Tag
from aggregator.store.articles import CREDITED, among, chunks, tag_of
from aggregator.store.database import Database
from aggregator.store.events import FOUNDER, IS_ONE_PER_EVENT
from aggregator.store.schema import articles, departed, memberships, sources, stories, tags

AT_ONCE = 2000  # stories read
_BEHIND_ALL = "~"  # after the ids of all stories

_OF_TOPIC = memberships.c.topic == bindparam("topic")
_TOLD = (  # as `_entered` takes it
    select(
        memberships.c.story,
        articles.c.key,
        articles.c.title,
        articles.c.link,
        articles.c.source,
        CREDITED,
        sources.c.url,
        memberships.c.score,
        memberships.c.reasons,
        stories.c.founded_at,
        memberships.c.entered_at,
        memberships.c.bundled_at,
        stories.c.led_at,
        articles.c.updated_at,
    )
    .join(stories, stories.c.id == memberships.c.story)
    .join(articles, articles.c.key == stories.c.lead)
    .join(sources, sources.c.id == articles.c.source)
    .where(_OF_TOPIC, memberships.c.hidden.is_(False))
)
_ENTERED = (
    _TOLD.where(
        memberships.c.entered_at <= bindparam("end"),  # for the index; the next is for what entered at the same time
        or_(memberships.c.entered_at < bindparam("end"), memberships.c.story > bindparam("behind")),
    )
    .order_by(memberships.c.entered_at.desc(), memberships.c.story)
    .limit(bindparam("most", type_=Integer()))
)
_BUNDLED = _TOLD.where(memberships.c.bundled_at.in_(among("hours")))
_ONE_PER_EVENT = {
    one: one.join(FOUNDER, FOUNDER.c.key == stories.c.id).where(IS_ONE_PER_EVENT) for one in (_ENTERED, _BUNDLED)
}
_HOURS = (
    select(memberships.c.bundled_at)
    .where(_OF_TOPIC, memberships.c.hidden.is_(False), memberships.c.bundled_at >= bindparam("since"))
    .distinct()
    .order_by(memberships.c.bundled_at.desc())
    .limit(bindparam("most", type_=Integer()))
)
_HOURS_ON = (
    select(memberships.c.bundled_at)
    .where(_OF_TOPIC, memberships.c.page == bindparam("page"), memberships.c.bundled_at.is_not(None))
    .distinct()
)
_HAVE_BEEN = union_all(
    *(
        select(one.c.bundled_at, one.c.entered_at).where(
            one.c.topic == bindparam("topic"), one.c.bundled_at.in_(among("hours"))
        )
        for one in (memberships, departed)
    )
).subquery()
_LAST_BUNDLED = select(_HAVE_BEEN.c.bundled_at, func.max(_HAVE_BEEN.c.entered_at)).group_by(_HAVE_BEEN.c.bundled_at)
_LAST = select(func.max(memberships.c.entered_at)).where(_OF_TOPIC)
_COPIES = (
    select(
        articles.c.story,
        articles.c.key,
        articles.c.voice,
        articles.c.source,
        articles.c.first_seen_at,
        CREDITED,
        sources.c.url,
        articles.c.link,
    )
    .join(sources, sources.c.id == articles.c.source)
    .where(articles.c.story.in_(among("stories")))
    .order_by(articles.c.dated_at, articles.c.key)
)
_SUMMARIES = select(articles.c.key, articles.c.summary).where(articles.c.key.in_(among("keys")))
_TAGS = select(tags).where(tags.c.article.in_(among("keys"))).order_by(tags.c.score.desc(), tags.c.concept)


@dataclass(frozen=True, slots=True)
class Entered:
    """A story of a topic, and when it entered."""

    story: str
    lead: str  # key of the article that leads it
    title: str
    link: str | None
    source: str  # of the lead
    origin: Attribution  # likewise
    score: int
    reasons: tuple[str, ...]
    founded_at: datetime
    entered_at: datetime
    changed_at: datetime  # when it was last corrected, or got another lead; else when it entered
    bundled_at: datetime | None


@dataclass(frozen=True, slots=True)
class ToldCopy:
    """A copy of a story, with what is said of where it stands."""

    key: str
    voice: str
    source: str
    first_seen_at: datetime
    attribution: Attribution


@dataclass(frozen=True, slots=True)
class Told:
    """A story with what is told of it beside its title."""

    entered: Entered
    copies: tuple[ToldCopy, ...]
    tags: tuple[Tag, ...]
    summary: str = ""


def entered_before(
    database: Database, slug: str, end: datetime, *, one_per_event: bool = False
) -> Iterator[list[Entered]]:
    """The stories of a topic that entered before `end`, the last ones first: some thousand at a time, as they are asked
    for."""
    asked = {"topic": slug, "end": end, "behind": _BEHIND_ALL, "most": AT_ONCE}
    while found := _found(database, _ENTERED, asked, one_per_event):
        yield found
        asked |= {"end": found[-1].entered_at, "behind": found[-1].story}
        if len(found) < AT_ONCE:
            return


def bundles(
    database: Database, slug: str, since: datetime, *, limit: int, one_per_event: bool = False
) -> dict[datetime, list[Entered]]:
    """The latest bundles of a topic, by their hours, the latest first; none of an hour before `since`."""
    with database.reading() as connection:
        hours = list(connection.execute(_HOURS, {"topic": slug, "since": since, "most": limit}).scalars())
    return _of_hours(database, slug, hours, one_per_event)


def bundles_on(
    database: Database, slug: str, page: int, *, one_per_event: bool = False
) -> dict[datetime, list[Entered]]:
    """The bundles on a page of a topic's archive."""
    with database.reading() as connection:
        hours = sorted(connection.execute(_HOURS_ON, {"topic": slug, "page": page}).scalars(), reverse=True)
    return _of_hours(database, slug, hours, one_per_event)


def last_bundled(database: Database, slug: str, hours: Collection[datetime]) -> dict[datetime, datetime]:
    """When the last one came into the bundle of each of these hours: of all stories that are or were in it, but for
    those that are part of other stories now."""
    with database.reading() as connection:
        rows = connection.execute(_LAST_BUNDLED, {"topic": slug, "hours": list(hours)}) if hours else ()
        return {hour: at for hour, at in rows}


def told(database: Database, some: Iterable[Entered], *, at_length: bool = False) -> list[Told]:
    """The stories with their copies and with what they are about; `at_length`: with the summaries of their leads."""
    some = list(some)
    leads, found = [one.lead for one in some], [one.story for one in some]
    copies: Mapping[str, list[ToldCopy]] = defaultdict(list)
    tagged: Mapping[str, list[Tag]] = defaultdict(list)
    summaries: dict[str, str] = {}
    with database.reading() as connection:
        for chunk in chunks(found):
            for story, key, voice, source, seen_at, *facts in connection.execute(_COPIES, {"stories": chunk}):
                copies[story].append(ToldCopy(key, voice, source, seen_at, Attribution(*facts)))
        for chunk in chunks(leads):
            for row in connection.execute(_TAGS, {"keys": chunk}):
                tagged[row.article].append(tag_of(row))
            if at_length:
                summaries |= {key: summary for key, summary in connection.execute(_SUMMARIES, {"keys": chunk})}
    return [Told(one, tuple(copies[one.story]), tuple(tagged[one.lead]), summaries.get(one.lead, "")) for one in some]


def last_entered(database: Database, slug: str) -> datetime | None:
    """When something entered a topic last."""
    with database.reading() as connection:
        found: datetime | None = connection.execute(_LAST, {"topic": slug}).scalar()
        return found


def _of_hours(
    database: Database, slug: str, hours: Collection[datetime], one_per_event: bool
) -> dict[datetime, list[Entered]]:
    found: dict[datetime, list[Entered]] = {hour: [] for hour in hours}
    if hours:
        some = _found(database, _BUNDLED, {"topic": slug, "hours": list(hours)}, one_per_event)
        for one in sorted(some, key=lambda one: (one.entered_at, -one.score, -one.founded_at.timestamp(), one.story)):
            if one.bundled_at:
                found[one.bundled_at].append(one)
    return {hour: some for hour, some in found.items() if some}


def _found(database: Database, statement: Select[Any], asked: Mapping[str, Any], one_per_event: bool) -> list[Entered]:
    asked = {**asked, "past": False}
    with database.reading() as connection:
        rows = connection.execute(_ONE_PER_EVENT[statement] if one_per_event else statement, asked)
        return list(map(_entered, rows))


def _entered(row: Any) -> Entered:
    story, lead, title, link, source, name, url, score, reasons, founded_at, entered_at, bundled_at, *others = row
    origin, changed_at = Attribution(name, url, link), max(filter(None, (entered_at, *others)))
    reasons = tuple(reasons)
    return Entered(
        story, lead, title, link, source, origin, score, reasons, founded_at, entered_at, changed_at, bundled_at
    )
