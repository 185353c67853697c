"""The command `aggregator`. Exit codes: 0, 1 failure, 2 usage, 78 bad configuration (EX_CONFIG)."""

import json
import logging
import shutil
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator import __version__
from aggregator.commands import config_of, failing_well, progress, reading
from aggregator.database_commands import db
from aggregator.errors import AggregatorError
from aggregator.token_commands import token
from aggregator.topic_commands import topics

if TYPE_CHECKING:  # loaded when a command runs: `--help` is quick
    from aggregator.config import Config
    from aggregator.models import Visit


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    no_args_is_help=True,
    epilog="Exit codes: 0 good; 1 failure; 2 wrong use of the command line; 78 bad configuration.",
)
@click.version_option(__version__, prog_name="aggregator")
@click.option(
    "--config",
    "directory",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Configuration directory; else $AGGREGATOR_CONFIG, ./config, /etc/aggregator.",
)
@click.option("-v", "--verbose", is_flag=True, help="Say more about each visit.")
@click.pass_context
def main(context: click.Context, directory: Path | None, verbose: bool) -> None:
    """News by subject: reads feeds and files, folds copies into stories, publishes topics as feeds.

    Without a command, but with an option: run. Example: aggregator --config /etc/aggregator run
    """
    context.obj = directory
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("aggregator").setLevel(logging.DEBUG if verbose else logging.INFO)
    if context.invoked_subcommand is None:
        context.invoke(run)


@main.command()
@click.pass_obj
def run(directory: Path | None) -> None:
    """Run the daemon: visit sources, publish topics, serve feeds, until Ctrl-C or SIGTERM.

    SIGHUP reloads the configuration. Example: aggregator run
    """
    with failing_well():
        import asyncio

        from aggregator import runtime
        from aggregator.daemon import Daemon

        config = config_of(directory)
        with runtime.locked(config.state), runtime.opened(config) as database:
            daemon = Daemon(config, database, lambda: config_of(directory))
            asyncio.run(daemon.run(_announce))


