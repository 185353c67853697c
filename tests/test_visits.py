"""Visits side by side: who is slow keeps nobody waiting."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aggregator import config, runtime, visiting
from aggregator.fetch import Fetcher
from aggregator.models import Found, Lease, Outcome, Visit
from aggregator.pipeline import Pipeline, utc_now
from aggregator.readers import Readers
from aggregator.sources.folder import FolderSource
from aggregator.store import Database
from aggregator.store import sources as stored_sources
from aggregator.store import visits as stored

GOOD = b"<rss version='2.0'><channel><title>t</title><item><title>a</title></item></channel></rss>"


async def _quick(request: web.Request) -> web.Response:
    return web.Response(body=GOOD)


async def _hanging(request: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


async def test_slow_hosts_give_their_places_to_others(config_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve servers that never answer and twelve that do, four places: all that answer are read first."""
    monkeypatch.setattr(visiting, "SLOW_SECONDS", 0.1)
    app = web.Application()
    app.router.add_get("/slow", _hanging)
    app.router.add_get("/zquick", _quick)
    server = TestServer(app, host="0.0.0.0")
    await server.start_server()
    lines = [f"  - url: http://127.0.1.{n}:{server.port}/slow\n" for n in range(1, 13)]
    lines += [f"  - url: http://127.0.2.{n}:{server.port}/zquick\n" for n in range(1, 13)]
    (config_directory / "sources.yaml").write_text("sources:\n" + "".join(lines))
    environment = {"AGGREGATOR_FETCH__ALLOW": "127.0.0.0/8", "AGGREGATOR_POLL__CONCURRENCY": "4"}
    found = config.load(config_directory, environment)
    ended: list[Visit] = []
    with runtime.opened(found) as database, runtime.executor() as pool, Readers(found.settings.parse) as readers:
        pipeline = Pipeline(found, database, pool, readers)
        pipeline.prepare()
        async with Fetcher(found.settings.fetch) as fetcher:
            visits = visiting.Visits(pipeline, fetcher, lambda visit: ended.append(visit) if visit else None)
            async with asyncio.timeout(15):
                while len(ended) < 12:
                    await visits.start_due()
                    await visits.some_ended(seconds=0.05)
            leases = await visits.break_off()
    await server.close()
    assert {visit.outcome for visit in ended} == {"news"}
    assert len(leases) == 12


async def test_a_visit_that_is_wanted_while_the_one_before_comes_to_its_end_is_made(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the first has stored gives the source free before its task has ended: a hint may come just then."""
    (config_directory / "sources.yaml").write_text('sources:\n  - {folder: "{state}/inbox", create: true}\n')
    ingest, may_end, made = Pipeline.ingest, asyncio.Event(), 0

    async def slow_to_end(self: Pipeline, lease: Lease, fetcher: Fetcher) -> Visit | None:
        nonlocal made
        visit = await ingest(self, lease, fetcher)
        made += 1
        await may_end.wait()
        return visit

    monkeypatch.setattr(Pipeline, "ingest", slow_to_end)
    found = config.load(config_directory, {})
    with runtime.opened(found) as database, runtime.executor() as pool, Readers(found.settings.parse) as readers:
        pipeline = Pipeline(found, database, pool, readers)
        pipeline.prepare()
        async with Fetcher(found.settings.fetch) as fetcher:
            visits = visiting.Visits(pipeline, fetcher)
            async with asyncio.timeout(15):
                await visits.start_due()
                while made < 1:
                    await asyncio.sleep(0.01)
                stored_sources.make_due(database, utc_now())
                assert await visits.start_due() == 1
                await visits.some_ended(seconds=0.05)
                assert made == 1
                may_end.set()
                while await visits.some_ended(seconds=1):
                    pass
    assert made == 2


async def test_a_folder_that_hangs_is_not_visited_twice_at_a_time(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a network mount that has gone: each visit would keep a thread for good."""
    (config_directory / "sources.yaml").write_text('sources:\n  - {folder: "{state}/inbox", create: true}\n')
    begun: list[str] = []

    async def hanging(source: FolderSource, *_: object) -> Found:
        begun.append(source.key)
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(FolderSource, "visit", hanging)
    monkeypatch.setattr(visiting, "LEASE", timedelta(milliseconds=1))
    found = config.load(config_directory, {})
    with runtime.opened(found) as database, runtime.executor() as pool, Readers(found.settings.parse) as readers:
        pipeline = Pipeline(found, database, pool, readers)
        pipeline.prepare()
        async with Fetcher(found.settings.fetch) as fetcher:
            visits = visiting.Visits(pipeline, fetcher)
            claimed = 0
            for _ in range(3):
                claimed += await visits.start_due()
                await visits.some_ended(seconds=0.05)
            await visits.break_off()
    assert claimed == 3
    assert begun == ["folder:inbox"]


async def test_what_cannot_be_stored_takes_no_other_visit_with_it(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of three visits stored together one is bad and fails, of one not even that can be stored: the third is there."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=GOOD)

    app = web.Application()
    app.router.add_get("/{name}", answer)
    server = TestServer(app, host="0.0.0.0")
    await server.start_server()
    lines = [f"  - {{url: 'http://127.0.4.{n}:{server.port}/{n}', name: n{n}}}\n" for n in range(3)]
    (config_directory / "sources.yaml").write_text("sources:\n" + "".join(lines))
    found = config.load(config_directory, {"AGGREGATOR_FETCH__ALLOW": "127.0.0.0/8"})
    saved = stored.save

    def picky(database: Database, lease: Lease, outcome: Outcome) -> None:
        if lease.source.endswith("/1") and outcome.visit.outcome == "unchanged":
            raise ValueError("no value for a database")
        if lease.source.endswith("/2") and outcome.visit.outcome != "news":
            raise ValueError("no value at all")
        saved(database, lease, outcome)

    def together(database: Database, items: Sequence[tuple[Lease, Outcome]]) -> list[bool]:
        raise ValueError("no value for a database")

    ended: list[Visit] = []
    with runtime.opened(found) as database:
        await runtime.once(found, database, lambda visit: None)
        monkeypatch.setattr(stored, "save", picky)
        monkeypatch.setattr(stored, "save_quiet", together)
        await runtime.once(found, database, lambda visit: ended.append(visit) if visit else None)
    await server.close()
    outcomes = {visit.source.rpartition("/")[2]: visit.outcome for visit in ended}
    assert outcomes == {"0": "unchanged", "1": "failed"}
    assert "cannot be stored together" in caplog.text
    assert "/2 failed, it is tried again when its lease ends" in caplog.text
