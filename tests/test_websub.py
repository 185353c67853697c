"""WebSub without the network: links, signatures, and how a subscription goes on."""

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aggregator import schedule, websub
from aggregator.addresses import is_outside
from aggregator.config.settings import WebSub
from aggregator.models import Advice, Document, Rhythm, Subscription
from aggregator.parsers import feed
from aggregator.websub import Wish, answered, discovered, is_signed, leased, links, merged, planned, resolved, wish

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LEASE = timedelta(days=10)
TOPIC = "https://wire.example/feed"
HUB, SECOND = "https://hub.example/", "https://second.example/"
WISH = Wish(TOPIC, (HUB, SECOND))
BASE = "https://wire.example/a/feed"


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["<https://h/>; rel=hub"], [("hub", "https://h/")]),
        (['<https://h/>; rel="hub", <https://s/>; rel="self"'], [("hub", "https://h/"), ("self", "https://s/")]),
        (["<a>; rel=hub", "<b>; rel=self"], [("hub", "a"), ("self", "b")]),
        (['<a>; rel="self HUB"'], [("self", "a"), ("hub", "a")]),
        (['<a,b;c>;rel="hub";title="x, <y>; rel=self \\" z", <d> ; rel = self'], [("hub", "a,b;c"), ("self", "d")]),
        (["<a>; rel=hub; rel=self"], [("hub", "a")]),
        (['<a>; REL="hub"'], [("hub", "a")]),
        (['<a>; rel=hub; anchor="https://elsewhere/"', "<b>; rel=self"], [("self", "b")]),
        (["<>; rel=self"], [("self", "")]),
        ([",,<a>;;rel=hub,,"], [("hub", "a")]),
        (['<a>; rel="hub', "rel=hub", "<a; rel=hub", "", "<a>"], []),
        (["<a>; rel=hub nonsense <b>; rel=self"], [("hub", "a")]),
    ],
)  # fmt: skip
def test_link_headers(values: list[str], found: list[tuple[str, str]]) -> None:
    assert list(links(values)) == found


@given(st.lists(st.text(alphabet='<>;,="\\ relhubsf/a:', max_size=300), max_size=5))
def test_no_link_header_breaks_the_reader(values: list[str]) -> None:
    found = discovered(values, BASE)
    assert found is None or all(hub.startswith("https://") for hub in found.hubs)


def test_headers_give_absolute_addresses_of_the_web_alone_and_not_many() -> None:
    values = ["<javascript:alert(1)>; rel=hub", "</hub>; rel=hub", *(f"<https://h{n}/>; rel=hub" for n in range(200))]
    found = discovered([*values, "<../feed>; rel=self"], BASE)
    assert found
    assert found.hubs == ("https://wire.example/hub", "https://h0/", "https://h1/", "https://h2/")
    assert found.self_url is None  # beyond the first hundred
    assert discovered(["<../feed>; rel=self"], BASE) == Advice(self_url="https://wire.example/feed")
    assert discovered(["<https://x/>; rel=alternate"], BASE) is None


def test_topic_keeps_its_spelling() -> None:
    assert resolved(Advice(self_url="HTTPS://Wire.example:443/%7efeed"), None).self_url == (
        "HTTPS://Wire.example:443/%7efeed"
    )


def test_headers_win_over_the_document_and_silence_changes_nothing() -> None:
    document = Advice(ttl=HOUR, hubs=("https://d/",), self_url="https://d/self")
    assert merged(None, document) == document
    http = Advice(hubs=("https://h/",), self_url="https://h/self")
    assert merged(http, document) == Advice(ttl=HOUR, hubs=("https://h/",), self_url="https://h/self")
    assert merged(Advice(self_url="https://h/self"), document).hubs == ("https://d/",)


