"""Where hubs come back to: they verify what we have asked for, and push what is new.

The token in the address is unguessable and names the subscription. A body is read only for a subscription that is
there, within bounds, and understood only when its signature is good. It is stored before it is acknowledged: what a
hub has heard "good" about survives any crash.
"""

import asyncio
import logging
from collections.abc import Callable

from aiohttp import web

from aggregator import websub as protocol
from aggregator.errors import StateError
from aggregator.models import Document, Subscription
from aggregator.pipeline import Pipeline
from aggregator.store import subscriptions as stored_subscriptions
from aggregator.subscribe import scatter

log = logging.getLogger(__name__)

PUSHES = 8  # taken in at the same time, one of each subscription
RETRY_SECONDS = "30"  # what a hub is asked to wait where there is no room
_SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_UNKNOWN = "There is no such subscription.\n"


def routes(pipeline: Pipeline, stopping: Callable[[], bool]) -> list[web.RouteDef]:
    """The callback's routes. Once `stopping` answers True, pushes are refused, for the hub to repeat."""
    callback = _Callback(pipeline, stopping)
    path = "/websub/{token:[A-Za-z0-9_-]{22,64}}"
    return [web.get(path, callback.verify, allow_head=False), web.post(path, callback.push)]


class _Callback:
    def __init__(self, pipeline: Pipeline, stopping: Callable[[], bool]) -> None:
        self._pipeline = pipeline
        self._stopping = stopping
        self._busy: set[str] = set()  # tokens whose push is being taken in

    async def verify(self, request: web.Request) -> web.Response:
        """Agree with what a hub says about a subscription, or answer 404 (WebSub §5.3.1)."""
        try:
            agreed = await asyncio.to_thread(self._agree, request)
        except StateError as error:
            log.error("a hub's question was not answered, it may ask again: %s", error)
            raise _later() from error
        if agreed is None:
            raise web.HTTPNotFound(text=_UNKNOWN, headers=_SAFE)
        log.info("%s: subscription at %s: %s", agreed.source, agreed.hub, agreed.error or agreed.state)
        return web.Response(text=request.query.get("hub.challenge", ""), headers=_SAFE)

    def _agree(self, request: web.Request) -> Subscription | None:
        database, settings = self._pipeline.database, self._pipeline.config.settings
        for _ in range(3):  # the subscription may change under our hands
            known = stored_subscriptions.by_token(database, request.match_info["token"])
            if known is None:
                return None
            after = protocol.answered(
                known, request.query, self._pipeline.now(), lease=settings.websub.lease, scatter=scatter()
            )
            if after is None or stored_subscriptions.put(database, known, after):
                return after
        return None

    async def push(self, request: web.Request) -> web.Response:
        """Take a push in, whole and stored, or say why not. 5xx: the hub should try again."""
        token = request.match_info["token"]
        try:
            known = await asyncio.to_thread(stored_subscriptions.by_token, self._pipeline.database, token)
        except StateError as error:
            raise _later() from error
        if known is None or not protocol.is_live(known):
            raise web.HTTPGone(text=_UNKNOWN, headers=_SAFE)  # lets the hub end it (WebSub §7)
        if self._stopping() or token in self._busy or len(self._busy) >= PUSHES:
            raise _later()
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise web.HTTPUnsupportedMediaType(text="Send it as it is: the signature is of these bytes.\n")
        self._busy.add(token)
        try:
            return await self._take(request, known)
        except StateError as error:
            log.error("%s: what its hub pushed was not stored, it may come again: %s", known.source, error)
            raise _later() from error
        finally:
            self._busy.discard(token)

    async def _take(self, request: web.Request, known: Subscription) -> web.Response:
        body = await self._body(request)
        document = None
        if known.secret is not None:
            signature = request.headers.get("X-Hub-Signature")
            if not await asyncio.to_thread(protocol.is_signed, known.secret, signature, body):
                log.warning("%s: a push without a good signature was thrown away", known.source)
                raise web.HTTPForbidden(text="The signature is missing or wrong.\n", headers=_SAFE)
            document = _document(request, known, body)
        if self._stopping() or not await self._pipeline.receive(known, document):
            raise _later()
        return web.Response(status=204, headers=_SAFE)

    async def _body(self, request: web.Request) -> bytes:
        fetch = self._pipeline.config.settings.fetch
        too_large = web.HTTPRequestEntityTooLarge(fetch.body, request.content_length or fetch.body + 1)
        if (request.content_length or 0) > fetch.body:
            raise too_large
        chunks: list[bytes] = []
        count = 0
        try:
            async with asyncio.timeout(fetch.total.total_seconds()):
                async for chunk in request.content.iter_any():
                    count += len(chunk)
                    if count > fetch.body:
                        raise too_large
                    chunks.append(chunk)
        except TimeoutError as error:
            raise web.HTTPRequestTimeout(text="Too slow.\n") from error
        return b"".join(chunks)


def _document(request: web.Request, known: Subscription, body: bytes) -> Document:
    """What was pushed, as a visit would have brought it. Headers are not signed, so none can name another address."""
    return Document(body, name=f"push of {known.topic}", url=known.topic, media_type=None, charset=request.charset)


def _later() -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(text="Not now.\n", headers={"Retry-After": RETRY_SECONDS} | _SAFE)
