"""What is wrong with a YAML file, in plain words, with what to do. Pure."""

import difflib
import re
from collections.abc import Iterable
from typing import Any

import yaml
from pydantic_core import ErrorDetails

_PRIVATE = {"auth", "headers", "cookies", "proxy", "database"}  # keys whose values no message shows

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
# What the YAML parser says of what stands in a place that it names, where the words do not depend on what that is.
_MALFORMED = {
    "found undefined alias": "a value that begins with * stands in quotes",
    "second occurrence": "a value that begins with & stands in quotes",
    "found undefined tag handle": "a value that begins with ! stands in quotes",
    "did not find the expected '>'": "a value that begins with ! stands in quotes",
    "but found another document": "'---' begins another document: put what follows into the first one, or away",
    "did not find expected comment or line break": "behind | or > the text begins in the next line; a text that begins"
    " with such a sign stands in quotes",
    "found unknown escape character": "in double quotes \\ begins a special character: use single quotes, in which it"
    " stands for itself",
    "block sequence entries are not allowed in this context": "an item of a list, '- …', stands in a line of its own"
    " under its key",
}
_ABOUT_QUOTES = "something stands behind the end of the value: put all of it into quotes, where ' is written twice"
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def malformed(error: yaml.YAMLError, text: str) -> tuple[int, int, str]:
    """What keeps a text from being YAML: line, column (from 1), and what to do."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return _forbidden(error, text)
    mark = error.problem_mark or error.context_mark
    begun = error.context_mark or mark
    if mark is None or begun is None:
        return 1, 1, str(error.problem or error.context)
    is_begun = error.problem in ("found unexpected end of stream", "could not find expected ':'")
    at = begun if is_begun else mark
    lines = text.splitlines()
    line = lines[at.line] if at.line < len(lines) else ""
    return at.line + 1, at.column + 1, _in_words(str(error.problem), line, at.column, begun.line + 1)


def _in_words(problem: str, line: str, column: int, begun: int) -> str:
    """`begun`: the line in which it begins that cannot be read."""
    before, found = line[:column], line[column : column + 1]
    if found == "\t" or "tab character" in problem:
        return "a tab stands here: YAML is indented with spaces, so put spaces in its place"
    if problem == "found unexpected end of stream":
        return f"the text in quotes that begins here has no end: close it with {found or 'a quote'}"
    if problem == "could not find expected ':'":
        return "here is neither a key nor an item of a list: write 'key: value', with a space behind the colon"
    if problem == "mapping values are not allowed in this context":
        if ": " in before:
            return "a second ': ' in one line: put the text that has it into quotes"
        return "a key cannot stand here: indent it as far as the other keys; each needs a space behind its colon"
    if problem == "did not find expected key":
        return _ABOUT_QUOTES if before.strip() else f"{_INDENTED} of the block that begins in line {begun}"
    if problem == "did not find expected '-' indicator":
        return f"{_INDENTED} of the list that begins in line {begun}, or begin it with '- '"
    if problem.startswith("did not find expected ',' or"):
        return f"a comma is missing, or the {'[' if ']' in problem else '{'} of line {begun} is not closed"
    if problem in ("found character that cannot start any token", "did not find expected node content"):
        if found in ("", ",", "]", "}"):
            return f"a value is missing before this {found}" if found else "a value is missing here"
        return f"no value begins with {found}: put it into quotes"
    return _MALFORMED.get(problem, problem)


_INDENTED = "this line is not indented like the others around it: indent it exactly as far as the lines"


def _forbidden(error: yaml.YAMLError, text: str) -> tuple[int, int, str]:
    found = _FORBIDDEN.search(text)
    if not found:
        return 1, 1, " ".join(str(error).split())
    before = text[: found.start()]
    column = found.start() - before.rfind("\n")
    return before.count("\n") + 1, column, f"the character U+{ord(found[0]):04X} is not allowed in YAML: take it out"


def saying(detail: ErrorDetails) -> str:
    """What is wrong with a value, in the words of the program, and the value."""
    kind, value = detail["type"], detail["input"]
    if kind == "tuple_type" and isinstance(value, str):
        return f"write a list: [{value}]"
    message = _SAYINGS[kind].format_map(detail.get("ctx", {})) if kind in _SAYINGS else detail["msg"]
    private = _PRIVATE & {str(step) for step in detail["loc"]}
    got = f" (got {_without_userinfo(value)!r:.60})" if isinstance(value, str) and value and not private else ""
    return message.removeprefix("Value error, ") + got


def suggest(word: str, known: Iterable[str], prefix: str = "") -> str:
    """` (did you mean 'x'?)`, or the known names when they are few, or nothing. A prefix of all counts for nothing."""
    names = sorted(known)
    rests = [name.removeprefix(prefix) for name in names]
    close = difflib.get_close_matches(word.removeprefix(prefix), rests, n=1, cutoff=0.6)
    if close:
        return f" (did you mean '{prefix}{close[0]}'?)"
    return f" (known: {', '.join(names)})" if 0 < len(names) <= 12 else ""


def meant(detail: ErrorDetails) -> str:
    """For a value of unknown kind, the key that one of its keys may have been meant for."""
    known, value = detail.get("ctx", {}).get("keys", "").split(), detail["input"]
    for key in value if isinstance(value, dict) and known else ():
        if close := difflib.get_close_matches(str(key), known, n=1, cutoff=0.6):
            return f" (did you mean '{close[0]}' instead of '{key}'?)"
    return ""


def _without_userinfo(value: Any) -> str:
    """Up to the last @, since what is wrong with an address may be its password."""
    return re.sub(r"(?<=://).*@", "…@", value, flags=re.DOTALL)
