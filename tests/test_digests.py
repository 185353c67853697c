"""Digests: each story in one of each kind, published when its period ends, and the same ever after."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from aggregator import digests, distribute, editions, publish
from aggregator.models import Tag, Terms
from aggregator.periods import Calendar
from aggregator.sections import sections
from aggregator.store import Database, relations, schema, topics
from aggregator.store import pages as stored_pages
from aggregator.store import told as stored_told
from aggregator.store.told import Told
from aggregator.telling import LONGEST, Teller, brief
from aggregator.web import pages
from aggregator.web.published import Published
from tests.desk import DAY, HOUR, START, Desk, on_one_store
from tests.test_store import article

KINDS = ("hourly", "daily", "weekly")
ALL = "digests: [hourly, daily, weekly]"


@pytest.fixture
def desk(config_directory: Path, database: Database) -> Desk:
    return Desk(config_directory, database, ALL)


def titles(item: dict[str, Any]) -> list[str]:
    return sorted(one["title"] for one in item["_aggregator"]["related"])


def test_a_digest_tells_what_came_in_a_period_that_is_over(desk: Desk) -> None:
    desk.give("1", "a", summary="One. Two? Three.")
    desk.give("2", "b", title="R&D <b>", score=90, published_at=START - 9 * DAY)
    desk.publish()
    assert desk.items("fairs.daily") == []
    desk.now += DAY
    desk.publish()
    (item,) = desk.items("fairs.daily")
    assert item["id"] == "tag:example.org,2026:topic/fairs/daily/2026-11-23"
    assert item["title"] == "Fairs & markets, 23 November 2026: 2 stories"
    assert item["date_published"] == item["date_modified"] == "2026-11-24T00:00:00+00:00"
    assert titles(item) == ["R&D <b>", "Title 1"]
    assert item["summary"] == "2 stories from 2 sources. R&D <b>; Title 1."
    html = item["content_html"]
    assert '<a href="https://b.example/2"><strong>R&amp;D &lt;b&gt;</strong></a>' in html
    assert "One. Two?<br>" in html and "Three" not in html
    assert html.index("R&amp;D") < html.index("Title 1")  # it has the better score
    assert "Why it is here</a>: because" in html
    assert "14 November 2026, 09:30" in html  # what it says of itself; it came on the day of the digest


def test_formats_say_the_same(desk: Desk) -> None:
    desk.give("12")
    desk.publish()
    desk.now += DAY
    desk.publish()
    (item,) = desk.items("fairs.daily")
    for extension in ("atom", "rss"):
        data = (desk.folder / f"fairs.daily.{extension}").read_bytes()
        parsed = feedparser.parse(data, sanitize_html=False)
        assert not parsed.bozo
        (entry,) = parsed.entries
        assert (entry.id, entry.title) == (item["id"], item["title"])
        assert entry.content[0].value.replace("<br />", "<br>") == item["content_html"]
        assert parsed.feed.title == "Fairs & markets: daily digest"


def test_what_comes_late_is_in_the_next_digest(desk: Desk) -> None:
    desk.give("1")
    desk.publish()
    desk.now = START.replace(hour=23, minute=59)
    desk.give("2")  # stored before midnight, and published after it
    desk.now += timedelta(minutes=2)
    desk.publish()
    before = desk.items("fairs.daily")
    assert [titles(one) for one in before] == [["Title 1"]]
    desk.now += DAY
    desk.publish()
    assert [titles(one) for one in desk.items("fairs.daily")] == [["Title 2"], ["Title 1"]]
    assert desk.items("fairs.daily")[1:] == before


def test_a_digest_comes_when_its_period_ends_though_nothing_else_does(desk: Desk) -> None:
    desk.give("1")
    desk.publish()
    for kind, end in (
        ("hourly", START.replace(hour=10, minute=0)),
        ("daily", START.replace(hour=0, minute=0) + DAY),
        ("weekly", START.replace(hour=0, minute=0) + 7 * DAY),
    ):
        desk.now = end - timedelta(seconds=1)
        assert topics.dirty(desk.database, desk.now) == []
        desk.now = end
        assert desk.publish() == 3
        assert len(desk.items(f"fairs.{kind}")) == 1
        assert desk.publish() == 0
    assert topics.dirty(desk.database, desk.now + 99 * DAY) == []  # nothing is waited for


def test_what_a_digest_told_stays_whoever_tells_it_later(desk: Desk) -> None:
    desk.give("1", "a")
    desk.publish()
    desk.now += DAY
    desk.publish()
    before = desk.files()
    with desk.database.writing() as connection:  # as a copy of it that another source brings
        row = dict(connection.execute(select(schema.articles)).one()._mapping)
        row |= {"key": "c" * 32, "source": "b", "guid": "c", "first_seen_at": desk.now, "voice": "x"}
        connection.execute(schema.articles.insert(), row)
        topics.touch(connection, ["fairs"])
    desk.republish()
    after = desk.files()
    assert {name for name in after if after[name] != before[name]} == {
        f"fairs.{extension}{packed}" for extension in ("atom", "rss", "json") for packed in ("", ".gz")
    }


def test_what_is_withdrawn_or_corrected_changes_in_its_digest(desk: Desk) -> None:
    desk.give("12", "a")
    desk.now += HOUR
    desk.give("3", "b")
    desk.publish()
    desk.now += DAY
    desk.publish()
    (before,) = desk.items("fairs.daily")
    desk.give("1", "a", title="Another title", content_hash="x", first_seen_at=START)
    desk.publish()
    (corrected,) = desk.items("fairs.daily")
    assert titles(corrected) == ["Another title", "Title 2", "Title 3"]
    assert {**corrected, **{key: before[key] for key in ("content_html", "summary", "_aggregator")}} == before
    with desk.database.writing() as connection:
        story = article("2").key
        stored_pages.touch(connection, [story])
        connection.execute(schema.memberships.delete().where(schema.memberships.c.story == story))
        topics.touch(connection, ["fairs"])
    desk.publish()
    (left,) = desk.items("fairs.daily")
    assert (left["id"], titles(left)) == (before["id"], ["Another title", "Title 3"])


def test_an_article_that_leaves_and_is_back_is_in_the_same_digest(desk: Desk) -> None:
    desk.give("12")
    desk.publish()
    desk.now += DAY
    desk.publish()
    before = desk.files()
    story = article("1").key
    for memberships in ((), (("fairs", 65),)):
        desk.judge(story, *memberships)
        desk.publish()
        assert [titles(one) for one in desk.items("fairs.daily")] == [["Title 1", "Title 2"][-1 - len(memberships) :]]
    assert desk.files() == before


def test_what_turns_out_to_be_of_an_event_told_before_leaves_its_digest(
    config_directory: Path, database: Database
) -> None:
    desk = Desk(config_directory, database, "stories: one-per-event", "digests: [daily]")

    def relate(*, publishes: bool = True, **terms: str) -> None:
        found = {article(name[1:]).key: letters for name, letters in terms.items()}
        weights = {story: dict.fromkeys(letters, 0.5) for story, letters in found.items()}
        relations.save(database, {story: Terms(story, START, one) for story, one in weights.items()})
        if publishes:
            desk.publish()

    def told() -> list[str]:
        return titles(desk.items("fairs.daily")[0])

    for name in "1234":
        desk.give(name)
        desk.now += timedelta(minutes=1)
    relate(_1="abcd", _2="efgh", _3="abcd", _4="ijkl")
    desk.judge(article("1").key)
    desk.publish()
    desk.now += DAY
    desk.publish()
    assert told() == ["Title 2", "Title 3", "Title 4"]  # the first one of the event of 3 is not here
    relate(_2="abcd")
    assert told() == ["Title 2", "Title 4"]
    before = desk.files()
    desk.republish()
    assert desk.files() == before
    digested = select(schema.topics.c.digested_at)
    relate(_2="abcd", _4="ijkl", publishes=False)
    with database.reading() as connection:
        assert connection.execute(digested).scalar() is not None  # nothing is told anew where no event is another one


def test_only_what_digests_tell_has_them_told_anew(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    feed = digests.feed
    monkeypatch.setattr(digests, "feed", lambda edition, *others: made.append(edition.digest) or feed(edition, *others))
    desk.give("1", "a")
    desk.publish()
    desk.now += DAY
    desk.give("2", "a")
    desk.publish()
    made.clear()
    desk.give("3", "b", title="Title 1", text_hash=article("1").text_hash)
    desk.publish()
    assert made == []  # one copy more of a story that is told
    desk.now += HOUR
    desk.publish()
    assert made == ["hourly"]
    desk.give("1", "a", title="Corrected", content_hash="x", first_seen_at=START)
    desk.publish()
    assert sorted(made) == ["daily", "hourly", "hourly", "weekly"]
    assert titles(desk.items("fairs.daily")[0]) == ["Corrected"]


def test_stories_are_read_in_parts_wherever_these_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for names in ("1", "2345", "678"):
        desk.give(names)
        desk.publish()
        desk.now += HOUR
    for size in (1, 2, 3, 8, 9):
        monkeypatch.setattr(stored_told, "AT_ONCE", size)
        parts = list(stored_told.entered_before(desk.database, "fairs", START + 2 * HOUR))
        assert all(len(part) <= size for part in parts)
        assert [one.title[-1] for part in parts for one in part] == [*"23451"]


def test_days_begin_when_the_topic_says(config_directory: Path, database: Database) -> None:
    desk = Desk(config_directory, database, "digests: [daily]", "timezone: Asia/Tokyo", 'digest_at: "07:00"')
    desk.now = START.replace(hour=21, minute=59)  # 06:59 of the 24th
    desk.give("1")
    desk.publish()
    desk.now += timedelta(minutes=1)
    desk.give("2")
    desk.publish()
    assert [titles(one) for one in desk.items("fairs.daily")] == [["Title 1"]]
    (item,) = desk.items("fairs.daily")
    assert item["title"] == "Fairs & markets, 24 November 2026, 07:00: 1 story"
    assert "from 23 November 2026, 07:00 to 24 November 2026, 07:00 (Asia/Tokyo)" in item["content_html"]


def test_only_so_many_stories_are_told_and_the_rest_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "MOST_STORIES", 2)
    desk.give("123")
    desk.give("45", score=90)
    desk.publish()
    desk.now += DAY
    desk.publish()
    (item,) = desk.items("fairs.daily")
    assert item["title"].endswith(": 5 stories")
    assert titles(item) == ["Title 4", "Title 5"]
    assert 'And <a href="http://127.0.0.1:8080/topics/fairs">3 more stories</a>.' in item["content_html"]


def test_only_so_many_digests_are_in_a_feed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(digests.MOST_ITEMS, "daily", 3)
    for day in range(5):
        desk.give(str(day))
        desk.publish()
        desk.now += DAY * (1 + day % 2)  # and days without stories have none
    desk.publish()
    assert [titles(one) for one in desk.items("fairs.daily")] == [["Title 4"], ["Title 3"], ["Title 2"]]


def test_stories_stand_under_what_tells_them_apart(desk: Desk) -> None:
    tags = {"1": "xab", "2": "xa", "3": "xbc", "4": "xc", "5": "x", "6": "xa"}
    desk.give(tags)
    desk.publish()
    (entered,) = stored_told.entered_before(desk.database, "fairs", START + DAY)
    told = [
        Told(one, (), tuple(Tag(f"country:{letter}", letter.upper(), 50) for letter in tags[one.title[-1]]))
        for one in entered
    ]
    teller = Teller("http://a.example/", Calendar(), START + DAY)
    found = [
        (part.tag and part.tag.label, {one.entered.title[-1] for one in part.stories})
        for part in sections(told, teller)
    ]
    assert found == [("A", {"1", "2", "6"}), ("C", {"3", "4"}), (None, {"5"})]


def test_a_summary_is_cut_where_a_sentence_ends_or_a_word() -> None:
    assert brief("One. Two. Three.") == "One. Two."
    assert brief("One. " + "Long " * 90) == "One."
    assert len(brief("long " * 90)) <= LONGEST + 1
    assert brief("long " * 90).endswith("long…")
    assert brief("") == ""


def test_files_come_and_go_with_the_key_and_are_served(desk: Desk) -> None:
    desk.give("1")
    desk.publish()
    published = Published(lambda: desk.config)
    place = published.place("/feeds/fairs.daily.atom")
    assert place is not None and published.copy(place, packed=True) is not None
    assert published.place("/feeds/fairs.yearly.atom") is None
    assert "http://127.0.0.1:8080/feeds/fairs.weekly.rss" in distribute.topics(desk.config)
    page = pages.topic(desk.config, desk.database, "fairs") or ""
    assert page.count("/feeds/fairs.daily.atom") == 1
    assert publish.is_published("fairs.hourly", desk.config.public)
    desk.say("digests: [weekly]")
    topics_of = desk.config.topics["fairs"]
    publish.withdraw(set(editions.published_with("fairs", topics_of)), desk.config.public)
    assert {name for name in desk.files() if name.endswith(".atom")} == {"fairs.atom", "fairs.weekly.atom"}


def test_private_digests_lie_where_private_feeds_do(config_directory: Path, database: Database) -> None:
    desk = Desk(config_directory, database, ALL, "private: true")
    desk.give("1")
    desk.publish()
    path = desk.config.private / "feeds" / "fairs.daily.atom"
    assert path.stat().st_mode & 0o777 == 0o600
    assert not desk.folder.exists() or not desk.files()
    place = Published(lambda: desk.config).private("fairs.daily.atom")
    assert place is not None and place.path == str(path)


events = st.lists(
    st.tuples(st.integers(0, 60 * 24 * 9), st.integers(0, 5), st.sampled_from("abc"), st.booleans()), max_size=12
)


@pytest.mark.usefixtures("all_told")
@on_one_store
@given(events, st.sampled_from(["UTC", "Europe/Zurich", "Asia/Kathmandu"]))
def test_each_story_is_in_one_digest_of_each_kind_and_a_rebuild_gives_the_same_bytes(
    config_directory: Path, database: Database, some: list[tuple[int, int, str, bool]], zone: str
) -> None:
    desk, given = Desk(config_directory, database, ALL, f"timezone: {zone}"), 0
    known: dict[str, str] = {}
    for minutes, count, source, publishes in some:
        desk.now += timedelta(minutes=minutes)
        desk.give([f"{given + number:02}" for number in range(count)], source)
        given += count
        if publishes:
            desk.publish()
            for item in (one for kind in KINDS for one in desk.items(f"fairs.{kind}")):
                assert known.setdefault(item["id"], repr(item)) == repr(item)  # never changes
    desk.publish()
    desk.now += 8 * DAY
    desk.publish()
    for kind in KINDS:
        counts = Counter(title for item in desk.items(f"fairs.{kind}") for title in titles(item))
        assert counts == Counter(f"Title {number:02}" for number in range(given))
    before = desk.files()
    desk.republish()
    assert desk.files() == before


def test_a_clock_that_is_set_back_a_little_changes_no_digest(desk: Desk) -> None:
    midnight = START.replace(hour=0, minute=0) + DAY
    desk.give("1")
    desk.now = midnight
    desk.publish()
    desk.now -= timedelta(seconds=5)
    desk.give("2")
    desk.publish()
    desk.now = midnight + DAY
    desk.give("3")
    desk.publish()
    assert [titles(one) for one in desk.items("fairs.daily")] == [["Title 1", "Title 2"]]
    desk.now -= timedelta(hours=2)  # it was wrong
    desk.give("4")
    desk.publish()
    ((last, *_),) = stored_told.entered_before(desk.database, "fairs", midnight + DAY)
    assert last.entered_at == desk.now
