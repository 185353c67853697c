"""What is done once a day: stories that are too old go, a few at a time, and tombstones that have served.

It may be broken off anywhere: what was not done is done next time.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from functools import partial

from aggregator.pipeline import Pipeline
from aggregator.store import Database, relations, retention, sketches, stories

EVERY = timedelta(days=1)
BATCH = 200  # stories removed in one transaction: visits wait for a fraction of a second
ROWS = 2_000  # of tombstones, sketches, terms deleted in one transaction: likewise

log = logging.getLogger(__name__)


async def keep_house(pipeline: Pipeline, stopping: Callable[[], bool] = lambda: False) -> None:
    """Do it, unless it was done within a day; `stopping` can end it between two batches. Raises StateError.

    The store knows when it was last done, so this may be called as often as one likes.
    """
    database, now = pipeline.database, pipeline.now()
    if not await pipeline.in_executor(lambda: retention.is_housekeeping_due(database, EVERY, now)):
        return
    await _remove_outdated(pipeline, now, stopping)
    for forget in (retention.forget_tombstones, sketches.forget, relations.forget_terms):
        piece = partial(forget, database, now, limit=ROWS)
        while not stopping() and await pipeline.in_executor(piece) == ROWS:
            pass
    if not stopping():
        await pipeline.in_executor(lambda: retention.read_again(database, now))
        await pipeline.in_executor(lambda: retention.note_housekeeping(database, now))


async def _remove_outdated(pipeline: Pipeline, now: datetime, stopping: Callable[[], bool]) -> None:
    """Stories are looked up beside everything else, and removed where visits are stored."""
    kept_for = pipeline.config.kept_for
    before = now - kept_for
    gone = articles = 0
    last = ""
    while not stopping():
        look = partial(retention.outdated, pipeline.database, before, after=last, limit=BATCH)
        found = await asyncio.to_thread(look)
        if not found:
            break
        removed = await pipeline.in_executor(partial(_remove, pipeline.database, found, before, now))
        gone, articles, last = gone + removed.stories, articles + removed.articles, found[-1]
    if articles:
        log.info("removed %d stories (%d articles) first seen over %d days ago", gone, articles, kept_for.days)


def _remove(database: Database, found: Collection[str], before: datetime, now: datetime) -> retention.Removed:
    with database.in_turn(stories.TURN):
        return retention.remove(database, found, before, now)
