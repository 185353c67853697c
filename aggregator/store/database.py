"""Engines and transactions, on SQLite and PostgreSQL alike.

SQLite: WAL and `synchronous=FULL` (with NORMAL a power cut loses acknowledged files), and `BEGIN IMMEDIATE` for
writers, since a transaction that reads first and writes later fails at once when another one wrote in between. What the
log held is written into the database each few megabytes, and the log is cut to `LOG` then.

PostgreSQL: many processes. What one process does in its one thread, so that nothing comes in between, they do
`in_turn`: the lock and all that it guards are one transaction, so whoever loses its connection loses both, and what
was frozen in between saves nothing when it wakes. No lock belongs to a connection for longer than a transaction,
so a pool of connections such as PgBouncer may stand between.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    PendingRollbackError,
    SQLAlchemyError,
)

from aggregator import metrics
from aggregator.errors import StateError

HEAD = "0017"  # the newest migration; a test compares it with the folder
LOG = 64_000_000  # bytes that the write-ahead log keeps at most when nobody needs more
_PRAGMAS = (
    "auto_vacuum=INCREMENTAL",  # first: it counts only while there is no table
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=10000",
    "wal_autocheckpoint=1000",
    f"journal_size_limit={LOG}",
)
_LOCKS = 0x61676772  # "aggr": any number that nobody else in this database uses
_MIGRATION_LOCK = _LOCKS
FROZEN_SECONDS = 30  # who does nothing in a transaction for so long loses it, and keeps nobody waiting longer
# Of PostgreSQL's own library: a server that does not answer any more is noticed, whatever became of it.
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# Said first on each connection. The server is to have no more patience with us: else what a process held to whom much
# was being sent when the network went away stays held for minutes, until TCP gives it up.
SAID_FIRST = (
    f"SET idle_in_transaction_session_timeout = '{FROZEN_SECONDS}s';"
    " SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;"
    " SET tcp_user_timeout = 30000;"
    " SET jit = off"  # to compile a question takes longer than to answer any of ours
)


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
            self._writer = self._reader = _postgresql_engine(url)
        self._thread = threading.local()  # the transaction in which all is done that this thread does in its turn
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
        joined = self._joined
        with metrics.timed("write"), self._failing_well():
            if joined is None:
                with self._writer.begin() as connection:
                    yield connection
            else:
                with joined.begin_nested():
                    yield joined

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads. Raises StateError likewise."""
        joined = self._joined
        with metrics.timed("read"), self._failing_well():
            if joined is None:
                with self._reader.begin() as connection:
                    yield connection
            else:
                yield joined

    @contextmanager
    def together(self) -> Iterator[None]:
        """All that this thread reads and writes inside is one transaction: to begin each alone costs more than most
        answers. On SQLite, where it costs nothing, each remains one of its own."""
        if self.is_sqlite or self._joined is not None:
            yield
            return
        with self._failing_well(), self._writer.begin() as connection:
            self._thread.connection = connection
            try:
                yield
            finally:
                self._thread.connection = None

    @contextmanager
    def in_turn(self, what: str) -> Iterator[None]:
        """One process at a time does this, together, and what it comes to is one transaction.

        On SQLite, which has one process that does all this in one thread, nothing is held.
        """
        if self.is_sqlite or self._turn == what:
            yield
            return
        if self._joined is not None:
            raise RuntimeError(f"the turn {what!r} is to be waited for before anything else")
        with metrics.timed("write"), self.together():
            for statement in (_PATIENT, _EVICT, _WAIT_FOR):
                self._thread.connection.execute(statement, {"what": what})
            self._thread.turn = what
            try:
                yield
            finally:
                self._thread.turn = None

    @contextmanager
    def holding(self, what: str) -> Iterator[Callable[[], Connection] | None]:
        """The same on PostgreSQL for what is done in several transactions; None while another process is at it.

        From a call of what is given on, all that this thread does inside is one transaction with the lock: a process
        that was frozen meanwhile, and has lost the lock, comes no further than that.
        """
        with self.writing() as connection:
            connection.execute(_PATIENT)
            if not connection.execute(_TRY, {"what": what}).scalar_one():
                yield None
                return

            def join() -> Connection:
                self._thread.connection = connection
                return connection

            try:
                yield join
            finally:
                self._thread.connection = None

    @contextmanager
    def plain(self) -> Iterator[sqlite3.Connection]:
        """SQLite's own connection, outside of a transaction: for what cannot be done in one. Raises StateError."""
        with self._failing_well(), closing(self._writer.raw_connection()) as pooled:
            yield pooled.driver_connection  # type: ignore[misc]  # it is SQLite's

    def insert(self, table: Table) -> Any:
        """An INSERT that knows `on_conflict_do_…`."""
        return dialect_insert(table, self.is_sqlite)

    def upsert(self, table: Table, *replaced: str, where: ColumnElement[bool] | None = None) -> Any:
        """An INSERT that replaces these columns of rows that are there already, or of those of them that are so."""
        return _upsert(table, replaced, where, self.is_sqlite)

    @property
    def for_driver(self) -> dict[str, Any]:
        """What the driver needs for a connection of its own. PostgreSQL only."""
        _, arguments = self._writer.dialect.create_connect_args(self._writer.url)
        return {**arguments, **_PATIENCE}

    def close(self) -> None:
        self._writer.dispose()
        self._reader.dispose()

    @property
    def _joined(self) -> Connection | None:
        return getattr(self._thread, "connection", None)

    @property
    def _turn(self) -> str | None:
        return getattr(self._thread, "turn", None)

    @contextmanager
    def _failing_well(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError, InternalError, PendingRollbackError) as error:
            metrics.count_database_error()
            raise StateError(f"the database {self.place} cannot be used: {_first_line(error)}") from error
        except sqlite3.OperationalError as error:
            raise StateError(f"the database {self.place} cannot be used: {error}") from error

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


