"""How topics do: how much comes to each, week by week, and which of their rules never change anything."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aggregator.judge import Judge
from aggregator.models import Verdict
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import contents as stored_contents
from aggregator.store import memberships as stored_memberships
from aggregator.terminal import plain

WEEKS = 8
SAMPLE = 1000  # stories: the latest ones, on which rules are tried
MOST_JUDGEMENTS = 100_000  # of a topic about a story: with many topics the sample is smaller
ENOUGH = 50  # stories: of fewer it does not say much that a rule held in all, or none
BATCH = 50  # articles read at once

_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a topic, in how many stories it was asked, and in how many it held."""

    under: str  # all, any or none
    rule: str  # as `Verdict.rule`
    held: int
    asked: int  # the second way in which a pair may hold is asked only where the first does not


@dataclass(frozen=True, slots=True)
class TopicStatistics:
    """One topic."""

    stories: int
    weeks: tuple[int, ...]  # stories, of the week that ends now last
    tried: int  # stories on which its rules were tried
    never: tuple[Rule, ...]  # rules that held in none in which they were asked
    always: tuple[Rule, ...]  # rules that held in all of those


def statistics(
    database: Database, judge: Judge, now: datetime, progress: Callable[[int], None] = lambda count: None
) -> dict[str, TopicStatistics]:
    """Of each topic. `progress` is told on how many stories rules have been tried."""
    counts = stored_memberships.counts(database)
    dates = stored_memberships.dates(database, now - WEEKS * timedelta(days=7))
    keys = stored_contents.latest(database, sample_size(len(judge.topics)))
    held: dict[str, Counter[tuple[str, str]]] = {slug: Counter() for slug in judge.topics}
    asked: dict[str, Counter[tuple[str, str]]] = {slug: Counter() for slug in judge.topics}
    tried = 0
    for start in range(0, len(keys), BATCH):
        for article in stored_articles.by_keys(database, keys[start : start + BATCH]).values():
            tried += 1
            for slug, verdict in judge.explain(article, shows=False).verdicts.items():
                answers = dict(_leaves(verdict, "all"))
                asked[slug].update(answers.keys())
                held[slug].update(key for key, holds in answers.items() if holds)
        progress(min(BATCH, len(keys) - start))
    return {
        slug: TopicStatistics(
            counts.get(slug, (0, None))[0],
            _by_week(dates.get(slug, []), now),
            tried,
            *_idle([Rule(*key, held[slug][key], count) for key, count in asked[slug].items()]),
        )
        for slug in judge.topics
    }


def sample_size(topics: int) -> int:
    """On how many stories the rules of so many topics are tried, at most."""
    return min(SAMPLE, max(ENOUGH, MOST_JUDGEMENTS // max(1, topics)))


def _idle(rules: list[Rule]) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    known = [rule for rule in rules if rule.asked >= ENOUGH]
    return tuple(rule for rule in known if not rule.held), tuple(rule for rule in known if rule.held == rule.asked)


def _leaves(verdict: Verdict, under: str) -> Iterator[tuple[tuple[str, str], bool]]:
    """The rules without rules in them, what they stand under, and whether they hold."""
    if not verdict.parts:
        yield (under, verdict.rule), verdict.holds
    for part in verdict.parts:
        is_quantifier = part.rule in ("all", "any", "none") and part.parts
        yield from _leaves(part, part.rule if is_quantifier else under)


def _by_week(dates: list[datetime], now: datetime) -> tuple[int, ...]:
    ago = Counter(max(0, (now - date) // timedelta(days=7)) for date in dates)
    return tuple(ago[week] for week in reversed(range(WEEKS)))


def lines(found: Mapping[str, TopicStatistics]) -> Iterator[str]:
    """For a terminal."""
    width = max(map(len, found), default=0)
    for slug, one in found.items():
        yield f"{slug:{width}}  {chart(one.weeks)}  {one.weeks[-1]} this week, {one.stories} in all"
        for rule in one.never:
            yield f"  never held, in {rule.asked} stories: {plain(rule.rule)} (under {rule.under})"
        for rule in one.always:
            yield f"  held in each of {rule.asked} stories: {plain(rule.rule)} (under {rule.under})"


def chart(numbers: tuple[int, ...]) -> str:
    """A bar for each number, the largest at full height; nothing is a dot."""
    most = max(numbers, default=0)
    return "".join(_BARS[(number * len(_BARS) - 1) // most] if number else "·" for number in numbers)


def facts(found: Mapping[str, TopicStatistics]) -> dict[str, Any]:
    """For machines."""
    return {
        slug: {
            "stories": one.stories,
            "weeks": list(one.weeks),
            "tried": one.tried,
            "never": [{"under": rule.under, "rule": rule.rule} for rule in one.never],
            "always": [{"under": rule.under, "rule": rule.rule} for rule in one.always],
        }
        for slug, one in found.items()
    }
