"""Which feeds does a site have? Those that its page names, and those at the usual paths; each is read to make sure."""

import asyncio
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from aggregator import sniff, urls
from aggregator.autodiscovery import feed_links, header_links
from aggregator.config import append
from aggregator.errors import FetchError, SourceError
from aggregator.fetch import Fetcher, Response
from aggregator.markup import plain
from aggregator.models import Markup
from aggregator.opml import MAX_TITLE
from aggregator.reading import parser_of
from aggregator.sources.http import HttpSource, document
from aggregator.terminal import on_one_line

USUAL_PATHS = tuple(
    "/feed /feed/ /rss /rss.xml /atom.xml /feed.xml /index.xml /feed.json /blog/feed /feeds/posts/default".split()
)
MAX_CANDIDATES = 15
MAX_ADVERTISED = 10  # of them; the rest of the room is for the usual paths
CONCURRENCY = 4


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A feed that has been read."""

    url: str
    title: str
    format: str
    entries: int
    newest_at: datetime | None
    body_hash: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found, and what was looked at in vain: address and reason."""

    feeds: tuple[Confirmed, ...]
    tried: tuple[tuple[str, str], ...]


async def confirm(url: str, fetcher: Fetcher) -> Confirmed:
    """The feed at an address. Raises SourceError where there is none."""
    return await asyncio.to_thread(_confirmed, url, await fetcher.get(url))


async def _either(place: str, fetcher: Fetcher) -> tuple[str, Response]:
    """A page by https, else by http: its address and the answer."""
    url = f"https://{place}"
    try:
        return url, await fetcher.get(url)
    except FetchError as error:
        if error.kind not in ("tls", "connect", "protocol"):
            raise
        url = f"http://{place}"
        return url, await fetcher.get(url)


async def discover(url: str, fetcher: Fetcher) -> Discovery:
    """The feeds of a site, beginning with a page of it, or with a feed. Raises FetchError if nothing answers there."""
    if "://" in url:
        page = await fetcher.get(url)
    else:
        url, page = await _either(url, fetcher)
    try:
        return Discovery((await asyncio.to_thread(_confirmed, url, page),), ())
    except SourceError as error:
        tried = [_failure(url, error)]
    room = asyncio.Semaphore(CONCURRENCY)

    async def look(candidate: str) -> Confirmed | SourceError:
        async with room:
            try:
                return await confirm(candidate, fetcher)
            except SourceError as error:
                return error

    candidates = list(dict.fromkeys(_candidates(page)))[:MAX_CANDIDATES]
    feeds: list[Confirmed] = []
    for candidate, found in zip(candidates, await asyncio.gather(*map(look, candidates)), strict=True):
        if isinstance(found, SourceError):
            tried.append(_failure(candidate, found))
        elif not any(_same(found, feed) for feed in feeds):
            feeds.append(found)
    return Discovery(tuple(feeds), tuple(tried))


def facts(found: Discovery) -> dict[str, Any]:
    """For machines."""
    return {
        "feeds": [
            {
                "url": feed.url,
                "title": feed.title,
                "format": feed.format,
                "entries": feed.entries,
                "newest": feed.newest_at.isoformat() if feed.newest_at else None,
            }
            for feed in found.feeds
        ],
        "tried": [{"url": url, "reason": reason} for url, reason in found.tried],
        "yaml": _yaml(found),
    }


def show(found: Discovery) -> None:
    """A table and lines for sources.yaml on a terminal; in a pipe a line for each feed, parted by tabs."""
    import click
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    if not found.feeds:
        click.echo("no feed found; looked at in vain:", err=True)
        for url, reason in found.tried:
            click.echo(f"  {url}: {reason}", err=True)
        return
    rows = [
        (feed["url"], feed["title"], feed["format"], str(feed["entries"]), feed["newest"] or "")
        for feed in facts(found)["feeds"]
    ]
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
        return
    table = Table(Column("Address", overflow="fold"), "Title", "Format", "Entries", "Newest")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
    click.echo(f"\nFor sources.yaml:\n\n{_yaml(found)}", nl=False)


def _yaml(found: Discovery) -> str:
    return "".join(append.item(feed.url, feed.title) for feed in found.feeds)


def _candidates(page: Response) -> Iterator[str]:
    if page.status == 200:
        links = header_links(page.links, page.url)
        if sniff.media_type(page.body) in (sniff.HTML, sniff.XML, sniff.TEXT, sniff.MARKDOWN):
            links += feed_links(page.body, page.url)
        yield from [link.url for link in links][:MAX_ADVERTISED]
    for path in USUAL_PATHS:
        yield urljoin(page.url, path)


def _confirmed(url: str, response: Response) -> Confirmed:
    if response.status != 200:
        raise FetchError("status", f"{url}: answered {response.status}", response.status)
    found = document(response)
    parsed = parser_of(found, HttpSource.ACCEPTS).parse(found)
    dates = [date for entry in parsed.entries if (date := entry.updated_at or entry.published_at)]
    return Confirmed(
        url=response.moved_to or url,
        title=on_one_line(plain(Markup(parsed.title or "", html=True)), MAX_TITLE),
        format=parsed.format or sniff.describe(sniff.media_type(response.body)),
        entries=len(parsed.entries),
        newest_at=max(dates, default=None),
        body_hash=hashlib.sha256(response.body).hexdigest(),
    )


def _same(one: Confirmed, other: Confirmed) -> bool:
    return urls.identity(one.url) == urls.identity(other.url) or one.body_hash == other.body_hash


def _failure(url: str, error: SourceError) -> tuple[str, str]:
    return url, on_one_line(str(error).removeprefix(f"{url}: "), 500)
