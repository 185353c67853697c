"""The power is cut: what had not been written to the disk is gone.

A file system in a file (loop device) is copied as it is at that moment, and what goes on goes on with the copy: whatever
the kernel had not yet written is not in it. That takes root, and time: only in `./test --all`.
"""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.durability.judge import Judge
from tests.durability.passes import passes
from tests.durability.test_kills import IN_FULL
from tests.durability.world import Site, World

CUTS = 60
IMAGE_MB = 96

pytestmark = [
    pytest.mark.skipif(not IN_FULL, reason="takes a minute: AGGREGATOR_TEST_ALL is not set"),
    pytest.mark.skipif(os.getuid() != 0, reason="only root mounts file systems"),
    pytest.mark.skipif(not shutil.which("mkfs.ext4"), reason="mkfs.ext4 is not installed"),
]


class Disk:
    """A file system that can lose its power."""

    def __init__(self, directory: Path) -> None:
        self.place = directory / "disk"
        self._image = directory / "image"
        self.place.mkdir()
        with self._image.open("wb") as file:
            file.truncate(IMAGE_MB * 1_000_000)
        subprocess.run(["mkfs.ext4", "-q", "-F", self._image], check=True)

    def mount(self) -> None:
        mounted = subprocess.run(["mount", "-o", "loop", self._image, self.place], capture_output=True, text=True)
        if mounted.returncode:
            pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")

    def cut(self) -> None:
        copy = self._image.with_name("copy")
        subprocess.run(["cp", "--sparse=always", self._image, copy], check=True)
        self.unmount()
        copy.rename(self._image)
        self.mount()

    def sync(self) -> None:
        """What outsiders have written is there for good."""
        subprocess.run(["sync", "-f", self.place], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", self.place], check=True)


@contextmanager
def powered(directory: Path) -> Iterator[Disk]:
    disk = Disk(directory)
    disk.mount()
    try:
        yield disk
    finally:
        disk.unmount()


def cut(directory: Path, cuts: int, mutant: str = "") -> tuple[int, list[str]]:
    """So many power cuts, or until something is wrong: how many were made, and what is."""
    chance, site = random.Random(4), Site()
    with site.served(), powered(directory) as disk:
        world = World(disk.place / "world", chance, site)
        world.said = directory / "said"
        judge = Judge(world)
        with passes(world, mutant) as some:
            world.go_on()
            assert some.make("here") == "0"
            for made in range(cuts):
                world.go_on()
                disk.sync()
                some.make(f"after {chance.uniform(0.05, 0.4):.3f}")
                disk.cut()
                try:
                    faults = judge.faults()
                except Exception as error:  # what cannot be read
                    faults = [repr(error)]
                if faults:
                    return made + 1, faults
            said = some.make("after 60")
            return cuts, judge.faults_at_rest() if said == "0" else [f"the last pass has failed: {said}"]


def test_when_the_power_is_cut_nothing_that_was_acknowledged_is_lost(tmp_path: Path) -> None:
    cuts, faults = cut(tmp_path, CUTS)
    assert (cuts, faults) == (CUTS, [])


def test_who_does_not_wait_for_the_disk_is_found_out(tmp_path: Path) -> None:
    cuts, faults = cut(tmp_path, CUTS, "no sync")
    print(f"found after {cuts} cuts: {faults[:3]}")
    assert faults
