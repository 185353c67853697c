"""Changed rules apply to the past, in the background, and do not flood those who have subscribed."""

import os
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.dialects import sqlite

from aggregator import config, daemon, explain, retag, runtime
from aggregator.errors import StateError
from aggregator.judge import Judgement
from aggregator.models import Article
from aggregator.pipeline import Pipeline, utc_now
from aggregator.readers import Readers
from aggregator.store import Database, schema
from aggregator.store import articles as stored_articles
from aggregator.store import memberships as stored_memberships
from aggregator.store import stories as stored_stories
from aggregator.store import topics as stored_topics
from aggregator.web import pages
from tests.test_pipeline import drop, items, once, only_inbox

RULES = "topics:\n  fairs:\n    title: Fairs\n    {extra}any: [{rules}]\n"


@pytest.fixture
def config_directory(config_directory: Path, new_database: Callable[[], Database]) -> Path:
    """The shipped configuration with an empty store; on both kinds of database."""
    settings = config_directory / "aggregator.yaml"
    url: str = new_database.url  # type: ignore[attr-defined]
    settings.write_text(re.sub("(?m)^database: .*$", lambda _: f"database: {url}", settings.read_text()))
    return config_directory


def write(directory: Path, *phrases: str, extra: str = "", more: str = "") -> None:
    rules = ", ".join(f"{{phrase: {phrase}}}" for phrase in phrases)
    (directory / "topics.yaml").write_text(RULES.format(rules=rules, extra=extra and f"{extra}\n    ") + more)


def give(inbox: Path, subject: str, *days: int) -> None:
    """An article about a subject for each day of November 2026."""
    for day in days:
        name = f"{subject}{day}.txt"
        drop(inbox, name, f"A {subject} of day {day}\n\nThe {subject} numbered {day * 7919} was held today.".encode())
        os.utime(inbox / name, (1_793_500_000 + day * 86_400, 1_793_500_000 + day * 86_400))


def shown(directory: Path, slug: str = "fairs") -> list[str]:
    found: Any = items(directory, slug)
    return [item["title"] for item in found if "withdrawn" not in item["_aggregator"]]


