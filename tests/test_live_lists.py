"""Lists of feeds as sources: their feeds come and go with them, and no accident empties them."""

import asyncio
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aggregator import config, opml, runtime
from aggregator.errors import ConfigError, SourceError
from aggregator.fetch import Fetcher
from aggregator.models import SourceState, Visit
from aggregator.opml import Outline
from aggregator.pipeline import LEASE, Pipeline
from aggregator.readers import Readers
from aggregator.store import claims, sources
from tests.test_daemon import daemon
from tests.test_pipeline import ABOUT_BOTH, rss

NOW = datetime(2026, 11, 24, tzinfo=UTC)

INSIDE = "fetch: {allow: [127.0.0.0/8]}\npoll: {spacing: 0s}\n"


class Site:
    """A server with a list at /list.opml and a feed at every path below /feeds/."""

    def __init__(self) -> None:
        self.list = b""
        self.asked: list[str] = []
        self.conditional: list[bool] = []
        self.base = ""

    async def answer_list(self, request: web.Request) -> web.Response:
        etag = f'"{hash(self.list)}"'
        self.conditional.append("If-None-Match" in request.headers)
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        return web.Response(body=self.list, headers={"ETag": etag})

    async def answer_feed(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.asked.append(name)
        return web.Response(body=rss((name, f"China and Russia {name}", f"{ABOUT_BOTH} {name}")))

    def lists(self, *names: str) -> None:
        outlines = [Outline(f"{self.base}feeds/{name}", name.title(), ("Wire",)) for name in names]
        self.list = opml.write(outlines, "List")


@pytest.fixture
async def site(config_directory: Path):
    found = Site()
    app = web.Application()
    app.router.add_get("/list.opml", found.answer_list)
    app.router.add_get("/feeds/{name}", found.answer_feed)
    (config_directory / "aggregator.yaml").write_text(INSIDE)
    async with TestServer(app) as server:
        found.base = str(server.make_url("/"))
        yield found


def configure(directory: Path, text: str) -> None:
    (directory / "sources.yaml").write_text(f"sources:\n{text}")


def loaded(directory: Path) -> dict[str, config.Source]:
    return dict(config.load(directory, {}).sources)


def names(directory: Path) -> list[str]:
    return sorted(source.title for source in loaded(directory).values() if source.KEY == "url")


async def once(directory: Path) -> list[Visit]:
    found = config.load(directory, {})
    visits: list[Visit] = []
    with runtime.opened(found) as database:
        await runtime.once(
            found,
            database,
            lambda visit: visits.append(visit) if visit else None,
            lambda: config.load(directory, {}),
        )
    return visits


def copies(directory: Path) -> list[Path]:
    return sorted((directory.parent / "var" / "lists").iterdir())


def test_feeds_of_a_file_are_sources_with_what_stands_beside_it(config_directory: Path) -> None:
    outlines = [Outline("https://a.example/feed", "A", ("World", "Asia")), Outline("mailto:x@a.example", "Mail")]
    outlines += [Outline("https://user:secret@a.example/private"), Outline("https://b.example/feed")]
    (config_directory / "list.opml").write_bytes(opml.write(outlines, "List"))
    configure(
        config_directory, "  - {opml: list.opml, name: Mine, rank: 7, language: en, every: 2h, labels: [Wire, World]}\n"
    )
    found = loaded(config_directory)
    assert list(found) == ["opml:list.opml", "a.example/feed", "b.example/feed"]
    first = found["a.example/feed"]
    assert (first.title, first.rank, first.language, first.labels) == ("A", 7, "en", ("Wire", "World", "Asia"))
    assert (str(first.every), found["opml:list.opml"].title) == ("2:00:00", "Mine")
    assert found["opml:list.opml"].watched() == (config_directory / "list.opml").resolve()


def test_sources_yaml_wins_over_a_list_and_the_first_list_over_the_second(config_directory: Path) -> None:
    for number in (1, 2):
        outlines = [Outline("http://www.a.example/feed/", f"A{number}"), Outline("https://b.example/", f"B{number}")]
        (config_directory / f"{number}.opml").write_bytes(opml.write(outlines, "List"))
    configure(config_directory, "  - opml: 1.opml\n  - opml: 2.opml\n  - {url: https://a.example/feed, name: Own}\n")
    assert names(config_directory) == ["B1", "Own"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "cannot be read: No such file"),
        (b"<opml><body>\n<outline", "list.opml:2:"),
        (b"<html><body></body></html>", "an HTML page, not a list of feeds"),
    ],
    ids=["missing", "broken", "page"],
)
def test_file_that_cannot_be_used_is_a_problem_with_its_place(
    config_directory: Path, body: bytes | None, reason: str
) -> None:
    configure(config_directory, "  - opml: list.opml\n")
    if body:
        (config_directory / "list.opml").write_bytes(body)
    with pytest.raises(ConfigError) as caught:
        config.load(config_directory, {})
    problem = str(caught.value)
    assert problem.startswith(f"{config_directory / 'sources.yaml'}:2:5: ")
    assert reason in problem


