"""Editions beside the topics' own feeds: which stories they have, that ids are the same everywhere, and that nothing
private is in them."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import feedparser
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from aggregator import config, opml, runtime, selecting
from aggregator.config import Config
from aggregator.store import Database, schema, selections
from aggregator.store import editions as stored_editions
from aggregator.store import stories as stored_stories
from aggregator.store import topics as stored_topics
from aggregator.store.selections import Part, Wanted
from aggregator.web import pages
from tests.test_pipeline import drop, once, only_inbox

ATOM = "{http://www.w3.org/2005/Atom}"
COMPLETE = "{http://purl.org/syndication/history/1.0}complete"
TOPICS = """topics:
  fairs: {{title: Fairs, labels: [asia, trade], {more} any: [{{phrase: market}}, {{phrase: рынок}}]}}
  wine: {{title: Wine, labels: [trade], reasons: footer, any: [{{phrase: wine}}]}}
  desk: {{title: Desk, labels: [asia, inside], private: true, variants: {{lang: [en]}}, any: [{{phrase: harvest}}]}}
"""
VARIANTS = "variants: {lang: [en, ru]},"
ENGLISH = (
    "The {} numbered {} was held today, and those who had come to see it went home in the evening with what they had."
)
RUSSIAN = "Сегодня открылся {} под номером {}, и все, кто пришёл на него посмотреть, вечером ушли домой с покупками."
START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def directory(config_directory: Path) -> Path:
    """A configuration with three topics, one of them private, and a feed of everything."""
    path = config_directory / "aggregator.yaml"
    path.write_text(path.read_text().replace("publish: false", "publish: true"))
    only_inbox(config_directory)
    write(config_directory)
    return config_directory


@pytest.fixture
def on_both(directory: Path, new_database: Callable[[], Database]) -> Path:
    """The same, with an empty store on both kinds of database."""
    path = directory / "aggregator.yaml"
    url: str = new_database.url  # type: ignore[attr-defined]
    path.write_text(re.sub("(?m)^database: .*$", lambda _: f"database: {url}", path.read_text()))
    return directory


def write(directory: Path, more: str = VARIANTS) -> None:
    (directory / "topics.yaml").write_text(TOPICS.format(more=more))


def give(directory: Path, *told: tuple[str, int]) -> None:
    """An article for each subject and day."""
    inbox = directory.parent / "var" / "inbox"
    for subject, day in told:
        text = (ENGLISH if subject.isascii() else RUSSIAN).format(subject, day * 7919)
        name = f"{subject.encode().hex()}-{day}.txt"
        drop(inbox, name, f"A {subject} of day {day}\n\n{text}".encode())
        at = START.timestamp() + day * 86_400
        os.utime(inbox / name, (at, at))


def place(directory: Path, name: str, root: str = "public") -> Path:
    return directory.parent / "var" / root / "feeds" / name


def items(directory: Path, name: str, root: str = "public") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(place(directory, f"{name}.json", root).read_bytes())["items"]
    return found


def titles(directory: Path, name: str, root: str = "public") -> list[str]:
    return [item["title"] for item in items(directory, name, root)]


def all_public(directory: Path) -> bytes:
    return b"".join(
        path.read_bytes() for path in (directory.parent / "var" / "public").rglob("*.*") if path.suffix != ".gz"
    )


def in_store(directory: Path, work: Callable[[Config, Database], None]) -> None:
    loaded = config.load(directory, {})
    with runtime.opened(loaded) as database:
        work(loaded, database)


def merge(directory: Path, one: dict[str, Any], other: dict[str, Any]) -> None:
    def work(loaded: Config, database: Database) -> None:
        keys = [item["id"].rpartition("/")[2] for item in (one, other)]
        stored_stories.wish(database, "merge", *keys, runtime.utc_now())
        runtime.fulfil(loaded, database)

    in_store(directory, work)


async def test_a_variant_has_what_satisfies_it_with_the_items_of_its_topic(directory: Path) -> None:
    give(directory, ("market", 1), ("рынок", 2), ("market", 3), ("wine", 4))
    await once(directory)
    whole = items(directory, "fairs")
    assert len(whole) == 3
    for lang in ("en", "ru"):
        assert items(directory, f"fairs.{lang}") == [item for item in whole if item["language"] == lang]
    assert titles(directory, "fairs.ru") == ["A рынок of day 2"]
    tree = etree.fromstring(place(directory, "fairs.ru.atom").read_bytes())
    links = {link.get("rel"): link.get("href") for link in tree.findall(f"{ATOM}link")}
    assert links["self"] == "http://127.0.0.1:8080/feeds/fairs.ru.atom"
    assert links["alternate"] == "http://127.0.0.1:8080/topics/fairs"
    assert tree.findtext(f"{ATOM}id") == "tag:example.org,2026:topic/fairs.ru"
    assert tree.findtext(f"{ATOM}title") == "Fairs (ru)"


async def test_a_variant_reaches_as_far_back_as_its_topic_with_as_many_stories(on_both: Path) -> None:
    write(on_both, f"limit: 3, {VARIANTS}")
    give(on_both, *(("рынок", day) for day in (1, 2, 3, 4)), *(("market", day) for day in (5, 6, 7)))
    await once(on_both)
    assert titles(on_both, "fairs") == [f"A market of day {day}" for day in (7, 6, 5)]
    assert titles(on_both, "fairs.ru") == [f"A рынок of day {day}" for day in (4, 3, 2)]


async def test_scores_are_those_of_the_topic(config_directory: Path) -> None:
    path = config_directory / "topics.yaml"
    path.write_text(
        path.read_text().replace(
            "    all: [country:china, country:russia]",
            "    variants: {min_score: [70, 90]}\n    all: [country:china, country:russia]",
        )
    )
    await once(config_directory)
    whole = items(config_directory, "china-russia")
    for least in (70, 90):
        some = [item for item in whole if item["_aggregator"]["score"] >= least]
        assert items(config_directory, f"china-russia.min{least}") == some
        assert 0 < len(some) < len(whole)


async def test_a_label_has_each_story_once_and_says_in_which_topics_it_is(on_both: Path) -> None:
    give(on_both, ("market", 1), ("wine", 2), ("market and wine", 3), ("harvest", 4), ("wine harvest", 5))
    await once(on_both)
    assert titles(on_both, "_label-trade") == [
        "A wine harvest of day 5",
        "A market and wine of day 3",
        "A wine of day 2",
        "A market of day 1",
    ]
    both = items(on_both, "_label-trade")[1]
    assert {reason.partition(":")[0] for reason in both["_aggregator"]["reasons"]} == {"Fairs", "Wine"}
    assert {"Fairs", "Wine"} <= {*both["tags"]}
    assert "Why: Wine: " in both["content_html"]  # as that topic wants it, and the other one does not
    assert "Fairs: " not in both["content_html"]
    of_atom = feedparser.parse(place(on_both, "_label-trade.atom").read_bytes()).entries[1]
    schemes = {(tag.term, tag.scheme) for tag in of_atom.tags}
    assert {("fairs", "tag:example.org,2026:topics"), ("wine", "tag:example.org,2026:topics")} <= schemes


async def test_a_story_has_one_id_in_all_editions_and_formats(directory: Path) -> None:
    give(directory, ("market", 1), ("рынок", 2), ("wine", 3), ("nothing", 4))
    await once(directory)
    ids: dict[str, set[str]] = {}
    names = ["fairs", "wine", "fairs.en", "fairs.ru", "_label-asia", "_label-trade", "_all"]
    for name in names:
        for item in items(directory, name):
            ids.setdefault(item["title"], set()).add(item["id"])
        for extension in ("atom", "rss"):
            for entry in feedparser.parse(place(directory, f"{name}.{extension}").read_bytes()).entries:
                ids.setdefault(entry.title, set()).add(entry.id)
    assert len(ids) == 4
    assert all(len(same) == 1 for same in ids.values())


async def test_everything_has_what_is_in_no_topic_and_not_what_is_in_private_ones_only(on_both: Path) -> None:
    give(on_both, ("market", 1), ("nothing", 2), ("harvest", 3), ("wine harvest", 4))
    await once(on_both)
    assert titles(on_both, "_all") == ["A wine harvest of day 4", "A nothing of day 2", "A market of day 1"]
    assert "Wine" in items(on_both, "_all")[0]["tags"]
    assert "Desk" not in items(on_both, "_all")[0]["tags"]
    give(on_both, ("nothing", 5))
    await once(on_both)
    assert titles(on_both, "_all")[0] == "A nothing of day 5"
    tree = etree.fromstring(place(on_both, "_all.atom").read_bytes())
    assert tree.find(COMPLETE) is not None


async def test_nothing_public_tells_of_what_is_private(directory: Path) -> None:
    give(directory, ("harvest", 1), ("рынок", 2), ("wine harvest", 3))
    await once(directory)
    assert titles(directory, "desk.en", "private") == ["A wine harvest of day 3", "A harvest of day 1"]
    public = all_public(directory)
    assert b"A harvest of day 1" not in public
    for word in (b"Desk", b"desk", b"inside"):
        assert word not in public

    def work(loaded: Config, database: Database) -> None:
        for page in (pages.index(loaded, {}), pages.topic(loaded, database, "wine") or ""):
            assert "esk" not in page
            assert "inside" not in page
        assert pages.topic(loaded, database, "desk") is None

    in_store(directory, work)
    assert not any("desk" in path.name for path in place(directory, "").iterdir())


async def test_a_topic_that_becomes_private_takes_its_stories_out_of_all_editions(directory: Path) -> None:
    give(directory, ("market", 1), ("wine", 2))
    await once(directory)
    assert "A market of day 1" in titles(directory, "_label-trade")
    write(directory, f"private: true, {VARIANTS}")
    await once(directory)
    assert titles(directory, "_label-trade") == titles(directory, "_all") == ["A wine of day 2"]
    assert b"market" not in all_public(directory)
    assert not place(directory, "fairs.en.atom").exists()
    assert not place(directory, "_label-asia.atom").exists()  # only private ones are left
    assert titles(directory, "fairs.en", "private") == ["A market of day 1"]


async def test_what_is_not_configured_any_more_goes_and_what_is_new_comes(on_both: Path) -> None:
    give(on_both, ("market", 1), ("wine", 2))
    await once(on_both)
    write(on_both, "variants: {lang: [ru]},")
    path = on_both / "aggregator.yaml"
    path.write_text(path.read_text().replace("publish: true", "publish: false"))
    (on_both / "topics.yaml").write_text((on_both / "topics.yaml").read_text().replace("[trade]", "[drinks]"))
    await once(on_both)
    names = {file.name for file in place(on_both, "").iterdir()}
    kept = {"fairs", "fairs.ru", "wine", "_label-asia", "_label-trade", "_label-drinks"}
    assert names == {
        f"{name}.{end}" for name in kept for kind in ("atom", "rss", "json") for end in (kind, f"{kind}.gz")
    }
    assert titles(on_both, "_label-trade") == ["A market of day 1"]
    assert titles(on_both, "_label-drinks") == ["A wine of day 2"]

    def work(loaded: Config, database: Database) -> None:
        with database.reading() as connection:
            known = {row.name for row in connection.execute(schema.editions.select())}
        assert known == kept - {"fairs", "wine"} | {"desk.en"}

    in_store(on_both, work)


async def test_nothing_is_written_when_nothing_has_changed_and_only_what_has(directory: Path) -> None:
    give(directory, ("market", 1), ("wine", 2))
    await once(directory)
    before = {path.name: path.stat().st_mtime_ns for path in place(directory, "").iterdir()}
    await once(directory)
    assert {path.name: path.stat().st_mtime_ns for path in place(directory, "").iterdir()} == before

    def work(loaded: Config, database: Database) -> None:
        with database.reading() as connection:
            rows = {row.name: row.changes for row in connection.execute(schema.editions.select())}
            assert all(row.changes == row.published_changes for row in connection.execute(schema.editions.select()))
        counted.append(rows)

    counted: list[dict[str, int]] = []
    in_store(directory, work)
    give(directory, ("wine", 3))
    await once(directory)
    in_store(directory, work)
    assert {name for name in counted[1] if counted[1][name] != counted[0][name]} == {"_label-trade", "_all"}
    after = {path.name: path.stat().st_mtime_ns for path in place(directory, "").iterdir()}
    assert {name.partition(".")[0] for name in before if after[name] != before[name]} == {
        "wine",
        "_label-trade",
        "_all",
    }


async def test_a_file_that_was_lost_is_published_again(directory: Path) -> None:
    give(directory, ("market", 1))
    await once(directory)
    lost = [place(directory, name) for name in ("fairs.en.rss", "_label-asia.atom.gz", "_all.json")]
    before = [path.read_bytes() for path in lost]
    for path in lost:
        path.unlink()
    await once(directory)
    assert [path.read_bytes() for path in lost] == before


async def test_the_same_stories_give_the_same_bytes_in_whatever_order_they_come(
    directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    told = [("market", 1), ("wine", 2), ("рынок", 3), ("market and wine", 4)]
    give(directory, *told)
    await once(directory)
    first = {name: items(directory, name) for name in ("fairs.en", "fairs.ru", "_label-asia", "_label-trade")}

    def forget(loaded: Config, database: Database) -> None:
        with database.writing() as connection:
            for table in ("memberships", "tags", "terms", "sketches", "files", "memories", "stories", "articles"):
                connection.execute(schema.metadata.tables[table].delete())

    in_store(directory, forget)
    for one in reversed(told):
        give(directory, one)
        await once(directory)
    assert {name: items(directory, name) for name in first} == first


async def test_a_merged_story_is_withdrawn_where_it_was_shown(on_both: Path) -> None:
    give(on_both, ("market", 1), ("market", 2), ("рынок", 3), ("nothing", 4), ("nothing", 5))
    await once(on_both)
    for subject, names in (
        ("market", ("fairs", "fairs.en", "_label-asia", "_label-trade", "_all")),
        ("nothing", ("_all",)),
    ):
        one, other = (item for item in items(on_both, "_all") if subject in item["title"])
        merge(on_both, one, other)
        for name in (*names, "fairs.ru", "wine"):
            gone = [item for item in items(on_both, name) if "withdrawn" in item["_aggregator"]]
            assert {item["id"] for item in gone} & {one["id"], other["id"]} == (
                {one["id"], other["id"]} - {item["id"] for item in items(on_both, name) if item not in gone}
                if name in names
                else set()
            )


async def test_what_is_withdrawn_from_private_topics_is_told_nobody_else(on_both: Path) -> None:
    give(on_both, ("harvest", 1), ("harvest", 2))
    await once(on_both)
    merge(on_both, *items(on_both, "desk.en", "private"))
    assert any("withdrawn" in item["_aggregator"] for item in items(on_both, "desk.en", "private"))
    assert b"harvest" not in all_public(on_both)


async def test_no_withdrawal_names_a_story_that_is_in_private_topics_only(on_both: Path) -> None:
    give(on_both, ("wine", 5), ("meadow", 4), ("harvest", 1), ("harvest", 2))
    await once(on_both)
    private = items(on_both, "desk", "private")
    merge(on_both, private[0], items(on_both, "wine")[0])
    merge(on_both, private[1], next(one for one in items(on_both, "_all") if "meadow" in one["title"]))
    await once(on_both)
    assert b"harvest" not in all_public(on_both)
    gone = {
        name: [one for one in items(on_both, name) if "withdrawn" in one["_aggregator"]] for name in ("wine", "_all")
    }
    assert [len(some) for some in gone.values()] == [1, 2]
    assert {one["content_html"] for some in gone.values() for one in some} == {"<p>This item is no more.</p>"}
    keys = [one["_aggregator"]["about"].rpartition("/")[2] for one in private]
    assert not any(key.encode() in all_public(on_both) for key in keys)


async def test_nothing_public_names_a_related_story_that_is_in_private_topics_only(on_both: Path) -> None:
    write(on_both, f"related: true, {VARIANTS}")
    give(on_both, ("market", 1), ("market", 2), ("harvest", 3))
    await once(on_both)
    told = sorted([*items(on_both, "fairs"), *items(on_both, "desk", "private")], key=lambda one: str(one["title"][-1]))
    first, second, private = (one["id"].rpartition("/")[2] for one in told)

    def relate(loaded: Config, database: Database) -> None:
        with database.writing() as connection:
            pairs = [{"story": first, "other": other, "likeness": 1} for other in (second, private)]
            connection.execute(schema.relations.insert(), pairs)
        stored_topics.republish(database, ["fairs"], archives=True)

    in_store(on_both, relate)
    await once(on_both)
    for name in ("fairs", "fairs.en"):
        (related,) = (one["_aggregator"]["related"] for one in items(on_both, name) if first in one["id"])
        assert [one["title"] for one in related] == ["A market of day 2"]
    assert b"harvest" not in all_public(on_both)

    def look(loaded: Config, database: Database) -> None:
        for page in (pages.topic(loaded, database, "fairs"), pages.article(loaded, database, first)):
            assert page and "market of day 2" in page and "harvest" not in page

    in_store(on_both, look)


async def test_everything_names_only_topics_whose_feeds_show_a_story(on_both: Path) -> None:
    give(on_both, ("market", 1))
    await once(on_both)

    def hide(_: Config, database: Database) -> None:
        with database.writing() as connection:
            connection.execute(schema.memberships.update().values(hidden=True))
            stored_editions.touch_all(connection)

    in_store(on_both, hide)
    await once(on_both)
    (item,) = items(on_both, "_all")
    assert "categories" not in item["_aggregator"] and "reasons" not in item["_aggregator"]


async def test_selections_and_labels_have_what_has_an_item_in_the_feed(on_both: Path) -> None:
    write(on_both, f"max_per_hour: 2, {VARIANTS}")
    give(on_both, *(("market", day) for day in (1, 2, 3, 4)))
    await once(on_both)
    own = [one for one in items(on_both, "fairs") if ":story/" in one["id"]]
    assert len(own) == 2 and len(items(on_both, "_all")) == 4
    for name in ("fairs.en", "_label-asia"):
        assert titles(on_both, name) == [one["title"] for one in own]
        assert etree.fromstring(place(on_both, f"{name}.atom").read_bytes()).find(COMPLETE) is None
    merge(on_both, *own)
    for name in ("fairs", "fairs.en", "_label-asia", "_all"):
        assert [one["id"] for one in items(on_both, name) if "withdrawn" in one["_aggregator"]], name


async def test_whether_a_feed_is_whole_is_not_looked_for_in_large_topics(
    on_both: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(on_both, ("market", 1), ("wine", 2), ("wine", 3))
    for most, is_said in ((3, True), (2, False)):
        monkeypatch.setattr(selecting, "LARGEST_WHOLE", most)
        await once(on_both)
        with runtime.opened(config.load(on_both)) as database:
            stored_editions.republish(database, ["_label-trade"])
        await once(on_both)
        tree = etree.fromstring(place(on_both, "_label-trade.atom").read_bytes())
        assert (tree.find(COMPLETE) is not None) is is_said


async def test_a_whole_feed_says_so_and_a_part_does_not(directory: Path) -> None:
    write(directory, f"limit: 2, {VARIANTS}")
    give(directory, ("market", 1), ("рынок", 2))
    await once(directory)

    def is_whole(name: str) -> bool:
        return etree.fromstring(place(directory, f"{name}.atom").read_bytes()).find(COMPLETE) is not None

    assert is_whole("fairs.en") and is_whole("_label-asia") is False  # as many as there may be
    give(directory, ("market", 3), ("market", 4))
    await once(directory)
    assert is_whole("fairs.ru") and not is_whole("fairs.en")


async def test_what_is_too_old_for_its_topic_leaves_and_is_looked_at_in_time(directory: Path) -> None:
    write(directory, f"max_age: 300d, {VARIANTS}")
    give(directory, ("market", 1), ("market", 9))
    await once(directory)
    loaded = config.load(directory, {})
    with runtime.opened(loaded) as database, database.reading() as connection:
        rows = {row.name: row.expires_at for row in connection.execute(schema.editions.select())}
    first = START + timedelta(days=301)
    assert rows["fairs.en"] == rows["_label-asia"] == rows["_label-trade"] == first
    assert rows["fairs.ru"] is rows["_all"] is rows["desk.en"] is None
    with runtime.opened(loaded) as database, database.writing() as connection:
        longer = timedelta(days=400)
        for table, column in ((schema.memberships, "dated_at"), (schema.stories, "founded_at")):
            key = table.c["story" if column == "dated_at" else "id"]
            row = connection.execute(table.select().order_by(table.c[column])).first()
            assert row is not None
            moved = table.update().where(key == getattr(row, key.name)).values({column: START - longer})
            connection.execute(moved)
        connection.execute(schema.editions.update().values(expires_at=START))
    await once(directory)
    for name in ("fairs.en", "_label-asia"):
        assert titles(directory, name) == ["A market of day 9"]
        assert etree.fromstring(place(directory, f"{name}.atom").read_bytes()).find(COMPLETE) is None


async def test_labels_group_the_list_and_the_index(directory: Path) -> None:
    give(directory, ("market", 1))
    await once(directory)
    body = (directory.parent / "var" / "public" / "topics.opml").read_bytes()
    found = [(one.title, one.labels) for one in opml.read(body, "topics.opml")]
    assert [one for one in found if one[1] != ("Across topics",)] == [
        ("Fairs", ("asia", "trade")),
        ("Wine", ("trade",)),
    ]

    def work(loaded: Config, database: Database) -> None:
        page = pages.index(loaded, {})
        asia, _, trade = page.partition('id="label-trade"')
        assert "feeds/_label-asia.atom" in asia and "topics/fairs" in asia and "topics/wine" not in asia
        assert "feeds/_label-trade.rss" in trade and "topics/wine" in trade
        assert "feeds/_all.json" in page
        shown = pages.topic(loaded, database, "fairs") or ""
        assert "feeds/fairs.en.atom" in shown and "2 selections" in shown
        assert "selections" not in (pages.topic(loaded, database, "wine") or "")

    in_store(directory, work)


@dataclass(frozen=True)
class Row:
    """A story as the store knows it: its day, language, and the score and state that it has in some topics."""

    day: int
    lang: str | None
    topics: dict[str, tuple[int, bool | None]]


states = st.sampled_from([False, False, False, True, None])
rows = st.builds(
    Row,
    st.integers(0, 5),
    st.sampled_from(["en", "ru", None]),
    st.dictionaries(st.sampled_from("abc"), st.tuples(st.integers(0, 3), states), max_size=3),
)
SINCE = {"a": START, "b": START + timedelta(days=2), "c": START}


def fill(database: Database, found: list[Row]) -> None:
    with database.writing() as connection:
        for table in (schema.memberships, schema.stories, schema.topics):
            connection.execute(table.delete())
        fresh = {"created_at": START, "changes": 0, "published_changes": 0}
        connection.execute(schema.topics.insert(), [{"slug": slug} | fresh for slug in SINCE])
        for number, row in enumerate(found):
            key, at = f"{number:032x}", START + timedelta(days=row.day)
            connection.execute(schema.stories.insert(), {"id": key, "lead": key, "founded_at": at})
            for topic, (score, hidden) in row.topics.items():
                said = {"topic": topic, "story": key, "score": score, "reasons": [], "rules": "", "hidden": hidden}
                connection.execute(schema.memberships.insert(), said | {"dated_at": at, "lang": row.lang})


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(rows, max_size=12), st.integers(1, 6), st.sampled_from(["", "en", "ru"]), st.integers(0, 3), st.booleans()
)
def test_the_newest_of_some_topics_are_those_that_satisfy_all_that_is_wanted(
    database: Database, found: list[Row], limit: int, lang: str, least: int, past: bool
) -> None:
    fill(database, found)
    expected = []
    for number, row in enumerate(found):
        at = START + timedelta(days=row.day)
        slugs = [
            slug
            for slug in ("a", "b")
            if slug in row.topics
            and (past or row.topics[slug][1] is False)
            and row.topics[slug][0] >= least
            and at >= SINCE[slug]
        ]
        if slugs and lang in ("", row.lang):
            expected.append(((-row.day, f"{number:032x}"), slugs))
    parts = [Part(slug, SINCE[slug]) for slug in ("a", "b")]
    answer = selections.newest(database, parts, Wanted(limit, lang, least), past=past)
    assert list(answer.items()) == [(key, slugs) for (_, key), slugs in sorted(expected)[:limit]]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(rows, max_size=12), st.sets(st.sampled_from("abc")), st.integers(1, 6))
def test_everything_is_all_but_what_is_in_private_topics_only(
    database: Database, found: list[Row], private: set[str], limit: int
) -> None:
    fill(database, found)
    public = [
        (-row.day, f"{number:032x}")
        for number, row in enumerate(found)
        if not row.topics or row.topics.keys() - private
    ]
    assert selections.everything(database, private, limit=limit) == [key for _, key in sorted(public)[:limit]]
