"""Hours, days and weeks in a time zone: without gaps, whatever the clocks of the zone do. Pure.

Hours are those of UTC, so that the one that comes twice in autumn is two. Days begin at an hour of the zone's clocks;
weeks are those of ISO 8601 and begin with their Monday. A day that a zone has skipped has no length and holds nothing.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time: from its start to just before its end, both in UTC."""

    kind: str  # hourly | daily | weekly
    name: str  # 2026-11-27T11Z, 2026-11-27, 2026-W48: for addresses and ids
    label: str  # for people
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Calendar:
    """How time is parted in a zone. `begins` is when its days do."""

    zone: str = "UTC"
    begins: time = time()

    def holding(self, kind: str, instant: datetime) -> Period:
        """The period of a kind in which an instant lies."""
        if kind == "hourly":
            start = hour_of(instant)
            return Period(kind, f"{start:%Y-%m-%dT%HZ}", self.hours(start), start, start + HOUR)
        day = self._day(instant)
        if kind == "daily":
            label = _written(day) if self.begins == time() else f"{_written(day + DAY)}, {self.begins:%H:%M}"
            return Period(kind, day.isoformat(), label, self._start(day), self._start(day + DAY))
        monday = day - day.weekday() * DAY
        year, week, _ = monday.isocalendar()
        label = f"week {week} of {year} ({_span(monday, monday + 6 * DAY)})"
        return Period(kind, f"{year}-W{week:02}", label, self._start(monday), self._start(monday + 7 * DAY))

    def hours(self, start: datetime) -> str:
        """The hour that begins then, as the clocks of the zone show it."""
        return f"{self.moment(start)}–{_clock((start + HOUR).astimezone(self._zone))}"

    def moment(self, instant: datetime) -> str:
        """Day and time, as the clocks of the zone show them."""
        local = instant.astimezone(self._zone)
        return f"{_written(local.date())}, {_clock(local)}"

    @property
    def _zone(self) -> tzinfo:
        return UTC if self.zone == "UTC" else ZoneInfo(self.zone)  # UTC is there without a tz database, too

    def _start(self, day: date) -> datetime:
        return datetime.combine(day, self.begins, self._zone).astimezone(UTC)

    def _day(self, instant: datetime) -> date:
        day = instant.astimezone(self._zone).date() + DAY
        while self._start(day) > instant:
            day -= DAY
        return day


def hour_of(instant: datetime) -> datetime:
    """When the hour begins in which an instant lies."""
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _clock(local: datetime) -> str:
    """What a clock shows; with its distance from UTC where it shows that twice."""
    is_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return local.isoformat(timespec="minutes")[11:] if is_twice else f"{local:%H:%M}"


def _written(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def _span(first: date, last: date) -> str:
    """23–29 November, 30 November – 6 December, 28 December 2026 – 3 January 2027."""
    if first.year != last.year:
        return f"{_written(first)} – {_written(last)}"
    if first.month != last.month:
        return f"{first.day} {first:%B} – {last.day} {last:%B}"
    return f"{first.day}–{last.day} {last:%B}"
