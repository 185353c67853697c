"""Relations: which stories tell of one event, each in words of its own; found by the heaviest terms of their leads.

An event is known by the first story that told of it. Later ones join it when they are related to that very story, so
that no chain of resemblances can grow from one event into the next.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, bindparam, delete, func, or_, select, tuple_, update

from aggregator.models import Related, Terms
from aggregator.store import alike, pages
from aggregator.store.articles import among, chunks
from aggregator.store.database import Database
from aggregator.store.memberships import topics_of
from aggregator.store.publicity import is_public
from aggregator.store.schema import articles, relations, sources, stories, terms
from aggregator.store.topics import touch

MOST = 20  # relations that are written of a story: the likeliest
KEPT = timedelta(
    days=7
)  # terms, behind the date of their story: longer than `related.WINDOW`, as some articles come late
NEWS = 1000  # articles that have come last: their stories need not wait for others


_LAST = (
    select(articles.c.story, articles.c.first_seen_at)
    .order_by(articles.c.first_seen_at.desc())
    .limit(bindparam("looked_at", type_=Integer()))
    .subquery()
)
_NEWS = (
    select(stories.c.id, stories.c.lead, stories.c.event.is_(None))
    .join(_LAST, _LAST.c.story == stories.c.id)
    .where(stories.c.unrelated)
    .order_by(_LAST.c.first_seen_at.desc(), stories.c.id)
)
_WAITING = (
    select(stories.c.id, stories.c.lead, stories.c.event.is_(None))
    .where(stories.c.unrelated)
    .order_by(stories.c.id)
    .limit(bindparam("limit", type_=Integer()))
)
_BETWEEN = or_(relations.c.story.in_(among("stories")), relations.c.other.in_(among("stories")))
_KNOWN = select(relations.c.story, relations.c.other).where(relations.c.story.in_(among("stories")))
_PART = delete(relations).where(relations.c.story == bindparam("one"), relations.c.other == bindparam("two"))
_EVENTS = select(stories.c.id, stories.c.event, stories.c.founded_at).where(stories.c.id.in_(among("stories")))
_OF_EVENTS = select(stories.c.event, stories.c.id).where(
    stories.c.event.in_(among("events")), stories.c.id != stories.c.event
)
_FIRST_SEEN = select(func.min(articles.c.first_seen_at)).where(articles.c.key.in_(among("stories")))
_LATER = (
    select(stories.c.id)
    .join(articles, articles.c.key == stories.c.id)
    .where(stories.c.event.in_(among("events")), articles.c.first_seen_at >= bindparam("since"))
)
_DOUBT = update(stories).where(stories.c.id.in_(among("stories"))).values(unrelated=True)
_DONE = (
    update(stories)
    .where(stories.c.id == bindparam("done"), stories.c.lead == bindparam("by"))
    .values(event=bindparam("first"), unrelated=False)
)


def _related(*conditions: ColumnElement[bool]) -> Any:
    """The likeliest of those that satisfy conditions."""
    likeliest = (
        select(
            relations,
            func.row_number()
            .over(partition_by=relations.c.story, order_by=(relations.c.likeness.desc(), relations.c.other))
            .label("place"),
        )
        .where(relations.c.story.in_(among("stories")), *conditions)
        .subquery()
    )
    return (
        select(
            likeliest.c.story.label("to"),
            likeliest.c.other.label("story"),
            articles.c.key.label("article"),
            articles.c.title,
            articles.c.link,
            sources.c.name.label("source"),
            articles.c.dated_at,
            likeliest.c.likeness,
        )
        .join(stories, stories.c.id == likeliest.c.other)
        .join(articles, articles.c.key == stories.c.lead)
        .join(sources, sources.c.id == articles.c.source)
        .where(likeliest.c.place <= bindparam("limit", type_=Integer()))
        .order_by(likeliest.c.likeness.desc(), likeliest.c.other)
    )


_RELATED, _RELATED_PUBLIC = _related(), _related(is_public(relations.c.other))

_OLD = select(terms.c.term, terms.c.hour, terms.c.story).where(terms.c.hour < bindparam("before"))
_FORGET_TERMS = delete(terms).where(
    tuple_(terms.c.term, terms.c.hour, terms.c.story).in_(_OLD.limit(bindparam("limit", type_=Integer())))
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A story whose relations are to be looked for."""

    story: str
    lead: str
    is_new: bool  # that was never done


