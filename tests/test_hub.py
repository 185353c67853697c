"""Our hub: real callbacks on 127.0.0.1, the real web server, real stores; only the time is made up."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from aggregator import config as configuration
from aggregator import distribute, hub, publish, runtime, websub
from aggregator.config import Config
from aggregator.distribute import Distributor
from aggregator.fetch import Fetcher
from aggregator.models import Document, Subscriber
from aggregator.parsers import feed as feed_parser
from aggregator.parsers import jsonfeed
from aggregator.pipeline import Pipeline
from aggregator.readers import Readers
from aggregator.store import Database, subscribers
from aggregator.web import hub as hub_page
from aggregator.web.serve import application

BASE = "https://news.example.org/"
HUB = f"{BASE}hub"
TOPIC = f"{BASE}feeds/energy.atom"
START = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Callback:
    """A subscriber, and whatever else is on its host."""

    def __init__(self) -> None:
        self.base = ""
        self.questions: list[dict[str, str]] = []
        self.pushes: list[tuple[str, dict[str, str], bytes]] = []  # path, headers, body
        self.agrees = True
        self.echo: Callable[[str], str] = lambda challenge: challenge
        self.status = 204
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    def url(self, name: str = "a") -> str:
        return f"{self.base}/callback/{name}"

    async def question(self, request: web.Request) -> web.Response:
        self.questions.append(dict(request.query))
        if not self.agrees:
            return web.Response(status=404)
        return web.Response(text=self.echo(request.query["hub.challenge"]))

    async def push(self, request: web.Request) -> web.Response:
        self.pushes.append((request.path, dict(request.headers), await request.read()))
        if self.meanwhile:
            await self.meanwhile()
        return web.Response(status=self.status)

    async def away(self, request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": self.url()})


class World:
    def __init__(self, config: Config, database: Database, pipeline: Pipeline, distributor: Distributor) -> None:
        self.config = config
        self.database = database
        self.pipeline = pipeline
        self.distributor = distributor
        self.now = START
        self.client: TestClient = None  # type: ignore[assignment]

    async def ask(self, callback: str, mode: str = "subscribe", **more: str) -> int:
        """Ask our hub, and wait until it has asked the callback."""
        form = {"hub.mode": mode, "hub.topic": TOPIC, "hub.callback": callback}
        form |= {f"hub.{name}": value for name, value in more.items()}
        async with self.client.post("/hub", data=form) as response:
            self.said = await response.text()
            status = response.status
        await asyncio.gather(*(task for _, task in self.distributor._waiting.values()))
        return status

    async def publish(self, body: bytes, name: str = "energy.atom") -> None:
        """As a publication does it, in the same order."""

        def work() -> None:
            publish.replace(publish.folder(self.config.public) / name, body)
            pinged = [Subscriber("x", TOPIC, hub, "", None, self.now + DAY, ping=True) for hub in self.others]
            subscribers.awaken(self.database, [f"{BASE}feeds/{name}"], self.now, pinged)

        await self.pipeline.in_executor(work)

    @property
    def others(self) -> tuple[str, ...]:
        return self.config.settings.hubs if self.config.settings.websub.hub != "own" else ()

    def known(self) -> list[Subscriber]:
        far = [Subscriber(**row) for row in self._rows()]
        return sorted(far, key=lambda one: one.callback)

    def _rows(self) -> list[dict[str, Any]]:
        with self.database.reading() as connection:
            return [dict(row) for row in connection.execute(subscribers.subscribers.select()).mappings()]

    def reconfigure(self, **environment: str) -> None:
        self.config = self.pipeline.config = load(self.config.directory, **environment)


def load(directory: Path, **environment: str) -> Config:
    given = {"BASE_URL": BASE, "WEBSUB__CALLBACKS": "127.0.0.0/8", "FETCH__ALLOW": "127.0.0.0/8"} | environment
    return configuration.load(directory, {f"AGGREGATOR_{name}": value for name, value in given.items()})


@pytest.fixture
async def callback() -> AsyncIterator[Callback]:
    made = Callback()
    app = web.Application()
    app.router.add_get("/callback/{name}", made.question)
    app.router.add_post("/callback/{name}", made.push)
    app.router.add_route("*", "/away", made.away)
    async with TestServer(app) as server:
        made.base = str(server.make_url("")).rstrip("/")
        yield made


@pytest.fixture
def environment() -> dict[str, str]:
    return {}


@pytest.fixture
async def world(config_directory: Path, database: Database, environment: dict[str, str]) -> AsyncIterator[World]:
    found = load(config_directory, **environment)
    with runtime.executor() as pool, Readers(found.settings.parse) as readers:
        pipeline = Pipeline(found, database, pool, readers, clock=lambda: made.now)
        async with Fetcher(found.settings.fetch) as fetcher, Fetcher(distribute.outbound(found.settings)) as callbacks:
            distributor = Distributor(pipeline, fetcher, callbacks)
            made = World(found, database, pipeline, distributor)
            app = application(lambda: found, database, hub_page.routes(distributor))
            async with TestClient(TestServer(app)) as client:
                made.client = client
                yield made
            await distributor.aclose()


async def test_subscriber_is_asked_and_gets_the_whole_feed_from_then_on(world: World, callback: Callback) -> None:
    assert await world.ask(callback.url(), lease_seconds="7200", unknown="x") == 202
    (question,) = callback.questions
    assert question["hub.mode"] == "subscribe"
    assert question["hub.topic"] == TOPIC
    assert question["hub.lease_seconds"] == "7200"
    assert len(question["hub.challenge"]) >= 22
    (known,) = world.known()
    assert known.lease_until == START + timedelta(hours=2)
    assert await world.distributor.step() == 0
    await world.publish(b"<feed>one</feed>")
    assert await world.distributor.step() == 1
    ((_, headers, body),) = callback.pushes
    assert body == b"<feed>one</feed>"
    assert headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert list(websub.links([headers["Link"]])) == [("hub", HUB), ("self", TOPIC)]
    assert "X-Hub-Signature" not in headers
    assert await world.distributor.step() == 0


async def test_what_is_delivered_is_signed_with_the_secret(world: World, callback: Callback) -> None:
    await world.ask(callback.url(), secret="geheim é")
    await world.publish(b"one")
    await world.distributor.step()
    ((_, headers, body),) = callback.pushes
    expected = hmac.new("geheim é".encode(), body, "sha256").hexdigest()
    assert headers["X-Hub-Signature"] == f"sha256={expected}"
    assert websub.is_signed("geheim é", headers["X-Hub-Signature"], body)
    assert "geheim" not in repr(world.known())


async def test_each_format_has_its_type(world: World, callback: Callback) -> None:
    for extension, media_type in (("rss", "application/rss+xml"), ("json", "application/feed+json")):
        await world.ask(callback.url(extension), topic=f"{BASE}feeds/energy.{extension}")
        await world.publish(extension.encode(), f"energy.{extension}")
        await world.distributor.step()
        path, headers, body = callback.pushes.pop()
        assert (path, body) == (f"/callback/{extension}", extension.encode())
        assert headers["Content-Type"] == f"{media_type}; charset=utf-8"


async def test_same_bytes_are_delivered_once(world: World, callback: Callback) -> None:
    await world.ask(callback.url())
    for _ in range(3):
        await world.publish(b"one")
        await world.distributor.step()
    assert len(callback.pushes) == 1


async def test_renewal_replaces_lease_and_secret_and_repeats_nothing(world: World, callback: Callback) -> None:
    await world.ask(callback.url(), secret="old", lease_seconds="3600")
    await world.publish(b"one")
    await world.distributor.step()
    world.now += HOUR / 2
    await world.ask(callback.url(), secret="new", lease_seconds="86400")
    (known,) = world.known()
    assert known.lease_until == world.now + DAY
    await world.publish(b"one")
    await world.distributor.step()
    assert len(callback.pushes) == 1
    await world.publish(b"two")
    await world.distributor.step()
    assert websub.is_signed("new", callback.pushes[1][1]["X-Hub-Signature"], b"two")


async def test_renewal_that_is_not_agreed_to_changes_nothing(world: World, callback: Callback) -> None:
    await world.ask(callback.url(), secret="mine")
    before = world.known()
    callback.agrees = False
    assert await world.ask(callback.url(), secret="an enemy's") == 202
    assert world.known() == before


async def test_unsubscription_is_verified_too(world: World, callback: Callback) -> None:
    await world.ask(callback.url())
    callback.agrees = False
    await world.ask(callback.url(), "unsubscribe")
    assert len(world.known()) == 1
    callback.agrees = True
    await world.ask(callback.url(), "unsubscribe")
    assert world.known() == []
    question = callback.questions[-1]
    assert (question["hub.mode"], question["hub.topic"]) == ("unsubscribe", TOPIC)
    assert "hub.lease_seconds" not in question


@pytest.mark.parametrize(
    "echo", [lambda said: said + " ", lambda said: "", lambda said: said[:-1], lambda said: said.swapcase()]
)
async def test_callback_must_repeat_the_challenge(world: World, callback: Callback, echo: Callable[[str], str]) -> None:
    callback.echo = echo
    assert await world.ask(callback.url()) == 202
    assert world.known() == []


async def test_query_of_a_callback_stays(world: World, callback: Callback) -> None:
    await world.ask(f"{callback.url()}?id=1&x=%20")
    assert callback.questions[0]["id"] == "1"
    assert callback.questions[0]["x"] == " "
    await world.publish(b"one")
    await world.distributor.step()
    assert len(callback.pushes) == 1


async def test_after_the_lease_nothing_is_delivered_and_all_is_forgotten(world: World, callback: Callback) -> None:
    await world.ask(callback.url(), lease_seconds="300")
    await world.distributor.step()
    world.now += HOUR
    await world.publish(b"one")
    await world.distributor.step()
    assert callback.pushes == []
    assert world.known() == []


async def test_failed_delivery_is_tried_again_later_and_later_and_then_given_up(
    world: World, callback: Callback
) -> None:
    await world.ask(callback.url())
    callback.status = 500
    await world.publish(b"one")
    waits = []
    for _ in range(len(hub.WAITS) + 1):
        assert await world.distributor.step() == 1
        (known,) = world.known()
        if known.due_at:
            waits.append(known.due_at - world.now)
            world.now = known.due_at - timedelta(seconds=1)
            assert await world.distributor.step() == 0
            world.now = known.due_at
    assert tuple(waits) == hub.WAITS
    assert known.due_at is None and "500" in (known.error or "")
    callback.status = 200
    await world.publish(b"two")
    await world.distributor.step()
    assert callback.pushes[-1][2] == b"two"
    assert world.known()[0].error is None


async def test_news_meanwhile_does_not_hurry_what_waits_after_a_failure(world: World, callback: Callback) -> None:
    await world.ask(callback.url())
    callback.status = 503
    await world.publish(b"one")
    await world.distributor.step()
    callback.status = 200
    await world.publish(b"two")
    assert await world.distributor.step() == 0
    world.now += hub.WAITS[0]
    await world.distributor.step()
    assert [body for _, _, body in callback.pushes] == [b"one", b"two"]
    assert await world.distributor.step() == 0


async def test_news_that_come_during_a_delivery_are_delivered_next(world: World, callback: Callback) -> None:
    await world.ask(callback.url())
    await world.publish(b"one")
    callback.meanwhile = lambda: world.publish(b"two")
    await world.distributor.step()
    callback.meanwhile = None
    assert await world.distributor.step() == 1
    assert [body for _, _, body in callback.pushes] == [b"one", b"two"]


async def test_callback_that_is_gone_is_no_subscriber_any_more(world: World, callback: Callback) -> None:
    await world.ask(callback.url())
    callback.status = 410
    await world.publish(b"one")
    await world.distributor.step()
    assert world.known() == []


async def test_callback_is_not_followed_elsewhere(world: World, callback: Callback) -> None:
    await world.ask(f"{callback.base}/away")
    assert (world.known(), callback.questions) == ([], [])


class TestInside:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"WEBSUB__CALLBACKS": ""}

    async def test_strangers_do_not_lead_us_inside(self, world: World, callback: Callback) -> None:
        assert await world.ask(callback.url()) == 202  # though `fetch.allow` lets sources lie there
        assert (world.known(), callback.questions) == ([], [])
        port = urlsplit(callback.base).port
        assert await world.ask(f"http://localhost:{port}/callback/a") == 202
        assert (world.known(), callback.questions) == ([], [])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mode": "publish"}, "hub.mode"),
        ({"mode": ""}, "hub.mode"),
        ({"topic": "https://other.example/"}, "hub.topic"),
        ({"topic": TOPIC + "?x"}, "hub.topic"),
        ({"callback": ""}, "hub.callback"),
        ({"callback": "ftp://a.example/"}, "hub.callback"),
        ({"callback": "/x"}, "hub.callback"),
        ({"callback": "https://a.example/#x"}, "hub.callback"),
        ({"callback": "https://u:p@a.example/"}, "hub.callback"),
        ({"callback": "https://a.example/" + "x" * 1500}, "hub.callback"),
        ({"callback": "https://é.example/"}, "hub.callback"),
        ({"secret": "é" * 100}, "hub.secret"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_the_reason(world: World, changes: dict[str, str], said: str) -> None:
    form = {"mode": "subscribe", "topic": TOPIC, "callback": "https://a.example/x"} | changes
    async with world.client.post("/hub", data={f"hub.{name}": value for name, value in form.items()}) as response:
        assert (response.status, said in await response.text()) == (400, True)
    assert world.distributor._waiting == {}


async def test_large_and_other_forms_are_refused(world: World) -> None:
    async with world.client.post("/hub", data={"x": "y" * 9000}) as response:
        assert response.status == 413
    async with world.client.post("/hub", json={}) as response:
        assert response.status == 415
    async with world.client.post("/hub", data={f"x{n}": "y" for n in range(100)}) as response:
        assert response.status == 400
    async with world.client.post(
        "/hub", data=b"\xff=1", headers={"Content-Type": "application/x-www-form-urlencoded"}
    ) as response:
        assert response.status == 400


async def test_private_topic_has_no_subscribers(world: World, callback: Callback, config_directory: Path) -> None:
    path = config_directory / "topics.yaml"
    path.write_text(path.read_text().replace("  energy:\n", "  energy:\n    private: true\n"))
    world.reconfigure()
    for topic in (TOPIC, f"{BASE}feeds/private/energy.atom", f"{BASE}feeds/private/{'A' * 43}/energy.atom"):
        assert await world.ask(callback.url(), topic=topic) == 400


async def test_topic_that_becomes_private_is_delivered_no_more(
    world: World, callback: Callback, config_directory: Path
) -> None:
    await world.ask(callback.url())
    await world.publish(b"one")
    path = config_directory / "topics.yaml"
    path.write_text(path.read_text().replace("  energy:\n", "  energy:\n    private: true\n"))
    world.reconfigure()
    await world.distributor.step()
    assert callback.pushes == []


async def test_too_many_requests_wait_outside(
    world: World, callback: Callback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distribute, "WAITING_OF_A_SITE", 2)
    form = {"hub.mode": "subscribe", "hub.topic": TOPIC}
    statuses = []
    async with world.distributor._asking, world.distributor._asking:
        for _ in range(distribute.AT_A_TIME - 2):
            await world.distributor._asking.acquire()
        for name in ("a", "a", "b", "c"):
            async with world.client.post("/hub", data=form | {"hub.callback": callback.url(name)}) as response:
                statuses.append((response.status, response.headers.get("Retry-After")))
        for _ in range(distribute.AT_A_TIME - 2):
            world.distributor._asking.release()
    assert statuses == [(202, None), (202, None), (202, None), (503, "60")]


async def test_number_of_subscribers_is_bounded(
    world: World, callback: Callback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "MOST_OF_A_SITE", 1)
    await world.ask(callback.url("a"))
    await world.ask(callback.url("b"))
    assert [one.callback for one in world.known()] == [callback.url("a")]


class TestAnotherHub:
    @pytest.fixture
    def environment(self, callback: Callback) -> dict[str, str]:
        return {"WEBSUB__HUB": callback.url("other-hub")}

    async def test_other_hub_is_told_of_what_is_published(self, world: World, callback: Callback) -> None:
        await world.publish(b"one")
        await world.distributor.step()
        ((path, headers, body),) = callback.pushes
        assert path == "/callback/other-hub"
        assert headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert parse_qs(body.decode()) == {"hub.mode": ["publish"], "hub.topic": [TOPIC], "hub.url": [TOPIC]}
        await world.publish(b"one")
        await world.distributor.step()
        assert len(callback.pushes) == 1
        callback.status = 500
        await world.publish(b"two")
        await world.distributor.step()
        callback.status = 204
        world.now += hub.WAITS[0]
        await world.distributor.step()
        assert len(callback.pushes) == 3

    async def test_then_ours_takes_nobody(self, world: World, callback: Callback) -> None:
        assert await world.ask(callback.url()) == 404

    async def test_real_publication_tells_it_of_every_feed(self, world: World, callback: Callback) -> None:
        await world.pipeline.in_executor(lambda: (world.pipeline.prepare(), world.pipeline.publish()))
        await world.distributor.step()
        told = {parse_qs(body.decode())["hub.topic"][0] for _, _, body in callback.pushes}
        assert told == distribute.topics(world.config).keys()


async def test_real_publication_is_delivered_and_names_the_hub(world: World, callback: Callback) -> None:
    for extension in ("atom", "rss", "json"):
        await world.ask(callback.url(extension), topic=f"{BASE}feeds/energy.{extension}")
    await world.pipeline.in_executor(lambda: (world.pipeline.prepare(), world.pipeline.publish()))
    await world.distributor.step()
    bodies = {path.rpartition("/")[2]: body for path, _, body in callback.pushes}
    for extension, parser in (("atom", feed_parser), ("rss", feed_parser), ("json", jsonfeed)):
        assert bodies[extension] == (world.config.public / "feeds" / f"energy.{extension}").read_bytes()
        advice = parser.parse(Document(bodies[extension], "feed")).advice
        assert (advice.hubs, advice.self_url) == ((HUB,), f"{BASE}feeds/energy.{extension}")
    assert json.loads(bodies["json"])["hubs"] == [{"type": "WebSub", "url": HUB}]
    links = [(link.get("rel"), link.get("href")) for link in etree.fromstring(bodies["atom"]).findall("{*}link")]
    assert ("hub", HUB) in links
    response = await world.client.get("/feeds/energy.atom")
    assert list(websub.links([response.headers["Link"]])) == [("hub", HUB), ("self", TOPIC)]


async def test_variants_and_labels_are_delivered_and_nothing_private_can_be_asked_for(
    world: World, callback: Callback
) -> None:
    path = world.config.directory / "topics.yaml"
    keys = "    labels: [fuel]\n    variants: {lang: [en]}\n"
    text = path.read_text().replace("  energy:\n", f"  energy:\n{keys}")
    path.write_text(text.replace("  us-china:\n", f"  us-china:\n    private: true\n{keys}".replace("fuel", "inside")))
    world.reconfigure(EVERYTHING__PUBLISH="true")
    names = ["energy.en", "_label-fuel", "_all"]
    for number, name in enumerate(names):
        assert await world.ask(callback.url(str(number)), topic=f"{BASE}feeds/{name}.atom") == 202
    for name in ("us-china", "us-china.en", "_label-inside", "private/us-china", "energy.de"):
        assert await world.ask(callback.url("no"), topic=f"{BASE}feeds/{name}.atom") == 400
    await world.pipeline.in_executor(lambda: (world.pipeline.prepare(), world.pipeline.publish()))
    await world.distributor.step()
    bodies = {path.rpartition("/")[2]: body for path, _, body in callback.pushes}
    for number, name in enumerate(names):
        assert bodies[str(number)] == (world.config.public / "feeds" / f"{name}.atom").read_bytes()


async def test_change_of_the_hub_publishes_all_feeds_anew(world: World) -> None:
    await world.pipeline.in_executor(lambda: (world.pipeline.prepare(), world.pipeline.publish()))
    assert world.pipeline.dirty() == []
    changed = load(world.config.directory, WEBSUB__HUB="off")
    await world.pipeline.in_executor(lambda: world.pipeline.adopt(changed))
    assert {dirty.slug for dirty in world.pipeline.dirty()} == set(changed.topics)


class TestOff:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"WEBSUB__HUB": "off"}

    async def test_no_hub_is_named_and_none_is_there(self, world: World, callback: Callback) -> None:
        await world.pipeline.in_executor(lambda: (world.pipeline.prepare(), world.pipeline.publish()))
        response = await world.client.get("/feeds/energy.atom")
        assert "Link" not in response.headers
        assert "/hub" not in await response.text()
        assert await world.ask(callback.url()) == 404


@given(
    st.dictionaries(
        st.sampled_from(["hub.mode", "hub.topic", "hub.callback", "hub.secret", "hub.lease_seconds"]), st.text()
    )
)
def test_no_form_breaks_the_hub(form: dict[str, str]) -> None:
    try:
        found = hub.wanted({"hub.mode": "subscribe", "hub.topic": TOPIC} | form, {TOPIC})
    except ValueError:
        return
    assert hub.SHORTEST <= found.lease <= hub.LONGEST
    assert hub.question(found, "c").startswith(found.callback.removesuffix("?"))


@pytest.mark.parametrize(
    ("seconds", "lease"),
    [
        ("86400", DAY),
        ("1", hub.SHORTEST),
        ("9" * 9, hub.LONGEST),
        ("9" * 5000, hub.LONGEST),
        ("-1", hub.USUAL),
        ("", hub.USUAL),
        ("٣", hub.USUAL),
    ],
)
def test_wished_lease_is_heeded_within_bounds(seconds: str, lease: timedelta) -> None:
    form = {
        "hub.mode": "subscribe",
        "hub.topic": TOPIC,
        "hub.callback": "https://a.example/",
        "hub.lease_seconds": seconds,
    }
    assert hub.wanted(form, {TOPIC}).lease == lease


def test_challenges_and_secrets_are_not_shown() -> None:
    form = {
        "hub.mode": "subscribe",
        "hub.topic": TOPIC,
        "hub.callback": "https://a.example/tok",
        "hub.secret": "geheim",
    }
    assert "tok" not in repr(hub.wanted(form, {TOPIC})) and "geheim" not in repr(hub.wanted(form, {TOPIC}))
    assert hub.signature("k", b"b") == "sha256=" + hmac.new(b"k", b"b", hashlib.sha256).hexdigest()
