"""The life of a subscription: a real hub and a real site on 127.0.0.1, real stores; only the time is made up."""

import asyncio
import hashlib
import hmac
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from aggregator import config as configuration
from aggregator import runtime
from aggregator.config import Config
from aggregator.fetch import Fetcher
from aggregator.models import Subscription, Visit
from aggregator.pipeline import LEASE as CLAIM
from aggregator.pipeline import Pipeline
from aggregator.readers import Readers
from aggregator.store import Database, articles, claims, sources, subscriptions
from aggregator.subscribe import Subscriber
from aggregator.web import websub
from aggregator.web.serve import application

BASE_URL = "https://news.example.org/"
START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LEASE = timedelta(days=10)


def rss(*guids: str, text: str = "") -> bytes:
    items = "".join(
        f"<item><guid>{guid}</guid><title>News {guid}</title><description>{text or 'Words of ' + guid}</description></item>"
        for guid in guids
    )
    return f"<rss version='2.0'><channel><title>W</title>{items}</channel></rss>".encode()


class Site:
    """A site with a feed and hubs, which verifies what is asked of it while it is asked."""

    def __init__(self) -> None:
        self.base = ""
        self.body = rss("1")
        self.links: str | None = None  # the feed's Link header
        self.asked: list[tuple[str, dict[str, str]]] = []  # by hub: what was sent
        self.answers: list[tuple[int, str]] = []  # status and body of the callback
        self.verifies = True
        self.changes: dict[str, str] = {}  # to what a verification says
        self.statuses: dict[str, int] = {}  # by hub
        self.meanwhile: Callable[[], Awaitable[object]] | None = None  # happens while the feed is read
        self.away = ""  # where a hub redirects to
        self.callback: TestClient | None = None

    def url(self, path: str) -> str:
        return self.base + path

    async def feed(self, request: web.Request) -> web.Response:
        if self.meanwhile:
            await self.meanwhile()
        hub, own = self.url("/hub"), self.url("/topic")
        links = f'<{hub}>; rel="hub", <{own}>; rel="self"' if self.links is None else self.links
        return web.Response(body=self.body, headers={"Link": links, "Content-Type": "application/rss+xml"})

    async def moved(self, request: web.Request) -> web.Response:
        return web.Response(status=int(request.match_info["status"]), headers={"Location": "/feed"})

    async def redirecting_hub(self, request: web.Request) -> web.Response:
        return web.Response(status=int(request.match_info["status"]), headers={"Location": "/hub"})

    async def leaving_hub(self, request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": self.away})

    async def hub(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/x-www-form-urlencoded"
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append((request.path, form))
        status = self.statuses.get(request.path, 202)
        if self.verifies and status == 202:
            await self.verify(form)
        return web.Response(status=status, text="no\x00 thanks" if status >= 400 else "")

    async def verify(self, form: Mapping[str, str]) -> int:
        said = {"hub.mode": form["hub.mode"], "hub.topic": form["hub.topic"], "hub.challenge": "a+b c&d=é"}
        if form["hub.mode"] == "subscribe":
            said["hub.lease_seconds"] = form["hub.lease_seconds"]
        return await self.tell(form["hub.callback"], said | self.changes)

    async def tell(self, callback: str, query: Mapping[str, str]) -> int:
        assert self.callback and callback.startswith(BASE_URL)
        async with self.callback.get(urlsplit(callback).path, params=query) as response:
            self.answers.append((response.status, await response.text()))
            if response.status == 200:
                assert response.content_type == "text/plain"
                assert response.headers["X-Content-Type-Options"] == "nosniff"
            return response.status


class World:
    """The parts of the daemon, with a time of their own."""

    def __init__(self, site: Site, config: Config, database: Database, fetcher: Fetcher, pipeline: Pipeline) -> None:
        self.site = site
        self.config = config
        self.database = database
        self.fetcher = fetcher
        self.pipeline = pipeline
        self.subscriber = Subscriber(pipeline, fetcher)
        self.client: TestClient | None = None
        self.stopping = False

    @property
    def source(self) -> str:
        return next(iter(self.config.sources))

    @property
    def subscription(self) -> Subscription:
        found = subscriptions.of_source(self.database, self.source)
        assert found
        return found

    async def poll(self) -> Visit:
        lease = claims.claim_one(self.database, self.source, self.pipeline.now(), lease=CLAIM)
        assert lease
        visit = await self.pipeline.ingest(lease, self.fetcher)
        assert visit
        return visit

    async def push(self, body: bytes, *, method: str = "sha256", **headers: str) -> int:
        """Push as the hub would; the status of the answer."""
        if self.subscription.secret and "X-Hub-Signature" not in headers:
            digest = hmac.new(self.subscription.secret.encode(), body, method).hexdigest()
            headers["X-Hub-Signature"] = f"{method}={digest}"
        return await self.post(self.subscription.token, body, **headers)

    async def post(self, token: str, body: bytes, **headers: str) -> int:
        assert self.client
        headers = {"Content-Type": "application/rss+xml"} | headers
        headers = {name: value for name, value in headers.items() if value}
        async with self.client.post(f"/websub/{token}", data=body, headers=headers) as response:
            self.retry_after = response.headers.get("Retry-After")
            return response.status

    def count(self) -> int:
        return articles.count(self.database)[0]

    def status(self) -> sources.SourceStatus:
        return sources.statuses(self.database)[0]

    async def reconfigure(self, **environment: str) -> None:
        found = configuration.load(self.config.directory, {"AGGREGATOR_BASE_URL": BASE_URL} | environment)
        await self.pipeline.in_executor(lambda: self.pipeline.adopt(found))


class Time:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


async def made(
    site: Site, server: TestServer, directory: Path, database: Database, time: Time, options: str
) -> AsyncIterator[World]:
    site.base = str(server.make_url("")).rstrip("/")
    (directory / "sources.yaml").write_text(f"sources:\n  - {{url: {site.base}/feed, name: Wire{options}}}\n")
    path = directory / "aggregator.yaml"
    path.write_text(path.read_text().replace("allow: []", "allow: [127.0.0.0/8]").replace("body: 20MB", "body: 100KB"))
    config = configuration.load(directory, {"AGGREGATOR_BASE_URL": BASE_URL})
    with runtime.executor() as executor, Readers(config.settings.parse) as readers:
        pipeline = Pipeline(config, database, executor, readers, time)
        pipeline.prepare()
        async with Fetcher(config.settings.fetch) as fetcher:
            world = World(site, config, database, fetcher, pipeline)
            app = application(lambda: pipeline.config, database, websub.routes(pipeline, lambda: world.stopping))
            async with TestClient(TestServer(app)) as client:
                world.client = site.callback = client
                yield world


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def server(site: Site) -> TestServer:
    app = web.Application()
    app.router.add_get("/feed", site.feed)
    app.router.add_get("/moved/{status}", site.moved)
    app.router.add_post("/hub", site.hub)
    app.router.add_post("/second", site.hub)
    app.router.add_post("/away", site.leaving_hub)
    app.router.add_post("/hub/{status}", site.redirecting_hub)
    return TestServer(app)


@pytest.fixture
async def world(
    site: Site,
    server: TestServer,
    certificate: tuple[Path, Path],
    config_directory: Path,
    database: Database,
    time: Time,
) -> AsyncIterator[World]:
    """A site and its hub with https."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate[1])
    await server.start_server(ssl=context)
    async for found in made(site, server, config_directory, database, time, f", ca: {certificate[0]}"):
        yield found
    await server.close()


@pytest.fixture
async def open_world(
    site: Site, server: TestServer, config_directory: Path, database: Database, time: Time
) -> AsyncIterator[World]:
    """A site and its hub without https."""
    await server.start_server()
    async for found in made(site, server, config_directory, database, time, ""):
        yield found
    await server.close()


@pytest.fixture
async def subscribed(world: World) -> World:
    await world.poll()
    await world.subscriber.step()
    assert world.subscription.state == "active"
    return world


async def test_source_with_a_hub_is_subscribed_and_verified(world: World, time: Time) -> None:
    await world.poll()
    assert await world.subscriber.step() == 1
    ((hub, form),) = world.site.asked
    assert hub == "/hub"
    assert (form["hub.mode"], form["hub.topic"]) == ("subscribe", world.site.url("/topic"))
    assert form["hub.lease_seconds"] == "864000"
    found = world.subscription
    assert form["hub.callback"] == f"{BASE_URL}websub/{found.token}"
    assert form["hub.secret"] == found.secret
    assert world.site.answers == [(200, "a+b c&d=é")]
    assert (found.state, found.lease_until, found.error) == ("active", time.now + LEASE, None)
    assert await world.subscriber.step() == 0


async def test_tokens_and_secrets_are_long_and_never_twice_the_same(world: World, time: Time) -> None:
    await world.poll()
    world.site.links = f'<{world.site.url("/hub")}>; rel="hub", <https://other.example/>; rel="self"'
    seen = set()
    for _ in range(3):
        await world.subscriber.step()
        seen |= {world.subscription.token, world.subscription.secret}
        time.now += HOUR
        await world.poll()
        while (found := subscriptions.of_source(world.database, world.source)) and found.token in seen:
            time.now += HOUR
            await world.subscriber.step()
        world.site.links = f'<{world.site.url("/hub")}>; rel="hub", <https://{len(seen)}.example/>; rel="self"'
    assert len(seen) == 6
    assert all(len(text or "") >= 43 for text in seen)  # 256 bits


async def test_feed_that_names_a_hub_in_its_body_is_subscribed(world: World) -> None:
    world.site.links = ""
    world.site.body = f"""<rss version="2.0" xmlns:a="http://www.w3.org/2005/Atom"><channel><title>W</title>
      <a:link rel="hub" href="{world.site.url("/hub")}"/><a:link rel="self" href="https://own.example/feed"/>
      <item><guid>1</guid><title>One</title></item></channel></rss>""".encode()
    await world.poll()
    await world.subscriber.step()
    assert world.subscription.topic == "https://own.example/feed"


async def test_headers_win_over_the_body(world: World) -> None:
    world.site.body = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>W</title>
      <link rel="hub" href="https://wrong.example/"/><link rel="self" href="https://wrong.example/"/></feed>"""
    await world.poll()
    await world.subscriber.step()
    found = world.subscription
    assert (found.hub, found.topic) == (world.site.url("/hub"), world.site.url("/topic"))


@pytest.mark.parametrize("status", [301, 302])
async def test_topic_that_has_moved_is_subscribed_by_its_own_name(
    world: World, config_directory: Path, status: int
) -> None:
    path = config_directory / "sources.yaml"
    path.write_text(path.read_text().replace("/feed,", f"/moved/{status}, id: {world.source},"))
    world.site.links = "</hub>; rel=hub, <feed?self>; rel=self"
    await world.reconfigure()
    await world.poll()
    await world.subscriber.step()
    assert (world.subscription.state, world.subscription.topic) == ("active", world.site.url("/feed?self"))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_hub_that_has_moved_is_asked_at_its_new_place(world: World, status: int) -> None:
    world.site.links = f"</hub/{status}>; rel=hub, </topic>; rel=self"
    await world.poll()
    await world.subscriber.step()
    ((hub, form),) = world.site.asked
    assert (hub, form["hub.mode"]) == ("/hub", "subscribe")
    assert world.subscription.state == "active"


async def test_form_with_a_secret_is_not_sent_on_in_the_clear(world: World) -> None:
    plain = Site()
    app = web.Application()
    app.router.add_post("/hub", plain.hub)
    async with TestServer(app) as server:
        world.site.away = str(server.make_url("/hub"))
        world.site.links = "</away>; rel=hub, </topic>; rel=self"
        await world.poll()
        await world.subscriber.step()
    assert plain.asked == []
    assert "in the clear" in (world.subscription.error or "")


@pytest.mark.parametrize(
    "changes",
    [
        {"hub.topic": "https://other.example/"},
        {"hub.mode": "unsubscribe"},
        {"hub.challenge": "x" * 1001},
        {"hub.challenge": ""},
    ],
    ids=["topic", "mode", "long challenge", "no challenge"],
)
async def test_verification_of_something_else_is_refused(world: World, changes: dict[str, str]) -> None:
    world.site.changes = changes
    await world.poll()
    await world.subscriber.step()
    assert [status for status, _ in world.site.answers] == [404]
    assert world.subscription.state == "asked"


async def test_markup_in_a_challenge_stays_text(subscribed: World) -> None:
    subscribed.site.changes = {"hub.challenge": "<script>alert(1)</script>"}
    assert await subscribed.site.verify(subscribed.site.asked[0][1]) == 200
    assert subscribed.site.answers[-1] == (200, "<script>alert(1)</script>")


@pytest.mark.parametrize("token", ["x" * 43, "x"])
async def test_unknown_token_is_404_for_questions(subscribed: World, token: str) -> None:
    form = subscribed.site.asked[0][1] | {"hub.callback": f"{BASE_URL}websub/{token}"}
    assert await subscribed.site.verify(form) == 404
    assert subscribed.subscription.state == "active"


async def test_unknown_token_is_410_for_pushes_so_that_the_hub_can_stop(subscribed: World) -> None:
    assert await subscribed.post("x" * 43, rss("2")) == 410
    assert subscribed.count() == 1


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
async def test_signed_push_is_stored_before_it_is_acknowledged(
    subscribed: World, new_database: Callable[[], Database], method: str
) -> None:
    assert await subscribed.push(rss("2", "3"), method=method) == 204
    assert articles.count(new_database())[0] == 3  # as another process would see it


@pytest.mark.parametrize("header", ["", "sha256=" + "0" * 64, "sha1=", "md5=" + hashlib.md5(b"").hexdigest(), "é"])
async def test_push_without_a_good_signature_is_thrown_away(subscribed: World, header: str) -> None:
    due_at = subscribed.status().due_at
    assert await subscribed.push(rss("2"), **{"X-Hub-Signature": header}) == 403
    assert (subscribed.count(), subscribed.subscription.pushed_at) == (1, None)
    assert subscribed.status().due_at == due_at


async def test_signature_is_of_these_very_bytes(subscribed: World) -> None:
    secret = subscribed.subscription.secret
    assert secret
    signature = hmac.new(secret.encode(), rss("2"), "sha256").hexdigest()
    assert await subscribed.push(rss("3"), **{"X-Hub-Signature": f"sha256={signature}"}) == 403
    assert await subscribed.push(rss("2"), **{"Content-Encoding": "gzip"}) == 415
    assert subscribed.count() == 1


async def test_push_keeps_what_only_a_visit_can_tell(subscribed: World, time: Time) -> None:
    before = subscribed.status()
    time.now += timedelta(minutes=20)
    assert await subscribed.push(rss("2")) == 204
    after = subscribed.status()
    assert (after.due_at, after.plan) == (before.due_at, before.plan)
    assert replace(after.state, rhythm=before.state.rhythm) == before.state
    assert after.state.rhythm.bursts > before.state.rhythm.bursts
    assert (after.visits[0].outcome, after.visits[0].new) == ("news", 1)
    assert subscribed.subscription.pushed_at == time.now


async def test_push_does_not_hide_that_visits_fail(subscribed: World, time: Time) -> None:
    subscribed.site.body = b"no feed"
    await subscribed.poll()
    before = subscribed.status()
    await subscribed.push(rss("2"))
    after = subscribed.status()
    assert (after.failures, after.state.failing_since) == (1, before.state.failing_since)


async def test_old_push_again_changes_nothing(subscribed: World) -> None:
    await subscribed.push(rss("2"))
    await subscribed.push(rss("2"))
    assert subscribed.count() == 2
    assert subscribed.status().visits[0].outcome == "unchanged"


async def test_correction_that_comes_out_of_order_is_set_right_by_the_next_visit(subscribed: World) -> None:
    subscribed.site.body = rss("1", text="The newer words.")
    assert (await subscribed.poll()).updated == 1
    await subscribed.push(rss("1", text="The older words."))
    (visit,) = [await subscribed.poll()]
    assert visit.updated == 1


@pytest.mark.parametrize("body", [b"", b"ping", b"<!doctype html><title>W</title>", b"\x00\xff" * 99, b"<rss><channel"])
async def test_light_ping_makes_the_source_due_at_once(subscribed: World, time: Time, body: bytes) -> None:
    time.now += timedelta(minutes=5)
    assert subscribed.status().due_at > time.now
    assert await subscribed.push(body) == 204
    assert subscribed.status().due_at == time.now
    assert subscribed.status().failures == 0
    subscribed.site.body = rss("1", "2")
    assert (await subscribed.poll()).new == 1


async def test_light_pings_bring_no_more_than_a_visit_a_minute(subscribed: World, time: Time) -> None:
    time.now += timedelta(minutes=5)
    await subscribed.push(b"")
    await subscribed.poll()
    await subscribed.push(b"")
    assert subscribed.status().due_at == time.now + timedelta(minutes=1)


async def test_push_while_the_source_is_visited_is_asked_to_come_again(subscribed: World, time: Time) -> None:
    lease = claims.claim_one(subscribed.database, subscribed.source, time.now, lease=CLAIM)
    assert lease
    assert await subscribed.push(rss("2")) == 503
    assert subscribed.retry_after == "30"
    claims.release(subscribed.database, [lease])
    assert await subscribed.push(rss("2")) == 204


async def test_push_into_a_daemon_that_stops_is_asked_to_come_again(subscribed: World) -> None:
    subscribed.stopping = True
    assert await subscribed.push(rss("2")) == 503
    assert subscribed.count() == 1


async def test_second_push_of_one_subscription_waits_for_the_first(subscribed: World) -> None:
    assert subscribed.client
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"<rss"
        begun.set()
        await go_on.wait()
        yield b">"

    path = f"/websub/{subscribed.subscription.token}"
    first = asyncio.create_task(subscribed.client.post(path, data=slowly()))
    await begun.wait()
    async with asyncio.timeout(10):
        while await subscribed.push(b"", **{"Content-Encoding": "gzip"}) != 503:  # 415 until the first has its place
            pass
    go_on.set()
    assert (await first).status == 403
    assert await subscribed.push(rss("2")) == 204


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "in pieces"])
async def test_body_that_is_too_large_is_not_read(subscribed: World, declared: bool) -> None:
    assert subscribed.client
    body = bytes(150_000)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    path = f"/websub/{subscribed.subscription.token}"
    async with subscribed.client.post(path, data=body if declared else pieces()) as response:
        assert response.status == 413
    assert await subscribed.push(rss("2", text="x" * 50_000)) == 204


