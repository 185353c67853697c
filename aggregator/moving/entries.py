"""Topics made from filters → text for topics.yaml: each with a name, tested by itself, its sources known. Pure."""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import yaml
from pydantic import ValidationError

from aggregator.config import topics
from aggregator.config.sayings import saying
from aggregator.config.yamlfile import details
from aggregator.moving.moved import LeftOut, Rule, Wanted, left_out
from aggregator.opml import MAX_TITLE
from aggregator.terminal import on_one_line

MAX_SLUG = 60

_WILD = frozenset("*?")


def entries(
    wanted: Iterable[Wanted], sources: Collection[str], there: Collection[str]
) -> tuple[tuple[tuple[str, str], ...], tuple[LeftOut, ...]]:
    """Topics by name, as text with no indentation; and those that cannot be.

    `sources` are all names, ids and labels of sources, `there` the names of topics that there are.
    """
    known = {name.casefold() for name in sources}
    found: dict[str, str] = {}
    free = _Free(set(there))
    refused: list[LeftOut] = []
    for one in (replace(one, title=on_one_line(one.title, MAX_TITLE) or "Moved") for one in wanted):
        slug = _slug(one.title)
        if slug in there:
            refused.append(left_out(one.place, one.title, f"there is a topic '{slug}' already"))
            continue
        slug = free.like(slug)
        if why := _unfit(slug, one, known):
            refused.append(left_out(one.place, one.title, why))
        else:
            found[slug] = _text(slug, one)
            free.taken.add(slug)
    return tuple(found.items()), tuple(refused)


def _slug(title: str) -> str:
    """The title as a name in addresses; of one in another script, nothing is left but `moved`."""
    letters = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:MAX_SLUG].strip("-") or "moved"


@dataclass(slots=True)
class _Free:
    """Names that are not taken: gas, gas-2, gas-3."""

    taken: set[str]
    numbers: Counter[str] = field(default_factory=Counter)  # by name, the last one that was not free

    def like(self, slug: str) -> str:
        while (name := f"{slug}-{self.numbers[slug] + 1}" if self.numbers[slug] else slug) in self.taken:
            self.numbers[slug] += 1
        return name


def _unfit(slug: str, one: Wanted, known: Collection[str]) -> str | None:
    """Why it is no topic of ours."""
    try:
        topics.schema().validate_python({"topics": {slug: _keys(one)}})
    except ValidationError as error:
        return "; ".join(dict.fromkeys(saying(detail) for detail in details(error)))
    for name in _sources(one.rule):
        if not _WILD & set(name) and name.casefold() not in known:
            return f"no source has the name or label '{name}'"
    return None


def _sources(rule: Any) -> Iterator[str]:
    """The sources that a rule names."""
    if isinstance(rule, list):
        for part in rule:
            yield from _sources(part)
    elif isinstance(rule, dict):
        named = rule.get("source", ())
        yield from [named] if isinstance(named, str) else named
        for key in ("all", "any", "none"):
            yield from _sources(rule.get(key))


def _keys(one: Wanted) -> Rule:
    return {"title": one.title, **one.rule}


def _text(slug: str, one: Wanted) -> str:
    head = f"{slug}:  # from {' '.join(one.place.split())}\n"
    body = yaml.safe_dump(_keys(one), allow_unicode=True, sort_keys=False, width=1 << 30, default_flow_style=None)
    return head + "".join(f"  {line}\n" for line in body.splitlines())
