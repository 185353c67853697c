"""Jobs go on whatever is done to the wall clock: APScheduler itself, with a clock that is set while it waits."""

import asyncio
from datetime import datetime, timedelta, tzinfo

import pytest

from aggregator.ticks import Ticks

WITHIN = 30.0  # seconds: far more than anything here takes


class Shifted(datetime):
    off = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + cls.off


@pytest.mark.parametrize("days", [-3650, -0.0001, 0.01, 3650], ids=lambda days: f"{days} days")
async def test_a_clock_that_is_set_keeps_nothing_waiting(days: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Shifted)
    monkeypatch.setattr("aggregator.ticks.datetime", Shifted)
    monkeypatch.setattr("aggregator.ticks.LOOK_SECONDS", 0.01)
    monkeypatch.setattr(Shifted, "off", timedelta())
    ran: asyncio.Queue[None] = asyncio.Queue()

    async def job() -> None:
        ran.put_nowait(None)

    ticks = Ticks()
    ticks.every(0.05, job, first=0)
    ticks.start()
    await asyncio.wait_for(ran.get(), WITHIN)
    Shifted.off = timedelta(days=days)
    for _ in range(3):
        await asyncio.wait_for(ran.get(), WITHIN)
    ticks.pause()
    ticks.close()
