"""Memories: what the documents of sources looked like when they were last read."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from aggregator.models import Memory
from aggregator.store.database import Database
from aggregator.store.schema import memories

_HASH = 8  # bytes
_NONE = bytes(_HASH)  # of an entry without a guid

_OF_SOURCE = select(memories).where(memories.c.source == bindparam("wanted"))
_FORGET = delete(memories).where(memories.c.source == bindparam("forgotten"))


def of(database: Database, source: str) -> Memory | None:
    """What is remembered of a source's document."""
    with database.reading() as connection:
        row = connection.execute(_OF_SOURCE, {"wanted": source}).one_or_none()
    if row is None:
        return None
    inherited = tuple((name, value) for name, value in row.inherited)
    return Memory(bytes(row.context), bytes(row.head), inherited, _pairs(bytes(row.entries)), row.whole_at)


def remember(database: Database, connection: Connection, by_source: Mapping[str, Memory]) -> None:
    """Put memories in the place of those before."""
    rows = [_row(source, by_source[source]) for source in sorted(by_source)]
    if rows:
        connection.execute(database.upsert(memories, *(name for name in rows[0] if name != "source")), rows)


def forget(connection: Connection, sources: Collection[str]) -> None:
    """Let the next visits read everything."""
    if sources:
        connection.execute(_FORGET, [{"forgotten": source} for source in sorted(sources)])


def _row(source: str, memory: Memory) -> dict[str, Any]:
    return {
        "source": source,
        "context": memory.context,
        "head": memory.head,
        "inherited": memory.inherited,
        "entries": b"".join(seen + (guid or _NONE) for seen, guid in memory.entries),
        "whole_at": memory.whole_at,
    }


def _pairs(packed: bytes) -> tuple[tuple[bytes, bytes], ...]:
    pieces = [packed[start : start + _HASH] for start in range(0, len(packed), _HASH)]
    guids = (b"" if guid == _NONE else guid for guid in pieces[1::2])
    return tuple(zip(pieces[::2], guids, strict=True))
