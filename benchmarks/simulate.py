"""What do so many sources need that bring a million articles a day, and what breaks first? The tables of docs/scale.md.

Usage: python benchmarks/simulate.py [--sources 10000 100000 1000000] [--articles 1000000] [--keep 365]

First, when are sources visited? Those of each of `STRATA` parts of them, from the busiest to the quietest, publish by
chance, more by day than by night, and are visited by the program's own schedule until it has learned; then the visits
of `DAYS` days count for all. Then workers make as many visits as fall due in the busiest hour. Each claims what is due
and fetches many at a time; all else its one thread does, and whoever stores news, or looks for relations, waits for its
turn among all. What visits cost was measured with a few hundred sources: the constants below name the commands.
"""

import argparse
import random
import sys
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count, pairwise
from math import cos, exp, pi
from pathlib import Path
from statistics import NormalDist, median, quantiles
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the checkout need not be installed

from schedule import START, poisson, visits  # noqa: E402

from aggregator.config.settings import Poll  # noqa: E402
from aggregator.publishing import PUBLISH_REST, PUBLISH_REST_MOST  # noqa: E402
from aggregator.relating import AT_ONCE  # noqa: E402
from aggregator.store import relations, retention, sketches  # noqa: E402
from aggregator.store.visits import KEPT_VISITS  # noqa: E402
from aggregator.ticks import TICK_SECONDS  # noqa: E402

DAY = timedelta(days=1)
POLL = Poll()

# Measured, in seconds.
TURN, TURN_MORE = 0.016, 0.0018  # of two articles, of each more: scale.py workers 1 (in turn)
BEFORE, BEFORE_MORE = 0.018, 0.0017  # likewise, of the worker by itself: it fetches, reads, judges, folds
PYTHON, SERVER = 21 / 34, 11 / 34  # likewise, processor time in a second of these
QUIET, QUIET_PYTHON, QUIET_SERVER = 0.003, 0.003, 0.001  # of a visit without news: the thread, processors
CLAIM = 0.014  # scale.py claim 1000000
RELATING = 0.0031  # of an article, half of it in turn: stories.py, visits of 20 on PostgreSQL
PUBLICATION = 0.1  # of a topic with a hundred items: scale.py size 50
REMOVING = 0.3 / 200  # of an article that is too old, in turn: stories.py --housekeeping
FORGETTING = 0.6 / 5000, 2.0 / 5000  # of a row of sketches, of terms: likewise
# Measured, in bytes with indexes: scale.py size 50.
TAGS, SKETCHES, TERMS = 8, 24, 24  # rows of an article
ARTICLE = 5_413 + 777 + 769 + TAGS * 221  # with its story, a membership, its tags
SKETCH, TERM, PAGE = 172, 207, 4_500  # of a row, a row, an article on the pages of an archive
TOMBSTONE, SOURCE, VISIT = 402, 3_523 + 1_966 + 573, 464
LOG, LOG_OF_VISIT = 43_000, 4_300  # of PostgreSQL's log, for an article, for a visit
FEED = 49_000  # of a packed feed: serve.py

# Assumed of the world.
SPREAD = 2.0  # of the logarithm of articles a day over sources: a tenth of them bring three quarters of all
MOST = 1_000  # articles a day of one source
SWING = 0.8  # of the day: 1.8 times the mean in the afternoon, a fifth of it at night
NETWORK = 0.4  # seconds of a fetch in the median
CARRIED = 20  # articles of a feed that is read for the first time
TOPICS, IN_TOPICS = 100, 1  # all, those of an article
READERS, READ, EVERY = 100_000, 5, timedelta(minutes=30)  # people, topics that each reads, and how often

# What there is, of which the use is a share: a database of its own machine, and what one is patient with.
DISK, MEMORY, LINE = 2e12, 64e9, 125e6  # bytes, bytes, bytes a second
ROUND = 300.0  # seconds until news is in the feeds
IN_TIME, MANY = 10.0, 16  # seconds until 95 of 100 visits that are due have begun; workers that are tried

