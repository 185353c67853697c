"""Does an article belong to a topic, and why?"""

from datetime import UTC, datetime
from typing import Any

import pytest

from aggregator import tagging
from aggregator.config import Concept
from aggregator.config.topics import SCHEMA, Topic
from aggregator.features import Features, Vocabulary
from aggregator.models import Article, Category, Tag, Verdict
from aggregator.topics import deciding, judge, phrases, reasons

CHINA, RUSSIA = "country:china", "country:russia"
CONCEPTS = {
    CHINA: Concept(label="China", aliases=("China",)),
    RUSSIA: Concept(label="Russia", aliases=("Russia",)),
}
FILLER = "The ministers met again on Monday to talk about the price of gas and the length of the line. " * 4
LONG = (
    f"China said so. China asked.\n\n{FILLER}\n\nRussia said so. Russia asked. Late words.\n\nChina and Russia signed."
)


def topic(rule: dict[str, Any]) -> Topic:
    return SCHEMA.validate_python({"topics": {"t": {"title": "T", **rule}}}).topics["t"]


def read(rule: Topic, text: str, title: str, **fields: Any) -> tuple[Features, dict[str, Tag]]:
    vocabulary = Vocabulary(CONCEPTS, phrases([rule]))
    now = datetime(2026, 11, 24, tzinfo=UTC)
    article = Article(
        key="k", source="s", guid="g", title=title, text=text, html="", summary="", first_seen_at=now, **fields
    )
    features = vocabulary.read(article)
    return features, tagging.tags(features, vocabulary)


def verdict(rule: dict[str, Any], text: str = LONG, title: str = "Talks on the gas line", **fields: Any) -> Verdict:
    checked = topic(rule)
    return judge(checked, *read(checked, text, title, **fields))


NO = {"phrase": "no such words"}
YES = {"phrase": "gas"}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        pytest.param({"all": [CHINA, RUSSIA]}, True, id="pair"),
        pytest.param({"all": [{"about": CHINA, "min": 100}]}, False, id="about, bound too high"),
        pytest.param({"all": [YES, NO]}, False, id="all"),
        pytest.param({"any": [NO, YES]}, True, id="any"),
        pytest.param({"any": [NO, NO]}, False, id="any of nothing"),
        pytest.param({"all": [YES], "none": [YES]}, False, id="none"),
        pytest.param({"all": [YES], "none": [NO]}, True, id="none of nothing"),
        pytest.param({"all": [YES], "any": [NO]}, False, id="all and any must both hold"),
        pytest.param({"any": [{"all": [YES, NO]}, {"all": [YES], "none": [NO]}]}, True, id="nested"),
        pytest.param({"all": [YES], "none": [{"all": [YES, NO]}]}, True, id="nested in none"),
        pytest.param({"all": [{"phrase": "GAS line", "in": "title"}]}, True, id="phrase in the title"),
        pytest.param({"all": [{"phrase": "ministers", "in": "title"}]}, False, id="phrase not in the title"),
        pytest.param({"all": [{"phrase": "China asked", "in": "lede"}]}, True, id="phrase in the lede"),
        pytest.param({"all": [{"phrase": "talks on the", "in": "lede"}]}, True, id="the title is in the lede"),
        pytest.param({"all": [{"phrase": "late words", "in": "lede"}]}, False, id="phrase after the lede"),
        pytest.param({"all": [{"phrase": "late words"}]}, True, id="phrase anywhere"),
    ],
)
def test_rules(rule: dict[str, Any], holds: bool) -> None:
    found = verdict(rule)
    assert found.holds is holds
    assert (found.score > 0) is holds


@pytest.mark.parametrize(
    ("language", "holds"), [("en", True), ("ru", True), (None, True), ("zh", False)], ids=["en", "ru", "unknown", "zh"]
)
def test_language(language: str | None, holds: bool) -> None:
    found = verdict({"all": [YES], "language": ["en", "ru"]}, language=language)
    assert found.holds is holds
    if not holds:
        assert (deciding(found).rule, deciding(found).value, found.score) == ("language en or ru", "zh", 0)


def test_score_of_all_is_the_lowest_and_of_any_the_highest() -> None:
    china = verdict({"all": [CHINA]}).score
    assert 25 <= china < 100
    assert verdict({"all": [CHINA, YES]}).score == china
    assert verdict({"any": [CHINA, YES, NO]}).score == 100


def test_a_rule_that_does_not_hold_lends_no_score() -> None:
    china, russia = (verdict({"all": [concept]}).score for concept in (CHINA, RUSSIA))
    assert russia < china
    assert verdict({"any": [RUSSIA, {"about": CHINA, "min": 100}]}).score == russia


def test_reasons_name_the_rules_that_held() -> None:
    found = reasons(verdict({"any": [CHINA, NO, YES], "none": [NO]}))
    assert len(found) == 2
    assert found[0].startswith("about country:china ≥ 25: ")
    assert found[1] == "phrase “gas” in text: 5 times"
    assert reasons(verdict({"all": [NO]})) == ()


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param({"all": [YES, NO]}, "phrase “no such words” in text", id="the first that failed"),
        pytest.param({"any": [NO, YES]}, "phrase “gas” in text", id="the first that held"),
        pytest.param({"all": [YES], "none": [NO, YES]}, "phrase “gas” in text", id="the exclusion that was found"),
        pytest.param({"all": [{"any": [{"all": [NO]}]}]}, "phrase “no such words” in text", id="nested"),
    ],
)
def test_deciding_rule(rule: dict[str, Any], expected: str) -> None:
    assert deciding(verdict(rule)).rule == expected


