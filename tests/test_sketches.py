"""Sketches in the store, on both databases: what finds near copies, however much is stored."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from aggregator.store import Database, schema, sketches
from tests.test_store import NOW


def put(store: Database, day: int, **found: tuple[int, ...]) -> None:
    """Store the sketches of articles that were first seen so many days from now."""
    with store.writing() as connection:
        sketches.replace(store, connection, found, dict.fromkeys(found, NOW + timedelta(days=day)))


def holders(store: Database, number: int) -> int:
    with store.reading() as connection:
        of_it = select(func.count()).where(schema.sketches.c.hash == number)
        return connection.execute(of_it).scalar_one()


def test_articles_that_share_enough_are_candidates_the_likeliest_first(database: Database) -> None:
    put(database, 0, a=(1, 2, 3, 4), b=(3, 4, 5, 6), c=(6, 7, 8))
    assert sketches.candidates(database, {"d": (2, 3, 4, 6)}) == {"d": {"a": 3, "b": 3}}
    assert sketches.candidates(database, {"a": (1, 2, 3, 4)}) == {"a": {"b": 2}}


@pytest.mark.parametrize("at_once", [True, False], ids=["one visit", "one visit each"])
def test_a_formula_finds_nothing_and_is_not_kept_for_ever_more_articles(database: Database, at_once: bool) -> None:
    formula = {f"a{number:03}": (1, 2, 1000 + number) for number in range(3 * sketches.COMMON)}
    if at_once:
        put(database, 0, **formula)
    else:
        for key, sketch in formula.items():
            put(database, 0, **{key: sketch})
    assert holders(database, 1) == sketches.COMMON + 1
    assert sketches.candidates(database, {"b": (1, 2, 1000)}) == {"b": {}}
    put(database, 0, a149=(1, 2, 1149))
    assert holders(database, 1) == sketches.COMMON + 1
    assert holders(database, 1149) == 1


def test_saving_a_sketch_again_changes_nothing(database: Database) -> None:
    for _ in range(2):
        put(database, 0, a=(1, 2), b=(1, 3))
    assert [holders(database, number) for number in (1, 2, 3)] == [2, 1, 1]
    put(database, 0, a=(4,))
    assert [holders(database, number) for number in (1, 2, 3, 4)] == [1, 0, 1, 1]


def test_sketches_are_forgotten_in_pieces(database: Database) -> None:
    put(database, -1, a=(1, 2, 3))
    put(database, 0, b=(1, 2, 3))
    late = NOW + sketches.KEPT
    assert [sketches.forget(database, late, limit=2) for _ in range(3)] == [2, 1, 0]
    assert [holders(database, number) for number in (1, 2, 3)] == [1, 1, 1]
