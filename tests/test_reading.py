"""A source is read again and again: only what is new is looked at, and nothing is published twice."""

import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aggregator import metrics, samples
from aggregator.errors import DocumentError
from aggregator.models import Document, Memory, Reading
from aggregator.parsers import feed
from aggregator.reading import Request, TooMuch, difference, parser_of, read
from tests.conftest import Site
from tests.test_pipeline import ABOUT_BOTH, items, once, rss

NOW = datetime(2026, 11, 27, tzinfo=UTC)
PADDING = "<p>" + "So many words about nothing at all, again and again. " * 400 + "</p>"


def time(written: str) -> datetime:
    return datetime.fromisoformat(written)


def count(name: str, **labels: str) -> float:
    found = metrics._REGISTRY.get_sample_value(name, labels)
    return found or 0.0


def ways() -> dict[str, float]:
    return {way: count("aggregator_readings_total", way=way) for way in ("part", "whole", "refused")}


def since(before: dict[str, float]) -> dict[str, float]:
    return {way: now - before[way] for way, now in ways().items() if now != before[way]}


def sql(directory: Path, statement: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(directory.parent / "var" / "aggregator.db") as store:
        return store.execute(statement).fetchall()


def stories(*numbers: int, prefix: str = "g", text: str = ABOUT_BOTH) -> bytes:
    return rss(*((f"{prefix}{n}", f"China and Russia talk, part {n}", f"{text} Part {n}.") for n in numbers))


async def test_only_the_first_visit_reads_everything(config_directory: Path, site: Site) -> None:
    before = ways()
    site.body = stories(1, 2)
    await once(config_directory)
    assert since(before) == {"whole": 1}
    site.body = stories(3, 1, 2)
    (visit,) = await once(config_directory)
    assert since(before) == {"whole": 1, "part": 1}
    assert (visit.new, visit.known) == (1, 2)
    assert len(items(config_directory, "china-russia")) == 3


async def test_a_large_feed_is_read_by_a_reader_process_with_the_same_result(
    config_directory: Path, site: Site
) -> None:
    site.body = stories(1, 2, text=ABOUT_BOTH + f"<![CDATA[{PADDING}]]>")
    assert not feed.PLUGIN.is_quick(Document(site.body, "x"))
    (visit,) = await once(config_directory)
    assert visit.new == 2
    (memory,) = sql(config_directory, "SELECT length(entries) FROM memories")
    assert memory == (32,)


async def test_full_parse_skips_nothing(config_directory: Path, site: Site) -> None:
    path = config_directory / "aggregator.yaml"
    path.write_text(path.read_text().replace("full_parse: false", "full_parse: true"))
    before = ways()
    for body in (stories(1), stories(2, 1)):
        site.body = body
        (visit,) = await once(config_directory)
    assert since(before) == {"whole": 2}
    assert (visit.new, visit.known) == (1, 1)


async def test_a_corrected_entry_is_read_again(config_directory: Path, site: Site) -> None:
    site.body = stories(1, 2)
    await once(config_directory)
    site.body = stories(1, 2).replace(b"part 2", b"part two")
    (visit,) = await once(config_directory)
    assert (visit.new, visit.updated, visit.known) == (0, 1, 1)


async def test_a_version_that_comes_back_after_one_that_is_not_remembered_is_read(
    config_directory: Path, site: Site
) -> None:
    first = stories(1, 2)
    site.body = first
    await once(config_directory)
    site.body = first.replace(b"part 2", b"part&nbsp;two")  # not well-formed: nothing of it can be skipped next time
    (visit,) = await once(config_directory)
    assert visit.updated == 1
    assert sql(config_directory, "SELECT source FROM memories") == []
    site.body = first
    (visit,) = await once(config_directory)
    assert visit.updated == 1


async def test_changed_guids_publish_nothing_again(config_directory: Path, site: Site) -> None:
    site.body = stories(1, 2, 3, 4)
    await once(config_directory)
    before = items(config_directory, "china-russia")
    site.body = stories(1, 2, 3, 4, prefix="https://new.example/?p=")
    (visit,) = await once(config_directory)
    assert visit.new == 0
    after = items(config_directory, "china-russia")
    assert [item["id"] for item in after] == [item["id"] for item in before]
    assert [item["date_modified"] for item in after] == [item["date_modified"] for item in before]
    site.body = stories(5, 1, 2, 3, 4, prefix="urn:rotated:")
    (visit,) = await once(config_directory)
    assert visit.new == 1


def pages(*entries: tuple[str, str, str, str]) -> bytes:
    """A feed of entries with guid, link, title and text."""
    body = "".join(
        f"<item><guid isPermaLink='false'>{guid}</guid><link>https://a.example/{link}</link><title>{title}</title>"
        f"<description>{text}</description></item>"
        for guid, link, title, text in entries
    )
    return f"<rss version='2.0'><channel><title>W</title>{body}</channel></rss>".encode()


async def test_a_new_entry_takes_no_place_of_one_that_still_stands(config_directory: Path, site: Site) -> None:
    site.body = pages(("a", "alerts", "Quake alert", "Chile"))
    await once(config_directory)
    site.body = pages(("b", "alerts", "Quake alert", "Japan"), ("a", "alerts", "Quake alert", "Chile"))
    (visit,) = await once(config_directory)
    assert (visit.new, visit.updated, visit.known) == (1, 0, 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(("a", "news", "Flood in A", ""), ("b", "news", "Storm in B", ""), id="no text"),
        pytest.param(("1", "show", "The show", "First"), ("2", "show", "The show", "Second"), id="page and title"),
    ],
)
async def test_another_article_on_the_same_page_is_another_article(
    config_directory: Path, site: Site, before: tuple[str, str, str, str], after: tuple[str, str, str, str]
) -> None:
    site.body = pages(before)
    await once(config_directory)
    site.body = pages(after)
    (visit,) = await once(config_directory)
    assert (visit.new, visit.updated) == (1, 0)


