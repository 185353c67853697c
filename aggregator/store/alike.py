"""Which stories are alike: by the heaviest terms of their leads, within a few days.

One statement sums up what stories share, but for terms that hundreds have. Where a story has hardly any others, a few
hundred candidates are looked at one by one, so that no number of formulas makes it slow.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain

from sqlalchemy import Connection, Integer, bindparam, delete, func, select

from aggregator.models import Terms
from aggregator.related import LIKENESS, MIN_SHARED, WINDOW, likeness
from aggregator.store.articles import among, chunks
from aggregator.store.database import Database
from aggregator.store.schema import terms

COMMON = 500  # stories within the window that have a term: of a story's terms that have so many more tell little …
RAREST = 12  # … and are not looked up beside its rarest, which are, however many tell of the same …
LATEST = 100  # … but then of each no more stories than these, with their events and what was known before
UNIT = 1000  # a weight of 1
_LEAST = round(LIKENESS * UNIT**2)
_HOURS = int(WINDOW.total_seconds() // 3600)


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
    .where(_one.c.story.in_(among("stories")), _one.c.term.not_in(among("left_out")))
    .group_by(_one.c.story, _other.c.story)
    .having(_SHARED >= MIN_SHARED, _LIKENESS >= _LEAST)
)
_HOLDERS = (
    select(terms.c.term, func.count())
    .where(terms.c.term.in_(among("terms")), terms.c.hour.between(bindparam("since"), bindparam("until")))
    .group_by(terms.c.term)
)
_SHARING = (
    select(terms.c.story)
    .where(terms.c.term == bindparam("term"), terms.c.hour.between(bindparam("since"), bindparam("until")))
    .order_by(terms.c.hour.desc(), terms.c.story.desc())
    .limit(bindparam("limit", type_=Integer()))
)
_TERMS_OF = select(terms.c.story, terms.c.term, terms.c.hour, terms.c.weight).where(terms.c.story.in_(among("stories")))

Pairs = Mapping[str, Mapping[str, int]]  # by story: those alike, and how much; the likeliest first


def holders(connection: Connection, of: Mapping[str, Terms]) -> dict[str, int]:
    """How many stories have each of these terms at about that time."""
    hours = [hour_of(one.dated_at) for one in of.values()]
    window = {"since": min(hours) - _HOURS, "until": max(hours) + _HOURS}
    wanted = chunks(term for one in of.values() for term in one.weights)
    rows = (connection.execute(_HOLDERS, {"terms": chunk, **window}) for chunk in wanted)
    return {term: count for some in rows for term, count in some}


def candidates(connection: Connection, of: Mapping[str, Terms], holders: Mapping[str, int]) -> dict[str, set[str]]:
    """With which others those of these stories are to be compared that have mostly common terms: the latest that have
    these, and each other. Their own terms are not written yet."""
    crowded = {story: one for story, one in of.items() if _is_crowded(one, _common(holders))}
    sharing: dict[tuple[str, int], Sequence[str]] = {}
    found = {story: set(crowded) for story in crowded}
    for story, one in crowded.items():
        hour = hour_of(one.dated_at)
        for term in sorted(one.weights, key=lambda term: (holders.get(term, 0), term))[:RAREST]:
            if (term, hour) not in sharing:
                asked = {"term": term, "since": hour - _HOURS, "until": hour + _HOURS, "limit": LATEST}
                sharing[term, hour] = connection.execute(_SHARING, asked).scalars().all()
            found[story].update(sharing[term, hour])
    return found


def write(database: Database, connection: Connection, found: Mapping[str, Terms]) -> None:
    rows = sorted(
        (term, hour_of(one.dated_at), story, round(weight * UNIT))
        for story, one in found.items()
        for term, weight in one.weights.items()
    )
    if rows:
        names = ("term", "hour", "story", "weight")
        connection.execute(database.upsert(terms, "weight"), [dict(zip(names, row, strict=True)) for row in rows])


def pairs(
    connection: Connection,
    of: Mapping[str, Terms],
    holders: Mapping[str, int],
    candidates: Mapping[str, Collection[str]],
) -> Pairs:
    """What is alike each story, all of it; but where there are candidates only what is alike among these."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    asked = {"stories": sorted(of.keys() - candidates.keys()), "left_out": sorted(_common(holders))}
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


def forget(connection: Connection, ids: Iterable[str]) -> None:
    for chunk in chunks(ids):
        connection.execute(delete(terms).where(terms.c.story.in_(chunk)))


def _pairs_among(connection: Connection, candidates: Mapping[str, Collection[str]]) -> dict[str, dict[str, int]]:
    """As `_ALIKE` says, but only among the candidates of each story."""
    weights: dict[str, dict[str, int]] = defaultdict(dict)
    hours: dict[str, int] = {}
    for chunk in chunks(chain(candidates, chain.from_iterable(candidates.values()))):
        for row in connection.execute(_TERMS_OF, {"stories": chunk}):
            weights[row.story][row.term], hours[row.story] = row.weight, row.hour
    found: dict[str, dict[str, int]] = {}
    for story, others in candidates.items():
        near = [
            one
            for one in others
            if one != story and {one, story} <= hours.keys() and abs(hours[one] - hours[story]) <= _HOURS
        ]
        alike = {other: int(likeness(weights[story], weights[other])) for other in near}
        found[story] = {
            other: how_much
            for other, how_much in alike.items()
            if how_much >= _LEAST and len(weights[story].keys() & weights[other].keys()) >= MIN_SHARED
        }
    return found


def hour_of(time: datetime) -> int:
    return int(time.timestamp() // 3600)
