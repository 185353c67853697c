"""The state of everything, for `aggregator status`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.cells import cell_len, set_cell_size

from aggregator.config import Config
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import sources as stored_sources
from aggregator.store import topics as stored_topics


def status(config: Config, database: Database) -> dict[str, Any]:
    """Sources, topics and totals as plain values."""
    articles, stories = stored_articles.count(database)
    counts = stored_topics.counts(database)
    return {
        "state": str(config.state),
        "articles": articles,
        "stories": stories,
        "sources": [
            {
                "id": source.id,
                "name": source.name,
                "due_at": source.due_at.isoformat(timespec="seconds"),
                "failures": source.failures,
                "last_visit": source.last.started_at.isoformat(timespec="seconds") if source.last else None,
                "outcome": source.last.outcome if source.last else None,
                "new": source.last.new if source.last else 0,
                "error": source.last.error if source.last else None,
            }
            for source in stored_sources.statuses(database)
        ],
        "topics": [{"slug": slug, "stories": counts.get(slug, (0, None))[0]} for slug in config.topics],
    }


def lines(facts: dict[str, Any], now: datetime, width: int | None) -> Iterator[str]:
    """The same for a person, in `width` columns where names allow it; None: as wide as it comes, for a pipe.

    An error has a line of its own, which is never broken: a terminal does that without tearing what is copied from it.
    """
    yield f"{facts['articles']} articles in {facts['stories']} stories ({facts['state']})"
    yield ""
    rows = [("source", "last visit", "outcome", "new", "next visit")]
    for source in facts["sources"]:
        last = _apart(source["last_visit"], now) if source["last_visit"] else "never"
        due = _apart(source["due_at"], now, past="now")
        rows.append((_plain(source["name"]), last, source["outcome"] or "", str(source["new"]), due))
    header, *table = _table(rows, width)
    yield header
    for line, source in zip(table, facts["sources"], strict=True):
        yield line
        if source["error"]:
            yield f"  {_plain(source['error'])}"
    yield ""
    yield from _table(
        [("topic", "stories"), *((topic["slug"], str(topic["stories"])) for topic in facts["topics"])], width
    )


def _apart(moment: str, now: datetime, past: str = "{} ago") -> str:
    """`5 min ago`, `in 23 min`: in the largest unit of which there are two."""
    seconds = (datetime.fromisoformat(moment) - now).total_seconds()
    size, unit = next(
        ((size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "min")) if abs(seconds) >= 2 * size), (1, "s")
    )
    amount = f"{abs(seconds) // size:.0f} {unit}"
    return f"in {amount}" if seconds > 0 else past.format(amount)


def _table(rows: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    """Rows as lines of aligned columns; the first column gives way when they do not fit."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    if width is not None:
        widths[0] = min(widths[0], max(10, width - sum(widths[1:]) - 2 * len(widths[1:])))
    for row in rows:
        cells = [set_cell_size(cell, size) for cell, size in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()


def _plain(text: str) -> str:
    """Without what would move the cursor: a server may have written it."""
    return "".join(character if character.isprintable() else " " for character in text)
