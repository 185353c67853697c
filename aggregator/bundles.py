"""Bundles: the stories of one hour that are over a topic's caps, in one item of its feed. Pure.

A bundle changes while its hour lasts and not after it, but for what is withdrawn or corrected. In the feed it stands
where its hour ends, so that it is seen as long as what came in that hour.
"""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from aggregator import compose
from aggregator.config import Settings, Topic
from aggregator.digests import calendar
from aggregator.models import Attribution, Feed, Item
from aggregator.periods import HOUR
from aggregator.plurals import counted
from aggregator.store.contents import StoredStory
from aggregator.store.told import Entered, Told
from aggregator.telling import Teller

_NOTHING = datetime.max.replace(tzinfo=UTC), ""
MOST = 24  # in a feed
MOST_STORIES = 200  # named in one; the others are counted. On pages of the archive all are named


@dataclass(frozen=True, slots=True)
class Shown:
    """What a feed has room for."""

    stories: Sequence[StoredStory]
    bundles: Mapping[datetime, Sequence[Entered]]  # by their hours
    is_full: bool  # there may be older stories

    @property
    def last(self) -> tuple[datetime, str] | None:
        """Date and id of the oldest story, if there may be older ones."""
        if not self.is_full:
            return None
        return (self.stories[-1].founded_at, self.stories[-1].id) if self.stories else _NOTHING


def shown(stories: Sequence[StoredStory], bundles: Mapping[datetime, Sequence[Entered]], limit: int) -> Shown:
    """The latest stories and bundles, at most so many together. Of the stories there are no more than the limit."""
    places = set(sorted([*map(_place, stories), *map(_place_of_bundle, bundles)])[:limit])
    left = [one for one in stories if _place(one) in places]
    is_full = len(left) < len(stories) or len(stories) == limit
    return Shown(left, {hour: some for hour, some in bundles.items() if _place_of_bundle(hour) in places}, is_full)


def item(
    hour: datetime,
    last: datetime,
    entered: Sequence[Entered],
    told: Sequence[Told],
    slug: str,
    topic: Topic,
    settings: Settings,
) -> Item:
    """A bundle, of whose stories some are told. `last`: when the last one came, though it may have left: so its date
    goes back only where one that was corrected later has left, or one that came later is part of another story now."""
    teller = Teller(settings.base_url, calendar(topic, settings), hour + HOUR)
    page = None if topic.private else f"{settings.base_url}topics/{slug}"  # that of a private one needs a token
    many = counted(len(entered), "more story", "more stories")
    return Item(
        id=f"tag:{settings.tag_authority}:topic/{slug}/bundle/{hour:%Y-%m-%dT%HZ}",
        title=f"{topic.title}, {teller.calendar.hours(hour)}: {many}",
        html="\n".join(_lines(hour, entered, told, page, teller)),
        summary=f"{many}: {'; '.join(map(teller.title, told[:10]))}{'; …' if len(entered) > 10 else ''}",
        published_at=hour,
        updated_at=max(last, *(one.changed_at for one in entered)),
        link=page,
        trace=page,
        origin=Attribution(topic.title, None, None),
        related=tuple(Attribution(teller.title(one), None, teller.link(one)) for one in told),
        language="en",
    )


def together(feed: Feed, stories: Sequence[StoredStory], bundles: Mapping[datetime, Item]) -> Feed:
    """The feed of these stories with bundles among its items."""
    if not bundles:
        return feed
    placed = [(_place(story), one) for story, one in zip(stories, feed.items, strict=True)]
    placed += [(_place_of_bundle(hour), one) for hour, one in bundles.items()]
    items = tuple(one for _, one in sorted(placed, key=lambda pair: pair[0]))
    languages = {one.language for one in feed.items}
    language = feed.language if languages == {"en"} else None
    return replace(feed, items=items, updated_at=max(one.updated_at for one in items), language=language)


def _place(one: StoredStory) -> tuple[float, str]:
    """By this items are ordered in feeds: the newest first."""
    return -one.founded_at.timestamp(), one.id


def _place_of_bundle(hour: datetime) -> tuple[float, str]:
    return -(hour + HOUR).timestamp(), ""


def _lines(
    hour: datetime, entered: Sequence[Entered], told: Sequence[Told], page: str | None, teller: Teller
) -> Iterator[str]:
    many = counted(len(entered), "more story", "more stories")
    yield (
        f"<p>{many}, {teller.calendar.hours(hour)} ({html.escape(teller.calendar.zone)}): more came in this hour than"
        f" are shown one by one.</p>"
    )
    yield "<ul>"
    yield from map(teller.short, told)
    yield "</ul>"
    if more := len(entered) - len(told):
        yield f"<p>And {compose.anchor(counted(more, 'more story', 'more stories'), page)}.</p>"
