"""Regular expressions of people, on RE2: no expression takes long, and words are those of Unicode. Pure.

RE2 takes linear time and has no look-around and no back-references. Its `\\b`, `\\w` and `\\s` know ASCII only, so they
are written anew: `\\w` becomes letters, marks and digits of any script, and `\\b`, which may stand at the beginning and
at the end of an expression or of its outermost alternatives, becomes what is no such character, or the text's end.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import re2

MAX_LENGTH = 1_000  # characters
MAX_COUNTED = (
    1_000  # states that {…} adds to RE2's program: a text of the worst kind takes two seconds, others milliseconds
)
_MEMORY = 2 << 20  # bytes of one expression's program and cache
_TOGETHER = 500  # expressions that are looked for at once
_MEMORY_TOGETHER = 64 << 20  # bytes, likewise

_FLAGS = re.compile(r"\(\?[imsU-]+\)")
_NAMED = re.compile(r"\\(?:[pP]\{[^}]*\}|[pP].|x\{[^}]*\}|.)", re.DOTALL)
# What is escaped, and [...], are kept: braces in them count nothing.
_COUNT = re.compile(
    rf"(?P<kept>{_NAMED.pattern}|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*+\])|\{{\d+(?:,\d*)?\}}", re.DOTALL
)
_POSIX = re.compile(r"\[:\^?\w+:\]")
_WORD = r"\p{L}\p{M}\p{N}_"
_ASCII_WORD = "0-9A-Za-z_"
_BEYOND = r"\x{80}-\x{10FFFF}"
_PROPERTIES = (r"\p", r"\P")
_EDGES = "it may stand at the beginning and at the end of a regex or of its outermost alternatives"
_ADVICE = (
    (re.compile(r"\(\?<?[=!]"), "RE2 has no look-around; say it with `all` and `none`"),
    (re.compile(r"\\[1-9]"), "RE2 has no back-references"),
    (re.compile(r"[*+?}]\+"), "RE2 needs no possessive quantifiers: leave out the second sign"),
)


@dataclass(frozen=True)
class Expression:
    """A regular expression that has been checked. `loose` matches wherever `exact` does, and is cheaper."""

    exact: str
    loose: str

    def search(self, text: str) -> tuple[int, int] | None:
        """Where it first matches, in characters, without the edges of words that were looked at beside it."""
        data = text.encode("utf-8", "replace")
        found = _compiled(self.exact).search(data)
        if found is None:
            return None
        start = len(data[: found.start()].decode("utf-8", "replace"))
        return start, start + len(data[found.start() : found.end()].decode("utf-8", "replace"))


def expression(pattern: str, *, ignore_case: bool = False) -> Expression:
    """A pattern as a person writes it, checked. Raises ValueError that says what to do."""
    if len(pattern) > MAX_LENGTH:
        raise ValueError(f"a regex has at most {MAX_LENGTH:,} characters")
    flags = "(?i)" if ignore_case else ""
    exact, loose = (flags + "".join(_translated(pattern, is_loose=is_loose)) for is_loose in (False, True))
    try:
        counted = (
            _compiled(loose).programsize - _compiled(_COUNT.sub(lambda found: found["kept"] or "", loose)).programsize
        )
        _compiled(exact)
    except re2.error as error:
        raise ValueError(_said(error, pattern)) from None
    if counted > MAX_COUNTED:
        raise ValueError(_TOO_LARGE)
    return Expression(exact, loose)


_TOO_LARGE = "this regex counts too far: write less in {…}, or use `near` for words at a distance"


class Expressions:
    """Many expressions, looked for in one pass: which of them may match a text."""

    def __init__(self, expressions: Iterable[Expression]) -> None:
        loose = list(dict.fromkeys(one.loose for one in expressions))
        self._parts = [loose[first : first + _TOGETHER] for first in range(0, len(loose), _TOGETHER)]
        self._sets = [_set(part) for part in self._parts]

    def matches(self, text: str) -> Iterator[str]:
        """`loose` of each expression that may match; of all, where RE2 runs out of memory."""
        data = text.encode("utf-8", "replace")
        for part, together in zip(self._parts, self._sets, strict=True):
            found = together.Match(data) if together else None
            if found is None:  # else there is at least the empty expression, which matches everything
                yield from part
            else:
                yield from (part[number - 1] for number in found if number)


def _set(part: list[str]) -> re2.Set | None:
    try:
        together = re2.Set.SearchSet(_options(_MEMORY_TOGETHER))
        for pattern in ("", *part):
            together.Add(pattern)
        together.Compile()
    except re2.error:
        return None
    return together


def _options(memory: int) -> re2.Options:
    options = re2.Options()
    options.max_mem = memory
    options.log_errors = False
    return options


@lru_cache(maxsize=10_000)
def _compiled(pattern: str) -> "re2._Regexp":
    return re2.compile(pattern.encode(), _options(_MEMORY))


def _said(error: re2.error, pattern: str) -> str:
    for sign, advice in _ADVICE:
        if sign.search(pattern):
            return advice
    message = error.args[0]
    message = message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
    return _TOO_LARGE if "too large" in message else f"RE2 cannot read this regex: {message}"


def _translated(pattern: str, *, is_loose: bool) -> Iterator[str]:
    """The pieces of a pattern in RE2's words."""
    position, depth, opened, begins = 0, 0, "", True
    while position < len(pattern):
        sign = pattern[position]
        found = _NAMED.match(pattern, position) if sign == "\\" else None
        piece = found[0] if found else sign
        if flags := _FLAGS.match(pattern, position) if begins else None:
            yield flags[0]
            position = flags.end()
            continue
        if opened:
            if posix := _POSIX.match(pattern, position):
                piece = posix[0]
            elif sign == "]":
                opened = ""
            yield _in_class(piece, is_negated=opened == "[^", is_loose=is_loose)
        elif sign == "[":
            piece = opened = "[^" if pattern.startswith("[^", position) else "["
            if pattern.startswith("]", position + len(piece)):
                piece += "]"
            yield piece
        elif piece in (r"\b", r"\B", r"\Q"):
            behind = pattern[position + 2 :]
            yield _edge(piece, begins and not depth, not depth and (not behind or behind[0] == "|"), is_loose)
        else:
            depth += (sign == "(") - (sign == ")")
            yield _outside(piece, is_loose)
        begins = (begins and piece == r"\b") or (sign == "|" and not depth and not opened)
        position += len(piece)


