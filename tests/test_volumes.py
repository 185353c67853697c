"""How much comes, day by day; and how each source does."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from aggregator.store import Database, conditions, contents, schema, volumes
from aggregator.web.overview import Overview, first_day

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
LATE = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)  # the next day east of Greenwich, the day before in no zone but some


def put(database: Database, table: Any, rows: Iterable[dict[str, Any]]) -> None:
    with database.writing() as connection:
        connection.execute(table.insert(), list(rows))


def source(name: str, **facts: Any) -> dict[str, Any]:
    given = {"name": name.title(), "url": f"https://{name}.example/feed?key=secret", "rank": 50, "active": True}
    given |= {"due_at": NOW, "failures": 0, "failing_since": None, "succeeded_at": NOW, "host": f"{name}.example"}
    return {"id": name, **given, **facts}


def article(key: str, of: str, first_seen_at: datetime) -> dict[str, Any]:
    texts = dict.fromkeys(("folded_title", "text", "html", "summary", "content_hash", "text_hash"), "")
    lists: dict[str, Any] = {"authors": [], "categories": [], "enclosures": []}
    facts = {"guid": key, "story": key, "rule": "first", "title": f"Title of {key}", "word_count": 1, "language": "en"}
    return {"key": key, "source": of, "first_seen_at": first_seen_at, "dated_at": first_seen_at} | texts | lists | facts


def fill(database: Database) -> None:
    """Three days of one source, in two topics of three."""
    put(database, schema.sources, [source("wire")])
    dates = {"a": NOW, "b": LATE, "c": LATE - timedelta(hours=1), "d": NOW - timedelta(days=60)}
    put(database, schema.articles, [article(key, "wire", at) for key, at in dates.items()])
    put(database, schema.stories, [{"id": key, "lead": key, "founded_at": at} for key, at in dates.items()])
    names = ("full", "old", "none")
    put(
        database,
        schema.topics,
        [{"slug": name, "created_at": NOW, "changes": 1, "published_changes": 1} for name in names],
    )
    members = [("full", key) for key in dates] + [("old", "d")]
    put(
        database,
        schema.memberships,
        [{"topic": topic, "story": key, "score": 50, "reasons": [], "dated_at": dates[key]} for topic, key in members],
    )


def test_topics_have_counts_days_in_utc_and_their_newest_story(database: Database) -> None:
    fill(database)
    found = volumes.of_topics(database, first_day(NOW, 30))
    assert {slug: one.stories for slug, one in found.items()} == {"full": 4, "old": 1, "none": 0}
    assert found["full"].by_day == {date(2026, 11, 27): 1, date(2026, 11, 26): 2}
    assert found["old"].by_day is None
    assert found["full"].latest == volumes.Latest("a", "Title of a", "en", NOW)
    assert found["none"].latest is None


def test_sources_have_days_in_utc(database: Database) -> None:
    fill(database)
    with database.reading() as connection:
        found = volumes.of_sources(connection, database, ["wire", "none"], first_day(NOW, 30))
    assert found == {"wire": {date(2026, 11, 27): 1, date(2026, 11, 26): 2}}


def test_a_topic_is_gone_through_piece_by_piece(database: Database) -> None:

    fill(database)
    put(database, schema.stories, [{"id": "b2", "lead": "b", "founded_at": LATE}])
    put(database, schema.articles, [article("b2", "wire", LATE)])
    same = {"topic": "full", "story": "b2", "score": 50, "reasons": [], "dated_at": LATE}
    put(database, schema.memberships, [same])  # at the same time as another
    seen: list[str] = []
    after = None
    while some := contents.stories_in(
        database, "full", since=NOW - timedelta(days=90), limit=2, past=True, after=after
    ):
        seen += [story.id for story in some]
        after = (some[-1].founded_at, some[-1].id)
    assert seen == ["a", "b", "b2", "c", "d"]


def test_what_was_counted_holds_as_long_as_it_is_worth(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(database)
    clock = iter([100.0, 103.0, 150.0, 170.0, 171.0])  # counting takes three seconds, then one
    monkeypatch.setattr("aggregator.web.overview.time.monotonic", lambda: next(clock))
    overview = Overview(database, lambda: NOW)
    first = overview.volumes()
    assert overview.volumes() is first  # at 150
    assert overview.volumes() is not first  # at 170: sixty seconds later


def conditions_of(database: Database, **asked: Any) -> list[str]:
    given = {"since": first_day(NOW, 30), "limit": 50} | asked
    return [one.id for one in conditions.page(database, NOW, **given)]


@pytest.fixture
def sources(database: Database) -> Database:
    old = NOW - timedelta(days=40)
    some = [
        source("alpha"),
        source("beta", failing_since=NOW - timedelta(days=3), failures=4, due_at=NOW + timedelta(hours=2)),
        source("gamma", succeeded_at=None, host="10%_of.example"),
        source("delta"),
        source("omega", active=False),
    ]
    put(database, schema.sources, some)
    put(
        database, schema.articles, [article("a", "alpha", NOW), article("d", "delta", old), article("d2", "alpha", old)]
    )
    visit = {"outcome": "failed", "milliseconds": 1, "byte_count": 0, "new": 0, "updated": 0, "known": 0, "skipped": 0}
    visits = [
        {"source": "beta", "started_at": NOW - timedelta(days=2), "error": "an old one", "kind": "5xx"},
        {"source": "beta", "started_at": NOW - timedelta(days=1), "error": "the last one", "kind": "5xx"},
        {"source": "alpha", "started_at": old, "error": "long over", "kind": "dns"},
        {"source": "alpha", "started_at": NOW, "outcome": "news", "error": None, "kind": None},
    ]
    put(database, schema.visits, [visit | one for one in visits])
    return database


def test_sources_are_counted_and_sorted_by_how_they_do(sources: Database) -> None:
    assert conditions.counts(sources, NOW) == {"failing": 1, "silent": 1, "new": 1, "fine": 1}
    assert conditions_of(sources) == ["beta", "delta", "gamma", "alpha"]
    assert conditions_of(sources, order="name") == ["alpha", "beta", "delta", "gamma"]
    assert conditions_of(sources, order="latest") == ["alpha", "delta", "beta", "gamma"]
    assert conditions_of(sources, order="visit")[:2] == ["alpha", "beta"]
    assert conditions_of(sources, order="next")[-1] == "beta"
    assert conditions_of(sources, order="name", limit=2, offset=2) == ["delta", "gamma"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("BET", ["beta"]),
        ("a example", ["alpha", "beta", "delta", "gamma"]),
        ("%_of", ["gamma"]),
        ("key=secret", []),
        ("feed", []),
    ],
)
def test_sources_are_found_by_name_and_host_but_not_by_their_addresses(
    sources: Database, query: str, expected: list[str]
) -> None:
    assert conditions_of(sources, query=query, order="name") == expected


def test_a_source_says_its_last_visit_last_error_and_days(sources: Database) -> None:
    beta, alpha = (
        conditions.page(sources, NOW, since=first_day(NOW, 30), state=state, limit=5)[0]
        for state in ("failing", "fine")
    )
    assert beta.last is not None and beta.last.error == "the last one"
    assert beta.failed == beta.last
    assert beta.by_day == {}
    assert alpha.last is not None and alpha.last.outcome == "news"
    assert alpha.failed is not None and alpha.failed.error == "long over"
    assert (alpha.latest_at, alpha.by_day) == (NOW, {NOW.date(): 1})
