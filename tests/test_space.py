"""A SQLite file becomes shorter when much was removed, and its log is kept short."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aggregator.store import Database, space
from aggregator.store.database import LOG


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Database]:
    with closing(Database("sqlite", tmp_path)) as found:
        yield found


def fill(store: Database, megabytes: int) -> None:
    with store.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS filling (id INTEGER PRIMARY KEY, data BLOB)")
        for _ in range(megabytes * 10):
            connection.exec_driver_sql("INSERT INTO filling (data) VALUES (zeroblob(100000))")


def clear(store: Database, every: int = 1) -> None:
    with store.writing() as connection:
        connection.exec_driver_sql(f"DELETE FROM filling WHERE id % {every} = 0")


def place(store: Database) -> Path:
    return Path(store.place)


def test_file_becomes_shorter_in_small_steps_and_keeps_some_room(store: Database) -> None:
    fill(store, 30)
    space.settle(store)
    before = place(store).stat().st_size
    assert space.give_back(store, pages=500) == 0
    clear(store)
    steps = []
    while given := space.give_back(store, pages=2_000):
        steps.append(given)
    space.settle(store)
    assert len(steps) > 2
    assert max(steps) <= 2_000
    assert before - place(store).stat().st_size >= sum(steps) * 4096
    found = space.taken(store)
    assert found
    assert found.free >= space.SPARE * 4096 * 0.9
    assert found.log == 0


def test_room_that_is_used_again_anyway_is_left(store: Database) -> None:
    fill(store, 20)
    clear(store, every=7)
    assert space.give_back(store, pages=500) == 0


def test_database_of_an_older_version_gives_room_back_after_a_vacuum(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "aggregator.db")) as connection:
        connection.execute("CREATE TABLE other (id INTEGER)")
    with closing(Database("sqlite", tmp_path)) as store:
        fill(store, 20)
        clear(store)
        assert space.give_back(store, pages=500) == 0
        space.vacuum(store)
        assert place(store).stat().st_size < 2_000_000
        fill(store, 20)
        clear(store)
        assert space.give_back(store, pages=500) == 500


def test_log_is_emptied_when_nobody_reads_and_left_when_somebody_does(store: Database) -> None:
    fill(store, 5)
    log = Path(f"{store.place}-wal")
    with closing(sqlite3.connect(store.place, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM filling").fetchone()
        fill(store, 5)
        space.settle(store)
        assert log.stat().st_size > 1_000_000
    space.settle(store)
    assert log.stat().st_size == 0


def test_log_that_has_grown_is_cut_by_itself(store: Database) -> None:
    with closing(sqlite3.connect(store.place, isolation_level=None)) as reader:
        fill(store, 1)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM filling").fetchone()
        fill(store, 70)
        assert Path(f"{store.place}-wal").stat().st_size > LOG
    fill(store, 1)
    fill(store, 1)
    assert Path(f"{store.place}-wal").stat().st_size <= LOG


def test_postgresql_does_it_by_itself(database: Database) -> None:
    if not database.is_sqlite:
        assert (space.taken(database), space.give_back(database, pages=500)) == (None, 0)
        space.settle(database)
        space.vacuum(database)
