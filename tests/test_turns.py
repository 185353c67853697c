"""What several processes on one PostgreSQL database do one after the other, and what one does for all."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from aggregator import config, ending, publish, roles, runtime
from aggregator.cli import main
from aggregator.config import Topic
from aggregator.config.topics import schema
from aggregator.daemon import Daemon
from aggregator.errors import StateError
from aggregator.judge import Judge, Judgement
from aggregator.models import Article
from aggregator.pipeline import Pipeline
from aggregator.readers import Readers
from aggregator.sharing import Shared
from aggregator.sources.http import HttpSource
from aggregator.store import Database, articles, claims, duties, renditions, settings, sources
from aggregator.store import database as store_database
from tests.test_pipeline import drop

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


SEVERAL = pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)  # SQLite has one process


@pytest.fixture
def stores(new_database: Callable[[], Database]) -> Callable[[], Database]:
    """Opens the store of several processes, once for each."""
    return new_database


def noted(database: Database, name: str) -> str | None:
    with database.reading() as connection:
        return settings.value_of(connection, name)


def note(database: Database, name: str, value: str) -> None:
    with database.writing() as connection:
        settings.put(database, connection, name, value)


def test_a_database_that_does_not_answer_is_waited_for_by_one_and_others_are_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(store_database._PATIENCE, "connect_timeout", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        engine = store_database._postgresql_engine(f"postgresql+psycopg://a@127.0.0.1:{silent.getsockname()[1]}/b")

        def fail() -> str:
            with pytest.raises(OperationalError) as failure:
                engine.connect()
            return str(failure.value.orig)

        def asked() -> int:
            count = 0
            with suppress(BlockingIOError):
                while True:
                    silent.accept()[0].close()
                    count += 1
            return count

        said = fail()
        assert (asked(), [fail(), fail()], asked()) == (1, [said, said], 0)
        while not asked():  # once it has rested
            fail()


@SEVERAL
def test_turns_are_taken_one_after_the_other(stores: Callable[[], Database]) -> None:
    note(stores(), "count", "0")

    def count(database: Database) -> None:
        for _ in range(20):
            with database.in_turn("counting"):
                note(database, "count", str(int(noted(database, "count") or "") + 1))

    threads = [threading.Thread(target=count, args=(stores(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert noted(stores(), "count") == "80"


@SEVERAL
def test_who_is_silent_in_its_turn_is_thrown_out_by_who_waits(
    stores: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the server's own timer makes of it: of a process that was frozen while it sent, it was seen not to run."""
    monkeypatch.setattr(store_database, "_EVICT", store_database._EVICT.bindparams(wait="1s"))
    database, silent = stores(), stores()
    with silent._writer.connect() as connection:
        connection.execute(store_database._WAIT_FOR, {"what": "counting"})
        with pytest.raises(StateError), database.in_turn("counting"):
            pass
        with database.in_turn("counting"):
            note(database, "count", "1")
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT 1"))
        connection.invalidate()
    assert noted(database, "count") == "1"


@SEVERAL
def test_all_that_is_done_in_a_turn_is_one_transaction(stores: Callable[[], Database]) -> None:
    database, other = stores(), stores()
    with pytest.raises(ZeroDivisionError), database.in_turn("a"):
        note(database, "one", "1")
        assert noted(other, "one") is None
        with database.in_turn("a"):  # who has it need not wait for it
            note(database, "two", "2")
        raise ZeroDivisionError
    assert [noted(database, name) for name in ("one", "two")] == [None, None]
    with pytest.raises(StateError), database.in_turn("a"), pytest.raises(StateError):  # whoever bears it inside
        note(database, "one", "1")
        with database.writing() as connection:
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert noted(database, "one") is None
    with database.in_turn("a"):
        note(database, "one", "1")
    assert noted(other, "one") == "1"


@SEVERAL
def test_what_is_done_together_is_one_transaction_and_takes_no_turn(stores: Callable[[], Database]) -> None:
    database, other = stores(), stores()
    with pytest.raises(ZeroDivisionError), database.together():
        note(database, "one", "1")
        raise ZeroDivisionError
    assert noted(database, "one") is None
    with database.together(), database.together():
        note(database, "one", "1")
        assert (noted(database, "one"), noted(other, "one")) == ("1", None)
        with pytest.raises(RuntimeError, match="'a' is to be waited for before"), database.in_turn("a"):
            pass
    with database.in_turn("a"), pytest.raises(RuntimeError, match="'b' is to be waited for"), database.in_turn("b"):
        pass
    assert noted(other, "one") == "1"


