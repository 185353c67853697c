"""Backup, restore and examination of the database.

SQLite's own backup copies pages while the daemon goes on (https://www.sqlite.org/backup.html). A transaction that reads
is kept open meanwhile: all pages are those of one moment, and what is written in between does not make it begin again;
it stays in the write-ahead log, which grows until the copy is done.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlalchemy import Column, Table, func, select, text

from aggregator.errors import StateError
from aggregator.store.database import HEAD, Database
from aggregator.store.schema import articles, memberships, relations, sketches, stories, terms

PAGES = 256  # copied in one step: a megabyte, a few milliseconds
_SUFFIXES = ("-wal", "-shm")  # of what SQLite keeps beside a database
_SHOWN = 20  # faults that are listed; more are counted

Progress = Callable[[int, int], None]  # pages that are done, and all of them


def backup(source: Path, target: Path, progress: Progress) -> None:
    """Copy a SQLite database that may be in use. Raises StateError; what is not complete is not left behind."""
    if target.exists():
        raise StateError(f"{target} is there already; name a file that is not")
    part = target.with_name(f"{target.name}.part")
    with _failing_well(target):
        target.touch(mode=0o600, exist_ok=False)  # the name is ours, also against another backup at the same time
        try:
            _copy(source, part, progress)
            part.replace(target)
            _settled(target.parent)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        finally:
            for path in (part, *_beside(part)):
                path.unlink(missing_ok=True)


def restore(source: Path, target: Path, progress: Progress) -> Path | None:
    """Put a backup in the place of a database that nobody uses; where the replaced one is now, if there was one.

    Raises StateError for what is no backup of ours, or a damaged one; then nothing has changed.
    """
    _inspect(source)
    part, old = target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.old")
    with _failing_well(target):
        part.unlink(missing_ok=True)
        _copy(source, part, progress)
        _give_to_owner(part)
        replaced = target.exists()
        if replaced:
            _set_aside(target, old)
        part.replace(target)
        _settled(target.parent)
    return old if replaced else None


def faults(database: Database, progress: Progress = lambda done, total: None) -> list[str]:
    """What is wrong with what is stored, a line each: damaged pages, rows that belong to nothing. None if all is well.

    Raises StateError when the database cannot be used at all.
    """
    steps: list[Callable[[], list[str]]] = [lambda: _references(database)]
    steps += [lambda question=question: _orphans(database, *question) for question in _BELONGING]  # type: ignore[misc]
    if database.is_sqlite:
        steps.insert(0, lambda: _integrity(database))
    found: list[str] = []
    for number, step in enumerate(steps):
        found += step()
        progress(number + 1, len(steps))
    return found


def version(place: Path) -> str | None:
    """The schema of a SQLite database, without bringing it up to date. Raises StateError for a file that is none."""
    try:
        with closing(_opened(place)) as connection:
            return _version(connection)
    except sqlite3.Error as error:
        raise StateError(f"{place} cannot be used: {error}") from error


# What has to be there for a row: a column, and the column in which its value must stand.
_BELONGING: tuple[tuple[Table, Column[str], Column[str], str], ...] = (
    (articles, articles.c.story, stories.c.id, "articles without a story"),
    (stories, stories.c.lead, articles.c.key, "stories whose leading copy is not there"),
    (stories, stories.c.id, articles.c.story, "stories without articles"),
    (sketches, sketches.c.article, articles.c.key, "sketches of articles that are not there"),
    (terms, terms.c.story, stories.c.id, "terms of stories that are not there"),
    (relations, relations.c.story, stories.c.id, "relations of stories that are not there"),
    (relations, relations.c.other, stories.c.id, "relations to stories that are not there"),
    (memberships, memberships.c.story, stories.c.id, "members of topics that are not there"),
)


def _orphans(database: Database, table: Table, column: Column[str], owner: Column[str], words: str) -> list[str]:
    known = select(owner).where(owner == column).correlate(table)
    statement = select(func.count(), func.min(column)).select_from(table).where(~known.exists())
    with database.reading() as connection:
        count, example = connection.execute(statement).one()
    return [f"{count:,} {words}, such as {example}"] if count else []


def _integrity(database: Database) -> list[str]:
    with database.reading() as connection:
        said = [str(row[0]) for row in connection.execute(text(f"PRAGMA integrity_check({_SHOWN})"))]
    return [] if said == ["ok"] else [line for lines in said for line in lines.splitlines()]


def _references(database: Database) -> list[str]:
    """PostgreSQL keeps references whole by itself."""
    if not database.is_sqlite:
        return []
    with database.reading() as connection:
        rows = connection.execute(text("PRAGMA foreign_key_check")).all()
    said = [f"{table}: row {number} refers to what is not in {parent}" for table, number, parent, _ in rows[:_SHOWN]]
    return said + ([f"and {len(rows) - _SHOWN:,} more of this kind"] if len(rows) > _SHOWN else [])


def _copy(source: Path, part: Path, progress: Progress) -> None:
    """All pages as they are at one moment, complete on the disk."""
    part.touch(mode=0o600)
    part.chmod(0o600)
    with closing(_opened(source)) as origin, closing(sqlite3.connect(part, isolation_level=None)) as copy:
        origin.execute("BEGIN")
        origin.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # only now it is one moment
        origin.backup(copy, pages=PAGES, progress=lambda _, left, total: progress(total - left, total), sleep=0.001)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, which can be carried anywhere
    with part.open("rb") as file:
        os.fsync(file.fileno())


def _inspect(source: Path) -> None:
    """Raises StateError for anything that is not a sound database of this version or an older one."""
    found = version(source)
    if found is None:
        raise StateError(f"{source} is a database, but none of aggregator's")
    if found > HEAD:
        raise StateError(
            f"{source} was written by a newer version (schema {found}, this one knows {HEAD}); install that version"
        )
    with _failing_well(source), closing(_opened(source)) as connection:
        said = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
    if said != ["ok"]:
        raise StateError(f"{source} is damaged: {said[0]}")


def _version(connection: sqlite3.Connection) -> str | None:
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchone():
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else None


def _set_aside(target: Path, old: Path) -> None:
    """Keep a database, with what has not been written into it yet, under another name."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(target)) as connection:  # a damaged one is kept as it is
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in _beside(old):
        path.unlink(missing_ok=True)
    for suffix in _SUFFIXES:
        beside = Path(f"{target}{suffix}")
        if beside.exists():
            beside.replace(f"{old}{suffix}")
    target.replace(old)


def _give_to_owner(path: Path) -> None:
    """What root restores belongs to whom the state directory belongs to: the service has to write it."""
    if os.geteuid() == 0:
        facts = path.parent.stat()
        shutil.chown(path, facts.st_uid, facts.st_gid)


def _opened(place: Path) -> sqlite3.Connection:
    """To be read only, and made by nobody. (`mode=ro` would not do: a log that is there has to be looked at, too.)"""
    if not place.is_file():
        raise StateError(f"{place}: there is no such file")
    connection = sqlite3.connect(place, isolation_level=None, timeout=10)
    try:
        connection.execute("PRAGMA query_only=ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _beside(place: Path) -> Iterator[Path]:
    return (Path(f"{place}{suffix}") for suffix in (*_SUFFIXES, "-journal"))


def _settled(folder: Path) -> None:
    """New names are on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _failing_well(place: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StateError(f"{place}: {error}") from error
    except OSError as error:
        raise StateError(f"{error.filename or place}: cannot be written: {error.strerror}") from error
