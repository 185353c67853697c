"""Sketches: a few hashes of each recent article's words, by which its near copies are found."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import ARRAY, Connection, Integer, bindparam, delete, func, select, tuple_

from aggregator.shingles import ENOUGH
from aggregator.store.articles import chunks
from aggregator.store.database import Database, dialect_insert
from aggregator.store.schema import sketches

KEPT = timedelta(days=30)  # after an article was first seen: its copies come within days
COMMON = 50  # articles with one hash: it is a formula's, and finds nothing; of more it is not even kept
MOST_CANDIDATES = 20  # of one article: those that share most

_EPOCH = date(1970, 1, 1)
_CHUNK = 900  # hashes in one question
_OF_HASHES = sketches.c.hash.in_(bindparam("hashes", expanding=True))
_SHARING = (
    select(sketches.c.hash, func.aggregate_strings(sketches.c.article, " "))
    .where(_OF_HASHES)
    .group_by(sketches.c.hash)
    .having(func.count() <= COMMON)
)
_HOLDERS = select(sketches.c.hash, func.count()).where(_OF_HASHES).group_by(sketches.c.hash)
_DROP = delete(sketches).where(sketches.c.article.in_(bindparam("keys", expanding=True)))
_ROW = tuple_(sketches.c.hash, sketches.c.article)
_OLD = select(sketches.c.hash, sketches.c.article).where(sketches.c.day < bindparam("before"))
_FORGET = delete(sketches).where(_ROW.in_(_OLD.limit(bindparam("limit", type_=Integer()))))
_NAMES = [column.name for column in sketches.c]
_ROWS = func.unnest(*(bindparam(column.name, type_=ARRAY(column.type)) for column in sketches.c)).table_valued(*_NAMES)
_INSERT = dialect_insert(sketches, is_sqlite=False).from_select(_NAMES, select(_ROWS.render_derived()))
# PostgreSQL plans each of many rows alone, which takes longer than to write them; so they come as columns.
_WRITE = _INSERT.on_conflict_do_update(index_elements=["hash", "article"], set_={"day": _INSERT.excluded.day})

Sketches = Mapping[str, Collection[int]]  # by the key of the article


def candidates(database: Database, wanted: Sketches) -> dict[str, dict[str, int]]:
    """For each article the stored ones that may be near copies of it, each with how many numbers they share, the
    likeliest first; itself is none of them."""
    holders: dict[int, list[str]] = {}
    with database.reading() as connection:
        for chunk in _chunks(wanted):
            for number, keys in connection.execute(_SHARING, {"hashes": chunk}):
                holders[number] = keys.split()
    return sharing(wanted, holders)


def sharing(wanted: Sketches, holders: Mapping[int, Collection[str]]) -> dict[str, dict[str, int]]:
    """For each article those others among the holders of its hashes that share enough of them, likewise."""
    return {key: _likeliest(key, (holders.get(number, ()) for number in sketch)) for key, sketch in wanted.items()}


def replace(database: Database, connection: Connection, by_article: Sketches, seen_at: Mapping[str, datetime]) -> None:
    """Put sketches in the place of those before, without hashes that are common: however much is stored, a hash is
    that of so few that all of them can be read."""
    drop(connection, by_article)
    held = Counter(
        {
            number: count
            for chunk in _chunks(by_article)
            for number, count in connection.execute(_HOLDERS, {"hashes": chunk})
        }
    )
    written = []
    for number, key in sorted((number, key) for key, sketch in by_article.items() for number in set(sketch)):
        if held[number] <= COMMON:  # one more tells that it is common
            held[number] += 1
            written.append({"hash": number, "article": key, "day": _day(seen_at[key])})
    if written and database.is_sqlite:
        connection.execute(database.upsert(sketches, "day"), written)
    elif written:
        connection.execute(_WRITE, {name: [row[name] for row in written] for name in _NAMES})


def drop(connection: Connection, keys: Iterable[str]) -> None:
    """Articles that are gone have no near copies."""
    for chunk in chunks(keys):
        connection.execute(_DROP, {"keys": chunk})


def forget(database: Database, now: datetime, *, limit: int) -> int:
    """Delete up to so many hashes of articles that were first seen too long ago; the number deleted."""
    with database.writing() as connection:
        return connection.execute(_FORGET, {"before": _day(now - KEPT), "limit": limit}).rowcount


def _chunks(by_article: Sketches) -> Iterator[list[int]]:
    """All hashes in order, in lists that fit into one question."""
    ordered = sorted({number for sketch in by_article.values() for number in sketch})
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]


def _likeliest(key: str, groups: Iterable[Collection[str]]) -> dict[str, int]:
    shared = Counter(other for group in groups if len(group) <= COMMON for other in group if other != key)
    ranked = sorted(((-count, other) for other, count in shared.items() if count >= ENOUGH))
    return {other: -count for count, other in ranked[:MOST_CANDIDATES]}


def _day(time: datetime) -> int:
    return (time.astimezone(UTC).date() - _EPOCH).days
