"""What does a fetch cost beyond the network? CPU per fetch and fetches a second, beside a bare aiohttp loop.

Usage: python benchmarks/fetch.py [--sources 500] [--rounds 3]

A server in a process of its own, on this machine, has so many feeds. Each is fetched by `HttpSource.visit` through the
armoured `Fetcher`, and by a bare `session.get` + `read`, in the same run: first all of it (200), then with validators
(304), then the same body from a server that knows no validators. CPU is that of this process; the least of the rounds.
"""

import argparse
import asyncio
import gzip
import multiprocessing
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from ipaddress import ip_network
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
from aiohttp import web

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the checkout need not be installed

from aggregator.config.settings import Fetch  # noqa: E402
from aggregator.fetch import Fetcher  # noqa: E402
from aggregator.models import SourceState  # noqa: E402
from aggregator.sources.http import HttpSource  # noqa: E402

AT_ONCE = 64
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ITEM = "<item><guid>{n}</guid><title>Entry {n}</title><description>{words}</description></item>"
FEED = (
    "<?xml version='1.0'?><rss version='2.0'><channel><title>A feed</title>"
    + "".join(ITEM.format(n=n, words=f"word{n} " * 300) for n in range(50))
    + "</channel></rss>"
).encode()
PACKED = gzip.compress(FEED)


def serve(pipe: Connection) -> None:
    """Run the server and say where it is."""

    async def answer(request: web.Request) -> web.Response:
        etag = f'"{request.match_info["number"]}"'
        headers = {} if request.path.startswith("/plain") else {"ETag": etag}
        if headers and request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers=headers)
        return web.Response(
            body=PACKED, headers=headers | {"Content-Encoding": "gzip", "Content-Type": "application/rss+xml"}
        )

    async def run() -> None:
        app = web.Application()
        app.router.add_get("/{kind}/{number}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        pipe.send(f"http://127.0.0.1:{runner.addresses[0][1]}")
        await asyncio.Event().wait()

    asyncio.run(run())


async def timed(work: Callable[[int], Awaitable[None]], count: int) -> tuple[float, float]:
    """CPU seconds per fetch, and fetches a second."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with gate:
            await work(number)

    cpu, clock = time.process_time(), time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(count)))
    return (time.process_time() - cpu) / count, count / (time.perf_counter() - clock)


async def measure(base: str, count: int, rounds: int) -> None:
    """Print a line for each kind of answer."""
    options = Fetch(allow=(ip_network("127.0.0.0/8"),))
    print(f"{count} feeds of {len(FEED):,} bytes ({len(PACKED):,} packed), {AT_ONCE} at once, best of {rounds}")
    print(f"{'answer':12}{'bare':>10}{'ours':>10}{'ratio':>8}{'bare/s':>10}{'ours/s':>10}")
    connector = aiohttp.TCPConnector(limit=256)
    async with aiohttp.ClientSession(connector=connector) as session, Fetcher(options) as fetcher:
        for label, path, states in (
            ("200", "etag", [SourceState()] * count),
            ("304", "etag", [SourceState(etag=f'"{n}"', read_at=NOW) for n in range(count)]),
            ("same body", "plain", None),
        ):
            places = [HttpSource(url=f"{base}/{path}/{n}") for n in range(count)]
            known = states or [await state_after(fetcher, f"{base}/{path}/{n}") for n in range(count)]

            async def bare(number: int, path: str = path, label: str = label) -> None:
                headers = {"If-None-Match": f'"{number}"'} if label == "304" else {}
                async with session.get(f"{base}/{path}/{number}", headers=headers) as response:
                    await response.read()

            async def ours(number: int, known: list[SourceState] = known, places: list[HttpSource] = places) -> None:
                await places[number].visit(known[number], fetcher, NOW)

            results = [(await timed(bare, count), await timed(ours, count)) for _ in range(rounds)]
            bare_cpu, our_cpu = (min(pair[side][0] for pair in results) for side in (0, 1))
            bare_rate, our_rate = (max(pair[side][1] for pair in results) for side in (0, 1))
            print(
                f"{label:12}{bare_cpu * 1e3:7.2f} ms{our_cpu * 1e3:7.2f} ms{our_cpu / bare_cpu:8.2f}"
                f"{bare_rate:10.0f}{our_rate:10.0f}"
            )


async def state_after(fetcher: Fetcher, url: str) -> SourceState:
    return (await HttpSource(url=url).visit(SourceState(), fetcher, NOW)).state


def main(count: int, rounds: int) -> None:
    """Start the server, measure, stop it."""
    here, there = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(there,), daemon=True)
    server.start()
    try:
        asyncio.run(measure(here.recv(), count, rounds))
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sources", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    main(arguments.sources, arguments.rounds)
