"""YAML text → plain data in which every scalar is the text it looks like, and where each value stands.

YAML 1.1 reads `no` as False, `012` as 10 and `1:30` as 90. Here the schema decides what a value is, never its looks:
scalars stay text and pydantic turns them into numbers where a number is wanted.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from aggregator.config.sayings import malformed, meant, saying, suggest
from aggregator.errors import ConfigError, Place, Problem

MAX_BYTES = 5_000_000
MAX_NODES = 500_000  # aliases count each time they are used: 300 bytes can stand for half a million values
MAX_DEPTH = 40

Location = tuple[int | str, ...]
_STANDARD_TAG = "tag:yaml.org,2002:"
# The last two are what a plain `<<` and `=` are taken for; here they are text like all else.
_TAGS = frozenset(f"{_STANDARD_TAG}{name}" for name in "str int float bool null map seq timestamp merge value".split())

# Escapes can name what XML cannot hold (XML 1.0 §2.2): no feed could be written that shows it.
_UNWRITABLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class YamlFile:
    """A file's data, and the line and column (from 1) of every key and item in it."""

    path: Path
    data: Any
    marks: dict[Location, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)  # that do not keep the rest from being read

    def place(self, location: Location) -> Place:
        """Where a value stands, or the nearest value around it."""
        known = self._known(location)
        return Place(str(self.path), *self.marks.get(known, (1, 1)), known)

    def problem(self, location: Location, message: str) -> Problem:
        return Problem(message, self.place(location))

    def without(self, entries: Collection[Location]) -> "YamlFile":
        """The file without some of its keys, or of the entries under them: `("poll",)`, `("topics", "a")`."""
        data = self.data if isinstance(self.data, dict) else {}
        left = {key: _without(value, key, entries) for key, value in data.items() if (key,) not in entries}
        moved = ((_moved(location, entries), mark) for location, mark in self.marks.items())
        return YamlFile(self.path, left, {location: mark for location, mark in moved if location is not None})

    def validate(self, adapter: TypeAdapter[Any], context: Mapping[str, Any] | None = None) -> Any:
        """The data as the adapter's type. Raises ConfigError with every problem and its place."""
        problems = list(self.problems)
        try:
            parsed = adapter.validate_python(self.data, context=dict(context or {}))
        except ValidationError as error:
            problems += [self._explain(detail, adapter) for detail in details(error)]
        if problems:
            raise ConfigError(problems)
        return parsed

    def _known(self, location: Location) -> Location:
        """The part of a location that exists in the file: pydantic adds the names of union members to it."""
        known: Location = ()
        for step in location:
            if (*known, step) in self.marks:
                known = (*known, step)
        return known

    def _explain(self, detail: ErrorDetails, adapter: TypeAdapter[Any]) -> Problem:
        location, kind = detail["loc"], detail["type"]
        last = str(location[-1]) if location else ""
        if kind == "extra_forbidden":
            keys = _keys_at(adapter._type, location[:-1])
            return self.problem(location, f"unknown key '{last}'{suggest(last, keys)}")
        if kind == "missing":
            return self.problem(location[:-1], f"the key '{last}' is missing")
        if kind == "unknown_kind":
            return self.problem(location, f"{detail['msg']}{meant(detail)}")
        name = ".".join(str(step) for step in self._known(location)) or "the file"
        return self.problem(location, f"{name}: {saying(detail)}")


