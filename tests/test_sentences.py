"""Where sentences end."""

import pytest

from aggregator.sentences import sentences


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("He left. |She stayed! |Why? |Nobody knows… |So it goes.", id="marks"),
        pytest.param("Mr. Smith met J. Doe and Gen. Roe. |They talked.", id="titles and initials"),
        pytest.param("It rose by 3.5 percent to 1.2 million. |Version 2.0 is out.", id="decimals"),
        pytest.param("Trade with the U.S. Navy grew. |He flew to the U.S. |The talks failed.", id="inner dots"),
        pytest.param("At 5 p.m. Monday it rained. |They met at 5 p.m. |It rained.", id="times"),
        pytest.param("See No. 5 of the list. |The answer is no. |Go on.", id="before numbers"),
        pytest.param("“Really?” he asked. |“Yes!” |She laughed.", id="quotations"),
        pytest.param("Steel, coal etc. were sold. |Acme Corp. |It closed in Jan. 2024.", id="abbreviations"),
        pytest.param("Цена 5 млн. руб. за штуку. |Он живёт в г. Москва. |Всё.", id="Russian"),
        pytest.param("双方会谈。|他说：“好。”|为什么？|因为！", id="Chinese"),
        pytest.param("هل هذا صحيح؟ |نعم. |ثم ذهب", id="Arabic"),
        pytest.param("यह है। |वह है।", id="Hindi"),
        pytest.param("e.g. this one stays whole", id="no end"),
        pytest.param("", id="nothing"),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str) -> None:
    expected = [part for part in text.split("|") if part]
    assert list(sentences(text.replace("|", ""))) == expected


@pytest.mark.parametrize("unit", [".", '."', ". ", "a. ", "。", "A.", "!?", "… x", "\n", ".\u201d"])
def test_no_text_is_lost_however_it_looks(unit: str) -> None:
    text = unit * 20_000
    assert "".join(sentences(text)) == text
