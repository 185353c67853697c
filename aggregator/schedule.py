"""When to visit a source next? Pure."""

from datetime import datetime, timedelta

SOON = timedelta(seconds=2)  # something was still being written
LONGEST = timedelta(days=1)


def next_visit(now: datetime, *, every: timedelta, failures: int = 0, unsettled: bool = False) -> datetime:
    """The time of the next visit. Failures in a row put it off linearly, to a day at most: feeds rise from the dead."""
    if unsettled:
        return now + SOON
    return now + min(every * (1 + failures), max(every, LONGEST))
