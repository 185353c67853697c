"""The small types of the configuration: durations, sizes, addresses, and how a person writes them."""

import re
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES = {"B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_DURATION = r"^(\d{1,6})\s*(s|m|h|d|w)$"
_SIZE = r"^(\d{1,9})\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)$"


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    match = re.match(_DURATION, str(value))
    if not match:
        raise ValueError("a duration is a number and one of s, m, h, d, w, such as '30m'")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def _size(value: Any) -> Any:
    if isinstance(value, int):
        return value
    match = re.match(_SIZE, str(value))
    if not match:
        raise ValueError("a size is a number and one of B, kB, MB, GB, KiB, MiB, GiB, such as '20MB'")
    return int(match[1]) * _BYTES[match[2]]


def _network(value: Any) -> Any:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        return ip_network(str(value))
    except ValueError as error:
        raise ValueError(f"a network is written like '10.1.0.0/16' or '192.168.7.9': {error}") from None


Duration = Annotated[timedelta, BeforeValidator(_duration), WithJsonSchema({"type": "string", "pattern": _DURATION})]
Size = Annotated[int, BeforeValidator(_size), WithJsonSchema({"type": "string", "pattern": _SIZE})]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network), WithJsonSchema({"type": "string"})]