# Said in each turn: a pool may have given away the connection that it was said to first.
_PATIENT = text(f"SET LOCAL idle_in_transaction_session_timeout = '{FROZEN_SECONDS}s'")
# That timer was seen not to run for a process that was frozen while it sent many rows: who waits as long gives up, and
# its next try takes the lock away from one that has been silent all the time.
_EVICT = text(
    "SELECT set_config('lock_timeout', :wait, true), (SELECT count(pg_terminate_backend(a.pid))"
    " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.classid = :locks AND l.granted AND a.pid <> pg_backend_pid()"
    " AND a.datname = current_database()"
    " AND a.state LIKE 'idle in transaction%' AND a.state_change < clock_timestamp() - CAST(:wait AS interval))"
).bindparams(wait=f"{FROZEN_SECONDS}s", locks=_LOCKS)
_WAIT_FOR = text(f"SELECT pg_advisory_xact_lock({_LOCKS}, hashtext(:what))")
_TRY = text(f"SELECT pg_try_advisory_xact_lock({_LOCKS}, hashtext(:what))")


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
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    # Not by an event "begin", for then each statement looks for listeners, which takes a quarter of its time.
    engine.dialect.do_begin = lambda connection: connection.driver_connection.execute(begin)  # type: ignore[assignment, method-assign, union-attr]
    return engine


def _postgresql_engine(url: str) -> Engine:
    import psycopg  # takes a while, and SQLite has no use for it

    # Prepared statements belong to a connection, which PgBouncer gives to somebody else after each transaction.
    engine = create_engine(url, pool_pre_ping=True, pool_size=8, connect_args=_PATIENCE | {"prepare_threshold": None})

    rest_until, failure = 0.0, ""

    @event.listens_for(engine, "do_connect")
    def _do_connect(dialect: Any, _record: Any, arguments: Any, given: Any) -> Any:
        """After a try that took long in vain none is made for as long, and who comes is told at once: what one thread
        does would stand in line, and seem to stand still."""
        nonlocal rest_until, failure
        began = time.monotonic()
        if began < rest_until:
            raise psycopg.OperationalError(failure)
        try:
            return dialect.connect(*arguments, **given)
        except psycopg.OperationalError as error:
            now = time.monotonic()
            rest_until, failure = 2 * now - began, str(error)
            raise

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.execute(SAID_FIRST)
        connection.commit()

    return engine


def _first_line(error: SQLAlchemyError) -> str:
    cause = getattr(error, "orig", None) or error
    return next(iter(str(cause).strip().splitlines()), type(cause).__name__)
