"""What a topic's feed says: stories → Feed. Pure, and the same for all formats."""

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aggregator import origins, registry, tagging
from aggregator.agencies import Agencies
from aggregator.config import Settings, Topic
from aggregator.models import Attribution, Category, Feed, Item, Tag, Withdrawn
from aggregator.store.contents import StoredCopy, StoredStory
from aggregator.urls import written
from aggregator.words import digest, folded

LIST = "topics.opml"  # of all topics; beside the folder of feeds
MOST_RELATED = 5  # stories named in an item
MOST_REASONS = 10


def item_id(authority: str, copies: Iterable[StoredCopy]) -> str:
    """The tag: URI (RFC 4151) of a story, from the identity of its earliest copy: the same after a rebuild."""
    founder = min(copies, key=lambda copy: (copy.dated_at, copy.key))
    return f"tag:{authority}:story/{founder.key}"


@dataclass(frozen=True, slots=True)
class Why:
    """Why a story is in a feed, where its item says so."""

    footer: tuple[str, ...] = ()
    categories: tuple[Category, ...] = ()


def compose(
    slug: str,
    topic: Topic,
    stories: Sequence[StoredStory],
    item_ids: Mapping[str, str],
    settings: Settings,
    created_at: datetime,
    agencies: Agencies,
) -> Feed:
    """The feed of a topic. `item_ids` by story id; `created_at` dates a feed that has no items yet."""
    empty = Feed(
        id=f"tag:{settings.tag_authority}:topic/{slug}",
        title=topic.title,
        description=topic.description,
        page=f"{settings.base_url}topics/{slug}",
        urls=urls(slug, settings.base_url, private=topic.private),
        updated_at=created_at,
        items=(),
        hubs=() if topic.private else settings.hubs,
    )
    reasons = {story.id: why(topic, story.reasons, settings.tag_authority) for story in stories}
    return filled(empty, stories, reasons, item_ids, settings, agencies)


def filled(
    feed: Feed,
    stories: Iterable[StoredStory],
    reasons: Mapping[str, Why],
    item_ids: Mapping[str, str],
    settings: Settings,
    agencies: Agencies,
) -> Feed:
    """A feed with the items of stories. `reasons` and `item_ids` by story id."""
    told = (_item(story, item_ids[story.id], reasons[story.id], settings, agencies) for story in stories)
    items = tuple(_told_apart(told))
    languages = {item.language for item in items}
    return replace(
        feed,
        updated_at=max((item.updated_at for item in items), default=feed.updated_at),
        items=items,
        language=languages.pop() if len(languages) == 1 else None,
    )


def why(topic: Topic, reasons: Sequence[str], authority: str) -> Why:
    """What an item says of the reasons for which its story is in a topic, as the topic wants it."""
    told = tuple(reasons[:MOST_REASONS])
    if topic.reasons == "categories":
        return Why(categories=tuple(Category(reason, f"tag:{authority}:reasons", reason) for reason in told))
    return Why(footer=told if topic.reasons == "footer" else ())


def our_page(base_url: str, key: str) -> str:
    """Where an article is shown by this program, and why it is where it is."""
    return f"{base_url}articles/{key}"


def urls(slug: str, base_url: str, *, private: bool = False, token: str = "") -> dict[str, str]:
    """Where a topic's feed is served, by format name. What a private feed says of itself is without a token: nothing is
    there for those who have none."""
    place = "".join(f"{part}/" for part in ("private" if private else "", token) if part)
    return {name: f"{base_url}feeds/{place}{slug}.{kind.extension}" for name, kind in registry.formats().items()}


def page_urls(slug: str, number: int, base_url: str) -> dict[str, str]:
    """Where a page of a topic's archive is served, by format name."""
    return urls(f"{slug}/archive/{number}", base_url)


def page(feed: Feed, slug: str, number: int, before: int | None, base_url: str) -> Feed:
    """A feed as a page of its own archive (RFC 5005 §4), with the page before it."""
    own, previous = page_urls(slug, number, base_url), page_urls(slug, before, base_url) if before else {}
    return replace(feed, urls=own, current=feed.urls, previous=previous, hubs=())


def with_withdrawn(feed: Feed, gone: Iterable[Withdrawn], base_url: str) -> Feed:
    """The feed with what was withdrawn from it, as items that say so: for formats that have no other way."""
    items = tuple(_withdrawn(one, feed, base_url) for one in gone)
    return replace(feed, withdrawn=items, updated_at=max([feed.updated_at, *(item.updated_at for item in items)]))


