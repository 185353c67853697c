"""Filters, of each feed and of all, and what was asked for by name → topics. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pydantic import ValidationError

from aggregator import urls
from aggregator.errors import DocumentError
from aggregator.moving.filters import either, flat
from aggregator.moving.moved import Rule, Wanted
from aggregator.opml import MAX_OUTLINES, Outline
from aggregator.sources.http import HttpSource

MAX_RULES = 20_000  # in all topics together: what is said of all feeds stands in each


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reader lets in of one feed, or of all: one of `keep`, if there are any, and none of `drop`."""

    keep: tuple[Rule, ...] = ()
    drop: tuple[Rule, ...] = ()


def joined(
    feeds: Sequence[Outline],
    by_feed: Mapping[str, Filters],
    of_all: Filters,
    places: Mapping[str, str],
    asked: Iterable[Wanted] = (),
) -> tuple[Wanted, ...]:
    """The topics: those asked for by name, one for each feed with filters, and one for all if some filters are for all.

    `by_feed` and `places` are by address; the place of `of_all` is that of the empty address. What `by_feed` says of a
    feed is the whole of it: the filters of all are not added there. Raises DocumentError where they are too many.
    """
    asked = tuple(asked)
    said = (*by_feed.values(), *[of_all] * (len(asked) + 1))
    if sum(len(filters.keep) + len(filters.drop) for filters in said) > MAX_RULES:
        place = next(iter(places.values()))
        raise DocumentError(f"{place}: with the filters after it, more than {MAX_RULES:,} rules in all topics")
    titles = {outline.url: outline.title for outline in reversed(feeds)}
    topics = [Wanted(one.title, one.place, _bounded(one.rule, of_all)) for one in asked]
    for url, filters in by_feed.items():
        if (filters.keep or filters.drop) and (key := source_key(url)):
            topics.append(Wanted(titles[url] or key, places[url], _bounded({"all": [{"source": key}]}, filters)))
    if of_all.keep or of_all.drop:
        rule = _bounded({"all": [{"source": "*"}]}, of_all)
        topics.append(Wanted("All that is not filtered out", places[""], rule))
    return tuple(topics)


@lru_cache(maxsize=MAX_OUTLINES)
def source_key(url: str) -> str | None:
    """The id of the source that this address becomes; None where it becomes none."""
    try:
        return HttpSource(url=urls.absolute(urls.web(url)) or url).key
    except ValidationError:
        return None


def _bounded(rule: Rule, filters: Filters) -> Rule:
    """A topic's rule, within what filters let in."""
    result = dict(rule)
    if filters.keep:
        result["all"] = [*rule.get("all", ()), either(filters.keep)]
    if filters.drop:
        result["none"] = [*rule.get("none", ()), *flat(filters.drop, "any")]
    return {key: result[key] for key in ("max_age", "all", "any", "none") if key in result}
