"""Relations: which stories tell of one event, each in words of its own; found by the heaviest terms of their leads.

An event is known by the first story that told of it. Later ones join it when they are related to that very story, so
that no chain of resemblances can grow from one event into the next.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, delete, func, or_, select, tuple_, update

from aggregator.models import Related, Terms
from aggregator.related import LIKENESS, MIN_SHARED, WINDOW, likeness
from aggregator.store.articles import chunks
from aggregator.store.database import Database
from aggregator.store.schema import articles, relations, sources, stories, terms
from aggregator.store.visits import topics_of, touch

MOST = 20  # relations that are written of a story: the likeliest
COMMON = 500  # stories within the window that have a term: of a story's terms that have so many more tell little …
RAREST = 12  # … and are not looked up beside its rarest, which are, however many tell of the same …
LATEST = 100  # … but then of each no more stories than these, with their events and what was known before
NEWS = 1000  # articles that have come last: their stories need not wait for others
KEPT = timedelta(days=7)  # terms, behind the date of their story: longer than `WINDOW`, as some articles come late

_UNIT = 1000  # a weight of 1
_LEAST = round(LIKENESS * _UNIT**2)
_HOURS = int(WINDOW.total_seconds() // 3600)


def _among(name: str) -> Any:
    return bindparam(name, expanding=True)


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
    .having(_SHARED >= MIN_SHARED, _LIKENESS >= _LEAST)
)
_HOLDERS = (
    select(terms.c.term, func.count())
    .where(terms.c.term.in_(_among("terms")), terms.c.hour.between(bindparam("since"), bindparam("until")))
    .group_by(terms.c.term)
)
_SHARING = (
    select(terms.c.story)
    .where(terms.c.term == bindparam("term"), terms.c.hour.between(bindparam("since"), bindparam("until")))
    .order_by(terms.c.hour.desc(), terms.c.story.desc())
    .limit(bindparam("limit", type_=Integer()))
)
_TERMS_OF = select(terms.c.story, terms.c.term, terms.c.hour, terms.c.weight).where(
    terms.c.story.in_(_among("stories"))
)
_BETWEEN = or_(relations.c.story.in_(_among("stories")), relations.c.other.in_(_among("stories")))
_KNOWN = select(relations.c.story, relations.c.other).where(relations.c.story.in_(_among("stories")))
_PART = delete(relations).where(relations.c.story == bindparam("one"), relations.c.other == bindparam("two"))
_EVENTS = select(stories.c.id, stories.c.event, stories.c.founded_at).where(stories.c.id.in_(_among("stories")))
_OF_EVENTS = select(stories.c.event, stories.c.id).where(
    stories.c.event.in_(_among("events")), stories.c.id != stories.c.event
)
_DOUBT = update(stories).where(stories.c.id.in_(_among("stories"))).values(unrelated=True)
_DONE = (
    update(stories)
    .where(stories.c.id == bindparam("done"), stories.c.lead == bindparam("by"))
    .values(event=bindparam("first"), unrelated=False)
)
_LIKELIEST = (
    select(
        relations,
        func.row_number()
        .over(partition_by=relations.c.story, order_by=(relations.c.likeness.desc(), relations.c.other))
        .label("place"),
    )
    .where(relations.c.story.in_(_among("stories")))
    .subquery()
)
_RELATED = (
    select(
        _LIKELIEST.c.story.label("to"),
        _LIKELIEST.c.other.label("story"),
        articles.c.key.label("article"),
        articles.c.title,
        articles.c.link,
        sources.c.name.label("source"),
        articles.c.dated_at,
        _LIKELIEST.c.likeness,
    )
    .join(stories, stories.c.id == _LIKELIEST.c.other)
    .join(articles, articles.c.key == stories.c.lead)
    .join(sources, sources.c.id == articles.c.source)
    .where(_LIKELIEST.c.place <= bindparam("limit", type_=Integer()))
    .order_by(_LIKELIEST.c.likeness.desc(), _LIKELIEST.c.other)
)
_OLD = select(terms.c.term, terms.c.hour, terms.c.story).where(terms.c.hour < bindparam("before"))
_FORGET_TERMS = delete(terms).where(
    tuple_(terms.c.term, terms.c.hour, terms.c.story).in_(_OLD.limit(bindparam("limit", type_=Integer())))
)

Pairs = Mapping[str, Mapping[str, int]]  # by story: those alike, and how much; the likeliest first


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
        _forget_terms_of(connection, ids)
        holders = _holders(connection, found)
        candidates = _candidates(connection, found, holders, before | followers)
        _write_terms(database, connection, found)
        pairs = _pairs(connection, found, _common(holders), candidates)
        after = _write_relations(database, connection, found, before, pairs)
        events = _events(connection, found, pairs, {event for event, _ in followers})
        lost = [other for one, other in sorted(followers) if other not in pairs.get(one, {}) and other not in found]
        for chunk in chunks(lost):
            connection.execute(_DOUBT, {"stories": chunk})
        connection.execute(_DONE, [{"done": one, "by": found[one].article, "first": events[one]} for one in ids])
        touch(connection, topics_of(connection, chain(ids, (other for _, other in before ^ after))))


def leave(database: Database, leads: Mapping[str, str]) -> None:
    """Let stories that have these leads be without relations, and events of their own: they do not wait any more."""
    if leads:
        rows = [{"done": story, "by": leads[story], "first": story} for story in sorted(leads)]
        with database.writing() as connection:
            forget(connection, leads)
            connection.execute(_DONE, rows)
            touch(connection, topics_of(connection, leads))


def of(database: Database, story_ids: Collection[str], limit: int) -> dict[str, tuple[Related, ...]]:
    """What is related to each of these stories, the likeliest first, at most so many."""
    found: dict[str, list[Related]] = {story: [] for story in story_ids}
    with database.reading() as connection:
        for chunk in chunks(story_ids):
            for row in connection.execute(_RELATED, {"stories": chunk, "limit": limit}):
                facts = row.story, row.article, row.title, row.link, row.source, row.dated_at
                found[row.to].append(Related(*facts, likeness=row.likeness / _UNIT**2))
    return {story: tuple(group) for story, group in found.items()}


def look_again(database: Database, since: datetime, language: str | None = None) -> None:
    """Have relations looked for anew of the stories of which a copy was first seen since then."""
    recent = select(articles.c.story).where(articles.c.first_seen_at >= since)
    if language is not None:
        recent = recent.where(func.coalesce(articles.c.language, "") == language)
    with database.writing() as connection:
        connection.execute(update(stories).where(stories.c.id.in_(recent)).values(unrelated=True))


def forget(connection: Connection, story_ids: Iterable[str]) -> None:
    """Stories that are gone, or others now, are related to nothing."""
    ids = list(story_ids)
    _forget_terms_of(connection, ids)
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
        return connection.execute(_FORGET_TERMS, {"before": _hour(now - KEPT), "limit": limit}).rowcount


def _forget_terms_of(connection: Connection, ids: Iterable[str]) -> None:
    for chunk in chunks(ids):
        connection.execute(delete(terms).where(terms.c.story.in_(chunk)))


def _write_terms(database: Database, connection: Connection, found: Mapping[str, Terms]) -> None:
    rows = sorted(
        (term, _hour(one.dated_at), story, round(weight * _UNIT))
        for story, one in found.items()
        for term, weight in one.weights.items()
    )
    if rows:
        names = ("term", "hour", "story", "weight")
        connection.execute(database.upsert(terms, "weight"), [dict(zip(names, row, strict=True)) for row in rows])


def _followers(connection: Connection, ids: Collection[str]) -> set[tuple[str, str]]:
    """Events that are known by these stories, with the others that belong to them."""
    rows = (connection.execute(_OF_EVENTS, {"events": chunk}) for chunk in chunks(ids))
    return {(row.event, row.id) for some in rows for row in some}


def _write_relations(
    database: Database, connection: Connection, ids: Collection[str], before: set[tuple[str, str]], pairs: Pairs
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


def _pairs(
    connection: Connection, of: Mapping[str, Terms], common: Collection[str], candidates: Mapping[str, Collection[str]]
) -> Pairs:
    """What is alike each story, all of it; but where there are candidates only what is alike among these."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    asked = {"stories": sorted(of.keys() - candidates.keys()), "left_out": sorted(common)}
    for story, other, how_much in connection.execute(_ALIKE, asked) if asked["stories"] else ():
        found[story][other] = how_much
    if candidates:
        found |= _pairs_among(connection, candidates)
    return {story: dict(sorted(group.items(), key=lambda pair: (-pair[1], pair[0]))) for story, group in found.items()}


