"""Does an article belong to a topic, and why? Pure.

`all` holds when every rule in it does, `any` when at least one does, `none` when not one does; a topic or group holds
when each of those it has holds, and its score is not below the one it wants. The score of `all` is its lowest, of
`any` its highest; what is no matter of degree scores 100, a rule that does not hold scores nothing.

A concept by itself means: about it, by the bound `ABOUT`. Two or more of them in one `all` mean: about each; or each
of them prominent, and every two of them together in several sentences.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import combinations

from aggregator import registry
from aggregator.case import Case
from aggregator.config.topics import QUANTIFIERS, Group, Topic
from aggregator.models import Verdict
from aggregator.registry import Leaf

PROMINENT = 15  # the score from which a concept may belong to a pair that the article is about
TOGETHER = 4  # sentences that name both of such a pair


def judge(topic: Topic, case: Case) -> Verdict:
    """The topic's answer about an article, with the answer of every rule in it."""
    verdict = _group(topic, case)
    if topic.language:
        spoken = _leaf("language", topic.language).judge(case)
        if not spoken.holds:
            return Verdict(False, verdict.rule, verdict.value, 0, (*verdict.parts, spoken))
    return verdict


def leaves(rule: object) -> Iterator[Leaf]:
    """Every rule without rules in it, those included that a concept by itself stands for."""
    if isinstance(rule, Leaf):
        yield rule
    elif isinstance(rule, str):
        yield _leaf("about", rule)
    elif isinstance(rule, Group):
        for name in QUANTIFIERS:
            for part in parts(rule, name):
                yield from leaves(part)


def parts(group: Group, name: str) -> tuple[object, ...]:
    """The rules under all, any or none; a pair of concepts by themselves as the rule that it stands for."""
    rules: tuple[object, ...] = getattr(group, name)
    concepts = tuple(dict.fromkeys(rule for rule in rules if isinstance(rule, str)))
    if name != "all" or len(concepts) < 2:
        return rules
    return (together(concepts), *(rule for rule in rules if not isinstance(rule, str)))


class Together(Group):
    """What several concepts by themselves under one `all` stand for: `any` of two rules."""

    concepts: tuple[str, ...]


@cache
def together(concepts: tuple[str, ...]) -> Together:
    """About each of the concepts; or each prominent, and every two of them together in several sentences."""
    about = Group.model_construct(all=tuple(_leaf("about", concept) for concept in concepts))
    prominent = (_leaf("about", concept, min=PROMINENT) for concept in concepts)
    sentences = (_leaf("near", pair, count=TOGETHER) for pair in combinations(concepts, 2))
    return Together.model_construct(concepts=concepts, any=(about, Group.model_construct(all=(*prominent, *sentences))))


def reasons(verdict: Verdict) -> tuple[str, ...]:
    """Why a verdict holds, in the words of the rules that made it hold."""
    if not verdict.parts:
        return (f"{verdict.rule}: {verdict.value}",) if verdict.holds and verdict.score else ()
    return tuple(dict.fromkeys(reason for part in verdict.parts if part.holds for reason in reasons(part)))


def deciding(verdict: Verdict) -> Verdict:
    """The rule that decided: of a refusal the first that failed, of an acceptance the first that held."""
    for part in verdict.parts:
        if part.holds == (verdict.holds != (verdict.rule == "none")):  # `none` fails by a rule that holds
            return deciding(part)
    return verdict


def _judge(rule: object, case: Case) -> Verdict:
    if isinstance(rule, Together):
        found: Verdict = case.once((id(rule), case.is_negated), lambda: _together(rule, case))
        return found
    if isinstance(rule, Group):
        if rule.rule is not None:
            named: Verdict = case.once((id(rule), case.is_negated), lambda: _group(rule, case))
            return named
        verdict = _group(rule, case)
        return verdict.parts[0] if len(verdict.parts) == 1 else verdict
    if isinstance(rule, str):
        return _leaf("about", rule).judge(case)
    assert isinstance(rule, Leaf)
    return rule.judge(case)


def _together(rule: Together, case: Case) -> Verdict:
    """Both answers are needed only where the first is no."""
    name = " with ".join(rule.concepts)
    about = _judge(rule.any[0], case)
    if about.holds:
        return Verdict(True, name, "about each", about.score, about.parts)
    prominent = _judge(rule.any[1], case)
    if prominent.holds:
        return Verdict(True, name, "each prominent, and together", prominent.score, prominent.parts)
    return Verdict(False, name, "neither about each, nor each prominent and together", 0, (about, prominent))


def _group(group: Group, case: Case) -> Verdict:
    quantifiers: tuple[tuple[str, Callable[[Iterable[bool]], bool], Callable[..., int]], ...] = (
        ("all", all, min),
        ("any", any, max),
        ("none", lambda answers: not any(answers), lambda scores: 100),
    )
    found = []
    for name, holds, combine in quantifiers:
        if rules := parts(group, name):
            beneath = case.negated() if name == "none" else case
            answers = tuple(_judge(rule, beneath) for rule in rules)
            held = holds(answer.holds for answer in answers)
            score = combine(answer.score for answer in answers) if held else 0
            found.append(Verdict(held, name, _count(answers), score, answers))
    held = all(part.holds for part in found)
    score = min((part.score for part in found), default=0) if held else 0
    value = _count(found)
    if group.score and held:
        held = score >= group.score
        found.append(Verdict(held, f"score ≥ {group.score}", f"{score}", 0))
    return Verdict(held, group.rule or "rule", value, score if held else 0, tuple(found))


@cache
def _leaf(kind: str, value: object, **options: int) -> Leaf:
    return registry.leaves()[kind].model_validate({kind: value, **options})


def _count(answers: Iterable[Verdict]) -> str:
    answers = tuple(answers)
    return f"{sum(answer.holds for answer in answers)} of {len(answers)} hold"