async def test_hub_without_https_gets_no_secret_and_its_pushes_are_but_hints(open_world: World, time: Time) -> None:
    world = open_world
    await world.poll()
    await world.subscriber.step()
    assert "hub.secret" not in world.site.asked[0][1]
    assert (world.subscription.state, world.subscription.secret) == ("active", None)
    time.now += timedelta(minutes=5)
    assert await world.push(rss("forged")) == 204
    assert (world.count(), world.status().due_at) == (1, time.now)


async def test_hint_during_a_visit_brings_another_one(open_world: World, time: Time) -> None:
    world = open_world
    await world.poll()
    await world.subscriber.step()

    async def hint() -> None:
        time.now += timedelta(seconds=1)
        assert await world.push(b"") == 204

    world.site.meanwhile = hint
    await world.poll()
    assert world.status().due_at == time.now


async def test_subscription_is_renewed_before_its_lease_ends_with_the_same_callback(
    subscribed: World, time: Time
) -> None:
    before = subscribed.subscription
    time.now = START + LEASE / 2 - HOUR
    assert await subscribed.subscriber.step() == 0
    time.now = START + LEASE * 2 / 3
    assert await subscribed.subscriber.step() == 1
    after = subscribed.subscription
    assert (after.token, after.secret, after.lease_until) == (before.token, before.secret, time.now + LEASE)
    assert subscribed.site.asked[0] == subscribed.site.asked[1]


