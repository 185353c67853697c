"""Engines and transactions, on SQLite and PostgreSQL alike.

SQLite: WAL and `synchronous=FULL` (with NORMAL a power cut loses acknowledged files), and `BEGIN IMMEDIATE` for
writers, since a transaction that reads first and writes later fails at once when another one wrote in between.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from aggregator.errors import StateError

HEAD = "0014"  # the newest migration; a test compares it with the folder
_MIGRATION_LOCK = 0x61676772  # "aggr": any number that nobody else in this database uses


class Database:
    """Where everything is kept. Use `writing()` for a transaction that writes, `reading()` for one that does not."""

    def __init__(self, url: str, state: Path) -> None:
        """Open, and bring the schema up to date. Raises StateError, saying what to do."""
        self.is_sqlite = url == "sqlite"
        self.upgraded_from: str | None = None  # the schema that was found, or "none", where there was something to do
        self.place = str(state / "aggregator.db") if self.is_sqlite else url.rpartition("@")[2]
        if self.is_sqlite:
            address = f"sqlite+pysqlite:///{self.place}"
            self._writer = _sqlite_engine(address, "BEGIN IMMEDIATE")
            self._reader = _sqlite_engine(address, "BEGIN")
        else:
            self._writer = create_engine(url, pool_pre_ping=True, pool_size=8)
            self._reader = self._writer
        try:
            self._migrate()
        except StateError:
            self.close()
            raise
        except DBAPIError as error:
            self.close()
            raise StateError(f"the database {self.place} cannot be used: {_first_line(error)}") from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that commits at the end of the block and rolls back on any exception.

        Raises StateError when the database is at fault: locked, full, restarting, not there.
        """
        with self._failing_well(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads. Raises StateError likewise."""
        with self._failing_well(), self._reader.begin() as connection:
            yield connection

    def insert(self, table: Table) -> Any:
        """An INSERT that knows `on_conflict_do_…`."""
        return dialect_insert(table, self.is_sqlite)

    def upsert(self, table: Table, *replaced: str, where: ColumnElement[bool] | None = None) -> Any:
        """An INSERT that replaces these columns of rows that are there already, or of those of them that are so."""
        return _upsert(table, replaced, where, self.is_sqlite)

    def close(self) -> None:
        self._writer.dispose()
        self._reader.dispose()

    @contextmanager
    def _failing_well(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            raise StateError(f"the database {self.place} cannot be used: {_first_line(error)}") from error

    def _migrate(self) -> None:
        with self.reading() as connection:
            if _version(connection) == HEAD:
                return
        with self.writing() as connection:
            if not self.is_sqlite:  # on SQLite BEGIN IMMEDIATE lets in one process at a time
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
            found = _version(connection)
            if found == HEAD:
                return
            if found is not None and found > HEAD:
                raise StateError(
                    f"the database {self.place} was written by a newer version (schema {found}, this one knows {HEAD});"
                    " install that version or restore a backup"
                )
            _upgrade(connection)
            self.upgraded_from = found or "none"


def dialect_insert(table: Table, is_sqlite: bool) -> Any:
    """An INSERT that knows `on_conflict_do_…`: the same words on both databases, from two modules."""
    return sqlite.insert(table) if is_sqlite else postgresql.insert(table)


@cache  # to build a statement takes longer than to execute it
def _upsert(table: Table, replaced: tuple[str, ...], where: ColumnElement[bool] | None, is_sqlite: bool) -> Any:
    statement = dialect_insert(table, is_sqlite)
    said = {name: statement.excluded[name] for name in replaced}
    keys = [column.name for column in table.primary_key]
    return statement.on_conflict_do_update(index_elements=keys, set_=said, where=where)


def _upgrade(connection: Connection) -> None:
    from alembic import command  # half the start-up time, and hardly ever needed
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(resources.files("aggregator.store") / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _version(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _sqlite_engine(address: str, begin: str) -> Engine:
    engine = create_engine(address)

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
            connection.execute(f"PRAGMA {pragma}")

    # Not by an event "begin", for then each statement looks for listeners, which takes a quarter of its time.
    engine.dialect.do_begin = lambda connection: connection.driver_connection.execute(begin)  # type: ignore[assignment, method-assign, union-attr]
    return engine


def _first_line(error: DBAPIError) -> str:
    cause = error.orig or error
    return next(iter(str(cause).strip().splitlines()), type(cause).__name__)
