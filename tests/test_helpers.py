"""Helper processes: they read as we do, and whatever a document does to one costs that document alone."""

import asyncio
import errno
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregator import helpers as pool
from aggregator import reading, sniff
from aggregator.config.settings import Parse
from aggregator.errors import DocumentError, StateError
from aggregator.helper import packed, unpacked
from aggregator.helpers import START_SECONDS, Helpers
from aggregator.models import Document
from aggregator.reading import Request

SEEDS = Path(__file__).parent.parent / "seeds"
NOW = datetime(2026, 11, 27, tzinfo=UTC)
REQUEST = Request("s", frozenset({sniff.FEED, sniff.TEXT}), NOW)
SLOW = Document(b"Title\n\n" + b"some words of a text. " * 400_000, "slow.txt")  # many times a second


def wire() -> Document:
    return Document((SEEDS / "wire.xml").read_bytes(), "wire.xml", "https://a.example/wire.xml")


@pytest.fixture
def helpers() -> Iterator[Helpers]:
    with Helpers(Parse(helpers=1, cpu=timedelta(seconds=1), time=timedelta(seconds=20))) as found:
        yield found


def pids(helpers: Helpers) -> set[int]:
    return {helper._process.pid for helper in helpers._all}


def test_a_helper_reads_what_we_would_read(helpers: Helpers) -> None:
    assert helpers.read(wire(), REQUEST) == reading.read(wire(), REQUEST)
    first = pids(helpers)
    memory = reading.read(wire(), REQUEST).memory
    again = helpers.read(wire(), replace(REQUEST, memory=memory))
    assert (again.whole, again.known, again.articles) == (False, len(memory.entries), ())
    assert pids(helpers) == first, "one process serves many documents"


def test_a_bad_document_is_refused_and_its_helper_goes_on(helpers: Helpers) -> None:
    with pytest.raises(DocumentError, match="an HTML page"):
        helpers.read(Document(b"<html></html>", "page"), REQUEST)
    before = pids(helpers)
    assert helpers.read(wire(), REQUEST).articles
    assert pids(helpers) == before


def test_a_document_that_takes_too_long_ends_its_helper_and_nothing_else(helpers: Helpers) -> None:
    helpers.read(wire(), REQUEST)
    before = pids(helpers)
    with pytest.raises(DocumentError, match=r"slow.txt: takes more than parse.cpu \(1 s\)") as caught:
        helpers.read(SLOW, REQUEST)
    assert caught.value.kind == "helper"
    assert helpers.read(wire(), REQUEST).articles
    assert not pids(helpers) & before


def test_cpu_is_counted_for_each_document() -> None:
    text = Document(("Title\n\n" + "some words of a text. " * 20_000).encode(), "long.txt")
    with Helpers(Parse(helpers=1, cpu=timedelta(seconds=3))) as helpers:
        while not pids(helpers) or spent_seconds(helpers) < 6:  # more than the limit, though each takes far less
            helpers.read(text, REQUEST)
            assert len(pids(helpers)) == 1


def spent_seconds(helpers: Helpers) -> float:
    """CPU of the one helper there is."""
    (pid,) = pids(helpers)
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_helper_that_died_without_work_costs_no_document(helpers: Helpers) -> None:
    helpers.read(wire(), REQUEST)
    (helper,) = helpers._all
    os.kill(helper._process.pid, signal.SIGTERM)
    helper._process.wait(20)
    assert helpers.read(wire(), REQUEST).articles
    assert len(helpers._all) == 1 and helper not in helpers._all


def test_ctrl_c_is_not_for_helpers(helpers: Helpers) -> None:
    helpers.read(wire(), REQUEST)
    before = pids(helpers)
    os.kill(*before, signal.SIGINT)
    assert helpers.read(wire(), REQUEST).articles
    assert pids(helpers) == before


