"""The life of the daemon: coarse ticks, signals, and an orderly end.

Ticks look into the store for due sources and changed topics, and after folders, so that a dropped file is news within
a second or two. The store, not the scheduler, knows when a source is due.
"""

import asyncio
import gc
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from operator import attrgetter
from pathlib import Path

from aggregator import distribute
from aggregator.alerting import Alerting
from aggregator.clock import Clock
from aggregator.config import Config
from aggregator.config_files import ConfigFiles
from aggregator.errors import AggregatorError, StateError
from aggregator.fetch import Fetcher
from aggregator.gauges import Gauges
from aggregator.housekeeping import keep_house
from aggregator.notify import notify, passed_sockets, reloading
from aggregator.pipeline import Pipeline, utc_now
from aggregator.readers import Readers
from aggregator.roles import PUBLICATION, ROLES, SUBSCRIPTION, Duties
from aggregator.runtime import TICK_SECONDS, Visits, executor
from aggregator.schedule import spoken
from aggregator.service import Service
from aggregator.store import Database, ahead
from aggregator.store import sources as stored_sources
from aggregator.subscribe import Subscriber
from aggregator.ticks import Ticks
from aggregator.watching import Watch
from aggregator.web import health, serve

TIDY_SECONDS = 30  # between two looks for reader processes that have nothing to do
DISTRIBUTE_SECONDS = 1  # between two looks for what is to be delivered
ALERT_SECONDS = 60  # between two looks for what an operator should know
ALERT_REST = 20  # times as long as a look took, until the next one
SUBSCRIBE_SECONDS = 30  # between two looks for subscriptions to begin, renew or end
PUBLISH_REST = 4  # times as long as a publication took, until the next one: much news at once is published together
PUBLISH_REST_MOST = 20.0  # seconds: it may have taken long because it waited for a process that is gone
CATCHING_UP_SECONDS = 30  # between two lines about how far changed rules have been applied
COMPLAINT_SECONDS = 60  # between two lines about the same trouble with the store
RETRY_SECONDS = 5  # until a configuration is taken over anew that the store could not be told of
HOUSEKEEPING_SECONDS = 3600  # between two looks whether it is to be done
HOUSEKEEPING_FIRST_SECONDS = 300  # after the start: what is due is visited first
# Settings that are bound when the daemon starts.
FIXED = (
    "state",
    "database",
    "listen",
    "health_listen",
    "fetch",
    "websub.callbacks",
    *(f"parse.{key}" for key in ("processes", "cpu", "time", "memory")),
)

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
        self._reload = reload
        self._files = files or ConfigFiles(config.directory)
        self._executor = executor()
        self._readers = Readers(config.settings.parse)
        self._pipeline = Pipeline(
            config,
            database,
            self._executor,
            self._readers,
            reload=self._reload_soon,
            taken=self._poll_again,
            publishes="publish" in self._roles,
        )
        self._duties = Duties(self._pipeline)
        self._reloading: asyncio.Task[None] | None = None
        self._reload_again = False  # something has changed since the configuration was last read
        self._has_started = False
        self._stopping = asyncio.Event()
        self._watch = Watch(self._make_due)
        self._clock = Clock()
        self._put_back = timedelta()  # by so much, and the store has not been put right since
        self._places: tuple[Config | None, list[tuple[str, Path]]] = None, []  # folders, as a configuration has them
        self._called: set[str] = set()  # sources in whose folders something has happened
        self._polling: asyncio.Task[None] | None = None
        self._complained_at: dict[str, float] = {}  # by what was said: monotonic
        self._publish_at = 0.0  # likewise
        self._catch_up_at = 0.0  # likewise
        self._visits: Visits
        self._subscriber: Subscriber
        self._distributor: distribute.Distributor
        self._service = Service(
            self._pipeline,
            lambda: self._visits.under_way,
            self._readers.overdue,
            self._stopping.is_set,
            self._parts(),
        )
        self._alerting = Alerting(self._pipeline, lambda: self._service.store_trouble)
        self._alert_at = 0.0  # monotonic
        self._telling: list[asyncio.Task[None]] = []
        self._following: asyncio.Task[None] | None = None

    @property
    def config(self) -> Config:
        return self._pipeline.config

    async def run(self, ready: Callable[[Config], None]) -> None:
        """Until SIGTERM or SIGINT. `ready` is called once everything works. Raises StateError if the port is taken."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_soon)
        if self._database.is_sqlite:
            stored_sources.release_all(self._database)
        await self._pipeline.in_executor(lambda: ahead.put_right(self._database, utc_now()))
        await self._pipeline.in_executor(lambda: self._pipeline.prepare(self._service.progress))
        _settle_memory()
        ticks = Ticks()
        async with (
            Fetcher(self.config.settings.fetch) as fetcher,
            Fetcher(distribute.outbound(self.config.settings)) as callbacks,
            self._distributing(distribute.Distributor(self._pipeline, fetcher, callbacks)) as distributor,
            AsyncExitStack() as serving,
        ):
            self._visits = Visits(self._pipeline, fetcher, absent=self._absent)
            self._subscriber = Subscriber(self._pipeline, fetcher)
            reports = {"healthz": self._service.live, "readyz": self._service.readiness}
            gauges = Gauges(lambda: self.config, self._database, lambda: self._visits.under_way)
            if "serve" in self._roles:
                server = serve.running(
                    lambda: self.config,
                    self._database,
                    self._pipeline,
                    self._stopping.is_set,
                    distributor,
                    passed_sockets(),
                    reports,
                    gauges,
                )
                await serving.enter_async_context(server)
            if address := self.config.settings.health_address:
                await serving.enter_async_context(health.running(address, reports, gauges))
            if "poll" in self._roles:
                ticks.every(SUBSCRIBE_SECONDS, self._subscribe, first=0)
                ticks.every(TICK_SECONDS, self._poll, self._look_after_folders)
            if "publish" in self._roles:
                ticks.every(ALERT_SECONDS, self._alert, first=0)
                ticks.every(DISTRIBUTE_SECONDS, self._distribute)
                ticks.every(HOUSEKEEPING_SECONDS, self._keep_house, first=HOUSEKEEPING_FIRST_SECONDS)
                ticks.every(TICK_SECONDS, self._publish, self._catch_up, self._relate)
            if self._pipeline.shared:
                self._following = loop.create_task(self._pipeline.shared.follow())
            ticks.every(TICK_SECONDS, self._look_after_configuration)
            ticks.every(TIDY_SECONDS, self._tidy)
            ticks.start()
            self._service.ready()
            self._telling = [loop.create_task(self._service.tell_status())]
            self._telling.append(loop.create_task(self._service.feed_watchdog()))
            ready(self.config)
            self._has_started = True
            if self._reload_again:
                self._reload_soon()
            await self._stopping.wait()
            for task in self._telling:
                task.cancel()
            notify("STOPPING=1")
            ticks.pause()
            await self._end()
            ticks.close()  # not before: it would tear what is being done
        log.info("stopped")

    def _absent(self) -> frozenset[str]:
        """Sources for workers on other machines, where this is one of several: folders that are not on this one."""
        if self._roles == set(ROLES):
            return frozenset()
        config, places = self._places
        if config is not self.config:  # there may be very many sources
            watched = ((key, source.watched()) for key, source in self.config.sources.items() if source.host is None)
            places = [(key, path) for key, path in watched if path]
            self._places = self.config, places
        return frozenset(key for key, path in places if not path.exists())

    def _parts(self) -> list[str]:
        """What the watchdog is to hear of."""
        return [
            "store",
            *(part for part, role in (("visits", "poll"), ("publication", "publish")) if role in self._roles),
        ]

    async def _poll(self) -> None:
        called, self._called = self._called, set()
        try:
            await self._look_at_clock()
            if called:
                await self._pipeline.in_executor(lambda: stored_sources.make_due(self._database, utc_now(), called))
                called = set()
            await self._visits.start_due()
            self._service.note("visits", None)
        except StateError as error:
            self._complain("nothing is visited while that is so: %s", error)
            if not self._stopping.is_set():
                self._service.note("visits", error)
        finally:
            self._called |= called
            self._service.pulse.beat("visits")

    async def _look_at_clock(self) -> None:
        """Say that it jumped; let nobody wait for a time that a clock which was ahead has written."""
        now = utc_now()
        by = self._clock.jumped(now, time.monotonic())
        if by > timedelta():
            log.warning("the clock was put forward by %s, or this machine was asleep", spoken(by))
        back, self._put_back = self._put_back + max(-by, timedelta()), timedelta()
        if back:
            try:
                waiting = await self._pipeline.in_executor(lambda: ahead.put_right(self._database, now))
            except StateError:
                self._put_back += back
                raise
            log.warning("the clock was put back by %s: %d sources are due that waited for later", spoken(back), waiting)

    def _make_due(self, sources: Collection[str]) -> None:
        self._called.update(sources)
        self._poll_soon()

    def _poll_again(self, documents: int, left: int) -> None:
        if left:
            self._poll_soon()

    def _poll_soon(self) -> None:
        """Do not wait for the next tick."""
        if self._stopping.is_set() or (self._polling and not self._polling.done()):
            return
        self._polling = asyncio.get_running_loop().create_task(self._poll())

    async def _tidy(self) -> None:
        """End idle reader processes; collect garbage between two pieces of work, when there is little to look at."""
        self._readers.tidy()
        with suppress(StateError):  # on its way to the end
            await self._pipeline.in_executor(gc.collect)

    async def _subscribe(self) -> None:
        """Ask hubs for what is to be asked. The store, not this job's interval, knows when that is."""
        if self._stopping.is_set():
            return
        try:
            if await self._duties.has(SUBSCRIPTION):
                await self._subscriber.step()
        except StateError as error:
            self._complain("no hub asked, will try again: %s", error)

    @asynccontextmanager
    async def _distributing(self, distributor: distribute.Distributor) -> AsyncIterator[distribute.Distributor]:
        self._distributor = distributor
        try:
            yield distributor
        finally:
            await distributor.close()

    async def _distribute(self) -> None:
        """Deliver what was published to those who have subscribed. The store knows what is to be delivered."""
        if self._stopping.is_set():
            return
        try:
            if await self._duties.has(PUBLICATION):
                await self._distributor.step()
        except StateError as error:
            self._complain("nothing delivered, will try again: %s", error)

    async def _alert(self) -> None:
        """Tell operators what begins and what is over; beside all else, since many sources take a while to look at."""
        began = time.monotonic()
        if self._stopping.is_set() or began < self._alert_at:
            return
        try:
            if await self._duties.has(PUBLICATION):
                await asyncio.to_thread(self._alerting.look)
        except (StateError, OSError) as error:
            log.error("nothing told to operators, will try again: %s", error)
        self._alert_at = time.monotonic() + ALERT_REST * (time.monotonic() - began)

    async def _keep_house(self) -> None:
        """Remove what is too old. The store, not this job's interval, knows whether that was done today."""
        try:
            if await self._duties.has(PUBLICATION):
                await keep_house(self._pipeline, self._stopping.is_set)
        except StateError as error:
            log.error("what is too old was not removed, will try again: %s", error)

    async def _catch_up(self) -> None:
        """Apply changed rules to what is stored, in half of the time that there is, and say how far that is."""
        looked, told_at = 0, time.monotonic()
        if told_at < self._catch_up_at:
            return
        try:
            while not self._stopping.is_set():
                if not await self._duties.has(PUBLICATION):
                    await self._pipeline.in_executor(self._pipeline.stand_by)
                    break
                began = time.monotonic()
                step = await self._pipeline.in_executor(self._pipeline.catch_up)
                if step is None:
                    break
                looked += step[0]
                if time.monotonic() - told_at > CATCHING_UP_SECONDS:
                    log.info("changed rules have been applied to %d of what is stored", looked)
                    told_at = time.monotonic()
                await asyncio.sleep(time.monotonic() - began)
        except (StateError, OSError) as error:
            self._catch_up_at = time.monotonic() + COMPLAINT_SECONDS
            log.error("changed rules were not applied to all that is stored, will try again: %s", error)
        except Exception:
            self._catch_up_at = time.monotonic() + COMPLAINT_SECONDS
            log.exception("a bug met while changed rules were applied; please report it")
        if looked:
            log.info("changed rules have been applied to %d of what is stored", looked)

    async def _relate(self) -> None:
        """Find what tells of the same event as what waits for it, in half of the time that there is."""
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                if not await self._duties.has(PUBLICATION) or not await self._relate_some():
                    break
            except StateError as error:
                self._complain("nothing is related while that is so: %s", error)
                break
            await asyncio.sleep(time.monotonic() - began)

    async def _relate_some(self) -> int:
        """How many stories were looked at; none after a bug of ours, which does not keep anything from publication."""
        try:
            return await self._pipeline.in_executor(self._pipeline.relate)
        except StateError:
            raise
        except Exception:
            log.exception("a bug met while related stories were looked for; please report it")
            return 0

    def _complain(self, message: str, error: StateError | OSError) -> None:
        """Each of them once a minute, and not on the way to the end."""
        now = time.monotonic()
        if now - self._complained_at.get(message, float("-inf")) > COMPLAINT_SECONDS and not self._stopping.is_set():
            self._complained_at[message] = now
            log.error(message, error)

    async def _publish(self) -> None:
        """Topic by topic, so that nobody waits for all; most of the time is left for what is to be published next."""
        began = time.monotonic()
        self._service.pulse.beat("publication")
        if began < self._publish_at:
            return
        changed = 0
        try:
            if not await self._duties.has(PUBLICATION):
                self._service.note("publication", None)  # what others publish lies here, too: `prepare` has seen to it
                return
            await self._pipeline.in_executor(self._pipeline.fulfil)
            await self._relate_some()  # what has just come is published with its relations
            for dirty in await self._pipeline.in_executor(self._pipeline.dirty):
                changed += await self._pipeline.in_executor(partial(self._pipeline.publish_topic, dirty))
                self._service.pulse.beat("publication")
            for edition in await self._pipeline.in_executor(self._pipeline.dirty_editions):
                changed += await self._pipeline.in_executor(partial(self._pipeline.publish_edition, edition))
                self._service.pulse.beat("publication")
        except (StateError, OSError) as error:
            if self._stopping.is_set():
                return
            self._complain("nothing published, will try again: %s", error)
            self._service.note("publication", error)
            return
        self._service.note("publication", None)
        took = time.monotonic() - began
        self._publish_at = time.monotonic() + min(PUBLISH_REST * took, PUBLISH_REST_MOST)
        if changed:
            log.info("published: %d files changed", changed)

    def _reload_soon(self) -> None:
        """A list of sources has changed, or SIGHUP has come. Any number of calls before it is done is one more; during
        the start it waits for the end of that."""
        self._reload_again = True
        if self._has_started and (self._reloading is None or self._reloading.done()):
            self._reloading = asyncio.get_running_loop().create_task(self._reload_while_wanted())

    async def _reload_while_wanted(self) -> None:
        while self._reload_again and not self._stopping.is_set():
            self._reload_again = False
            try:
                await self._reload_config()
            except StateError as error:
                notify("READY=1")
                if self._stopping.is_set():
                    return
                log.error("configuration not taken over, will try again: %s", error)
                self._reload_again = True
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), RETRY_SECONDS)
            except Exception as error:
                log.exception("a bug met while the configuration was taken over; please report it")
                self._service.refused(error)

    async def _reload_config(self) -> None:
        """Use the new configuration if all of it is good; else go on with the old one and say why. Raises StateError
        where it may be good and the store cannot be told of it."""
        reloading()
        before = self.config.settings
        await asyncio.to_thread(self._files.note)
        try:
            config = await asyncio.to_thread(self._reload)
            await self._pipeline.in_executor(lambda: self._pipeline.adopt(config, self._service.progress))
        except StateError:
            raise
        except (AggregatorError, OSError) as error:
            if before.reload == "watch" and await asyncio.to_thread(lambda: self._files.are_others):
                notify("READY=1")
                return  # it was read while it was being saved: that is looked at once it has come to rest
            for problem in str(error).splitlines():
                log.error("configuration refused, the old one stays in use: %s", problem)
            self._service.refused(error)
            return
        gc.unfreeze()
        _settle_memory()
        changed = [name for name in FIXED if attrgetter(name)(before) != attrgetter(name)(config.settings)]
        if changed:
            log.warning("restart to let the new %s take effect", " and ".join(changed))
        log.info("configuration reloaded: %d sources, %d topics", len(config.sources), len(config.topics))
        self._service.reloaded()

    async def _look_after_folders(self) -> None:
        await self._watch.look(self.config.sources)

    async def _look_after_configuration(self) -> None:
        if self.config.settings.reload == "watch":
            changed = await asyncio.to_thread(self._files.changed, self.config)
            if changed:
                log.info("changed: %s", ", ".join(map(str, changed)))
                self._reload_soon()

    async def _end(self) -> None:
        """Break off fetching, finish what is being stored, give the rest of the claims back."""
        leases = await self._visits.break_off()
        await self._watch.close()
        if self._polling:
            await asyncio.gather(self._polling, return_exceptions=True)
        if self._reloading:
            await asyncio.gather(self._reloading, return_exceptions=True)
        await asyncio.to_thread(self._readers.close)
        await asyncio.to_thread(self._executor.shutdown, wait=True)
        if self._following:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        for give_back in (partial(stored_sources.release, self._database, leases), self._duties.leave):
            try:
                give_back()
            except StateError as error:
                log.error("what was claimed is not given back, others wait until its time is over: %s", error)


def _settle_memory() -> None:
    """Keep the garbage collector from looking through all there is while something is being done: nobody else can do
    anything meanwhile. What has been loaded stays out of its sight, and full collections are made by `_tidy`."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5000, 20, 1_000_000)
    sys.setswitchinterval(0.0001)  # seconds: so long the event loop waits for a thread at work, some times a request