async def test_repeated_guids_lose_nothing(config_directory: Path, site: Site) -> None:
    site.body = stories(1, 2, 3).replace(b"<guid>g1<", b"<guid>0<").replace(b"<guid>g2<", b"<guid>0<")
    site.body = site.body.replace(b"<guid>g3<", b"<guid>0<")
    (visit,) = await once(config_directory)
    assert visit.new == 3
    (visit,) = await once(config_directory)
    assert visit.new == 0


async def test_a_flood_is_bounded_and_reported(config_directory: Path, site: Site) -> None:
    site.body = rss(*((f"g{n}", f"Title {n}", "x") for n in range(feed.MAX_ENTRIES + 7)))
    (visit,) = await once(config_directory)
    assert (visit.new, visit.outcome) == (feed.MAX_ENTRIES, "news")
    assert visit.error == "too many entries: the 7 oldest ones were left out"


async def test_comparisons_are_counted_and_differences_kept(config_directory: Path, site: Site) -> None:
    path = config_directory / "aggregator.yaml"
    path.write_text(path.read_text().replace("compare: 1000", "compare: 1"))
    equal = count("aggregator_comparisons_total", result="equal")
    different = count("aggregator_comparisons_total", result="different")
    site.body = stories(1)
    await once(config_directory)
    site.body = stories(2, 1)
    await once(config_directory)
    assert count("aggregator_comparisons_total", result="equal") == equal + 1
    # As if what entries take over from the head had been remembered wrongly.
    sql(config_directory, """UPDATE memories SET inherited = '[["language", "fr"]]'""")
    site.body = stories(3, 2, 1)
    await once(config_directory)
    assert count("aggregator_comparisons_total", result="different") == different + 1
    (sample,) = (config_directory.parent / "var" / "samples").glob("*.json")
    assert "language is 'fr' in part" in json.loads(sample.read_text())["differs"]
    assert sample.with_suffix(".document").read_bytes() == site.body


