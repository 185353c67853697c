"""The commands `stories …`."""

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import click

from aggregator.commands import config_of, failing_well, reading
from aggregator.plurals import counted


@click.group()
def stories() -> None:
    """Say which articles are copies of one article, and which copy is shown: a person's word outlives all findings.

    `explain` shows the copies of a story with their keys, and why each is there. An article is named by its key, its
    link, or its page; where several have one link, the latest is meant. Example: aggregator stories split KEY
    """


@stories.command()
@click.argument("key")
@click.pass_obj
def split(directory: Path | None, key: str) -> None:
    """Take the article KEY out of its story: it is no copy of any other in it. Its link or page will do for KEY.

    Example: aggregator stories split 0a964a9002e893afb45895ad34c075e9
    """
    _wish(directory, "split", key)


@stories.command()
@click.argument("one")
@click.argument("other")
@click.pass_obj
def merge(directory: Path | None, one: str, other: str) -> None:
    """Make the stories of the articles ONE and OTHER one story. Each is a key, a link or the article's page.

    Example: aggregator stories merge 0a964a9002e893afb45895ad34c075e9 f22e857662b03e9f9e0c3b24bd0ab7b2
    """
    _wish(directory, "merge", one, other)


@stories.command()
@click.argument("key")
@click.pass_obj
def lead(directory: Path | None, key: str) -> None:
    """Let the article KEY lead its story: it is the copy that readers see. Its link or page will do for KEY.

    Example: aggregator stories lead https://example.org/2026/night-trains.html
    """
    _wish(directory, "lead", key)


def _wish(directory: Path | None, kind: str, article: str, other: str | None = None) -> None:
    """Note what a person wants; the daemon does it, or, if none is running, this command."""
    with failing_well():
        from aggregator import explain, regroup, runtime
        from aggregator.errors import StateError
        from aggregator.store import stories as stored_stories

        config = config_of(directory)
        with reading(config) as database:
            found = [one and explain.stored(one, database) for one in (article, other)]
            article = found[0].key if found[0] else article
            other = found[1].key if found[1] else other
            regroup.check(database, kind, article, other)
            stored_stories.wish(database, kind, article, other, datetime.now(UTC))
            with ExitStack() as stack:
                try:
                    stack.enter_context(runtime.locked(config.state))
                except StateError:
                    click.echo("noted; the running daemon does it within a second or two")
                    return
                click.echo(f"done; {counted(runtime.fulfil(config, database), 'file')} changed")
