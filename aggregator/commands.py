"""What commands share: how they fail, the configuration, the store, bars on a terminal."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aggregator.errors import AggregatorError, ConfigError, Problem

if TYPE_CHECKING:  # loaded when a command runs: `--help` is quick
    from aggregator.config import Config
    from aggregator.pipeline import Taken
    from aggregator.store import Database

BAD_CONFIG = 78
INTERRUPTED = 130  # as shells say it of SIGINT


@contextmanager
def failing_well() -> Iterator[None]:
    """Turn what a person can act on into a line and an exit code."""
    try:
        yield
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(BAD_CONFIG)
    except AggregatorError as error:
        click.echo(f"aggregator: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        click.echo(err=True)  # what the terminal shows for Ctrl-C stands in a line of its own
        sys.exit(INTERRUPTED)


def config_of(directory: Path | None) -> "Config":
    """The configuration, its examples tested; from now on the log is as it says. Raises ConfigError with all that is
    wrong."""
    from aggregator import logs

    found, problems = examined(directory)
    if problems or found is None:
        raise ConfigError(problems)
    logs.set_up(found.settings.log.format, found.settings.log.level)
    return found


def examined(directory: Path | None) -> "tuple[Config | None, list[Problem]]":
    """The configuration, as much of it as is sound, and all that is wrong with it, failing examples included."""
    from aggregator import config, explain

    found = config.examine(config.find(directory))
    failing = explain.failing_examples(found.config) if found.config else ()
    return found.config, [*found.problems, *failing]


def check_facts(found: "Config | None", problems: Iterable[Problem]) -> dict[str, Any]:
    """What `check` says, for machines."""
    places = [(problem.message, problem.place) for problem in ConfigError(problems).problems]
    return {
        "directory": str(found.directory) if found else None,
        "good": not places,
        "problems": [
            {
                "file": place.path if place else None,
                "line": place.line if place else None,
                "column": place.column if place else None,
                "key": ".".join(map(str, place.keys)) if place else None,
                "message": message,
            }
            for message, place in places
        ],
        "sources": len(found.sources) if found else 0,
        "topics": len(found.topics) if found else 0,
        "concepts": len(found.concepts) if found else 0,
        "examples": len(found.example_places) if found else 0,
    }


@contextmanager
def reading(config: "Config") -> "Iterator[Database]":
    """The store, which must be there: a command that only looks makes none. Raises StateError."""
    from aggregator import runtime
    from aggregator.errors import StateError

    if config.settings.database == "sqlite":
        try:
            (config.state / "aggregator.db").stat()
        except OSError as error:
            raise StateError(
                f"no state in {config.state}: {error.strerror}; start the daemon first,"
                " or name another state directory in `state` of aggregator.yaml or in AGGREGATOR_STATE"
            ) from error
    with runtime.opened(config) as database:
        yield database


@contextmanager
def progress(
    total: int, done: Callable[[Any], None], doing: str = "visiting sources"
) -> Iterator[tuple[Callable[[Any], None], "Taken"]]:
    """Bars on a terminal, nothing in a pipe: of what is done, and of files where they are more than a visit takes.

    The first of the two that are given is called after each step, or with a number of steps.
    """
    if not sys.stderr.isatty():
        yield done, lambda documents, left: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(doing, total=total)
        files = bars.add_task("reading files", total=None, visible=False)

        def step(what: Any) -> None:
            bars.advance(task, what if isinstance(what, int) else 1)
            done(what)

        def taken(documents: int, left: int) -> None:
            seen = bars.tasks[files]
            if left or seen.visible:
                completed = seen.completed + documents
                bars.update(files, completed=completed, total=completed + left, visible=True)

        yield step, taken


@contextmanager
def stepping(doing: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, nothing in a pipe. What is given is told how much is done, and of how much."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(doing, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
