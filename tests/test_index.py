"""The index never leaves out a topic that holds, and leaves out nearly all that do not."""

from datetime import UTC, datetime
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator import tagging, topics
from aggregator.case import Case
from aggregator.config import Concept
from aggregator.config.references import resolved
from aggregator.config.topics import Topic, schema
from aggregator.features import Vocabulary
from aggregator.index import Index, clauses
from aggregator.models import Article, Category

NAMES = ["alpha", "beta", "gamma", "delta", "中国"]
WORDS = [
    *NAMES,
    "one",
    "two",
    "three",
    "four",
    "Élan",
    "E\u0301lan",
    "l'Élan",
    "O’Hara",
    "ёлка",
    "中国国内",
    "국제형사",
    "ﬁn",
]
SIGNS = ["\u0301", "中、", "—", "o.n.e", "50%20", "'"]  # in articles only: some are no words
CONCEPTS = {f"thing:{number}": Concept(label=name.title(), aliases=(name,)) for number, name in enumerate(NAMES)}
NOW = datetime(2026, 11, 24, tzinfo=UTC)

FIELDS = ["title", "lede", "text", "author", "url", "category"]
PATTERNS = [r"\bone\b", "ta g", r"(?i)ÉLAN|two", r"^\w+$", "x?"]


def some(dice: Random, most: int, words: list[str] = WORDS) -> list[str]:
    return [dice.choice(words) for _ in range(dice.randint(1, most))]


def leaf(dice: Random) -> Any:
    concept, where = dice.choice([*CONCEPTS]), dice.choice(FIELDS)
    return dice.choice(
        [
            concept,
            {"about": concept, "min": dice.randint(1, 100)},
            {"mentions": concept, "count": dice.randint(1, 3)},
            {"phrase": " ".join(some(dice, 2)), "in": where},
            {"words": some(dice, 3), "in": where},
            {"regex": dice.choice(PATTERNS), "in": where},
            {"near": [concept, {"phrase": dice.choice(WORDS)}], "within": dice.choice(["sentence", "3 words"])},
            {"tag": dice.choice(["Alpha", "category:one-two", "thing:1"])},
            dice.choice([{"language": "en"}, {"source": "s*"}, {"age": {"max": "1d"}}, {"length": {"min": 5}}]),
        ]
    )


def rule(dice: Random, names: tuple[str, ...] = (), depth: int = 0) -> Any:
    if depth and names and dice.random() < 0.1:
        return {"rule": dice.choice(names)}
    if depth and (depth > 3 or dice.random() < 0.5):
        return leaf(dice)
    keys = dice.sample(["all", "any", "none"], dice.randint(1, 3))
    return {key: [rule(dice, names, depth + 1) for _ in range(dice.randint(1, 3))] for key in keys}


def article(dice: Random) -> Article:
    words = [*WORDS, *SIGNS]
    text = dice.choice([". ", "。", "\n\n"]).join(" ".join(some(dice, 6, words)) for _ in range(dice.randint(0, 6)))
    return Article(
        "k", "s", "g", " ".join(some(dice, 4, words)), text, "", "", NOW, link=f"https://a.example/{'-'.join(some(dice, 3, words))}",
        authors=(" ".join(some(dice, 2, words)),), categories=(Category(" ".join(some(dice, 2, words))),), language="en", word_count=9,
    )  # fmt: skip


def case_of(article: Article, checked: dict[str, Topic]) -> Case:
    found = [phrase for topic in checked.values() for leaf in topics.leaves(topic) for phrase in leaf.phrases]
    vocabulary = Vocabulary(CONCEPTS, found)
    features = vocabulary.read(article)
    return Case(features, tagging.tags(features, vocabulary), ("s",))


def made(*written: Any, rules: dict[str, Any] | None = None) -> dict[str, Topic]:
    found = {f"t{n}": {"title": "T", "all": [rule]} for n, rule in enumerate(written)}
    return resolved(schema().validate_python({"rules": rules or {}, "topics": found}))


@settings(max_examples=150, deadline=None)
@given(dice=st.randoms(use_true_random=True))
def test_no_topic_that_holds_is_left_out(dice: Random) -> None:
    rules = {"inner": rule(dice), "outer": rule(dice, ("inner",))}
    checked = made(*(rule(dice, ("inner", "outer")) for _ in range(4)), rules=rules)
    case = case_of(article(dice), checked)
    holding = [slug for slug, topic in checked.items() if topics.judge(topic, case).holds]
    assert set(holding) <= set(Index(checked).candidates(case))


def test_a_topic_is_judged_only_where_all_that_it_needs_is_there() -> None:
    checked = made(
        {"all": ["thing:0", {"phrase": "four"}]},
        {"all": ["thing:0", {"phrase": "one two"}]},
        {"any": [{"phrase": "four"}, {"regex": "Élan"}]},
        {"any": [{"near": ["thing:0", "thing:3"]}, {"tag": "Delta"}]},
        {"none": [{"phrase": "one"}]},
        {"language": "zh"},
    )
    one = Article("k", "s", "g", "alpha", "Here alpha and one two stand.", "", "", NOW, language="en")
    assert Index(checked).candidates(case_of(one, checked)) == ["t1", "t4", "t5"]  # of the last two nothing is known


def test_a_pair_needs_both_and_says_by_how_much() -> None:
    (pair,) = made({"all": ["thing:0", "thing:1"]}).values()
    needed = {
        frozenset({"score 15 thing:0", "score 25 thing:0"}),
        frozenset({"score 15 thing:1", "score 25 thing:1"}),
    }
    assert needed <= set(clauses(pair))


def test_clauses_stay_few_and_small_however_large_the_rule() -> None:
    many = {"any": [{"all": [{"phrase": f"a{n}"}, {"phrase": f"b{n}"}]} for n in range(300)]}
    (topic,) = made({"all": [many, {"words": [f"w{n}" for n in range(50)]}]}).values()
    found = clauses(topic)
    assert 0 < len(found) <= 12
    assert max(map(len, found)) == 1
