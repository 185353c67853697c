"""The command `aggregator`. Exit codes: 0, 1 failure, 2 usage, 78 bad configuration (EX_CONFIG), 130 Ctrl-C."""

import json
import shutil
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aggregator import __version__, logs
from aggregator.commands import BAD_CONFIG, check_facts, config_of, examined, failing_well, progress, reading
from aggregator.config_commands import config
from aggregator.database_commands import db
from aggregator.errors import AggregatorError, ConfigError
from aggregator.plurals import counted
from aggregator.token_commands import token
from aggregator.topic_commands import topics

if TYPE_CHECKING:  # loaded when a command runs: `--help` is quick
    from aggregator.config import Config
    from aggregator.models import Visit


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
@click.option("--only", default="poll,publish,serve", metavar="ROLES", help="What to do of it; see below.")
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
            asyncio.run(daemon.run(_announce if "serve" in mine else _announce_worker))


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


main.add_command(topics)
main.add_command(config)
main.add_command(token)


@main.group()
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


def _announce_worker(config: "Config") -> None:
    """Say what is worked on, where nothing is served."""
    sources, topics = counted(len(config.sources), "source"), counted(len(config.topics), "topic")
    click.echo(f"aggregator {__version__}: {sources}, {topics}")


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
@click.argument("places", metavar="FILE|URL...", nargs=-1, required=True)
@click.option(
    "--from",
    "reader",
    type=click.Choice(["opml", "freshrss", "miniflux", "newsboat"]),
    default="opml",
    show_default=True,
    help="Who wrote it: filters of other readers become topics.",
)
@click.option("--check", "only_living", is_flag=True, help="Look at each feed first; leave out those that do not work.")
@click.option("--dry-run", is_flag=True, help="Show what would be added; change nothing.")
@click.pass_obj
def import_(directory: Path | None, places: tuple[str, ...], reader: str, only_living: bool, dry_run: bool) -> None:
    """Add the feeds of a list to sources.yaml, its folders as labels, and filters of other readers to topics.yaml.

    Feeds and topics that are there already are left as they are. What has no counterpart is listed with its place and
    the reason. Examples: aggregator import subscriptions.opml; aggregator import --from newsboat urls config
    """
    with failing_well():
        import asyncio

        from aggregator import config as configuration
        from aggregator import subscriptions
        from aggregator.errors import AppendError
        from aggregator.fetch import Fetcher
        from aggregator.moving.moved import Moved

        config = configuration.load(configuration.find(directory))

        async def prepare() -> tuple[Moved, subscriptions.Plan]:
            async with Fetcher(config.settings.fetch) as fetcher:
                moved = await subscriptions.read(places, reader, fetcher)
                plan = subscriptions.plan(moved.feeds, config.sources.keys())
                if not only_living:
                    return moved, plan
                with progress(len(plan.add), lambda feed: None) as (done, _):
                    return moved, await subscriptions.without_dead(plan, fetcher, done)

        moved, plan = asyncio.run(prepare())
        topics, left_out = subscriptions.topics_of(moved, plan, config)
        for line in (*subscriptions.report(plan), *subscriptions.report_left_out(left_out)):
            click.echo(line, err=True)
        found = counted(len(plan.add), "feed") + (f" and {counted(len(topics), 'topic')}" if topics else "")
        as_text = subscriptions.yaml_text(plan.add) + "".join(f"\n{text}" for _, text in topics)
        if dry_run or not (plan.add or topics):
            click.echo(as_text, nl=False)
            click.echo(f"{found} would be added" if plan.add or topics else "nothing to add", err=True)
            return
        try:
            paths = subscriptions.add(config.directory, plan.add, [text for _, text in topics])
        except AppendError:
            click.echo(as_text, nl=False)
            raise
        click.echo(
            f"{found} added to {' and '.join(map(str, paths))}; a running daemon takes them over by itself, or, with"
            " `reload: signal`, on SIGHUP"
        )


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
