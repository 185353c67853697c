"""`/healthz` and `/readyz`: how the daemon is, for who looks after it. Neither asks the store."""

from collections.abc import Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler

from aggregator.condition import Condition
from aggregator.web.limits import is_at_hand

Reports = Mapping[str, Callable[[], Condition]]  # by the last part of the path


def routes(reports: Reports) -> list[web.RouteDef]:
    """A page for each report: 200, or 503 where it says "down". Text; JSON for `?format=json` or who accepts that.

    Who does not ask on this machine itself hears no more than what it is about: details name sources, topics and files.
    """
    return [web.get(f"/{name}", _answering(report)) for name, report in reports.items()]


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
