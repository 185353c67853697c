"""What is too old goes, once and for all; and a source that moves takes what it has along."""

import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import func, insert, select, update

from aggregator import config, housekeeping, runtime
from aggregator.daemon import Daemon
from aggregator.models import Rhythm, SourceState
from aggregator.pipeline import Pipeline
from aggregator.readers import Readers
from aggregator.sources.http import HttpSource
from aggregator.store import Database, articles, contents, retention, schema, sources, topics, visits
from tests.test_pipeline import ABOUT_BOTH, Site, items, once, rss
from tests.test_store import CONFIGURED, LATER, NOW, article, lease_of, visited

YEAR = timedelta(days=365)
OLD = NOW - YEAR - timedelta(seconds=1)
Tombstones = dict[str, tuple[str, datetime]]


@pytest.fixture
def store(database: Database) -> Database:
    """A store with three sources and two topics that are published."""
    sources.register(database, CONFIGURED, NOW)
    topics.register(database, ["one", "two"], "rules", NOW)
    for topic in topics.dirty(database, NOW):
        topics.mark_published(database, topic, None)
    return database


def key(name: str) -> str:
    return name.zfill(32)


def give(store: Database, source: str, *names: str, seen_at: datetime, **changes: object) -> None:
    """Store articles as a visit does: each a story of its own, in topic one, unless their texts are the same."""
    fields = {"link": None, "published_at": None, "first_seen_at": seen_at} | changes
    found = [article(name, source, **fields) for name in names]
    past = articles.copies(store, keys=[], links=[], text_hashes=[one.text_hash for one in found])
    lease = lease_of(store, source)
    visits.save(store, lease, replace(visited(lease, *found, past=tuple(past)), due_at=NOW))


def before(now: datetime, **by_topic: timedelta) -> retention.Limits:
    """What is a year old is too old, or what is as old as a topic says."""
    return retention.Limits(now - YEAR, {slug: now - kept for slug, kept in by_topic.items()})


def remove(store: Database, now: datetime = NOW) -> retention.Removed:
    return retention.remove(store, retention.outdated(store, before(now), limit=99), before(now), now)


def tombstones(store: Database) -> Tombstones:
    with store.reading() as connection:
        rows = connection.execute(select(schema.tombstones).order_by(schema.tombstones.c.key)).all()
    return {row.key: (row.source, row.carried_at) for row in rows}


def rows_in(store: Database) -> dict[str, int]:
    tables = (schema.articles, schema.stories, schema.tags, schema.memberships)
    with store.reading() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
        }


def test_old_story_goes_with_all_that_belongs_to_it_and_leaves_tombstones(store: Database) -> None:
    give(store, "a", "1", seen_at=OLD)
    give(store, "b", "2", seen_at=OLD, text_hash="t1")
    give(store, "a", "3", seen_at=OLD + timedelta(seconds=1))
    assert remove(store) == retention.Removed(1, 2)
    assert rows_in(store) == {"articles": 1, "stories": 1, "tags": 1, "memberships": 1}
    assert tombstones(store) == {key("1"): ("a", NOW), key("2"): ("b", NOW)}
    assert remove(store) == retention.Removed(0, 0)


def test_story_with_a_young_copy_stays_whole(store: Database) -> None:
    give(store, "a", "1", seen_at=OLD)
    give(store, "b", "2", seen_at=NOW, text_hash="t1")
    assert retention.outdated(store, before(NOW), limit=99) == []
    assert retention.remove(store, [key("1")], before(NOW), NOW) == retention.Removed(0, 0)  # it was old when looked up
    assert rows_in(store)["articles"] == 2


def test_topic_that_loses_a_story_is_published_anew_and_the_others_keep_their_ids(store: Database) -> None:
    give(store, "a", "1", seen_at=OLD)
    give(store, "a", "2", seen_at=NOW)
    contents.pin(store, {key("1"): "tag:1", key("2"): "tag:2"})
    for topic in topics.dirty(store, NOW):
        topics.mark_published(store, topic, None)
    remove(store)
    assert [topic.slug for topic in topics.dirty(store, NOW)] == ["one"]
    (left,) = contents.stories_in(store, "one", since=OLD - YEAR, limit=9)
    assert (left.id, left.item_id) == (key("2"), "tag:2")


