"""Hours, days and weeks: no instant is in none of them or in two, whatever the clocks of a zone do."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.periods import Calendar


def utc(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=UTC)  # type: ignore[arg-type, misc]


KINDS = ("hourly", "daily", "weekly")
MICROSECOND = timedelta(microseconds=1)
calendars = st.builds(
    Calendar,
    st.sampled_from(sorted(available_timezones())),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
)
instants = st.integers(800_000_000, 2_800_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
SAMOA = Calendar("Pacific/Apia")  # it skipped 30 December 2011


@given(calendars, instants, st.sampled_from(KINDS))
@example(SAMOA, utc(2011, 12, 30, 12), "daily")
@example(SAMOA, utc(2011, 12, 30, 9, 59), "daily")
@example(Calendar("America/Havana"), utc(2026, 11, 1, 5, 30), "daily")  # midnight comes twice
@example(Calendar("Africa/Cairo", time(0, 30)), utc(2026, 4, 24, 22), "daily")  # midnight is left out
@example(Calendar("Australia/Lord_Howe"), utc(2026, 4, 4, 15, 10), "hourly")  # by half an hour
def test_periods_follow_each_other(calendar: Calendar, instant: datetime, kind: str) -> None:
    period = calendar.holding(kind, instant)
    assert period.start <= instant < period.end
    assert calendar.holding(kind, period.start) == calendar.holding(kind, period.end - MICROSECOND) == period
    after, before = (calendar.holding(kind, at) for at in (period.end, period.start - MICROSECOND))
    assert (before.end, after.start) == (period.start, period.end)
    assert len({period.name, before.name, after.name}) == 3


@pytest.mark.parametrize(
    ("zone", "at", "instant", "hours"),
    [
        pytest.param("Europe/Zurich", time(), utc(2026, 3, 29, 12), 23, id="clocks go forward"),
        pytest.param("Europe/Zurich", time(), utc(2026, 10, 25, 12), 25, id="clocks go back"),
        pytest.param("Europe/Zurich", time(2, 30), utc(2026, 3, 29, 12), 23, id="begins when no clock shows"),
        pytest.param("Pacific/Apia", time(), utc(2011, 12, 31, 0), 24, id="a day after one that was not"),
        pytest.param("UTC", time(7), utc(2028, 2, 29, 6), 24, id="leap day"),
    ],
)  # fmt: skip
def test_days_are_as_long_as_their_clocks_say(zone: str, at: time, instant: datetime, hours: int) -> None:
    period = Calendar(zone, at).holding("daily", instant)
    assert period.end - period.start == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("kind", "at", "instant", "name", "label"),
    [
        ("hourly", time(), utc(2026, 11, 27, 11, 59), "2026-11-27T11Z", "27 November 2026, 12:00–13:00"),
        ("hourly", time(), utc(2026, 11, 27, 22, 30), "2026-11-27T22Z", "27 November 2026, 23:00–00:00"),
        ("daily", time(), utc(2026, 11, 27, 22, 59), "2026-11-27", "27 November 2026"),
        ("daily", time(), utc(2026, 11, 27, 23, 0), "2026-11-28", "28 November 2026"),
        ("daily", time(7), utc(2026, 11, 27, 5, 59), "2026-11-26", "27 November 2026, 07:00"),
        ("weekly", time(), utc(2026, 11, 27), "2026-W48", "week 48 of 2026 (23–29 November)"),
        ("weekly", time(), utc(2026, 12, 1), "2026-W49", "week 49 of 2026 (30 November – 6 December)"),
        (
            "weekly",
            time(),
            utc(2027, 1, 2),
            "2026-W53",
            "week 53 of 2026 (28 December 2026 – 3 January 2027)",
        ),
    ],
)  # fmt: skip
def test_periods_have_names_for_addresses_and_for_people(
    kind: str, at: time, instant: datetime, name: str, label: str
) -> None:
    period = Calendar("Europe/Zurich", at).holding(kind, instant)
    assert (period.name, period.label) == (name, label)


def test_the_hour_that_comes_twice_is_two() -> None:
    first = Calendar("Europe/Zurich").holding("hourly", utc(2026, 10, 25, 0, 30))
    second = Calendar("Europe/Zurich").holding("hourly", utc(2026, 10, 25, 1, 30))
    zone = ZoneInfo("Europe/Zurich")
    assert first.start.astimezone(zone).hour == second.start.astimezone(zone).hour == 2
    assert (first.name, second.name) == ("2026-10-25T00Z", "2026-10-25T01Z")
    assert first.label == "25 October 2026, 02:00+02:00–02:00+01:00"
    assert second.label == "25 October 2026, 02:00+01:00–03:00"
