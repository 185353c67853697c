"""A folder is as good as a mail queue: on a full disk, or where files cannot be moved, it loses none and takes none twice.

What it lives through besides is in `durability`.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.durability.judge import contents
from tests.test_daemon import daemon
from tests.test_pipeline import once

ROOT = Path(__file__).parent.parent
LONG_AGO = 1_790_000_000


@contextmanager
def small_disk(place: Path) -> Iterator[Callable[[bool], None]]:
    """A file system of its own at a place, that can be filled, and freed again."""
    place.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True, text=True)
    if mount.returncode:
        pytest.skip(f"no file system can be mounted here: {mount.stderr.strip()}")

    def fill(is_full: bool) -> None:
        ballast = place / ".ballast"
        if not is_full:
            ballast.unlink()
            return
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    try:
        yield fill
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_leaves_files_where_they_are_and_the_daemon_goes_on_when_there_is_room(
    config_directory: Path, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (config_directory / "sources.yaml").write_text(f"sources:\n  - {{folder: {inbox}, after: move}}\n")
    state = tmp_path / "state"
    with small_disk(state) as fill, daemon(config_directory, AGGREGATOR_STATE=str(state)) as running:
        (inbox / "one.txt").write_text("China and Russia, one\n\nChina and Russia talked.")
        running.until(" new=1 ")
        fill(True)
        (inbox / "two.txt").write_text("China and Russia, two\n\nChina and Russia talked again.")
        running.until("disk is full")
        assert contents(inbox).keys() == {"two.txt"}
        fill(False)
        running.until("(?s)disk is full.* new=1 ")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(60) == 0, running.said
        running.until("stopped")
    assert contents(inbox) == {}
    assert contents(inbox / "done").keys() == {"one.txt", "two.txt"}


async def test_no_room_for_a_reason_leaves_the_file_where_it_is(config_directory: Path, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    (config_directory / "sources.yaml").write_text(f"sources:\n  - {{folder: {inbox}, after: move}}\n")
    with small_disk(inbox) as fill:
        for name, text in (("bad.txt", " "), ("good.txt", "China and Russia\n\nChina and Russia talked.")):
            (inbox / name).write_text(text)
            os.utime(inbox / name, (LONG_AGO, LONG_AGO))
        (inbox / "rejected").mkdir()
        fill(True)
        visits = await once(config_directory)
        assert [visit.new for visit in visits] == [1]
        assert "could not be moved" in (visits[0].error or "") and "No space left" in (visits[0].error or "")
        assert contents(inbox).keys() == {"bad.txt"}
        assert not list((inbox / "rejected").glob("*.txt"))
        fill(False)
        await once(config_directory)
        assert contents(inbox) == {}
        assert (inbox / "rejected" / "bad.txt.reason.txt").read_text() == "empty\n"


async def test_what_cannot_be_moved_is_an_error_of_the_source(config_directory: Path, tmp_path: Path) -> None:
    inbox, elsewhere = tmp_path / "inbox", tmp_path / "elsewhere"
    (config_directory / "sources.yaml").write_text(f"sources:\n  - {{folder: {inbox}, after: move}}\n")
    inbox.mkdir()
    elsewhere.mkdir()
    (inbox / "done").symlink_to(elsewhere)
    (inbox / "a.txt").write_text("China and Russia\n\nChina and Russia talked.")
    os.utime(inbox / "a.txt", (LONG_AGO, LONG_AGO))
    (visit,) = await once(config_directory)
    assert (visit.outcome, visit.new) == ("failed", 0)
    assert visit.error and visit.error.endswith(
        "files cannot be moved: done is not a folder (a symbolic link): remove it, or use `after: keep`"
    )
    (inbox / "done").unlink()
    with small_disk(inbox / "done"):
        (visit,) = await once(config_directory)
        assert visit.error and visit.error.endswith("done is on another file system: make it a plain folder")
    assert list(elsewhere.iterdir()) == list((inbox / "done").iterdir()) == []
    (visit,) = await once(config_directory)
    assert (visit.new, visit.error) == (1, None)
    assert contents(inbox / "done").keys() == {"a.txt"}
