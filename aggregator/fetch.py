"""The only way out: every byte that comes over the network comes through `Fetcher.get`.

The address is checked where a socket is made for it, so literal addresses, names, redirects and second answers of a
name server all pass the same door. Redirects are followed by hand, sizes are counted while inflating.
"""

import asyncio
import socket
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from types import TracebackType
from typing import Self

import aiohttp
from aiohappyeyeballs import AddrInfoType
from yarl import URL

from aggregator import __version__
from aggregator.config.settings import Fetch
from aggregator.errors import FetchError

MAX_REDIRECTS = 5
CONNECT_SECONDS = READ_SECONDS = 10
_PIECE = 1 << 20  # bytes unpacked at a time
_FOLLOWED = (301, 302, 303, 307, 308)
_SECRET = ("authorization", "cookie", "if-none-match", "if-modified-since")  # for the first origin only

# The IANA special-purpose registries, written out: `ipaddress.is_global` is wrong at their edges. The last entry is a
# cloud provider's management address inside public space.
_INSIDE_V4 = [
    ip_network(block)
    for block in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24"
        " 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24"
        " 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32"
    ).split()
]
_OUTSIDE_V6 = ip_network("2000::/3")  # global unicast, less these blocks of it
_INSIDE_V6 = [ip_network(block) for block in "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20".split()]
_NAT64 = ip_network("64:ff9b::/96")

Networks = Sequence[IPv4Network | IPv6Network]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, unpacked. `headers` has lower-case names; `byte_count` is what came over the wire."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    byte_count: int


class Fetcher:
    """An HTTP client that cannot be led inside. Use as an async context manager."""

    def __init__(self, options: Fetch) -> None:
        self._options = options
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        def open_socket(info: AddrInfoType) -> socket.socket:
            family, kind, protocol, _, address = info
            if not is_allowed(str(address[0]), self._options.allow):
                raise _Inside(str(address[0]))
            outbound = socket.socket(family, kind, protocol)
            outbound.setblocking(False)
            return outbound

        total = self._options.total.total_seconds()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(socket_factory=open_socket, limit=256, limit_per_host=2),
            timeout=aiohttp.ClientTimeout(total=total, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,  # a proxy from the environment would hide the address from the check
            headers={
                "User-Agent": f"aggregator/{__version__} (+{self._options.contact})",
                "Accept-Encoding": "gzip, deflate",
                "Accept": "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5",
            },
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Response:
        """The document at a URL, after at most five redirects. Raises FetchError, and nothing else."""
        assert self._session is not None, "a Fetcher is used inside `async with`"
        try:
            async with asyncio.timeout(self._options.total.total_seconds()):
                return await self._follow(self._session, url, dict(headers or {}))
        except TimeoutError as error:
            raise FetchError("timeout", f"{url}: no complete answer in {self._options.total.seconds} s") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise FetchError("dns", f"{url}: the host name was not found") from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise FetchError("tls", f"{url}: the certificate is not valid: {error.certificate_error}") from error
        except aiohttp.ClientConnectorError as error:
            raise _connect_error(url, error) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise FetchError("protocol", f"{url}: {type(error).__name__}: {str(error)[:200]}") from error

    async def _follow(self, session: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> Response:
        start = here = _vetted(url)
        seen: set[URL] = set()
        while here not in seen and len(seen) <= MAX_REDIRECTS:
            seen.add(here)
            if here.origin() != start.origin():
                headers = {name: value for name, value in headers.items() if name.lower() not in _SECRET}
            async with session.get(here, headers=headers, allow_redirects=False) as response:
                location = response.headers.get("Location")
                if response.status in _FOLLOWED and location:
                    here = _vetted(str(here.join(URL(location.strip())))).with_fragment(None)
                    continue
                return await self._read(response)
        raise FetchError("redirect", f"{url}: redirected in a circle or more than {MAX_REDIRECTS} times")

    async def _read(self, response: aiohttp.ClientResponse) -> Response:
        url = str(response.url)
        inflate = _Inflater(response.headers.get("Content-Encoding", ""), self._options.body, url)
        count = 0
        async for chunk in response.content.iter_any():
            count += len(chunk)
            inflate.add(chunk)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Response(url, response.status, headers, inflate.finish(), count)


class _Inside(OSError):
    """An OSError, so that a host with several addresses is tried at the next one."""


def is_allowed(address: str, allow: Networks = ()) -> bool:
    """Whether a connection may be opened to an address: it is public, or in a network that the operator allows."""
    found = _unwrapped(ip_address(address.partition("%")[0]))
    if any(found in network for network in allow if network.version == found.version):
        return True
    if isinstance(found, IPv4Address):
        return not any(found in block for block in _INSIDE_V4)
    return found in _OUTSIDE_V6 and not any(found in block for block in _INSIDE_V6)


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside a mapped or NAT64 one."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _vetted(url: str) -> URL:
    if any(letter <= " " or letter == "\x7f" for letter in url):
        raise FetchError("url", f"{url!r:.200}: a URL has no spaces or control characters")
    try:
        parsed = URL(url)
    except ValueError as error:
        raise FetchError("url", f"{url:.200}: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise FetchError("url", f"{url:.200}: only http:// and https:// addresses can be fetched")
    return parsed


def _connect_error(url: str, error: aiohttp.ClientConnectorError) -> FetchError:
    causes = getattr(error.os_error, "exceptions", None) or [error.os_error]
    inside = next((cause for cause in causes if isinstance(cause, _Inside)), None)
    if inside:
        return FetchError(
            "inside", f"{url}: {inside} is not a public address; if it is meant, add its network to fetch.allow"
        )
    return FetchError("connect", f"{url}: {error.os_error.strerror or error.os_error}")


class _Inflater:
    """Unpacks a body piece by piece and stops at the limit, however well the bomb is packed."""

    def __init__(self, encoding: str, limit: int, url: str) -> None:
        self._url = url
        self._limit = limit
        self._body = bytearray()
        self._began = False
        self._unpack = _decompressor(encoding.strip().lower(), url)
        self._raw_deflate_possible = encoding.strip().lower() == "deflate"

    def add(self, data: bytes) -> None:
        if self._unpack is None:
            self._keep(data)
            return
        self._began = True
        more = bool(data)
        while more and not self._unpack.eof:
            try:
                piece = self._unpack.decompress(data, _PIECE)
            except zlib.error as error:
                if not self._raw_deflate_possible:
                    raise FetchError("encoding", f"{self._url}: the packed body is damaged: {error}") from error
                self._unpack = zlib.decompressobj(-15)  # many servers send deflate without its zlib wrapper
                self._raw_deflate_possible = False
                continue
            self._raw_deflate_possible = False
            self._keep(piece)
            data = self._unpack.unconsumed_tail
            more = bool(data) or len(piece) == _PIECE  # a full piece may have left more inside

    def finish(self) -> bytes:
        if self._unpack is not None and not self._unpack.eof and self._began:
            raise FetchError("truncated", f"{self._url}: the packed body ends too early")
        return bytes(self._body)

    def _keep(self, piece: bytes) -> None:
        self._body += piece
        if len(self._body) > self._limit:
            raise FetchError("too-large", f"{self._url}: larger than fetch.body ({self._limit:,} bytes)")


def _decompressor(encoding: str, url: str) -> "zlib._Decompress | None":
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip"):
        return zlib.decompressobj(31)
    if encoding == "deflate":
        return zlib.decompressobj(15)
    raise FetchError("encoding", f"{url}: sent in the encoding {encoding[:40]!r}, which was not offered")
