"""Stories of a digest under headings, by what they are about. Pure.

A concept that most of the stories are about, as those of the topic's own rule, tells none from another and is no
heading. Of the others always that is one which most stories are left for. Each story stands once.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from aggregator import tagging
from aggregator.models import Tag
from aggregator.store.told import Told
from aggregator.telling import Teller

MOST = 8  # sections, beside that of the rest
SMALLEST = 2  # stories in one
COMMON = 0.6  # a concept of a larger part of the stories is no heading


@dataclass(frozen=True, slots=True)
class Section:
    """Some stories, and what they have in common. Without: the rest."""

    tag: Tag | None
    stories: tuple[Told, ...]


def sections(stories: Sequence[Told], teller: Teller) -> list[Section]:
    """The stories in their sections, the largest first and the rest last; in each what most sources tell is first."""
    tags = {one.entered.story: _headings(one) for one in stories}
    labels = {tag.concept: tag for found in tags.values() for tag in found.values()}
    counts = Counter(concept for found in tags.values() for concept in found)
    common = {concept for concept, count in counts.items() if count > COMMON * len(stories)}
    left, found = list(stories), list[Section]()
    while len(found) < MOST:
        counts = Counter(concept for one in left for concept in tags[one.entered.story].keys() - common)
        best = min(counts, key=lambda concept: (-counts[concept], concept), default=None)
        if best is None or counts[best] < SMALLEST:
            break
        some = [one for one in left if best in tags[one.entered.story]]
        left = [one for one in left if best not in tags[one.entered.story]]
        found.append(Section(labels[best], _ordered(some, teller)))
    return [*found, Section(None, _ordered(left, teller))] if left else found


def _headings(one: Told) -> dict[str, Tag]:
    return {tag.concept: tag for tag in tagging.about(one.tags) if not tag.concept.startswith("category:")}


def _ordered(stories: Iterable[Told], teller: Teller) -> tuple[Told, ...]:
    def place(one: Told) -> tuple[int, int, timedelta, str]:
        return -teller.voices(one), -one.entered.score, teller.until - one.entered.founded_at, one.entered.story

    return tuple(sorted(stories, key=place))
