"""WebSub, the subscriber's part (https://www.w3.org/TR/websub/): what a hub is asked, when, and what it is believed.

Pure: times and random strings come in as arguments. A subscription goes through these states:

    asked    we have asked the hub, and it has not come back to verify that
    active   verified: the hub pushes until `lease_until`; renewed at half to two thirds of the lease
    denied   the hub does not want to; the next hub, or the same, is asked a day later
    leaving  the topic is not wanted any more: the hub is asked to end it
    off      over: to be forgotten
"""

import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from aggregator import urls
from aggregator.markup import legal
from aggregator.models import Advice, Subscription

MAX_LINKS = 100  # in the headers of one answer
MAX_HUBS = 4  # of one source
MAX_CHALLENGE = 1000  # characters; hubs send a few dozen
SHORTEST, LONGEST = timedelta(minutes=5), timedelta(days=30)  # leases that are believed
BACK_OFF = timedelta(hours=1)  # added by each failure in a row
SELDOM = timedelta(days=1)  # between two requests that fail, at most; and after a hub has said no
SOON = timedelta(minutes=10)  # between two requests to end a subscription
TRIES = 3  # before the next hub is asked, or a subscription is forgotten without its hub's word

_DIGESTS = ("sha1", "sha256", "sha384", "sha512")
_LIVE = ("asked", "active")
_TARGET = re.compile(r"[\s,]*<([^<>]{0,2000})>")
_PARAMETER = re.compile(r'\s*;\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]*)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?')


@dataclass(frozen=True, slots=True)
class Wish:
    """What a source should be subscribed to: the first of its hubs that works."""

    topic: str
    hubs: tuple[str, ...]


