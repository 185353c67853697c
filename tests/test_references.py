"""Rules used by name, topics that extend topics, and names that are wrong."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aggregator import config
from aggregator.config import Config
from aggregator.errors import ConfigError
from aggregator.judge import Judge
from aggregator.models import Article
from aggregator.topics import reasons

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SOURCES = """sources:
  - {url: https://wire.example/feed, name: Example Wire, labels: [agencies]}
"""
CONCEPTS = """concepts:
  country:china: {label: China, aliases: [China]}
  country:russia: {label: Russia, aliases: [Russia]}
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "concepts").mkdir()
    (tmp_path / "aggregator.yaml").write_text("listen: 127.0.0.1:8080\n")
    (tmp_path / "sources.yaml").write_text(SOURCES)
    (tmp_path / "concepts" / "all.yaml").write_text(CONCEPTS)
    return tmp_path


def load(directory: Path, text: str) -> Config:
    (directory / "topics.yaml").write_text(text)
    return config.load(directory, {})


def problems(directory: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(directory, text)
    return [str(problem).removeprefix(f"{directory}/topics.yaml:") for problem in caught.value.problems]


def topics_of(found: Config, text: str, title: str = "News") -> list[str]:
    article = Article("k", "wire.example/feed", "g", title, text, "", "", NOW, language="en")
    return [slug for slug, verdict in Judge(found).judge(article).verdicts.items() if verdict.holds]


NAMED = """rules:
  sport:
    any: [{phrase: goal}, {phrase: world cup}]
  rail: {phrase: rail}
  china: country:china
topics:
  china-rail:
    title: China by rail
    all: [{rule: china}, {rule: rail}]
    none: [{rule: sport}]
  anything-but:
    title: Rail but
    any: [{rule: rail}]
    none: [{all: [{rule: sport}, {rule: china}]}]
"""


def test_a_rule_is_used_by_name(directory: Path) -> None:
    found = load(directory, NAMED)
    assert topics_of(found, "China has a rail line. China wants more. China pays.") == ["china-rail", "anything-but"]
    assert topics_of(found, "China has a rail line. China wants more. China pays. A goal.") == []
    assert topics_of(found, "A rail goal.") == ["anything-but"]


def test_an_answer_names_the_rule(directory: Path) -> None:
    article = Article("k", "s", "g", "News", "China has a rail line. China wants more. China pays.", "", "", NOW)
    verdict = Judge(load(directory, NAMED)).explain(article).verdicts["china-rail"]
    assert [part.rule for part in verdict.parts[0].parts] == ["rule china", "rule rail"]
    assert reasons(verdict)[1] == "phrase “rail” in text: once"


EXTENDED = """topics:
  china:
    title: China
    all: [country:china]
    none: [{phrase: sport}]
    language: [en]
    max_age: 30d
    limit: 7
  china-rail: {title: China by rail, extends: china, any: [{phrase: rail}, {phrase: train}], limit: 9}
  china-trains: {title: Trains, extends: china-rail, none: [{phrase: rail}]}
"""


def test_a_topic_that_extends_another_is_narrower_and_takes_over_what_it_does_not_say(directory: Path) -> None:
    found = load(directory, EXTENDED)
    assert topics_of(found, "A train in China. China likes it. China pays.") == ["china", "china-rail", "china-trains"]
    assert topics_of(found, "A rail in China. China likes it. China pays.") == ["china", "china-rail"]
    assert topics_of(found, "A train in China. China likes it. China pays. For sport.") == []
    assert topics_of(found, "A train in Russia. Russia likes it. Russia pays.") == []
    assert [topic.limit for topic in found.topics.values()] == [7, 9, 9]
    assert {topic.max_age for topic in found.topics.values()} == {timedelta(days=30)}
    assert found.topics["china-trains"].language == ("en",)


STRICT = """topics:
  china: {title: China, any: [country:china], language: [en, fr], min_independent_sources: 3, max_age: 7d, private: true}
  rail: {title: Rail, extends: china, language: [fr, de], min_independent_sources: 1, max_age: 30d}
  trains: {title: Trains, extends: rail, min_independent_sources: 4, max_age: 2d}
"""


def test_a_topic_that_extends_another_may_be_stricter_and_not_laxer(directory: Path) -> None:
    found = load(directory, STRICT).topics
    assert [found[slug].language for slug in ("rail", "trains")] == [("fr",), ("fr",)]
    assert [found[slug].min_independent_sources for slug in ("rail", "trains")] == [3, 4]
    assert [found[slug].horizon.days for slug in ("rail", "trains")] == [7, 2]
    assert [topic.private for topic in found.values()] == [True, True, True]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "rules:\n  sport: {phrase: goal}\ntopics:\n  t: {title: T, any: [{rule: sprot}]}\n",
            "4:24: unknown rule 'sprot' (did you mean 'sport'?)",
            id="unknown rule",
        ),
        pytest.param(
            "topics:\n  t: {title: T, any: [{rule: sport}]}\n",
            "2:24: unknown rule 'sport'; define it under 'rules:'",
            id="no rules at all",
        ),
        pytest.param(
            "topics:\n  china: {title: T, any: [country:china]}\n  t: {title: T, extends: chna}\n",
            "3:17: unknown topic 'chna' (did you mean 'china'?)",
            id="unknown topic",
        ),
        pytest.param(
            "rules:\n  a: {any: [{rule: b}]}\n  b: {none: [{rule: a}]}\ntopics:\n  t: {title: T, any: [{rule: a}]}\n",
            "3:15: this goes in a circle: a → b → a",
            id="rules in a circle",
        ),
        pytest.param(
            "rules:\n  a: {rule: a}\ntopics:\n  t: {title: T, any: [country:china]}\n",
            "2:7: this goes in a circle: a → a",
            id="a rule of itself",
        ),
        pytest.param(
            "topics:\n  t: {title: T, extends: u}\n  u: {title: U, extends: t}\n",
            "3:17: this goes in a circle: t → u → t",
            id="topics in a circle",
        ),
        pytest.param(
            "topics:\n  c: {title: C, any: [country:china], private: true}\n"
            "  t: {title: T, extends: c, private: false}\n",
            "3:29: 'c', which this topic extends, is private, and so must this one be",
            id="extends what is private",
        ),
        pytest.param(
            "topics:\n  c: {title: C, any: [country:china], language: [en]}\n"
            "  t: {title: T, extends: c, language: [fr]}\n",
            "3:29: nothing is in both: 'c', which this topic extends, is in en",
            id="extends with another language",
        ),
        pytest.param(
            "topics:\n  c: {title: C, any: [country:china], max_age: 90d}\n  t: {title: T, extends: c, keep: 7d}\n",
            "3:29: `keep` must not be shorter than `max_age`, 90d, which it has from 'c'",
            id="keeps stories for less time than the topic that it extends shows them",
        ),
        pytest.param(
            "rules:\n  a: {near: [country:china, country:rusia]}\ntopics:\n  t: {title: T, any: [country:china]}\n",
            "2:29: unknown concept 'country:rusia' (did you mean 'country:russia'?)",
            id="unknown concept in near",
        ),
        pytest.param(
            "topics:\n  t: {title: T, any: [{mentions: country:chine}]}\n",
            "2:24: unknown concept 'country:chine' (did you mean 'country:china'?)",
            id="unknown concept in mentions",
        ),
        pytest.param(
            "topics:\n  t: {title: T, any: [{tag: country:chnia}]}\n",
            "2:24: unknown concept 'country:chnia' (did you mean 'country:china'?)",
            id="unknown concept as a tag",
        ),
        pytest.param(
            "topics:\n  t: {title: T, any: [{source: exmple wire}]}\n",
            "2:24: no source has the name, id or label 'exmple wire' (did you mean 'Example Wire'?)",
            id="unknown source",
        ),
        pytest.param(
            "topics:\n  t: {title: T, any: [{source: [agencies, x]}]}\n",
            "2:43: no source has the name, id or label 'x'",
            id="unknown source in a list",
        ),
        pytest.param(
            "topics:\n  t: {title: T, any: [{regex: 'a('}]}\n",
            "2:24: topics.t.any.0.regex: RE2 cannot read this regex: missing )",
            id="bad regex",
        ),
        pytest.param(
            "topics:\n  t: {title: T, any: [{regx: x}]}\n",
            "2:23: a rule is a concept such as country:china, or has one of the keys",
            id="unknown kind of rule",
        ),
        pytest.param(
            "rules:\n  My Rule: {phrase: x}\ntopics:\n  t: {title: T, any: [country:china]}\n",
            "2:3: rules.My Rule: a rule's name has small letters",
            id="name of a rule",
        ),
        pytest.param(
            "rules:\n  a: {phrase: x}\ntopics:\n  t: {title: T, any: [{rule: a, none: [country:china]}]}\n",
            "4:23: topics.t.any.0: `rule: …` stands by itself",
            id="rule and more",
        ),
        pytest.param(
            "rules:\n  a: {phrase: x}\ntopics:\n  t: {title: T, rule: a}\n",
            "4:3: topics.t: `rule: …` stands in a list",
            id="rule as a topic",
        ),
        pytest.param(
            "topics:\n  t: {title: T, none: [country:china]}\n", "2:3: topics.t: a rule needs something", id="none only"
        ),
    ],
)
def test_a_wrong_name_is_an_error_with_its_place(directory: Path, text: str, expected: str) -> None:
    found = problems(directory, text)
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_a_tag_that_is_no_concept_may_be_anything(directory: Path) -> None:
    for tag in ("category:foreign-policy", "Foreign policy", "note: this", "country: news"):
        assert load(directory, f"topics:\n  t: {{title: T, any: [{{tag: '{tag}'}}]}}\n")


