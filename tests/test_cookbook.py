"""What `docs/topics.md` says is so: its topics load, and their examples hold."""

import re
from pathlib import Path

import pytest
import yaml

from aggregator import config, explain, registry
from aggregator.config.topics import ABOUT, Example, Topic, schema
from aggregator.taggers import concepts
from aggregator.topics import together

ROOT = Path(__file__).parent.parent
DOCUMENT = (ROOT / "docs" / "topics.md").read_text()
COOKBOOK = dict(
    re.findall(r"^### (.*)\n\n(?:.*\n)*?```yaml\n((?:.*\n)*?)```", DOCUMENT.partition("## Cookbook")[2], re.M)
)


def test_there_are_twelve() -> None:
    assert len(COOKBOOK) == 12


@pytest.mark.parametrize("name", COOKBOOK)
def test_topic_of_the_cookbook_loads_and_its_examples_hold(name: str, config_directory: Path) -> None:
    (config_directory / "topics.yaml").write_text(COOKBOOK[name])
    found = config.load(config_directory, {})
    assert list(explain.failing_examples(found)) == []
    assert {side for _, side, _ in found.example_places} == {"match", "reject"}


@pytest.mark.parametrize(
    "text", re.findall(r"```yaml\n((?:rules|topics):.*?)```", DOCUMENT.partition("## Cookbook")[0], re.S)
)
def test_topic_before_the_cookbook_loads(text: str, config_directory: Path) -> None:
    (config_directory / "topics.yaml").write_text(text)
    assert config.load(config_directory, {}).topics


def test_a_pair_is_what_the_document_says() -> None:
    written = re.search(r"```yaml\n(any:.*?)```", DOCUMENT, re.S)
    assert written
    topic = {"title": "T", **yaml.safe_load(written[1])}
    checked = schema().validate_python({"topics": {"t": topic}}).topics["t"]
    assert repr(checked.any) == repr(together(("country:china", "country:russia")).any)


def test_every_kind_of_rule_and_every_key_is_described() -> None:
    sections = set(re.findall(r"^### ([a-z]+)$", DOCUMENT, re.M))
    assert sections == set(registry.leaves())
    keys = DOCUMENT.partition("## Keys of a topic")[2].partition("\n\nAn example")[0]
    described = {name for row in re.findall(r"^\| (`.*?) \|", keys, re.M) for name in re.findall(r"`([a-z_]+)`", row)}
    assert described == set(Topic.model_fields) - {"rule"}
    example = DOCUMENT.partition("\n\nAn example")[2].partition("\n\n")[0]
    assert set(Example.model_fields) <= set(re.findall(r"`([a-z]+)[`:]", example))


def test_the_score_of_about_is_what_the_tagger_adds_up() -> None:
    section = DOCUMENT.partition("### about\n")[2].partition("\n### ")[0]
    points = {name: int(most) for name, most in re.findall(r"^\| `([a-z]+)` \| (\d+)", section, re.M)}
    assert points == {
        "title": concepts.TITLE,
        "lede": concepts.LEDE,
        "mentions": concepts.MENTIONS,
        "dominance": concepts.DOMINANCE,
    }
    assert f"first {concepts.EARLY} words, none from the {concepts.LATE}th" in section
    assert f"less than {concepts.SHORT} words" in section
    assert f"more than {concepts.LONG} words, per {concepts.LONG}" in section
    assert (
        f": {concepts.DOUBLED} for once, {2 * concepts.DOUBLED} for three times, {3 * concepts.DOUBLED} for" in section
    )
    assert f"`min` ({ABOUT})" in section
