"""Which folders have changed: on a real file system, by the kernel, and by looking."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from pathlib import Path

import pytest

from aggregator import mounts, watching
from aggregator.registry import Source
from aggregator.sources.folder import FolderSource
from aggregator.sources.opml import OpmlSource
from aggregator.watching import Watch

WITHIN = 20.0


class Told:
    """What a watch has told, to be waited for."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self._event = asyncio.Event()

    def __call__(self, keys: Collection[str]) -> None:
        self.keys.update(keys)
        self._event.set()

    async def until(self, key: str) -> None:
        async with asyncio.timeout(WITHIN):
            while key not in self.keys:
                self._event.clear()
                await self._event.wait()
        self.keys.clear()


@pytest.fixture
async def told() -> Told:
    return Told()


@pytest.fixture
async def watch(told: Told, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watch]:
    monkeypatch.setattr(watching, "BEGINNING", -1.0)  # only what the kernel tells, once it tells
    monkeypatch.setattr(watching, "LISTED_EVERY", 0.0)
    monkeypatch.setattr(watching, "LISTED_SHARE", 0)
    watch = Watch(told)
    yield watch
    await watch.close()


def folder(path: Path) -> Source:
    return FolderSource(folder=path, after="move")


async def listening(watch: Watch, told: Told, path: Path, key: str) -> None:
    """Until the kernel tells: it says nothing of what was before."""
    async with asyncio.timeout(WITHIN):
        while True:
            (path / "probe").write_text("x")
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    return await told.until(key)


async def test_the_kernel_tells_of_what_is_dropped_changed_and_gone(tmp_path: Path, watch: Watch, told: Told) -> None:
    await watch.look({"a": folder(tmp_path)})
    assert told.keys == {"a"}  # it is there
    told.keys.clear()
    await listening(watch, told, tmp_path, "a")
    (tmp_path / "one.txt").write_text("x")
    await told.until("a")
    os.utime(tmp_path / "one.txt", (1, 1))
    await told.until("a")
    (tmp_path / "one.txt").unlink()
    await told.until("a")
    await watch.look({"a": folder(tmp_path)})
    assert told.keys == set()  # the kernel has told of it already


async def test_what_is_ours_or_unfinished_is_no_news(tmp_path: Path, watch: Watch, told: Told) -> None:
    for name in ("done", "rejected"):
        (tmp_path / name).mkdir()
    sources = {"a": folder(tmp_path)}
    await watch.look(sources)
    told.keys.clear()
    await listening(watch, told, tmp_path, "a")
    for name in (".hidden", "a.part", "a.tmp", "a.txt~", "a.reason.txt", "done", "rejected", "done/a.txt"):
        assert not watch._heeds(None, str(tmp_path / name)), name
    for name in ("a.txt", "a.yaml", "é.html"):
        assert watch._heeds(None, str(tmp_path / name)), name


async def test_a_folder_that_appears_vanishes_and_is_made_again(tmp_path: Path, watch: Watch, told: Told) -> None:
    inbox = tmp_path / "inbox"
    sources = {"a": folder(inbox)}
    await watch.look(sources)
    told.keys.clear()
    await watch.look(sources)
    assert told.keys == set()
    for _ in range(2):
        inbox.mkdir()
        await watch.look(sources)
        await told.until("a")
        await listening(watch, told, inbox, "a")
        (inbox / "probe").unlink()
        inbox.rename(tmp_path / "away")
        await watch.look(sources)
        await told.until("a")
        (tmp_path / "away").rmdir()


async def test_a_name_that_is_not_utf8_ends_nothing(tmp_path: Path, watch: Watch, told: Told) -> None:
    sources = {name: folder(tmp_path / name) for name in "ab"}
    for name in "ab":
        (tmp_path / name).mkdir()
    await watch.look(sources)
    await listening(watch, told, tmp_path / "b", "b")
    async with asyncio.timeout(WITHIN):
        while watch._task and not watch._task.done():
            (tmp_path / "a" / "\udcff.txt").write_text("x")
            await asyncio.sleep(0.3)
    await watch.look(sources)
    await listening(watch, told, tmp_path / "b", "b")
    await watch.close()


