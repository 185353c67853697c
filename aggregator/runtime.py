"""What a command needs to work on a state directory: the lock, the store, the pipeline, and the way through a visit."""

import asyncio
import fcntl
import logging
import os
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from aggregator.config import Config
from aggregator.errors import ConfigError, StateError
from aggregator.fetch import Fetcher
from aggregator.housekeeping import keep_house
from aggregator.models import Lease, Visit
from aggregator.pipeline import LEASE, Pipeline, Taken, utc_now
from aggregator.readers import Readers
from aggregator.retag import Progress
from aggregator.store import Database, ahead
from aggregator.store import articles as stored_articles
from aggregator.store import sources as stored_sources

log = logging.getLogger(__name__)

TICK_SECONDS = 0.5  # between two looks for due sources
ONCE_ROUNDS = 5  # more visits of a folder by `once` while files in it are still being written
PATIENCE = timedelta(seconds=5)  # of `once` with such files, and with hosts that must not be visited again at once
PROBE_SECONDS = 10.0  # between two tries while our own network is down
UNSTORED_SECONDS = 5.0  # until a visit is tried again that could not be stored
SLOW_SECONDS = 5.0  # a visit that takes longer counts as slow
SLOW_FACTOR = 4  # so many times the configured number may be under way when most of them are slow


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Be the only daemon on a state directory. Raises StateError when another one is, or the directory is unusable."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        handle = os.open(state / "aggregator.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StateError(f"the state directory {state} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise StateError(f"another aggregator is running on {state}; stop it first, or use another `state`") from error
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def opened(config: Config) -> Iterator[Database]:
    """The store of a configuration. Raises StateError."""
    try:
        config.state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(f"the state directory {config.state} cannot be made: {error.strerror}") from error
    database = Database(config.settings.database, config.state)
    try:
        yield database
    finally:
        database.close()


def executor() -> ThreadPoolExecutor:
    """Where parsing, judging and storing happen: one thread, so that copies of an article cannot miss each other."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="work")


class Visits:
    """The visits under way: so many at a time, and so many of one host."""

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

    async def _start_due(self, due_by: datetime | None) -> int:
        await self._give_back()
        room = self._room()
        if room <= 0 or self._ended:
            return 0
        poll = self._pipeline.config.settings.poll
        leases = await self._pipeline.in_executor(
            lambda: stored_sources.claim(
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
            stored_sources.release(self._pipeline.database, leases)
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
            await self._pipeline.in_executor(lambda: stored_sources.release(self._pipeline.database, ready))
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


async def once(
    config: Config,
    database: Database,
    done: Callable[[Visit | None], None],
    reload: Callable[[], Config] | None = None,
    taken: Taken = lambda documents, left: None,
) -> int:
    """Visit every source and publish what changed. Answers with the number of changed files.

    `taken` is told how many documents each visit took, and how many files wait for the next one.
    Lists of sources come first: if one has changed, `reload` reads the configuration anew, or raises ConfigError.
    Waits for hosts that must not be visited again at once, and for files that are still being written, but not long.
    """
    with executor() as pool, Readers(config.settings.parse) as readers:
        lists_changed = asyncio.Event()
        pipeline = Pipeline(config, database, pool, readers, reload=lists_changed.set, taken=taken)
        pipeline.prepare()
        while pipeline.catch_up():
            pass
        pipeline.fulfil()
        if database.is_sqlite:
            stored_sources.release_all(database)
        ahead.put_right(database, utc_now())
        stored_sources.make_due(database, utc_now())
        async with Fetcher(config.settings.fetch) as fetcher:
            if reload:
                await _visit_lists(pipeline, fetcher, done)
            if reload and lists_changed.is_set():
                await _adopt(pipeline, reload)
            visits = Visits(pipeline, fetcher, done)
            patience = max(PATIENCE, config.settings.poll.spacing)
            began = last_begun = utc_now()
            left = len(pipeline.config.sources)  # each is visited once, whatever becomes of its claim
            while left > 0:
                begun = 0 if pipeline.outage.is_on else await visits.start_due(due_by=began)
                left -= begun
                if await visits.some_ended(seconds=TICK_SECONDS) or begun:
                    last_begun = utc_now()
                    continue
                next_at = stored_sources.next_visit_at(database, began)
                if next_at is None or next_at - last_begun > patience or utc_now() - last_begun > patience:
                    break
                if pipeline.outage.is_on:
                    break
                await asyncio.sleep(max((next_at - utc_now()).total_seconds(), 0.05))
            while await visits.some_ended(seconds=TICK_SECONDS):
                pass
            await _visit_unsettled(pipeline, fetcher, done)
            _report_left_out(database)
        await keep_house(pipeline)
        return pipeline.publish()


def to_retag(database: Database) -> int:
    """How many steps `retag` takes."""
    return stored_articles.count_originals(database) + stored_articles.count(database)[1]


def retag(config: Config, database: Database, progress: Progress) -> tuple[int, int]:
    """Apply all rules to what is stored, and publish; from how many articles something else is cut, changed files."""
    with executor() as pool, Readers(config.settings.parse) as readers:
        pipeline = Pipeline(config, database, pool, readers)
        return pipeline.retag(progress), pipeline.publish()


def fulfil(config: Config, database: Database) -> int:
    """Do what people wish of stories, and publish; the number of changed files."""
    with executor() as pool, Readers(config.settings.parse) as readers:
        pipeline = Pipeline(config, database, pool, readers)
        pipeline.prepare()
        while pipeline.catch_up():
            pass
        pipeline.fulfil()
        return pipeline.publish()


async def _visit_lists(pipeline: Pipeline, fetcher: Fetcher, done: Callable[[Visit | None], None]) -> None:
    """Visit the lists of sources, one after the other on each host."""
    by_host: dict[str, list[str]] = {}
    for key, source in pipeline.config.sources.items():
        if source.IS_LIST:
            by_host.setdefault(source.host or key, []).append(key)

    async def visit(keys: list[str]) -> None:
        for key in keys:
            lease = await pipeline.in_executor(
                partial(stored_sources.claim_one, pipeline.database, key, utc_now(), lease=LEASE, politely=True)
            )
            if lease:
                done(await pipeline.ingest(lease, fetcher))

    await asyncio.gather(*(visit(keys) for keys in by_host.values()))


async def _visit_unsettled(pipeline: Pipeline, fetcher: Fetcher, done: Callable[[Visit | None], None]) -> None:
    """Visit places on this machine again: those with more files than a visit takes, until all are taken; those in which
    something was still being written, but not for ever."""
    rounds = 0
    while rounds < ONCE_ROUNDS:
        soon = [
            status
            for status in stored_sources.statuses(pipeline.database)
            if status.id in pipeline.config.sources
            and pipeline.config.sources[status.id].host is None
            and status.due_at - utc_now() <= PATIENCE
        ]
        if not soon:
            return
        ready = [status for status in soon if status.due_at <= utc_now()]
        if not ready:
            await asyncio.sleep(max((max(status.due_at for status in soon) - utc_now()).total_seconds(), 0))
        visits = [await _visit_now(pipeline, fetcher, status.id) for status in ready or soon]
        for visit in visits:
            done(visit)
        if not ready or not any(visits):
            rounds += 1


async def _visit_now(pipeline: Pipeline, fetcher: Fetcher, source: str) -> Visit | None:
    lease = stored_sources.claim_one(pipeline.database, source, utc_now(), lease=LEASE)
    return await pipeline.ingest(lease, fetcher) if lease else None


def _report_left_out(database: Database) -> None:
    rest_until = utc_now() + stored_sources.AT_REST
    resting = [status for status in stored_sources.statuses(database) if status.free_at and status.free_at > rest_until]
    if resting:
        log.warning("%d sources left alone: their hosts have asked for it; `status` says until when", len(resting))


async def _adopt(pipeline: Pipeline, reload: Callable[[], Config]) -> None:
    """Go on with the configuration as it is now, if it is good."""
    try:
        config = await asyncio.to_thread(reload)
    except ConfigError as error:
        for problem in error.problems:
            log.error("configuration refused, the one from before stays in use: %s", problem)
    else:
        await pipeline.in_executor(lambda: pipeline.adopt(config))
