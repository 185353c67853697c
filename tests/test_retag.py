"""Newer rules, applied to what is stored: what is cut, what it is about, what is published."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from aggregator import config, runtime
from aggregator.judge import Judge
from aggregator.models import Article
from aggregator.store import articles
from tests.test_pipeline import drop, feed, items, once, only_inbox

ROOT = Path(__file__).parent.parent

PROSE = (
    "China and Russia signed an agreement on rail freight on Monday, after two years of talks.\n\n"
    "Russia is to supply the steel for the line, and China the signals and the trains.\n\n"
    "The two presidents, who had met in Beijing in March, did not attend the ceremony.\n\n"
)
SITE = "The Harbour Post, since 1871\n\nWeather at the lighthouse\n\nWrite to the harbour master\n\n"


def stored(directory: Path) -> list[Article]:
    found = config.load(directory, {})
    with runtime.opened(found) as database:
        return articles.with_originals(database, limit=99)


def retag(directory: Path) -> tuple[int, int]:
    found = config.load(directory, {})
    with runtime.opened(found) as database:
        return runtime.retag(found, database, lambda count: None)


def story(number: int) -> str:
    prose = [f"{line[:-1]}, as part {number} of our series tells." for line in PROSE.split("\n\n") if line]
    return "\n\n".join([f"Rail deal, part {number}", *prose, ""])


async def test_lines_learned_later_are_cut_from_earlier_articles(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    drop(inbox, "1.txt", (story(1) + SITE).encode())
    await once(config_directory)
    (first,) = stored(config_directory)
    assert "lighthouse" in first.text
    for number in (2, 3):
        drop(inbox, f"{number}.txt", (story(number) + SITE).encode())
    await once(config_directory)
    texts = [article.text for article in stored(config_directory)]
    assert sorted("lighthouse" in text for text in texts) == [False, False, True]
    ids = {item["id"]: item["date_published"] for item in items(config_directory, "china-russia")}

    assert retag(config_directory)[0] == 1
    after = {article.key: article for article in stored(config_directory)}
    assert not any("lighthouse" in article.text for article in after.values())
    assert after[first.key].original == first.original
    assert b"lighthouse" not in feed(config_directory, "china-russia", "atom")
    assert {item["id"]: item["date_published"] for item in items(config_directory, "china-russia")} == ids
    assert retag(config_directory) == (0, 0)


async def test_a_retag_that_is_broken_off_is_done_by_the_next_start(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = only_inbox(config_directory)
    teaser = "India, India and India: India sails to India with India, and India goes with it\n\n"
    for number in (1, 2, 3):
        drop(inbox, f"{number}.txt", (story(number) + "\n\n".join([SITE.strip(), teaser])).encode())
        await once(config_directory)

    def tagged() -> int:
        return sum("India" in item["tags"] for item in items(config_directory, "china-russia"))

    assert tagged() == 2
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("aggregator.retag.judge_all", raising(KeyboardInterrupt))
        retag(config_directory)
    await once(config_directory)
    assert tagged() == 0


@pytest.mark.parametrize("broken", ["regroup.fold_recent", "store.frequencies.forget", "store.relations.look_again"])
async def test_so_are_stories_and_relations_that_were_to_be_found_anew(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    await once(config_directory)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(f"aggregator.{broken}", raising(KeyboardInterrupt))
        retag(config_directory)
    called: list[str] = []
    for name in ("regroup.fold_recent", "store.relations.look_again"):
        monkeypatch.setattr(f"aggregator.{name}", lambda *_, name=name: called.append(name))
    await once(config_directory)
    assert called[:2] == ["regroup.fold_recent", "store.relations.look_again"]
    await once(config_directory)
    assert called.count("regroup.fold_recent") == 1


def raising(error: type[BaseException]) -> Callable[..., None]:
    def it(*_: object) -> None:
        raise error

    return it


async def test_a_list_of_the_users_is_applied_to_the_past(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    drop(inbox, "1.txt", (story(1) + "Anchors aweigh, dear friends\n\nWrite to the harbour master").encode())
    await once(config_directory)
    assert "Anchors" in stored(config_directory)[0].text
    folder = config_directory / "furniture"
    folder.mkdir(exist_ok=True)
    (folder / "mine.yaml").write_text("behind:\n  - anchors aweigh …\n")
    await once(config_directory)
    (article,) = stored(config_directory)
    assert "Anchors" not in article.text
    assert "harbour master" not in article.text
    assert "Anchors" in (article.original or "")
    assert b"Anchors" not in feed(config_directory, "china-russia", "rss")


async def test_tags_follow_what_is_cut(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    teaser = "Lighthouse keepers’ corner\n\n" + "India, India and India: India sails to India with India\n\n" * 4
    drop(inbox, "1.txt", (story(1) + teaser).encode())
    await once(config_directory)
    tags = lambda: {tag for item in items(config_directory, "china-russia") for tag in item["tags"]}  # type: ignore[attr-defined]  # noqa: E731
    assert "India" in tags()
    folder = config_directory / "furniture"
    folder.mkdir(exist_ok=True)
    (folder / "mine.yaml").write_text("behind: [lighthouse keepers’ corner]\n")
    await once(config_directory)
    assert "India" not in tags()


async def test_rules_for_links_are_applied_to_the_past(config_directory: Path) -> None:
    """An article that comes after the change is folded with a copy that came before it."""
    inbox, other = only_inbox(config_directory), config_directory.parent / "var" / "other"
    sources = config_directory / "sources.yaml"
    sources.write_text(sources.read_text() + '  - {folder: "{state}/other", after: move, create: true}\n')
    other.mkdir()
    drop(inbox, "1.txt", f"URL: https://a.example/rail?via=1\nDate: 2026-09-20\n{story(1)}".encode())
    await once(config_directory)
    (config_directory / "links.yaml").write_text("tracking: [via]\n")
    drop(other, "2.txt", f"URL: http://m.a.example/rail/?via=2\nDate: 2026-09-20\n{story(2)}".encode())
    await once(config_directory)
    first, second = stored(config_directory)
    with runtime.opened(config.load(config_directory, {})) as database:
        copies = articles.story_of(database, first.key)
    assert {copy.key for copy in copies} == {first.key, second.key}
    assert {copy.link for copy in copies} == {"https://a.example/rail"}
    assert {first.link, second.link} == {"https://a.example/rail?via=1", "http://m.a.example/rail/?via=2"}


async def test_agencies_that_are_named_later_are_one_voice_in_the_past(config_directory: Path) -> None:
    """Two papers print what one agency wrote."""
    (config_directory / "topics.yaml").write_text(
        "topics:\n  rail: {title: Rail, all: [country:china, country:russia], min_independent_sources: 2}\n"
    )
    names = ("herald", "post")
    listed = "".join(f"  - {{folder: ../{name}, name: {name.title()}}}\n" for name in names)
    (config_directory / "sources.yaml").write_text(f"sources:\n{listed}")
    for name, title in zip(names, ("China and Russia sign rail deal", "China and Russia sign a deal"), strict=True):
        (config_directory.parent / name).mkdir()
        body = f"{title}\n\nHARBOUR TOWN, September 20 (Islands News Desk) - {PROSE}"
        drop(config_directory.parent / name, f"{name}.txt", body.encode())
    await once(config_directory)
    (item,) = items(config_directory, "rail")
    (config_directory / "agencies.yaml").write_text(
        "agencies:\n  islands: {label: Islands News Desk, names: [Islands News Desk]}\n"
    )
    await once(config_directory)
    assert items(config_directory, "rail") == []
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        (copies,) = articles.stories(database).values()
        assert {(copy.voice, copy.is_reprint) for copy in copies} == {("agency:islands", True)}
    (config_directory / "agencies.yaml").write_text("agencies: {}\n")
    await once(config_directory)
    assert [one["id"] for one in items(config_directory, "rail")] == [item["id"]]


RULES = """
from pathlib import Path
from aggregator import config, retag
from aggregator.judge import Judge
found = config.load(Path("config"), {})
print(Judge(found).rules_hash, repr(found.markers), retag.voice_rules(found.agencies, found.links))
print(retag.link_rules(found.links))
"""


def test_rules_are_the_same_in_each_process() -> None:
    """Else everything that is stored would be judged anew at each start."""
    said = {
        subprocess.run(
            [sys.executable, "-c", RULES],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


RULE = {"near": ["country:china", {"phrase": "a b"}], "count": 2}


@pytest.mark.parametrize(
    ("changes", "is_other"),
    [
        ({"all": [RULE | {"count": 3}]}, True),
        ({"all": [{"regex": "x"}]}, True),
        ({"none": [{"length": {"min": 5}}]}, True),
        ({"score": 10}, True),
        ({"language": ["en"]}, True),
        ({"min_independent_sources": 2}, True),
        ({"title": "Other", "description": "d", "limit": 5, "backfill": 1, "max_age": "3d"}, False),
        ({"reasons": "footer", "related": True, "stories": "one-per-event", "private": True}, False),
    ],
)
def test_only_what_a_judgement_depends_on_makes_other_rules(
    config_directory: Path, changes: dict[str, object], is_other: bool
) -> None:
    def rules(**changes: object) -> str:
        topic = {"title": "One", "all": [RULE], **changes}
        (config_directory / "topics.yaml").write_text(yaml.safe_dump({"topics": {"one": topic}}))
        return Judge(config.load(config_directory, {})).rules_hash

    assert (rules() != rules(**changes)) is is_other
