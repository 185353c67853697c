"""A folder of files: texts, Markdown, saved pages, mails, feeds, and archives of them; told by content, not by name.

    - folder: "{state}/inbox"    # relative to this file; {state} is the state directory
      after: move                # keep (default) | move (into done/ and rejected/ inside the folder)
      create: true               # make the folder if it is not there

**When a file is taken.** Best write it under another name (one that begins with a dot, or ends in `~`, `.tmp`, `.part`,
`.crdownload` or `.swp`) and rename it when it is complete. Any other file is taken when it has not changed for a second
and nobody has it open for writing; for five seconds where the kernel does not tell (files of others, network mounts);
for a minute if it is empty. What is not complete within an hour is refused.

**What is refused**, each with its reason: what is no plain file (links, pipes, sockets, devices); what has a second
name elsewhere (a hard link); folders that are called like files (`a.txt/`; others are left alone); names that are not
UTF-8 or hold control characters; files that are empty, unreadable, or larger than 20 MB. Other folders inside are not
looked into, which the log says once.

**Facts beside a file.** `a.txt.yaml` or `a.yaml` (or `.yml`) says about `a.txt` what that does not say itself, and goes
where it goes. The more specific name wins; one file of facts is for one article. Drop it before its article, or
together with it: facts whose article does not come within a minute are refused.

**after: move.** A file goes to done/ once its articles are stored for good, to rejected/ if it cannot be used, with the
reason beside it in NAME.reason.txt. It is known by its content: two files of one name never stand for each other, and
the same content twice is one article. Nothing there is ever overwritten (NAME~2 …). A crash, a full disk or a power cut
at any moment loses no file and takes none twice: what is not stored stays where it is.

**after: keep.** A file stays, is known by its name, and is read again when it has changed: a corrected file corrects
its article, and so does one that was renamed before; the same content under a second name is no second article. What is
gone is forgotten; its article stays. A refused file is named at each visit until it is gone or good. A README describes
the folder and is no article.
"""

import asyncio
import logging
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PrivateAttr

from aggregator import mounts, sniff
from aggregator.errors import SourceError
from aggregator.models import Document, Found, Rejected, SourceState
from aggregator.registry import Source
from aggregator.sources import _files
from aggregator.sources._beside import FACTS, paired
from aggregator.sources._files import Folder, Gone
from aggregator.sources._look import Look, Wait

if TYPE_CHECKING:
    from aggregator.fetch import Fetcher

log = logging.getLogger(__name__)

MOST_TOLD = 20  # folders inside a folder of which the log says that they are not looked into
_UNFINISHED = ("~", ".tmp", ".part", ".crdownload", ".swp")
_LIKE_FILES = (".txt", ".text", ".md", ".html", ".htm", ".xhtml", ".eml", ".xml", ".rss", ".atom", ".json", *FACTS)


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

    _incomplete: dict[str, Wait] = PrivateAttr(default_factory=dict)
    _told: set[str] = PrivateAttr(default_factory=set)  # folders inside, of which the log has said that they are none
    _stuck: frozenset[str] = PrivateAttr(frozenset())  # files that could not be moved: others are read first

    def located(self, config_directory: Path, state_directory: Path) -> "FolderSource":
        path = Path(str(self.folder).replace("{state}", str(state_directory)))
        return self.model_copy(update={"folder": (config_directory / path).resolve()})

    @property
    def identity(self) -> str:
        return f"folder:{self.folder.name}"

    @property
    def label(self) -> str:
        return self.folder.name

    @property
    def remembers_files(self) -> bool:
        return self.after == "keep"

    def watched(self) -> Path:
        return self.folder

    def heeds(self, name: str) -> bool:
        ours = name in ("done", "rejected") or name.endswith(_files.REASON)
        return not ours and not name.startswith(".") and not name.endswith(_UNFINISHED)

    def waits(self) -> bool:
        if self.create:
            self.folder.mkdir(parents=True, exist_ok=True)
        if self.after == "keep":
            return False
        with os.scandir(self.folder) as entries:
            return any(self.heeds(entry.name) for entry in entries)

    async def visit(self, state: SourceState, fetcher: "Fetcher", now: datetime) -> Found:
        """Read what is complete, as much as a visit takes; in a kept folder what is new or changed."""
        return await asyncio.to_thread(self._look, state, now)

    def settle(self, documents: Iterable[Document], rejected: Iterable[Rejected]) -> None:
        """Move what has been read: rejected files with their reason, all others to done/.

        What took a file's place since it was read stays for the next visit. Raises the first OSError when all is tried.
        """
        reasons = {item.name: item.reason for item in rejected}
        items: dict[str, Document | Rejected] = {item.name: item for item in rejected}
        items |= {document.name: document for document in documents}
        if self.after == "keep" or not items:
            return
        errors: dict[str, OSError] = {}
        with _files.opened(self.folder) as folder, folder.mover() as mover:
            for name, item in items.items():
                into = "rejected" if name in reasons else "done"
                try:
                    mover.move(name, into, item.beside_name, reasons.get(name), item.stamp)
                except (Gone, FileNotFoundError):
                    continue  # moved before a crash, or by its owner
                except OSError as error:
                    errors[name] = error
        self._stuck = frozenset(errors) | (self._stuck - items.keys())
        if errors:
            raise next(iter(errors.values()))

    def _look(self, state: SourceState, now: datetime) -> Found:
        try:
            if self.create:
                self.folder.mkdir(parents=True, exist_ok=True)
            is_remote = mounts.is_remote(mounts.kind(self.folder))
            with _files.opened(self.folder, is_remote=is_remote) as folder:
                look = Look(folder, now, self._incomplete)
                if self.after == "move":
                    folder.check_movable()
                    articles, strays = paired(self._names(folder))
                    self._stuck &= articles.keys()
                    look.at_all(dict(sorted(articles.items(), key=lambda pair: pair[0] in self._stuck)), strays)
                else:
                    look.at_changes(*paired(self._names(folder)), state.files)
        except OSError as error:
            raise SourceError("folder", f"{self.folder}: {error.strerror or error}") from error
        self._incomplete = look.incomplete
        return look.found(state)

    def _names(self, folder: Folder) -> Iterator[str]:
        for name, is_folder in folder.names():
            if not self.heeds(name):
                continue
            if is_folder and not name.lower().endswith(_LIKE_FILES):
                self._tell_of(name)
                continue
            if self.after == "move" or not name.lower().startswith("readme"):
                yield name

    def _tell_of(self, inner: str) -> None:
        """Who drops files there waits for them in vain."""
        if inner not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(inner)
            log.warning("%s: the folder %s in it is not looked into: drop files beside it", self.folder, ascii(inner))


PLUGIN = FolderSource
