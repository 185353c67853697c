"""The commands `aggregator db …`: backup, restore, examination, upgrade and copy of the database."""

import json
import sys
from contextlib import closing
from pathlib import Path

import click

from aggregator.commands import failing_well, stepping
from aggregator.errors import StateError

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def db() -> None:
    """Back up, restore, examine, upgrade and copy the database.

    Example: aggregator db backup /srv/backup/news.db
    """


@db.command()
@click.argument("file", type=_FILE)
@click.pass_obj
def backup(directory: Path | None, file: Path) -> None:
    """Copy the database to FILE, which must not be there yet. A running daemon goes on.

    FILE is a SQLite database of one moment, complete, for its owner's eyes only. Of a PostgreSQL database the command
    says how to make a backup. Example: aggregator db backup news-$(date +%F).db
    """
    with failing_well():
        from aggregator.store import upkeep

        state, url = _place(directory)
        if url != "sqlite":
            raise StateError(f"PostgreSQL makes its own: pg_dump --format=custom --file={file} {_for_libpq(url)}")
        with stepping("copying") as progress:
            upkeep.backup(_existing(state), file, progress)
        click.echo(f"{file}: {file.stat().st_size:,} bytes")


@db.command()
@click.argument("file", type=_FILE)
@click.pass_obj
def restore(directory: Path | None, file: Path) -> None:
    """Put a backup in the place of the database. Stop the daemon first.

    What is replaced is kept beside it, as aggregator.db.old. A damaged backup, or one of a newer version, is refused.
    Example: aggregator db restore news-2026-11-27.db
    """
    with failing_well():
        from aggregator import runtime
        from aggregator.store import Database, topics, upkeep

        state, url = _place(directory)
        if url != "sqlite":
            raise StateError(f"PostgreSQL restores its own: pg_restore --clean --dbname={_for_libpq(url)} {file}")
        with runtime.locked(state):
            with stepping("copying") as progress:
                old = upkeep.restore(file, state / "aggregator.db", progress)
            with closing(Database(url, state)) as database:
                topics.touch_all_if(database, "shown", "")  # what is published may be newer
        click.echo(f"restored from {file}" + (f"; what was there is now {old}" if old else ""))


@db.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_obj
def check(directory: Path | None, as_json: bool) -> None:
    """Examine the database: damaged pages, broken references, rows that belong to nothing. Exit code 1 if any.

    A running daemon goes on. Example: aggregator db check
    """
    with failing_well():
        from aggregator.store import Database, upkeep

        state, url = _place(directory)
        if url == "sqlite":
            _existing(state)
        with closing(Database(url, state)) as database, stepping("examining") as progress:
            found = upkeep.faults(database, progress)
            place = database.place
        if as_json:
            click.echo(json.dumps({"database": place, "faults": found}, indent=1, ensure_ascii=False))
        else:
            click.echo("\n".join(found) or f"{place}: sound")
        if found:
            click.echo("restore a backup, or write what is sound into a new file: sqlite3 OLD .recover", err=True)
            sys.exit(1)


@db.command()
@click.pass_obj
def upgrade(directory: Path | None) -> None:
    """Bring the database into the form that this version needs, as each start of the daemon does. Back it up first.

    A database of a newer version is refused. Example: aggregator db upgrade
    """
    with failing_well():
        from aggregator import runtime
        from aggregator.store.database import HEAD, Database

        state, url = _place(directory)
        with runtime.locked(state), closing(Database(url, state)) as database:
            before = database.upgraded_from
            click.echo(f"{database.place}: schema {HEAD}, " + ("nothing to do" if before is None else f"was {before}"))


@db.command()
@click.pass_obj
def vacuum(directory: Path | None) -> None:
    """Write the database anew, without the room that is free in it. Stop the daemon first.

    Seldom needed: the daemon gives room back by itself, once a day, in a database made by this version or vacuumed
    once. Needs as much room again while it runs. Example: aggregator db vacuum
    """
    with failing_well():
        from aggregator import runtime
        from aggregator.store import Database, space

        state, url = _place(directory)
        if url != "sqlite":
            raise StateError("PostgreSQL does it by itself; to give room back to the machine: VACUUM FULL, in psql")
        place = _existing(state)
        with runtime.locked(state), closing(Database(url, state)) as database:
            before = place.stat().st_size
            space.vacuum(database)
        click.echo(f"{place}: {before:,} bytes before, {place.stat().st_size:,} now")


@db.command()
@click.option(
    "--to", "url", required=True, metavar="URL", help="postgresql+psycopg://user@host/name, an empty database."
)
@click.pass_obj
def copy(directory: Path | None, url: str) -> None:
    """Copy a SQLite database into an empty one on PostgreSQL. Stop the daemon first.

    Broken off, it goes on where it was. In the end both are compared, by counts and hashes of all rows. Ids, dates and
    the bytes of feeds stay. Then name the URL in aggregator.yaml.

    Example: aggregator db copy --to postgresql+psycopg://aggregator@db.example.org/news
    """
    with failing_well():
        from aggregator import runtime
        from aggregator.store import Database, copying

        state, from_ = _place(directory)
        if from_ != "sqlite":
            raise StateError("what is to be copied is on PostgreSQL already; pg_dump and pg_restore copy it")
        if not url.startswith("postgresql+psycopg://"):
            raise click.BadParameter("write it as postgresql+psycopg://user@host/name", param_hint="--to")
        _existing(state)
        with (
            runtime.locked(state),
            closing(Database(from_, state)) as source,
            closing(Database(url, state)) as target,
            stepping("copying and comparing") as progress,
        ):
            try:
                counts = copying.copy(source, target, progress)
            except KeyboardInterrupt:
                click.echo("broken off; the same command goes on", err=True)
                raise
            place = target.place
        click.echo(f"{place}: {sum(counts.values()):,} rows, {counts['articles']:,} of them articles, the same as here")
        click.echo("now set `database` in aggregator.yaml, or AGGREGATOR_DATABASE, to that URL and start the daemon")


def _place(directory: Path | None) -> tuple[Path, str]:
    """The state directory and the database, whatever else may be wrong with the configuration. Raises ConfigError."""
    from aggregator import config
    from aggregator.config.settings import state_directory

    found = config.find(directory)
    settings = config.load_settings(found)
    return state_directory(settings, found), settings.database


def _existing(state: Path) -> Path:
    """The file of the database. Raises StateError."""
    path = state / "aggregator.db"
    if not path.exists():
        raise StateError(f"no database in {state}; name another state directory in AGGREGATOR_STATE")
    return path


def _for_libpq(url: str) -> str:
    """The database for PostgreSQL's own programs; a password is theirs to ask for."""
    scheme, _, rest = url.partition("+psycopg://")
    user, at, place = rest.rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}{at}{place}"
