"""A folder of dropped files: what is taken, what is refused, and what becomes of it."""

import os
import shutil
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregator import identity
from aggregator.errors import SourceError
from aggregator.models import Found, Rejected, SourceState
from aggregator.sources import _files, _look
from aggregator.sources.folder import FolderSource

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


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


def remembered(found: Found, state: SourceState | None = None) -> SourceState:
    """What the next visit is given."""
    files = {**(state.files if state else {}), **{file.name: file for file in found.files}}
    return SourceState(files={name: file for name, file in files.items() if name not in found.gone})


def guids(found: Found) -> dict[str, str | None]:
    return {document.name: document.identity for document in found.documents}


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


async def test_a_second_visit_of_an_unchanged_kept_folder_reads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(tmp_path / "a.txt")
    drop(tmp_path / "b.txt", b"two")
    state = remembered(await visit(tmp_path, "keep"))
    with monkeypatch.context() as patch:
        patch.setattr(_files.Folder, "take", None)
        second = await visit(tmp_path, "keep", state)
    assert (names(second), second.files, second.gone, second.again_in) == ([], (), (), None)
    drop(tmp_path / "a.txt", b"Title\n\nCorrected", timedelta(minutes=5))
    assert guids(await visit(tmp_path, "keep", state)) == {"a.txt": "a.txt"}


async def test_a_kept_file_that_is_touched_is_read_but_says_nothing_new(tmp_path: Path) -> None:
    drop(tmp_path / "a.txt")
    state = remembered(await visit(tmp_path, "keep"))
    touch(tmp_path / "a.txt", timedelta(minutes=5))
    found = await visit(tmp_path, "keep", state)
    assert (names(found), [file.guid for file in found.files]) == ([], ["a.txt"])
    assert (await visit(tmp_path, "keep", remembered(found, state))).files == ()


async def test_a_kept_file_keeps_its_article_when_it_is_renamed_and_corrected(tmp_path: Path) -> None:
    drop(tmp_path / "a.txt").rename(tmp_path / "z.txt")
    drop(tmp_path / "a.txt", b"one")
    state = remembered(await visit(tmp_path, "keep"))
    (tmp_path / "a.txt").rename(tmp_path / "b.txt")
    found = await visit(tmp_path, "keep", state)
    assert (names(found), found.gone, [(file.name, file.guid) for file in found.files]) == (
        [],
        ("a.txt",),
        [("b.txt", "a.txt")],
    )
    state = remembered(found, state)
    drop(tmp_path / "b.txt", b"one, corrected")
    drop(tmp_path / "a.txt", b"another one")
    found = await visit(tmp_path, "keep", state)
    another = guids(found).pop("a.txt")
    assert guids(found) == {"b.txt": "a.txt", "a.txt": another} and str(another).startswith("sha256:")
    drop(tmp_path / "a.txt", b"another one, corrected")
    assert guids(await visit(tmp_path, "keep", remembered(found, state))) == {"a.txt": another}


async def test_names_that_would_be_stored_alike_are_articles_of_their_own(tmp_path: Path) -> None:
    names = ["a.txt", " a.txt", "a.txt ", "a\ufffe.txt", "b" * 255]
    for name in names:
        drop(tmp_path / name, name.encode())
    found = guids(await visit(tmp_path, "keep"))
    assert found["a.txt"] == "a.txt" and found["b" * 255] == "b" * 255
    assert len({identity.stored_guid(guid or "") for guid in found.values()}) == len(names)


async def test_many_kept_files_renamed_at_once_keep_their_articles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_look, "MAX_FILES", 2)
    (tmp_path / "sub").mkdir()
    for number in range(5):
        drop(tmp_path / f"old{number}", str(number).encode())
    state = SourceState()
    for step in range(8):
        found = await visit(tmp_path, "keep", state)
        state = remembered(found, state)
        if step == 3:
            assert sorted(state.files) == [f"old{number}" for number in range(5)]
            for number in range(5):
                (tmp_path / f"old{number}").rename(tmp_path / f"new{number}")
        elif step > 3:
            assert names(found) == []
    assert {name: file.guid for name, file in state.files.items()} == {f"new{n}": f"old{n}" for n in range(5)}


