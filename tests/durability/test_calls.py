"""Death, and errors, at every system call that writes, and at every statement.

A pass is traced (strace): its first call of a kind is its last one, or fails, then its second one, and so on until a pass
comes through. In `./test` some of them.
"""

import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.durability.judge import Judge
from tests.durability.passes import Passes, passes
from tests.durability.test_kills import IN_FULL, place, places
from tests.durability.world import Site, World

__all__ = ["place", "places"]

CALLS = ["renameat", "rename", "fsync", "fdatasync", "pwrite64", "write", "openat", "unlink", "ftruncate"]
MOST = 60  # of one kind and thread; what comes then are messages to threads and over the network
SOME = {"renameat": [1], "rename": [2, 7], "fsync": [3, 8], "fdatasync": [2], "pwrite64": [5]}
ERRORS = {
    "ENOSPC": ["pwrite64", "write", "openat", "rename", "renameat"],
    "EIO": ["fsync", "fdatasync", "pwrite64", "rename"],
    "EMFILE": ["openat"],
}
SOME_ERRORS = [("ENOSPC", "pwrite64", 2), ("EIO", "fsync", 3), ("ENOSPC", "rename", 2)]
STATEMENTS = range(1, 1000) if IN_FULL else range(3, 120, 17)

needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


class Stage:
    """A world, passes over it that die or meet errors, and the judge."""

    def __init__(self, world: World, some: Passes) -> None:
        self.world = world
        self.judge = Judge(world)
        self._passes = some

    def make(self, how: str) -> str:
        self.world.go_on()
        return self._passes.make(how)

    def traced(self, *options: str) -> tuple[str, str]:
        """How a pass has ended that was traced with these options of strace, and its trace."""
        self.world.go_on()
        self._passes.begin("stopped")
        process = self._passes.said()
        trace = self.world.state / "trace"
        command = ["strace", "-f", "-y", "-o", str(trace), *options, "-p", process]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr
            assert "attached" in (line := tracer.stderr.readline()), line
            subprocess.run(["kill", "-CONT", process], check=True)
            said = self._passes.said()
            tracer.wait(30)
        return said, trace.read_text(errors="replace")

    def is_well(self, said: str) -> None:
        """Nothing that was promised is broken, however a pass has ended."""
        assert said in ("killed", "0", "1"), said
        assert self.judge.faults() == []

    def recovers(self) -> None:
        """All by itself, in the next pass."""
        said = self._passes.make("after 600")
        assert (said, self.judge.faults_at_rest()) == ("0", []), self.world.said.read_text()[-2000:]


@contextmanager
def stage(directory: Path, database: str = "sqlite", *, is_new: bool = False) -> Iterator[Stage]:
    """One that has seen a pass, so that it is warm, and there is something that can be lost."""
    site = Site()
    with site.served():
        world = World(directory, random.Random(2), site, database)
        with passes(world) as some:
            found = Stage(world, some)
            if not is_new:
                assert found.make("here") == "0"
            yield found


@needs_strace
def test_killed_at_each_call_that_writes_nothing_is_lost(tmp_path: Path) -> None:
    deaths = 0
    with stage(tmp_path) as found:
        for call in CALLS if IN_FULL else SOME:
            for number in range(1, MOST + 1) if IN_FULL else SOME[call]:
                said, _ = found.traced("-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}")
                found.is_well(said)
                deaths += said == "killed"
                if said == "0":
                    break
        found.recovers()
    print(f"killed at {deaths} calls")
    assert deaths > (60 if IN_FULL else 3)


@needs_strace
def test_a_call_that_fails_costs_no_more_than_a_pass(tmp_path: Path) -> None:
    """A full disk, a broken one, too many open files: whatever call is the first to notice."""
    failed = 0
    points = [(kind, call, number) for kind in ERRORS for call in ERRORS[kind] for number in range(1, 25)]
    with stage(tmp_path) as found:
        for kind, call, number in points if IN_FULL else SOME_ERRORS:
            said, trace = found.traced("-e", f"trace={call}", "-e", f"inject={call}:error={kind}:when={number}")
            found.is_well(said)
            failed += "(INJECTED)" in trace
            found.recovers()
    print(f"{failed} calls have failed")
    assert failed > (50 if IN_FULL else 1)


def test_killed_at_each_statement_nothing_is_there_by_half(tmp_path: Path, place: str) -> None:
    with stage(tmp_path, place) as found:
        _killed_at(found, STATEMENTS)


def test_killed_while_the_tables_are_made_they_are_made_the_next_time(tmp_path: Path, place: str) -> None:
    for number in range(1, 1000, 7) if IN_FULL else (2, 90):
        with stage(tmp_path / str(number), place, is_new=True) as found:
            said = found.make(f"statement {number}")
            found.is_well(said)
            found.recovers()
            if place != "sqlite" or said == "0":  # the tables are there now
                break


def _killed_at(found: Stage, numbers: range) -> None:
    for number in numbers:
        said = found.make(f"statement {number}")
        found.is_well(said)
        if said == "0":
            break
    else:
        assert not IN_FULL
    found.recovers()


@needs_strace
def test_what_is_published_is_on_the_disk_before_it_is_there(tmp_path: Path) -> None:
    """A power cut cannot be made here, and file systems hide what they would lose: so it is the order that is looked at.
    Each published file is synced before it takes its name, and its folder afterwards."""
    with stage(tmp_path) as found:
        said, trace = found.traced("-e", "trace=fsync,rename,renameat,fdatasync")
        assert said == "0"
        feeds = str(found.world.state / "public" / "feeds")
        published = [line for line in trace.splitlines() if " rename(" in line and f'"{feeds}/' in line]
        assert published
        faults = list(_out_of_order(trace, feeds))
        assert faults == []
        inverted = "\n".join(line for line in trace.splitlines() if "fsync(" not in line)
        assert list(_out_of_order(inverted, feeds))  # it would be noticed


def _out_of_order(trace: str, feeds: str) -> Iterator[str]:
    synced: set[str] = set()
    waiting = ""
    for line in trace.splitlines():
        if found := re.search(r"\bfsync\(\d+<([^>]*)>", line):
            synced.add(found[1])
            waiting = "" if found[1] == feeds else waiting
        elif (found := re.search(r'\brename\("([^"]*)", "([^"]*)"', line)) and found[2].startswith(f"{feeds}/"):
            if found[1] not in synced:
                yield f"not on the disk: {found[2]}"
            if waiting:
                yield f"its folder is not on the disk: {waiting}"
            waiting = found[2]
    if waiting:
        yield f"its folder is not on the disk: {waiting}"
