"""Which folders have changed: the kernel tells, or we look.

The kernel (inotify, by way of watchfiles, in one thread) tells of folders on this machine. Of those on a network it
knows too little, and it may refuse; a file that is replaced it loses. There the time of the folder or file is looked
at, at each call, and, since that says nothing of files that are changed in place, what is in it, less often.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from importlib import import_module
from pathlib import Path

from aggregator import mounts
from aggregator.registry import Source

DEBOUNCE = 200  # milliseconds: what happens within them is one change
STEP = 50  # milliseconds: after so many without a change it is told; and so long the end of it takes
LISTED_EVERY = 10.0  # seconds between two looks at all there is in a folder …
LISTED_SHARE = 20  # … or so many times what such a look takes
BEGINNING = 5.0  # seconds for which we look, too: the kernel begins to tell at some moment within them

log = logging.getLogger(__name__)

Place = tuple[int, int]  # device and inode; (0, 0) where there is nothing


@dataclass(slots=True)
class _Seen:
    """A folder as it was when it was last looked at."""

    place: Place = (-1, -1)
    why_not: str = ""  # why the kernel does not tell of it; empty: it does
    changed_ns: int = 0
    listing: bytes = b""
    listed_at: float = 0.0  # monotonic
    listing_took: float = 0.0


class Watch:
    """Looks after the folders of sources. Belongs to one event loop."""

    def __init__(self, changed: Callable[[Collection[str]], None]) -> None:
        """`changed` is told of sources, by their keys, in whose folders something has happened."""
        self._changed = changed
        self._sources: dict[Path, dict[str, Source]] = {}
        self._seen: dict[Path, _Seen] = {}
        self._refused: set[Path] = set()  # by the kernel
        self._told: dict[Path, Place] = {}  # what it tells of
        self._told_since = 0.0
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._closed = False

    async def look(self, sources: Mapping[str, Source]) -> None:
        """Look at the folders of these sources, and at no others from now on."""
        async with self._lock:
            if not self._closed:
                await self._look(sources)

    async def close(self) -> None:
        """Look no more."""
        self._closed = True
        self._stop.set()
        async with self._lock:
            await self._end()

    async def _look(self, sources: Mapping[str, Source]) -> None:
        self._sources = {}
        for key, source in sources.items():
            if path := source.watched():
                self._sources.setdefault(path, {})[key] = source
        self._seen = {path: self._seen.get(path) or _Seen() for path in self._sources}
        changed = await asyncio.to_thread(self._changed_paths)  # a network mount may hang
        told = {path: seen.place for path, seen in self._seen.items() if seen.place[1] and not seen.why_not}
        if told != self._told or (self._task and self._task.done()):
            await self._end()
            if told and not self._closed:
                self._told, self._told_since = told, time.monotonic()
                self._stop = asyncio.Event()
                self._task = asyncio.create_task(self._listen(list(told), self._stop))
        if changed:
            self._changed([key for path in changed for key in self._sources[path]])

    async def _end(self) -> None:
        self._stop.set()
        if self._task:
            await self._task
        self._task, self._told = None, {}

    async def _listen(self, paths: Collection[Path], stop: asyncio.Event) -> None:
        try:
            watchfiles = await asyncio.to_thread(import_module, "watchfiles")  # not before it is needed
            logging.getLogger("watchfiles").setLevel(logging.WARNING)
            async for changes in watchfiles.awatch(
                *paths, watch_filter=self._heeds, debounce=DEBOUNCE, step=STEP, stop_event=stop, recursive=False
            ):
                found = {Path(path).parent for _, path in changes}
                self._changed([key for path in found for key in self._sources.get(path, ())])
        except FileNotFoundError:
            return  # gone meanwhile: the next look begins anew
        except ExceptionGroup as errors:  # while it told: it cannot say a name that is not UTF-8
            log.info("the kernel has to be asked anew: %s", errors.exceptions[0])
        except (OSError, RuntimeError) as error:
            log.warning("the kernel does not tell of %d folders, so they are looked at: %s", len(paths), error)
            self._refused.update(paths)

    def _heeds(self, _: object, path: str) -> bool:
        place = Path(path)
        return any(source.heeds(place.name) for source in self._sources.get(place.parent, {}).values())

    def _changed_paths(self) -> list[Path]:
        return [path for path, seen in self._seen.items() if self._has_changed(path, seen)]

    def _has_changed(self, path: Path, seen: _Seen) -> bool:
        place, changed_ns = _facts(path)
        is_new = place != seen.place or (path in self._refused and not seen.why_not)
        if is_new:
            seen.place = place
            seen.why_not = self._why_not(path) if place[1] else ""
        if not seen.why_not and not is_new and time.monotonic() - self._told_since > BEGINNING:
            return False
        changed, seen.changed_ns = changed_ns != seen.changed_ns, changed_ns
        return (bool(seen.why_not) and _lists_otherwise(path, seen)) or changed or is_new

    def _why_not(self, path: Path) -> str:
        """Why the kernel does not tell of a path; empty where it does."""
        kind = mounts.kind(path)
        why = ""
        if not path.is_dir():
            why = "it is a file"
        elif mounts.is_remote(kind):
            why = f"others may write there unseen ({kind})"
        elif path in self._refused:
            why = "the kernel cannot watch it"
        log.info("%s: %s", path, f"looked at all the time: {why}" if why else "watched by the kernel")
        return why


def _facts(path: Path) -> tuple[Place, int]:
    """Which folder or file it is, and when something last happened in it, in nanoseconds."""
    try:
        facts = path.stat()
    except OSError:
        return (0, 0), 0
    return (facts.st_dev, facts.st_ino), facts.st_mtime_ns


def _lists_otherwise(path: Path, seen: _Seen) -> bool:
    """Whether names, sizes or times in a folder differ from those of last time, if that was long enough ago."""
    began = time.monotonic()
    if began - seen.listed_at < max(LISTED_EVERY, LISTED_SHARE * seen.listing_took):
        return False
    listing = _listing(path)
    changed, seen.listing = bool(seen.listing) and listing != seen.listing, listing
    seen.listed_at = time.monotonic()
    seen.listing_took = seen.listed_at - began
    return changed


def _listing(path: Path) -> bytes:
    found = blake2b(digest_size=16)
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                facts = entry.stat(follow_symlinks=False)
                found.update(f"{entry.name!r} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    except OSError:
        return b""
    return found.digest()
