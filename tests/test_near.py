"""Which texts are copies of one article: reprints are, other news about the same is not."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.near import MIN_WORDS, SAME_DAY, WINDOW, Text, compare, text_of
from aggregator.shingles import MOST_WORDS, SKETCH, SURE_WORDS, may_be_copies, shingles, sketch
from aggregator.words import folds, words

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

ENGLISH = (
    "The harbour of Vellmar was closed on Tuesday after a freighter loaded with grain ran into the northern pier.",
    "Nobody was hurt, but some four hundred tonnes of wheat were lost and oil spread over the inner basin.",
    "Divers are to look at the hull before tugs pull the ship free, the port authority said in a statement.",
    "Captain Ilona Brandt told a local radio station that the engine had failed to answer for several minutes.",
    "Fishermen complained that the authority had been warned about the currents at the pier more than once.",
    "The town's mayor promised an inquiry and asked the ministry of transport to pay for a new breakwater.",
    "Ferries to the islands will leave from the old quay until the end of the week, a spokesman added.",
    "Two years ago a tanker was damaged in the same place, and the court has not yet decided who must pay.",
)
RUSSIAN = (
    "Порт Вельмара закрыли во вторник после того, как судно с зерном врезалось в северный причал.",
    "Никто не пострадал, однако около четырёхсот тонн пшеницы пропало, и нефть разлилась по внутренней гавани.",
    "Водолазы осмотрят корпус, прежде чем буксиры снимут судно с мели, сообщила администрация порта.",
    "Капитан рассказала местному радио, что двигатель несколько минут не отвечал на команды с мостика.",
    "Рыбаки жаловались, что администрацию не раз предупреждали об опасных течениях у этого причала.",
    "Мэр города пообещал провести расследование и попросил министерство оплатить новый волнорез.",
)
CHINESE = (
    "一艘满载粮食的货船周二撞上北码头后，维尔马港宣布临时关闭。",
    "事故没有造成人员伤亡，但约四百吨小麦落入海中，油污在内港扩散。",
    "港务局在声明中表示，潜水员将先检查船体，然后由拖轮把船拖离现场。",
    "船长对当地电台说，发动机有几分钟完全没有反应。渔民抱怨说，有关部门早已收到警告。",
    "市长承诺进行调查，并请求交通部出资修建新的防波堤。渡轮本周将改从旧码头出发。",
)
LANGUAGES = [
    pytest.param(ENGLISH, id="English"),
    pytest.param(RUSSIAN, id="Russian"),
    pytest.param(CHINESE, id="Chinese"),
]
TAIL = "Read more of our stories about the coast. Sign up for the newsletter, and follow us wherever you like to read."


def article(text: Iterable[str], title: str = "Freighter rams pier", source: str = "a", **late: float) -> Text:
    return text_of(source, NOW + timedelta(**late), title, "\n\n".join(text))


def copies(one: Text, other: Text) -> bool:
    return compare(one, other).is_copy


@pytest.mark.parametrize("text", LANGUAGES)
def test_a_reprint_is_a_copy(text: tuple[str, ...]) -> None:
    whole = article(text)
    cases = {
        "as it is": text,
        "with a tail": (*text, TAIL),
        "in another order": text[::-1],
        "without its first paragraph": text[1:],
        "half of it": text[: len(text) // 2],
        "in capitals": [line.upper() for line in text],
        "with other quotes": [f"„{line}“ —" for line in text],
    }
    reprints = {name: article(lines, "Something else", source="b", hours=5) for name, lines in cases.items()}
    assert [name for name, reprint in reprints.items() if not copies(whole, reprint)] == []
    missed = [
        name
        for name, one in reprints.items()
        if not may_be_copies(shared(whole, one), len(whole.words), len(one.words))
    ]
    assert missed == []


def shared(one: Text, other: Text) -> int:
    return len({*sketch(one.shingles)} & {*sketch(other.shingles)})


def test_an_editor_may_change_every_tenth_word() -> None:
    lines = " ".join(ENGLISH).split()
    lines[9::10] = [f"other{number}" for number in range(len(lines[9::10]))]
    assert compare(article(ENGLISH), article([" ".join(lines)], source="b")).rule in ("alike", "contained", "edited")


@pytest.mark.parametrize(
    ("source", "hours", "expected"),
    [
        pytest.param("b", 1, "edited", id="another source"),
        pytest.param("b", 26, "little in common", id="on another day"),
        pytest.param("a", 1, "little in common", id="one source"),
    ],
)
def test_what_is_edited_throughout_is_a_copy_where_nothing_speaks_against_it(
    source: str, hours: int, expected: str
) -> None:
    lines = " ".join(ENGLISH).split()
    lines[3::9] = [f"other{number}" for number in range(len(lines[3::9]))]
    found = compare(article(ENGLISH), article([" ".join(lines)], source=source, hours=hours))
    assert found.jaccard == pytest.approx(0.49, abs=0.005)
    assert found.rule == expected


@pytest.mark.parametrize("text", LANGUAGES)
def test_quotations_make_no_copy(text: tuple[str, ...]) -> None:
    own = {
        ENGLISH: "Our reporter spoke with people at the quay who had seen nothing of it, and a letter from a reader said",
        RUSSIAN: "Наш корреспондент поговорил с жителями набережной, которые ничего не видели, и читатель написал нам письмо",
        CHINESE: "本报记者采访了码头附近几位什么都没有看见的居民，另有一位读者来信表示，希望大家今后更加重视海上航行安全问题",
    }[text]
    assert not copies(article(text), article([own, text[1], own[::-1], own.upper()[::-1]], source="b"))


@pytest.mark.parametrize(
    ("late", "source", "expected"),
    [
        pytest.param(WINDOW, "b", True, id="another source, three days"),
        pytest.param(WINDOW + timedelta(seconds=1), "b", False, id="another source, later"),
        pytest.param(SAME_DAY, "a", True, id="one source, the same day"),
        pytest.param(SAME_DAY + timedelta(seconds=1), "a", False, id="one source, another day"),
    ],
)
def test_time_limits(late: timedelta, source: str, expected: bool) -> None:
    edited = article([*ENGLISH, "A word was added."], source=source, seconds=late.total_seconds())
    assert copies(article(ENGLISH), edited) is expected


def test_the_same_words_again_on_another_day_are_no_news() -> None:
    assert compare(article(ENGLISH), article(ENGLISH, "Another title", days=2)).rule == "same words"


@pytest.mark.parametrize(
    ("other", "title", "expected"),
    [
        pytest.param("The museum opens at nine on all days of the week.", "Museum", True, id="the same"),
        pytest.param("The museum opens at nine on all days of the week.", "Archive", False, id="another title"),
        pytest.param("The museum opens at nine on all days of the week. More", "Museum", True, id="a word more"),
        pytest.param("The museum opens at ten on most days of the year.", "Museum", False, id="other words"),
    ],
)
def test_short_texts_need_their_titles(other: str, title: str, expected: bool) -> None:
    one = article(["The museum opens at nine on all days of the week."], "Museum")
    assert len(one.words) < MIN_WORDS
    assert copies(one, article([other], title, source="b")) is expected


def test_short_texts_with_other_figures_are_two() -> None:
    draw = "The draw of Saturday was held in the town hall, where the jackpot went to a player of the town. Numbers: {}"
    one, other = (article([draw.format(numbers)], "The numbers", source=numbers) for numbers in ("3 7 19", "4 8 20"))
    assert compare(one, other).rule == "other figures"


def test_a_summary_is_a_copy_of_its_article() -> None:
    assert compare(article(ENGLISH), article([ENGLISH[0]], source="b")).rule == "short"


def test_empty_texts_are_nobodys_copies() -> None:
    assert not copies(article([""]), article([""]))
    assert not copies(article(["—"], ""), article(["…"], "", source="b"))


def test_likeness_says_what_was_measured() -> None:
    found = compare(article(ENGLISH), article(ENGLISH[:4], source="b", hours=3))
    assert (found.rule, found.containment, found.hours) == ("contained", 1.0, 3.0)
    assert found.jaccard == pytest.approx(found.length_ratio)
    assert found.shared == len(article(ENGLISH[:4]).shingles)


lines = st.lists(st.sampled_from(ENGLISH + RUSSIAN + CHINESE), max_size=6)
texts = st.builds(article, lines, st.sampled_from(ENGLISH), st.sampled_from("abc"), hours=st.integers(0, 90))


@given(texts, texts)
def test_it_does_not_matter_which_is_which(one: Text, other: Text) -> None:
    assert compare(one, other) == compare(other, one)


@given(texts)
def test_an_article_is_a_copy_of_itself(one: Text) -> None:
    assert copies(one, one) is bool(one.words)


@given(st.text(max_size=200))
def test_case_and_quotes_change_no_shingle(text: str) -> None:
    changed = f"“{text.replace(' ', '  ')}”".swapcase()
    if folds(words(text)) == folds(words(changed)):
        assert text_of("a", NOW, "", text) == text_of("a", NOW, "", changed)


@given(st.lists(st.integers(0, 10**6), min_size=200, max_size=600, unique=True), st.integers(0, 3))
def test_a_quarter_of_a_text_has_its_sketch(numbers: list[int], quarter: int) -> None:
    text = [f"word{number}" for number in numbers]
    part = text[quarter * len(text) // 4 :][: len(text) // 4 + 2]
    whole, cut = sketch(shingles(text)), sketch(shingles(part))
    assert len(whole) == len(cut) == SKETCH
    assert {*whole} & {*sketch(shingles(part))} == {number for number in whole if number + 2**31 in shingles(part)}


def test_a_sketch_is_the_same_in_every_process_and_fits_an_integer() -> None:
    found = sketch(shingles("the harbour was closed".split()))
    assert found == (374764414, 1697217294)
    many = sketch(shingles([str(number) for number in range(5000)]))
    assert many == tuple(sorted(many))
    assert -(2**31) <= min(many) <= max(many) < 2**31


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("one two", 0, id="too little"),
        pytest.param("one two three four", 2, id="words"),
        pytest.param("一二三四五六", 2, id="characters"),
        pytest.param("the year 二〇二六年 was good", 5, id="both"),
    ],
)
def test_number_of_shingles(text: str, expected: int) -> None:
    assert len(shingles(words(text))) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(["word"] * 200_000, id="one word again and again"),
        pytest.param([f"word{number}" for number in range(100_000)], id="many words"),
        pytest.param(list("中國人民") * 50_000, id="characters"),
        pytest.param(["x" * 1_000_000, *"abcdef"], id="an endless word"),
        pytest.param(["\ud800"] * 10, id="half a character"),
    ],
)
def test_hostile_texts_are_bounded(text: list[str]) -> None:
    found = shingles(text)
    assert len(found) <= MOST_WORDS
    one = Text("a", NOW, text, text, found)
    assert copies(one, replace(one, source="b")) is True


@given(st.integers(SURE_WORDS, 3000), st.floats(0.15, 1), st.integers(0, 99))
def test_what_is_contained_is_worth_comparing(length: int, ratio: float, seed: int) -> None:
    """Three quarters of the shorter text are in the longer one, as of the least alike copies."""
    part = round(length * ratio)
    theirs = [f"word{number}" for number in range(length)]
    own = [f"own{seed}-{number}" for number in range(part // 4)]
    mine = theirs[: part - len(own)] + own
    shared = len({*sketch(shingles(mine))} & {*sketch(shingles(theirs))})
    assert may_be_copies(shared, len(mine), len(theirs)) or ratio < 0.3  # there even two numbers may be missing


def test_what_shares_but_formulas_is_not_worth_comparing() -> None:
    assert not may_be_copies(5, 500, 500)
    assert may_be_copies(5, 500, 250)
    assert may_be_copies(2, 500, SURE_WORDS - 1)
    assert not may_be_copies(1, 40, 40)