def _common(holders: Mapping[str, int]) -> set[str]:
    return {term for term, count in holders.items() if count > COMMON}


def _is_crowded(one: Terms, common: Collection[str]) -> bool:
    """Whether so few of a story's terms are rare that it is looked for by the common ones, too."""
    rare = sum(term not in common for term in one.weights)
    return rare < min(RAREST, len(one.weights))


def _candidates(
    connection: Connection, of: Mapping[str, Terms], holders: Mapping[str, int], known: Collection[tuple[str, str]]
) -> dict[str, set[str]]:
    """With which others those of these stories are to be compared that have mostly common terms: the latest that have
    these, the first ones of their events, what is known, and each other. Their own terms are not written yet."""
    common = _common(holders)
    crowded = {story: one for story, one in of.items() if _is_crowded(one, common)}
    sharing: dict[tuple[str, int], Sequence[str]] = {}
    found = {story: set(crowded) for story in crowded}
    for story, one in crowded.items():
        hour = _hour(one.dated_at)
        for term in sorted(one.weights, key=lambda term: (holders.get(term, 0), term))[:RAREST]:
            if (term, hour) not in sharing:
                asked = {"term": term, "since": hour - _HOURS, "until": hour + _HOURS, "limit": LATEST}
                sharing[term, hour] = connection.execute(_SHARING, asked).scalars().all()
            found[story].update(sharing[term, hour])
    for story, other in known:
        if story in found:
            found[story].add(other)
    events = _events_of(connection, chain.from_iterable(found.values()))
    return {story: group | {event for other in group if (event := events.get(other))} for story, group in found.items()}


