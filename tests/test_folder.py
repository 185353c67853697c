"""A folder of dropped files: what is taken, what is refused, and what becomes of it."""

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aggregator.errors import SourceError
from aggregator.models import Found, Rejected, SourceState
from aggregator.sources import folder as module
from aggregator.sources.folder import FolderSource

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def drop(path: Path, data: bytes = b"Title\n\nText", age: timedelta = timedelta(hours=1)) -> Path:
    path.write_bytes(data)
    touch(path, age)
    return path


def touch(path: Path, age: timedelta = timedelta(hours=1)) -> None:
    seconds = (NOW - age).timestamp()
    os.utime(path, (seconds, seconds), follow_symlinks=False)


async def visit(folder: Path, after: str, state: SourceState | None = None) -> Found:
    source = FolderSource(folder=folder, after=after)  # type: ignore[arg-type]
    return await source.visit(state or SourceState(), None, NOW)  # type: ignore[arg-type]


def names(found: Found) -> list[str]:
    return [document.name for document in found.documents]


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


async def test_a_kept_file_is_known_by_its_name_and_stays(tmp_path: Path) -> None:
    drop(tmp_path / "a.txt")
    drop(tmp_path / "README.md")
    found = await visit(tmp_path, "keep")
    (document,) = found.documents
    assert (document.name, document.identity, document.modified_at) == ("a.txt", "a.txt", NOW - timedelta(hours=1))
    FolderSource(folder=tmp_path).settle(found.documents, [Rejected("a.txt", "no")])
    assert tree(tmp_path) == {"a.txt", "README.md"}


async def test_a_second_visit_of_an_unchanged_kept_folder_brings_nothing(tmp_path: Path) -> None:
    drop(tmp_path / "a.txt")
    first = await visit(tmp_path, "keep")
    second = await visit(tmp_path, "keep", first.state)
    assert (names(first), names(second), second.state) == (["a.txt"], [], first.state)
    drop(tmp_path / "a.txt", b"Title\n\nCorrected", timedelta(minutes=5))
    assert names(await visit(tmp_path, "keep", second.state)) == ["a.txt"]


async def test_a_moved_file_is_known_by_its_content(tmp_path: Path) -> None:
    drop(tmp_path / "a.txt", b"one")
    drop(tmp_path / "b.txt", b"one")
    drop(tmp_path / "c.txt", b"two")
    one, same, other = (document.identity for document in (await visit(tmp_path, "move")).documents)
    assert one == same != other


async def test_what_was_read_goes_to_done_and_what_was_refused_to_rejected(tmp_path: Path) -> None:
    drop(tmp_path / "good.txt")
    drop(tmp_path / "bad.bin")
    found = await visit(tmp_path, "move")
    source = FolderSource(folder=tmp_path, after="move")
    source.settle(found.documents, [Rejected("bad.bin", "no text at all")])
    moved = {"done/good.txt", "rejected/bad.bin", "rejected/bad.bin.reason.txt"}
    assert tree(tmp_path) == moved
    assert (tmp_path / "rejected/bad.bin.reason.txt").read_text() == "no text at all\n"
    source.settle(found.documents, [Rejected("bad.bin", "no text at all")])  # again, after a crash
    assert tree(tmp_path) == moved
    assert names(await visit(tmp_path, "move")) == []


async def test_a_name_that_is_taken_in_done_gets_a_number(tmp_path: Path) -> None:
    for text in (b"one", b"two", b"three"):
        drop(tmp_path / "a.txt", text)
        FolderSource(folder=tmp_path, after="move").settle((await visit(tmp_path, "move")).documents, ())
    done = {path.name: path.read_bytes() for path in (tmp_path / "done").iterdir()}
    assert done == {"a.txt": b"one", "a~2.txt": b"two", "a~3.txt": b"three"}


async def test_a_file_replaced_since_it_was_read_waits_for_the_next_visit(tmp_path: Path) -> None:
    drop(tmp_path / "a.txt", b"one")
    drop(tmp_path / "b.txt", b"")
    found = await visit(tmp_path, "move")
    for name in "ab":
        drop(tmp_path / "new", b"two", timedelta(minutes=5)).rename(tmp_path / f"{name}.txt")
    FolderSource(folder=tmp_path, after="move").settle(found.documents, found.refused)
    assert [(item.name, item.body) for item in (await visit(tmp_path, "move")).documents] == [
        ("a.txt", b"two"),
        ("b.txt", b"two"),
    ]


@pytest.mark.parametrize(
    "name",
    ["a" * 251 + ".txt", "é" * 125 + ".text", "中" * 85, "a." + "b" * 253, "a" * 254 + "\udcff"],
    ids=["ASCII", "two bytes", "three bytes", "long suffix", "not UTF-8"],
)
async def test_longest_names_are_moved(tmp_path: Path, name: str) -> None:
    source = FolderSource(folder=tmp_path, after="move")
    for text in (b"one", b"two", b""):
        drop(tmp_path / name, text)
        found = await visit(tmp_path, "move")
        source.settle(found.documents, found.refused)
    moved = tree(tmp_path)
    assert name not in moved
    assert max(len(os.fsencode(Path(path).name)) for path in moved) <= 255
    contents = {(tmp_path / path).read_bytes() for path in moved if not path.endswith(".reason.txt")}
    assert contents == {b"one", b"two", b""}


