"""The http source against a site that does as it is told: validators, moves, refusals, private ways in."""

import pickle
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import TypeAdapter, ValidationError

from aggregator.config.settings import Fetch
from aggregator.errors import DocumentError, FetchError
from aggregator.fetch import Fetcher
from aggregator.models import Found, SourceState
from aggregator.sources.http import HttpSource

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
FEED = b"<rss version='2.0'><channel><title>t</title><item><title>a</title></item></channel></rss>"
ETAG, DATE = '"1"', "Mon, 23 Nov 2026 10:00:00 GMT"
Answer = web.Response | Callable[[web.Request], web.Response]


@dataclass
class Site:
    """Answers each path as told and remembers what it was asked."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[web.Request] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        answer = self.answers.get(request.path, web.Response(status=404))
        made = answer(request) if callable(answer) else answer
        return web.Response(status=made.status, body=made.body, headers=made.headers)

    def source(self, path: str = "/feed", **options: Any) -> HttpSource:
        return TypeAdapter(HttpSource).validate_python({"url": self.url + path} | options)

    async def visit(self, state: SourceState | None = None, now: datetime = NOW, **options: Any) -> Found:
        async with Fetcher(Fetch(allow=(ip_network("127.0.0.0/8"),))) as fetcher:
            return await self.source(**options).visit(state or SourceState(), fetcher, now)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async for one in _started("127.0.0.1"):
        yield one


@pytest.fixture
async def other() -> AsyncIterator[Site]:
    async for one in _started("127.0.0.2"):
        yield one


@pytest.fixture
async def secure(certificate: tuple[Path, Path]) -> AsyncIterator[Site]:
    """With https, by a certificate that no system knows."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate[1])
    async for one in _started("127.0.0.1", ssl=context):
        yield one


async def _started(host: str, **options: Any) -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", site.handle)
    server = TestServer(app, host=host)
    await server.start_server(**options)
    site.url = str(server.make_url("")).rstrip("/")
    yield site
    await server.close()


