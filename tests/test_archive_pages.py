"""Archives of topics: nothing that was in a feed is lost, and pages stay as they are."""

import json
import re
from pathlib import Path
from typing import Any

from lxml import etree

from aggregator import archive, config, runtime
from aggregator.store import schema
from aggregator.web.published import Published
from tests.test_backfill import give, shown, write
from tests.test_pipeline import feed, once, only_inbox

ATOM, FH = "{http://www.w3.org/2005/Atom}", "{http://purl.org/syndication/history/1.0}"


def folder(directory: Path) -> Path:
    return directory.parent / "var" / "public" / "feeds" / "fairs" / "archive"


def pages(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder(directory).glob("*.*") if path.suffix != ".gz"}


def titles(page: bytes) -> list[str]:
    return [item["title"] for item in json.loads(page)["items"]]


def read_back(directory: Path, suffix: str = "json") -> list[dict[str, Any]]:
    """All items of the feed and of its archive, as a reader finds them that follows the links."""
    document = json.loads(feed(directory, "fairs"))
    found = document["items"]
    while address := document.get("next_url"):
        document = json.loads((folder(directory) / address.rpartition("/")[2]).read_bytes())
        found += document["items"]
    return found


async def test_what_leaves_the_feed_is_in_the_archive(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    write(config_directory, "market", extra="limit: 10")
    give(inbox, "market", *range(1, 11))
    await once(config_directory)
    assert FH + "complete" in {element.tag for element in etree.fromstring(feed(config_directory, "fairs", "atom"))}
    assert not folder(config_directory).exists()

    give(inbox, "market", 11)
    await once(config_directory)
    before = pages(config_directory)
    assert set(before) == {"1.atom", "1.json", "1.rss"}
    assert titles(before["1.json"]) == [f"A market of day {day}" for day in range(10, 0, -1)]
    for day in range(12, 25):
        give(inbox, "market", day)
        await once(config_directory)
        assert {item["title"] for item in read_back(config_directory)} == {
            f"A market of day {number}" for number in range(1, day + 1)
        }
    after = pages(config_directory)
    assert set(after) == {*before, "2.atom", "2.json", "2.rss"}
    assert {name: after[name] for name in before} == before


async def test_pages_and_feeds_name_each_other_in_every_format(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    write(config_directory, "market", extra="limit: 10")
    give(inbox, "market", *range(1, 22))
    await once(config_directory)
    base = "http://127.0.0.1:8080/feeds/fairs"
    for extension in ("atom", "rss"):
        for data, previous, current in (
            (feed(config_directory, "fairs", extension), f"{base}/archive/2.{extension}", None),
            (pages(config_directory)[f"2.{extension}"], f"{base}/archive/1.{extension}", f"{base}.{extension}"),
            (pages(config_directory)[f"1.{extension}"], None, f"{base}.{extension}"),
        ):
            tree = etree.fromstring(data)
            head = tree if extension == "atom" else tree[0]
            links = {link.get("rel"): link.get("href") for link in head.findall(f"{ATOM}link")}
            assert (links.get("prev-archive"), links.get("current")) == (previous, current)
            assert (head.find(f"{FH}archive") is not None) is (current is not None)
            assert head.find(f"{FH}complete") is None
            assert ("hub" in links) is (current is None)
    assert "next_url" not in json.loads(pages(config_directory)["1.json"])
    ids = [re.findall(b"<id>(.*?)</id>", data)[0] for name, data in pages(config_directory).items() if "atom" in name]
    assert {*ids} == {b"tag:example.org,2026:topic/fairs"}


async def test_what_was_found_in_the_past_and_hidden_can_be_read_back(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    write(config_directory, "harvest", extra="limit: 10\n    backfill: 2")
    give(inbox, "harvest", 20)
    give(inbox, "market", *range(1, 20))
    await once(config_directory)
    write(config_directory, "harvest", "market", extra="limit: 10\n    backfill: 2")
    await once(config_directory)
    assert len(shown(config_directory)) == 3
    assert len({item["id"] for item in read_back(config_directory)}) == 20


async def test_only_the_page_that_lost_a_story_is_published_again(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    write(config_directory, "market", "wine", extra="limit: 10")
    give(inbox, "market", *range(1, 5))
    give(inbox, "wine", *range(5, 8))
    give(inbox, "market", *range(8, 26))
    await once(config_directory)
    before = pages(config_directory)
    assert {int(name.partition(".")[0]) for name in before} == {1, 2}
    times = {name: (folder(config_directory) / name).stat().st_mtime_ns for name in before}
    write(config_directory, "market", extra="limit: 10")
    await once(config_directory)
    assert titles(pages(config_directory)["1.json"]) == [
        title for title in titles(before["1.json"]) if "wine" not in title
    ]
    assert {name for name, data in pages(config_directory).items() if data != before[name]} == {
        "1.atom",
        "1.json",
        "1.rss",
    }
    assert all((folder(config_directory) / name).stat().st_mtime_ns == times[name] for name in ("2.atom", "2.json"))


async def test_a_page_without_stories_goes_and_the_chain_holds(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    write(config_directory, "wine", "market", extra="limit: 10")
    give(inbox, "market", *range(1, 11))
    give(inbox, "wine", *range(11, 21))
    await once(config_directory)
    give(inbox, "market", *range(21, 31))
    await once(config_directory)
    write(config_directory, "market", extra="limit: 10")
    await once(config_directory)
    await once(config_directory)
    assert "wine" not in "".join(item["title"] for item in read_back(config_directory))
    assert len(read_back(config_directory)) >= 20
    assert set(pages(config_directory)) == {"1.atom", "1.json", "1.rss"}


async def test_short_pages_are_a_day_apart(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    write(config_directory, "market", extra="limit: 10")
    give(inbox, "market", *range(11, 22))
    await once(config_directory)
    give(inbox, "market", 1)
    await once(config_directory)
    give(inbox, "market", 2)
    await once(config_directory)
    assert set(pages(config_directory)) == {"1.atom", "1.json", "1.rss"}
    loaded = config.load(config_directory, {})
    with runtime.opened(loaded) as database, database.writing() as connection:
        row = connection.execute(schema.topics.select()).one()
        page = connection.execute(schema.pages.select()).one()
        assert row.expires_at == page.sealed_at + archive.SHORT_PAGES_EVERY  # then it is looked at again
        connection.execute(schema.pages.update().values(sealed_at=page.sealed_at - archive.SHORT_PAGES_EVERY))
        connection.execute(schema.topics.update().values(changes=schema.topics.c.changes + 1))
    await once(config_directory)
    assert {"A market of day 1", "A market of day 2"} < set(titles(pages(config_directory)["2.json"]))


async def test_a_long_past_is_archived_page_by_page(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    write(config_directory, "market", extra="limit: 1")
    give(inbox, "market", *range(1, 151))
    await once(config_directory)
    numbers = sorted({int(name.partition(".")[0]) for name in pages(config_directory)})
    assert numbers == list(range(1, 16))  # three times five
    assert len({item["id"] for item in read_back(config_directory)}) == 150


async def test_pages_are_served_and_go_with_their_topic(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    write(config_directory, "market", extra="limit: 10")
    give(inbox, "market", *range(1, 12))
    await once(config_directory)
    loaded = config.load(config_directory, {})
    published = Published(lambda: loaded)
    place = published.place("/feeds/fairs/archive/1.atom")
    assert place is not None
    assert place is published.place("/feeds/fairs/archive/1.atom")
    copy = published.copy(place, packed=False)
    assert copy is not None
    assert published.body(copy) == pages(config_directory)["1.atom"]
    for nothing in ("2.atom", "01.atom", "1.atom.gz", "1.txt", "../1.atom"):
        assert published.place(f"/feeds/fairs/archive/{nothing}") is None
    write(config_directory, "market", extra="limit: 10\n    private: true")
    await once(config_directory)
    assert not folder(config_directory).exists()
    assert b"archive" not in (config_directory.parent / "var" / "private" / "feeds" / "fairs.atom").read_bytes()
    write(config_directory, "market", extra="limit: 10")
    await once(config_directory)
    assert "1.atom" in pages(config_directory)
