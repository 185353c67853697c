"""When to visit a source next, and why then? Pure.

The interval follows from how often the source brings news. With λ bursts of news a day the sum of all waiting,
λ·T/2, and of all requests, c/T, is least at T ∝ 1/√λ (the square-root rule of Cho and Garcia-Molina, "Effective page
refresh policies for web crawlers", ACM TODS 28(4), 2003, for news rather than copies). `poll.every` fixes c: it is the
interval of a source with one burst an hour.

λ is the greater of two estimates. A slow one forgets over two weeks and starts as if `poll.every` were right; a fast
one forgets over hours, so that a source that becomes hot is visited more often at once. Both learn only from visits
that came on time, after another success: a late visit looks like a burst, and would make the next one early.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import exp, sqrt
from typing import Protocol

from aggregator.models import Advice, Rhythm, SourceState

SOON = timedelta(seconds=0.2)  # a file that is about to be complete is looked at no sooner
LOCAL_RETRY = timedelta(minutes=1)
LONGEST = timedelta(days=1)  # between two tries of a failing source: feeds rise from the dead
OFFLINE = timedelta(minutes=1)  # between two tries of a source while our own network is down
MUTED = timedelta(days=30)  # between two looks at a source that says it is gone (410)
LOST = timedelta(days=14)  # not found for so long: somebody should look
MOVED = timedelta(days=7)  # of permanent redirects to one place, until that is where we go at once
LONGEST_REST = timedelta(hours=1)  # of a host: one source must not silence all its neighbours for long
REST = timedelta(minutes=10)  # of a host that has had enough of us and does not say for how long
PUSHED = timedelta(hours=6)  # between two visits of a source whose hub tells us of news

EXPECTED = 4  # intervals between news without a push, after which a hub is not relied on any more …
UNHEARD = timedelta(days=1), timedelta(days=3)  # … but not before and not after
HEEDED = timedelta(hours=1)  # a visit so soon after a push may find what the push was about

REFERENCE = 24.0  # bursts a day, at which the interval is `poll.every`
MEMORY = timedelta(days=14)
SHORT_MEMORY = timedelta(hours=4)
PRIOR = timedelta(hours=6)  # how much watching the first guess is worth
SLOT = timedelta(minutes=5)  # what appears within it counts once: batches are one event
LATE = timedelta(minutes=10)  # a visit that much later than planned teaches nothing
EVENNESS = 6.0  # bursts, spread over the day, that stand against what was seen: few events make no pattern
SPREAD = 0.1  # share of the interval by which visits are scattered, so that they never march in step

# How much each failure in a row adds, in intervals: what passes by itself is tried again sooner.
_WEIGHTS = {
    "dns": 0.25,
    "connect": 0.5,
    "timeout": 0.5,
    "slow": 0.5,
    "proxy": 0.5,
    "truncated": 0.5,
    "5xx": 0.5,
    "challenge": 2.0,
}


class Bounds(Protocol):
    """The settings under `poll`."""

    @property
    def every(self) -> timedelta: ...
    @property
    def min(self) -> timedelta: ...
    @property
    def max(self) -> timedelta: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """The time of the next visit, and the reason in words."""

    due_at: datetime
    reason: str


def after_success(
    now: datetime,
    bounds: Bounds,
    rhythm: Rhythm,
    advice: Advice = Advice(),  # noqa: B008  # frozen
    *,
    fixed: timedelta | None = None,
    fresh_for: timedelta | None = None,
    missed: bool = False,
    pushed: bool = False,
    scatter: float = 0.5,
) -> Plan:
    """The next visit of a source that was read.

    `fixed` is the interval that the operator wants, `missed` says that nothing in the document was known, so that
    older news may have been lost, `pushed` that a hub tells us of changes. `scatter` is a number from 0 to 1, another
    one for each source and visit.
    """
    if fixed is not None:
        interval, reasons = fixed, ["as configured"]
    else:
        interval = _interval(rhythm, now, bounds)
        reasons = [f"{bursts_a_day(rhythm, now):.2g} new a day"]
        if missed:
            interval, reasons = interval / 2, [*reasons, "all of it was new, so some may have been missed"]
        if pushed:
            interval, reasons = max(interval, PUSHED), [*reasons, "its hub tells us of news"]
        interval = min(max(interval, bounds.min), bounds.max)
        for name, asked in (("max-age", fresh_for), ("ttl", advice.ttl)):
            if asked is not None:
                interval = max(interval, min(asked, bounds.max))
            reasons.append(f"{name} {spoken(asked)}" if asked is not None else f"no {name}")
    due_at = _allowed(now + interval * (1 + SPREAD * (2 * scatter - 1)), advice, scatter)
    if due_at - now > interval * (1 + SPREAD):
        reasons.append("skips some hours or days")
    return Plan(due_at, ", ".join(reasons))


def after_failure(
    now: datetime,
    bounds: Bounds,
    failures: int,
    kind: str,
    *,
    fixed: timedelta | None = None,
    retry_after: timedelta | None = None,
    scatter: float = 0.5,
    is_local: bool = False,
) -> Plan:
    """The next try. `failures` in a row, this one included, put it off linearly, to a day at most.

    A place on this machine costs nobody anything, and whoever has mended it is waiting: it is tried every minute.
    """
    if is_local:
        return Plan(now + LOCAL_RETRY, "tried every minute until it works")
    if kind == "gone":
        return Plan(now + MUTED, "gone (410): looked at once a month; delete it, or give it its new address")
    interval = fixed or bounds.every
    wait = min(interval * (1 + _WEIGHTS.get(kind, 1.0) * failures), max(interval, LONGEST))
    reasons = [f"{failures} {'failure' if failures == 1 else 'failures in a row'}"]
    if retry_after is not None:
        wait = max(wait, min(retry_after, LONGEST))
    reasons.append(f"Retry-After {spoken(retry_after)}" if retry_after is not None else "no Retry-After")
    return Plan(now + wait * (1 + SPREAD * scatter), ", ".join(reasons))


def learned(
    rhythm: Rhythm, now: datetime, due_at: datetime, *, after_success: bool, news: Collection[datetime | None]
) -> Rhythm:
    """What a visit teaches. `news` has the date of each new entry, or None where it has no believable one.

    The first visit, a late one, and one after a failure only set the clock: how old what they bring really is, and
    what was missed, cannot be told.
    """
    if rhythm.seen_at is None:
        prior = PRIOR / timedelta(days=1)
        return Rhythm(now, prior, prior * REFERENCE, 0.0)
    if not after_success or now - due_at > LATE or now <= rhythm.seen_at:
        return replace(faded(rhythm, now), seen_at=now)
    slots = {_slot(at, rhythm.seen_at, now) for at in news}
    old = faded(rhythm, now)
    hours = Counter(slot.hour for slot in slots)
    return Rhythm(
        now,
        old.days + (now - rhythm.seen_at) / timedelta(days=1),
        old.bursts + len(slots),
        old.recent + sum(exp(-((now - slot) / SHORT_MEMORY)) for slot in slots),
        tuple(count + hours[hour] for hour, count in enumerate(old.by_hour)),
    )


def bursts_a_day(rhythm: Rhythm, now: datetime) -> float:
    """How often something new is to be expected, per day."""
    if rhythm.seen_at is None or not rhythm.days:
        return REFERENCE
    return max(rhythm.bursts / rhythm.days, faded(rhythm, now).recent / (SHORT_MEMORY / timedelta(days=1)))


def usual(rhythm: Rhythm, silence: timedelta, now: datetime) -> float | None:
    """How many bursts a day a source brought before it fell silent: what was learned since is taken off again.

    None where it was not watched for three days, as many as are worth anything here, before that.
    """
    if rhythm.seen_at is None or silence > MEMORY * 4:
        return None
    now_, kept = faded(rhythm, now), exp(-(silence / MEMORY))
    watched = now_.days - (1 - kept) * (MEMORY / timedelta(days=1))
    return now_.bursts / watched if watched >= 3 * kept else None


def _interval(rhythm: Rhythm, now: datetime, bounds: Bounds) -> timedelta:
    """Go forward through the hours of the day, each with its own rate, until one visit's worth has passed."""
    hot = faded(rhythm, now).recent / (SHORT_MEMORY / timedelta(days=1))
    daily = rhythm.bursts / rhythm.days if rhythm.days else REFERENCE
    seen = sum(rhythm.by_hour)
    at, left = now, 1.0
    while at - now < bounds.max:
        share = (rhythm.by_hour[at.hour] + EVENNESS / 24) / (seen + EVENNESS) * 24
        interval = bounds.every * sqrt(REFERENCE / max(daily * share, hot * exp(-((at - now) / SHORT_MEMORY)), 1e-6))
        step = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1) - at
        if interval * left <= step:
            return at - now + interval * left
        left -= step / interval
        at += step
    return bounds.max


