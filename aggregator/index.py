"""Which topics can an article belong to at all? Pure.

Of most rules one can tell from a few terms, see `case`, that they do not hold. A topic's *clauses* are sets of terms of
which the article must have one each; the topic is looked up by the terms of one clause, and judged only where the
others are met, too. So what a thousand topics cost depends on how many of them an article comes near to.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from aggregator.case import Case, Place, terms
from aggregator.config.topics import Group, Topic
from aggregator.expressions import Expression, Expressions
from aggregator.topics import leaves, parts

MOST_CLAUSES = 12  # of one rule: more tell hardly more
MOST_TERMS = 5_000  # of one clause

Clause = frozenset[str]


class Index:
    """The topics of a configuration, by what they need."""

    def __init__(self, topics: Mapping[str, Topic]) -> None:
        self._order = {slug: number for number, slug in enumerate(topics)}
        self._clauses = {slug: clauses(topic) for slug, topic in topics.items()}
        self._by_term: dict[str, list[str]] = defaultdict(list)
        self._always = [slug for slug, needed in self._clauses.items() if not needed]
        for slug, needed in self._clauses.items():
            for term in needed[0] if needed else ():
                self._by_term[term].append(slug)
        self._patterns = _Patterns(topics.values())

    def candidates(self, case: Case) -> list[str]:
        """The topics that may hold, in the order of the configuration; no topic that holds is missing."""
        found = {*terms(case), *self._patterns.terms(case)}
        near = {slug for term in found if term in self._by_term for slug in self._by_term[term]}
        met = (slug for slug in near if not any(clause.isdisjoint(found) for clause in self._clauses[slug][1:]))
        return sorted({*self._always, *met}, key=self._order.__getitem__)


def clauses(rule: object) -> tuple[Clause, ...]:
    """What must be there for a rule to hold, the most telling first; nothing where that is not known."""
    if isinstance(rule, Group):
        needed = [clause for part in parts(rule, "all") for clause in clauses(part)]
        needed += _of_any([clauses(part) for part in parts(rule, "any")])
        return _best(needed)
    return next((leaf.needs for leaf in leaves(rule)), ())


def _of_any(alternatives: list[tuple[Clause, ...]]) -> list[Clause]:
    """(a and b) or (c and d) needs (a or c), (a or d), (b or c), (b or d); of many alternatives, the first of each."""
    if not alternatives or not all(alternatives):
        return []
    if len(alternatives) > 2:
        alternatives = [needed[:1] for needed in alternatives]
    return [frozenset().union(*choice) for choice in product(*alternatives)]


def _best(needed: Iterable[Clause]) -> tuple[Clause, ...]:
    small = {clause for clause in needed if len(clause) <= MOST_TERMS}
    return tuple(sorted(small, key=lambda clause: (len(clause), _commonness(clause), sorted(clause)))[:MOST_CLAUSES])


def _commonness(clause: Clause) -> int:
    """A rank by which phrases and main subjects come before what many articles have."""
    kinds = ("phrase", "regex", "score 40", "label", "score 25", "score 15")
    ranks = ([number for number, kind in enumerate(kinds) if term.startswith(kind)] for term in clause)
    return max((*found, len(kinds))[0] for found in ranks)


class _Patterns:
    """All regular expressions of all topics: each field is read once."""

    def __init__(self, topics: Iterable[Topic]) -> None:
        by_field: dict[Place, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        expressions: dict[Place, list[Expression]] = defaultdict(list)
        for leaf in {leaf for topic in topics for leaf in leaves(topic)}:
            for term, field, expression in leaf.expressions:
                by_field[field][expression.loose].append(term)
                expressions[field].append(expression)
        self._terms = by_field
        self._expressions = {field: Expressions(found) for field, found in expressions.items()}

    def terms(self, case: Case) -> Iterator[str]:
        """The terms of those that may match."""
        for field, expressions in self._expressions.items():
            for loose in expressions.matches(case.written(field)):
                yield from self._terms[field][loose]
