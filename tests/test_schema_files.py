"""The JSON Schema files beside the configuration are those of the code."""

import json
import re
import runpy
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from jsonschema import Draft202012Validator

from aggregator.config import schemas

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "config"
FILES = [
    CONFIG / "aggregator.yaml",
    CONFIG / "sources.yaml",
    CONFIG / "topics.yaml",
    CONFIG / "links.yaml",
    CONFIG / "agencies.yaml",
    *(CONFIG / "concepts").glob("*"),
    *(CONFIG / "furniture").glob("*"),
]


class AsEditors(yaml.SafeLoader):
    """YAML 1.2, which editors read: NO is text, not false."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith((":bool", ":timestamp"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


AsEditors.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))


@pytest.mark.parametrize("name", sorted(schemas()))
def test_schema_file_is_current(name: str) -> None:
    written = json.loads((CONFIG / "schema" / name).read_text())
    assert written == json.loads(json.dumps(schemas()[name])), "run: python tools/make_schemas.py"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_modeline_names_a_schema_that_the_file_satisfies(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    schema = path.parent / first.removeprefix("# yaml-language-server: $schema=")
    Draft202012Validator(json.loads(schema.read_text())).validate(yaml.load(path.read_text(), AsEditors))


REFERENCE = runpy.run_path(str(ROOT / "tools" / "make_reference.py"))
TABLES = list(REFERENCE["tables"]())
REQUIRED = {  # beside the key that is tried
    "Source": {"url": "https://example.org/"},
    "Topic": {"title": "T", "all": ["country:china"]},
    "Group": {"all": ["country:china"]},
    "Example": {"title": "T"},
}


def test_reference_is_current() -> None:
    written = (ROOT / "docs" / "configuration.md").read_text()
    assert written == REFERENCE["text"](), "run: PYTHONPATH=. python tools/make_reference.py"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.heading.lstrip("# "))
def test_every_key_has_a_meaning_and_an_example_that_is_taken(table: Any, tmp_path: Path) -> None:
    (tmp_path / "example").write_text("secret")
    names = ("EXAMPLE_PASSWORD", "EXAMPLE_KEY", "EXAMPLE_SESSION", "EXAMPLE_TOKEN")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path), **dict.fromkeys(names, "secret")}
    examples = REFERENCE["EXAMPLES"][table.examples]
    main = {key: yaml.load(examples[key], AsEditors) for key in (getattr(table.model, "KEY", None),) if key in examples}
    for name in table.keys:
        field = table.model.model_fields[name]
        key = field.alias or name
        assert field.description or key in main, name  # the heading says what that is
        data = {**REQUIRED.get(table.examples, {}), **main, key: yaml.load(examples[key], AsEditors)}
        if table.examples == "Auth":
            data |= {"token": {}, "user": {"password": "p"}, "password": {"user": "u"}}[key]
        if data.keys() >= {"rule"}:
            data = {"rule": data["rule"]}
        table.model.model_validate(data, context={"environment": environment})
