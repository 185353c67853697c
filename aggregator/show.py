"""Sources and tokens, for people: what commands show of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.cells import cell_len, set_cell_size

from aggregator import schedule
from aggregator.models import Subscription, Token
from aggregator.store import Database
from aggregator.store import sources as stored_sources
from aggregator.store import subscriptions as stored_subscriptions
from aggregator.store import visits as stored_visits
from aggregator.terminal import plain


def source(database: Database, name: str, now: datetime) -> list[dict[str, Any]]:
    """All that is known of the source with this id or name, or of several of that name."""
    return [
        summary(found, now)
        | {
            "subscription": _subscription(stored_subscriptions.of_source(database, found.id)),
            "plan": found.plan if found.plan else "",
            "host_free_at": iso(found.free_at),
            "state": {
                key: value for key, value in asdict(found.state).items() if key not in ("rhythm", "advice") and value
            },
            "hubs": list(found.state.advice.hubs),
            "new_a_day": round(schedule.bursts_a_day(found.state.rhythm, now), 2),
            "visits": [asdict(visit) for visit in found.visits],
        }
        for found in stored_sources.statuses(database, name, visits_each=stored_visits.KEPT_VISITS)
    ]


def _subscription(found: Subscription | None) -> dict[str, Any] | None:
    """Without what the hub alone may know."""
    if found is None:
        return None
    names = ("hub", "topic", "state", "lease_until", "pushed_at", "failures", "error")
    return {name: getattr(found, name) for name in names}


def summary(found: stored_sources.SourceStatus, now: datetime) -> dict[str, Any]:
    """A source in a few plain values."""
    last = found.visits[0] if found.visits else None
    failed = next((visit for visit in found.visits if visit.error), None)
    return {
        "id": found.id,
        "name": found.name,
        "due_at": iso(max(found.due_at, found.free_at or found.due_at)),
        "failures": found.failures,
        "last_visit": iso(last.started_at) if last else None,
        "outcome": last.outcome if last else None,
        "new": last.new if last else 0,
        "trouble": schedule.trouble(found.state, last.kind if last else None, now),
        "error": failed.error if failed else None,
        "error_at": iso(failed.started_at) if failed else None,
    }


def source_lines(facts: dict[str, Any], now: datetime, width: int | None) -> Iterator[str]:
    """One source for a person: when it is visited next and why, what it remembers, its last visits."""
    yield f"{plain(facts['name'])} ({plain(facts['id'])})"
    due = apart(facts["due_at"], now, past="now")
    yield f"next visit: {due}{': ' if facts['plan'] else ''}{plain(facts['plan'])}"
    if facts["host_free_at"] and datetime.fromisoformat(facts["host_free_at"]) > now:
        yield f"its host is left alone: {apart(facts['host_free_at'], now)} it may be visited again"
    if facts["trouble"]:
        yield f"look at it: {plain(facts['trouble'])}"
    for name, value in facts["state"].items():
        shown = f"{iso(value)} ({apart(value.isoformat(), now)})" if isinstance(value, datetime) else str(value)
        yield f"  {name}: {plain(shown)}"
    for hub in facts["hubs"]:
        yield f"  hub: {plain(hub)}"
    if facts["subscription"]:
        yield from _subscription_lines(facts["subscription"], now)
    yield ""
    rows = [("visit", "outcome", "status", "bytes", "new", "updated", "known", "ms")]
    for visit in facts["visits"]:
        numbers = (visit[name] for name in ("byte_count", "new", "updated", "known", "milliseconds"))
        when = apart(visit["started_at"].isoformat(), now)
        rows.append((when, visit["outcome"], str(visit["status"] or ""), *map(str, numbers)))
    header, *drawn = table(rows, width)
    yield header
    for line, visit in zip(drawn, facts["visits"], strict=True):
        yield line
        if visit["url"]:
            yield f"  found at {plain(visit['url'])}"
        if visit["error"]:
            yield f"  {plain(visit['error'])}"


def _subscription_lines(subscription: dict[str, Any], now: datetime) -> Iterator[str]:
    pushed, until = (subscription[name] for name in ("pushed_at", "lease_until"))
    yield f"  subscribed: {subscription['state']} at {plain(subscription['hub'])}"
    yield f"    last push {apart(pushed.isoformat(), now) if pushed else 'never'}"
    if until:
        yield f"    until {iso(until)} ({apart(until.isoformat(), now)})"
    if subscription["error"]:
        yield f"    {plain(subscription['error'])}"


def iso(moment: datetime | None) -> str | None:
    """A time as text, to the second."""
    return moment.isoformat(timespec="seconds") if moment else None


def tokens(found: Iterable[Token]) -> list[dict[str, Any]]:
    """Tokens as plain values; their digests are nobody's business."""
    names = ("id", "topic", "name", "created_at", "used_at")
    return [{name: getattr(one, name) for name in names} for one in found]


def token_lines(facts: Sequence[dict[str, Any]], now: datetime) -> Iterator[str]:
    """The same for a person."""
    rows = [("id", "topic", "for", "made", "last used")]
    for one in facts:
        used = apart(one["used_at"].isoformat(), now) if one["used_at"] else "never"
        rows.append((one["id"], one["topic"], plain(one["name"]), apart(one["created_at"].isoformat(), now), used))
    yield from table(rows, None)


def apart(moment: str, now: datetime, past: str = "{} ago") -> str:
    """`5 min ago`, `in 23 min`: in the largest unit of which there are two."""
    seconds = (datetime.fromisoformat(moment) - now).total_seconds()
    size, unit = next(
        ((size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "min")) if abs(seconds) >= 2 * size), (1, "s")
    )
    amount = f"{abs(seconds) // size:.0f} {unit}"
    return f"in {amount}" if seconds > 0 else past.format(amount)


def table(rows: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    """Rows as lines of aligned columns; the first column gives way when they do not fit."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    if width is not None:
        widths[0] = min(widths[0], max(10, width - sum(widths[1:]) - 2 * len(widths[1:])))
    for row in rows:
        cells = [set_cell_size(cell, size) for cell, size in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()
