"""YAML text → plain data in which every scalar is the text it looks like, and where each value stands.

YAML 1.1 reads `no` as False, `012` as 10 and `1:30` as 90. Here the schema decides what a value is, never its looks:
scalars stay text and pydantic turns them into numbers where a number is wanted.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from aggregator.errors import ConfigError

MAX_BYTES = 5_000_000
MAX_NODES = 500_000  # aliases count each time they are used: 300 bytes can stand for half a million values
MAX_DEPTH = 40

_PRIVATE = {"auth", "headers", "cookies", "proxy", "database"}  # keys whose values no message shows

Location = tuple[int | str, ...]
_STANDARD_TAG = "tag:yaml.org,2002:"
# The last two are what a plain `<<` and `=` are taken for; here they are text like all else.
_TAGS = frozenset(f"{_STANDARD_TAG}{name}" for name in "str int float bool null map seq timestamp merge value".split())

# Escapes can name what XML cannot hold (XML 1.0 §2.2): no feed could be written that shows it.
_UNWRITABLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

# What pydantic finds, by its type, for a person who writes YAML. Types that are not here speak for themselves.
_SAYINGS = {
    "bool_parsing": "write true or false",
    "bool_type": "write true or false",
    "dict_type": "here stand keys with values, one a line, such as 'key: value'",
    "greater_than_equal": "must be at least {ge}",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "model_type": "here stand keys with values, one a line, such as 'key: value'",
    "path_type": "must be a path",
    "string_pattern_mismatch": "does not have the form {pattern}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must not be empty",
    "string_type": "must be one text",
    "too_short": "must have at least {min_length} entry",
    "tuple_type": "must be a list, written like [one, another]",
}

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class YamlFile:
    """A file's data, and the line and column (from 1) of every key and item in it."""

    path: Path
    data: Any
    marks: dict[Location, tuple[int, int]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)  # that do not keep the rest from being read

    def place(self, location: Location) -> str:
        """`file:line:column` of a value, or of the nearest value around it."""
        line, column = self.marks.get(self._known(location), (1, 1))
        return f"{self.path}:{line}:{column}"

    def problem(self, location: Location, message: str) -> str:
        return f"{self.place(location)}: {message}"

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

    def _explain(self, detail: ErrorDetails, adapter: TypeAdapter[Any]) -> str:
        location, kind = detail["loc"], detail["type"]
        last = str(location[-1]) if location else ""
        if kind == "extra_forbidden":
            keys = _keys_at(adapter._type, location[:-1])
            return self.problem(location, f"unknown key '{last}'{suggest(last, keys)}")
        if kind == "missing":
            return self.problem(location[:-1], f"the key '{last}' is missing")
        if kind == "unknown_kind":
            return self.problem(location, f"{detail['msg']}{_meant(detail)}")
        name = ".".join(str(step) for step in self._known(location)) or "the file"
        return self.problem(location, f"{name}: {saying(detail)}")


