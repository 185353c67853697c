"""A folder of files: texts, Markdown, saved pages, mails, feeds, and archives of them; told by content, not by name.

    - folder: "{state}/inbox"    # relative to this file; {state} is the state directory
      after: move                # keep (default) | move (into done/ and rejected/ inside the folder)
      create: true               # make the folder if it is not there

A kept file is known by its name, so that a corrected file corrects its article; a file that is moved away is known by
its content, so that two files of one name never stand for each other. Names that begin with a dot or end in `~`,
`.tmp` or `.part` are still being written by somebody and are left alone; so is a file changed within the last second.
In a kept folder a README describes the folder and is no article.
A visit takes at most 100 MB. Of a folder whose files are moved the rest follows at once; in a kept folder it is
refused, since nobody remembers how far the reading went: split such a folder.
What cannot be used goes to rejected/ with the reason beside it in NAME.reason.txt.
"""

import asyncio
import hashlib
import logging
import os
import stat
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate, count
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from aggregator import sniff
from aggregator.errors import SourceError
from aggregator.models import Document, Found, Rejected, SourceState
from aggregator.registry import Source

if TYPE_CHECKING:
    from aggregator.fetch import Fetcher

log = logging.getLogger(__name__)

MAX_FILE_BYTES = 20_000_000
MAX_FILES = 500  # in one visit of a folder whose files are moved; the rest follows at once
MAX_KEPT_FILES = 5_000
MAX_VISIT_BYTES = 100_000_000  # of all files together: they are in memory at the same time
MAX_NAME_BYTES = 255  # of every common file system
SETTLED_AFTER = timedelta(seconds=1)  # without a change, a file counts as complete
EMPTY_SETTLED_AFTER = timedelta(minutes=1)  # an empty one may have been made by somebody who is about to write
_UNFINISHED = ("~", ".tmp", ".part", ".crdownload", ".swp")
_OURS = ".reason.txt"


