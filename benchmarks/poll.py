"""What does a poll cost, of the whole program with its store? CPU per source, beside a feedparser loop and a bare one.

Usage: python benchmarks/poll.py [--sources 200] [--entries 50] [--rounds 3] [--profile]

A server in a process of its own, on this machine, has so many feeds, RSS and Atom, each on an address of its own. They
are polled cold; again, answered 304; with one new entry in each; and with the body they had before, by a server that
knows no validators. The contenders, each in a process of its own, with a SQLite file of its own:

- ours: `runtime.once` with the shipped topics and concepts, publication included. What it costs when no source can be
  visited (rules read, sources registered) is its start-up, measured last and taken off each pass;
- a: what one would write first: feedparser as it comes in sixteen threads, validators, known guids ignored;
- b: what cannot be avoided: aiohttp, gunzip, expat without handlers, a row for the visit and one for each new entry.

CPU is user and system, with that of reader processes, alive or not. `--profile` shows where ours goes instead:
functions of all its threads by CPU, those of reader processes left out.
"""

import argparse
import asyncio
import cProfile
import gzip
import io
import itertools
import logging
import multiprocessing
import os
import pstats
import resource
import shutil
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from xml.parsers import expat

import aiohttp
import feedparser
import yaml
from newsfeeds import serve

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the checkout need not be installed

from aggregator import config as configuration  # noqa: E402
from aggregator import runtime  # noqa: E402

AT_ONCE, THREADS = 64, 16
REPEATS = 3  # of the cheap passes
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
SPAWN = multiprocessing.get_context("spawn")
Poll = Callable[[int], int]  # polls every source once; how many entries of each are new → how many were found new
Figures = dict[str, list[tuple[float, float]]]  # by pass: CPU and clock, in milliseconds per source
# By pass: at most so many times b, at least so many times cheaper than a.
AIMS = {"cold": (None, 3), "304": (2, None), "one new": (3, 15), "same body": (2, None)}


# The contenders: each gets a folder and the feeds' addresses, and gives what polls, and what only starts up.


@contextmanager
def ours(folder: Path, urls: Sequence[str]) -> Iterator[tuple[Poll, Poll]]:
    logging.getLogger(runtime.__name__).setLevel(logging.ERROR)  # it would name those that `start_up` keeps it from
    loaded = configured(folder, urls)
    with runtime.opened(loaded) as database:

        def poll(_: int) -> int:
            visits: list[Any] = []
            asyncio.run(runtime.once(loaded, database, visits.append))
            assert not any(visit is None or visit.error for visit in visits), visits
            return sum(visit.new for visit in visits)

        def start_up(_: int) -> int:
            with sqlite3.connect(database.place) as store:  # all hosts have asked to be left alone
                store.execute("UPDATE hosts SET free_at = datetime('now', '+30 minutes') || '.000000'")
            return poll(0)

        yield poll, start_up


def configured(folder: Path, urls: Sequence[str], topics: str = "", **more: str) -> configuration.Config:
    """The shipped configuration with these feeds as its sources, perhaps with other topics."""
    shutil.copytree(ROOT / "config", folder / "config")
    shutil.copytree(ROOT / "seeds", folder / "seeds")
    listed = {"sources": [{"url": url, "name": f"Feed {number}"} for number, url in enumerate(urls)]}
    (folder / "config" / "sources.yaml").write_text(yaml.safe_dump(listed))
    if topics:
        (folder / "config" / "topics.yaml").write_text(topics)
    given = {"FETCH__ALLOW": "127.0.0.0/8", "POLL__SPACING": "0s", "POLL__PER_HOST": "100", **more}
    return configuration.load(folder / "config", {f"AGGREGATOR_{name}": value for name, value in given.items()})


@contextmanager
def feedparser_loop(folder: Path, urls: Sequence[str]) -> Iterator[tuple[Poll, Poll]]:
    store, lock = opened(folder), threading.Lock()

    def visit(url: str) -> int:
        with lock:
            headers = {"Accept-Encoding": "gzip", **validators(store, url)}
        try:
            with OPENER.open(urllib.request.Request(url, headers=headers)) as response:  # noqa: S310
                answered, body = response.headers, gzip.decompress(response.read())
        except urllib.error.HTTPError as error:
            assert error.code == 304, error
            with lock, store:
                note(store, url, error.headers)
            return 0
        parsed = feedparser.parse(io.BytesIO(body))
        rows = [
            (url, said.id, said.title, said.link, said.get("published"), str(said.get("content")), said.get("summary"))
            for said in parsed.entries
        ]
        with lock, store:
            note(store, url, answered)
            return store.executemany("INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", rows).rowcount

    def poll(_: int) -> int:
        with ThreadPoolExecutor(THREADS) as pool:
            return sum(pool.map(visit, urls))

    yield poll, lambda _: 0
    store.close()


