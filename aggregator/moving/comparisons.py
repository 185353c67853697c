"""newsboat's filter language → rules: `( title =~ "gas" or author # "x" ) and tags # "news"`. Pure.

As newsboat reads it (rust/libnewsboat/src/filterparser.rs): `and` and `or` bind alike, and all that follows one of
them is its right side. Comparisons of what only that program knows are refused. Where they are asked of every article,
`unread = "yes"` is left to the reader, and how old it may be becomes the topic's `max_age`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import translate

from aggregator import expressions
from aggregator.moving.filters import (
    MAX_DEPTH,
    MAX_TERMS,
    Untranslatable,
    bounded,
    either,
    every,
    negated,
    posix,
    same,
)
from aggregator.moving.joining import source_key
from aggregator.moving.moved import Rule
from aggregator.opml import Outline

_TOKEN = re.compile(
    r"""\s*(?:(?P<open>\()|(?P<close>\))|(?P<word>and|or)(?=\s|\()
    |(?P<attribute>[A-Za-z0-9_.-]+)\s*(?P<operator>=~|==|=|!~|!=|<=|>=|<|>|between|!\#|\#)\s*
     (?:"(?P<text>(?:[^"\\]|\\.)*+)"|(?P<range>-?\d+:-?\d+)|(?P<number>-?\d+)))""",
    re.VERBOSE | re.DOTALL,
)
_PLACES = {"title": "title", "link": "url", "author": "author", "content": "text"}
_OF_FEEDS = ("rssurl", "feedtitle")
_NEGATIONS = {"!=": "=", "!~": "=~", "!#": "#"}
STATE = "which articles were read, and their flags, is for your reader to know"


@dataclass(slots=True)
class Asked:
    """What a filter asks of an article; how old it may be at most; what was left to the reader."""

    rule: Rule | None = None
    max_age: timedelta | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Chain:
    """Comparisons and brackets, and the words between them."""

    parts: "tuple[re.Match[str] | _Chain, ...]"
    words: tuple[str, ...]


def read(text: str, feeds: Mapping[str, Outline]) -> Asked:
    """What a filter asks for. Names of feeds in it are those of `feeds`. Raises Untranslatable."""
    tokens = _tokens(bounded(text))
    chain, end = _parsed(tokens, 0, 0)
    if end < len(tokens):
        raise Untranslatable("a bracket is closed that was not opened")
    asked = Asked()
    asked.rule = _translated(chain, feeds, asked, for_all=True)
    return asked


def _tokens(text: str) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    position = 0
    while rest := text[position:].strip():
        token = _TOKEN.match(text, position)
        if token is None:
            raise Untranslatable(f"cannot be read from here on: {rest[:40]}")
        if len(found) == MAX_TERMS:
            raise Untranslatable(f"more than {MAX_TERMS} terms")
        found.append(token)
        position = token.end()
    return found


def _parsed(tokens: Sequence[re.Match[str]], start: int, depth: int) -> tuple[_Chain, int]:
    """A chain, and where it ends."""
    if depth > MAX_DEPTH:
        raise Untranslatable(f"more than {MAX_DEPTH} brackets in each other")
    parts: list[re.Match[str] | _Chain] = []
    words: list[str] = []
    while True:
        token = tokens[start] if start < len(tokens) else None
        if token is None or token["word"] or token["close"]:
            raise Untranslatable("a comparison is missing")
        start += 1
        if token["open"]:
            inside, start = _parsed(tokens, start, depth + 1)
            if start == len(tokens) or not tokens[start]["close"]:
                raise Untranslatable("a bracket is not closed")
            parts.append(inside)
            start += 1
        else:
            parts.append(token)
        if start == len(tokens) or tokens[start]["close"]:
            return _Chain(tuple(parts), tuple(words)), start
        if not tokens[start]["word"]:
            raise Untranslatable("`and` or `or` is missing between two comparisons")
        words.append(tokens[start]["word"])
        start += 1


