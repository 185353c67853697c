"""What pages need besides themselves: a stylesheet, a script, an icon. Each at an address that has its content's hash.

So a browser may keep them for good, and a new version is asked for at once.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from aiohttp import web

from aggregator.web import conditional
from aggregator.web.private import NOT_FOUND

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_FOR_EVER = "public, max-age=31536000, immutable"  # RFC 8246


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, plain and packed."""

    name: str  # as it is asked for, such as `style.0f3c9a1b2d4e.css`
    body: bytes
    packed: bytes
    headers: Mapping[str, str]


@cache
def assets() -> dict[str, Asset]:
    """All of them, by the names of their files."""
    return {file.name: _asset(file.name, file.read_bytes()) for file in _folder() if not file.name.startswith(".")}


def routes() -> list[web.RouteDef]:
    return [web.get("/static/{name}", _answer)]


async def _answer(request: web.Request) -> web.Response:
    """Raises HTTPNotFound: also where a page of another version asks for its own."""
    found = _by_name().get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound(text=NOT_FOUND)
    if request.headers.get("If-None-Match") == found.headers["ETag"]:
        return web.Response(status=304, headers=found.headers)
    if conditional.takes_gzip(request.headers.get("Accept-Encoding", "")):
        return web.Response(body=found.packed, headers={**found.headers, "Content-Encoding": "gzip"})
    return web.Response(body=found.body, headers=found.headers)


@cache
def _by_name() -> dict[str, Asset]:
    """All of them, by the names with which they are asked for."""
    return {asset.name: asset for asset in assets().values()}


def _folder() -> list[resources.abc.Traversable]:
    return sorted((resources.files("aggregator.web") / "static").iterdir(), key=lambda file: file.name)


def _asset(file_name: str, body: bytes) -> Asset:
    stem, _, extension = file_name.rpartition(".")
    digest = hashlib.sha256(body).hexdigest()[:12]
    headers = {
        "Content-Type": _TYPES[extension],
        "Cache-Control": _FOR_EVER,
        "ETag": f'"{digest}"',
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    return Asset(f"{stem}.{digest}.{extension}", body, gzip.compress(body, mtime=0), headers)
