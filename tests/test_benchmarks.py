"""Benchmarks run: what they fill by hand is what the store has."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import filling
import simulate
from invented import Press

from aggregator.store import Database, articles, contents

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def test_stories_are_measured() -> None:
    few = ["--articles", "200", "--rounds", "1", "--database", "sqlite"]
    ran = subprocess.run(
        [sys.executable, Path(filling.__file__).parent / "stories.py", *few],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "200 articles" in ran.stdout
    assert "a publication of a topic" in ran.stdout


def test_a_store_is_filled_with_the_latest_articles_and_with_their_like_before_them(tmp_path: Path) -> None:
    press = Press(100, 50, NOW)
    filling.fill("sqlite", tmp_path, 300, press)
    database = Database("sqlite", tmp_path)
    assert articles.count(database)[0] == 300
    shown = contents.stories_in(database, "large", since=NOW - timedelta(days=9), limit=99)
    assert len(shown) == 6
    assert len({story.founded_at for story in shown}) == 6
    database.close()


def test_all_articles_are_published_by_some_source_and_none_publishes_too_many() -> None:
    for sources in (10_000, 1_000_000):
        rates = simulate.rates(sources, 1_000_000)
        assert sum(rates) * sources / len(rates) == pytest.approx(1_000_000)
        assert rates == sorted(rates)
        assert rates[-1] <= simulate.MOST


def test_each_simulated_visit_ends_once_and_its_news_is_published() -> None:
    planned = [simulate.Visit(number / 50, number % 3) for number in range(3000)]
    ran = simulate.Workers(planned, 2)
    assert ran.ended == len(ran.late) == len(planned)
    assert len(ran.stored) == len(ran.published) == 2000
    assert min(ran.late) >= 0
    assert max(ran.late) < 5


def test_too_few_simulated_workers_fall_behind_the_further_the_longer_it_goes_on() -> None:
    planned = [simulate.Visit(number / 200, 0) for number in range(20_000)]
    late = simulate.Workers(planned, 1).late
    assert max(late[:100]) < late[10_000] < late[-1]
    assert late[-1] > 10
    assert max(simulate.Workers(planned, 4).late) < 5


def test_no_number_of_simulated_workers_stores_news_faster_than_their_turn_lets_them() -> None:
    planned = [simulate.Visit(0, 2)] * 1000
    assert simulate.Workers(planned, 8).lasted >= 1000 * simulate.TURN
