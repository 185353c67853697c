"""What each kind of rule asks of an article, and what it says that it saw."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aggregator import registry, tagging
from aggregator.case import Case
from aggregator.config import Concept
from aggregator.config.topics import schema
from aggregator.features import Hit, Vocabulary
from aggregator.leaves._stretches import stretches
from aggregator.models import Article, Category, Verdict
from aggregator.topics import deciding, judge, leaves

CHINA, RUSSIA = "country:china", "country:russia"
CONCEPTS = {
    CHINA: Concept(label="China", aliases=("China", "中国"), guards=("South China Sea",)),
    RUSSIA: Concept(label="Russia", aliases=("Russia", "俄罗斯")),
}
NOW = datetime(2026, 11, 24, tzinfo=UTC)
TEXT = """China builds a pipeline. Russia fills it with gas. The two agreed in May.

A long paragraph stands here about the price of steel and what it does to those who live by it, in all the towns along \
the river and in the hills behind them, where nobody has asked for a pipeline and nobody has been asked, so that talk of \
it goes on until late at night in every kitchen and every bar of the valley, as it has since the first engineers came.

In the end China pays Russia in yuan."""
ARTICLE = Article(
    key="k",
    source="wire.example/feed",
    guid="g",
    title="A line for the gas",
    text=TEXT,
    html="",
    summary="",
    first_seen_at=NOW,
    published_at=NOW - timedelta(days=3),
    link="https://news.example/energy/russia-china-p%C3%A9trole.html",
    authors=("Zoë O’Hara", "Li Wei"),
    categories=(Category("e1", label="Energy policy"), Category("World")),
    language="en",
    word_count=90,
)
SOURCES = ("wire.example/feed", "example wire", "agencies")


def verdict(rule: Mapping[str, Any] | str, article: Article = ARTICLE, *, shows: bool = False) -> Verdict:
    """The answer of one rule, or of none of it under `none`."""
    topic = schema().validate_python({"topics": {"t": {"title": "T", "all": [rule]}}}).topics["t"]
    vocabulary = Vocabulary(CONCEPTS, [phrase for leaf in leaves(topic) for phrase in leaf.phrases])
    features = vocabulary.read(article)
    case = Case(features, tagging.tags(features, vocabulary), SOURCES, shows)
    return judge(topic, case).parts[0].parts[0]


@pytest.mark.parametrize(
    ("rule", "holds", "value"),
    [
        ({"mentions": CHINA}, True, "2 times"),
        ({"mentions": CHINA, "count": 3}, False, "2 times"),
        ({"mentions": CHINA, "in": "title"}, False, "not found"),
        ({"mentions": CHINA, "in": "lede"}, True, "once"),
        ({"phrase": "the gas", "in": "title"}, True, "once"),
        ({"phrase": "Pipeline", "count": 2}, True, "2 times"),
        ({"phrase": "pipeline", "count": 3, "in": "lede"}, False, "2 times"),
        ({"phrase": "zoe o'hara", "in": "author"}, True, "once"),
        ({"phrase": "O’Hara Li", "in": "author"}, False, "not found"),
        ({"phrase": "russia china", "in": "url"}, True, "once"),
        ({"phrase": "petrole", "in": "url"}, True, "once"),
        ({"phrase": "energy policy", "in": "category"}, True, "once"),
        ({"phrase": "policy world", "in": "category"}, False, "not found"),
        ({"words": ["yuan", "gas", "two agreed"]}, True, "3 of 3 found"),
        ({"words": ["gas", "yuan"], "in": "title"}, False, "1 of 2 found, not “yuan”"),
        ({"words": ["wei", "li"], "in": "author"}, True, "2 of 2 found"),
        ({"regex": r"\bpipe\w+"}, True, "“pipeline”"),
        ({"regex": "china"}, False, "no match"),
        ({"regex": "china", "ignore_case": True}, True, "“China”"),
        ({"regex": "^A line"}, True, "“A line”"),
        ({"regex": "^Li Wei$", "in": "author"}, False, "no match"),
        ({"regex": "(?m)^Li Wei$", "in": "author"}, True, "“Li Wei”"),
        ({"regex": r"/energy/", "in": "url"}, True, "“/energy/”"),
        ({"regex": "yuan", "in": "lede"}, False, "no match"),
        ({"near": [CHINA, RUSSIA]}, True, "once"),
        ({"near": [CHINA, RUSSIA], "within": "paragraph", "count": 2}, True, "2 times"),
        ({"near": [CHINA, RUSSIA], "count": 2}, False, "once"),
        ({"near": [CHINA, RUSSIA], "within": "5 words", "count": 2}, True, "2 times"),
        ({"near": [CHINA, RUSSIA], "within": "4 words", "count": 2}, False, "once"),
        ({"near": [CHINA, {"phrase": "yuan"}, RUSSIA]}, True, "once"),
        ({"near": [{"phrase": "line"}, {"phrase": "gas"}]}, True, "once"),
        ({"near": [CHINA, {"phrase": "rouble"}]}, False, "“rouble” is not mentioned"),
        ({"tag": "category:energy-policy"}, True, "25"),
        ({"tag": "energy policy"}, True, "25"),
        ({"tag": "Energy Policy", "min": 26}, False, "25"),
        ({"tag": "sport"}, False, "no such tag"),
        ({"language": "en"}, True, "en"),
        ({"language": ["ru", "zh"]}, False, "en"),
        ({"source": "Example Wire"}, True, "wire.example/feed, example wire, agencies"),
        ({"source": ["other", "agencies"]}, True, "wire.example/feed, example wire, agencies"),
        ({"source": "wire.example/*"}, True, "wire.example/feed, example wire, agencies"),
        ({"source": "wire"}, False, "wire.example/feed, example wire, agencies"),
        ({"age": {"max": "3d"}}, True, "3 days"),
        ({"age": {"max": "2d"}}, False, "3 days"),
        ({"age": {"min": "2d", "max": "1w"}}, True, "3 days"),
        ({"length": {"min": 91}}, False, "90 words"),
        ({"length": {"min": 90, "max": 90}}, True, "90 words"),
    ],
    ids=str,
)
def test_what_a_rule_sees(rule: Mapping[str, Any], holds: bool, value: str) -> None:
    found = verdict(rule)
    assert (found.holds, found.value, found.score) == (holds, value, 100 if holds else 0)


def test_every_kind_of_rule_is_tested_here() -> None:
    tested = {key for mark in test_what_a_rule_sees.pytestmark for rule, *_ in mark.args[1] for key in rule}
    assert set(registry.leaves()) - {"about"} <= tested  # about: in test_topics.py


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"near": [CHINA]}, "near"),
        ({"near": [CHINA, CHINA]}, "twice"),
        ({"near": [CHINA, {"phrase": "a"}, {"phrase": "A"}]}, "twice"),
        ({"near": [CHINA, RUSSIA], "within": "page"}, "write sentence, paragraph"),
        ({"near": [CHINA, RUSSIA], "within": "0 words"}, "write sentence, paragraph"),
        ({"near": [CHINA, RUSSIA], "within": "1000 words"}, "write sentence, paragraph"),
        ({"regex": "a("}, "RE2 cannot read"),
        ({"regex": "x" * 1_001}, "at most 1,000 characters"),
        ({"phrase": "…"}, "no letter and no digit"),
        ({"words": ["gas", "!"]}, "no letter and no digit"),
        ({"age": {}}, "min or max"),
        ({"length": {}}, "min or max"),
        ({"language": []}, "language"),
        ({"words": []}, "words"),
        ({"mentions": CHINA, "in": "author"}, "title"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(rule: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        verdict(rule)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "excerpts"),
    [
        ({"mentions": CHINA}, ("[China] builds a pipeline.", "In the end [China] pays Russia in yuan.")),
        ({"phrase": "the gas"}, ("A line for [the gas]",)),
        ({"near": [CHINA, RUSSIA]}, ("In the end [China pays Russia] in yuan.",)),
        ({"near": [RUSSIA, {"phrase": "in yuan"}], "within": "9 words"}, ("In the end China pays [Russia in yuan].",)),
        ({"words": ["yuan", "line"]}, ("In the end China pays Russia in [yuan].", "A [line] for the gas")),
        ({"regex": r"\byuan\b"}, None),
        ({"phrase": "Li Wei", "in": "author"}, ()),
        ({"phrase": "nothing"}, ()),
    ],
    ids=str,
)
def test_what_was_found_is_shown_in_its_sentence(rule: Mapping[str, Any], excerpts: tuple[str, ...] | None) -> None:
    assert verdict(rule).excerpts == ()
    shown = verdict(rule, shows=True).excerpts
    if excerpts is None:
        (only,) = shown
        assert only.endswith("In the end China pays Russia in [yuan].")
    else:
        assert shown == excerpts


def test_what_is_found_in_chinese_is_shown_in_its_sentence() -> None:
    article = Article("k", "s", "g", "能源", "今天下雨。中国和俄罗斯签署协议。", "", "", NOW, language="zh")
    assert verdict({"near": [CHINA, RUSSIA]}, article, shows=True).excerpts == ("[中国和俄罗斯]签署协议。",)
    assert verdict({"phrase": "签署"}, article, shows=True).excerpts == ("中国和俄罗斯[签署]协议。",)


@pytest.mark.parametrize(
    ("language", "inside", "under_none"), [("en", True, False), ("zh", False, True), (None, True, True)]
)
def test_a_language_that_is_not_known_keeps_no_article_out(
    language: str | None, inside: bool, under_none: bool
) -> None:
    article = Article("k", "s", "g", "T", "text", "", "", NOW, language=language)
    rule = {"language": "en"}
    assert verdict({"any": [rule]}, article).holds is inside
    assert verdict({"none": [rule]}, article).holds is under_none
    assert verdict({"none": [{"all": [{"none": [rule]}]}]}, article).holds is inside


def test_rules_of_all_kinds_stand_in_any_and_none() -> None:
    rule = {"any": [{"none": [{"source": "example*"}]}, {"all": [{"length": {"max": 100}}, {"age": {"max": "1w"}}]}]}
    assert verdict(rule).holds
    assert not verdict({"none": [rule]}).holds


def test_a_score_is_wanted_of_a_whole() -> None:
    china, russia = (verdict({"about": concept, "min": 1}).score for concept in (CHINA, RUSSIA))
    both = {"all": [{"about": CHINA, "min": 1}, {"about": RUSSIA, "min": 1}]}
    assert verdict({**both, "score": min(china, russia)}).holds
    found = verdict({**both, "score": min(china, russia) + 1})
    assert (found.holds, found.score) == (False, 0)
    assert (deciding(found).rule, deciding(found).value) == (
        f"score ≥ {min(china, russia) + 1}",
        f"{min(china, russia)}",
    )


@pytest.mark.parametrize(
    ("places", "most", "expected"),
    [
        ([[0, 10], [3, 11]], 4, [(0, 4), (10, 12)]),
        ([[0, 10], [3, 11]], 3, [(10, 12)]),
        ([[0, 1, 2, 3], [4]], 2, [(3, 5)]),
        ([[0, 2, 4], [1, 3, 5]], 2, [(0, 2), (2, 4), (4, 6)]),
        ([[0, 2, 4], [1, 3, 5]], 1, []),
        ([[0], [5], [2]], 6, [(0, 6)]),
        ([[0, 7], [5], [6]], 3, [(5, 8)]),
        ([list(range(5_000)), [9_999]], 100, []),
        ([[5], []], 10, []),
    ],
)
def test_stretches_are_the_shortest_and_share_no_word(
    places: list[list[int]], most: int, expected: list[tuple[int, int]]
) -> None:
    found = stretches([[Hit(place, place + 1) for place in own] for own in places], most)
    assert [(one.start, one.end) for one in found] == expected


HITS = st.lists(
    st.builds(lambda start, length: Hit(start, start + length), st.integers(0, 14), st.integers(1, 3)), max_size=5
)


@given(per_item=st.lists(HITS, min_size=2, max_size=3), most=st.integers(1, 6))
def test_there_are_as_many_stretches_as_there_can_be(per_item: list[list[Hit]], most: int) -> None:
    per_item = [sorted(set(hits), key=lambda hit: (hit.start, hit.end)) for hits in per_item]
    all_of_them = {
        Hit(min(hit.start for hit in chosen), max(hit.end for hit in chosen)) for chosen in product(*per_item)
    }
    can_be, begin = 0, 0
    for one in sorted(all_of_them, key=lambda one: one.end):
        if one.start >= begin and one.end - one.start <= most:
            can_be, begin = can_be + 1, one.end
    found = list(stretches(per_item, most))
    assert set(found) <= all_of_them
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert all(one.end - one.start <= most for one in found)
    assert len(found) == can_be


@pytest.mark.parametrize("within", ["sentence", "paragraph", "5 words"])
def test_one_name_is_not_two_things(within: str) -> None:
    person = "person:ada"
    concepts = {
        **CONCEPTS,
        person: Concept.model_validate({"label": "Ada", "aliases": ["Ada"], "stands_for": [{"concept": CHINA}]}),
    }

    def holds(text: str, *items: str) -> bool:
        topic = schema().validate_python(
            {"topics": {"t": {"title": "T", "all": [{"near": list(items), "within": within}]}}}
        )
        vocabulary = Vocabulary(concepts)
        features = vocabulary.read(replace(ARTICLE, title="News", text=text))
        return judge(topic.topics["t"], Case(features, tagging.tags(features, vocabulary))).holds

    assert not holds("Ada spoke.", CHINA, person)
    assert holds("Ada spoke in China.", CHINA, person)
    assert holds("Ada spoke in Russia.", CHINA, RUSSIA)


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        pytest.param({"phrase": "Iran", "in": "category"}, True, id="behind an apostrophe"),
        pytest.param({"phrase": "d'Ormesson", "in": "author"}, True, id="with an apostrophe"),
        pytest.param({"words": ["Ормессон", "елка"], "in": "author"}, True, id="letters written for each other"),
        pytest.param({"phrase": "100 20x", "in": "category"}, True, id="percent signs are none of an address"),
        pytest.param({"phrase": "100 x", "in": "category"}, False, id="nor read as such"),
        pytest.param({"phrase": "guerre pétrole", "in": "url"}, True, id="those of an address are"),
        pytest.param({"regex": "尾", "in": "lede"}, False, id="the lede ends within a text without spaces"),
        pytest.param({"regex": "首(文){69}$", "in": "lede"}, True, id="at its last word"),
        pytest.param({"regex": "首.*尾", "in": "text"}, True, id="the text does not"),
    ],
)
def test_fields_beside_the_text_are_compared_as_the_text_is(rule: dict[str, Any], holds: bool) -> None:
    article = replace(
        ARTICLE,
        text=f"首{'文' * 300}尾",
        link="https://a.example/guerre-p%C3%A9trole",
        authors=("Jean d’Ormesson", "Ормессон Ёлка"),
        categories=(Category("Guerre en l'Iran"), Category("100%20x")),
    )
    assert verdict(rule, article).holds is holds


@pytest.mark.parametrize("mark", ["\u0301", "—", "'"])
def test_a_phrase_without_a_letter_is_refused(mark: str) -> None:
    with pytest.raises(ValidationError, match="no letter and no digit"):
        verdict({"phrase": mark, "in": "author"})
