"""Frequencies: how common terms are in what has come of late, by language."""

from sqlalchemy import Integer, bindparam, delete, select, update

from aggregator.models import Frequencies
from aggregator.store.database import Database
from aggregator.store.schema import articles, frequencies

_OF = select(frequencies).where(frequencies.c.language == bindparam("spoken"))
_SAMPLE = (
    select(articles.c.title, articles.c.text)
    .order_by(articles.c.first_seen_at.desc())
    .limit(bindparam("limit", type_=Integer()))
)
_SEEN = update(frequencies).where(frequencies.c.language == bindparam("spoken")).values(seen=bindparam("so_many"))


def of(database: Database, language: str) -> Frequencies | None:
    """What is known of a language; None where nothing is."""
    with database.reading() as connection:
        row = connection.execute(_OF, {"spoken": language}).one_or_none()
    return Frequencies(row.articles, row.seen, row.counts) if row else None


def put(database: Database, language: str, found: Frequencies) -> None:
    row = {"language": language, "articles": found.articles, "seen": found.seen, "counts": found.counts}
    with database.writing() as connection:
        connection.execute(database.upsert(frequencies, "articles", "seen", "counts"), row)


def note_seen(database: Database, language: str, seen: int) -> None:
    """So many stories have come since what is known of a language was learned."""
    with database.writing() as connection:
        connection.execute(_SEEN, {"spoken": language, "so_many": seen})


def forget(database: Database) -> None:
    """Have all of it learned anew."""
    with database.writing() as connection:
        connection.execute(delete(frequencies))


def sample(database: Database, language: str, limit: int) -> list[tuple[str, str]]:
    """Title and text of the latest articles of a language, at most so many."""
    some = _SAMPLE.where(articles.c.language == language if language else articles.c.language.is_(None))
    with database.reading() as connection:
        return [(row.title, row.text) for row in connection.execute(some, {"limit": limit})]