def waiting(database: Database, limit: int) -> list[Waiting]:
    """Stories that are new, or others than they were: first those of which a copy has just come, the latest first, so
    that news does not wait for what else has been brought; then any."""
    with database.reading() as connection:
        rows = [*connection.execute(_NEWS, {"looked_at": NEWS}), *connection.execute(_WAITING, {"limit": limit})]
    return list({row.id: Waiting(*row) for row in rows}.values())[:limit]


def save(database: Database, found: Mapping[str, Terms]) -> None:
    """Write the terms of stories, a few hundred at most, and what they are related to by these, and to which event they
    belong. Those that belong to an event by a story to which they are not related any more wait to be looked at anew.
    Saving the same again changes nothing more.
    """
    ids = sorted(found)
    if not ids:
        return
    with database.writing() as connection:
        before = {
            (row.story, row.other) for chunk in chunks(ids) for row in connection.execute(_KNOWN, {"stories": chunk})
        }
        followers = _followers(connection, ids)
        alike.forget(connection, ids)
        holders = alike.holders(connection, found)
        candidates = _with_events(connection, alike.candidates(connection, found, holders), before | followers)
        alike.write(database, connection, found)
        pairs = alike.pairs(connection, found, holders, candidates)
        after = _write_relations(database, connection, found, before, pairs)
        events = _events(connection, found, pairs, {event for event, _ in followers})
        lost = [other for one, other in sorted(followers) if other not in pairs.get(one, {}) and other not in found]
        for chunk in chunks(lost):
            connection.execute(_DOUBT, {"stories": chunk})
        _join(connection, [{"done": one, "by": found[one].article, "first": events[one]} for one in ids])
        touch(connection, topics_of(connection, chain(ids, (other for _, other in before ^ after))))


def leave(database: Database, leads: Mapping[str, str]) -> None:
    """Let stories that have these leads be without relations, and events of their own: they do not wait any more."""
    if leads:
        rows = [{"done": story, "by": leads[story], "first": story} for story in sorted(leads)]
        with database.writing() as connection:
            forget(connection, leads)
            _join(connection, rows)
            touch(connection, topics_of(connection, leads))


def of(
    database: Database, story_ids: Collection[str], limit: int, private: Collection[str] = ()
) -> dict[str, tuple[Related, ...]]:
    """What is related to each of these stories, the likeliest first, at most so many; nothing that is in `private`
    topics only."""
    found: dict[str, list[Related]] = {story: [] for story in story_ids}
    statement, asked = (_RELATED_PUBLIC, {"private": sorted(private)}) if private else (_RELATED, {})
    with database.reading() as connection:
        for chunk in chunks(story_ids):
            for row in connection.execute(statement, {"stories": chunk, "limit": limit, **asked}):
                facts = row.story, row.article, row.title, row.link, row.source, row.dated_at
                found[row.to].append(Related(*facts, likeness=row.likeness / alike.UNIT**2))
    return {story: tuple(group) for story, group in found.items()}


def _join(connection: Connection, rows: Sequence[Mapping[str, str]]) -> None:
    """Let stories belong to events. What is shown of an event changes in what is published as over, too: there are
    those that have another event now, and those that came after them to the one or the other."""
    before = _events_of(connection, (row["done"] for row in rows))
    connection.execute(_DONE, rows)
    after = _events_of(connection, before)
    moved = [story for story, event in after.items() if event != before[story]]
    events = {event for story in moved for event in (before[story], after[story]) if event}
    came = [connection.execute(_FIRST_SEEN, {"stories": chunk}).scalar_one() for chunk in chunks(moved)]
    for chunk in chunks(events):
        pages.touch(connection, connection.execute(_LATER, {"events": chunk, "since": min(came)}).scalars().all())
    pages.touch(connection, moved)


def look_again(database: Database, since: datetime, language: str | None = None) -> None:
    """Have relations looked for anew of the stories of which a copy was first seen since then."""
    recent = select(articles.c.story).where(articles.c.first_seen_at >= since)
    if language is not None:
        recent = recent.where(articles.c.language == language if language else articles.c.language.is_(None))
    with database.writing() as connection:
        connection.execute(update(stories).where(stories.c.id.in_(recent)).values(unrelated=True))


