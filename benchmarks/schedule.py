"""How long does news wait, and for how many requests? The learned interval against fixed ones, over simulated months.

Usage: python benchmarks/schedule.py [--days 90] [DATES …]

Each rhythm is a list of publication times. `delay` is the mean wait of an entry until a visit finds it. Compared with
a visit each 30 minutes, with a fixed interval that spends as many requests as were learned to spend, and with an
oracle that comes once to each burst, right when it happens. DATES are files with a date and time (ISO 8601) on each
line, for real rhythms, such as those of a project's commits: `git log --format=%cI`.
"""

import argparse
import random
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the checkout need not be installed

from aggregator import schedule  # noqa: E402
from aggregator.config.settings import Poll  # noqa: E402
from aggregator.models import Rhythm  # noqa: E402

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
HALF_HOUR = timedelta(minutes=30)
DAY = timedelta(days=1)

Times = Sequence[datetime]


def visits(
    times: Times,
    days: int,
    bounds: Poll | None,
    fixed: timedelta | None = None,
    *,
    first: datetime = START,
    seed: int = 1,
) -> list[datetime]:
    """When a source with these publications is visited, from the first time on."""
    chance = random.Random(seed)  # noqa: S311  # scatter, not secrets
    now, end, due_at = first, START + timedelta(days=days), first
    rhythm, before, made = Rhythm(), first, list[datetime]()
    while now < end:
        made.append(now)
        if fixed is not None or bounds is None:
            now += fixed or HALF_HOUR
            continue
        fresh = times[bisect_right(times, before) : bisect_right(times, now)]
        rhythm = schedule.learned(rhythm, now, due_at, after_success=True, news=fresh)
        before = now
        now = due_at = schedule.after_success(now, bounds, rhythm, scatter=chance.random()).due_at
    return made


def mean_delay(times: Times, made: Sequence[datetime]) -> timedelta:
    """How long an entry waits for a visit; the last ones, for which none came, are left out."""
    waits = [made[place] - at for at in times if (place := bisect_right(made, at)) < len(made)]
    return sum(waits, timedelta()) / len(waits) if waits else timedelta()


def bursts(times: Times) -> int:
    """Visits that an oracle needs: one for all that appears within a slot."""
    return len({(at - START) // schedule.SLOT for at in times})


def synthetic(days: int) -> Iterator[tuple[str, list[datetime]]]:
    """Rhythms that sources have."""
    chance = random.Random(7)  # noqa: S311
    for rate in (0.1, 0.5, 2, 8, 24, 96, 288):
        yield f"evenly, {rate:g} a day", poisson(chance, days, lambda at, rate=rate: rate, rate)
    yield "office hours, 24 a day", poisson(chance, days, _office, 96)
    yield (
        "20 at once, at six",
        [START + DAY * day + timedelta(hours=6, seconds=30 * k) for day in range(days) for k in range(20)],
    )
    yield "a digest on Mondays", [START + DAY * day + timedelta(hours=9) for day in range(0, days, 7)]
    yield "quiet, then hot for 2 days", poisson(chance, days, lambda at: 200 if 40 <= _day(at) < 42 else 0.5, 200)
    yield "asleep, awake after 60 days", poisson(chance, days, lambda at: 12 if _day(at) >= 60 else 0, 12)
    yield "busy, dead after 30 days", poisson(chance, days, lambda at: 48 if _day(at) < 30 else 0, 48)


def real(paths: Sequence[Path], days: int) -> Iterator[tuple[str, list[datetime]]]:
    """The latest rhythm in each file of dates, moved by whole weeks so that it ends with the simulated time."""
    for path in paths:
        dates = sorted(datetime.fromisoformat(line).astimezone(UTC) for line in path.read_text().split())
        weeks = (START + timedelta(days=days) - dates[-1]) // timedelta(weeks=1)
        yield path.name[:32], [at for date in dates if (at := date + timedelta(weeks=weeks)) > START]


def poisson(chance: random.Random, days: int, rate: Callable[[datetime], float], greatest: float) -> list[datetime]:
    """Events at a rate (per day) that depends on the time, by thinning (Lewis and Shedler, 1979)."""
    at, found = START, list[datetime]()
    while (at := at + DAY * chance.expovariate(greatest)) < START + timedelta(days=days):
        if chance.random() < rate(at) / greatest:
            found.append(at)
    return found


def _office(at: datetime) -> float:
    return 96 if at.weekday() < 5 and 8 <= at.hour < 16 else 1.2


def _day(at: datetime) -> float:
    return (at - START) / DAY


def main(days: int, paths: Sequence[Path]) -> None:
    """Print a line for each rhythm, and the sums."""
    bounds = Poll()
    print(f"{'':34}{'news':>6} | {'learned':>16} | {'30 minutes':>16} | {'as many, even':>14} | oracle")
    print(f"{'rhythm':34}{'':6} | {'delay':>8}{'visits':>8} | {'delay':>8}{'visits':>8} | {'delay':>14} | visits")
    groups = {"synthetic": dict(synthetic(days))} | {"real": dict(real(paths, days))}
    for name, rhythms in groups.items():
        if rhythms:
            _report(name, rhythms, days, bounds)


def _report(name: str, rhythms: Mapping[str, Times], days: int, bounds: Poll) -> None:
    total = dict.fromkeys(("learned", "fixed", "even"), timedelta())
    count = dict.fromkeys(("news", "learned", "fixed", "oracle"), 0)
    for rhythm, times in rhythms.items():
        learned, fixed = visits(times, days, bounds), visits(times, days, None)
        even = visits(times, days, None, timedelta(days=days) / len(learned))
        delays = [mean_delay(times, made) for made in (learned, fixed, even)]
        print(
            f"{rhythm:34}{len(times):6} | {_minutes(delays[0])}{len(learned):8} | {_minutes(delays[1])}{len(fixed):8}"
            f" | {_minutes(delays[2]):>14} | {bursts(times):6}"
        )
        for key, delay in zip(total, delays, strict=True):
            total[key] += delay * len(times)
        for key, more in zip(count, (len(times), len(learned), len(fixed), bursts(times)), strict=True):
            count[key] += more
    news = max(count["news"], 1)
    print(
        f"{'all ' + name:34}{news:6} | {_minutes(total['learned'] / news)}{count['learned']:8} |"
        f" {_minutes(total['fixed'] / news)}{count['fixed']:8} | {_minutes(total['even'] / news):>14} |"
        f" {count['oracle']:6}\n"
    )


def _minutes(span: timedelta) -> str:
    return f"{span / timedelta(minutes=1):6.1f} m"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("dates", type=Path, nargs="*", metavar="DATES")
    parser.add_argument("--days", type=int, default=90)
    arguments = parser.parse_args()
    main(arguments.days, arguments.dates)
