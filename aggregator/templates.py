"""Are two texts that are much alike two notices made from one template? Pure.

"President approves a disaster declaration for Kansas" and "… for Nebraska", the market report of the morning and that
of the evening, yesterday's rainfall and today's: most words are the same, but they are two pieces of news. What tells
them apart are the names in their titles and the figures in their texts.
"""

from collections.abc import Sequence, Set
from itertools import groupby

from aggregator.shingles import terms

KEPT_FIGURES = 0.7  # of the fewer figures, found in the other text: corrections and updates keep more


def named_apart(
    title: Sequence[str], text: Sequence[str], other_title: Sequence[str], other_text: Sequence[str]
) -> bool:
    """Whether each title names something its own text speaks of, and the other article never. All words folded.

    A headline written anew does no such thing: what it names is in both texts, or in none.
    """
    one, two = set(terms(title)), set(terms(other_title))
    mine, theirs = one - two, two - one
    if not mine or not theirs:
        return False
    here, there = set(terms(text)), set(terms(other_text))
    return bool(mine & here - there) and bool(theirs & there - here)


def other_figures(text: Sequence[str], other_text: Sequence[str], kept: float = KEPT_FIGURES) -> bool:
    """Whether the texts have other figures in the same places, and share less than `kept` of the fewer ones."""
    here, there = _figures(text), _figures(other_text)
    mine, theirs = here - there, there - here
    if not mine or not theirs or len(here & there) >= kept * min(len(here), len(there)):
        return False
    return not _places(text, mine).isdisjoint(_places(other_text, theirs))


def is_opening(title: Sequence[str], text: Sequence[str]) -> bool:
    """Whether a title is but the first words of its text, as where an article came without one."""
    return list(title) == list(text[: len(title)])


def title_likeness(title: Sequence[str], other: Sequence[str]) -> float:
    """0–1: the share of the titles' words that they have in common, in whatever order (Dice's coefficient)."""
    one, two = set(terms(title)), set(terms(other))
    return 2 * len(one & two) / (len(one) + len(two)) if one and two else 0.0


def _figures(text: Sequence[str]) -> set[str]:
    return {word for word in set(text) if word[:1].isdigit()}


def _places(text: Sequence[str], figures: Set[str]) -> set[tuple[str, str]]:
    """The words before and behind each of the figures; to "12 345" these are those of the whole."""
    places = set()
    before = ""
    runs = [(is_figure, list(run)) for is_figure, run in groupby(text, key=lambda word: word[:1].isdigit())]
    for number, (is_figure, run) in enumerate(runs):
        if is_figure and not figures.isdisjoint(run):
            behind = runs[number + 1][1][0] if number + 1 < len(runs) else ""
            places.add((before, behind))
        before = run[-1]
    return places
