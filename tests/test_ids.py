"""Ids that readers know items by: never to change."""

import re
from pathlib import Path

import pytest
from lxml import etree

from aggregator.errors import ConfigError
from tests.test_pipeline import drop, feed, items, once, only_inbox

TOPICS = "topics:\n  rail:\n    title: Rail\n    any: [{phrase: rail}]\n"


def change(directory: Path, authority: str) -> None:
    path = directory / "aggregator.yaml"
    path.write_text(re.sub("(?m)^tag_authority: .*", authority, path.read_text()))


async def filled(directory: Path) -> None:
    inbox = only_inbox(directory)
    (directory / "topics.yaml").write_text(TOPICS)
    drop(inbox, "rail.txt", b"A rail deal\n\nThe rail deal was signed on Monday.")
    await once(directory)


async def test_the_scheme_of_ids_is_what_it_always_was(config_directory: Path) -> None:
    await filled(config_directory)
    (item,) = items(config_directory, "rail")
    assert item["id"] == "tag:example.org,2026:story/983f8a7ed52ee6ad7d797d26f00e21c0"
    for extension, element in (("atom", b"id"), ("rss", b"guid")):
        tree = etree.fromstring(feed(config_directory, "rail", extension))
        names = [found.text for found in tree.iter() if etree.QName(found).localname == element.decode()]
        assert item["id"] in names
    assert b"<id>tag:example.org,2026:topic/rail</id>" in feed(config_directory, "rail", "atom")


async def test_another_authority_is_refused_until_it_is_meant(config_directory: Path) -> None:
    await filled(config_directory)
    before = [item["id"] for item in items(config_directory, "rail")]
    change(config_directory, "tag_authority: news.example,2027")
    with pytest.raises(
        ConfigError, match=r"aggregator\.yaml:12:1: tag_authority is news\.example,2027, but was example"
    ):
        await once(config_directory)
    assert b"tag:example.org,2026:topic/rail" in feed(config_directory, "rail", "atom")

    change(config_directory, "tag_authority: news.example,2027\nformer_tag_authority: example.org,2026")
    await once(config_directory)
    drop(
        config_directory.parent / "var" / "inbox",
        "more.txt",
        b"A rail strike\n\nNo train left on Tuesday, unions said.",
    )
    await once(config_directory)
    assert b"tag:news.example,2027:topic/rail" in feed(config_directory, "rail", "atom")
    ids = [str(item["id"]) for item in items(config_directory, "rail")]
    assert {one.partition("story/")[0] for one in ids} == {"tag:news.example,2027:", "tag:example.org,2026:"}
    assert set(before) < set(ids)
    change(config_directory, "tag_authority: other.example,2027")
    with pytest.raises(ConfigError, match=r"was news\.example,2027"):
        await once(config_directory)
