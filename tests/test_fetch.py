"""The only way out: where it leads, and what it lets in. A real server on 127.0.0.1, a second one on 127.0.0.2."""

import asyncio
import gzip
import os
import threading
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from ipaddress import ip_network

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aggregator import fetch
from aggregator.config.settings import Fetch
from aggregator.errors import FetchError
from aggregator.fetch import THREAD_SLICE_BYTES, Fetcher, Response, _rest_unpacked, _unpacked, is_allowed
from aggregator.inflate import Inflater

TEXT = b"<rss>" + b"news " * 2000 + b"</rss>"
LIMIT = 3_000_000
MEBIBYTE = bytes(1 << 20)
LOOPBACK = (ip_network("127.0.0.0/8"),)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


PACKED = {  # by path: what is sent, and as what
    "plain": (TEXT, None),
    "gzip": (gzip.compress(TEXT), "gzip"),
    "x-gzip": (gzip.compress(TEXT), " X-GZIP "),
    "deflate": (zlib.compress(TEXT), "deflate"),
    "raw-deflate": (raw_deflate(TEXT), "deflate"),
    "large-raw-deflate": (raw_deflate(MEBIBYTE + b"\0" * 8), "deflate"),
    "limit": (gzip.compress(bytes(LIMIT)), "gzip"),
    "bomb": (gzip.compress(bytes(LIMIT + 1)), "gzip"),
    "large": (bytes(LIMIT + 1), None),
    "truncated": (gzip.compress(TEXT)[:-9], "gzip"),
    "truncated-in-the-header": (gzip.compress(TEXT)[:8], "gzip"),
    "damaged": (b"\x1f\x8b\x08\x00" + b"\xff" * 99, "gzip"),
    "unknown": (TEXT, "br"),
    "members": (b"".join(gzip.compress(TEXT[start : start + 100]) for start in range(0, len(TEXT), 100)), "gzip"),
    "too-many-members": (gzip.compress(os.urandom(600_000)) + gzip.compress(b"") * 100_000, "gzip"),
}
LOCATIONS = {  # by path: where to
    "hop": "/r/hop2?a=1#part",
    "hop2": "../p/plain",
    "circle": "/r/circle2",
    "circle2": "/r/circle",
    "file": "file:///etc/passwd",
    "javascript": "javascript:alert(1)",
    "inside": "http://10.0.0.1/",
}


async def packed(request: web.Request) -> web.Response:
    body, encoding = PACKED[request.match_info["name"]]
    return web.Response(body=body, headers={"Content-Encoding": encoding} if encoding else {})


async def redirect(request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": LOCATIONS[request.match_info["name"]]})


async def chain(request: web.Request) -> web.Response:
    left = int(request.match_info["left"])
    return web.Response(status=307, headers={"Location": f"/chain/{left - 1}"}) if left else web.Response(text="end")


async def leave(request: web.Request) -> web.Response:
    return web.Response(status=301, headers={"Location": request.query["to"]})


async def echo(request: web.Request) -> web.Response:
    return web.json_response({name.lower(): value for name, value in request.headers.items()})


async def never(_: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.fixture
async def servers() -> AsyncIterator[tuple[str, str]]:
    """Addresses of two servers that differ in their host alone… and their port."""
    started = []
    for host in ("127.0.0.1", "127.0.0.2"):
        app = web.Application()
        app.router.add_get("/p/{name}", packed)
        app.router.add_get("/r/{name}", redirect)
        app.router.add_get("/chain/{left}", chain)
        app.router.add_get("/leave", leave)
        app.router.add_get("/echo", echo)
        app.router.add_get("/never", never)
        started.append(TestServer(app, host=host))
        await started[-1].start_server()
    first, second = (str(server.make_url("")).rstrip("/") for server in started)
    yield first, second
    for server in started:
        await server.close()


async def get(url: str, headers: dict[str, str] | None = None, **options: object) -> Response:
    async with Fetcher(Fetch(**{"allow": LOOPBACK, "body": LIMIT} | options)) as fetcher:  # type: ignore[arg-type]
        return await fetcher.get(url, headers)


async def failure(url: str, **options: object) -> FetchError:
    with pytest.raises(FetchError) as caught:
        await get(url, **options)
    return caught.value


async def test_inside_is_closed_and_the_error_names_the_setting(servers: tuple[str, str]) -> None:
    error = await failure(f"{servers[0]}/p/plain", allow=())
    assert error.kind == "inside"
    assert "127.0.0.1" in str(error) and "fetch.allow" in str(error)


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "localhost"]
)
async def test_no_spelling_of_an_inside_address_opens_it(servers: tuple[str, str], host: str) -> None:
    port = servers[0].rpartition(":")[2]
    assert (await failure(f"http://{host}:{port}/p/plain", allow=())).kind in ("inside", "dns", "url", "protocol")


@pytest.mark.parametrize("name", ["plain", "gzip", "x-gzip", "deflate", "raw-deflate", "members"])
async def test_bodies_are_unpacked(servers: tuple[str, str], name: str) -> None:
    response = await get(f"{servers[0]}/p/{name}")
    assert (response.status, response.body, response.byte_count) == (200, TEXT, len(PACKED[name][0]))


