"""Caps: who has an item of its own, among those that come."""

from collections import deque
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from aggregator.caps import Caps, rest
from aggregator.store.entering import Door, Entrant

NOW = datetime(2026, 11, 27, 11, tzinfo=UTC)


def entrants(sources: str, score: int = 50) -> list[Entrant]:
    return [Entrant(f"{number:02}", source, score, NOW) for number, source in enumerate(sources)]


def test_the_first_so_many_of_an_hour_have_items_of_their_own() -> None:
    some, caps = entrants("abcde"), Caps(3, None, 100)
    assert rest(some, Door(0, ()), caps) == {"03", "04"}
    assert rest(some, Door(2, ()), caps) == {"01", "02", "03", "04"}
    assert rest(some, Door(9, ()), caps) == {one.story for one in some}


def test_of_those_that_come_together_the_better_ones_go_first_then_the_later_ones() -> None:
    old, late = (Entrant(name, "a", 50, NOW + timedelta(hours=hours)) for name, hours in (("0", 0), ("1", 1)))
    assert rest([old, late], Door(0, ()), Caps(1, None, 100)) == {"0"}
    best = Entrant("2", "a", 90, NOW - timedelta(days=1))
    assert rest([old, best, late], Door(0, ()), Caps(1, None, 100)) == {"0", "1"}


def test_one_source_has_its_share_of_the_last_items() -> None:
    assert rest(entrants("aaaabc"), Door(0, ()), Caps(None, 20, 10)) == {"02", "03"}
    assert rest(entrants("a"), Door(0, "aabbbccdd"), Caps(None, 20, 10)) == {"00"}
    assert rest(entrants("aa"), Door(0, "babbccddd"), Caps(None, 20, 10)) == {"01"}
    assert rest(entrants("aa"), Door(0, ()), Caps(None, 1, 10)) == {"01"}  # one at least


@given(st.lists(st.text("abc", max_size=9), max_size=9), st.integers(1, 100), st.integers(1, 20), st.integers(1, 6))
def test_no_stretch_of_the_feed_has_more_of_a_source_and_no_hour_more_of_all(
    visits: list[str], share: int, limit: int, per_hour: int
) -> None:
    caps, own, number = Caps(per_hour, share, limit), deque[str](), 0
    for sources in visits:  # all in one hour
        some = [Entrant(f"{number + place:03}", source, 50, NOW) for place, source in enumerate(sources)]
        number += len(some)
        left = rest(some, Door(len(own), list(own)[-(limit - 1) :] if limit > 1 else []), caps)
        own.extend(one.source for one in some if one.story not in left)
    assert len(own) <= per_hour
    for start in range(len(own)):
        stretch = list(own)[start : start + limit]
        assert max(stretch.count(source) for source in stretch) <= max(1, limit * share // 100)
