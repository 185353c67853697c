"""Memories: what the documents of sources looked like when they were last read."""

from sqlalchemy import Connection, delete, select

from aggregator.models import Memory
from aggregator.store.database import Database
from aggregator.store.schema import memories

_HASH = 8  # bytes
_NONE = bytes(_HASH)  # of an entry without a guid


def of(database: Database, source: str) -> Memory | None:
    """What is remembered of a source's document."""
    with database.reading() as connection:
        row = connection.execute(select(memories).where(memories.c.source == source)).one_or_none()
    if row is None:
        return None
    inherited = tuple((name, value) for name, value in row.inherited)
    return Memory(bytes(row.context), bytes(row.head), inherited, _pairs(bytes(row.entries)), row.whole_at)


def remember(database: Database, connection: Connection, source: str, memory: Memory) -> None:
    """Put a memory in the place of the one before."""
    row = {
        "source": source,
        "context": memory.context,
        "head": memory.head,
        "inherited": [list(pair) for pair in memory.inherited],
        "entries": b"".join(seen + (guid or _NONE) for seen, guid in memory.entries),
        "whole_at": memory.whole_at,
    }
    statement = database.insert(memories).values(row)
    said = {name: statement.excluded[name] for name in row if name != "source"}
    connection.execute(statement.on_conflict_do_update(index_elements=["source"], set_=said))


def forget(connection: Connection, source: str) -> None:
    """Let the next visit read everything."""
    connection.execute(delete(memories).where(memories.c.source == source))


def _pairs(packed: bytes) -> tuple[tuple[bytes, bytes], ...]:
    pieces = [packed[start : start + _HASH] for start in range(0, len(packed), _HASH)]
    guids = (b"" if guid == _NONE else guid for guid in pieces[1::2])
    return tuple(zip(pieces[::2], guids, strict=True))
