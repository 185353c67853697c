"""The data that come with the program: what the modules beside know of the world."""

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast; its errors have no places, ours none


@cache
def data(name: str) -> Any:
    """What stands in a YAML file of the package, such as "links.yaml". `no` is False there: YAML 1.1."""
    file = resources.files("aggregator") / "data" / name
    return yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506


def rows(folder: str) -> Iterator[dict[str, Any]]:
    """The objects in a folder's files of JSON lines, file by file: much data, read fast."""
    for file in sorted((resources.files("aggregator") / "data" / folder).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".jsonl"):
            yield from map(json.loads, filter(None, file.read_text(encoding="utf-8").split("\n")))


def names(folder: str) -> list[str]:
    """The YAML files in a folder of the package's data, in order."""
    files = (resources.files("aggregator") / "data" / folder).iterdir()
    return sorted(f"{folder}/{file.name}" for file in files if file.name.endswith(".yaml"))


def shipped(folder: str) -> Path:
    """The folder "config" or "seeds", as it is shipped: in a checkout it lies beside the package, else inside."""
    package = Path(str(resources.files("aggregator")))
    inside = package / "shipped" / folder
    return inside if inside.is_dir() else package.parent / folder