@main.command()
@click.argument("new", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--state", default="var", help="Where database and published files are to be; relative to DIR.")
def init(new: Path, state: str) -> None:
    """Write a configuration to start from into DIR, with comments and samples. What is there is never replaced.

    Example: aggregator init ~/news && aggregator --config ~/news run
    """
    with failing_well():
        from aggregator import starting

        files = starting.write(new, state)
        click.echo(f"{len(files)} files written to {new}; begin with {new / 'sources.yaml'} and {new / 'topics.yaml'}")
        click.echo(f"then: aggregator --config {new} run")


@main.command()
@click.option("--url", help="Ask there, and not at `listen`.")
@click.option("--timeout", default=5.0, show_default=True, help="Seconds to wait for an answer.")
@click.pass_obj
def healthcheck(directory: Path | None, url: str | None, timeout: float) -> None:
    """Ask the running daemon how it is: exit code 0 if it says that all is well, else 1.

    Example, in a container: aggregator healthcheck
    """
    with failing_well():
        from aggregator import health

        click.echo(health.asked(url or health.own_url(directory), timeout))


@main.command()
@click.pass_obj
def once(directory: Path | None) -> None:
    """Visit every source, publish what changed, and exit.

    Example, from cron: aggregator once
    """
    with failing_well():
        import asyncio

        from aggregator import runtime

        config = config_of(directory)
        with runtime.locked(config.state), runtime.opened(config) as database:
            visits: list[Visit] = []

            def count(visit: "Visit | None") -> None:
                if visit:
                    visits.append(visit)

            with progress(len(config.sources), count) as (done, taken):
                changed = asyncio.run(runtime.once(config, database, done, lambda: config_of(directory), taken))
        new = sum(visit.new for visit in visits)
        visited = {visit.source for visit in visits}
        failed = len({visit.source for visit in visits if visit.error})
        click.echo(f"{len(visited)} sources visited, {failed} with errors; {new} new articles; {changed} files changed")


@main.command()
@click.pass_obj
def check(directory: Path | None) -> None:
    """Check the configuration and the topics' own examples.

    Example: aggregator --config ./config check
    """
    with failing_well():
        config = config_of(directory)
        examples = len(config.example_places)
        click.echo(
            f"{config.directory}: good; {len(config.sources)} sources, {len(config.topics)} topics,"
            f" {len(config.concepts)} concepts, {examples} examples"
        )


@main.command()
@click.argument("source", required=False)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_obj
def status(directory: Path | None, source: str | None, as_json: bool) -> None:
    """Show all sources and topics; or one SOURCE, by its name or id, with its last visits and the reason of the next.

    Examples: aggregator status --json; aggregator status "Example World"
    """
    with failing_well():
        from aggregator import config as configuration
        from aggregator import show
        from aggregator.errors import StateError

        config = configuration.load(configuration.find(directory))
        now = datetime.now(UTC)
        with reading(config) as database:
            facts = show.source(database, source, now) if source else show.status(config, database, now)
        if not facts:
            raise StateError(f"{source}: no source has this name or id; `aggregator status` lists them")
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        if as_json:
            click.echo(json.dumps(facts, indent=1, ensure_ascii=False, default=str))
        elif isinstance(facts, list):
            click.echo("\n\n".join("\n".join(show.source_lines(one, now, width)) for one in facts))
        else:
            click.echo("\n".join(show.lines(facts, now, width)))


@main.command()
@click.argument("what")
@click.option("--topic", "slugs", multiple=True, metavar="NAME", help="Only this topic; may be given several times.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_obj
def explain(directory: Path | None, what: str, slugs: tuple[str, ...], as_json: bool) -> None:
    """Show what each stage decides about WHAT: a file, - (standard input), an article's key, or its link or page.

    For each topic it is said why the article is in it, or why not: every rule with the value that it saw.

    Example: aggregator explain seeds/brief.txt --topic energy
    """
    with failing_well():
        from aggregator import config as configuration
        from aggregator import explain as explaining
        from aggregator.errors import DocumentError, StateError

        config = configuration.load(configuration.find(directory))
        for slug in slugs:
            if slug not in config.topics:
                raise click.BadParameter(
                    f"there is no topic '{slug}'{configuration.suggest(slug, config.topics)}", param_hint="--topic"
                )
        with ExitStack() as stack:
            try:
                database = stack.enter_context(reading(config))
            except StateError:
                if what != explaining.STANDARD_INPUT and not Path(what).is_file():
                    raise
                database = None
            traces = list(explaining.traces(what, config, database, slugs or None))
        if not traces:
            raise DocumentError(f"{what}: neither a file nor an article that is stored (by its key or link)")
        if as_json:
            click.echo(json.dumps([explaining.facts(trace) for trace in traces], indent=1, ensure_ascii=False))
        else:
            for trace in traces:
                click.echo("\n".join(explaining.lines(trace, config)))


@main.command()
@click.pass_obj
def retag(directory: Path | None) -> None:
    """Apply the rules as they are now to all that is stored: furniture, tags, topics. Then publish what changed.

    Needed after new files have shown which lines a site repeats. Other changes of the rules are applied by themselves,
    when the daemon starts or reloads. Example: aggregator retag
    """
    with failing_well():
        from aggregator import runtime

        config = config_of(directory)
        with (
            runtime.locked(config.state),
            runtime.opened(config) as database,
            progress(runtime.to_retag(database), lambda count: None, "applying the rules") as (done, _),
        ):
            cut, changed = runtime.retag(config, database, done)
        click.echo(f"{cut} articles cut in another way; {changed} files changed")


main.add_command(topics)
main.add_command(token)


@main.group()
def stories() -> None:
    """Say which articles are copies of one article, and which copy is shown: a person's word outlives all findings.

    `explain` shows the copies of a story with their keys, and why each is there. Example: aggregator stories split KEY
    """


@stories.command()
@click.argument("key")
@click.pass_obj
def split(directory: Path | None, key: str) -> None:
    """Take the article KEY out of its story: it is no copy of any other in it.

    Example: aggregator stories split 0a964a9002e893afb45895ad34c075e9
    """
    _wish(directory, "split", key)


@stories.command()
@click.argument("one")
@click.argument("other")
@click.pass_obj
def merge(directory: Path | None, one: str, other: str) -> None:
    """Make the stories of the articles ONE and OTHER one story.

    Example: aggregator stories merge 0a964a9002e893afb45895ad34c075e9 f22e857662b03e9f9e0c3b24bd0ab7b2
    """
    _wish(directory, "merge", one, other)


@stories.command()
@click.argument("key")
@click.pass_obj
def lead(directory: Path | None, key: str) -> None:
    """Let the article KEY lead its story: it is the copy that readers see.

    Example: aggregator stories lead 0a964a9002e893afb45895ad34c075e9
    """
    _wish(directory, "lead", key)


def _wish(directory: Path | None, kind: str, article: str, other: str | None = None) -> None:
    """Note what a person wants; the daemon does it, or, if none is running, this command."""
    with failing_well():
        from aggregator import regroup, runtime
        from aggregator.errors import StateError
        from aggregator.store import stories as stored_stories

        config = config_of(directory)
        with reading(config) as database:
            regroup.check(database, kind, article, other)
            stored_stories.wish(database, kind, article, other, datetime.now(UTC))
            with ExitStack() as stack:
                try:
                    stack.enter_context(runtime.locked(config.state))
                except StateError:
                    click.echo("noted; the running daemon does it within a second or two")
                    return
                click.echo(f"done; {runtime.fulfil(config, database)} files changed")


def _announce(config: "Config") -> None:
    """Say where everything is, once it is there."""
    from aggregator import editions

    base, known = config.settings.base_url, editions.of(config)
    click.echo(f"aggregator {__version__}: {base}")
    for slug, topic in config.topics.items():
        private = "private; `aggregator token add` gives addresses"
        click.echo(
            f"  {topic.title}: " + (private if topic.private else "  ".join(editions.urls(known[slug], base).values()))
        )
    for edition in (*editions.labels(config), *editions.everything(config)):
        click.echo(f"  {edition.title}: " + "  ".join(editions.urls(edition, base).values()))
    for source in config.sources.values():
        if source.watched():
            click.echo(f"  watching {source.watched()}")


@main.command("import")
@click.argument("place", metavar="FILE|URL")
@click.option("--check", "only_living", is_flag=True, help="Look at each feed first; leave out those that do not work.")
@click.option("--dry-run", is_flag=True, help="Show what would be added; change nothing.")
@click.pass_obj
def import_(directory: Path | None, place: str, only_living: bool, dry_run: bool) -> None:
    """Add the feeds of an OPML list to sources.yaml; its folders become labels.

    Feeds that are there already are left as they are. Example: aggregator import subscriptions.opml
    """
    with failing_well():
        import asyncio

        from aggregator import config as configuration
        from aggregator import subscriptions
        from aggregator.errors import AppendError
        from aggregator.fetch import Fetcher

        config = configuration.load(configuration.find(directory))

        async def prepare() -> subscriptions.Plan:
            async with Fetcher(config.settings.fetch) as fetcher:
                plan = subscriptions.plan(await subscriptions.read(place, fetcher), config.sources.keys())
                if not only_living:
                    return plan
                with progress(len(plan.add), lambda feed: None) as (done, _):
                    return await subscriptions.without_dead(plan, fetcher, done)

        plan = asyncio.run(prepare())
        for line in subscriptions.report(plan):
            click.echo(line, err=True)
        feeds = "1 feed" if len(plan.add) == 1 else f"{len(plan.add)} feeds"
        if dry_run or not plan.add:
            click.echo(subscriptions.yaml_text(plan.add), nl=False)
            click.echo(f"{feeds} would be added" if plan.add else "nothing to add", err=True)
            return
        try:
            path = subscriptions.add(config.directory, plan.add)
        except AppendError:
            click.echo(subscriptions.yaml_text(plan.add), nl=False)
            raise
        click.echo(f"{feeds} added to {path}; a running daemon takes them over on SIGHUP")


@main.command()
@click.option("--output", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Instead of stdout.")
@click.pass_obj
def export(directory: Path | None, output: Path | None) -> None:
    """Write all feeds that are read as an OPML list; labels become folders. Headers and passwords are left out.

    Example: aggregator export --output subscriptions.opml
    """
    with failing_well():
        from aggregator import config as configuration
        from aggregator import subscriptions

        data = subscriptions.exported(configuration.load(configuration.find(directory)))
        if output is None:
            click.echo(data, nl=False)
            return
        try:
            output.write_bytes(data)
        except OSError as error:
            raise AggregatorError(f"{output}: cannot be written: {error.strerror}") from error


@main.command()
@click.argument("url")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_obj
def discover(directory: Path | None, url: str, as_json: bool) -> None:
    """Find the feeds of a site: those its page names, and those at the usual paths.

    Example: aggregator discover https://example.org/
    """
    with failing_well():
        import asyncio

        from aggregator import config as configuration
        from aggregator import discover as discovering
        from aggregator.fetch import Fetcher

        config = configuration.load(configuration.find(directory))

        async def look() -> discovering.Discovery:
            async with Fetcher(config.settings.fetch) as fetcher:
                return await discovering.discover(url, fetcher)

        found = asyncio.run(look())
        if as_json:
            click.echo(json.dumps(discovering.facts(found), indent=1, ensure_ascii=False))
        else:
            discovering.show(found)
        if not found.feeds:
            sys.exit(1)


main.add_command(db)
