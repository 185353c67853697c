"""The life of the daemon: its parts put together, a start, coarse ticks, an orderly end.

Ticks look into the store for due sources and changed topics, and after folders, so that a dropped file is news within
a second or two.
"""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from functools import partial
from typing import Any

from aggregator import distribute, garbage
from aggregator.config import Config
from aggregator.config_files import ConfigFiles
from aggregator.distribute import Distributor
from aggregator.errors import StateError
from aggregator.fetch import Fetcher
from aggregator.gauges import Gauges
from aggregator.notify import notify, passed_sockets
from aggregator.pipeline import Pipeline, utc_now
from aggregator.polling import Polling
from aggregator.publishing import Publishing
from aggregator.readers import Readers
from aggregator.reloading import Reloading
from aggregator.roles import ROLES, Duties
from aggregator.runtime import executor
from aggregator.service import Service
from aggregator.store import Database, ahead
from aggregator.store import claims as stored_claims
from aggregator.ticks import Ticks
from aggregator.web import health, hub, metrics, serve, websub

TIDY_SECONDS = 30  # between two looks for reader processes that have nothing to do
SWITCH_SECONDS = 0.0001  # so long the event loop waits for a thread at work, some times a request

log = logging.getLogger(__name__)


class Daemon:
    """Visits, publishes and serves until it is told to stop."""

    def __init__(
        self,
        config: Config,
        database: Database,
        reload: Callable[[], Config],
        files: ConfigFiles | None = None,
        roles: Collection[str] = ROLES,
    ) -> None:
        """`reload` reads the configuration anew, checks it as a whole, and raises ConfigError; `files` are as they were
        before it was read, else as they are now. `roles`: what of all there is to do this process does."""
        self._roles = frozenset(roles)
        self._database = database
        self._stopping = asyncio.Event()
        self._executor = executor()
        self._readers = Readers(config.settings.parse)
        self._pipeline = Pipeline(
            config,
            database,
            self._executor,
            self._readers,
            reload=lambda: self._reloading.soon(),
            taken=lambda documents, left: self._polling.soon() if left else None,
            publishes="publish" in self._roles,
        )
        self._service = Service(
            self._pipeline,
            lambda: self._polling.under_way,
            self._readers.overdue,
            self._stopping.is_set,
            self._parts(),
        )
        self._reloading = Reloading(
            self._pipeline, self._service, reload, files or ConfigFiles(config.directory), self._stopping
        )
        self._duties = Duties(self._pipeline, self._service.complain)
        self._fetcher = Fetcher(config.settings.fetch)
        self._polling = Polling(
            self._pipeline,
            self._fetcher,
            self._duties,
            self._service,
            self._stopping.is_set,
            is_alone=self._roles == set(ROLES),
        )
        self._callbacks = Fetcher(distribute.outbound(config.settings))
        self._distributor = Distributor(self._pipeline, self._fetcher, self._callbacks)
        self._publishing = Publishing(
            self._pipeline, self._distributor, self._duties, self._service, self._stopping.is_set
        )

    @property
    def config(self) -> Config:
        return self._pipeline.config

    async def run(self, ready: Callable[[Config], None]) -> None:
        """Until SIGTERM or SIGINT. `ready` is called once everything works. Raises StateError if the port is taken."""
        self._heed_signals()
        await self._prepare()
        ticks = Ticks()
        async with self._fetcher, self._callbacks, aclosing(self._distributor), self._serving():
            if "poll" in self._roles:
                self._polling.begin(ticks)
            if "publish" in self._roles:
                self._publishing.begin(ticks)
            ticks.every(TIDY_SECONDS, self._tidy)
            ticks.start()
            self._service.ready()
            beside = [asyncio.create_task(one) for one in self._beside()]
            ready(self.config)
            self._reloading.begin(ticks)
            await self._stopping.wait()
            for task in beside:
                task.cancel()
            notify("STOPPING=1")
            ticks.pause()
            await self._end()
            await asyncio.gather(*beside, return_exceptions=True)
            ticks.close()  # not before: it would tear what is being done
        log.info("stopped")

    def _heed_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reloading.soon)

    async def _prepare(self) -> None:
        if self._database.is_sqlite:
            stored_claims.release_all(self._database)
        await self._pipeline.in_executor(lambda: ahead.put_right(self._database, utc_now()))
        await self._pipeline.in_executor(lambda: self._pipeline.prepare(self._service.progress))
        garbage.settle()
        sys.setswitchinterval(SWITCH_SECONDS)

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        """The web server, if that is for this process; and how it is, where that has an address of its own."""
        gauges = Gauges(lambda: self.config, self._database, lambda: self._polling.under_way)
        reports = {"healthz": self._service.live, "readyz": self._service.readiness}
        own = [*health.routes(reports), *metrics.routes(gauges)]
        hubs = [*websub.routes(self._pipeline, self._stopping.is_set), *hub.routes(self._distributor)]
        async with AsyncExitStack() as servers:
            if "serve" in self._roles:
                server = serve.running(lambda: self.config, self._database, [*own, *hubs], passed_sockets())
                await servers.enter_async_context(server)
            if address := self.config.settings.health_address:
                await servers.enter_async_context(health.running(address, own))
            yield

    def _beside(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What goes on all the time."""
        yield self._service.tell_status()
        yield self._service.feed_watchdog()
        if self._pipeline.shared:
            yield self._pipeline.shared.follow()

    def _parts(self) -> list[str]:
        """What the watchdog is to hear of."""
        parts = (("visits", "poll"), ("publication", "publish"))
        return ["store", *(part for part, role in parts if role in self._roles)]

    async def _tidy(self) -> None:
        """End idle reader processes; collect garbage between two pieces of work, when there is little to look at."""
        self._readers.tidy()
        with suppress(StateError):  # on its way to the end
            await self._pipeline.in_executor(gc.collect)

    async def _end(self) -> None:
        """Break off fetching, finish what is being stored, give the rest of the claims back."""
        leases = await self._polling.end()
        await self._reloading.ended()
        await asyncio.to_thread(self._readers.close)
        await asyncio.to_thread(self._executor.shutdown, wait=True)
        for give_back in (partial(stored_claims.release, self._database, leases), self._duties.leave):
            try:
                give_back()
            except StateError as error:
                log.error("what was claimed is not given back, others wait until its time is over: %s", error)