def faded(rhythm: Rhythm, now: datetime) -> Rhythm:
    """The same counts, worth less because they are older."""
    age = max(now - rhythm.seen_at, timedelta()) if rhythm.seen_at else timedelta()  # a clock may be put back
    slow, fast = exp(-(age / MEMORY)), exp(-(age / SHORT_MEMORY))
    return replace(
        rhythm,
        days=rhythm.days * slow,
        bursts=rhythm.bursts * slow,
        recent=rhythm.recent * fast,
        by_hour=tuple(count * slow for count in rhythm.by_hour),
    )


def relies_on_pushes(rhythm: Rhythm, pushed_at: datetime | None, now: datetime, *, untold: bool) -> bool:
    """Whether a source's hub tells of its news, judged by the last push. `untold`: a visit has found news itself."""
    if pushed_at is None:
        return False
    silence = now - pushed_at
    expected = timedelta(days=1) / max(bursts_a_day(rhythm, now), 1e-3)
    return silence <= min(max(EXPECTED * expected, UNHEARD[0]), UNHEARD[1]) and not (untold and silence > HEEDED)


def rest(kind: str, retry_after: timedelta | None, *, answered_before: bool) -> timedelta | None:
    """How long a whole host is left alone after one of its sources was refused; None if the others may go on.

    Some hosts say 403 when they mean 429: to a source that they have served before, or with a Retry-After.
    """
    if kind != "busy" and not (kind == "forbidden" and (answered_before or retry_after is not None)):
        return None
    return min(retry_after or REST, LONGEST_REST)


