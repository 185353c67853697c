"""The digests of a topic, published when their periods end, and when something in them has changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from aggregator import digests, editions, publish
from aggregator.config import Config, Topic
from aggregator.editions import Edition
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
    current = {edition: calendar.holding(edition.digest, now) for edition in editions.digests(dirty.slug, topic)}
    if not current:
        return Digested()
    digested_at = max(period.start for period in current.values())
    last = stored_told.last_entered(database, dirty.slug)
    again_at = min((period.end for period in current.values() if last and last >= period.start), default=None)
    ended = {
        edition: period for edition, period in current.items() if _is_to_be_told(period, dirty.digested_at, digested_at)
    }
    return Digested(_publish(ended, calendar, dirty, topic, config, database), digested_at, again_at)


def _is_to_be_told(current: Period, before: datetime | None, now: datetime) -> bool:
    """Whether digests have changed, or one more has ended. `before` and `now`: they tell all that entered by then;
    where a clock was set back, all are published again."""
    return before is None or not current.start <= before <= now


def _publish(
    current: Mapping[Edition, Period],
    calendar: Calendar,
    dirty: DirtyTopic,
    topic: Topic,
    config: Config,
    database: Database,
) -> int:
    """Publish the digests before these periods; the number of changed files."""
    if not current:
        return 0
    end = max(period.start for period in current.values())
    entered = stored_told.entered_before(database, dirty.slug, end, one_per_event=topic.one_per_event)
    parts = digests.parted(chain.from_iterable(entered), list(current.values()), calendar)
    chosen = {one.story: one for some in parts.values() for part in some for one in digests.chosen(part.entered)}
    told = {one.entered.story: one for one in stored_told.told(database, chosen.values(), at_length=True)}
    changed = 0
    for edition in current:
        items = [digests.item(part, told, edition, topic, config.settings) for part in parts[edition.digest]]
        feed = digests.feed(edition, items, config.settings, dirty.created_at)
        changed += publish.publish(feed, edition.name, editions.root(edition, config), private=edition.private)
    return changed