async def test_hub_decides_on_the_lease(world: World, time: Time) -> None:
    world.site.changes = {"hub.lease_seconds": "7200"}
    await world.poll()
    await world.subscriber.step()
    assert world.subscription.lease_until == time.now + 2 * HOUR


async def test_renewal_that_fails_leaves_the_subscription_as_it_is(subscribed: World, time: Time) -> None:
    subscribed.site.statuses["/hub"] = 500
    time.now = START + LEASE * 2 / 3
    await subscribed.subscriber.step()
    found = subscribed.subscription
    assert (found.state, found.lease_until, found.failures) == ("active", START + LEASE, 1)
    assert "answered 500: no thanks" in (found.error or "")
    assert await subscribed.push(rss("2")) == 204


async def test_lease_that_is_over_makes_polls_frequent_again(subscribed: World, time: Time) -> None:
    subscribed.site.verifies = False
    time.now = START + LEASE + HOUR
    await subscribed.subscriber.step()
    assert subscribed.subscription.state == "asked"
    await subscribed.poll()
    assert "hub" not in subscribed.status().plan


async def test_source_whose_hub_pushes_is_visited_seldom_until_pushes_stop(subscribed: World, time: Time) -> None:
    assert "hub" not in subscribed.status().plan
    time.now += timedelta(minutes=30)
    await subscribed.push(rss("2"))
    time.now += timedelta(minutes=5)
    subscribed.site.body = rss("1", "2")
    await subscribed.poll()
    assert "its hub tells us of news" in subscribed.status().plan
    assert subscribed.status().due_at - time.now > timedelta(hours=5)
    time.now += 3 * DAY
    await subscribed.poll()
    assert "hub" not in subscribed.status().plan


