"""The feeds of a site are found through its pages and at the usual paths, and each has been read."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aggregator.config.settings import Fetch
from aggregator.discover import MAX_CANDIDATES, Discovery, discover
from aggregator.errors import FetchError
from aggregator.fetch import Fetcher
from tests.in_process import aggregator
from tests.test_fetch import LOOPBACK
from tests.test_pipeline import once, rss

ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>All\x1b &lt;b&gt;news&lt;/b&gt;</title><id>x</id>
<entry><id>1</id><title>One</title><updated>2026-11-01T00:00:00Z</updated></entry>
<entry><id>2</id><title>Two</title><updated>2026-11-03T00:00:00Z</updated></entry></feed>""".replace(b"\x1b", b"")
LINK = '<link rel="alternate" type="application/rss+xml" href="{}">'


class Site:
    """What stands at which path; a path that begins with > is a redirect."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []
        self.base = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        body = self.pages.get(request.path)
        if body is None:
            return web.Response(status=404)
        if body.startswith(b">"):
            return web.Response(status=301, headers={"Location": body[1:].decode()})
        return web.Response(body=body, headers=self.headers if request.path == "/" else {})

    async def discover(self, path: str = "") -> Discovery:
        async with Fetcher(Fetch(allow=LOOPBACK)) as fetcher:
            return await discover(self.base + path, fetcher)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    found = Site()
    app = web.Application()
    app.router.add_get("/{path:.*}", found.answer)
    async with TestServer(app) as server:
        found.base = str(server.make_url("/"))
        yield found


def page(*links: str) -> bytes:
    return f"<!doctype html><head>{''.join(map(LINK.format, links))}</head><body>Hello</body>".encode()


async def test_feed_itself_is_said_to_be_one_and_nothing_else_is_asked(site: Site) -> None:
    site.pages["/news.atom"] = ATOM
    (feed,) = (await site.discover("news.atom")).feeds
    assert (feed.url, feed.title, feed.format, feed.entries) == (f"{site.base}news.atom", "All news", "Atom 1.0", 2)
    assert str(feed.newest_at) == "2026-11-03 00:00:00+00:00"
    assert site.asked == ["/news.atom"]


async def test_advertised_feeds_come_first_then_those_at_usual_paths_each_once(site: Site) -> None:
    site.pages = {"/": page("news.xml", "/gone.xml"), "/news.xml": rss(("1", "One", "One.")), "/atom.xml": ATOM}
    site.pages |= {"/feed": b">/feed/", "/feed/": ATOM, "/rss.xml": site.pages["/news.xml"]}
    site.headers["Link"] = '</header.xml>; rel="alternate"; type="application/atom+xml"'
    site.pages["/header.xml"] = rss(("2", "Two", "Two."))
    found = await site.discover()
    assert [(feed.url.removeprefix(site.base), feed.format) for feed in found.feeds] == [
        ("header.xml", "RSS 2.0"),
        ("news.xml", "RSS 2.0"),
        ("feed/", "Atom 1.0"),
    ]
    tried = {url.removeprefix(site.base): reason for url, reason in found.tried}
    assert tried["gone.xml"] == "answered 404"
    assert tried[""] == "an HTML page, not a feed or a news sitemap"


async def test_page_that_names_feeds_without_end_costs_few_requests(site: Site) -> None:
    site.pages["/"] = page(*(f"/{number}.xml" for number in range(500)))
    found = await site.discover()
    assert found.feeds == ()
    assert len(site.asked) == MAX_CANDIDATES + 1
    assert "/feed" in site.asked


async def test_site_whose_front_page_is_missing_is_looked_at_all_the_same(site: Site) -> None:
    site.pages["/feed.xml"] = ATOM
    assert [feed.url for feed in (await site.discover("blog/nowhere")).feeds] == [f"{site.base}feed.xml"]


async def test_pages_cannot_lead_inside(site: Site) -> None:
    site.pages["/"] = page("http://10.0.0.1/feed")
    found = await site.discover()
    assert any("10.0.0.1 is not a public address" in reason for _, reason in found.tried)


async def test_site_that_does_not_answer_is_an_error() -> None:
    async with Fetcher(Fetch(allow=LOOPBACK)) as fetcher:
        with pytest.raises(FetchError):
            await discover("http://127.0.0.1:1/", fetcher)


async def test_command_speaks_to_people_pipes_and_machines(site: Site, config_directory: Path) -> None:
    site.pages = {"/": page("news.atom"), "/news.atom": ATOM, "/empty/": page()}

    def run(*arguments: str):
        return aggregator(config_directory, "discover", *arguments, AGGREGATOR_FETCH__ALLOW="127.0.0.0/8")

    url = f"{site.base}news.atom"
    plain = await asyncio.to_thread(run, site.base)
    assert (plain.exit_code, plain.stdout) == (0, f"{url}\tAll news\tAtom 1.0\t2\t2026-11-03T00:00:00+00:00\n")
    facts = json.loads((await asyncio.to_thread(run, "--json", site.base)).stdout)
    assert facts["feeds"] == [
        {"url": url, "title": "All news", "format": "Atom 1.0", "entries": 2, "newest": "2026-11-03T00:00:00+00:00"}
    ]
    assert facts["yaml"] == f"  - url: {url}\n    name: All news\n"
    del site.pages["/news.atom"]
    nothing = await asyncio.to_thread(run, f"{site.base}empty/")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert f"  {site.base}feed.xml: answered 404\n" in nothing.stderr


async def test_source_that_is_a_page_is_told_the_feeds_of_the_page(site: Site, config_directory: Path) -> None:
    site.pages["/"] = page("a.xml", "b.xml")
    (config_directory / "aggregator.yaml").write_text("fetch: {allow: [127.0.0.0/8]}\n")
    (config_directory / "sources.yaml").write_text(f"sources:\n  - url: {site.base}\n")
    (visit,) = await once(config_directory)
    assert (
        visit.error
        == f"{site.base}: an HTML page, not a feed; it names these feeds: {site.base}a.xml, {site.base}b.xml"
    )
