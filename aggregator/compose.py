"""What a topic's feed says: stories → Feed. Pure, and the same for all formats."""

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator import registry, tagging
from aggregator.config import Settings, Topic
from aggregator.models import Attribution, Feed, Item
from aggregator.store.topics import StoredCopy, StoredStory
from aggregator.urls import written
from aggregator.words import digest


def item_id(authority: str, copies: Iterable[StoredCopy]) -> str:
    """The tag: URI (RFC 4151) of a story, from the identity of its earliest copy: the same after a rebuild."""
    founder = min(copies, key=lambda copy: (copy.dated_at, copy.key))
    return f"tag:{authority}:story/{founder.key}"


def compose(
    slug: str,
    topic: Topic,
    stories: Sequence[StoredStory],
    item_ids: Mapping[str, str],
    settings: Settings,
    created_at: datetime,
) -> Feed:
    """The feed of a topic. `item_ids` by story id; `created_at` dates a feed that has no items yet."""
    items = tuple(_told_apart(_item(story, item_ids[story.id], settings.base_url) for story in stories))
    languages = {item.language for item in items}
    return Feed(
        id=f"tag:{settings.tag_authority}:topic/{slug}",
        title=topic.title,
        description=topic.description,
        page=f"{settings.base_url}topics/{slug}",
        urls=urls(slug, settings.base_url),
        updated_at=max((item.updated_at for item in items), default=created_at),
        items=items,
        language=languages.pop() if len(languages) == 1 else None,
    )


def urls(slug: str, base_url: str) -> dict[str, str]:
    """Where a topic's feed is served, by format name."""
    return {name: f"{base_url}feeds/{slug}.{kind.extension}" for name, kind in registry.formats().items()}


def _item(story: StoredStory, identity: str, base_url: str) -> Item:
    lead = story.lead
    page = f"{base_url}articles/{lead.key}"
    others = [copy for copy in story.copies if copy.key != lead.key]
    origin = next(copy.attribution for copy in story.copies if copy.key == lead.key)
    also = tuple(dict.fromkeys(copy.attribution for copy in others if copy.attribution != origin))
    published_at = _instant(story.founded_at, identity)
    updated_at = max(_instant(date, identity) for date in (lead.updated_at, story.led_at, story.founded_at) if date)
    return Item(
        id=identity,
        title=lead.title or "(untitled)",
        html=f"{lead.html}\n{_credit(origin, also, lead.link)}",
        summary=lead.summary or lead.title or "(untitled)",
        published_at=published_at,
        updated_at=updated_at,
        link=written(lead.link or page),
        trace=page,
        origin=_written(origin),
        also=tuple(map(_written, also)),
        authors=lead.authors,
        tags=tagging.about(story.tags),
        enclosures=tuple(replace(one, url=written(one.url)) for one in lead.enclosures),
        thumbnail=lead.thumbnail and written(lead.thumbnail),
        comments=lead.comments and written(lead.comments),
        licence=lead.licence and written(lead.licence),
        language=lead.language,
        reasons=story.reasons,
        score=story.score,
    )


def _instant(date: datetime, identity: str) -> datetime:
    """The date at a fraction of its second that is the item's for ever: articles of one visit, or of one day, bear the
    same date, and readers that compare items by it would see one where there are many."""
    return date.replace(microsecond=int(digest([identity])[:8], 16) % 1_000_000)


def _told_apart(items: Iterable[Item]) -> Iterator[Item]:
    """The items with a date of change that is the item's alone, should two fractions be equal by chance."""
    taken: set[datetime] = set()
    for item in items:
        while item.updated_at in taken:
            item = replace(item, updated_at=item.updated_at + timedelta(microseconds=1))
        taken.add(item.updated_at)
        yield item


def _written(copy: Attribution) -> Attribution:
    return replace(copy, source_url=copy.source_url and written(copy.source_url), link=copy.link and written(copy.link))


def _credit(origin: Attribution, also: Iterable[Attribution], link: str | None) -> str:
    """A line in the body: most readers do not show a feed's source elements."""
    line = f"Source: {_anchor(origin.name, link)}"
    copies = ", ".join(_anchor(copy.name, copy.link) for copy in also)
    return f"<p><small>{line}{f' · Also in: {copies}' if copies else ''}</small></p>"


def _anchor(name: str, link: str | None) -> str:
    text = html.escape(name)
    return f'<a href="{html.escape(link)}">{text}</a>' if link else text
