"""What `status` says, at eighty columns and in a pipe."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from aggregator import overview, show
from aggregator.models import Outcome, SourceState, Subscription, Visit
from aggregator.sources.http import HttpSource
from aggregator.store import Database, claims, sources, subscriptions, visits

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
        "database": "sqlite",
        "articles": 2,
        "stories": 1,
        "sources": [plain | due | source],
        "topics": [{"slug": "china", "stories": 1, "newest": (NOW - timedelta(hours=3)).isoformat()}],
        "database_bytes": 1_234_567,
        "free_bytes": 79_000_000_000,
        "source_count": 1,
        "failing_count": 0,
        "only_failing": False,
        "queues": dict.fromkeys(
            (
                "sources_due",
                "sources_due_since",
                "topics_unpublished",
                "stories_unrelated",
                "deliveries_due",
                "rules_pending",
            )
        ),
        "alerts": [],
    }


def test_times_are_told_from_now() -> None:
    visited = {"last_visit": (NOW - timedelta(minutes=5)).isoformat(), "outcome": "news", "new": 3}
    assert list(overview.lines(facts(**visited), NOW, 80)) == [
        "2 articles in 1 stories (/var/lib/aggregator)",
        "database 1.2 MB, 79.0 GB free",
        "1 sources, 0 failing",
        "",
        "source  last visit  outcome  new  next visit",
        "Inbox   5 min ago   news     3    in 23 min",
        "",
        "topic  stories  newest",
        "china  1        3 h ago",
    ]
    old = facts(last_visit=(NOW - timedelta(days=3)).isoformat(), due_at=(NOW - timedelta(hours=2)).isoformat())
    assert "3 d ago" in list(overview.lines(old, NOW, 80))[5]
    assert list(overview.lines(old, NOW, 80))[5].endswith("now")


def test_an_error_stands_whole_on_a_line_of_its_own_and_cannot_move_the_cursor() -> None:
    now = {"last_visit": NOW.isoformat(), "error_at": NOW.isoformat()}
    lines = list(overview.lines(facts(error=ERROR, outcome="failed", **now), NOW, 80))
    assert lines[6] == f"  {ERROR}".replace("\x1b", " ")


def test_where_a_source_has_moved_to_cannot_move_the_cursor() -> None:
    facts = {
        "name": "A",
        "id": "a",
        "due_at": NOW.isoformat(),
        "plan": "",
        "host_free_at": None,
        "trouble": "moved to \x1b[2J",
        "state": {},
        "hubs": [],
        "subscription": None,
        "visits": [],
    }
    assert "look at it: moved to  [2J" in list(show.source_lines(facts, NOW, None))


def test_an_error_of_an_earlier_visit_is_not_forgotten() -> None:
    times = {"last_visit": NOW.isoformat(), "error_at": (NOW - timedelta(hours=2)).isoformat()}
    lines = list(overview.lines(facts(error="two files rejected", outcome="unchanged", **times), NOW, 80))
    assert lines[6] == "  2 h ago: two files rejected"


def test_one_source_with_its_visits_and_the_reason_of_the_next(database: Database) -> None:
    source = HttpSource(url="https://example.org/feed", name="World")
    sources.register(database, {source.key: source}, NOW)
    (lease,) = claims.claim(database, NOW, limit=1, lease=timedelta(minutes=10))
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
    assert max(map(show.cell_len, overview.lines(named, NOW, 80))) <= 80
    assert ("新闻 " * 40).strip() in "\n".join(overview.lines(named, NOW, None))


def test_what_waits_and_what_is_wrong_is_said_first() -> None:
    alert = {"kind": "failing", "title": "Failing: A\x1b[2J", "subject": "a", "text": "no\u202e"}
    alert |= {"since": (NOW - timedelta(hours=5)).isoformat()}
    queues = {
        "sources_due": 1204,
        "sources_due_since": (NOW - timedelta(minutes=12)).isoformat(),
        "topics_unpublished": 2,
        "stories_unrelated": 0,
        "deliveries_due": 3,
        "rules_pending": True,
    }
    many = facts() | {"alerts": [alert] * 25, "queues": queues, "source_count": 10_000, "only_failing": True}
    said = list(overview.lines(many, NOW, 80))
    assert said[3] == (
        "waiting: 1,204 sources to be visited, for 12 min, 2 topics to be published, 3 deliveries,"
        " changed rules to be applied"
    )
    assert said[4] == "! Failing: A [2J (5 h ago): no "
    assert said[4 + overview.MOST_ALERTS] == "! 5 more alerts; --json lists them"
    assert "9,999 sources that do not fail are not shown; --all shows them" in said


def test_a_terminal_gets_tables_that_no_name_can_bend() -> None:
    console = Console(width=80, record=True, file=io.StringIO(), force_terminal=True)
    hostile = facts(
        name="[red]x[/red]\x1b[2J", error="[link=https://a.example/]no[/link]", error_at=None, outcome="failed"
    )
    overview.print_tables(hostile, NOW, console)
    text = console.export_text()
    assert "[red]x[/red] [2J" in text
    assert "[link=https://a.example/]no[/link]" in text
    assert max(map(show.cell_len, text.splitlines())) <= 80


def test_of_very_many_sources_those_that_fail_are_shown(database: Database, tmp_path: Path) -> None:
    many = {f"{n:03}": HttpSource(url=f"https://example.org/{n}", id=f"{n:03}") for n in range(overview.MOST + 1)}
    sources.register(database, {source.key: source for source in many.values()}, NOW)
    lease = claims.claim_one(database, "007", NOW, lease=timedelta(minutes=10))
    assert lease
    visit = Visit("007", NOW, "failed", 12, kind="connect", error="refused")
    visits.save(database, lease, Outcome(visit, SourceState(failing_since=NOW), NOW + timedelta(hours=1), 1))
    config = SimpleNamespace(state=tmp_path, topics={}, settings=SimpleNamespace(database="sqlite"))

    def shown(**wanted: bool) -> list[str]:
        return [one["id"] for one in overview.status(config, database, NOW, **wanted)["sources"]]  # type: ignore[arg-type]

    assert shown(all_=False) == shown(failing=True) == ["007"]
    assert len(shown(all_=True)) == overview.MOST + 1
    found = overview.status(config, database, NOW, all_=False)  # type: ignore[arg-type]
    assert (found["source_count"], found["failing_count"], found["only_failing"]) == (overview.MOST + 1, 1, True)
    assert found["sources"][0]["error"] == "refused"
