"""When a source is visited next: the rule, its bounds, and what it leads to over months."""

import sys
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import schedule as simulation

from aggregator import schedule
from aggregator.config.settings import Poll
from aggregator.models import Advice, Rhythm

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday
POLL = Poll()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


UNKNOWN = Rhythm()


def wait(rhythm: Rhythm = UNKNOWN, **said: object) -> timedelta:
    return schedule.after_success(NOW, POLL, rhythm, **said).due_at - NOW  # type: ignore[arg-type]


def with_rate(a_day: float) -> Rhythm:
    return Rhythm(NOW, 10.0, 10.0 * a_day, 0.0)


def test_a_source_of_which_nothing_is_known_is_visited_as_configured() -> None:
    assert wait() == POLL.every


@pytest.mark.parametrize(("a_day", "minutes"), [(24, 30), (96, 15), (6, 60), (1.5, 120), (1e6, 5), (1e-9, 1440)])
def test_interval_follows_the_square_root_within_bounds(a_day: float, minutes: float) -> None:
    assert wait(with_rate(a_day)) / timedelta(minutes=1) == pytest.approx(minutes)


def test_hot_news_brings_the_next_visit_forward_and_cools_down() -> None:
    hot = Rhythm(NOW, 10.0, 10.0, 8.0)
    later = schedule.after_success(NOW + DAY, POLL, hot).due_at - NOW - DAY
    assert wait(hot) < timedelta(minutes=30) < later


def test_visits_come_more_often_at_the_hours_of_news() -> None:
    at_thirteen = tuple(20.0 if hour == 13 else 0.0 for hour in range(24))
    assert wait(Rhythm(NOW, 20.0, 20.0, 0.0, at_thirteen)) < wait(with_rate(1))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"fresh_for": 2 * HOUR}, 2 * HOUR),
        ({"fresh_for": timedelta(minutes=1)}, timedelta(minutes=30)),
        ({"fresh_for": timedelta(days=400)}, DAY),
        ({"advice": Advice(ttl=3 * HOUR)}, 3 * HOUR),
        ({"advice": Advice(ttl=HOUR), "fresh_for": 4 * HOUR}, 4 * HOUR),
        ({"missed": True}, timedelta(minutes=15)),
        ({"pushed": True}, schedule.PUSHED),
        ({"fixed": timedelta(minutes=7), "fresh_for": DAY}, timedelta(minutes=7)),
        ({"scatter": 0.0}, timedelta(minutes=27)),
        ({"scatter": 1.0}, timedelta(minutes=33)),
    ],
)
def test_what_is_said_moves_the_visit_within_bounds(said: dict[str, object], expected: timedelta) -> None:
    assert wait(**said) == expected


@pytest.mark.parametrize(
    ("advice", "expected"),
    [
        (Advice(skip_hours=frozenset({12, 13})), datetime(2026, 3, 4, 14, 15, tzinfo=UTC)),
        (Advice(skip_days=frozenset({2})), datetime(2026, 3, 5, 0, 15, tzinfo=UTC)),
        (Advice(skip_days=frozenset({2}), skip_hours=frozenset({0})), datetime(2026, 3, 5, 1, 15, tzinfo=UTC)),
        (Advice(skip_hours=frozenset(range(24))), NOW + POLL.every),
        (Advice(skip_days=frozenset(range(7))), NOW + POLL.every),
    ],
)
def test_skipped_hours_and_days(advice: Advice, expected: datetime) -> None:
    assert schedule.after_success(NOW, POLL, Rhythm(), advice).due_at == expected


def test_the_reason_says_what_counted() -> None:
    plan = schedule.after_success(NOW, POLL, with_rate(4.1), Advice(ttl=HOUR), fresh_for=timedelta(minutes=15))
    assert plan.reason == "4.1 new a day, max-age 15 min, ttl 1 h"


@pytest.mark.parametrize(
    ("failures", "kind", "hours"),
    [(1, "missing", 1), (3, "missing", 2), (4, "dns", 1), (2, "5xx", 1), (1, "challenge", 1.5), (1000, "dns", 24)],
)
def test_failures_put_it_off_linearly_by_kind_to_a_day_at_most(failures: int, kind: str, hours: float) -> None:
    plan = schedule.after_failure(NOW, POLL, failures, kind, scatter=0)
    assert (plan.due_at - NOW) / HOUR == pytest.approx(hours)


@pytest.mark.parametrize(("asked", "hours"), [(3 * HOUR, 3), (88 * HOUR, 24), (timedelta(seconds=1), 1)])
def test_retry_after_is_kept_within_bounds(asked: timedelta, hours: float) -> None:
    plan = schedule.after_failure(NOW, POLL, 1, "busy", retry_after=asked, scatter=0)
    assert (plan.due_at - NOW) / HOUR == pytest.approx(hours)


