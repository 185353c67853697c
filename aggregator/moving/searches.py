"""FreshRSS's language of searches → rules: `intitle:"no limits" (author:smith OR #gas) !inurl:/sport/`. Pure.

What it means: docs/en/users/10_filter.md, app/Models/Search.php and app/Models/BooleanSearch.php of FreshRSS.
Words side by side must all hold, OR binds less. A plain word may stand within a longer one.
"""

import re
from dataclasses import dataclass
from datetime import timedelta

from aggregator.moving.filters import (
    MAX_DEPTH,
    MAX_TERMS,
    Untranslatable,
    bounded,
    either,
    every,
    literal,
    negated,
    pcre,
    same,
)
from aggregator.moving.moved import Rule

_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<open>[!-]?\()|(?P<close>\))|(?P<or>OR(?=[\s()]|$))
    |(?P<negation>[!-])?
     (?:(?P<field>(?:intitle|author|inurl|pubdate|date|labels?|search|[feLlS]):)|(?P<tag>\#))?
     (?:/(?P<regex>(?:\\.|[^/\\])+)/(?P<flags>[a-zA-Z]*)|"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>(?:\\.|[^\s()])+))
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PLACES = {"intitle:": "title", "author:": "author", "inurl:": "url", "": "text"}
_AGE = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?/?", re.IGNORECASE
)
_UNITS = (365 * 86_400, 30 * 86_400, 7 * 86_400, 86_400, 3_600, 60, 1)
_REFUSED = {
    "f:": "feeds are named by numbers that the export does not tell; write `source: its name`",
    "l:": "labels are given by hand, and stay with your reader",
    "label:": "labels are given by hand, and stay with your reader",
    "labels:": "labels are given by hand, and stay with your reader",
    "e:": "articles are named by numbers that only that database knows",
    "s:": "names another search: copy what it says in its place",
    "search:": "names another search: copy what it says in its place",
    "date:": "a rule that changes its mind as time goes by: see `max_age` of a topic, and `age`",
    "pubdate:": "a rule that changes its mind as time goes by: see `max_age` of a topic, and `age`",
}


@dataclass(slots=True)
class _Reader:
    """What is left to read of a search."""

    text: str
    position: int = 0
    terms: int = 0
    choices: int = 0  # OR outside of brackets

    def peek(self) -> re.Match[str] | None:
        """The next token, behind spaces; None at the end. Raises Untranslatable."""
        while self.position < len(self.text):
            found = _TOKEN.match(self.text, self.position)
            if found is None:
                raise Untranslatable(f"cannot be read from here on: {self.text[self.position :][:40]}")
            if not found["space"]:
                return found
            self.position = found.end()
        return None


def rule(search: str) -> tuple[Rule, timedelta | None]:
    """What a search asks of an article, and how old that may be at most. Raises Untranslatable."""
    search = bounded(search)
    age = _newest(search)
    reader = _Reader(search if age is None else search[age[0] :])
    found = _alternatives(reader, 0)
    if reader.peek():
        raise Untranslatable("a bracket is closed that was not opened")
    if age and reader.choices:
        raise Untranslatable(f"date: {_REFUSED['date:']}")
    return found, age and age[1]


def _newest(search: str) -> tuple[int, timedelta] | None:
    """`pubdate:P7D` at the very beginning of a search: where the rest begins, and how old at most."""
    found = re.match(r"\s*(?:pub)?date:(\S+)\s+(?=\S)", search, re.IGNORECASE)
    span = _AGE.fullmatch(found[1]) if found else None
    if not (found and span and any(span.groups())):
        return None
    seconds = sum(int(count or 0) * unit for count, unit in zip(span.groups(), _UNITS, strict=True))
    return (found.end(), timedelta(seconds=seconds)) if 60 <= seconds <= 100 * _UNITS[0] else None


def _alternatives(reader: _Reader, depth: int) -> Rule:
    """… OR … OR …"""
    if depth > MAX_DEPTH:
        raise Untranslatable(f"more than {MAX_DEPTH} brackets in each other")
    found = [_together(reader, depth)]
    while (token := reader.peek()) and token["or"]:
        reader.position = token.end()
        reader.choices += depth == 0
        found.append(_together(reader, depth))
    return either(found)


def _together(reader: _Reader, depth: int) -> Rule:
    """Terms and brackets side by side."""
    found: list[Rule] = []
    while (token := reader.peek()) and not token["or"] and not token["close"]:
        reader.position = token.end()
        reader.terms += 1
        if reader.terms > MAX_TERMS:
            raise Untranslatable(f"more than {MAX_TERMS} terms")
        found.append(_bracket(reader, token, depth) if token["open"] else _term(token))
    if not found:
        raise Untranslatable("asks for nothing")
    return every(found)


def _bracket(reader: _Reader, token: re.Match[str], depth: int) -> Rule:
    inside = _alternatives(reader, depth + 1)
    closing = reader.peek()
    if closing is None or not closing["close"]:
        raise Untranslatable("a bracket is not closed")
    reader.position = closing.end()
    return inside if token["open"] == "(" else negated(inside)


def _term(token: re.Match[str]) -> Rule:
    field = (token["field"] or "").lower()
    if field in _REFUSED:
        raise Untranslatable(f"{token[0].lstrip('!-')}: {_REFUSED[field]}")
    text = next((token[kind] for kind in ("double", "single") if token[kind] is not None), None)
    if text is None and token["bare"]:
        text = re.sub(r"\\([()])", r"\1", token["bare"])
    if token["tag"]:
        found = pcre(token["regex"], token["flags"], "category") if text is None else _tagged(text)
    else:
        place = _PLACES[field]
        found = pcre(token["regex"], token["flags"], place) if text is None else literal(text, place)
    return negated(found) if token["negation"] else found


def _tagged(text: str) -> Rule:
    """A word under which its publisher files an article, whole, in capital or small letters."""
    name = text.replace("+", " ").strip()
    if ":" in name:  # `tag` would take it for a concept
        return _folded(same(name, "category"))
    return {"tag": name} if name else literal(name, "category")


def _folded(found: Rule) -> Rule:
    return {**found, "ignore_case": True}
