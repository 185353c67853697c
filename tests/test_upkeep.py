"""Backup, restore, examination and upgrade of the database."""

import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from aggregator import runtime
from aggregator.errors import StateError
from aggregator.store import Database, upkeep
from aggregator.store.database import HEAD
from tests import in_process

ROOT = Path(__file__).parent.parent


@pytest.fixture
def filled(config_directory: Path) -> Path:
    """A configuration whose store holds the samples."""
    assert aggregator(config_directory, "once")[0] == 0
    return config_directory


def aggregator(directory: Path, *arguments: str) -> tuple[int, str]:
    """Exit code, and all that a command says."""
    done = in_process.aggregator(directory, *arguments)
    return done.exit_code, done.output


def count(place: Path) -> int:
    with closing(sqlite3.connect(place)) as connection:
        return int(connection.execute("SELECT count(*) FROM articles").fetchone()[0])


def test_there_and_back(filled: Path, tmp_path: Path) -> None:
    database, file = tmp_path / "var" / "aggregator.db", tmp_path / "news.db"
    code, said = aggregator(filled, "db", "backup", str(file))
    assert (code, said) == (0, f"{file}: {file.stat().st_size:,} bytes\n")
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config", "news.db", "seeds", "var"]
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("DELETE FROM articles")
        connection.commit()
    code, said = aggregator(filled, "db", "restore", str(file))
    assert (code, said) == (0, f"restored from {file}; what was there is now {database}.old\n")
    assert (count(database), count(Path(f"{database}.old"))) == (16, 0)
    assert aggregator(filled, "db", "check") == (0, f"{database}: sound\n")
    assert "0 new articles" in aggregator(filled, "once")[1]


def test_what_is_published_follows_what_was_restored(filled: Path, tmp_path: Path) -> None:
    feed, inbox = tmp_path / "var" / "public" / "feeds" / "china-russia.atom", tmp_path / "var" / "inbox"
    aggregator(filled, "db", "backup", str(tmp_path / "news.db"))
    before = feed.read_bytes()
    (inbox / "new.txt").write_text("Russia and China sign\n\nChina and Russia signed. China did. Russia did.\n")
    aggregator(filled, "once")
    assert feed.read_bytes() != before
    aggregator(filled, "db", "restore", str(tmp_path / "news.db"))
    aggregator(filled, "once")
    assert feed.read_bytes() == before


def test_nothing_is_overwritten_and_nothing_half_is_left(filled: Path, tmp_path: Path) -> None:
    (tmp_path / "news.db").write_text("mine")
    code, said = aggregator(filled, "db", "backup", str(tmp_path / "news.db"))
    assert (code, "is there already" in said, (tmp_path / "news.db").read_text()) == (1, True, "mine")

    def full(done: int, total: int) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(StateError, match="disk is full"):
        upkeep.backup(tmp_path / "var" / "aggregator.db", tmp_path / "other.db", full)
    assert list(tmp_path.glob("other*")) == []
    code, said = aggregator(filled, "db", "backup", str(tmp_path / "nowhere" / "news.db"))
    assert (code, said.count("\n"), "cannot be written" in said) == (1, 1, True)


def test_a_writer_neither_waits_nor_makes_the_copy_begin_anew(filled: Path, tmp_path: Path) -> None:
    """One moment is copied, however much is written meanwhile, by however many processes."""
    place = tmp_path / "var" / "aggregator.db"
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("CREATE TABLE filling (value BLOB)")
        connection.executemany("INSERT INTO filling VALUES (?)", [(os.urandom(100_000),) for _ in range(100)])
        connection.commit()
    left: list[int] = []
    written = 0

    def progress(done: int, total: int) -> None:
        nonlocal written
        left.append(total - done)
        with closing(sqlite3.connect(place, timeout=0)) as other:
            other.execute("INSERT INTO filling VALUES (?)", (os.urandom(100_000),))
            other.commit()
        written += 1

    upkeep.backup(place, tmp_path / "news.db", progress)
    assert left == sorted(left, reverse=True)
    assert written > 5
    with closing(sqlite3.connect(tmp_path / "news.db")) as copy:
        assert copy.execute("SELECT count(*) FROM filling").fetchone() == (100,)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()


def damaged(file: Path) -> None:
    data = bytearray(file.read_bytes())
    for start in range(8192, len(data), 4096):
        data[start : start + 64] = bytes(64)
    file.write_bytes(data)


