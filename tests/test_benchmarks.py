"""Benchmarks run: what they fill by hand is what the store has."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import filling
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
