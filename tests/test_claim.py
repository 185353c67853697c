"""Who may visit what, and when: politeness is kept by the store, on SQLite and on PostgreSQL alike."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.models import Advice, Outcome, Rhythm, SourceState, Visit
from aggregator.registry import Source
from aggregator.sources.folder import FolderSource
from aggregator.sources.http import HttpSource
from aggregator.store import Database, claims, sources, visits

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LEASE = timedelta(minutes=10)
SECOND = timedelta(seconds=1)


def feeds(host: str, count: int) -> dict[str, Source]:
    found = [HttpSource(url=f"https://{host}/{number:04}") for number in range(count)]
    return {source.key: source for source in found}


def claimed(
    store: Database, now: datetime = NOW, *, limit: int = 64, per_host: int = 2, spacing: timedelta = 2 * SECOND
) -> list[str]:
    leases = claims.claim(store, now, limit=limit, lease=LEASE, per_host=per_host, spacing=spacing)
    return [lease.source for lease in leases]


def test_visits_to_one_domain_keep_their_distance(database: Database) -> None:
    sources.register(database, feeds("a.example.org", 2) | feeds("b.example.org", 2), NOW)
    assert claimed(database) == ["a.example.org/0000"]
    assert claimed(database, NOW + SECOND) == []
    assert claims.next_visit_at(database, NOW) == NOW + 2 * SECOND
    assert claimed(database, NOW + 2 * SECOND) == ["a.example.org/0001"]


def test_no_more_than_so_many_of_one_domain_at_a_time(database: Database) -> None:
    sources.register(database, feeds("example.org", 5), NOW)
    for number in range(2):
        assert len(claimed(database, NOW + number * 2 * SECOND)) == 1
    assert claimed(database, NOW + timedelta(minutes=1)) == []
    assert len(claimed(database, NOW + LEASE)) == 1  # a lease that has ended holds no place


def test_without_a_distance_the_number_alone_counts(database: Database) -> None:
    sources.register(database, feeds("example.org", 5), NOW)
    assert len(claimed(database, per_host=3, spacing=timedelta())) == 3
    assert claimed(database, per_host=3, spacing=timedelta()) == []


def test_a_thousand_sources_of_one_host_keep_nobody_waiting(database: Database) -> None:
    sources.register(database, feeds("slow.example", 1000), NOW - LEASE)
    sources.register(database, feeds("slow.example", 1000) | feeds("quick.example", 1), NOW)
    assert sorted(one.partition("/")[0] for one in claimed(database)) == ["quick.example", "slow.example"]


def test_so_many_are_claimed_however_many_are_looked_at(database: Database) -> None:
    """More than are taken from the database at once."""
    many = feeds("slow.example", 600) | {key: one for n in range(9) for key, one in feeds(f"q{n}.example", 1).items()}
    sources.register(database, feeds("slow.example", 600), NOW - LEASE)
    sources.register(database, many, NOW)
    assert len(claimed(database, limit=5)) == 5
    assert len(claimed(database)) == 5
    assert claimed(database) == []


def test_places_on_this_machine_need_no_distance(database: Database, tmp_path: object) -> None:
    folders = {f"folder:{name}": FolderSource(folder=f"/{name}") for name in ("a", "b", "c")}
    sources.register(database, folders, NOW)
    assert claimed(database) == ["folder:a", "folder:b", "folder:c"]


def test_a_host_that_had_enough_is_left_alone_with_all_its_sources(database: Database) -> None:
    sources.register(database, feeds("a.example.org", 1) | feeds("b.example.org", 1) | feeds("example.com", 1), NOW)
    (lease, _) = claims.claim(database, NOW, limit=9, lease=LEASE)
    failed = Visit(lease.source, NOW, "failed", 5, status=429, kind="busy", error="429")
    rest_until = NOW + timedelta(hours=1)
    visits.save(database, lease, Outcome(failed, lease.state, rest_until, 1, rest_until=rest_until))
    assert claimed(database, rest_until - SECOND) == ["example.com/0000"]
    assert claimed(database, rest_until) == ["b.example.org/0000"]  # due longer than the one that failed


def test_longest_due_first(database: Database) -> None:
    for number, host in enumerate(("c.example", "a.example", "b.example")):
        configured = {
            key: source for name in ("c.example", "a.example", "b.example") for key, source in feeds(name, 1).items()
        }
        sources.register(
            database, {key: configured[key] for key in configured if key.startswith(host)}, NOW - number * SECOND
        )
    sources.register(database, configured, NOW)
    assert claimed(database, limit=1) == ["b.example/0000"]


def test_two_workers_never_go_to_one_host_together(new_database: Callable[[], Database]) -> None:
    sources.register(new_database(), feeds("example.org", 50) | feeds("example.com", 50), NOW)
    got: list[str] = []
    start = threading.Barrier(4)

    def work(store: Database) -> None:
        start.wait()
        for number in range(5):
            got.extend(claimed(store, NOW + number * 2 * SECOND, per_host=99))

    workers = [threading.Thread(target=work, args=(new_database(),)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(got) == len(set(got)) == 10


def test_one_source_may_be_claimed_out_of_turn(database: Database) -> None:
    sources.register(database, feeds("example.org", 2), NOW + timedelta(hours=1))
    lease = claims.claim_one(database, "example.org/0001", NOW, lease=LEASE)
    assert lease and lease.source == "example.org/0001"
    assert claims.claim_one(database, "example.org/0001", NOW, lease=LEASE) is None
    assert claims.claim_one(database, "example.org/9999", NOW, lease=LEASE) is None


def test_politely_nobody_is_claimed_whose_host_rests(database: Database) -> None:
    sources.register(database, feeds("example.org", 2), NOW)
    (lease,) = claims.claim(database, NOW, limit=1, lease=LEASE)
    visit = Visit(lease.source, NOW, "failed", 5, status=429, kind="busy", error="429")
    rest_until = NOW + timedelta(minutes=10)
    visits.save(database, lease, Outcome(visit, lease.state, rest_until, 1, rest_until=rest_until))
    assert claims.claim_one(database, lease.source, NOW, lease=LEASE, politely=True) is None
    assert claims.claim_one(database, lease.source, rest_until, lease=LEASE, politely=True)


def test_what_a_source_remembers_comes_back_as_it_was(database: Database) -> None:
    sources.register(database, feeds("example.org", 1), NOW)
    (lease,) = claims.claim(database, NOW, limit=1, lease=LEASE)
    state = SourceState(
        etag="e",
        last_modified="l",
        body_hash="h",
        lies=True,
        read_at=NOW,
        moved_to="https://example.com/",
        moved_since=NOW - LEASE,
        advice=Advice(LEASE, frozenset({0, 23}), frozenset({6}), ("https://hub.example/",), "https://example.org/self"),
        rhythm=Rhythm(NOW, 1.5, 2.5, 3.5, tuple(float(hour) for hour in range(24))),
        succeeded_at=NOW,
        failing_since=NOW - SECOND,
    )
    visit = Visit("example.org/0000", NOW, "unchanged", 5, status=304, url="https://example.com/")
    visits.save(database, lease, Outcome(visit, state, NOW + LEASE, plan="because"))
    (status,) = sources.statuses(database, "example.org/0000", visits_each=30)
    assert (status.state, status.plan, status.visits) == (state, "because", (visit,))
    (again,) = claims.claim(database, NOW + LEASE, limit=1, lease=LEASE)
    assert (again.state, again.due_at) == (state, NOW + LEASE)


@pytest.mark.parametrize("only", ["example.org/0001", "Two"])
def test_one_source_is_found_by_id_and_name(database: Database, only: str) -> None:
    configured = feeds("example.org", 3)
    configured["example.org/0001"] = HttpSource(url="https://example.org/0001", name="Two")
    sources.register(database, configured, NOW)
    assert [status.id for status in sources.statuses(database, only)] == ["example.org/0001"]


def test_what_failed_in_an_outage_is_due_when_it_is_over(database: Database) -> None:
    sources.register(database, feeds("a.example", 1) | feeds("b.example", 1) | feeds("c.example", 1), NOW)
    began = {"a.example/0000": NOW, "b.example/0000": NOW - timedelta(days=1), "c.example/0000": None}
    for lease in claims.claim(database, NOW, limit=9, lease=LEASE):
        visit = Visit(lease.source, NOW, "failed", 5, kind="dns", error="not found")
        state = SourceState(failing_since=began[lease.source])
        visits.save(database, lease, Outcome(visit, state, NOW + timedelta(hours=5), 1))
    sources.make_failing_due(database, NOW + LEASE, NOW - SECOND)
    assert claimed(database, NOW + LEASE) == ["a.example/0000"]


def test_waits_that_a_wrong_clock_began_end(database: Database) -> None:
    ahead = NOW + timedelta(days=400)
    sources.register(database, feeds("example.org", 1), ahead)
    assert claims.claim_one(database, "example.org/0000", ahead, lease=LEASE)
    sources.limit_waits(database, NOW, timedelta(days=60), timedelta(hours=1), LEASE * 2)
    assert claimed(database) == ["example.org/0000"]


def test_all_are_made_due_but_those_whose_host_is_at_rest(database: Database) -> None:
    later = NOW + timedelta(hours=5)
    sources.register(database, feeds("example.org", 1) | feeds("example.com", 1), NOW)
    for lease in claims.claim(database, NOW, limit=9, lease=LEASE):
        rest_until = NOW + timedelta(hours=1) if lease.source.startswith("example.org") else None
        visit = Visit(lease.source, NOW, "failed", 5, status=429, kind="busy", error="429")
        visits.save(database, lease, Outcome(visit, lease.state, later, 1, plan="why", rest_until=rest_until))
    sources.make_due(database, NOW + LEASE)
    assert {status.id: (status.due_at, status.plan) for status in sources.statuses(database)} == {
        "example.com/0000": (NOW + LEASE, ""),
        "example.org/0000": (later, "why"),
    }
