"""The digests of a topic, published when their periods end, and when something in them has changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from aggregator import digests, editions, publish
from aggregator.config import Config, Topic
from aggregator.editions import Edition
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
    wanted = [edition for edition in editions.of_topic(dirty.slug, topic) if edition.digest]
    current = [calendar.holding(edition.digest, now) for edition in wanted]
    if not current:
        return Digested()
    digested_at = max(period.start for period in current)
    last = stored_told.last_entered(database, dirty.slug)
    again_at = min((period.end for period in current if last and last >= period.start), default=None)
    if dirty.digested_at == digested_at:
        return Digested(0, digested_at, again_at)
    told = [
        (edition, list(_items(period, calendar, edition, topic, config, database)))
        for edition, period in zip(wanted, current, strict=True)
    ]
    changed = sum(_publish(edition, items, config, dirty.created_at) for edition, items in told)
    return Digested(changed, digested_at, again_at)


def _publish(edition: Edition, items: Sequence[Item], config: Config, created_at: datetime) -> int:
    feed = digests.feed(edition, items, config.settings, created_at)
    return publish.publish(feed, edition.name, editions.root(edition, config), private=edition.private)


def _items(
    current: Period, calendar: Calendar, edition: Edition, topic: Topic, config: Config, database: Database
) -> Iterator[Item]:
    """The last digests before the current period, the latest first."""
    (slug,), period = edition.topics, current
    for _ in range(digests.MOST_ITEMS[current.kind]):
        last = stored_told.last_entered(database, slug, before=period.start)
        if last is None:
            return
        period = calendar.holding(current.kind, last)
        entered = stored_told.entered(database, slug, period.start, period.end, one_per_event=topic.one_per_event)
        if entered:
            told = stored_told.told(database, digests.chosen(entered))
            yield digests.item(period, entered, told, edition, topic, config.settings)
