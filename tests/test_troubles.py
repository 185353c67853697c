"""What goes wrong around the daemon: it says so, goes on as far as it can, and recovers without help."""

import asyncio
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import delete, insert, select, update

from aggregator import config, runtime
from aggregator.clock import Clock
from aggregator.config.settings import Fetch
from aggregator.daemon import Daemon
from aggregator.errors import FetchError, StateError
from aggregator.fetch import Fetcher
from aggregator.store import Database, ahead, claims, schema, sources, topics, upkeep, visits
from aggregator.ticks import Ticks
from tests.test_daemon import aggregator
from tests.test_retention import CONFIGURED
from tests.test_store import NOW, lease_of, visited

YEARS = timedelta(days=3650)


@pytest.fixture
def store(database: Database) -> Database:
    sources.register(database, CONFIGURED, NOW)
    topics.register(database, ["one", "two"], "rules", NOW)
    return database


def visit(store: Database, source: str, at: datetime, due_at: datetime) -> None:
    lease = lease_of(store, source, at)
    outcome = visited(lease)
    visits.save(store, lease, replace(outcome, visit=replace(outcome.visit, started_at=at), due_at=due_at))


def due(store: Database) -> dict[str, datetime]:
    with store.reading() as connection:
        found = connection.execute(select(schema.sources.c.id, schema.sources.c.due_at))
        return {source: due_at for source, due_at in found}


def test_source_that_was_visited_by_a_clock_ahead_does_not_wait_for_it(store: Database) -> None:
    visit(store, "b", NOW, NOW + timedelta(days=30))
    visit(store, "a", NOW + YEARS, NOW + YEARS + timedelta(hours=1))
    with store.writing() as connection:
        connection.execute(delete(schema.hosts))
        connection.execute(insert(schema.hosts).values(host="c.example", free_at=NOW + YEARS))
        claimed = update(schema.sources).where(schema.sources.c.id == "c")
        connection.execute(claimed.values(leased_until=NOW + YEARS, due_at=NOW))
    assert ahead.put_right(store, NOW) == 1
    assert due(store) == {"a": NOW, "b": NOW + timedelta(days=30), "c": NOW}
    with store.reading() as connection:
        assert connection.execute(select(schema.hosts.c.free_at)).scalar_one() == NOW
        assert set(connection.execute(select(schema.sources.c.leased_until)).scalars()) == {None}
    visit(store, "a", NOW, NOW + timedelta(hours=1))
    assert ahead.put_right(store, NOW + timedelta(seconds=1)) == 0  # the visits of before are in its history still
    assert due(store)["a"] == NOW + timedelta(hours=1)


def test_clock_that_runs_does_not_jump_and_one_that_is_set_does() -> None:
    clock, minute = Clock(), timedelta(minutes=1)
    assert clock.jumped(NOW, 10.0) == timedelta()
    assert clock.jumped(NOW + minute, 70.0) == timedelta()
    assert clock.jumped(NOW + minute + YEARS, 70.0) == YEARS
    assert clock.jumped(NOW + YEARS + 2 * minute, 130.0) == timedelta()
    assert clock.jumped(NOW + 3 * minute, 190.0) == -YEARS


async def test_daemon_says_that_the_clock_jumped_and_lets_nobody_wait(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = config.load(config_directory, {})
    off = timedelta()
    monkeypatch.setattr("aggregator.polling.utc_now", lambda: datetime.now(UTC) + off)
    with runtime.opened(found) as database:
        daemon = Daemon(found, database, lambda: found)
        await daemon._polling.look_at_clock()
        off = YEARS
        await daemon._polling.look_at_clock()
        off = timedelta()
        await daemon._polling.look_at_clock()
        daemon._executor.shutdown()
    assert "the clock was put forward by 3650 d" in caplog.text
    assert "the clock was put back by 3650 d: 0 sources are due" in caplog.text


def test_second_daemon_is_refused(config_directory: Path) -> None:
    found = config.load(config_directory, {})
    with runtime.locked(found.state):
        ended = aggregator(config_directory, "run")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"aggregator: another aggregator is running on {found.state}; stop it first, or use another `state`\n"
    )


