"""A folder into which strangers write: its files read without being led astray or held up, and moved for good.

Everything goes by the folder's descriptor, so that nobody can put another folder into its place meanwhile.
"""

import errno
import fcntl
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import RawIOBase
from itertools import count
from pathlib import Path

SETTLED_AFTER = timedelta(seconds=1)  # without a change, a file counts as complete that nobody has open for writing
UNSEEN_SETTLED_AFTER = timedelta(seconds=5)  # where it cannot be told whether somebody has
LINKED_FOR = timedelta(seconds=10)  # a file may have two names for so long: some deliver by link() and unlink()
HOPELESS_AFTER = timedelta(minutes=1)  # an empty file, or one without permission: its writer may be about to go on
AGAIN_IN = timedelta(seconds=2)  # between two looks at a file that somebody has open
MAX_NAME_BYTES = 255  # of every common file system
REASON = ".reason.txt"
CHANGES = "it changes all the time"
_OURS_TO_BEAR = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


@dataclass(frozen=True, slots=True)
class Content:
    """A file that was read."""

    body: bytes
    modified_at: datetime
    stamp: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that is none of ours to read, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """A file that is not complete yet: when to look again, and what kept it."""

    wait: timedelta
    why: str


class Gone(Exception):
    """A file that was there a moment ago."""


class Folder:
    """An open folder. Use within `opened`."""

    def __init__(self, handle: int, *, is_remote: bool) -> None:
        self._handle = handle
        self._is_remote = is_remote

    def names(self) -> Iterator[tuple[str, bool]]:
        """What is there, each with whether it is a folder; nothing is opened."""
        with os.scandir(self._handle) as entries:
            for entry in entries:
                yield entry.name, entry.is_dir(follow_symlinks=False)

    def stamp(self, name: str, beside: str = "") -> str:
        """Equal while nobody has touched a file, or what stands beside it. Raises Gone."""
        return " ".join(_stamp(_look(self._handle, one)) for one in (name, beside) if one)

    def untouched_for(self, name: str, now: datetime) -> timedelta:
        """For how long a file has been there as it is. Raises Gone."""
        return _age(_look(self._handle, name).st_ctime, now)

    def take(self, name: str, now: datetime, most_bytes: int) -> Content | Refused | Later:
        """The file's bytes, if it is a plain file, complete, and of a sensible size. Raises Gone, OSError."""
        facts = _look(self._handle, name)
        waits = _waits(facts, now)
        if waits:
            return waits
        if not stat.S_ISREG(facts.st_mode):
            return Refused(f"not a plain file ({_kind(facts.st_mode)}): drop a plain copy instead")
        if facts.st_nlink > 1:
            return Refused("it has another name elsewhere (a hard link): copy it instead")
        try:
            return self._read(name, now, most_bytes)
        except FileNotFoundError:
            raise Gone from None
        except PermissionError as error:
            lack = HOPELESS_AFTER - _age(facts.st_ctime, now)
            why = f"cannot be read: {error.strerror}"
            return Later(lack, why) if lack > timedelta() else Refused(why)
        except OSError as error:
            if error.errno in _OURS_TO_BEAR:
                raise
            return Later(AGAIN_IN, f"cannot be read: {error.strerror}")  # of the disk, or a link in its place by now

    def check_movable(self) -> None:
        """Raises OSError, saying in words why files cannot be moved from here."""
        if not os.access(".", os.W_OK | os.X_OK, dir_fd=self._handle):
            raise OSError("files cannot be moved: the folder is read-only; use `after: keep`, or let us write there")
        for name in ("done", "rejected"):
            with suppress(FileNotFoundError):
                facts = os.stat(name, dir_fd=self._handle, follow_symlinks=False)
                if not stat.S_ISDIR(facts.st_mode):
                    what = _kind(facts.st_mode)
                    raise OSError(
                        f"files cannot be moved: {name} is not a folder ({what}): remove it, or use `after: keep`"
                    )
                if facts.st_dev != os.fstat(self._handle).st_dev:
                    raise OSError(f"files cannot be moved: {name} is on another file system: make it a plain folder")

    @contextmanager
    def mover(self) -> Iterator["Mover"]:
        """Moves files from here; what was moved is on the disk when the block ends."""
        mover = Mover(self._handle)
        try:
            yield mover
        finally:
            mover.close()

    def _read(self, name: str, now: datetime, most_bytes: int) -> Content | Refused | Later:
        # Not a link, not blocked by a pipe that took the file's place since it was looked at.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        with os.fdopen(os.open(name, flags, dir_fd=self._handle), "rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                return Later(AGAIN_IN, "something else takes its place all the time")
            is_open = None if self._is_remote else _is_open_for_writing(file.fileno())
            if is_open:
                return Later(AGAIN_IN, "somebody still has it open for writing")
            lack = UNSEEN_SETTLED_AFTER - _age(before.st_mtime, now)
            if is_open is None and lack > timedelta():
                return Later(lack, CHANGES)
            if before.st_size > most_bytes:
                return Refused(f"larger than {most_bytes:,} bytes")
            body = _all_of(file, most_bytes + 1)
            after = os.fstat(file.fileno())
        if _stamp(after) != _stamp(before) or len(body) != before.st_size:
            return Later(AGAIN_IN, CHANGES)
        return Content(body, _moment(after.st_mtime), _stamp(after))


