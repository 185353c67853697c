"""What systemd is told: STATUS in words, and that all is well only while it is so."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aggregator import condition, notify, service
from aggregator.errors import ConfigError, Place, Problem, StateError
from aggregator.models import Refusal
from aggregator.store import Database
from aggregator.store import claims as stored_claims
from aggregator.store import sources as stored_sources
from aggregator.store.sources import Summary

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("summary", "under_way", "said"),
    [
        (Summary(1204, 3, NOW + timedelta(seconds=4.2)), 0, "1,204 sources, 3 failing, next visit in 4 s"),
        (Summary(1, 0, NOW - timedelta(seconds=9)), 0, "1 source, next visit now"),
        (Summary(2, 0, NOW + timedelta(minutes=25)), 0, "2 sources, next visit in 25 min"),
        (Summary(2, 2, NOW + timedelta(hours=24)), 0, "2 sources, 2 failing, next visit in 24 h"),
        (Summary(2, 0, NOW), 1, "2 sources, 1 visit under way"),
        (Summary(9, 0, None), 9, "9 sources, 9 visits under way"),
        (Summary(0, 0, None), 0, "0 sources"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_status_says_what_is_done_now(summary: Summary, under_way: int, said: str) -> None:
    assert service.line(summary, under_way, NOW) == said


def test_status_is_one_line_that_no_configuration_can_bend() -> None:
    assert condition.one_line("a\x1b[2J\u202eb\nREADY=1") == "a [2J b"
    assert len(condition.one_line("x" * 9999)) == condition.LONGEST


def test_summary_counts_what_is_configured(database: Database) -> None:
    def source(key: str, host: str | None) -> Any:
        return SimpleNamespace(title=key, address=None, rank=1, host=host, paywall=False, moved_from=None, KIND="x")

    stored_sources.register(database, {"a": source("a", None), "b": source("b", "example.org")}, NOW)
    assert stored_sources.summary(database) == Summary(2, 0, NOW)
    for key in "ab":
        assert stored_claims.claim_one(database, key, NOW, lease=timedelta(minutes=1))
    assert stored_sources.summary(database) == Summary(2, 0, None)
    stored_sources.register(database, {}, NOW)
    assert stored_sources.summary(database) == Summary(0, 0, None)


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """All that systemd has heard so far."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        def messages() -> list[str]:
            found = []
            while True:
                try:
                    found.append(listener.recv(4096).decode())
                except BlockingIOError:
                    return found

        yield messages


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Pipeline:
    """A pipeline whose one thread works, hangs or has no database."""

    config = SimpleNamespace(sources={"a": 1}, topics={})
    database = None
    refusal: Refusal | None = None

    def __init__(self, work: Callable[[], Awaitable[Any]]) -> None:
        self.work = work

    def now(self) -> datetime:
        return NOW

    async def in_executor(self, _: Callable[[], Any]) -> Any:
        return await self.work()


def served(work: Callable[[], Awaitable[Any]], overdue: Callable[[], list[str]] = list) -> tuple[Any, Clock]:
    clock = Clock()
    made = service.Service(Pipeline(work), lambda: 0, overdue)  # type: ignore[arg-type]
    made.pulse = service.Pulse(clock)
    return made, clock


async def works() -> Summary:
    return Summary(1, 0, None)


async def hangs() -> Summary:
    await asyncio.Event().wait()
    raise AssertionError


async def fails() -> Summary:
    raise StateError("the database is locked")


async def has_a_bug() -> Summary:
    raise KeyError


@pytest.mark.parametrize(
    ("work", "status", "is_well"),
    [
        (works, "STATUS=1 source", True),
        (fails, "STATUS=the database is locked", True),
        (has_a_bug, "STATUS=", True),
        (hangs, None, False),
    ],
)
async def test_a_thread_that_hangs_is_found_out_and_a_database_that_is_locked_is_not_our_death(
    work: Callable[[], Awaitable[Any]], status: str | None, is_well: bool, heard: Callable[[], list[str]]
) -> None:
    made, clock = served(work)
    clock.now = 100
    made.pulse.beat("visits", "publication")
    telling = asyncio.create_task(made.tell_status())
    for _ in range(5):
        await asyncio.sleep(0)
    made._feed(patience=90)
    telling.cancel()
    assert heard() == ([status] if status else []) + ["WATCHDOG=1"] * is_well


@pytest.mark.parametrize("part", service.PARTS)
def test_each_part_of_the_work_has_to_get_on(
    part: str, heard: Callable[[], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    made, clock = served(works)
    clock.now = 100
    made.pulse.beat(*(other for other in service.PARTS if other != part))
    for _ in range(2):
        made._feed(patience=90)
    assert heard() == []
    assert caplog.messages == [f"the watchdog is told nothing while that is so: {part}: nothing for 100 s"]
    made.pulse.beat(part)
    made._feed(patience=90)
    assert heard() == ["WATCHDOG=1"]


def test_a_reader_process_that_outlives_its_time_is_found_out(heard: Callable[[], list[str]]) -> None:
    late = ["1 reader processes that should have ended"]
    made, _ = served(works, lambda: late)
    made._feed(patience=90)
    assert heard() == []
    late.clear()
    made._feed(patience=90)
    assert heard() == ["WATCHDOG=1"]


def test_what_takes_long_and_gets_on_is_given_time(heard: Callable[[], list[str]]) -> None:
    made, clock = served(works)
    for clock.now in range(0, 1000, 50):
        made.progress(200)
        assert made.pulse.silent(90) == {}
    (message,) = heard()  # more often than every ten seconds it is not said
    assert message.startswith("EXTEND_TIMEOUT_USEC=")


async def test_a_refused_configuration_stays_in_status_until_one_is_good(heard: Callable[[], list[str]]) -> None:
    made, _ = served(works)

    async def told() -> str:
        task = asyncio.create_task(made.tell_status())
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        return heard()[-1]

    made.refused(ConfigError([Problem("no", Place("topics.yaml")), Problem("more", Place("topics.yaml", 2))]))
    assert (await told()).endswith("UTC: topics.yaml:1:1: no; 1 source")
    refusal = made._pipeline.refusal
    assert (refusal.first, refusal.message) == ("topics.yaml:1:1: no", "topics.yaml:1:1: no\ntopics.yaml:2:1: more")
    made.reloaded()
    assert made._pipeline.refusal is None
    assert await told() == "STATUS=1 source"


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_who_waits_for_the_watchdog(environment: dict[str, str], seconds: float | None) -> None:
    assert notify.watchdog_seconds(environment) == seconds


@pytest.mark.parametrize("pid", ["", "1", "x"])
def test_sockets_of_others_are_left_alone(pid: str) -> None:
    environment = {"LISTEN_PID": pid, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"}
    assert notify.passed_sockets(environment) == []
    assert environment == {}


def test_nobody_who_listens_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify.notify("READY=1")
