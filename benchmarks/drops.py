"""What happens to other sources when a thousand files are dropped at once? And how long do the files take?

Usage: python benchmarks/drops.py [--files 1000] [--sources 50] [--bytes 3000]

A daemon with the shipped topics and concepts polls so many feeds of a server on this machine, each every two seconds.
First with nothing else to do, then while the files are there. A visit's delay is the time from when it is due until it
is begun; the daemon looks twice a second.
"""

import argparse
import asyncio
import logging
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the checkout need not be installed

from aggregator import config as configuration  # noqa: E402
from aggregator import runtime  # noqa: E402
from aggregator.daemon import Daemon  # noqa: E402
from aggregator.models import Lease  # noqa: E402
from aggregator.pipeline import utc_now  # noqa: E402
from aggregator.visiting import Visits  # noqa: E402

IDLE_SECONDS = 12
WORDS = "China Russia oil gas market talks minister signed border price agreed steel rail port summit the of in".split()


async def main(files: int, sources: int, size: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="queue-"))
    try:
        await measure(folder, files, sources, size)
    finally:
        shutil.rmtree(folder)


async def measure(folder: Path, files: int, sources: int, size: int) -> None:
    delays: list[float] = []
    visit = Visits._visit

    async def timed(self: Visits, lease: Lease, after: asyncio.Task[None] | None) -> None:
        if lease.source.startswith("http") or "127.0" in lease.source:
            delays.append((utc_now() - lease.due_at).total_seconds())
        await visit(self, lease, after)

    Visits._visit = timed  # type: ignore[method-assign]
    async with TestServer(site(), host="0.0.0.0") as server:  # noqa: S104
        found = configured(folder, server.port or 0, sources)
        inbox = found.state / "inbox"
        with runtime.opened(found) as database:
            daemon = Daemon(found, database, lambda: found)
            ready = asyncio.Event()
            running = asyncio.create_task(daemon.run(lambda _: ready.set()))
            await ready.wait()
            await asyncio.sleep(IDLE_SECONDS)
            idle, delays[:] = list(delays), []
            await asyncio.to_thread(drop, inbox, files, size)
            began = time.monotonic()
            while len(await asyncio.to_thread(os.listdir, inbox)) > 1:  # done/
                await asyncio.sleep(0.1)
            took = time.monotonic() - began
            busy = list(delays)
            daemon._stopping.set()
            await running
    print(f"{files} files of {size} bytes: {took:.1f} s, {files / took:.0f} files/s")
    for name, some in (("idle", idle), ("with the files", busy)):
        some.sort()
        print(f"{name}: {len(some)} visits; delay median {some[len(some) // 2]:.2f} s, longest {some[-1]:.2f} s")


def site() -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        item = f"<item><guid>{time.time_ns()}</guid><title>News</title></item>"
        body = f"<rss version='2.0'><channel><title>T</title>{item}</channel></rss>"
        return web.Response(text=body, content_type="application/rss+xml")

    app = web.Application()
    app.router.add_get("/feed", answer)
    return app


def configured(folder: Path, port: int, sources: int) -> Any:
    shutil.copytree(ROOT / "config", folder / "config")
    lines = [f"  - {{url: 'http://127.0.9.{n}:{port}/feed', every: 2s}}\n" for n in range(1, sources + 1)]
    inbox = '  - {folder: "{state}/inbox", after: move, create: true}\n'
    (folder / "config" / "sources.yaml").write_text("sources:\n" + inbox + "".join(lines))
    given = {"FETCH__ALLOW": "127.0.0.0/8", "LISTEN": "127.0.0.1:18437", "POLL__SPACING": "0s"}
    return configuration.load(folder / "config", {f"AGGREGATOR_{name}": value for name, value in given.items()})


def drop(inbox: Path, files: int, size: int) -> None:
    chance = random.Random(1)  # noqa: S311
    for number in range(files):
        words = [chance.choice(WORDS) for _ in range(size // 6)]
        path = inbox / f".{number}"
        path.write_text(f"China and Russia {number}\n\n" + " ".join(words))
        os.utime(path, (1_790_000_000, 1_790_000_000))
    for number in range(files):
        (inbox / f".{number}").rename(inbox / f"{number}.txt")


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--sources", type=int, default=50)
    parser.add_argument("--bytes", type=int, default=3000)
    given = parser.parse_args()
    asyncio.run(main(given.files, given.sources, given.bytes))
