"""The life of the daemon: coarse ticks, signals, and an orderly end.

Ticks look into the store for due sources and changed topics, and at the times of folders, so that a dropped file is
news within a second or two. The store, not the scheduler, knows when a source is due.
"""

import asyncio
import logging
import signal
from collections.abc import Callable
from typing import TypeVar

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from aggregator.config import Config
from aggregator.errors import ConfigError
from aggregator.fetch import Fetcher
from aggregator.models import Lease
from aggregator.notify import notify
from aggregator.pipeline import LEASE, Pipeline, utc_now
from aggregator.runtime import executor
from aggregator.store import Database
from aggregator.store import sources as stored_sources
from aggregator.web import serve

log = logging.getLogger(__name__)

TICK_SECONDS = 0.5

T = TypeVar("T")


class Daemon:
    """Visits, publishes and serves until it is told to stop."""

    def __init__(self, config: Config, database: Database, reload: Callable[[], Config]) -> None:
        """`reload` reads the configuration anew, checks it as a whole, and raises ConfigError."""
        self._database = database
        self._reload = reload
        self._executor = executor(database)
        self._pipeline = Pipeline(config, database, self._executor)
        self._stopping = asyncio.Event()
        self._visits: dict[asyncio.Task[None], Lease] = {}
        self._folder_times: dict[str, int] = {}  # by source: when something last happened in its folder
        self._fetcher: Fetcher

    @property
    def config(self) -> Config:
        return self._pipeline.config

    async def run(self, ready: Callable[[Config], None]) -> None:
        """Until SIGTERM or SIGINT. `ready` is called once everything works. Raises OSError if the port is taken."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: loop.create_task(self._reload_config()))
        if self._database.is_sqlite:
            stored_sources.release_all(self._database)
        await self._in_executor(self._pipeline.prepare)
        scheduler = AsyncIOScheduler(job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None})
        scheduler.add_job(self._poll, "interval", seconds=TICK_SECONDS)
        scheduler.add_job(self._publish, "interval", seconds=TICK_SECONDS)
        scheduler.add_job(self._watch, "interval", seconds=TICK_SECONDS)
        async with (
            Fetcher(self.config.settings.fetch) as self._fetcher,
            serve.running(lambda: self.config, self._database),
        ):
            scheduler.start()
            notify("READY=1", f"STATUS={len(self.config.sources)} sources, {len(self.config.topics)} topics")
            ready(self.config)
            await self._stopping.wait()
            notify("STOPPING=1")
            scheduler.shutdown(wait=False)
            await self._end()
        log.info("stopped")

    async def _poll(self) -> None:
        free = self.config.settings.poll.concurrency - len(self._visits)
        if free <= 0 or self._stopping.is_set():
            return
        leases = await self._in_executor(
            lambda: stored_sources.claim(self._database, utc_now(), limit=free, lease=LEASE)
        )
        for lease in leases:
            task = asyncio.create_task(self._visit(lease))
            self._visits[task] = lease
            task.add_done_callback(lambda done: self._visits.pop(done, None))

    async def _visit(self, lease: Lease) -> None:
        try:
            await self._pipeline.ingest(lease, self._fetcher)
        except Exception:  # the one place: a bug met in one source must not stop the others
            log.exception("visit of %s failed; it will be tried again when its lease ends", lease.source)

    async def _publish(self) -> None:
        try:
            changed = await self._in_executor(self._pipeline.publish)
        except OSError as error:
            log.error("nothing published, will try again: %s", error)
            return
        if changed:
            log.info("published: %d files changed", changed)

    async def _reload_config(self) -> None:
        """Use the new configuration if all of it is good; else go on with the old one and say why."""
        notify("RELOADING=1")
        try:
            config = await self._in_executor(self._reload)
            pipeline = Pipeline(config, self._database, self._executor)
            await self._in_executor(pipeline.prepare)
        except ConfigError as error:
            log.error("configuration refused, the old one stays in use:\n%s", error)
            notify("READY=1", "STATUS=configuration refused, the old one is in use")
            return
        fixed = ("state", "database", "listen", "fetch")
        before, after = self.config.settings, config.settings
        changed = [name for name in fixed if getattr(before, name) != getattr(after, name)]
        if changed:
            log.warning("restart to let the new %s take effect", " and ".join(changed))
        self._pipeline = pipeline
        log.info("configuration reloaded: %d sources, %d topics", len(config.sources), len(config.topics))
        notify("READY=1", f"STATUS=reloaded: {len(config.sources)} sources, {len(config.topics)} topics")

    async def _watch(self) -> None:
        """Make sources due in whose folders files have come or gone: the folder's own time tells."""
        changed = []
        for key, source in self.config.sources.items():
            folder = source.watched()
            try:
                time = folder.stat().st_mtime_ns if folder else 0
            except OSError:
                time = -1  # not there; its next visit says so
            if folder and self._folder_times.get(key) != time:
                self._folder_times[key] = time
                changed.append(key)
        if changed:
            await self._in_executor(lambda: stored_sources.make_due(self._database, utc_now(), changed))

    async def _end(self) -> None:
        """Break off fetching, finish what is being stored, give the rest of the claims back."""
        leases = list(self._visits.values())
        for task in self._visits:
            task.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)
        stored_sources.release(self._database, leases)

    async def _in_executor(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)