async def test_news_that_no_hub_told_of_makes_visits_frequent_again(subscribed: World, time: Time) -> None:
    await subscribed.push(rss("2"))
    time.now += 6 * HOUR
    subscribed.site.body = rss("1", "2", "3")
    assert (await subscribed.poll()).new == 1
    assert "hub" not in subscribed.status().plan


async def test_removed_source_is_unsubscribed_and_forgotten(subscribed: World, config_directory: Path) -> None:
    source = subscribed.source
    (config_directory / "sources.yaml").write_text("sources:\n  - {folder: ../seeds, after: keep}\n")
    await subscribed.reconfigure(AGGREGATOR_FETCH__ALLOW="127.0.0.0/8")
    await subscribed.subscriber.step()
    found = subscriptions.of_source(subscribed.database, source)
    assert found and found.state == "leaving"  # the hub's certificate is not known without the source: asked again
    await subscribed.site.verify(subscribed.site.asked[0][1] | {"hub.mode": "unsubscribe"})
    assert subscribed.site.answers[-1][0] == 200
    assert await subscribed.subscriber.step() == 0
    assert subscriptions.of_source(subscribed.database, source) is None


async def test_switched_off_means_unsubscribed(subscribed: World) -> None:
    await subscribed.reconfigure(AGGREGATOR_WEBSUB__SUBSCRIBE="off")
    assert await subscribed.subscriber.step() == 1
    form = subscribed.site.asked[-1][1]
    assert (form["hub.mode"], form["hub.callback"]) == ("unsubscribe", subscribed.site.asked[0][1]["hub.callback"])
    assert subscribed.site.answers[-1][0] == 200
    assert await subscribed.push(rss("2")) == 410
    assert await subscribed.subscriber.step() == 0
    assert subscriptions.of_source(subscribed.database, subscribed.source) is None


