"""The space that a SQLite database takes: what was freed is given back in small steps, its log is kept short.

New databases are made with `auto_vacuum=INCREMENTAL`; one from before becomes such a one by `aggregator db vacuum`.
PostgreSQL does all this by itself (autovacuum).
"""

from dataclasses import dataclass
from pathlib import Path

from aggregator.errors import StateError
from aggregator.store.database import Database

SHARE = 5  # one page in so many may be free: it is used again for what comes
SPARE = 2_000  # pages that are never given back: eight megabytes
_INCREMENTAL = 2  # a value of `auto_vacuum`
BUSY = 200  # milliseconds that the end of the log waits for readers: they come back


@dataclass(frozen=True, slots=True)
class Space:
    """In bytes."""

    file: int
    free: int  # of them: pages without anything in them
    log: int  # beside it


def taken(database: Database) -> Space | None:
    """How much there is; None of PostgreSQL. Raises StateError."""
    if not database.is_sqlite:
        return None
    with database.plain() as connection:
        size, count, free = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
        )
    log = Path(f"{database.place}-wal")
    try:
        written = log.stat().st_size
    except FileNotFoundError:
        written = 0
    except OSError as error:
        raise StateError(f"{log}: {error.strerror}") from error
    return Space(size * count, size * free, written)


def give_back(database: Database, *, pages: int) -> int:
    """Make the file shorter by up to so many pages, if many are free; the number. Zero where that is not possible."""
    if not database.is_sqlite:
        return 0
    with database.plain() as connection:

        def asked(name: str) -> int:
            return int(connection.execute(f"PRAGMA {name}").fetchone()[0])

        free = asked("freelist_count")
        wanted = min(pages, free - max(asked("page_count") // SHARE, SPARE))
        if asked("auto_vacuum") != _INCREMENTAL or wanted <= 0:
            return 0
        # As a script, for that goes on to the end: by `execute` one page is freed, and no more.
        connection.executescript(f"PRAGMA incremental_vacuum({wanted})")
        return max(free - asked("freelist_count"), 0)


def settle(database: Database) -> None:
    """When little is going on: what the planner knows of the tables is brought up to date, the log is emptied.

    Who reads at this moment keeps the log as it is; it is emptied the next time. Raises StateError.
    """
    if not database.is_sqlite:
        return
    with database.plain() as connection:
        connection.execute("PRAGMA analysis_limit=1000")
        connection.execute("PRAGMA optimize")
        before = connection.execute("PRAGMA busy_timeout").fetchone()[0]
        connection.execute(f"PRAGMA busy_timeout={BUSY}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        connection.execute(f"PRAGMA busy_timeout={before}")


def vacuum(database: Database) -> None:
    """Write the whole file anew, without what is free in it. Needs as much room again meanwhile. Raises StateError."""
    if database.is_sqlite:
        with database.plain() as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
