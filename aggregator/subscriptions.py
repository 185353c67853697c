"""Subscriptions moved in and out: the feeds of a list → sources.yaml, and the configured feeds → a list."""

import asyncio
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from aggregator import config, discover, opml, urls
from aggregator.config import Config, append
from aggregator.errors import ConfigError, DocumentError, FetchError, Place, Problem, SourceError
from aggregator.fetch import Fetcher
from aggregator.opml import Outline
from aggregator.sources.http import HttpSource

CONCURRENCY = 16  # feeds looked at at the same time
PER_HOST = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of the feeds of a list; each is in one place. Addresses to add are absolute."""

    add: tuple[Outline, ...] = ()
    configured: tuple[Outline, ...] = ()  # already
    repeated: tuple[Outline, ...] = ()  # further up in the list
    unusable: tuple[Outline, ...] = ()  # no address of a feed on the web
    dead: tuple[tuple[Outline, str], ...] = ()  # cannot be read, and why


def plan(outlines: Iterable[Outline], configured: Collection[str]) -> Plan:
    """Sort the feeds of a list, given the keys of the sources that there are."""
    sorted_in: dict[str, list[Outline]] = defaultdict(list)
    seen: set[str] = set()
    for outline in outlines:
        url = urls.absolute(urls.web(outline.url)) or outline.url
        try:
            key = HttpSource(url=url, name=outline.title or None, labels=outline.labels).key
        except ValidationError:
            sorted_in["unusable"].append(outline)
            continue
        where = "configured" if key in configured else "repeated" if key in seen else "add"
        sorted_in[where].append(Outline(url, outline.title, outline.labels))
        seen.add(key)
    add, configured_already, repeated, unusable = (
        tuple(sorted_in[where]) for where in ("add", "configured", "repeated", "unusable")
    )
    return Plan(add, configured_already, repeated, unusable)


async def read(place: str, fetcher: Fetcher) -> tuple[Outline, ...]:
    """The feeds of a list in a file or at an address. Raises SourceError."""
    if not place.lower().startswith(("http://", "https://")):
        try:
            with Path(place).open("rb") as file:
                return opml.read(file.read(opml.MAX_BYTES + 1), place)
        except OSError as error:
            raise DocumentError(f"{place}: cannot be read: {error.strerror}") from error
    response = await fetcher.get(place)
    if response.status != 200:
        raise FetchError("status", f"{place}: answered {response.status}", response.status)
    return opml.read(response.body, response.url)


async def without_dead(plan: Plan, fetcher: Fetcher, done: Callable[[object], None]) -> Plan:
    """The plan without the feeds that cannot be read. `done` is told of each feed that has been looked at."""
    room = asyncio.Semaphore(CONCURRENCY)
    hosts: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(PER_HOST))

    async def look(outline: Outline) -> str | None:
        async with hosts[HttpSource(url=outline.url).host], room:
            try:
                await discover.confirm(outline.url, fetcher)
            except SourceError as error:
                return str(error)
            finally:
                done(outline)
        return None

    reasons = await asyncio.gather(*map(look, plan.add))
    looked_at = list(zip(plan.add, reasons, strict=True))
    return replace(
        plan,
        add=tuple(outline for outline, reason in looked_at if reason is None),
        dead=tuple((outline, reason) for outline, reason in looked_at if reason is not None),
    )


def report(plan: Plan) -> Iterator[str]:
    """What is not added, and why, for people."""
    for outlines, words in (
        (plan.configured, "there already"),
        (plan.repeated, "twice in the list"),
        (plan.unusable, "left out, since their addresses are none of feeds on the web"),
    ):
        if outlines:
            yield f"{len(outlines)} {words}:"
            yield from (
                f"  {opml.on_one_line(urls.shown(outline.url), 200)}  {outline.title}".rstrip() for outline in outlines
            )
    if plan.dead:
        yield f"{len(plan.dead)} left out, since they cannot be read:"
        yield from (f"  {opml.on_one_line(reason, 500)}" for _, reason in plan.dead)


def yaml_text(outlines: Iterable[Outline]) -> str:
    """The feeds as items of sources.yaml."""
    return "".join(append.item(outline.url, outline.title, outline.labels) for outline in outlines)


def add(directory: Path, outlines: Iterable[Outline]) -> Path:
    """Put feeds at the end of sources.yaml, if the whole configuration is good with them. Answers with the file.

    Raises AppendError where that cannot be done by adding text, and ConfigError.
    """
    path = (directory / "sources.yaml").resolve()
    items = [(outline.url, outline.title, outline.labels) for outline in outlines]
    try:
        before = path.read_bytes()
        text = append.appended(before.decode("utf-8-sig"), items, str(path))
        mark = b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b""
        _replace(path, mark + text.encode(), directory)
    except UnicodeDecodeError as error:
        raise ConfigError([Problem("not UTF-8 text", Place(str(path)))]) from error
    except OSError as error:
        raise ConfigError([Problem(f"cannot be added to: {error.strerror}", Place(str(path)))]) from error
    return path


def exported(found: Config) -> bytes:
    """All feeds that are read, as OPML: names, addresses, and labels as folders; no secrets."""
    feeds = [source for source in found.sources.values() if isinstance(source, HttpSource)]
    return opml.write((Outline(feed.url, feed.title, feed.labels) for feed in feeds), "Sources of aggregator")


def _renamed(problem: Problem, trial: Path, path: Path) -> Problem:
    """A problem of the trial as one of the file that it was to replace."""
    is_its = problem.place and problem.place.path == str(trial)
    return replace(problem, place=replace(problem.place, path=str(path))) if is_its and problem.place else problem


def _replace(path: Path, data: bytes, directory: Path) -> None:
    """Give a file other content once the configuration has been read with it; whole or not at all."""
    facts = path.stat()
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".sources-", suffix=".yaml", delete=False) as file:
        trial = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), facts.st_mode & 0o7777)
            with suppress(PermissionError):  # only root can give files away
                os.fchown(file.fileno(), facts.st_uid, facts.st_gid)
            os.fsync(file.fileno())
            config.load(directory, source_file_name=str(trial))
            trial.replace(path)
        except ConfigError as error:
            raise ConfigError(_renamed(problem, trial, path) for problem in error.problems) from error
        finally:
            trial.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
