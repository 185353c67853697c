"""What the administrator sees of the daemon through systemd: STATUS, and a watchdog that looks at the work.

A daemon whose web pages come while nothing is visited any more is dead. So the watchdog is told that all is well only
while the event loop turns, visits are begun, topics are published, the thread that stores gets on with its work, and no
reader process has outlived its time.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime

from aggregator.errors import AggregatorError, StateError
from aggregator.notify import notify, watchdog_seconds
from aggregator.pipeline import Pipeline
from aggregator.store import sources as stored_sources
from aggregator.store.sources import Summary

STATUS_SECONDS = 5.0  # between two lines of STATUS
EXTEND_SECONDS = 10.0  # between two words to systemd that the start takes longer
EXTENSION_MICROSECONDS = 120_000_000  # from such a word on
PARTS = ("visits", "publication", "store")  # who has to be heard of again and again, where this process does it
LONGEST = 300  # characters of STATUS

log = logging.getLogger(__name__)


class Pulse:
    """When each part of the work was last heard of. From any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, parts: Collection[str] = PARTS) -> None:
        self._clock = clock
        self._heard = dict.fromkeys(parts, clock())

    def beat(self, *parts: str) -> None:
        """These parts, or without names all, have got on."""
        for part in parts or tuple(self._heard):
            self._heard[part] = self._clock()

    def silent(self, seconds: float) -> dict[str, float]:
        """The parts that were not heard of for so long → since how many seconds."""
        since = {part: self._clock() - heard for part, heard in self._heard.items()}
        return {part: silence for part, silence in since.items() if silence > seconds}


class Service:
    """The daemon as systemd knows it."""

    def __init__(
        self,
        pipeline: Pipeline,
        under_way: Callable[[], int],
        overdue: Callable[[], Iterable[str]],
        parts: Collection[str] = PARTS,
    ) -> None:
        """`under_way`: visits at this moment; `overdue`: what reads for longer than it may, in words; `parts`: who has
        to be heard of again and again."""
        self.pulse = Pulse(parts=parts)
        self._pipeline = pipeline
        self._under_way = under_way
        self._overdue = overdue
        self._refused = ""
        self._extended = float("-inf")  # monotonic
        self._complained = False

    def ready(self) -> None:
        self.pulse.beat()
        config = self._pipeline.config
        notify("READY=1", f"STATUS={len(config.sources):,} sources, {len(config.topics):,} topics")

    def refused(self, error: AggregatorError | OSError) -> None:
        """A configuration was not taken over: STATUS says so until one is."""
        first = str(error).partition("\n")[0]
        self._refused = f"configuration refused at {datetime.now(UTC):%H:%M} UTC: {first}"
        notify("READY=1", f"STATUS={shortened(self._refused)}")

    def reloaded(self) -> None:
        self._refused = ""
        config = self._pipeline.config
        notify("READY=1", f"STATUS=reloaded: {len(config.sources):,} sources, {len(config.topics):,} topics")

    def progress(self, count: int) -> None:
        """A step of what takes long, while all else waits: a start, or a reload, with other rules for all articles."""
        self.pulse.beat()
        if time.monotonic() - self._extended > EXTEND_SECONDS:
            self._extended = time.monotonic()
            notify(f"EXTEND_TIMEOUT_USEC={EXTENSION_MICROSECONDS}", "STATUS=applying changed rules to what is stored")

    async def tell_status(self) -> None:
        """Say again and again what is done now. To ask the store for it shows that its thread gets on, and so an
        impatient watchdog makes it be asked more often."""
        seconds = min(STATUS_SECONDS, (watchdog_seconds() or STATUS_SECONDS) / 6)
        while True:
            try:
                summary = await self._pipeline.in_executor(lambda: stored_sources.summary(self._pipeline.database))
                said = line(summary, self._under_way(), self._pipeline.now())
            except StateError as error:
                said = str(error)
            except Exception:  # a bug of ours is to be seen, not to look like a standstill
                log.exception("the state of affairs cannot be told")
                said = ""
            self.pulse.beat("store")
            notify(f"STATUS={shortened('; '.join(filter(None, (self._refused, said))))}")
            await asyncio.sleep(seconds)

    async def feed_watchdog(self) -> None:
        """Say that all is well as often as systemd wants it, and only while it is so."""
        seconds = watchdog_seconds()
        while seconds:
            self._feed(seconds / 2)
            await asyncio.sleep(seconds / 6)

    def _feed(self, patience: float) -> None:
        troubles = [f"{part}: nothing for {silence:.0f} s" for part, silence in self.pulse.silent(patience).items()]
        troubles += self._overdue()
        if not troubles:
            notify("WATCHDOG=1")
        elif not self._complained:
            log.error("the watchdog is told nothing while that is so: %s", "; ".join(troubles))
        self._complained = bool(troubles)


def line(summary: Summary, under_way: int, now: datetime) -> str:
    """What is done now: `1,204 sources, 3 failing, next visit in 4 s`."""
    said = [f"{summary.sources:,} sources" if summary.sources != 1 else "1 source"]
    if summary.failing:
        said.append(f"{summary.failing:,} failing")
    if under_way:
        said.append(f"{under_way:,} visits under way" if under_way > 1 else "1 visit under way")
    elif summary.next_at:
        said.append(f"next visit {_until((summary.next_at - now).total_seconds())}")
    return ", ".join(said)


def shortened(text: str) -> str:
    """One line of STATUS: control characters would end it, or change what a terminal shows."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…"


def _until(seconds: float) -> str:
    if seconds < 1:
        return "now"
    if seconds < 90:
        return f"in {seconds:.0f} s"
    return f"in {seconds / 60:.0f} min" if seconds < 5400 else f"in {seconds / 3600:.0f} h"
