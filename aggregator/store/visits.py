"""What visits change, written in one transaction; and the records that they leave."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, func, insert, or_, select, update

from aggregator.errors import LeaseLost
from aggregator.models import Article, Lease, Membership, Outcome, Story, Tag, Visit
from aggregator.store import editions, pages
from aggregator.store import files as remembered_files
from aggregator.store import memories as remembered
from aggregator.store import sketches as stored_sketches
from aggregator.store.articles import chunks, row_of
from aggregator.store.database import Database
from aggregator.store.rows import fields_of
from aggregator.store.schema import (
    UtcDateTime,
    articles,
    departed,
    hosts,
    memberships,
    sources,
    stories,
    tags,
    topics,
    visits,
)
from aggregator.store.sources import row_of as row_of_state
from aggregator.words import folded

KEPT_VISITS = 30  # per source

# Statements are built here, once: to build one takes longer than to execute it. In an UPDATE, rows name its columns.
_DUE_AT = bindparam("next_at", type_=UtcDateTime())
_CALLED_MEANWHILE = (sources.c.due_at > bindparam("started_at")) & (sources.c.due_at < _DUE_AT)
_FINISH = (
    update(sources)
    .where(sources.c.id == bindparam("source"), sources.c.leased_until == bindparam("until"))
    .values(
        leased_until=None,
        due_at=case((_CALLED_MEANWHILE, sources.c.due_at), else_=_DUE_AT),
        plan=func.coalesce(bindparam("reason"), sources.c.plan),
    )
)
_NOTE = insert(visits).inline()  # without asking for its id
_OLDEST_KEPT = (
    select(visits.c.id).where(visits.c.source == bindparam("visited")).order_by(visits.c.id.desc()).limit(1)
).offset(KEPT_VISITS)
_TRIM = delete(visits).where(visits.c.source == bindparam("visited"), visits.c.id <= _OLDEST_KEPT.scalar_subquery())
_IN_SOURCES = sources.c.id.in_(bindparam("ids", expanding=True))
_LEASED = select(sources.c.id, sources.c.leased_until).where(_IN_SOURCES).order_by(sources.c.id).with_for_update()
_HOSTS = select(sources.c.id, sources.c.host).where(_IN_SOURCES, sources.c.host.is_not(None))
_FREE_SOONER = hosts.c.free_at < bindparam("rest_until")
_PLACES = set("key source guid story rule rival likeness chosen first_seen_at".split())  # a visit never changes them
_REPLACED = [column.name for column in articles.c if column.name not in _PLACES]
_CUT = {"title", "text", "html", "summary", "content_hash", "news_hash", "text_hash", "word_count"}
_RECUT = update(articles).where(articles.c.key == bindparam("at"), articles.c.content_hash == bindparam("was"))
_RELINK = update(articles).where(articles.c.key == bindparam("at")).values(story_link=bindparam("page"))
_OTHER_VOICE = (articles.c.voice != bindparam("who")) | (articles.c.is_reprint != bindparam("again"))
_VOICE = (
    update(articles)
    .where(articles.c.key == bindparam("at"), _OTHER_VOICE)
    .values(voice=bindparam("who"), is_reprint=bindparam("again"))
)
_STORIES = select(articles.c.story).where(articles.c.key.in_(bindparam("keys", expanding=True)))
_DELETE_TAGS = delete(tags).where(tags.c.article.in_(bindparam("keys", expanding=True)))
_MEMBERSHIPS = select(memberships).where(memberships.c.story.in_(bindparam("stories", expanding=True)))
_DEPARTED = select(departed).where(departed.c.story.in_(bindparam("stories", expanding=True)))
_TOPICS = select(memberships.c.topic).where(memberships.c.story.in_(bindparam("stories", expanding=True))).distinct()
_FOUNDED = select(stories.c.founded_at).where(stories.c.id == memberships.c.story).scalar_subquery()
_LANG = (
    select(articles.c.language)
    .join(stories, stories.c.lead == articles.c.key)
    .where(stories.c.id == memberships.c.story)
    .scalar_subquery()
)
_DESCRIBE = (
    update(memberships)
    .where(
        memberships.c.story.in_(bindparam("stories", expanding=True)),
        or_(memberships.c.dated_at.is_distinct_from(_FOUNDED), memberships.c.lang.is_distinct_from(_LANG)),
    )
    .values(dated_at=_FOUNDED, lang=_LANG)
)
_others = memberships.alias()
_PAGE_OF_BUNDLE = (
    select(func.min(_others.c.page))
    .where(_others.c.topic == memberships.c.topic, _others.c.bundled_at == memberships.c.bundled_at)
    .scalar_subquery()
)
_REJOIN = (
    update(memberships)
    .where(
        memberships.c.story.in_(bindparam("stories", expanding=True)),
        memberships.c.bundled_at.is_not(None),
        memberships.c.page.is_(None),
    )
    .values(page=_PAGE_OF_BUNDLE)
)
_LEAVE = delete(memberships).where(memberships.c.topic == bindparam("left"), memberships.c.story == bindparam("by"))
_TOUCH = update(topics).where(topics.c.slug == bindparam("touched")).values(changes=topics.c.changes + 1)
_OTHER_LEAD = (stories.c.id == bindparam("story")) & (stories.c.lead != bindparam("leading"))
_LEAD = (
    update(stories)
    .where(_OTHER_LEAD)
    .values(lead=bindparam("leading"), led_at=bindparam("now", type_=UtcDateTime()), unrelated=True)
)
_REREAD = update(stories).where(stories.c.lead.in_(bindparam("leads", expanding=True))).values(unrelated=True)


def save(database: Database, lease: Lease, outcome: Outcome) -> None:
    """Everything that a visit brought, or nothing of it. Saving the same outcome again changes nothing more.

    Raises LeaseLost when another worker holds the source by now. Rows are written in the order of their keys, so that
    two workers never wait for each other in a circle.
    """
    with database.writing() as connection:
        if _finish(database, connection, [(lease, outcome)]) != 1:
            raise LeaseLost(f"{lease.source}: another worker has taken this source over")
        remembered_files.remember(database, connection, lease.source, outcome.files)
        remembered_files.forget(connection, lease.source, outcome.gone)
        # What was first seen on this visit cannot have been stored but by this very outcome.
        new = {article.key for article in outcome.articles if article.first_seen_at == outcome.visit.started_at}
        if outcome.articles:
            _save_articles(database, connection, outcome.articles, outcome.stories, outcome.visit.started_at)
            _replace_tags(database, connection, outcome.tags, new)
            seen_at = {article.key: article.first_seen_at for article in outcome.articles}
            stored_sketches.replace(database, connection, outcome.sketches, seen_at)
        if outcome.stories:
            known = [story for story in outcome.stories if story.id not in new]
            pages.touch_pages(connection, (story.id for story in known))
            pages.touch_digests(
                connection, (story.id for story in known if _is_told_anew(story, outcome.articles, new))
            )
            before, after = replace_memberships(database, connection, outcome.memberships, new)
            describe_memberships(connection, (story.id for story in outcome.stories))
            others = [story.id for story in outcome.stories if story.id not in outcome.memberships]
            touch(connection, {membership.topic for membership in before | after} | topics_of(connection, others))
            editions.touch(connection, [editions.EVERYTHING])


def _is_told_anew(story: Story, saved: Iterable[Article], new: Collection[str]) -> bool:
    """Whether digests tell a known story in another way: another copy leads it, or one has changed."""
    changed = {article.key for article in saved} - {*new} | {story.lead} & {*new}
    return any(copy.key in changed for copy in story.copies)


def save_quiet(database: Database, items: Sequence[tuple[Lease, Outcome]]) -> list[bool]:
    """Visits that have brought no articles, in one transaction; for each whether it was saved, or its lease is lost."""
    if not items:
        return []
    saved = []
    with database.writing() as connection:
        held = _held(connection, [lease for lease, _ in items])
        for lease, _ in items:
            saved.append((lease.source, lease.until) in held)
            held.discard((lease.source, lease.until))
        _finish(database, connection, [item for item, is_held in zip(items, saved, strict=True) if is_held])
    return saved


def note_failure(database: Database, visit: Visit, due_at: datetime, reason: str) -> None:
    """Something that went wrong after a visit was saved: shown as a visit of its own, and why the next one is when."""
    later = update(sources).where(sources.c.id == visit.source).values(due_at=due_at, plan=reason)
    with database.writing() as connection:
        connection.execute(later)
        connection.execute(_NOTE, [fields_of(visit)])
        connection.execute(_TRIM, [{"visited": visit.source}])


def save_judgement(
    database: Database,
    tags_by_article: Mapping[str, tuple[Tag, ...]],
    memberships_by_story: Mapping[str, tuple[Membership, ...]],
    leads: Mapping[str, str],
    now: datetime,
) -> None:
    """New tags, memberships and leads of what is stored already: after a change of rules. Leads are by story; where it
    is another one than before, the relations of the story are looked for anew."""
    rows = [{"story": story, "leading": leads[story], "now": now} for story in sorted(leads)]
    with database.writing() as connection:
        if rows:
            connection.execute(_LEAD, rows)
        pages.touch(connection, leads)
        _replace_tags(database, connection, tags_by_article)
        before, after = replace_memberships(database, connection, memberships_by_story, is_past=True)
        describe_memberships(connection, {*leads, *memberships_by_story})
        touch(connection, {membership.topic for membership in before ^ after})
        if before != after:  # a story that is in private topics only is another one than one that is in none
            editions.touch(connection, [editions.EVERYTHING])


def save_cuts(database: Database, changed: Collection[tuple[Article, Article]]) -> None:
    """Articles from which more or less is cut now, each with what it was: what has changed meanwhile stays as it is.
    The relations of stories that they lead are looked for anew."""
    rows = [
        {"was": before.content_hash, "at": article.key, "folded_title": folded(article.title)}
        | {name: value for name, value in fields_of(article).items() if name in _CUT}
        | {"cuts": [fields_of(cut) for cut in article.cuts]}
        for article, before in changed
    ]
    if not rows:
        return
    with database.writing() as connection:
        connection.execute(_RECUT, sorted(rows, key=lambda row: str(row["at"])))
        found = [story for chunk in chunks(row["at"] for row in rows) for story in _stories(connection, chunk)]
        for chunk in chunks(row["at"] for row in rows):
            connection.execute(_REREAD, {"leads": chunk})
        pages.touch(connection, found)
        touch(connection, topics_of(connection, found))
        editions.touch(connection, [editions.EVERYTHING])


def save_links(database: Database, links: Mapping[str, str | None]) -> None:
    """The links of articles, by key, as they are compared from now on. No story changes."""
    rows = [{"at": key, "page": links[key]} for key in sorted(links)]
    if rows:
        with database.writing() as connection:
            connection.execute(_RELINK, rows)


def save_voices(database: Database, spoken: Mapping[str, tuple[str, bool]]) -> None:
    """Who speaks in articles, by key, and whether they are reprints."""
    rows = [{"at": key, "who": spoken[key][0], "again": spoken[key][1]} for key in sorted(spoken)]
    if rows:
        with database.writing() as connection:
            connection.execute(_VOICE, rows)


def touch(connection: Connection, slugs: Iterable[str]) -> None:
    """Note that topics have changed, so that they are published again. Topics no longer configured are left alone."""
    rows = [{"touched": slug} for slug in sorted(set(slugs))]
    if rows:
        connection.execute(_TOUCH, rows)  # one by one, so that they are locked in order


def _held(connection: Connection, leases: Iterable[Lease]) -> set[tuple[str, datetime]]:
    """Which sources are leased until when, among these; nobody else can take them over before this transaction ends."""
    found: set[tuple[str, datetime]] = set()
    for chunk in chunks(lease.source for lease in leases):
        found.update((row.id, row.leased_until) for row in connection.execute(_LEASED, {"ids": chunk}))
    return found


def _finish(database: Database, connection: Connection, items: Iterable[tuple[Lease, Outcome]]) -> int:
    """Give claims back, with what was learned of the sources, and note the visits; the number of claims still held.

    If that is not all of them, the transaction must not be committed.
    """
    ended = sorted(items, key=lambda item: item[0].source)
    if not ended:
        return 0
    done = connection.execute(_FINISH, [_finished(lease, outcome) for lease, outcome in ended])
    if done.rowcount == len(ended):
        _let_rest(database, connection, {lease.source: one.rest_until for lease, one in ended if one.rest_until})
        connection.execute(_NOTE, [fields_of(outcome.visit) for _, outcome in ended])
        connection.execute(_TRIM, [{"visited": lease.source} for lease, _ in ended])
        remembered.forget(connection, [lease.source for lease, outcome in ended if outcome.forgets])
        memories = {lease.source: outcome.memory for lease, outcome in ended if outcome.memory is not None}
        remembered.remember(database, connection, memories)
    return done.rowcount


def _finished(lease: Lease, outcome: Outcome) -> dict[str, Any]:
    return row_of_state(outcome.state) | {
        "failures": outcome.failures,
        "source": lease.source,
        "until": lease.until,
        "started_at": outcome.visit.started_at,
        "next_at": outcome.due_at,
        "reason": outcome.plan or None,
    }


def _let_rest(database: Database, connection: Connection, until: Mapping[str, datetime]) -> None:
    """Keep everybody away from the hosts of sources."""
    rows = [
        {"host": row.host, "free_at": until[row.id], "rest_until": until[row.id]}
        for chunk in chunks(until)
        for row in connection.execute(_HOSTS, {"ids": chunk})
    ]
    if rows:
        statement = database.upsert(hosts, "free_at", where=_FREE_SOONER)
        connection.execute(statement, sorted(rows, key=lambda row: str(row["host"])))


def _save_articles(
    database: Database, connection: Connection, saved: Iterable[Article], touched: Iterable[Story], now: datetime
) -> None:
    places = {copy.key: copy for story in touched for copy in story.copies}
    rows = [row_of(article, places[article.key]) for article in sorted(saved, key=lambda article: article.key)]
    connection.execute(database.upsert(articles, *_REPLACED), rows)
    save_leads(database, connection, touched, now)


def save_leads(database: Database, connection: Connection, touched: Iterable[Story], now: datetime) -> None:
    """Write which copies lead stories, new ones or known ones; and, where it is another one than before, since when.

    The date of a story is written with it, and never again: who founded it could else hide it by an earlier one.
    """
    ordered = sorted(touched, key=lambda story: story.id)
    if ordered:
        connection.execute(_LEAD, [{"story": story.id, "leading": story.lead, "now": now} for story in ordered])
        rows = [
            {"id": story.id, "lead": story.lead, "founded_at": _date_of_founder(story), "unrelated": True}
            for story in ordered
        ]
        connection.execute(database.upsert(stories, "unrelated"), rows)


def _date_of_founder(story: Story) -> datetime | None:
    dates = {copy.key: copy.dated_at for copy in story.copies}
    return dates.get(story.id, min(dates.values(), default=None))


def _replace_tags(
    database: Database,
    connection: Connection,
    by_article: Mapping[str, tuple[Tag, ...]],
    new: Collection[str] = frozenset(),
) -> None:
    """Write the tags of articles. `new` ones have none yet."""
    for chunk in chunks(key for key in by_article if key not in new):
        connection.execute(_DELETE_TAGS, {"keys": chunk})
    rows = [{"article": key, **fields_of(tag)} for key in by_article for tag in by_article[key]]
    if rows:
        statement = database.upsert(tags, "label", "score", "evidence")
        connection.execute(statement, sorted(rows, key=lambda row: (row["article"], row["concept"])))


def replace_memberships(
    database: Database,
    connection: Connection,
    by_story: Mapping[str, tuple[Membership, ...]],
    new: Collection[str] = frozenset(),
    *,
    is_past: bool = False,
) -> tuple[set[Membership], set[Membership]]:
    """Write what changes of the memberships of stories: as they were, as they are. `new` stories have none yet.

    `is_past`: other rules have brought them, not news. Then new ones are not shown before `topics.settle`, but for
    those that the feed has shown before.
    """
    chunked = chunks(story for story in by_story if story not in new)
    rows = [row for chunk in chunked for row in connection.execute(_MEMBERSHIPS, {"stories": chunk})]
    before, after = set(map(membership_of, rows)), {item for group in by_story.values() for item in group}
    ended = {_in_order(item) for item in before} - {_in_order(item) for item in after}
    told = {_told(item) for item in after}
    pages.touch(connection, {item.story for item in before if _told(item) not in told})
    if ended:
        _note_departed(database, connection, [row for row in rows if (row.topic, row.story) in ended])
        connection.execute(_LEAVE, [{"left": topic, "by": story} for topic, story in sorted(ended)])
    shown_before = _departed(connection, (story for story in by_story if story not in new))
    unseen = {"hidden": None if is_past else False, "entered_at": None, "bundled_at": None}
    begun = [
        fields_of(item) | shown_before.get(_in_order(item), unseen) for item in sorted(after - before, key=_in_order)
    ]
    if begun:
        connection.execute(database.upsert(memberships, "score", "reasons", "rules"), begun)
        _rejoin(connection, [str(row["story"]) for row in begun if row["entered_at"]])
    return before, after


def membership_of(row: Any) -> Membership:
    """A row of `memberships`, as all others know it."""
    return Membership(row.topic, row.story, row.score, tuple(row.reasons), row.rules)


def _note_departed(database: Database, connection: Connection, left: Iterable[Any]) -> None:
    """Remember what readers may have: when rules are mended, it is not hidden as a find from the past, and it is in
    the same digests as before."""
    names = ("topic", "story", "entered_at", "bundled_at")
    rows = [{name: row._mapping[name] for name in names} for row in left if row.hidden is False]
    if rows:
        statement = database.upsert(departed, "entered_at", "bundled_at")
        connection.execute(statement, sorted(rows, key=lambda row: (row["topic"], row["story"])))


def _departed(connection: Connection, story_ids: Iterable[str]) -> dict[tuple[str, str], dict[str, Any]]:
    found = (row for chunk in chunks(story_ids) for row in connection.execute(_DEPARTED, {"stories": chunk}))
    return {
        (row.topic, row.story): {"hidden": False, "entered_at": row.entered_at, "bundled_at": row.bundled_at}
        for row in found
    }


def _rejoin(connection: Connection, story_ids: Collection[str]) -> None:
    """What is back is told in its old digests, and with its bundle, wherever that is."""
    for chunk in chunks(story_ids):
        connection.execute(_REJOIN, {"stories": chunk})
    pages.touch(connection, story_ids)


def describe_memberships(connection: Connection, story_ids: Iterable[str]) -> None:
    """Let the memberships of stories have the dates and languages of these."""
    for chunk in chunks(story_ids):
        connection.execute(_DESCRIBE, {"stories": chunk})


def _stories(connection: Connection, keys: Collection[str]) -> Iterable[str]:
    return connection.execute(_STORIES, {"keys": keys}).scalars()


def topics_of(connection: Connection, story_ids: Iterable[str]) -> set[str]:
    """The topics of which any of these stories is."""
    found = (connection.execute(_TOPICS, {"stories": chunk}).scalars() for chunk in chunks(story_ids))
    return {topic for topics_ in found for topic in topics_}


def _told(membership: Membership) -> tuple[str, str, int, tuple[str, ...]]:
    """What of a membership readers see."""
    return membership.topic, membership.story, membership.score, membership.reasons


def _in_order(membership: Membership) -> tuple[str, str]:
    return membership.topic, membership.story
