"""Changed rules apply to the past, in the background, and do not flood those who have subscribed."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from aggregator import config, retag, runtime
from aggregator.pipeline import Pipeline
from aggregator.readers import Readers
from aggregator.store import Database, schema
from aggregator.web import pages
from tests.test_pipeline import drop, items, once, only_inbox

RULES = "topics:\n  fairs:\n    title: Fairs\n    {extra}any: [{rules}]\n"


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
    return [item["title"] for item in items(directory, slug)]


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
        assert len(re.findall("<h2>", pages.topic(loaded, database, "fairs") or "")) == 10

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