def load(path: Path) -> YamlFile:
    """Read one YAML file. Raises ConfigError for what is missing, too large, malformed, or said twice."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise _refusal(path, 1, 1, f"cannot be read: {error.strerror}") from error
    return parse(raw, path)


def parse(raw: bytes, name: str | Path, most_bytes: int = MAX_BYTES) -> YamlFile:
    """The data in the bytes of a file that messages call `name`. Raises ConfigError for what is too large or malformed.

    What is said twice, and tags, are its `problems`.
    """
    path = Path(name)
    if len(raw) > most_bytes:
        raise _refusal(path, 1, 1, f"larger than {most_bytes:,} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refusal(path, raw.count(b"\n", 0, error.start) + 1, 1, "not UTF-8 text") from error
    try:
        _refuse_depth(text, path)
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _refusal(path, *malformed(error, text)) from error
    reader = _Reader(path)
    data = reader.read(root, ()) if root is not None else {}
    return YamlFile(path, data, reader.marks, reader.problems)


def _refusal(path: Path, line: int, column: int, message: str) -> ConfigError:
    return ConfigError([Problem(message, Place(str(path), line, column))])


def _without(value: Any, key: str, entries: Collection[Location]) -> Any:
    if isinstance(value, dict):
        return {inner: one for inner, one in value.items() if (key, inner) not in entries}
    if isinstance(value, list):
        return [one for number, one in enumerate(value) if (key, number) not in entries]
    return value


def _moved(location: Location, entries: Collection[Location]) -> Location | None:
    """Where a value stands once some entries are gone; None where it is gone with them."""
    if location[:1] in entries or location[:2] in entries:
        return None
    if len(location) < 2 or not isinstance(location[1], int):
        return location
    before = sum((location[0], number) in entries for number in range(location[1]))
    return (location[0], location[1] - before, *location[2:])


def details(error: ValidationError) -> list[ErrorDetails]:
    """The problems in an error, without those that only follow from another: an entry that is wrong is not counted, so
    that there seem to be too few."""
    found = [detail for detail in error.errors() if detail["type"] != "default_factory_not_called"]
    inside = {detail["loc"][:length] for detail in found for length in range(len(detail["loc"]))}
    return [detail for detail in found if detail["type"] != "too_short" or detail["loc"] not in inside]


def _refuse_depth(text: str, path: Path) -> None:
    """Composing recurses in C, where too much depth ends the process; events do not."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise _refusal(path, line, 1, "too many or too deeply nested values")


class _Reader:
    """Walks a node tree once, collecting data, marks and problems."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.marks: dict[Location, tuple[int, int]] = {}
        self.problems: list[Problem] = []
        self.budget = MAX_NODES

    def read(self, node: yaml.Node, location: Location) -> Any:
        self.marks.setdefault(location, _position(node))
        self.budget -= 1
        if self.budget < 0 or len(location) > MAX_DEPTH:
            raise ConfigError([self._at(node, "too many or too deeply nested values", location)])
        self._check_tag(node, location)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*location, number)) for number, item in enumerate(node.value)]
        self._check_characters(node, location)
        empty = node.tag == f"{_STANDARD_TAG}null" and not node.value
        return None if empty else node.value

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, value in node.value:
            self._check_tag(key, location)
            if not isinstance(key, yaml.ScalarNode):
                self.problems.append(self._at(key, "a key must be plain text", location))
            elif key.value in data:
                message = f"the key '{key.value}' stands here twice"
                self.problems.append(self._at(key, message, (*location, key.value)))
            else:
                self._check_characters(key, (*location, key.value))
                self.marks[(*location, key.value)] = _position(key)
                data[key.value] = self.read(value, (*location, key.value))
        return data

    def _check_tag(self, node: yaml.Node, location: Location) -> None:
        if node.tag not in _TAGS and node.tag != "!":
            tag = node.tag.replace(_STANDARD_TAG, "!!")
            self.problems.append(self._at(node, f"tags such as {tag!r} are not supported", location))

    def _check_characters(self, node: yaml.Node, location: Location) -> None:
        if found := _UNWRITABLE.search(node.value):
            message = f"has the character U+{ord(found[0]):04X} in it, which no feed can show"
            self.problems.append(self._at(node, message, location))

    def _at(self, node: yaml.Node, message: str, location: Location) -> Problem:
        return Problem(message, Place(str(self.path), *_position(node), location))


def _position(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _keys_at(annotation: Any, location: Sequence[int | str]) -> set[str]:
    """The keys that a schema knows at a place, following every branch that the place can lie on."""
    return {key for model in _models_at(annotation, location) for key in _field_names(model)}


def _models_at(annotation: Any, location: Sequence[int | str]) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not location:
            yield annotation
            return
        fields = {(info.alias or name): info.annotation for name, info in annotation.model_fields.items()}
        if location[0] in fields:
            yield from _models_at(fields[str(location[0])], location[1:])
        elif location[0] == annotation.__name__:  # the name of a union member
            yield from _models_at(annotation, location[1:])
        return
    items = get_origin(annotation) in (list, tuple, dict)
    for argument in get_args(annotation):
        yield from _models_at(argument, location[1:] if items and location else location)


def _field_names(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]