class Mover:
    """Files on their way out of a folder. Nothing is ever overwritten there but a reason that belongs to nothing."""

    def __init__(self, folder: int) -> None:
        self._folder = folder
        self._targets: dict[str, int] = {}

    def move(self, name: str, into: str, beside: str = "", reason: str | None = None, seen: str = "") -> None:
        """Move a file, then what stands beside it, under matching names; the reason goes first. Raises Gone, OSError.

        `seen` is their stamp when they were read; empty: any. What has changed since stays, what has taken the file's
        place at the last moment comes back: either waits for the next visit.
        """
        target = self._target(into)
        facts = _look(self._folder, name)
        companions = [_look(self._folder, beside)] if beside else []
        if seen and seen != " ".join(map(_stamp, (facts, *companions))):
            return
        free, companion = self._free(name, beside, target, len(REASON) if reason is not None else 0)
        if reason is not None:
            self._write(free + REASON, reason, target)
        os.rename(name, free, src_dir_fd=self._folder, dst_dir_fd=target)
        if not _is_same(facts, _look(target, free)):
            os.rename(free, name, src_dir_fd=target, dst_dir_fd=self._folder)
        elif beside:
            with suppress(FileNotFoundError):
                os.rename(beside, companion, src_dir_fd=self._folder, dst_dir_fd=target)

    def close(self) -> None:
        """Make sure that what was moved stays moved when the power fails. Raises OSError."""
        try:
            for handle in (*self._targets.values(), *((self._folder,) if self._targets else ())):
                os.fsync(handle)
        finally:
            for handle in self._targets.values():
                os.close(handle)

    def _target(self, name: str) -> int:
        if name not in self._targets:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=self._folder)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            self._targets[name] = os.open(name, flags, dir_fd=self._folder)
        return self._targets[name]

    def _free(self, name: str, beside: str, target: int, extra: int) -> tuple[str, str]:
        """Names that are free there, for a file and for what stands beside it."""
        whole = beside.startswith(name)
        extension = beside[len(name if whole else split(name)[0]) :]
        for free in _names(name, MAX_NAME_BYTES - extra - len(os.fsencode(extension))):
            companion = (free if whole else split(free)[0]) + extension if beside else ""
            if not any(taken and _is_there(taken, target) for taken in (free, companion)):
                return free, companion
        raise AssertionError("names do not end")

    def _write(self, name: str, text: str, target: int) -> None:
        """A whole file or none."""
        unfinished = ".reason.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(unfinished, flags, 0o644, dir_fd=target), "wb") as file:
            file.write((text + "\n").encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
        os.rename(unfinished, name, src_dir_fd=target, dst_dir_fd=target)


@contextmanager
def opened(path: Path, *, is_remote: bool = False) -> Iterator[Folder]:
    """A folder, by its descriptor. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Folder(handle, is_remote=is_remote)
    finally:
        os.close(handle)


def _look(folder: int, name: str) -> os.stat_result:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        raise Gone from None


def _is_same(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether it is one file with one content, moved or not."""
    is_as_it_was = (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)
    return os.path.samestat(one, other) and is_as_it_was


def _stamp(facts: os.stat_result) -> str:
    """The second of the times is that of the last change, which nobody can set but by changing something."""
    return f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns}"


def split(name: str) -> tuple[str, str]:
    """A name without its suffix, and that. A long name with a point in it has none."""
    stem, _, suffix = name.rpartition(".")
    return (stem, f".{suffix}") if stem and 0 < len(suffix) < 20 else (name, "")


def _waits(facts: os.stat_result, now: datetime) -> Later | None:
    """Whether it is too early to open a file. A time far in the future is wrong, not recent."""
    lacks = [(SETTLED_AFTER - _age(facts.st_mtime, now), CHANGES)]
    if stat.S_ISDIR(facts.st_mode) or (stat.S_ISREG(facts.st_mode) and not facts.st_size):
        lacks.append((HOPELESS_AFTER - _age(facts.st_mtime, now), CHANGES))
    if stat.S_ISREG(facts.st_mode) and facts.st_nlink > 1:
        lacks.append((LINKED_FOR - _age(facts.st_ctime, now), "it is linked and unlinked all the time"))
    lack, why = max(lacks)
    return Later(lack, why) if lack > timedelta() else None


def _is_open_for_writing(handle: int) -> bool | None:
    """Whether somebody has a file open for writing; None where the kernel does not tell (see fcntl(2), "Leases").

    Only the owner of a file and root are told. The lease is given back at once; who opens the file meanwhile makes the
    kernel send a signal, which is one that nobody minds.
    """
    try:
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    with suppress(OSError):
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _all_of(file: RawIOBase, most_bytes: int) -> bytes:
    pieces = []
    while most_bytes > 0 and (piece := file.read(min(most_bytes, 1 << 20))):
        pieces.append(piece)
        most_bytes -= len(piece)
    return b"".join(pieces)


def _names(name: str, longest: int) -> Iterator[str]:
    """The name, then the name with numbers, none of them longer than so many bytes."""
    stem, suffix = split(name)
    for number in count(1):
        end = f"~{number}{suffix}" if number > 1 else suffix
        while len(os.fsencode(stem + end)) > longest:
            stem = stem[:-1]  # a whole character
        yield stem + end


def _is_there(name: str, folder: int) -> bool:
    try:
        _look(folder, name)
    except Gone:
        return False
    return True


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISLNK, "a symbolic link"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISREG, "a file"),
    )
    return next((name for is_one, name in kinds if is_one(mode)), "a device")


def _age(seconds: float, now: datetime) -> timedelta:
    return abs(now - _moment(seconds))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(max(0, min(seconds, 253_402_300_799)), UTC)  # year 9999: file times can be anything
