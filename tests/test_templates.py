"""Notices made from one template are two pieces of news, though most of their words are the same."""

from datetime import UTC, datetime, timedelta

import pytest

from aggregator.near import compare, text_of
from aggregator.templates import is_opening, named_apart, other_figures, title_likeness
from aggregator.words import folds, words

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

AID = (
    "The governor said today that federal aid has been made available to {0} to help people recover from the storms of "
    "last week. The aid includes grants for temporary housing and repairs, loans at a low rate to cover losses that no "
    "insurance pays for, and other programmes to help owners of businesses. Money is also available to towns and to "
    "some associations in the county of {1} for emergency work and the repair of roads. Those who have suffered losses "
    "can begin to apply tomorrow through the web site of the agency or by telephone."
)
AID_RUSSIAN = (
    "Губернатор сообщил сегодня, что пострадавшим от наводнения жителям {0} будет выделена помощь из резервного фонда. "
    "Помощь включает выплаты на временное жильё и ремонт, льготные кредиты на покрытие убытков, которые не возмещает "
    "страховка, а также другие программы для владельцев предприятий. Средства получат и администрации {0} на "
    "восстановление дорог и мостов. Заявления принимаются с завтрашнего дня на сайте ведомства и по телефону."
)
AID_CHINESE = (
    "民政部门今天表示，已向{0}受灾群众拨付救助资金，用于帮助他们从上周的暴雨中恢复生活。"
    "救助内容包括临时住房补助、房屋修缮补助以及低息贷款，用于弥补保险未能覆盖的损失。"
    "资金还将用于{0}部分乡镇的应急抢险和道路修复。受灾群众明天起可以通过网站或者电话提出申请。"
)
MARKET = (
    "Wheat futures at the exchange opened {0} on Tuesday after rain in the western plains, dealers said. The contract "
    "for delivery in March stood at {1} a bushel, against {2} at the end of the day before, and volume reached {3} lots. "
    "Maize for the same month was at {4}, while soybeans traded at {5}. Dealers said that the harvest abroad would be "
    "watched closely, and that exporters were waiting for the figures of the ministry."
)
NOTICES = [
    pytest.param("Aid for {0}", AID, ("Orlenia", "Tarvis"), ("Bexland", "Moor"), id="English"),
    pytest.param("Помощь жителям {0}", AID_RUSSIAN, ("Орлении",), ("Бекслана",), id="Russian"),
    pytest.param("向{0}拨付救助资金", AID_CHINESE, ("云溪县",), ("白石镇",), id="Chinese"),
]


@pytest.mark.parametrize("source", ["a", "b"])
@pytest.mark.parametrize(("title", "template", "one", "other"), NOTICES)
def test_notices_about_two_places_are_two(
    title: str, template: str, one: tuple[str, ...], other: tuple[str, ...], source: str
) -> None:
    first = text_of("a", NOW, title.format(*one), template.format(*one))
    second = text_of(source, NOW, title.format(*other), template.format(*other))
    found = compare(first, second)
    assert (found.is_copy, found.rule) == (False, "other names")
    assert found.containment > 0.7


@pytest.mark.parametrize(("title", "template", "one", "other"), NOTICES)
def test_a_new_headline_tells_nothing_apart(
    title: str, template: str, one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    text = template.format(*one)
    first = text_of("a", NOW, title.format(*one), text)
    for rewritten in ("Storms: what is known so far", f"{one[0]}: help at last", "", text[:60]):
        assert compare(first, text_of("b", NOW, rewritten, text + " More on this.")).is_copy


@pytest.mark.parametrize(
    ("source", "hours", "figures", "rule"),
    [
        pytest.param("a", 4, ("lower", 518, 531, 9044, 413, 1020), "other figures", id="evening, one source"),
        pytest.param("b", 26, ("lower", 518, 531, 9044, 413, 1020), "other figures", id="next day, another source"),
        pytest.param("a", 4, ("higher", 540, 522, 7310, 412, 1011), "alike", id="one figure corrected"),
        pytest.param("b", 4, ("higher", 541, 522, 7311, 412, 1011), "alike", id="brought up to date by another"),
    ],
)
def test_figures(source: str, hours: int, figures: tuple[object, ...], rule: str) -> None:
    one = text_of("a", NOW, "Wheat at the exchange", MARKET.format("higher", 541, 522, 7310, 412, 1011))
    other = text_of(source, NOW + timedelta(hours=hours), "Wheat at the exchange", MARKET.format(*figures))
    assert compare(one, other).rule == rule


def test_a_source_that_says_half_of_it_again_under_another_title_says_something_new() -> None:
    lines = MARKET.format("higher", 541, 522, 7310, 412, 1011).split(". ")
    one = text_of("a", NOW, "Wheat opens higher", ". ".join(lines))
    more = " ".join(f"Something else that was said about it in the afternoon by dealer {name}." for name in "xyz")
    told = ". ".join([*lines[:2], more, "So the session came to its end with few buyers left"])
    assert compare(one, text_of("a", NOW, "Session over", told)).rule in (
        "another title of one source",
        "little in common",
    )
    assert not compare(one, text_of("a", NOW, "Session over", told)).is_copy


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        pytest.param(("aid kansas", "aid for kansas"), ("aid maine", "aid for maine"), True, id="names"),
        pytest.param(("quake 5", "a quake of 5"), ("quake 6", "a quake of 6"), True, id="figures"),
        pytest.param(("aid kansas", "aid for kansas"), ("aid now", "aid for kansas"), False, id="one names nothing"),
        pytest.param(("aid kansas", "help"), ("aid maine", "help"), False, id="not in the texts"),
        pytest.param(("kansas", "kansas maine"), ("maine", "kansas maine"), False, id="in both texts"),
        pytest.param(("", ""), ("", ""), False, id="nothing"),
    ],
)
def test_names(mine: tuple[str, str], theirs: tuple[str, str], expected: bool) -> None:
    one, other = [part.split() for part in mine], [part.split() for part in theirs]
    assert named_apart(*one, *other) is named_apart(*other, *one) is expected


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        pytest.param("at 1 or 2 in 3", "at 1 or 4 in 5", True, id="one of three kept"),
        pytest.param("at 1 or 2 in 3 or 4", "at 1 or 2 in 3 or 5", False, id="three of four kept"),
        pytest.param("at 1 or 2", "at 1 or 2 in 3 or 4", False, id="a part"),
        pytest.param("at 1 or 2", "at 1 more or less than 3", False, id="in another place"),
        pytest.param("to 12 345 lots", "to 9 800 lots", True, id="of several parts"),
        pytest.param("", "1 2", False, id="none"),
        pytest.param("at \u0301 1", "at \u0301 2", True, id="a word of which folding leaves nothing"),
    ],
)
def test_kept_figures(mine: str, theirs: str, expected: bool) -> None:
    one, other = folds(words(mine)), folds(words(theirs))
    assert other_figures(one, other) is other_figures(other, one) is expected


def test_titles() -> None:
    assert title_likeness("a b c d".split(), "d c b a".split()) == 1
    assert title_likeness("a b".split(), "b c".split()) == 0.5
    assert title_likeness([], []) == 0
    assert is_opening("a b".split(), "a b c".split())
    assert not is_opening("b".split(), "a b c".split())
