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

from aggregator import compose, editions, metrics
from aggregator.condition import Condition
from aggregator.config import Config
from aggregator.distribute import Distributor
from aggregator.gauges import Gauges
from aggregator.pipeline import Pipeline, utc_now
from aggregator.store import Database
from aggregator.web import absent, assets, conditional, conditions, health, hub, pages, websub
from aggregator.web.front import IDLE_SECONDS, Connection, Front
from aggregator.web.health import Reports
from aggregator.web.limits import Limits, is_at_hand
from aggregator.web.overview import Overview
from aggregator.web.private import NOT_FOUND, Doorkeeper
from aggregator.web.published import Place, Published
from aggregator.web.rendering import Frame
from aggregator.web.trace import Tracer

log = logging.getLogger(__name__)

_PLACE = "private/{token:[A-Za-z0-9_-]{43}}/{slug:_?[a-z0-9-]+}"
AT_WORK: Reports = {"healthz": Condition, "readyz": Condition}
_FILE = r"{file:[a-z0-9._-]+\.[a-z]+}"
_PRIVATE = {"Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex"}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
    # Pictures and films in articles come from their publishers: lazily, and without being told who sent the reader.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' https: http:;"
    " media-src https: http:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
}
_PAGES_AT_ONCE = 2  # that are made: the rest of the daemon has work to do, too


def application(
    config: Callable[[], Config],
    database: Database,
    pipeline: Pipeline | None = None,
    stopping: Callable[[], bool] = lambda: False,
    limits: Limits | None = None,
    published: Published | None = None,
    distributor: Distributor | None = None,
    reports: Reports = AT_WORK,
    gauges: Gauges | None = None,
) -> web.Application:
    """The routes. `config` answers with the configuration in use, which a reload may replace.

    With a `pipeline` hubs can push into it, until `stopping` answers True; with a `distributor` there is a hub of ours.
    `limits` and `published` are shared with the front, if there is one. `reports` say how the daemon is.
    """
    limits = limits or Limits(lambda: config().settings.serve)
    published = published or Published(config)
    doorkeeper = Doorkeeper(database, utc_now)
    overview, tracer, turn = Overview(database, utc_now), Tracer(database), asyncio.Semaphore(_PAGES_AT_ONCE)

    def found(target: str, place: Place | None) -> Place:
        """The place, if there is one. Raises HTTPNotFound."""
        if place is None:
            choices = published.choices(target)
            raise web.HTTPNotFound(text=NOT_FOUND if choices is None else editions.offered(choices))
        return place

    async def feed(request: web.Request) -> web.StreamResponse:
        target = f"{request.path}?{request.rel_url.raw_query_string}"
        return answer(request, published, found(target, published.place(target)))

    async def private_feed(request: web.Request) -> web.StreamResponse:
        slug = await doorkeeper.check(request)
        target = f"{slug}{request.match_info['rest']}?{request.rel_url.raw_query_string}"
        return answer(request, published, found(target, published.private(target)))

    async def page(render: Callable[[], str | None], more: dict[str, str] | None = None) -> web.StreamResponse:
        async with turn:
            text = await asyncio.to_thread(render)
        if text is None:
            raise web.HTTPNotFound(text=NOT_FOUND)
        response = web.Response(text=text, content_type="text/html", headers=_HEADERS | (more or {}))
        response.enable_compression()
        return response

    def sees_sources(request: web.Request) -> bool:
        fields = {name.lower() for name in request.headers}
        return config().settings.serve.sources == "public" or is_at_hand(request.remote or "", request.host, fields)

    async def index(request: web.Request) -> web.StreamResponse:
        seen = sees_sources(request)
        return await page(lambda: pages.index(config(), overview.volumes(), has_sources=seen))

    async def topic(request: web.Request) -> web.StreamResponse:
        slug, after, seen = request.match_info["slug"], request.query.get("after"), sees_sources(request)
        return await page(lambda: pages.topic(config(), database, slug, after=after, has_sources=seen))

    async def private_topic(request: web.Request) -> web.StreamResponse:
        slug, after = await doorkeeper.check(request), request.query.get("after")
        return await page(lambda: pages.topic(config(), database, slug, private=True, after=after), _PRIVATE)

    async def article(request: web.Request) -> web.StreamResponse:
        key, seen = request.match_info["key"], sees_sources(request)
        return await page(lambda: pages.article(config(), database, key, tracer, has_sources=seen))

    async def sources(request: web.Request) -> web.StreamResponse:
        if not sees_sources(request):
            raise web.HTTPForbidden(text=conditions.NOT_HERE)
        return await page(lambda: conditions.page(config(), database, conditions.asked(request.query)), _PRIVATE)

    async def list_of_topics(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("../" if request.path.endswith("/") else "./")

    def frame(request: web.Request, root: str) -> Frame:
        return Frame(config().settings.base_url, root, sees_sources(request))

    async def asset(request: web.Request) -> web.StreamResponse:
        return asset_answer(request)

    app = web.Application(
        client_max_size=1024, middlewares=[_counted, absent.middleware(frame, _HEADERS), _limited(limits)]
    )
    app.on_response_prepare.append(health.nameless)
    app.add_routes(
        [
            web.get("/", index),
            web.get("/topics", list_of_topics),
            web.get("/topics/", list_of_topics),
            web.get("/topics/{slug:[a-z0-9-]+}", topic),
            web.get(f"/feeds/{_PLACE}{{rest:[a-z0-9.]*\\.[a-z]+}}", private_feed),
            web.get(f"/topics/{_PLACE}", private_topic),
            web.get("/articles/{key:[0-9a-f]{32}}", article),
            web.get("/sources", sources),
            web.get("/static/{name}", asset),
            web.get(f"/feeds/{_FILE}", feed),
            web.get(r"/feeds/{slug:[a-z0-9-]+}/archive/{number:[0-9]+}.{extension:[a-z]+}", feed),
            web.get(f"/{compose.LIST}", feed),
            *health.routes(reports, gauges or Gauges(config, database, lambda: 0)),
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
    reports: Reports = AT_WORK,
    gauges: Gauges | None = None,
) -> AsyncIterator[None]:
    """Serve while inside: on the sockets that were `passed`, else on `listen`. Raises StateError when that is taken."""
    limits, published = Limits(lambda: config().settings.serve), Published(config)
    app = application(config, database, pipeline, stopping, limits, published, distributor, reports, gauges)
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
        raise health.not_listening("listen", (host, port), error) from error


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


def asset_answer(request: web.Request) -> web.Response:
    """A part of all pages. Raises HTTPNotFound: also where a page of another version asks for its own."""
    found = assets.by_name().get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound(text=NOT_FOUND)
    if request.headers.get("If-None-Match") == found.headers["ETag"]:
        return web.Response(status=304, headers=found.headers)
    if conditional.takes_gzip(request.headers.get("Accept-Encoding", "")):
        return web.Response(body=found.packed, headers={**found.headers, "Content-Encoding": "gzip"})
    return web.Response(body=found.body, headers=found.headers)


@web.middleware
async def _counted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count what requests for feeds come to; most are answered, and counted, in front."""
    status = 500
    try:
        response = await handler(request)
        status = response.status
        return response
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        if request.path.startswith("/feeds/"):
            metrics.count_request(status)


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
