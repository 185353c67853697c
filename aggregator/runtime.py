"""What a command needs to work on a state directory: the lock, the store, the pipeline, and the way through a visit."""

import asyncio
import fcntl
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from aggregator.config import Config
from aggregator.errors import StateError
from aggregator.fetch import Fetcher
from aggregator.models import Visit
from aggregator.pipeline import LEASE, Pipeline, utc_now
from aggregator.store import Database
from aggregator.store import sources as stored_sources

log = logging.getLogger(__name__)

ONCE_ROUNDS = 5  # a file that is still being written is waited for, but not for ever


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


def executor(database: Database) -> ThreadPoolExecutor:
    """Where parsing, judging and storing happen: one thread for SQLite, which has one writer."""
    return ThreadPoolExecutor(max_workers=1 if database.is_sqlite else 4, thread_name_prefix="work")


async def visit_due(
    pipeline: Pipeline, fetcher: Fetcher, limit: int, done: Callable[[Visit | None], None] = lambda visit: None
) -> int:
    """Visit up to `limit` due sources at the same time; the number visited."""
    leases = stored_sources.claim(pipeline.database, utc_now(), limit=limit, lease=LEASE)

    async def visit(work: Awaitable[Visit | None]) -> None:
        done(await work)

    await asyncio.gather(*(visit(pipeline.ingest(lease, fetcher)) for lease in leases))
    return len(leases)


async def once(config: Config, database: Database, done: Callable[[Visit | None], None]) -> int:
    """Visit every source and publish what changed. Answers with the number of changed files."""
    with executor(database) as pool:
        pipeline = Pipeline(config, database, pool)
        pipeline.prepare()
        if database.is_sqlite:
            stored_sources.release_all(database)
        stored_sources.make_due(database, utc_now())
        async with Fetcher(config.settings.fetch) as fetcher:
            for _ in range(ONCE_ROUNDS):
                while await visit_due(pipeline, fetcher, config.settings.poll.concurrency, done):
                    pass
                waiting = _soon(database)
                if waiting is None:
                    break
                await asyncio.sleep(waiting)
        return pipeline.publish()


def _soon(database: Database) -> float | None:
    """Seconds until a source is due again because something in it was still being written."""
    waits = [(status.due_at - utc_now()).total_seconds() for status in stored_sources.statuses(database)]
    soon = [wait for wait in waits if wait < 5]
    return max(0.0, min(soon)) if soon else None