def load(path: Path) -> YamlFile:
    """Read one YAML file. Raises ConfigError for what is missing, too large, malformed, or said twice."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError([f"{path}:1:1: cannot be read: {error.strerror}"]) from error
    return parse(raw, path)


def parse(raw: bytes, name: str | Path, most_bytes: int = MAX_BYTES) -> YamlFile:
    """The data in the bytes of a file that messages call `name`. Raises ConfigError for what is too large or malformed.

    What is said twice, and tags, are its `problems`.
    """
    path = Path(name)
    if len(raw) > most_bytes:
        raise ConfigError([f"{path}:1:1: larger than {most_bytes:,} bytes"])
    try:
        text = raw.decode("utf-8-sig")
        _refuse_depth(text, path)
        root = yaml.compose(text, Loader=_Loader)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}:{line}:1: not UTF-8 text"]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ConfigError([f"{path}:{line}:{column}: {error.problem or error.context}"]) from error
    except yaml.YAMLError as error:  # characters that YAML forbids
        raise ConfigError([f"{path}:1:1: {' '.join(str(error).split())}"]) from error
    reader = _Reader(path)
    data = reader.read(root, ()) if root is not None else {}
    return YamlFile(path, data, reader.marks, reader.problems)


def details(error: ValidationError) -> list[ErrorDetails]:
    """The problems in an error, without those that only follow from another."""
    return [detail for detail in error.errors() if detail["type"] != "default_factory_not_called"]


def saying(detail: ErrorDetails) -> str:
    """What is wrong with a value, in the words of the program, and the value."""
    kind, value = detail["type"], detail["input"]
    if kind == "tuple_type" and isinstance(value, str):
        return f"write a list: [{value}]"
    message = _SAYINGS[kind].format_map(detail.get("ctx", {})) if kind in _SAYINGS else detail["msg"]
    private = _PRIVATE & {str(step) for step in detail["loc"]}
    got = f" (got {_without_userinfo(value)!r:.60})" if isinstance(value, str) and value and not private else ""
    return message.removeprefix("Value error, ") + got


def _without_userinfo(value: str) -> str:
    """Up to the last @, since what is wrong with an address may be its password."""
    return re.sub(r"(?<=://).*@", "…@", value, flags=re.DOTALL)


def _refuse_depth(text: str, path: Path) -> None:
    """Composing recurses in C, where too much depth ends the process; events do not."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise ConfigError([f"{path}:{line}:1: too many or too deeply nested values"])


class _Reader:
    """Walks a node tree once, collecting data, marks and problems."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.marks: dict[Location, tuple[int, int]] = {}
        self.problems: list[str] = []
        self.budget = MAX_NODES

    def read(self, node: yaml.Node, location: Location) -> Any:
        self.marks.setdefault(location, _position(node))
        self.budget -= 1
        if self.budget < 0 or len(location) > MAX_DEPTH:
            raise ConfigError([self._at(node, "too many or too deeply nested values")])
        self._check_tag(node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*location, number)) for number, item in enumerate(node.value)]
        self._check_characters(node)
        empty = node.tag == f"{_STANDARD_TAG}null" and not node.value
        return None if empty else node.value

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, value in node.value:
            self._check_tag(key)
            if not isinstance(key, yaml.ScalarNode):
                self.problems.append(self._at(key, "a key must be plain text"))
            elif key.value in data:
                self.problems.append(self._at(key, f"the key '{key.value}' stands here twice"))
            else:
                self._check_characters(key)
                self.marks[(*location, key.value)] = _position(key)
                data[key.value] = self.read(value, (*location, key.value))
        return data

    def _check_tag(self, node: yaml.Node) -> None:
        if node.tag not in _TAGS and node.tag != "!":
            tag = node.tag.replace(_STANDARD_TAG, "!!")
            self.problems.append(self._at(node, f"tags such as {tag!r} are not supported"))

    def _check_characters(self, node: yaml.Node) -> None:
        if found := _UNWRITABLE.search(node.value):
            self.problems.append(
                self._at(node, f"has the character U+{ord(found[0]):04X} in it, which no feed can show")
            )

    def _at(self, node: yaml.Node, message: str) -> str:
        line, column = _position(node)
        return f"{self.path}:{line}:{column}: {message}"


def suggest(word: str, known: Iterable[str], prefix: str = "") -> str:
    """` (did you mean 'x'?)`, or the known names when they are few, or nothing. A prefix of all counts for nothing."""
    names = sorted(known)
    rests = [name.removeprefix(prefix) for name in names]
    close = difflib.get_close_matches(word.removeprefix(prefix), rests, n=1, cutoff=0.6)
    if close:
        return f" (did you mean '{prefix}{close[0]}'?)"
    return f" (known: {', '.join(names)})" if 0 < len(names) <= 12 else ""


def _position(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _meant(detail: ErrorDetails) -> str:
    """For a value of unknown kind, the key that one of its keys may have been meant for."""
    known, value = detail.get("ctx", {}).get("keys", "").split(), detail["input"]
    for key in value if isinstance(value, dict) and known else ():
        if close := difflib.get_close_matches(str(key), known, n=1, cutoff=0.6):
            return f" (did you mean '{close[0]}' instead of '{key}'?)"
    return ""


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
