"""The commands `aggregator topics …`: what a change of the rules would do, how topics do, a first draft of one."""

import json
import os
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.commands import failing_well, progress, reading

if TYPE_CHECKING:
    from aggregator.config import Config


class Since(click.ParamType):  # type: ignore[type-arg]  # generic for type checkers only
    """A time ago, as settings have it: 30d, 12h."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, context: click.Context | None) -> timedelta:
        from pydantic import TypeAdapter, ValidationError

        from aggregator.units import Duration

        try:
            found: timedelta = TypeAdapter(Duration).validate_python(value)
        except ValidationError:
            self.fail(f"'{value}' is no time such as 30d or 12h", param, context)
        return found


@click.group()
def topics() -> None:
    """See what topics do, and what a change of their rules would do, before it is made.

    Example: aggregator topics diff new-topics.yaml
    """


@topics.command()
@click.argument("new", metavar="NEW.yaml", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--since", type=Since(), default="30d", show_default=True, help="Only stories that are not older.")
@click.option("--all", "everything", is_flag=True, help="Show all stories, not the first few.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_obj
def diff(directory: Path | None, new: Path, since: timedelta, everything: bool, as_json: bool) -> None:
    """Show which stories would enter and leave each topic if NEW.yaml were topics.yaml, and why.

    Nothing is changed. Example: aggregator topics diff new-topics.yaml --since 90d
    """
    with failing_well():
        from aggregator import config as configuration
        from aggregator import explain, preview
        from aggregator.judge import Judge
        from aggregator.store import articles

        found = configuration.load(configuration.find(directory), topic_file=new)
        for failing in explain.failing_examples(found):
            click.echo(failing, err=True)
        start = datetime.now(UTC) - since
        with (
            reading(found) as database,
            progress(articles.count(database)[1], lambda count: None, "judging stories") as (done, _),
        ):
            changes = preview.diff(database, Judge(found), start, done)
        if as_json:
            click.echo(json.dumps(preview.facts(changes), indent=1, ensure_ascii=False))
        else:
            click.echo("\n".join(preview.lines(changes, None if everything else preview.SHOWN)))


@topics.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_obj
def stats(directory: Path | None, as_json: bool) -> None:
    """Show how much comes to each topic, week by week, and which of its rules never hold, or always.

    Rules are tried on the latest stories. Example: aggregator topics stats
    """
    with failing_well():
        from aggregator import config as configuration
        from aggregator import firing
        from aggregator.judge import Judge

        found = configuration.load(configuration.find(directory))
        steps = firing.sample_size(len(found.topics))
        with reading(found) as database, progress(steps, lambda count: None, "trying rules") as (done, _):
            statistics = firing.statistics(database, Judge(found), datetime.now(UTC), done)
        click.echo(json.dumps(firing.facts(statistics), indent=1) if as_json else "\n".join(firing.lines(statistics)))


@topics.command("new")
@click.argument("name")
@click.option(
    "--like",
    "files",
    metavar="FILE",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="An article that belongs to the topic; may be given several times.",
)
@click.option("--title", help="What readers see; else made from NAME.")
@click.pass_obj
def draft(directory: Path | None, name: str, files: tuple[Path, ...], title: str | None) -> None:
    """Draft a topic NAME from articles that belong to it, to be pasted into topics.yaml and worked on.

    Example: aggregator topics new night-trains --like a.txt --like b.html
    """
    with failing_well():
        from aggregator import config as configuration
        from aggregator import drafting, explain
        from aggregator.config.topics import SLUG
        from aggregator.errors import DocumentError
        from aggregator.judge import Judge

        if not re.fullmatch(SLUG, name):
            raise click.BadParameter("a topic's name has small letters, digits and hyphens", param_hint="NAME")
        config = configuration.load(configuration.find(directory))
        by_file = {file: explain.read_file(file, config) for file in files}
        articles = [article for found in by_file.values() for article in found]
        if not articles:
            raise DocumentError(f"{files[0]}: holds no article")
        called = title or name.replace("-", " ").capitalize()
        found = drafting.draft(articles, Judge(config), _stored_texts(config))
        topic = drafting.topic(called, found)
        if topic is None:
            raise DocumentError(f"{', '.join(map(str, files))}: nothing in common from which a topic could be made")
        click.echo(
            drafting.text(name, called, found, (os.path.relpath(file, config.directory) for file in files)), nl=False
        )
        judge = Judge(replace(config, topics={name: topic}))
        for file, some in by_file.items():
            if not any(judge.explain(article, [name]).verdicts[name].holds for article in some):
                click.echo(f"{file}: is not in this topic: its articles have too little in common", err=True)
                sys.exit(1)


def _stored_texts(config: "Config") -> list[str]:
    """Titles and texts of the latest stories; none where nothing is stored yet."""
    from aggregator.errors import StateError
    from aggregator.firing import SAMPLE
    from aggregator.store import articles, contents

    try:
        with reading(config) as database:
            found = articles.texts(database, contents.latest(database, SAMPLE))
    except StateError:
        return []
    return [f"{title} {text}" for _, _, title, text in found.values()]