@pytest.mark.parametrize(
    ("title", "text", "about"),
    [
        pytest.param("Rail link opens", "Trains from China run daily.", set(), id="a single mention in a short text"),
        pytest.param("China opens rail link", "Trains run daily.", {CHINA}, id="named in the title"),
        pytest.param("China and Russia talk", "They talk.", {CHINA, RUSSIA}, id="a pair in the title"),
        pytest.param("A call", FILLER + " Among them China and Russia. " + FILLER, set(), id="mentioned in passing"),
    ],
)
def test_about_is_more_than_mentioned(title: str, text: str, about: set[str]) -> None:
    _, tags = read(topic({"all": [CHINA]}), text, title)
    assert {tag.concept for tag in tagging.about(tags.values())} == about


def test_a_publishers_category_makes_it_about() -> None:
    found = (Category("China"), Category("x1", label="Foreign policy"), Category("…"))
    _, tags = read(topic({"all": [CHINA]}), FILLER, "A call", categories=found)
    assert {(tag.concept, tag.label, tag.score) for tag in tags.values()} == {
        (CHINA, "China", 25),
        ("category:foreign-policy", "Foreign policy", 25),
    }


@pytest.mark.parametrize(
    ("category", "concepts"),
    [
        ("World/Asia/China", {CHINA, "category:world-asia-china"}),
        ("Country: china, russia", {CHINA, RUSSIA, "category:country-china-russia"}),
        ("CHINA", {CHINA}),
        ("#china", {CHINA}),
        ("China shops", {"category:china-shops"}),
    ],
)
def test_a_category_may_be_a_path_or_a_list(category: str, concepts: set[str]) -> None:
    _, tags = read(topic({"all": [CHINA]}), FILLER, "A call", categories=(Category(category),))
    assert tags.keys() == concepts


@pytest.mark.parametrize(
    ("title", "about"),
    [("China opens a line", {CHINA}), ("CHINA AND RUSSIA", {CHINA, RUSSIA}), ("A line opens", set())],
)
def test_a_title_counts_even_when_it_stands_alone(title: str, about: set[str]) -> None:
    _, tags = read(topic({"all": [CHINA]}), "", title)
    assert tags.keys() == about
    assert all(35 <= tag.score < 100 for tag in tags.values())


def test_a_short_text_is_not_full_of_what_it_names() -> None:
    text = "China and Russia met. China spoke of trade. Russia spoke of gas. Nobody else spoke."
    _, tags = read(topic({"all": [CHINA]}), text, "A call")
    assert [tag.score < 40 for tag in tags.values()] == [True, True]


def test_where_characters_are_words_two_count_as_one() -> None:
    china = Concept(label="China", aliases=("中国",))
    vocabulary = Vocabulary({CHINA: china})
    now = datetime(2026, 11, 24, tzinfo=UTC)
    text = f"部长们星期一再次会晤讨论天然气价格和管道的长度以及其他问题然后中国发言。{'部长们再次会晤。' * 30}"
    article = Article(
        key="k", source="s", guid="g", title="", text=text, html="", summary="", first_seen_at=now, language="zh"
    )
    (tag,) = tagging.tags(vocabulary.read(article), vocabulary).values()
    assert dict(tag.evidence)["lede"] == 15  # the thirtieth character


ADA = Concept.model_validate(
    {"label": "Ada Brook", "aliases": ["Ada Brook"], "stands_for": [{"concept": CHINA, "until": "2026-12-31"}]}
)


def test_what_a_score_owes_to_a_stand_in_is_a_part_of_its_own() -> None:
    vocabulary = Vocabulary({**CONCEPTS, "person:ada-brook": ADA})
    now = datetime(2026, 11, 24, tzinfo=UTC)
    article = Article(
        key="k", source="s", guid="g", title="Ada Brook calls", text=f"China listens. {FILLER}", html="", summary="",
        first_seen_at=now,
    )  # fmt: skip
    tags = tagging.tags(vocabulary.read(article), vocabulary)
    through = dict(tags[CHINA].evidence)["through Ada Brook"]
    assert through >= 35
    assert sum(points for _, points in tags[CHINA].evidence) == tags[CHINA].score
    alone = tagging.tags(Vocabulary(CONCEPTS).read(article), Vocabulary(CONCEPTS))
    assert alone[CHINA].score < tags[CHINA].score


def test_a_category_that_grows_by_folding_fits_the_store() -> None:
    _, tags = read(topic({"all": [CHINA]}), FILLER, "A call", categories=(Category("\ufdfa" * 200),))
    (concept,) = tags
    assert concept.startswith("category:") and len(concept) <= 300


def test_evidence_adds_up() -> None:
    _, tags = read(topic({"all": [CHINA]}), LONG, "China and Russia")
    assert all(tag.score == min(100, sum(points for _, points in tag.evidence)) for tag in tags.values())
    assert list(tags) == [CHINA, RUSSIA]
