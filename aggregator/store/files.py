"""Files that stay in their folders: what they were like when they were last read."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, bindparam, delete, select

from aggregator.models import File
from aggregator.store.database import Database
from aggregator.store.rows import fields_of
from aggregator.store.schema import files

_FIELDS = ("name", "stamp", "digest", "guid", "version", "reason")
_OF_SOURCE = select(*(files.c[name] for name in _FIELDS)).where(files.c.source == bindparam("wanted"))
_FORGET = delete(files).where(files.c.source == bindparam("of"), files.c.name == bindparam("gone"))


def of(database: Database, source: str) -> dict[str, File]:
    """What is remembered of the files of a source, by name."""
    with database.reading() as connection:
        return {row[0]: File(*row) for row in connection.execute(_OF_SOURCE, {"wanted": source})}


def remember(database: Database, connection: Connection, source: str, found: Sequence[File]) -> None:
    """Put these in the place of what was remembered of the same files."""
    rows = [{"source": source, **fields_of(file)} for file in sorted(found, key=lambda file: file.name)]
    if rows:
        connection.execute(database.upsert(files, *_FIELDS[1:]), rows)


def forget(connection: Connection, source: str, names: Collection[str]) -> None:
    """Remember nothing of these files any more."""
    if names:
        connection.execute(_FORGET, [{"of": source, "gone": name} for name in sorted(names)])