STRATA, WARM_UP, DAYS = 400, 15, 2
BUSY = 900.0  # seconds of the busiest hour


class Visit(NamedTuple):
    due_at: float  # seconds
    brought: int  # articles

    @property
    def alone(self) -> float:
        """Seconds of its worker's thread, without its turn."""
        return BEFORE + BEFORE_MORE * (self.brought - 2) if self.brought else QUIET

    @property
    def in_turn(self) -> float:
        return TURN + TURN_MORE * (self.brought - 2) if self.brought else 0.0


@dataclass(frozen=True, slots=True)
class Demand:
    """What the schedule asks for in a day, and in its busiest hour."""

    a_day: float
    news_a_day: float
    at_peak: float  # a second
    brought: Sequence[int]  # articles, by a sample of the visits of that hour
    waits: Sequence[float]  # seconds that articles of a sample wait until their visit is due


def rates(sources: int, articles: int) -> list[float]:
    """Articles a day of a source in each stratum, after a lognormal distribution without its extremes."""
    normal = NormalDist()
    edges = [normal.cdf(normal.inv_cdf(place / STRATA) - SPREAD) for place in range(1, STRATA)]
    found = [after - before for before, after in pairwise([0.0, *edges, 1.0])]  # its Lorenz curve
    while (missing := articles * STRATA / sources - sum(found)) > 1e-6 and min(found) < MOST:
        factor = 1 + missing / sum(rate for rate in found if rate < MOST)
        found = [min(rate * factor, MOST) for rate in found]
    return found


def demand(sources: int, articles: int) -> Demand:
    """By the program's schedule, once it has learned how often each source brings news."""
    days, counted = WARM_UP + DAYS, START + DAY * WARM_UP
    weight = sources / STRATA / DAYS
    by_hour: dict[int, list[int]] = {hour: [] for hour in range(24)}
    waits = list[float]()
    for number, rate in enumerate(rates(sources, articles)):
        chance = random.Random(number)  # noqa: S311
        times = poisson(chance, days, lambda at, rate=rate: rate * _curve(at), rate * (1 + SWING))
        made = visits(times, days, POLL, first=START + DAY * chance.random(), seed=number)
        for before, at in pairwise(made):
            if at >= counted:
                found = times[bisect_right(times, before) : bisect_right(times, at)]
                by_hour[at.hour].append(len(found))
                waits += ((at - one).total_seconds() for one in found)
    busiest = max(by_hour.values(), key=lambda brought: sum(map(bool, brought)))
    brought = [new for hour in by_hour.values() for new in hour]
    news = sum(map(bool, brought))
    return Demand(len(brought) * weight, news * weight, len(busiest) * weight / 3600, busiest, waits)


def _curve(at: datetime) -> float:
    return 1 + SWING * cos((at.hour + at.minute / 60 - 15) / 12 * pi)


def due(asked: Demand, seconds: float) -> Iterator[Visit]:
    """Visits of so many seconds of the busiest hour."""
    chance, at = random.Random(1), 0.0  # noqa: S311
    while (at := at + chance.expovariate(asked.at_peak)) < seconds:
        yield Visit(at, chance.choice(asked.brought))


