"""What is done once a day: stories that are too old go, a few at a time, and tombstones that have served; then the room
that was freed is given back.

It may be broken off anywhere: what was not done is done next time.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from functools import partial

from aggregator.pipeline import Pipeline
from aggregator.store import Database, relations, retention, sketches, space, stories
from aggregator.store.database import LOG

PAGES = 500  # of a database that are given back in one transaction: two megabytes
EVERY = timedelta(days=1)
BATCH = 200  # stories removed in one transaction: visits wait for a fraction of a second
MOST = timedelta(days=7)  # by which what is too old moves on in one day, whatever the clock says
ROWS = 2_000  # of tombstones, sketches, terms deleted in one transaction: likewise

log = logging.getLogger(__name__)


async def keep_house(pipeline: Pipeline, stopping: Callable[[], bool] = lambda: False) -> None:
    """Do it, unless it was done within a day; `stopping` can end it between two batches. Raises StateError.

    The store knows when it was last done, so this may be called as often as one likes.
    """
    database, now = pipeline.database, pipeline.now()
    if not await pipeline.in_executor(lambda: retention.is_housekeeping_due(database, EVERY, now)):
        return
    real, now = now, await pipeline.in_executor(lambda: retention.believed(database, now, MOST))
    if real - now > MOST:
        log.warning(
            "%d days have passed since things were last removed: is the clock right? Less is removed", (real - now).days
        )
    await _remove_outdated(pipeline, now, stopping)
    for forget in (retention.forget_tombstones, sketches.forget, relations.forget_terms):
        piece = partial(forget, database, now, limit=ROWS)
        while not stopping() and await pipeline.in_executor(piece) == ROWS:
            pass
    await _give_back(pipeline, stopping)
    if not stopping():
        await pipeline.in_executor(lambda: retention.read_again(database, now))
        await pipeline.in_executor(lambda: retention.note_housekeeping(database, real))


async def _give_back(pipeline: Pipeline, stopping: Callable[[], bool]) -> None:
    """Make the database shorter where much of it is free, and its log; and say how large they are."""
    database = pipeline.database
    while not stopping() and await pipeline.in_executor(lambda: space.give_back(database, pages=PAGES)) > 0:
        pass
    if stopping():
        return
    await pipeline.in_executor(lambda: space.settle(database))
    if (taken := await pipeline.in_executor(lambda: space.taken(database))) is not None:
        log.info("the database has %s MB, of them %s MB free", _megabytes(taken.file), _megabytes(taken.free))
        if taken.log > LOG:
            log.warning("the log of the database has %s MB: a program reads it without end", _megabytes(taken.log))


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:,.0f}"


async def _remove_outdated(pipeline: Pipeline, now: datetime, stopping: Callable[[], bool]) -> None:
    """Stories are looked up beside everything else, and removed where visits are stored."""
    config = pipeline.config
    limits = retention.Limits(now - config.kept_for, {slug: now - kept for slug, kept in config.kept_by_topic.items()})
    gone = articles = 0
    last = ""
    while not stopping():
        look = partial(retention.outdated, pipeline.database, limits, after=last, limit=BATCH)
        found = await asyncio.to_thread(look)
        if not found:
            break
        removed = await pipeline.in_executor(partial(_remove, pipeline.database, found, limits, now))
        gone, articles, last = gone + removed.stories, articles + removed.articles, found[-1]
    if articles:
        log.info("removed %d stories (%d articles) that were kept for long enough", gone, articles)


def _remove(database: Database, found: Collection[str], limits: retention.Limits, now: datetime) -> retention.Removed:
    with database.in_turn(stories.TURN):
        return retention.remove(database, found, limits, now)
