"""`./run` from anywhere: the caller's directory is kept, the project's files are found."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose Python only says how it was called."""
    clone = tmp_path / "a clone"
    for folder in ("tools", "config", ".venv/bin"):
        (clone / folder).mkdir(parents=True)
    shutil.copy(ROOT / "run", clone)
    (clone / "tools" / "setup.sh").write_text('test -e run && test "$requirements" = requirements.txt\n')
    (clone / "config" / "aggregator.yaml").write_text("")
    python = clone / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$PWD" "${AGGREGATOR_CONFIG:-none}" "$@"\n')
    python.chmod(0o755)
    return clone


def run(command: Path, where: Path, *arguments: str, **environment: str) -> list[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AGGREGATOR_")}
    return subprocess.run(
        [command, *arguments], cwd=where, env=bare | environment, check=True, capture_output=True, text=True, timeout=30
    ).stdout.splitlines()


def test_from_another_directory_and_through_a_symlink(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    link = tmp_path / "bin" / "news"
    link.symlink_to(clone / "run")
    said = run(link, tmp_path, "explain", "some file.txt")
    assert said == [str(tmp_path), str(clone / "config"), "-P", "-m", "aggregator", "explain", "some file.txt"]


def test_without_arguments_it_is_the_daemon(clone: Path) -> None:
    assert run(clone / "run", clone)[-1] == "run"


def test_the_configuration_of_the_caller_goes_first(clone: Path, tmp_path: Path) -> None:
    assert run(clone / "run", tmp_path, AGGREGATOR_CONFIG="mine")[1] == "mine"
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "aggregator.yaml").write_text("")
    assert run(clone / "run", tmp_path)[1] == "none"  # ./config is found by the program itself
