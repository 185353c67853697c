"""What `explain` finds, and what it says of what is not stored."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aggregator import config, explain, runtime
from aggregator.cli import main
from aggregator.store import articles


async def test_stored_article_is_found_by_key_link_and_page(config_directory: Path) -> None:
    (config_directory / "topics.yaml").write_text("topics:\n  t: {title: T, any: [country:china]}\n")
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        await runtime.once(found, database, lambda visit: None)
        file = next(explain.traces(str(config_directory.parent / "seeds" / "yuan-rouble-settlement.txt"), found, None))
        with database.reading() as connection:
            keys = connection.exec_driver_sql("SELECT key FROM articles").scalars().all()
        key = next(key for key in keys if articles.get(database, key).title == file.article.title)  # type: ignore[union-attr]
        for what in (key, f"http://127.0.0.1:8080/articles/{key}", f"https://news.example.org/x/articles/{key}"):
            (trace,) = explain.traces(what, found, database)
            assert trace.article.key == key
            assert f"  key       {key}" in explain.lines(trace, found)
            assert explain.facts(trace)["key"] == key
        assert list(explain.traces(f"http://127.0.0.1:8080/articles/{'0' * 32}", found, database)) == []


def test_file_that_is_not_stored_has_no_key(config_directory: Path) -> None:
    found = config.load(config_directory, {})
    (trace,) = explain.traces(str(config_directory.parent / "seeds" / "yuan-rouble-settlement.txt"), found, None)
    assert "  stored    no" in explain.lines(trace, found)
    assert explain.facts(trace)["key"] is None


async def test_a_file_is_found_in_the_store_wherever_it_was_moved(config_directory: Path) -> None:
    found = config.load(config_directory, {})
    seed = config_directory.parent / "seeds" / "brief.txt"
    with runtime.opened(found) as database:
        await runtime.once(found, database, lambda visit: None)
        (trace,) = explain.traces(str(seed), found, database)
        assert [source for _, source in trace.stored_as] == ["folder:seeds"]
        assert articles.get(database, trace.stored_as[0][0])
        copy = config_directory.parent / "elsewhere.txt"
        copy.write_bytes(seed.read_bytes())
        (trace,) = explain.traces(str(copy), found, database)
        assert trace.stored_as == ()


ARTICLE = "China and Russia sign a rail deal\n\nChina and Russia signed on Monday. Russia supplies the steel, China signals.\n"


def run(config_directory: Path, *words: str, text: str = "") -> Result:
    return CliRunner().invoke(main, ["--config", str(config_directory), "explain", *words], input=text)


def test_standard_input_is_explained(config_directory: Path) -> None:
    ran = run(config_directory, "-", text=ARTICLE)
    assert ran.exit_code == 0
    assert ran.stdout.startswith("China and Russia sign a rail deal\n  read      standard input (plain text)\n")
    assert "  stored    no\n" in ran.stdout
    assert "topic     china-russia: in, score " in ran.stdout
    assert "topic     energy: not in: about subject:energy ≥ 25: not mentioned\n" in ran.stdout


def test_why_an_article_is_not_in_a_topic_is_shown_for_that_topic_alone(config_directory: Path) -> None:
    ran = run(config_directory, "-", "--topic", "us-china", text=ARTICLE)
    lines = [line.strip() for line in ran.stdout.splitlines()]
    assert [line for line in lines if line.startswith("topic")] == [
        "topic     us-china: not in: about country:united-states ≥ 25: not mentioned"
    ]
    assert "no  about country:united-states ≥ 25: not mentioned" in lines
    assert any(line.startswith("yes about country:china ≥ 25: ") for line in lines)
    assert "[China] and Russia signed on Monday." in lines


def test_a_topic_that_is_not_there_is_a_mistake_of_use(config_directory: Path) -> None:
    ran = run(config_directory, "-", "--topic", "us-chine", text=ARTICLE)
    assert ran.exit_code == 2
    assert "there is no topic 'us-chine' (did you mean 'us-china'?)" in ran.stderr


def test_json_has_every_rule_with_what_it_found(config_directory: Path) -> None:
    (found,) = json.loads(run(config_directory, "-", "--json", text=ARTICLE).stdout)
    topic = found["topics"]["china-russia"]
    assert (topic["holds"], topic["parts"][1]["rule"], topic["parts"][1]["holds"]) == (True, "none", True)
    assert found["topics"]["energy"]["decided"]["rule"] == "about subject:energy ≥ 25"
    pair = topic["parts"][0]["parts"][0]
    assert (pair["rule"], pair["value"]) == ("country:china with country:russia", "about each")
    assert pair["parts"][0]["excerpts"][1] == "[China] and Russia signed on Monday."


def test_too_much_standard_input_is_refused(config_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "MAX_INPUT", 50)
    ran = run(config_directory, "-", text=ARTICLE)
    assert ran.exit_code == 1
    assert "standard input: more than 50 bytes" in ran.stderr


@pytest.mark.parametrize("side", ["match", "reject"])
def test_an_example_without_an_article_fails(side: str, config_directory: Path) -> None:
    (config_directory / "empty.xml").write_text("<rss version='2.0'><channel><title>None</title></channel></rss>")
    (config_directory / "topics.yaml").write_text(
        f"topics:\n  t:\n    title: T\n    any: [{{phrase: rail}}]\n    examples: {{{side}: [empty.xml]}}\n"
    )
    (problem,) = explain.failing_examples(config.load(config_directory, {}))
    found = str(problem)
    assert "topics.yaml:5:" in found
    assert found.endswith("topic 't': there is no article in empty.xml, so nothing can be said of it")


EXAMPLE = """topics:
  t:
    title: T
    all: [{phrase: rail}]
    none: [{near: [country:china, {phrase: tea}]}]
    examples:
      match:
        - {title: A train, text: Nothing more.}
      reject:
        - {title: Rail news, text: All is well. The rail trade is good., category: [tea]}
        - {title: Rail, text: x, source: nobody}
"""


def test_an_example_that_fails_names_itself_the_rule_and_its_value(config_directory: Path) -> None:
    (config_directory / "topics.yaml").write_text(EXAMPLE)
    found = [
        str(problem).removeprefix(f"{config_directory}/topics.yaml:")
        for problem in explain.failing_examples(config.load(config_directory, {}))
    ]
    assert found == [
        "8:11: topic 't' rejects “A train”: phrase “rail” in text: not found",
        "10:11: topic 't' accepts “Rail news”: phrase “rail” in text: 2 times in “[Rail] news”",
        "11:11: no source has the name or id 'nobody'",
    ]
    ran = CliRunner().invoke(main, ["--config", str(config_directory), "check"])
    assert ran.exit_code == 78
    assert "8:11: topic 't' rejects “A train”: phrase “rail” in text: not found\n" in ran.stderr
