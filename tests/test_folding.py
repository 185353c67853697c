"""Near copies become one story, in a visit and across visits, on a real store."""

from pathlib import Path

import pytest

from aggregator import config, runtime
from aggregator.store import articles
from tests.test_pipeline import drop, items, once, only_inbox

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
