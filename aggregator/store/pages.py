"""Archives: on which page of its topic a story stays, and which pages are not published as they are now."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, func, insert, or_, select, tuple_, update

from aggregator.periods import hour_of
from aggregator.store.articles import chunks
from aggregator.store.database import Database
from aggregator.store.schema import memberships, pages, topics

_OF_TOPIC = pages.c.topic == bindparam("slug")
_IS_ON_NONE = (memberships.c.topic == bindparam("slug")) & memberships.c.page.is_(None)
_WAITING = (
    select(memberships.c.story, memberships.c.dated_at, memberships.c.hidden)
    .where(
        _IS_ON_NONE,
        memberships.c.hidden.is_not(None),
        memberships.c.dated_at.is_not(None),
        memberships.c.bundled_at.is_(None),
    )
    .order_by(memberships.c.dated_at, memberships.c.story.desc())
    .limit(bindparam("most"))
)
_BUNDLES_WAITING = (
    select(memberships.c.bundled_at)
    .where(_IS_ON_NONE, memberships.c.bundled_at < bindparam("hour"))
    .distinct()
    .order_by(memberships.c.bundled_at)
    .limit(bindparam("most", type_=Integer()))
)
_LAST = select(func.max(pages.c.number), func.max(pages.c.sealed_at)).where(_OF_TOPIC)
_PUT: Any = (
    update(memberships)
    .where(
        _IS_ON_NONE,
        or_(
            memberships.c.story.in_(bindparam("ids", expanding=True)),
            memberships.c.bundled_at.in_(bindparam("hours", expanding=True)),
        ),
    )
    .values(page=bindparam("number"))
)
_IS_THERE = (
    select(memberships.c.story)
    .where(memberships.c.topic == pages.c.topic, memberships.c.page == pages.c.number)
    .correlate(pages)
    .exists()
)
_FILLED = select(pages.c.number).where(_OF_TOPIC, _IS_THERE)
_BEFORE = _FILLED.where(pages.c.number < bindparam("limit")).order_by(pages.c.number.desc()).limit(1)
_AFTER = _FILLED.where(pages.c.number > bindparam("limit")).order_by(pages.c.number).limit(1)
_CHANGED = (
    select(pages.c.number, pages.c.changes)
    .where(_OF_TOPIC, pages.c.changes != 0)
    .order_by(pages.c.number.desc())
    .limit(bindparam("most"))
)
_PUBLISHED = update(pages).where(
    _OF_TOPIC, pages.c.number == bindparam("published"), pages.c.changes == bindparam("seen")
)
_CHANGE = update(pages).values(changes=pages.c.changes + 1)
_PAGES_OF = select(memberships.c.topic, memberships.c.page).where(
    memberships.c.story.in_(bindparam("stories", expanding=True)), memberships.c.page.is_not(None)
)
_TOUCH = _CHANGE.where(tuple_(pages.c.topic, pages.c.number).in_(_PAGES_OF))
_TELL_ANEW = update(topics).values(digested_at=None)
_DIGESTED = (
    select(memberships.c.topic)
    .join(topics, topics.c.slug == memberships.c.topic)
    .where(
        memberships.c.story.in_(bindparam("stories", expanding=True)), memberships.c.entered_at < topics.c.digested_at
    )
)
_TOUCH_DIGESTS = _TELL_ANEW.where(topics.c.slug.in_(_DIGESTED.correlate(None)))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A story of a topic, or a bundle of an hour that is over, that is on no page."""

    story: str  # empty: a bundle
    dated_at: datetime  # of a bundle the beginning of its hour
    hidden: bool = False  # the feed does not show it


@dataclass(frozen=True, slots=True)
class Page:
    """A page to publish. `changes` goes back to `mark_published`."""

    number: int
    changes: int


def waiting(database: Database, slug: str, now: datetime, *, limit: int, has_bundles: bool = True) -> list[Waiting]:
    """The oldest stories and bundles of a topic that are on no page, at most so many, the oldest first."""
    asked = {"slug": slug, "most": limit, "hour": hour_of(now)}
    with database.reading() as connection:
        stories = [Waiting(row.story, row.dated_at, bool(row.hidden)) for row in connection.execute(_WAITING, asked)]
        hours = connection.execute(_BUNDLES_WAITING, asked).scalars() if has_bundles else ()
        bundles = [Waiting("", hour) for hour in hours]
    return sorted((*stories, *bundles), key=lambda one: one.dated_at)[:limit]


def sealed_at(database: Database, slug: str) -> datetime | None:
    """When the last page of a topic was sealed."""
    with database.reading() as connection:
        found: datetime | None = connection.execute(_LAST, {"slug": slug}).one()[1]
        return found


def seal(database: Database, slug: str, groups: Iterable[Collection[Waiting]], now: datetime) -> None:
    """Put what waits on new pages, one for each group."""
    with database.writing() as connection:
        last = connection.execute(_LAST, {"slug": slug}).one()[0] or 0
        for number, group in enumerate(groups, last + 1):
            ids = [one.story for one in group if one.story]
            hours = [one.dated_at for one in group if not one.story]
            connection.execute(insert(pages), {"topic": slug, "number": number, "sealed_at": now, "changes": 1})
            connection.execute(_PUT, {"slug": slug, "number": number, "ids": ids, "hours": hours})


def before(database: Database, slug: str, number: int | None = None) -> int | None:
    """The page with stories on it before that one; without a number the last one."""
    with database.reading() as connection:
        limit = 2**31 - 1 if number is None else number
        found: int | None = connection.execute(_BEFORE, {"slug": slug, "limit": limit}).scalar()
        return found


def changed(database: Database, slug: str, *, limit: int) -> list[Page]:
    """Pages that are not published as they are, the last ones first, at most so many."""
    with database.reading() as connection:
        return [Page(*row) for row in connection.execute(_CHANGED, {"slug": slug, "most": limit})]


def mark_published(database: Database, slug: str, page: Page, *, is_empty: bool) -> None:
    """The files of a page are what the store said when it was read. The one behind an empty page names another one."""
    with database.writing() as connection:
        done = {"slug": slug, "published": page.number, "seen": page.changes}
        connection.execute(_PUBLISHED.values(changes=0), done)
        following = connection.execute(_AFTER, {"slug": slug, "limit": page.number}).scalar() if is_empty else None
        if following is not None:
            connection.execute(_CHANGE.where(_OF_TOPIC, pages.c.number == following), {"slug": slug})


def touch(connection: Connection, stories: Collection[str]) -> None:
    """Note that the pages, and the digests, in which these stories are have changed: while the stories are in them."""
    touch_pages(connection, stories)
    touch_digests(connection, stories)


def touch_pages(connection: Connection, stories: Iterable[str]) -> None:
    """Note that the pages have changed: as where a story has one copy more, which digests do not tell."""
    for chunk in chunks(stories):
        connection.execute(_TOUCH, {"stories": chunk})


def touch_digests(connection: Connection, stories: Iterable[str]) -> None:
    """Note that the digests have changed."""
    for chunk in chunks(stories):
        connection.execute(_TOUCH_DIGESTS, {"stories": chunk})


def touch_all(connection: Connection, slugs: Collection[str] | None = None) -> None:
    """Note that all pages and digests have changed, or those of these topics."""
    connection.execute(_CHANGE if slugs is None else _CHANGE.where(pages.c.topic.in_(slugs)))
    connection.execute(_TELL_ANEW if slugs is None else _TELL_ANEW.where(topics.c.slug.in_(slugs)))
