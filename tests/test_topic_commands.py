"""`aggregator topics …`: what a change of rules would do to the past, how topics do, a first draft."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from aggregator import config, drafting, firing, preview, runtime
from aggregator.cli import main
from aggregator.firing import Rule, chart
from aggregator.judge import Judge
from aggregator.models import Article
from aggregator.store import memberships as stored_memberships
from tests.test_pipeline import drop, once, only_inbox

NOW = datetime.now(UTC)
RAIL = "China and Russia sign rail deal\n\nChina and Russia signed a deal on rail freight. Russia pays, China builds."
CUP = "China beat Russia at chess\n\nChina beat Russia at chess on Sunday. Russia had won before; China was better now."
OTHER = (
    "Harvest festival opens in Olden\n\nThe harvest festival has opened in Olden, with music and a fair on the green."
)


async def filled(directory: Path) -> Path:
    inbox = only_inbox(directory)
    for name, text in {"rail": RAIL, "cup": CUP, "other": OTHER}.items():
        drop(inbox, f"{name}.txt", text.encode())
        os.utime(inbox / f"{name}.txt", (NOW.timestamp() - 60, NOW.timestamp() - 60))
    await once(directory)
    return inbox


def run(directory: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(directory), "topics", *arguments])


def changed(directory: Path, topics: dict[str, object]) -> Path:
    path = directory / "new.yaml"
    path.write_text(yaml.safe_dump({"topics": topics}))
    return path


async def test_diff_shows_what_enters_and_leaves_each_topic_and_why(config_directory: Path) -> None:
    await filled(config_directory)
    new = changed(
        config_directory,
        {
            "china-russia": {
                "title": "China–Russia",
                "all": ["country:china", "country:russia"],
                "none": [{"phrase": "chess", "in": "title"}],
            },
            "fairs": {"title": "Fairs", "any": [{"phrase": "harvest festival"}]},
        },
    )
    before = (config_directory / "topics.yaml").read_bytes()
    found = run(config_directory, "diff", str(new), "--json")
    assert found.exit_code == 0
    facts = json.loads(found.stdout)
    (left,) = facts["china-russia"]["leaving"]
    assert (facts["china-russia"]["before"], facts["china-russia"]["after"]) == (2, 1)
    assert left["title"] == "China beat Russia at chess"
    assert left["why"] == "phrase “chess” in title: once"
    (entered,) = facts["fairs"]["entering"]
    assert entered["why"] == "phrase “harvest festival” in text: 2 times"
    text = run(config_directory, "diff", str(new)).stdout
    assert "china-russia: 0 enter, 1 leave: 2 stories → 1" in text
    assert f"  - {NOW:%Y-%m-%d} China beat Russia at chess (folder:inbox)" in text
    loaded = config.load(config_directory, {})
    with runtime.opened(loaded) as database:  # nothing was changed
        assert stored_memberships.counts(database)["china-russia"][0] == 2
    assert (config_directory / "topics.yaml").read_bytes() == before


async def test_diff_of_the_topics_in_use_is_empty_and_of_a_topic_that_goes_is_all(config_directory: Path) -> None:
    await filled(config_directory)
    facts = json.loads(run(config_directory, "diff", str(config_directory / "topics.yaml"), "--json").stdout)
    assert [one["entering"] + one["leaving"] for one in facts.values()] == [[]] * len(facts)
    new = changed(config_directory, {"fairs": {"title": "Fairs", "any": [{"phrase": "harvest festival"}]}})
    facts = json.loads(run(config_directory, "diff", str(new), "--json").stdout)
    assert {change["why"] for change in facts["china-russia"]["leaving"]} == {"there is no such topic any more"}


async def test_diff_looks_no_further_back_than_is_wanted(config_directory: Path) -> None:
    inbox = await filled(config_directory)
    old = f"---\npublished: {NOW - timedelta(days=40):%Y-%m-%d}\n---\n\n# Harvest festival, as it was\n\n{OTHER}"
    drop(inbox, "old.md", old.encode())
    await once(config_directory)
    new = changed(config_directory, {"fairs": {"title": "Fairs", "any": [{"phrase": "harvest festival"}]}})
    for since, entering in (("30d", 1), ("60d", 2)):
        facts = json.loads(run(config_directory, "diff", str(new), "--json", "--since", since).stdout)
        assert len(facts["fairs"]["entering"]) == entering
    assert run(config_directory, "diff", str(new), "--since", "soon").exit_code == 2


def test_a_bad_file_is_named_with_line_and_column(config_directory: Path) -> None:
    new = changed(config_directory, {"fairs": {"title": "Fairs", "any": ["country:chnia"]}})
    found = run(config_directory, "diff", str(new))
    assert found.exit_code == 78
    assert f"{new}:" in found.output
    assert "country:china" in found.output


def test_much_is_shown_in_part() -> None:
    change = preview.Change("k", "A \x1b[2Jtitle", "s", NOW, "because")
    found = {"one": preview.TopicDiff(3, [change] * 12, [change])}
    text = list(preview.lines(found))
    assert text[0] == "one: 12 enter, 1 leave: 3 stories → 14"
    assert "  + … and 2 more; --all shows them" in text
    assert not any("\x1b" in line for line in text)
    assert len(list(preview.lines(found, None))) == 1 + 2 * 13


async def test_rules_that_never_hold_or_always_are_named(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(config_directory)
    monkeypatch.setattr(firing, "ENOUGH", 3)
    changed(config_directory, {}).unlink()
    rules = {
        "all": ["country:china"],
        "any": [{"phrase": "russia"}, {"phrase": "zeppelin"}],
        "none": [{"phrase": "unicorn", "in": "title"}, {"phrase": "nothing"}],
    }
    open_to_all = {"any": [{"length": {"min": 1}}]}
    written = {"topics": {"one": {"title": "One", **rules}, "every": {"title": "Every", **open_to_all}}}
    (config_directory / "topics.yaml").write_text(yaml.safe_dump(written))
    await once(config_directory)
    loaded = config.load(config_directory, {})
    with runtime.opened(loaded) as database:
        found = firing.statistics(database, Judge(loaded), datetime.now(UTC))
    assert found["one"].tried == 3
    assert {(rule.under, rule.rule.partition(" in ")[0]) for rule in found["one"].never} == {
        ("any", "phrase “zeppelin”"),
        ("none", "phrase “unicorn”"),
        ("none", "phrase “nothing”"),
    }
    assert found["one"].always == ()
    assert [(rule.under, rule.held) for rule in found["every"].always] == [("any", 3)]
    assert found["one"].weeks == (0,) * 7 + (2,)
    text = "\n".join(firing.lines(found))
    assert "never held, in 3 stories: phrase “zeppelin”" in text
    assert json.loads(run(config_directory, "stats", "--json").stdout)["every"]["stories"] == 3


def test_of_few_stories_nothing_is_said() -> None:
    assert firing._idle([Rule("any", "x", 0, firing.ENOUGH - 1)]) == ((), ())


def test_a_rule_is_judged_by_the_stories_in_which_it_was_asked() -> None:
    seldom, always, never = (
        Rule("any", "x", 0, firing.ENOUGH - 1),
        Rule("any", "y", firing.ENOUGH, firing.ENOUGH),
        Rule("any", "z", 0, firing.ENOUGH),
    )
    assert firing._idle([seldom, always, never]) == ((never,), (always,))


def test_with_many_topics_rules_are_tried_on_fewer_stories() -> None:
    assert firing.sample_size(3) == firing.SAMPLE
    assert firing.sample_size(1000) == 100
    assert firing.sample_size(10**6) == firing.ENOUGH


def test_chart() -> None:
    assert chart((0, 1, 4, 8)) == "·▁▄█"
    assert chart((0, 0)) == "··"
    assert chart((1000, 1)) == "█▁"


def test_a_draft_is_of_what_all_are_about_and_holds(config_directory: Path) -> None:
    seeds = config_directory.parent / "seeds"
    files = [seeds / "beijing-moscow-gas-talks.txt", seeds / "yuan-rouble-settlement.txt"]
    likes = [argument for file in files for argument in ("--like", str(file))]
    found = run(config_directory, "new", "east", *likes)
    assert (found.exit_code, found.stderr) == (0, "")
    topic = yaml.safe_load(found.stdout)["east"]
    assert set(topic["all"]) == {"country:china", "country:russia"}
    whole = yaml.safe_load((config_directory / "topics.yaml").read_text())
    whole["topics"]["east"] = topic
    (config_directory / "topics.yaml").write_text(yaml.safe_dump(whole))
    checked = CliRunner().invoke(main, ["--config", str(config_directory), "check"])  # its examples hold
    assert checked.exit_code == 0, checked.output


def test_a_draft_of_articles_about_no_concept_is_of_words_of_their_titles(
    config_directory: Path, tmp_path: Path
) -> None:
    texts = [
        "Night trains return\n\nThe night trains are back.",
        "More night trains wanted\n\nRiders want night trains.",
    ]
    likes = []
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.txt"
        path.write_text(text)
        likes += ["--like", str(path)]
    found = run(config_directory, "new", "night-trains", *likes, "--title", "Night: trains")
    assert found.exit_code == 0, found.output
    topic = yaml.safe_load(found.stdout)["night-trains"]
    assert topic["title"] == "Night: trains"
    assert {"phrase": "night trains"} in topic["any"]


def titled(*titles: str) -> list[Article]:
    return [Article(f"k{title}", "s", "g", title, "", "", "", NOW) for title in titles]


def test_words_that_are_in_everything_make_no_phrase(config_directory: Path) -> None:
    articles = titled("Songs after lantern", "Panic after lantern", "Calm after lantern")
    judge = Judge(config.load(config_directory, {}))
    others = ["Something after something"] * drafting.ENOUGH
    assert [phrase for phrase, _ in drafting.draft(articles, judge, others).phrases] == ["lantern"]
    few = [phrase for phrase, _ in drafting.draft(articles, judge, others[1:]).phrases]
    assert few == ["after lantern"]


def test_a_phrase_of_characters_is_drafted_as_it_is_written(config_directory: Path) -> None:
    articles = titled("琥珀細工、復活", "各地で琥珀細工")
    found = drafting.draft(articles, Judge(config.load(config_directory, {})))
    assert [phrase for phrase, _ in found.phrases] == ["琥珀細工"]
    topic = drafting.topic("Night", found)
    assert topic is not None
    judge = Judge(replace(config.load(config_directory, {}), topics={"night": topic}))
    assert [judge.explain(article).verdicts["night"].holds for article in articles] == [True, True]


def test_a_draft_says_which_file_is_not_in_it(config_directory: Path, tmp_path: Path) -> None:
    likes = []
    for name, text in {"a": "Night trains\n\nBack.", "b": "Night trains\n\nGone.", "c": "Olden\n\nA fair."}.items():
        (tmp_path / f"{name}.txt").write_text(text)
        likes += ["--like", str(tmp_path / f"{name}.txt")]
    found = run(config_directory, "new", "night-trains", *likes)
    assert found.exit_code == 1
    assert f"{tmp_path}/c.txt: is not in this topic" in found.stderr


def test_what_cannot_be_drafted_is_refused_with_a_reason(config_directory: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "a.txt", tmp_path / "b.txt"
    one.write_text("Alpha beta\n\nGamma delta.")
    other.write_text("Epsilon zeta\n\nEta theta.")
    found = run(config_directory, "new", "x", "--like", str(one), "--like", str(other))
    assert found.exit_code == 1
    assert "nothing in common" in found.output
    assert run(config_directory, "new", "Bad Name", "--like", str(one)).exit_code == 2
    assert run(config_directory, "new", "x").exit_code == 2


def test_a_draft_keeps_yaml_whole() -> None:
    found = drafting.Draft((), (("country:china", "about 1 of 1"),), (("no: yes # x", "in 1 of 1"),))
    parsed = yaml.safe_load(drafting.text("x", "- a: 'b'", found, ["a b: c.txt"]))["x"]
    assert parsed["title"] == "- a: 'b'"
    assert parsed["any"] == ["country:china", {"phrase": "no: yes # x"}]
    assert parsed["examples"]["match"] == ["a b: c.txt"]
