"""Nothing that a document holds keeps the event loop from other work: measured with the worst of them being read."""

import asyncio
import gc
import gzip
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aggregator import config, reading, runtime, sniff
from aggregator.daemon import Daemon
from aggregator.errors import DocumentError
from aggregator.models import Document, Visit
from aggregator.pipeline import utc_now
from aggregator.reading import Request, TooMuch
from aggregator.store import Database, sources

LIMIT = 0.020  # seconds
# Of some ten thousand waits: bodies of 15 MB that are put together in one piece, and garbage that is looked through.
EXCEPTIONS, LONGEST = 12, 0.5
PATIENCE = 120.0
BOTH = "China and Russia talked. Russia agreed with China. China thanked Russia. "


def rss(*items: str) -> bytes:
    return f"<rss version='2.0'><channel><title>T</title>{''.join(items)}</channel></rss>".encode(
        "utf-8", "surrogateescape"
    )


def item(number: int, text: str) -> str:
    return (
        f"<item><guid>{number}</guid><title>China and Russia {number}</title><description>{text}</description></item>"
    )


def laughs() -> bytes:
    lines = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 8))
    return f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY l0 "ha">{lines}]><rss version="2.0"><channel><title>&l7;</title></channel></rss>'.encode()


PLAIN = item(1, "x").encode()
BOMBS = {
    "attributes": rss(item(1, "<x " + " ".join(f"a{n}='1'" for n in range(50_000)) + "/>")),
    "depth": rss(item(1, "<b>" * 200_000 + "</b>" * 200_000)),
    "entities": laughs(),
    "markup": rss(item(1, "&lt;div&gt;" * 50_000)),
    "formatting": rss(item(1, "".join(f"&lt;b title={n}&gt;" for n in range(2000)) + "&lt;p&gt;" * 2000)),
    "many": rss(*(item(n, (BOTH + f"{n} ") * 60) for n in range(700))),
    "long": rss(item(1, BOTH * 13_000)),
    "angles": rss(item(1, "x")) + b"<" * 5_000_000,
    "unclosed": b"<rss version='2.0'><channel>" + b"<item><title>China Russia" * 100_000,
    "comments": b"<rss version='2.0'><channel>" + b"<!-- " * 500_000,
    "json": json.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": "T",
            "items": [{"id": str(n), "title": f"China and Russia {n}", "content_html": BOTH * 100} for n in range(600)],
        }
    ).encode(),
    "arrays": b'{"version": "https://jsonfeed.org/version/1.1", "items": ' + b"[" * 3_000_000,
    "spaces": rss(item(1, BOTH)) + b" " * 15_000_000,
    "beyond": b" " * 60_000_000,
    "hidden": b"<!-- <a -->"
    + laughs().replace(b'<?xml version="1.0"?>', b"").replace(b"</title>", b"</title>" + PLAIN),
    "hours": rss("<skipHours>" * 1400, item(1, "x")),
    "byte": rss(item(1, "word " * 3000 + "\udce9")),
    "tag": rss(item(1, "x")),
    "empty": b'{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "title": "China and Russia"}]}',
}
LATER = {  # what a second visit finds where it is more than one more entry
    "tag": rss(item(1, "x")).replace(b"</channel>", b"<item " + b"a" * 990_000),
    "empty": BOMBS["empty"].replace(b"}]}", b"}" + b", {}" * 120_000 + b"]}"),
}


def later(name: str) -> bytes:
    """The document as a second visit finds it: with one more entry, so that the others may be skipped."""
    body, new = BOMBS[name], item(10**6, BOTH)
    if name in LATER:
        return LATER[name]
    if name in ("json", "arrays"):
        return body.replace(b'"items": [', b'"items": [{"id": "new", "title": "China and Russia again"}, ', 1)
    return body.replace(b"<item>", new.encode() + b"<item>", 1) if b"<item>" in body else body + b" "


@dataclass
class Lag:
    """How long the loop was kept from its work, and how much this process did meanwhile."""

    worst: list[tuple[float, float]] = field(default_factory=list)

    async def watch(self) -> None:
        while True:
            began, busy = time.perf_counter(), time.process_time()
            await asyncio.sleep(0.001)
            self.worst.append((time.perf_counter() - began - 0.001, time.process_time() - busy))

    def blocks(self) -> list[tuple[float, float]]:
        """Delays beyond the limit in which this process was at work for most of it: else the machine was busy elsewhere."""
        return [(late, busy) for late, busy in self.worst if late > LIMIT and busy > max(LIMIT, 0.7 * late)]


