"""What `docs/topics.md` says is so: its topics load, and their examples hold."""

import re
from pathlib import Path

import pytest
import yaml

from aggregator import config, explain, registry
from aggregator.config.topics import Example, Topic, schema
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
