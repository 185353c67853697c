"""The members of a tar, in their order, up to the first damage."""

import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from aggregator.parsers import _unpacking
from aggregator.parsers._stream import Stream, TooMuch
from aggregator.parsers._unpacking import Member


def members(stream: Stream, wanted: Callable[[str], bool]) -> Iterator[Member]:
    """Those of a name that is wanted."""
    try:
        with tarfile.open(fileobj=stream, mode="r|", errorlevel=0) as archive:
            for found in archive:
                archive.members = []  # type: ignore[attr-defined]  # else it remembers all of them
                name = _unpacking.label(found.name)
                if found.isdir() or _unpacking.is_junk(name) or not wanted(name):
                    continue
                refused = _refusal(found)
                file = None if refused else archive.extractfile(found)
                body = file.read(_unpacking.MAX_MEMBER_BYTES + 1) if file else b""
                yield Member(name, body, _time(found.mtime), refused)
    except TooMuch:
        yield Member(_unpacking.REST, refused=_unpacking.too_much())
    except _unpacking.DAMAGE as error:
        yield Member(_unpacking.REST, refused=f"the archive is damaged from here on: {error}")


def _refusal(found: tarfile.TarInfo) -> str:
    if not found.isfile() or found.issparse():
        return "not a plain file (a link, a pipe, a device)"
    return _unpacking.too_large() if found.size > _unpacking.MAX_MEMBER_BYTES else ""


def _time(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None
