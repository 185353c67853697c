"""Many processes on one PostgreSQL database: nothing is lost, nothing comes twice, all serve the same."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from aggregator import config, metrics, runtime
from aggregator.condition import Condition
from aggregator.daemon import Daemon
from aggregator.pipeline import utc_now
from aggregator.publishing import PUBLISH_REST_MOST
from aggregator.roles import HOLD, PUBLICATION
from aggregator.store import duties
from aggregator.store.database import HEAD
from tests import fleet, postgresql_server
from tests.fleet import Fleet, Line, Web, asked, fetched
from tests.postgresql_server import free_port

ALL = pytest.mark.skipif(not os.environ.get("AGGREGATOR_TEST_ALL"), reason="takes minutes: ./test --all")
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
    code = """if True:
        import os, sys
        from pathlib import Path
        from aggregator.store import Database
        is_parent = all(os.fork() for _ in range(8))
        if is_parent:
            sys.exit(any(os.wait()[1] for _ in range(8)))
        sys.stdout.write(f"{Database(sys.argv[1], Path()).upgraded_from}\\n")  # in one piece
    """
    done = subprocess.run([sys.executable, "-c", code, empty], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == ["None"] * 7 + ["none"]
    server, _, name = empty.rpartition("/")
    with postgresql_server.connected(server, name) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]


async def test_a_publisher_that_stands_by_is_ready_and_has_nothing_waiting(
    empty: str, config_directory: Path, tmp_path: Path
) -> None:
    found = config.load(config_directory, {"AGGREGATOR_DATABASE": empty, "AGGREGATOR_STATE": str(tmp_path / "state")})
    with runtime.opened(found) as database:
        daemon = Daemon(found, database, lambda: found)
        await daemon._pipeline.in_executor(daemon._pipeline.prepare)
        assert duties.take(database, PUBLICATION, "another", utc_now(), hold=HOLD)
        daemon._service.note("publication", OSError(28, "No space left on device"))
        assert daemon._service.readiness().is_down
        await daemon._publishing.publish()
        assert daemon._service.readiness() == Condition()
        await daemon._publishing.catch_up()
        metrics._waiting.add("china-russia", 1.0)
        assert metrics._waiting.age() == 0
        daemon._executor.shutdown()


async def test_a_publication_that_had_to_wait_for_long_does_not_keep_the_next_one_waiting_for_longer(
    config_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aggregator.publishing.PUBLISH_REST", 1e9)
    found = config.load(config_directory, {"AGGREGATOR_STATE": str(tmp_path / "state")})
    with runtime.opened(found) as database:
        daemon = Daemon(found, database, lambda: found)
        await daemon._pipeline.in_executor(daemon._pipeline.prepare)
        await daemon._publishing.publish()
        assert 0 < daemon._publishing._publish_at - time.monotonic() <= PUBLISH_REST_MOST
        daemon._executor.shutdown()


def test_pollers_share_the_sources_and_all_machines_serve_the_same(workers: Fleet, web: Web) -> None:
    share_the_work(workers, web)


@ALL
@pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="pgbouncer is missing: apt-get install pgbouncer")
def test_they_do_so_through_pgbouncer_in_transaction_mode(workers: Fleet, web: Web, tmp_path: Path) -> None:
    server, _, name = workers.database.rpartition("/")
    port, there = free_port(), server.rpartition(":")[2]
    (tmp_path / "users").write_text('"postgres" ""\n')
    (tmp_path / "pgbouncer.ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={there}\n[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port={port}\n"
        f"unix_socket_dir=\npool_mode=transaction\ndefault_pool_size=4\nauth_type=trust\nauth_file={tmp_path}/users\n"
    )
    command = ["pgbouncer", tmp_path / "pgbouncer.ini"]
    if os.getuid() == 0:
        for folder in (tmp_path, *tmp_path.parents[:2]):
            folder.chmod(0o755)
        command += ["-u", "nobody"]
    with (tmp_path / "said").open("wb") as said, subprocess.Popen(command, stderr=said, stdout=said) as bouncer:
        try:
            share_the_work(workers, web, DATABASE=f"{server.rpartition(':')[0]}:{port}/{name}")
        finally:
            workers.end()
            bouncer.terminate()


def share_the_work(workers: Fleet, web: Web, **settings: str) -> None:
    count = 60
    workers.sources(*map(fleet.host, range(count)))
    web.gate.clear()
    for roles in ("poll", "poll", "publish,serve", "serve"):
        workers.start(roles, POLL__CONCURRENCY="8", **settings)
    workers.until(lambda: all("sources, 1 topic" in workers.said(number) for number in (0, 1)))  # one cannot have all
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
    assert "this worker does the publication from now on" in workers.said(2)


def test_what_a_killed_and_a_frozen_worker_had_claimed_others_do_and_the_frozen_one_is_refused(
    workers: Fleet, web: Web
) -> None:
    workers.lease = 3.0
    hosts = [fleet.host(number) for number in range(4)]
    workers.sources(*hosts)
    web.gate.clear()
    for round_ in (1, 2, 3):
        worker = workers.start("poll")
        workers.until(lambda round_=round_: min(web.asked[host] for host in hosts) == round_)
        if round_ == 1:
            worker.kill()
            worker.wait()
        elif round_ == 2:
            worker.send_signal(signal.SIGSTOP)
    web.gate.set()
    workers.until(lambda: workers.value("SELECT count(*) FROM visits") == len(hosts))
    workers.processes[1].send_signal(signal.SIGCONT)
    workers.until(lambda: workers.said(1).count("another worker has taken this source over") == len(hosts))
    assert workers.value("SELECT count(*) FROM visits") == len(hosts)
    assert workers.value("SELECT count(*) FROM articles") == 2 * len(hosts)
    assert workers.value("SELECT count(*) FROM stories") == len(hosts) + len(hosts) // 2


def test_a_poller_says_how_it_is_where_health_listen_says_and_nothing_else(
    tmp_path: Path, empty: str, web: Web
) -> None:
    server, _, name = empty.rpartition("/")
    with ExitStack() as stack:
        line = stack.enter_context(Line(int(server.rpartition(":")[2])).running())
        workers = Fleet(tmp_path, empty, web)
        stack.callback(workers.end)
        workers.sources(fleet.host(0))
        address = f"127.0.0.1:{free_port()}"
        by_line = f"{server.rpartition(':')[0]}:{line.port}/{name}"
        workers.start("poll", HEALTH_LISTEN=address, DATABASE=by_line)
        page = f"http://{address}/"
        workers.until(lambda: fetched(f"{page}readyz"))
        assert asked(f"{page}readyz") == asked(f"{page}healthz") == (200, "ok\n")
        workers.until(lambda: 'aggregator_visits_total{outcome="news"} 1.0' in asked(f"{page}metrics")[1])
        assert {asked(page + path)[0] for path in ("", "sources", "feeds/harbour.atom", "static/style.css")} == {404}
        assert fetched(f"{workers.bases[0]}healthz") is None

        line.cut()
        workers.until(lambda: asked(f"{page}readyz")[0] == 503)
        assert asked(f"{page}readyz")[1].startswith("down\nstore: the database ")
        assert asked(f"{page}healthz") == (200, "ok\n")
        line.mend()
        workers.until(lambda: asked(f"{page}readyz") == (200, "ok\n"))


def test_each_worker_takes_what_is_dropped_on_its_own_machine(workers: Fleet) -> None:
    (workers.config / "sources.yaml").write_text("sources: [{folder: '{state}/inbox', after: move, create: true}]\n")
    for _ in range(2):
        workers.start("poll")
    inboxes = [workers.folder / f"state{number}/inbox" for number in range(2)]
    workers.until(lambda: all(inbox.exists() for inbox in inboxes))
    for number, inbox in enumerate(inboxes):
        (inbox / "a.txt").write_text(f"The harbour of number {number}\n\nA ship has come.\n")
    workers.until(lambda: workers.value("SELECT count(*) FROM articles") == 2)
    workers.until(lambda: all((inbox / "done/a.txt").exists() for inbox in inboxes))


@ALL
def test_nothing_is_lost_and_nothing_comes_twice_whatever_happens(tmp_path: Path) -> None:
    """Eight workers, 2,000 sources, 26 rounds; in the second a worker is killed, one is frozen past its leases, the
    network is cut, and the database falls over."""
    count, rounds = 2000, 26
    binaries = postgresql_server.binaries()
    assert binaries
    with ExitStack() as stack:
        server = stack.enter_context(postgresql_server.started(binaries))
        name = postgresql_server.created(server)
        line = stack.enter_context(Line(int(server.rpartition(":")[2])).running())
        web = stack.enter_context(Web().running())
        workers = Fleet(tmp_path, f"{server}/{name}", web, POLL__SPACING="0s", RETENTION__ARTICLES="365d")
        stack.callback(workers.end)
        workers.lease = 90.0
        workers.sources(*map(fleet.host, range(count)))
        by_line = f"{server.rpartition(':')[0]}:{line.port}/{name}"
        for roles in ("poll", "poll", "poll", "poll", "poll", "poll", "publish", "publish,serve"):
            workers.start(roles, POLL__CONCURRENCY="16", DATABASE=by_line)

        def visited(number: int) -> bool:
            return len(web.asked) == count and min(web.asked.values()) >= number and idle(workers)

        workers.until(lambda: visited(1), within=900)
        assert set(web.asked.values()) == {1}
        for number in range(2, rounds + 1):
            web.edition += number % 12 == 2
            before = dict(web.asked)
            workers.rows("UPDATE sources SET due_at = now()")
            if number == 2:
                trouble(workers, web, line, sum(before.values()))
            workers.until(lambda before=before: all(web.asked[host] > before[host] for host in before), within=900)
            workers.until(lambda: idle(workers), within=900)
            if number > 2:
                assert {web.asked[host] - before[host] for host in before} == {1}
        articles = 2 * count * web.edition
        assert workers.value("SELECT count(*) FROM articles") == articles
        assert workers.value("SELECT count(*) FROM stories") == articles * 3 // 4
        assert "deadlock" not in workers.said()
        assert "a bug" not in workers.said()
        assert workers.value("SELECT sum(deadlocks) FROM pg_stat_database") == 0
        workers.until(lambda: workers.value("SELECT bool_and(changes = published_changes) FROM topics"))


def idle(workers: Fleet) -> bool:
    return not workers.value("SELECT count(*) FROM sources WHERE leased_until IS NOT NULL OR due_at <= now()")


def trouble(workers: Fleet, web: Web, line: Line, before: int) -> None:
    """All that can happen to workers, one after the other, while they visit."""
    frozen, killed = workers.processes[:2]
    workers.until(lambda: sum(web.asked.values()) > before + 200)
    frozen.send_signal(signal.SIGSTOP)
    killed.kill()
    killed.wait()
    workers.until(lambda: sum(web.asked.values()) > before + 600)
    line.cut()
    time.sleep(3)
    line.mend()
    workers.until(lambda: sum(web.asked.values()) > before + 1000)
    victim = workers.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' LIMIT 1")
    os.kill(victim, signal.SIGKILL)  # the server throws all out and recovers, as after a crash
    leased = "SELECT count(*) FROM sources WHERE leased_until <= now()"
    workers.until(lambda: workers.value(leased), within=200)  # those of the frozen one, and of the killed one
    workers.start("poll", POLL__CONCURRENCY="16")
    workers.until(lambda: idle(workers), within=900)
    frozen.send_signal(signal.SIGCONT)
