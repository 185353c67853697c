"""The command `aggregator`. Exit codes: 0, 1 failure, 2 usage, 78 bad configuration (EX_CONFIG), 130 Ctrl-C."""

import json
import logging
import shutil
import sys
from collections.abc import Collection
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aggregator import __version__, logs
from aggregator.commands import BAD_CONFIG, check_facts, config_of, examined, failing_well, progress, reading
from aggregator.config_commands import config
from aggregator.database_commands import db
from aggregator.errors import ConfigError
from aggregator.plurals import counted
from aggregator.story_commands import stories
from aggregator.subscription_commands import discover, export, import_
from aggregator.token_commands import token
from aggregator.topic_commands import topics

if TYPE_CHECKING:  # loaded when a command runs: `--help` is quick
    from aggregator.config import Config
    from aggregator.models import Visit

log = logging.getLogger(__name__)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    no_args_is_help=True,
    epilog="Exit codes: 0 good; 1 failure; 2 wrong use of the command line; 78 bad configuration; 130 Ctrl-C.",
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
    logs.set_up(verbose=verbose)
    if context.invoked_subcommand is None:
        context.invoke(run)


@main.command()
@click.option("--only", default="poll,publish,serve", metavar="ROLES", help="What to do of it: poll, publish, serve.")
@click.pass_obj
def run(directory: Path | None, only: str) -> None:
    """Run the daemon: visit sources, publish topics, serve feeds, until Ctrl-C or SIGTERM.

    On PostgreSQL any number of processes share the work, each with a state directory of its own. With --only one does
    some of it: poll, publish, serve, or a list of them.

    A changed configuration is taken over once its files are saved, or on SIGHUP; a bad one is refused, and the old one
    goes on. Examples: aggregator run; aggregator run --only publish,serve
    """
    with failing_well():
        import asyncio

        from aggregator import config as configuration
        from aggregator import roles, runtime
        from aggregator.config_files import ConfigFiles
        from aggregator.daemon import Daemon

        files = ConfigFiles(configuration.find(directory))
        config = config_of(directory)
        try:
            mine = roles.chosen(only, is_sqlite=config.settings.database == "sqlite")
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--only") from error
        with runtime.locked(config.state), runtime.opened(config) as database:
            daemon = Daemon(config, database, lambda: config_of(directory), files, mine)
            if not database.is_sqlite and "base_url" not in config.settings.model_fields_set:
                log.warning("no base_url is set: what this worker renders names %s", config.settings.base_url)
            asyncio.run(daemon.run(lambda config: _announce(config, mine)))


