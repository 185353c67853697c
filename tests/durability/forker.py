"""A warmed process that forks passes over a configuration, which die: what `aggregator once` does, without its start.

    python -m tests.durability.forker CONFIG [MUTANT]

For each line of its input one pass is begun, and answered by a line when it has ended: `killed`, or the exit code.

    here               it is made by this very process, which is warm from then on
    after SECONDS      it is killed after so long, if it has not ended
    statement NUMBER   it kills itself before its statement of that number (a COMMIT is one, too)
    stopped            it stops itself at once, after a line with its process id: somebody will trace it, and send SIGCONT

A mutant is a mistake that the judge must notice; the program itself has none of them.
"""

import asyncio
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Pool, event, update

from aggregator import config, publish, registry, runtime
from aggregator.ending import Endings
from aggregator.store.schema import sources


def moves_first() -> None:
    """Files go to done/ before their articles are stored."""
    store: Callable[..., Any] = Endings._store

    def mistaken(self: Endings, ending: Any, outcome: Any, rejected: Any) -> Any:
        if hasattr(ending.found, "documents"):
            ending.source.settle(ending.found.documents, rejected)
        return store(self, ending, outcome, rejected)

    Endings._store = mistaken  # type: ignore[method-assign]


def no_transaction() -> None:
    """Each statement is stored by itself."""

    def mistaken(connection: Connection, *_: Any) -> None:
        driver = connection.connection.driver_connection
        assert driver
        driver.execute("COMMIT")
        driver.execute("BEGIN IMMEDIATE")

    event.listen(Engine, "after_cursor_execute", mistaken)


def writes_in_place() -> None:
    """Published files are written over, piece by piece, each of which gets to the disk."""

    def mistaken(path: Path, data: bytes, changed_at: float, mode: int) -> None:
        with path.open("wb", buffering=0) as file:
            for start in range(0, len(data), 4096):
                file.write(data[start : start + 4096])
                os.fsync(file)

    publish._write = mistaken


def forgets_ids() -> None:
    """The id of an item is not stored before it is published."""
    from aggregator.store import contents

    contents.pin = lambda database, item_ids: {story: f"{one}#{os.getpid()}" for story, one in item_ids.items()}


def no_sync() -> None:
    """Nobody waits for the disk: only a power cut tells."""

    def mistaken(connection: Any, *_: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    event.listen(Pool, "checkout", mistaken)


MUTANTS: dict[str, Callable[[], None]] = {
    "moves first": moves_first,
    "no transaction": no_transaction,
    "writes in place": writes_in_place,
    "forgets ids": forgets_ids,
    "no sync": no_sync,
}


def main(directory: str, mutant: str = "") -> None:
    found = config.load(Path(directory), {})
    registry.load()
    if mutant:
        MUTANTS[mutant]()
    for line in sys.stdin:
        kind, _, number = line.strip().partition(" ")
        if kind == "here":
            print(_pass(found), flush=True)
            continue
        begun = os.fork()
        if begun == 0:
            if kind == "statement":
                die_at(int(number))
            if kind == "stopped":
                os.kill(os.getpid(), signal.SIGSTOP)
            os._exit(_pass(found))
        if kind == "stopped":
            os.waitid(os.P_PID, begun, os.WSTOPPED)
            print(begun, flush=True)
        _await(begun, float(number) if kind == "after" else None)


def _await(begun: int, seconds: float | None) -> None:
    handle = os.pidfd_open(begun)
    ended, _, _ = select.select([handle], [], [], seconds)
    if not ended:
        os.kill(begun, signal.SIGKILL)
    os.close(handle)
    _, status = os.waitpid(begun, 0)
    print("killed" if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), flush=True)


def die_at(number: int) -> None:
    """Count what goes to the database from now on, and be gone before the one of that number."""
    counted = count(1)

    def step(*_: Any) -> None:
        if next(counted) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", step)
    event.listen(Engine, "commit", step)


def _pass(found: config.Config) -> int:
    """The exit code."""
    try:
        with runtime.locked(found.state), runtime.opened(found) as database:
            with database.writing() as connection:  # as if the leases of the one who died had ended
                connection.execute(update(sources).values(leased_until=None))
            asyncio.run(runtime.once(found, database, lambda visit: None))
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main(*sys.argv[1:])
