"""`/healthz` and `/readyz`: how the daemon is, for who looks after it. Neither asks the store.

They are served among all else; with `/metrics` also alone on `health_listen`, by any process.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.http import HttpProcessingError
from aiohttp.typedefs import Handler

from aggregator.condition import Condition
from aggregator.errors import StateError
from aggregator.web.limits import is_at_hand

SERVER_LOG = logging.getLogger("aggregator.web.server")  # of aiohttp

Reports = Mapping[str, Callable[[], Condition]]  # by the last part of the path


def routes(reports: Reports) -> list[web.RouteDef]:
    """A page for each report: 200, or 503 where it says "down". Text; JSON for `?format=json` or who accepts that.

    Who does not ask on this machine itself hears no more than what it is about: details name sources, topics and files.
    """
    return [web.get(f"/{name}", _answering(report)) for name, report in reports.items()]


@asynccontextmanager
async def running(address: tuple[str, int], alone: Iterable[web.RouteDef]) -> AsyncIterator[None]:
    """Serve these alone while inside. Raises StateError when the address is taken."""
    app = web.Application()
    app.on_response_prepare.append(nameless)
    app.add_routes(alone)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5, logger=SERVER_LOG)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, *address).start()
        except OSError as error:
            raise not_listening("health_listen", address, error) from error
        yield
    finally:
        await runner.cleanup()


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a request has failed by a fault of ours: what is no HTTP is answered with 400, and no stranger fills the
    log with it."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


SERVER_LOG.addFilter(_is_ours)


async def nameless(request: web.Request, response: web.StreamResponse) -> None:
    """Which program answers, in which version, helps nobody but who means harm; feeds do not say it either."""
    response.headers.popall("Server", None)


def not_listening(setting: str, address: tuple[str, int], error: OSError) -> StateError:
    return StateError(
        f"cannot listen on {address[0]}:{address[1]}: {error.strerror or error};"
        f" name another port in `{setting}` of aggregator.yaml or in AGGREGATOR_{setting.upper()}"
    )


def _answering(report: Callable[[], Condition]) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        condition = report()
        if not is_at_hand(request.remote or "", request.host, {name.lower() for name in request.headers}):
            condition = condition.brief()
        status = 503 if condition.is_down else 200
        headers = {"Cache-Control": "no-store", "Vary": "Accept"}
        if _wants_json(request):
            return web.Response(text=condition.json(), status=status, headers=headers, content_type="application/json")
        return web.Response(text=condition.text(), status=status, headers=headers)

    return answer


def _wants_json(request: web.Request) -> bool:
    given = request.query.get("format")
    if given:
        return given == "json"
    return "application/json" in request.headers.get("Accept", "").lower()