async def test_what_other_rules_find_in_the_past_is_shown_up_to_a_number_and_kept(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    write(config_directory, "harvest", extra="backfill: 3")
    give(inbox, "harvest", 1, 2)
    give(inbox, "market", *range(1, 9))
    await once(config_directory)
    before = items(config_directory, "fairs")
    assert shown(config_directory) == ["A harvest of day 2", "A harvest of day 1"]

    write(config_directory, "harvest", "market", extra="backfill: 3")
    await once(config_directory)
    found = {item["title"]: item for item in items(config_directory, "fairs")}
    assert set(found) == {"A harvest of day 1", "A harvest of day 2", *(f"A market of day {day}" for day in (6, 7, 8))}
    assert [found[item["title"]] for item in before] == before
    assert found["A market of day 7"]["date_published"].startswith("2026-11-")
    loaded = config.load(config_directory, {})
    with runtime.opened(loaded) as database:  # for people everything is there
        assert len(re.findall("<h2", pages.topic(loaded, database, "fairs") or "")) == 10

    with runtime.opened(loaded) as database:
        said = {
            bool(trace.hidden): "\n".join(explain.lines(trace, loaded))
            for copies in stored_articles.stories(database).values()
            for trace in explain.traces(copies[0].key, loaded, database)
        }
    assert "published in" not in said[True]
    assert "on its page only" in said[True]
    assert "published in" in said[False]

    give(inbox, "market", 9)  # what comes as news is shown, whatever was hidden before
    await once(config_directory)
    assert len(shown(config_directory)) == 6
    write(config_directory, "harvest", "market", "unheard", extra="backfill: 9")  # what was decided stays
    await once(config_directory)
    assert len(shown(config_directory)) == 6


async def test_a_new_topic_is_filled(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    write(config_directory, "harvest")
    give(inbox, "market", *range(1, 26))
    await once(config_directory)
    more = "  markets:\n    title: Markets\n    limit: 24\n    any: [{phrase: market}]\n"
    write(config_directory, "harvest", more=more)
    await once(config_directory)
    assert len(shown(config_directory, "markets")) == 24


async def test_a_story_that_leaves_just_leaves(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    write(config_directory, "harvest", "market")
    give(inbox, "harvest", 1)
    give(inbox, "market", 2)
    await once(config_directory)
    (kept,) = (item for item in items(config_directory, "fairs") if "harvest" in item["title"])
    write(config_directory, "harvest")
    await once(config_directory)
    assert items(config_directory, "fairs") == [kept]


def memberships(database: Database) -> list[Any]:
    with database.reading() as connection:
        return list(connection.execute(select(schema.memberships).order_by(schema.memberships.c.story)))


async def test_it_is_done_piece_by_piece_and_again_where_it_was_broken_off(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retag, "BATCH", 2)
    inbox = only_inbox(config_directory)
    write(config_directory, "harvest", extra="backfill: 3")
    give(inbox, "market", *range(1, 8))
    await once(config_directory)
    write(config_directory, "market", extra="backfill: 3")
    found = config.load(config_directory, {})
    with runtime.opened(found) as database, runtime.executor() as pool, Readers(found.settings.parse) as readers:
        pipeline = Pipeline(found, database, pool, readers)
        pipeline.prepare()
        assert memberships(database) == []
        assert pipeline.catch_up() == (2, 0)
        assert [row.hidden for row in memberships(database)] == [None, None]
        pipeline.publish()
        assert shown(config_directory) == []  # not a few now and others later

        pipeline = Pipeline(found, database, pool, readers)  # after a crash
        pipeline.prepare()
        steps = []
        while step := pipeline.catch_up():
            steps.append(step)
        assert steps == [(2, 0), (2, 0), (2, 0), (1, 0)]
        rows = memberships(database)
        assert sorted(row.hidden for row in rows) == [False] * 3 + [True] * 4
        assert len({row.rules for row in rows}) == 1
        assert all(row.rules for row in rows)
        pipeline.publish()
        assert shown(config_directory) == [f"A market of day {day}" for day in (7, 6, 5)]

        pipeline = Pipeline(found, database, pool, readers)
        pipeline.prepare()
        assert pipeline.catch_up() is None


async def test_latest_stories_come_first(config_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retag, "BATCH", 1)
    inbox = only_inbox(config_directory)
    write(config_directory, "harvest")
    for day in (3, 1, 2):  # in the order in which they are seen
        give(inbox, "market", day)
        await once(config_directory)
    write(config_directory, "market")
    found = config.load(config_directory, {})
    with runtime.opened(found) as database, runtime.executor() as pool, Readers(found.settings.parse) as readers:
        pipeline = Pipeline(found, database, pool, readers)
        pipeline.prepare()
        order = []
        while pipeline.catch_up():
            order.append(len(memberships(database)))
        titles = select(schema.articles.c.title).order_by(schema.articles.c.first_seen_at.desc())
        with database.reading() as connection:
            assert list(connection.execute(titles).scalars()) == [f"A market of day {day}" for day in (2, 1, 3)]
    assert order == [1, 2, 3]


def opened(directory: Path) -> AbstractContextManager[Pipeline]:
    """A pipeline of the configuration as it is now."""
    return piped(config.load(directory, {}))


@contextmanager
def piped(found: config.Config) -> Iterator[Pipeline]:
    with runtime.opened(found) as database, runtime.executor() as pool, Readers(found.settings.parse) as readers:
        yield Pipeline(found, database, pool, readers)


def all_done(pipeline: Pipeline) -> int:
    """Catch up; the number of steps."""
    steps = 0
    while pipeline.catch_up():
        steps += 1
    return steps


async def test_rules_reverted_while_they_are_applied_are_applied_again(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retag, "BATCH", 2)
    inbox = only_inbox(config_directory)
    write(config_directory, "harvest")
    give(inbox, "harvest", *range(1, 6))
    await once(config_directory)
    before = config.load(config_directory, {})
    write(config_directory, "market")
    (config_directory / "agencies.yaml").write_text("agencies: {}\n")
    (config_directory / "links.yaml").write_text("tracking: [via]\n")
    after = config.load(config_directory, {})
    with piped(before) as pipeline:
        pipeline.prepare()
        assert pipeline.catch_up() is None
        pipeline.adopt(after)
        while len(memberships(pipeline.database)) == 5:
            assert pipeline.catch_up()
        pipeline.adopt(before)
        assert all_done(pipeline)
        assert [row.hidden for row in memberships(pipeline.database)] == [False] * 5
        assert pipeline.catch_up() is None


async def with_a_topic_and_without(directory: Path) -> tuple[config.Config, config.Config]:
    """Two configurations, the first with a topic that has two stories."""
    inbox = only_inbox(directory)
    more = "  markets:\n    title: Markets\n    any: [{phrase: market}]\n"
    write(directory, "harvest", more=more)
    give(inbox, "market", 1, 2)
    await once(directory)
    before = config.load(directory, {})
    write(directory, "harvest")
    after = config.load(directory, {})
    return before, after


async def test_a_topic_that_was_gone_for_a_moment_has_its_stories_again(config_directory: Path) -> None:
    before, after = await with_a_topic_and_without(config_directory)
    with piped(before) as pipeline:
        pipeline.prepare()
        pipeline.adopt(after)
        pipeline.adopt(before)
        all_done(pipeline)
        pipeline.publish()
    assert len(shown(config_directory, "markets")) == 2


async def test_a_refused_reload_leaves_the_store_as_it_was(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = await with_a_topic_and_without(config_directory)
    with piped(before) as pipeline:
        pipeline.prepare()
        for broken in ("aggregator.publish.withdraw", "aggregator.store.topics.touch_all_if"):  # before, and behind
            with monkeypatch.context() as patch, pytest.raises(PermissionError):
                patch.setattr(broken, failing(PermissionError))
                pipeline.adopt(after)
            assert pipeline.config is before
            all_done(pipeline)
            assert len(memberships(pipeline.database)) == 2
            assert stored_memberships.counts(pipeline.database).keys() == before.topics.keys()


def failing(error: type[BaseException], times: int = 1) -> Callable[..., None]:
    """Something that fails so many times, and does nothing after that."""
    left = iter(range(times))

    def it(*_: object, **__: object) -> None:
        if next(left, None) is not None:
            raise error

    return it


async def test_an_outage_is_no_end_of_catching_up(config_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retag, "BATCH", 2)
    inbox = only_inbox(config_directory)
    write(config_directory, "harvest")
    give(inbox, "market", *range(1, 6))
    await once(config_directory)
    write(config_directory, "market")
    with opened(config_directory) as pipeline:
        pipeline.prepare()
        assert pipeline.catch_up()
        with monkeypatch.context() as patch:
            patch.setattr("aggregator.store.articles.newest_stories", failing(StateError, 9))
            patch.setattr("aggregator.store.sources.register", failing(StateError, 9))
            for _ in range(3):
                with pytest.raises(StateError):
                    pipeline.catch_up()
        all_done(pipeline)
        assert [row.hidden for row in memberships(pipeline.database)] == [False] * 5


async def test_a_bug_in_one_article_stops_no_other(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    inbox = only_inbox(config_directory)
    write(config_directory, "harvest")
    give(inbox, "market", *range(1, 4))
    await once(config_directory)
    write(config_directory, "market")
    with opened(config_directory) as pipeline:
        judge = pipeline.judge.judge

        def broken(article: Article) -> Judgement:
            if article.title == "A market of day 2":
                raise ZeroDivisionError
            return judge(article)

        monkeypatch.setattr(pipeline.judge, "judge", broken)
        pipeline.prepare()
        all_done(pipeline)
        assert len(memberships(pipeline.database)) == 2
        assert "please report it" in caplog.text
        pipeline.prepare()
        assert pipeline.catch_up() is None


async def test_a_step_is_some_articles_however_many_copies_a_story_has(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retag, "BATCH", 2)
    inbox = only_inbox(config_directory)
    write(config_directory, "harvest")
    for number in range(7):
        said = f"URL: https://a.example/{number}\nDate: 2026-11-01\nA market is held\n\n"
        drop(inbox, f"{number}.txt", (said + "The market of the town was held today. " * 9).encode())
    await once(config_directory)
    write(config_directory, "market")
    sizes = []
    with opened(config_directory) as pipeline:
        by_keys = stored_articles.by_keys

        def counted(database: Database, keys: Collection[str]) -> dict[str, Article]:
            sizes.append(len(keys))
            return by_keys(database, keys)

        monkeypatch.setattr(stored_articles, "by_keys", counted)
        pipeline.prepare()
        all_done(pipeline)
        assert sizes == [1, 2, 2, 2]
        assert len(memberships(pipeline.database)) == 1


async def test_a_new_topic_whose_filling_was_broken_off_is_filled(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    write(config_directory, "harvest")
    give(inbox, "market", *range(1, 9))
    await once(config_directory)
    more = "  markets:\n    title: Markets\n    limit: 7\n    backfill: 2\n    any: [{phrase: market}]\n"
    write(config_directory, "harvest", more=more)
    with opened(config_directory) as pipeline:
        pipeline.prepare()
        assert pipeline.catch_up()
    await once(config_directory)
    assert len(shown(config_directory, "markets")) == 7


async def test_a_mended_typo_brings_back_what_the_feed_has_shown(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    write(config_directory, "market", extra="backfill: 1")
    give(inbox, "market", *range(1, 6))
    await once(config_directory)
    before = items(config_directory, "fairs")
    give(inbox, "harvest", *range(1, 6))
    write(config_directory, "marhet", extra="backfill: 1")
    await once(config_directory)
    assert shown(config_directory) == []
    write(config_directory, "market", "harvest", extra="backfill: 1")
    await once(config_directory)
    assert set(shown(config_directory)) == {"A harvest of day 5", *(f"A market of day {day}" for day in range(1, 6))}
    assert [item for item in items(config_directory, "fairs") if "market" in item["title"]] == before


async def test_what_is_merged_with_something_hidden_stays_in_the_feed(config_directory: Path) -> None:
    inbox = only_inbox(config_directory)
    write(config_directory, "harvest", extra="backfill: 0")
    give(inbox, "market", 1)
    await once(config_directory)
    write(config_directory, "harvest", "market", extra="backfill: 0")
    await once(config_directory)
    assert shown(config_directory) == []
    give(inbox, "market", 2)
    await once(config_directory)
    assert shown(config_directory) == ["A market of day 2"]
    with opened(config_directory) as pipeline:
        one, other = stored_articles.with_originals(pipeline.database, limit=2)
        stored_stories.wish(pipeline.database, "merge", one.key, other.key, utc_now())
        pipeline.prepare()
        assert pipeline.fulfil() == 1
        pipeline.publish()
        (left,) = memberships(pipeline.database)
        assert left.hidden is False
    assert len(shown(config_directory)) == 1


@pytest.fixture
async def copied(config_directory: Path) -> Path:
    """Two stories of November 2026: one of day 1, led by a copy of day 5 that its source calls better; one of day 3."""
    inbox, other = only_inbox(config_directory), config_directory.parent / "var" / "other"
    other.mkdir()
    (config_directory / "sources.yaml").write_text(
        'sources:\n  - {folder: "{state}/inbox", name: Post}\n  - {folder: "{state}/other", name: Post, rank: 1}\n'
    )
    write(config_directory, "unheard")
    for folder, day, said in ((inbox, 1, "held"), (inbox, 3, "closed"), (other, 5, "held")):
        text = f"A market is {said}\n\n" + f"The market of the harbour town was {said} today. " * 9
        drop(folder, f"{day}.txt", text.encode())
        os.utime(folder / f"{day}.txt", (1_793_413_600 + day * 86_400, 1_793_413_600 + day * 86_400))
        await once(config_directory)
    return config_directory


async def test_the_newest_stories_are_those_that_were_founded_last(copied: Path) -> None:
    write(copied, "market", extra="backfill: 1")
    await once(copied)
    assert shown(copied) == ["A market is closed"]
    with opened(copied) as pipeline:
        found = stored_memberships.dates(pipeline.database, datetime(2026, 11, 2, tzinfo=UTC))
        assert [date.day for date in found["fairs"]] == [3]
        number, newest = stored_memberships.counts(pipeline.database)["fairs"]
        assert number == 2
        assert newest and newest.day == 3
        page = pages.topic(pipeline.config, pipeline.database, "fairs") or ""
        assert re.findall(r'<time datetime="2026-11-0(\d)', page) == ["3", "1"]


async def test_all_count_the_same_voices(copied: Path) -> None:
    """Articles of an earlier version, in two sources of one name: it is not known who speaks in them."""
    write(copied, "market")
    await once(copied)
    with opened(copied) as pipeline:
        with pipeline.database.writing() as connection:
            connection.execute(update(schema.articles).values(voice=""))
        stored_topics.republish(pipeline.database, ["fairs"])
        pipeline.publish()
        told = [item["content_html"] for item in items(copied, "fairs") if "held" in item["title"]]
        page = pages.topic(pipeline.config, pipeline.database, "fairs") or ""
        (story,) = (one for one in memberships(pipeline.database) if one.dated_at.day == 1)
        about = pages.article(pipeline.config, pipeline.database, story.story) or ""
        assert ["2 independent sources" in text for text in (*told, page, about)] == [True] * 3


async def test_pages_name_what_has_no_title_and_show_the_tags_of_a_link(copied: Path) -> None:
    drop(
        copied.parent / "var" / "inbox",
        "9.txt",
        b"Title: China and Japan\nURL: https://a.example/9\n\nThe market of China.",
    )
    write(copied, "market")
    await once(copied)
    with opened(copied) as pipeline:
        about = pages.article(pipeline.config, pipeline.database, "https://a.example/9") or ""
        assert re.search("<th[^>]*>China</th>", about)
        with pipeline.database.writing() as connection:
            connection.execute(update(schema.articles).values(title=""))
        assert ">(untitled)</a></h2>" in (pages.topic(pipeline.config, pipeline.database, "fairs") or "")
        about = pages.article(pipeline.config, pipeline.database, "https://a.example/9") or ""
        assert re.search(r"<h1[^>]*>.untitled.</h1>", about)


def test_stories_are_walked_back_along_an_index(database: Database) -> None:
    """However many have come at once."""
    if database.is_sqlite:
        asked = str(stored_articles._OLDER.compile(dialect=sqlite.dialect()))
        with database.reading() as connection:
            plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}", ("2026-01-01", "0", 9, 0)).all())
        assert "(first_seen_at,key)<(?,?)" in plan
        assert "TEMP B-TREE" not in plan


async def test_stories_that_came_at_once_are_walked_back_each_once(config_directory: Path) -> None:
    give(only_inbox(config_directory), "market", *range(1, 8))
    await once(config_directory)
    with opened(config_directory) as pipeline:
        walked: list[str] = []
        last = None
        while batch := stored_articles.newest_stories(pipeline.database, last, 3):
            last = batch[-1][0]
            walked += [name for (_, name), _ in batch]
        assert walked == sorted(stored_articles.stories(pipeline.database), reverse=True)
        assert len(walked) == 7


@pytest.mark.parametrize("error", [StateError, OSError, ZeroDivisionError])
async def test_what_is_broken_off_rests_and_is_taken_up_again(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """A trouble that lasts does not fill the log, whose ever it is."""
    answers = [error, (2, 0), None]
    called: list[object] = []

    def catch_up(_: Pipeline) -> object:
        called.append(answers[0])
        if called[-1] is error:
            answers.pop(0)
            raise error
        return answers.pop(0)

    monkeypatch.setattr(Pipeline, "catch_up", catch_up)
    loaded = config.load(config_directory, {})
    with runtime.opened(loaded) as database:
        running = daemon.Daemon(loaded, database, lambda: loaded)
        await running._publishing.catch_up()
        await running._publishing.catch_up()
        assert called == [error]
        monkeypatch.setattr(running._publishing, "_catch_up_at", 0.0)
        await running._publishing.catch_up()
        running._executor.shutdown()
        running._readers.close()
    assert called == [error, (2, 0), None]
