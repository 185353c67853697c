"""Rulings: what a person has said of two articles; it outlives whatever the program finds."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import bindparam, or_, select

from aggregator.store.articles import chunks
from aggregator.store.database import Database
from aggregator.store.schema import rulings

_OF = select(rulings.c.one, rulings.c.other, rulings.c.same).where(
    or_(
        rulings.c.one.in_(bindparam("keys", expanding=True)),
        rulings.c.other.in_(bindparam("others", expanding=True)),
    )
)

Rulings = Mapping[frozenset[str], bool]  # by the keys of two articles: copies of one, or not


def of(database: Database, keys: Collection[str]) -> dict[frozenset[str], bool]:
    """What was said of these articles."""
    found: dict[frozenset[str], bool] = {}
    with database.reading() as connection:
        for chunk in chunks(keys):
            rows = connection.execute(_OF, {"keys": chunk, "others": chunk})
            found |= {frozenset((one, other)): same for one, other, same in rows}
    return found


def say(database: Database, pairs: Iterable[tuple[str, str]], *, same: bool, now: datetime) -> None:
    """Note a person's word; the last one counts."""
    ordered = sorted({(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]})
    rows = [{"one": one, "other": other, "same": same, "made_at": now} for one, other in ordered]
    if rows:
        with database.writing() as connection:
            connection.execute(database.upsert(rulings, "same", "made_at"), rows)
