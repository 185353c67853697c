"""The papers say what is so."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from aggregator import config, markup
from aggregator.cli import main
from aggregator.config import concepts, topics
from aggregator.config import sources as source_files
from aggregator.config.settings import Settings
from aggregator.parsers import _facts

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()


def test_readme_names_every_command_and_no_other() -> None:
    named = re.findall(r"^\| `\./run (\w+)", README, re.MULTILINE)
    assert sorted(named) == sorted(main.commands)


def test_readme_names_every_setting_and_no_other() -> None:
    table = README.partition("| in aggregator.yaml")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`([\w.]+)`", cell)}
    known = set()
    for name, info in Settings.model_fields.items():
        inner = getattr(info.annotation, "model_fields", None)
        known |= {f"{name}.{key}" for key in inner} if inner else {name}
    assert named == known


def test_every_document_is_named_in_the_list_of_documents() -> None:
    there = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert set(re.findall(r"\]\((\w+\.md)\)", (ROOT / "docs" / "README.md").read_text())) == there


def test_topic_of_the_readme_is_a_topic() -> None:
    text = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert text
    parsed = topics.schema().validate_python(yaml.safe_load(text[1]))
    assert len(parsed.topics["china-russia"].examples.match) == 1


def test_concept_of_the_readme_is_a_concept_and_a_new_one() -> None:
    text = re.search(r"```yaml\n(concepts:.*?)```", README, re.DOTALL)
    assert text
    parsed = concepts.SCHEMA.validate_python(yaml.safe_load(text[1]))
    assert parsed.concepts.keys().isdisjoint(config.load(ROOT / "config", {}).concepts)


@pytest.mark.parametrize(
    "path", ["README.md", "ARCHITECTURE.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
)
def test_named_files_exist(path: str) -> None:
    text = (ROOT / path).read_text()
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    named = re.findall(r"`((?:config|seeds|systemd|tools|docs|tests)/[\w./-]*)`", text)
    inside = re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.py)`", text)
    places = (ROOT, ROOT / "aggregator", (ROOT / path).parent)
    assert [name for name in links + named if not any((place / name).exists() for place in places)] == []
    assert [name for name in inside if not (ROOT / "aggregator" / name).exists() and not (ROOT / name).exists()] == []


def test_architecture_lists_every_module() -> None:
    table = ARCHITECTURE.partition("## Modules")[2].partition("## Dictionary")[0]
    named = set(re.findall(r"^\| `(\w+)` ", table, re.MULTILINE))
    found = {path.stem for path in (ROOT / "aggregator").iterdir() if not path.name.startswith("__")}
    assert named == found


def test_pipe_of_the_architecture_is_that_of_the_code() -> None:
    pipe = re.search(r"```\n(.*?)```", ARCHITECTURE, re.DOTALL)
    code = (ROOT / "aggregator" / "pipeline.py").read_text()
    assert pipe
    assert [line.strip() for line in pipe[1].splitlines() if line and line.strip() not in code] == []


def test_markup_lists_what_is_allowed_and_nothing_else() -> None:
    listed = {}
    for line in re.findall(r"^\| (?:`|any ).*", (ROOT / "docs" / "markup.md").read_text(), re.MULTILINE):
        elements, names = (re.findall(r"`(\w+)`", cell) for cell in line.split("|")[1:3])
        listed |= dict.fromkeys(elements or ["*"], frozenset(names))
    assert listed == markup.ATTRIBUTES


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[\[<>=]", line)[0] for line in project["dependencies"]}
    table = (ROOT / "docs" / "decisions.md").read_text().partition("## Dependencies")[2]
    assert names == set(re.findall(r"^\| ([\w-]+) \|", table, re.MULTILINE)) - {"package"}


def test_requirement_files_name_no_place() -> None:
    for path in ROOT.glob("requirements*.txt"):
        assert not re.search(r"https?://|file:|index-url|find-links", path.read_text()), path


CHECKLIST = ROOT.parent / "shared" / "cases" / "reliability" / "websub" / "checklist.jsonl"
WEBSUB = dict(re.findall(r"^\| ([A-Z]+-\w+-\w+) \| .* \| (.*) \|$", (ROOT / "docs" / "websub.md").read_text(), re.M))


@pytest.mark.skipif(not CHECKLIST.exists(), reason="the case collection is not here")
def test_websub_answers_every_statement_of_the_checklist() -> None:
    statements = [json.loads(line)["id"] for line in CHECKLIST.read_text().splitlines()]
    assert sorted(WEBSUB) == sorted(statements)


def test_websub_names_tests_that_are_there() -> None:
    written = "".join(path.read_text() for path in (ROOT / "tests").glob("test_*.py"))
    named = {name for answer in WEBSUB.values() for name in re.findall(r"`(test_\w+)`", answer)}
    assert sorted(name for name in named if f"def {name}(" not in written) == []
    shown = [statement.partition("-")[0] for statement, answer in WEBSUB.items() if "test_" in answer]
    assert (shown.count("SUBSCRIBER"), shown.count("PUBLISHER"), shown.count("HUB")) == (25, 9, 11)
    assert all("`test_" in answer or answer.startswith("not done: ") for answer in WEBSUB.values())


def test_parsing_lists_every_key_that_may_stand_beside_a_file() -> None:
    table = (ROOT / "docs" / "parsing.md").read_text().partition("| Key beside the file")[2].partition("\n\n")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| `")]
    assert [row[1].strip(" `") for row in rows] == list(_facts.Facts.model_fields)
    for row in rows:
        names = set(re.findall(r"`(\w+)`", row[3])) - {"name"}
        assert names <= set(_facts._WRITTEN[row[1].strip(" `")].split())


def test_index_of_the_documents_names_each_of_them() -> None:
    named = re.findall(r"\]\((\w+\.md)\)", (ROOT / "docs" / "README.md").read_text())
    assert sorted(named) == sorted(path.name for path in (ROOT / "docs").glob("*.md") if path.name != "README.md")


def test_topic_of_the_quick_start_is_a_topic() -> None:
    sources, topic = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "quickstart.md").read_text(), re.DOTALL)
    assert topics.schema().validate_python(yaml.safe_load(topic)).topics.keys() == {"china-russia"}
    assert source_files.schema().validate_python(yaml.safe_load(sources)).sources[0].title == "Example World"


def test_quick_start_names_commands_that_are_there() -> None:
    named = re.findall(r"^    aggregator (?:--config \S+ )?(\w+)", (ROOT / "docs" / "quickstart.md").read_text(), re.M)
    assert set(named) <= main.commands.keys()


TROUBLES = re.findall(r"“([^”]+)”", (ROOT / "docs" / "troubleshooting.md").read_text())


def test_every_message_of_the_troubleshooting_is_one_of_the_code() -> None:
    """`…` stands for what is put in."""
    code = "\n".join(path.read_text() for path in (ROOT / "aggregator").rglob("*.py"))
    code = re.sub(r'"\s*\n\s*f?"', "", code)  # texts that go on in the next line
    pieces = [piece.strip() for message in TROUBLES for piece in message.split("…") if piece.strip()]
    assert len(TROUBLES) > 20
    assert [piece for piece in pieces if piece not in code] == []
