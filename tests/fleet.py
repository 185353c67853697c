"""Many workers for tests: real processes of the program on one PostgreSQL database, and the web that they read.

The web is one proxy that answers for any number of hosts, each with a feed; it notes who was asked when.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psycopg

from tests import postgresql_server
from tests.postgresql_server import free_port

ROOT = Path(__file__).parent.parent
WITHIN = 120.0  # seconds: far more than anything here takes, also on a machine with much else to do


def host(number: int) -> str:
    return f"s{number:05}.example"


class Web:
    """Hosts whose feeds have an article of their own, and one that each two neighbours share."""

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay  # seconds until an answer
        self.asked: Counter[str] = Counter()
        self.times: dict[str, list[tuple[float, float]]] = defaultdict(list)  # begin and end of each request, by host
        self.edition = 1  # more of it is more articles
        self.gate = threading.Event()  # closed: nobody is answered
        self.gate.set()
        self.url = ""

    @contextmanager
    def running(self) -> Iterator["Web"]:
        ready = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)))
        thread.start()
        ready.wait()
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=512) as server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            ready.set()
            await self._stop.wait()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            name = head.split(b" ", 2)[1].decode().split("/")[2]
            self.asked[name] += 1
            began = time.monotonic()
            await asyncio.sleep(self.delay)
            while not self.gate.is_set():
                await asyncio.sleep(0.02)
            body = self.feed(int(name[1:6]))
            self.times[name.partition(".")[2]].append((began, time.monotonic()))
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body) + body
            )
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def feed(self, number: int) -> bytes:
        items = []
        for edition in range(1, self.edition + 1):
            items += [item(f"own {number} {edition}"), item(f"shared {number // 2} {edition}")]
        return f"<rss version='2.0'><channel><title>T</title>{''.join(items)}</channel></rss>".encode()


class Line:
    """The network between workers and their database: it can be cut, which ends what goes over it."""

    def __init__(self, port: int) -> None:
        self._there = port
        self._is_cut = False
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0

    @contextmanager
    def running(self) -> Iterator["Line"]:
        ready = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)))
        thread.start()
        ready.wait()
        try:
            yield self
        finally:
            self.cut()
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join()

    def cut(self) -> None:
        self._is_cut = True
        self._loop.call_soon_threadsafe(lambda: [writer.transport.abort() for writer in self._open])

    def mend(self) -> None:
        self._is_cut = False

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(self._join, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await self._stop.wait()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._there)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, forth}
        await asyncio.gather(_passed_on(reader, forth), _passed_on(back, writer))
        self._open -= {writer, forth}


async def _passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.CancelledError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()


def item(name: str) -> str:
    chance = random.Random(name)
    words = " ".join(f"w{chance.randrange(100_000)}" for _ in range(60))
    return f"<item><guid>{name}</guid><title>Harbour {name}</title><description>{words}.</description></item>"


class Fleet:
    """Workers with one configuration, each with a state directory of its own."""

    def __init__(self, folder: Path, database: str, web: Web, **settings: str) -> None:
        self.folder = folder
        self.database = database
        self.processes: list[subprocess.Popen[bytes]] = []
        self.bases: list[str] = []
        self.lease = 600.0  # seconds
        self._settings = {"FETCH__PROXY": web.url, "FETCH__ALLOW": "127.0.0.0/8", "POLL__CONCURRENCY": "64", **settings}
        self.config = folder / "config"
        self.config.mkdir()
        (self.config / "topics.yaml").write_text(
            "topics:\n  harbour:\n    title: Harbour\n    any: [{phrase: harbour, in: title}]\n    related: false\n"
        )
        (self.config / "aggregator.yaml").write_text("tag_authority: example.org,2026\n")

    def sources(self, *hosts: str) -> None:
        lines = [f"  - url: http://{name}/feed\n" for name in hosts]
        (self.config / "sources.yaml").write_text("sources:\n" + "".join(lines))

    def start(self, roles: str = "poll,publish,serve", **settings: str) -> subprocess.Popen[bytes]:
        number, port = len(self.processes), free_port()
        given = {"DATABASE": self.database, "STATE": str(self.folder / f"state{number}"), **self._settings, **settings}
        given["LISTEN"] = f"127.0.0.1:{port}"
        given["BASE_URL"] = "http://news.example/"
        command = [sys.executable, "-m", "tests.worker_process", str(self.lease), "--config", str(self.config)]
        with (self.folder / f"log{number}").open("wb") as log:
            process = subprocess.Popen(
                [*command, "run", "--only", roles],
                cwd=ROOT,
                env=os.environ
                | {"PYTHONUNBUFFERED": "1"}
                | {f"AGGREGATOR_{name}": value for name, value in given.items()},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        self.bases.append(f"http://127.0.0.1:{port}/")
        return process

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def said(self, number: int | None = None) -> str:
        logs = range(len(self.processes)) if number is None else [number]
        return "\n".join((self.folder / f"log{one}").read_text() for one in logs)

    def until(self, question: Callable[[], Any], within: float = WITHIN) -> Any:
        """What a question is answered with when it is answered with something."""
        end = time.monotonic() + within
        while not (answer := question()):
            dead = [number for number, one in enumerate(self.processes) if one.poll() not in (None, 0, -9, -15)]
            assert not dead, f"ended by itself:\n{self.said(dead[0])[-3000:]}"
            assert time.monotonic() < end, f"did not come about; they said:\n{self.said()[-6000:]}"
            time.sleep(0.05)
        return answer

    def rows(self, question: str) -> list[tuple[Any, ...]]:
        """Answers to a question, which waits while the database is away."""
        server, _, name = self.database.rpartition("/")
        end = time.monotonic() + WITHIN
        while True:
            try:
                with postgresql_server.connected(server, name) as connection:
                    found = connection.execute(question.encode())
                    return found.fetchall() if found.description else []
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def value(self, question: str) -> Any:
        return self.rows(question)[0][0]


def fetched(url: str) -> tuple[dict[str, str], bytes] | None:
    """Headers and body; None while there is nothing."""
    try:
        with urlopen(Request(url), timeout=10) as response:
            return {name.lower(): value for name, value in response.headers.items()}, response.read()
    except OSError:
        return None
