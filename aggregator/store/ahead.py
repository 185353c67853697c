"""What a clock that was ahead has left behind, put right: times so late that nobody can have meant them.

Such times keep sources from being visited, hosts from being asked and subscriptions from being renewed until the clock
gets there, in days or in years. Articles keep the times at which they were seen.
"""

from datetime import datetime, timedelta

from sqlalchemy import func, select, update

from aggregator.store.database import Database
from aggregator.store.schema import hosts, sources, subscribers, subscriptions, visits

AHEAD = timedelta(minutes=5)  # what lies further in the future was written by a clock that was ahead
CLAIMED = timedelta(hours=1)  # longer than any claim on a source, and than any rest of a host
DELIVERED = timedelta(days=2)  # longer than any wait until the next delivery
LEASED = timedelta(days=31)  # longer than any subscription


def put_right(database: Database, now: datetime) -> int:
    """Let go of all that waits for a time that was never meant; the number of sources that are due by that.

    A source has been waiting for such a time if its last visit lies in the future.
    """
    last = select(func.max(visits.c.id)).where(visits.c.source == sources.c.id).correlate(sources).scalar_subquery()
    visited_ahead = select(visits.c.id).where(visits.c.id == last, visits.c.started_at > now + AHEAD).exists()
    due = update(sources).where(sources.c.due_at > now, visited_ahead).values(due_at=now, plan="the clock was ahead")
    with database.writing() as connection:
        found = connection.execute(due).rowcount
        claimed = update(sources).where(sources.c.leased_until > now + CLAIMED)
        connection.execute(claimed.values(leased_until=None))
        connection.execute(update(hosts).where(hosts.c.free_at > now + 2 * CLAIMED).values(free_at=now))
        connection.execute(update(subscriptions).where(subscriptions.c.next_at > now + LEASED).values(next_at=now))
        connection.execute(update(subscriptions).where(subscriptions.c.pushed_at > now + AHEAD).values(pushed_at=None))
        connection.execute(update(subscribers).where(subscribers.c.due_at > now + DELIVERED).values(due_at=now))
    return found