def test_newer_schema_is_refused_with_a_line(tmp_path: Path) -> None:
    Database("sqlite", tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "aggregator.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StateError, match=r"was written by a newer version \(schema 9999.*install that version"):
        Database("sqlite", tmp_path)


async def test_database_that_another_program_locks_is_waited_for(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is visited or published meanwhile, once a minute that is said, and then all goes on."""
    monkeypatch.setattr("aggregator.store.database._PRAGMAS", ("journal_mode=WAL", "busy_timeout=50"))
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        daemon = Daemon(found, database, lambda: found)
        await daemon._pipeline.in_executor(daemon._pipeline.prepare)
        with closing(sqlite3.connect(database.place, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for _ in range(3):
                with pytest.raises(StateError, match="database is locked"):
                    await daemon._pipeline.in_executor(lambda: sources.make_due(database, NOW))
                await daemon._publishing.keep_house()
            other.execute("ROLLBACK")
        await daemon._pipeline.in_executor(lambda: sources.make_due(database, NOW))
        daemon._executor.shutdown()
    assert "what is too old was not removed, will try again" in caplog.text


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """What systemd has been told so far."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(str(tmp_path / "told"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "told"))

        def messages() -> list[str]:
            found = []
            with suppress(BlockingIOError):
                while True:
                    found.append(listener.recv(4096).decode().partition("\n")[0])
            return found

        yield messages


async def reloaded(daemon: Daemon) -> None:
    daemon._reloading.begin(Ticks())
    daemon._reloading.soon()
    await daemon._reloading.ended()
    daemon._executor.shutdown()


async def test_a_bug_met_by_a_reload_is_told_and_ends_it(
    config_directory: Path, told: Callable[[], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    found = config.load(config_directory, {})

    def buggy() -> config.Config:
        raise RecursionError("in a plug-in")

    with runtime.opened(found) as database:
        daemon = Daemon(found, database, buggy)
        await reloaded(daemon)
    assert told() == ["RELOADING=1", "READY=1"]
    assert "RecursionError: in a plug-in" in caplog.text
    assert "a bug met: RecursionError: in a plug-in" in daemon._service.readiness().text()


async def test_a_configuration_that_the_store_cannot_be_told_of_is_no_bad_one(
    config_directory: Path, told: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aggregator.store.database._PRAGMAS", ("journal_mode=WAL", "busy_timeout=50"))
    monkeypatch.setattr("aggregator.reloading.RETRY_SECONDS", 0.01)
    found = config.load(config_directory, {})
    tries = []
    with (
        runtime.opened(found) as database,
        closing(sqlite3.connect(database.place, isolation_level=None, check_same_thread=False)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")

        def read() -> config.Config:
            tries.append(daemon._pipeline.refusal)
            if len(tries) == 3:
                other.execute("ROLLBACK")
            return new

        new = config.load(config_directory, {})
        daemon = Daemon(found, database, read)
        await reloaded(daemon)
    assert (tries, daemon.config is new) == ([None] * 3, True)
    assert told() == ["RELOADING=1", "READY=1"] * 3


async def test_a_reload_waits_for_the_end_of_the_start(config_directory: Path, told: Callable[[], list[str]]) -> None:
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        daemon = Daemon(found, database, lambda: found)
        daemon._reloading.soon()
        await daemon._reloading.ended()
        assert told() == []
        await reloaded(daemon)
    assert told() == ["RELOADING=1", "READY=1"]


async def test_what_cannot_be_written_is_a_trouble_though_it_can_be_read(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "aggregator.service")
    monkeypatch.setattr("aggregator.store.database._PRAGMAS", ("journal_mode=WAL", "busy_timeout=50"))
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        daemon = Daemon(found, database, lambda: found)
        with closing(sqlite3.connect(database.place, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await daemon._polling.poll()
            daemon._service.note("store", None)  # it was read
            since = daemon._service.store_trouble
            assert since and "visits: " in daemon._service.readiness().text()
            await daemon._polling.poll()
            assert daemon._service.store_trouble
            assert daemon._service.store_trouble[0] == since[0] < daemon._service.store_trouble[1]
            other.execute("ROLLBACK")
        await daemon._polling.poll()
        assert "visits" not in daemon._service.readiness().text()
        assert caplog.text.count("the store is well again, after ") == 1
        daemon._executor.shutdown()


async def test_trouble_that_goes_on_is_told_once_a_minute(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> None:
        raise StateError("the database is away")

    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        daemon = Daemon(found, database, lambda: found)
        monkeypatch.setattr(daemon._pipeline, "fulfil", fails)
        for _ in range(3):
            await daemon._publishing.publish()
        assert caplog.text.count("nothing published, will try again: the database is away") == 1
        monkeypatch.setattr("aggregator.service.COMPLAINT_SECONDS", 0)
        await daemon._publishing.publish()
        assert caplog.text.count("nothing published, will try again: the database is away") == 2
        daemon._executor.shutdown()


async def test_a_store_that_fails_in_the_end_keeps_nothing_else_from_being_ended(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise StateError("the database is locked")

    found, left = config.load(config_directory, {}), []
    monkeypatch.setattr(claims, "release", fails)
    with runtime.opened(found) as database:
        daemon = Daemon(found, database, lambda: found)
        monkeypatch.setattr(daemon._duties, "leave", lambda: left.append(True))
        await daemon._end()
    assert left == [True]
    assert "not given back" in caplog.text


async def test_name_that_hangs_holds_nothing_else_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them than other work has threads."""
    answers, hanging = threading.Event(), threading.Semaphore(0)
    ask = socket.getaddrinfo

    def resolve(host: str, *arguments: Any, **named: Any) -> Any:
        if host.endswith("hangs.example"):
            hanging.release()
            answers.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return ask(host, *arguments, **named)

    async def good(request: web.Request) -> web.Response:
        return web.Response(text="good")

    monkeypatch.setattr("aggregator.fetch.socket.getaddrinfo", resolve)
    app = web.Application()
    app.router.add_get("/", good)
    options = Fetch.model_validate({"allow": ["127.0.0.0/8", "::1"], "total": "30s", "connect": "30s"})
    async with TestServer(app) as server, Fetcher(options) as fetcher:
        waiting = [asyncio.ensure_future(fetcher.get(f"http://{n}.hangs.example/")) for n in range(40)]
        for _ in waiting:
            await asyncio.to_thread(hanging.acquire)
        assert (await fetcher.get(f"http://localhost:{server.port}/")).body == b"good"
        answers.set()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert {error.kind for error in ended if isinstance(error, FetchError)} == {"dns"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for little."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or not mount or subprocess.run([mount, "-t", "tmpfs", "-o", "size=3m", "x", place]).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_full_disk_loses_nothing_and_is_survived(config_directory: Path, small_disk: Path) -> None:
    """`once` says what is wrong; when there is room again, everything is there."""
    environment = {"AGGREGATOR_STATE": str(small_disk / "var")}
    assert aggregator(config_directory, "once", **environment).returncode == 0
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(bytes(4_000_000))
    with filler.open("ab") as file, pytest.raises(OSError, match="No space left"):
        while True:
            os.write(file.fileno(), bytes(4096))
    shutil.copytree(config_directory.parent / "seeds", config_directory.parent / "more")
    for path in (config_directory.parent / "more").glob("*.txt"):
        path.write_text(f"More of this\n\n{path.read_text()}\n{'Words of its own. ' * 500}")
    sources_file = config_directory / "sources.yaml"
    sources_file.write_text(sources_file.read_text().replace("../seeds", "../more"))
    full = aggregator(config_directory, "once", **environment)
    assert full.returncode == 1
    assert re.search("disk is full|disk I/O error|No space left", full.stderr), full.stderr
    filler.unlink()
    assert aggregator(config_directory, "once", **environment).returncode == 0
    with closing(Database("sqlite", small_disk / "var")) as database:
        assert upkeep.faults(database) == []
