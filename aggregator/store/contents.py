"""What feeds and pages hold: stories with their copies, tags and related ones; and the item ids of stories."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    literal,
    null,
    or_,
    select,
    union_all,
    update,
)

from aggregator.models import Article, Attribution, Related, Tag
from aggregator.store import relations
from aggregator.store.articles import CREDITED, article_of, tag_of
from aggregator.store.database import Database
from aggregator.store.events import FOUNDER, IS_ONE_PER_EVENT
from aggregator.store.schema import UtcDateTime, articles, memberships, retired, sources, stories, tags

# What each publication asks is built here, once: to build a statement takes longer than to execute it.
_UNPINNED = update(stories).where(stories.c.id == bindparam("story"), stories.c.item_id.is_(None))
_PIN = _UNPINNED.values(item_id=bindparam("pinned"))
_PINNED = select(stories.c.id, stories.c.item_id).where(stories.c.id.in_(bindparam("stories", expanding=True)))
_WANTED: Any = bindparam("wanted", expanding=True)
_TAKEN = union_all(
    select(stories.c.item_id).where(stories.c.item_id.in_(_WANTED)),
    select(retired.c.item_id).where(retired.c.item_id.in_(_WANTED)),
)
HAS_AN_ITEM = memberships.c.hidden.is_(False) & memberships.c.bundled_at.is_(None)  # of its own in the topic's feed
IS_LISTED = or_(HAS_AN_ITEM, bindparam("past", type_=Boolean()))  # where people read, with the past; in feeds without
_STORIES = (
    select(
        stories.c.id.label("story_id"),
        stories.c.item_id,
        stories.c.led_at,
        stories.c.founded_at,
        memberships.c.score,
        memberships.c.reasons,
        articles,
    )
    .join(stories, stories.c.id == memberships.c.story)
    .join(articles, articles.c.key == stories.c.lead)
    .join(FOUNDER, FOUNDER.c.key == stories.c.id)
    .where(memberships.c.topic == bindparam("topic"), IS_LISTED)
    .order_by(memberships.c.dated_at.desc(), memberships.c.story)  # as their index is: the others are not looked at
)
_IS_RECENT, _MOST = memberships.c.dated_at >= bindparam("since"), bindparam("limit", type_=Integer())
_STORIES_IN = _STORIES.where(_IS_RECENT).limit(_MOST)
_time: Any = bindparam("time", type_=UtcDateTime())
_comes_after = and_(  # the first of the two is for the index
    memberships.c.dated_at <= _time, or_(memberships.c.dated_at < _time, memberships.c.story > bindparam("name"))
)
_IS_ON_PAGE = (memberships.c.page == bindparam("page")) & memberships.c.bundled_at.is_(None)
_ONE_PER_EVENT = _STORIES_IN.where(IS_ONE_PER_EVENT)
_ON_PAGE = _STORIES.where(_IS_ON_PAGE)
_ONE_PER_EVENT_ON_PAGE = _ON_PAGE.where(IS_ONE_PER_EVENT)
_COPIES = (
    select(
        articles.c.story,
        articles.c.key,
        articles.c.dated_at,
        articles.c.voice,
        articles.c.source,
        CREDITED,
        sources.c.url,
        articles.c.link,
    )
    .join(sources, sources.c.id == articles.c.source)
    .where(articles.c.story.in_(bindparam("stories", expanding=True)))
    .order_by(articles.c.dated_at, articles.c.key)
)
_BY_ID = (
    select(
        stories.c.id.label("story_id"),
        stories.c.item_id,
        stories.c.led_at,
        stories.c.founded_at,
        literal(0).label("score"),
        null().label("reasons"),
        articles,
    )
    .join(articles, articles.c.key == stories.c.lead)
    .where(stories.c.id.in_(bindparam("ids", expanding=True)))
)
_LATEST = (
    select(stories.c.lead)
    .join(articles, articles.c.key == stories.c.id)
    .order_by(articles.c.first_seen_at.desc(), stories.c.id)
    .limit(bindparam("limit", type_=Integer()))
)
_OF_ARTICLES = tags.c.article.in_(bindparam("keys", expanding=True))
_TAGS = select(tags).where(_OF_ARTICLES).order_by(tags.c.score.desc(), tags.c.concept)


@dataclass(frozen=True, slots=True)
class StoredCopy:
    """A copy of a story with the name of its source."""

    key: str
    dated_at: datetime
    voice: str
    source: str
    attribution: Attribution


@dataclass(frozen=True, slots=True)
class StoredStory:
    """A story of a topic, with all that a feed says about it."""

    id: str
    item_id: str | None
    lead: Article
    copies: tuple[StoredCopy, ...]  # the lead among them; earliest first
    tags: tuple[Tag, ...]
    score: int
    reasons: tuple[str, ...]
    founded_at: datetime  # the date that the article which founded it had then: it stays, whoever leads
    led_at: datetime | None  # since when its lead leads, if another copy did before
    related: tuple[Related, ...] = ()  # the likeliest first


def stories_in(
    database: Database,
    slug: str,
    *,
    since: datetime,
    limit: int,
    one_per_event: bool = False,
    related: int = 0,
    private: Collection[str] = (),
    past: bool = False,
    after: tuple[datetime, str] | None = None,
) -> list[StoredStory]:
    """A topic's stories dated `since` or later, newest first, each with so many related ones, but none that are in
    `private` topics only; of those about one event, if wanted, only the first. With the `past`: those, too, that
    changed rules have found and the feed does not show, and those that are in bundles there. Those `after` a story in
    this order, by its date and id, to go through them piece by piece."""
    statement = _ONE_PER_EVENT if one_per_event else _STORIES_IN
    asked = {"topic": slug, "since": since, "limit": limit, "past": past}
    if after is not None:
        statement, asked = statement.where(_comes_after), asked | {"time": after[0], "name": after[1]}
    return _found(database, statement, asked, related, private)


def stories_on(
    database: Database,
    slug: str,
    page: int,
    *,
    one_per_event: bool = False,
    related: int = 0,
    private: Collection[str] = (),
) -> list[StoredStory]:
    """The stories on a page of a topic's archive, newest first; as `stories_in`, whether or not the feed shows them.
    Without those in bundles."""
    statement = _ONE_PER_EVENT_ON_PAGE if one_per_event else _ON_PAGE
    return _found(database, statement, {"topic": slug, "page": page, "past": True}, related, private)


def stories_by_id(
    database: Database, ids: Sequence[str], *, related: int = 0, private: Collection[str] = ()
) -> list[StoredStory]:
    """These stories in this order, with related ones as `stories_in`, whatever topics they are in: without score and
    reasons. Those that are gone are not among them."""
    found = {story.id: story for story in _found(database, _BY_ID, {"ids": list(ids)}, related, private)}
    return [found[story] for story in ids if story in found]


def latest(database: Database, limit: int) -> list[str]:
    """The keys of the articles that lead the stories that were founded last, at most so many."""
    with database.reading() as connection:
        return list(connection.execute(_LATEST, {"limit": limit}).scalars())


def pin(database: Database, item_ids: Mapping[str, str]) -> dict[str, str]:
    """Give stories their item ids for ever. Answers with the ids they have, by story: the first one given stands.

    An id that another story has, or had, as where its earliest copy was split off, gets the story's own id behind it.
    """
    with database.writing() as connection:
        taken = set(connection.execute(_TAKEN, {"wanted": list(item_ids.values())}).scalars())
        free = {story: f"{wanted}/{story}" if wanted in taken else wanted for story, wanted in item_ids.items()}
        done = connection.execute(_PIN, [{"story": story, "pinned": free[story]} for story in sorted(free)])
        if done.rowcount == len(free):
            return free
        return {row.id: row.item_id for row in connection.execute(_PINNED, {"stories": list(item_ids)})}


def _found(
    database: Database, statement: Select[Any], asked: Mapping[str, Any], related: int, private: Collection[str]
) -> list[StoredStory]:
    with database.reading() as connection:
        rows = connection.execute(statement, asked).all()
        copies_by_story = _copies(connection, [row.story_id for row in rows])
        tags_by_article = _tags(connection, [row.key for row in rows])
    ids = [row.story_id for row in rows] if related else []
    relations_by_story = relations.of(database, ids, related, private)
    return [
        StoredStory(
            row.story_id,
            row.item_id,
            article_of(row),
            copies_by_story[row.story_id],
            tags_by_article[row.key],
            row.score,
            tuple(row.reasons or ()),
            row.founded_at,
            row.led_at,
            relations_by_story.get(row.story_id, ()),
        )
        for row in rows
    ]


def _copies(connection: Connection, story_ids: list[str]) -> dict[str, tuple[StoredCopy, ...]]:
    found: dict[str, list[StoredCopy]] = defaultdict(list)
    for story, key, dated_at, voice, source, *facts in connection.execute(_COPIES, {"stories": story_ids}):
        found[story].append(StoredCopy(key, dated_at, voice, source, Attribution(*facts)))
    return {story: tuple(group) for story, group in found.items()}


def _tags(connection: Connection, keys: list[str]) -> dict[str, tuple[Tag, ...]]:
    found: dict[str, list[Tag]] = {key: [] for key in keys}
    for row in connection.execute(_TAGS, {"keys": keys}):
        found[row.article].append(tag_of(row))
    return {key: tuple(group) for key, group in found.items()}
