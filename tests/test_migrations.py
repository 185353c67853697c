"""Migrations: they lead to the schema, run once, and bear company."""

import gc
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import upgrade
from alembic.migration import MigrationContext
from sqlalchemy import JSON, MetaData, Table, select, text
from sqlalchemy.exc import DBAPIError

from aggregator import furniture
from aggregator.errors import StateError
from aggregator.markers import built_in
from aggregator.models import Cut
from aggregator.store import Database, articles, schema
from aggregator.store import database as database_module

VERSIONS = Path(database_module.__file__).parent / "migrations" / "versions"


def test_migrations_lead_to_the_schema(unmigrated_database: Callable[[], Database]) -> None:
    with unmigrated_database().reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, schema.metadata)
    # SQLite keeps no comments, and cannot tell them from changed ones.
    assert [change for change in differences if "comment" not in str(change)] == []


def test_what_was_cut_from_an_article_stays_cut_and_is_kept(
    unmigrated_database: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = {"line": 1, "removed": ["Share this & that", "Read <more>"], "reason": "“Share this” stands behind"}
    with monkeypatch.context() as patch:
        patch.setattr(database_module, "HEAD", "0004")
        patch.setattr("alembic.command.upgrade", lambda config, _: upgrade(config, "0004"))
        old = unmigrated_database()
        with old.writing() as connection:
            found = MetaData()
            found.reflect(connection)
            tables = {name: found.tables[name] for name in ("sources", "articles")}
            connection.execute(tables["sources"].insert(), filled(tables["sources"], id="a", active=True))
            for key, mine in (("1", cut), ("2", None)):
                row = filled(tables["articles"], key=key, source="a", html="<p>One.</p>\n", cut=mine)
                connection.execute(tables["articles"].insert(), row)
    one, two = (articles.get(unmigrated_database(), key) for key in "12")
    assert one and two
    assert one.html == "<p>One.</p>\n"
    assert one.original == "<p>One.</p>\n<p>Share this &amp; that</p>\n<p>Read &lt;more&gt;</p>\n"
    assert one.cuts == (Cut(12, len(one.original), cut["reason"]),)  # type: ignore[arg-type]
    assert (two.original, two.cuts, two.told) == (None, (), ())
    assert furniture.cut(two, built_in()) is two
    assert furniture.cut(one, built_in()).html.strip() == "<p>One.</p>"


def test_numbers_of_visits_are_not_used_up_by_those_of_four_bytes(
    unmigrated_database: Callable[[], Database],
) -> None:
    database, last = unmigrated_database(), 2**31 - 1
    with database.writing() as connection:
        found = MetaData()
        found.reflect(connection)
        tables = {name: found.tables[name] for name in ("sources", "visits")}
        connection.execute(tables["sources"].insert(), filled(tables["sources"], id="a", active=True))
        visit = filled(tables["visits"], source="a", id=last)
        connection.execute(tables["visits"].insert(), visit)
        if not database.is_sqlite:
            connection.execute(text("SELECT setval('visits_id_seq', :last)"), {"last": last})
        del visit["id"]
        connection.execute(tables["visits"].insert(), visit)
        assert list(connection.execute(select(schema.visits.c.id)).scalars()) == [last, last + 1]


def test_stories_of_older_versions_have_the_dates_of_their_founders(
    unmigrated_database: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database_module, "HEAD", "0008")
        patch.setattr("alembic.command.upgrade", lambda config, _: upgrade(config, "0008"))
        old = unmigrated_database()
        with old.writing() as connection:
            found = MetaData()
            found.reflect(connection)
            tables = {name: found.tables[name] for name in ("sources", "articles", "stories")}
            connection.execute(tables["sources"].insert(), filled(tables["sources"], id="a", active=True))
            connection.execute(tables["articles"].insert(), filled(tables["articles"], key="1", source="a"))
            connection.execute(tables["stories"].insert(), filled(tables["stories"], id="1", lead="2"))
    with unmigrated_database().reading() as connection:
        founded = connection.execute(select(schema.stories.c.founded_at)).scalar_one()
    assert founded == datetime(2026, 1, 1, tzinfo=UTC)


def test_what_feeds_of_older_versions_show_has_entered_when_it_was_seen(
    unmigrated_database: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database_module, "HEAD", "0012")
        patch.setattr("alembic.command.upgrade", lambda config, _: upgrade(config, "0012"))
        old = unmigrated_database()
        with old.writing() as connection:
            found = MetaData()
            found.reflect(connection)
            tables = {name: found.tables[name] for name in ("sources", "articles", "stories", "topics", "memberships")}
            connection.execute(tables["sources"].insert(), filled(tables["sources"], id="a", active=True))
            connection.execute(tables["topics"].insert(), filled(tables["topics"], slug="t"))
            for key, hidden in (("1", False), ("2", True), ("3", None)):
                connection.execute(tables["articles"].insert(), filled(tables["articles"], key=key, source="a"))
                connection.execute(tables["stories"].insert(), filled(tables["stories"], id=key, lead=key))
                row = filled(tables["memberships"], topic="t", story=key, hidden=hidden)
                connection.execute(tables["memberships"].insert(), row)
    table = schema.memberships
    with unmigrated_database().reading() as connection:
        rows = connection.execute(select(table.c.entered_at, table.c.bundled_at).order_by(table.c.story)).all()
    assert [tuple(row) for row in rows] == [(datetime(2026, 1, 1, tzinfo=UTC), None), (None, None), (None, None)]


def filled(table: Table, **given: Any) -> dict[str, Any]:
    """A row with something in each column that must not be empty."""
    needed = [column for column in table.c if not column.nullable and column.server_default is None]
    return {column.name: something(column.type) for column in needed} | given


def something(kind: Any) -> Any:
    if isinstance(kind, JSON):
        return []
    return datetime(2026, 1, 1, tzinfo=UTC) if kind.python_type is datetime else kind.python_type()


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
