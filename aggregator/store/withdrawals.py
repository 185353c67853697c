"""Stories that were in a feed and are stories no more: their copies are in another one."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from aggregator.models import Withdrawn
from aggregator.store.database import Database
from aggregator.store.schema import articles, memberships, retired, stories, withdrawn

_AMONG: Any = bindparam("ids", expanding=True)
_SHOWN = (
    select(memberships.c.topic, memberships.c.story)
    .join(stories, stories.c.id == memberships.c.story)
    .where(
        memberships.c.story.in_(_AMONG),
        memberships.c.hidden.is_(False),
        memberships.c.bundled_at.is_(None),  # of those readers have no items
        stories.c.item_id.is_not(None),
    )
)
_lead = articles.alias()
_OF_TOPIC = (
    select(
        retired.c.item_id,
        withdrawn.c.withdrawn_at,
        articles.c.title,
        articles.c.dated_at,
        _lead.c.key,
        _lead.c.link,
        _lead.c.title.label("told_as"),
    )
    .join(retired, retired.c.story == withdrawn.c.story)
    .join(articles, articles.c.key == withdrawn.c.story)
    .join(stories, stories.c.id == articles.c.story)
    .join(_lead, _lead.c.key == stories.c.lead)
    .where(withdrawn.c.topic == bindparam("slug"), withdrawn.c.withdrawn_at >= bindparam("since"))
    .order_by(withdrawn.c.withdrawn_at.desc(), withdrawn.c.story)
    .limit(bindparam("most"))
)


def of(database: Database, slug: str, since: datetime, *, limit: int) -> list[Withdrawn]:
    """What was withdrawn from the feed of a topic since then, the latest first, at most so many."""
    with database.reading() as connection:
        rows = connection.execute(_OF_TOPIC, {"slug": slug, "since": since, "most": limit})
        return [Withdrawn(*row) for row in rows]


def note(connection: Connection, ids: Collection[str], now: datetime) -> None:
    """These stories are going: note the feeds that show them. Before their memberships are deleted."""
    rows = connection.execute(_SHOWN, {"ids": list(ids)}).all()
    if rows:
        forget(connection, ids)
        noted = [{"topic": topic, "story": story, "withdrawn_at": now} for topic, story in rows]
        connection.execute(insert(withdrawn), noted)


def forget(connection: Connection, ids: Collection[str]) -> None:
    """These stories are there again, or nothing is left of them."""
    connection.execute(delete(withdrawn).where(withdrawn.c.story.in_(list(ids))))
