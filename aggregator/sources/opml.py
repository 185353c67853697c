"""A live list of feeds in OPML: its feeds are sources, and come and go with it.

    - opml: subscriptions.opml             # relative to this file
    - opml: https://example.org/list.opml
      name: Our list                       # of the list itself
      rank: 40                             # these are of every feed in it
      language: en
      every: 1h                            # for the list as well
      labels: [wire]                       # put before the folders in which a feed stands

A file is read again whenever it changes, an address is visited like a feed; the last good copy of both is kept in
`lists/` of the state directory. Either way a running daemon takes the new list over by itself. A list that cannot be
fetched or read keeps its members, and so does one from an address that would lose more than half of ten or more: that
looks like a bad download. If it is meant, delete the copy that the error names. A feed that stands in sources.yaml
itself is what is said there; of two lists with the same feed, the first has it. Lists inside lists are not followed,
and feeds with a user and a password in their address are left out.
"""

import asyncio
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PrivateAttr, ValidationError

from aggregator import opml, urls
from aggregator.addresses import registrable_domain
from aggregator.errors import DocumentError, SourceError
from aggregator.fetch import Fetcher
from aggregator.models import Found, SourceState
from aggregator.opml import Outline
from aggregator.registry import Source
from aggregator.sources.http import HttpSource
from aggregator.words import digest

log = logging.getLogger(__name__)

GUARDED = 10  # a list of so many feeds never loses more than half of them at once


def _place(value: str) -> str:
    if not value.isprintable():
        raise ValueError("the name of a file, or an address, has no control characters")
    if "://" in value and urls.absolute(value) is None:
        raise ValueError("a list is a file, or an address that begins with http:// or https:// and a host name")
    if "://" in value and urlsplit(value).username is not None:
        raise ValueError("the address of a list must hold no user and password")
    return value