@pytest.fixture
async def bombs() -> Iterator[TestServer]:
    packed = {name: [gzip.compress(body, 1) for body in (BOMBS[name], later(name))] for name in BOMBS}

    async def answer(request: web.Request) -> web.Response:
        found = packed[request.match_info["name"]]
        return web.Response(body=found.pop(0) if len(found) > 1 else found[0], headers={"Content-Encoding": "gzip"})

    app = web.Application()
    app.router.add_get("/{name}", answer)
    async with TestServer(app, host="0.0.0.0") as server:
        yield server


async def visited(database: Database, times: int) -> dict[str, Visit]:
    """The last visit of each source, by its name, as soon as each was visited so often."""
    async with asyncio.timeout(PATIENCE):
        while True:
            statuses = await asyncio.to_thread(sources.statuses, database, visits_each=times)
            if all(len(status.visits) >= times for status in statuses):
                return {status.name: status.visits[0] for status in statuses}
            await asyncio.sleep(0.2)


async def test_the_event_loop_is_never_held_up(config_directory: Path, bombs: TestServer, unused_tcp_port: int) -> None:
    inbox = config_directory.parent / "inbox"
    inbox.mkdir()
    (inbox / "long.txt").write_text("China and Russia\n\n" + BOTH * 100_000)
    os.utime(inbox / "long.txt", (1_790_000_000, 1_790_000_000))
    lines = [
        f"  - {{url: 'http://127.0.3.{n}:{bombs.port}/{name}', name: {name}}}\n" for n, name in enumerate(BOMBS, 1)
    ]
    (config_directory / "sources.yaml").write_text("sources:\n  - folder: ../inbox\n" + "".join(lines))
    found = config.load(
        config_directory,
        {
            "AGGREGATOR_FETCH__ALLOW": "127.0.0.0/8",
            "AGGREGATOR_LISTEN": f"127.0.0.1:{unused_tcp_port}",
            "AGGREGATOR_PARSE__CPU": "8s",
        },
    )
    lag = Lag()
    with runtime.opened(found) as database:
        daemon = Daemon(found, database, lambda: found)
        ready = asyncio.Event()
        running = asyncio.create_task(daemon.run(lambda _: ready.set()))
        await ready.wait()
        watching = asyncio.create_task(lag.watch())
        first = await visited(database, 1)
        await asyncio.to_thread(sources.make_due, database, utc_now(), list(found.sources))
        second = await visited(database, 2)
        await asyncio.sleep(1.0)  # and all is published
        watching.cancel()
        daemon._stopping.set()
        await running
    for visits in (first, second):
        print({name: (visit.outcome, visit.new, visit.milliseconds, visit.error) for name, visit in visits.items()})
    print(sorted(lag.worst)[-10:])
    assert {name for name, visit in first.items() if visit.new} >= {"many", "long", "json", "markup", "formatting"}
    assert {"depth", "beyond", "arrays"} <= {name for name, visit in first.items() if visit.outcome == "failed"}
    assert {"many", "long", "json", "hours", "byte"} <= {name for name, visit in second.items() if visit.new == 1}
    blocks = lag.blocks()
    assert len(blocks) <= EXCEPTIONS and max(blocks, default=(0.0, 0.0))[0] < LONGEST, sorted(blocks)


COSTLY = {
    "attributes",
    "depth",
    "entities",
    "markup",
    "formatting",
    "many",
    "long",
    "json",
    "unclosed",
}  # to read whole


@pytest.mark.parametrize("name", sorted(BOMBS.keys() - {"beyond"}))
def test_no_call_holds_other_threads_up_while_a_document_is_read_in_passing(name: str) -> None:
    """With its own memory where that can be had cheaply; without full collections, which are not the document's."""
    request = Request("s", frozenset({sniff.FEED, sniff.JSON_FEED}), utc_now())
    memory = reading.read(Document(rss(item(1, "x")), name), request).memory
    with suppress(DocumentError):
        if name not in COSTLY:
            memory = reading.read(Document(BOMBS[name], name), request).memory or memory
    request = replace(request, memory=memory)
    document = Document(later(name), name)
    # What holds the others up does so each time; what else the machine does, does not.
    assert min(longest_hold(document, request) for _ in range(3)) < LIMIT


def longest_hold(document: Document, request: Request) -> float:
    """For how long another thread had to wait at most, while this process was at work."""
    held = [0.0]
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            began, busy = time.perf_counter(), time.process_time()
            time.sleep(0.0005)
            late, busy = time.perf_counter() - began, time.process_time() - busy
            held.append(late if busy > 0.7 * late else 0.0)

    watching = threading.Thread(target=watch)
    gc.disable()
    try:
        watching.start()
        with suppress(DocumentError, TooMuch):
            reading.read(document, request, in_passing=True)
    finally:
        over.set()
        watching.join()
        gc.enable()
    return max(held)
