"""Which entries of a flood are kept: the newest. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

_NEVER = datetime.min.replace(tzinfo=UTC)


def newest(dates: Sequence[datetime | None], limit: int) -> Sequence[int]:
    """The numbers of at most `limit` entries, in order: those with the latest dates.

    An entry without a date counts as being as old as the one before it.
    """
    if len(dates) <= limit:
        return range(len(dates))
    last = next((date for date in dates if date), _NEVER)
    filled = []
    for date in dates:
        last = date or last
        filled.append(last)
    latest = sorted(range(len(filled)), key=filled.__getitem__, reverse=True)  # stable
    return sorted(latest[:limit])
