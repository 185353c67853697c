"""Which network addresses are public? And which hosts are one and the same to be polite to. Pure.

The IANA special-purpose registries are written out: `ipaddress.is_global` is wrong at their edges.
"""

from collections.abc import Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from publicsuffixlist import PublicSuffixList

Networks = Sequence[IPv4Network | IPv6Network]

_INSIDE_V4 = [
    ip_network(block)
    for block in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24"
        " 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24"
        " 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
        " 168.63.129.16/32"  # a cloud provider's management address inside public space
    ).split()
]
_OUTSIDE_V6 = ip_network("2000::/3")  # global unicast, less these blocks of it
_INSIDE_V6 = [ip_network(block) for block in "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20".split()]
_NAT64 = ip_network("64:ff9b::/96")

# RFC 6761, RFC 6762, RFC 7686, RFC 8375, RFC 9476, and ICANN's name for private networks
_LOCAL_NAMES = tuple(".localhost .local .test .invalid .example .onion .home.arpa .alt .internal".split())

_suffixes = PublicSuffixList(only_icann=True)


def is_allowed(address: str, allow: Networks = ()) -> bool:
    """Whether a connection may be opened to an address: it is public, or in a network that the operator allows."""
    found = _unwrapped(ip_address(address.partition("%")[0]))
    if any(found in network for network in allow if network.version == found.version):
        return True
    if isinstance(found, IPv4Address):
        return not any(found in block for block in _INSIDE_V4)
    return found in _OUTSIDE_V6 and not any(found in block for block in _INSIDE_V6)


def is_literal(host: str) -> bool:
    """Whether a URL's host is an address rather than a name."""
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def is_outside(host: str) -> bool:
    """Whether a host can be reached from anywhere, judged by its name: not a private address, not a local name."""
    host = host.lower().rstrip(".")
    if is_literal(host):
        return is_allowed(host)
    return "." in host and not f".{host}".endswith(_LOCAL_NAMES)


@cache
def registrable_domain(host: str) -> str:
    """The part of a host name that somebody has registered: `a.blog.example.co.uk` → `example.co.uk`.

    By the Public Suffix List without its private part: whoever hosts the blogs of others has one limit for all of
    them. An address, and a name that has no known suffix, is its own domain.
    """
    host = host.lower().rstrip(".")
    return host if is_literal(host) else _suffixes.privatesuffix(host) or host


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside a mapped or NAT64 one."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
