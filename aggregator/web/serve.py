"""The web server: published files as they are, and a few pages.

A feed is a file: a request looks at its identity, never into the database. Most requests for feeds are answered by
`front` before they come here; what is said of a feed is the same on both ways.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from aggregator import compose, metrics
from aggregator.config import Config
from aggregator.distribute import Distributor
from aggregator.errors import StateError
from aggregator.pipeline import Pipeline, utc_now
from aggregator.store import Database
from aggregator.web import conditional, hub, pages, websub
from aggregator.web.front import IDLE_SECONDS, Connection, Front
from aggregator.web.limits import Limits
from aggregator.web.private import NOT_FOUND, Doorkeeper
from aggregator.web.published import Place, Published

log = logging.getLogger(__name__)

_PLACE = "private/{token:[A-Za-z0-9_-]{43}}/{slug:[a-z0-9-]+}"
_ENDING = r"{digest:(?:\.[a-z]+)?}{extension:\.[a-z]+}"
_PRIVATE = {"Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex"}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src https: http:;"
    " media-src https: http:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}


def application(
    config: Callable[[], Config],
    database: Database,
    pipeline: Pipeline | None = None,
    stopping: Callable[[], bool] = lambda: False,
    limits: Limits | None = None,
    published: Published | None = None,
    distributor: Distributor | None = None,
) -> web.Application:
    """The routes. `config` answers with the configuration in use, which a reload may replace.

    With a `pipeline` hubs can push into it, until `stopping` answers True; with a `distributor` there is a hub of ours.
    `limits` and `published` are shared with the front, if there is one.
    """
    limits = limits or Limits(lambda: config().settings.serve)
    published = published or Published(config)
    doorkeeper = Doorkeeper(database, utc_now)

    async def feed(request: web.Request) -> web.StreamResponse:
        place = published.place(request.path)
        if place is None:
            raise web.HTTPNotFound(text=NOT_FOUND)
        return answer(request, published, place)

    async def private_feed(request: web.Request) -> web.StreamResponse:
        slug, rest = await doorkeeper.check(request), (request.match_info[part] for part in ("digest", "extension"))
        place = published.private(f"{slug}{''.join(rest)}")
        if place is None:
            raise web.HTTPNotFound(text=NOT_FOUND)
        return answer(request, published, place)

    async def page(render: Callable[[], str | None], more: dict[str, str] | None = None) -> web.StreamResponse:
        text = await asyncio.to_thread(render)
        if text is None:
            raise web.HTTPNotFound(text=NOT_FOUND)
        return web.Response(text=text, content_type="text/html", headers=_HEADERS | (more or {}))

    async def index(request: web.Request) -> web.StreamResponse:
        return await page(lambda: pages.index(config(), database))

    async def topic(request: web.Request) -> web.StreamResponse:
        return await page(lambda: pages.topic(config(), database, request.match_info["slug"]))

    async def private_topic(request: web.Request) -> web.StreamResponse:
        slug = await doorkeeper.check(request)
        return await page(lambda: pages.topic(config(), database, slug, private=True), _PRIVATE)

    async def article(request: web.Request) -> web.StreamResponse:
        return await page(lambda: pages.article(config(), database, request.match_info["key"]))

    async def healthz(request: web.Request) -> web.StreamResponse:
        return web.Response(text="ok\n")

    async def counters(request: web.Request) -> web.StreamResponse:
        return web.Response(
            body=metrics.page(), headers={"Content-Type": metrics.MEDIA_TYPE, "Cache-Control": "no-store"}
        )

    app = web.Application(client_max_size=1024, middlewares=[_limited(limits)])
    app.add_routes(
        [
            web.get("/", index),
            web.get("/topics/{slug:[a-z0-9-]+}", topic),
            web.get(f"/feeds/{_PLACE}{_ENDING}", private_feed),
            web.get(f"/topics/{_PLACE}", private_topic),
            web.get("/articles/{key:[0-9a-f]{32}}", article),
            web.get(f"/feeds/{{slug:[a-z0-9-]+}}{_ENDING}", feed),
            web.get(r"/feeds/{slug:[a-z0-9-]+}/archive/{number:[0-9]+}.{extension:[a-z]+}", feed),
            web.get(f"/{compose.LIST}", feed),
            web.get("/healthz", healthz),
            web.get("/metrics", counters),
        ]
    )
    if pipeline is not None:
        app.add_routes(websub.routes(pipeline, stopping))
    if distributor is not None:
        app.add_routes(hub.routes(distributor))
    return app


@asynccontextmanager
async def running(
    config: Callable[[], Config],
    database: Database,
    pipeline: Pipeline,
    stopping: Callable[[], bool],
    distributor: Distributor | None = None,
    passed: Sequence[socket.socket] = (),
) -> AsyncIterator[None]:
    """Serve while inside: on the sockets that were `passed`, else on `listen`. Raises StateError when that is taken."""
    limits, published = Limits(lambda: config().settings.serve), Published(config)
    app = application(config, database, pipeline, stopping, limits, published, distributor)
    # A head is waited for no longer than for the next request: aiohttp has one clock for both.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5, keepalive_timeout=IDLE_SECONDS)
    await runner.setup()
    assert runner.server
    front = Front(published, limits, runner.server)
    try:
        listening = await _listening(front, passed, *config().settings.address)
        try:
            yield
        finally:
            for one in listening:
                one.close()
    finally:
        await runner.cleanup()
        front.close()


async def _listening(
    front: Front, passed: Sequence[socket.socket], host: str, port: int
) -> list[asyncio.AbstractServer]:
    for one in passed:
        log.info("served on the socket that systemd has opened, whatever `listen` says: %s", one.getsockname())
    try:
        if not passed:
            return [await front.loop.create_server(lambda: Connection(front), host, port, backlog=512)]
        return [await front.loop.create_server(lambda: Connection(front), sock=one) for one in passed]
    except OSError as error:
        raise StateError(
            f"cannot listen on {host}:{port}: {error.strerror or error};"
            " name another port in `listen` of aggregator.yaml or in AGGREGATOR_LISTEN"
        ) from error


def answer(request: web.Request, published: Published, place: Place) -> web.Response:
    """A feed, or that the reader has it already. Raises HTTPException."""
    fields = {name: ", ".join(request.headers.getall(name)) for name in conditional.NAMES if name in request.headers}
    copy = published.copy(place, packed=conditional.takes_gzip(fields.get("accept-encoding", "")))
    if copy is None:
        raise web.HTTPServiceUnavailable(text="Not published yet.\n", headers={"Retry-After": "5"})
    status = conditional.status(fields, copy.etag, copy.modified_at)
    if status == 412:
        raise web.HTTPPreconditionFailed(text="It is another one by now.\n")
    if status == 304:
        return web.Response(status=304, headers=copy.short)
    body = published.body(copy)
    if body is None:
        raise web.HTTPServiceUnavailable(text="It is being replaced.\n", headers={"Retry-After": "1"})
    return web.Response(body=body, headers=copy.headers)


def _limited(limits: Limits) -> Middleware:
    @web.middleware
    async def limited(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/websub/"):  # a hub may have much to push, and is bounded there
            return await handler(request)
        forwarded = ", ".join(request.headers.getall("X-Forwarded-For", ())) or None
        client = limits.client(request.remote or "::", forwarded)
        if wait := limits.wait(client, asyncio.get_running_loop().time()):
            raise web.HTTPTooManyRequests(text="Too often.\n", headers={"Retry-After": str(wait)})
        return await handler(request)

    return limited
