"""Which entries of a flood are kept: the newest. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from aggregator.models import Entry

_NEVER = datetime.min.replace(tzinfo=UTC)


def newest(entries: Sequence[Entry], limit: int) -> tuple[tuple[Entry, ...], int]:
    """At most `limit` entries, and how many were dropped. More than that are sorted, newest first.

    An entry without a date counts as being as old as the one before it.
    """
    if len(entries) <= limit:
        return tuple(entries), 0
    dates = list(_dates(entries))
    order = sorted(range(len(entries)), key=dates.__getitem__, reverse=True)  # stable
    return tuple(entries[number] for number in order[:limit]), len(entries) - limit


def _dates(entries: Sequence[Entry]) -> Iterator[datetime]:
    stated = [entry.published_at or entry.updated_at for entry in entries]
    last = next((date for date in stated if date), _NEVER)
    for date in stated:
        last = date or last
        yield last
