"""What does a reader cost? The daemon beside nginx and a bare aiohttp handler, with the same file of about 200 kB.

Usage: python benchmarks/serve.py [--seconds 5] [--connections 64] [--rounds 3] [--slow 500] [--rate 200] [--only wait]

Needs wrk, and nginx to compare with (Debian: apt install wrk nginx-light). All of them are on this machine, on
loopback, each with one process that serves, one after the other, round by round:

- 304: a conditional GET with the feed's ETag;
- 200: a GET of the packed feed.

What counts is requests in a second of the server's own processor time, since other work on the machine does not change
it; requests in a second of the clock stand beside it. Latencies are wrk's, of as many requests as the server can bear.

Then how long a reader waits: `--rate` requests in a second, each sent when its time has come, whatever became of those
before, and counted from that time. The daemon, and nginx that serves the daemon's own files, are asked in turn: when
nothing is new, while the daemon reads feeds that bring news at each visit, with so many slow clients, which send a byte
of a head in a second or ask for the whole feed again and again and read a kilobyte of it in a second, and with both.
"""

import argparse
import asyncio
import contextlib
import gzip
import multiprocessing
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import newsfeeds

ROOT = Path(__file__).resolve().parent.parent
SLUG = "bench"
FEED = f"/feeds/{SLUG}.atom"
SOURCES, ENTRIES = 40, 30  # of the poll that goes on meanwhile
TICKS = os.sysconf("SC_CLK_TCK")
SPAWN = multiprocessing.get_context("spawn")
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 1000000000; types {{ application/atom+xml atom; }}
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; root {public}; gzip_static on; etag on; }}
}}
"""
BARE = """
import asyncio, gzip, sys
from aiohttp import web

body = gzip.compress(open(sys.argv[2], "rb").read(), 6, mtime=0)
headers = {"ETag": '"bare"', "Vary": "Accept-Encoding", "Content-Type": "application/atom+xml; charset=utf-8"}

async def answer(request):
    if request.headers.get("If-None-Match") == '"bare"':
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, headers=headers | {"Content-Encoding": "gzip"})

