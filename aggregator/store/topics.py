"""Topics: which stories they hold, and which of them are not yet published as they are now."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
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
    case,
    delete,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    union_all,
    update,
)

from aggregator.models import Article, Attribution, Membership, Related, Tag
from aggregator.store import editions as stored_editions
from aggregator.store import pages as stored_pages
from aggregator.store import relations
from aggregator.store.articles import CREDITED, article_of, chunks, tag_of
from aggregator.store.database import Database
from aggregator.store.schema import (
    UtcDateTime,
    articles,
    memberships,
    pages,
    retired,
    sources,
    stories,
    tags,
    topics,
    withdrawn,
)
from aggregator.store.settings import put, value_of
from aggregator.store.visits import membership_of, touch

# What each publication asks is built here, once: to build a statement takes longer than to execute it.
_CHANGED = or_(topics.c.changes != topics.c.published_changes, topics.c.expires_at <= bindparam("now"))
_HAS_BUNDLES = (
    select(memberships.c.story)
    .where(memberships.c.topic == topics.c.slug, memberships.c.bundled_at.is_not(None))
    .correlate(topics)
    .exists()
)
_DIRTY = select(topics, _HAS_BUNDLES.label("has_bundles")).where(_CHANGED).order_by(topics.c.slug)
_IS_AS_READ = topics.c.changes == bindparam("read")
_PUBLISHED = (
    update(topics)
    .where(topics.c.slug == bindparam("published"))
    .values(
        published_changes=bindparam("read"),
        expires_at=bindparam("next_at", type_=UtcDateTime()),
        # What has changed meanwhile may concern digests, too.
        digested_at=case((_IS_AS_READ, bindparam("digested", type_=UtcDateTime())), else_=topics.c.digested_at),
    )
)
_UNPINNED = update(stories).where(stories.c.id == bindparam("story"), stories.c.item_id.is_(None))
_PIN = _UNPINNED.values(item_id=bindparam("pinned"))
_PINNED = select(stories.c.id, stories.c.item_id).where(stories.c.id.in_(bindparam("stories", expanding=True)))
FOUNDER = articles.alias("founder")
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
_others, _their_founders = stories.alias("others"), articles.alias("their_founders")
_IS_FIRST, _OTHER_IS_FIRST = stories.c.id == stories.c.event, _others.c.id == _others.c.event
_CAME_BEFORE = or_(
    _their_founders.c.first_seen_at < FOUNDER.c.first_seen_at,
    (_their_founders.c.first_seen_at == FOUNDER.c.first_seen_at) & (_others.c.id < stories.c.id),
)
_theirs = memberships.alias("theirs")
_IS_IN_THE_TOPIC = (
    select(_theirs.c.story)
    .where(
        _theirs.c.topic == bindparam("topic"),
        _theirs.c.story == _others.c.id,
        or_(_theirs.c.hidden.is_(False), bindparam("past", type_=Boolean())),
    )
    .correlate(_others)
    .exists()
)
_OF_THE_EVENT = (  # others in the topic that go before: the event's first story, else the one that came first
    select(_others.c.id)
    .join(_their_founders, _their_founders.c.key == _others.c.id)
    .where(
        _others.c.event == stories.c.event,
        _others.c.id != stories.c.id,
        or_(_OTHER_IS_FIRST, not_(_IS_FIRST) & _CAME_BEFORE),
        _IS_IN_THE_TOPIC,
    )
)
IS_LOOKED_AT = or_(stories.c.event.is_not(None), not_(stories.c.unrelated))
IS_ONE_PER_EVENT = IS_LOOKED_AT & not_(_OF_THE_EVENT.correlate(stories, FOUNDER).exists())
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
_MEMBERSHIPS_OF = select(memberships).where(memberships.c.story.in_(bindparam("stories", expanding=True)))
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
_WAITING = select(memberships.c.topic).where(memberships.c.hidden.is_(None)).distinct()
_UNDECIDED = (
    select(memberships.c.story)
    .where(memberships.c.topic == bindparam("topic"), memberships.c.hidden.is_(None))
    .order_by(memberships.c.dated_at.desc(), memberships.c.story)
)
_OF_UNDECIDED = update(memberships).where(memberships.c.topic == bindparam("in"), memberships.c.hidden.is_(None))
_SHOW = _OF_UNDECIDED.where(memberships.c.story.in_(bindparam("ids", expanding=True))).values(hidden=False)
_HIDE = _OF_UNDECIDED.values(hidden=True)
_DATES = select(memberships.c.topic, memberships.c.dated_at).where(memberships.c.dated_at >= bindparam("since"))
_LATEST = (
    select(stories.c.lead)
    .join(articles, articles.c.key == stories.c.id)
    .order_by(articles.c.first_seen_at.desc(), stories.c.id)
    .limit(bindparam("limit", type_=Integer()))
)
_OF_ARTICLES = tags.c.article.in_(bindparam("keys", expanding=True))
_TAGS = select(tags).where(_OF_ARTICLES).order_by(tags.c.score.desc(), tags.c.concept)


@dataclass(frozen=True, slots=True)
class DirtyTopic:
    """A topic to publish. `changes` goes back to `mark_published`: what changes meanwhile stays dirty."""

    slug: str
    changes: int
    created_at: datetime
    digested_at: datetime | None = None  # its digests tell what entered before; None: they are to be published anew
    has_bundles: bool = False


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


def register(database: Database, slugs: Iterable[str], rules_hash: str, now: datetime) -> bool:
    """Make the table say which topics there are. True when the rules are not those that the whole store was judged by;
    from then on it is judged by none, until `note_rules`."""
    fresh = {"created_at": now, "changes": 1, "published_changes": 0, "filled": False}
    rows = [{"slug": slug} | fresh for slug in sorted(slugs)]
    with database.writing() as connection:
        gone = select(topics.c.slug).where(topics.c.slug.not_in([row["slug"] for row in rows]))
        connection.execute(delete(memberships).where(memberships.c.topic.in_(gone)))
        connection.execute(delete(pages).where(pages.c.topic.in_(gone)))
        connection.execute(delete(withdrawn).where(withdrawn.c.topic.in_(gone)))
        connection.execute(delete(topics).where(topics.c.slug.not_in([row["slug"] for row in rows])))
        connection.execute(database.insert(topics).values(rows).on_conflict_do_nothing())
        is_outdated = value_of(connection, "rules") != rules_hash
        if is_outdated:
            put(database, connection, "rules", "")
        return is_outdated


def note_rules(database: Database, rules_hash: str, **others: str) -> None:
    """Remember that the whole store has been judged by these rules, and that every topic may look different."""
    with database.writing() as connection:
        for name, value in {"rules": rules_hash, **others}.items():
            put(database, connection, name, value)
        connection.execute(update(topics).values(filled=True))
        touch(connection, connection.execute(select(topics.c.slug)).scalars())
        stored_editions.touch_all(connection)


def forget(database: Database, names: Iterable[str]) -> None:
    """Remember that these things are not, or no longer, wholly done by any rules."""
    with database.writing() as connection:
        for name in sorted(names):
            put(database, connection, name, "")


def touch_all_if(database: Database, name: str, value: str) -> None:
    """Have everything published again when a setting that all feeds show has a new value."""
    with database.reading() as connection:
        if value_of(connection, name) == value:
            return
    with database.writing() as connection:
        put(database, connection, name, value)
        touch(connection, connection.execute(select(topics.c.slug)).scalars())
        stored_editions.touch_all(connection)
        stored_pages.touch_all(connection)


def is_outdated(database: Database, name: str, value: str) -> bool:
    """Whether something was last done by other rules than these."""
    with database.reading() as connection:
        return value_of(connection, name) != value


def noted(database: Database, name: str) -> str | None:
    """What was remembered under a name."""
    with database.reading() as connection:
        return value_of(connection, name)


def note(database: Database, name: str, value: str) -> None:
    """Remember by which rules something was done that is not published."""
    with database.writing() as connection:
        put(database, connection, name, value)


def republish(database: Database, slugs: Collection[str], *, archives: bool = False) -> None:
    """Have topics published again, whether or not they have changed; with their archives, if wanted."""
    if slugs:
        with database.writing() as connection:
            touch(connection, slugs)
            if archives:
                stored_pages.touch_all(connection, slugs)


def dirty(database: Database, now: datetime) -> list[DirtyTopic]:
    """Topics whose published files are not, or no longer, what the store says."""
    with database.reading() as connection:
        rows = connection.execute(_DIRTY, {"now": now})
        return [
            DirtyTopic(row.slug, row.changes, row.created_at, row.digested_at, bool(row.has_bundles)) for row in rows
        ]


def mark_published(
    database: Database,
    topic: DirtyTopic,
    expires_at: datetime | None,
    behind: Collection[str] = (),
    *,
    digested_at: datetime | None = None,
) -> None:
    """The files of a topic are what the store said when `topic` was read; the editions `behind` it are not."""
    with database.writing() as connection:
        shown = {"read": topic.changes, "next_at": expires_at, "digested": digested_at}
        connection.execute(_PUBLISHED, {"published": topic.slug, **shown})
        stored_editions.touch(connection, behind)


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


def settle(database: Database, most: Mapping[str, int]) -> dict[str, int]:
    """Decide which of the stories that other rules have found in the past are shown in the feed of each topic: the
    newest, at most so many. Answers with how many are shown now, by topic."""
    with database.reading() as connection:
        undecided = sorted(most.keys() & set(connection.execute(_WAITING).scalars()))
    return {slug: _settle(database, slug, most[slug]) for slug in undecided}


def _settle(database: Database, slug: str, most: int) -> int:
    with database.writing() as connection:
        newest = list(connection.execute(_UNDECIDED.limit(most), {"topic": slug}).scalars())
        for chunk in chunks(newest):
            connection.execute(_SHOW, {"in": slug, "ids": chunk})
        connection.execute(_HIDE, {"in": slug})
        touch(connection, [slug])
    return len(newest)


def unfilled(database: Database) -> set[str]:
    """The topics that are new: the whole store has not been judged since they were made."""
    with database.reading() as connection:
        return set(connection.execute(select(topics.c.slug).where(topics.c.filled.is_(False))).scalars())


def memberships_of(
    database: Database, story_ids: Collection[str], *, shown: bool = False
) -> dict[str, dict[str, Membership]]:
    """The memberships of stories: by story, by topic; only those `shown` by the topics' feeds, if that is wanted."""
    found: dict[str, dict[str, Membership]] = {story: {} for story in story_ids}
    with database.reading() as connection:
        for chunk in chunks(story_ids):
            for row in connection.execute(_MEMBERSHIPS_OF, {"stories": chunk}):
                if row.hidden is False or not shown:
                    found[row.story][row.topic] = membership_of(row)
    return found


