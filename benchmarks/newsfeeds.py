"""Generated feeds, and a server for them: news by nobody about nothing, the same for everybody who asks.

The words are frequent as words are, so that packing shrinks the feeds as it shrinks news.
"""

import asyncio
import functools
import gzip
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import accumulate
from multiprocessing.connection import Connection
from xml.sax.saxutils import escape

from aiohttp import web

ADDRESSES = 200  # of the server: each is a host of its own
_COMMON = "the of to and a in that is was for on it with as at by from said has be are this not but were its".split()
_NAMES = (
    "China Russia the_United_States Beijing Moscow Washington OPEC Germany France India Japan Brazil oil gas".split()
)
_PARTS = "ba ce di fo gu ha ker lin mon nor per qui ran sol tur vel wen xan yor zet ast ment tion ing er al".split()
_chance = random.Random(1)  # noqa: S311  # news, not secrets
_RARE = ["".join(_chance.choices(_PARTS, k=_chance.randint(2, 4))) for _ in range(20_000)]
WORDS = _COMMON + [name.replace("_", " ") for name in _NAMES] + _RARE
ODDS = list(
    accumulate(
        [60 / (place + 1.5) for place in range(len(_COMMON))]
        + [0.2] * len(_NAMES)
        + [9 / (place + 20) for place in range(len(_RARE))]
    )
)
NEWEST = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@functools.cache
def entry(source: int, number: int, newest: int) -> str:
    """An entry as it stands in its feed; `number` counts up from the oldest, `newest` is the first feed's last one."""
    chance = random.Random(f"{source} {number}")  # noqa: S311
    link = f"https://host{source}.example/news/{number}"
    at = NEWEST - timedelta(minutes=20) * (newest - number) if number <= newest else NEWEST + timedelta(seconds=number)
    html, size = "", chance.randint(1500, 6000)
    while len(html) < size:
        words = chance.choices(WORDS, cum_weights=ODDS, k=chance.randint(30, 90))
        place = chance.randrange(20)
        words[place] = f'<a href="{link}/{chance.randrange(10**6)}" target="_blank">{words[place]}</a>'
        words[place + 5] = f"<strong>{words[place + 5]}</strong>&#8217;s &amp;"
        html += f"<p>{' '.join(words)}.</p>\n"
        if chance.random() < 0.2:
            image = f"/images/{chance.randrange(10**6)}.jpg"
            html += f'<figure><img src="{image}" alt="{words[-1]}" width="640" height="360"/></figure>\n'
    title = escape(" ".join(chance.choices(WORDS, cum_weights=ODDS, k=9)).capitalize())
    body = f"<![CDATA[{html}]]>" if source % 3 else escape(html)
    terms = chance.sample(_RARE, 3)
    if source % 2:
        categories = "".join(f'<category term="{term}"/>' for term in terms)
        return (
            f"<entry><id>{link}</id><title>{title}</title><link href='{link}'/><author><name>Ann {terms[0]}</name>"
            f"</author><published>{at.isoformat()}</published><updated>{at.isoformat()}</updated>{categories}"
            f"<content type='html'>{body}</content></entry>\n"
        )
    categories = "".join(f"<category>{term}</category>" for term in terms)
    return (
        f"<item><title>{title}</title><link>{link}</link><guid isPermaLink='false'>{link}</guid>"
        f"<pubDate>{format_datetime(at)}</pubDate><dc:creator>Ann {terms[0]}</dc:creator>{categories}"
        f"<description>{escape(html.partition('</p>')[0][3:])}</description><content:encoded>{body}</content:encoded>"
        "</item>\n"
    )


def feed(source: int, entries: int, edition: int) -> bytes:
    """The feed with so many new entries since edition 0, newest first."""
    newest = entries - 1
    items = "".join(entry(source, newest + edition - place, newest) for place in range(entries))
    if source % 2:
        return (
            "<?xml version='1.0' encoding='utf-8'?>\n<feed xmlns='http://www.w3.org/2005/Atom' xml:lang='en'>"
            f"<id>urn:feed:{source}</id><title>Feed {source}</title><link href='https://host{source}.example/'/>"
            f"<updated>{NEWEST.isoformat()}</updated>\n{items}</feed>\n"
        ).encode()
    return (
        "<?xml version='1.0' encoding='utf-8'?>\n<rss version='2.0' xmlns:dc='http://purl.org/dc/elements/1.1/'"
        " xmlns:content='http://purl.org/rss/1.0/modules/content/'><channel>"
        f"<title>Feed {source}</title><link>https://host{source}.example/</link><description>News</description>"
        f"<language>en</language>\n{items}</channel></rss>\n"
    ).encode()


def serve(pipe: Connection, sources: int, entries: int) -> None:
    """Run the server, say where its feeds are and how large."""
    editions: dict[int, list[bytes]] = {}
    now = {"edition": 0, "plain": False}

    async def switch(request: web.Request) -> web.Response:
        edition = int(request.match_info["edition"])
        if edition not in editions:
            editions[edition] = [gzip.compress(feed(source, entries, edition), 6) for source in range(sources)]
        now.update(edition=edition, plain=request.match_info["kind"] == "plain")
        return web.Response()

    async def answer(request: web.Request) -> web.Response:
        edition = now["edition"]
        at = format_datetime(NEWEST + timedelta(seconds=edition), usegmt=True)
        validators = {} if now["plain"] else {"ETag": f'"{edition}"', "Last-Modified": at}
        if validators and request.headers.get("If-None-Match") == validators["ETag"]:
            return web.Response(status=304, headers=validators)
        headers = validators | {"Content-Encoding": "gzip", "Content-Type": "application/xml; charset=utf-8"}
        return web.Response(body=editions[edition][int(request.match_info["source"])], headers=headers)

    async def run() -> None:
        app = web.Application()
        app.router.add_get("/switch/{kind}/{edition}", switch)
        app.router.add_get("/feed/{source}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        for number in range(min(sources, ADDRESSES)):
            await web.TCPSite(runner, f"127.1.0.{number + 1}", 0).start()
        bases = [f"http://{host}:{port}" for host, port in runner.addresses]
        sizes = [len(feed(source, entries, 0)) for source in range(sources)]
        pipe.send(([f"{bases[source % len(bases)]}/feed/{source}" for source in range(sources)], sum(sizes) // sources))
        await asyncio.Event().wait()

    asyncio.run(run())
