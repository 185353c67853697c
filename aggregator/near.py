"""Are two articles copies of one article? Pure.

Reprints are shortened, get a new headline, other quotes, a paragraph more, a tenth of other words; they are found by
the shingles they share. What shares as much without being a copy comes from a template; a source that writes much alike
is the likelier to have one. A copy that is missed is read twice, a false one hides news: in doubt they are two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.models import Likeness
from aggregator.shingles import shingles
from aggregator.templates import is_opening, named_apart, other_figures, title_likeness
from aggregator.words import folds, words

WINDOW = timedelta(days=3)  # between two copies
SAME_DAY = timedelta(hours=20)  # what comes daily comes again after 24 hours, or somewhat earlier
MIN_SHARED = 12  # shingles
MIN_WORDS = 40  # below that a text is too short to be told by its shingles
# Thresholds as measured, docs/quality.md
ALIKE = 0.50  # of all shingles of both
CONTAINED = 0.75  # of those of the shorter text …
MIN_RATIO = 0.15  # … if it is not too short beside the other
EDITED, EDITED_CONTAINED = 0.42, 0.62  # between sources, the same day, with the same figures: edited throughout
SHORT_TITLE, SHORT_CONTAINED, SHORT_SHARED = 0.9, 0.8, 5
OWN_TITLE, OWN_ALIKE, OWN_CONTAINED = 0.55, 0.60, 0.90  # within a source one of these holds as well


@dataclass(frozen=True, slots=True)
class Text:
    """An article as it is compared: without furniture, its words folded."""

    source: str
    dated_at: datetime
    title: Sequence[str]
    words: Sequence[str]  # of the body
    shingles: frozenset[int]


def text_of(source: str, dated_at: datetime, title: str, text: str) -> Text:
    """An article, ready to be compared; `text` is its plain text without furniture."""
    body = folds(words(text))
    return Text(source, dated_at, folds(words(title)), body, shingles(body))


def compare(one: Text, other: Text) -> Likeness:
    """Whether two articles are copies of one, and why. It does not matter which is which."""
    shared = len(one.shingles & other.shingles)
    fewer, more = sorted((len(one.shingles), len(other.shingles)))
    apart = abs(one.dated_at - other.dated_at)

    def found(is_copy: bool, rule: str) -> Likeness:
        return Likeness(
            is_copy,
            rule,
            shared,
            jaccard=shared / max(1, fewer + more - shared),
            containment=shared / max(1, fewer),
            length_ratio=fewer / max(1, more),
            hours=apart / timedelta(hours=1),
        )

    figures = found(False, "little in common")
    if apart > WINDOW:
        return found(False, "too long between them")
    rule = _alike(one, other, figures)
    if not rule:
        return figures
    difference = None if rule == "same words" else _difference(one, other, figures, rule)
    return found(False, difference) if difference else found(True, rule)


def _alike(one: Text, other: Text, found: Likeness) -> str | None:
    """The rule by which the texts, looked at alone, are copies."""
    if min(len(one.words), len(other.words)) < MIN_WORDS:
        return _alike_though_short(one, other, found)
    if found.jaccard == 1 and list(one.words) == list(other.words):
        return "same words"
    if found.shared < MIN_SHARED:
        return None
    if found.jaccard >= ALIKE:
        return "alike"
    if found.containment >= CONTAINED and found.length_ratio >= MIN_RATIO:
        return "contained"
    if one.source != other.source and _is_same_day(found):
        edited = found.jaccard >= EDITED and found.containment >= EDITED_CONTAINED
        return "edited" if edited else None
    return None


def _alike_though_short(one: Text, other: Text, found: Likeness) -> str | None:
    if one.words and list(one.words) == list(other.words) and list(one.title) == list(other.title):
        return "same words"
    if found.shared < SHORT_SHARED or found.containment < SHORT_CONTAINED:
        return None
    return "short" if title_likeness(one.title, other.title) >= SHORT_TITLE else None


def _difference(one: Text, other: Text, found: Likeness, rule: str) -> str | None:
    """What tells them apart, though they are much alike."""
    same_source = one.source == other.source
    if same_source and not _is_same_day(found):
        return "another day of one source"
    titled = not is_opening(one.title, one.words) and not is_opening(other.title, other.words)
    if (titled or same_source) and named_apart(one.title, one.words, other.title, other.words):
        return "other names"
    if rule == "short" and other_figures(one.words, other.words, kept=1):
        return "other figures"
    if (same_source or rule == "edited" or not _is_same_day(found)) and other_figures(one.words, other.words):
        return "other figures"
    if same_source and not _is_own_copy(one, other, found):
        return "another title of one source"
    return None


def _is_same_day(found: Likeness) -> bool:
    return found.hours <= SAME_DAY / timedelta(hours=1)


def _is_own_copy(one: Text, other: Text, found: Likeness) -> bool:
    return (
        found.jaccard >= OWN_ALIKE
        or found.containment >= OWN_CONTAINED
        or title_likeness(one.title, other.title) >= OWN_TITLE
    )
