"""Private topics: a feed and a page for each who has a token, and nothing for anybody else.

The token stands in the path, which nobody logs here. What is wrong with an address is never said: an unknown token, a
topic that is none, and one that is public look the same. Tokens are read from the store every few seconds at most, so
that is how soon a revoked one is refused.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from aiohttp import web

from aggregator import tokens
from aggregator.errors import StateError
from aggregator.models import Token
from aggregator.store import Database
from aggregator.store import tokens as stored_tokens

PLACE = "private/{token:[A-Za-z0-9_-]{43}}/{slug:_?[a-z0-9-]+}"  # of what the doorkeeper is asked about
NOT_FOUND = "There is no such page; / lists the topics.\n"

log = logging.getLogger(__name__)


class Doorkeeper:
    """Knows the tokens."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._known: Sequence[Token] = ()
        self._read_at = float("-inf")
        self._noting: set[asyncio.Task[None]] = set()

    async def check(self, request: web.Request) -> str:
        """The topic that the request may see. Raises HTTPNotFound, or HTTPServiceUnavailable without a store."""
        slug = request.match_info["slug"]
        found = tokens.recognised(request.match_info["token"], slug, await self._tokens())
        if found is None:
            raise web.HTTPNotFound(text=NOT_FOUND)
        if tokens.is_worth_noting(found, self._now()):
            self._note(replace(found, used_at=self._now()))
        return slug

    async def _tokens(self) -> Sequence[Token]:
        clock = asyncio.get_running_loop().time()
        if clock - self._read_at > tokens.NOTICED_SECONDS:
            try:
                self._known = await asyncio.to_thread(stored_tokens.every, self._database)
            except StateError as error:
                log.error("nobody can read private topics: %s", error)
                raise web.HTTPServiceUnavailable(text="Not now.\n", headers={"Retry-After": "30"}) from error
            self._read_at = clock
        return self._known

    def _note(self, used: Token) -> None:
        """Write the use down, beside the request."""
        self._known = [used if one.id == used.id else one for one in self._known]
        task = asyncio.create_task(self._write(used))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _write(self, used: Token) -> None:
        try:
            await asyncio.to_thread(stored_tokens.note_use, self._database, used.id, self._now())
        except StateError as error:
            log.warning("the use of token %s was not noted: %s", used.id, error)
