"""WebSub, the hub's part (https://www.w3.org/TR/websub/): what is asked of us, and how we answer. Pure.

Our hub knows our own public feeds and no other topic. A subscriber is stored when its callback has agreed, and has what
it was delivered last noted by its ETag, so nothing is delivered twice and nothing is forgotten over a crash.
"""

import hmac
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

from aggregator import urls
from aggregator.models import Subscriber
from aggregator.words import digest

SHORTEST, USUAL, LONGEST = timedelta(minutes=5), timedelta(days=10), timedelta(days=30)  # leases
MAX_CALLBACK = 1500  # characters
MAX_SECRET = 200  # bytes, less than (WebSub §5.1)
MOST, MOST_OF_A_SITE = 10_000, 1_000  # subscribers; those whose callbacks are on one registrable domain
# How long to wait after so many failures in a row; then the version is given up, and the next one is tried again.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 20, 60, 180, 360, 720))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks of the hub. Callbacks are secrets between a subscriber and its hubs."""

    mode: str  # subscribe or unsubscribe
    topic: str
    callback: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    lease: timedelta = USUAL

    @property
    def id(self) -> str:
        return digest([self.topic, self.callback])

    @property
    def host(self) -> str:
        return urlsplit(self.callback).hostname or ""


def wanted(form: Mapping[str, str], topics: Container[str]) -> Wanted:
    """The request in a form (WebSub §5.1). Raises ValueError, saying what is wrong with it."""
    mode, topic, callback = (form.get(f"hub.{name}", "") for name in ("mode", "topic", "callback"))
    if mode not in ("subscribe", "unsubscribe"):
        raise ValueError("hub.mode is 'subscribe' or 'unsubscribe'")
    if topic not in topics:
        raise ValueError("hub.topic is none of this hub: give the address that the feed has under rel=self")
    if not callback.isascii() or len(callback) > MAX_CALLBACK or urls.absolute(callback) is None:
        raise ValueError(f"hub.callback is an address that begins with http:// or https://, of {MAX_CALLBACK} bytes")
    if urlsplit(callback).fragment or "@" in urlsplit(callback).netloc:
        raise ValueError("hub.callback has no fragment and no password")
    secret = form.get("hub.secret") or None
    if secret and len(secret.encode("utf-8", "surrogatepass")) >= MAX_SECRET:
        raise ValueError(f"hub.secret is shorter than {MAX_SECRET} bytes")
    return Wanted(mode, topic, callback, secret, _lease(form.get("hub.lease_seconds", "")))


def question(request: Wanted, challenge: str) -> str:
    """The address at which the callback says whether it agrees (WebSub §5.3); its own query stays."""
    said = {"hub.mode": request.mode, "hub.topic": request.topic, "hub.challenge": challenge}
    if request.mode == "subscribe":
        said["hub.lease_seconds"] = str(round(request.lease.total_seconds()))
    joint = "&" if urlsplit(request.callback).query else "?"
    return f"{request.callback.removesuffix('?')}{joint}{urlencode(said)}"


def agrees(status: int, body: bytes, challenge: str) -> bool:
    return 200 <= status < 300 and hmac.compare_digest(body, challenge.encode())


def signature(secret: str, body: bytes) -> str:
    """The value of X-Hub-Signature (WebSub §7.1)."""
    return f"sha256={hmac.new(secret.encode('utf-8', 'surrogatepass'), body, 'sha256').hexdigest()}"


def delivered(subscriber: Subscriber, version: str, now: datetime) -> Subscriber:
    return replace(subscriber, delivered=version, delivered_at=now, due_at=None, failures=0, error=None)


def failed(subscriber: Subscriber, error: str, now: datetime) -> Subscriber:
    """After a delivery that came to nothing: tried again, longer apart each time, and then no more."""
    known = subscriber.failures < len(WAITS)
    due_at = now + WAITS[subscriber.failures] if known else None
    return replace(subscriber, due_at=due_at, failures=subscriber.failures + 1 if known else 0, error=error[:500])


def _lease(seconds: str) -> timedelta:
    """What is granted for what was asked: within bounds, the usual where that is no number."""
    if not seconds.isascii() or not seconds.isdigit():
        return USUAL
    return LONGEST if len(seconds) > 9 else min(max(timedelta(seconds=int(seconds)), SHORTEST), LONGEST)