def hiding(database: Database, story: str) -> frozenset[str]:
    """The topics to which a story belongs whose feeds do not show it: changed rules have found it in the past."""
    hidden = select(memberships.c.topic).where(memberships.c.story == story, memberships.c.hidden.is_not(False))
    with database.reading() as connection:
        return frozenset(connection.execute(hidden).scalars())


def bundling(database: Database, story: str) -> frozenset[str]:
    """The topics in whose feeds a story is in a bundle."""
    bundled = select(memberships.c.topic).where(memberships.c.story == story, memberships.c.bundled_at.is_not(None))
    with database.reading() as connection:
        return frozenset(connection.execute(bundled).scalars())


def dates(database: Database, since: datetime) -> dict[str, list[datetime]]:
    """The dates of each topic's stories since then."""
    found: dict[str, list[datetime]] = defaultdict(list)
    with database.reading() as connection:
        for topic, dated_at in connection.execute(_DATES, {"since": since}):
            found[topic].append(dated_at)
    return found


def latest(database: Database, limit: int) -> list[str]:
    """The keys of the articles that lead the stories that were founded last, at most so many."""
    with database.reading() as connection:
        return list(connection.execute(_LATEST, {"limit": limit}).scalars())


def counts(database: Database) -> dict[str, tuple[int, datetime | None]]:
    """How many stories each topic has, and the date of its newest."""
    statement = (
        select(topics.c.slug, func.count(memberships.c.story), func.max(memberships.c.dated_at))
        .outerjoin(memberships, memberships.c.topic == topics.c.slug)
        .group_by(topics.c.slug)
    )
    with database.reading() as connection:
        return {slug: (number, newest) for slug, number, newest in connection.execute(statement)}


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
