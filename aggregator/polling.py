"""The role `poll` in the daemon: visits of what is due, or soon, where something has happened; hubs asked to push."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from aggregator.clock import Clock
from aggregator.config import Config
from aggregator.errors import StateError
from aggregator.fetch import Fetcher
from aggregator.models import Lease
from aggregator.pipeline import Pipeline, utc_now
from aggregator.roles import SUBSCRIPTION, Duties
from aggregator.schedule import spoken
from aggregator.service import Service
from aggregator.store import ahead
from aggregator.store import sources as stored_sources
from aggregator.subscribe import Subscriber
from aggregator.ticks import TICK_SECONDS, Ticks
from aggregator.visiting import Visits
from aggregator.watching import Watch

FILES_SECONDS = 20  # between two looks of one of several workers for files in its own folders
SUBSCRIBE_SECONDS = 30  # between two looks for subscriptions to begin, renew or end

log = logging.getLogger(__name__)


class Polling:
    """The store, not a tick, knows when a source is due, and when a hub is to be asked."""

    def __init__(
        self,
        pipeline: Pipeline,
        fetcher: Fetcher,
        duties: Duties,
        service: Service,
        stopping: Callable[[], bool],
        *,
        is_alone: bool,
    ) -> None:
        """`is_alone`: there are no workers on other machines."""
        self._pipeline = pipeline
        self._duties = duties
        self._service = service
        self._stopping = stopping
        self._is_alone = is_alone
        self._visits = Visits(pipeline, fetcher, absent=self.absent)
        self._subscriber = Subscriber(pipeline, fetcher)
        self._watch = Watch(self._called_by)
        self._called: set[str] = set()  # sources in whose folders something has happened
        self._polling: asyncio.Task[None] | None = None
        self._clock = Clock()
        self._put_back = timedelta()  # by so much, and the store has not been put right since

    @property
    def under_way(self) -> int:
        """How many visits go on at this moment."""
        return self._visits.under_way

    def begin(self, ticks: Ticks) -> None:
        ticks.every(SUBSCRIBE_SECONDS, self._subscribe, first=0)
        ticks.every(TICK_SECONDS, self.poll, self._look_after_folders)
        if not self._is_alone:
            ticks.every(FILES_SECONDS, self._look_for_files, first=0)

    def soon(self) -> None:
        """Do not wait for the next tick."""
        if self._stopping() or (self._polling and not self._polling.done()):
            return
        self._polling = asyncio.get_running_loop().create_task(self.poll())

    async def poll(self) -> None:
        called, self._called = self._called, set()
        try:
            await self.look_at_clock()
            called = await self._heed(called & self._pipeline.config.sources.keys())
            await self._visits.start_due()
            self._service.note("visits", None)
        except StateError as error:
            self._service.complain("nothing is visited while that is so: %s", error)
            if not self._stopping():
                self._service.note("visits", error)
        finally:
            self._called |= called
            self._service.pulse.beat("visits")

    async def _heed(self, called: set[str]) -> set[str]:
        """See to it that sources are visited in whose folders something has happened; those that cannot be visited now.

        One of several workers does so itself: the others have folders of their own of the same name.
        """
        if called and self._is_alone:
            await self._pipeline.in_executor(
                lambda: stored_sources.make_due(self._pipeline.database, utc_now(), called)
            )
            return set()
        return await self._visits.start(called) if called else called

    async def look_at_clock(self) -> None:
        """Say that it jumped; let nobody wait for a time that a clock which was ahead has written."""
        now = utc_now()
        by = self._clock.jumped(now, time.monotonic())
        if by > timedelta():
            log.warning("the clock was put forward by %s, or this machine was asleep", spoken(by))
        back, self._put_back = self._put_back + max(-by, timedelta()), timedelta()
        if back:
            try:
                waiting = await self._pipeline.in_executor(lambda: ahead.put_right(self._pipeline.database, now))
            except StateError:
                self._put_back += back
                raise
            log.warning("the clock was put back by %s: %d sources are due that waited for later", spoken(back), waiting)

    def absent(self) -> frozenset[str]:
        """Sources for workers on other machines: folders that are not on this one."""
        if self._is_alone:
            return frozenset()
        return frozenset(key for key, path in _folders(self._pipeline.config) if not path.exists())

    async def end(self) -> list[Lease]:
        """Break off fetching, and finish what has begun otherwise; the claims that were held."""
        leases = await self._visits.break_off()
        await self._watch.close()
        if self._polling:
            await asyncio.gather(self._polling, return_exceptions=True)
        return leases

    def _called_by(self, sources: Collection[str]) -> None:
        self._called.update(sources)
        self.soon()

    async def _look_after_folders(self) -> None:
        await self._watch.look(self._pipeline.config.sources)

    async def _look_for_files(self) -> None:
        """Another worker may have made the visit for which files here have waited, and found nothing where it is."""
        waiting = await asyncio.to_thread(_waiting, self._pipeline.config)
        if waiting:
            self._called_by(waiting)

    async def _subscribe(self) -> None:
        await self._duties.do(SUBSCRIPTION, self._subscriber.step, failing="no hub asked, will try again: %s")


def _waiting(config: Config) -> set[str]:
    """Sources of which something lies here. A folder that cannot be read is told of by who visits it."""
    waiting = set()
    for key, _ in _folders(config):
        with suppress(OSError):
            if config.sources[key].waits():
                waiting.add(key)
    return waiting


@lru_cache(maxsize=1)
def _folders(config: Config) -> list[tuple[str, Path]]:
    """Sources on this machine, by key, and where they lie; there may be very many others."""
    watched = ((key, source.watched()) for key, source in config.sources.items() if source.host is None)
    return [(key, path) for key, path in watched if path]