async def test_of_many_bodies_at_a_time_one_is_unpacked_between_two_looks_at_all_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turn, begun, looks = asyncio.Lock(), 0, []
    unpack = fetch._begun

    def counted(inflater: Inflater, packed: bytes) -> int:
        nonlocal begun
        begun += 1
        return unpack(inflater, packed)

    async def look() -> None:
        while begun < 20:
            looks.append(begun)
            await asyncio.sleep(0)

    monkeypatch.setattr(fetch, "_begun", counted)
    bodies = [gzip.compress(bytes([number]) * 1000) for number in range(20)]
    *found, _ = await asyncio.gather(*(_unpacked(Inflater("gzip", LIMIT, "x"), body, turn) for body in bodies), look())
    assert found == [bytes([number]) * 1000 for number in range(20)]
    assert set(range(1, 20)) <= set(looks)


def test_nothing_is_unpacked_once_nobody_waits_for_it() -> None:
    inflater, asked = Inflater("gzip", LIMIT, "x"), iter((False, False, True))
    _rest_unpacked(inflater, gzip.compress(os.urandom(10 * THREAD_SLICE_BYTES)), 0, lambda: next(asked))
    assert 0 < inflater.count <= 2 * THREAD_SLICE_BYTES


async def test_a_body_that_takes_too_long_to_unpack_ends_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[int] = []
    ended = threading.Event()

    def slowly(self: Inflater, data: bytes) -> None:
        added.append(len(data))
        self.count += len(data)
        if len(data) == THREAD_SLICE_BYTES:
            ended.wait(0.05)

    monkeypatch.setattr(Inflater, "add", slowly)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await _unpacked(Inflater("gzip", LIMIT, "x"), bytes(100 * THREAD_SLICE_BYTES), asyncio.Lock())
    ended.set()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert added.count(THREAD_SLICE_BYTES) < 90


@pytest.mark.parametrize(("name", "size"), [("limit", LIMIT), ("large-raw-deflate", len(MEBIBYTE) + 8)])
async def test_large_bodies_are_whole(servers: tuple[str, str], name: str, size: int) -> None:
    assert len((await get(f"{servers[0]}/p/{name}")).body) == size


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("p/bomb", "too-large"),
        ("p/large", "too-large"),
        ("p/truncated", "truncated"),
        ("p/truncated-in-the-header", "truncated"),
        ("p/damaged", "encoding"),
        ("p/unknown", "encoding"),
        ("p/too-many-members", "encoding"),
        ("r/circle", "redirect"),
        ("chain/6", "redirect"),
        ("r/file", "url"),
        ("r/javascript", "url"),
        ("r/inside", "inside"),
    ],
)
async def test_what_is_not_acceptable(servers: tuple[str, str], path: str, kind: str) -> None:
    assert (await failure(f"{servers[0]}/{path}")).kind == kind


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a/", "http://a b/", "http://[x/", "x"])
async def test_only_web_addresses_are_fetched(url: str) -> None:
    assert (await failure(url)).kind == "url"


async def test_redirects_are_followed_to_the_end(servers: tuple[str, str]) -> None:
    assert (await get(f"{servers[0]}/r/hop")).url == f"{servers[0]}/p/plain"
    assert (await get(f"{servers[0]}/chain/5")).body == b"end"


async def test_secrets_and_validators_stay_at_their_origin(servers: tuple[str, str]) -> None:
    here, there = servers
    sent = {"If-None-Match": '"1"', "If-Modified-Since": "x", "Cookie": "c", "Authorization": "a", "X-Other": "key"}
    names = {name.lower() for name in sent}
    assert names <= set((await get(f"{here}/leave?to={here}/echo", sent)).body.decode().split('"'))
    crossed = set((await get(f"{here}/leave?to={there}/echo", sent)).body.decode().split('"'))
    assert names & crossed == set()
    returned = (await get(f"{here}/leave?to={there}/leave?to={here}/echo", sent)).body.decode()
    assert "if-none-match" not in returned


async def test_a_server_that_never_answers_is_left(servers: tuple[str, str]) -> None:
    assert (await failure(f"{servers[0]}/never", total=timedelta(milliseconds=50))).kind == "timeout"


_INSIDE = """0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 169.254.169.254 172.31.255.255 192.0.0.9 192.168.1.1 198.19.0.1
203.0.113.9 224.0.0.1 255.255.255.255 168.63.129.16 :: ::1 ::127.0.0.1 ::ffff:10.0.0.1 64:ff9b::a00:1 64:ff9b:1::1
100::1 2001:db8::1 2001::1 2002:a00:1::1 3fff::1 fc00::1 fe80::1%eth0 fec0::1 ff02::1 5f00::1"""
_OUTSIDE = (
    "1.1.1.1 100.128.0.1 172.32.0.1 192.0.1.1 198.20.0.1 223.255.255.255 ::ffff:1.1.1.1 64:ff9b::101:101 2606:4700::1"
)


@pytest.mark.parametrize("address", _INSIDE.split())
def test_inside(address: str) -> None:
    assert not is_allowed(address)


@pytest.mark.parametrize("address", _OUTSIDE.split())
def test_outside(address: str) -> None:
    assert is_allowed(address)


@pytest.mark.parametrize(
    ("address", "network", "answer"),
    [("10.1.2.3", "10.1.0.0/16", True), ("10.2.2.3", "10.1.0.0/16", False), ("::ffff:10.1.2.3", "10.1.0.0/16", True),
     ("fd00::1", "fd00::/8", True), ("10.1.2.3", "::/0", False)],
)  # fmt: skip
def test_the_operator_opens_networks(address: str, network: str, answer: bool) -> None:
    assert is_allowed(address, (ip_network(network),)) is answer