def _pairs_among(connection: Connection, candidates: Mapping[str, Collection[str]]) -> dict[str, dict[str, int]]:
    """As `_ALIKE` says, but only among the candidates of each story."""
    weights: dict[str, dict[str, int]] = defaultdict(dict)
    hours: dict[str, int] = {}
    for chunk in chunks(chain(candidates, chain.from_iterable(candidates.values()))):
        for row in connection.execute(_TERMS_OF, {"stories": chunk}):
            weights[row.story][row.term], hours[row.story] = row.weight, row.hour
    found: dict[str, dict[str, int]] = {}
    for story, others in candidates.items():
        near = [one for one in others if one != story and one in hours and abs(hours[one] - hours[story]) <= _HOURS]
        alike = {other: int(likeness(weights[story], weights[other])) for other in near}
        found[story] = {
            other: how_much
            for other, how_much in alike.items()
            if how_much >= _LEAST and len(weights[story].keys() & weights[other].keys()) >= MIN_SHARED
        }
    return found


def _holders(connection: Connection, of: Mapping[str, Terms]) -> dict[str, int]:
    """How many stories have each of these terms at about that time."""
    hours = [_hour(one.dated_at) for one in of.values()]
    window = {"since": min(hours) - _HOURS, "until": max(hours) + _HOURS}
    wanted = chunks(term for one in of.values() for term in one.weights)
    rows = (connection.execute(_HOLDERS, {"terms": chunk, **window}) for chunk in wanted)
    return {term: count for some in rows for term, count in some}


def _events(
    connection: Connection, found: Mapping[str, Terms], pairs: Pairs, followed: Collection[str]
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


def _hour(time: datetime) -> int:
    return int(time.timestamp() // 3600)
