"""What an item says beyond its article: what it is about, and why it is here."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from aggregator import compose, registry
from aggregator.agencies import Agencies
from aggregator.clean import clean
from aggregator.config import Settings, Topic
from aggregator.config.topics import schema
from aggregator.models import Attribution, Category, Entry, Feed, Markup, Tag
from aggregator.store.contents import StoredCopy, StoredStory

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
SETTINGS = Settings(base_url="https://news.example/", tag_authority="news.example,2026")
REASONS = ("about country:china ≥ 25: 65", "phrase '</b>' in title")


def story(**changes: Any) -> StoredStory:
    article = clean(Entry(guid="1", title=Markup("Rail"), content=Markup("Rails.")), source="s", now=NOW)
    copy = StoredCopy(article.key, NOW, "", "s", Attribution("Wire", "https://a.example/feed", "https://a.example/1"))
    tags = (Tag("country:china", "China", 65), Tag("category:R&D", "R&D", 30), Tag("country:russia", "Russia", 5))
    found = StoredStory(article.key, "tag:news.example,2026:story/1", article, (copy,), tags, 65, REASONS, NOW, None)
    return replace(found, **changes)


def feed(found: StoredStory, **keys: Any) -> Feed:
    schema()  # completes the kinds of rules
    topic = Topic(title="T", any=("country:china",), **keys)
    ids = {found.id: found.item_id or ""}
    return compose.compose("t", topic, [found], ids, SETTINGS, NOW, Agencies.of())


def test_concepts_have_a_scheme_of_ours_and_words_of_publishers_none() -> None:
    (item,) = feed(story()).items
    assert item.categories == (
        Category("country:china", "tag:news.example,2026:concepts", "China"),
        Category("R&D"),
    )


@pytest.mark.parametrize("reasons", ["footer", "categories", "off"])
def test_reasons_stand_where_the_topic_wants_them(reasons: str) -> None:
    (item,) = (found := feed(story(), reasons=reasons)).items
    footer = "<p><small>Why: about country:china ≥ 25: 65; phrase &#x27;&lt;/b&gt;&#x27; in title</small></p>"
    assert item.html.endswith(footer) is (reasons == "footer")
    schemes = {one.term for one in item.categories if one.scheme == "tag:news.example,2026:reasons"}
    assert schemes == (set(REASONS) if reasons == "categories" else set())
    (told,) = json.loads(registry.formats()["jsonfeed"].render(found))["items"]
    assert told["_aggregator"]["reasons"] == list(REASONS)
    assert b"&lt;/b" not in registry.formats()["rss"].render(found).split(b"<category")[-1].split(b"</category>")[0]


def test_an_item_is_not_filled_with_reasons() -> None:
    found = story(reasons=tuple(f"reason {number}" for number in range(500)))
    assert feed(found, reasons="footer").items[0].html.count("reason ") == compose.MOST_REASONS
    assert len(feed(found, reasons="categories").items[0].categories) == compose.MOST_REASONS + 2
