"""What comes out of another reader: feeds, topics made from its filters, and what could not be taken along."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from aggregator.errors import DocumentError
from aggregator.opml import MAX_BYTES, Outline
from aggregator.terminal import on_one_line

MAX_FILTERS = 2_000  # in all files together
MAX_SHOWN = 160  # characters of what is listed

_T = TypeVar("_T")
Rule = dict[str, Any]  # in the topic language, as topics.yaml has it


@dataclass(frozen=True, slots=True)
class File:
    """A file of an export, as it is."""

    name: str
    body: bytes

    @property
    def text(self) -> str:
        """Its text. Raises DocumentError."""
        if len(self.body) > MAX_BYTES:
            raise DocumentError(f"{self.name}: larger than {MAX_BYTES:,} bytes")
        try:
            return self.body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = self.body.count(b"\n", 0, error.start) + 1
            raise DocumentError(f"{self.name}:{line}:1: not UTF-8 text") from error


@dataclass(frozen=True, slots=True)
class Wanted:
    """A topic made from filters, as topics.yaml has it."""

    title: str
    place: str  # file:line
    rule: Rule  # keys of a topic: all, any, none, max_age


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was not taken along, and why."""

    place: str  # file:line
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Moved:
    """All that was found in the files of one reader."""

    feeds: tuple[Outline, ...] = ()
    topics: tuple[Wanted, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def left_out(place: str, what: str, why: str) -> LeftOut:
    """As it is shown: on one line, cut."""
    return LeftOut(place, on_one_line(what, MAX_SHOWN), why)


@dataclass(slots=True)
class Room:
    """For how many filters there is room, in all files together: rules, searches, query feeds."""

    left: int = MAX_FILTERS

    def limited(self, filters: Iterable[_T], name: str) -> Iterator[_T]:
        """The same, unless they are too many. Raises DocumentError."""
        for one in filters:
            if not self.left:
                raise DocumentError(f"{name}: more than {MAX_FILTERS:,} filters")
            self.left -= 1
            yield one
