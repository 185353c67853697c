"""Where subscribers come to our hub. What they want is verified afterwards, by asking their callback."""

import asyncio
from urllib.parse import parse_qsl

from aiohttp import web

from aggregator import hub
from aggregator.distribute import Distributor

MAX_FORM = 8_000  # bytes
FORM_SECONDS = 10.0
MAX_FIELDS = 50
_SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def routes(distributor: Distributor) -> list[web.RouteDef]:
    async def ask(request: web.Request) -> web.Response:
        """202: the callback will be asked (WebSub §5.1.2)."""
        if not distributor.is_hub:
            raise web.HTTPNotFound(text="There is no hub here.\n", headers=_SAFE)
        try:
            wanted = hub.wanted(await _form(request), distributor.topics)
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"{error}\n", headers=_SAFE) from error
        if not distributor.take(wanted):
            raise web.HTTPServiceUnavailable(text="Not now.\n", headers={"Retry-After": "60"} | _SAFE)
        return web.Response(status=202, text="The callback will be asked.\n", headers=_SAFE)

    return [web.post("/hub", ask)]


async def _form(request: web.Request) -> dict[str, str]:
    """The fields, of several with one name the first. Raises ValueError, HTTPException."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType(text="Send application/x-www-form-urlencoded.\n", headers=_SAFE)
    body = b""
    try:
        async with asyncio.timeout(FORM_SECONDS):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > MAX_FORM:
                    raise web.HTTPRequestEntityTooLarge(MAX_FORM, len(body))
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text="Too slow.\n") from error
    pairs = parse_qsl(body.decode("utf-8"), max_num_fields=MAX_FIELDS)
    return dict(reversed(pairs))