def test_new_concepts_are_defined_beside_the_configuration_wherever_the_topics_stand(directory: Path) -> None:
    load(directory, "topics:\n  t: {title: T, any: [country:china]}\n")
    (directory / "new").mkdir()
    other = directory / "new" / "topics.yaml"
    other.write_text("topics:\n  t: {title: T, any: [animal:yak]}\n")
    with pytest.raises(ConfigError) as caught:
        config.load(directory, {}, topic_file=other)
    assert str(caught.value.problems[0]).endswith(f"define new ones in {directory}/concepts/")


def test_a_kind_of_rule_that_is_not_known_gets_a_suggestion(directory: Path) -> None:
    (found,) = problems(directory, "topics:\n  t: {title: T, any: [{phrse: x}]}\n")
    assert found.endswith("(did you mean 'phrase' instead of 'phrse'?)")


def test_sources_of_a_list_that_is_not_there_yet_may_be_named(directory: Path) -> None:
    (directory / "list.opml").write_text('<opml version="2.0"><body/></opml>')
    (directory / "sources.yaml").write_text(f"{SOURCES}  - opml: {directory}/list.opml\n")
    assert load(directory, "topics:\n  t: {title: T, any: [{source: later}]}\n").topics["t"]


def test_names_that_stand_for_a_million_rules_are_refused(directory: Path) -> None:
    doubled = "".join(f"  r{n}: {{any: [{{rule: r{n - 1}}}, {{rule: r{n - 1}}}]}}\n" for n in range(1, 14))
    text = f"rules:\n  r0: {{phrase: x}}\n{doubled}topics:\n  t: {{title: T, any: [{{rule: r13}}]}}\n"
    (found,) = problems(directory, text)
    assert found.startswith("17:3: with all that it names, this topic has ")
    assert found.endswith(" rules: more than 5,000")