def links(values: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Relation (lower case) and target of each link in the values of Link headers (RFC 8288 §3), as they stand.

    A link with several relations comes once for each. Links about something else (`anchor`) are left out, and so is
    the rest of a value that cannot be understood.
    """
    for value in values:
        position = 0
        while found := _TARGET.match(value, position):
            position = found.end()
            parameters: dict[str, str] = {}
            while parameter := _PARAMETER.match(value, position):
                position = parameter.end()
                parameters.setdefault(parameter[1].lower(), _unquoted(parameter[2] or ""))  # the first `rel` counts
            if "anchor" not in parameters:
                yield from ((relation, found[1].strip()) for relation in parameters.get("rel", "").lower().split())


def discovered(values: Iterable[str], base: str) -> Advice | None:
    """What Link headers say of hubs and of the topic's own address; None where they say nothing of either."""
    found = [pair for pair, _ in zip(links(values), range(MAX_LINKS), strict=False)]
    hubs = tuple(target for relation, target in found if relation == "hub")
    self_url = next((target for relation, target in found if relation == "self"), None)
    return resolved(Advice(hubs=hubs, self_url=self_url), base) if hubs or self_url else None


def resolved(advice: Advice, base: str | None) -> Advice:
    """The advice with web addresses alone, absolute, and not too many. An absolute self URL stays as it was written:
    for a hub it is a name."""
    hubs = dict.fromkeys(filter(None, (urls.absolute(hub, base) for hub in advice.hubs[:MAX_LINKS])))
    own = (advice.self_url or "").strip()
    self_url = own if own.isprintable() and urls.absolute(own) else urls.absolute(own, base)
    return replace(advice, hubs=tuple(hubs)[:MAX_HUBS], self_url=self_url)


def merged(http: Advice | None, document: Advice) -> Advice:
    """What is known of a source's hubs: the headers' word before the document's (WebSub §4)."""
    if http is None:
        return document
    return replace(document, hubs=http.hubs or document.hubs, self_url=http.self_url or document.self_url)


def wish(advice: Advice) -> Wish | None:
    """What to subscribe to; None without a hub or without a name for the topic.

    A hub that is named without encryption is asked with it first, where that makes sense (WebSub §8.2).
    """
    if not advice.hubs or advice.self_url is None:
        return None
    hubs = [way for hub in advice.hubs for way in _ways(hub)]
    return Wish(advice.self_url, tuple(dict.fromkeys(hubs)))


def planned(
    source: str, known: Subscription | None, wanted: Wish | None, now: datetime, *, token: str, secret: str
) -> Subscription | None:
    """The subscription as it is to be before its hub is asked now; None when there is nothing to ask.

    State `leaving` means to ask for its end, `off` to forget it, everything else to ask for it. `token` and `secret`
    are unguessable and used for a new subscription.
    """
    if known is None:
        return _first(source, wanted.topic, wanted.hubs[0], now, token, secret) if wanted else None
    if known.state == "off":
        return known
    if known.state == "leaving" or wanted is None or known.topic != wanted.topic or known.hub not in wanted.hubs:
        return _left(known, now)
    if now < known.next_at:
        return None
    failures = known.failures + (known.asked_at is not None)  # it was asked, and has not come back
    error = "the hub has not verified the request" if known.asked_at is not None else known.error
    if known.state == "denied" or (failures and failures % TRIES == 0):
        hub = _next(wanted.hubs, known.hub)
        if hub != known.hub:
            fresh = _first(source, wanted.topic, hub, now, token, secret)
            return replace(fresh, failures=failures, error=error)
    held = known.lease_until is not None and known.lease_until > now
    state = "active" if known.state == "active" and held else "asked"
    wait = _patience(known, failures + 1, now)
    return replace(known, state=state, asked_at=now, next_at=now + wait, failures=failures, error=error)


def form(subscription: Subscription, callback: str, lease: timedelta) -> dict[str, str]:
    """What to send to the hub (WebSub §5.1). The secret goes to hubs with https alone."""
    if subscription.state == "leaving":
        return {"hub.mode": "unsubscribe", "hub.topic": subscription.topic, "hub.callback": callback}
    secret = {"hub.secret": subscription.secret} if subscription.secret else {}
    return {
        "hub.mode": "subscribe",
        "hub.topic": subscription.topic,
        "hub.callback": callback,
        "hub.lease_seconds": str(round(lease.total_seconds())),
    } | secret


def refused(asked: Subscription, error: str, now: datetime) -> Subscription:
    """The subscription after a request that its hub has not accepted."""
    if asked.state == "leaving":
        return replace(asked, error=error)
    failures = asked.failures + 1
    wait = _patience(asked, failures, now)
    return replace(asked, asked_at=None, failures=failures, next_at=now + wait, error=error)


def answered(
    known: Subscription, query: Mapping[str, str], now: datetime, *, lease: timedelta, scatter: float
) -> Subscription | None:
    """The subscription after a hub's request to the callback URL; None when we do not agree (WebSub §5.2, §5.3).

    `lease` is the one that we asked for, `scatter` a number from 0 to 1 that keeps renewals from coming all at once.
    """
    mode = query.get("hub.mode")
    if query.get("hub.topic") != known.topic:
        return None
    if mode == "denied" and known.state in _LIVE:
        reason = " ".join(legal(query.get("hub.reason", "")).split())[:200]
        error = f"the hub denies it: {reason}" if reason else "the hub denies it"
        return replace(known, state="denied", asked_at=None, lease_until=None, next_at=now + SELDOM, error=error)
    if not 0 < len(query.get("hub.challenge", "")) <= MAX_CHALLENGE:
        return None
    if mode == "subscribe" and known.state in _LIVE:
        granted = leased(query.get("hub.lease_seconds"), lease)
        return replace(
            known,
            state="active",
            asked_at=None,
            lease_until=now + granted,
            next_at=renewed_at(now, granted, scatter),
            failures=0,
            error=None,
        )
    if mode == "unsubscribe" and known.state == "leaving":
        return replace(known, state="off", asked_at=None, lease_until=None, next_at=now)
    return None


def is_live(subscription: Subscription) -> bool:
    """Whether its hub may push. One that has not verified yet may be late in doing so."""
    return subscription.state in _LIVE


def leased(seconds: str | None, asked: timedelta) -> timedelta:
    """How long a hub says that it will push, within bounds; what was asked for if it does not say."""
    if seconds and seconds.isascii() and seconds.isdigit():
        asked = timedelta(seconds=int(seconds[:10])) if len(seconds) <= 10 else LONGEST
    return min(max(asked, SHORTEST), LONGEST)


def renewed_at(now: datetime, lease: timedelta, scatter: float) -> datetime:
    """When to renew: after half to two thirds of the lease, so that failures leave time for others."""
    return now + lease * (1 / 2 + scatter / 6)


def is_signed(secret: str, header: str | None, body: bytes) -> bool:
    """Whether X-Hub-Signature proves that the sender of a body knows the secret (WebSub §7.1)."""
    method, _, signature = (header or "").strip().partition("=")
    if method.lower() not in _DIGESTS or not signature.isascii():
        return False
    expected = hmac.new(secret.encode(), body, method.lower()).hexdigest()
    return hmac.compare_digest(expected, signature.strip().lower())


def _first(source: str, topic: str, hub: str, now: datetime, token: str, secret: str) -> Subscription:
    private = urlsplit(hub).scheme == "https"
    return Subscription(
        source, hub, topic, token, secret if private else None, state="asked", next_at=now + BACK_OFF, asked_at=now
    )


def _left(known: Subscription, now: datetime) -> Subscription | None:
    """The next step in ending a subscription: its hub is told a few times, unless it would end by itself by then."""
    if known.lease_until is None or known.lease_until <= now:
        return replace(known, state="off", next_at=now)
    if known.state != "leaving":
        return replace(known, state="leaving", asked_at=now, next_at=now + SOON, failures=0, error=None)
    if now < known.next_at:
        return None
    if known.failures + 1 >= TRIES:
        return replace(known, state="off", next_at=now)
    return replace(known, asked_at=now, next_at=now + SOON, failures=known.failures + 1)


def _patience(known: Subscription, failures: int, now: datetime) -> timedelta:
    """How long to wait for a verification, or before another try: longer each time, but not past a lease that runs."""
    wait = min(BACK_OFF * failures, SELDOM)
    if known.lease_until is not None and known.lease_until > now:
        wait = min(wait, max((known.lease_until - now) / 3, timedelta(minutes=1)))
    return wait


def _next(hubs: Sequence[str], hub: str) -> str:
    return hubs[(hubs.index(hub) + 1) % len(hubs)]


def _ways(hub: str) -> Iterator[str]:
    parts = urlsplit(hub)
    if parts.scheme == "http" and parts.port is None:
        yield parts._replace(scheme="https").geturl()
    yield hub


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
