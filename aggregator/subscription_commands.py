"""The commands `import`, `export` and `discover`: which feeds are read, and which could be."""

import json
import sys
from pathlib import Path

import click

from aggregator.commands import failing_well, progress
from aggregator.errors import AggregatorError
from aggregator.plurals import counted


@click.command("import")
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


@click.command()
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


@click.command()
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