async def test_a_file_that_cannot_be_moved_does_not_hold_up_the_others(tmp_path: Path) -> None:
    drop(tmp_path / "a")
    drop(tmp_path / "b", b"")
    found = await visit(tmp_path, "move")
    (tmp_path / "done").touch()
    with pytest.raises(FileExistsError):
        FolderSource(folder=tmp_path, after="move").settle(found.documents, found.refused)
    assert tree(tmp_path) == {"a", "done", "rejected/b", "rejected/b.reason.txt"}


@pytest.mark.parametrize("name", [".hidden", ".a.txt.swp", "a.txt~", "a.tmp", "a.part", "a.reason.txt"])
@pytest.mark.parametrize("after", ["keep", "move"])
async def test_unfinished_and_hidden_files_are_left_alone(tmp_path: Path, name: str, after: str) -> None:
    drop(tmp_path / name)
    (tmp_path / "sub").mkdir()
    drop(tmp_path / "sub" / "a.txt")
    found = await visit(tmp_path, after)
    assert (found.documents, found.refused, found.unsettled) == ((), (), False)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("symlink", "not a plain file"),
        ("pipe", "not a plain file"),
        ("empty", "empty"),
        ("blank", "empty"),
        ("big", "larger than 10"),
    ],
)
@pytest.mark.parametrize("after", ["keep", "move"])
async def test_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, reason: str, after: str) -> None:
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 10)
    path, secret = tmp_path / "inbox" / "a.txt", drop(tmp_path / "secret", b"secret")
    path.parent.mkdir()
    if kind == "symlink":
        path.symlink_to(secret)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes({"empty": b"", "blank": b" \n\n", "big": b"x" * 11}[kind])
    touch(path)
    found = await visit(path.parent, after)
    assert found.documents == ()
    assert [(item.name, item.reason.startswith(reason)) for item in found.refused] == [("a.txt", True)]
    FolderSource(folder=path.parent, after=after).settle((), found.refused)  # type: ignore[arg-type]
    assert path.parent.joinpath("rejected/a.txt.reason.txt").exists() == (after == "move")
    assert secret.read_bytes() == b"secret"


@pytest.mark.parametrize(
    ("data", "age", "taken"),
    [
        pytest.param(b"x", timedelta(milliseconds=500), False, id="just changed"),
        pytest.param(b"x", timedelta(seconds=2), True, id="complete"),
        pytest.param(b"x", -timedelta(days=9), True, id="of the future"),
        pytest.param(b"", timedelta(seconds=30), False, id="empty: about to be written"),
    ],
)
async def test_a_file_that_is_being_written_waits(tmp_path: Path, data: bytes, age: timedelta, taken: bool) -> None:
    drop(tmp_path / "a.txt", data, age)
    found = await visit(tmp_path, "move")
    assert (names(found) == ["a.txt"], found.refused, found.unsettled) == (taken, (), not taken)


async def test_more_files_than_a_visit_takes_come_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 2)
    for name in "abc":
        drop(tmp_path / name)
    found = await visit(tmp_path, "move")
    assert (names(found), found.unsettled) == (["a", "b"], True)


async def test_a_visit_takes_so_many_bytes_and_the_rest_comes_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 5)
    monkeypatch.setattr(module, "MAX_VISIT_BYTES", 7)
    source = FolderSource(folder=tmp_path, after="move")
    for name, size in (("a", 6), ("b", 3), ("c", 4), ("d", 5), ("e", 2)):
        drop(tmp_path / name, b"x" * size)
    first = await visit(tmp_path, "move")
    source.settle(first.documents, first.refused)
    second = await visit(tmp_path, "move")
    assert [(names(found), found.unsettled) for found in (first, second)] == [(["b", "c"], True), (["d", "e"], False)]


async def test_a_kept_folder_that_is_too_large_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_VISIT_BYTES", 7)
    for name in "abc":
        drop(tmp_path / name, b"xxx")
    found = await visit(tmp_path, "keep")
    assert (names(found), found.unsettled, found.state.body_hash) == (["a", "b"], False, None)
    assert [(item.name, item.reason.endswith("split the folder")) for item in found.refused] == [("c", True)]


async def test_reading_leaves_the_event_loop_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(tmp_path / "a.txt")
    threads = []
    read = FolderSource._read
    monkeypatch.setattr(
        FolderSource, "_read", lambda *given: (threads.append(threading.current_thread()), read(*given))[1]
    )
    assert names(await visit(tmp_path, "keep")) == ["a.txt"]
    assert threads and threading.main_thread() not in threads


async def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt"))
    drop(path)
    assert [item.reason for item in (await visit(tmp_path, "move")).refused] == ["the file's name is not UTF-8"]


async def test_a_missing_folder_is_an_error_unless_it_may_be_made(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        await visit(tmp_path / "none", "keep")
    source = FolderSource(folder=tmp_path / "new" / "inbox", create=True)
    assert (await source.visit(SourceState(), None, NOW)).documents == ()  # type: ignore[arg-type]
