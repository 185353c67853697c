"""Articles about one event are found though their words differ; neighbours in subject are not."""

import math
from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.related import MAX_TERM, TERMS, WINDOW, are_related, frequencies, heaviest, likeness
from aggregator.words import folds, words

NOW = timedelta(0)

# Two reports of each of three events in each language, and what a desk writes else.
ENGLISH = {
    "harbour 1": "Freighter rams pier in Vellmar. The harbour was closed after a freighter loaded with wheat hit the pier.",
    "harbour 2": "Oil in the harbour. Divers examined the freighter that had struck the Vellmar pier and lost its wheat.",
    "court 1": "Court frees Brandt. Judges in Olden said that the evidence against the banker Brandt was not enough.",
    "court 2": "Banker acquitted. After nine days in Olden, Brandt left the court free; the evidence had been too thin.",
    "storm 1": "Storm Ada reaches Tarvis. Roofs were torn off in Tarvis as the storm named Ada came in from the sea.",
    "storm 2": "Tarvis without power. Half of the homes in Tarvis were dark on Sunday, and Ada took roofs from schools.",
}
RUSSIAN = {
    "harbour 1": "Судно врезалось в причал Вельмара. Порт закрыли, когда судно с пшеницей врезалось в причал.",
    "harbour 2": "Нефть в гавани Вельмара. Водолазы осмотрели причал и судно, которое потеряло груз с пшеницей.",
    "court 1": "Брандта оправдали. Судьи в Ольдене заявили, что улики против банкира Брандта слишком слабые.",
    "court 2": "Банкир на свободе. Банкира Брандта отпустили: улики, собранные в Ольдене, суд не убедили.",
}
CHINESE = {
    "harbour 1": "货船撞上维尔马码头。载有小麦的货船周二撞上维尔马北码头，维尔马港关闭，部分小麦落海，货船无人受伤。",
    "harbour 2": "维尔马港出现油污。潜水员检查了撞上码头的货船，船上的小麦已经落海，维尔马渔民要求货船的船东赔偿。",
    "court 1": "法院释放勃兰特。奥尔登的法官表示，针对银行家勃兰特的证据不足，勃兰特当天离开奥尔登。",
    "court 2": "银行家获释。银行家勃兰特在奥尔登受审九天后走出法庭，奥尔登的法官认为勃兰特一案证据太弱。",
}
OTHERS = [
    "The council said that it was going to look at the budget again, after some of its members had asked for it.",
    "A new library was opened on Tuesday, and people came from all over the town to see it for themselves.",
    "The team lost at home, which was not what the coach had hoped for, but he said they were going to be back.",
    "Совет сообщил, что на следующей неделе вернётся к бюджету, после того как об этом попросили его члены.",
    "市议会表示，在部分成员提出要求之后，将在下周再次讨论预算问题。新图书馆周二开放，市民前来参观。",
]


def known(texts: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """The heaviest terms of each of the texts, whose first sentence is the title."""
    corpus = [folds(words(text)) for text in [*ENGLISH.values(), *RUSSIAN.values(), *CHINESE.values(), *OTHERS]]
    counts = frequencies(corpus)
    parts = {name: text.replace("。", ". ", 1).split(". ", 1) for name, text in texts.items()}
    return {
        name: heaviest(folds(words(title)), folds(words(body)), counts, len(corpus))
        for name, (title, body) in parts.items()
    }


@pytest.mark.parametrize(
    "texts",
    [pytest.param(ENGLISH, id="English"), pytest.param(RUSSIAN, id="Russian"), pytest.param(CHINESE, id="Chinese")],
)
def test_two_reports_of_one_event_are_related_and_no_others(texts: Mapping[str, str]) -> None:
    found = known(texts)
    related = {(one, other) for one in found for other in found if are_related(found[one], found[other], NOW)}
    assert related == {(one, other) for one in found for other in found if one.split()[0] == other.split()[0]}


@pytest.mark.parametrize(
    ("apart", "expected"), [(WINDOW, True), (-WINDOW, True), (WINDOW + timedelta(seconds=1), False)]
)
def test_old_news_is_not_related(apart: timedelta, expected: bool) -> None:
    one = known(ENGLISH)["storm 1"]
    assert are_related(one, one, apart) is expected


def test_one_name_makes_no_event() -> None:
    one, other = {"ada": 0.9, "roofs": 0.3, "sea": 0.3}, {"ada": 0.9, "prize": 0.3, "novel": 0.3}
    assert likeness(one, other) > 0.5
    assert not are_related(one, other, NOW)


def test_what_all_articles_say_weighs_nothing() -> None:
    counts = frequencies([["the", "storm"], ["the", "court"]])
    assert counts == {"the": 2, "storm": 1, "court": 1}
    assert heaviest([], ["the", "storm"], counts, 2) == {"storm": 1.0}
    assert heaviest(["the"], ["the"], counts, 2) == {}
    assert heaviest([], [], {}, 0) == {}


def test_the_title_counts_more() -> None:
    found = heaviest(["storm"], ["storm", "rain"], {}, 10)
    assert found["storm"] > found["rain"]


vocabulary = st.sampled_from("harbour pier wheat freighter court banker storm roofs the of 中 国 港 口".split())
vectors = st.builds(heaviest, st.lists(vocabulary), st.lists(vocabulary), st.just({"the": 9, "of": 8}), st.just(10))


@given(vectors, vectors)
def test_likeness_is_a_cosine(one: dict[str, float], other: dict[str, float]) -> None:
    assert math.isclose(likeness(one, other), likeness(other, one))
    assert 0 <= likeness(one, other) <= 1 + 1e-9
    assert not one or math.isclose(likeness(one, one), 1)
    assert are_related(one, other, NOW) is are_related(other, one, NOW)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(["word"] * 200_000, id="one word again and again"),
        pytest.param([f"word{number}" for number in range(100_000)], id="many words"),
        pytest.param(["x" * 1_000_000] * 3, id="endless words"),
        pytest.param(list("中國人民") * 50_000, id="characters"),
    ],
)
def test_hostile_texts_are_bounded(text: list[str]) -> None:
    counts = frequencies([text])
    assert all(len(term) <= MAX_TERM for term in counts)
    found = heaviest(text, text, counts, 100)
    assert len(found) <= TERMS
    assert all(len(term) <= MAX_TERM for term in found)
