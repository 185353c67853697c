"""What `status` says, at eighty columns and in a pipe."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aggregator import show

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
ERROR = "https://example.org/" + "very-long/" * 12 + "feed.xml: 404\x1b[2J Not Found"


def facts(**source: Any) -> dict[str, Any]:
    plain = {"id": "a", "name": "Inbox", "failures": 0, "last_visit": None, "outcome": None, "new": 0, "error": None}
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
    lines = list(show.lines(facts(error=ERROR, outcome="failed"), NOW, 80))
    assert lines[4] == f"  {ERROR}".replace("\x1b", " ")


def test_a_long_name_gives_way_on_a_terminal_but_not_in_a_pipe() -> None:
    named = facts(name="新闻 " * 40)
    assert max(map(show.cell_len, show.lines(named, NOW, 80))) <= 80
    assert ("新闻 " * 40).strip() in "\n".join(show.lines(named, NOW, None))
