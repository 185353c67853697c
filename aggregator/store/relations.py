"""Relations: which stories tell of one event, each in words of its own; found by the heaviest terms of their leads.

An event is known by the first story that told of it. Later ones join it when they are related to that very story, so
that no chain of resemblances can grow from one event into the next.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, delete, func, or_, select, tuple_, update

from aggregator.models import Related, Terms
from aggregator.related import LIKENESS, MIN_SHARED, WINDOW
from aggregator.store.articles import chunks
from aggregator.store.database import Database
from aggregator.store.schema import articles, memberships, relations, sources, stories, terms
from aggregator.store.visits import touch

MOST = 20  # relations of a story: the likeliest
COMMON = 500  # stories within the window that have a term: of a story's terms that have so many more tell little …
RAREST = 12  # … and are not looked up beside its rarest, which are, however many tell of the same
KEPT = timedelta(days=7)  # terms, behind the date of their story: longer than `WINDOW`, as some articles come late

_UNIT = 1000  # a weight of 1
_HOURS = int(WINDOW.total_seconds() // 3600)


def _among(name: str) -> Any:
    return bindparam(name, expanding=True)


_WAITING = (
    select(stories.c.id, stories.c.lead, stories.c.event.is_(None))
    .where(stories.c.unrelated)
    .order_by(stories.c.id)
    .limit(bindparam("limit", type_=Integer()))
)
_one, _other = terms.alias("one"), terms.alias("other")
_SHARED, _LIKENESS = func.count(), func.sum(_one.c.weight * _other.c.weight)
_ALIKE = (
    select(_one.c.story, _other.c.story.label("other"), _LIKENESS.label("likeness"))
    .join(
        _other,
        (_other.c.term == _one.c.term)
        & _other.c.hour.between(_one.c.hour - _HOURS, _one.c.hour + _HOURS)
        & (_other.c.story != _one.c.story),
    )
    .where(_one.c.story.in_(_among("stories")), _one.c.term.not_in(_among("left_out")))
    .group_by(_one.c.story, _other.c.story)
    .having(_SHARED >= MIN_SHARED, round(LIKENESS * _UNIT**2) <= _LIKENESS)
)
_HOLDERS = (
    select(terms.c.term, func.count())
    .where(terms.c.term.in_(_among("terms")), terms.c.hour.between(bindparam("since"), bindparam("until")))
    .group_by(terms.c.term)
)
_BETWEEN = or_(relations.c.story.in_(_among("stories")), relations.c.other.in_(_among("stories")))
_KNOWN = select(relations.c.story, relations.c.other).where(relations.c.story.in_(_among("stories")))
_EVENTS = select(stories.c.id, stories.c.event).where(stories.c.id.in_(_among("stories")))
_DONE = (
    update(stories)
    .where(stories.c.id == bindparam("done"), stories.c.lead == bindparam("by"))
    .values(event=bindparam("first"), unrelated=False)
)
_RELATED = (
    select(
        relations.c.story.label("to"),
        relations.c.other.label("story"),
        articles.c.key.label("article"),
        articles.c.title,
        articles.c.link,
        sources.c.name.label("source"),
        articles.c.dated_at,
        relations.c.likeness,
    )
    .join(stories, stories.c.id == relations.c.other)
    .join(articles, articles.c.key == stories.c.lead)
    .join(sources, sources.c.id == articles.c.source)
    .where(relations.c.story.in_(_among("stories")))
    .order_by(relations.c.likeness.desc(), relations.c.other)
)
_OLD = select(terms.c.term, terms.c.hour, terms.c.story).where(terms.c.hour < bindparam("before"))
_FORGET_TERMS = delete(terms).where(
    tuple_(terms.c.term, terms.c.hour, terms.c.story).in_(_OLD.limit(bindparam("limit", type_=Integer())))
)
_TOPICS = select(memberships.c.topic).where(memberships.c.story.in_(_among("stories"))).distinct()

Pairs = Mapping[str, Sequence[tuple[str, int]]]  # by story: those related to it, the likeliest first, and how alike


@dataclass(frozen=True, slots=True)
class Waiting:
    """A story whose relations are to be looked for."""

    story: str
    lead: str
    is_new: bool  # that was never done


def waiting(database: Database, limit: int) -> list[Waiting]:
    """Stories that are new, or others than they were."""
    with database.reading() as connection:
        return [Waiting(*row) for row in connection.execute(_WAITING, {"limit": limit})]


def save(database: Database, found: Mapping[str, Terms]) -> None:
    """Write the terms of stories, a few hundred at most, and what they are related to by these, and to which event they
    belong. Saving the same again changes nothing more."""
    ids = sorted(found)
    if not ids:
        return
    with database.writing() as connection:
        before = {tuple(row) for row in connection.execute(_KNOWN, {"stories": ids})}
        forget(connection, ids)
        _write_terms(database, connection, found)
        pairs = _pairs(connection, found)
        rows = {pair: alike for one in pairs for other, alike in pairs[one] for pair in ((one, other), (other, one))}
        written = [{"story": one, "other": other, "likeness": rows[one, other]} for one, other in sorted(rows)]
        if written:
            connection.execute(database.upsert(relations, "likeness"), written)
        events = _events(connection, found, pairs)
        connection.execute(_DONE, [{"done": one, "by": found[one].article, "first": events[one]} for one in ids])
        others = {other for one, other in before ^ {pair for pair in rows if pair[0] in found}}
        touch(connection, _topics(connection, {*ids, *others}))


def of(database: Database, story_ids: Collection[str], limit: int) -> dict[str, tuple[Related, ...]]:
    """What is related to each of these stories, the likeliest first, at most so many."""
    found: dict[str, list[Related]] = {story: [] for story in story_ids}
    with database.reading() as connection:
        for chunk in chunks(story_ids):
            for row in connection.execute(_RELATED, {"stories": chunk}):
                facts = row.story, row.article, row.title, row.link, row.source, row.dated_at
                found[row.to].append(Related(*facts, likeness=row.likeness / _UNIT**2))
    return {story: tuple(group[:limit]) for story, group in found.items()}


def look_again(database: Database, since: datetime, language: str | None = None) -> None:
    """Have relations looked for anew of the stories of which a copy was first seen since then."""
    recent = select(articles.c.story).where(articles.c.first_seen_at >= since)
    if language is not None:
        recent = recent.where(func.coalesce(articles.c.language, "") == language)
    with database.writing() as connection:
        connection.execute(update(stories).where(stories.c.id.in_(recent)).values(unrelated=True))


def forget(connection: Connection, story_ids: Iterable[str]) -> None:
    """Stories that are gone, or others now, are related to nothing."""
    for chunk in chunks(story_ids):
        connection.execute(delete(terms).where(terms.c.story.in_(chunk)))
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
        return connection.execute(_FORGET_TERMS, {"before": _hour(now - KEPT), "limit": limit}).rowcount


def _write_terms(database: Database, connection: Connection, found: Mapping[str, Terms]) -> None:
    rows = sorted(
        (term, _hour(one.dated_at), story, round(weight * _UNIT))
        for story, one in found.items()
        for term, weight in one.weights.items()
    )
    if rows:
        names = ("term", "hour", "story", "weight")
        connection.execute(database.insert(terms), [dict(zip(names, row, strict=True)) for row in rows])


def _pairs(connection: Connection, of: Mapping[str, Terms]) -> Pairs:
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for stories_, left_out in _questions(_holders(connection, of), of):
        for story, other, likeness in connection.execute(_ALIKE, {"stories": stories_, "left_out": left_out}):
            found[story].append((other, likeness))
    return {story: sorted(group, key=lambda pair: (-pair[1], pair[0]))[:MOST] for story, group in found.items()}


def _holders(connection: Connection, of: Mapping[str, Terms]) -> dict[str, int]:
    """How many stories have each of these terms at about that time."""
    hours = [_hour(one.dated_at) for one in of.values()]
    window = {"since": min(hours) - _HOURS, "until": max(hours) + _HOURS}
    wanted = chunks(term for one in of.values() for term in one.weights)
    rows = (connection.execute(_HOLDERS, {"terms": chunk, **window}) for chunk in wanted)
    return {term: count for some in rows for term, count in some}


def _questions(holders: Mapping[str, int], of: Mapping[str, Terms]) -> Iterator[tuple[list[str], list[str]]]:
    """Stories to be asked for together, and the terms to leave out: the common ones, but for a story's rarest."""
    common = {term for term, count in holders.items() if count > COMMON}
    others = []
    for story, one in sorted(of.items()):
        mine = one.weights.keys() & common
        if not mine or len(one.weights) - len(mine) >= RAREST:
            others.append(story)
        else:
            yield [story], sorted(one.weights, key=lambda term: (holders[term], term))[RAREST:]
    if others:
        yield others, sorted(common)


def _events(connection: Connection, found: Mapping[str, Terms], pairs: Pairs) -> dict[str, str]:
    """The event of each story: it stays what it was, as long as they are related; or the likeliest; or a new one."""
    others = {other for group in pairs.values() for other, _ in group}
    events = {row.id: row.event for chunk in chunks({*found, *others}) for row in _rows(connection, chunk)}
    for story in sorted(found, key=lambda story: (found[story].dated_at, story)):
        firsts = [other for other, _ in pairs.get(story, ()) if events.get(other) == other]
        if events.get(story) not in (story, *firsts):
            events[story] = firsts[0] if firsts else story
    return {story: events[story] for story in found}


def _rows(connection: Connection, ids: Collection[str]) -> Iterable[Any]:
    return connection.execute(_EVENTS, {"stories": ids})


def _topics(connection: Connection, ids: Collection[str]) -> set[str]:
    found = (connection.execute(_TOPICS, {"stories": chunk}).scalars() for chunk in chunks(ids))
    return {topic for some in found for topic in some}


def _hour(time: datetime) -> int:
    return int(time.timestamp() // 3600)
