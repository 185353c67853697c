"""`/metrics`: what the daemon has counted, and what there is."""

from aiohttp import web

from aggregator.gauges import Gauges
from aggregator.metrics import MEDIA_TYPE


def routes(gauges: Gauges) -> list[web.RouteDef]:
    async def answer(request: web.Request) -> web.Response:
        headers = {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"}
        return web.Response(body=await gauges.page(), headers=headers)

    return [web.get("/metrics", answer)]
