"""Metrics that are read from the store when somebody asks for them: seldom, and beside everything else."""

import asyncio
import logging
import shutil
from collections import Counter
from collections.abc import Callable

from aggregator import metrics
from aggregator.config import Config
from aggregator.errors import StateError
from aggregator.pipeline import utc_now
from aggregator.store import Database, stock
from aggregator.store.stock import Stock

KEPT_SECONDS = 15.0  # what was read is shown again
PATIENCE_SECONDS = 5.0  # with a store that does not answer: then the page has what was read before

log = logging.getLogger(__name__)


class Gauges:
    """The page of all metrics. Belongs to one event loop."""

    def __init__(self, config: Callable[[], Config], database: Database, under_way: Callable[[], int]) -> None:
        """`under_way`: visits at this moment."""
        self._config = config
        self._database = database
        self._under_way = under_way
        self._reading: asyncio.Task[None] | None = None
        self._read_at = float("-inf")

    async def page(self) -> bytes:
        """All metrics as text."""
        metrics.UNDER_WAY.set(self._under_way())
        if self._is_old() and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read())
        if self._reading:  # whoever asks meanwhile waits for the same answer
            await asyncio.wait([self._reading], timeout=PATIENCE_SECONDS)
        metrics.REACHABLE.set(not self._is_old())
        return await asyncio.to_thread(metrics.page)

    def _is_old(self) -> bool:
        return asyncio.get_running_loop().time() - self._read_at > KEPT_SECONDS

    async def _read(self) -> None:
        try:
            found = await asyncio.to_thread(stock.taken, self._database, utc_now())
            metrics.FREE_BYTES.set((await asyncio.to_thread(shutil.disk_usage, self._config().state)).free)
        except (StateError, OSError) as error:
            log.warning("metrics are those of earlier: %s", error)
            return
        self._read_at = asyncio.get_running_loop().time()
        _show(found, self._config())


def _show(found: Stock, config: Config) -> None:
    for gauge, value in (
        (metrics.SOURCES, found.sources),
        (metrics.FAILING, found.failing),
        (metrics.DUE, found.due),
        (metrics.OVERDUE, max(0.0, (utc_now() - found.due_since).total_seconds()) if found.due_since else 0),
        (metrics.STORED_ARTICLES, found.articles),
        (metrics.STORED_STORIES, found.stories),
        (metrics.DIRTY, found.unpublished),
        (metrics.RETAG_PENDING, found.is_retagging),
        (metrics.UNRELATED, found.unrelated),
        (metrics.DELIVERIES, found.deliveries),
        (metrics.DATABASE_BYTES, found.database_bytes),
    ):
        gauge.set(value)
    topics: Counter[str] = Counter()
    for slug, count in found.topic_stories.items():
        topic = config.topics.get(slug)
        topics[slug if topic and not topic.private else "_private"] += count
    metrics.set_labelled(metrics.TOPIC_STORIES, topics)
    metrics.set_labelled(metrics.SUBSCRIPTIONS, found.subscriptions)
    metrics.set_labelled(metrics.ALERTS, found.alerts)