def test_list_that_is_no_file_is_a_problem(config_directory: Path) -> None:
    os.mkfifo(config_directory / "pipe")
    configure(config_directory, '  - opml: pipe\n  - opml: "a\\0b"\n')
    with pytest.raises(ConfigError, match=r"sources\.yaml:3:5: .*no control characters"):
        config.load(config_directory, {})
    configure(config_directory, "  - opml: pipe\n")
    with pytest.raises(ConfigError, match=r"sources\.yaml:2:5: .*pipe: not a plain file"):
        config.load(config_directory, {})


async def test_a_file_that_breaks_keeps_its_feeds_and_stops_nothing(config_directory: Path) -> None:
    (config_directory / "list.opml").write_bytes(opml.write([Outline("https://a.example/f", "A")], "list"))
    configure(config_directory, "  - opml: list.opml\n    every: 1h\n")
    found = config.load(config_directory, {})
    key = next(key for key, source in found.sources.items() if source.IS_LIST)
    state = SourceState()
    await found.sources[key].visit(state, None, NOW)  # type: ignore[arg-type]
    for broken in (b"garbage", None):
        path = config_directory / "list.opml"
        path.write_bytes(broken) if broken else path.unlink()
        again = config.load(config_directory, {})
        assert set(again.sources) == set(found.sources)
        with pytest.raises(SourceError):  # and the visit says what is wrong
            await again.sources[key].visit(state, None, NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["ftp://a.example/l", "https://"])
def test_address_that_is_none_is_refused(config_directory: Path, address: str) -> None:
    configure(config_directory, f"  - opml: {address}\n")
    with pytest.raises(ConfigError, match=r"sources\.yaml:2:5: .*a list is a file, or an address"):
        config.load(config_directory, {})


async def test_list_from_an_address_comes_first_and_its_feeds_in_the_same_pass(
    config_directory: Path, site: Site
) -> None:
    configure(config_directory, f"  - opml: {site.base}list.opml\n")
    site.lists("a", "b")
    assert names(config_directory) == []
    assert sum(visit.new for visit in await once(config_directory)) == 2
    assert names(config_directory) == ["A", "B"]
    assert loaded(config_directory)[f"{site.base.removeprefix('http://')}feeds/a"].labels == ("Wire",)
    (listed,) = [visit for visit in await once(config_directory) if visit.source.startswith("opml:")]
    assert (listed.outcome, listed.status, site.conditional) == ("unchanged", 304, [False, True])
    site.lists("b", "c")
    site.asked.clear()
    await once(config_directory)
    assert sorted(site.asked) == ["b", "c"]
    with runtime.opened(config.load(config_directory, {})) as database:
        assert [status.name for status in sources.statuses(database)] == ["B", "C", "List 127.0.0.1"]


@pytest.mark.parametrize("body", [b"", b"<opml><body>", b"<html>Sorry</html>"], ids=["empty", "cut short", "page"])
async def test_bad_list_keeps_its_feeds_and_is_recorded(config_directory: Path, site: Site, body: bytes) -> None:
    configure(config_directory, f"  - opml: {site.base}list.opml\n")
    site.lists("a", "b")
    await once(config_directory)
    site.list = body
    failed = [visit for visit in await once(config_directory) if visit.error]
    assert [visit.source.startswith("opml:") for visit in failed] == [True]
    assert names(config_directory) == ["A", "B"]


@pytest.mark.parametrize(
    ("before", "after", "taken"),
    [(10, 5, True), (10, 4, False), (10, 0, False), (9, 0, True)],
)
async def test_list_that_loses_more_than_half_of_ten_is_refused(
    config_directory: Path, site: Site, before: int, after: int, taken: bool
) -> None:
    configure(config_directory, f"  - opml: {site.base}list.opml\n")
    site.lists(*(f"f{number}" for number in range(before)))
    await once(config_directory)
    site.lists(*(f"f{number}" for number in range(after)))
    errors = [visit for visit in await once(config_directory) if visit.error]
    assert len(names(config_directory)) == (after if taken else before)
    assert [visit.kind for visit in errors] == ([] if taken else ["shrunk"])
    if not taken:
        (copy,) = copies(config_directory)
        assert f"if it is meant, delete {copy}" in (errors[0].error or "")
        copy.unlink()
        await once(config_directory)
        assert len(names(config_directory)) == after