def trouble(state: SourceState, kind: str | None, now: datetime) -> str | None:
    """What somebody should look at: a source that is gone, one that has long failed, one that has moved."""
    if state.failing_since is not None:
        failing = now - state.failing_since
        if kind == "gone":
            return f"gone for good, by its own word, for {spoken(failing)}: delete it, or give it its new address"
        if failing >= LOST:
            return f"nothing but failures for {spoken(failing)}"
    if state.moved_to and state.moved_since and now - state.moved_since >= MOVED:
        return f"moved for good: write {state.moved_to} as its url, and id: with its present id"
    return None


def spoken(span: timedelta) -> str:
    """A span of time in a person's words, its largest unit alone: `23 min`, `4 h`, `9 d`."""
    seconds = round(span.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            return f"{round(seconds / size)} {unit}"
    return f"{seconds} s"


def _slot(at: datetime | None, after: datetime, now: datetime) -> datetime:
    """The piece of time in which something appeared: now, if its own date is not from since the last visit."""
    at = at if at is not None and after < at <= now else now
    return at - (at - datetime.min.replace(tzinfo=at.tzinfo)) % SLOT


def _allowed(due_at: datetime, advice: Advice, scatter: float) -> datetime:
    """The time, or one soon after the beginning of the next hour in which the feed does not ask to be left alone."""
    if len(advice.skip_hours) >= 24 or len(advice.skip_days) >= 7:
        return due_at
    at = due_at
    for _ in range(24 * 7):
        if at.hour not in advice.skip_hours and at.weekday() not in advice.skip_days:
            return at if at == due_at else at + scatter * timedelta(minutes=30)
        at = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return due_at