def forget(connection: Connection, story_ids: Iterable[str]) -> None:
    """Stories that are gone, or others now, are related to nothing."""
    ids = list(story_ids)
    alike.forget(connection, ids)
    for chunk in chunks(ids):
        connection.execute(delete(relations).where(_BETWEEN), {"stories": chunk})


def hand_over(connection: Connection, gone: Mapping[str, str]) -> None:
    """Let events that are known by stories that are gone be known by those that have taken over, by story."""
    for story, heir in sorted(gone.items()):
        event = connection.execute(_EVENTS, {"stories": [heir]}).one().event
        first = event if event and event != story else heir
        connection.execute(update(stories).where(stories.c.event == story).values(event=first))


def forget_terms(database: Database, now: datetime, *, limit: int) -> int:
    """Delete up to so many terms to which nothing that comes can be related any more; the number deleted."""
    with database.writing() as connection:
        return connection.execute(_FORGET_TERMS, {"before": alike.hour_of(now - KEPT), "limit": limit}).rowcount


def _followers(connection: Connection, ids: Collection[str]) -> set[tuple[str, str]]:
    """Events that are known by these stories, with the others that belong to them."""
    rows = (connection.execute(_OF_EVENTS, {"events": chunk}) for chunk in chunks(ids))
    return {(row.event, row.id) for some in rows for row in some}


def _write_relations(
    database: Database, connection: Connection, ids: Collection[str], before: set[tuple[str, str]], pairs: alike.Pairs
) -> set[tuple[str, str]]:
    """Each way: the likeliest, and what others have found and is alike still; answers with the relations of these."""
    likeliest = {(one, other) for one, group in pairs.items() for other in list(group)[:MOST]}
    kept = {(one, other) for one, other in before if other in pairs.get(one, {})}
    rows = {pair: pairs[one][other] for one, other in sorted(likeliest | kept) for pair in ((one, other), (other, one))}
    after = {(one, other) for one, other in rows if one in ids}
    parted = {pair for one, other in before - after for pair in ((one, other), (other, one))}
    if parted:
        connection.execute(_PART, [{"one": one, "two": other} for one, other in sorted(parted)])
    if rows:
        written = [{"story": one, "other": other, "likeness": rows[one, other]} for one, other in sorted(rows)]
        connection.execute(database.upsert(relations, "likeness"), written)
    return after


def _with_events(
    connection: Connection, candidates: Mapping[str, Collection[str]], known: Collection[tuple[str, str]]
) -> dict[str, set[str]]:
    """Candidates, with what is known of the same stories, and the first stories of the events of all these."""
    found = {story: {*group} for story, group in candidates.items()}
    for story, other in known:
        if story in found:
            found[story].add(other)
    events = _events_of(connection, chain.from_iterable(found.values()))
    return {story: group | {event for other in group if (event := events.get(other))} for story, group in found.items()}


def _events(
    connection: Connection, found: Mapping[str, Terms], pairs: alike.Pairs, followed: Collection[str]
) -> dict[str, str]:
    """The event of each story: it stays what it was, as long as they are related; or the likeliest; or a new one.

    A story that is an event of its own, and is not `followed`, joins an earlier one: that was not known before.
    """
    rows = _stories_of(connection, chain(found, chain.from_iterable(pairs.values())))
    events = {story: row.event for story, row in rows.items()}
    for story in sorted(found, key=lambda story: (found[story].dated_at, story)):
        firsts = [other for other in pairs.get(story, ()) if events.get(other) == other]
        own = events.get(story)
        if own == story and story not in followed:
            earlier = [other for other in firsts if _age(rows[other]) < _age(rows[story])]
            events[story] = earlier[0] if earlier else story
        elif own not in (story, *firsts):
            events[story] = firsts[0] if firsts else story
    return {story: events[story] or story for story in found}


def _age(row: Any) -> tuple[float, str]:
    """By which the older one of two stories is told."""
    return row.founded_at.timestamp() if row.founded_at else 0.0, row.id


def _events_of(connection: Connection, ids: Iterable[str]) -> dict[str, str | None]:
    return {story: row.event for story, row in _stories_of(connection, ids).items()}


def _stories_of(connection: Connection, ids: Iterable[str]) -> dict[str, Any]:
    rows = (connection.execute(_EVENTS, {"stories": chunk}) for chunk in chunks(ids))
    return {row.id: row for some in rows for row in some}