class OpmlSource(Source):
    """A list of feeds."""

    KEY: ClassVar[str] = "opml"
    ACCEPTS: ClassVar[frozenset[str]] = frozenset()
    IS_LIST: ClassVar[bool] = True

    opml: Annotated[str, AfterValidator(_place)] = Field(
        min_length=1, max_length=urls.MAX_LENGTH, description="A file, relative to this one, or an address."
    )
    _copy: Path | None = PrivateAttr(None)  # the last good copy of a list from an address
    _loaded: str = PrivateAttr("")  # digest of what the members were made from

    def located(self, config_directory: Path, state_directory: Path) -> "OpmlSource":
        place = self.opml if self._is_remote else str((config_directory / self.opml).resolve())
        located = self.model_copy(update={"opml": place})
        located._copy = state_directory / "lists" / f"{digest([self.key])}.opml"
        return located

    @property
    def identity(self) -> str:
        return f"opml:{urls.identity(self.opml) if self._is_remote else Path(self.opml).name}"

    @property
    def label(self) -> str:
        return f"List {urlsplit(self.opml).hostname or self.opml}" if self._is_remote else Path(self.opml).name

    @property
    def address(self) -> str | None:
        return self.opml if self._is_remote else None

    @property
    def host(self) -> str | None:
        return registrable_domain(urlsplit(self.opml).hostname or self.opml) if self._is_remote else None

    def watched(self) -> Path | None:
        return None if self._is_remote else Path(self.opml)

    def members(self, config_directory: Path, state_directory: Path) -> list[Source]:
        """The feeds of the list as it was last good. Raises SourceError for a file that never was."""
        outlines = (self._copied() or ()) if self._is_remote else self._read_or_remembered()
        self._loaded = _digest(outlines)
        return list(self._members(outlines))

    def _read_or_remembered(self) -> tuple[Outline, ...]:
        try:
            return self._read(Path(self.opml))
        except SourceError as error:
            outlines = self._copied()
            if outlines is None:
                raise
            log.warning("%s: the list cannot be read, its feeds stay: %s", self.key, error)
            return outlines

    async def visit(self, state: SourceState, fetcher: Fetcher, now: datetime) -> Found:
        """Look whether the list has changed; its feeds are read on visits of their own."""
        if not self._is_remote:
            outlines = await asyncio.to_thread(self._read_and_keep)
            return Found((), state, reload=_digest(outlines) != self._loaded)
        known = await asyncio.to_thread(self._copied)
        if known is None:  # nothing to be unchanged from
            state = replace(state, etag=None, last_modified=None, body_hash=None)
        found = await HttpSource(url=self.opml).visit(state, fetcher, now)
        outlines = known or ()
        for document in found.documents:
            outlines = await asyncio.to_thread(opml.read, document.body, document.name)
            if known is None or _digest(outlines) != _digest(known):
                self._refuse_loss(known or (), outlines)
                await asyncio.to_thread(self._keep, document.body)
                log.info("%s: the list has changed: %d feeds", self.key, len(outlines))
        return replace(found, documents=(), reload=_digest(outlines) != self._loaded)

    @property
    def _is_remote(self) -> bool:
        return re.match(r"https?://", self.opml, re.IGNORECASE) is not None

    def _members(self, outlines: tuple[Outline, ...]) -> Iterator[HttpSource]:
        for outline in outlines:
            try:
                yield self._member(outline)
            except ValidationError:
                log.debug("%s: left out, its address is none of a feed: %r", self.key, outline.title)

    def _member(self, outline: Outline) -> HttpSource:
        return HttpSource(
            url=urls.absolute(urls.web(outline.url)) or outline.url,
            name=outline.title or None,
            rank=self.rank,
            language=self.language,
            every=self.every,
            labels=tuple(dict.fromkeys((*self.labels, *outline.labels))),
        )

    def _read_and_keep(self) -> tuple[Outline, ...]:
        """The file's feeds; a copy is for the day on which the file cannot be read."""
        body = self._body(Path(self.opml))
        outlines = opml.read(body, self.opml)
        assert self._copy, "a source that is not located yet"
        if not self._copy.exists() or self._copy.read_bytes() != body:
            self._keep(body)
        return outlines

    def _read(self, path: Path) -> tuple[Outline, ...]:
        return opml.read(self._body(path), str(path))

    def _body(self, path: Path) -> bytes:
        try:
            if path.exists() and not path.is_file():
                raise SourceError("list", f"{path}: not a plain file")
            with path.open("rb") as file:
                return file.read(opml.MAX_BYTES + 1)
        except OSError as error:
            raise SourceError("list", f"{path}: cannot be read: {error.strerror}") from error

    def _copied(self) -> tuple[Outline, ...] | None:
        """What the last good copy says; None where there is none, or a disk has spoilt it."""
        assert self._copy, "a source that is not located yet"
        try:
            return self._read(self._copy) if self._copy.exists() else None
        except OSError:  # somebody else's state directory
            return None
        except SourceError as error:
            log.warning("%s: the copy of the list is damaged, it will be fetched again: %s", self.key, error)
            return None

    def _refuse_loss(self, known: tuple[Outline, ...], outlines: tuple[Outline, ...]) -> None:
        before, after = ({urls.bare(outline.url) or outline.url for outline in side} for side in (known, outlines))
        lost = len(before - after)
        if len(before) >= GUARDED and lost * 2 > len(before):
            raise DocumentError(
                f"{self.opml}: would lose {lost} of {len(before)} feeds, which looks like a bad download;"
                f" if it is meant, delete {self._copy}",
                "shrunk",
            )

    def _keep(self, body: bytes) -> None:
        """Write the copy, whole or not at all."""
        assert self._copy, "a source that is not located yet"
        try:
            self._copy.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._copy.parent, suffix=".tmp", delete=False) as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            Path(file.name).replace(self._copy)
        except OSError as error:
            raise SourceError("list", f"{self._copy}: cannot be written: {error.strerror}") from error


def _digest(outlines: tuple[Outline, ...]) -> str:
    return digest([repr(outline) for outline in outlines])


PLUGIN = OpmlSource
