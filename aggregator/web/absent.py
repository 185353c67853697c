"""What is said where there is nothing: the same words for every address; for people on a page that leads on."""

from collections.abc import Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from aggregator.web.private import NOT_FOUND
from aggregator.web.rendering import Frame, render

_OF_MACHINES = ("/feeds/", "/static/", "/websub/")


def middleware(frame: Callable[[web.Request, str], Frame], headers: Mapping[str, str]) -> Middleware:
    """`frame` makes what stands around a page, given the way to the front page; `headers` are those of pages."""

    @web.middleware
    async def saying(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPNotFound as error:
            if request.match_info.http_exception is error:  # no route at all
                error = web.HTTPNotFound(text=NOT_FOUND)
            if not _is_for_people(request):
                raise error from None
        text = render("absent", frame(request, "../" * (request.rel_url.raw_path.count("/") - 1)))
        return web.Response(text=text, status=404, content_type="text/html", headers=headers)

    return saying


def _is_for_people(request: web.Request) -> bool:
    accepted = request.headers.get("Accept", "").lower()
    return "text/html" in accepted and not request.path.startswith(_OF_MACHINES)
