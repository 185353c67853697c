"""Caps of a topic: which of the stories that enter its feed have an item of their own there. Pure.

First come, first served: what has an item keeps it, and what has none does not get one later, so nothing comes to a
reader twice. Only among stories that enter at the same time the better score goes before, then the later date.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aggregator.store.entering import Door, Entrant


@dataclass(frozen=True, slots=True)
class Caps:
    """What a topic allows. None: as many as come."""

    per_hour: int | None
    share: int | None  # of one source, in percent
    limit: int  # items in the feed: of so many the share is

    @property
    def of_source(self) -> int:
        """So many of the last `limit` items may be of one source; one at least."""
        return self.limit if self.share is None else max(1, self.limit * self.share // 100)


def rest(entrants: Iterable[Entrant], door: Door, caps: Caps) -> set[str]:
    """The stories that have no items of their own, as there is no room for them."""
    entering = sorted(entrants, key=lambda one: (-one.score, -one.dated_at.timestamp(), one.story))
    return {one.story for one in entering} - set(_own(entering, door, caps))


def _own(entering: Iterable[Entrant], door: Door, caps: Caps) -> Iterator[str]:
    window, this_hour = deque(door.latest), door.this_hour
    counts = Counter(window)
    for one in entering:
        while len(window) >= caps.limit:
            counts[window.popleft()] -= 1
        has_room = caps.per_hour is None or this_hour < caps.per_hour
        if has_room and counts[one.source] < caps.of_source:
            window.append(one.source)
            counts[one.source] += 1
            this_hour += 1
            yield one.story
