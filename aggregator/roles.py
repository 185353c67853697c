"""What a process does of all that there is to do, and what one of several does for all.

On PostgreSQL any number of processes share the work. What is done once for all, such as publishing, is a duty: one of
them has it and says so every few seconds; when it falls silent another one takes over. On SQLite there is one process,
which does everything.
"""

import logging
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

from aggregator.errors import StateError
from aggregator.pipeline import Pipeline
from aggregator.store import duties

ROLES = ("poll", "publish", "serve")
HOLD = timedelta(seconds=20)  # so long a duty lies idle when the process that had it is gone
SAY_AGAIN_SECONDS = 5.0

PUBLICATION = "publication"  # what is published, and what is done with stories before that
SUBSCRIPTION = "subscription"  # asking hubs to push

log = logging.getLogger(__name__)


def chosen(text: str, *, is_sqlite: bool) -> frozenset[str]:
    """Roles from a list such as `publish,serve`. Raises ValueError, saying what to do."""
    names = frozenset(filter(None, (name.strip() for name in text.split(","))))
    if unknown := sorted(names - set(ROLES)):
        raise ValueError(f"there is no role {' or '.join(map(repr, unknown))}; roles are {', '.join(ROLES)}")
    if not names:
        raise ValueError(f"name one at least of {', '.join(ROLES)}")
    if is_sqlite and names != set(ROLES):
        raise ValueError(
            "SQLite is for one process, which does everything; for several set `database` in aggregator.yaml to"
            " postgresql+psycopg://user@host/name"
        )
    return names


class Duties:
    """The duties of this process."""

    def __init__(self, pipeline: Pipeline, complain: Callable[[str, StateError | OSError], None]) -> None:
        """`complain` says what is not done, and why."""
        self._pipeline = pipeline
        self._complain = complain
        self._worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._asked: dict[str, tuple[float, bool]] = {}  # when, monotonic, and what the answer was

    async def has(self, name: str) -> bool:
        """Whether a duty is this process's now. Raises StateError."""
        if self._pipeline.database.is_sqlite:
            return True
        asked_at, answer = self._asked.get(name, (float("-inf"), False))
        now = time.monotonic()
        if now - asked_at < SAY_AGAIN_SECONDS:
            return answer
        answer = await self._pipeline.in_executor(
            lambda: duties.take(self._pipeline.database, name, self._worker, self._pipeline.now(), hold=HOLD)
        )
        if answer and not (name in self._asked and self._asked[name][1]):
            log.info("this worker does the %s from now on", name)
        self._asked[name] = now, answer
        return answer

    async def do(self, name: str, work: Callable[[], Awaitable[object]], *, failing: str) -> None:
        """Do some of a duty, if it is this process's. Where it fails, that is told with `failing`."""
        try:
            if await self.has(name):
                await work()
        except (StateError, OSError) as error:
            self._complain(failing, error)

    def leave(self) -> None:
        """Let another process go on at once. Raises StateError."""
        mine: Iterable[str] = [name for name, (_, answer) in self._asked.items() if answer]
        if mine:
            duties.leave(self._pipeline.database, mine, self._worker)
        self._asked.clear()
