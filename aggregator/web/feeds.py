"""Published files: which of them an address means, and what is answered."""

from aiohttp import web

from aggregator import compose, editions
from aggregator.web import conditional
from aggregator.web.private import NOT_FOUND, PLACE, Doorkeeper
from aggregator.web.published import Place, Published


def routes(published: Published, doorkeeper: Doorkeeper) -> list[web.RouteDef]:
    """Feeds, pages of archives and the list of all feeds; private ones for whom the doorkeeper knows."""

    async def feed(request: web.Request) -> web.Response:
        target = f"{request.path}?{request.rel_url.raw_query_string}"
        return _answer(request, published, _found(published, target, published.place(target)))

    async def private_feed(request: web.Request) -> web.Response:
        slug = await doorkeeper.check(request)
        target = f"{slug}{request.match_info['rest']}?{request.rel_url.raw_query_string}"
        return _answer(request, published, _found(published, target, published.private(target)))

    return [
        web.get(f"/feeds/{PLACE}{{rest:[a-z0-9.]*\\.[a-z]+}}", private_feed),
        web.get(r"/feeds/{file:[a-z0-9._-]+\.[a-z]+}", feed),
        web.get(r"/feeds/{slug:[a-z0-9-]+}/archive/{number:[0-9]+}.{extension:[a-z]+}", feed),
        web.get(f"/{compose.LIST}", feed),
    ]


def _found(published: Published, target: str, place: Place | None) -> Place:
    """The place, if there is one. Raises HTTPNotFound."""
    if place is None:
        choices = published.choices(target)
        raise web.HTTPNotFound(text=NOT_FOUND if choices is None else editions.offered(choices))
    return place


def _answer(request: web.Request, published: Published, place: Place) -> web.Response:
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