@contextmanager
def bare(folder: Path, urls: Sequence[str]) -> Iterator[tuple[Poll, Poll]]:
    store, guids = opened(folder), itertools.count()

    async def visit(session: aiohttp.ClientSession, gate: asyncio.Semaphore, url: str, fresh: int) -> int:
        async with gate, session.get(url, headers=validators(store, url)) as response:
            packed = await response.read()
        rows = []
        if response.status == 200:
            body = zlib.decompress(packed, 31)
            expat.ParserCreate().Parse(body, True)
            text = body[:4000].decode()  # about as much as an entry has
            rows = [(url, next(guids), "A title", url, "2026-01-01", text, "") for _ in range(fresh)]
        with store:
            note(store, url, response.headers)
            store.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        return len(rows)

    async def poll(fresh: int) -> int:
        gate = asyncio.Semaphore(AT_ONCE)
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            return sum(await asyncio.gather(*(visit(session, gate, url, fresh) for url in urls)))

    yield lambda fresh: asyncio.run(poll(fresh)), lambda _: 0
    store.close()


def opened(folder: Path) -> sqlite3.Connection:
    """A store for a contender, as durable as ours."""
    store = sqlite3.connect(folder / "store.db", check_same_thread=False)
    store.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "CREATE TABLE feeds (url TEXT PRIMARY KEY, etag TEXT, modified TEXT);"
        "CREATE TABLE visits (id INTEGER PRIMARY KEY, url TEXT, at TEXT);"
        "CREATE TABLE entries (url, guid, title, link, published, content, summary, PRIMARY KEY (url, guid))"
    )
    return store


def validators(store: sqlite3.Connection, url: str) -> dict[str, str]:
    known = store.execute("SELECT etag, modified FROM feeds WHERE url = ?", (url,)).fetchone() or (None, None)
    return {name: value for name, value in zip(("If-None-Match", "If-Modified-Since"), known, strict=True) if value}


def note(store: sqlite3.Connection, url: str, headers: Any) -> None:
    said = url, headers.get("ETag"), headers.get("Last-Modified")
    store.execute("INSERT OR REPLACE INTO feeds VALUES (?, ?, ?)", said)
    store.execute("INSERT INTO visits (url, at) VALUES (?, ?)", (url, str(datetime.now(UTC))))


CONTENDERS = {"ours": ours, "a": feedparser_loop, "b": bare}


def measure(pipe: Connection, name: str, urls: Sequence[str], entries: int, profile: bool) -> None:
    """All passes of one contender, in a process of its own."""
    repeats = 1 if profile or name == "a" else REPEATS
    passes = [("cold", "etag", 0, entries), *[("304", "etag", 0, 0)] * repeats, ("one new", "etag", 1, 1)]
    passes += [("same body", "plain", 1, 0)] * repeats
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder, CONTENDERS[name](Path(folder), urls) as (poll, start_up):
        for label, kind, edition, expected in passes:
            switch(urls, kind, edition)
            used = timed(profiled(poll, label) if profile else poll, expected, len(urls))
            figures.setdefault(label, []).append(used)
        spent = min(timed(start_up, 0, len(urls)) for _ in range(REPEATS))
    figures = {label: [(cpu - spent[0], clock - spent[1]) for cpu, clock in pairs] for label, pairs in figures.items()}
    pipe.send(figures | {"start-up": [spent]})


def switch(urls: Sequence[str], kind: str, edition: int) -> None:
    OPENER.open(f"{urls[0].partition('/feed/')[0]}/switch/{kind}/{edition}").close()


