"""Frequencies: how common terms are in what has come of late, by language."""

from sqlalchemy import bindparam, delete, select

from aggregator.models import Frequencies
from aggregator.store.database import Database
from aggregator.store.schema import articles, frequencies

LATEST = 10  # times as many articles as are wanted are looked through for those of one language

_OF = select(frequencies).where(frequencies.c.language == bindparam("spoken"))


def of(database: Database, language: str) -> Frequencies | None:
    """What is known of a language; None where nothing is."""
    with database.reading() as connection:
        row = connection.execute(_OF, {"spoken": language}).one_or_none()
    return Frequencies(row.articles, row.seen, row.counts) if row else None


def put(database: Database, language: str, found: Frequencies) -> None:
    row = {"language": language, "articles": found.articles, "seen": found.seen, "counts": found.counts}
    with database.writing() as connection:
        connection.execute(database.upsert(frequencies, "articles", "seen", "counts"), row)


def forget(database: Database) -> None:
    """Have all of it learned anew."""
    with database.writing() as connection:
        connection.execute(delete(frequencies))


def sample(database: Database, language: str, limit: int) -> list[tuple[str, str]]:
    """Title and text of the latest articles of a language, at most so many."""
    latest = select(articles.c.key).order_by(articles.c.first_seen_at.desc()).limit(LATEST * limit)
    of_language = articles.c.language == language if language else articles.c.language.is_(None)
    some = select(articles.c.title, articles.c.text).where(articles.c.key.in_(latest), of_language)
    with database.reading() as connection:
        rows = connection.execute(some.order_by(articles.c.first_seen_at.desc(), articles.c.key).limit(limit))
        return [(row.title, row.text) for row in rows]