async def test_the_set_of_folders_follows_the_configuration_in_one_thread(
    tmp_path: Path, watch: Watch, told: Told
) -> None:
    sources = {name: folder(tmp_path / name) for name in "abc"}
    for name in "abc":
        (tmp_path / name).mkdir()
    for some in ("a", "ab", "bc", "c"):
        await watch.look({name: sources[name] for name in some})
        for name in some:
            await listening(watch, told, tmp_path / name, name)
        assert sum("watch" in repr(task) for task in asyncio.all_tasks() if "_listen" in repr(task)) == 1
    told.keys.clear()
    (tmp_path / "a" / "x").write_text("x")
    await listening(watch, told, tmp_path / "c", "c")
    assert "a" not in told.keys
    await watch.close()
    await watch.look(sources)  # late
    assert watch._task is None
    assert not [thread for thread in threading.enumerate() if "watch" in thread.name.lower()]


@pytest.mark.parametrize("why", ["network", "refused"])
async def test_where_the_kernel_does_not_tell_we_look(
    tmp_path: Path,
    watch: Watch,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
    why: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    if why == "network":
        monkeypatch.setattr(mounts, "kind", lambda path: "nfs4")
    else:

        def awatch(*_: object, **__: object) -> None:
            raise OSError("no space left on device: inotify")

        monkeypatch.setattr("watchfiles.awatch", awatch)
    sources = {"a": folder(tmp_path)}
    await watch.look(sources)
    async with asyncio.timeout(WITHIN):
        while not watch._seen[tmp_path].why_not:
            await asyncio.sleep(0.01)
            await watch.look(sources)
    await watch.look(sources)
    told.keys.clear()
    (tmp_path / "a.txt").write_text("x")
    await watch.look(sources)
    await told.until("a")
    with (tmp_path / "a.txt").open("a") as file:  # in place: the folder's time stays
        file.write("more")
    await watch.look(sources)
    await told.until("a")
    await watch.look(sources)
    assert told.keys == set()
    assert sum(str(tmp_path) in record.getMessage() for record in caplog.records) == (1 if why == "network" else 2)
    assert watch._task is None


async def test_a_list_in_a_file_is_looked_at(tmp_path: Path, watch: Watch, told: Told) -> None:
    path = tmp_path / "list.opml"
    path.write_text("<opml/>")
    sources = {"a": OpmlSource(opml=str(path))}
    await watch.look(sources)
    told.keys.clear()
    (tmp_path / "new").write_text("<opml></opml>")
    (tmp_path / "new").rename(path)
    await watch.look(sources)
    await told.until("a")
    assert watch._task is None


TABLE = """\
22 1 0:21 / / rw - ext4 /dev/vda rw
23 22 0:5 / /srv rw,relatime shared:2 - nfs4 server:/x rw
24 23 0:6 / /srv/in\\040box rw - tmpfs tmpfs rw
25 22 0:7 / /twice rw - ext4 /dev/vdb rw
26 25 0:8 / /twice rw - fuse.sshfs host: rw
"""


@pytest.mark.parametrize(
    ("path", "kind", "is_remote"),
    [
        ("/", "ext4", False),
        ("/srvice", "ext4", False),
        ("/srv/a/b", "nfs4", True),
        ("/srv/in box/a", "tmpfs", False),
        ("/twice/a", "fuse.sshfs", True),
    ],
)
def test_the_innermost_mount_says_what_a_path_lies_on(path: str, kind: str, is_remote: bool) -> None:
    found = mounts._kind(Path(path), TABLE)
    assert (found, mounts.is_remote(found)) == (kind, is_remote)


def test_a_disk_by_way_of_a_program_is_of_this_machine() -> None:
    assert not mounts.is_remote("fuseblk")
    assert mounts.kind(Path("/proc/self")) == "proc"