def test_hub_and_self_in_atom() -> None:
    body = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>W</title><link rel="hub" href="https://hub.example/"/>
    <link rel="hub" href="https://second.example/"/><link rel="self" href="https://wire.example/feed"/></feed>"""
    assert wish(feed.parse(Document(body, "feed")).advice) == WISH


def test_hub_and_self_in_rss() -> None:
    body = b"""<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>W</title>
    <link>https://wire.example/</link><atom:link rel="hub" href="https://hub.example/"/>
    <atom:link rel="self" type="application/rss+xml" href="https://wire.example/feed"/></channel></rss>"""
    assert wish(feed.parse(Document(body, "feed")).advice) == Wish(TOPIC, (HUB,))


def test_hub_without_encryption_is_asked_with_it_first() -> None:
    found = wish(Advice(hubs=("http://hub.example/x", "http://hub.example:81/"), self_url=TOPIC))
    assert found == Wish(TOPIC, ("https://hub.example/x", "http://hub.example/x", "http://hub.example:81/"))


@pytest.mark.parametrize("advice", [Advice(), Advice(hubs=(HUB,)), Advice(self_url=TOPIC)])
def test_nothing_to_subscribe_to(advice: Advice) -> None:
    assert wish(advice) is None


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_signature(method: str) -> None:
    good = hmac.new(b"secret", b"body", method).hexdigest()
    assert is_signed("secret", f"{method}={good}", b"body")
    assert is_signed("secret", f" {method.upper()}={good.upper()} ", b"body")
    assert not is_signed("secret", f"{method}={good}", b"body ")
    assert not is_signed("other", f"{method}={good}", b"body")
    assert not is_signed("secret", f"{method}={good[:-1]}", b"body")
    assert not is_signed("secret", good, b"body")


@pytest.mark.parametrize("header", [None, "", "sha1", "sha1=", "=", "sha256=é", "md5=" + hashlib.md5(b"").hexdigest()])
def test_what_is_no_signature(header: str | None) -> None:
    assert not is_signed("secret", header, b"body")


@given(st.text(max_size=100), st.binary(max_size=100))
def test_nothing_but_the_signature_is_one(header: str, body: bytes) -> None:
    assert not is_signed("secret", header, body)


def known(**changes: Any) -> Subscription:
    fields: dict[str, Any] = {
        "source": "wire",
        "hub": HUB,
        "topic": TOPIC,
        "token": "t" * 43,
        "secret": "s" * 43,
        "state": "active",
        "next_at": NOW,
        "lease_until": NOW + LEASE / 2,
    }
    return Subscription(**(fields | changes))


def plan(found: Subscription | None, wanted: Wish | None = WISH, now: datetime = NOW) -> Subscription | None:
    return planned("wire", found, wanted, now, token="fresh", secret="fresh secret")


def query(mode: str = "subscribe", **changes: str) -> dict[str, str]:
    said = {"mode": mode, "topic": TOPIC, "challenge": "c", "lease_seconds": "864000"} | changes
    return {f"hub.{name}": value for name, value in said.items()}


def answer(found: Subscription, asked: dict[str, str], scatter: float = 0.5) -> Subscription | None:
    return answered(found, asked, NOW, lease=LEASE, scatter=scatter)


def test_new_subscription_has_a_token_and_a_secret_of_its_own() -> None:
    first = plan(None)
    assert first
    assert (first.hub, first.topic, first.token, first.secret) == (HUB, TOPIC, "fresh", "fresh secret")
    assert (first.state, first.asked_at) == ("asked", NOW)
    assert "fresh" not in repr(first)


def test_secret_is_told_to_hubs_with_https_alone() -> None:
    private, plain = plan(None), plan(None, Wish(TOPIC, ("http://hub.example:81/",)))
    assert private and plain
    assert websub.form(private, "https://n.example/websub/t", LEASE) == {
        "hub.mode": "subscribe",
        "hub.topic": TOPIC,
        "hub.callback": "https://n.example/websub/t",
        "hub.lease_seconds": "864000",
        "hub.secret": "fresh secret",
    }
    assert plain.secret is None
    assert "hub.secret" not in websub.form(plain, "https://n.example/websub/t", LEASE)


def test_nothing_wanted_and_nothing_there() -> None:
    assert plan(None, None) is None


@pytest.mark.parametrize("state", ["asked", "active", "denied"])
def test_nothing_is_asked_before_its_time(state: str) -> None:
    assert plan(known(state=state, next_at=NOW + HOUR)) is None


def test_verified_subscription_is_renewed_with_the_same_callback() -> None:
    after = plan(known())
    assert after
    assert (after.state, after.token, after.asked_at, after.failures) == ("active", "t" * 43, NOW, 0)
    assert NOW < after.next_at < NOW + LEASE / 2


def test_subscription_whose_lease_is_over_is_not_active() -> None:
    after = plan(known(lease_until=NOW))
    assert after and after.state == "asked"


@pytest.mark.parametrize(("scatter", "share"), [(0.0, 1 / 2), (1.0, 2 / 3)])
def test_renewal_comes_at_half_to_two_thirds_of_the_lease(scatter: float, share: float) -> None:
    after = answer(known(state="asked"), query(), scatter)
    assert after
    assert (after.lease_until, after.next_at) == (NOW + LEASE, NOW + LEASE * share)


@pytest.mark.parametrize(
    ("seconds", "lease"),
    [
        ("7200", timedelta(hours=2)),
        ("1", timedelta(minutes=5)),
        ("0", timedelta(minutes=5)),
        ("9" * 10, timedelta(days=30)),
        ("9" * 5000, timedelta(days=30)),
        ("-5", LEASE),
        ("x", LEASE),
        ("٣", LEASE),
        ("", LEASE),
        (None, LEASE),
    ],
)
def test_lease_is_believed_within_bounds(seconds: str | None, lease: timedelta) -> None:
    assert leased(seconds, LEASE) == lease


@pytest.mark.parametrize(
    ("state", "asked"),
    [
        ("asked", query(topic=TOPIC + "/")),
        ("asked", query(topic="")),
        ("asked", {name: value for name, value in query().items() if name != "hub.topic"}),
        ("asked", query("unsubscribe")),
        ("active", query("unsubscribe")),
        ("leaving", query()),
        ("leaving", query("denied")),
        ("denied", query()),
        ("off", query("unsubscribe")),
        ("asked", query("publish")),
        ("asked", query(challenge="")),
        ("asked", query(challenge="x" * 1001)),
        ("leaving", query("unsubscribe", topic="https://other.example/")),
        ("active", query("denied", topic="https://other.example/")),
    ],
)
def test_what_was_not_asked_is_not_agreed_with(state: str, asked: dict[str, str]) -> None:
    assert answer(known(state=state), asked) is None


def test_hub_may_reconfirm_what_is_active() -> None:
    after = answer(known(), query())
    assert after and after.state == "active"


def test_denied_is_asked_again_a_day_later_at_the_next_hub() -> None:
    denied = answer(known(), query("denied", reason="no \x00 such\n topic" + "x" * 999))
    assert denied
    assert (denied.state, denied.lease_until, denied.next_at) == ("denied", None, NOW + timedelta(days=1))
    assert "no such topic" in (denied.error or "") and len(denied.error or "") < 300
    after = plan(denied, now=denied.next_at)
    assert after and (after.hub, after.token) == (SECOND, "fresh")
    alone = plan(denied, Wish(TOPIC, (HUB,)), denied.next_at)
    assert alone and (alone.hub, alone.state) == (HUB, "asked")


def test_failures_are_backed_off_linearly_to_a_day() -> None:
    one = Wish(TOPIC, (HUB,))
    subscription, now, waits = plan(None, one), NOW, []
    for _ in range(30):
        assert subscription
        subscription = websub.refused(subscription, "no", now)
        waits.append((subscription.next_at - now) / HOUR)
        now = subscription.next_at
        subscription = plan(subscription, one, now)
    assert waits == [min(count, 24) for count in range(1, 31)]


def test_request_that_is_never_verified_is_a_failure() -> None:
    first = plan(None)
    assert first
    second = plan(first, now=first.next_at)
    assert second
    assert (second.failures, second.token) == (1, "fresh")
    assert "not verified" in (second.error or "")
    assert second.next_at - first.next_at == 2 * HOUR


def test_next_hub_is_asked_after_three_failures() -> None:
    after = plan(known(state="asked", lease_until=None, failures=3, error="no"))
    assert after
    assert (after.hub, after.token, after.secret, after.failures) == (SECOND, "fresh", "fresh secret", 3)
    again = plan(replace(after, failures=6, asked_at=None, next_at=NOW))
    assert again and again.hub == HUB


def test_renewal_that_fails_is_tried_again_before_the_lease_ends() -> None:
    asked = plan(known(lease_until=NOW + HOUR, failures=20))
    assert asked
    assert websub.refused(asked, "no", NOW).next_at == NOW + HOUR / 3


@pytest.mark.parametrize(
    "wanted", [None, Wish("https://new.example/", (HUB,)), Wish(TOPIC, (SECOND,))], ids=["gone", "topic", "hub"]
)
def test_what_is_not_wanted_any_more_is_ended_and_forgotten(wanted: Wish | None) -> None:
    leaving = plan(known(next_at=NOW + HOUR), wanted)
    assert leaving and leaving.state == "leaving"
    assert websub.form(leaving, "https://n.example/websub/t", LEASE)["hub.mode"] == "unsubscribe"
    ended = answer(leaving, query("unsubscribe"))
    assert ended and ended.state == "off"
    assert plan(ended, wanted) == ended


def test_hub_that_does_not_answer_is_left_after_three_requests() -> None:
    subscription, now, asked = plan(known(), None), NOW, 0
    while subscription and subscription.state == "leaving":
        asked += 1
        assert plan(subscription, None, now) is None
        now = subscription.next_at
        subscription = plan(subscription, None, now)
    assert asked == 3
    assert subscription and subscription.state == "off"


def test_what_no_hub_has_granted_is_forgotten_at_once() -> None:
    after = plan(known(state="asked", lease_until=None), None)
    assert after and after.state == "off"


@pytest.mark.parametrize(
    ("per_day", "silence", "untold", "relied_on"),
    [
        (24.0, 23 * HOUR, False, True),  # a night is no reason
        (24.0, 25 * HOUR, False, False),
        (2.0, 47 * HOUR, False, True),
        (2.0, 49 * HOUR, False, False),
        (0.01, 71 * HOUR, False, True),
        (0.01, 73 * HOUR, False, False),
        (24.0, HOUR / 2, True, True),  # the visit that a hint has brought about
        (24.0, 2 * HOUR, True, False),
    ],
)
def test_hub_is_relied_on_while_it_pushes(per_day: float, silence: timedelta, untold: bool, relied_on: bool) -> None:
    rhythm = Rhythm(NOW, 10.0, 10.0 * per_day)
    assert schedule.relies_on_pushes(rhythm, NOW - silence, NOW, untold=untold) is relied_on
    assert not schedule.relies_on_pushes(rhythm, None, NOW, untold=untold)


@pytest.mark.parametrize("host", ["news.example.org", "1.1.1.1", "2606:4700::1", "News.Example.Org."])
def test_hosts_that_hubs_can_reach(host: str) -> None:
    assert is_outside(host)


@pytest.mark.parametrize("host", ["", "news", "localhost", "a.localhost", "nas.local", "x.internal", "10.0.0.1", "::1"])
def test_hosts_that_hubs_cannot_reach(host: str) -> None:
    assert not is_outside(host)


@pytest.mark.parametrize("lease", ["59m", "31d"])
def test_wished_lease_has_bounds(lease: str) -> None:
    with pytest.raises(ValidationError, match="from 1h to 30d"):
        WebSub.model_validate({"lease": lease})