class Workers:
    """Workers, their turn, and a publisher, with visits to be made; then what became of these, in seconds."""

    def __init__(self, planned: Sequence[Visit], workers: int) -> None:
        self.late = list[float]()  # from due until begun
        self.stored = list[float]()  # of news, from due until stored
        self.published = list[float]()  # of news, from due until in the feeds
        self.ended = 0  # visits
        self.lasted = 0.0
        self._now = self._turn_until = 0.0
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._chance, self._numbers = random.Random(2), count()  # noqa: S311
        self._planned, self._claimed = planned, 0
        self._under_way = [0] * workers
        self._queues: list[deque[Visit | None]] = [deque() for _ in range(workers)]  # of its thread; None: a claim
        self._idle = [True] * workers
        self._unrelated, self._unpublished = 0, list[float]()  # articles; when visits that brought some were due
        for worker in range(workers):
            self._after(TICK_SECONDS * worker / workers, self._queue, worker, None)
        self._relate()
        self._publish()
        while self.ended < len(planned) or self._unpublished:
            self._now, _, happen, what = heappop(self._events)
            happen(*what)
        self.lasted = self._now

    def _after(self, seconds: float, happen: Callable[..., None], *what: Any) -> None:
        heappush(self._events, (self._now + seconds, next(self._numbers), happen, what))

    def _in_turn(self, seconds: float, happen: Callable[..., None], *what: Any) -> None:
        self._turn_until = max(self._turn_until, self._now) + seconds
        self._after(self._turn_until - self._now, happen, *what)

    def _queue(self, worker: int, item: Visit | None) -> None:
        self._queues[worker].append(item)
        if self._idle[worker]:
            self._work(worker)

    def _work(self, worker: int) -> None:
        """What a worker's thread does next."""
        self._idle[worker] = not self._queues[worker]
        if self._idle[worker]:
            return
        visit = self._queues[worker].popleft()
        if visit is None:
            self._after(CLAIM, self._claim, worker)
        else:
            self._after(visit.alone, self._save if visit.brought else self._end, worker, visit)

    def _claim(self, worker: int) -> None:
        while self._under_way[worker] < POLL.concurrency and self._claimed < len(self._planned):
            visit = self._planned[self._claimed]
            if visit.due_at > self._now:
                break
            self.late.append(self._now - visit.due_at)
            self._after(self._chance.lognormvariate(0, 1) * NETWORK, self._queue, worker, visit)
            self._claimed += 1
            self._under_way[worker] += 1
        self._after(TICK_SECONDS, self._queue, worker, None)
        self._work(worker)

    def _save(self, worker: int, visit: Visit) -> None:
        self._in_turn(visit.in_turn, self._end, worker, visit)

    def _end(self, worker: int, visit: Visit) -> None:
        self._under_way[worker] -= 1
        self.ended += 1
        if visit.brought:
            self.stored.append(self._now - visit.due_at)
            self._unpublished.append(visit.due_at)
            self._unrelated += visit.brought
        self._work(worker)

    def _relate(self) -> None:
        some = min(self._unrelated, AT_ONCE)
        self._unrelated -= some
        half = some * RELATING / 2
        self._after(half, self._in_turn, half, self._after, 0 if some == AT_ONCE else TICK_SECONDS, self._relate)

    def _publish(self) -> None:
        news, self._unpublished = self._unpublished, []
        seconds = PUBLICATION * TOPICS * (1 - exp(-len(news) / TOPICS))  # those that some of the news is in
        self.published += (self._now + seconds - due_at for due_at in news)
        rest = min(seconds * PUBLISH_REST, PUBLISH_REST_MOST)
        self._after(max(seconds + rest, TICK_SECONDS), self._publish)


def enough(planned: Sequence[Visit]) -> tuple[str, Workers]:
    """The least number of workers that visit in time, if there is one."""
    for number in range(1, MANY + 1):
        ran = Workers(planned, number)
        if _most(ran.late) <= IN_TIME:
            return str(number), ran
    return f"more than {MANY} are too few", ran


