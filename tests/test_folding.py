"""Near copies become one story, in a visit and across visits, on a real store."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator import config, regroup, runtime
from aggregator.judge import Judge
from aggregator.store import articles
from aggregator.store import stories as stored_stories
from tests.test_pipeline import drop, items, once, only_inbox

NOW = datetime(2026, 11, 27, tzinfo=UTC)
SENTENCES = [
    "China and Russia signed an agreement on rail freight between Manzhouli and Chita in Beijing on Monday.",
    "The line is to carry four million tonnes of grain and timber a year once its second track is finished.",
    "Russia supplies the steel for sixty bridges, and China the signals, the sleepers and most of the trains.",
    "Neither government would say what the work costs, but a bank in Harbin has put it at nine billion yuan.",
    "Farmers on the Russian side have waited for years for a way to send their soya beans to Chinese mills.",
    "The first trains are expected in the autumn of next year, if the river does not flood the building sites.",
]


def text(title: str, *sentences: str) -> bytes:
    return "\n\n".join([title, *sentences]).encode()


def stories(directory: Path) -> set[frozenset[str]]:
    found = config.load(directory, {})
    with runtime.opened(found) as database:
        return {
            frozenset(article.title for article in articles.by_keys(database, [copy.key for copy in copies]).values())
            for copies in articles.stories(database).values()
        }


@pytest.mark.parametrize("at_once", [True, False], ids=["one visit", "one visit each"])
async def test_near_copies_fold_and_others_do_not(config_directory: Path, at_once: bool) -> None:
    inbox = only_inbox(config_directory)
    files = {
        "a": text("China and Russia sign rail deal", *SENTENCES),
        "b": text("China and Russia sign rail deal at last", *SENTENCES[:3]),
        "c": text("Harvest festival opens", *(line.replace("Russia", "Peru").upper()[::-1] for line in SENTENCES)),
    }
    for name, body in files.items():
        drop(inbox, f"{name}.txt", body)
        if not at_once:
            await once(config_directory)
    await once(config_directory)
    assert {len(story) for story in stories(config_directory)} == {1, 2}
    (item,) = items(config_directory, "china-russia")
    assert item["title"] == "China and Russia sign rail deal"


def keys(directory: Path) -> dict[str, str]:
    """The keys of all articles, by title."""
    found = config.load(directory, {})
    with runtime.opened(found) as database:
        stored = [copy.key for copies in articles.stories(database).values() for copy in copies]
        return {article.title: article.key for article in articles.by_keys(database, stored).values()}


def wish(directory: Path, kind: str, article: str, other: str | None = None) -> None:
    found = config.load(directory, {})
    judge = Judge(found)
    with runtime.opened(found) as database:
        stored_stories.wish(database, kind, article, other, NOW)
        for one in stored_stories.wishes_open(database):
            regroup.fulfil(database, judge, one, NOW)


async def test_a_story_splits_back_and_a_persons_word_outlives_what_comes(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    for number, title in enumerate(("China and Russia sign", "China and Russia sign at last", "China, Russia sign up")):
        drop(inbox, f"{number}.txt", text(title, *SENTENCES[: 6 - number]))
    await once(config_directory)
    whole = stories(config_directory)
    assert {len(story) for story in whole} == {3}
    (item,) = items(config_directory, "china-russia")
    by_title = keys(config_directory)
    wish(config_directory, "split", by_title["China and Russia sign at last"])
    apart = {
        frozenset({"China and Russia sign at last"}),
        frozenset({"China and Russia sign", "China, Russia sign up"}),
    }
    assert stories(config_directory) == apart
    await once(config_directory)
    assert item["id"] in {one["id"] for one in items(config_directory, "china-russia")}
    assert len(items(config_directory, "china-russia")) == 2
    drop(inbox, "again.txt", text("China and Russia sign at last", *SENTENCES[:5]))
    await once(config_directory)
    assert stories(config_directory) == apart
    wish(config_directory, "merge", by_title["China and Russia sign"], by_title["China and Russia sign at last"])
    assert stories(config_directory) == whole
    await once(config_directory)
    again, withdrawn = items(config_directory, "china-russia")
    assert withdrawn["_aggregator"]["withdrawn"]  # for those who have read it as a story of its own
    assert again["id"] == item["id"]


async def test_a_person_chooses_what_leads(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    for number, title in enumerate(("China and Russia sign", "China and Russia sign at last")):
        drop(inbox, f"{number}.txt", text(title, *SENTENCES[: 6 - 2 * number]))
    await once(config_directory)
    (item,) = items(config_directory, "china-russia")
    assert item["title"] == "China and Russia sign"
    wish(config_directory, "lead", keys(config_directory)["China and Russia sign at last"])
    await once(config_directory)
    (after,) = items(config_directory, "china-russia")
    assert (after["title"], after["id"]) == ("China and Russia sign at last", item["id"])


async def test_what_is_unlike_can_be_merged(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    drop(inbox, "1.txt", text("China and Russia sign", *SENTENCES))
    drop(
        inbox,
        "2.txt",
        text("Trains for soya", *(f"China and Russia agreed on point {n} of the plan." for n in range(9))),
    )
    await once(config_directory)
    assert {len(story) for story in stories(config_directory)} == {1}
    wish(config_directory, "merge", *keys(config_directory).values())
    assert {len(story) for story in stories(config_directory)} == {2}


async def test_reprints_of_an_agencys_text_are_one_voice(config_directory: Path) -> None:
    names = ("post", "herald", "own")
    listed = "".join(f"  - {{folder: ../{name}, name: {name.title()}}}\n" for name in names)
    (config_directory / "sources.yaml").write_text(f"sources:\n{listed}")
    (config_directory / "topics.yaml").write_text(
        "topics:\n  rail: {title: Rail, all: [country:china, country:russia], min_independent_sources: 2}\n"
    )
    for name in names:
        (config_directory.parent / name).mkdir()
    agency = f"BEIJING, September 20 (Reuters) - {SENTENCES[0]}"
    drop(config_directory.parent / "post", "a.txt", text("China and Russia sign rail deal", agency, *SENTENCES[1:]))
    drop(config_directory.parent / "herald", "b.txt", text("China and Russia sign a deal", agency, *SENTENCES[1:5]))
    await once(config_directory)
    assert [len(story) for story in stories(config_directory)] == [2]
    assert items(config_directory, "rail") == []
    drop(config_directory.parent / "own", "c.txt", text("China and Russia sign their rail deal", *SENTENCES))
    await once(config_directory)
    (item,) = items(config_directory, "rail")
    assert [len(story) for story in stories(config_directory)] == [3]
    assert "Source: Own" in str(item["content_html"])  # no reprint


async def test_a_paywall_that_is_declared_later_changes_who_leads(config_directory: Path) -> None:
    for name in ("closed", "open"):
        (config_directory.parent / name).mkdir()
    path = config_directory / "sources.yaml"
    path.write_text("sources:\n  - {folder: ../closed, name: Closed}\n  - {folder: ../open, name: Open}\n")
    drop(config_directory.parent / "closed", "a.txt", text("China and Russia sign rail deal", *SENTENCES))
    drop(config_directory.parent / "open", "b.txt", text("China and Russia sign a deal", *SENTENCES))
    await once(config_directory)
    before = items(config_directory, "china-russia")[0]
    name = "closed" if "Source: Closed" in str(before["content_html"]) else "open"
    path.write_text(path.read_text().replace(f"../{name},", f"../{name}, paywall: true,"))
    await once(config_directory)
    (after,) = items(config_directory, "china-russia")
    assert f"Source: {name.title()}" not in str(after["content_html"])
    assert after["id"] == before["id"]


async def test_a_wish_that_meets_a_bug_holds_up_nothing(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = only_inbox(config_directory)
    drop(inbox, "1.txt", text("China and Russia sign", *SENTENCES))
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        stored_stories.wish(database, "split", "0" * 32, None, NOW)

    def wrong(*given: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(regroup, "fulfil", wrong)
    await once(config_directory)
    assert len(items(config_directory, "china-russia")) == 1
    with runtime.opened(found) as database:
        assert stored_stories.wishes_open(database) == []
