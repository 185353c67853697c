"""The JSON Schema files beside the configuration are those of the code."""

import json
import re
from pathlib import Path
from typing import ClassVar

import pytest
import yaml
from jsonschema import Draft202012Validator

from aggregator.config import schemas

CONFIG = Path(__file__).parent.parent / "config"
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
