"""What one reader may take: so many requests in a minute, so many connections; and who it is, behind a proxy.

The tables are bounded; a reader with many addresses gains nothing but a fresh count for all. This machine itself is not
limited, and neither are the connections of proxies that the configuration trusts: they stand for many.
"""

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aggregator.addresses import Networks
from aggregator.config.settings import Serve

WINDOW_SECONDS = 60.0
ADDRESSES = 50_000  # counted at the same time
TOTAL_CONNECTIONS = 2_000
HOPS = 10  # of X-Forwarded-For that are looked at

_PASSED_ON = frozenset(("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"))
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::[0-9]*)?")  # of a Host field (RFC 9110 §7.2)
_SITE_BITS = 64  # of an IPv6 address: what one customer has (RFC 6177)


class Limits:
    """Counts what clients take. Times are seconds of any clock that only goes forward."""

    def __init__(self, settings: Callable[[], Serve]) -> None:
        self._settings = settings
        self._requests: dict[str, int] = {}
        self._began = float("-inf")
        self._connections: dict[str, int] = {}
        self.open = 0  # connections in all

    def client(self, peer: str, forwarded: str | None) -> str:
        """Who sends a request: the peer, or whom a trusted proxy names as its own peer (from the right: the first that
        is no trusted proxy itself)."""
        trusted = self._settings().trusted_proxies
        if forwarded is None or not trusted or not _is_in(peer, trusted):
            return peer
        for hop in reversed(forwarded.rsplit(",", HOPS)[-HOPS:]):
            name = hop.strip().strip('"')
            if not _is_address(name):
                break
            peer = name
            if not _is_in(name, trusted):
                break
        return peer

    def wait(self, client: str, now: float) -> int:
        """Count a request. Seconds to wait where it is one too many, else 0."""
        allowed = self._settings().requests
        if now - self._began >= WINDOW_SECONDS or len(self._requests) >= ADDRESSES:
            self._requests.clear()
            self._began = now
        key = _site(client)
        count = self._requests[key] = self._requests.get(key, 0) + 1
        if count <= allowed or not allowed or _is_here(client):
            return 0
        return max(1, round(self._began + WINDOW_SECONDS - now))

    def enter(self, peer: str) -> bool:
        """Count a connection; False, and it is not counted, if there is no room for it."""
        settings, key = self._settings(), _site(peer)
        count = self._connections.get(key, 0)
        if self.is_full:
            return False
        if count >= settings.connections and not (_is_here(peer) or _is_in(peer, settings.trusted_proxies)):
            return False
        self._connections[key] = count + 1
        self.open += 1
        return True

    @property
    def is_full(self) -> bool:
        return self.open >= TOTAL_CONNECTIONS

    def leave(self, peer: str) -> None:
        """A connection that has entered is closed."""
        key = _site(peer)
        self.open -= 1
        self._connections[key] -= 1
        if not self._connections[key]:
            del self._connections[key]


@lru_cache(maxsize=4096)
def _is_in(address: str, networks: Networks) -> bool:
    found = _known_as(address)
    return any(found in network for network in networks if network.version == found.version)


@lru_cache(maxsize=4096)
def _site(address: str) -> str:
    """What is counted: an IPv4 address, or the network of an IPv6 one."""
    found = _known_as(address)
    return str(found) if found.version == 4 else str(ip_network(f"{found}/{_SITE_BITS}", strict=False))


@lru_cache(maxsize=4096)
def _is_here(address: str) -> bool:
    return _known_as(address).is_loopback


def _known_as(address: str) -> IPv4Address | IPv6Address:
    found = ip_address(address.partition("%")[0])
    return (found.ipv4_mapped if isinstance(found, IPv6Address) else None) or found


def is_at_hand(peer: str, host: str, fields: Collection[str]) -> bool:
    """Whether a request is from this machine itself, and meant for it: no proxy has passed it on, as the names of its
    header fields (in small letters) say, and no page of another site has made a name of its own lead here."""
    found = _HOST.fullmatch(host)
    name = found[1].strip("[]").lower() if found else ""
    is_meant = name == "localhost" or (_is_address(name) and _is_here(name))
    return _is_address(peer) and _is_here(peer) and is_meant and _PASSED_ON.isdisjoint(fields)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
