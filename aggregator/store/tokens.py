"""Tokens of those who may read private topics, by their digests alone."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from aggregator.models import Token
from aggregator.store.database import Database
from aggregator.store.schema import tokens

_NAMES = [field.name for field in fields(Token)]


def add(database: Database, token: Token) -> None:
    with database.writing() as connection:
        connection.execute(insert(tokens).values(asdict(token)))


def every(database: Database) -> Sequence[Token]:
    """All tokens, by topic, the oldest first."""
    statement = select(tokens).order_by(tokens.c.topic, tokens.c.created_at, tokens.c.id)
    with database.reading() as connection:
        return [Token(**{name: getattr(row, name) for name in _NAMES}) for row in connection.execute(statement)]


def revoke(database: Database, token_id: str) -> bool:
    """Whether it was there."""
    with database.writing() as connection:
        return bool(connection.execute(delete(tokens).where(tokens.c.id == token_id)).rowcount)


def note_use(database: Database, token_id: str, now: datetime) -> None:
    with database.writing() as connection:
        connection.execute(update(tokens).where(tokens.c.id == token_id).values(used_at=now))