async def test_changed_hub_is_subscribed_after_the_old_one_is_left(subscribed: World, time: Time) -> None:
    old = subscribed.subscription
    subscribed.site.links = "</second>; rel=hub, </topic>; rel=self"
    await subscribed.poll()
    for _ in range(3):
        time.now += timedelta(minutes=1)
        await subscribed.subscriber.step()
    assert [(hub, form["hub.mode"]) for hub, form in subscribed.site.asked] == [
        ("/hub", "subscribe"),
        ("/hub", "unsubscribe"),
        ("/second", "subscribe"),
    ]
    assert subscribed.subscription.hub == subscribed.site.url("/second")
    assert subscribed.subscription.token != old.token


async def test_unchanged_feed_without_links_keeps_its_subscription(subscribed: World) -> None:
    subscribed.site.links = ""
    await subscribed.poll()
    assert await subscribed.subscriber.step() == 0
    assert subscribed.subscription.state == "active"


async def test_second_hub_is_asked_when_the_first_does_not_work(world: World, time: Time) -> None:
    world.site.links = "</hub>; rel=hub, </second>; rel=hub, </topic>; rel=self"
    world.site.statuses["/hub"] = 500
    await world.poll()
    for _ in range(4):
        await world.subscriber.step()
        time.now += DAY
    assert [hub for hub, _ in world.site.asked] == ["/hub", "/hub", "/hub", "/second"]
    assert world.subscription.state == "active"


