"""The helper processes: a few at a time, begun when there is something to read, ended when one takes too much or idles.

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

from aggregator.config.settings import Parse
from aggregator.errors import DocumentError, StateError
from aggregator.helper import BUG, MAX_FRAME, NO_MEMORY, REFUSED, packed, unpacked
from aggregator.models import Article, Document, Reading
from aggregator.reading import Request

IDLE_SECONDS = 60.0  # without work: then a helper is ended
START_SECONDS = 30.0  # more than a helper ever needs to start: its first document has so much more time

log = logging.getLogger(__name__)


class Helpers:
    """Reads documents in other processes. Use from any thread; close when done."""

    def __init__(self, options: Parse) -> None:
        self._options = options
        self._lock = Lock()  # for the three below: no helper is born or put back unseen
        self._idle: list[_Helper] = []
        self._all: set[_Helper] = set()
        self._closed = False
        self.threads = ThreadPoolExecutor(options.helpers, "helper")  # where to call `read`: each call waits

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, document: Document, request: Request) -> Reading:
        """As `reading.read`. Raises DocumentError also for a document that takes too much time or memory.

        Raises StateError where the machine has no room for another process.
        """
        with self._helper() as helper:
            return helper.read(document, request)

    def tidy(self) -> None:
        """End helpers that have had nothing to do for a while."""
        long_ago = time.monotonic() - IDLE_SECONDS
        with self._lock:
            tired = [helper for helper in self._idle if helper.used_at < long_ago]
            self._idle = [helper for helper in self._idle if helper.used_at >= long_ago]
            self._all.difference_update(tired)
        for helper in tired:
            helper.end()

    def close(self) -> None:
        """End all helpers, also those at work: whoever waits for one is told so by a DocumentError."""
        with self._lock:
            self._closed = True
            for helper in self._all:
                helper.kill()
        self.threads.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            idle, self._idle = self._idle, []
        for helper in idle:
            self._end(helper)

    @contextmanager
    def _helper(self) -> Iterator["_Helper"]:
        """A helper for one document; ended if anything goes wrong."""
        helper = self._free()
        try:
            yield helper
        except _Refused:
            self._put_back(helper)
            raise
        except BaseException:
            self._end(helper)
            raise
        self._put_back(helper)

    def _free(self) -> "_Helper":
        """The helper that was used last, or a new one. What has died meanwhile is no fault of the next document."""
        with self._lock:
            if self._closed:
                raise DocumentError("not read: the daemon is stopping", "helper")
            while self._idle:
                helper = self._idle.pop()
                if helper.is_alive():
                    return helper
                log.warning("a helper process has ended while it had nothing to do")
                self._all.discard(helper)
                helper.end()
            helper = _Helper(self._options)
            self._all.add(helper)
            return helper

    def _put_back(self, helper: "_Helper") -> None:
        with self._lock:
            self._idle.append(helper)

    def _end(self, helper: "_Helper") -> None:
        with self._lock:
            self._all.discard(helper)
        helper.end()


class _Refused(DocumentError):
    """A document that is no good; the helper that says so is."""


class _Helper:
    """One process, and the way to it."""

    def __init__(self, options: Parse) -> None:
        """Raises StateError."""
        self._options = options
        self.used_at = time.monotonic()
        self._starts = True  # it has read nothing yet
        self._is_late = False
        try:
            ours, theirs = socket.socketpair()
            with ours, theirs:
                self._process = _started(theirs, options)
                self._channel = Connection(ours.detach())
        except OSError as error:
            raise StateError(f"no process can be started to read documents: {error.strerror or error}") from error

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def read(self, document: Document, request: Request) -> Reading:
        seconds = self._options.time.total_seconds() + (START_SECONDS if self._starts else 0)
        timer = Timer(seconds, self._give_up)
        timer.daemon = True
        timer.start()
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
            raise DocumentError(f"{document.name}: {self._verdict()}", "helper") from error
        finally:
            timer.cancel()
            self._starts = False
        self.used_at = time.monotonic()
        read: Reading = replace(found, articles=tuple(articles))
        return read

    def kill(self) -> None:
        """Whatever it does: who waits for its answer gets an EOFError."""
        self._process.kill()

    def end(self) -> None:
        """Leave no process and no socket behind."""
        self._process.kill()
        self._process.wait()
        self._channel.close()

    def _give_up(self) -> None:
        self._is_late = True
        self.kill()

    def _frame(self) -> Any:
        return unpacked(self._channel.recv_bytes(MAX_FRAME))

    def _verdict(self) -> str:
        """Why there is no answer, for whoever looks after the source."""
        self._channel.close()
        self._process.kill()
        code = self._process.wait()
        options = self._options
        if code == -signal.SIGXCPU:
            return f"takes more than parse.cpu ({options.cpu.total_seconds():g} s) to read"
        if code == NO_MEMORY:
            return f"takes more than parse.memory ({options.memory:,} bytes) to read"
        if self._is_late:
            return f"takes more than parse.time ({options.time.total_seconds():g} s) to read"
        if code == -signal.SIGKILL:
            return "the process that read it was ended, by a stop of the daemon or for want of memory"
        return f"the process that read it has ended ({code})"


def _started(channel: socket.socket, options: Parse) -> "subprocess.Popen[bytes]":
    limits = int(options.cpu.total_seconds()), options.memory
    return subprocess.Popen(  # noqa: S603  # our own module, by our own interpreter
        [sys.executable, "-P", "-m", "aggregator.helper", str(channel.fileno()), *map(str, limits)],
        pass_fds=[channel.fileno()],
        stdin=subprocess.DEVNULL,
        # No secret of the daemon's environment is any business of a process that reads what strangers write.
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LANG": "C.UTF-8"},
    )
