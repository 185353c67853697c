"""Arrays as PHP's var_export writes them → values. Read only, never run: anything but literals is refused. Pure.

return array ( 'queries' => array ( 0 => array ( 'name' => 'Gas', 'search' => 'intitle:gas', ), ), );
"""

import re
from dataclasses import dataclass
from typing import Any

from aggregator.errors import DocumentError

MAX_DEPTH = 20
MAX_VALUES = 100_000

_TOKEN = re.compile(
    r"""\s*(?:(?://|\#)[^\n]*\n\s*)*
    (?:(?P<open>array\s*\(|\[)|(?P<close>[)\]])|(?P<arrow>=>)|(?P<comma>,)|(?P<end>;|\Z)
    |'(?P<text>(?:[^'\\]|\\.)*+)'|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>true|false|null))""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_START = re.compile(r"\s*<\?php\s+(?:(?://|#)[^\n]*\n\s*)*+(?:declare\s*\([^)]*\)\s*;\s*)?return\b")
_WORDS = {"true": True, "false": False, "null": None}


@dataclass(slots=True)
class _Reader:
    text: str
    name: str
    position: int
    values: int = 0
    counted: int = 0  # up to where lines were counted
    lines: int = 1

    def next(self) -> re.Match[str]:
        found = _TOKEN.match(self.text, self.position)
        if found is None:
            raise self.refused("something other than a plain value: nothing here is run")
        self.position = found.end()
        return found

    def refused(self, why: str) -> DocumentError:
        return DocumentError(f"{self.name}:{self.line()}:1: {why}")

    def line(self) -> int:
        """Where it is; counted from where that was asked last."""
        self.lines += self.text.count("\n", self.counted, self.position)
        self.counted = self.position
        return self.lines


def read(text: str, name: str) -> dict[Any, Any]:
    """What a file returns; each array within it that has keys `search` also says, as `line`, where it begins.

    Raises DocumentError with the line.
    """
    start = _START.match(text)
    if start is None:
        raise DocumentError(
            f"{name}:1:1: no configuration as FreshRSS writes it: that begins with <?php return array ("
        )
    reader = _Reader(text, name, start.end())
    found = _value(reader, reader.next(), 0)
    if not isinstance(found, dict) or reader.next()["end"] is None:
        raise reader.refused("more than one array")
    return found


def _value(reader: _Reader, token: re.Match[str], depth: int) -> Any:
    reader.values += 1
    if reader.values > MAX_VALUES:
        raise reader.refused(f"more than {MAX_VALUES:,} values")
    if token["open"]:
        return _array(reader, depth + 1)
    if token["text"] is not None:
        return re.sub(r"\\([\\'])", r"\1", token["text"])
    if token["number"]:
        return float(token["number"]) if "." in token["number"] else int(token["number"][:18])
    if token["word"]:
        return _WORDS[token["word"].lower()]
    raise reader.refused("a value is missing")


def _array(reader: _Reader, depth: int) -> dict[Any, Any]:
    if depth > MAX_DEPTH:
        raise reader.refused(f"arrays deeper than {MAX_DEPTH}")
    line = reader.line()
    found: dict[Any, Any] = {}
    while not (token := reader.next())["close"]:
        value = _value(reader, token, depth)
        token = reader.next()
        if token["arrow"]:
            found[value if isinstance(value, str | int) else str(value)] = _value(reader, reader.next(), depth)
            token = reader.next()
        else:
            found[len(found)] = value
        if token["close"]:
            break
        if not token["comma"]:
            raise reader.refused("a comma is missing")
    if "search" in found:
        found["line"] = line
    return found
