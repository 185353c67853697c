"""What the administrator sees of the daemon: STATUS, a watchdog that looks at the work, and how it is, when asked.

A daemon whose web pages come while nothing is visited any more is dead. So the watchdog is told that all is well only
while the event loop turns, visits are begun, topics are published, the thread that stores gets on with its work, and no
reader process has outlived its time.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime

from aggregator.condition import Condition, one_line
from aggregator.errors import AggregatorError, StateError
from aggregator.models import Refusal
from aggregator.notify import notify, watchdog_seconds
from aggregator.pipeline import Pipeline
from aggregator.schedule import spoken
from aggregator.store import sources as stored_sources
from aggregator.store.sources import Summary

STATUS_SECONDS = 5.0  # between two lines of STATUS
EXTEND_SECONDS = 10.0  # between two words to systemd that the start takes longer
EXTENSION_MICROSECONDS = 120_000_000  # from such a word on
COMPLAINT_SECONDS = 60  # between two lines about the same trouble with the store
PARTS = ("visits", "publication", "store")  # who has to be heard of again and again, where this process does it
PATIENCE_SECONDS = 90.0  # with each of them, where systemd names no other time

log = logging.getLogger(__name__)


StoreTrouble = tuple[datetime, datetime, str]  # from, to, in words


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
    """The daemon as systemd knows it, and who else asks."""

    def __init__(
        self,
        pipeline: Pipeline,
        under_way: Callable[[], int],
        overdue: Callable[[], Iterable[str]],
        stopping: Callable[[], bool] = lambda: False,
        parts: Collection[str] = PARTS,
    ) -> None:
        """`under_way`: visits at this moment; `overdue`: what reads for longer than it may, in words; `parts`: who has
        to be heard of again and again."""
        self.pulse = Pulse(parts=parts)
        self._parts = frozenset(parts)
        self._pipeline = pipeline
        self._under_way = under_way
        self._overdue = overdue
        self._extended = float("-inf")  # monotonic
        self._complained = False  # of what keeps the watchdog from being fed
        self._complained_at: dict[str, float] = {}  # by what was said: monotonic
        self._stopping = stopping
        self._has_published = False
        self.troubles: dict[str, str] = {}  # by part of the work: what keeps it from being done
        self.store_trouble: StoreTrouble | None = None  # the last one, which may go on
        self._failing: set[str] = set()  # parts of the work that the store has failed

    def live(self) -> Condition:
        """Whether the work gets on, and not only the web server."""
        stuck = self._stuck((watchdog_seconds() or 2 * PATIENCE_SECONDS) / 2)
        return Condition(bool(stuck), tuple(stuck))

    def readiness(self) -> Condition:
        """Whether feeds are published and the store answers; and what an operator should look at."""
        down = ["stopping"] if self._stopping() else []
        down += [] if self._has_published or "publication" not in self._parts else ["nothing is published yet"]
        down += [f"store: {self.troubles['store']}"] if "store" in self.troubles else []
        others = [f"{part}: {trouble}" for part, trouble in self.troubles.items() if part != "store"]
        others += ["network: no source answers; is ours down?"] if self._pipeline.outage.is_on else []
        return Condition(bool(down), tuple(filter(None, (*down, self._refused, *others))))

    def note(self, part: str, error: Exception | None) -> None:
        """What has just kept a part of the work from being done; None: it was done."""
        if isinstance(error, StateError) or part in self._failing:
            self._note_store(part, error if isinstance(error, StateError) else None)
        if error is not None:
            self.troubles[part] = str(error)
            return
        self.troubles.pop(part, None)
        self._has_published |= part == "publication"

    def complain(self, message: str, error: StateError | OSError) -> None:
        """Say what is not done, and why: each of these once a minute, and not on the way to the end."""
        now = time.monotonic()
        if now - self._complained_at.get(message, float("-inf")) > COMPLAINT_SECONDS and not self._stopping():
            self._complained_at[message] = now
            log.error(message, error)

    def _note_store(self, part: str, error: StateError | None) -> None:
        """The store is in trouble from the first part of the work that it has failed until the last one gets on: who
        only reads may not notice that nothing can be written."""
        now = datetime.now(UTC)
        since, _, said = self.store_trouble if self.store_trouble and self._failing else (now, now, "")
        self.store_trouble = since, now, str(error or said)
        (self._failing.add if error else self._failing.discard)(part)
        if not self._failing:
            log.info("the store is well again, after %s", spoken(now - since))

    def ready(self) -> None:
        self.pulse.beat()
        config = self._pipeline.config
        notify("READY=1", f"STATUS={len(config.sources):,} sources, {len(config.topics):,} topics")

    def refused(self, error: Exception) -> None:
        """A configuration was not taken over: STATUS says so until one is."""
        is_ours = not isinstance(error, (AggregatorError, OSError))
        said = f"a bug met: {type(error).__name__}: {error}; please report it" if is_ours else str(error)
        self._pipeline.refusal = Refusal(datetime.now(UTC), said)
        notify("READY=1", f"STATUS={one_line(self._refused)}")

    @property
    def _refused(self) -> str:
        refusal = self._pipeline.refusal
        return f"configuration refused at {refusal.at:%H:%M} UTC: {refusal.first}" if refusal else ""

    def reloaded(self) -> None:
        self._pipeline.refusal = None
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
                self.note("store", None)
            except StateError as error:
                said = str(error)
                self.note("store", error)
            except Exception:  # a bug of ours is to be seen, not to look like a standstill
                log.exception("the state of affairs cannot be told")
                said = ""
            self.pulse.beat("store")
            notify(f"STATUS={one_line('; '.join(filter(None, (self._refused, said))))}")
            await asyncio.sleep(seconds)

    async def feed_watchdog(self) -> None:
        """Say that all is well as often as systemd wants it, and only while it is so."""
        seconds = watchdog_seconds()
        while seconds:
            self._feed(seconds / 2)
            await asyncio.sleep(seconds / 6)

    def _feed(self, patience: float) -> None:
        troubles = self._stuck(patience)
        if not troubles:
            notify("WATCHDOG=1")
        elif not self._complained:
            log.error("the watchdog is told nothing while that is so: %s", "; ".join(troubles))
        self._complained = bool(troubles)

    def _stuck(self, patience: float) -> list[str]:
        silent = [f"{part}: nothing for {silence:.0f} s" for part, silence in self.pulse.silent(patience).items()]
        return [*silent, *self._overdue()]


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


def _until(seconds: float) -> str:
    if seconds < 1:
        return "now"
    if seconds < 90:
        return f"in {seconds:.0f} s"
    return f"in {seconds / 60:.0f} min" if seconds < 5400 else f"in {seconds / 3600:.0f} h"
