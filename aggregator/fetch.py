"""The only way out: every byte that comes over the network comes through a `Fetcher`.

The address is checked where a socket is made for it, so literal addresses, names, redirects and second answers of a
name server all pass the same door. Redirects are followed by hand, sizes are counted while inflating, and one clock
runs from the first byte to the last.
"""

import asyncio
import hashlib
import os
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from types import TracebackType
from typing import Self

import ada_url
import aiohttp
from aiohappyeyeballs import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from aggregator import __version__
from aggregator.addresses import Networks, is_allowed, is_literal, is_outside
from aggregator.config.settings import Fetch
from aggregator.errors import FetchError
from aggregator.inflate import OFFERED, Inflater

GRACE_SECONDS = 5.0  # before the lowest rate is asked for
SLICE_BYTES = 1024  # of a packed body, unpacked at a time on the event loop: 1 MB at most
THREAD_SLICE_BYTES = 65_536  # in a thread, which looks in between whether it is still wanted
INLINE_BYTES = 500_000  # of a body, packed and unpacked together, that the event loop sees to
NAME_THREADS = 256  # each name that hangs holds one of them for as long as the system's resolver waits

_REDIRECTS = (301, 302, 303, 307, 308)
_PERMANENT = (301, 308)


@dataclass(frozen=True, slots=True)
class Access:
    """What one source needs that others do not. Header values and the proxy's URL may hold secrets."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # for the first origin only
    user_agent: str | None = None
    allow: Networks = ()  # networks on the inside that may be reached, besides `fetch.allow`
    ca: Path | None = None  # PEM file of the authorities that vouch for the server, instead of the system's
    proxy: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, unpacked. `headers` know their names in any case; `byte_count` is what came over the wire.

    The body is empty where `is_known`: what came over the wire is what the caller has had before.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    byte_count: int
    links: tuple[str, ...] = ()  # the values of all Link headers (RFC 8288)
    moved_to: str | None = None  # the end of a redirect chain that was permanent all the way
    packed_hash: str = ""  # of the body as it came over the wire
    is_known: bool = False


class Fetcher:
    """An HTTP client that cannot be led inside. Use as an async context manager."""

    def __init__(self, options: Fetch, resolver: AbstractResolver | None = None) -> None:
        """`resolver` answers for host names; the system's if None."""
        self._options = options
        self._resolver = resolver
        self._sessions: dict[tuple[object, ...], aiohttp.ClientSession] = {}
        self._opened = AsyncExitStack()
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        if self._resolver is None:
            self._resolver = _SystemNames()
            self._opened.push_async_callback(self._resolver.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.aclose()

    async def get(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        access: Access = Access(),
        known: str | None = None,
    ) -> Response:
        """The document at a URL, after redirects; `known`: its `packed_hash` of last time.

        Raises FetchError, and nothing else.
        """
        return await self._request("GET", url, headers or {}, access, None, known)

    async def post(self, url: str, form: Mapping[str, str], access: Access = Access()) -> Response:
        """The answer to a form. A redirect is followed with the form, save 303. Raises FetchError, and nothing else."""
        return await self._request("POST", url, {}, access, form, None)

    async def deliver(self, url: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """The answer to a body; `headers` say its type. Raises FetchError, and nothing else."""
        return await self._request("POST", url, headers, Access(), body, None)

    async def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        access: Access,
        form: Mapping[str, str] | bytes | None,
        known: str | None,
    ) -> Response:
        seconds = self._options.total.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(method, url, {**access.headers, **headers}, access, form, known)
        except aiohttp.ConnectionTimeoutError as error:
            raise FetchError("timeout", f"{url}: no connection within fetch.connect") from error
        except aiohttp.ServerTimeoutError as error:
            raise FetchError("timeout", f"{url}: not a byte for as long as fetch.read") from error
        except TimeoutError as error:
            raise FetchError("timeout", f"{url}: no complete answer within fetch.total ({seconds:g} s)") from error
        except aiohttp.ClientHttpProxyError as error:  # whose own text has the proxy's password
            raise FetchError("proxy", f"{url}: the proxy answered {error.status} {error.message[:100]}") from error
        except aiohttp.ClientProxyConnectionError as error:
            raise FetchError("proxy", f"{url}: the proxy cannot be reached: {_reason(error)}") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise FetchError("dns", f"{url}: the host name was not found") from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise FetchError("tls", f"{url}: the certificate is not valid: {error.certificate_error}") from error
        except aiohttp.ClientSSLError as error:
            raise FetchError("tls", f"{url}: no secure connection: {error.os_error}") from error
        except aiohttp.ClientConnectorError as error:
            raise _connect_error(url, error) from error
        except aiohttp.ClientPayloadError as error:
            raise FetchError("truncated", f"{url}: the answer ends too early") from error
        except aiohttp.ClientResponseError as error:
            raise FetchError("protocol", f"{url}: no proper HTTP: {' '.join(error.message.split())[:200]}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise FetchError("protocol", f"{url}: {type(error).__name__}: {str(error)[:200]}") from error

    async def _follow(
        self,
        method: str,
        url: str,
        private: dict[str, str],
        access: Access,
        form: Mapping[str, str] | bytes | None,
        known: str | None,
    ) -> Response:
        session = self._session(access)
        agent = access.user_agent or f"aggregator/{__version__} (+{self._options.contact})"
        start = here = _vetted(url)
        seen: set[URL] = set()
        permanent = True
        while here not in seen and len(seen) <= self._options.redirects:
            seen.add(here)
            if here is not start and here.origin() != start.origin():
                private = {}
            if form is not None and start.scheme == "https" != here.scheme:
                raise FetchError("redirect", f"{url}: redirected to {here}, which would send a form in the clear")
            self._refuse_named_inside(here, access)
            async with session.request(
                method,
                here,
                headers={"User-Agent": agent, **private},
                data=form,
                allow_redirects=False,
                proxy=self._proxy(access),
            ) as response:
                location = response.headers.get("Location")
                if response.status not in _REDIRECTS or not location:
                    moved_to = str(here) if permanent and here != start else None
                    return await self._read(response, moved_to, known)
                here = _vetted(location.strip(), base=here)
                permanent = permanent and response.status in _PERMANENT
                if response.status == 303:
                    method, form = "GET", None
        raise FetchError("redirect", f"{url}: redirected in a circle or more than {self._options.redirects} times")

    async def _read(self, response: aiohttp.ClientResponse, moved_to: str | None, known: str | None) -> Response:
        url = str(response.url)
        answer = Response(
            url, response.status, response.headers, b"", 0, tuple(response.headers.getall("Link", ())), moved_to
        )
        if response.status == 304:  # has no body (RFC 9110 §15.4.5)
            return answer
        encoding = response.headers.get("Content-Encoding", "")
        inflater = Inflater(encoding, self._options.body, url)
        packed: list[bytes] = []
        hashed = hashlib.sha1(encoding.encode("utf-8", "surrogateescape"), usedforsecurity=False)
        loop = asyncio.get_running_loop()
        started = loop.time()
        count = 0
        self._refuse_size(response.content_length or 0, url)
        async for chunk in response.content.iter_any():
            count += len(chunk)
            self._refuse_size(count, url)
            elapsed = loop.time() - started
            if elapsed > GRACE_SECONDS and count < self._options.rate * elapsed:
                raise FetchError("slow", f"{url}: slower than fetch.rate ({self._options.rate} bytes in a second)")
            packed.append(chunk)
            hashed.update(chunk)
        answer = replace(answer, byte_count=count, packed_hash=hashed.hexdigest())
        if answer.packed_hash == known:
            return replace(answer, is_known=True)
        return replace(answer, body=await _unpacked(inflater, b"".join(packed), self._turn))

    def _refuse_size(self, count: int, url: str) -> None:
        if count > self._options.wire:
            raise FetchError("too-large", f"{url}: larger than fetch.wire ({self._options.wire:,} bytes)")

    def _refuse_named_inside(self, url: URL, access: Access) -> None:
        """Behind a proxy no socket is made for the host itself; what its name says openly can still be refused."""
        if not self._proxy(access):
            return
        host, allow = url.host or "", (*self._options.allow, *access.allow)
        allowed = is_allowed(host, allow) if is_literal(host) else bool(allow)  # the proxy knows what a name means
        if not allowed and not is_outside(host):
            raise _inside(str(url), host)

    def _proxy(self, access: Access) -> str | None:
        common = self._options.proxy
        return access.proxy or (common.get_secret_value() if common else None)

    def _session(self, access: Access) -> aiohttp.ClientSession:
        """One set of connections for each way of checking: what one source may reach, another cannot use."""
        proxy = self._proxy(access)
        key = (*access.allow, access.ca, proxy)
        if key not in self._sessions:
            allow = (*self._options.allow, *access.allow)
            session = self._new_session(None if proxy else allow, access.ca)
            self._opened.push_async_callback(session.close)
            self._sessions[key] = session
        return self._sessions[key]

    def _new_session(self, allow: Networks | None, ca: Path | None) -> aiohttp.ClientSession:
        """`allow` is None where all connections go to a proxy, which the operator has named."""

        def open_socket(info: AddrInfoType) -> socket.socket:
            family, kind, protocol, _, address = info
            if allow is not None and not is_allowed(str(address[0]), allow):
                raise _Inside(str(address[0]))
            outbound = socket.socket(family, kind, protocol)
            outbound.setblocking(False)
            return outbound

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                socket_factory=open_socket,
                resolver=self._resolver,
                limit=0,  # who visits bounds the number of visits; to wait here would cost a fetch its time
                ssl=_tls(ca) if ca else True,
            ),
            timeout=aiohttp.ClientTimeout(
                total=None,
                sock_connect=self._options.connect.total_seconds(),
                sock_read=self._options.read.total_seconds(),
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,  # a proxy from the environment would hide the address from the check
            max_line_size=self._options.header,
            max_field_size=self._options.header,
            headers={
                "Accept-Encoding": OFFERED,
                "Accept": "application/atom+xml, application/rss+xml, application/feed+json,"
                " application/xml;q=0.9, */*;q=0.5",
            },
        )


class _Inside(OSError):
    """An OSError, so that a host with several addresses is tried at the next one."""


class _SystemNames(AbstractResolver):
    """getaddrinfo in threads of its own: names that hang keep no other work waiting."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(NAME_THREADS, "names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        ask = partial(
            socket.getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        answers = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in answers
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


async def _unpacked(inflater: Inflater, packed: bytes, turn: asyncio.Lock) -> bytes:
    """The whole body. What is large once it is unpacked is unpacked in a thread: it would hold up everything else.

    Of smaller ones, many of which may come at one time, the event loop unpacks one at a `turn`, and looks in between
    what else there is to do.
    """
    async with turn:
        start = _begun(inflater, packed)
        await asyncio.sleep(0)
    if start >= len(packed):
        return inflater.finish()
    unwanted = threading.Event()
    try:
        return await asyncio.to_thread(_rest_unpacked, inflater, packed, start, unwanted.is_set)
    finally:  # a thread cannot be cancelled: past fetch.total it ends by itself
        unwanted.set()


def _begun(inflater: Inflater, packed: bytes) -> int:
    """Unpack what takes but a moment; where the rest begins."""
    for start in range(0, len(packed), SLICE_BYTES):
        if start + inflater.count > INLINE_BYTES:
            return start
        inflater.add(packed[start : start + SLICE_BYTES])
    return len(packed)


def _rest_unpacked(inflater: Inflater, packed: bytes, start: int, is_unwanted: Callable[[], bool]) -> bytes:
    """The whole body, once what comes from `start` on is unpacked; nothing when it is not wanted any more."""
    for position in range(start, len(packed), THREAD_SLICE_BYTES):
        if is_unwanted():
            return b""
        inflater.add(packed[position : position + THREAD_SLICE_BYTES])
    return inflater.finish()


@lru_cache(maxsize=4096)  # sources are fetched again and again
def _vetted(url: str, base: URL | None = None) -> URL:
    """The URL as a browser would read it, without its fragment; http and https only."""
    shown = f"{base}: redirects to {url!r:.200}" if base else f"{url!r:.200}"
    forbidden = "\x7f" if base else "\x7f "  # servers write spaces into Location; a browser packs them up
    if any(letter < " " or letter in forbidden for letter in url):
        raise FetchError("url", f"{shown}: a URL has no spaces or control characters")
    try:
        href = ada_url.URL(url, base=str(base)).href if base else ada_url.URL(url).href
        result = URL(href, encoded=True)
        if "#" in href or "@" in href:
            result = result.with_fragment(None).with_user(None)  # secrets belong into the source's `auth`
        host = result.host
    except (ValueError, UnicodeError) as error:
        raise FetchError("url", f"{shown}: not a URL that can be fetched") from error
    if result.scheme not in ("http", "https") or not host:
        raise FetchError("url", f"{shown}: only http:// and https:// addresses can be fetched")
    return result


def _connect_error(url: str, error: aiohttp.ClientConnectorError) -> FetchError:
    causes = getattr(error.os_error, "exceptions", None) or [error.os_error]
    inside = next((cause for cause in causes if isinstance(cause, _Inside)), None)
    if inside:
        return _inside(url, str(inside))
    return FetchError("connect", f"{url}: {_reason(error)}")


def _reason(error: aiohttp.ClientConnectorError) -> str:
    reason = os.strerror(error.os_error.errno) if error.os_error.errno else str(error.os_error)
    return reason[:1].lower() + reason[1:]


def _inside(url: str, address: str) -> FetchError:
    return FetchError(
        "inside",
        f"{url}: {address} is not a public address; if it is meant, add its network to fetch.allow in aggregator.yaml,"
        " or to `allow` of this one feed in sources.yaml",
    )


def _tls(ca: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise FetchError("tls", f"{ca}: no certificates can be read from this file: {error}") from error
