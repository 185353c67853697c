"""What `/` says of all topics: counted for everybody at once, and not more often than it is worth.

Counting takes longer the more is stored, so what was counted holds twenty times as long as it took: a small store is
always shown as it is, a large one spends a twentieth of its time on this at most, however many ask.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from aggregator.store import Database
from aggregator.store import volumes as stored_volumes
from aggregator.store.volumes import Volume

DAYS = 30  # that charts show
WORTH = 20


class Overview:
    """Asked from any thread; one of them counts, and the others wait for what it finds."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._lock = threading.Lock()
        self._found: Mapping[str, Volume] = {}
        self._until = float("-inf")

    def volumes(self) -> Mapping[str, Volume]:
        """How much there is of each topic."""
        with self._lock:
            began = time.monotonic()
            if began >= self._until:
                self._found = stored_volumes.of_topics(self._database, first_day(self._now(), DAYS))
                ended = time.monotonic()
                self._until = ended + WORTH * (ended - began)
            return self._found


def first_day(now: datetime, days: int) -> datetime:
    """When the first of so many days began, of which the last is today (UTC)."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days - 1)