async def test_the_same_content_under_a_second_name_is_no_second_article_until_it_differs(tmp_path: Path) -> None:
    drop(tmp_path / "b.txt", b"one")
    drop(tmp_path / "c.txt", b"one")
    found = await visit(tmp_path, "keep")
    assert guids(found) == {"b.txt": "b.txt"}
    state = remembered(found)
    drop(tmp_path / "a.txt", b"one")
    found = await visit(tmp_path, "keep", state)
    assert names(found) == []
    state = remembered(found, state)
    drop(tmp_path / "b.txt", b"one, corrected")
    found = await visit(tmp_path, "keep", state)
    # What the others say is an article of its own from now on; the first of them was passed by already.
    assert (guids(found), found.again_in) == ({"b.txt": "b.txt", "c.txt": "c.txt"}, timedelta())
    state = remembered(found, state)
    found = await visit(tmp_path, "keep", state)
    assert (names(found), [(file.name, file.guid) for file in found.files]) == ([], [("a.txt", "c.txt")])
    assert (await visit(tmp_path, "keep", remembered(found, state))).files == ()


async def test_a_kept_file_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    drop(tmp_path / "a.txt")
    state = remembered(await visit(tmp_path, "keep"))
    (tmp_path / "a.txt").unlink()
    found = await visit(tmp_path, "keep", state)
    assert (found.gone, names(found)) == (("a.txt",), [])


async def test_a_refused_kept_file_is_named_until_it_is_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(tmp_path / "a.txt", b" ")
    first = await visit(tmp_path, "keep")
    state = remembered(first)
    with monkeypatch.context() as patch:
        patch.setattr(_files.Folder, "take", None)
        second = await visit(tmp_path, "keep", state)
    assert [(item.name, item.reason) for item in (*first.refused, *second.refused)] == [("a.txt", "empty")] * 2
    monkeypatch.setattr("aggregator.sources._kept.__version__", "newer")
    assert [file.version for file in (await visit(tmp_path, "keep", state)).files] == ["newer"]
    drop(tmp_path / "a.txt", b"good")
    third = await visit(tmp_path, "keep", state)
    assert (guids(third), third.refused) == ({"a.txt": "a.txt"}, ())


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
    with pytest.raises(NotADirectoryError):
        FolderSource(folder=tmp_path, after="move").settle(found.documents, found.refused)
    assert tree(tmp_path) == {"a", "done", "rejected/b", "rejected/b.reason.txt"}


async def test_files_that_cannot_be_moved_are_read_after_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_look, "MAX_FILES", 2)
    for name in "abcde":
        drop(tmp_path / name, name.encode())
    source, seen = FolderSource(folder=tmp_path, after="move"), []
    move = _files.Mover.move

    def held(self: _files.Mover, name: str, *rest: str) -> None:
        if name in "ab":
            raise PermissionError(1, "Operation not permitted")
        move(self, name, *rest)

    monkeypatch.setattr(_files.Mover, "move", held)
    for _ in range(3):
        found = await source.visit(SourceState(), None, NOW)  # type: ignore[arg-type]
        seen.append(names(found))
        with suppress(PermissionError):
            source.settle(found.documents, found.refused)
    assert seen == [["a", "b"], ["c", "d"], ["e", "a"]]
    assert tree(tmp_path) == {"a", "b", "done/c", "done/d", "done/e"}


@pytest.mark.parametrize("way", ["in its place", "another file"])
async def test_a_file_that_changes_while_it_is_moved_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    drop(tmp_path / "a.txt", b"one")
    found = await visit(tmp_path, "move")
    free = _files.Mover._free

    def meanwhile(*given: Any) -> tuple[str, str]:
        if way == "in its place":
            (tmp_path / "a.txt").write_bytes(b"two")
        else:
            drop(tmp_path / ".new", b"two").rename(tmp_path / "a.txt")
        return free(*given)

    monkeypatch.setattr(_files.Mover, "_free", meanwhile)
    FolderSource(folder=tmp_path, after="move").settle(found.documents, ())
    assert tree(tmp_path) == {"a.txt"}
    assert (tmp_path / "a.txt").read_bytes() == b"two"


