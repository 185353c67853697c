"""Which dropped files are complete, which are refused, and what goes with them."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aggregator.errors import SourceError
from aggregator.models import Found, SourceState
from aggregator.sources import _files, _look
from aggregator.sources._beside import NO_ARTICLE, paired
from aggregator.sources.folder import FolderSource

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


def drop(path: Path, data: bytes = b"Title\n\nText", age: timedelta = HOUR) -> Path:
    path.write_bytes(data)
    seconds = (now() - age).timestamp()
    os.utime(path, (seconds, seconds), follow_symlinks=False)
    return path


class Inbox:
    """A folder whose files are moved, visited again and again."""

    def __init__(self, path: Path, after: str = "move") -> None:
        self.path = path
        self.source = FolderSource(folder=path, after=after)  # type: ignore[arg-type]

    async def visit(self, later: timedelta = timedelta()) -> Found:
        return await self.source.visit(SourceState(), None, now() + later)  # type: ignore[arg-type]

    async def taken(self, later: timedelta = timedelta()) -> Found:
        """A visit all of whose documents are good, settled."""
        found = await self.visit(later)
        self.source.settle(found.documents, found.refused)
        return found

    def tree(self) -> set[str]:
        return {str(path.relative_to(self.path)) for path in self.path.rglob("*") if not path.is_dir()}

    def reason(self, name: str) -> str:
        return (self.path / "rejected" / f"{name}.reason.txt").read_text().strip()


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    (tmp_path / "inbox").mkdir()
    return Inbox(tmp_path / "inbox")


# Complete or not


def leases_work(path: Path) -> bool:
    probe = path / ".probe"
    probe.touch()
    with probe.open("rb") as file:
        probe.unlink()
        return _files._is_open_for_writing(file.fileno()) is False


async def test_a_file_that_somebody_has_open_for_writing_waits_however_old_it_is(inbox: Inbox) -> None:
    if not leases_work(inbox.path):
        pytest.skip("the kernel gives no leases on this file system")
    path = drop(inbox.path / "a.txt")
    with path.open("ab"):
        found = await inbox.taken()
        assert (found.documents, found.refused, found.again_in) == ((), (), _files.AGAIN_IN)
    with path.open("rb"):  # reading is no writing
        assert [document.name for document in (await inbox.taken()).documents] == ["a.txt"]


async def test_a_file_that_is_open_for_an_hour_is_refused(inbox: Inbox) -> None:
    if not leases_work(inbox.path):
        pytest.skip("the kernel gives no leases on this file system")
    with drop(inbox.path / "a.txt").open("ab"):
        for minutes in range(0, 60, 9):
            assert (await inbox.taken(timedelta(minutes=minutes))).refused == ()
        await inbox.taken(HOUR + 9 * SECOND)
    assert inbox.tree() == {"rejected/a.txt", "rejected/a.txt.reason.txt"}
    assert inbox.reason("a.txt").startswith("somebody still has it open for writing, for an hour; write it under")


async def test_a_file_that_stays_open_is_looked_at_less_and_less_often(inbox: Inbox) -> None:
    if not leases_work(inbox.path):
        pytest.skip("the kernel gives no leases on this file system")
    path = drop(inbox.path / "a.txt")
    with path.open("ab"):
        waits = []
        for minutes in (0, 10, 20):
            again_in = (await inbox.visit(timedelta(minutes=minutes))).again_in
            assert again_in
            waits.append(round(again_in / SECOND))
    assert waits == [2, 60, 120]


@pytest.mark.parametrize("hours", [5, -5])
async def test_a_clock_that_jumps_makes_no_file_hopeless(inbox: Inbox, hours: int) -> None:
    if not leases_work(inbox.path):
        pytest.skip("the kernel gives no leases on this file system")
    with drop(inbox.path / "a.txt", age=9 * HOUR).open("ab"):
        await inbox.visit()
        assert (await inbox.visit(hours * HOUR)).refused == ()


async def test_a_kept_file_that_was_open_for_an_hour_is_read_when_it_is_closed(inbox: Inbox) -> None:
    if not leases_work(inbox.path):
        pytest.skip("the kernel gives no leases on this file system")
    inbox = Inbox(inbox.path, "keep")
    with drop(inbox.path / "a.txt").open("ab"):
        for minutes in range(0, 60, 9):
            await inbox.visit(timedelta(minutes=minutes))
        for hours in (2, 3):
            found = await inbox.visit(hours * HOUR)
            assert ([item.name for item in found.refused], found.files, found.again_in) == (["a.txt"], (), None)
    assert [document.name for document in (await inbox.visit(3 * HOUR)).documents] == ["a.txt"]


async def test_the_hour_begins_anew_when_a_file_was_complete_in_between(inbox: Inbox) -> None:
    path = drop(inbox.path / "a.txt", age=timedelta())
    await inbox.visit()
    assert len((await inbox.visit(2 * SECOND)).documents) == 1
    drop(path, age=-HOUR)
    found = await inbox.visit(HOUR)
    assert (found.refused, found.again_in) != ((), None)
    assert found.refused == ()


@pytest.mark.parametrize("why", ["a network mount", "no lease"])
async def test_where_the_kernel_cannot_tell_a_file_has_to_be_quiet_for_longer(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    if why == "no lease":
        monkeypatch.setattr(_files, "_is_open_for_writing", lambda handle: None)
    else:
        monkeypatch.setattr("aggregator.mounts.kind", lambda path: "nfs4")
    drop(inbox.path / "a.txt", age=2 * SECOND)
    found = await inbox.visit()
    assert found.documents == () and found.again_in and 2 * SECOND < found.again_in <= 3 * SECOND
    assert len((await inbox.visit(4 * SECOND)).documents) == 1


async def test_a_file_that_changes_while_it_is_read_waits(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    path = drop(inbox.path / "a.txt")
    read = _files._all_of

    def changed(*given: object) -> bytes:
        body = read(*given)  # type: ignore[arg-type]
        drop(path, b"Title\n\nLonger text")
        return body

    with monkeypatch.context() as patch:
        patch.setattr(_files, "_all_of", changed)
        found = await inbox.taken()
    assert (found.documents, found.refused, found.again_in) == ((), (), _files.AGAIN_IN)
    assert inbox.tree() == {"a.txt"}
    assert [document.body for document in (await inbox.taken()).documents] == [b"Title\n\nLonger text"]


async def test_a_file_that_is_soon_complete_is_looked_at_then(inbox: Inbox) -> None:
    drop(inbox.path / "a.txt", age=timedelta(seconds=0.4))
    again_in = (await inbox.visit()).again_in
    assert again_in and again_in < SECOND
    assert len((await inbox.visit(again_in)).documents) == 1


# Refused


def make(kind: str, path: Path) -> None:
    if kind == "hard link":
        drop(path.parent.parent / "elsewhere")
        os.link(path.parent.parent / "elsewhere", path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    elif kind == "device":
        try:
            os.mknod(path, 0o020600, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root makes devices")
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(10**12)
    elif kind == "folder":
        path.mkdir()
    else:
        {"dangling link": lambda: path.symlink_to("nowhere"), "pipe": lambda: os.mkfifo(path)}[kind]()


@pytest.mark.parametrize(
    ("kind", "wait", "reason"),
    [
        ("dangling link", SECOND, "not a plain file (a symbolic link): drop a plain copy instead"),
        ("pipe", SECOND, "not a plain file (a pipe): drop a plain copy instead"),
        ("socket", SECOND, "not a plain file (a socket): drop a plain copy instead"),
        ("device", SECOND, "not a plain file (a device): drop a plain copy instead"),
        ("folder", 60 * SECOND, "not a plain file (a folder): drop a plain copy instead"),
        ("hard link", 10 * SECOND, "it has another name elsewhere (a hard link): copy it instead"),
        ("sparse", SECOND, "larger than 20,000,000 bytes"),
    ],
)
@pytest.mark.parametrize("after", ["keep", "move"])
async def test_what_is_no_plain_file_is_refused_unopened(
    inbox: Inbox, kind: str, wait: timedelta, reason: str, after: str
) -> None:
    make(kind, inbox.path / "a.txt")
    inbox = Inbox(inbox.path, after)
    early = await inbox.taken()
    assert (early.refused, early.again_in is not None) == ((), True)
    found = await inbox.taken(wait + 2 * SECOND)
    assert [(item.name, item.reason) for item in found.refused] == [("a.txt", reason)]
    assert os.path.lexists(inbox.path / ("a.txt" if after == "keep" else "rejected/a.txt"))
    if after == "move":
        assert inbox.reason("a.txt") == reason
        assert (await inbox.taken(HOUR)).refused == ()


async def test_plain_folders_are_left_alone(inbox: Inbox) -> None:
    for name in ("sub", "2026", "page_files", "v1.2"):
        (inbox.path / name).mkdir()
    found = await inbox.taken(HOUR)
    assert (found.refused, found.again_in) == ((), None)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a\nb.txt", "control character"),
        ("a\x1b[31m.txt", "control character"),
        ("a\x7f", "control character"),
        ("a\udcff.txt", "not UTF-8"),
        ("a" * 254 + "\udcff", "not UTF-8"),
    ],
)
async def test_names_that_cannot_be_said(inbox: Inbox, name: str, reason: str) -> None:
    drop(inbox.path / name)
    for _ in range(2):
        found = await Inbox(inbox.path, "keep").visit()
        assert ([reason in item.reason for item in found.refused], found.files) == ([True], ())
    await inbox.taken()
    left = {path.name for path in (inbox.path / "rejected").iterdir()}
    (text,) = [name for name in left if name.endswith(".reason.txt")]
    assert left == {text, text.removesuffix(".reason.txt")}
    assert reason in (inbox.path / "rejected" / text).read_text()
    assert max(len(os.fsencode(name)) for name in left) <= 255


@pytest.mark.parametrize("names", [["a"], ["a", "b"]])
async def test_what_may_not_be_read_is_refused_after_a_while(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    for name in names:
        drop(inbox.path / name, name.encode())
    with failing_open(monkeypatch, errno.EACCES, "a"):
        assert (await inbox.taken()).refused == ()
        found = await inbox.taken(61 * SECOND)
    assert [item.reason for item in found.refused] == ["cannot be read: Permission denied"]
    assert {document.name for document in found.documents} <= {"b"}


async def test_a_bad_disk_is_waited_for_and_a_lack_of_ours_is_no_fault_of_a_file(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(inbox.path / "a")
    with failing_open(monkeypatch, errno.EIO, "a"):
        assert (await inbox.taken()).again_in == _files.AGAIN_IN
    with failing_open(monkeypatch, errno.EMFILE, "a"), pytest.raises(SourceError, match="Too many open files"):
        await inbox.taken()
    assert inbox.tree() == {"a"}


@contextmanager
def failing_open(monkeypatch: pytest.MonkeyPatch, number: int, name: str) -> Iterator[None]:
    right = os.open

    def wrong(path: object, *given: object, **named: object) -> int:
        if path == name:
            raise OSError(number, os.strerror(number), path)
        return right(path, *given, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", wrong)
        yield


# Moved


async def test_what_takes_a_files_place_at_the_last_moment_comes_back(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(inbox.path / "a.txt", b"read")
    found = await inbox.visit()
    right = os.rename

    def replaced_first(source: str, *given: object, **named: object) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", right)
            drop(inbox.path / "new", b"not read").rename(inbox.path / "a.txt")
            right(source, *given, **named)  # type: ignore[arg-type]
        monkeypatch.setattr(os, "rename", right)

    monkeypatch.setattr(os, "rename", replaced_first)
    inbox.source.settle(found.documents, ())
    assert inbox.tree() == {"a.txt"}
    assert [document.body for document in (await inbox.taken()).documents] == [b"not read"]


async def test_what_is_moved_is_on_the_disk_and_its_reason_before_it(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(inbox.path / "a.txt", b" ")
    done: list[str] = []
    rename, fsync = os.rename, os.fsync
    monkeypatch.setattr(
        os, "rename", lambda *given, **named: (done.append(f"rename {given[1]}"), rename(*given, **named))
    )
    monkeypatch.setattr(
        os, "fsync", lambda handle: (done.append(f"fsync {Path(f'/proc/self/fd/{handle}').readlink()}"), fsync(handle))
    )
    await inbox.taken()
    rejected = inbox.path / "rejected"
    assert done == [
        f"fsync {rejected}/.reason.tmp",
        "rename a.txt.reason.txt",
        "rename a.txt",
        f"fsync {rejected}",
        f"fsync {inbox.path}",
    ]


@pytest.mark.parametrize("name", ["done", "rejected"])
async def test_a_target_that_leads_elsewhere_is_not_followed(inbox: Inbox, tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    for body in (b"good", b" "):
        drop(inbox.path / body.hex(), body)
    found = await inbox.visit()
    (inbox.path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        inbox.source.settle(found.documents, found.refused)
    with pytest.raises(SourceError, match=f"{name} is not a folder .a symbolic link."):
        await inbox.visit()
    assert list((tmp_path / "elsewhere").iterdir()) == []


async def test_a_folder_that_vanishes_loses_nothing(inbox: Inbox, tmp_path: Path) -> None:
    drop(inbox.path / "a.txt")
    found = await inbox.visit()
    inbox.path.rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError):
        inbox.source.settle(found.documents, ())
    with pytest.raises(SourceError, match="No such file"):
        await inbox.visit()
    (tmp_path / "away").rename(inbox.path)
    assert len((await inbox.taken()).documents) == 1


# Facts


@pytest.mark.parametrize(
    ("names", "articles", "strays"),
    [
        (["a.txt", "a.yaml"], {"a.txt": "a.yaml"}, {}),
        (["a.txt", "a.YML"], {"a.txt": "a.YML"}, {}),
        (["a.txt", "a.txt.yaml", "a.yaml"], {"a.txt": "a.txt.yaml"}, {"a.yaml": "a.txt has other facts"}),
        (["a.txt", "a.yaml", "a.yml"], {"a.txt": "a.yaml"}, {"a.yml": "a.txt has other facts"}),
        (["a.html", "a.txt", "a.yaml"], {"a.html": "a.yaml", "a.txt": ""}, {}),
        (["a.html", "a.txt", "a.yaml", "a.html.yaml"], {"a.html": "a.html.yaml", "a.txt": "a.yaml"}, {}),
        (["b.txt", "a.yaml"], {"b.txt": ""}, {"a.yaml": NO_ARTICLE}),
        (["a", "a.yaml"], {"a": "a.yaml"}, {}),
        (["a.yaml.yaml", "a.yaml"], {}, {"a.yaml": NO_ARTICLE, "a.yaml.yaml": NO_ARTICLE}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_which_facts_are_whose(names: list[str], articles: dict[str, str], strays: dict[str, str]) -> None:
    found, left = paired(names)
    assert found == articles
    assert left.keys() == strays.keys() and all(left[name].startswith(strays[name]) for name in left)


async def test_facts_come_with_their_article_and_go_where_it_goes(inbox: Inbox) -> None:
    for text in (b"one", b"two", b" "):
        drop(inbox.path / "a.txt", text)
        drop(inbox.path / "a.txt.yaml", b"title: " + text)
        found = await inbox.taken()
        assert [(item.beside, item.beside_name) for item in found.documents] == [(b"title: " + text, "a.txt.yaml")] * (
            text != b" "
        )
    drop(inbox.path / "b.txt", b"three")
    drop(inbox.path / "b.yml", b"title: 3")
    drop(inbox.path / "done" / "b.yml", b"was there")
    await inbox.taken()
    assert inbox.tree() == {
        *("done/a.txt", "done/a.txt.yaml", "done/a~2.txt", "done/a~2.txt.yaml", "done/b.yml", "done/b~2.txt"),
        *("done/b~2.yml", "rejected/a.txt", "rejected/a.txt.yaml", "rejected/a.txt.reason.txt"),
    }
    assert (inbox.path / "done" / "a~2.txt.yaml").read_bytes() == b"title: two"


async def test_an_article_waits_for_its_facts_to_be_complete_and_changed_facts_are_read_again(inbox: Inbox) -> None:
    drop(inbox.path / "a.txt")
    drop(inbox.path / "a.yaml", b"title: 1", age=timedelta())
    found = await inbox.taken()
    assert found.documents == () and found.again_in
    found = await inbox.visit(2 * SECOND)
    drop(inbox.path / "a.yaml", b"title: 2")
    inbox.source.settle(found.documents, ())
    assert inbox.tree() == {"a.txt", "a.yaml"}
    assert [document.beside for document in (await inbox.taken()).documents] == [b"title: 2"]
    assert inbox.tree() == {"done/a.txt", "done/a.yaml"}


async def test_facts_that_are_no_good_refuse_their_article(inbox: Inbox, tmp_path: Path) -> None:
    drop(tmp_path / "secret", b"title: secret")
    drop(inbox.path / "a.txt")
    (inbox.path / "a.yaml").symlink_to(tmp_path / "secret")
    drop(inbox.path / "b.txt")
    drop(inbox.path / "b.yaml", b"#" * (_look.MAX_BESIDE_BYTES + 1))
    found = await inbox.taken(2 * SECOND)
    assert {item.name: item.reason for item in found.refused} == {
        "a.txt": "its facts in a.yaml: not a plain file (a symbolic link): drop a plain copy instead",
        "b.txt": "its facts in b.yaml: larger than 64,000 bytes",
    }
    assert {name for name in inbox.tree() if "reason" not in name} == {
        f"rejected/{name}" for name in ("a.txt", "a.yaml", "b.txt", "b.yaml")
    }


async def test_facts_without_an_article_wait_a_minute(inbox: Inbox) -> None:
    drop(inbox.path / "a.yaml")
    found = await inbox.taken()
    assert found.refused == () and found.again_in and 58 * SECOND < found.again_in < 61 * SECOND
    found = await inbox.taken(61 * SECOND)
    assert (found.documents, inbox.reason("a.yaml")) == ((), NO_ARTICLE)
    assert inbox.tree() == {"rejected/a.yaml", "rejected/a.yaml.reason.txt"}


async def test_facts_of_a_kept_file_correct_its_article(inbox: Inbox) -> None:
    source = FolderSource(folder=inbox.path)
    drop(inbox.path / "a.txt")
    state = SourceState()
    seen = []
    for text in (None, b"title: 1", b"title: 1", b"title: 2", None):
        if text is None:
            (inbox.path / "a.yaml").unlink(missing_ok=True)
        else:
            drop(inbox.path / "a.yaml", text)
        found = await source.visit(state, None, now())  # type: ignore[arg-type]
        state = SourceState(files={**state.files, **{file.name: file for file in found.files}})
        seen.append([(document.identity, document.beside) for document in found.documents])
    assert seen == [[("a.txt", None)], [("a.txt", b"title: 1")], [], [("a.txt", b"title: 2")], [("a.txt", None)]]