class FolderSource(Source):
    """A folder of dropped files."""

    KEY: ClassVar[str] = "folder"
    ACCEPTS: ClassVar[frozenset[str]] = frozenset(
        {sniff.TEXT, sniff.HTML, sniff.MARKDOWN, sniff.MAIL, sniff.ARCHIVE}
        | {sniff.FEED, sniff.JSON_FEED, sniff.SITEMAP}
    )

    folder: Path = Field(description="Relative to this file; {state} stands for the state directory.")
    after: Literal["keep", "move"] = Field("keep", description="What becomes of a file that has been read.")
    create: bool = Field(False, description="Make the folder if it is not there.")

    def located(self, config_directory: Path, state_directory: Path) -> "FolderSource":
        path = Path(str(self.folder).replace("{state}", str(state_directory)))
        return self.model_copy(update={"folder": (config_directory / path).resolve()})

    @property
    def identity(self) -> str:
        return f"folder:{self.folder.name}"

    @property
    def label(self) -> str:
        return self.folder.name

    def watched(self) -> Path:
        return self.folder

    async def visit(self, state: SourceState, fetcher: "Fetcher", now: datetime) -> Found:
        """Read what is there. Unchanged is a kept folder whose names, sizes and times are those of last time."""
        return await asyncio.to_thread(self._look, state, now)

    def settle(self, documents: Iterable[Document], rejected: Iterable[Rejected]) -> None:
        """Move what has been read: rejected files with their reason, all others to done/.

        What took a file's place since it was read stays for the next visit. Raises the first OSError when all is tried.
        """
        if self.after == "keep":
            return
        read = {document.name: document for document in documents}
        reasons = {item.name: item.reason for item in rejected}
        errors = []
        for name in read | reasons:
            try:
                if self._is_the_same(name, read.get(name)):
                    self._move(name, reasons.get(name))
            except FileNotFoundError:
                continue  # moved before a crash, or by its owner
            except OSError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def _look(self, state: SourceState, now: datetime) -> Found:
        try:
            if self.create:
                self.folder.mkdir(parents=True, exist_ok=True)
            files = sorted(self._files(), key=lambda file: file[0])
        except OSError as error:
            raise SourceError("folder", f"{self.folder}: {error.strerror}") from error
        settled = [(name, facts) for name, facts in files if _is_settled(facts, now)]
        listing = _listing_hash(settled)
        unsettled = len(settled) < len(files)
        if self.after == "keep" and listing == state.body_hash:
            return Found((), state, unsettled=unsettled)
        taken = self._taken([facts for _, facts in settled])
        found = [self._read(name, facts) for name, facts in settled[:taken]]
        documents = tuple(item for item in found if isinstance(item, Document))
        refused = tuple(item for item in found if isinstance(item, Rejected))
        if self.after == "keep" and len(settled) > taken:
            reason = f"from here on more than {MAX_KEPT_FILES:,} files or {MAX_VISIT_BYTES:,} bytes: split the folder"
            refused = (*refused, Rejected(settled[taken][0], reason))
        complete = self.after == "keep" and not refused and None not in found
        return Found(
            documents,
            SourceState(body_hash=listing if complete else None),
            refused,
            unsettled=unsettled or None in found or (self.after == "move" and len(settled) > taken),
            byte_count=sum(len(document.body) for document in documents),
        )

    def _taken(self, files: list[os.stat_result]) -> int:
        """How many of the files, in their order, fit into one visit; what is too large to be read counts nothing."""
        sizes = (facts.st_size if facts.st_size <= MAX_FILE_BYTES else 0 for facts in files)
        fitting = bisect_right(list(accumulate(sizes)), MAX_VISIT_BYTES)
        return min(fitting, MAX_FILES if self.after == "move" else MAX_KEPT_FILES)

    def _files(self) -> Iterator[tuple[str, os.stat_result]]:
        with os.scandir(self.folder) as entries:
            for entry in entries:
                unfinished = entry.name.startswith(".") or entry.name.endswith(_UNFINISHED)
                if unfinished or entry.name.endswith(_OURS) or entry.is_dir(follow_symlinks=False):
                    continue
                if self.after == "keep" and entry.name.lower().startswith("readme"):
                    continue
                yield entry.name, entry.stat(follow_symlinks=False)

    def _read(self, name: str, before: os.stat_result) -> Document | Rejected | None:
        """The file's bytes, if it is a plain file of a sensible size; None if somebody is writing it."""
        try:
            name.encode()
        except UnicodeEncodeError:
            return Rejected(name, "the file's name is not UTF-8")
        if not stat.S_ISREG(before.st_mode):
            return Rejected(name, "not a plain file (a link, a pipe, a device)")
        if before.st_size > MAX_FILE_BYTES:
            return Rejected(name, f"larger than {MAX_FILE_BYTES:,} bytes")
        try:
            # Not a link, not blocked by a pipe that took the file's place since it was listed.
            handle = os.open(self.folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                body = file.read(MAX_FILE_BYTES + 1)
                after = os.fstat(file.fileno())
        except OSError as error:
            return Rejected(name, f"cannot be read: {error.strerror}")
        if (after.st_size, after.st_mtime_ns) != (len(body), before.st_mtime_ns):
            return None
        if not body.strip():
            return Rejected(name, "empty")
        content = hashlib.sha256(body).hexdigest()[:32]
        return Document(
            body=body,
            name=name,
            identity=name if self.after == "keep" else f"sha256:{content}",
            modified_at=_modified_at(after),
        )

    def _is_the_same(self, name: str, read: Document | None) -> bool:
        """Whether a file still holds what was read; one that was refused unread, whether it would be again."""
        found = self._read(name, (self.folder / name).lstat())
        if read is None:
            return isinstance(found, Rejected)
        return isinstance(found, Document) and found.body == read.body

    def _move(self, name: str, reason: str | None) -> None:
        folder = self.folder / ("done" if reason is None else "rejected")
        folder.mkdir(exist_ok=True)
        longest = MAX_NAME_BYTES - (0 if reason is None else len(_OURS))
        target = next(path for path in map(folder.joinpath, _names(name, longest)) if not os.path.lexists(path))
        (self.folder / name).rename(target)
        if reason is not None:
            target.with_name(target.name + _OURS).write_text(reason + "\n", encoding="utf-8")


def _names(name: str, longest: int) -> Iterator[str]:
    """The name, then the name with numbers, none of them longer than so many bytes."""
    stem, suffix = Path(name).stem, Path(name).suffix
    if len(suffix) > 20:  # no suffix, but a long name with a point in it
        stem, suffix = name, ""
    for number in count(1):
        end = f"~{number}{suffix}" if number > 1 else suffix
        while len(os.fsencode(stem + end)) > longest:
            stem = stem[:-1]  # a whole character
        yield stem + end


def _modified_at(facts: os.stat_result) -> datetime:
    seconds = max(0, min(facts.st_mtime, 253_402_300_799))  # year 9999: file times can be anything
    return datetime.fromtimestamp(seconds, UTC)


def _is_settled(facts: os.stat_result, now: datetime) -> bool:
    """Whether nobody seems to be writing a file. A time far in the future is wrong, not recent."""
    age = abs(now - _modified_at(facts))
    return age >= (SETTLED_AFTER if facts.st_size else EMPTY_SETTLED_AFTER)


def _listing_hash(files: list[tuple[str, os.stat_result]]) -> str:
    listing = "\n".join(f"{name!r} {facts.st_size} {facts.st_mtime_ns}" for name, facts in files)
    return hashlib.sha256(listing.encode()).hexdigest()


PLUGIN = FolderSource
