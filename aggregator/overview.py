"""The state of everything, for `aggregator status`: whether a daemon runs or not."""

import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aggregator import alert_feed, show
from aggregator.config import Config
from aggregator.show import apart, iso, table
from aggregator.store import Database, stock
from aggregator.store import alerts as stored_alerts
from aggregator.store import memberships as stored_memberships
from aggregator.store import sources as stored_sources
from aggregator.terminal import plain

MOST = 100  # sources that are shown one by one, unless all are wanted
MOST_ALERTS = 20

_SOURCE = ("source", "last visit", "outcome", "new", "next visit")
_TOPIC = ("topic", "stories", "newest")
_COLOURS = {"failed": "red", "news": "green"}


def status(
    config: Config, database: Database, now: datetime, *, failing: bool = False, all_: bool = True
) -> dict[str, Any]:
    """Sources, topics, queues, alerts and totals as plain values; of the sources only the `failing` ones where these
    are wanted, or where not `all_` are and there are very many."""
    found, counts = stock.taken(database, now), stored_memberships.counts(database)
    failing = failing or not (all_ or found.sources <= MOST)
    disk = shutil.disk_usage(config.state) if config.state.exists() else None
    told = [alert for alert in stored_alerts.latest(database, alert_feed.MOST) if alert.resolved_at is None]
    return {
        "state": str(config.state),
        "database": config.settings.database.rpartition("@")[2],
        "articles": found.articles,
        "stories": found.stories,
        "database_bytes": found.database_bytes,
        "free_bytes": disk.free if disk else None,
        "source_count": found.sources,
        "failing_count": found.failing,
        "only_failing": failing,
        "queues": {
            "sources_due": found.due,
            "sources_due_since": iso(found.due_since),
            "topics_unpublished": found.unpublished,
            "stories_unrelated": found.unrelated,
            "deliveries_due": found.deliveries,
            "rules_pending": found.is_retagging,
        },
        "alerts": [
            {"kind": one.kind, "title": alert_feed.title(one), "subject": one.subject, "text": one.text}
            | {"since": iso(one.since)}
            for one in told
        ],
        "sources": [
            show.summary(one, now) for one in stored_sources.statuses(database, visits_each=5, failing=failing)
        ],
        "topics": [_topic(slug, *counts.get(slug, (0, None))) for slug in config.topics],
    }


def _topic(slug: str, stories: int, newest: datetime | None) -> dict[str, Any]:
    return {"slug": slug, "stories": stories, "newest": iso(newest)}


def lines(facts: dict[str, Any], now: datetime, width: int | None) -> Iterator[str]:
    """The same for a person, in `width` columns where names allow it; None: as wide as it comes, for a pipe.

    An error has a line of its own, which is never broken: a terminal does that without tearing what is copied from it.
    """
    yield from _head(facts, now)
    yield ""
    header, *rows = table([_SOURCE, *(_row(source, now) for source in facts["sources"])], width)
    yield header
    for line, source in zip(rows, facts["sources"], strict=True):
        yield line
        yield from (f"  {said}" for said in _troubles(source, now))
    yield from _left_out(facts)
    yield ""
    yield from table([_TOPIC, *(_topic_row(topic, now) for topic in facts["topics"])], width)


def print_tables(facts: dict[str, Any], now: datetime, console: Console) -> None:
    """The same for a person at a terminal."""
    for line in _head(facts, now):
        console.print(Text(line))
    sources = _framed(_SOURCE)
    for source in facts["sources"]:
        name, last, outcome, *rest = _row(source, now)
        colour = _COLOURS.get(outcome, "")
        named = Text("\n").join([Text(name), *(Text(said, style="red") for said in _troubles(source, now))])
        sources.add_row(named, last, Text(outcome, style=colour), *rest)
    console.print(sources)
    for line in _left_out(facts):
        console.print(Text(line))
    topics = _framed(_TOPIC)
    for topic in facts["topics"]:
        topics.add_row(*_topic_row(topic, now))
    console.print(topics)


def _head(facts: dict[str, Any], now: datetime) -> Iterator[str]:
    place = facts["state"] if facts["database"] == "sqlite" else facts["database"]
    yield f"{facts['articles']} articles in {facts['stories']} stories ({place})"
    free = f", {_size(facts['free_bytes'])} free" if facts["free_bytes"] is not None else ""
    yield f"database {_size(facts['database_bytes'])}{free}"
    yield f"{facts['source_count']:,} sources, {facts['failing_count']:,} failing"
    if waiting := list(_waiting(facts["queues"], now)):
        yield f"waiting: {', '.join(waiting)}"
    for alert in facts["alerts"][:MOST_ALERTS]:
        yield f"! {plain(alert['title'])} ({apart(alert['since'], now)}): {plain(alert['text'])}"
    if len(facts["alerts"]) > MOST_ALERTS:
        yield f"! {len(facts['alerts']) - MOST_ALERTS} more alerts; --json lists them"


def _waiting(queues: dict[str, Any], now: datetime) -> Iterator[str]:
    if queues["sources_due"]:
        since = apart(queues["sources_due_since"], now).removesuffix(" ago")
        yield f"{queues['sources_due']:,} sources to be visited, for {since}"
    for name, words in (
        ("topics_unpublished", "topics to be published"),
        ("stories_unrelated", "stories to be related"),
        ("deliveries_due", "deliveries"),
    ):
        if queues[name]:
            yield f"{queues[name]:,} {words}"
    if queues["rules_pending"]:
        yield "changed rules to be applied"


def _left_out(facts: dict[str, Any]) -> Iterator[str]:
    left = facts["source_count"] - len(facts["sources"])
    if facts["only_failing"] and left > 0:
        yield f"{left:,} sources that do not fail are not shown; --all shows them"


def _troubles(source: dict[str, Any], now: datetime) -> Iterator[str]:
    """What went wrong, when, and what is to be done."""
    if source["error"]:
        earlier = "" if source["error_at"] == source["last_visit"] else f"{apart(source['error_at'], now)}: "
        yield f"{earlier}{plain(source['error'])}"
    if source["trouble"]:
        yield f"look at it: {plain(source['trouble'])}"


def _row(source: dict[str, Any], now: datetime) -> Sequence[str]:
    last = apart(source["last_visit"], now) if source["last_visit"] else "never"
    due = apart(source["due_at"], now, past="now")
    return plain(source["name"]), last, source["outcome"] or "", str(source["new"]), due


def _topic_row(topic: dict[str, Any], now: datetime) -> Sequence[str]:
    return topic["slug"], str(topic["stories"]), apart(topic["newest"], now) if topic["newest"] else "never"


def _framed(header: Sequence[str]) -> Table:
    found = Table(header_style="bold")
    for number, name in enumerate(header):
        found.add_column(
            name, overflow="fold", no_wrap=bool(number), justify="right" if name in ("new", "stories") else "left"
        )
    return found


def _size(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"
