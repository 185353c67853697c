"""People's regular expressions on RE2."""

import pytest

from aggregator import expressions
from aggregator.expressions import MAX_LENGTH, Expressions, expression


@pytest.mark.parametrize(
    ("pattern", "found", "not_found"),
    [
        pytest.param(r"\bété\b", ["l’été dernier", "été"], ["étés", "pété", "Été"], id="edges of words with accents"),
        pytest.param(r"(?i)\bété\b", ["Été"], ["étés"], id="flag"),
        pytest.param(r"\bгаз\b", ["цена на газ.", "газ"], ["газета", "спецгаз"], id="Cyrillic"),
        pytest.param(r"\bgas\b|\boil\b", ["oil", "gas!"], ["boil", "gasp"], id="alternatives"),
        pytest.param(r"\b(gas|oil)\b", ["oil", "gas!"], ["boil", "gasp"], id="a group"),
        pytest.param(r"^\w+$", ["слово", "naïve", "中国"], ["a b", "a-b"], id="words of all scripts"),
        pytest.param(r"a\sb", ["a b", "a\u00a0b", "a\u3000b"], ["ab"], id="spaces of all kinds"),
        pytest.param(r"^[^\w\s]+$", ["…!"], ["é", "\u00a0"], id="in a class that excludes"),
        pytest.param(r"[\w.]+@[\w.]+", ["jané@example.org"], ["@ x"], id="in a class"),
        pytest.param(r"\pL{3}\d", ["abé1"], ["ab1"], id="properties"),
        pytest.param(r"[[:alpha:]]\b", ["x y"], ["1"], id="POSIX class"),
        pytest.param(r"^[{3}]+\{2}$", ["3{2}"], ["3"], id="braces that count nothing"),
    ],
)
def test_words_are_those_of_every_script(pattern: str, found: list[str], not_found: list[str]) -> None:
    checked = expression(pattern)
    together = Expressions([checked])
    assert [text for text in found if not checked.search(text)] == []
    assert [text for text in not_found if checked.search(text)] == []
    assert [text for text in found if checked.loose not in together.matches(text)] == []


def test_case_matters_unless_it_is_to_be_ignored() -> None:
    assert expression("gas").search("GAS") is None
    assert expression("gas", ignore_case=True).search("中国 GAS") == (3, 6)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("a(b", "RE2 cannot read this regex: missing )"),
        ("(?=x)", "no look-around"),
        (r"(a)\1", "no back-references"),
        ("a++", "possessive"),
        (r"foo\bbar", "at the beginning and at the end"),
        (r"(\bfoo)", "at the beginning and at the end"),
        (r"\Bx", "not offered"),
        (r"[\W]", "write [^...]"),
        ("(a{900}){900}", "invalid repetition"),
        ("[ab]{500}[cd]{600}", "counts too far"),
        (r"\p{L}{900}", "counts too far"),
        *((f"(?:.{letter}{{0,900}}){{1}}" * 30, "counts too far") for letter in "xpP"),
        (r"\\\\p{0,900}[ab]{200}", "counts too far"),
        ("x" * (MAX_LENGTH + 1), "at most 1,000 characters"),
        (r"\p{Nothing}", "RE2 cannot read"),
        ("\\", "RE2 cannot read"),
    ],
)
def test_what_is_not_offered_is_refused_with_advice(pattern: str, says: str) -> None:
    with pytest.raises(ValueError) as caught:
        expression(pattern)
    assert says in str(caught.value)


def test_many_are_looked_for_together_and_none_is_missed() -> None:
    many = [expression(rf"\bword{number}\b") for number in range(1_200)]
    found = set(Expressions(many).matches("word7 word700 word1199"))
    assert {many[number].loose for number in (7, 700, 1199)} <= found
    assert len(found) < 20


def test_where_the_memory_for_all_is_not_enough_each_is_looked_for_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expressions, "_MEMORY_TOGETHER", 20_000)
    many = [expression(rf"word{number}[a-z]{{90}}x") for number in range(400)]
    assert set(Expressions(many).matches("nothing")) == {one.loose for one in many}


@pytest.mark.parametrize("text", ["a", "ab" * 20_000])
def test_memory_that_runs_out_while_matching_hides_nothing(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expressions, "_MEMORY_TOGETHER", 1 << 18)
    many = [expression(rf"a.{{{number + 10}}}b.*[ab]{{{number + 1}}}$") for number in range(20)]
    assert {one.loose for one in many if one.search(text)} <= set(Expressions(many).matches(text))


def test_what_no_automaton_can_do_quickly_is_done_in_linear_time() -> None:
    assert expression("(a+)+$").search("a" * 100_000 + "b") is None
    assert expression(r"(?:\w|é)*é!").search("é" * 50_000) is None
