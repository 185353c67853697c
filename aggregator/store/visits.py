"""What visits change, written in one transaction; and the records that they leave."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, func, insert, select, update

from aggregator.errors import LeaseLost
from aggregator.models import Article, Lease, Outcome, Story, Tag, Visit
from aggregator.store import editions, memberships, pages
from aggregator.store import files as remembered_files
from aggregator.store import memories as remembered
from aggregator.store import sketches as stored_sketches
from aggregator.store.articles import chunks, row_of
from aggregator.store.database import Database
from aggregator.store.rows import fields_of
from aggregator.store.schema import (
    UtcDateTime,
    articles,
    hosts,
    sources,
    stories,
    tags,
    visits,
)
from aggregator.store.sources import row_of as row_of_state
from aggregator.store.topics import touch

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
_DELETE_TAGS = delete(tags).where(tags.c.article.in_(bindparam("keys", expanding=True)))
_OTHER_LEAD = (stories.c.id == bindparam("story")) & (stories.c.lead != bindparam("leading"))
_LEAD = (
    update(stories)
    .where(_OTHER_LEAD)
    .values(lead=bindparam("leading"), led_at=bindparam("now", type_=UtcDateTime()), unrelated=True)
)


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
            replace_tags(database, connection, outcome.tags, new)
            seen_at = {article.key: article.first_seen_at for article in outcome.articles}
            stored_sketches.replace(database, connection, outcome.sketches, seen_at)
        if outcome.stories:
            known = [story for story in outcome.stories if story.id not in new]
            pages.touch_pages(connection, (story.id for story in known))
            pages.touch_digests(
                connection, (story.id for story in known if _is_told_anew(story, outcome.articles, new))
            )
            before, after = memberships.replace(database, connection, outcome.memberships, new)
            memberships.describe(connection, (story.id for story in outcome.stories))
            others = [story.id for story in outcome.stories if story.id not in outcome.memberships]
            touch(connection, {one.topic for one in before | after} | memberships.topics_of(connection, others))
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
    lead(connection, {story.id: story.lead for story in ordered}, now)
    if ordered:
        rows = [
            {"id": story.id, "lead": story.lead, "founded_at": _date_of_founder(story), "unrelated": True}
            for story in ordered
        ]
        connection.execute(database.upsert(stories, "unrelated"), rows)


def lead(connection: Connection, leads: Mapping[str, str], now: datetime) -> None:
    """Let known stories be led by these copies; where it is another one than before, relations are looked for anew."""
    rows = [{"story": story, "leading": leads[story], "now": now} for story in sorted(leads)]
    if rows:
        connection.execute(_LEAD, rows)


def _date_of_founder(story: Story) -> datetime | None:
    dates = {copy.key: copy.dated_at for copy in story.copies}
    return dates.get(story.id, min(dates.values(), default=None))


def replace_tags(
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