def _withdrawn(one: Withdrawn, feed: Feed, base_url: str) -> Item:
    page = our_page(base_url, one.lead) if one.lead else feed.page
    link = written(one.link or page)
    told_as = one.told_as or "(untitled)"
    return Item(
        id=one.item_id,
        title=f"[Withdrawn] {one.title or '(untitled)'}",
        html=f"<p>This item is no more.{f' Its story is told in {anchor(told_as, link)}.' if one.lead else ''}</p>",
        summary=f"This item is no more.{f' Its story is told in: {told_as}' if one.lead else ''}",
        published_at=_instant(one.dated_at, one.item_id),
        updated_at=_instant(one.withdrawn_at, one.item_id),
        link=link,
        trace=page,
        origin=Attribution(feed.title, None, None),
    )


def _item(story: StoredStory, identity: str, told: Why, settings: Settings, agencies: Agencies) -> Item:
    lead, base_url = story.lead, settings.base_url
    page = our_page(base_url, lead.key)
    others = [copy for copy in story.copies if copy.key != lead.key]
    first = next(copy for copy in story.copies if copy.key == lead.key)
    origin, agency = first.attribution, _agency(first, agencies)
    also = tuple(dict.fromkeys(copy.attribution for copy in others if copy.attribution != origin))
    independent = origins.independent_in(story.copies)
    related = tuple(
        Attribution(one.title or "(untitled)", None, one.link or our_page(base_url, one.article))
        for one in story.related
    )
    published_at = _instant(story.founded_at, identity)
    updated_at = max(_instant(date, identity) for date in (lead.updated_at, story.led_at, story.founded_at) if date)
    return Item(
        id=identity,
        title=lead.title or "(untitled)",
        html=f"{lead.html}\n{_credit(origin, lead.link, agency, also, independent, related, told.footer)}",
        summary=lead.summary or lead.title or "(untitled)",
        published_at=published_at,
        updated_at=updated_at,
        link=written(lead.link or page),
        trace=page,
        origin=_written(origin),
        also=tuple(map(_written, also)),
        agency=agency,
        independent=independent,
        related=tuple(map(_written, related)),
        authors=lead.authors,
        categories=(*(_category(tag, settings.tag_authority) for tag in tagging.about(story.tags)), *told.categories),
        enclosures=tuple(replace(one, url=written(one.url)) for one in lead.enclosures),
        thumbnail=lead.thumbnail and written(lead.thumbnail),
        comments=lead.comments and written(lead.comments),
        licence=lead.licence and written(lead.licence),
        language=lead.language,
        reasons=story.reasons,
        score=story.score,
    )


def _category(tag: Tag, authority: str) -> Category:
    """A concept under its id, or a publisher's own word. Schemes are tag: URIs of ours."""
    if tag.concept.startswith("category:"):
        return Category(tag.label)
    return Category(tag.concept, f"tag:{authority}:concepts", tag.label)


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


def _agency(copy: StoredCopy, agencies: Agencies) -> str | None:
    """The agency whose text a copy is, as readers know it; None where that is no news."""
    kind, _, name = copy.voice.partition(":")
    found = agencies.by_id.get(name) if kind == "agency" else None
    return found.label if found and folded(found.label) not in folded(copy.attribution.name) else None


def _credit(
    origin: Attribution,
    link: str | None,
    agency: str | None,
    also: Sequence[Attribution],
    independent: int,
    related: Sequence[Attribution],
    why: Sequence[str],
) -> str:
    """Lines in the body: most readers do not show a feed's source elements."""
    told = [f"Source: {anchor(origin.name, link)}{f' ({html.escape(agency)})' if agency else ''}"]
    if also:
        told.append(f"Also in: {', '.join(anchor(copy.name, copy.link) for copy in also)}")
    if independent > 1:
        told.append(f"{independent} independent sources")
    lines = [f"<p><small>{' · '.join(told)}</small></p>"]
    if related:
        lines.append(f"<p><small>Related: {'; '.join(anchor(one.name, one.link) for one in related)}</small></p>")
    if why:
        lines.append(f"<p><small>Why: {html.escape('; '.join(why))}</small></p>")
    return "\n".join(lines)


def anchor(name: str, link: str | None) -> str:
    """A name that leads somewhere, as HTML."""
    text = html.escape(name)
    return f'<a href="{html.escape(link)}">{text}</a>' if link else text
