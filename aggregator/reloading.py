"""A changed configuration is taken over, if all of it is good."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter

from aggregator import garbage
from aggregator.config import Config
from aggregator.config_files import ConfigFiles
from aggregator.errors import AggregatorError, StateError
from aggregator.notify import notify, reloading
from aggregator.pipeline import Pipeline
from aggregator.service import Service
from aggregator.ticks import TICK_SECONDS, Ticks

RETRY_SECONDS = 5  # until a configuration is taken over anew that the store could not be told of
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


class Reloading:
    """Reads the configuration anew when it is wanted, once at a time."""

    def __init__(
        self,
        pipeline: Pipeline,
        service: Service,
        read: Callable[[], Config],
        files: ConfigFiles,
        stopping: asyncio.Event,
    ) -> None:
        """`read` reads and checks it as a whole, and raises ConfigError; `files` are as they were before that."""
        self._pipeline = pipeline
        self._service = service
        self._read = read
        self._files = files
        self._stopping = stopping
        self._has_begun = False
        self._is_wanted = False  # something has changed since the configuration was last read
        self._task: asyncio.Task[None] | None = None

    def begin(self, ticks: Ticks) -> None:
        """The daemon has started. What was wanted before is done now."""
        self._has_begun = True
        if self._is_wanted:
            self.soon()
        ticks.every(TICK_SECONDS, self._look_after_files)

    def soon(self) -> None:
        """A list of sources has changed, or SIGHUP has come. Any number of calls before it is done is one more; during
        the start it waits for the end of that."""
        self._is_wanted = True
        if self._has_begun and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._reload_while_wanted())

    async def ended(self) -> None:
        """Wait until nothing is being taken over."""
        if self._task:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look_after_files(self) -> None:
        if self._pipeline.config.settings.reload == "watch":
            changed = await asyncio.to_thread(self._files.changed, self._pipeline.config)
            if changed:
                log.info("changed: %s", ", ".join(map(str, changed)))
                self.soon()

    async def _reload_while_wanted(self) -> None:
        while self._is_wanted and not self._stopping.is_set():
            self._is_wanted = False
            try:
                await self._reload()
            except StateError as error:
                notify("READY=1")
                if self._stopping.is_set():
                    return
                log.error("configuration not taken over, will try again: %s", error)
                self._is_wanted = True
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), RETRY_SECONDS)
            except Exception as error:
                log.exception("a bug met while the configuration was taken over; please report it")
                self._service.refused(error)

    async def _reload(self) -> None:
        """Use the new configuration if all of it is good; else go on with the old one and say why. Raises StateError
        where it may be good and the store cannot be told of it."""
        reloading()
        before = self._pipeline.config.settings
        await asyncio.to_thread(self._files.note)
        try:
            config = await asyncio.to_thread(self._read)
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
        garbage.settle()
        changed = [name for name in FIXED if attrgetter(name)(before) != attrgetter(name)(config.settings)]
        if changed:
            log.warning("restart to let the new %s take effect", " and ".join(changed))
        log.info("configuration reloaded: %d sources, %d topics", len(config.sources), len(config.topics))
        self._service.reloaded()
