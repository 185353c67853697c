"""Our hub at work: it asks callbacks whether they agree, and delivers what was published. Or it tells another hub.

All goes out by the one door (`fetch`), but callbacks are what strangers say: they are reached by a door of their own,
to which none of the networks is open that sources may lie in, which follows no redirects and reads little.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from aggregator import editions, hub, registry
from aggregator.addresses import registrable_domain
from aggregator.config import Config, Settings
from aggregator.config.settings import Fetch
from aggregator.errors import FetchError, StateError
from aggregator.fetch import Fetcher
from aggregator.markup import legal
from aggregator.models import Subscriber
from aggregator.pipeline import Pipeline
from aggregator.store import subscribers as stored_subscribers

AT_A_TIME = 8  # deliveries, and as many questions
IN_A_STEP = 80
WAITING = 200  # requests that are to be verified, at most; and of one site:
WAITING_OF_A_SITE = 20
FORGET_EVERY = timedelta(hours=1)
_ANSWER_BYTES = 65_536

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Topic:
    """A feed of ours, as subscribers know it."""

    url: str
    path: Path
    media_type: str


@lru_cache(maxsize=1)
def topics(config: Config) -> Mapping[str, Topic]:
    """Those that may be subscribed to, by their address: all editions that are not private."""
    found = {}
    for edition in editions.of(config).values():
        urls = {} if edition.private else editions.urls(edition, config.settings.base_url)
        for name, url in urls.items():
            path = config.public / "feeds" / editions.files(edition)[name]
            found[url] = Topic(url, path, registry.formats()[name].media_type)
    return found


def outbound(settings: Settings) -> Fetch:
    """How callbacks are reached."""
    given = {"allow": settings.websub.callbacks, "wire": _ANSWER_BYTES, "body": _ANSWER_BYTES, "redirects": 0}
    return settings.fetch.model_copy(update=given)


class Distributor:
    """The hub, built in or somebody else's, as the configuration in use says."""

    def __init__(self, pipeline: Pipeline, fetcher: Fetcher, callbacks: Fetcher) -> None:
        """`fetcher` reaches the hub of others, `callbacks` those who subscribe at ours."""
        self._pipeline = pipeline
        self._fetcher = fetcher
        self._callbacks = callbacks
        self._waiting: dict[str, tuple[str, asyncio.Task[None]]] = {}  # by request: its site, and what sees to it
        self._asking = asyncio.Semaphore(AT_A_TIME)
        self._forgotten_at: datetime | None = None

    @property
    def is_hub(self) -> bool:
        return self._pipeline.config.settings.websub.hub == "own"

    @property
    def topics(self) -> Mapping[str, Topic]:
        return topics(self._pipeline.config)

    def take(self, request: hub.Wanted) -> bool:
        """See to a request, by and by; False if too many wait already. The same one again waits once."""
        site = registrable_domain(request.host)
        key = f"{request.mode} {request.id}"
        if key in self._waiting:
            return True
        of_site = sum(other == site for other, _ in self._waiting.values())
        if len(self._waiting) >= WAITING or of_site >= WAITING_OF_A_SITE:
            return False
        task = asyncio.create_task(self._verify(request, site))
        self._waiting[key] = site, task
        task.add_done_callback(lambda ended: self._waiting.pop(key, None))
        return True

    async def aclose(self) -> None:
        """Drop what waits: who has asked will ask again."""
        tasks = [task for _, task in self._waiting.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def step(self) -> int:
        """Deliver what is to be delivered now, but not too much; how many that were. Raises StateError."""
        now = self._pipeline.now()
        await self._forget(now)
        due = await self._pipeline.in_executor(
            lambda: stored_subscribers.due(self._pipeline.database, now, limit=IN_A_STEP)
        )
        room = asyncio.Semaphore(AT_A_TIME)

        async def serve(subscriber: Subscriber) -> None:
            async with room:
                await self._serve(subscriber)

        await asyncio.gather(*(serve(subscriber) for subscriber in due))
        return len(due)

    async def _forget(self, now: datetime) -> None:
        if self._forgotten_at is None or now - self._forgotten_at >= FORGET_EVERY:
            await self._pipeline.in_executor(lambda: stored_subscribers.forget(self._pipeline.database, now))
            self._forgotten_at = now

    async def _verify(self, request: hub.Wanted, site: str) -> None:
        challenge = secrets.token_urlsafe(24)
        try:
            async with self._asking:
                answer = await self._callbacks.get(hub.question(request, challenge))
            if not hub.agrees(answer.status, answer.body, challenge):
                log.info("hub: %s does not agree to %s (%d)", request.host, request.mode, answer.status)
                return
            await self._pipeline.in_executor(lambda: self._agreed(request, site))
        except FetchError as error:
            log.info("hub: %s could not be asked whether it agrees: %s", request.host, error.kind)
        except StateError as error:
            log.error("hub: what %s agreed to was not stored: %s", request.host, error)

    def _agreed(self, request: hub.Wanted, site: str) -> None:
        database, now = self._pipeline.database, self._pipeline.now()
        if request.mode == "unsubscribe":
            stored_subscribers.remove(database, request.id)
        else:
            total, of_site = stored_subscribers.counts(database, site)
            if total >= hub.MOST or of_site >= hub.MOST_OF_A_SITE:
                log.warning("hub: no room for a subscriber on %s: there are %d, %d of them there", site, total, of_site)
                return
            until = now + request.lease
            stored_subscribers.put(
                database, Subscriber(request.id, request.topic, request.callback, site, request.secret, until)
            )
        log.info("hub: %s: %sd to %s", request.host, request.mode, request.topic)

    async def _serve(self, subscriber: Subscriber) -> None:
        """Deliver to one subscriber, if there is something that it has not had yet."""
        config = self._pipeline.config
        topic = self.topics.get(subscriber.topic)
        is_meant = subscriber.callback in config.settings.hubs if subscriber.ping else self.is_hub
        body = await asyncio.to_thread(_read, topic.path) if topic else None
        if topic is None or body is None or not is_meant:
            await self._settle(replace(subscriber, due_at=None))
            return
        version = _version(body)
        after: Subscriber | None = replace(subscriber, due_at=None)
        if version != subscriber.delivered:
            after = await self._sent(subscriber, topic, body)
        if after is None:
            remove = stored_subscribers.remove
            await self._pipeline.in_executor(lambda: remove(self._pipeline.database, subscriber.id))
        else:
            await self._settle(after, topic if after.delivered == version else None)

    async def _sent(self, subscriber: Subscriber, topic: Topic, body: bytes) -> Subscriber | None:
        """The subscriber after a delivery; None if it does not want to be one any more (410, WebSub §7)."""
        try:
            status = await (self._ping(subscriber) if subscriber.ping else self._deliver(subscriber, topic, body))
        except FetchError as failure:
            return hub.failed(subscriber, legal(str(failure)), self._pipeline.now())
        if 200 <= status < 300:
            return hub.delivered(subscriber, _version(body), self._pipeline.now())
        if status == 410 and not subscriber.ping:
            return None
        return hub.failed(subscriber, f"answered {status}", self._pipeline.now())

    async def _deliver(self, subscriber: Subscriber, topic: Topic, body: bytes) -> int:
        own = self._pipeline.config.settings.hubs[0]
        headers = {"Content-Type": topic.media_type, "Link": f'<{own}>; rel="hub", <{topic.url}>; rel="self"'}
        if subscriber.secret:
            headers["X-Hub-Signature"] = hub.signature(subscriber.secret, body)
        return (await self._callbacks.deliver(subscriber.callback, body, headers)).status

    async def _ping(self, subscriber: Subscriber) -> int:
        form = {"hub.mode": "publish", "hub.topic": subscriber.topic, "hub.url": subscriber.topic}
        return (await self._fetcher.post(subscriber.callback, form)).status

    async def _settle(self, after: Subscriber, delivered: Topic | None = None) -> None:
        await self._pipeline.in_executor(lambda: self._settled(after, delivered))

    def _settled(self, after: Subscriber, delivered: Topic | None) -> None:
        """Where all publications happen: one that came while the one before was `delivered` is not missed."""
        newest = _read(delivered.path) if delivered else None
        if newest is not None and _version(newest) != after.delivered:
            after = replace(after, due_at=self._pipeline.now())
        stored_subscribers.settle(self._pipeline.database, after)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None  # not published yet, or not any more


def _version(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
