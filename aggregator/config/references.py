"""Rules that are used by name, and topics that extend topics: what they stand for.

A topic that extends another holds where the other does and its own rules hold as well. It takes over `language`,
`max_age`, `min_independent_sources` and `private` where it says nothing of them, and may narrow but never widen them;
likewise how the other's feed looks (`_INHERITED`), which it may change as it likes.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cache
from typing import Any

from aggregator.config.names import named
from aggregator.config.topics import QUANTIFIERS, Group, Topic, TopicsFile
from aggregator.config.yamlfile import Location, YamlFile
from aggregator.errors import Problem
from aggregator.units import written_duration

MAX_RULES = 5_000  # in one topic, when all names are followed
MAX_DEPTH = 40  # of rules in rules, where names lead

PERIODS = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(days=7)}  # of digests

_INHERITED = (
    "stories",
    "related",
    "reasons",
    "limit",
    "max_per_hour",
    "max_share",
    "digests",
    "timezone",
    "digest_at",
)


def circles(file: YamlFile) -> Iterator[Problem]:
    """A problem for each name by which a rule, or a topic, comes to stand for itself, or that leads too deep."""
    uses: dict[Location, list[tuple[Location, Location]]] = {}
    for place, found in named(file):
        if found.kind in ("rules", "topics"):
            uses.setdefault(place, []).append(((found.kind, found.name), found.location))
    depths: dict[Location, int] = {}
    for start in uses:
        if start not in depths:
            yield from _circles(start, uses, depths, file)


def resolved(file: TopicsFile) -> dict[str, Topic]:
    """The topics with everything they name in the place of its name. There must be no circles, and no unknown names.

    What is used twice is one and the same object.
    """

    @cache
    def rule(name: str) -> Group:
        target = whole(file.rules[name])
        if isinstance(target, Group) and target.rule is None:
            return target.model_copy(update={"rule": f"rule {name}"})
        return Group.model_construct(rule=f"rule {name}", all=(target,))

    @cache
    def topic(slug: str) -> Topic:
        own = file.topics[slug]
        parts = {name: tuple(map(whole, getattr(own, name))) for name in QUANTIFIERS}
        if own.extends is None:
            return own.model_copy(update=parts)
        base = topic(own.extends)
        rules = {name: getattr(base, name) for name in (*QUANTIFIERS, "score")}
        group = Group.model_construct(rule=f"topic {own.extends}", **rules)
        taken = {name: getattr(base, name) for name in _INHERITED if name not in own.model_fields_set}
        return own.model_copy(update={**taken, **_narrowed(own, base), **parts, "all": (group, *parts["all"])})

    def whole(part: Any) -> Any:
        if not isinstance(part, Group):
            return part
        if part.rule is not None:
            return rule(part.rule)
        return part.model_copy(update={name: tuple(map(whole, getattr(part, name))) for name in QUANTIFIERS})

    return {slug: topic(slug) for slug in file.topics}


def widened(file: YamlFile, own: Mapping[str, Topic], whole: Mapping[str, Topic]) -> Iterator[Problem]:
    """A problem for each key by which a topic would be shown where the one that it extends is not; or nothing
    would."""
    for slug, topic in own.items():
        base = whole[topic.extends] if topic.extends else None
        if base and base.private and "private" in topic.model_fields_set and not topic.private:
            message = f"'{topic.extends}', which this topic extends, is private, and so must this one be"
            yield file.problem(("topics", slug, "private"), message)
        if base and base.language and topic.language and not set(base.language) & set(topic.language):
            theirs = ", ".join(base.language)
            message = f"nothing is in both: '{topic.extends}', which this topic extends, is in {theirs}"
            yield file.problem(("topics", slug, "language"), message)
        for number, lang in enumerate(topic.variants.lang):
            if whole[slug].language and lang not in whole[slug].language:
                message = f"nothing is in it: the language of this topic is {', '.join(whole[slug].language)}"
                yield file.problem(("topics", slug, "variants", "lang", number), message)


def forgotten_too_soon(file: YamlFile, own: Mapping[str, Topic], whole: Mapping[str, Topic]) -> Iterator[Problem]:
    """A problem for each topic whose stories are to be thrown away while they may still be shown."""
    for slug, topic in whole.items():
        if topic.keep is not None and topic.max_age is not None and topic.keep < topic.max_age:
            whose = f", which it has from '{topic.extends}'" if own[slug].max_age != topic.max_age else ""
            message = f"`keep` must not be shorter than `max_age`, {written_duration(topic.max_age)}{whose}"
            yield file.problem(("topics", slug, "keep"), message)


def kept_too_short(file: YamlFile, topics: Mapping[str, Topic], kept_for: timedelta) -> Iterator[Problem]:
    """A problem for each topic whose digests would not have all that has entered it. `kept_for`: where a topic does not
    say how long its stories are kept."""
    for slug, topic in topics.items():
        longest = max(topic.digests, key=PERIODS.__getitem__, default=None)
        if longest is None or (topic.keep or kept_for) >= 2 * PERIODS[longest]:
            continue
        least = f"{2 * PERIODS[longest] // timedelta(days=1)}d"
        if topic.keep:
            message = f"too short for {longest} digests, which tell of whole periods: write {least} or more"
            yield file.problem(("topics", slug, "keep"), message)
        else:
            message = (
                f"for {longest} digests, which tell of whole periods, stories must be kept for {least} or more: write"
                f" `keep: {least}` here, or more in `retention.articles` of aggregator.yaml"
            )
            yield file.problem(("topics", slug, "digests"), message)


def too_large(file: YamlFile, topics: Mapping[str, Topic]) -> Iterator[Problem]:
    """A problem for each topic that is too much to judge: a few names can stand for a million rules."""
    seen: dict[int, int] = {}
    for slug, topic in topics.items():
        if (count := _size(topic, seen)) > MAX_RULES:
            message = f"with all that it names, this topic has {count:,} rules: more than {MAX_RULES:,}"
            yield file.problem(("topics", slug), message)


def _narrowed(own: Topic, base: Topic) -> dict[str, Any]:
    """What both say, such that both hold."""
    return {
        "language": tuple(one for one in own.language or base.language if not base.language or one in base.language),
        "max_age": min(filter(None, (own.max_age, base.max_age)), default=None),
        "min_independent_sources": max(own.min_independent_sources, base.min_independent_sources),
        "private": own.private or base.private,
    }


def _size(rule: object, seen: dict[int, int]) -> int:
    """How many rules there are in a rule."""
    if not isinstance(rule, Group):
        return 1
    if id(rule) not in seen:
        concepts = len({part for part in rule.all if isinstance(part, str)})
        pairs = concepts * (concepts - 1) // 2  # each is a rule of its own: see `topics.together`
        seen[id(rule)] = 1 + pairs + sum(_size(part, seen) for name in QUANTIFIERS for part in getattr(rule, name))
    return seen[id(rule)]


def _circles(
    start: Location,
    uses: Mapping[Location, list[tuple[Location, Location]]],
    depths: dict[Location, int],
    file: YamlFile,
) -> Iterator[Problem]:
    """Follows the names from a place, without recursion: there may be a thousand in a row."""
    path: list[Location] = [start]
    ways = [iter(uses[start])]
    while path:
        target, location = next(ways[-1], (None, ()))
        if target is None:
            ways.pop()
            place = path.pop()
            depths[place] = max((_level(at) + depths.get(other, 0) for other, at in uses.get(place, ())), default=0)
            if depths[place] > MAX_DEPTH and not any(depths.get(other, 0) > MAX_DEPTH for other, _ in uses[place]):
                yield file.problem(place, f"its names lead more than {MAX_DEPTH} rules deep")
        elif target in path:
            names = [str(name) for _, name in path[path.index(target) :]]
            yield file.problem(location, f"this goes in a circle: {' → '.join([*names, str(target[1])])}")
        elif target not in depths:
            path.append(target)
            ways.append(iter(uses.get(target, ())))


def _level(location: Location) -> int:
    """How deep in rules a place is."""
    return 1 + sum(isinstance(step, int) for step in location)