def test_many_concepts_by_themselves_are_refused_since_every_two_are_a_rule(directory: Path) -> None:
    listed = "".join(f"  country:c{n}: {{label: C{n}, aliases: [Cland{n}]}}\n" for n in range(110))
    (directory / "concepts" / "more.yaml").write_text(f"concepts:\n{listed}")
    text = "topics:\n  t: {{title: T, all: [{}]}}\n"
    assert load(directory, text.format(", ".join(f"country:c{n}" for n in range(90))))
    (found,) = problems(directory, text.format(", ".join(f"country:c{n}" for n in range(110))))
    assert found == "2:3: with all that it names, this topic has 6,106 rules: more than 5,000"


def test_a_thousand_names_in_a_row_are_refused(directory: Path) -> None:
    row = "".join(f"  r{n}: {{any: [{{rule: r{n + 1}}}]}}\n" for n in range(1_000))
    found = problems(
        directory, f"rules:\n{row}  r1000: {{phrase: x}}\ntopics:\n  t: {{title: T, any: [{{rule: r0}}]}}\n"
    )
    assert found == ["981:3: its names lead more than 40 rules deep"]


def test_a_rule_that_changes_behind_its_name_judges_anew(directory: Path) -> None:
    before = Judge(load(directory, NAMED)).rules_hash
    assert Judge(load(directory, NAMED)).rules_hash == before
    assert Judge(load(directory, NAMED.replace("goal", "match"))).rules_hash != before


def test_a_source_with_another_label_judges_anew_only_if_a_rule_speaks_of_it(directory: Path) -> None:
    by_label = "topics:\n  t: {title: T, any: [{source: 'agenc*'}]}\n"
    other = "topics:\n  t: {title: T, any: [country:china]}\n"
    before = [Judge(load(directory, text)).rules_hash for text in (by_label, other)]
    (directory / "sources.yaml").write_text(SOURCES.replace("agencies", "agency"))
    after = [Judge(load(directory, text)).rules_hash for text in (by_label, other)]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True]
