"""A first draft of a topic from articles that belong to it: the concepts that they are about, else words they share.

A draft is a place to begin, not an answer: it says of each rule what it was made from, and it holds for its examples.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import yaml

from aggregator.config.topics import ABOUT, Topic
from aggregator.gaps import parts
from aggregator.judge import Judge
from aggregator.models import Article
from aggregator.words import UNSPACED, folds, words

MOST_COMMON = 2  # concepts under `all`: with each more, fewer articles fit
MOST_OTHERS = 5  # rules under `any`
SHORTEST = 4  # letters of a word that can be a phrase's first or last
LONGEST_PHRASE = 3  # words
CHARACTERS = (2, 4)  # of a phrase in a script that makes each a word
ENOUGH = 50  # stored texts: fewer do not tell which words are in everything
COMMON = 5  # a word that one in so many stored texts has tells nothing

_CHARACTER = re.compile(f"[{UNSPACED}]")


@dataclass(frozen=True, slots=True)
class Draft:
    """Rules, each with what it was made from."""

    all: tuple[tuple[str, str], ...]  # concept, remark
    any: tuple[tuple[str, str], ...]  # concepts
    phrases: tuple[tuple[str, str], ...]  # under `any`


def draft(articles: Sequence[Article], judge: Judge, others: Sequence[str] = ()) -> Draft:
    """What a topic of these articles could be. They are one at least. `others`: texts of all kinds, to tell common
    words."""
    about: dict[str, list[int]] = {}
    for article in articles:
        for tag in judge.explain(article, (), shows=False).all_tags:
            if tag.score >= ABOUT and tag.concept in judge.vocabulary.concepts:
                about.setdefault(tag.concept, []).append(tag.score)
    ranked = sorted(about, key=lambda concept: (-len(about[concept]), -sum(about[concept]), concept))
    common = [concept for concept in ranked if len(about[concept]) == len(articles)][:MOST_COMMON]
    told = {concept: _scores(about[concept], len(articles)) for concept in ranked}
    if common:
        return Draft(tuple((concept, told[concept]) for concept in common), (), ())
    often = [concept for concept in ranked if 2 * len(about[concept]) > len(articles)][:MOST_OTHERS]
    return Draft(
        (),
        tuple((concept, told[concept]) for concept in often),
        tuple(_phrases(articles, _common(others))[:MOST_OTHERS]),
    )


def topic(title: str, found: Draft) -> Topic | None:
    """The draft as a topic, to be tried; None where nothing was found."""
    phrases = [{"phrase": phrase} for phrase, _ in found.phrases]
    rules = {"all": [concept for concept, _ in found.all], "any": [*(concept for concept, _ in found.any), *phrases]}
    if not any(rules.values()):
        return None
    return Topic.model_validate({"title": title, **rules})


def _scores(scores: list[int], articles: int) -> str:
    lowest, highest = min(scores), max(scores)
    told = f"{lowest}" if lowest == highest else f"{lowest} to {highest}"
    return f"about {len(scores)} of {articles}, with {told}"


def _common(texts: Sequence[str]) -> frozenset[str]:
    """Words that are in so many texts that no topic is known by them."""
    found = Counter(word for text in texts for word in set(folds(words(text))))
    return frozenset(word for word, count in found.items() if COMMON * count >= len(texts) >= ENOUGH)


def _phrases(articles: Sequence[Article], common: frozenset[str]) -> list[tuple[str, str]]:
    """Phrases in titles, and in most of the texts: the longest first."""
    texts = [f" {' '.join(folds(words(f'{article.title} {article.text}')))} " for article in articles]
    candidates = dict.fromkeys(phrase for article in articles for phrase in _in_title(article.title, common))
    shared = Counter({phrase: sum(f" {phrase} " in text for text in texts) for phrase in candidates})
    wanted = [phrase for phrase in candidates if 2 * shared[phrase] > len(articles)]
    wanted.sort(key=lambda phrase: (-shared[phrase], -phrase.count(" "), phrase))
    chosen: list[str] = []
    for phrase in wanted:
        if not any(f" {phrase} " in f" {longer} " for longer in chosen if shared[longer] == shared[phrase]):
            chosen.append(phrase)
    return [(_closed(phrase), f"in {shared[phrase]} of {len(articles)}") for phrase in chosen]


def _in_title(title: str, common: frozenset[str]) -> Iterator[str]:
    for _, part in parts(title):
        written = folds(part)
        for length in range(max(LONGEST_PHRASE, CHARACTERS[1]), 0, -1):
            for start in range(len(written) - length + 1):
                phrase = written[start : start + length]
                if _can_be(phrase) and not {phrase[0], phrase[-1]} & common:
                    yield " ".join(phrase)


def _can_be(phrase: Sequence[str]) -> bool:
    if all(map(_CHARACTER.fullmatch, phrase)):
        return CHARACTERS[0] <= len(phrase) <= CHARACTERS[1]
    return len(phrase) <= LONGEST_PHRASE and min(len(phrase[0]), len(phrase[-1])) >= SHORTEST


def _closed(phrase: str) -> str:
    """As people write it: characters that are words have no spaces between them."""
    return phrase.replace(" ", "") if all(map(_CHARACTER.fullmatch, phrase.split())) else phrase


def text(name: str, title: str, found: Draft, files: Iterable[str]) -> str:
    """The draft as topics.yaml has it, ready to be pasted under `topics:`."""
    lines = [f"  {name}:", f"    title: {_scalar(title)}"]
    for quantifier, rules in (("all", found.all), ("any", (*found.any, *_as_rules(found.phrases)))):
        if rules:
            lines.append(f"    {quantifier}:")
            width = max(len(rule) for rule, _ in rules)
            lines += [f"      - {rule:{width}}  # {remark}" for rule, remark in rules]
    lines += ["    examples:", "      match:", *(f"        - {_scalar(file)}" for file in files)]
    lines += ["      reject: []  # articles that come near, and must not be in it"]
    return "\n".join(lines) + "\n"


def _as_rules(phrases: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for phrase, remark in phrases:
        yield f"{{phrase: {_scalar(phrase)}}}", remark


def _scalar(value: str) -> str:
    dumped: str = yaml.safe_dump(value, allow_unicode=True, width=1 << 30, default_flow_style=True)
    return dumped.removesuffix("\n").removesuffix("\n...")