@SEVERAL
def test_a_visit_of_many_articles_may_take_longer_than_a_transaction_may_be_silent(
    stores: Callable[[], Database], config_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge, said_first = Judge.judge, store_database.SAID_FIRST.replace("'30s'", "'200ms'")

    def slowly(self: Judge, article: Article) -> Judgement:
        time.sleep(0.4)
        return judge(self, article)

    monkeypatch.setattr(Judge, "judge", slowly)
    monkeypatch.setattr(store_database, "SAID_FIRST", said_first)
    monkeypatch.setattr(ending, "MOST_TOGETHER", 1)
    (config_directory / "sources.yaml").write_text("sources: [{folder: ../a}]\n")
    folder = config_directory.parent / "a"
    folder.mkdir()
    for number in range(2):
        text = " ".join(f"word{number}.{n}" for n in range(80))
        drop(folder, f"{number}.txt", f"China and Russia sign {number}\n\n{text}\n".encode())
    found = config.load(config_directory, {})
    with runtime.executor() as executor, Readers(found.settings.parse) as readers:
        pipeline = Pipeline(found, stores(), executor, readers)
        pipeline.prepare()
        lease = claims.claim_one(pipeline.database, "folder:a", NOW, lease=600 * SECOND)
        assert lease
        visit = asyncio.run(pipeline.ingest(lease, None))  # type: ignore[arg-type]
    assert visit and visit.new == 2


@SEVERAL
def test_who_is_frozen_in_a_turn_loses_it_and_saves_nothing(
    stores: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    brief = text("SET LOCAL idle_in_transaction_session_timeout = '1s'")
    monkeypatch.setattr("aggregator.store.database._PATIENT", brief)
    frozen, other = stores(), stores()
    with pytest.raises(StateError), frozen.in_turn("a"):
        note(frozen, "who", "frozen")
        with other.in_turn("a"):  # waits until the database has thrown the other one out
            note(other, "who", "other")
        note(frozen, "again", "frozen")
    assert (noted(other, "who"), noted(other, "again")) == ("other", None)


@SEVERAL
def test_what_is_held_is_not_waited_for(stores: Callable[[], Database]) -> None:
    one, other = stores(), stores()
    with one.holding("x") as join:
        assert join
        with other.holding("x") as taken, other.holding("y") as free:
            assert taken is None
            assert free is not None
        note(one, "before", "1")
        assert noted(other, "before") == "1"
        join()
        note(one, "after", "1")
        assert noted(other, "after") is None
    assert noted(other, "after") == "1"


def test_a_duty_is_one_workers_until_it_falls_silent_or_leaves(database: Database) -> None:
    def has(worker: str, seconds: int) -> bool:
        return duties.take(database, "d", worker, NOW + seconds * SECOND, hold=20 * SECOND)

    assert [has("a", 0), has("b", 10), has("a", 15), has("b", 34)] == [True, False, True, False]
    assert [has("b", 35), has("a", 36)] == [True, False]
    duties.leave(database, ["d"], "a")
    assert not has("a", 37)
    duties.leave(database, ["d"], "b")
    assert has("a", 38)


def test_a_duty_whose_worker_had_a_clock_far_ahead_is_taken(database: Database) -> None:
    assert duties.take(database, "d", "a", NOW + timedelta(days=9), hold=20 * SECOND)
    assert duties.take(database, "d", "b", NOW, hold=20 * SECOND)


@pytest.mark.parametrize(
    ("text", "is_sqlite", "expected"),
    [
        ("poll,publish,serve", True, {"poll", "publish", "serve"}),
        ("poll", False, {"poll"}),
        (" serve , publish ", False, {"publish", "serve"}),
        ("poll", True, "SQLite is for one process"),
        ("pol", False, "no role 'pol'; roles are poll, publish, serve"),
        (",", False, "name one at least"),
    ],
)
def test_roles(text: str, is_sqlite: bool, expected: set[str] | str) -> None:
    if isinstance(expected, set):
        assert roles.chosen(text, is_sqlite=is_sqlite) == expected
        return
    with pytest.raises(ValueError, match=expected):
        roles.chosen(text, is_sqlite=is_sqlite)


def test_on_sqlite_one_process_does_everything(config_directory: Path) -> None:
    done = CliRunner().invoke(main, ["--config", str(config_directory), "run", "--only", "poll"])
    assert (done.exit_code, "SQLite is for one process" in done.output) == (2, True)


@SEVERAL
def test_no_more_than_so_many_of_a_host_however_many_workers_ask_at_once(stores: Callable[[], Database]) -> None:
    feeds = [HttpSource(url=f"https://example.org/{number:04}") for number in range(200)]
    sources.register(stores(), {feed.key: feed for feed in feeds}, NOW)
    got: list[str] = []
    start = threading.Barrier(6)

    def work(store: Database) -> None:
        start.wait()
        for number in range(5):
            now = NOW + number * SECOND
            got.extend(one.source for one in claims.claim(store, now, limit=9, lease=600 * SECOND, per_host=3))

    threads = [threading.Thread(target=work, args=(stores(),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 3


def test_a_worker_leaves_to_others_what_is_not_there(database: Database) -> None:
    feeds = [HttpSource(url=f"https://{name}.example/feed") for name in "ab"]
    sources.register(database, {feed.key: feed for feed in feeds}, NOW)
    claimed = claims.claim(database, NOW, limit=9, lease=SECOND, without={"a.example/feed"})
    assert [lease.source for lease in claimed] == ["b.example/feed"]


class Settled(SimpleNamespace):
    """A configuration, as far as files are shared by it."""

    __hash__ = object.__hash__  # each is one of its own, as those that are loaded


class Machine:
    """A state directory, with public and private topics."""

    def __init__(self, database: Database, state: Path, **is_private: bool) -> None:
        schema()  # the language of topics is known from then on
        topics = {
            slug: Topic(title=slug, any=({"phrase": "x"},), private=private)  # type: ignore[arg-type]
            for slug, private in is_private.items()
        }
        self.config: Any = Settled(
            state=state,
            public=state / "public",
            private=state / "private",
            topics=topics,
            settings=SimpleNamespace(everything=SimpleNamespace(publish=False), operator_feed="off"),
        )
        self.shared = Shared(lambda: self.config, database)

    def render(self, slug: str, **files: bytes) -> bool:
        root = self.config.private if self.config.topics[slug].private else self.config.public
        with self.shared.rendering(slug) as share:
            if share is None:
                return False
            for extension, data in files.items():
                publish.replace(publish.folder(root) / f"{slug}.{extension}", data)
            share()
        return True

    def files(self) -> dict[str, tuple[bytes, int]]:
        state = self.config.state
        return {
            str(path.relative_to(state)): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(state.rglob("*.*"))
        }


@SEVERAL
def test_every_machine_has_the_same_files_with_the_same_dates(stores: Callable[[], Database], tmp_path: Path) -> None:
    one, other = (Machine(stores(), tmp_path / name, a=False, b=True) for name in ("one", "other"))
    one.render("a", atom=b"1", rss=b"1")
    one.render("b", atom=b"secret")
    assert other.shared.bring_up() == 3
    assert other.files() == one.files()
    assert [str(name) for name in other.files()] == [
        f"{place}{end}"
        for place in ("private/feeds/b.atom", "public/feeds/a.atom", "public/feeds/a.rss")
        for end in ("", ".gz")
    ]
    assert (tmp_path / "other/private/feeds/b.atom").stat().st_mode & 0o77 == 0
    assert other.shared.bring_up() == 0
    before = other.files()
    other.render("a", atom=b"2", rss=b"1")
    assert one.shared.bring_up() == 1
    assert one.files() == other.files()
    changed = {name for name, known in one.files().items() if known != before[name]}
    assert changed == {"public/feeds/a.atom", "public/feeds/a.atom.gz"}


@SEVERAL
def test_a_file_that_is_taken_away_goes_everywhere(stores: Callable[[], Database], tmp_path: Path) -> None:
    one, other = (Machine(stores(), tmp_path / name, a=False) for name in ("one", "other"))
    one.render("a", atom=b"1", rss=b"1")
    other.shared.bring_up()
    with one.shared.rendering("a") as share:
        assert share
        for end in ("", ".gz"):
            (tmp_path / f"one/public/feeds/a.rss{end}").unlink()
        share()
    other.shared.bring_up()
    assert other.files() == one.files()


@SEVERAL
def test_one_renders_and_the_next_goes_on_with_what_that_one_made(
    stores: Callable[[], Database], tmp_path: Path
) -> None:
    one, other = (Machine(stores(), tmp_path / name, a=False) for name in ("one", "other"))
    with one.shared.rendering("a") as share:
        assert share
        assert not other.render("a", atom=b"never")
        publish.replace(publish.folder(one.config.public) / "a.atom", b"1")
        share()
    dated = one.files()["public/feeds/a.atom"]
    other.render("a", atom=b"1")  # what it finds is what it would write
    assert other.files()["public/feeds/a.atom"] == dated


@SEVERAL
def test_what_could_not_be_shared_is_taken_back(stores: Callable[[], Database], tmp_path: Path) -> None:
    one = Machine(stores(), tmp_path / "one", a=False)
    one.render("a", atom=b"1")
    with pytest.raises(RuntimeError), one.shared.rendering("a") as share:
        assert share
        publish.replace(publish.folder(one.config.public) / "a.atom", b"2")
        raise RuntimeError
    assert one.shared.bring_up() == 1
    assert one.files()["public/feeds/a.atom"][0] == b"1"


@SEVERAL
def test_what_its_renderer_could_not_share_before_it_died_stays_and_is_shared_next(
    stores: Callable[[], Database], tmp_path: Path
) -> None:
    """Readers have seen it: a feed that went back would lose items, and have them again."""
    one, other = Machine(stores(), tmp_path / "one", a=False), Machine(stores(), tmp_path / "other", a=False)
    one.render("a", atom=b"1")
    publish.replace(publish.folder(one.config.public) / "a.atom", b"2")
    after = Machine(stores(), tmp_path / "one", a=False)
    assert after.shared.bring_up() == 0
    after.render("a", atom=b"2")
    assert other.shared.bring_up() == 1
    assert other.files() == one.files()
    assert other.files()["public/feeds/a.atom"][0] == b"2"


@SEVERAL
def test_a_topic_that_has_become_private_does_not_come_back_in_public(
    stores: Callable[[], Database], tmp_path: Path
) -> None:
    one, other = Machine(stores(), tmp_path / "one", a=False), Machine(stores(), tmp_path / "other", a=True)
    one.render("a", atom=b"1")
    assert other.shared.bring_up() == 0
    assert other.files() == {}
    other.shared.withdraw()
    assert renditions.dates(stores()) == {}


@SEVERAL
def test_two_copies_that_come_to_two_workers_at_once_are_one_story(
    stores: Callable[[], Database], config_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (config_directory / "sources.yaml").write_text("sources: [{folder: ../a}, {folder: ../b}]\n")
    for name in "ab":
        folder = config_directory.parent / name
        folder.mkdir()
        drop(folder, "news.txt", f"China and Russia sign\n\n{' '.join(f'word{n}' for n in range(80))}\n".encode())
    found = config.load(config_directory, {})
    with ExitStack() as stack:

        def worker(name: str) -> Callable[[], None]:
            executor, readers = (
                stack.enter_context(runtime.executor()),
                stack.enter_context(Readers(found.settings.parse)),
            )
            pipeline = Pipeline(found, stores(), executor, readers)
            pipeline.prepare()

            def visit() -> None:
                lease = claims.claim_one(pipeline.database, f"folder:{name}", NOW, lease=600 * SECOND)
                assert lease
                assert asyncio.run(pipeline.ingest(lease, None))  # type: ignore[arg-type]

            return visit

        one, other = worker("a"), worker("b")
        waiting, written = [other], ending.Endings._written

        def late(self: ending.Endings, *arguments: Any) -> Any:
            if waiting:  # the first one has found that its article is new: now the other one stores a copy
                waiting.pop()()
            return written(self, *arguments)

        monkeypatch.setattr(ending.Endings, "_written", late)
        one()
    (copies,) = articles.stories(stores()).values()
    assert {copy.source for copy in copies} == {"folder:a", "folder:b"}


def test_a_worker_with_some_of_the_roles_leaves_folders_alone_that_are_not_there(
    database: Database, config_directory: Path
) -> None:
    (config_directory / "sources.yaml").write_text("sources: [{folder: ../a}, {folder: ../b}]\n")
    (config_directory.parent / "a").mkdir()
    found = config.load(config_directory, {})
    assert Daemon(found, database, lambda: found, roles=["poll"])._polling.absent() == {"folder:b"}
    assert Daemon(found, database, lambda: found)._polling.absent() == frozenset()
