"""An item whose story is told in another one says so, and is back when they are taken apart."""

import json
from datetime import timedelta
from pathlib import Path

import feedparser
from lxml import etree

from aggregator import config, runtime
from aggregator.store import Database, schema, stories
from tests.test_backfill import give, write
from tests.test_pipeline import feed, items, once, only_inbox

GONE = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"


async def two(directory: Path) -> dict[str, dict[str, str]]:
    """A topic with two stories: its items by their titles."""
    inbox = only_inbox(directory)
    write(directory, "market", "harvest")
    give(inbox, "market", 1)
    give(inbox, "harvest", 2)
    await once(directory)
    return {str(item["title"]): item for item in items(directory, "fairs")}  # type: ignore[misc]


def key(item: dict[str, str]) -> str:
    return item["id"].rpartition("/")[2]


async def wish(directory: Path, kind: str, article: str, other: str | None) -> None:
    loaded = config.load(directory, {})
    with runtime.opened(loaded) as database:
        stories.wish(database, kind, article, other, runtime.utc_now())
        runtime.fulfil(loaded, database)


def later(database: Database, time: timedelta) -> None:
    with database.writing() as connection:
        moved = schema.withdrawn.c.withdrawn_at
        for row in connection.execute(schema.withdrawn.select()).all():
            connection.execute(schema.withdrawn.update().values({moved: row.withdrawn_at - time}))
        connection.execute(schema.topics.update().values(changes=schema.topics.c.changes + 1))


async def test_a_merged_story_is_withdrawn_and_back_when_split_off(config_directory: Path) -> None:
    before = await two(config_directory)
    market, harvest = before["A market of day 1"], before["A harvest of day 2"]
    await wish(config_directory, "merge", key(market), key(harvest))
    (left,) = [item for item in items(config_directory, "fairs") if "Withdrawn" not in str(item["title"])]
    (gone,) = [item for item in (market, harvest) if item["id"] != left["id"]]

    tree = etree.fromstring(feed(config_directory, "fairs", "atom"))
    (deleted,) = tree.findall(GONE)
    assert deleted.get("ref") == gone["id"]
    assert deleted.get("when") == tree.findtext("{*}updated")
    assert [entry.findtext("{*}id") for entry in tree.findall("{*}entry")] == [left["id"]]
    parsed = feedparser.parse(feed(config_directory, "fairs", "atom"))
    assert not parsed.bozo
    rss = {entry.id: entry.title for entry in feedparser.parse(feed(config_directory, "fairs", "rss")).entries}
    assert rss == {left["id"]: left["title"], gone["id"]: f"[Withdrawn] {gone['title']}"}
    told = {item["id"]: item for item in items(config_directory, "fairs")}
    assert told[gone["id"]]["_aggregator"]["withdrawn"] is True  # type: ignore[index]
    assert str(left["title"]) in str(told[gone["id"]]["content_html"])

    await wish(config_directory, "split", key(gone), None)
    assert {item["id"] for item in items(config_directory, "fairs")} == {market["id"], harvest["id"]}
    assert b"deleted-entry" not in feed(config_directory, "fairs", "atom")
    assert b"Withdrawn" not in feed(config_directory, "fairs", "rss")


async def test_it_is_said_for_two_weeks(config_directory: Path) -> None:
    before = await two(config_directory)
    await wish(config_directory, "merge", *map(key, before.values()))
    for days, said in ((13, True), (2, False)):
        loaded = config.load(config_directory, {})
        with runtime.opened(loaded) as database:
            later(database, timedelta(days=days))
        await once(config_directory)
        assert (b"deleted-entry" in feed(config_directory, "fairs", "atom")) is said
        assert len(items(config_directory, "fairs")) == 1 + said


async def test_what_other_rules_take_out_just_leaves(config_directory: Path) -> None:
    await two(config_directory)
    write(config_directory, "harvest")
    await once(config_directory)
    assert b"deleted-entry" not in feed(config_directory, "fairs", "atom")
    assert [item["title"] for item in json.loads(feed(config_directory, "fairs"))["items"]] == ["A harvest of day 2"]
