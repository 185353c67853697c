"""Subscriptions moved in and out: feeds → sources.yaml, topics → topics.yaml, and the configured feeds → a list."""

import asyncio
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from aggregator import config, discover, moving, opml, urls
from aggregator.config import Config, append
from aggregator.errors import ConfigError, DocumentError, FetchError, Place, Problem, SourceError
from aggregator.fetch import Fetcher
from aggregator.moving.entries import entries
from aggregator.moving.moved import File, LeftOut, Moved
from aggregator.opml import Outline
from aggregator.sources.http import HttpSource
from aggregator.terminal import on_one_line

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


async def read(places: Iterable[str], reader: str, fetcher: Fetcher) -> Moved:
    """What another reader has written to files, or to addresses. Raises SourceError."""
    return moving.READERS[reader]([await _read(place, fetcher) for place in places])


async def _read(place: str, fetcher: Fetcher) -> File:
    if not place.lower().startswith(("http://", "https://")):
        try:
            with Path(place).open("rb") as file:
                return File(place, file.read(opml.MAX_BYTES + 1))
        except OSError as error:
            raise DocumentError(f"{place}: cannot be read: {error.strerror}") from error
    response = await fetcher.get(place)
    if response.status != 200:
        raise FetchError("status", f"{place}: answered {response.status}", response.status)
    return File(response.url, response.body)


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
                f"  {on_one_line(urls.shown(outline.url), 200)}  {outline.title}".rstrip() for outline in outlines
            )
    if plan.dead:
        yield f"{len(plan.dead)} left out, since they cannot be read:"
        yield from (f"  {on_one_line(reason, 500)}" for _, reason in plan.dead)


def topics_of(moved: Moved, plan: Plan, found: Config) -> tuple[tuple[tuple[str, str], ...], tuple[LeftOut, ...]]:
    """Topics by name, as text for topics.yaml, of what will be read; and all of it that is left out."""
    new = (HttpSource(url=outline.url, name=outline.title or None, labels=outline.labels) for outline in plan.add)
    sources = {name for source in (*found.sources.values(), *new) for name in source.names}
    topics, unfit = entries(moved.topics, sources, found.topics.keys())
    return topics, (*moved.left_out, *unfit)


def report_left_out(left_out: Iterable[LeftOut]) -> Iterator[str]:
    """What could not be taken along, for people: by reason, each with its place."""
    by_reason: dict[str, list[LeftOut]] = defaultdict(list)
    for one in left_out:
        by_reason[one.why].append(one)
    if by_reason:
        yield f"{sum(map(len, by_reason.values()))} not taken over:"
    for why, alike in by_reason.items():
        yield f"  {on_one_line(why, 300)}:"
        yield from (f"    {on_one_line(one.place, 200)}: {one.what}" for one in alike)


def yaml_text(outlines: Iterable[Outline]) -> str:
    """The feeds as items of sources.yaml."""
    return "".join(append.item(outline.url, outline.title, outline.labels) for outline in outlines)


def add(directory: Path, outlines: Sequence[Outline], topics: Sequence[str] = ()) -> tuple[Path, ...]:
    """Put feeds at the end of sources.yaml and topics at that of topics.yaml, if the whole configuration is good with
    them. Answers with the files that have changed, sources.yaml first.

    Raises AppendError where that cannot be done by adding text, and ConfigError.
    """
    items = [(outline.url, outline.title, outline.labels) for outline in outlines]
    changes = {
        "sources.yaml": (lambda text, path: append.appended(text, items, path)) if items else None,
        "topics.yaml": (lambda text, path: append.with_topics(text, topics, path)) if topics else None,
    }
    written = {}
    for name, change in changes.items():
        if change:
            path = (directory / name).resolve()
            written[path] = name, _changed(path, change)
    _replace(written, directory)
    return tuple(written)


def _changed(path: Path, change: Callable[[str, str], str]) -> bytes:
    """A file's text after a change. Raises ConfigError, and what `change` raises."""
    try:
        before = path.read_bytes()
        text = change(before.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise ConfigError([Problem("not UTF-8 text", Place(str(path)))]) from error
    except OSError as error:
        raise ConfigError([Problem(f"cannot be added to: {error.strerror}", Place(str(path)))]) from error
    return (b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b"") + text.encode()


def exported(found: Config) -> bytes:
    """All feeds that are read, as OPML: names, addresses, and labels as folders; no secrets."""
    feeds = [source for source in found.sources.values() if isinstance(source, HttpSource)]
    return opml.write((Outline(feed.url, feed.title, feed.labels) for feed in feeds), "Sources of aggregator")


def _replace(written: Mapping[Path, tuple[str, bytes]], directory: Path) -> None:
    """Give files other content once the configuration has been read with it; each whole, all or none of them,
    unless the machine stops between two of them.

    By path: the name that the file has in the configuration directory, and its content.
    """
    trials: dict[str, tuple[Path, Path]] = {}  # by that name: the trial, and what it is for
    try:
        for path, (name, data) in written.items():
            trials[name] = _trial(path, data), path
        topics = trials.get("topics.yaml")
        sources = trials.get("sources.yaml")
        config.load(
            directory,
            source_file_name=str(sources[0]) if sources else "sources.yaml",
            topic_file=topics[0] if topics else None,
        )
        _swap(trials.values())
    except ConfigError as error:
        names = {str(trial): str(path) for trial, path in trials.values()}
        raise ConfigError(_renamed(problem, names) for problem in error.problems) from error
    except OSError as error:
        where = Place(str(error.filename or directory))
        raise ConfigError([Problem(f"cannot be added to: {error.strerror}", where)]) from error
    finally:
        for trial, _ in trials.values():
            trial.unlink(missing_ok=True)


def _swap(trials: Iterable[tuple[Path, Path]]) -> None:
    """Let trials take the places of their files; where one cannot, those before it are given back. Raises OSError."""
    before: list[tuple[Path, Path]] = []
    try:
        for trial, path in trials:
            before.append((_trial(path, path.read_bytes()), path))
            trial.replace(path)
            _settled(path.parent)
    except OSError:
        for old, path in before:
            old.replace(path)
        raise
    finally:
        for old, _ in before:
            old.unlink(missing_ok=True)


def _renamed(problem: Problem, names: Mapping[str, str]) -> Problem:
    """A problem of a trial as one of the file that it was to replace."""
    place = problem.place
    return replace(problem, place=replace(place, path=names.get(place.path, place.path))) if place else problem


def _trial(path: Path, data: bytes) -> Path:
    """A file beside another one, whose place it can take: with its rights, complete on the disk."""
    facts = path.stat()
    prefix = f".{path.stem}-"
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=prefix, suffix=path.suffix, delete=False) as file:
        try:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), facts.st_mode & 0o7777)
            with suppress(PermissionError):  # only root can give files away
                os.fchown(file.fileno(), facts.st_uid, facts.st_gid)
            os.fsync(file.fileno())
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise
    return Path(file.name)


def _settled(path: Path) -> None:
    """New names are on the disk, too."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
