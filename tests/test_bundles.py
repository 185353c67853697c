"""Flood control: what is over a topic's caps is in one item for each hour; no story comes twice, and none is lost."""

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, insert, text

from aggregator import bundles
from aggregator.models import Membership
from aggregator.store import Database, entering, memberships, schema, told, topics, visits
from aggregator.store import pages as stored_pages
from aggregator.web import pages
from tests.desk import DAY, HOUR, START, Desk, on_one_store
from tests.test_migrations import filled
from tests.test_relating import plan_of
from tests.test_store import article, lease_of, visited


@pytest.fixture
def desk(config_directory: Path, database: Database) -> Desk:
    return Desk(config_directory, database, "max_per_hour: 2")


def own(items: list[dict[str, Any]]) -> list[str]:
    return [item["title"].removeprefix("Title ") for item in items if ":story/" in item["id"]]


def bundled(items: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The stories in bundles, by the ends of the ids of these."""
    return {
        item["id"].rpartition("/")[2]: [one["title"].removeprefix("Title ") for one in item["_aggregator"]["related"]]
        for item in items
        if "/bundle/" in item["id"]
    }


def test_what_is_over_the_cap_is_in_one_item(desk: Desk) -> None:
    desk.give("1", score=40)
    desk.publish()
    desk.now += timedelta(minutes=5)
    desk.give("234", "b", score=90)
    desk.publish()
    items = desk.items()
    assert sorted(own(items)) == ["1", "2"]  # it came first, whatever its score
    assert bundled(items) == {"2026-11-23T09Z": ["3", "4"]}
    item = items[0]
    assert item["id"] == "tag:example.org,2026:topic/fairs/bundle/2026-11-23T09Z"
    assert item["title"] == "Fairs & markets, 23 November 2026, 09:00–10:00: 2 more stories"
    assert (item["date_published"], item["date_modified"]) == ("2026-11-23T09:00:00+00:00", desk.now.isoformat())
    assert '<a href="https://b.example/3">Title 3</a>' in item["content_html"]
    assert "Why it is here</a>: because" in item["content_html"]
    for extension in ("atom", "rss"):
        parsed = feedparser.parse((desk.folder / f"fairs.{extension}").read_bytes())
        assert not parsed.bozo
        assert parsed.entries[0].id == item["id"]
    assert (pages.topic(desk.config, desk.database, "fairs") or "").count("<article ") == 4  # its page has them all


def test_the_store_says_which_stories_are_in_bundles(desk: Desk) -> None:
    desk.give("123")
    desk.publish()
    assert memberships.bundling(desk.database, article("1").key) == frozenset()
    assert memberships.bundling(desk.database, article("3").key) == {"fairs"}


def test_it_changes_while_its_hour_lasts_and_the_next_hour_has_room(desk: Desk) -> None:
    desk.give("123")
    desk.publish()
    desk.now += timedelta(minutes=10)
    desk.give("4")
    desk.publish()
    (before,) = (item for item in desk.items() if "/bundle/" in item["id"])
    assert (before["title"][-14:], before["date_modified"]) == ("2 more stories", desk.now.isoformat())
    desk.now += HOUR
    desk.give("5")
    desk.publish()
    assert before in desk.items()
    assert "5" in own(desk.items())
    files = desk.files()
    desk.republish()
    assert desk.files() == files


def test_one_source_has_its_share(config_directory: Path, database: Database) -> None:
    desk = Desk(config_directory, database, "max_share: 30%", "limit: 10")
    desk.give("12345", "a")
    desk.give("678", "b")
    desk.publish()
    assert len(own(desk.items())) == 6
    assert {name for names in bundled(desk.items()).values() for name in names} == {"4", "5"}


def test_what_is_published_keeps_its_place_when_caps_change(desk: Desk) -> None:
    desk.give("1234")
    desk.publish()
    before = desk.items()
    for caps in ("max_per_hour: 9", "max_per_hour: 1", "limit: 50"):
        desk.say(caps)
        desk.republish()
        assert desk.items() == before
    desk.give("56789")
    desk.publish()
    assert set(own(desk.items())) == {*own(before), *"56789"}  # no cap any more


def test_what_is_withdrawn_leaves_its_bundle_and_nobody_moves_up(desk: Desk) -> None:
    desk.give("1234")
    desk.publish()
    for name in "13":
        with desk.database.writing() as connection:
            stored_pages.touch(connection, [article(name).key])
            connection.execute(schema.memberships.delete().where(schema.memberships.c.story == article(name).key))
            topics.touch(connection, ["fairs"])
    desk.publish()
    assert (own(desk.items()), bundled(desk.items())) == (["2"], {"2026-11-23T09Z": ["4"]})


def test_what_leaves_and_is_back_is_where_it_was(desk: Desk) -> None:
    desk.give("1234")
    desk.publish()
    before = desk.files()
    for name in "14":
        desk.judge(article(name).key)
    desk.publish()
    assert desk.files() != before
    desk.now += 3 * HOUR
    for name in "41":
        desk.judge(article(name).key, ("fairs", 65))
    desk.publish()
    assert desk.files() == before


def test_a_bundle_is_dated_when_it_was_changed_last_and_that_does_not_go_back(desk: Desk) -> None:
    def modified() -> str:
        desk.publish()
        (item,) = (item for item in desk.items() if "/bundle/" in item["id"])
        return str(item["date_modified"])

    desk.give("123")
    desk.publish()
    desk.now += timedelta(minutes=5)
    desk.give("4")
    assert modified() == (came_at := desk.now).isoformat()
    desk.now += 2 * HOUR
    desk.judge(article("4").key)
    assert modified() == came_at.isoformat()  # though the last one has left
    desk.give("3", title="Corrected", content_hash="x", first_seen_at=START, updated_at=desk.now)
    assert modified() == desk.now.isoformat()
    before = desk.files()
    desk.republish()
    assert desk.files() == before


@pytest.mark.parametrize("more", [(), ("private: true",)])
def test_bundles_and_digests_lead_to_the_page_of_their_topic_if_it_is_there(
    config_directory: Path, database: Database, more: tuple[str, ...]
) -> None:
    def linked(data: bytes) -> list[str]:
        entries = feedparser.parse(data).entries
        return [one.id for one in entries if one.get("link", "").endswith("/topics/fairs")]

    desk = Desk(config_directory, database, "max_per_hour: 1", "digests: [hourly]", *more)
    desk.give("12")
    desk.publish()
    desk.now += HOUR
    desk.publish()
    folder = (desk.config.private if more else desk.config.public) / "feeds"
    for name in ("fairs", "fairs.hourly"):
        (item,) = (
            one for one in json.loads((folder / f"{name}.json").read_bytes())["items"] if ":story/" not in one["id"]
        )
        page = None if more else "http://127.0.0.1:8080/topics/fairs"
        assert (item.get("url"), item["_aggregator"].get("about")) == (page, page)
        data = {kind: (folder / f"{name}.{kind}").read_bytes() for kind in ("atom", "rss")}
        assert (b'<link rel="alternate" href="http://127.0.0.1:8080/topics/' in data["atom"]) is (not more)
        assert linked(data["rss"]) == ([] if more else [item["id"]])


def test_only_so_many_stories_are_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "MOST_STORIES", 3)
    desk.give("123456789")
    desk.publish()
    (item,) = (item for item in desk.items() if "/bundle/" in item["id"])
    assert item["title"].endswith(": 7 more stories")
    assert "4 more stories</a>" in item["content_html"]


def test_a_bundle_that_leaves_the_feed_is_on_a_page_and_whole(config_directory: Path, database: Database) -> None:
    desk = Desk(config_directory, database, "max_per_hour: 3", "limit: 5")
    for hour in range(9):
        desk.give([f"{hour}{letter}" for letter in "0123456"])
        desk.publish()
        desk.now += HOUR
    desk.now += DAY  # until then there are no short pages
    desk.publish()
    found = {item["id"]: item for item in desk.everything()}
    assert len([item for item in found.values() if "/bundle/" in item["id"]]) == 9
    names = Counter(
        [*own(list(found.values())), *(name for some in bundled(list(found.values())).values() for name in some)]
    )
    assert names == Counter(f"{hour}{letter}" for hour in range(9) for letter in "0123456")
    on_pages = [
        re.findall(b'/bundle/[^"<]+', data)
        for name, data in desk.files().items()
        if "archive" in name and name.endswith("json")
    ]
    assert len(on_pages) > 1
    assert max(Counter(one for page in on_pages for one in page).values()) == 1  # no bundle is torn apart


def test_max_age_holds_for_bundles(config_directory: Path, database: Database) -> None:
    desk = Desk(config_directory, database, "max_per_hour: 1", "max_age: 2d")
    desk.give("123")
    desk.publish()
    desk.now += 2 * DAY + timedelta(seconds=1)
    assert desk.publish() > 0  # though nothing came
    assert [item for item in desk.items() if "/bundle/" in item["id"]] == []


events = st.lists(
    st.tuples(st.integers(0, 180), st.integers(0, 9), st.sampled_from("abc"), st.integers(0, 99), st.booleans()),
    max_size=10,
)


@pytest.mark.usefixtures("all_told")
@on_one_store
@given(events, st.sampled_from(["max_per_hour: 3", "max_share: 20%", "max_per_hour: 4\n    max_share: 40%"]))
def test_each_story_is_there_once_whatever_comes_when(
    config_directory: Path, database: Database, some: list[tuple[int, int, str, int, bool]], caps: str
) -> None:
    desk, given = Desk(config_directory, database, caps, "limit: 10", "digests: [hourly]"), 0
    place: dict[str, str] = {}
    for minutes, count, source, score, publishes in some:
        desk.now += timedelta(minutes=minutes)
        names = [f"{given + number:02}" for number in range(count)]
        dates = {"published_at": START - timedelta(minutes=score)}
        desk.give(names, source, score, **dates)
        given += count
        if publishes:
            desk.publish()
            now = {name: "own" for name in own(desk.everything())}
            now |= {name: hour for hour, names in bundled(desk.everything()).items() for name in names}
            assert all(now.get(name) == where for name, where in place.items() if name in now)
            place |= now
    desk.now += DAY
    for _ in range(3):
        desk.now += DAY  # short pages are a day apart
        desk.publish()
    found = {item["id"]: item for item in desk.everything()}.values()
    names = Counter([*own(list(found)), *(name for some in bundled(list(found)).values() for name in some)])
    assert names == Counter(f"{number:02}" for number in range(given))
    told = Counter(one["title"] for item in desk.items("fairs.hourly") for one in item["_aggregator"]["related"])
    assert told == Counter(f"Title {number:02}" for number in range(given))
    before = desk.files()
    desk.republish()
    assert desk.files() == before


def test_what_publications_ask_is_read_from_indexes(desk: Desk) -> None:
    if not desk.database.is_sqlite:
        return
    asked = {
        "topic": "t",
        "slug": "t",
        "since": START,
        "past": False,
        "hour": START,
        "most": 9,
        "hours": [START],
        "at": START,
    }
    asked |= {"end": START, "behind": "", "stories": ["a", "b"]}
    with desk.database.reading() as connection:
        for statement, index in (
            (entering._IS_THERE, "ix_memberships_waiting"),
            (entering._ENTRANTS, "ix_memberships_waiting"),
            (entering._LATEST, "ix_memberships_topic_entered_at"),
            (told._ENTERED, "ix_memberships_topic_entered_at"),
            (told._HOURS, "ix_memberships_topic_bundled_at"),
            (told._BUNDLED, "ix_memberships_topic_bundled_at"),
            (told._LAST_BUNDLED, "ix_memberships_topic_bundled_at"),
            (stored_pages._BUNDLES_WAITING, "ix_memberships_topic_bundled_at"),
            (stored_pages._DIGESTED, "ix_memberships_story"),
        ):
            plan = plan_of(
                connection, statement, {name: asked[name] for name in statement.compile().params if name in asked}
            )
            assert f"memberships USING INDEX {index}" in plan, plan


def test_a_plain_topic_costs_few_statements(config_directory: Path, database: Database) -> None:
    desk, statements = Desk(config_directory, database), list[str]()
    desk.give("12")
    watch(database, lambda *about: statements.append(about[2]))
    desk.publish()
    assert len(statements) == 14  # with news
    topics.republish(database, ["fairs"])
    statements.clear()
    desk.publish()
    assert len(statements) == 11
    lease = lease_of(database, "b", desk.now)
    new = article("3", "b", link=None)
    outcome = visited(lease, new, memberships={new.key: (Membership("fairs", new.key, 65, ("because",)),)})
    statements.clear()
    visits.save(database, lease, outcome)
    assert len(statements) == 11


def test_publications_read_no_table_whole_though_most_of_it_seems_to_wait(desk: Desk) -> None:
    database, asked = desk.database, list[tuple[Any, ...]]()
    if database.is_sqlite:
        return
    topics.register(database, ["fairs", "old"], "rules", desk.now)
    desk.give([f"{number:02}" for number in range(20)])
    ids = [f"{number:032x}" for number in range(2**40, 2**40 + 4000)]
    with database.writing() as connection:
        for table, own in (
            (schema.articles, [{"key": one, "guid": one, "story": one, "source": "a"} for one in ids]),
            (schema.stories, [{"id": one, "lead": one, "founded_at": START - DAY} for one in ids]),
            (schema.memberships, [{"topic": "old", "story": one, "entered_at": None} for one in ids]),
            (schema.memberships, [{"topic": "fairs", "story": one, "entered_at": START - DAY} for one in ids[::4]]),
        ):
            waiting = {"hidden": False, "dated_at": START - DAY, "first_seen_at": START}
            row = filled(table, source="a") | {name: waiting[name] for name in waiting if name in table.c}
            connection.execute(insert(table), [row | one for one in own])
        connection.execute(text("ANALYZE"))
    watch(database, lambda _, cursor, statement, parameters, *others: asked.append((statement, parameters)))
    desk.publish()
    published = [one for one in asked if "memberships" in one[0]]
    assert len(published) > 5
    with database.reading() as connection:
        for statement, parameters in published:
            plan = "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))
            assert "Seq Scan on memberships" not in plan, plan


def watch(database: Database, note: Callable[..., None]) -> None:
    """Have everything noted that is asked from now on."""
    for engine in {database._writer, database._reader}:
        event.listen(engine, "before_cursor_execute", note)


def test_bundles_are_looked_for_where_there_are_caps_or_were(desk: Desk) -> None:
    desk.give("1234")
    desk.publish()
    before = bundled(desk.items())
    assert before
    desk.say()
    desk.republish()
    assert bundled(desk.items()) == before


def test_of_an_event_only_the_first_story_enters_and_takes_a_place(config_directory: Path, database: Database) -> None:
    desk = Desk(config_directory, database, "stories: one-per-event", "max_per_hour: 2", "digests: [hourly]")
    for name, first in (("1", "1"), ("2", "1"), ("3", "3"), ("4", "4")):
        desk.give(name)
        desk.publish()
        assert name not in own(desk.items())  # its event has not been looked for
        with database.writing() as connection:
            its = schema.stories.c.id == article(name).key
            connection.execute(schema.stories.update().where(its).values(event=article(first).key, unrelated=False))
            topics.touch(connection, ["fairs"])
        desk.publish()
        desk.now += timedelta(minutes=1)
    assert sorted(own(desk.items())) == ["1", "3"]
    assert bundled(desk.items()) == {"2026-11-23T09Z": ["4"]}
    desk.now += HOUR
    desk.publish()
    (item,) = desk.items("fairs.hourly")
    assert sorted(one["title"] for one in item["_aggregator"]["related"]) == ["Title 1", "Title 3", "Title 4"]
