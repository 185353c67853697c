"""The whole way of an article, on real files, a real store and a real server."""

import asyncio
import io
import json
import operator
import os
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import feedparser
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from lxml import etree

import aggregator
from aggregator import config, documents, explain, pipeline, reading, runtime
from aggregator.errors import ReaderLost, StateError
from aggregator.models import Document, Reading, Visit
from aggregator.readers import Readers
from aggregator.sources import _look
from aggregator.store import articles, contents, sources
from tests.conftest import Site

SEED = Path(__file__).parent.parent.parent / "shared" / "seed" / "article.txt"
EXTENSIONS = ("atom", "rss", "json")


async def once(directory: Path) -> list[Visit]:
    """One full pass; the visits it made."""
    found = config.load(directory, {})
    visits: list[Visit] = []
    with runtime.opened(found) as database:
        await runtime.once(found, database, lambda visit: visits.append(visit) if visit else None)
    return visits


def feed(directory: Path, slug: str, extension: str = "json") -> bytes:
    return (directory.parent / "var" / "public" / "feeds" / f"{slug}.{extension}").read_bytes()


def items(directory: Path, slug: str) -> list[dict[str, object]]:
    return json.loads(feed(directory, slug))["items"]


def only_inbox(directory: Path) -> Path:
    """Leave the inbox as the only source; the folder, made."""
    text = 'sources:\n  - {folder: "{state}/inbox", after: move, create: true}\n'
    (directory / "sources.yaml").write_text(text)
    inbox = directory.parent / "var" / "inbox"
    inbox.mkdir(parents=True)
    return inbox


def drop(inbox: Path, name: str, data: bytes) -> None:
    path = inbox / name
    path.write_bytes(data)
    os.utime(path, (1_790_000_000, 1_790_000_000))  # long complete


async def test_shipped_configuration_shows_folding_and_about_versus_mention(config_directory: Path) -> None:
    visits = await once(config_directory)
    assert sum(visit.new for visit in visits) == 16
    titles = [item["title"] for item in items(config_directory, "china-russia")]
    assert len(titles) == len(set(titles)) == 4
    gas = next(item for item in items(config_directory, "china-russia") if "Gas" in str(item["title"]))
    assert "Samples" in str(gas["content_html"])
    assert not any("Chip" in str(title) for title in titles)