@pytest.mark.parametrize("after", ["keep", "move"])
async def test_no_handle_is_left_behind(tmp_path: Path, after: str) -> None:
    handles = lambda: len(os.listdir("/proc/self/fd"))  # noqa: E731, PTH208
    source = FolderSource(folder=tmp_path, after=after)  # type: ignore[arg-type]
    before = handles()
    for number in range(20):
        for name in ("good", "empty", "facts"):
            drop(tmp_path / f"{name}{number}.txt", b"" if name == "empty" else name.encode())
        drop(tmp_path / f"facts{number}.yaml", b"title: x")
        (tmp_path / f"link{number}").symlink_to("nowhere")
        found = await source.visit(SourceState(), None, NOW)  # type: ignore[arg-type]
        source.settle(found.documents, found.refused)
    shutil.rmtree(tmp_path)
    with pytest.raises(SourceError):
        await source.visit(SourceState(), None, NOW)  # type: ignore[arg-type]
    assert handles() == before


@pytest.mark.parametrize("name", [".hidden", ".a.txt.swp", "a.txt~", "a.tmp", "a.part", "a.reason.txt"])
@pytest.mark.parametrize("after", ["keep", "move"])
async def test_unfinished_and_hidden_files_are_left_alone(tmp_path: Path, name: str, after: str) -> None:
    drop(tmp_path / name)
    (tmp_path / "sub").mkdir()
    drop(tmp_path / "sub" / "a.txt")
    found = await visit(tmp_path, after)
    assert (found.documents, found.refused, found.again_in) == ((), (), None)


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
    monkeypatch.setattr(_look, "MAX_FILE_BYTES", 10)
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
    assert (names(found) == ["a.txt"], found.refused, found.again_in is not None) == (taken, (), not taken)


@pytest.mark.parametrize("after", ["keep", "move"])
async def test_more_files_than_a_visit_takes_come_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    monkeypatch.setattr(_look, "MAX_FILES", 2)
    for name in "abcde":
        drop(tmp_path / name, name.encode())
    source, state, seen = FolderSource(folder=tmp_path, after=after), SourceState(), []  # type: ignore[arg-type]
    for _ in range(3):
        found = await visit(tmp_path, after, state)
        source.settle(found.documents, found.refused)
        state = remembered(found, state)
        seen.append((names(found), found.left, found.again_in))
    assert seen == [(["a", "b"], 3, timedelta()), (["c", "d"], 1, timedelta()), (["e"], 0, None)]


async def test_a_visit_takes_so_many_bytes_and_the_rest_comes_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_look, "MAX_BYTES", 7)
    for name, size in (("a", 4), ("b", 4), ("c", 1)):
        drop(tmp_path / name, name.encode() * size)
    found = await visit(tmp_path, "move")
    assert (names(found), found.left) == (["a", "b"], 1)


async def test_reading_leaves_the_event_loop_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(tmp_path / "a.txt")
    threads = []
    take = _files.Folder.take
    monkeypatch.setattr(
        _files.Folder, "take", lambda *given: (threads.append(threading.current_thread()), take(*given))[1]
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


async def test_a_folder_inside_is_told_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "2026\n").mkdir()
    drop(tmp_path / "2026\n" / "a.txt")
    for name in ("done", "rejected", ".hidden"):
        (tmp_path / name).mkdir()
    source = FolderSource(folder=tmp_path, after="move")
    for _ in range(2):
        assert names(await source.visit(SourceState(), None, NOW)) == []  # type: ignore[arg-type]
    assert caplog.messages == [f"{tmp_path}: the folder '2026\\n' in it is not looked into: drop files beside it"]
