"""Stories that were in a feed and are stories no more: their copies are in another one."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, bindparam, case, delete, func, insert, or_, select, union_all

from aggregator.models import Withdrawn
from aggregator.store.database import Database
from aggregator.store.publicity import is_public
from aggregator.store.schema import articles, memberships, retired, stories, withdrawn

_AMONG: Any = bindparam("ids", expanding=True)
_SHOWN = (
    select(memberships.c.topic, memberships.c.story, memberships.c.score, memberships.c.lang)
    .join(stories, stories.c.id == memberships.c.story)
    .where(
        memberships.c.story.in_(_AMONG),
        memberships.c.hidden.is_(False),
        memberships.c.bundled_at.is_(None),  # of those readers have no items
        stories.c.item_id.is_not(None),
    )
)
_lead = articles.alias()
_LANG = bindparam("lang", type_=String())
_OF_TOPICS = (
    select(withdrawn.c.story, func.max(withdrawn.c.withdrawn_at).label("withdrawn_at"))
    .where(
        withdrawn.c.topic.in_(bindparam("slugs", expanding=True)),
        withdrawn.c.withdrawn_at >= bindparam("since"),
        withdrawn.c.score >= bindparam("least"),
        or_(_LANG == "", withdrawn.c.lang == _LANG),
    )
    .group_by(withdrawn.c.story)
)
_LOOSE = select(retired.c.story, retired.c.loose_at.label("withdrawn_at")).where(
    retired.c.loose_at >= bindparam("since")
)
_IS_NAMED = is_public(stories.c.id)


def _told(gone: Any) -> Any:
    """What is to be said of withdrawn stories."""
    return (
        select(
            retired.c.item_id,
            gone.c.withdrawn_at,
            articles.c.title,
            articles.c.dated_at,
            *(case((_IS_NAMED, one)).label(one.name) for one in (_lead.c.key, _lead.c.link, _lead.c.title)),
        )
        .select_from(gone)
        .join(retired, retired.c.story == gone.c.story)
        .join(articles, articles.c.key == gone.c.story)
        .join(stories, stories.c.id == articles.c.story)
        .join(_lead, _lead.c.key == stories.c.lead)
        .order_by(gone.c.withdrawn_at.desc(), gone.c.story)
        .limit(bindparam("most"))
    )


_TOLD_OF_TOPICS = _told(_OF_TOPICS.subquery())
_TOLD_OF_ALL = _told(union_all(_OF_TOPICS, _LOOSE).subquery())


def of(
    database: Database,
    slugs: Collection[str],
    since: datetime,
    private: Collection[str] = (),
    *,
    limit: int,
    lang: str = "",
    min_score: int = 0,
) -> list[Withdrawn]:
    """What was withdrawn since then from the feeds of topics, once each, the latest first, at most so many; only what
    was shown in this language, and with such a score. Where a story is told that is in `private` topics only is left
    out."""
    asked = {"slugs": list(slugs), "since": since, "most": limit, "lang": lang, "least": min_score}
    asked["private"] = sorted(private)
    with database.reading() as connection:
        return [Withdrawn(*row) for row in connection.execute(_TOLD_OF_TOPICS, asked)]


def of_everything(
    database: Database, slugs: Collection[str], since: datetime, private: Collection[str], *, limit: int
) -> list[Withdrawn]:
    """What was withdrawn since then from the feeds of these topics, or has gone and was in no topic; as `of`."""
    asked = {"slugs": list(slugs), "since": since, "most": limit, "lang": "", "least": 0, "private": sorted(private)}
    with database.reading() as connection:
        return [Withdrawn(*row) for row in connection.execute(_TOLD_OF_ALL, asked)]


def note(connection: Connection, ids: Collection[str], now: datetime) -> None:
    """These stories are going: note the feeds that show them. Before their memberships are deleted."""
    rows = connection.execute(_SHOWN, {"ids": list(ids)}).all()
    if rows:
        forget(connection, ids)
        connection.execute(insert(withdrawn), [{**row._mapping, "withdrawn_at": now} for row in rows])


def forget(connection: Connection, ids: Collection[str]) -> None:
    """These stories are there again, or nothing is left of them."""
    connection.execute(delete(withdrawn).where(withdrawn.c.story.in_(list(ids))))
