"""The role `publish` in the daemon: what one worker does for all, from changed rules to feeds that are delivered."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial

from aggregator.alerting import Alerting
from aggregator.distribute import Distributor
from aggregator.errors import StateError
from aggregator.housekeeping import keep_house
from aggregator.pipeline import Pipeline
from aggregator.roles import PUBLICATION, Duties
from aggregator.service import Service
from aggregator.ticks import TICK_SECONDS, Ticks

DISTRIBUTE_SECONDS = 1  # between two looks for what is to be delivered
ALERT_SECONDS = 60  # between two looks for what an operator should know
ALERT_REST = 20  # times as long as a look took, until the next one
HOUSEKEEPING_SECONDS = 3600  # between two looks whether it is to be done
HOUSEKEEPING_FIRST_SECONDS = 300  # after the start: what is due is visited first
PUBLISH_REST = 4  # times as long as a publication took, until the next one: much news at once is published together
PUBLISH_REST_MOST = 20.0  # seconds: it may have taken long because it waited for a process that is gone
CATCHING_UP_SECONDS = 30  # between two lines about how far changed rules have been applied
CATCH_UP_AGAIN_SECONDS = 60  # until that is tried again, after what kept it from being done

log = logging.getLogger(__name__)


class Publishing:
    """The store, not a tick, knows what is to be published, delivered or removed."""

    def __init__(
        self,
        pipeline: Pipeline,
        distributor: Distributor,
        duties: Duties,
        service: Service,
        stopping: Callable[[], bool],
    ) -> None:
        self._pipeline = pipeline
        self._distributor = distributor
        self._duties = duties
        self._service = service
        self._stopping = stopping
        self._alerting = Alerting(pipeline, lambda: service.store_trouble)
        self._alert_at = 0.0  # monotonic
        self._publish_at = 0.0  # likewise
        self._catch_up_at = 0.0  # likewise

    def begin(self, ticks: Ticks) -> None:
        ticks.every(ALERT_SECONDS, self._alert, first=0)
        ticks.every(DISTRIBUTE_SECONDS, self._distribute)
        ticks.every(HOUSEKEEPING_SECONDS, self.keep_house, first=HOUSEKEEPING_FIRST_SECONDS)
        ticks.every(TICK_SECONDS, self.publish, self.catch_up, self.relate)

    async def publish(self) -> None:
        """Whatever has changed; most of the time is left for what is to be published next."""
        began, changed = time.monotonic(), 0
        self._service.pulse.beat("publication")
        if began < self._publish_at:
            return
        try:
            if await self._duties.has(PUBLICATION):  # else what others publish lies here, too: `prepare` has seen to it
                changed = await self._publish_changed()
        except (StateError, OSError) as error:
            if not self._stopping():
                self._service.complain("nothing published, will try again: %s", error)
                self._service.note("publication", error)
            return
        self._service.note("publication", None)
        took = time.monotonic() - began
        self._publish_at = time.monotonic() + min(PUBLISH_REST * took, PUBLISH_REST_MOST)
        if changed:
            log.info("published: %d files changed", changed)

    async def _publish_changed(self) -> int:
        """Topic by topic, so that nobody waits for all; the number of changed files."""
        pipeline, changed = self._pipeline, 0
        await pipeline.in_executor(pipeline.fulfil)
        await self._relate_some()  # what has just come is published with its relations
        for dirty in await pipeline.in_executor(pipeline.dirty):
            changed += await pipeline.in_executor(partial(pipeline.publish_topic, dirty))
            self._service.pulse.beat("publication")
        for edition in await pipeline.in_executor(pipeline.dirty_editions):
            changed += await pipeline.in_executor(partial(pipeline.publish_edition, edition))
            self._service.pulse.beat("publication")
        return changed

    async def relate(self) -> None:
        """Find what tells of the same event as what waits for it, in half of the time that there is."""
        while not self._stopping():
            began = time.monotonic()
            try:
                if not await self._duties.has(PUBLICATION) or not await self._relate_some():
                    break
            except StateError as error:
                self._service.complain("nothing is related while that is so: %s", error)
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

    async def catch_up(self) -> None:
        """Apply changed rules to what is stored, in half of the time that there is, and say how far that is."""
        looked, told_at = 0, time.monotonic()
        if told_at < self._catch_up_at:
            return
        try:
            while not self._stopping():
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
            self._catch_up_at = time.monotonic() + CATCH_UP_AGAIN_SECONDS
            log.error("changed rules were not applied to all that is stored, will try again: %s", error)
        except Exception:
            self._catch_up_at = time.monotonic() + CATCH_UP_AGAIN_SECONDS
            log.exception("a bug met while changed rules were applied; please report it")
        if looked:
            log.info("changed rules have been applied to %d of what is stored", looked)

    async def _distribute(self) -> None:
        """Deliver what was published to those who have subscribed."""
        await self._duties.do(PUBLICATION, self._distributor.step, failing="nothing delivered, will try again: %s")

    async def keep_house(self) -> None:
        """Remove what is too old, if that was not done today."""
        await self._duties.do(
            PUBLICATION,
            lambda: keep_house(self._pipeline, self._stopping),
            failing="what is too old was not removed, will try again: %s",
        )

    async def _alert(self) -> None:
        """Tell operators what begins and what is over; beside all else, since many sources take a while to look at."""
        began = time.monotonic()
        if began < self._alert_at:
            return
        await self._duties.do(
            PUBLICATION,
            lambda: asyncio.to_thread(self._alerting.look),
            failing="nothing told to operators, will try again: %s",
        )
        self._alert_at = time.monotonic() + ALERT_REST * (time.monotonic() - began)
