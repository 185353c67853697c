"""The web server: published files as they are, and a few pages.

A feed is a file: a request looks at its identity, never into the database. Most requests for feeds are answered by
`front` before they come here; what is said of a feed is the same on both ways.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from aggregator import metrics
from aggregator.config import Config
from aggregator.pipeline import utc_now
from aggregator.store import Database
from aggregator.web import absent, assets, feeds, health
from aggregator.web.browsing import PAGE_HEADERS, Browsing
from aggregator.web.front import IDLE_SECONDS, Connection, Front
from aggregator.web.limits import Limits
from aggregator.web.private import Doorkeeper
from aggregator.web.published import Published

log = logging.getLogger(__name__)


@asynccontextmanager
async def running(
    config: Callable[[], Config],
    database: Database,
    more: Iterable[web.RouteDef] = (),
    passed: Sequence[socket.socket] = (),
) -> AsyncIterator[None]:
    """Serve while inside: on the sockets that were `passed`, else on `listen`. Raises StateError when that is taken."""
    limits, published = Limits(lambda: config().settings.serve), Published(config)
    app = application(config, database, more, limits, published)
    # A head is waited for no longer than for the next request: aiohttp has one clock for both.
    runner = web.AppRunner(
        app, access_log=None, logger=health.SERVER_LOG, shutdown_timeout=5, keepalive_timeout=IDLE_SECONDS
    )
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


def application(
    config: Callable[[], Config],
    database: Database,
    more: Iterable[web.RouteDef] = (),
    limits: Limits | None = None,
    published: Published | None = None,
) -> web.Application:
    """What is behind the front. `config` answers with the configuration in use, which a reload may replace.

    `more` are routes of who has work to do here: hubs, and those who look after the daemon. `limits` and `published`
    are shared with the front, if there is one.
    """
    limits = limits or Limits(lambda: config().settings.serve)
    doorkeeper = Doorkeeper(database, utc_now)
    browsing = Browsing(config, database, doorkeeper)
    middlewares = [_counted, absent.middleware(browsing.frame, PAGE_HEADERS), _limited(limits)]
    app = web.Application(client_max_size=1024, middlewares=middlewares)
    app.on_response_prepare.append(health.nameless)
    app.add_routes(browsing.routes())
    app.add_routes(feeds.routes(published or Published(config), doorkeeper))
    app.add_routes(assets.routes())
    app.add_routes(more)
    return app


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
