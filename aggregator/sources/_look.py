"""One look into a folder of dropped files: what is complete is read, what is no good is named, the rest waits."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aggregator.identity import of_content
from aggregator.models import Document, File, Found, Rejected, SourceState
from aggregator.sources._beside import NO_ARTICLE, problem
from aggregator.sources._files import AGAIN_IN, CHANGES, Folder, Gone, Later, Refused
from aggregator.sources._kept import Kept

MAX_FILE_BYTES = 20_000_000
MAX_BESIDE_BYTES = 64_000
MAX_FILES = 50  # in one look: the rest follows at once, with what other sources bring in between
MAX_BYTES = 250_000  # from there on no further file is read: a second or less of work
PATIENCE = timedelta(hours=1)  # with a file that is never complete
LONGEST_STEP = timedelta(minutes=10)  # of that between two looks: clocks are set, and machines sleep
RARER = 10  # times as long as a file has been incomplete, until it is looked at again: each look is a visit
STRAY_AFTER = timedelta(minutes=1)  # facts whose article has not come
_ADVICE = "write it under another name (NAME.part), and rename it when it is complete"


@dataclass(frozen=True, slots=True)
class Wait:
    """For how long a file has been incomplete, when it was last looked at."""

    waited: timedelta
    at: datetime


class Look:
    """What was found so far. `incomplete` says for how long files have been so, as an earlier look has left it."""

    def __init__(self, folder: Folder, now: datetime, incomplete: Mapping[str, "Wait"]) -> None:
        self._folder = folder
        self._now = now
        self._waited = incomplete
        self.incomplete: dict[str, Wait] = {}
        self._documents: list[Document] = []
        self._refused: list[Rejected] = []
        self._files: list[File] = []
        self._gone: tuple[str, ...] = ()
        self._waits: list[timedelta] = []
        self._count = self._bytes = self._left = 0

    def at_all(self, articles: Mapping[str, str], strays: Mapping[str, str]) -> None:
        """Files that will be moved, known by their content; facts beside them, and those that are beside none."""
        for name, beside in articles.items():
            with suppress(Gone):
                if self._has_room():
                    read = self._read(name, beside, self._folder.stamp(name, beside))
                    self._note(read)
                    if isinstance(read, Document):
                        self._documents.append(replace(read, identity=of_content(read.body)))
        for name, reason in strays.items():
            with suppress(Gone):
                if self._is_stray(name, reason) and self._has_room():
                    self._note(Rejected(name, reason, self._folder.stamp(name)))

    def at_changes(self, articles: Mapping[str, str], strays: Mapping[str, str], known: Mapping[str, File]) -> None:
        """Files that stay: what is new or has changed is read, what was refused is named.

        What is gone is forgotten when all else was read: it may be there under another name.
        """
        kept = Kept(known, articles.keys())
        for name, beside in articles.items():
            with suppress(Gone):
                seen = self._folder.stamp(name, beside)
                before = kept.as_before(name, seen)
                reason = before.reason if before else problem(name)
                if reason:
                    self._refused.append(Rejected(name, reason))
                elif before is None and self._has_room():
                    self._remember(kept, name, seen, self._read(name, beside, seen))
        self._refused += [Rejected(name, reason) for name, reason in strays.items() if self._is_stray(name, reason)]
        if kept.has_stale_copies:
            self._waits.append(timedelta())
        if not (self._left or self._waits):
            self._gone = kept.gone

    def found(self, state: SourceState) -> Found:
        return Found(
            tuple(self._documents),
            SourceState(rhythm=state.rhythm),
            tuple(self._refused),
            again_in=timedelta() if self._left else min(self._waits, default=None),
            left=self._left,
            byte_count=self._bytes,
            files=tuple(self._files),
            gone=self._gone,
        )

    def _has_room(self) -> bool:
        is_full = self._count >= MAX_FILES or self._bytes >= MAX_BYTES
        self._left += is_full
        return not is_full

    def _note(self, read: Document | Rejected | Later) -> None:
        if isinstance(read, Later):
            self._waits.append(read.wait)
            return
        self._count += 1
        if isinstance(read, Document):
            self._bytes += len(read.body)
        else:
            self._refused.append(read)

    def _remember(self, kept: Kept, name: str, seen: str, read: Document | Rejected | Later) -> None:
        if isinstance(read, Rejected) and not read.stamp:  # incomplete for too long: it may be complete next time
            self._refused.append(read)
            return
        self._note(read)
        if isinstance(read, Rejected):
            self._files.append(kept.refused(name, seen, read.reason))
        elif isinstance(read, Document):
            file, is_new = kept.read(name, seen, _digest(read.body, read.beside or b""))
            self._files.append(file)
            if is_new:
                self._documents.append(replace(read, identity=file.guid))

    def _is_stray(self, name: str, reason: str) -> bool:
        """Whether facts are for no article, or not for the one that is there. One may come after its facts."""
        if reason != NO_ARTICLE:
            return True
        lack = STRAY_AFTER - self._folder.untouched_for(name, self._now)
        if lack > timedelta():
            self._waits.append(lack)
        return lack <= timedelta()

    def _read(self, name: str, beside: str, seen: str) -> Document | Rejected | Later:
        read = self._tried(name, beside, seen)
        if not isinstance(read, Later):
            return read
        waited = self._waited_for(name)
        self.incomplete[name] = Wait(waited, self._now)
        if waited < PATIENCE:
            return replace(read, wait=max(read.wait, waited / RARER))
        return Rejected(name, f"{read.why}, for an hour; {_ADVICE}", beside_name=beside)

    def _waited_for(self, name: str) -> timedelta:
        before = self._waited.get(name)
        if before is None:
            return timedelta()
        return before.waited + max(timedelta(), min(self._now - before.at, LONGEST_STEP))

    def _tried(self, name: str, beside: str, seen: str) -> Document | Rejected | Later:
        content = self._folder.take(name, self._now, MAX_FILE_BYTES)
        facts = self._folder.take(beside, self._now, MAX_BESIDE_BYTES) if beside else None
        if isinstance(content, Later):
            return content
        if isinstance(facts, Later):
            return facts
        if isinstance(content, Refused):
            return Rejected(name, content.reason, seen, beside)
        if isinstance(facts, Refused):
            return Rejected(name, f"its facts in {beside}: {facts.reason}", seen, beside)
        if seen != " ".join(part.stamp for part in (content, facts) if part):
            return Later(AGAIN_IN, CHANGES)
        reason = problem(name) or (None if content.body.strip() else "empty")
        if reason:
            return Rejected(name, reason, seen, beside)
        return Document(
            content.body,
            name,
            modified_at=content.modified_at,
            beside=facts.body if facts else None,
            beside_name=beside,
            stamp=seen,
        )


def _digest(*parts: bytes) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big") + part if len(parts) > 1 else part)
    return found.hexdigest()[:32]
