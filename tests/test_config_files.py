"""When a changed configuration is read anew: once its files have come to rest, however they were replaced."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aggregator import config
from aggregator.config_files import MISSING, QUIET, ConfigFiles


class Looked:
    """The files of a directory, and a clock that stands still between two looks."""

    def __init__(self, directory: Path) -> None:
        self.now = 0.0
        self.found = config.load(directory, {})
        self.files = ConfigFiles(directory, lambda: self.now)

    def after(self, seconds: float) -> list[str]:
        """The names that are told after so long."""
        self.now += seconds
        return [path.name for path in self.files.changed(self.found)]


@pytest.fixture
def looked(config_directory: Path) -> Looked:
    made = Looked(config_directory)
    assert made.after(0) == []
    return made


def saved(path: Path, text: str) -> None:
    """As an editor does it: a new file in the place of the old one."""
    (path.parent / "4913").write_text(text)
    (path.parent / "4913").replace(path)


def test_a_burst_of_saves_is_one_change_told_when_it_is_over(config_directory: Path, looked: Looked) -> None:
    for number in range(5):
        saved(config_directory / "topics.yaml", f"# {number}")
        saved(config_directory / "concepts" / "own.yaml", f"# {number}")
        assert looked.after(QUIET / 2) == []
    assert looked.after(2 * QUIET) == ["own.yaml", "topics.yaml"]
    assert looked.after(99) == []


def test_what_editors_and_other_people_leave_there_is_no_change(config_directory: Path, looked: Looked) -> None:
    for name in (".topics.yaml.swp", "topics.yaml~", "4913", "#topics.yaml#", ".#topics.yaml", "new.yaml", "notes.txt"):
        for folder in (config_directory, config_directory / "concepts"):
            if folder == config_directory or not name.endswith("new.yaml"):
                (folder / name).write_text("x")
    assert looked.after(0) == looked.after(99) == []
    config.load(config_directory, {})  # nor are they read


def test_a_file_that_is_away_for_a_moment_is_waited_for(config_directory: Path, looked: Looked) -> None:
    topics = config_directory / "topics.yaml"
    text = topics.read_text()
    topics.unlink()
    assert looked.after(0) == looked.after(MISSING - 1) == []
    topics.write_text(text + "# more")
    assert looked.after(0) == []
    assert looked.after(QUIET) == ["topics.yaml"]
    topics.unlink()
    assert looked.after(0) == []
    assert looked.after(MISSING) == ["topics.yaml"]


def replaced_by_symlink(directory: Path) -> None:
    (directory.parent / "two").symlink_to(directory.parent / "second")
    (directory.parent / "two").replace(directory)


def replaced_whole(directory: Path) -> None:
    (directory.parent / "away").symlink_to(directory.readlink())
    directory.unlink()
    (directory.parent / "second").rename(directory)


@pytest.mark.parametrize("replace", [replaced_by_symlink, replaced_whole])
def test_a_directory_in_the_place_of_another_is_a_change(
    config_directory: Path, tmp_path: Path, replace: Callable[[Path], None]
) -> None:
    config_directory.rename(tmp_path / "first")
    config_directory.symlink_to(tmp_path / "first")
    (tmp_path / "second").mkdir()
    for name in ("aggregator.yaml", "sources.yaml", "topics.yaml"):
        (tmp_path / "second" / name).write_text((tmp_path / "first" / name).read_text())
    looked = Looked(config_directory)
    replace(config_directory)
    assert looked.after(0) == []
    assert "topics.yaml" in looked.after(MISSING)


def test_a_file_that_is_an_example_counts_while_a_topic_has_it(config_directory: Path, tmp_path: Path) -> None:
    (tmp_path / "rail.txt").write_text("Rail\n\nOn the rails.\n")
    with_example = "topics:\n  t: {title: T, any: [{phrase: rail}], examples: {match: [../rail.txt]}}\n"
    (config_directory / "topics.yaml").write_text(with_example)
    looked = Looked(config_directory)
    assert looked.after(0) == []
    (tmp_path / "rail.txt").write_text("Rails\n\nOn the rails.\n")
    assert looked.after(0) == []
    assert looked.after(QUIET) == ["rail.txt"]
    (config_directory / "topics.yaml").write_text("topics:\n  t: {title: T, any: [{phrase: rail}]}\n")
    looked.files.note()
    looked.found = config.load(config_directory, {})
    assert looked.after(0) == []
    (tmp_path / "rail.txt").unlink()
    assert looked.after(0) == looked.after(99) == []


def test_what_is_saved_while_it_is_read_is_looked_at_again(config_directory: Path, looked: Looked) -> None:
    looked.files.note()
    assert not looked.files.are_others
    saved(config_directory / "topics.yaml", "x")
    assert looked.files.are_others
    assert looked.after(0) == []
    assert looked.after(QUIET) == ["topics.yaml"]