def test_gone_is_looked_at_once_a_month_and_says_so() -> None:
    plan = schedule.after_failure(NOW, POLL, 1, "gone")
    assert plan.due_at - NOW == timedelta(days=30)
    assert "410" in plan.reason


@pytest.mark.parametrize(
    ("kind", "asked", "served", "rest"),
    [
        ("busy", None, False, schedule.REST),
        ("busy", 99 * DAY, False, HOUR),
        ("forbidden", timedelta(minutes=20), False, timedelta(minutes=20)),
        ("forbidden", None, True, schedule.REST),
        ("forbidden", None, False, None),
        ("5xx", HOUR, True, None),
    ],
)
def test_who_asks_for_fewer_visits_gets_them_for_the_whole_host(
    kind: str, asked: timedelta | None, served: bool, rest: timedelta | None
) -> None:
    assert schedule.rest(kind, asked, answered_before=served) == rest


def test_a_clock_that_is_put_back_changes_no_rhythm() -> None:
    known = Rhythm(NOW, 10.0, 40.0, 2.0)
    for back in (HOUR, 30 * DAY, 9000 * DAY):
        earlier = NOW - back
        after = schedule.learned(known, earlier, earlier, after_success=True, news=[None])
        assert (after.days, after.bursts, after.recent) == (10.0, 40.0, 2.0)
        assert after.seen_at == earlier
        assert POLL.min <= schedule.after_success(earlier, POLL, after).due_at - earlier <= POLL.max


def test_first_late_and_recovering_visits_teach_nothing() -> None:
    first = schedule.learned(Rhythm(), NOW, NOW, after_success=True, news=[NOW] * 50)
    later = NOW + HOUR
    late = schedule.learned(first, later + HOUR, later, after_success=True, news=[None] * 50)
    recovering = schedule.learned(first, later, later, after_success=False, news=[None] * 50)
    on_time = schedule.learned(first, later, later, after_success=True, news=[None] * 50)
    assert schedule.bursts_a_day(first, NOW) == pytest.approx(schedule.REFERENCE)
    assert late.bursts <= first.bursts and recovering.bursts <= first.bursts < on_time.bursts
    assert late.seen_at == later + HOUR  # but the clock goes on


def test_a_batch_counts_once_and_spread_news_each() -> None:
    first = schedule.learned(Rhythm(), NOW, NOW, after_success=True, news=[])
    later = NOW + 2 * HOUR
    spread = [NOW + timedelta(minutes=10 * k + 3) for k in range(6)]
    batch = [NOW + timedelta(minutes=30, seconds=k) for k in range(6)]
    old = schedule.learned(first, later, later, after_success=True, news=[])
    gains = [
        schedule.learned(first, later, later, after_success=True, news=news).bursts - old.bursts
        for news in (spread, batch, [None, None], [NOW - DAY, later + DAY])
    ]
    assert gains == pytest.approx([6, 1, 1, 1])


times = st.lists(st.floats(0, 89.9), min_size=0, max_size=300).map(
    lambda days: sorted(simulation.START + timedelta(days=day) for day in days)
)


@given(times)
def test_whatever_a_source_does_it_is_visited_within_bounds(published: list[datetime]) -> None:
    made = simulation.visits(published, 90, POLL)
    gaps = {after - before for before, after in pairwise(made)}
    assert max(gaps) <= POLL.max * 1.1
    assert min(gaps) >= POLL.min * 0.9


@pytest.mark.parametrize(
    ("rhythm", "delay_minutes", "share_of_visits"),
    [
        ("evenly, 0.1 a day", 300, 0.15),
        ("evenly, 24 a day", 18, 1.15),
        ("evenly, 288 a day", 7, 3.5),
        ("office hours, 24 a day", 13, 1.1),
        ("20 at once, at six", 20, 0.4),
        ("quiet, then hot for 2 days", 18, 0.5),
        ("asleep, awake after 60 days", 40, 0.4),
    ],
)
def test_months_of_a_rhythm(rhythm: str, delay_minutes: float, share_of_visits: float) -> None:
    """Bounds with room to spare; `benchmarks/schedule.py` prints the figures themselves."""
    published = _rhythms()[rhythm]
    made = simulation.visits(published, 90, POLL)
    assert simulation.mean_delay(published, made) / timedelta(minutes=1) < delay_minutes
    assert len(made) < share_of_visits * 90 * 48


@cache
def _rhythms() -> dict[str, list[datetime]]:
    return dict(simulation.synthetic(90))


def test_a_place_on_this_machine_is_tried_every_minute() -> None:
    plan = schedule.after_failure(NOW, POLL, 9, "folder", is_local=True)
    assert plan.due_at - NOW == timedelta(minutes=1)
