"""The digests of a topic, published when their periods end, and when something in them has changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from aggregator import digests, publish
from aggregator.config import Config, Topic
from aggregator.models import Item
from aggregator.periods import Calendar, Period
from aggregator.store import Database
from aggregator.store import told as stored_told
from aggregator.store.topics import DirtyTopic


@dataclass(frozen=True, slots=True)
class Digested:
    """What has become of a topic's digests."""

    changed: int = 0  # files
    digested_at: datetime | None = None  # they tell all that entered before
    again_at: datetime | None = None  # when there will be more to tell


def bring_up(dirty: DirtyTopic, topic: Topic, config: Config, database: Database, now: datetime) -> Digested:
    """Publish what is to be published. Raises StateError, OSError."""
    calendar = digests.calendar(topic, config.settings)
    current = [calendar.holding(kind, now) for kind in topic.digests]
    if not current:
        return Digested()
    digested_at = max(period.start for period in current)
    last = stored_told.last_entered(database, dirty.slug)
    again_at = min((period.end for period in current if last and last >= period.start), default=None)
    if dirty.digested_at == digested_at:
        return Digested(0, digested_at, again_at)
    changed = sum(_publish(period, calendar, dirty, topic, config, database) for period in current)
    return Digested(changed, digested_at, again_at)


def _publish(
    current: Period, calendar: Calendar, dirty: DirtyTopic, topic: Topic, config: Config, database: Database
) -> int:
    slug, kind = dirty.slug, current.kind
    items = list(_items(current, calendar, slug, topic, config, database))
    feed = digests.feed(kind, items, slug, topic, config.settings, dirty.created_at)
    root = config.private if topic.private else config.public
    return publish.publish(feed, f"{slug}.{kind}", root, private=topic.private)


def _items(
    current: Period, calendar: Calendar, slug: str, topic: Topic, config: Config, database: Database
) -> Iterator[Item]:
    """The last digests before the current period, the latest first."""
    one_per_event, period = topic.stories == "one-per-event", current
    for _ in range(digests.MOST_ITEMS[current.kind]):
        last = stored_told.last_entered(database, slug, before=period.start)
        if last is None:
            return
        period = calendar.holding(current.kind, last)
        entered = stored_told.entered(database, slug, period.start, period.end, one_per_event=one_per_event)
        if entered:
            told = stored_told.told(database, digests.chosen(entered))
            yield digests.item(period, entered, told, slug, topic, config.settings)