async def main():
    app = web.Application()
    app.router.add_get("/feeds/{name}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(sys.argv[1])).start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


@dataclass(frozen=True)
class Run:
    """What wrk found."""

    per_second: float
    per_cpu_second: float
    p50: float  # milliseconds
    p99: float


class Server:
    """A process that serves, and its children."""

    def __init__(self, command: list[str], port: int, **options: Any) -> None:
        self.port = port
        self.process = subprocess.Popen(command, **options)  # noqa: S603
        self._wait()

    def _wait(self) -> None:
        for _ in range(600):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            if self.process.poll() is not None:
                raise SystemExit(f"{self.process.args} did not start")
            time.sleep(0.1)
        raise SystemExit(f"{self.process.args} does not listen")

    def cpu(self) -> float:
        """Seconds, user and system, of the process and its children."""
        tree = [self.process.pid]
        for pid in tree:
            with contextlib.suppress(OSError):
                tree += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        total = 0
        for pid in tree:
            with contextlib.suppress(OSError):
                total += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[11:13]))
        return total / TICKS

    def headers(self) -> dict[str, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{FEED}", headers={"Accept-Encoding": "gzip"})
        with OPENER.open(request, timeout=30) as response:
            return dict(response.headers) | {"size": str(len(response.read()))}

    def load(self, given: argparse.Namespace, etag: str | None) -> Run:
        wanted = ["-H", "Accept-Encoding: gzip", *(["-H", f"If-None-Match: {etag}"] if etag else [])]
        command = ["wrk", "-t1", f"-c{given.connections}", f"-d{given.seconds}s", "--latency", *wanted]
        before = self.cpu()
        found = subprocess.run(  # noqa: S603
            [*command, f"http://127.0.0.1:{self.port}{FEED}"], capture_output=True, text=True, check=True
        ).stdout
        used = self.cpu() - before
        if "Non-2xx" in found:
            raise SystemExit(f"errors:\n{found}")
        count = int(re.search(r"(\d+) requests in", found)[1])  # type: ignore[index]
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", found)[1])  # type: ignore[index]
        return Run(rate, count / used, _latency(found, "50"), _latency(found, "99"))

    def waits(self, given: argparse.Namespace, etag: str | None) -> list[float]:
        """How long each of a steady row of requests took, in milliseconds, from when it was due; sorted."""
        with SPAWN.Pool(1) as pool:
            return sorted(pool.apply(pace_all, (self.port, given.rate, given.seconds, etag)))

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


def _latency(found: str, share: str) -> float:
    number, unit = re.search(rf"^\s+{share}%\s+([\d.]+)(us|ms|s|m)$", found, re.MULTILINE).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def configured(folder: Path, addresses: list[str]) -> None:
    """The shipped configuration with one topic more, in which nothing is, and with these feeds."""
    shutil.copytree(ROOT / "config", folder / "config")
    shutil.copytree(ROOT / "seeds", folder / "seeds")
    topics = folder / "config" / "topics.yaml"
    topics.write_text(f"{topics.read_text()}\n  {SLUG}: {{title: Bench, any: [{{phrase: zzqx zzqy}}]}}\n")
    sources = [f"  - {{url: '{address}', every: 2s}}\n" for address in addresses]
    (folder / "config" / "sources.yaml").write_text("sources:\n" + "".join(sources))


@contextlib.contextmanager
def daemon(folder: Path, body: bytes) -> Iterator[Server]:
    """The daemon; its file is replaced from outside by one of a usual size."""
    port = free_port()
    given = {"LISTEN": f"127.0.0.1:{port}", "FETCH__ALLOW": "127.0.0.0/8", "POLL__SPACING": "0s", "POLL__MIN": "1s"}
    environment = os.environ | {f"AGGREGATOR_{name}": value for name, value in given.items()}
    command = [sys.executable, "-m", "aggregator", "--config", str(folder / "config"), "run"]
    log = (folder / "log").open("w")
    server = Server(command, port, env=environment | {"PYTHONPATH": str(ROOT)}, stdout=log, stderr=log)
    try:
        path = folder / "var" / "public" / "feeds" / f"{SLUG}.atom"
        for _ in range(600):
            if path.exists():
                break
            time.sleep(0.1)
        time.sleep(2)
        for name, data in ((f"{path}.gz", gzip.compress(body, 6, mtime=0)), (str(path), body)):
            Path(f"{name}.new").write_bytes(data)
            Path(f"{name}.new").replace(name)
        yield server
    finally:
        server.end()


async def pace(port: int, due: list[float], etag: str | None, taken: list[float]) -> None:
    """Ask at these times of the loop's clock, on one connection."""
    condition = f"If-None-Match: {etag}\r\n" if etag else ""
    request = f"GET {FEED} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n{condition}\r\n".encode()
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for at in due:
        await asyncio.sleep(at - loop.time())
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status, length = head.split(b" ", 2)[1], re.search(rb"(?i)content-length: (\d+)", head)
        if status != (b"304" if etag else b"200"):
            raise SystemExit(f"unexpected: {head!r}")
        if not etag:
            await reader.readexactly(int(length[1]) if length else 0)
        taken.append((loop.time() - at) * 1000)
    writer.close()


def pace_all(port: int, rate: int, seconds: float, etag: str | None) -> list[float]:
    """Ask so often in a second, on 32 connections in turn."""

    async def main() -> list[float]:
        taken: list[float] = []
        first = asyncio.get_running_loop().time() + 0.2
        due = [first + number / rate for number in range(int(rate * seconds))]
        await asyncio.gather(*(pace(port, due[start::32], etag, taken) for start in range(32)))
        return taken

    return asyncio.run(main())


async def hold(port: int, number: int, seconds: float) -> None:
    """A slow client, again and again: half of them send a byte of a head in a second, half read a kilobyte in one."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            if number % 2:
                writer.write(f"GET {FEED} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 20)
                while time.monotonic() < end and await reader.read(1000):
                    await asyncio.sleep(1)
            else:
                for byte in f"GET {FEED} HTTP/1.1\r\nX-{'y' * 1000}".encode():
                    if time.monotonic() > end or writer.is_closing() or reader.at_eof():
                        break
                    writer.write(bytes([byte]))
                    await asyncio.sleep(1)
            writer.close()


def hold_all(port: int, count: int, seconds: float) -> None:
    async def main() -> None:
        await asyncio.gather(*(hold(port, number, seconds) for number in range(count)))

    asyncio.run(main())


def turn_pages(base: str, editions: range) -> None:
    """Let every feed have a new entry, every two seconds."""
    for edition in editions:
        OPENER.open(f"{base}/switch/validators/{edition}", timeout=60).close()
        time.sleep(2)


def compare(given: argparse.Namespace, folder: Path, body: bytes) -> None:
    """Who serves how much, round by round."""
    path = folder / "feed"
    path.write_bytes(body)
    configured(folder, ["http://127.0.0.1:9/"])
    with contextlib.ExitStack() as stack:
        servers = {"ours": stack.enter_context(daemon(folder, body))}
        port = free_port()
        servers["bare aiohttp"] = Server([sys.executable, "-c", BARE, str(port), str(path)], port)
        stack.callback(servers["bare aiohttp"].end)
        if shutil.which("nginx"):
            servers["nginx"] = nginx(folder)
            stack.callback(servers["nginx"].end)
        else:
            print("no nginx to compare with: apt install nginx-light")
        for name, server in servers.items():
            print(f"{name}: {server.headers()['size']} bytes packed, {len(body)} plain")
        runs: dict[tuple[str, str], list[Run]] = {}
        for _ in range(given.rounds):
            for kind in ("304", "200"):
                for name, server in servers.items():
                    etag = server.headers()["ETag"] if kind == "304" else None
                    runs.setdefault((kind, name), []).append(server.load(given, etag))
    for kind in ("304", "200"):
        print(
            f"\n{kind}: per second of CPU, per second, median and 99th percentile in ms; share of nginx's rate per CPU"
        )
        best = statistics.median(run.per_cpu_second for run in runs.get((kind, "nginx"), runs[kind, "ours"]))
        for name in servers:
            some = runs[kind, name]
            cpu, clock, p50, p99 = (
                statistics.median(getattr(run, field) for run in some)
                for field in ("per_cpu_second", "per_second", "p50", "p99")
            )
            print(f"  {name:14}{cpu:10,.0f}{clock:10,.0f}{p50:8.2f}{p99:8.2f}{cpu / best:8.3f}")


def wait(given: argparse.Namespace, folder: Path, body: bytes) -> None:
    """How long readers wait: at rest, while the daemon polls, with slow clients meanwhile."""
    ours, theirs = SPAWN.Pipe()
    feeds = SPAWN.Process(target=newsfeeds.serve, args=(theirs, SOURCES, ENTRIES), daemon=True)
    feeds.start()
    addresses, _ = ours.recv()
    base = addresses[0].rpartition("/feed/")[0]
    OPENER.open(f"{base}/switch/validators/0", timeout=60).close()
    configured(folder, addresses)
    seconds = 4 * given.seconds + 8
    try:
        with daemon(folder, body) as server, contextlib.ExitStack() as stack:
            servers = {"ours": server}
            if shutil.which("nginx"):
                servers["nginx"] = nginx(folder)
                stack.callback(servers["nginx"].end)
            while (folder / "log").read_text().count(" new, ") < SOURCES:
                time.sleep(1)
            slow = (hold_all, (server.port, given.slow, seconds))
            cases = {"nothing new": (), "polling": (turn_pages,), "slow clients": (slow,), "both": (turn_pages, slow)}
            print(f"\n{given.rate} requests a second: median, 99th percentile and longest in ms; load of the machine")
            edition = 1
            for name, others in cases.items():
                found: dict[str, list[list[float]]] = {}
                for _ in range(given.rounds):
                    editions = range(edition, edition := edition + seconds // 2)
                    tasks = [(turn_pages, (base, editions)) if other is turn_pages else other for other in others]
                    with meanwhile(tasks):
                        for who, one in servers.items():
                            for kind, etag in (("304", one.headers()["ETag"]), ("200", None)):
                                found.setdefault(f"{who} {kind}", []).append(one.waits(given, etag))
                print(f"  {name} (load {os.getloadavg()[0]:.1f})")
                for what, some in found.items():
                    best = min(some, key=lambda taken: taken[int(len(taken) * 0.99)])
                    p99s = " ".join(f"{taken[int(len(taken) * 0.99)]:.1f}" for taken in some)
                    p50, p99 = best[len(best) // 2], best[int(len(best) * 0.99)]
                    print(f"    {what:12}{p50:8.2f}{p99:8.2f}{best[-1]:8.2f}   99th percentile of each round: {p99s}")
            print(f"  visits with news: {(folder / 'log').read_text().count(' new, ')}")
    finally:
        feeds.kill()


@contextlib.contextmanager
def meanwhile(others: list[Any]) -> Iterator[None]:
    """While others are at it."""
    processes = [SPAWN.Process(target=target, args=args, daemon=True) for target, args in others]
    for process in processes:
        process.start()
    time.sleep(3 if processes else 0)
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def nginx(folder: Path) -> Server:
    """nginx, with the daemon's public files."""
    port = free_port()
    text = NGINX.format(folder=folder, port=port, public=folder / "var" / "public")
    (folder / "nginx.conf").write_text(("user root;" if os.getuid() == 0 else "") + text)
    return Server(["nginx", "-c", str(folder / "nginx.conf")], port, stderr=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5, help="of each run")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slow", type=int, default=500)
    parser.add_argument("--rate", type=int, default=200, help="requests in a second, of those that are timed")
    parser.add_argument("--only", choices=["compare", "wait"])
    given = parser.parse_args()
    if given.only != "wait" and not shutil.which("wrk"):
        raise SystemExit("wrk is needed: apt install wrk")
    body = newsfeeds.feed(1, 42, 0)
    for part in (compare, wait):
        if given.only in (None, part.__name__):
            with tempfile.TemporaryDirectory() as folder:
                part(given, Path(folder), body)


if __name__ == "__main__":
    main()
