"""Many processes on one PostgreSQL database: nothing is lost, nothing comes twice, all serve the same."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.store.database import HEAD
from tests import fleet, postgresql_server
from tests.fleet import Fleet, Web, fetched

ROOT = Path(__file__).parent.parent


@pytest.fixture
def empty(postgresql: str) -> Iterator[str]:
    """URL of a database in which nothing is yet."""
    name = postgresql_server.created(postgresql)
    try:
        yield f"{postgresql}/{name}"
    finally:
        postgresql_server.drop(postgresql, name)


@pytest.fixture
def web() -> Iterator[Web]:
    with Web().running() as found:
        yield found


@pytest.fixture
def workers(tmp_path: Path, empty: str, web: Web) -> Iterator[Fleet]:
    found = Fleet(tmp_path, empty, web)
    try:
        yield found
    finally:
        found.end()


def test_eight_processes_start_on_an_empty_database_at_once(empty: str, tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from aggregator.store import Database; "
    code += "print(Database(sys.argv[1], Path()).upgraded_from)"
    command = [sys.executable, "-c", code, empty]
    started = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    said = [process.communicate(timeout=120)[0].strip() for process in started]
    assert [process.returncode for process in started] == [0] * 8
    assert sorted(said) == ["None"] * 7 + ["none"]
    server, _, name = empty.rpartition("/")
    with postgresql_server.connected(server, name) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]


def test_pollers_share_the_sources_and_all_machines_serve_the_same(workers: Fleet, web: Web) -> None:
    count = 60
    workers.sources(*map(fleet.host, range(count)))
    web.gate.clear()
    for roles in ("poll", "poll", "publish,serve", "serve"):
        workers.start(roles, POLL__CONCURRENCY="8")
    workers.until(lambda: all("sources, 1 topics" in workers.said(number) for number in (0, 1)))  # one cannot have all
    web.gate.set()
    distinct = count + count // 2  # each host has one of its own, and shares one with a neighbour
    workers.until(lambda: workers.value("SELECT count(*) FROM articles") == 2 * count)
    assert workers.value("SELECT count(*) FROM stories") == distinct
    assert set(web.asked.values()) == {1}
    assert workers.rows("SELECT source FROM visits GROUP BY source HAVING count(*) > 1") == []

    workers.until(lambda: workers.value("SELECT bool_and(changes = published_changes) FROM topics"))
    here, there = (f"{base}feeds/harbour.atom" for base in workers.bases[2:4])
    one, other = workers.until(lambda: (a := fetched(here)) and (b := fetched(there)) and a[1] == b[1] and (a, b))
    assert one[1].count(b"<entry>") == distinct
    assert [one[0][name] for name in ("etag", "last-modified")] == [
        other[0][name] for name in ("etag", "last-modified")
    ]
    assert "published" not in workers.said(3)
