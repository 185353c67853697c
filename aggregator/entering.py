"""Stories enter their topic: when it is published for the first time with them.

So nothing enters a period that has been published as over: a digest that is there has all that it will ever have.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from aggregator import caps
from aggregator.config import Topic
from aggregator.store import Database
from aggregator.store import entering as stored_entering
from aggregator.store.entering import Door, Entrant


def is_capped(topic: Topic) -> bool:
    """Whether some of its stories may have no items of their own."""
    return topic.max_per_hour is not None or topic.max_share is not None


def admit(slug: str, topic: Topic, database: Database, now: datetime) -> int:
    """Let the stories enter that the feed of a topic can show; how many those are. Raises StateError."""
    bounds = caps.Caps(topic.max_per_hour, topic.max_share, topic.limit)

    def rest(entrants: Sequence[Entrant], door: Door) -> Collection[str]:
        return caps.rest(entrants, door, bounds)

    return stored_entering.enter(
        database,
        slug,
        now,
        now - topic.horizon,
        one_per_event=topic.one_per_event,
        rest=rest if is_capped(topic) else None,
        latest=topic.limit - 1 if topic.max_share is not None else 0,
    )