def test_outdated_stories_come_piece_by_piece(store: Database) -> None:
    give(store, "a", *"1234", seen_at=OLD)
    first = retention.outdated(store, before(NOW), limit=3)
    assert (first, retention.outdated(store, before(NOW), after=first[-1], limit=3)) == (
        [key("1"), key("2"), key("3")],
        [key("4")],
    )


def test_removal_that_fails_removes_nothing(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    give(store, "a", "1", seen_at=OLD)
    before = rows_in(store)

    def fail(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(retention, "touch", fail)
        remove(store)
    assert (rows_in(store), tombstones(store)) == (before, {})
    assert remove(store).articles == 1


def test_many_at_once(store: Database) -> None:
    """More than fit into one IN (…)."""
    give(store, "a", *map(str, range(1200)), seen_at=OLD)
    found = retention.outdated(store, before(NOW), limit=9999)
    assert retention.remove(store, found, before(NOW), NOW) == retention.Removed(1200, 1200)
    carried = [article(str(n), "a", link=None, guid=f"other{n}") for n in range(1300)]
    assert len(retention.buried(store, "a", carried)) == 1200


def test_tombstone_moves_forward_only_when_it_grows_old(store: Database) -> None:
    give(store, "a", "1", "2", seen_at=OLD)
    remove(store)
    assert retention.buried(store, "a", [article(name, "a") for name in "13"]) == {key("1"): key("1")}
    soon, late = NOW + timedelta(days=29), NOW + timedelta(days=31)
    retention.note_carried(store, {key("1")}, soon)
    assert tombstones(store)[key("1")] == ("a", NOW)
    retention.note_carried(store, {key("1")}, late)
    assert tombstones(store) == {key("1"): ("a", late), key("2"): ("a", NOW)}


def test_tombstones_that_nobody_carries_go_after_two_years(store: Database) -> None:
    give(store, "a", *"123", seen_at=OLD)
    remove(store)
    late = NOW + timedelta(days=700)
    retention.note_carried(store, {key("1")}, late)
    assert retention.forget_tombstones(store, late, limit=9) == 0
    after = NOW + timedelta(days=731)
    assert [retention.forget_tombstones(store, after, limit=1) for _ in range(3)] == [1, 1, 0]
    assert list(tombstones(store)) == [key("1")]


def test_what_comes_back_after_its_tombstone_can_be_buried_again(store: Database) -> None:
    give(store, "a", "1", seen_at=OLD)
    remove(store)
    give(store, "a", "1", seen_at=OLD)
    assert remove(store, LATER).articles == 1
    assert tombstones(store) == {key("1"): ("a", LATER)}


@pytest.mark.parametrize(
    ("topics_of_it", "days", "expected"),
    [
        pytest.param((), 366, True, id="in no topic: as the whole store says"),
        pytest.param((), 364, False, id="in no topic, young"),
        pytest.param(("short",), 8, True, id="shorter where its only topic says so"),
        pytest.param(("short",), 6, False, id="not too short"),
        pytest.param(("short", "plain"), 8, False, id="another topic says nothing: the whole store's time"),
        pytest.param(("short", "plain"), 366, True, id="and no longer"),
        pytest.param(("short", "long"), 400, False, id="the longest counts"),
        pytest.param(("plain", "long"), 999, False, id="longer than the whole store"),
        pytest.param(("long",), 1_001, True, id="longer, and over"),
    ],
)
def test_topic_keeps_its_stories_longer_or_shorter(
    store: Database, topics_of_it: tuple[str, ...], days: int, expected: bool
) -> None:
    topics.register(store, ["one", "two", "short", "plain", "long"], "rules", NOW)
    give(store, "a", "1", seen_at=NOW - timedelta(days=days))
    give(store, "a", "2", seen_at=NOW)
    with store.writing() as connection:
        connection.execute(schema.memberships.delete())
        for slug in topics_of_it:
            row = {"topic": slug, "story": key("1"), "score": 50, "reasons": [], "dated_at": NOW}
            connection.execute(insert(schema.memberships).values(row))
    limits = before(NOW, short=timedelta(days=7), long=timedelta(days=1_000))
    assert retention.outdated(store, limits, limit=9) == ([key("1")] if expected else [])
    assert retention.remove(store, [key("1"), key("2")], limits, NOW).stories == expected
    assert (list(tombstones(store)) == [key("1")]) is expected


def test_clock_that_jumps_ahead_makes_little_too_old(store: Database) -> None:
    week, years = timedelta(days=7), timedelta(days=3650)
    give(store, "a", "1", seen_at=NOW)
    assert retention.believed(store, NOW + years, week) == NOW + week  # by the newest article
    assert retention.believed(store, NOW + years, week) == NOW + 2 * week
    assert retention.believed(store, NOW + timedelta(days=1), week) == NOW + timedelta(days=1)  # it was put back
    assert retention.believed(store, NOW + timedelta(days=2), week) == NOW + timedelta(days=2)


def test_store_without_anything_believes_the_clock(store: Database) -> None:
    assert retention.believed(store, NOW, timedelta(days=7)) == NOW


async def test_ten_years_in_one_leap_leave_everything(
    config_directory: Path, site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site.body = rss(entry("1"), entry("2"))
    await once(config_directory)
    monkeypatch.setattr(Pipeline, "now", lambda self: datetime.now(UTC) + timedelta(days=3650))
    await once(config_directory)
    assert len(stored(config_directory)) == 2
    assert "3643 days have passed since things were last removed: is the clock right?" in caplog.text


def remember(store: Database, source: str, whole_at: datetime) -> None:
    said = {"context": b"", "head": b"", "inherited": [], "entries": b"", "whole_at": whole_at}
    with store.writing() as connection:
        connection.execute(insert(schema.memories).values(source=source, **said))


def unread(store: Database) -> set[str]:
    """Sources whose next document is read whatever it is; and none of them has a memory."""
    with store.reading() as connection:
        remembered = set(connection.execute(select(schema.memories.c.source)).scalars())
    found = {status.id for status in sources.statuses(store) if status.state.body_hash is None}
    assert not found & remembered
    return found


def have_read(store: Database) -> None:
    for source in CONFIGURED:
        lease = lease_of(store, source)
        state = SourceState("etag", "date", "packed", "body", read_at=NOW)
        visits.save(store, lease, replace(visited(lease), state=state, due_at=NOW))


def test_everything_is_read_in_whole_twice_a_year(store: Database) -> None:
    """Source a has been read in part for long, b not; c keeps no memory and has articles that are gone."""
    give(store, "c", "1", seen_at=OLD)
    remove(store)
    have_read(store)
    remember(store, "a", NOW - timedelta(days=181))
    remember(store, "b", NOW - timedelta(days=179))
    retention.read_again(store, NOW)
    assert unread(store) == {"a", "c"}
    have_read(store)
    retention.read_again(store, NOW + timedelta(days=1))
    assert unread(store) == set()
    retention.read_again(store, NOW + timedelta(days=180))
    assert unread(store) == {"b", "c"}  # a keeps no memory, and none of its articles is gone


async def elsewhere(request: web.Request) -> web.Response:
    return web.Response(status=301, headers={"Location": "/new"})


@pytest.fixture
async def site(config_directory: Path, new_database: Callable[[], Database]) -> AsyncIterator[Site]:
    """A site whose feed is the only source, on either database; its articles are kept for 30 days."""
    found = Site()
    app = web.Application()
    app.router.add_get("/feed", found.answer)
    app.router.add_get("/new", found.answer)
    app.router.add_get("/old", elsewhere)
    async with TestServer(app) as server:
        found.url = str(server.make_url("")).rstrip("/")
        configure(config_directory, new_database, f"{found.url}/feed")
        yield found


def configure(directory: Path, new_database: Callable[[], Database], url: str, **options: str) -> None:
    more = "".join(f", {name}: {value}" for name, value in options.items())
    (directory / "sources.yaml").write_text(f"sources:\n  - {{url: '{url}', name: Wire{more}}}\n")
    (directory / "topics.yaml").write_text(
        "topics:\n  china-russia: {title: T, all: [country:china, country:russia]}\n"
    )
    (directory / "aggregator.yaml").write_text(
        f"database: {new_database.url}\nretention: {{articles: 30d}}\n"  # type: ignore[attr-defined]
        "fetch: {allow: [127.0.0.0/8]}\npoll: {spacing: 0s}\n"
    )


def let_pass(directory: Path, days: int) -> None:
    """Make everything older, and the last housekeeping, too."""
    found = config.load(directory, {})
    earlier = datetime.now(UTC) - timedelta(days=days)
    with runtime.opened(found) as database, database.writing() as connection:
        connection.execute(update(schema.articles).values(first_seen_at=earlier, dated_at=earlier))
        done = update(schema.settings).where(schema.settings.c.name == "housekeeping")
        connection.execute(done.values(value=earlier.isoformat()))


def stored(directory: Path) -> dict[str, str]:
    """The sources of articles by their guids."""
    found = config.load(directory, {})
    with runtime.opened(found) as database, database.reading() as connection:
        return {
            guid: source
            for guid, source in connection.execute(select(schema.articles.c.guid, schema.articles.c.source))
        }


def entry(name: str) -> tuple[str, str, str]:
    return f"urn:wire:{name}", f"China and Russia talk, part {name}", f"{name}. {ABOUT_BOTH}"


async def test_entry_that_is_still_carried_does_not_come_back(
    config_directory: Path, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.body = rss(entry("1"))
    await once(config_directory)
    let_pass(config_directory, 31)
    caplog.set_level("INFO")
    await once(config_directory)
    assert "removed 1 stories (1 articles) that were kept for long enough" in caplog.text
    assert (items(config_directory, "china-russia"), stored(config_directory)) == ([], {})
    site.body = rss(entry("2"), entry("1"))
    (visit,) = await once(config_directory)
    assert (visit.new, visit.updated, visit.known) == (1, 0, 1)
    (item,) = items(config_directory, "china-russia")
    assert str(item["title"]).endswith("2")
    site.body = rss(("urn:wire:1", "China and Russia talk, corrected", ABOUT_BOTH))
    (visit,) = await once(config_directory)
    assert (visit.new, visit.updated, visit.known) == (0, 0, 1)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({}, id="same guid under another key, as after a move"),
        pytest.param({"guid": "new"}, id="same page, title and words"),
    ],
)
def test_a_removed_article_is_known_under_another_key(store: Database, change: dict[str, str]) -> None:
    said = {"link": "https://a.example/1", "published_at": None}
    give(store, "a", "1", seen_at=OLD, **said)
    remove(store)
    again = replace(article("1", "a", **said), key="f" * 32, **change)
    assert retention.buried(store, "a", [again]) == {"f" * 32: key("1")}
    other = replace(again, guid="new", text_hash="other")
    assert retention.buried(store, "a", [other]) == {}
    assert retention.buried(store, "b", [again]) == {}


async def test_once_keeps_house_once_a_day(config_directory: Path, site: Site) -> None:
    site.body = rss(entry("1"))
    await once(config_directory)
    found = config.load(config_directory, {})
    let_pass(config_directory, 31)
    with runtime.opened(found) as database:
        retention.note_housekeeping(database, datetime.now(UTC) - timedelta(hours=23))
    await once(config_directory)
    assert len(stored(config_directory)) == 1
    with runtime.opened(found) as database:
        retention.note_housekeeping(database, datetime.now(UTC) - timedelta(hours=25))
    await once(config_directory)
    assert stored(config_directory) == {}


async def test_housekeeping_that_is_broken_off_goes_on_the_next_time(
    config_directory: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    site.body = rss(*(entry(str(number)) for number in range(5)))
    await once(config_directory)
    let_pass(config_directory, 31)
    found = config.load(config_directory, {})
    answers = chain([False], repeat(True))
    with runtime.opened(found) as database, runtime.executor() as pool, Readers(found.settings.parse) as readers:
        pipeline = Pipeline(found, database, pool, readers)
        await housekeeping.keep_house(pipeline, lambda: next(answers))
        assert articles.count(database) == (3, 3)
        await housekeeping.keep_house(pipeline)
        assert articles.count(database) == (0, 0)


async def test_stories_that_a_topic_still_shows_are_kept(config_directory: Path, site: Site) -> None:
    path = config_directory / "topics.yaml"
    path.write_text(path.read_text().replace("title: T", "title: T, max_age: 60d"))
    site.body = rss(entry("1"))
    await once(config_directory)
    let_pass(config_directory, 59)
    await once(config_directory)
    assert len(items(config_directory, "china-russia")) == 1
    let_pass(config_directory, 61)
    await once(config_directory)
    assert stored(config_directory) == {}


async def test_feed_that_goes_over_to_https_keeps_its_articles(
    config_directory: Path,
    new_database: Callable[[], Database],
    certificate: tuple[Path, Path],
    unused_tcp_port: int,
) -> None:
    site = Site()
    site.body = rss(entry("1"))
    seen = []
    secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    secure.load_cert_chain(certificate[1])
    for scheme, context in (("http", None), ("https", secure)):
        app = web.Application()
        app.router.add_get("/feed", site.answer)
        url = f"{scheme}://127.0.0.1:{unused_tcp_port}/feed"
        configure(config_directory, new_database, url, ca=str(certificate[0]))
        server = TestServer(app, host="127.0.0.1", port=unused_tcp_port)
        await server.start_server(ssl=context)
        (visit,) = await once(config_directory)
        await server.close()
        seen.append((visit.outcome, visit.new, [item["id"] for item in items(config_directory, "china-russia")]))
        site.body = rss(entry("1"), ("urn:wire:0", "Nothing", "Nothing of note."))
    (_, _, before), (outcome, new, after) = seen
    assert (outcome, new) == ("news", 1)
    assert before == after
    assert len(after) == 1


async def test_feed_that_goes_over_to_www_keeps_its_articles(
    config_directory: Path, new_database: Callable[[], Database]
) -> None:
    site = Site()
    site.body = rss(entry("1"))
    app = web.Application()
    app.router.add_get("/feed", site.answer)
    async with TestServer(app) as proxy:
        seen = []
        for host in ("wire.example", "www.wire.example"):
            address = str(proxy.make_url("")).rstrip("/")
            configure(config_directory, new_database, f"http://{host}/feed", proxy=address)
            (visit,) = await once(config_directory)
            seen.append((visit.error, visit.new, [item["id"] for item in items(config_directory, "china-russia")]))
            site.body = rss(entry("1"), ("urn:wire:0", "Nothing", "Nothing of note."))
    assert [request["Host"] for request in site.requests] == ["wire.example", "www.wire.example"]
    assert seen == [(None, 1, seen[0][2]), (None, 1, seen[0][2])]
    assert len(seen[0][2]) == 1


async def test_feed_at_the_address_to_which_its_old_one_led_takes_over_its_articles(
    config_directory: Path, site: Site, new_database: Callable[[], Database], caplog: pytest.LogCaptureFixture
) -> None:
    site.body = rss(entry("1"))
    configure(config_directory, new_database, f"{site.url}/old")
    await once(config_directory)
    configure(config_directory, new_database, f"{site.url}/new?utm_source=x")
    found = config.load(config_directory, {})
    caplog.set_level("INFO")
    with runtime.opened(found) as database, runtime.executor() as pool, Readers(found.settings.parse) as readers:
        Pipeline(found, database, pool, readers).prepare()
        assert "to which it has moved" in caplog.text
        Pipeline(found, database, pool, readers).publish()
        assert [status.state.rhythm.seen_at is not None for status in sources.statuses(database)] == [True]
    assert stored(config_directory) == {"urn:wire:1": next(iter(found.sources))}
    (item,) = items(config_directory, "china-russia")
    assert item["_aggregator"]["source"]["url"].startswith(f"{site.url}/new")  # type: ignore[index]


def moved(store: Database, source: str, to: str, **changes: object) -> None:
    lease = lease_of(store, source)
    state = SourceState("etag", "date", "hash", moved_to=to, moved_since=NOW, rhythm=Rhythm(NOW, 3.0, 2.0))
    visits.save(store, lease, replace(visited(lease), state=replace(state, **changes), due_at=NOW))


def source_of(store: Database, name: str) -> str | None:
    found = articles.get(store, key(name))
    return found.source if found else None


NEW = {"n.example/feed": HttpSource(url="https://n.example/feed")}


def test_new_source_takes_over_from_one_that_moved_to_it(store: Database) -> None:
    give(store, "a", "1", seen_at=OLD)
    remove(store)
    give(store, "a", "2", seen_at=NOW)
    give(store, "b", "3", seen_at=NOW)
    moved(store, "a", "http://www.n.example/feed/")
    configured = {name: CONFIGURED[name] for name in "bc"} | NEW
    assert sources.register(store, configured, LATER) == {"a": "n.example/feed"}
    assert (source_of(store, "2"), source_of(store, "3")) == ("n.example/feed", "b")
    assert tombstones(store) == {key("1"): ("n.example/feed", NOW)}
    lease = lease_of(store, "n.example/feed", LATER)
    assert lease.state == SourceState(rhythm=Rhythm(NOW, 3.0, 2.0))
    assert sources.register(store, configured, LATER) == {}
    assert sources.register(store, CONFIGURED, LATER) == {}  # the old one comes back: what it had stays where it is
    assert source_of(store, "2") == "n.example/feed"


@pytest.mark.parametrize(
    ("to", "configured"),
    [
        pytest.param("https://n.example/feed", CONFIGURED | NEW, id="the old one is still configured"),
        pytest.param("https://n.example/other", NEW, id="another address"),
        pytest.param("https://b.example/feed", {"b": CONFIGURED["b"]}, id="the new one was there before"),
        pytest.param(None, NEW, id="it has not moved"),
    ],
)
def test_nothing_is_taken_over_otherwise(store: Database, to: str, configured: dict[str, HttpSource]) -> None:
    give(store, "a", "1", seen_at=NOW)
    moved(store, "a", to)
    assert sources.register(store, configured, LATER) == {}
    assert source_of(store, "1") == "a"


def test_two_sources_may_have_moved_to_one(store: Database) -> None:
    give(store, "a", "1", seen_at=NOW)
    give(store, "b", "2", seen_at=NOW)
    for name in "ab":
        moved(store, name, "https://n.example/feed")
    named = {"mine": HttpSource(id="mine", url="https://n.example/feed")}
    assert sources.register(store, named, LATER) == {"a": "mine", "b": "mine"}
    assert (source_of(store, "1"), source_of(store, "2")) == ("mine", "mine")


async def test_daemon_keeps_house_and_bears_a_store_that_fails(
    config_directory: Path, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.body = rss(entry("1"))
    await once(config_directory)
    let_pass(config_directory, 31)
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        daemon = Daemon(found, database, lambda: found)
        await daemon._publishing.keep_house()
        assert articles.count(database) == (0, 0)
        daemon._executor.shutdown()
        await daemon._publishing.keep_house()
    assert "what is too old was not removed, will try again" in caplog.text
