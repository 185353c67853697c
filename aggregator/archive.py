"""The archive of a topic (RFC 5005 §4): pages at addresses that stay, for who wants to read back.

A page is sealed with the stories that it has, the oldest that are on none: nothing comes to it any more. It is sealed
when a story that is on no page leaves the feed, so that feed and pages together have everything; then it has as many
stories as the feed, a hundred at most. If there are not so many, it is sealed all the same, but then a day after the
last one at the earliest: what comes late or is hidden does not make a page each.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.config import Topic
from aggregator.store import Database, pages
from aggregator.store.pages import Page, Waiting

SMALLEST, LARGEST = 10, 100  # stories on a page, where there are so many
AT_ONCE = 5  # pages sealed in one publication; as many more may be published again
SHORT_PAGES_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Shown:
    """What of a topic its feed shows: nothing older than `since`, and if it is full nothing behind its `last` story,
    which has a date and an id; and the bundles of these `hours`."""

    since: datetime
    last: tuple[datetime, str] | None = None
    hours: Collection[datetime] = ()
    has_bundles: bool = True  # it, or the archive

    def holds(self, one: Waiting) -> bool:
        if not one.story:
            return one.dated_at in self.hours
        if one.hidden or one.dated_at < self.since:
            return False
        return self.last is None or (one.dated_at, self.last[1]) >= (self.last[0], one.story)


@dataclass(frozen=True, slots=True)
class Archived:
    """What is to be published of an archive, and what the feed says of it."""

    pages: Sequence[Page] = ()  # the last ones first
    last: int | None = None  # the page to begin with, if there is an archive
    is_all: bool = False  # the feed has everything
    again_at: datetime | None = None  # when there will be more to do


def bring_up(slug: str, topic: Topic, shown: Shown, database: Database, now: datetime) -> Archived:
    """Seal what is to be sealed, a few pages at a time, and say which are to be published. Raises StateError."""
    size = min(max(topic.limit, SMALLEST), LARGEST)
    most = size * AT_ONCE + topic.limit
    waiting = pages.waiting(database, slug, now, limit=most, has_bundles=shown.has_bundles)
    has_left = not all(map(shown.holds, waiting))
    again_at = None
    if has_left:
        sealed_at = pages.sealed_at(database, slug)
        may_be_short = sealed_at is None or sealed_at <= now - SHORT_PAGES_EVERY
        groups = list(_groups(waiting, shown, size, may_be_short=may_be_short))
        if groups:
            pages.seal(database, slug, groups, now)
        sealed = {one for group in groups for one in group}
        is_left = any(not shown.holds(one) for one in waiting if one not in sealed)
        again_at = _next(is_left, len(groups) == AT_ONCE, sealed_at, now)
    changed = pages.changed(database, slug, limit=2 * AT_ONCE)
    last = pages.before(database, slug)
    return Archived(changed, last, is_all=not has_left and last is None, again_at=again_at)


def _groups(waiting: Sequence[Waiting], shown: Shown, size: int, *, may_be_short: bool) -> Iterator[Sequence[Waiting]]:
    """What to put together on pages: as long as a story waits that has left the feed."""
    for start in range(0, size * AT_ONCE, size):
        group = waiting[start : start + size]
        if all(map(shown.holds, waiting[start:])) or (len(group) < size and not may_be_short):
            return
        yield group


def _next(is_left: bool, is_full: bool, sealed_at: datetime | None, now: datetime) -> datetime | None:
    if is_full:
        return now
    return (sealed_at or now) + SHORT_PAGES_EVERY if is_left else None
