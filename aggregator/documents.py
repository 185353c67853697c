"""Documents → readings: in passing what takes but a moment, by reader processes all else, while others go on."""

import logging
import time
from asyncio import Semaphore, gather, get_running_loop, to_thread
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

from aggregator import metrics, reading, samples
from aggregator.config import Config
from aggregator.errors import DocumentError, ReaderLost, SourceError, StateError
from aggregator.models import Document, Found, Reading
from aggregator.outcome import Readings, scatter
from aggregator.readers import Readers
from aggregator.reading import Request, TooMuch
from aggregator.registry import Source
from aggregator.store import Database
from aggregator.store import memories as stored_memories

PIECE = 10  # documents read in passing before others get their turn
LOSSES = 3  # reader processes that are lost over a document until it is at fault
AGAIN_IN = timedelta(seconds=5)  # what could not be read is tried again
ENOUGH = timedelta(minutes=5)  # of reading for one visit: what is not begun by then is left for the next

log = logging.getLogger(__name__)

T = TypeVar("T")
_Tried = tuple[Document, Reading | DocumentError | None]  # None: not yet


class InExecutor(Protocol):
    """Does something where everything is done that is not network."""

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]: ...


@dataclass(frozen=True, slots=True)
class _Visit:
    """What all documents of a visit have in common."""

    source: Source
    config: Config
    request: Request
    turns: Semaphore  # so many wait for reader processes at a time, so that other sources' need not wait for all
    ends_at: float  # monotonic seconds


class Documents:
    """Reads the documents of all sources. Belongs to one event loop."""

    def __init__(self, database: Database, readers: Readers, in_executor: InExecutor) -> None:
        self._database = database
        self._readers = readers
        self._in_executor = in_executor
        self._losses: Counter[tuple[str, str, str]] = Counter()  # by source, name and stamp of a document

    async def read(self, source: Source, documents: Sequence[Document], config: Config, now: datetime) -> Readings:
        """What they say. Left out are documents that are to be read at another visit: see `put_off`.

        Raises StateError where the machine has no room, or the daemon stops.
        """
        request, tried = await self._in_executor(lambda: self._in_passing(source, documents[:PIECE], config, now))
        for start in range(PIECE, len(documents), PIECE):  # others get their turn in between
            some = documents[start : start + PIECE]
            tried += await self._in_executor(partial(_all_in_passing, source, some, request))
        turns = Semaphore(config.settings.parse.processes)
        visit = _Visit(source, config, request, turns, time.monotonic() + ENOUGH.total_seconds())
        found = await gather(*(self._read_for_sure(visit, document, found) for document, found in tried))
        return [(document, one) for document, one in found if one is not None]

    def _in_passing(
        self, source: Source, documents: Sequence[Document], config: Config, now: datetime
    ) -> tuple[Request, list[_Tried]]:
        """What takes but a moment to read; None for what may take longer, or is to be read twice."""
        options = config.settings.parse
        uses_memory = source.ONE_DOCUMENT and not options.full_parse
        memory = stored_memories.of(self._database, source.key) if uses_memory else None
        request = Request(
            source.key,
            source.ACCEPTS,
            now,
            source.language,
            source.media_type,
            memory,
            compared=memory is not None and scatter(source.key, now) * options.compare < 1 <= options.compare,
        )
        return request, _all_in_passing(source, documents, request)

    async def _read_for_sure(self, visit: _Visit, document: Document, found: Reading | DocumentError | None) -> _Tried:
        if found is None:
            async with visit.turns:
                found = await self._by_process(visit, document)
        if found is not None:
            remembered = visit.request.memory is not None
            metrics.note(found, compared=visit.request.compared, remembered=remembered)
        if isinstance(found, Reading) and found.differs:
            await _keep_sample(visit, document, found.differs)
        return document, found

    async def _by_process(self, visit: _Visit, document: Document) -> Reading | DocumentError | None:
        if time.monotonic() > visit.ends_at and not visit.source.ONE_DOCUMENT:
            return None
        ask = partial(self._readers.read, document, visit.request)
        try:
            return await get_running_loop().run_in_executor(self._readers.threads, ask)
        except DocumentError as error:
            return error
        except ReaderLost as error:
            return self._lost(visit.source, document, error)
        except StateError:
            raise
        except Exception as error:  # one document among many must not keep the others from being read
            if visit.source.ONE_DOCUMENT:
                raise
            return bug_in(visit.source, document, error)

    def _lost(self, source: Source, document: Document, error: ReaderLost) -> DocumentError | None:
        """None where the document is to be tried again: most often it is the machine that has no memory left.

        A source that is one document is tried again anyway, after longer and longer times.
        """
        place = source.key, document.name, document.stamp
        self._losses[place] += 1
        if source.ONE_DOCUMENT or self._losses[place] >= LOSSES:
            times = self._losses.pop(place)
            return DocumentError(f"{document.name}: {error}" + (f", {times} times" if times > 1 else ""), "reader")
        log.warning("%s: %s is tried again: %s", source.key, document.name, error)
        return None


def put_off(found: Found, readings: Readings) -> Found:
    """What was found, without documents that were not read: they stay where they are, for a visit soon."""
    names = {document.name for document, _ in readings}
    unread = [document for document in found.documents if document.name not in names]
    if not unread:
        return found
    guids = {document.identity for document in unread}
    return replace(
        found,
        documents=tuple(document for document in found.documents if document.name in names),
        files=tuple(file for file in found.files if file.guid not in guids),
        gone=(),
        left=0,
        again_in=AGAIN_IN,
    )


def bug(source: Source, error: Exception) -> SourceError:
    """A mistake in this program, met in what a source says: logged, and the source's error."""
    log.exception("a bug met in %s; please report it", source.key, exc_info=error)
    return SourceError("bug", f"a bug of ours: {type(error).__name__}: {error}")


def bug_in(source: Source, document: Document, error: Exception) -> DocumentError:
    """The same, met in one document."""
    return DocumentError(f"{document.name}: {bug(source, error)}; please report it", "bug")


def _all_in_passing(source: Source, documents: Sequence[Document], request: Request) -> list[_Tried]:
    tried: list[_Tried] = []
    for document in documents:
        try:
            tried.append((document, _read_in_passing(document, request)))
        except Exception as error:  # one document among many must not keep the others from being read
            if source.ONE_DOCUMENT:
                raise
            tried.append((document, bug_in(source, document, error)))
    return tried


def _read_in_passing(document: Document, request: Request) -> Reading | DocumentError | None:
    if request.compared:
        return None
    try:
        return reading.read(document, request, in_passing=True)
    except DocumentError as error:
        return error
    except TooMuch:
        return None


async def _keep_sample(visit: _Visit, document: Document, differs: str) -> None:
    request = visit.request
    try:
        kept = str(await to_thread(samples.keep, document, request, differs, visit.config.state))
    except OSError as error:
        kept = f"the document, of which no sample could be kept: {error}"
    log.error("%s: reading in part differs; please report it with %s: %s", request.source, kept, differs)
