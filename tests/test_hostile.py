"""Servers that mean harm, or are broken: each is left within its bounds, with an error that names what it did."""

import asyncio
import gzip
import json
import resource
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import ada_url
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from aggregator.addresses import is_allowed, registrable_domain
from aggregator.config.settings import Fetch
from aggregator.errors import FetchError
from aggregator.fetch import Access, Fetcher, Response
from aggregator.inflate import Inflater

CASES = Path(__file__).parent.parent.parent / "shared" / "cases" / "reliability"
LOOPBACK = ip_network("127.0.0.0/8")
QUICK = {"total": timedelta(seconds=1), "read": timedelta(milliseconds=300), "wire": 1_000_000, "body": 2_000_000}
PATIENT = {"total": timedelta(minutes=1), "read": timedelta(minutes=1)}  # where something else is to end it
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@asynccontextmanager
async def listening(script: Script, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A server on a free port that does what the script says with each connection, until the test is over."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            writer.close()

    server = await asyncio.start_server(handle, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # transports close in the loop's next round


@asynccontextmanager
async def served(script: Script, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """The same, for scripts that come after a request has been read."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await script(reader, writer)

    async with listening(answer, host) as port:
        yield f"http://{host}:{port}/feed"


async def fetched(url: str, **options: Any) -> Response:
    async with Fetcher(Fetch(**({"allow": (LOOPBACK,)} | QUICK | options))) as fetcher:
        return await fetcher.get(url)


def says(*parts: bytes, hang: bool = False) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
        if hang:
            await asyncio.Event().wait()

    return script


def repeats(head: bytes, part: bytes, pause: float = 0.0) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    return script


def bomb(encoding: str) -> bytes:
    packers = {
        "gzip": gzip.compress(bytes(50_000_000)),
        "deflate": zlib.compress(bytes(50_000_000)),
        "members": gzip.compress(bytes(1_000_000)) * 50,
    }
    body = packers[encoding]
    name = b"gzip" if encoding == "members" else encoding.encode()
    return OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (name, len(body)) + body


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HOSTILE: dict[str, tuple[Script, set[str]]] = {
    "says nothing": (says(hang=True), {"timeout"}),
    "slow headers": (repeats(OK, b"X-A: b\r\n", 0.1), {"timeout"}),
    "endless headers": (repeats(OK, b"X-A: b\r\n" * 100), {"protocol"}),
    "one endless header": (repeats(OK + b"X-A: ", b"a" * 10_000), {"protocol"}),
    "endless status line": (repeats(b"HTTP/1.1 200 ", b"a" * 10_000), {"protocol"}),
    "endless 1xx": (repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10, 0.01), {"timeout", "protocol"}),
    "early hints for ever": (repeats(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 0.01), {"timeout"}),
    "drip body": (repeats(OK + b"Content-Length: 100000\r\n\r\n", b"a", 0.1), {"timeout"}),
    "body that stops": (says(OK + b"Content-Length: 100\r\n\r\nabc", hang=True), {"timeout"}),
    "endless body": (repeats(OK + b"\r\n", b"a" * 65536), {"too-large"}),
    "endless chunks": (repeats(CHUNKED, b"a\r\naaaaaaaaaa\r\n" * 1000), {"too-large"}),
    "endless tiny chunks": (repeats(CHUNKED, b"1\r\na\r\n" * 10_000), {"too-large", "timeout"}),
    "endless trailers": (repeats(CHUNKED + b"0\r\n", b"X-A: b\r\n" * 100), {"protocol", "timeout", "truncated"}),
    "chunk without end": (says(CHUNKED + b"ffffffffffffffff\r\n", b"a" * 100, hang=True), {"timeout", "protocol"}),
    "chunk size of nonsense": (says(CHUNKED + b"zz\r\nabc\r\n"), {"protocol", "truncated"}),
    "chunks cut off": (says(CHUNKED + b"5\r\nabcde\r\n"), {"truncated"}),
    "longer than said": (says(OK + b"Content-Length: 3\r\n\r\nabc" + b"d" * 100), {"protocol"}),
    "shorter than said": (says(OK + b"Content-Length: 100\r\n\r\nabc"), {"truncated"}),
    "far too long by its own word": (says(OK + b"Content-Length: 99999999999\r\n\r\n", hang=True), {"too-large"}),
    "negative length": (says(OK + b"Content-Length: -1\r\n\r\nabc"), {"protocol"}),
    "two lengths": (says(OK + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde"), {"protocol"}),
    "no HTTP at all": (says(b"<rss></rss>\n"), {"protocol"}),
    "binary noise": (says(bytes(range(256)) * 10), {"protocol"}),
    "hangs up": (says(b""), {"protocol"}),
    "gzip bomb": (says(bomb("gzip")), {"too-large"}),
    "deflate bomb": (says(bomb("deflate")), {"too-large"}),
    "bomb of many members": (says(bomb("members")), {"too-large"}),
    "not offered: br": (says(OK + b"Content-Encoding: br\r\n\r\nabc"), {"encoding"}),
    "packed twice": (says(OK + b"Content-Encoding: gzip, gzip\r\n\r\nabc"), {"encoding"}),
    "gzip that is none": (says(OK + b"Content-Encoding: gzip\r\n\r\nabcdefghijklmnop"), {"encoding"}),
    "redirect with a control character": (says(b"HTTP/1.1 302 F\r\nLocation: /\x01a\r\n\r\n"), {"url", "protocol"}),
    "redirect to nowhere": (says(b"HTTP/1.1 302 F\r\nLocation: http://\r\nContent-Length: 0\r\n\r\n"), {"url"}),
    "redirect that is no text": (says(b"HTTP/1.1 302 F\r\nLocation: /\xff\xfe\r\nContent-Length: 0\r\n\r\n"), {"url"}),
    "redirect to itself": (says(b"HTTP/1.1 301 M\r\nLocation: /feed\r\nContent-Length: 0\r\n\r\n"), {"redirect"}),
    "redirect with an endless body": (
        repeats(b"HTTP/1.1 301 M\r\nLocation: /feed\r\n\r\n", b"a" * 65536), {"redirect"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
async def test_each_is_left_within_its_bounds(name: str) -> None:
    script, kinds = HOSTILE[name]
    async with served(script) as url:
        with pytest.raises(FetchError) as caught:
            await fetched(url, **({} if "timeout" in kinds else PATIENT))
    assert caught.value.kind in kinds
    assert "127.0.0.1" in str(caught.value)


async def test_the_longest_header_line_is_configured() -> None:
    async with served(says(OK + b"X-A: " + b"a" * 9000 + b"\r\nContent-Length: 3\r\n\r\nabc")) as url:
        assert (await fetched(url)).body == b"abc"
        with pytest.raises(FetchError) as caught:
            await fetched(url, header=8000)
    assert caught.value.kind == "protocol"


async def test_a_slow_body_is_left_before_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.fetch.GRACE_SECONDS", 0.2)
    async with served(repeats(OK + b"Content-Length: 100000\r\n\r\n", b"a", 0.05)) as url:
        with pytest.raises(FetchError, match=r"fetch\.rate") as caught:
            await fetched(url, total=timedelta(seconds=20))
    assert caught.value.kind == "slow"


async def test_unpacking_a_bomb_takes_no_more_memory_than_the_limit() -> None:
    packer = zlib.compressobj(1, wbits=31)  # in parts: what is measured is the peak of this process
    packed = b"".join(packer.compress(bytes(1_000_000)) for _ in range(400)) + packer.flush()
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with served(says(head + packed)) as url:
        with pytest.raises(FetchError):
            await fetched(url, wire=10_000_000, body=20_000_000, **PATIENT)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # KiB


async def test_gzip_of_several_members_is_read_whole() -> None:
    body = gzip.compress(b"one ") + gzip.compress(b"two") + b"\0\0\0"
    for border in range(len(body)):
        inflater = Inflater("gzip", 100, "x")
        inflater.add(body[:border])
        inflater.add(body[border:])
        assert inflater.finish() == b"one two"
    async with served(says(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)) as url:
        assert (await fetched(url)).body == b"one two"


class _AllInside(AbstractResolver):
    """Every name is this machine, or alternates between a public address and this machine."""

    def __init__(self, addresses: Iterator[str]) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        address = next(self._addresses)
        return [ResolveResult(hostname=host, host=address, port=port, family=2, proto=6, flags=0)]

    async def close(self) -> None:
        pass


def _always(address: str) -> Iterator[str]:
    while True:
        yield address


@pytest.mark.skipif(not CASES.is_dir(), reason="the collection ssrf is not here")
async def test_no_spelling_of_the_inside_opens_a_connection() -> None:
    """As they are, and as the target of a redirect from an allowed address."""
    connections = 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1

    lines = (CASES / "ssrf" / "urls.jsonl").read_text(encoding="utf-8").splitlines()
    targets = [url for line in lines if not _is_outside(url := json.loads(line)["url"])]
    door = Fetch(**(QUICK | {"allow": (ip_network("127.0.0.9/32"),)}))  # where the redirects come from
    async with listening(count) as port:
        targets += [with_port for target in targets if (with_port := _to_port(target, port))]
        async with Fetcher(Fetch(**QUICK), _AllInside(_always("127.0.0.1"))) as fetcher:
            for target in targets:
                with pytest.raises(FetchError):
                    await fetcher.get(target)
        async with (
            served(_redirects(iter(targets)), "127.0.0.9") as url,
            Fetcher(door, _AllInside(_always("127.0.0.1"))) as fetcher,
        ):
            for _ in targets:
                with pytest.raises(FetchError):
                    await fetcher.get(url)
    assert len(targets) > 250
    assert connections == 0


def _is_outside(url: str) -> bool:
    """Whether a URL means a public address after all (octal 0010 is 8): a test must not go there."""
    try:
        host = ada_url.URL(url).hostname.strip("[]")
        return is_allowed(host)
    except ValueError:
        return False


def _to_port(url: str, port: int) -> str | None:
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    if not slash or scheme not in ("http", "https") or "@" in host or "\\" in host:
        return None
    return f"{scheme}://{host if host.endswith(']') else host.split(':')[0]}:{port}/{path}"


def _redirects(targets: Iterator[str]) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        location = next(targets).encode("utf-8", "surrogateescape")
        writer.write(b"HTTP/1.1 302 F\r\nContent-Length: 0\r\nConnection: close\r\nLocation: " + location + b"\r\n\r\n")
        await writer.drain()

    return script


async def test_a_second_answer_of_the_name_server_opens_nothing_either() -> None:
    """Allowed is what the name meant at first; then it means an address inside, where a server listens."""
    answers = iter(["127.0.0.2", "127.0.0.1"])
    kinds = []
    async with served(says(OK + b"Content-Length: 0\r\n\r\n")) as url:
        names = _AllInside(answers)
        for _ in range(2):  # a client each time: one remembers what a name meant for some seconds
            async with Fetcher(Fetch(allow=(ip_network("127.0.0.2/32"),)), names) as fetcher:
                with pytest.raises(FetchError) as caught:
                    await fetcher.get(url.replace("127.0.0.1", "rebinding.example"))
            kinds.append(caught.value.kind)
    assert kinds == ["connect", "inside"]


@pytest.mark.skipif(not CASES.is_dir(), reason="the collection ssrf is not here")
def test_every_edge_of_the_special_blocks() -> None:
    rows = [json.loads(line) for line in (CASES / "ssrf" / "addresses.jsonl").read_text().splitlines()]
    assert [row["address"] for row in rows if is_allowed(row["address"]) != row["public"]] == []


@pytest.mark.skipif(not CASES.is_dir(), reason="the collection crlf is not here")
async def test_nothing_smuggles_a_header_into_what_we_send() -> None:
    seen: list[bytes] = []

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            seen.append(line)

    values = [json.loads(line)["value"] for line in (CASES / "crlf" / "values.jsonl").read_text().splitlines()]
    values += [
        "/\r\nX-Evil: 1",
        "/\nX-Evil: 1",
        "/?a=\r\n\r\nGET / HTTP/1.1",
        "/\0",
        "/\x85X-Evil: 1",
        "/\u2028X-Evil: 1",
    ]
    async with listening(record) as port:
        for value in values:
            for header in (None, {"If-None-Match": value}):
                options = Fetch(**(QUICK | {"allow": (LOOPBACK,), "total": timedelta(milliseconds=100)}))
                async with Fetcher(options) as fetcher:
                    with pytest.raises(FetchError):
                        await fetcher.get(f"http://127.0.0.1:{port}{'/' if header else value}", header)
    names = {line.partition(b":")[0].strip().lower() for line in seen if not line.startswith(b"GET /")}
    assert names <= {b"host", b"user-agent", b"accept", b"accept-encoding", b"if-none-match", b""}


async def test_a_proxy_is_used_when_named_and_keeps_what_is_named_inside_closed() -> None:
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0])
        writer.write(OK + b"Content-Length: 3\r\nConnection: close\r\n\r\nabc")
        await writer.drain()

    async with listening(proxy) as port, Fetcher(Fetch(proxy=f"http://127.0.0.1:{port}")) as fetcher:
        assert (await fetcher.get("http://news.example.org/feed")).body == b"abc"
        for inside in ("0x7f.1", "localhost", "x.localhost", "metadata.google.internal", "printer"):
            with pytest.raises(FetchError, match="allow"):
                await fetcher.get(f"http://{inside}/feed")
        assert (await fetcher.get("http://intranet/feed", access=Access(allow=(LOOPBACK,)))).body == b"abc"
    assert asked == [b"GET http://news.example.org/feed HTTP/1.1", b"GET http://intranet/feed HTTP/1.1"]


async def test_a_proxy_that_refuses_is_named_without_its_password() -> None:
    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async with listening(proxy) as port:
        options = Fetch(proxy=f"http://me:s3cret@127.0.0.1:{port}")
        assert "s3cret" not in repr(options)
        async with Fetcher(options) as fetcher:
            with pytest.raises(FetchError, match="proxy answered 407") as caught:
                await fetcher.get("https://news.example.org/feed")
    assert "s3cret" not in str(caught.value)
    async with Fetcher(Fetch(proxy=f"http://me:s3cret@127.0.0.1:{port}")) as fetcher:
        with pytest.raises(FetchError, match="proxy cannot be reached") as dead:
            await fetcher.get("https://news.example.org/feed")
    assert "s3cret" not in str(dead.value)


async def test_proxies_of_the_environment_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with served(says(OK + b"Content-Length: 3\r\n\r\nabc")) as url:
        assert (await fetched(url)).body == b"abc"


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("news.example.org", "example.org"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("me.github.io", "github.io"),
        ("EXAMPLE.org.", "example.org"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("co.uk", "co.uk"),
    ],
)
def test_registrable_domains(host: str, domain: str) -> None:
    assert registrable_domain(host) == domain
