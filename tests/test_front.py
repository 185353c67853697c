"""The front, by real sockets: what is answered, byte by byte, and who goes no further."""

import asyncio
import gzip
import os
import re
import select
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from aggregator import config, publish, runtime
from aggregator.condition import Condition
from aggregator.config import Config
from aggregator.web import front, health, published, serve
from aggregator.web.limits import Limits
from tests.postgresql_server import free_port

FEED = "/feeds/energy.atom"


class Raw:
    """A client that writes what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, target: str, *lines: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        head = "\r\n".join((f"{method} {target} HTTP/1.1", "Host: news.example", *lines, "", ""))
        self.writer.write(head.encode("latin-1"))
        return await self.answer(method)

    async def answer(self, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *rest = head.strip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in rest)
        status = int(first.split()[1])
        has_body = method != "HEAD" and status != 304
        return status, headers, await self.reader.readexactly(int(headers.get("Content-Length", 0)) * has_body)

    async def is_closed(self) -> bool:
        try:
            return await self.reader.read(1) == b""
        except ConnectionResetError:
            return True


Connect = Callable[[], Awaitable[Raw]]


@pytest.fixture
def environment() -> dict[str, str]:
    return {}


@pytest.fixture
def found(config_directory: Path, environment: dict[str, str]) -> Config:
    return config.load(config_directory, {"AGGREGATOR_LISTEN": f"127.0.0.1:{free_port()}"} | environment)


@pytest.fixture
async def connect(found: Config) -> AsyncIterator[Connect]:
    """Opens connections to a server as the daemon runs it, with two files."""
    writers: list[asyncio.StreamWriter] = []

    async def opened() -> Raw:
        raw = Raw(*await asyncio.open_connection(*found.settings.address))
        writers.append(raw.writer)
        return raw

    for file in ("energy.atom", "energy.rss"):
        publish.replace(publish.folder(found.public) / file, b"<feed>" + b"words " * 100 + file.encode())
    with runtime.opened(found) as database:
        async with serve.running(lambda: found, database, health.routes({"healthz": Condition})):
            yield opened
            for writer in writers:
                writer.close()


async def test_feed_is_sent_as_it_lies_on_the_disk(connect: Connect, found: Config) -> None:
    raw = await connect()
    path = found.public / "feeds" / "energy.atom"
    status, plain, body = await raw.ask(FEED)
    assert (status, body) == (200, path.read_bytes())
    assert plain["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert plain["Vary"] == "Accept-Encoding"
    assert plain["Cache-Control"] == "public, max-age=60"
    assert re.fullmatch(r'"[0-9a-f]{32}"', plain["ETag"])
    assert {"Date", "Last-Modified"} <= plain.keys()
    status, packed, body = await raw.ask(FEED, "Accept-Encoding: br, gzip")
    assert (packed["Content-Encoding"], body) == ("gzip", path.with_name("energy.atom.gz").read_bytes())
    assert packed["ETag"] != plain["ETag"]


async def test_who_speaks_no_http_is_told_so_and_fills_no_log(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    raw = await connect()
    raw.writer.write(b"GET /topics/energy HTTP/1.1\r\nBad Header\r\n\r\n")
    assert (await raw.reader.readline()).split()[1] == b"400"
    assert caplog.records == []


async def test_front_and_pages_behind_it_say_the_same(connect: Connect) -> None:
    for lines in ((), ("Accept-Encoding: gzip",)):
        lean = await (await connect()).ask(FEED, *lines)
        full = await (await connect()).ask(FEED, *lines, "Connection: close")  # which is aiohttp's
        assert full[1].pop("Connection") == "close"
        full[1].pop("Date"), lean[1].pop("Date")
        assert lean == full


async def test_reader_that_has_the_feed_gets_304_without_a_look_into_the_file(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = await connect()
    _, first, _ = await raw.ask(FEED, "Accept-Encoding: gzip")
    monkeypatch.setattr(published, "_read", None)  # not callable
    status, headers, _ = await raw.ask(FEED, "Accept-Encoding: gzip", f"If-None-Match: {first['ETag']}")
    assert (status, headers["ETag"], headers["Vary"]) == (304, first["ETag"], "Accept-Encoding")
    assert "Content-Type" not in headers
    assert (await raw.ask(FEED, "Accept-Encoding: gzip", f"If-Modified-Since: {first['Last-Modified']}"))[0] == 304
    assert (await raw.ask(FEED, "Accept-Encoding: gzip", 'If-Match: "x"'))[0] == 412


async def test_tag_of_the_plain_form_is_not_that_of_the_packed_one(connect: Connect) -> None:
    raw = await connect()
    _, plain, _ = await raw.ask(FEED)
    assert (await raw.ask(FEED, "Accept-Encoding: gzip", f"If-None-Match: {plain['ETag']}"))[0] == 200


async def test_head_says_what_get_would_say(connect: Connect) -> None:
    raw = await connect()
    _, get, _ = await raw.ask(FEED)
    status, head, _ = await raw.ask(FEED, method="HEAD")
    get.pop("Date"), head.pop("Date")
    assert (status, head) == (200, get)


async def test_new_version_is_served_at_once(connect: Connect, found: Config) -> None:
    raw = await connect()
    path = found.public / "feeds" / "energy.atom"
    _, before, _ = await raw.ask(FEED)
    assert publish.replace(path, b"<feed/>")
    status, _, body = await raw.ask(FEED, f"If-None-Match: {before['ETag']}")
    assert (status, body) == (200, b"<feed/>")
    assert (await raw.ask(FEED, f"If-Modified-Since: {before['Last-Modified']}"))[0] == 200
    _, _, packed = await raw.ask(FEED, "Accept-Encoding: gzip")
    assert gzip.decompress(packed) == b"<feed/>"


async def test_file_that_somebody_else_replaces_is_served_though_size_and_time_are_the_same(
    connect: Connect, found: Config
) -> None:
    raw = await connect()
    path = found.public / "feeds" / "energy.atom"
    _, before, body = await raw.ask(FEED)
    facts, other = path.stat(), path.with_name("other")
    other.write_bytes(body[::-1])
    os.utime(other, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    other.replace(path)
    _, after, now = await raw.ask(FEED, f"If-None-Match: {before['ETag']}")
    assert (now, after["ETag"] != before["ETag"]) == (body[::-1], True)


async def test_plain_file_alone_is_served_plain(connect: Connect, found: Config) -> None:
    raw = await connect()
    (found.public / "feeds" / "energy.atom.gz").unlink()
    _, headers, _ = await raw.ask(FEED, "Accept-Encoding: gzip")
    assert "Content-Encoding" not in headers


async def test_date_that_is_to_come_is_not_said(connect: Connect, found: Config) -> None:
    raw = await connect()
    os.utime(found.public / "feeds" / "energy.atom", (4e9, 4e9))
    _, headers, _ = await raw.ask(FEED)
    assert "Last-Modified" not in headers
    assert (await raw.ask(FEED, "If-Modified-Since: Tue, 01 Jan 2097 00:00:00 GMT"))[0] == 200


async def test_requests_one_upon_the_other_are_answered_in_order(connect: Connect) -> None:
    raw = await connect()
    head = f"HTTP/1.1\r\nHost: a\r\n\r\nHEAD {FEED} HTTP/1.1\r\nHost: a\r\n\r\n"
    raw.writer.write(f"GET {FEED} {head}GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert (await raw.answer())[0] == 200
    assert (await raw.answer("HEAD"))[0] == 200
    assert (await raw.answer())[2] == b"ok\n"
    assert (await raw.ask(FEED))[0] == 200  # on a connection that is aiohttp's by now


async def test_head_may_come_in_pieces(connect: Connect) -> None:
    raw = await connect()
    for byte in f"GET {FEED} HTTP/1.1\r\nHost: a\r\n\r\n".encode():
        raw.writer.write(bytes([byte]))
        await asyncio.sleep(0)
    assert (await raw.answer())[0] == 200


@pytest.mark.parametrize(
    "text",
    [
        f"GET {FEED} HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n",
        f"GET {FEED} HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n",
        f"GET {FEED} HTTP/1.1\r\nHost: a\r\nX: a\nTransfer-Encoding: chunked\r\n\r\n",
        f"GET {FEED} HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        f"GET {FEED} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        f"GET {FEED} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n",
        f"GET  {FEED} HTTP/1.1\r\nHost: a\r\n\r\n",
        f"GET {FEED} HTTP/1.1 \r\nHost: a\r\n\r\n",
        f"GET {FEED} HTTP/1.0\r\nHost: a\r\n\r\n",
        f"GET {FEED} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        f"GET {FEED} HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n",
        f"GET {FEED} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
        f"GET {FEED} HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"a\"\r\nif-none-match: \"b\"\r\n\r\n",
        f"GET {FEED} HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n ",
        f"POST {FEED} HTTP/1.1\r\nHost: a\r\n\r\n",
        f"get {FEED} HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\n\r\n",
        "\0\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_aiohttp(text: str) -> None:
    assert front.parsed(text.encode("latin-1").partition(b"\r\n\r\n")[0] + b"\r\n\r\n")[0] == "" or "no colon" in text


@pytest.mark.parametrize(
    "text",
    ["Content-Length : 5", "X: a\nTransfer-Encoding: chunked", "Content-Length: 5\r\nContent-Length: 6", "X: a\0"],
)
async def test_what_is_no_http_is_refused(connect: Connect, text: str) -> None:
    raw = await connect()
    raw.writer.write(f"GET {FEED} HTTP/1.1\r\nHost: a\r\n{text}\r\n\r\n".encode())
    assert (await raw.answer())[0] == 400


async def test_head_that_does_not_end_is_refused(connect: Connect) -> None:
    raw = await connect()
    raw.writer.write(f"GET {FEED} HTTP/1.1\r\nX: ".encode() + b"y" * front.MAX_HEAD)
    assert (await raw.answer())[0] == 431
    assert await raw.is_closed()


@pytest.mark.parametrize("length", [9000, 200_000])
async def test_long_line_is_refused(connect: Connect, length: int) -> None:
    raw = await connect()
    raw.writer.write(f"GET /{'x' * length} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert (await raw.answer())[0] in (400, 431)


async def test_body_that_nobody_asked_for_is_bounded(connect: Connect) -> None:
    raw = await connect()
    raw.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
    assert (await raw.answer())[0] == 405


async def test_connection_that_says_nothing_is_closed(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "HEAD_SECONDS", 0.0)
    assert await (await connect()).is_closed()


async def test_head_that_takes_too_long_is_answered_408(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "HEAD_SECONDS", 0.0)
    raw = await connect()
    raw.writer.write(b"GET / HT")
    assert (await raw.answer())[0] == 408
    assert await raw.is_closed()


async def test_idle_connection_is_closed(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "IDLE_SECONDS", 0.0)
    raw = await connect()
    assert (await raw.ask(FEED))[0] == 200
    assert await raw.is_closed()


async def test_who_does_not_take_the_answer_is_cut_off(
    connect: Connect, found: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "SEND_SECONDS", 0.0)
    publish.replace(found.public / "feeds" / "energy.atom", os.urandom(3_000_000))
    with socket.create_connection(found.settings.address) as greedy:
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.sendall(f"GET {FEED} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 50)
        greedy.setblocking(False)
        received = await asyncio.to_thread(_after_the_end, greedy)
    assert received < 3_000_000


def _after_the_end(connection: socket.socket) -> int:
    """Bytes that are still to be had once the other side has gone."""
    connection.setblocking(True)
    connection.settimeout(60)
    poll = select.poll()
    poll.register(connection, select.POLLHUP | select.POLLERR)
    assert poll.poll(60_000)
    total = 0
    try:
        while data := connection.recv(65536):
            total += len(data)
    except ConnectionResetError:
        pass
    return total


class TestGreedyReaders:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"AGGREGATOR_SERVE__REQUESTS": "2", "AGGREGATOR_SERVE__TRUSTED_PROXIES": "127.0.0.0/8"}

    @pytest.mark.parametrize("target", [FEED, "/healthz"])
    async def test_reader_that_asks_too_often_is_told_when_to_come_back(self, connect: Connect, target: str) -> None:
        raw = await connect()
        mine, other = "X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 10.0.0.1, 198.51.100.8"
        assert [(await raw.ask(target, mine))[0] for _ in range(3)] == [200, 200, 429]
        assert (await raw.ask(target, other))[0] == 200
        status, headers, _ = await (await connect()).ask(target, mine)
        assert status == 429
        assert 1 <= int(headers["Retry-After"]) <= 60

    async def test_this_machine_is_not_limited(self, connect: Connect) -> None:
        raw = await connect()
        assert [(await raw.ask(FEED))[0] for _ in range(4)] == [200] * 4


def limits(**given: object) -> Limits:
    settings = config.Settings.model_validate({"serve": given}).serve
    return Limits(lambda: settings)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.1", "203.0.113.9", "198.51.100.1"),  # nobody whom we trust
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "192.0.2.66, 203.0.113.9", "203.0.113.9"),  # what stands before it anybody can have written
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "2001:db8::1, 10.0.0.2", "2001:db8::1"),
        ("10.0.0.1", "unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9" + ", 10.0.0.1" * 1000, "10.0.0.1"),
    ],
)
def test_proxies_are_believed_only_where_they_are_trusted(peer: str, forwarded: str | None, client: str) -> None:
    assert limits(trusted_proxies=["10.0.0.0/8"]).client(peer, forwarded) == client
    assert limits().client(peer, forwarded) == peer


def test_one_customer_is_one_client() -> None:
    few = limits(requests=1)
    assert [few.wait(f"2001:db8:0:1::{n}", 5.0) for n in (1, 2)] == [0, 60]
    assert few.wait("2001:db8:0:2::1", 20.0) == 0
    assert few.wait("2001:db8:0:1::3", 65.0) == 0
    assert [few.wait(address, 70.0) for address in ("192.0.2.1", "::ffff:192.0.2.1")] == [0, 55]


def test_table_of_clients_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.web.limits.ADDRESSES", 3)
    few = limits(requests=1)
    assert [few.wait(f"192.0.2.{n}", 5.0) for n in range(10)] == [0] * 10
    assert len(few._requests) <= 3


def test_connections_are_counted_by_address_and_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    few = limits(connections=2, trusted_proxies=["10.0.0.0/8"])
    assert [few.enter("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert all(few.enter(peer) for peer in ("10.0.0.1", "127.0.0.1", "::1") for _ in range(5))
    few.leave("192.0.2.1")
    assert few.enter("192.0.2.1")
    monkeypatch.setattr("aggregator.web.limits.TOTAL_CONNECTIONS", few.open)
    assert not few.enter("127.0.0.1")


def test_bodies_in_memory_are_bounded(found: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "MEMORY_BYTES", 25)
    folder = publish.folder(found.public)
    shelf = published.Published(lambda: found)
    places = [shelf.place(f"/feeds/{slug}.rss") for slug in found.topics]
    for number, slug in enumerate(found.topics):
        (folder / f"{slug}.rss").write_bytes(b"%d" % number * 10)
    for number, place in enumerate(places * 2):
        assert place
        copy = shelf.copy(place, packed=True)
        assert copy and shelf.body(copy) == b"%d" % (number % len(places)) * 10
        assert shelf._held == sum(len(body) for _, body in shelf._bodies.values()) <= 25


def test_two_versions_never_bear_the_same_second(tmp_path: Path) -> None:
    path = tmp_path / "x.atom"
    seconds = []
    for number in range(4):
        publish.replace(path, b"%d" % number)
        seconds.append(int(path.stat().st_mtime))
    assert len(set(seconds)) == 4
