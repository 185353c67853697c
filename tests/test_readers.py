"""Reader processes: they read as we do, and whatever a document does to one costs that document alone."""

import asyncio
import errno
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregator import readers as pool
from aggregator import reading, sniff
from aggregator.config.settings import Parse
from aggregator.errors import DocumentError, ReaderLost, StateError
from aggregator.models import Document
from aggregator.reader_process import packed, unpacked
from aggregator.readers import START_SECONDS, Readers
from aggregator.reading import Request

SEEDS = Path(__file__).parent.parent / "seeds"
NOW = datetime(2026, 11, 27, tzinfo=UTC)
REQUEST = Request("s", frozenset({sniff.FEED, sniff.TEXT}), NOW)
ITEM = (
    "<item><guid>{0}</guid><description>"
    + "&lt;p&gt;Words of entry {0}, and more words. " * 150
    + "</description></item>"
)
FEED = "<rss version='2.0'><channel>" + "".join(ITEM.format(number) for number in range(2000)) + "</channel></rss>"
SLOW = Document(FEED.encode(), "slow.xml")  # some seconds of work


def wire() -> Document:
    return Document((SEEDS / "wire.xml").read_bytes(), "wire.xml", "https://a.example/wire.xml")


@pytest.fixture
def readers() -> Iterator[Readers]:
    with Readers(Parse(processes=1, cpu=timedelta(seconds=1), time=timedelta(seconds=20))) as found:
        yield found


def pids(readers: Readers) -> set[int]:
    return {process._popen.pid for process in readers._all}


def test_a_reader_process_reads_what_we_would_read(readers: Readers) -> None:
    assert readers.read(wire(), REQUEST) == reading.read(wire(), REQUEST)
    first = pids(readers)
    memory = reading.read(wire(), REQUEST).memory
    again = readers.read(wire(), replace(REQUEST, memory=memory))
    assert (again.whole, again.known, again.articles) == (False, len(memory.entries), ())
    assert pids(readers) == first, "one process serves many documents"


def test_a_bad_document_is_refused_and_its_process_goes_on(readers: Readers) -> None:
    with pytest.raises(DocumentError, match="an HTML page"):
        readers.read(Document(b"<html></html>", "page"), REQUEST)
    before = pids(readers)
    assert readers.read(wire(), REQUEST).articles
    assert pids(readers) == before


def test_a_document_that_takes_too_long_ends_its_process_and_nothing_else(readers: Readers) -> None:
    readers.read(wire(), REQUEST)
    before = pids(readers)
    with pytest.raises(DocumentError, match=r"slow.xml: takes more than parse.cpu \(1 s\)") as caught:
        readers.read(SLOW, REQUEST)
    assert caught.value.kind == "reader"
    assert readers.read(wire(), REQUEST).articles
    assert not pids(readers) & before


def test_cpu_is_counted_for_each_document() -> None:
    text = Document(("Title\n\n" + "some words of a text. " * 20_000).encode(), "long.txt")
    with Readers(Parse(processes=1, cpu=timedelta(seconds=3))) as readers:
        while not pids(readers) or spent_seconds(readers) < 6:  # more than the limit, though each takes far less
            readers.read(text, REQUEST)
            assert len(pids(readers)) == 1


def spent_seconds(readers: Readers) -> float:
    """CPU of the one process there is."""
    (pid,) = pids(readers)
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_reader_process_that_died_without_work_costs_no_document(readers: Readers) -> None:
    readers.read(wire(), REQUEST)
    (process,) = readers._all
    os.kill(process._popen.pid, signal.SIGTERM)
    process._popen.wait(20)
    assert readers.read(wire(), REQUEST).articles
    assert len(readers._all) == 1 and process not in readers._all


def test_ctrl_c_is_not_for_reader_processes(readers: Readers) -> None:
    readers.read(wire(), REQUEST)
    before = pids(readers)
    os.kill(*before, signal.SIGINT)
    assert readers.read(wire(), REQUEST).articles
    assert pids(readers) == before


