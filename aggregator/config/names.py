"""What the rules of topics.yaml name: concepts, sources, other rules and topics. Reads the data of the file and not
the topics made from it: what else is wrong with a topic must not hide a wrong name.
"""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aggregator import registry
from aggregator.config.sayings import suggest
from aggregator.config.topics import QUANTIFIERS
from aggregator.config.yamlfile import Location, YamlFile
from aggregator.errors import Problem
from aggregator.registry import Source

_WILD = frozenset("*?")


@dataclass(frozen=True)
class Name:
    """A name in a rule, where it stands, and what it is a name of."""

    location: Location
    kind: str  # concept | source | tag | rules | topics
    name: str


def named(file: YamlFile) -> Iterator[tuple[Location, Name]]:
    """Each name, with the place of the topic or named rule that it stands in."""
    for section in ("rules", "topics"):
        for name, rule in _mapping(file.data, section).items():
            place = (section, name)
            yield from ((place, found) for found in _names(rule, place))
            if section == "topics" and isinstance(rule, dict) and isinstance(rule.get("extends"), str):
                yield place, Name((*place, "extends"), "topics", rule["extends"])


def unknown_concepts(file: YamlFile, known: Collection[str], folder: Path, unread: str = "") -> Iterator[Problem]:
    """A problem for each concept that is not there. `folder` is for new ones; of what stands in `unread`, the text of
    files in which something is wrong, nobody can tell.

    A tag may be any word, but what is written as a concept, of a kind that there is, must be one.
    """
    kinds = {name.partition(":")[0] for name in known}
    for _, found in named(file):
        is_meant = found.kind == "concept" or (found.kind == "tag" and _looks_like(found.name, kinds))
        if is_meant and found.name not in known and not stands_in(found.name, unread):
            form = "" if ":" in found.name else ": a concept is written like 'country:china'"
            hint = similar(found.name, known) or form
            yield file.problem(found.location, f"unknown concept '{found.name}'{hint}; define new ones in {folder}/")


def unknown_rules(file: YamlFile) -> Iterator[Problem]:
    """A problem for each named rule or topic that is not there."""
    words = {"rules": "rule", "topics": "topic"}
    for _, found in named(file):
        known = _mapping(file.data, found.kind) if found.kind in words else {found.name: None}
        if found.name not in known:
            hint = suggest(found.name, map(str, known)) or "; define it under 'rules:'" * (found.kind == "rules")
            yield file.problem(found.location, f"unknown {words[found.kind]} '{found.name}'{hint}")


def unknown_sources(file: YamlFile, sources: Iterable[Source], unread: str = "") -> Iterator[Problem]:
    """A problem for each source that is not there. Where there are lists, which may be empty yet, nobody can tell, nor
    of what stands in `unread`."""
    sources = list(sources)
    known = {name for source in sources for name in source.names}
    folded = {name.casefold() for name in known}
    for _, found in named(file) if not any(source.IS_LIST for source in sources) else ():
        is_name = found.kind == "source" and not _WILD & set(found.name) and not stands_in(found.name, unread)
        if is_name and found.name.casefold() not in folded:
            hint = suggest(found.name, known)
            yield file.problem(found.location, f"no source has the name, id or label '{found.name}'{hint}")


def stands_in(name: str, unread: str) -> bool:
    """Whether a text, in small letters, has a name in it; one with a * or ? may be meant for anything there is."""
    return bool(unread) and (bool(_WILD & set(name)) or name.casefold() in unread)


def resting_on(file: YamlFile, broken: Iterable[Location], unread: str) -> set[Location]:
    """The topics and rules that cannot be judged: broken ones, those that name what stands in `unread`, and those that
    name such ones."""
    uses: dict[Location, set[Location]] = {}
    found = set(broken)
    for place, name in named(file):
        uses.setdefault(place, set()).add((name.kind, name.name))
        if name.kind not in ("rules", "topics") and stands_in(name.name, unread):
            found.add(place)
    for slug, topic in _mapping(file.data, "topics").items():
        if any(stands_in(name, unread) for name in _sources_of_examples(topic)):
            found.add(("topics", slug))
    while more := {place for place, used in uses.items() if used & found} - found:
        found |= more
    return found


def _names(rule: Any, location: Location) -> Iterator[Name]:
    match rule:
        case str():
            yield Name(location, "concept", rule)
        case list():
            for number, part in enumerate(rule):
                yield from _names(part, (*location, number))
        case dict():
            for key in QUANTIFIERS:
                if isinstance(rule.get(key), list):
                    yield from _names(rule[key], (*location, key))
            if isinstance(rule.get("rule"), str):
                yield Name((*location, "rule"), "rules", rule["rule"])
            yield from _names_in_leaf(rule, location)


def _names_in_leaf(rule: Mapping[str, Any], location: Location) -> Iterator[Name]:
    keys = [key for leaf in registry.leaves().values() if leaf.KEY in rule for key in leaf.CONCEPTS]
    for kind, key in (*(("concept", key) for key in keys), ("source", "source"), ("tag", "tag")):
        value = rule.get(key)
        if isinstance(value, str):
            yield Name((*location, key), kind, value)
        elif isinstance(value, list):
            yield from (Name((*location, key, n), kind, one) for n, one in enumerate(value) if isinstance(one, str))


def _sources_of_examples(topic: Any) -> Iterator[str]:
    for listed in _mapping(topic, "examples").values():
        for example in listed if isinstance(listed, list) else ():
            if isinstance(example, dict) and isinstance(example.get("source"), str):
                yield example["source"]


def _looks_like(tag: str, kinds: Collection[str]) -> bool:
    kind, colon, name = tag.partition(":")
    return bool(colon) and kind in kinds and bool(name) and " " not in name


def _mapping(data: Any, key: str) -> dict[str, Any]:
    found = data.get(key) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def similar(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'country:china'?)` for a word that is nearly one of the same prefix, if that prefix exists."""
    prefix, _, word = name.lower().rpartition(":")
    same = [other for other in known if other.startswith(f"{prefix}:")] or list(known)
    by_word = {other.partition(":")[2]: other for other in same}
    close = difflib.get_close_matches(word.strip().replace(" ", "-"), by_word, n=1, cutoff=0.8)
    return f" (did you mean '{by_word[close[0]]}'?)" if close else ""
