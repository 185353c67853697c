"""What a word is, and when two words are the same."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.words import digest, fold, folded, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("The U.S. and the U.S.A.", ["The", "US", "and", "the", "USA"], id="points inside an acronym"),
        pytest.param("in the U.S.China said", ["in", "the", "US", "China", "said"], id="no space after an acronym"),
        pytest.param("J.K. Rowling’s e.g.", ["JK", "Rowling", "eg"], id="initials"),
        pytest.param("the end.A new day", ["the", "end", "A", "new", "day"], id="a full stop joins nothing"),
        pytest.param("China's Russia’s THE'S", ["China", "Russia", "THE"], id="possessives go"),
        pytest.param("N'Djamena O’Keeffe don't", ["N'Djamena", "O’Keeffe", "don't"], id="inner apostrophes stay"),
        pytest.param("players' 'quoted'", ["players", "quoted"], id="outer apostrophes go"),
        pytest.param("China–Russia G-7 a_b", ["China", "Russia", "G", "7", "a", "b"], id="dashes part words"),
        pytest.param("在中国2026年", ["在", "中", "国", "2026", "年"], id="Han: a character a word"),
        pytest.param("한국 タイ ไทย", list("한국タイไทย"), id="Hangul, kana, Thai"),
        pytest.param("iPhone中国Mac", ["iPhone", "中", "国", "Mac"], id="scripts mixed without spaces"),
        pytest.param("Nach\u00adrichten\u00ad Wort\ufeff", ["Nachrichten", "Wort"], id="soft hyphens"),
        pytest.param("क\u094d\u200dष", ["क\u094dष"], id="a joiner"),
        pytest.param("1,500 2:09", ["1", "500", "2", "09"], id="numbers"),
        pytest.param("— … ‘’ ' . ", [], id="punctuation alone"),
    ],
)
def test_words_of_a_text(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Türkiye", "TURKIYE", id="accent and case"),
        pytest.param("Straße", "STRASSE", id="sharp s"),
        pytest.param("Ｃｈｉｎａ", "china", id="full width"),
        pytest.param("𝐂𝐡𝐢𝐧𝐚", "china", id="mathematical bold"),
        pytest.param("O’Keeffe", "o'keeffe", id="typographic apostrophe"),
        pytest.param("МОСКВА", "москва", id="Cyrillic case"),
        pytest.param("ΣΟΦΟΣ", "σοφος", id="final sigma"),
    ],
)
def test_same_for_a_reader(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("й", "и", id="short i"),
        pytest.param("が", "か", id="voiced kana"),
        pytest.param("한", "하", id="Hangul"),
    ],
)
def test_marks_that_make_another_letter_are_kept(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text(st.characters(categories=["L", "N", "Mn"]), min_size=1, max_size=20))
def test_fold_is_idempotent(word: str) -> None:
    assert fold(fold(word)) == fold(word)


@pytest.mark.parametrize("text", ["Türkiye", "Київ й", "São Tomé", "Việt Nam"])
def test_decomposed_text_has_the_same_words(text: str) -> None:
    assert folded(unicodedata.normalize("NFD", text)) == folded(unicodedata.normalize("NFC", text))


def test_a_long_run_of_marks_is_no_work() -> None:
    assert len(words("a" + "\u0301\u0316" * 500_000 + " b")) == 2  # an hour, if they were all put in order


def test_a_text_without_spaces_is_read_to_its_end() -> None:
    assert words("中" * 25_000 + "國") == ["中"] * 25_000 + ["國"]
    assert len(words("no.spaces," * 3000)) == 6000


def test_folded_text_ignores_layout_and_punctuation() -> None:
    assert folded("The  U.S.\n— China’s!") == folded("the US china") == "the us china"


parts = st.lists(st.text(max_size=3), max_size=3)


@given(parts, parts)
def test_digest_is_unambiguous(one: list[str], other: list[str]) -> None:
    assert (digest(one) == digest(other)) == (one == other)


def test_digest_keeps_parts_apart_and_is_stable() -> None:
    assert len({digest(["ab", "c"]), digest(["a", "bc"]), digest(["abc"]), digest(["abc", ""])}) == 4
    assert digest(["source", "guid"]) == "873aeb5821031b6ee58efcb348534cbe"  # item addresses depend on it
    assert digest(["\ud800"])
