"""Have the files of the configuration changed, and come to rest?

They are looked at by their names, some dozens at most, and not watched through the kernel: a symlink in the path that
is made to lead elsewhere, a folder that is replaced whole, a file on a network mount and one that an editor puts in
the place of another all look the same here.
"""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from aggregator import config
from aggregator.config import Config

QUIET = 0.9  # seconds without a change until what has changed is read: a save, or a checkout, is many changes …
MISSING = 5.0  # … and where a file is gone, that may be about to come back

Stamp = tuple[int, ...]


class ConfigFiles:
    """What was there when the configuration was read last. From any thread; may hang where a mount does."""

    def __init__(self, directory: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._clock = clock
        self._config: Config | None = None
        self._examples: frozenset[Path] = frozenset()
        self._lock = threading.Lock()
        self.note()

    def note(self) -> None:
        """What is there now is about to be read."""
        with self._lock:
            self._read = self._stamps()
            self._seen = self._read
            self._seen_at = self._clock()

    @property
    def are_others(self) -> bool:
        """Whether they have changed since they were read."""
        with self._lock:
            return self._stamps() != self._read

    def changed(self, found: Config) -> list[Path]:
        """The files that have changed since they were read, once they have come to rest; each change is told once.

        `found` is in use: the files that its topics have for examples count as well.
        """
        with self._lock:
            self._use(found)
            now = self._stamps()
            if now != self._seen:
                self._seen, self._seen_at = now, self._clock()
            if now == self._read or self._clock() - self._seen_at < (MISSING if self._read.keys() - now else QUIET):
                return []
            changed = {path for path, _ in self._read.items() ^ now.items()}
            self._read = now
            return sorted(changed)

    def _use(self, found: Config) -> None:
        if found is self._config:
            return
        before = self._examples
        self._config, self._examples = found, found.example_files
        added = _stamps(self._examples - before)
        self._read = {path: stamp for path, stamp in self._read.items() if path not in before - self._examples} | added

    def _stamps(self) -> dict[Path, Stamp]:
        return _stamps([*config.files(self._directory), *self._examples])


def _stamps(paths: Iterable[Path]) -> dict[Path, Stamp]:
    """What tells that a file is another than before; nothing where there is none."""
    found: dict[Path, Stamp] = {}
    for path in paths:
        with suppress(OSError):
            facts = path.stat()
            found[path] = facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_mode
    return found
