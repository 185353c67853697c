"""What `status` says, at eighty columns and in a pipe."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aggregator import show
from aggregator.models import Outcome, SourceState, Subscription, Visit
from aggregator.sources.http import HttpSource
from aggregator.store import Database, sources, subscriptions, visits

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
ERROR = "https://example.org/" + "very-long/" * 12 + "feed.xml: 404\x1b[2J Not Found"


def facts(**source: Any) -> dict[str, Any]:
    plain = {
        "id": "a",
        "name": "Inbox",
        "failures": 0,
        "last_visit": None,
        "outcome": None,
        "new": 0,
        "error": None,
        "error_at": None,
    }
    plain |= {"error_at": None, "trouble": None}
    due = {"due_at": (NOW + timedelta(minutes=23, seconds=9)).isoformat()}
    return {
        "state": "/var/lib/aggregator",
        "articles": 2,
        "stories": 1,
        "sources": [plain | due | source],
        "topics": [{"slug": "china", "stories": 1}],
    }


def test_times_are_told_from_now() -> None:
    visited = {"last_visit": (NOW - timedelta(minutes=5)).isoformat(), "outcome": "news", "new": 3}
    assert list(show.lines(facts(**visited), NOW, 80)) == [
        "2 articles in 1 stories (/var/lib/aggregator)",
        "",
        "source  last visit  outcome  new  next visit",
        "Inbox   5 min ago   news     3    in 23 min",
        "",
        "topic  stories",
        "china  1",
    ]
    old = facts(last_visit=(NOW - timedelta(days=3)).isoformat(), due_at=(NOW - timedelta(hours=2)).isoformat())
    assert "3 d ago" in list(show.lines(old, NOW, 80))[3]
    assert list(show.lines(old, NOW, 80))[3].endswith("now")


def test_an_error_stands_whole_on_a_line_of_its_own_and_cannot_move_the_cursor() -> None:
    now = {"last_visit": NOW.isoformat(), "error_at": NOW.isoformat()}
    lines = list(show.lines(facts(error=ERROR, outcome="failed", **now), NOW, 80))
    assert lines[4] == f"  {ERROR}".replace("\x1b", " ")


def test_an_error_of_an_earlier_visit_is_not_forgotten() -> None:
    times = {"last_visit": NOW.isoformat(), "error_at": (NOW - timedelta(hours=2)).isoformat()}
    lines = list(show.lines(facts(error="two files rejected", outcome="unchanged", **times), NOW, 80))
    assert lines[4] == "  2 h ago: two files rejected"


def test_one_source_with_its_visits_and_the_reason_of_the_next(database: Database) -> None:
    source = HttpSource(url="https://example.org/feed", name="World")
    sources.register(database, {source.key: source}, NOW)
    (lease,) = sources.claim(database, NOW, limit=1, lease=timedelta(minutes=10))
    visit = Visit(source.key, NOW, "failed", 12, status=429, kind="busy", error="asks for fewer visits")
    state = SourceState(etag='"1"', failing_since=NOW - timedelta(days=15))
    rest = NOW + timedelta(hours=1)
    plan = "1 failure, Retry-After 1 h"
    visits.save(database, lease, Outcome(visit, state, rest, 1, plan=plan, rest_until=rest))
    promised = NOW + timedelta(days=2)
    subscription = Subscription(
        source.key, "https://hub.example/", "t", "tok3n", "s3cret", "active", NOW, None, promised
    )
    subscriptions.put(database, None, subscription)
    (found,) = show.source(database, "World", NOW)
    assert "tok3n" not in repr(found) and "s3cret" not in repr(found)
    assert list(show.source_lines(found, NOW, 80)) == [
        "World (example.org/feed)",
        "next visit: in 60 min: 1 failure, Retry-After 1 h",
        "its host is left alone: in 60 min it may be visited again",
        "look at it: nothing but failures for 15 d",
        '  etag: "1"',
        "  failing_since: 2026-02-17T12:00:00+00:00 (15 d ago)",
        "  subscribed: active at https://hub.example/",
        "    last push never",
        "    until 2026-03-06T12:00:00+00:00 (in 2 d)",
        "",
        "visit    outcome  status  bytes  new  updated  known  ms",
        "0 s ago  failed   429     0      0    0        0      12",
        "  asks for fewer visits",
    ]
    assert show.source(database, "Nobody", NOW) == []


def test_a_long_name_gives_way_on_a_terminal_but_not_in_a_pipe() -> None:
    named = facts(name="新闻 " * 40)
    assert max(map(show.cell_len, show.lines(named, NOW, 80))) <= 80
    assert ("新闻 " * 40).strip() in "\n".join(show.lines(named, NOW, None))