async def test_denied_subscription_takes_no_pushes_and_is_asked_again_a_day_later(
    subscribed: World, time: Time
) -> None:
    form = subscribed.site.asked[0][1]
    said = {"hub.mode": "denied", "hub.topic": form["hub.topic"], "hub.reason": "not \x00 for you"}
    assert await subscribed.site.tell(form["hub.callback"], said) == 200
    assert (subscribed.subscription.state, subscribed.subscription.error) == (
        "denied",
        "the hub denies it: not for you",
    )
    assert await subscribed.push(rss("2")) == 410
    assert await subscribed.subscriber.step() == 0
    time.now += DAY
    assert await subscribed.subscriber.step() == 1
    assert subscribed.subscription.state == "active"


async def test_hub_on_the_inside_is_not_reached(world: World, config_directory: Path) -> None:
    world.site.links = "<http://10.0.0.1:80/admin>; rel=hub, </topic>; rel=self"
    await world.poll()
    await world.subscriber.step()
    assert "not a public address" in (world.subscription.error or "")


@pytest.mark.parametrize(
    "base_url",
    ["http://127.0.0.1:8080/", "http://[::1]/", "http://10.1.2.3/", "http://news/", "http://news.local/"],
)
async def test_nobody_subscribes_where_no_hub_could_come_back(world: World, base_url: str) -> None:
    await world.reconfigure(AGGREGATOR_BASE_URL=base_url)
    await world.poll()
    assert await world.subscriber.step() == 0
    assert subscriptions.of_source(world.database, world.source) is None


async def test_other_routes_still_take_no_bodies(subscribed: World) -> None:
    assert subscribed.client
    async with subscribed.client.post("/", data=b"x" * 5000) as response:
        assert response.status == 405
