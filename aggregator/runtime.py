"""What commands do on a state directory: the lock, the store, one round of visits."""

import asyncio
import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

from aggregator.config import Config
from aggregator.errors import ConfigError, StateError
from aggregator.fetch import Fetcher
from aggregator.housekeeping import keep_house
from aggregator.models import Visit
from aggregator.pipeline import LEASE, Pipeline, Taken, utc_now
from aggregator.readers import Readers
from aggregator.retag import Progress
from aggregator.store import Database, ahead, copying
from aggregator.store import articles as stored_articles
from aggregator.store import claims as stored_claims
from aggregator.store import sources as stored_sources
from aggregator.store.sources import SourceStatus
from aggregator.visiting import Visits

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5  # between two looks of `once` for due sources
ONCE_ROUNDS = 5  # more visits of a folder by `once` while files in it are still being written
PATIENCE = timedelta(seconds=5)  # of `once` with such files, and with hosts that must not be visited again at once


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
        if not database.is_sqlite:
            copying.check_whole(database)
        yield database
    finally:
        database.close()


def executor() -> ThreadPoolExecutor:
    """Where parsing, judging and storing happen: one thread, so that copies of an article cannot miss each other."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="work")


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
        _bring_up(pipeline)
        if database.is_sqlite:
            stored_claims.release_all(database)
        ahead.put_right(database, utc_now())
        stored_sources.make_due(database, utc_now())
        async with Fetcher(config.settings.fetch) as fetcher:
            one_round = _Round(pipeline, fetcher, done)
            if reload:
                await one_round.visit_lists()
                if lists_changed.is_set():
                    await _adopt(pipeline, reload)
            await one_round.visit_all()
            await one_round.visit_unsettled()
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
        _bring_up(pipeline)
        return pipeline.publish()


def _bring_up(pipeline: Pipeline) -> None:
    """Apply changed rules to all that is stored, and what people wish of stories."""
    pipeline.prepare()
    while pipeline.catch_up():
        pass
    pipeline.fulfil()


class _Round:
    """One round of visits, of which `done` is told."""

    def __init__(self, pipeline: Pipeline, fetcher: Fetcher, done: Callable[[Visit | None], None]) -> None:
        self._pipeline = pipeline
        self._fetcher = fetcher
        self._done = done

    async def visit_lists(self) -> None:
        """Visit the lists of sources, one after the other on each host."""
        by_host: dict[str, list[str]] = {}
        for key, source in self._pipeline.config.sources.items():
            if source.IS_LIST:
                by_host.setdefault(source.host or key, []).append(key)

        async def visit(keys: list[str]) -> None:
            for key in keys:
                claim = partial(stored_claims.claim_one, self._pipeline.database, key, utc_now(), lease=LEASE)
                lease = await self._pipeline.in_executor(partial(claim, politely=True))
                if lease:
                    self._done(await self._pipeline.ingest(lease, self._fetcher))

        await asyncio.gather(*(visit(keys) for keys in by_host.values()))

    async def visit_all(self) -> None:
        """Visit each source once, whatever becomes of its claim; those of hosts that want a pause, within patience."""
        pipeline = self._pipeline
        visits = Visits(pipeline, self._fetcher, self._done)
        patience = max(PATIENCE, pipeline.config.settings.poll.spacing)
        began = last_begun = utc_now()
        left = len(pipeline.config.sources)
        while left > 0:
            begun = 0 if pipeline.outage.is_on else await visits.start_due(due_by=began)
            left -= begun
            if await visits.some_ended(seconds=LOOK_SECONDS) or begun:
                last_begun = utc_now()
                continue
            next_at = stored_claims.next_visit_at(pipeline.database, began)
            if next_at is None or next_at - last_begun > patience or utc_now() - last_begun > patience:
                break
            if pipeline.outage.is_on:
                break
            await asyncio.sleep(max((next_at - utc_now()).total_seconds(), 0.05))
        while await visits.some_ended(seconds=LOOK_SECONDS):
            pass

    async def visit_unsettled(self) -> None:
        """Visit places on this machine again: those with more files than a visit takes, until all are taken; those in
        which something was still being written, but not for ever."""
        rounds = 0
        while rounds < ONCE_ROUNDS:
            soon = [status for status in stored_sources.statuses(self._pipeline.database) if self._is_unsettled(status)]
            if not soon:
                return
            ready = [status for status in soon if status.due_at <= utc_now()]
            if not ready:
                await asyncio.sleep(max((max(status.due_at for status in soon) - utc_now()).total_seconds(), 0))
            visits = [await self._visit_now(status.id) for status in ready or soon]
            for visit in visits:
                self._done(visit)
            if not ready or not any(visits):
                rounds += 1

    def _is_unsettled(self, status: SourceStatus) -> bool:
        source = self._pipeline.config.sources.get(status.id)
        return source is not None and source.host is None and status.due_at - utc_now() <= PATIENCE

    async def _visit_now(self, source: str) -> Visit | None:
        lease = stored_claims.claim_one(self._pipeline.database, source, utc_now(), lease=LEASE)
        return await self._pipeline.ingest(lease, self._fetcher) if lease else None


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
