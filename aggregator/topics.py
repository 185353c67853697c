"""Does an article belong to a topic, and why? Pure.

`all` holds when every rule in it does, `any` when at least one does, `none` when not one does; a topic or group holds
when each of those it has holds. A bare concept means: about it, by the bound `ABOUT`. The score of `all` is its
lowest, of `any` its highest; a phrase that is found scores 100, a rule that does not hold scores nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from aggregator.config.topics import About, Group, Phrase, Topic
from aggregator.features import Features, Hit, phrase_key
from aggregator.models import Tag, Verdict


def judge(topic: Topic, features: Features, tags: Mapping[str, Tag]) -> Verdict:
    """The topic's answer about an article, with the answer of every rule in it."""
    verdict = _group(topic, features, tags)
    spoken = features.article.language
    if topic.language and spoken and spoken not in topic.language:
        wanted = Verdict(False, f"language {' or '.join(topic.language)}", spoken)
        return Verdict(False, verdict.rule, verdict.value, 0, (*verdict.parts, wanted))
    return verdict


def phrases(topics: Iterable[Topic]) -> Iterator[str]:
    """Every phrase that any of the topics asks for: what a vocabulary must know."""
    for topic in topics:
        yield from _phrases(topic)


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


def _judge(rule: object, features: Features, tags: Mapping[str, Tag]) -> Verdict:
    match rule:
        case str():
            return _about(About(about=rule), tags)
        case About():
            return _about(rule, tags)
        case Phrase():
            return _phrase(rule, features)
        case Group():
            return _group(rule, features, tags)
    raise TypeError(f"not a rule: {rule!r}")


def _group(group: Group, features: Features, tags: Mapping[str, Tag]) -> Verdict:
    quantifiers: tuple[tuple[str, Callable[[Iterable[bool]], bool], Callable[..., int]], ...] = (
        ("all", all, min),
        ("any", any, max),
        ("none", lambda answers: not any(answers), max),
    )
    parts = []
    for name, holds, combine in quantifiers:
        rules = getattr(group, name)
        if rules:
            answers = tuple(_judge(rule, features, tags) for rule in rules)
            held = holds(answer.holds for answer in answers)
            score = combine(answer.score for answer in answers) if held and name != "none" else 0
            parts.append(Verdict(held, name, _count(answers), score, answers))
    held = all(part.holds for part in parts)
    score = min((part.score for part in parts if part.rule != "none"), default=0) if held else 0
    return Verdict(held, "rule", _count(parts), score, tuple(parts))


def _about(rule: About, tags: Mapping[str, Tag]) -> Verdict:
    tag = tags.get(rule.about)
    text = f"about {rule.about} ≥ {rule.min}"
    if tag is None:
        return Verdict(False, text, "not mentioned")
    sum_of = " + ".join(f"{name} {points}" for name, points in tag.evidence)
    holds = tag.score >= rule.min
    return Verdict(holds, text, f"{tag.score} = {sum_of}", tag.score if holds else 0)


def _phrase(rule: Phrase, features: Features) -> Verdict:
    def is_there(hit: Hit) -> bool:
        if rule.where == "title":
            return features.in_title(hit)
        return rule.where == "text" or features.in_title(hit) or features.in_lede(hit)

    count = sum(1 for hit in features.phrases.get(phrase_key(rule.phrase), ()) if is_there(hit))
    return Verdict(count > 0, f"phrase “{rule.phrase}” in {rule.where}", _times(count), 100 if count else 0)


def _phrases(rule: object) -> Iterator[str]:
    match rule:
        case Phrase():
            yield rule.phrase
        case Group():
            for part in (*rule.all, *rule.any, *rule.none):
                yield from _phrases(part)


def _count(answers: Iterable[Verdict]) -> str:
    answers = tuple(answers)
    return f"{sum(answer.holds for answer in answers)} of {len(answers)} hold"


def _times(count: int) -> str:
    return "not found" if not count else "once" if count == 1 else f"{count} times"
