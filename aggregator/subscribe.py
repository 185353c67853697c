"""Asking hubs: subscriptions begun, renewed and ended, a few at a time. What they answer comes to `web/websub.py`.

Each step is stored before its hub is asked, so a hub that verifies at once is met, and a crash costs no more than a
repeated request.
"""

import asyncio
import logging
import random
import secrets
from collections.abc import Callable

from aggregator import websub
from aggregator.errors import FetchError
from aggregator.fetch import Access, Fetcher
from aggregator.markup import legal
from aggregator.models import Subscription
from aggregator.pipeline import Pipeline
from aggregator.store import subscriptions as stored_subscriptions

log = logging.getLogger(__name__)

AT_A_TIME = 4  # requests to hubs
IN_A_STEP = 40

_unpredictable = random.SystemRandom()


def callback_url(base_url: str, token: str) -> str:
    """Where a hub reaches us about one subscription."""
    return f"{base_url}websub/{token}"


def scatter() -> float:
    """A number from 0 to 1, another one each time."""
    return _unpredictable.random()


class Subscriber:
    """Keeps subscriptions as the configuration and the feeds want them."""

    def __init__(
        self,
        pipeline: Pipeline,
        fetcher: Fetcher,
        *,
        unguessable: Callable[[], str] = lambda: secrets.token_urlsafe(32),
    ) -> None:
        """`unguessable` gives another string each time, good for URLs, of at least 128 random bits."""
        self._pipeline = pipeline
        self._fetcher = fetcher
        self._unguessable = unguessable

    async def step(self) -> int:
        """Ask the hubs that are to be asked now, but not too many. The number of requests. Raises StateError."""
        planned = await self._pipeline.in_executor(self._plan)
        room = asyncio.Semaphore(AT_A_TIME)

        async def ask(subscription: Subscription) -> None:
            async with room:
                await self._ask(subscription)

        await asyncio.gather(*(ask(subscription) for subscription in planned))
        return len(planned)

    def _plan(self) -> list[Subscription]:
        """Store what is to happen, and answer with the subscriptions whose hubs are to be asked for it."""
        now = self._pipeline.now()
        database, config = self._pipeline.database, self._pipeline.config
        to_ask: list[Subscription] = []
        for found in stored_subscriptions.subscribable(database, new=config.settings.subscribes):
            wanted = found.active and found.source in config.sources and config.settings.subscribes
            after = websub.planned(
                found.source,
                found.subscription,
                websub.wish(found.advice) if wanted else None,
                now,
                token=self._unguessable(),
                secret=self._unguessable(),
            )
            if after is None:
                continue
            if after.state == "off":
                stored_subscriptions.put(database, found.subscription, None)
            elif stored_subscriptions.put(database, found.subscription, after):
                to_ask.append(after)
            if len(to_ask) == IN_A_STEP:
                break
        return to_ask

    async def _ask(self, subscription: Subscription) -> None:
        settings = self._pipeline.config.settings
        source = self._pipeline.config.sources.get(subscription.source)
        access = source.access_to(subscription.hub) if source else None
        form = websub.form(subscription, callback_url(settings.base_url, subscription.token), settings.websub.lease)
        try:
            response = await self._fetcher.post(subscription.hub, form, access or Access())
        except FetchError as error:
            await self._note_refusal(subscription, str(error))
            return
        if not 200 <= response.status < 300:
            words = " ".join(response.body[:2000].decode("utf-8", "replace").split())[:200]
            await self._note_refusal(subscription, f"{subscription.hub}: answered {response.status}: {words}")

    async def _note_refusal(self, asked: Subscription, error: str) -> None:
        log.warning("%s: not subscribed: %s", asked.source, error)
        after = websub.refused(asked, legal(error), self._pipeline.now())
        await self._pipeline.in_executor(lambda: stored_subscriptions.put(self._pipeline.database, asked, after))