def feed(body: bytes = FEED, **headers: str) -> web.Response:
    return web.Response(body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def moved(status: int, to: str) -> web.Response:
    return web.Response(status=status, headers={"Location": to})


def unless_asked_conditionally(request: web.Request) -> web.Response:
    return web.Response(status=304) if "If-None-Match" in request.headers else feed(ETag=ETAG)


async def test_validators_go_back_as_they_came(site: Site) -> None:
    site.answers["/feed"] = feed(ETag=ETAG, Last_Modified=DATE)
    found = await site.visit()
    assert (found.state.etag, found.state.last_modified, found.state.read_at) == (ETAG, DATE, NOW)
    await site.visit(found.state)
    sent = site.asked[-1].headers
    assert (sent["If-None-Match"], sent["If-Modified-Since"]) == (ETAG, DATE)


async def test_each_validator_stands_alone_and_a_304_brings_newer_ones(site: Site) -> None:
    later = "Tue, 24 Nov 2026 10:00:00 GMT"
    state = SourceState(etag=ETAG, last_modified=DATE, body_hash="h", read_at=NOW)
    site.answers["/feed"] = lambda request: web.Response(status=304, headers={"Last-Modified": later})
    found = await site.visit(state)
    assert (found.status, found.documents) == (304, ())
    assert (found.state.etag, found.state.last_modified, found.state.body_hash) == (ETAG, later, "h")


async def test_the_same_body_is_no_news_without_validators(site: Site) -> None:
    site.answers["/feed"] = feed()
    first = await site.visit()
    again = await site.visit(first.state)
    assert (len(first.documents), len(again.documents)) == (1, 0)


async def test_whole_document_is_read_now_and_then(site: Site) -> None:
    """A server that says "not modified" for ever is found out."""
    site.answers["/feed"] = unless_asked_conditionally
    state = (await site.visit()).state
    assert (await site.visit(state, NOW + DAY)).status == 304
    found = await site.visit(state, NOW + 2 * DAY)
    assert (found.status, found.state.read_at) == (200, NOW + 2 * DAY)


async def test_validators_that_stay_while_the_body_changes_are_never_sent_again(site: Site) -> None:
    site.answers["/feed"] = feed(ETag=ETAG)
    state = (await site.visit()).state
    site.answers["/feed"] = feed(FEED.replace(b"a<", b"b<"), ETag=ETAG)
    found = await site.visit(state, NOW + 3 * DAY)
    assert found.state.lies and len(found.documents) == 1
    await site.visit(found.state, NOW + 3 * DAY)
    assert "If-None-Match" not in site.asked[-1].headers


async def test_a_weak_tag_that_stays_is_no_lie_and_a_lie_can_be_mended(site: Site) -> None:
    site.answers["/feed"] = feed(ETag='W/"1"')
    state = (await site.visit()).state
    site.answers["/feed"] = feed(FEED + b"<!-- -->", ETag='W/"1"')
    assert not (await site.visit(state, NOW + 3 * DAY)).state.lies
    site.answers["/feed"] = feed(FEED + b" ", ETag='"2"')
    assert not (await site.visit(replace(state, lies=True), NOW)).state.lies


async def test_validators_of_elsewhere_are_not_kept_for_who_is_asked_first(site: Site, other: Site) -> None:
    site.answers["/feed"] = moved(302, f"{other.url}/feed")
    other.answers["/feed"] = feed(ETag=ETAG, Last_Modified=DATE)
    state = (await site.visit()).state
    assert (state.etag, state.last_modified) == (None, None)


async def test_not_modified_without_having_asked_for_it_is_a_failure(site: Site) -> None:
    site.answers["/feed"] = web.Response(status=304)
    with pytest.raises(FetchError):
        await site.visit()


@pytest.mark.parametrize("status", [301, 308])
async def test_a_move_is_adopted_after_a_week_of_permanent_redirects(site: Site, other: Site, status: int) -> None:
    site.answers["/feed"] = moved(status, f"{other.url}/new")
    other.answers["/new"] = feed()
    state = (await site.visit()).state
    assert (state.moved_to, state.moved_since) == (f"{other.url}/new", NOW)
    state = (await site.visit(state, NOW + 6 * DAY)).state
    assert (len(site.asked), state.moved_since) == (2, NOW)
    found = await site.visit(state, NOW + 7 * DAY)
    assert (len(site.asked), len(other.asked)) == (2, 3)
    assert (found.url, site.source().key) == (f"{other.url}/new", site.url.removeprefix("http://") + "/feed")


async def test_one_temporary_link_in_the_chain_is_no_move(site: Site) -> None:
    site.answers |= {"/feed": moved(301, "/b"), "/b": moved(302, "/c"), "/c": feed()}
    assert (await site.visit()).state.moved_to is None


async def test_another_target_begins_another_week(site: Site) -> None:
    state = SourceState(moved_to=f"{site.url}/old", moved_since=NOW - 5 * DAY)
    site.answers |= {"/feed": moved(301, "/new"), "/new": feed()}
    assert (await site.visit(state)).state.moved_since == NOW


async def test_an_adopted_place_that_fails_is_given_up_for_the_old_one(site: Site) -> None:
    state = SourceState(moved_to=f"{site.url}/new", moved_since=NOW - 8 * DAY)
    site.answers["/feed"] = feed()
    found = await site.visit(state)
    assert [request.path for request in site.asked] == ["/new", "/feed"]
    assert (len(found.documents), found.state.moved_to) == (1, None)


async def test_validators_of_the_new_place_are_not_sent_to_the_old_one(site: Site, other: Site) -> None:
    moved_since = NOW - 8 * DAY
    state = SourceState(moved_to=f"{other.url}/new", moved_since=moved_since, etag='"new"', read_at=NOW)
    site.answers["/feed"] = feed()
    found = await site.visit(state)
    assert other.asked[0].headers["If-None-Match"] == '"new"'
    assert "If-None-Match" not in site.asked[0].headers
    assert (len(found.documents), found.state.etag) == (1, None)


async def test_an_adopted_place_that_holds_no_feed_any_more_is_given_up(site: Site) -> None:
    state = SourceState(moved_to=f"{site.url}/new", moved_since=NOW - 8 * DAY)
    site.answers |= {"/new": feed(b"<!doctype html><html>for sale</html>"), "/feed": feed()}
    assert len((await site.visit(state)).documents) == 1


async def test_a_move_to_a_page_that_is_no_feed_starts_no_week(site: Site) -> None:
    """A failed visit keeps the state it began with: `pipeline` stores none of what it found."""
    site.answers |= {"/feed": moved(301, "/gone"), "/gone": web.Response(status=404)}
    with pytest.raises(FetchError):
        await site.visit()


async def test_secrets_reach_their_origin_and_no_other(
    site: Site, other: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWS_KEY", "s3cret")
    options = {
        "auth": {"user": "me", "password": {"env": "NEWS_KEY"}},
        "headers": {"X-Key": {"env": "NEWS_KEY"}},
        "cookies": {"session": "s3cret", "b": "2"},
        "user_agent": "me/1",
    }
    site.answers["/feed"] = moved(302, f"{other.url}/feed")
    other.answers["/feed"] = feed()
    await site.visit(**options)
    first, second = site.asked[0].headers, other.asked[0].headers
    assert first["Authorization"] == "Basic " + b64encode(b"me:s3cret").decode()
    assert (first["X-Key"], first["Cookie"]) == ("s3cret", "session=s3cret; b=2")
    assert {"Authorization", "X-Key", "Cookie"} & set(second) == set()
    assert first["User-Agent"] == second["User-Agent"] == "me/1"
    assert "s3cret" not in repr(site.source(**options)) + repr(site.source(**options).access)


async def test_secrets_do_not_follow_an_adopted_move(site: Site, other: Site) -> None:
    state = SourceState(moved_to=f"{other.url}/new", moved_since=NOW - 8 * DAY)
    other.answers["/new"] = feed()
    await site.visit(state, auth={"token": "t"})
    assert "Authorization" not in other.asked[0].headers


async def test_token_and_own_name(site: Site) -> None:
    site.answers["/feed"] = feed()
    await site.visit(auth={"token": "t"})
    assert site.asked[0].headers["Authorization"] == "Bearer t"
    assert site.asked[0].headers["User-Agent"].endswith("(+https://example.org/)")


@pytest.mark.parametrize(
    "options",
    [
        {"auth": {}},
        {"auth": {"user": "a"}},
        {"auth": {"user": "a", "password": "b", "token": "c"}},
        {"auth": {"user": "a:b", "password": "c"}},
        {"auth": {"token": {"env": "NOT_SET_ANYWHERE"}}},
        {"auth": {"token": {"file": "x"}}},
        {"auth": {"token": "a\r\nX-Evil: 1"}},
        {"headers": {"Host": "x"}},
        {"headers": {"X Y": "x"}},
        {"headers": {"X-Y": "x\ny"}},
        {"cookies": {"a;b": "x"}},
        {"cookies": {"a": "x; b=y"}},
        {"url": f"http://{'a' * 254}.org/"},
        {"proxy": "socks5://127.0.0.1:1"},
        {"url": "http://user:secret@example.org/feed"},
        {"every": "often"},
    ],
)
def test_what_cannot_be_sent_is_refused_when_it_is_read(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(HttpSource).validate_python({"url": "http://example.org/feed"} | options)
    assert len(caught.value.errors()) == 1


def test_secret_from_a_systemd_credential(tmp_path: Any) -> None:
    (tmp_path / "key").write_text("abc\n")
    made = TypeAdapter(HttpSource).validate_python(
        {"url": "http://example.org/", "auth": {"token": {"credential": "key"}}},
        context={"environment": {"CREDENTIALS_DIRECTORY": str(tmp_path)}},
    )
    assert made.access.headers["Authorization"] == "Bearer abc"


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "words"),
    [
        (401, {}, b"", "denied", "auth"),
        (403, {}, b"", "forbidden", "403"),
        (403, {"cf-mitigated": "challenge"}, b"<html>", "challenge", "Cloudflare"),
        (503, {}, b"<html><title>Just a moment...</title>", "challenge", "Cloudflare"),
        (404, {}, b"", "missing", "404"),
        (410, {}, b"", "gone", "410"),
        (429, {"Retry-After": "90"}, b"", "busy", "429"),
        (503, {"Retry-After": "Tue, 24 Nov 2026 12:01:30 GMT"}, b"", "busy", "503"),
        (500, {}, b"", "5xx", "500"),
        (204, {}, b"", "status", "204"),
    ],
)
async def test_refusals_by_their_names(
    site: Site, status: int, headers: dict[str, str], body: bytes, kind: str, words: str
) -> None:
    site.answers["/feed"] = web.Response(status=status, headers=headers, body=body)
    with pytest.raises(FetchError, match=words) as caught:
        await site.visit()
    assert (caught.value.kind, caught.value.status) == (kind, status)
    assert caught.value.retry_after == (timedelta(seconds=90) if "Retry-After" in headers else None)


async def test_a_challenge_in_the_place_of_a_feed_is_named(site: Site) -> None:
    site.answers["/feed"] = feed(b"<!doctype html><html><script src=/.within.website/x/cmd/anubis/api></script></html>")
    with pytest.raises(DocumentError, match="Anubis") as caught:
        await site.visit()
    assert caught.value.kind == "challenge"


async def test_freshness_is_reported(site: Site) -> None:
    site.answers["/feed"] = feed(Cache_Control="max-age=900")
    assert (await site.visit()).fresh_for == timedelta(minutes=15)


async def test_a_source_may_be_where_others_may_not(site: Site) -> None:
    site.answers["/feed"] = feed()
    async with Fetcher(Fetch()) as fetcher:
        with pytest.raises(FetchError, match="allow"):
            await site.source().visit(SourceState(), fetcher, NOW)
        allowed = site.source(allow=["127.0.0.1/32"])
        assert len((await allowed.visit(SourceState(), fetcher, NOW)).documents) == 1
        with pytest.raises(FetchError, match="allow"):  # not through the connection that the other one has open
            await site.source().visit(SourceState(), fetcher, NOW)


async def test_a_certificate_must_be_vouched_for(secure: Site, certificate: tuple[Path, Path]) -> None:
    secure.answers["/feed"] = feed()
    with pytest.raises(FetchError, match="certificate") as caught:
        await secure.visit()
    assert caught.value.kind == "tls"
    assert len((await secure.visit(ca=str(certificate[0]))).documents) == 1


async def test_a_file_that_holds_no_certificate_is_named(secure: Site, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for name in ("empty.pem", "missing.pem"):
        with pytest.raises(FetchError, match=name):
            await secure.visit(ca=str(tmp_path / name))


async def test_state_of_a_visit_keeps_what_it_does_not_know(site: Site) -> None:
    site.answers["/feed"] = feed()
    before = SourceState(succeeded_at=NOW - DAY, failing_since=NOW)
    after = (await site.visit(before)).state
    assert replace(after, packed_hash=None, body_hash=None, read_at=None) == before


def test_copy_of_a_source_derives_nothing_from_what_was_replaced() -> None:
    source = HttpSource(url="https://www.example.org/feed")
    before = source.key, source.host, source.access.ca
    copied = source.model_copy(update={"url": "https://example.com/news", "ca": Path("/ca.pem")})
    assert (copied.key, copied.host, copied.access.ca) == ("example.com/news", "example.com", Path("/ca.pem"))
    assert (source.key, source.host, source.access.ca) == before
    assert pickle.loads(pickle.dumps(source)).key == source.key
    assert source == HttpSource(url="https://www.example.org/feed")
