"""Every kind of feed that we publish, with everything that can stand in one, is beyond reproach in every format.

`benchmarks/validate.py` has the W3C's validator read them.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest

from aggregator import compose, registry
from aggregator.clean import clean
from aggregator.models import (
    Attribution,
    Category,
    Document,
    Enclosure,
    Entry,
    Feed,
    Markup,
    Related,
    Tag,
    Withdrawn,
)
from aggregator.store.contents import StoredCopy, StoredStory
from tests import test_republish as republish
from tests.test_republish import CASES, COLLECTIONS, CONFIG, NOW, ODD, ROOT, SLUG, faults

BASE = CONFIG.settings.base_url
NAUGHTY = CASES / "naughty_strings" / "strings.jsonl"
URL = "https://a.example/x/odd.xml"
PLAIN = {"title": "R&D: 1 < 2 </b>", "description": "All of R&D <i>and</i> what is < 2"}
REASONS = ("about country:china ≥ 25: 65", "phrase '</b>' in title", "R&D < 3 & more")


def rich(story: StoredStory, others: list[StoredStory]) -> StoredStory:
    """The story with copies, an agency, a lead that changed, related stories and reasons."""
    (first,) = story.copies
    copies = (
        replace(first, voice="agency:reuters"),
        StoredCopy(
            f"{first.key}-2", NOW, "site:b.example", "b", Attribution("B & <i>Sons</i>", None, "https://b.example/|")
        ),
        StoredCopy(f"{first.key}-3", NOW, "site:c.example", "c", Attribution("Ц", "https://c.example/?a=[1]", None)),
    )
    related = tuple(
        Related(other.id, other.lead.key, other.lead.title, other.lead.link, "Wire", NOW, 0.4) for other in others
    )
    tags = (*story.tags, Tag("country:china", "China", 65), Tag("category:R&D </p>", "R&D </p>", 30))
    led_at = story.founded_at + timedelta(hours=1)
    return replace(story, copies=copies, related=related, tags=tags, reasons=(*story.reasons, *REASONS), led_at=led_at)


def composed(
    stories: list[StoredStory], *, private: bool = False, reasons: Literal["footer", "categories"] = "footer"
) -> Feed:
    topic = CONFIG.topics[SLUG].model_copy(update={"private": private, "reasons": reasons} | PLAIN)
    ids = {story.id: story.item_id or "" for story in stories}
    return compose.compose(SLUG, topic, stories, ids, CONFIG.settings, NOW, CONFIG.agencies)


def kinds() -> dict[str, Feed]:
    """A feed of each kind."""
    found = list(republish.stories([Document(ODD.encode(), "odd", URL), *republish.documents(ROOT / "seeds")]))
    told = [rich(story, found[:5]) for story in found]
    feed = composed(told)
    gone = [
        Withdrawn(f"tag:example.org,2026:story/{number}", NOW, title, NOW, found[0].lead.key, link, "R&D </p> & more")
        for number, (title, link) in enumerate([("A & B </b> gone", "https://a.example/1|2"), ("", None)])
    ]
    before = compose.page_urls(SLUG, 2, BASE)
    return {
        "complete": replace(feed, complete=True),
        "reasons-as-categories": composed(told, reasons="categories"),
        "archived": replace(feed, previous=before),
        "withdrawn": compose.with_withdrawn(replace(feed, previous=before), gone, BASE),
        "withdrawn-complete": compose.with_withdrawn(replace(feed, complete=True), gone, BASE),
        "only-withdrawn": compose.with_withdrawn(composed([]), gone, BASE),
        "empty": replace(composed([]), complete=True),
        "private": compose.with_withdrawn(composed(told, private=True), gone, BASE),
        "page-2": compose.page(feed, SLUG, 2, 1, BASE),
        "page-1": compose.page(feed, SLUG, 1, None, BASE),
    }


def of_naughty_strings() -> Iterator[Feed]:
    """Feeds in whose items a naughty string stands in every place: one for each, and one with all of them."""
    stories = [republish.story_of(clean(_entry(text), source="s", now=NOW)) for text in naughty()]
    told = [
        replace(rich(story, []), reasons=(story.lead.title,)) for story in {one.id: one for one in stories}.values()
    ]
    yield from (composed([story]) for story in told)
    yield composed(told)


def naughty() -> list[str]:
    """The strings of the collection; none where it is not here."""
    lines = NAUGHTY.read_text().splitlines() if NAUGHTY.exists() else []
    return [json.loads(line)["value"] for line in lines]


def _entry(text: str) -> Entry:
    return Entry(
        guid=text or "-",
        link=f"https://a.example/{text}",
        base="https://a.example/",
        title=Markup(text),
        summary=Markup(text),
        content=Markup(f"<p title='{text}'>{text}</p>", html=True),
        authors=(text,),
        categories=(Category(text, text, text),),
        enclosures=(Enclosure(f"/{text}", text, 1),),
        language=text,
        comments=text,
        licence=text,
    )


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_of_feed_is_without_fault(kind: str) -> None:
    assert list(faults(kinds()[kind])) == []


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the collections are not here")
def test_naughty_strings_do_no_harm_in_any_place() -> None:
    found = list(of_naughty_strings())
    assert len(found) > 250
    assert [fault for feed in found for fault in faults(feed)] == []


def write(out: Path) -> Iterator[str]:
    """Write them, each collection as one feed and as a feed for each of its documents; lines that say how much it is."""
    for name in COLLECTIONS:
        given = list(republish.documents(CASES / name))
        told = list(republish.stories(given))
        count = _write(out, name, republish.feeds(told))
        count += _write(
            out, f"{name}-each", (feed for one in given for feed in republish.feeds(list(republish.stories([one]))))
        )
        yield f"{name}: {len(given)} documents, {len(told)} entries, {count} feeds"
    yield f"naughty strings: {_write(out, 'naughty', of_naughty_strings())} feeds"
    yield f"kinds: {sum(_write(out, kind, [feed]) for kind, feed in kinds().items())} feeds"


def _write(out: Path, name: str, feeds: Iterable[Feed]) -> int:
    out.mkdir(exist_ok=True)
    count = 0
    for feed in feeds:
        for kind in registry.formats().values():
            (out / f"{name}-{count}.{kind.extension}").write_bytes(kind.render(feed))
        count += 1
    return count