def test_without_room_for_a_process_no_source_is_blamed(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = files()
    with monkeypatch.context() as patch:
        patch.setattr("aggregator.readers.subprocess.Popen", full)
        with pytest.raises(StateError, match="no process can be started"):
            readers.read(wire(), REQUEST)
    assert files() == before
    assert readers.read(wire(), REQUEST).articles


def test_the_start_of_a_reader_process_is_not_charged_to_its_first_document(
    readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    class Noted(threading.Timer):
        def __init__(self, seconds: float, ring: Callable[[], None]) -> None:
            given.append(seconds)
            super().__init__(seconds, ring)

    monkeypatch.setattr("aggregator.readers.Timer", Noted)
    readers.read(wire(), REQUEST)
    readers.read(wire(), REQUEST)
    assert given == [20 + START_SECONDS, 20]


def test_no_process_is_born_behind_a_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is being started while the pool is closed is ended as well."""
    readers = Readers(Parse(processes=1))
    starting, go_on = threading.Event(), threading.Event()
    start = pool._started

    def slowly(*arguments: Any) -> Any:
        starting.set()
        go_on.wait(20)
        return start(*arguments)

    monkeypatch.setattr(pool, "_started", slowly)
    asked = readers.threads.submit(readers.read, wire(), REQUEST)
    starting.wait(20)
    closing = threading.Thread(target=readers.close)
    closing.start()
    go_on.set()
    closing.join(20)
    assert not closing.is_alive()
    with pytest.raises(StateError, match="stopping"):
        asked.result(0)
    assert not readers._all


def test_time_is_limited_though_no_cpu_is_used(readers: Readers) -> None:
    readers.read(wire(), REQUEST)
    (process,) = readers._all
    process._options = Parse(time=timedelta(seconds=1))
    os.kill(process._popen.pid, signal.SIGSTOP)
    with pytest.raises(DocumentError, match=r"parse\.time"):
        readers.read(wire(), REQUEST)
    assert readers.read(wire(), REQUEST).articles


def test_a_process_that_is_killed_from_outside_is_not_its_documents_fault(readers: Readers) -> None:
    readers.read(wire(), REQUEST)
    (pid,) = pids(readers)
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
    with pytest.raises(ReaderLost, match="ended from outside"):
        readers.read(wire(), REQUEST)
    assert readers.read(wire(), REQUEST).articles


def test_memory_is_limited() -> None:
    with Readers(Parse(processes=1, memory=200_000_000)) as readers:
        # What it says is legal, so that size alone is its fault.
        items = b"[]," * 12_000_000 + b"[]"
        feed = Document(b'{"version": "https://jsonfeed.org/version/1.1", "items": [' + items + b"]}", "huge.json")
        with pytest.raises(DocumentError, match=r"huge.json: takes more than parse.memory \(200,000,000 bytes\)"):
            readers.read(feed, replace(REQUEST, accepts=frozenset({sniff.JSON_FEED})))
        assert readers.read(wire(), REQUEST).articles


def test_close_ends_processes_at_work() -> None:
    readers = Readers(Parse(processes=1))
    errors: list[Exception] = []

    def ask() -> None:
        try:
            readers.read(SLOW, REQUEST)
        except StateError as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not pids(readers):
        time.sleep(0.01)
    (pid,) = pids(readers)
    readers.close()
    thread.join(10)
    assert len(errors) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(StateError, match="stopping"):
        readers.read(wire(), REQUEST)


def test_idle_processes_are_ended(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    readers.read(wire(), REQUEST)
    readers.tidy()
    assert pids(readers)
    monkeypatch.setattr("aggregator.readers.IDLE_SECONDS", 0.0)
    readers.tidy()
    assert not pids(readers)
    assert readers.read(wire(), REQUEST).articles


def test_a_reader_process_knows_no_secret_of_ours(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_PASSWORD", "hush")
    readers.read(wire(), REQUEST)
    (pid,) = pids(readers)
    assert b"hush" not in Path(f"/proc/{pid}/environ").read_bytes()


class Call:
    def __reduce__(self):
        return os.system, ("echo",)


def test_an_answer_can_name_nothing_but_values() -> None:
    assert unpacked(packed(REQUEST)) == REQUEST
    for evil in (pickle.dumps(Call()), pickle.dumps(os.system), pickle.dumps(Readers)):
        with pytest.raises(pickle.UnpicklingError, match="no plain value"):
            unpacked(evil)


async def test_many_readers_share_a_few_processes() -> None:
    with Readers(Parse(processes=2)) as readers:
        loop = asyncio.get_running_loop()
        asked = [loop.run_in_executor(readers.threads, readers.read, wire(), REQUEST) for _ in range(12)]
        found = await asyncio.gather(*asked)
        assert len({reading.articles for reading in found}) == 1
        assert len(pids(readers)) <= 2


def test_processes_end_with_a_daemon_that_is_killed(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb"
    bomb.write_bytes(b"Title\n\n" + b"Some words. " * 1_000_000)
    program = f"""
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from aggregator.config.settings import Parse
from aggregator.models import Document
from aggregator.readers import Readers
from aggregator.reading import Request
readers = Readers(Parse(processes=1))
document = Document(Path({str(bomb)!r}).read_bytes(), "bomb")
ask = Request("s", frozenset({{"text/plain"}}), datetime.now(UTC))
threading.Thread(target=lambda: [readers.read(document, ask) for _ in range(99)], daemon=True).start()
while not readers._all:
    pass
print(next(iter(readers._all))._popen.pid, flush=True)
threading.Event().wait()
"""
    environment = os.environ | {"PYTHONPATH": str(SEEDS.parent)}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        time.sleep(1.0)  # it has started, and is at work
        parent.kill()
        parent.wait()
        end = time.monotonic() + 20
        while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
            assert time.monotonic() < end
            time.sleep(0.05)