def foreign(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE t (x)")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (newer, "newer version"),
        (damaged, "damaged|malformed"),
        (foreign, "none of aggregator's"),
        (lambda file: file.write_text("no database at all" * 100), "not a database"),
        (lambda file: file.write_bytes(file.read_bytes()[:50_000]), "damaged|malformed"),
        (Path.unlink, "no such file"),
    ],
    ids=["newer", "damaged", "foreign", "text", "cut off", "not there"],
)
def test_what_is_no_sound_backup_is_refused_and_nothing_changes(
    filled: Path, tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    place, file = tmp_path / "var" / "aggregator.db", tmp_path / "news.db"
    upkeep.backup(place, file, lambda done, total: None)
    spoil(file)
    before = place.read_bytes()
    with pytest.raises(StateError, match=words):
        upkeep.restore(file, place, lambda done, total: None)
    assert place.read_bytes() == before
    assert not list(place.parent.glob("*.part*"))


def test_restored_over_a_damaged_database_which_is_kept(filled: Path, tmp_path: Path) -> None:
    place, file = tmp_path / "var" / "aggregator.db", tmp_path / "news.db"
    upkeep.backup(place, file, lambda done, total: None)
    damaged(place)
    broken = place.read_bytes()
    old = upkeep.restore(file, place, lambda done, total: None)
    assert old
    assert (old.read_bytes(), count(place)) == (broken, 16)


def test_not_while_a_daemon_runs(filled: Path, tmp_path: Path) -> None:
    aggregator(filled, "db", "backup", str(tmp_path / "news.db"))
    with runtime.locked(tmp_path / "var"):
        code, said = aggregator(filled, "db", "restore", str(tmp_path / "news.db"))
    assert (code, "another aggregator is running" in said) == (1, True)


def test_faults_are_found_on_both_databases(database: Database) -> None:
    from sqlalchemy import text

    assert upkeep.faults(database) == []
    with database.writing() as connection:
        connection.execute(text("INSERT INTO sketches (hash, article, day) VALUES (1, 'nobody', 1)"))
        connection.execute(text("INSERT INTO relations (story, other, likeness) VALUES ('no', 'ne', 1)"))
    seen: list[tuple[int, int]] = []
    assert upkeep.faults(database, lambda done, total: seen.append((done, total))) == [
        "1 sketches of articles that are not there, such as nobody",
        "1 relations of stories that are not there, such as no",
        "1 relations to stories that are not there, such as ne",
    ]
    assert seen[-1][0] == seen[-1][1] == len(seen)


def test_broken_references_and_damaged_pages_are_named_and_the_exit_code_is_1(filled: Path, tmp_path: Path) -> None:
    place = tmp_path / "var" / "aggregator.db"
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("UPDATE visits SET source = 'nobody'")
        connection.commit()
    code, said = aggregator(filled, "db", "check", "--json")
    answer, advice = said[: said.rindex("}") + 1], said[said.rindex("}") + 1 :]
    assert code == 1
    assert "refers to what is not in sources" in json.loads(answer)["faults"][0]
    assert "restore a backup" in advice
    damaged(place)
    code, said = aggregator(filled, "db", "check")
    assert code == 1
    assert "malformed" in said or "Tree" in said


def test_upgrade_says_what_it_did(config_directory: Path, tmp_path: Path, migrated_sqlite: Path) -> None:
    place = tmp_path / "var" / "aggregator.db"
    assert aggregator(config_directory, "db", "upgrade") == (0, f"{place}: schema {HEAD}, was none\n")
    assert aggregator(config_directory, "db", "upgrade") == (0, f"{place}: schema {HEAD}, nothing to do\n")
    newer(place)
    code, said = aggregator(config_directory, "db", "upgrade")
    assert (code, f"newer version (schema 9999, this one knows {HEAD})" in said) == (1, True)


@pytest.mark.parametrize(("command", "program"), [("backup", "pg_dump"), ("restore", "pg_restore")])
def test_postgresql_does_that_itself_and_no_password_is_shown(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch, command: str, program: str
) -> None:
    monkeypatch.setenv("AGGREGATOR_DATABASE", "postgresql+psycopg://me:secret@db.example.org/news")
    done = in_process.aggregator(config_directory, "db", command, "x.db")
    assert done.exit_code == 1
    assert program in done.stderr
    assert "postgresql://me@db.example.org/news" in done.stderr
    assert "secret" not in done.output


def test_a_command_that_only_looks_makes_no_database(config_directory: Path, tmp_path: Path) -> None:
    for arguments in (["check"], ["backup", "x.db"]):
        code, said = aggregator(config_directory, "db", *arguments)
        assert (code, said.count("\n"), "no database in" in said) == (1, 1, True)
    assert not (tmp_path / "var").exists()


def test_works_though_the_rest_of_the_configuration_is_broken(filled: Path, tmp_path: Path) -> None:
    shutil.rmtree(filled / "concepts")
    (filled / "sources.yaml").write_text("nonsense")
    assert aggregator(filled, "db", "backup", str(tmp_path / "news.db"))[0] == 0


def test_two_backups_at_once_do_not_share_a_name(filled: Path, tmp_path: Path) -> None:
    place, file = tmp_path / "var" / "aggregator.db", tmp_path / "news.db"
    refused: list[StateError] = []

    def second(done: int, total: int) -> None:
        def other() -> None:
            try:
                upkeep.backup(place, file, lambda done, total: None)
            except StateError as error:
                refused.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    upkeep.backup(place, file, second)
    assert refused
    assert count(file) == 16
