"""Passes over a world, that are killed; and what a world has come to after each."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.durability.world import ROOT, World


class Passes:
    """A warmed process that makes them."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def make(self, how: str) -> str:
        """One pass, such as `after 0.2`: how it has ended, `killed` or an exit code."""
        self.begin(how)
        return self.said()

    def begin(self, how: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{how}\n")
        self._process.stdin.flush()

    def said(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


@contextmanager
def passes(world: World, mutant: str = "") -> Iterator[Passes]:
    command = [sys.executable, "-m", "tests.durability.forker", str(world.config), mutant]
    with (
        world.said.open("a") as said,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        try:
            yield Passes(process)
        finally:
            process.kill()
