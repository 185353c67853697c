"""The web server: published files as they are, and a few pages.

A feed is a file: a request looks at its size and time, never into the database. The strong ETag is a hash of the bytes
that are sent, so the packed and the plain form have different ones.
"""

import asyncio
import hashlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from aiohttp import web

from aggregator import metrics, registry
from aggregator.config import Config
from aggregator.errors import StateError
from aggregator.pipeline import Pipeline
from aggregator.store import Database
from aggregator.web import pages, websub

log = logging.getLogger(__name__)

MAX_AGE_SECONDS = 60
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src https: http:;"
    " media-src https: http:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}


@dataclass(frozen=True, slots=True)
class _Blob:
    """One file's bytes and what is said about them."""

    signature: tuple[int, int]
    body: bytes
    packed: bytes
    etag: str
    packed_etag: str
    modified_at: datetime


class _Files:
    """Published files in memory, read again when they have changed."""

    def __init__(self) -> None:
        self._blobs: dict[Path, _Blob] = {}

    def get(self, path: Path) -> _Blob | None:
        try:
            facts = path.stat()
            signature = (facts.st_mtime_ns, facts.st_size)
            blob = self._blobs.get(path)
            if blob is None or blob.signature != signature:
                body, packed = path.read_bytes(), path.with_name(path.name + ".gz").read_bytes()
                modified_at = datetime.fromtimestamp(int(facts.st_mtime), UTC)
                blob = _Blob(signature, body, packed, _etag(body), _etag(packed), modified_at)
                self._blobs[path] = blob
            return blob
        except OSError:
            self._blobs.pop(path, None)
            return None


def application(
    config: Callable[[], Config],
    database: Database,
    pipeline: Pipeline | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> web.Application:
    """The routes. `config` answers with the configuration in use, which a reload may replace.

    With a `pipeline` hubs can push into it, until `stopping` answers True.
    """
    files = _Files()

    async def feed(request: web.Request) -> web.StreamResponse:
        slug, extension = request.match_info["slug"], request.match_info["extension"]
        kind = next((kind for kind in registry.formats().values() if kind.extension == extension), None)
        if kind is None or slug not in config().topics:
            raise web.HTTPNotFound(text="There is no such feed; / lists the topics.\n")
        blob = files.get(config().public / "feeds" / f"{slug}.{extension}")
        if blob is None:
            raise web.HTTPServiceUnavailable(text="Not published yet.\n", headers={"Retry-After": "5"})
        return _answer(request, blob, kind.media_type)

    async def page(request: web.Request, render: Callable[[], str | None]) -> web.StreamResponse:
        text = await asyncio.to_thread(render)
        if text is None:
            raise web.HTTPNotFound(text="There is no such page; / lists the topics.\n")
        return web.Response(text=text, content_type="text/html", headers=_HEADERS)

    async def index(request: web.Request) -> web.StreamResponse:
        return await page(request, lambda: pages.index(config(), database))

    async def topic(request: web.Request) -> web.StreamResponse:
        return await page(request, lambda: pages.topic(config(), database, request.match_info["slug"]))

    async def article(request: web.Request) -> web.StreamResponse:
        return await page(request, lambda: pages.article(config(), database, request.match_info["key"]))

    async def healthz(request: web.Request) -> web.StreamResponse:
        return web.Response(text="ok\n")

    async def counters(request: web.Request) -> web.StreamResponse:
        return web.Response(
            body=metrics.page(), headers={"Content-Type": metrics.MEDIA_TYPE, "Cache-Control": "no-store"}
        )

    app = web.Application(client_max_size=1024)
    app.add_routes(
        [
            web.get("/", index),
            web.get("/topics/{slug:[a-z0-9-]+}", topic),
            web.get("/articles/{key:[0-9a-f]{32}}", article),
            web.get(r"/feeds/{slug:[a-z0-9-]+}.{extension:[a-z]+}", feed),
            web.get("/healthz", healthz),
            web.get("/metrics", counters),
        ]
    )
    if pipeline is not None:
        app.add_routes(websub.routes(pipeline, stopping))
    return app


@asynccontextmanager
async def running(
    config: Callable[[], Config],
    database: Database,
    pipeline: Pipeline,
    stopping: Callable[[], bool],
    passed: Sequence[socket.socket] = (),
) -> AsyncIterator[None]:
    """Serve while inside: on the sockets that were `passed`, else on `listen`. Raises StateError when that is taken."""
    app = application(config, database, pipeline, stopping)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
    await runner.setup()
    try:
        for one in passed:
            log.info("served on the socket that systemd has opened, whatever `listen` says: %s", one.getsockname())
            await web.SockSite(runner, one).start()
        if not passed:
            await _listen(runner, *config().settings.address)
        yield
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise StateError(
            f"cannot listen on {host}:{port}: {error.strerror or error};"
            " name another port in `listen` of aggregator.yaml or in AGGREGATOR_LISTEN"
        ) from error


def _answer(request: web.Request, blob: _Blob, media_type: str) -> web.Response:
    packed = "gzip" in request.headers.get("Accept-Encoding", "")
    headers = {
        "Content-Type": media_type,
        "ETag": blob.packed_etag if packed else blob.etag,
        "Last-Modified": format_datetime(blob.modified_at, usegmt=True),
        "Cache-Control": f"public, max-age={MAX_AGE_SECONDS}",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if _is_fresh(request, blob):
        return web.Response(
            status=304, headers={name: value for name, value in headers.items() if name != "Content-Type"}
        )
    if packed:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=blob.packed if packed else blob.body, headers=headers)


def _is_fresh(request: web.Request, blob: _Blob) -> bool:
    """Whether the reader has these bytes already; If-None-Match wins over If-Modified-Since (RFC 9110 §13.2.2)."""
    if request.if_none_match is not None:
        given = {tag.value for tag in request.if_none_match}
        return bool(given & {"*", blob.etag.strip('"'), blob.packed_etag.strip('"')})
    since = request.if_modified_since
    return since is not None and blob.modified_at <= since


def _etag(data: bytes) -> str:
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'