def _translated(chain: _Chain, feeds: Mapping[str, Outline], asked: Asked, *, for_all: bool) -> Rule | None:
    """Each part takes all that follows as its right side. `for_all`: what stands here is asked of every article."""
    rules: list[Rule | None] = []
    for number, part in enumerate(chain.parts):
        for_all = for_all and chain.words[number : number + 1] != ("or",)
        if isinstance(part, _Chain):
            rules.append(_translated(part, feeds, asked, for_all=for_all))
        else:
            rules.append(_comparison(part, feeds, asked, for_all=for_all))
    whole = rules[-1]
    for left, word in zip(reversed(rules[:-1]), reversed(chain.words), strict=True):
        if left is None or whole is None:  # what is no rule has nothing but `and` beside it
            whole = left or whole
        else:
            whole = every([left, whole]) if word == "and" else either([left, whole])
    return whole


def _comparison(token: re.Match[str], feeds: Mapping[str, Outline], asked: Asked, *, for_all: bool) -> Rule | None:
    attribute, operator = token["attribute"], token["operator"].replace("==", "=")
    text = token["text"]  # its backslashes are for the regex
    value = text.replace(r"\"", '"') if text is not None else token["range"] or token["number"]
    if for_all and attribute == "unread" and (operator, value) == ("=", "yes"):
        asked.notes.append('unread = "yes"')
        return None
    if attribute == "age":
        asked.max_age = min(_age(operator, value, for_all=for_all), asked.max_age or timedelta.max)
        return None
    if operator in _NEGATIONS:
        return negated(_positive(attribute, _NEGATIONS[operator], value, feeds))
    return _positive(attribute, operator, value, feeds)


def _age(operator: str, value: str, *, for_all: bool) -> timedelta:
    """`age < 7`, or `age between 0:7`, of all that is asked for: days since the publication."""
    low, _, high = value.partition(":")
    days = {"<": low, "<=": low, "between": high if low == "0" else ""}.get(operator, "")
    if not for_all or not days.isdecimal() or not 0 < int(days) <= 36_500:
        raise Untranslatable("how old an article is, other than `age < 7` for the whole: see `age`, and `max_age`")
    return timedelta(days=int(days))


def _positive(attribute: str, operator: str, value: str, feeds: Mapping[str, Outline]) -> Rule:
    if attribute == "tags" and operator == "#":
        return {"source": value}
    if attribute in _OF_FEEDS and operator in ("=", "=~"):
        return {"source": list(_named(attribute, operator, value, feeds))}
    if attribute in _PLACES and operator == "=":
        return same(value, _PLACES[attribute])
    if attribute in _PLACES and operator == "=~":
        return posix(value, _PLACES[attribute])
    if attribute in ("unread", "flags"):
        raise Untranslatable(STATE)
    raise Untranslatable(f"{attribute} {operator} …: we have nothing like it")


def _named(attribute: str, operator: str, value: str, feeds: Mapping[str, Outline]) -> Iterator[str]:
    """The sources that the feeds become whose address, or title as it stands in the file, is so."""
    matches = _equal_to(value) if operator == "=" else like(value)
    found = {
        source_key(outline.url)
        for outline in feeds.values()
        if matches.search(outline.url if attribute == "rssurl" else outline.title)
    }
    if not found - {None}:
        raise Untranslatable(f"no feed of these files has such a {'address' if attribute == 'rssurl' else 'title'}")
    yield from sorted(key for key in found if key)


def _equal_to(value: str) -> "re.Pattern[str]":
    return re.compile(translate(re.sub(r"([*?[])", r"[\1]", value)))


def like(value: str) -> expressions.Expression:
    try:
        return expressions.expression(str(posix(value, "url")["regex"]), ignore_case=True)
    except ValueError as error:
        raise Untranslatable(str(error)) from None