@pytest.mark.skipif(not SEED.exists(), reason="the third-party sample article is not here")
async def test_sample_article_loses_its_furniture_and_is_tagged(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    shutil.copy2(SEED, inbox / "article.txt")
    await once(config_directory)
    for extension in EXTENSIONS:
        text = feed(config_directory, "china-russia", extension).decode()
        assert "Xi Meets Blinken" in text
        assert not any(line in text for line in ("Source link", "Check Also", "Leave a Reply", "India"))
    (item,) = items(config_directory, "china-russia")
    assert {"China", "United States", "Russia", "Xi Jinping", "Antony Blinken"} <= set(item["tags"])  # type: ignore[arg-type]
    assert (inbox / "done" / "article.txt").exists()


async def test_a_dropped_article_is_its_publishers_and_not_its_folders(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    text = "China and Russia talk\n\nChina and Russia talked."
    drop(inbox, "said.txt", f"---\nsource: The Harbour Post\n---\n{text}".encode())
    drop(inbox, "unsaid.txt", b"China and Russia agree\n\nChina and Russia agreed.")
    await once(config_directory)
    credits = {item["title"]: item["content_html"] for item in items(config_directory, "china-russia")}
    assert "Source: The Harbour Post" in str(credits["China and Russia talk"])
    assert "Source: Inbox" in str(credits["China and Russia agree"]) or "Source: inbox" in str(
        credits["China and Russia agree"]
    )


async def test_second_pass_changes_no_byte(config_directory: Path) -> None:
    await once(config_directory)
    folder = config_directory.parent / "var" / "public" / "feeds"
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    visits = await once(config_directory)
    assert {visit.outcome for visit in visits} == {"unchanged"}
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()} == before


async def test_item_ids_survive_a_rebuild(config_directory: Path) -> None:
    await once(config_directory)
    before = [item["id"] for item in items(config_directory, "energy")]
    shutil.rmtree(config_directory.parent / "var")
    await once(config_directory)
    assert [item["id"] for item in items(config_directory, "energy")] == before != []


async def test_ids_are_equal_in_all_formats(config_directory: Path) -> None:
    await once(config_directory)
    ids = [item["id"] for item in items(config_directory, "energy")]
    for extension in ("atom", "rss"):
        tree = etree.fromstring(feed(config_directory, "energy", extension))
        found = tree.xpath("//*[local-name()='entry']/*[local-name()='id'] | //item/guid")
        assert [node.text for node in found] == ids


async def test_changed_rule_applies_to_the_past(config_directory: Path) -> None:
    await once(config_directory)
    path = config_directory / "topics.yaml"
    path.write_text("topics:\n  sport: {title: Sport, any: [{phrase: marathon}]}\n")
    await once(config_directory)
    assert [item["title"] for item in items(config_directory, "sport")]
    assert not (config_directory.parent / "var" / "public" / "feeds" / "energy.atom").exists()


async def test_published_files_that_were_deleted_come_back(config_directory: Path) -> None:
    await once(config_directory)
    before = feed(config_directory, "energy", "atom")
    shutil.rmtree(config_directory.parent / "var" / "public")
    await once(config_directory)
    assert feed(config_directory, "energy", "atom") == before


HOSTILE = (
    "China and Russia \x00\x01\x0b meet\n\nChina met Russia\x1b. \ufffe Russia met China.\n".encode() + b"\xed\xa0\x80"
)


async def test_hostile_bytes_give_feeds_that_parse(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    drop(inbox, "hostile.txt", HOSTILE * 3)
    await once(config_directory)
    for extension in ("atom", "rss"):
        data = feed(config_directory, "china-russia", extension)
        assert len(etree.fromstring(data).xpath("//*[local-name()='entry'] | //item")) == 1
        assert len(feedparser.parse(data).entries) == 1
    assert len(items(config_directory, "china-russia")) == 1


async def test_unusable_files_are_set_aside_with_a_reason_and_the_rest_goes_on(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    drop(inbox, "picture.txt", b"\x89PNG\r\n\x1a\n" + bytes(200))
    drop(inbox, "page.txt", b"<!doctype html><html><body>Hello</body></html>")
    drop(inbox, "good.txt", b"China and Russia agree\n\nChina and Russia agreed. China said so. Russia said so.")
    (visit,) = await once(config_directory)
    assert (visit.new, visit.outcome) == (1, "news")
    assert visit.error and "1 more" in visit.error
    assert "no article is found on this page" in (inbox / "rejected" / "page.txt.reason.txt").read_text()
    assert (inbox / "rejected" / "picture.txt").exists()
    assert len(items(config_directory, "china-russia")) == 1


async def test_pages_mails_and_archives_are_read_whatever_their_names(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    said = "China and Russia agreed on {} on Monday, both governments said. China sells it, and Russia buys."
    page = f"<html><body><article><h1>China and Russia: rice</h1><p>{said.format('rice')}</p></article></body></html>"
    mail = (
        f"From: Ann <a@b.example>\nSubject: China and Russia: tea\nDate: 1 Sep 2026 10:00 +0000\n\n{said.format('tea')}"
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("salt.txt", f"China and Russia: salt\n\n{said.format('salt')}")
        archive.writestr("rye.html", page.replace("rice", "rye"))
        archive.writestr("picture.txt", b"\x89PNG\r\n\x1a\n" + bytes(200))
    for name, body in (("a.txt", page.encode()), ("b.bin", mail.encode()), ("c", packed.getvalue())):
        drop(inbox, name, body)
    (visit,) = await once(config_directory)
    assert visit.new == 4
    titles = {item["title"] for item in items(config_directory, "china-russia")}
    assert titles == {f"China and Russia: {what}" for what in ("rice", "tea", "salt", "rye")}
    assert sorted(path.name for path in (inbox / "done").iterdir()) == ["a.txt", "b.bin"]
    reason = (inbox / "rejected" / "c.reason.txt").read_text()
    assert "2 articles were read, but not: picture.txt: a picture; drop its text" in reason


@pytest.mark.parametrize("where", ["reading.read", "outcome.Outcomes._judge"])
async def test_a_bug_met_in_one_file_costs_that_file_alone(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    inbox = only_inbox(config_directory)
    for name in ("a", "poison", "z"):
        drop(inbox, f"{name}.txt", f"About {name}\n\nChina and Russia agreed on {name}.".encode())
    right = operator.attrgetter(where)(aggregator)

    def wrong(*given: object, **named: object) -> object:
        if "poison" in repr(given):
            raise ZeroDivisionError("no good")
        return right(*given, **named)

    monkeypatch.setattr(f"aggregator.{where}", wrong)
    (visit,) = await once(config_directory)
    assert (visit.new, visit.outcome) == (2, "news")
    assert "poison.txt: a bug of ours: ZeroDivisionError: no good; please report it" in (visit.error or "")
    assert sorted(path.name for path in (inbox / "done").iterdir()) == ["a.txt", "z.txt"]
    assert (inbox / "rejected" / "poison.txt").exists()


class Losing:
    """A reader process that is lost, so many times, over documents with a word in their names."""

    def __init__(self, word: str, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self._word, self._times = word, times
        self.read: list[str] = []
        self._right = Readers.read
        monkeypatch.setattr(Readers, "read", lambda readers, *given: self._read(readers, *given))
        monkeypatch.setattr(documents, "_read_in_passing", lambda *_: None)
        monkeypatch.setattr(documents, "AGAIN_IN", timedelta(seconds=0.2))

    def _read(self, readers: Readers, document: Document, request: reading.Request) -> Reading:
        self.read.append(document.name)
        if self._word in document.name and self.read.count(document.name) <= self._times:
            raise ReaderLost("the process was ended")
        return self._right(readers, document, request)


@pytest.mark.parametrize("after", ["move", "keep"])
async def test_a_file_stays_when_its_reader_process_is_lost_and_is_read_again(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    inbox = only_inbox(config_directory)
    (config_directory / "sources.yaml").write_text(f"sources:\n  - {{folder: {inbox}, after: {after}}}\n")
    losing = Losing("b", 2, monkeypatch)
    for name in "abc":
        drop(inbox, f"{name}.txt", f"About {name}\n\nChina and Russia agreed on {name}.".encode())
    visits = await once(config_directory)
    assert [(visit.new, visit.error) for visit in visits] == [(2, None), (0, None), (1, None)]
    assert losing.read == ["a.txt", "b.txt", "c.txt", "b.txt", "b.txt"]
    assert not (inbox / "rejected").exists()


async def test_a_file_over_which_reader_processes_are_lost_each_time_is_refused_at_last(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = only_inbox(config_directory)
    losing = Losing("poison", 99, monkeypatch)
    for name in ("a", "poison", "z"):
        drop(inbox, f"{name}.txt", f"About {name}\n\nChina and Russia agreed on {name}.".encode())
    visits = await once(config_directory)
    assert [visit.new for visit in visits] == [2, 0, 0]
    assert losing.read.count("poison.txt") == documents.LOSSES
    assert sorted(path.name for path in (inbox / "done").iterdir()) == ["a.txt", "z.txt"]
    reason = (inbox / "rejected" / "poison.txt.reason.txt").read_text()
    assert reason == "poison.txt: the process was ended, 3 times\n"


async def test_many_files_leave_room_for_the_documents_of_other_sources(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = only_inbox(config_directory)
    queued: list[int] = []
    losing = Losing("", 0, monkeypatch)
    right = losing._right

    def slow(readers: Readers, *given: Any) -> Reading:
        queued.append(readers.threads._work_queue.qsize())
        return right(readers, *given)

    losing._right = slow
    for number in range(9):
        drop(inbox, f"{number}.txt", f"About {number}\n\nChina and Russia agreed on {number}.".encode())
    (visit,) = await once(config_directory)
    assert visit.new == len(queued) == 9
    assert max(queued) < 4, "who comes now need not wait for all of them"


async def test_what_takes_too_long_to_read_for_one_visit_is_left_for_the_next(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = only_inbox(config_directory)
    Losing("", 0, monkeypatch)
    monkeypatch.setattr(documents, "ENOUGH", timedelta(seconds=-1))
    drop(inbox, "a.txt", b"About rice\n\nChina and Russia agreed on rice.")
    visits = await once(config_directory)
    assert {(visit.new, visit.error) for visit in visits} == {(0, None)}
    assert (inbox / "a.txt").exists()


async def test_many_files_come_in_pieces(config_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What else is to be done waits for one piece, never for all of them."""
    inbox = only_inbox(config_directory)
    for number in range(_look.MAX_FILES * 2 + 7):
        drop(inbox, f"{number}.txt", f"About {number}\n\nChina and Russia agreed on {number}.".encode())
    jobs: list[Counter[str]] = []

    def counted(name: str, number: Callable[..., int]) -> None:
        right = operator.attrgetter(name)(aggregator)

        def counting(*given: Any, **named: Any) -> Any:
            jobs[-1][name] += number(*given)
            return right(*given, **named)

        monkeypatch.setattr(f"aggregator.{name}", counting)

    counted("documents._read_in_passing", lambda *_: 1)
    counted("outcome.Outcomes._judge", lambda outcomes, articles, stories: len(articles))
    in_executor = pipeline.Pipeline.in_executor

    async def one_job(self: pipeline.Pipeline, work: Callable[[], Any]) -> Any:
        def job() -> Any:
            jobs.append(Counter())
            return work()

        return await in_executor(self, job)

    monkeypatch.setattr(pipeline.Pipeline, "in_executor", one_job)
    told: list[tuple[int, int]] = []
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        await runtime.once(found, database, lambda visit: None, taken=lambda *given: told.append(given))
    assert told == [(50, 57), (50, 7), (7, 0)]
    assert sum(jobs, Counter()) == {"documents._read_in_passing": 107, "outcome.Outcomes._judge": 107}
    assert max(job["documents._read_in_passing"] for job in jobs) == documents.PIECE
    assert max(job["outcome.Outcomes._judge"] for job in jobs) == _look.MAX_FILES
    assert not any(len(job) > 1 for job in jobs)
    assert len(list((inbox / "done").iterdir())) == 107


async def test_files_of_equal_titles_are_articles_of_their_own(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    for day in range(2):
        for name in ("Morning", "Noon", "Evening"):
            drop(inbox, f"{name}.txt", f"{name} brief\n\nChina and Russia on day {day}, {name}.".encode())
        (visit,) = await once(config_directory)
        assert (visit.new, visit.updated) == (3, 0)


async def kept(directory: Path) -> Visit:
    (visit,) = await once(directory)
    return visit


async def test_kept_files_are_corrected_renamed_copied_refused_and_forgotten(config_directory: Path) -> None:
    folder = config_directory.parent / "folder"
    folder.mkdir()
    (config_directory / "sources.yaml").write_text("sources:\n  - folder: ../folder\n")
    text = "China and Russia talk\n\nChina and Russia talked. Russia agreed. China said so."
    drop(folder, "a.txt", text.encode())
    drop(folder, "bad.txt", b"\x89PNG\r\n\x1a\n" + bytes(200))
    first = await kept(config_directory)
    assert first.new == 1 and "bad.txt" in (first.error or "")
    (before,) = items(config_directory, "china-russia")
    second = await kept(config_directory)
    assert (second.new, second.known, second.error) == (0, 0, first.error)  # nothing was read
    (folder / "a.txt").rename(folder / "b.txt")
    drop(folder, "copy.txt", text.encode())
    (folder / "bad.txt").unlink()
    third = await kept(config_directory)
    assert (third.new, third.updated, third.error) == (0, 0, None)
    drop(folder, "b.txt", text.replace("talk", "speak").encode())
    (folder / "copy.txt").unlink()
    fourth = await kept(config_directory)
    assert (fourth.new, fourth.updated) == (0, 1)
    (after,) = items(config_directory, "china-russia")
    assert (after["id"], after["title"]) == (before["id"], "China and Russia speak")
    (folder / "b.txt").unlink()
    await kept(config_directory)
    assert len(items(config_directory, "china-russia")) == 1


async def test_two_files_of_one_name_are_two_articles(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    for number in (1, 2):
        drop(
            inbox, "article.txt", f"China and Russia, part {number}\n\nChina, Russia, {number}. China. Russia.".encode()
        )
        await once(config_directory)
    assert len(items(config_directory, "china-russia")) == 2
    assert sorted(path.name for path in (inbox / "done").iterdir()) == ["article.txt", "article~2.txt"]


async def test_empty_folder_is_no_error(config_directory: Path) -> None:
    only_inbox(config_directory)
    (visit,) = await once(config_directory)
    assert (visit.outcome, visit.error) == ("unchanged", None)


async def test_missing_folder_is_an_error_of_that_source_only(config_directory: Path) -> None:
    text = "sources:\n  - folder: nowhere\n  - {folder: ../seeds, after: keep}\n"
    (config_directory / "sources.yaml").write_text(text)
    failed, good = sorted(await once(config_directory), key=lambda visit: visit.new)
    assert failed.outcome == "failed"
    assert "No such file" in (failed.error or "")
    assert good.new == 16


def rss(*entries: tuple[str, str, str]) -> bytes:
    body = "".join(
        f"<item><guid>{guid}</guid><title>{title}</title><description>{text}</description></item>"
        for guid, title, text in entries
    )
    return f"<rss version='2.0'><channel><title>W</title>{body}</channel></rss>".encode()


ABOUT_BOTH = "China and Russia talked. Russia agreed with China. China thanked Russia."


async def test_feed_is_read_once_and_then_asked_conditionally(config_directory: Path, site: Site) -> None:
    site.body = rss(("1", "China and Russia talk", ABOUT_BOTH))
    (first,) = await once(config_directory)
    (second,) = await once(config_directory)
    assert (first.new, first.status, second.outcome, second.status) == (1, 200, "unchanged", 304)
    assert site.requests[0]["User-Agent"].startswith("aggregator/")
    assert "If-None-Match" in site.requests[1]


async def test_correction_updates_the_item_in_place(config_directory: Path, site: Site) -> None:
    site.body = rss(("1", "China and Russia talk", ABOUT_BOTH))
    await once(config_directory)
    (before,) = items(config_directory, "china-russia")
    site.body = rss(("1", "China and Russia talk again", ABOUT_BOTH))
    (visit,) = await once(config_directory)
    (after,) = items(config_directory, "china-russia")
    assert (visit.new, visit.updated) == (0, 1)
    assert after["id"] == before["id"]
    assert after["date_published"] == before["date_published"]
    assert str(after["date_modified"]) > str(before["date_modified"])
    assert after["title"] == "China and Russia talk again"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<!doctype html><title>Just a moment</title>", "an HTML page, not a feed"),
        (b"Service unavailable", "plain text, not a feed"),
        (b"\x00\x01\x02\x03" * 50, "no text; drop the article as text"),
        (b"<rss><channel>" + b"<x>" * 20_002, "cannot be parsed"),
        (b"<rss version='2.0'><channel><title>broken & <item", "nothing of the feed can be read"),
    ],
    ids=["page", "text", "binary", "feedparser raises", "cut off"],
)
async def test_what_is_no_feed_is_named_and_nothing_is_lost(
    config_directory: Path, site: Site, body: bytes, reason: str
) -> None:
    site.body = rss(("1", "China and Russia talk", ABOUT_BOTH))
    await once(config_directory)
    site.body = body
    (visit,) = await once(config_directory)
    assert visit.outcome == "failed"
    assert reason in (visit.error or "")
    assert len(items(config_directory, "china-russia")) == 1


async def test_one_pass_visits_each_feed_once_however_soon_it_is_due_again(config_directory: Path, site: Site) -> None:
    path = config_directory / "sources.yaml"
    path.write_text(path.read_text().replace("/feed", "/feed\n    every: 1s") + "  - url: http://127.0.0.1:1/gone\n")
    site.body = rss(("1", "China and Russia talk", ABOUT_BOTH))
    visits = await once(config_directory)
    assert len(visits) == len({visit.source for visit in visits}) == 2


async def test_a_host_that_has_had_enough_is_left_alone_with_its_other_feeds(
    config_directory: Path, site: Site
) -> None:
    path = config_directory / "sources.yaml"
    path.write_text(path.read_text() + f"  - url: {site.url}/feed?other\n")
    main = config_directory / "aggregator.yaml"
    main.write_text(main.read_text().replace("per_host: 2", "per_host: 1"))
    site.refusal = 429
    (refused,) = await once(config_directory)
    assert (refused.status, refused.kind) == (429, "busy")
    assert await once(config_directory) == []
    assert len(site.requests) == 1
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        plans = {status.plan for status in sources.statuses(database)}
    assert "1 failure, Retry-After 10 min" in plans


async def test_one_pass_ends_when_what_it_finds_cannot_be_stored(
    config_directory: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its claim stands, and keeps the other feed of the host waiting: no reason to wait for the claim to end."""
    path = config_directory / "sources.yaml"
    path.write_text(path.read_text() + f"  - url: {site.url}/feed?other\n")
    main = config_directory / "aggregator.yaml"
    main.write_text(main.read_text().replace("per_host: 2", "per_host: 1"))

    def save(*_: object) -> None:
        raise StateError("the database is at fault")

    monkeypatch.setattr(runtime, "PATIENCE", timedelta(seconds=0.3))
    monkeypatch.setattr("aggregator.pipeline.stored_visits.save", save)
    async with asyncio.timeout(20):
        assert await once(config_directory) == []


async def test_dead_address_is_an_error_of_that_source_only(config_directory: Path, site: Site) -> None:
    text = (config_directory / "sources.yaml").read_text() + "  - url: http://127.0.0.1:1/gone\n"
    (config_directory / "sources.yaml").write_text(text)
    site.body = rss(("1", "China and Russia talk", ABOUT_BOTH))
    failed, good = sorted(await once(config_directory), key=lambda visit: visit.new)
    assert (failed.outcome, good.new) == ("failed", 1)
    assert "refused" in (failed.error or "")


async def test_while_our_own_network_is_down_nobody_is_blamed(config_directory: Path, unused_tcp_port: int) -> None:
    """Eight hosts answer, then none does, then all do again."""
    site = Site()
    site.body = rss(("1", "China and Russia talk", ABOUT_BOTH))
    app = web.Application()
    app.router.add_get("/feed", site.answer)
    lines = [f"  - url: http://127.0.0.{n}:{unused_tcp_port}/feed\n" for n in range(2, 10)]
    (config_directory / "sources.yaml").write_text("sources:\n" + "".join(lines))
    path = config_directory / "aggregator.yaml"
    path.write_text(path.read_text().replace("allow: []", "allow: [127.0.0.0/8]"))
    async with TestServer(app, host="0.0.0.0", port=unused_tcp_port):
        assert {visit.outcome for visit in await once(config_directory)} == {"news"}
    assert {visit.kind for visit in await once(config_directory)} == {"connect"}
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        failures = [status.failures for status in sources.statuses(database)]
    assert len(failures) == 8 and sum(failures) <= 5  # so many until it was seen that nobody answers
    app = web.Application()
    app.router.add_get("/feed", site.answer)
    async with TestServer(app, host="0.0.0.0", port=unused_tcp_port):
        assert {visit.error for visit in await once(config_directory)} == {None}


async def test_no_source_can_touch_the_article_of_another(config_directory: Path, site: Site) -> None:
    """Two sources may use one guid: neither touches the other's article."""
    (config_directory / "sources.yaml").write_text(
        (config_directory / "sources.yaml").read_text() + '  - {folder: "{state}/inbox", after: move, create: true}\n'
    )
    site.body = rss(("1", "China and Russia talk", ABOUT_BOTH))
    await once(config_directory)
    (before,) = items(config_directory, "china-russia")
    inbox = config_directory.parent / "var" / "inbox"
    drop(inbox, "other.xml", rss(("1", "China mocks Russia", "China mocks Russia. Russia mocks China. China, Russia.")))
    await once(config_directory)
    after = {item["id"]: item for item in items(config_directory, "china-russia")}
    assert len(after) == 2
    assert after[before["id"]] == before


async def test_explain_names_every_stage(config_directory: Path) -> None:
    await once(config_directory)
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        (story, *_) = contents.stories_in(database, "us-china", since=explain.utc_now().replace(year=2000), limit=9)
        (trace,) = explain.traces(story.lead.key, found, database)
        text = "\n".join(explain.lines(trace, found))
        assert articles.count(database)[0] == 16
        assert len(sources.statuses(database)) == 2
    for stage in ("read", "clean", "cut", "story", "about", "topic", "country:china"):
        assert stage in text
    assert explain.facts(trace)["topics"]["us-china"]["holds"] is True


async def test_every_shipped_example_holds(config_directory: Path) -> None:
    assert list(explain.failing_examples(config.load(config_directory, {}))) == []


async def test_failing_example_names_its_place_and_the_rule(config_directory: Path) -> None:
    path = config_directory / "topics.yaml"
    lines = path.read_text().splitlines()
    number = next(index for index, line in enumerate(lines, 1) if "lisbon-marathon" in line)
    lines[number - 1] = lines[number - 1].replace("lisbon-marathon", "opec-output-pause")
    path.write_text("\n".join(lines))
    (problem,) = explain.failing_examples(config.load(config_directory, {}))
    assert str(problem).startswith(f"{path}:{number}:11: topic 'energy' accepts")
    assert "about subject:energy" in str(problem)
    assert "OPEC" in str(problem)


async def test_slow_source_does_not_delay_another(config_directory: Path, site: Site) -> None:
    """The quick source is stored while the slow one is still being fetched."""
    stored = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await asyncio.wait_for(stored.wait(), 10)
        return web.Response(body=rss(("2", "Late", "Late.")), content_type="application/rss+xml")

    app = web.Application()
    app.router.add_get("/slow", slow)
    site.body = rss(("1", "China and Russia talk", ABOUT_BOTH))
    async with TestServer(app) as server:
        with (config_directory / "sources.yaml").open("a") as file:
            file.write(f"  - url: {server.make_url('/slow')}\n")
        order: list[str] = []

        def done(visit: Visit | None) -> None:
            order.append(visit.source if visit else "")
            stored.set()

        found = config.load(config_directory, {})
        with runtime.opened(found) as database:
            await runtime.once(found, database, done)
    assert [name.endswith("/slow") for name in order] == [False, True]