@main.command()
@click.argument("new", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--state", default="var", help="Where database and published files are to be; relative to DIR.")
def init(new: Path, state: str) -> None:
    """Write a configuration to start from into DIR, with comments and samples. What is there is never replaced.

    Example: aggregator init ~/news && aggregator --config ~/news run
    """
    with failing_well():
        from aggregator import starting
        from aggregator.packaged import shipped

        files = starting.write(new, state)
        click.echo(f"{len(files)} files written to {new}, as they are in {shipped('config')}")
        click.echo(f"begin with {new / 'sources.yaml'} and {new / 'topics.yaml'}")
        click.echo(f"then: aggregator --config {new} run")


@main.command()
@click.option("--url", help="Ask there, and not at `health_listen` or `listen`.")
@click.option("--timeout", default=5.0, show_default=True, help="Seconds to wait for an answer.")
@click.option("--ready", is_flag=True, help="Ask whether feeds are published and the store answers, too.")
@click.pass_obj
def healthcheck(directory: Path | None, url: str | None, timeout: float, ready: bool) -> None:
    """Ask the running daemon how it is: exit code 0 if the work gets on, else 1, with the reasons.

    Example, in a container: aggregator healthcheck
    """
    with failing_well():
        from aggregator import health

        click.echo(health.asked(url or health.own_url(directory), timeout, "readyz" if ready else "healthz"))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For machines: how many of what.")
@click.pass_obj
def once(directory: Path | None, as_json: bool) -> None:
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
        visited = len({visit.source for visit in visits})
        failed = len({visit.source for visit in visits if visit.error})
        if as_json:
            click.echo(json.dumps({"visited": visited, "failed": failed, "new": new, "files": changed}))
            return
        sources, articles = counted(visited, "source"), counted(new, "new article")
        click.echo(f"{sources} visited, {failed} with errors; {articles}; {counted(changed, 'file')} changed")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For machines: each problem with file, line, column and key.")
@click.pass_obj
def check(directory: Path | None, as_json: bool) -> None:
    """Check the configuration and the topics' own examples. All that is wrong is said at once; exit code 78 then.

    Example: aggregator --config ./config check
    """
    with failing_well():
        found, problems = examined(directory)
        if as_json:
            click.echo(json.dumps(check_facts(found, problems), indent=1, ensure_ascii=False))
            sys.exit(BAD_CONFIG if problems else 0)
        if problems or found is None:
            raise ConfigError(problems)
        facts = check_facts(found, problems)
        counts = ", ".join(counted(facts[f"{what}s"], what) for what in ("source", "topic", "concept", "example"))
        click.echo(f"{found.directory}: good; {counts}")


@main.command()
@click.argument("source", required=False)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--failing", is_flag=True, help="Of the sources, only those whose last visit failed.")
@click.option("--all", "all_", is_flag=True, help="All sources, also where there are more than a hundred.")
@click.pass_obj
def status(directory: Path | None, source: str | None, as_json: bool, failing: bool, all_: bool) -> None:
    """Show what waits, what is wrong, sources and topics; or one SOURCE, by its name or id, with its last visits and
    the reason of the next. Of more than a hundred sources those that fail are shown. What is wrong with the
    configuration is said as well, and the exit code is 1 then.

    Examples: aggregator status --failing; aggregator status --json; aggregator status "Example World"
    """
    with failing_well():
        from aggregator import config as configuration
        from aggregator import overview, show
        from aggregator.errors import StateError

        found = configuration.sound(configuration.find(directory))
        config, now = found.config, datetime.now(UTC)
        assert config
        if found.problems:
            click.echo(str(ConfigError(found.problems)), err=True)
        with reading(config) as database:
            if source:
                facts: Any = show.source(database, source, now)
            else:
                facts = overview.status(config, database, now, failing=failing, all_=all_ or as_json)
        if not facts:
            raise StateError(f"{source}: no source has this name or id; `aggregator status` lists them")
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        if as_json:
            click.echo(json.dumps(facts, indent=1, ensure_ascii=False, default=str))
        elif isinstance(facts, list):
            click.echo("\n\n".join("\n".join(show.source_lines(one, now, width)) for one in facts))
        elif width is not None:
            from rich.console import Console

            overview.print_tables(facts, now, Console())
        else:
            click.echo("\n".join(overview.lines(facts, now, width)))
        if found.problems:
            sys.exit(1)


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
        click.echo(f"{counted(cut, 'article')} cut in another way; {counted(changed, 'file')} changed")


def _announce(config: "Config", roles: Collection[str]) -> None:
    """Say what is done, and where everything is, once it is there."""
    if "serve" in roles:
        _announce_feeds(config)
    else:
        sources, topics = counted(len(config.sources), "source"), counted(len(config.topics), "topic")
        click.echo(f"aggregator {__version__}: {sources}, {topics}; this worker does {', '.join(sorted(roles))}")
    if config.settings.health_listen:
        click.echo(f"  /healthz, /readyz and /metrics at {config.settings.health_listen}")
    for source in config.sources.values():
        if "poll" in roles and source.watched():
            click.echo(f"  watching {source.watched()}")


def _announce_feeds(config: "Config") -> None:
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


for command in (topics, config, token, stories, import_, export, discover, db):
    main.add_command(command)
