"""Ticks: what is done again and again, whatever becomes of the wall clock, by which APScheduler goes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

TICK_SECONDS = 0.5  # what is done as soon as possible is done so often
LOOK_SECONDS = 0.5  # between two looks whether a clock that was put back keeps anything waiting

Job = Callable[[], Awaitable[None]]


class Every(BaseTrigger):  # type: ignore[misc]
    """So long after the last time. APScheduler's own intervals are counted one by one, for months where a clock was put
    forward by months."""

    def __init__(self, seconds: float) -> None:
        self.length = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return now + self.length


class Ticks:
    """Jobs, each of which runs once at a time. Belongs to one event loop."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}, timezone=UTC
        )
        self._watching: asyncio.Task[None] | None = None

    def every(self, seconds: float, *jobs: Job, first: float | None = None) -> None:
        """Do these so often; for the first time after so many seconds, where they are not as many."""
        begins = datetime.now(UTC) + timedelta(seconds=seconds if first is None else first)
        for job in jobs:
            self._scheduler.add_job(job, Every(seconds), next_run_time=begins)

    def start(self) -> None:
        self._scheduler.start()
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    def pause(self) -> None:
        """Begin nothing any more; what is being done goes on."""
        if self._watching:
            self._watching.cancel()
        self._scheduler.pause()

    def close(self) -> None:
        """Tears what is being done."""
        self._scheduler.shutdown(wait=False)

    async def _watch(self) -> None:
        """Nothing waits for longer than it is to: a clock that was put back by an hour would keep all waiting so long.
        No job can see that."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = datetime.now(UTC)
            for job in self._scheduler.get_jobs():
                if job.next_run_time - now > job.trigger.length:
                    job.modify(next_run_time=now)
