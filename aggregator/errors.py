"""Everything that is raised on purpose.

AggregatorError
├── ConfigError     the configuration cannot be used            caught by: cli (exit 78), daemon (keeps the old one)
├── AppendError     sources.yaml cannot be added to as text   caught by: cli (shows what to paste, exit 1)
├── StateError      state directory, database, machine: unusable caught by: cli (exit 1)
│   └── ReaderLost      a reader process was ended from outside     caught by: documents (the document is tried again)
├── SourceError     this visit failed, the next may not         caught by: pipeline.ingest (recorded at the source)
│   ├── FetchError      nothing, or nothing acceptable, came over the network
│   └── DocumentError   the bytes are not what the source promised
└── LeaseLost       another worker has taken the source over    caught by: pipeline.ingest (nothing was written)
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta


class AggregatorError(Exception):
    """The root: `except AggregatorError` catches what a person can act on, and no programming error."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands: `file:line:column`. Line and column from 1."""

    path: str
    line: int = 1
    column: int = 1
    keys: tuple[int | str, ...] = field(default=(), compare=False)  # that lead there, as far as the file has them

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a configuration: `file:line:column: message`."""

    message: str
    place: Place | None = None  # None: it stands in no file

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class ConfigError(AggregatorError):
    """The configuration cannot be used. `problems` are in the order of their places, those without one first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        ordered = sorted(dict.fromkeys(problems), key=lambda one: (one.place or Place("", 0), one.message))
        super().__init__("\n".join(map(str, ordered)))
        self.problems = tuple(ordered)


class AppendError(AggregatorError):
    """A list of sources cannot be made longer by adding text; the message names the place and says why."""


class StateError(AggregatorError):
    """The state directory, the database or the machine cannot be used; the message says what to do."""


class ReaderLost(StateError):
    """A reader process was ended from outside while it read a document, which may not be at fault."""


class SourceError(AggregatorError):
    """A visit failed. `kind` is a short word for statistics and back-off, the message is for the operator."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class FetchError(SourceError):
    """Nothing, or nothing acceptable, came over the network.

    `status` is the HTTP status where there was one, `retry_after` how long the server wants to be left alone.
    """

    def __init__(
        self, kind: str, message: str, status: int | None = None, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(kind, message)
        self.status = status
        self.retry_after = retry_after


class DocumentError(SourceError):
    """The bytes of a document are not what its source promised."""

    def __init__(self, message: str, kind: str = "document") -> None:
        super().__init__(kind, message)


class LeaseLost(AggregatorError):
    """The lease on a source ran out and another worker has it; nothing of this visit was written."""
