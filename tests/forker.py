"""A warmed process that forks passes over a configuration, and kills them: what `aggregator once` does, without its start.

    python tests/forker.py CONFIG [MUTANT]

For each line `SECONDS` on its input one pass is begun, and killed (SIGKILL) after so long if it has not ended; the answer
is a line: `killed`, or the exit code. A mutant is a mistake that the tests must notice; the program itself has none.
"""

import asyncio
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aggregator import config, registry, runtime
from aggregator.ending import Endings


def moves_first(store: Callable[..., Any]) -> Callable[..., Any]:
    """Files go to done/ before their articles are stored."""

    def mistaken(self: Endings, ending: Any, outcome: Any, rejected: Any) -> Any:
        ending.source.settle(ending.found.documents, rejected)
        return store(self, ending, outcome, rejected)

    return mistaken


def main(directory: str, mutant: str = "") -> None:
    found = config.load(Path(directory), {})
    registry.load()
    if mutant == "moves first":
        Endings._store = moves_first(Endings._store)  # type: ignore[method-assign]
    for line in sys.stdin:
        begun = os.fork()
        if begun == 0:
            one_pass(found)
        handle = os.pidfd_open(begun)
        ended, _, _ = select.select([handle], [], [], float(line))
        if not ended:
            os.kill(begun, signal.SIGKILL)
        os.close(handle)
        _, status = os.waitpid(begun, 0)
        print("killed" if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), flush=True)


def one_pass(found: config.Config) -> None:
    code = 1
    try:
        with runtime.locked(found.state), runtime.opened(found) as database:
            asyncio.run(runtime.once(found, database, lambda visit: None))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
