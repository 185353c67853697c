"""A whole store, copied into another database: a piece at a time, then compared.

Each piece is a transaction in which it is also noted how far the copy is, so that it can be broken off and goes on
there. Rows are copied as they are: keys, ids and dates stay, and with them the bytes of all feeds.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, Table, delete, func, literal, select, text, tuple_

from aggregator.errors import StateError
from aggregator.store.database import Database
from aggregator.store.schema import duties, metadata, renditions, settings
from aggregator.store.settings import put, value_of

AT_ONCE = 200  # rows of a piece
TABLES = [table for table in metadata.sorted_tables if table not in (settings, duties, renditions)]
_NOTE = "copy of "  # names in `settings` of an unfinished copy
_BEGUN = select(settings.c.name).where(settings.c.name.startswith(_NOTE)).limit(1)

Progress = Callable[[int, int], None]  # rows that are done, and all of them


def copy(source: Database, target: Database, progress: Progress) -> dict[str, int]:
    """Copy everything, or the rest of it; the number of rows of each table. Nobody may use either meanwhile.

    Raises StateError where the target has a store of its own, or where it is not the same in the end.
    """
    _check(target)
    total = 2 * sum(_count(source, table) for table in TABLES)
    done = 0
    for table in TABLES:
        done += _copy_table(source, target, table, lambda count, before=done: progress(before + count, total))  # type: ignore[misc]
    counts: dict[str, int] = {}
    for table in TABLES:
        counts[table.name], here = digest(source, table)
        if (counts[table.name], here) != digest(target, table):
            raise StateError(f"{target.place}: {table.name} is not what it was; empty that database and copy again")
        done += counts[table.name]
        progress(done, total)
    _finish(source, target)
    return counts


def check_whole(database: Database) -> None:
    """Raises StateError where a store is the beginning of a copy, which could not go on once something is added."""
    with database.reading() as connection:
        if connection.execute(_BEGUN).first():
            raise StateError(
                f"{database.place} holds a copy that was broken off; go on with `aggregator db copy --to` where it"
                " comes from, or empty it"
            )


def digest(database: Database, table: Table) -> tuple[int, str]:
    """How many rows a table has, and a hash of them all, in whatever order a database has them."""
    count, whole = 0, 0
    with database.reading() as connection:
        for row in connection.execute(select(table), execution_options={"yield_per": AT_ONCE}):
            count += 1
            whole += int.from_bytes(hashlib.sha256(_written(row).encode("utf-8", "surrogatepass")).digest())
    return count, f"{whole % 2**256:064x}"


def _check(target: Database) -> None:
    with target.reading() as connection:
        if connection.execute(_BEGUN).first():
            return
        for table in TABLES:
            if connection.execute(select(literal(1)).select_from(table).limit(1)).first():
                raise StateError(f"{target.place} has a store of its own; name an empty database")


def _copy_table(source: Database, target: Database, table: Table, progress: Callable[[int], None]) -> int:
    columns = list(table.primary_key)
    ordered = select(table).order_by(*columns).limit(AT_ONCE)
    name = _NOTE + table.name
    with target.reading() as connection:
        done, last = json.loads(value_of(connection, name) or "[0, null]")
    while True:
        progress(done)
        further = ordered if last is None else ordered.where(tuple_(*columns) > _after(columns, last))
        with source.reading() as connection:
            rows = connection.execute(further).all()
        if not rows:
            return int(done)
        done, last = done + len(rows), [getattr(rows[-1], column.name) for column in columns]
        with target.writing() as connection:
            connection.execute(target.insert(table), [row._asdict() for row in rows])
            put(target, connection, name, json.dumps([done, last]))


def _after(columns: Sequence[Any], values: Sequence[Any]) -> Any:
    return tuple_(*(literal(value, column.type) for column, value in zip(columns, values, strict=True)))


def _finish(source: Database, target: Database) -> None:
    """What the store remembers of itself comes last: with it the copy is a store."""
    with source.reading() as connection:
        remembered = [row._asdict() for row in connection.execute(select(settings))]
    with target.writing() as connection:
        connection.execute(delete(settings))
        if remembered:
            connection.execute(target.insert(settings), remembered)
        if target.is_sqlite:
            return
        for table in TABLES:
            for column in table.primary_key:
                if column is table.autoincrement_column and isinstance(column.type, Integer):
                    following = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
                    sequence = func.pg_get_serial_sequence(table.name, column.name)
                    connection.execute(select(func.setval(sequence, following, text("false"))))


def _count(database: Database, table: Table) -> int:
    with database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _written(row: Any) -> str:
    return json.dumps([_plain(value) for value in row], sort_keys=True, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes | memoryview) else value
