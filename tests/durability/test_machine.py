"""Whatever happens, in whatever order, to whichever of two workers: the store is whole, and in the end says what is so.

The model is a dict: what stands in which file. Processes die before one of their statements.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from aggregator import config, housekeeping, registry
from aggregator.config import Config
from aggregator.fetch import Fetcher
from aggregator.models import Lease, Visit
from aggregator.pipeline import LEASE, Pipeline
from aggregator.readers import Readers
from aggregator.store import Database, schema
from aggregator.store import claims as stored_claims
from aggregator.store import stories as stored_stories
from aggregator.store import visits as stored_visits
from tests import postgresql_server
from tests.durability.forker import die_at
from tests.durability.judge import faults_of_tables, ids
from tests.durability.test_kills import IN_FULL

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ROOT = Path(__file__).parent.parent.parent
TABLES = ("articles", "stories", "tags", "memberships")
KEPT = 365  # days
BOTH = {
    "all": "  all: {title: All, any: [{phrase: word}], limit: 1000}\n",
    "china-russia": "  china-russia: {title: Both, all: [country:china, country:russia], limit: 1000}\n",
}
workers, folders = st.sampled_from("ab"), st.sampled_from(["one", "two"])
names = st.sampled_from([f"{number}.txt" for number in range(4)])
texts = st.integers(0, 5)


class Worker:
    """A process as the store sees it: a pipeline with connections of its own; and what it has claimed."""

    def __init__(self, found: Config, open_store: Callable[[], Database], clock: Callable[[], datetime]) -> None:
        self._executor = ThreadPoolExecutor(1)
        self._readers = Readers(found.settings.parse)
        self.database = open_store()
        self.pipeline = Pipeline(found, self.database, self._executor, self._readers, clock=clock)
        self.leases: dict[str, Lease] = {}

    def prepare(self) -> None:
        self.pipeline.prepare()
        while self.pipeline.catch_up():
            pass

    def visit(self, lease: Lease) -> Visit | None:
        return asyncio.run(self.pipeline.ingest(lease, cast("Fetcher", None)))

    def end(self) -> None:
        self._executor.shutdown()
        self._readers.close()
        self.database.close()


class Machine(RuleBasedStateMachine):
    """Two workers, two folders in which files are kept, and people who change their minds."""

    server = ""  # of PostgreSQL; none: SQLite

    @initialize()
    def begin(self) -> None:
        registry.load()
        self.place = Path(tempfile.mkdtemp(prefix="aggregator-machine-"))
        self.database = postgresql_server.created(self.server) if self.server else ""
        self.url = f"{self.server}/{self.database}" if self.server else "sqlite"
        self.now = NOW
        self.files: dict[tuple[str, str], str] = {}
        self.numbers = count()
        self.slugs = ["all"]
        shutil.copytree(ROOT / "config", self.place / "config")
        given = f"state: {self.place}/var\ndatabase: {self.url}\nwebsub: {{hub: 'off'}}\n"
        (self.place / "config" / "aggregator.yaml").write_text(given)
        for folder in ("one", "two"):
            (self.place / folder).mkdir()
        self.workers = {name: Worker(self.config(), self.open_store, lambda: self.now) for name in "ab"}
        for worker in self.workers.values():
            worker.prepare()

    def config(self) -> Config:
        listed = [f"  - {{folder: {self.place}/{folder}, after: keep}}" for folder in ("one", "two")]
        (self.place / "config" / "sources.yaml").write_text("\n".join(["sources:", *listed, ""]))
        (self.place / "config" / "topics.yaml").write_text("topics:\n" + "".join(BOTH[slug] for slug in self.slugs))
        return config.load(self.place / "config", {})

    def open_store(self) -> Database:
        state = self.place / "var"
        state.mkdir(exist_ok=True)
        return Database(self.url, state)

    def source(self, folder: str) -> str:
        return next(key for key in self.workers["a"].pipeline.config.sources if key.endswith(folder))

    @rule(folder=folders, name=names, text=texts)
    def write(self, folder: str, name: str, text: int) -> None:
        """A file is new, or says something else; perhaps what another one says."""
        self.files[folder, name] = body = _body(text)
        path = self.place / folder / name
        path.write_text(body)
        seconds = self.now.timestamp() - 3600 + next(self.numbers)
        os.utime(path, (seconds, seconds))

    @rule(worker=workers, folder=folders)
    def claim(self, worker: str, folder: str) -> None:
        """It begins a visit, and does not get on with it."""
        one = self.workers[worker]
        if lease := stored_claims.claim_one(one.database, self.source(folder), self.now, lease=LEASE):
            holders = [other for other in self.workers.values() if folder in other.leases]
            assert all(other.leases[folder].until <= self.now for other in holders)
            one.leases[folder] = lease

    @rule(worker=workers, folder=folders)
    def freeze(self, worker: str, folder: str) -> None:
        """It begins, and is held up for so long that another one takes over."""
        self.claim(worker, folder)
        self.now += LEASE + timedelta(minutes=1)
        self.claim("b" if worker == "a" else "a", folder)

    @precondition(lambda self: any(worker.leases for worker in self.workers.values()))
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        """What was begun is ended; in vain, if another one has begun after the lease."""
        held = [(worker, folder) for worker in "ab" for folder in self.workers[worker].leases]
        self.end_visit(*data.draw(st.sampled_from(held)))

    def end_visit(self, worker: str, folder: str) -> None:
        lease = self.workers[worker].leases.pop(folder)
        later = [other.leases[folder] for other in self.workers.values() if folder in other.leases]
        visit = self.workers[worker].visit(lease)
        assert visit is None or not later, "a lease that was lost has been heeded"

    @rule(worker=workers, folder=folders, number=st.integers(1, 40))
    def die(self, worker: str, folder: str, number: int) -> None:
        """A process does, like this worker, at any statement of a visit or of a publication."""
        found, source = self.workers[worker].pipeline.config, self.source(folder)
        begun = os.fork()
        if begun == 0:
            try:
                one = Worker(found, self.open_store, lambda: self.now)
                die_at(number)
                if lease := stored_claims.claim_one(one.database, source, self.now, lease=LEASE):
                    one.visit(lease)
                one.pipeline.publish()
            finally:
                os._exit(0)
        os.waitpid(begun, 0)

    @rule(minutes=st.sampled_from([1, 11, 60 * 24]))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(worker=workers)
    def publish(self, worker: str) -> None:
        self.workers[worker].pipeline.publish()

    @rule(worker=workers)
    def prune(self, worker: str) -> None:
        asyncio.run(housekeeping.keep_house(self.workers[worker].pipeline))

    @rule(worker=workers, slugs=st.sampled_from([["all"], ["all", "china-russia"]]))
    def reload(self, worker: str, slugs: list[str]) -> None:
        """Both get the new rules, one after the other."""
        self.slugs = slugs
        for name in (worker, "b" if worker == "a" else "a"):
            self.workers[name].pipeline.adopt(self.config())
            while self.workers[name].pipeline.catch_up():
                pass

    @rule(worker=workers, kind=st.sampled_from(["split", "merge"]), data=st.data())
    def wish(self, worker: str, kind: str, data: st.DataObject) -> None:
        """A person takes a story apart, or puts two together."""
        one = self.workers[worker]
        with one.database.reading() as connection:
            keys = list(connection.execute(select(schema.articles.c.key).order_by(schema.articles.c.key)).scalars())
        if len(keys) > 1:
            chosen = data.draw(st.lists(st.sampled_from(keys), min_size=2, max_size=2, unique=True))
            stored_stories.wish(one.database, kind, chosen[0], chosen[1] if kind == "merge" else None, self.now)
            one.pipeline.fulfil()

    @invariant()
    def is_whole(self) -> None:
        if hasattr(self, "workers"):
            faults = list(faults_of_tables(self.tables(), self.slugs, folded_alike=False))
            assert faults == []

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        with self.workers["a"].database.reading() as connection:
            return {
                name: [dict(row._mapping) for row in connection.execute(select(schema.metadata.tables[name]))]
                for name in TABLES
            }

    def teardown(self) -> None:
        if not hasattr(self, "workers"):
            return
        try:
            self.comes_to_rest()
        finally:
            for worker in self.workers.values():
                worker.end()
            shutil.rmtree(self.place)
            if self.server:
                postgresql_server.drop(self.server, self.database)

    def comes_to_rest(self) -> None:
        """When all leases have ended and all folders are visited, the store holds what the files say, and feeds show it."""
        self.now += LEASE + timedelta(minutes=1)
        one = self.workers["a"]
        for folder in ("one", "two"):
            lease = stored_claims.claim_one(one.database, self.source(folder), self.now, lease=LEASE)
            assert lease
            assert one.visit(lease)
        one.pipeline.publish()
        tables = self.tables()
        told = {row["text"] for row in tables["articles"]}
        assert told >= {body.split("\n\n", 1)[1].strip() for body in self.files.values()}
        for slug in self.slugs:
            shown = {kind: set(ids((self.place / f"var/public/feeds/{slug}.{kind}").read_bytes())) for kind in FORMATS}
            pinned = {row["item_id"] for row in tables["stories"]}
            assert shown["atom"] == shown["json"] == shown["rss"] == pinned
        asyncio.run(runtime_is_well(one))


FORMATS = ("atom", "rss", "json")


async def runtime_is_well(worker: Worker) -> None:
    """Nothing is left to do: what was published is what the store says."""
    assert worker.pipeline.dirty() == []


def _body(number: int) -> str:
    words = " ".join(f"talks{number}x{place}" for place in range(45))
    return f"Word {number} of China and Russia\n\nChina and Russia said a word. {words}."


EXAMPLES = {"sqlite": 200 if IN_FULL else 5, "postgresql": 100 if IN_FULL else 3}


def run(server: str, examples: int) -> None:
    machine = type("Machine", (Machine,), {"server": server})
    bounds = settings(
        max_examples=examples,
        stateful_step_count=30,
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    run_state_machine_as_test(machine, settings=bounds)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("kind", EXAMPLES)
def test_two_workers_come_to_what_is_so(request: pytest.FixtureRequest, kind: str) -> None:
    run(request.getfixturevalue("postgresql") if kind == "postgresql" else "", EXAMPLES[kind])


def test_who_saves_without_a_lease_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(*given: Any) -> int:
        ended(*given)
        return len(given[-1])

    ended = stored_visits._finish
    monkeypatch.setattr(stored_visits, "_finish", mistaken)
    machine = Machine()
    machine.begin()
    machine.write("one", "0.txt", 0)
    machine.freeze("a", "one")
    with pytest.raises(AssertionError, match="a lease that was lost has been heeded"):
        machine.end_visit("a", "one")
    machine.teardown()