def test_without_room_for_a_process_no_source_is_blamed(helpers: Helpers, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = files()
    with monkeypatch.context() as patch:
        patch.setattr("aggregator.helpers.subprocess.Popen", full)
        with pytest.raises(StateError, match="no process can be started"):
            helpers.read(wire(), REQUEST)
    assert files() == before
    assert helpers.read(wire(), REQUEST).articles


def test_the_start_of_a_helper_is_not_charged_to_its_first_document(
    helpers: Helpers, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    class Noted(threading.Timer):
        def __init__(self, seconds: float, ring: Callable[[], None]) -> None:
            given.append(seconds)
            super().__init__(seconds, ring)

    monkeypatch.setattr("aggregator.helpers.Timer", Noted)
    helpers.read(wire(), REQUEST)
    helpers.read(wire(), REQUEST)
    assert given == [20 + START_SECONDS, 20]


def test_no_helper_is_born_behind_a_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is being started while the pool is closed is ended as well."""
    helpers = Helpers(Parse(helpers=1))
    starting, go_on = threading.Event(), threading.Event()
    start = pool._started

    def slowly(*arguments: Any) -> Any:
        starting.set()
        go_on.wait(20)
        return start(*arguments)

    monkeypatch.setattr(pool, "_started", slowly)
    asked = helpers.threads.submit(helpers.read, wire(), REQUEST)
    starting.wait(20)
    closing = threading.Thread(target=helpers.close)
    closing.start()
    go_on.set()
    closing.join(20)
    assert not closing.is_alive()
    with pytest.raises(DocumentError):
        asked.result(0)
    assert not helpers._all


def test_time_is_limited_though_no_cpu_is_used(helpers: Helpers) -> None:
    helpers.read(wire(), REQUEST)
    (helper,) = helpers._all
    helper._options = Parse(time=timedelta(seconds=1))
    os.kill(helper._process.pid, signal.SIGSTOP)
    with pytest.raises(DocumentError, match=r"parse\.time"):
        helpers.read(wire(), REQUEST)
    assert helpers.read(wire(), REQUEST).articles


def test_memory_is_limited() -> None:
    with Helpers(Parse(helpers=1, memory=200_000_000)) as helpers:
        # A frame that does not fit. What it says is legal text, so that size alone is its fault.
        text = Document(b"Title\n\n" + b"word " * 12_000_000, "huge.txt")
        with pytest.raises(DocumentError, match=r"huge.txt: takes more than parse.memory \(200,000,000 bytes\)"):
            helpers.read(text, REQUEST)
        assert helpers.read(wire(), REQUEST).articles


def test_close_ends_helpers_at_work() -> None:
    helpers = Helpers(Parse(helpers=1))
    errors: list[Exception] = []

    def ask() -> None:
        try:
            helpers.read(SLOW, REQUEST)
        except DocumentError as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not pids(helpers):
        time.sleep(0.01)
    (pid,) = pids(helpers)
    helpers.close()
    thread.join(10)
    assert len(errors) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(DocumentError, match="stopping"):
        helpers.read(wire(), REQUEST)


def test_idle_helpers_are_ended(helpers: Helpers, monkeypatch: pytest.MonkeyPatch) -> None:
    helpers.read(wire(), REQUEST)
    helpers.tidy()
    assert pids(helpers)
    monkeypatch.setattr("aggregator.helpers.IDLE_SECONDS", 0.0)
    helpers.tidy()
    assert not pids(helpers)
    assert helpers.read(wire(), REQUEST).articles


def test_a_helper_knows_no_secret_of_ours(helpers: Helpers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_PASSWORD", "hush")
    helpers.read(wire(), REQUEST)
    (pid,) = pids(helpers)
    assert b"hush" not in Path(f"/proc/{pid}/environ").read_bytes()


class Call:
    def __reduce__(self):
        return os.system, ("echo",)


def test_an_answer_can_name_nothing_but_values() -> None:
    assert unpacked(packed(REQUEST)) == REQUEST
    for evil in (pickle.dumps(Call()), pickle.dumps(os.system), pickle.dumps(Helpers)):
        with pytest.raises(pickle.UnpicklingError, match="no plain value"):
            unpacked(evil)


async def test_many_readers_share_a_few_helpers() -> None:
    with Helpers(Parse(helpers=2)) as helpers:
        loop = asyncio.get_running_loop()
        asked = [loop.run_in_executor(helpers.threads, helpers.read, wire(), REQUEST) for _ in range(12)]
        found = await asyncio.gather(*asked)
        assert len({reading.articles for reading in found}) == 1
        assert len(pids(helpers)) <= 2