def _edge(piece: str, begins: bool, ends: bool, is_loose: bool) -> str:
    if piece != r"\b":
        advice = r"write the word as it is" if piece == r"\B" else r"write \ before each sign that means something"
        raise ValueError(f"{piece} is not offered: {advice}")
    if not (begins or ends):
        raise ValueError(rf"\b knows ASCII only in RE2 and is offered at edges only: {_EDGES}; within, write a space")
    if is_loose:
        return ""
    return rf"(?:\A|[^{_WORD}])" if begins else rf"(?:\z|[^{_WORD}])"


def _outside(piece: str, is_loose: bool) -> str:
    match piece:
        case r"\w":
            return f"[{_ASCII_WORD}{_BEYOND}]" if is_loose else f"[{_WORD}]"
        case r"\W":
            return f"[^{_ASCII_WORD}]" if is_loose else f"[^{_WORD}]"
        case r"\s":
            return rf"[\s{_BEYOND}]" if is_loose else r"[\s\p{Z}]"
        case r"\S":
            return r"[^\s]" if is_loose else r"[^\s\p{Z}]"
    return "(?s:.)" if is_loose and piece[:2] in _PROPERTIES else piece


def _in_class(piece: str, *, is_negated: bool, is_loose: bool) -> str:
    """Loose means: more inside [...], less inside [^...]."""
    match piece:
        case r"\w" if is_loose:
            return _ASCII_WORD if is_negated else _ASCII_WORD + _BEYOND
        case r"\w":
            return _WORD
        case r"\s" if is_loose:
            return r"\s" if is_negated else rf"\s{_BEYOND}"
        case r"\s":
            return r"\s\p{Z}"
        case r"\W" | r"\S" | r"\b" | r"\B":
            raise ValueError(rf"{piece} within [...] is not offered: write [^...] with {piece.lower()} instead")
    if is_loose and piece[:2] in _PROPERTIES:
        return r"\x{10FFFF}" if is_negated else r"\x00-\x{10FFFF}"
    return piece
