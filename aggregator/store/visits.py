"""What a visit changes, written in one transaction; and the record that it leaves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, bindparam, case, delete, insert, select, update

from aggregator.errors import LeaseLost
from aggregator.models import Article, Lease, Membership, Outcome, Story, Tag
from aggregator.store import memories as remembered
from aggregator.store.articles import chunks, row_of
from aggregator.store.database import Database
from aggregator.store.schema import articles, hosts, memberships, sources, stories, tags, topics, visits
from aggregator.store.sources import row_of as row_of_state

KEPT_VISITS = 30  # per source


def save(database: Database, lease: Lease, outcome: Outcome) -> None:
    """Everything that a visit brought, or nothing of it. Saving the same outcome again changes nothing more.

    Raises LeaseLost when another worker holds the source by now. Rows are written in the order of their keys, so that
    two workers never wait for each other in a circle.
    """
    with database.writing() as connection:
        _finish_visit(database, connection, lease, outcome)
        if outcome.forgets:
            remembered.forget(connection, lease.source)
        if outcome.memory is not None:
            remembered.remember(database, connection, lease.source, outcome.memory)
        if outcome.articles:
            _save_articles(database, connection, outcome.articles, outcome.stories)
            _replace_tags(connection, outcome.tags)
        if outcome.stories:
            changed = _replace_memberships(connection, outcome.memberships)
            changed |= _topics_of(connection, [story.id for story in outcome.stories])
            touch(connection, changed)


def save_quiet(database: Database, visits: Sequence[tuple[Lease, Outcome]]) -> list[bool]:
    """Visits that have brought nothing, in one transaction; for each whether it was saved, or its lease is lost."""
    saved = []
    for lease, outcome in visits:
        try:
            save(database, lease, outcome)
        except LeaseLost:
            saved.append(False)
        else:
            saved.append(True)
    return saved


def save_judgement(
    database: Database,
    tags_by_article: Mapping[str, tuple[Tag, ...]],
    memberships_by_story: Mapping[str, tuple[Membership, ...]],
    leads: Mapping[str, str],
) -> None:
    """New tags, memberships and leads of what is stored already: after a change of rules. Leads are by story."""
    rows = [{"story": story, "leading": leads[story]} for story in sorted(leads)]
    led = update(stories).where(stories.c.id == bindparam("story")).values(lead=bindparam("leading"))
    with database.writing() as connection:
        if rows:
            connection.execute(led, rows)
        _replace_tags(connection, tags_by_article)
        touch(connection, _replace_memberships(connection, memberships_by_story))


def touch(connection: Connection, slugs: Iterable[str]) -> None:
    """Note that topics have changed, so that they are published again. Topics no longer configured are left alone."""
    wanted = topics.c.slug.in_(sorted(set(slugs)))
    connection.execute(select(topics.c.slug).where(wanted).order_by(topics.c.slug).with_for_update())  # lock in order
    connection.execute(update(topics).where(wanted).values(changes=topics.c.changes + 1))


def _finish_visit(database: Database, connection: Connection, lease: Lease, outcome: Outcome) -> None:
    called_meanwhile = (sources.c.due_at > outcome.visit.started_at) & (sources.c.due_at < outcome.due_at)
    due_at = case((called_meanwhile, sources.c.due_at), else_=outcome.due_at)
    done = connection.execute(
        update(sources)
        .where(sources.c.id == lease.source, sources.c.leased_until == lease.until)
        .values(leased_until=None, due_at=due_at, plan=outcome.plan or sources.c.plan, failures=outcome.failures)
        .values(row_of_state(outcome.state))
    )
    if done.rowcount != 1:
        raise LeaseLost(f"{lease.source}: another worker has taken this source over")
    if outcome.rest_until is not None:
        _let_rest(database, connection, lease.source, outcome.rest_until)
    connection.execute(insert(visits).values(asdict(outcome.visit)))
    recent = (
        select(visits.c.id)
        .where(visits.c.source == lease.source)
        .order_by(visits.c.id.desc())
        .offset(KEPT_VISITS)
        .limit(1)
        .scalar_subquery()
    )
    connection.execute(delete(visits).where(visits.c.source == lease.source, visits.c.id <= recent))


def _let_rest(database: Database, connection: Connection, source: str, until: datetime) -> None:
    """Keep everybody away from a source's host."""
    host = connection.execute(select(sources.c.host).where(sources.c.id == source)).scalar_one()
    if host is None:
        return
    statement = database.insert(hosts).values(host=host, free_at=until)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["host"], set_={"free_at": statement.excluded.free_at}, where=hosts.c.free_at < until
        )
    )


def _save_articles(
    database: Database, connection: Connection, saved: Iterable[Article], touched: Iterable[Story]
) -> None:
    places = {copy.key: copy for story in touched for copy in story.copies}
    rows = [row_of(article, places[article.key]) for article in sorted(saved, key=lambda article: article.key)]
    kept = {"key", "source", "guid", "story", "rule", "rival", "first_seen_at"}
    _upsert(database, connection, articles, rows, [name for name in rows[0] if name not in kept])
    story_rows = [{"id": story.id, "lead": story.lead} for story in sorted(touched, key=lambda story: story.id)]
    _upsert(database, connection, stories, story_rows, ["lead"])


def _upsert(
    database: Database, connection: Connection, table: Table, rows: list[dict[str, Any]], replaced: list[str]
) -> None:
    statement = database.insert(table)
    excluded = {name: statement.excluded[name] for name in replaced}
    keys = [column.name for column in table.primary_key]
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=excluded), rows)


def _replace_tags(connection: Connection, by_article: Mapping[str, tuple[Tag, ...]]) -> None:
    for chunk in chunks(by_article):
        connection.execute(delete(tags).where(tags.c.article.in_(chunk)))
    rows = [
        {"article": key} | {name: getattr(tag, name) for name in Tag.__slots__}
        for key in sorted(by_article)
        for tag in by_article[key]
    ]
    if rows:
        connection.execute(insert(tags), sorted(rows, key=lambda row: (row["article"], row["concept"])))


def _replace_memberships(connection: Connection, by_story: Mapping[str, tuple[Membership, ...]]) -> set[str]:
    """Write the memberships of stories; answer with the topics that gained, lost or changed one."""
    after = {item for group in by_story.values() for item in group}
    before: set[Membership] = set()
    for chunk in chunks(by_story):
        rows = connection.execute(select(memberships).where(memberships.c.story.in_(chunk)))
        before |= {Membership(row.topic, row.story, row.score, tuple(row.reasons)) for row in rows}
        connection.execute(delete(memberships).where(memberships.c.story.in_(chunk)))
    written = sorted(after, key=lambda item: (item.topic, item.story))
    if written:
        connection.execute(insert(memberships), [asdict(item) for item in written])
    return {item.topic for item in before ^ after}


def _topics_of(connection: Connection, story_ids: list[str]) -> set[str]:
    found: set[str] = set()
    for chunk in chunks(story_ids):
        statement = select(memberships.c.topic).where(memberships.c.story.in_(chunk)).distinct()
        found.update(connection.execute(statement).scalars())
    return found
