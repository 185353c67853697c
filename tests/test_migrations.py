"""Migrations: they lead to the schema, run once, and bear company."""

import gc
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from aggregator.errors import StateError
from aggregator.store import Database, schema
from aggregator.store import database as database_module

VERSIONS = Path(database_module.__file__).parent / "migrations" / "versions"


def test_migrations_lead_to_the_schema(unmigrated_database: Callable[[], Database]) -> None:
    with unmigrated_database().reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, schema.metadata)
    # SQLite keeps no comments, and cannot tell them from changed ones.
    assert [change for change in differences if "comment" not in str(change)] == []


def test_head_is_the_newest_migration() -> None:
    newest = max(path.stem.removeprefix("m")[:4] for path in VERSIONS.glob("m*.py"))
    assert newest == database_module.HEAD


def test_newer_schema_is_refused(unmigrated_database: Callable[[], Database]) -> None:
    opened = unmigrated_database()
    with opened.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StateError, match="newer version"):
        unmigrated_database()


def test_many_processes_may_start_at_once(unmigrated_database: Callable[[], Database], tmp_path: Path) -> None:
    url: str = unmigrated_database.url  # type: ignore[attr-defined]
    code = (
        f"from pathlib import Path; from aggregator.store import Database; Database({url!r}, Path({str(tmp_path)!r}))"
    )
    started = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(6)]
    errors = [process.communicate(timeout=60)[1].decode() for process in started]
    assert [(process.returncode, error) for process, error in zip(started, errors, strict=True)] == [(0, "")] * 6


@pytest.mark.parametrize(("said", "line"), [("", "Exception"), ("\n one\ntwo", "one")], ids=["nothing", "two lines"])
def test_an_error_of_the_database_is_one_line(said: str, line: str) -> None:
    assert database_module._first_line(DBAPIError("SELECT", (), Exception(said))) == line


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # psycopg's own half-made connection
def test_database_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "aggregator.db").mkdir()
    with pytest.raises(StateError, match=r"aggregator\.db cannot be used: [^\n]+$"):
        Database("sqlite", tmp_path)
    with pytest.raises(StateError, match="cannot be used"):
        Database("postgresql+psycopg://nobody@127.0.0.1:1/none", tmp_path)
    gc.collect()  # here, where its warning is expected, and not in the next test