def timed(poll: Poll, fresh: int, sources: int) -> tuple[float, float]:
    """CPU and clock of a poll, in milliseconds per source."""
    before, clock = cpu(), time.perf_counter()
    found = poll(fresh)
    used = cpu() - before, time.perf_counter() - clock
    assert found == fresh * sources, f"{found} new entries instead of {fresh * sources}"
    return used[0] * 1e3 / sources, used[1] * 1e3 / sources


def cpu() -> float:
    """Seconds that this process and its children have computed, those that have ended and those that live."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    children = ended.ru_utime + ended.ru_stime + children_cpu(os.getpid())
    return children + time.process_time()  # last, so that the looking itself is not counted


def children_cpu(parent: int) -> float:
    """Of those that live, with theirs."""
    pids = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
    return sum(process_cpu(pid) for pid in pids if _stat(pid)[1:2] == [str(parent)])


def process_cpu(pid: int) -> float:
    """Of one that lives, with all below it: proc_pid_stat(5), fields 14 to 17."""
    return sum(map(int, _stat(pid)[11:15])) / os.sysconf("SC_CLK_TCK") + children_cpu(pid)


def _stat(pid: int) -> list[str]:
    """From field 3 on; nothing when it has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def profiled(poll: Poll, label: str) -> Poll:
    """The same, with a profile of all threads printed."""

    def run(fresh: int) -> int:
        profiles = [cProfile.Profile(time.thread_time)]

        def join(*_: Any) -> None:
            """The first thing a new thread does: it gets a profile of its own."""
            profiles.append(cProfile.Profile(time.thread_time))
            profiles[-1].enable()

        threading.setprofile(join)
        new = profiles[0].runcall(poll, fresh)
        threading.setprofile(None)  # type: ignore[arg-type]  # says that None is not allowed; the manual does
        print(f"\n{label}:")
        pstats.Stats(*profiles).strip_dirs().sort_stats("tottime").print_stats(25)
        return new

    return run


@contextmanager
def feeds(sources: int, entries: int) -> Iterator[tuple[list[str], int]]:
    """The addresses of so many feeds, served by a process, and how many bytes one has."""
    here, there = SPAWN.Pipe()
    server = SPAWN.Process(target=serve, args=(there, sources, entries), daemon=True)
    server.start()
    try:
        yield here.recv()
    finally:
        server.terminate()
        server.join()


def main(sources: int, entries: int, rounds: int, profile: bool) -> None:
    """Start the server, let each contender poll it, print what they needed."""
    with feeds(sources, entries) as (urls, size):
        print(f"{sources} sources of {entries} entries, {size:,} bytes each; medians of {rounds} rounds (least)")
        results: dict[str, Figures] = {name: {} for name in CONTENDERS}
        for name in ["ours"] if profile else [*CONTENDERS] * rounds:
            mine, theirs = SPAWN.Pipe()
            process = SPAWN.Process(target=measure, args=(theirs, name, urls, entries, profile))
            process.start()
            theirs.close()  # so that its end is noticed
            for label, pairs in mine.recv().items():
                results[name].setdefault(label, []).extend(pairs)
            process.join()
    if not profile:
        report(results)


def report(results: dict[str, Figures]) -> None:
    """A line for each pass; ratios are those of the medians of CPU."""
    print(f"start-up of ours, taken off: {min(results['ours']['start-up'])[0]:.2f} ms of CPU per source")
    print(f"{'CPU ms per source':18}{'ours':>17}{'a':>17}{'b':>17}{'ours/b':>8}{'a/ours':>8}   clock: ours, a, b")
    for label, (most, least) in AIMS.items():
        measured = [results[name][label] for name in CONTENDERS]
        ours, a, b = (statistics.median(cpu for cpu, _ in pairs) for pairs in measured)
        missed = "   MISSED" if (most and ours / b > most) or (least and a / ours < least) else ""
        cpus = "".join(
            f"{f'{cpu:.2f} ({min(pairs)[0]:.2f})':>17}" for cpu, pairs in zip((ours, a, b), measured, strict=True)
        )
        clocks = ", ".join(f"{statistics.median(clock for _, clock in pairs):.2f}" for pairs in measured)
        print(f"{label:18}{cpus}{ours / b:8.2f}{a / ours:8.2f}   {clocks}{missed}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sources", type=int, default=200)
    parser.add_argument("--entries", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="of ours alone")
    arguments = parser.parse_args()
    main(arguments.sources, arguments.entries, arguments.rounds, arguments.profile)
