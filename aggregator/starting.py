"""A configuration to start from: the shipped one, with all its comments, in a directory of its own."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from aggregator.errors import StateError
from aggregator.packaged import shipped

_PLAIN = re.compile(r"[A-Za-z./][\w./-]*", re.ASCII)  # needs no quotes in YAML
_STATE = re.compile(r"^state: \S+", re.MULTILINE)


def write(directory: Path, state: str = "var") -> list[Path]:
    """Write it, and the samples that its topics are tested with; the files that were written.

    `state`: where the database is to be, relative to the directory. Raises StateError where a file is there already, in
    which case nothing is written, and where nothing can be written.
    """
    files = dict(_files())
    there = [str(directory / name) for name in files if (directory / name).exists()]
    if there:
        raise StateError(f"{there[0]} is there already; name a directory that holds no configuration yet")
    try:
        for name, source in files.items():
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        for name in ("aggregator.yaml", "sources.yaml", "topics.yaml"):
            _settle(directory / name, state)
    except OSError as error:
        raise StateError(f"{error.filename or directory}: cannot be written: {error.strerror}") from error
    return [directory / name for name in files]


def _files() -> Iterator[tuple[str, Path]]:
    """Names inside the new directory → the files as they are shipped."""
    config = shipped("config")
    for path in sorted(config.rglob("*")):
        name = path.relative_to(config)
        if path.suffix in (".yaml", ".json") and name.parts[0] != "credentials":
            yield str(name), path
    for path in sorted(shipped("seeds").iterdir()):
        yield f"seeds/{path.name}", path


def _settle(path: Path, state: str) -> None:
    """As shipped, state and samples lie beside the directory; here, inside."""
    text = path.read_text(encoding="utf-8").replace("../seeds", "seeds")
    line = f"state: {state if _PLAIN.fullmatch(state) else json.dumps(state, ensure_ascii=False)}"
    text = _STATE.sub(lambda found: line.ljust(len(found[0])), text)
    path.write_text(text, encoding="utf-8")