async def test_a_sample_that_cannot_be_kept_costs_no_visit(
    config_directory: Path, site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = config_directory / "aggregator.yaml"
    path.write_text(path.read_text().replace("compare: 1000", "compare: 1"))
    site.body = stories(1)
    await once(config_directory)
    sql(config_directory, """UPDATE memories SET inherited = '[["language", "fr"]]'""")
    (config_directory.parent / "var" / "samples").write_text("in the way")
    site.body = stories(2, 1)
    (visit,) = await once(config_directory)
    assert (visit.new, visit.error) == (1, None)
    assert "no sample could be kept" in caplog.text


MEMORY = Memory(b"\1" * 8, b"\2" * 8, (("language", "fr"),), ((b"\3" * 8, b"\4" * 8), (b"\5" * 8, b"")), NOW)
SAMPLED = Request("s", frozenset({"text/plain", "a/b"}), NOW, "de", "application/xml+feed", MEMORY, compared=True)


def test_a_sample_holds_all_that_its_reading_depended_on(tmp_path: Path) -> None:
    document = Document(b"<rss>", "n", "https://a.example/", "text/xml", "latin-1", "guid", NOW)
    path = samples.keep(document, SAMPLED, "it differs", tmp_path)
    facts = json.loads(path.read_text())
    said, asked = facts["document"], facts["request"]
    said |= {"body": path.with_suffix(".document").read_bytes(), "modified_at": time(said["modified_at"])}
    assert Document(**said) == document
    remembered = asked["memory"]
    memory = Memory(
        bytes.fromhex(remembered["context"]),
        bytes.fromhex(remembered["head"]),
        tuple(map(tuple, remembered["inherited"])),
        tuple((bytes.fromhex(seen), bytes.fromhex(guid)) for seen, guid in remembered["entries"]),
        time(remembered["whole_at"]),
    )
    asked |= {"accepts": frozenset(asked["accepts"]), "now": time(asked["now"]), "memory": memory}
    assert Request(**asked) == SAMPLED


def test_samples_are_few_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = Document(b"<rss>", "n")
    for hour in range(samples.MOST + 2):
        last = samples.keep(document, replace(SAMPLED, now=NOW + timedelta(hours=hour)), "it differs", tmp_path)
    assert len(list(last.parent.iterdir())) == 2 * samples.MOST

    def full(path: Path, data: bytes) -> None:
        path.touch()
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        samples.keep(document, replace(SAMPLED, now=NOW - timedelta(hours=1)), "it differs", tmp_path)
    assert len(list(last.parent.iterdir())) == 2 * samples.MOST


async def test_the_same_packed_bytes_are_not_even_unpacked(config_directory: Path, site: Site) -> None:
    site.body = stories(1)
    await once(config_directory)
    sql(config_directory, "UPDATE sources SET etag = NULL, last_modified = NULL, body_hash = 'known'")
    (visit,) = await once(config_directory)
    assert (visit.status, visit.outcome) == (200, "unchanged")
    assert sql(config_directory, "SELECT body_hash FROM sources WHERE active") == [("known",)]


REQUEST = Request("s", frozenset({"application/xml+feed"}), datetime(2026, 11, 27, tzinfo=UTC))


def in_part(before: bytes, now: bytes) -> tuple[Document, Reading]:
    later = Document(now, "x")
    part = read(later, replace(REQUEST, memory=read(Document(before, "x"), REQUEST).memory))
    assert not part.whole
    return later, part


def test_reading_in_part_is_no_different() -> None:
    for before, now in (
        (stories(1, 2), stories(3, 1, 2)),
        (rss(("1", "Title", "x")), rss(("2", "", "")) + b"<!-- no title -->"),  # an entry that cannot be used
        (rss((" 1 ", "Title", "x")), rss((" 1 ", "Title", "x"), ("y" * 999, "Title", "x"))),  # ids that are changed
        (rss(*((f"{n}", "Title", "x") for n in range(40))), rss(*((f"{n or 1}", f"Title {not n}", "x") for n in range(40)))),
    ):  # fmt: skip
        later, part = in_part(before, now)
        assert difference(later, REQUEST, part) is None


def test_what_is_lost_in_part_is_a_difference() -> None:
    later, part = in_part(stories(1, 2), stories(3, 1, 2))
    assert "is found in the whole only" in str(difference(later, REQUEST, replace(part, articles=())))
    assert "is found in the whole only" in str(difference(later, REQUEST, replace(part, known_guids=())))
    assert "is found in part only" in str(difference(Document(stories(1, 2), "x"), REQUEST, part))
    wrong = replace(part, articles=(replace(part.articles[0], title="Other"),))
    assert "title is 'Other' in part" in str(difference(later, REQUEST, wrong))


def test_a_whole_that_cannot_be_read_is_a_difference_and_no_refusal() -> None:
    _, part = in_part(stories(1), stories(2, 1))
    assert "cannot be read" in str(difference(Document(b"<rss>", "x"), REQUEST, part))


def test_what_may_take_long_is_not_read_in_passing() -> None:
    with pytest.raises(TooMuch):
        read(Document(stories(*range(500)), "large"), REQUEST, in_passing=True)


def test_what_a_person_says_of_a_source_counts_more_than_its_looks() -> None:
    text = Document(b"<rss version='2.0'>", "notes.txt")
    accepts = frozenset({"application/xml+feed", "text/plain"})
    assert parser_of(text, accepts).parse is feed.parse
    assert parser_of(text, accepts, "text/plain").parse is not feed.parse
    with pytest.raises(DocumentError):
        parser_of(text, frozenset({"text/plain"}))


def test_entries_without_guids_are_no_difference() -> None:
    items = "".join(f"<item><title>T{n}</title><link>https://a.example/{n}</link></item>" for n in range(4))
    body = f"<rss version='2.0'><channel><title>W</title>{items}</channel></rss>"
    request = Request("s", frozenset({"application/xml+feed"}), datetime(2026, 11, 27, tzinfo=UTC))
    memory = read(Document(body.encode(), "x"), request).memory
    later = Document(body.replace("T3", "Other").encode(), "x")
    part = read(later, replace(request, memory=memory))
    assert (part.whole, len(part.articles)) == (False, 1)
    assert difference(later, request, part) is None


async def test_a_feed_of_one_entry_that_has_moved_keeps_it(config_directory: Path, site: Site) -> None:
    site.body = rss(("urn:1", "China and Russia talk", ABOUT_BOTH))
    await once(config_directory)
    # As when the source has got another id: what is stored is its own, under keys of the old one.
    new = "f" * 32
    for statement in (
        f"UPDATE tags SET article = '{new}'",
        f"UPDATE articles SET key = '{new}'",
        f"UPDATE stories SET lead = '{new}'",
        "DELETE FROM memories",
    ):
        sql(config_directory, statement)
    site.body = rss(("urn:1", "China and Russia talk, corrected", ABOUT_BOTH + " And more."))
    (visit,) = await once(config_directory)
    assert (visit.new, visit.updated) == (0, 1)