async def test_damaged_or_lost_copy_is_fetched_again_without_conditions(config_directory: Path, site: Site) -> None:
    configure(config_directory, f"  - opml: {site.base}list.opml\n")
    site.lists("a", "b")
    await once(config_directory)
    (copy,) = copies(config_directory)
    copy.write_bytes(b"<opml")
    assert names(config_directory) == []
    await once(config_directory)
    assert names(config_directory) == ["A", "B"]
    assert site.conditional == [False, False]


async def test_bad_configuration_beside_a_changed_list_keeps_the_old_one(config_directory: Path, site: Site) -> None:
    configure(config_directory, f"  - opml: {site.base}list.opml\n")
    site.lists("a")
    found = config.load(config_directory, {})
    configure(config_directory, "  - nonsense: 1\n")
    visits: list[Visit | None] = []
    with runtime.opened(found) as database:
        await runtime.once(found, database, visits.append, lambda: config.load(config_directory, {}))
    assert [visit.outcome for visit in visits if visit] == ["unchanged"]


async def test_source_that_leaves_after_it_was_claimed_is_given_back(config_directory: Path) -> None:
    configure(config_directory, "  - url: http://127.0.0.1:1/feed\n")
    before = config.load(config_directory, {})
    (config_directory / "sources.yaml").write_text("sources: []\n")
    with runtime.opened(before) as database, runtime.executor() as pool, Readers(before.settings.parse) as readers:
        pipeline = Pipeline(before, database, pool, readers)
        pipeline.prepare()
        now = runtime.utc_now()
        (lease,) = claims.claim(database, now, limit=9, lease=LEASE)
        pipeline.adopt(config.load(config_directory, {}))
        async with Fetcher(before.settings.fetch) as fetcher:
            assert await pipeline.ingest(lease, fetcher) is None
        pipeline.adopt(before)
        assert [again.source for again in claims.claim(database, now, limit=9, lease=LEASE)] == [lease.source]


async def test_only_a_change_asks_for_a_reload(config_directory: Path, site: Site) -> None:
    path = config_directory / "list.opml"
    path.write_bytes(opml.write([Outline("https://a.example/")], "List"))
    configure(config_directory, f"  - opml: {site.base}list.opml\n  - opml: list.opml\n")
    site.lists("a")
    await once(config_directory)

    async def reloads() -> list[bool]:
        async with Fetcher(found.settings.fetch) as fetcher:
            lists = [source for source in found.sources.values() if source.IS_LIST]
            return [(await source.visit(SourceState(), fetcher, runtime.utc_now())).reload for source in lists]

    found = config.load(config_directory, {})
    assert await reloads() == [False, False]
    path.write_bytes(opml.write([Outline("https://b.example/")], "List"))
    site.lists("a", "b")
    assert await reloads() == [True, True]
    assert await reloads() == [True, True]  # until a configuration has been made of it
    found = config.load(config_directory, {})
    assert await reloads() == [False, False]


def test_many_feeds_in_a_list_can_be_stored(config_directory: Path) -> None:
    outlines = [Outline(f"https://a.example/{number}") for number in range(opml.MAX_OUTLINES)]
    (config_directory / "list.opml").write_bytes(opml.write(outlines, "List"))
    configure(config_directory, "  - opml: list.opml\n")
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        sources.register(database, found.sources, runtime.utc_now())
        assert len(sources.statuses(database)) == opml.MAX_OUTLINES + 1


def test_running_daemon_takes_over_a_changed_file(config_directory: Path) -> None:
    path = config_directory / "list.opml"
    path.write_bytes(opml.write([], "List"))
    with (config_directory / "sources.yaml").open("a") as file:
        file.write("  - {opml: list.opml, name: Mine}\n")
    with daemon(config_directory) as running:
        running.until(r"id=folder:seeds new=16 ")
        assert "reloaded" not in running.said
        path.write_bytes(opml.write([Outline("http://127.0.0.1:1/feed", "Added")], "List"))
        running.until(r"configuration reloaded: 4 sources")
        running.until(r"127.0.0.1:1/feed: .*not a public address")
        path.write_bytes(b"<opml>")
        running.until(r"not a whole XML document")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(20) == 0


async def test_running_daemon_takes_over_a_list_from_an_address(config_directory: Path, site: Site) -> None:
    configure(config_directory, f"  - {{opml: '{site.base}list.opml', every: 1s}}\n")
    site.lists("a", "b")

    def run() -> str:
        with daemon(config_directory) as running:
            running.until(r"configuration reloaded: 3 sources")
            running.until(r"feeds/a status=200 new=1")
            running.until(r"feeds/b status=200 new=1")
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(20) == 0
            return running.said

    said = await asyncio.to_thread(run)
    assert "Traceback" not in said
