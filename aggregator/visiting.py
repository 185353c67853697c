"""Which visits go on at a time: so many altogether, and of one host; slow ones give their places to others."""

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import datetime

from aggregator.errors import StateError
from aggregator.fetch import Fetcher
from aggregator.models import Lease, Visit
from aggregator.pipeline import LEASE, Pipeline, utc_now
from aggregator.store import claims as stored_claims

PROBE_SECONDS = 10.0  # between two tries while our own network is down
UNSTORED_SECONDS = 5.0  # until a visit is tried again that could not be stored
SLOW_SECONDS = 5.0  # a visit that takes longer counts as slow
SLOW_FACTOR = 4  # so many times the configured number may be under way when most of them are slow

log = logging.getLogger(__name__)


class Visits:
    """The visits under way."""

    def __init__(
        self,
        pipeline: Pipeline,
        fetcher: Fetcher,
        done: Callable[[Visit | None], None] | None = None,
        absent: Callable[[], Collection[str]] = lambda: (),
    ) -> None:
        """`done` is told of each visit that has ended; `absent` are sources for other workers."""
        self._pipeline = pipeline
        self._absent = absent
        self._fetcher = fetcher
        self._done = done or (lambda visit: None)
        self._running: dict[asyncio.Task[None], tuple[Lease, float]] = {}
        self._ended = False
        self._begun = 0.0  # when the last claim was made
        self._claiming = asyncio.Lock()
        self._unstored: list[tuple[Lease, float]] = []  # what could not be stored, and when that was

    @property
    def under_way(self) -> int:
        """How many visits go on at this moment."""
        return len(self._running)

    async def start_due(self, due_by: datetime | None = None) -> int:
        """Begin visits of sources that are due, or were by then, as many as there is room for; the number begun."""
        async with self._claiming:
            return await self._start_due(due_by)

    async def start(self, sources: Collection[str]) -> set[str]:
        """Begin visits of these, due or not; those of which a visit is under way, here or elsewhere, are left."""
        async with self._claiming:
            if self._ended:
                return set()
            now, database = utc_now(), self._pipeline.database
            found = await self._pipeline.in_executor(
                lambda: {source: stored_claims.claim_one(database, source, now, lease=LEASE) for source in sources}
            )
            for lease in found.values():
                if lease:
                    self._start(lease)
            return {source for source, lease in found.items() if lease is None}

    async def _start_due(self, due_by: datetime | None) -> int:
        await self._give_back()
        room = self._room()
        if room <= 0 or self._ended:
            return 0
        poll = self._pipeline.config.settings.poll
        leases = await self._pipeline.in_executor(
            lambda: stored_claims.claim(
                self._pipeline.database,
                utc_now(),
                limit=room,
                lease=LEASE,
                per_host=poll.per_host,
                spacing=poll.spacing,
                due_by=due_by,
                without=self._absent(),
            )
        )
        self._begun = asyncio.get_running_loop().time()
        if self._ended:  # while the claim was made
            stored_claims.release(self._pipeline.database, leases)
            return 0
        for lease in leases:
            self._start(lease)
        return len(leases)

    def _start(self, lease: Lease) -> None:
        """Begin a visit, when the one before has ended; none where that has outlived its lease: on a network mount that
        has gone it hangs, and the next one would, too, with a thread each."""
        before = next(((task, old) for task, (old, _) in self._running.items() if old.source == lease.source), None)
        if before and before[1].until <= utc_now():
            log.warning("%s: the visit before is under way still: is the machine it comes from there?", lease.source)
            return
        task = asyncio.create_task(self._visit(lease, after=before and before[0]))
        self._running[task] = lease, asyncio.get_running_loop().time()
        task.add_done_callback(lambda ended: self._running.pop(ended, None))

    async def some_ended(self, seconds: float) -> bool:
        """Wait until a visit has ended, or for so long; whether any are under way still."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(self._running)

    async def break_off(self) -> list[Lease]:
        """Stop fetching for good; what is being stored is finished by the executor. The claims that were held."""
        self._ended = True
        leases = [lease for lease, _ in (*self._running.values(), *self._unstored)]
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return leases

    def _room(self) -> int:
        """A visit that takes long gives its place to another one: slow servers must not hold up the others.

        While our own network is down, one visit at a time finds out whether it is back.
        """
        concurrency = self._pipeline.config.settings.poll.concurrency
        now = asyncio.get_running_loop().time()
        if self._pipeline.outage.is_on:
            return 0 if self._running or now - self._begun < PROBE_SECONDS else 1
        quick = sum(now - begun < SLOW_SECONDS for _, begun in self._running.values())
        return min(concurrency - quick, concurrency * SLOW_FACTOR - len(self._running))

    async def _give_back(self) -> None:
        """Let go of sources whose visits could not be stored a while ago: the database may work again."""
        long_ago = asyncio.get_running_loop().time() - UNSTORED_SECONDS
        ready = [lease for lease, failed in self._unstored if failed < long_ago]
        if ready:
            await self._pipeline.in_executor(lambda: stored_claims.release(self._pipeline.database, ready))
            self._unstored = [(lease, failed) for lease, failed in self._unstored if failed >= long_ago]

    async def _visit(self, lease: Lease, after: asyncio.Task[None] | None) -> None:
        """Make a visit, `after` another of the same source that is stored already and about to end."""
        if after:
            await asyncio.wait([after])
        try:
            self._done(await self._pipeline.ingest(lease, self._fetcher))
        except StateError as error:
            self._unstored.append((lease, asyncio.get_running_loop().time()))
            log.error("visit of %s not stored, it is tried again in a while: %s", lease.source, error)
        except Exception:  # whatever it is, the other visits go on
            log.exception("visit of %s failed, it is tried again when its lease ends", lease.source)
