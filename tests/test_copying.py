"""A store copied from SQLite to PostgreSQL is the same store."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, insert, select, update

from aggregator.cli import main
from aggregator.errors import StateError
from aggregator.store import Database, copying, schema
from tests import postgresql_server


@pytest.fixture
def filled(config_directory: Path) -> Path:
    """The state directory of the samples, read once."""
    assert CliRunner().invoke(main, ["--config", str(config_directory), "once"]).exit_code == 0
    return config_directory.parent / "var"


@pytest.fixture
def url(postgresql: str) -> Iterator[str]:
    name = postgresql_server.created(postgresql)
    try:
        yield f"{postgresql}/{name}"
    finally:
        postgresql_server.drop(postgresql, name)


def feeds(state: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (state / "public/feeds").glob("*.*")}


def test_feeds_of_a_copied_store_are_the_same_bytes_with_the_same_dates(
    config_directory: Path, filled: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = feeds(filled)
    done = CliRunner().invoke(main, ["--config", str(config_directory), "db", "copy", "--to", url])
    assert done.exit_code == 0, done.output
    assert "16 of them articles, the same as here" in done.output
    monkeypatch.setenv("AGGREGATOR_DATABASE", url)
    assert CliRunner().invoke(main, ["--config", str(config_directory), "once"]).exit_code == 0
    assert feeds(filled) == before
    shutil.rmtree(filled / "public")  # and so they are on another machine
    assert CliRunner().invoke(main, ["--config", str(config_directory), "once"]).exit_code == 0
    assert feeds(filled) == before


def test_a_copy_that_was_broken_off_goes_on(filled: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "AT_ONCE", 3)

    class BrokenOff(Exception):
        pass

    def stop(done: int, total: int) -> None:
        steps.append(done)
        if len(steps) == 40:
            raise BrokenOff

    with closing(Database("sqlite", filled)) as source, closing(Database(url, filled)) as target:
        steps: list[int] = []
        with pytest.raises(BrokenOff):
            copying.copy(source, target, stop)
        reached = max(steps)
        with pytest.raises(StateError, match="a copy that was broken off; go on with `aggregator db copy"):
            copying.check_whole(target)
        steps = [0] * 100  # no more stops
        counts = copying.copy(source, target, stop)
        assert reached > 0
        assert steps[100] <= reached
        assert counts["articles"] == 16
        copying.check_whole(target)
        with target.writing() as connection:  # ids go on behind the copied ones
            visit = {"source": "folder:seeds", "started_at": func.now(), "outcome": "failed", "milliseconds": 0}
            numbers = dict.fromkeys(("byte_count", "new", "updated", "known", "skipped"), 0)
            connection.execute(insert(schema.visits).values(**visit, **numbers))
            assert connection.execute(select(func.count()).select_from(schema.visits)).scalar() == counts["visits"] + 1
        with pytest.raises(StateError, match="a store of its own"):
            copying.copy(source, target, stop)


def test_a_copy_that_is_not_the_same_is_refused(filled: Path, url: str) -> None:
    def meddle(done: int, total: int) -> None:
        if done * 2 >= total:
            with target.writing() as connection:
                connection.execute(update(schema.articles).values(title="another"))

    with (
        closing(Database("sqlite", filled)) as source,
        closing(Database(url, filled)) as target,
        pytest.raises(StateError, match="articles is not what it was"),
    ):
        copying.copy(source, target, meddle)
