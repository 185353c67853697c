"""The reader processes: a few at a time, begun when there is something to read, ended when one takes too much or idles.

What takes too much time or memory costs its own document and a new process, and nothing else.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pickle import UnpicklingError
from threading import Lock, Timer
from types import TracebackType
from typing import Any, Self

from aggregator import metrics
from aggregator.config.settings import Parse
from aggregator.errors import DocumentError, ReaderLost, StateError
from aggregator.models import Article, Document, Reading
from aggregator.reader_process import BUG, MAX_FRAME, NO_MEMORY, REFUSED, packed, unpacked
from aggregator.reading import Request

IDLE_SECONDS = 60.0  # without work: then a process is ended
LATE_SECONDS = 30.0  # after the end of a document's time: by then whoever waits for it has been told
START_SECONDS = 30.0  # more than a process ever needs to start: its first document has so much more time

_STOPPING = "not read: the daemon is stopping"

log = logging.getLogger(__name__)


class Readers:
    """The reader processes as one. Use from any thread; close when done."""

    def __init__(self, options: Parse) -> None:
        self._options = options
        self._lock = Lock()  # for the three below: no process is born or put back unseen
        self._idle: list[_Process] = []
        self._all: set[_Process] = set()
        self._closed = False
        self.threads = ThreadPoolExecutor(options.processes, "reader")  # where to call `read`: each call waits

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, document: Document, request: Request) -> Reading:
        """As `reading.read`. Raises DocumentError also for a document that takes too much time or memory.

        Raises StateError where the machine has no room for another process, and when they are closed; ReaderLost for a
        process that was ended from outside.
        """
        try:
            with self._borrowed() as process:
                return process.read(document, request)
        except ReaderLost as error:
            if self._closed:
                raise StateError(_STOPPING) from error
            raise

    def tidy(self) -> None:
        """End processes that have had nothing to do for a while."""
        long_ago = time.monotonic() - IDLE_SECONDS
        with self._lock:
            tired = [process for process in self._idle if process.used_at < long_ago]
            self._idle = [process for process in self._idle if process.used_at >= long_ago]
            self._all.difference_update(tired)
        for process in tired:
            process.end()

    def overdue(self) -> list[str]:
        """What reads for longer than it may though it was to be ended then, in words: nobody will hear of it again."""
        now = time.monotonic()
        with self._lock:
            late = sum(process.ends_at + LATE_SECONDS < now for process in self._all)
        return [f"{late} reader processes that should have ended"] if late else []

    def close(self) -> None:
        """End all processes, also those at work: whoever waits for one is told so by a StateError."""
        with self._lock:
            self._closed = True
            for process in self._all:
                process.kill()
        self.threads.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            self._end(process)

    @contextmanager
    def _borrowed(self) -> Iterator["_Process"]:
        """A process for one document; ended if anything goes wrong."""
        process = self._free()
        try:
            yield process
        except _Refused:
            self._put_back(process)
            raise
        except BaseException:
            self._end(process)
            raise
        self._put_back(process)

    def _free(self) -> "_Process":
        """The process that was used last, or a new one. What has died meanwhile is no fault of the next document."""
        with self._lock:
            if self._closed:
                raise StateError(_STOPPING)
            while self._idle:
                process = self._idle.pop()
                if process.is_alive():
                    return process
                log.warning("a reader process has ended while it had nothing to do")
                self._all.discard(process)
                process.end()
            process = _Process(self._options)
            self._all.add(process)
            return process

    def _put_back(self, process: "_Process") -> None:
        with self._lock:
            self._idle.append(process)

    def _end(self, process: "_Process") -> None:
        with self._lock:
            self._all.discard(process)
        process.end()


class _Refused(DocumentError):
    """A document that is no good; the process that says so is."""


class _Process:
    """One process, and the way to it."""

    def __init__(self, options: Parse) -> None:
        """Raises StateError."""
        self._options = options
        self.used_at = time.monotonic()
        self.ends_at = float("inf")  # monotonic: when the document that is being read is given up
        self._starts = True  # it has read nothing yet
        self._is_late = False
        try:
            ours, theirs = socket.socketpair()
            with ours, theirs:
                self._popen = _started(theirs, options)
                self._channel = Connection(ours.detach())
        except OSError as error:
            raise StateError(f"no process can be started to read documents: {error.strerror or error}") from error

    def is_alive(self) -> bool:
        return self._popen.poll() is None

    def read(self, document: Document, request: Request) -> Reading:
        seconds = self._options.time.total_seconds() + (START_SECONDS if self._starts else 0)
        timer = Timer(seconds, self._give_up)
        timer.daemon = True
        timer.start()
        self.ends_at = time.monotonic() + seconds
        try:
            for part in (document, request):
                self._channel.send_bytes(packed(part))
            outcome, *answer = self._frame()
            if outcome == REFUSED:
                raise _Refused(answer[1], answer[0])
            if outcome == BUG:
                raise RuntimeError(answer[0])
            found, count = answer
            articles: list[Article] = [self._frame() for _ in range(count)]
        except (EOFError, OSError, UnpicklingError) as error:
            raise self._verdict(document.name) from error
        finally:
            timer.cancel()
            self._starts = False
            self.ends_at = float("inf")
        self.used_at = time.monotonic()
        read: Reading = replace(found, articles=tuple(articles))
        return read

    def kill(self) -> None:
        """Whatever it does: who waits for its answer gets an EOFError."""
        self._popen.kill()

    def end(self) -> None:
        """Leave no process and no socket behind."""
        self._popen.kill()
        self._popen.wait()
        self._channel.close()

    def _give_up(self) -> None:
        self._is_late = True
        self.kill()

    def _frame(self) -> Any:
        return unpacked(self._channel.recv_bytes(MAX_FRAME))

    def _verdict(self, name: str) -> DocumentError | ReaderLost:
        """Why there is no answer, for whoever looks after the source."""
        self._channel.close()
        self._popen.kill()
        code = self._popen.wait()
        options = self._options
        why, reason = f"the process that read it has ended ({code})", "ended"
        if code == -signal.SIGXCPU:
            reason = "cpu"
            why = f"takes more than parse.cpu ({options.cpu.total_seconds():g} s) to read"
        elif code == NO_MEMORY:
            reason = "memory"
            why = f"takes more than parse.memory ({options.memory:,} bytes) to read"
        elif self._is_late:
            reason = "time"
            why = f"takes more than parse.time ({options.time.total_seconds():g} s) to read"
        elif code in (-signal.SIGKILL, -signal.SIGTERM):
            metrics.count_kill("outside")
            return ReaderLost("the process that read it was ended from outside: has the machine memory left?")
        metrics.count_kill(reason)
        return DocumentError(f"{name}: {why}", "reader")


def _started(channel: socket.socket, options: Parse) -> "subprocess.Popen[bytes]":
    limits = int(options.cpu.total_seconds()), options.memory
    return subprocess.Popen(  # noqa: S603  # our own module, by our own interpreter
        [sys.executable, "-P", "-m", "aggregator.reader_process", str(channel.fileno()), *map(str, limits)],
        pass_fds=[channel.fileno()],
        stdin=subprocess.DEVNULL,
        # No secret of the daemon's environment is any business of a process that reads what strangers write.
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LANG": "C.UTF-8"},
    )
