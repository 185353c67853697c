"""Do two articles tell of the same event in words of their own? Pure.

Each article is known by its heaviest terms: those that it uses often and others seldom (TF-IDF; Salton and Buckley,
Term-weighting approaches in automatic text retrieval, 1988). Two articles are related if these agree and the articles
come within three days. Related articles may be shown together; they are never copies.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from heapq import nsmallest
from math import hypot, log

from aggregator.shingles import terms

WINDOW = timedelta(hours=72)
# Thresholds as measured, docs/quality.md
TERMS = 24  # of an article: more tell hardly more
LIKENESS = 0.20  # of two lists of terms
MIN_SHARED = 3  # terms: one name alone makes no event
TITLE_WEIGHT = 2  # times more that a term of the title counts
MOST_WORDS = 20_000  # of a text
MAX_TERM = 40  # characters: what is longer is no word


def frequencies(articles: Iterable[Sequence[str]]) -> Counter[str]:
    """In how many articles each term comes; from the folded words of each article, its title and text together."""
    counts: Counter[str] = Counter()
    for words in articles:
        counts.update({term for term in terms(words[:MOST_WORDS]) if 1 < len(term) <= MAX_TERM})
    return counts


def heaviest(
    title: Sequence[str], text: Sequence[str], frequencies: Mapping[str, int], articles: int
) -> dict[str, float]:
    """An article's heaviest terms, at most `TERMS`, with their weights, of which the squares sum up to 1.

    All words are folded. `frequencies` says in how many of so many `articles` of its language a term comes; one that is
    not there counts as rare. Of equal weights those win that come first. What comes in all of them weighs nothing.
    """
    counts = Counter(dict.fromkeys(terms(title), 0))  # first, and so before others of the same weight
    counts.update(terms(text[:MOST_WORDS]))
    counts.update(terms(title) * TITLE_WEIGHT)
    weights = {
        term: (1 + log(count)) * log(articles / frequencies.get(term, 1))
        for term, count in counts.items()
        if 1 < len(term) <= MAX_TERM and frequencies.get(term, 1) < articles
    }
    chosen = nsmallest(TERMS, weights.items(), key=lambda pair: -pair[1])
    length = hypot(*(weight for _, weight in chosen))
    return {term: weight / length for term, weight in chosen}


def likeness(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """0–1: the cosine between the heaviest terms of two articles."""
    return sum(weight * other.get(term, 0.0) for term, weight in one.items())


def are_related(one: Mapping[str, float], other: Mapping[str, float], apart: timedelta) -> bool:
    """Whether two articles, known by their heaviest terms, that come so far `apart` tell of the same event."""
    return abs(apart) <= WINDOW and len(one.keys() & other.keys()) >= MIN_SHARED and likeness(one, other) >= LIKENESS
