"""What filters of other readers are made of: regular expressions of three dialects, pieces of text, and, or, not. Pure.

A rule made here means what the filter meant, with two differences that cannot be helped: we look at the text of an
article, not at its HTML, and the title is part of the text. What would differ in more is refused.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from aggregator import expressions
from aggregator.moving.moved import Rule

MAX_LENGTH = 5_000  # characters of one filter
MAX_DEPTH = 10  # of brackets in it
MAX_TERMS = 300

_META = re.compile(r"([\\.+*?()\[\]{}|^$])")
_CLASS = re.compile(r"\[\^?\]?(?:\[:\w{1,9}:\]|\[([.=]).\1\]|[^\]])*+\]")
_PIECE = re.compile(rf"{_CLASS.pattern}|\\.|\{{,(?=\d+\}})|.", re.DOTALL)
_ESCAPED_PIECE = re.compile(r"\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*+\]|\\.|.", re.DOTALL)
_LISTS = ("author", "category")  # of which we have a line for each


class Untranslatable(Exception):
    """A filter cannot be said in our language; the message says why, and what to do if there is something."""


def literal(text: str, where: str) -> Rule:
    """A piece of text stands there, in capital or small letters, also inside a word."""
    return _regex(_META.sub(r"\\\1", text), where, ignore_case=True)


def same(text: str, where: str) -> Rule:
    """The whole field is this text, to the letter."""
    quoted = _META.sub(r"\\\1", text)
    return _regex(f"(?m)^{quoted}$" if where in _LISTS else rf"\A{quoted}\z", where, ignore_case=False)


def re2(pattern: str, where: str, *, ignore_case: bool = False) -> Rule:
    """An expression of Go, which is RE2 already, or one that was made so. Raises Untranslatable."""
    anchors = {piece for piece in _pieces(short(pattern), _ESCAPED_PIECE) if piece in ("^", "$", r"\A", r"\z")}
    if anchors and where == "text":
        raise Untranslatable("of a text we know no beginning and end: its title stands before it; ask for `in: title`")
    lines = "(?m)" if anchors & {"^", "$"} and where in _LISTS else ""
    return _regex(lines + pattern, where, ignore_case=ignore_case)


def pcre(pattern: str, flags: str, where: str) -> Rule:
    """An expression of PHP, without its slashes. Raises Untranslatable."""
    if unknown := set(flags) - set("im"):
        raise Untranslatable(f"the flag {min(unknown)} of a regex is not known")
    lines = "(?m)" if "m" in flags and where not in (*_LISTS, "text") else ""  # lists have it anyway
    return re2(lines + pattern.replace(r"\/", "/"), where, ignore_case="i" in flags)


def posix(pattern: str, where: str) -> Rule:
    """An extended expression of POSIX, with what glibc adds; case does not matter. Raises Untranslatable."""
    return re2("".join(map(_from_posix, _pieces(short(pattern), _PIECE))), where, ignore_case=True)


def every(rules: Sequence[Rule]) -> Rule:
    """All of these."""
    return rules[0] if len(rules) == 1 else {"all": [*flat(rules, "all")]}


def either(rules: Sequence[Rule]) -> Rule:
    """One of these."""
    return rules[0] if len(rules) == 1 else {"any": [*flat(rules, "any")]}


def negated(rule: Rule) -> Rule:
    """Not this."""
    return {"none": [*flat([rule], "any")]}


def short(pattern: str) -> str:
    """The same, unless it is longer than an expression may be. Raises Untranslatable."""
    if len(pattern) > expressions.MAX_LENGTH:
        raise Untranslatable(f"a regex has at most {expressions.MAX_LENGTH:,} characters")
    return pattern


def bounded(text: str) -> str:
    """The text of a filter, if it is of a size to be read. Raises Untranslatable."""
    if len(text) > MAX_LENGTH:
        raise Untranslatable(f"longer than {MAX_LENGTH:,} characters")
    return text


def as_topic(rule: Rule) -> Rule:
    """A rule as keys of a topic, which must have something under `all` or `any`."""
    keys: Rule = rule if rule.keys() <= {"all", "any", "none"} else {"all": [rule]}
    own = [part for part in keys.get("all", ()) if part.keys() != {"none"}]
    without = (part["none"] for part in keys.get("all", ()) if part.keys() == {"none"})
    none = [*keys.get("none", ()), *chain.from_iterable(without)]
    if not own and "any" not in keys:
        own = [{"source": "*"}]
    return {key: value for key, value in {"all": own, "any": keys.get("any"), "none": none}.items() if value}


def flat(rules: Iterable[Rule], key: str) -> Iterator[Rule]:
    """Rules within rules of the same kind need no brackets: what they hold."""
    for rule in rules:
        if rule.keys() == {key}:
            yield from rule[key]
        else:
            yield rule


def _regex(pattern: str, where: str, *, ignore_case: bool) -> Rule:
    if not pattern:
        raise Untranslatable("an empty text is in everything")
    try:
        expressions.expression(pattern, ignore_case=ignore_case)
    except ValueError as error:
        raise Untranslatable(str(error)) from None
    place = {} if where == "text" else {"in": where}
    return {"regex": pattern, **place, **({"ignore_case": True} if ignore_case else {})}


def _pieces(pattern: str, piece: re.Pattern[str]) -> Iterator[str]:
    return (found[0] for found in piece.finditer(pattern))


def _from_posix(piece: str) -> str:
    if piece[0] == "[" and len(piece) > 1:
        if re.search(r"\[[.=]", piece[1:]):
            raise Untranslatable("RE2 has no [.x.] and no [=x=] in a regex")
        return piece.replace("\\", r"\\")  # nothing is escaped inside
    if piece in (r"\<", r"\>"):
        return r"\b"
    if piece in (r"\`", r"\'"):
        raise Untranslatable(rf"{piece} in a regex: write ^ or $")
    return "{0," if piece == "{," else piece
