"""What people browse: addresses of pages, what stands around each, and who is shown the page of sources."""

import asyncio
from collections.abc import Callable, Mapping

from aiohttp import web

from aggregator.config import Config
from aggregator.errors import StateError
from aggregator.pipeline import utc_now
from aggregator.store import Database
from aggregator.web import conditions, pages
from aggregator.web.limits import is_at_hand
from aggregator.web.overview import Overview
from aggregator.web.private import NOT_FOUND, PLACE, Doorkeeper
from aggregator.web.rendering import Frame
from aggregator.web.trace import Tracer

PAGE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
    # Pictures and films in articles come from their publishers: lazily, and without being told who sent the reader.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' https: http:;"
    " media-src https: http:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
}
AWAY = "The database does not answer. Feeds are served all the same.\n"
_PRIVATE = {"Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex"}
_PAGES_AT_ONCE = 2  # that are made: the rest of the daemon has work to do, too


class Browsing:
    """The pages over one store. `config` answers with the configuration in use."""

    def __init__(self, config: Callable[[], Config], database: Database, doorkeeper: Doorkeeper) -> None:
        self._config = config
        self._database = database
        self._doorkeeper = doorkeeper
        self._overview = Overview(database, utc_now)
        self._tracer = Tracer(database)
        self._turn = asyncio.Semaphore(_PAGES_AT_ONCE)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._index),
            web.get("/topics", self._list_of_topics),
            web.get("/topics/", self._list_of_topics),
            web.get("/topics/{slug:[a-z0-9-]+}", self._topic),
            web.get(f"/topics/{PLACE}", self._private_topic),
            web.get("/articles/{key:[0-9a-f]{32}}", self._article),
            web.get("/sources", self._sources),
        ]

    def frame(self, request: web.Request, root: str) -> Frame:
        """What stands around a page from which `root` leads to the front page."""
        return Frame(self._config().settings.base_url, root, self._shows_sources(request))

    def _shows_sources(self, request: web.Request) -> bool:
        if self._config().settings.serve.sources == "public":
            return True
        return is_at_hand(request.remote or "", request.host, {name.lower() for name in request.headers})

    async def _index(self, request: web.Request) -> web.Response:
        shown = self._shows_sources(request)
        return await self._page(lambda: pages.index(self._config(), self._overview.volumes(), has_sources=shown))

    async def _list_of_topics(self, request: web.Request) -> web.Response:
        raise web.HTTPFound("../" if request.path.endswith("/") else "./")

    async def _topic(self, request: web.Request) -> web.Response:
        slug, after, shown = request.match_info["slug"], request.query.get("after"), self._shows_sources(request)
        return await self._page(
            lambda: pages.topic(self._config(), self._database, slug, after=after, has_sources=shown)
        )

    async def _private_topic(self, request: web.Request) -> web.Response:
        slug, after = await self._doorkeeper.check(request), request.query.get("after")
        return await self._page(
            lambda: pages.topic(self._config(), self._database, slug, private=True, after=after), _PRIVATE
        )

    async def _article(self, request: web.Request) -> web.Response:
        key, shown = request.match_info["key"], self._shows_sources(request)
        return await self._page(
            lambda: pages.article(self._config(), self._database, key, self._tracer, has_sources=shown)
        )

    async def _sources(self, request: web.Request) -> web.Response:
        if not self._shows_sources(request):
            raise web.HTTPForbidden(text=conditions.NOT_HERE)
        asked = conditions.asked(request.query)
        return await self._page(lambda: conditions.page(self._config(), self._database, asked), _PRIVATE)

    async def _page(self, render: Callable[[], str | None], headers: Mapping[str, str] | None = None) -> web.Response:
        """What `render` makes in a thread, a few at a time. Raises HTTPNotFound where it makes none, and
        HTTPServiceUnavailable while the store does not answer."""
        async with self._turn:
            try:
                text = await asyncio.to_thread(render)
            except StateError as error:
                raise web.HTTPServiceUnavailable(text=AWAY, headers={"Retry-After": "30"}) from error
        if text is None:
            raise web.HTTPNotFound(text=NOT_FOUND)
        response = web.Response(text=text, content_type="text/html", headers={**PAGE_HEADERS, **(headers or {})})
        response.enable_compression()
        return response