def needs(sources: int, articles: int, keep: int) -> tuple[dict[str, str], dict[str, float]]:
    """What so many sources need; and how much that is of what there is."""
    asked = demand(sources, articles)
    planned = list(due(asked, BUSY))
    workers, ran = enough(planned)
    news = [visit for visit in planned if visit.brought]
    turn = sum(visit.in_turn + visit.brought * RELATING / 2 for visit in news) / BUSY
    clock = sum(visit.alone + visit.in_turn for visit in news) / BUSY
    quiet = (len(planned) - len(news)) / BUSY
    first = sources * (Visit(0, CARRIED).in_turn + CARRIED * RELATING / 2)
    house = articles * (REMOVING + SKETCHES * FORGETTING[0] + TERMS * FORGETTING[1])
    hot = articles * (SKETCHES * SKETCH * min(keep, sketches.KEPT.days) + TERMS * TERM * relations.KEPT.days)
    known = sources * (SOURCE + VISIT * KEPT_VISITS)
    whole = articles * keep * (ARTICLE + PAGE * IN_TOPICS) + hot + known
    buried = articles * retention.FORGOTTEN.days * TOMBSTONE
    rows = articles * (3 + TAGS + SKETCHES + TERMS) + asked.a_day
    log = articles * LOG + asked.a_day * LOG_OF_VISIT
    answers = READERS * READ / EVERY.total_seconds() * (1 + SWING)
    said = {
        "visits a day; of them with news": f"{asked.a_day:,.0f}; {asked.news_a_day / asked.a_day:.0%}",
        "visits a second; in the busiest hour": f"{asked.a_day / 86400:.0f}; {asked.at_peak:.0f}",
        "an article waits until its visit is due": _spoken(asked.waits, 60, "min"),
        "workers": workers,
        "a visit that is due waits for a worker": _spoken(ran.late, 1, "s"),
        "news is in the feeds, after its visit was due": _spoken(ran.published, 1, "s"),
        "the turn is taken, in the busiest hour": f"{turn:.0%}",
        "cores that compute then: of workers": f"{clock * PYTHON + quiet * QUIET_PYTHON:.1f}",
        "of PostgreSQL": f"{clock * SERVER + quiet * QUIET_SERVER:.1f}",
        "the first round, in turn": f"{first / 3600:.1f} h",
        f"the database after {keep} days": f"{whole / 1e9:,.0f} GB",
        "of it sketches and terms": f"{hot / 1e9:,.0f} GB",
        "of it sources and visits": f"{known / 1e9:,.1f} GB",
        "tombstones, in the end": f"{buried / 1e9:,.0f} GB",
        "rows added a day": f"{rows / 1e6:,.0f} million",
        "PostgreSQL's log a day, at least": f"{log / 1e9:,.0f} GB",
        "housekeeping a day": f"{house / 3600:.1f} h",
        f"feeds to {READERS:,} readers": f"{answers:,.0f}/s, {answers * FEED * 8 / 1e6:,.0f} Mbit/s",
    }
    return said, {
        f"{DISK / 1e12:.0f} TB of disk": whole / DISK,
        f"{MEMORY / 1e9:.0f} GB of memory, for sketches and terms": hot / MEMORY,
        "a day, for the first round": first / 86400,
        "the turn": turn,
        f"{ROUND / 60:.0f} minutes until news is in the feeds": _most(ran.published) / ROUND,
        f"{LINE * 8 / 1e9:.0f} Gbit/s to readers": answers * FEED / LINE,
        "a day, for housekeeping": house / 86400,
    }


def _most(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=20)[-1]


def _spoken(seconds: Sequence[float], unit: float, name: str) -> str:
    return f"{median(seconds) / unit:.1f}, {_most(seconds) / unit:.1f} {name}"


def _number(text: str) -> int:
    if int(text) < 1:
        raise ValueError
    return int(text)


def main(sizes: Sequence[int], articles: int, keep: int) -> None:
    found = [needs(sources, articles, keep) for sources in sizes]
    said, shares = ([one[part] for one in found] for part in (0, 1))
    _table(sizes, {name: [one[name] for one in said] for name in said[0]})
    print()
    first = sorted(shares[-1], key=lambda name: -shares[-1][name])
    _table(sizes, {name: [f"{one[name]:.0%}" for one in shares] for name in first})


def _table(sizes: Sequence[int], rows: Mapping[str, Sequence[str]]) -> None:
    print(f"| | {' | '.join(f'{size:,}' for size in sizes)} |\n|---{'|---' * len(sizes)}|")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    sizes = [10_000, 100_000, 1_000_000]
    parser.add_argument("--sources", type=_number, nargs="+", default=sizes, help="one or more numbers (%(default)s)")
    parser.add_argument("--articles", type=_number, default=1_000_000, help="a day (%(default)s)")
    parser.add_argument("--keep", type=_number, default=365, help="days (%(default)s)")
    options = parser.parse_args()
    main(options.sources, options.articles, options.keep)
