"""Digests of a topic: an item for each hour, day or week that is over and in which something entered. Pure.

A story belongs to the period in which it entered the topic, by our clock; its own date does not matter. So it is in one
digest of each kind, and what comes late is in the next one. See `store.entering`.
"""

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from heapq import nlargest

from aggregator import compose, editions
from aggregator.config import Settings, Topic
from aggregator.editions import Edition
from aggregator.models import Attribution, Category, Feed, Item
from aggregator.periods import Calendar, Period
from aggregator.plurals import counted
from aggregator.sections import Section, sections
from aggregator.store.told import Entered, Told
from aggregator.telling import Teller

MOST_ITEMS = {"hourly": 48, "daily": 31, "weekly": 26}
MOST_STORIES = 50  # told in one; the others are counted
_SUMMARY = 500  # characters


def calendar(topic: Topic, settings: Settings) -> Calendar:
    """How time is parted for the readers of a topic."""
    begins = settings.digest_at if topic.digest_at is None else topic.digest_at
    return Calendar(topic.timezone or settings.timezone, time.fromisoformat(begins))


@dataclass(frozen=True, slots=True)
class Part:
    """What entered in a period."""

    period: Period
    entered: list[Entered]


def parted(entered: Iterable[Entered], current: Sequence[Period], calendar: Calendar) -> dict[str, list[Part]]:
    """What the digests before the current periods are made of, by kind, the latest first: as many as their feeds have.

    `entered` has the last ones first, and is read no further than needed.
    """
    found: dict[str, list[Part]] = {period.kind: [] for period in current}
    starts = {period.kind: period.start for period in current}
    for one in entered:
        for kind in [kind for kind in starts if one.entered_at < starts[kind]]:
            if len(found[kind]) == MOST_ITEMS[kind]:
                del starts[kind]
                continue
            found[kind].append(Part(calendar.holding(kind, one.entered_at), []))
            starts[kind] = found[kind][-1].period.start
        if not starts:
            break
        for kind in starts:
            if found[kind]:
                found[kind][-1].entered.append(one)
    return found


def chosen(entered: Sequence[Entered]) -> list[Entered]:
    """The stories that are told: those with the best scores, the latest of them first."""
    return nlargest(MOST_STORIES, entered, key=lambda one: (one.score, one.founded_at, one.story))


def feed(edition: Edition, items: Sequence[Item], settings: Settings, created_at: datetime) -> Feed:
    """The feed of one kind of digests. `created_at` dates one that has none yet."""
    updated_at = max((item.updated_at for item in items), default=created_at)
    return replace(editions.feed(edition, settings, updated_at), items=tuple(items), language="en")


def item(part: Part, told: Mapping[str, Told], edition: Edition, topic: Topic, settings: Settings) -> Item:
    """What a period has brought: all that entered, of which some are told. `told` has these, by story."""
    period, entered = part.period, part.entered
    teller = Teller(settings.base_url, calendar(topic, settings), period.end)
    parts = sections([told[one.story] for one in chosen(entered)], teller)
    page = None if edition.private else f"{settings.base_url}{edition.page}"  # that of a private one needs a token
    authority = settings.tag_authority
    stories = [one for part in parts for one in part.stories]
    return Item(
        id=f"tag:{authority}:{edition.id}/{period.name}",
        title=f"{topic.title}, {period.label}: {counted(len(entered), 'story', 'stories')}",
        html="\n".join(_lines(period, entered, parts, topic, page, teller)),
        summary=_summary(entered, parts, teller),
        published_at=period.end,
        updated_at=period.end,
        link=page,
        trace=page,
        origin=Attribution(topic.title, None, None),
        related=tuple(Attribution(teller.title(one), None, teller.link(one)) for one in stories),
        categories=tuple(
            Category(part.tag.concept, f"tag:{authority}:concepts", part.tag.label) for part in parts if part.tag
        ),
        language="en",
    )


def _lines(
    period: Period, entered: Sequence[Entered], parts: Sequence[Section], topic: Topic, page: str | None, teller: Teller
) -> Iterator[str]:
    start, end = teller.calendar.moment(period.start), teller.calendar.moment(period.end)
    yield (
        f"<p>{_how_many(entered)} came to {html.escape(topic.title)} from {start} to {end}"
        f" ({html.escape(teller.calendar.zone)}).</p>"
    )
    has_headings = len(parts) > 1
    for part in parts:
        if has_headings:
            yield f"<h3>{html.escape(_heading(part))}</h3>"
        yield "<ul>"
        yield from map(teller.whole, part.stories)
        yield "</ul>"
    more = len(entered) - sum(len(part.stories) for part in parts)
    if more:
        yield f"<p>And {compose.anchor(counted(more, 'more story', 'more stories'), page)}.</p>"


def _summary(entered: Sequence[Entered], parts: Sequence[Section], teller: Teller) -> str:
    """Plain: how many, and as many titles as there is room for, under their headings."""
    said = f"{_how_many(entered)}."
    for part in parts:
        before = f" {_heading(part)}: " if len(parts) > 1 else " "
        for one in part.stories:
            if len(said) + len(before) + len(teller.title(one)) > _SUMMARY:
                return f"{said} …"
            said += before + teller.title(one).rstrip(".")
            before = "; "
        said += "."
    return said


def _how_many(entered: Sequence[Entered]) -> str:
    sources = len({one.source for one in entered})
    return f"{counted(len(entered), 'story', 'stories')} from {counted(sources, 'source', 'sources')}"


def _heading(part: Section) -> str:
    return part.tag.label if part.tag else "More"
