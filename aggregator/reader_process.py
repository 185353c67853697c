"""A process of its own for documents that may take long: a thread cannot be ended, a process can.

Run by `readers` as `python -m aggregator.reader_process FD CPU MEMORY`; answers requests until its socket is closed.
What it takes is bounded by the kernel: CPU for each document, memory for all. What it answers is values in pickles
that can name nothing but our own nouns and times, a frame for each article, so that no frame holds anybody up for long.
"""

import ctypes
import io
import os
import pickle
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from aggregator import models, reading, registry
from aggregator.errors import DocumentError
from aggregator.models import Document
from aggregator.reading import Request

NICENESS = 5  # who serves and fetches goes first
READ, REFUSED, BUG = "read", "refused", "bug"  # how an answer begins
NO_MEMORY = 77  # exit code
PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>
MAX_FRAME = 64_000_000  # bytes of a request or of one article

_BUILTINS = {("builtins", "frozenset"), ("builtins", "set"), ("datetime", "datetime"), ("datetime", "timedelta")}
_ALLOWED = _BUILTINS | {("datetime", "timezone"), ("aggregator.reading", "Request")}
_NOUNS = {
    name for name, value in vars(models).items() if isinstance(value, type) and value.__module__ == models.__name__
}


class _Plain(pickle.Unpickler):
    """Reads values, and calls nothing that is not one of ours."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED or (module == models.__name__ and name in _NOUNS):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no plain value")


def packed(value: object) -> bytes:
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def unpacked(data: bytes) -> Any:
    """The value in a frame. Raises pickle.UnpicklingError, or anything that damaged data can bring about."""
    return _Plain(io.BytesIO(data)).load()


def main(descriptor: int, cpu_seconds: int, memory_bytes: int) -> None:
    """Answer requests until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the daemon, which ends us in time
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.nice(NICENESS)
    _offer_to_die_first()
    _end_with_the_daemon()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    registry.parsers()  # loads them: that is no document's CPU
    channel = Connection(descriptor)
    while True:
        try:
            document: Document = unpacked(channel.recv_bytes(MAX_FRAME))
            request: Request = unpacked(channel.recv_bytes(MAX_FRAME))
        except EOFError:
            return
        resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        reading.prepare(document, request)  # what its kind needs, the first time: no document's CPU either
        spent = resource.getrusage(resource.RUSAGE_SELF)
        most = int(spent.ru_utime + spent.ru_stime) + cpu_seconds + 1
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
        _answer(channel.send_bytes, document, request)


def _end_with_the_daemon() -> None:
    """A daemon that is killed leaves no process that reads for nobody (prctl(2), PR_SET_PDEATHSIG)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _offer_to_die_first() -> None:
    """Where memory runs out, the kernel ends this process and not the daemon."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _answer(send: Callable[[bytes], None], document: Document, request: Request) -> None:
    """A frame for the reading without its articles, then one for each article."""
    try:
        found = reading.read(document, request)
        if request.compared:
            found = replace(found, differs=reading.difference(document, request, found))
    except DocumentError as error:
        return send(packed((REFUSED, error.kind, str(error))))
    except MemoryError:
        os._exit(NO_MEMORY)  # nothing can be relied on
    except Exception:
        return send(packed((BUG, traceback.format_exc(limit=-5))))
    send(packed((READ, replace(found, articles=()), len(found.articles))))
    for article in found.articles:
        send(packed(article))
    return None


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
