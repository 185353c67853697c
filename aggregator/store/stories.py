"""Stories: taken apart and put together, and what people wish of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, delete, insert, null, select, update

from aggregator.models import Membership, Story, Wish
from aggregator.store import editions, pages, relations, withdrawals
from aggregator.store import memberships as stored_memberships
from aggregator.store.articles import chunks
from aggregator.store.database import Database
from aggregator.store.rows import fields_of
from aggregator.store.schema import UtcDateTime, articles, memberships, retired, stories, wishes
from aggregator.store.topics import touch
from aggregator.store.visits import save_leads

TURN = "stories"  # `Database.in_turn`: whatever reads which stories there are, to change them by that

_PLACE = update(articles).where(articles.c.key == bindparam("at"))  # rows name its columns
_CHOOSE = update(articles).where(articles.c.story == bindparam("of"))
_CHOSEN = _CHOOSE.values(chosen=articles.c.key == bindparam("choice"))
_AMONG: Any = bindparam("ids", expanding=True)
_IS_IN_A_TOPIC = select(memberships.c.story).where(memberships.c.story == stories.c.id).exists()
_LOOSE_AT = case((_IS_IN_A_TOPIC, null()), else_=bindparam("now", type_=UtcDateTime()))
_PINNED = select(stories.c.id, stories.c.item_id, _LOOSE_AT).where(
    stories.c.id.in_(_AMONG), stories.c.item_id.is_not(None)
)
_RETIRE = insert(retired).from_select(["story", "item_id", "loose_at"], _PINNED)
_ITS_ID = select(retired.c.item_id).where(retired.c.story == stories.c.id).scalar_subquery()
_RESTORE = (
    update(stories)
    .where(stories.c.id.in_(select(retired.c.story).where(retired.c.story.in_(_AMONG))), stories.c.item_id.is_(None))
    .values(item_id=_ITS_ID)
)
_UNRETIRE = delete(retired).where(retired.c.story.in_(_AMONG))
_LEAVE = (
    delete(memberships)
    .where(memberships.c.story.in_(_AMONG))
    .returning(memberships.c.topic, memberships.c.story, memberships.c.hidden)
)
_SHOW = (
    update(memberships)
    .where(memberships.c.topic == bindparam("in"), memberships.c.story == bindparam("heir"))
    .values(hidden=False)
)
_LEADS = select(stories.c.id, stories.c.lead).where(stories.c.id.in_(_AMONG))
_WISHES = select(wishes.c.id, wishes.c.kind, wishes.c.article, wishes.c.other).order_by(wishes.c.id)


def regroup(
    database: Database,
    gone: Collection[str],
    after: Sequence[Story],
    memberships_by_story: Mapping[str, tuple[Membership, ...]],
    now: datetime,
) -> None:
    """Put copies into stories, whole, and delete the stories that are empty then; what shows any is published anew.

    A story that was empty for a time has its item id again. What a feed has shown stays in it, under whatever story.
    """
    places = [
        {
            "at": copy.key,
            "story": story.id,
            "rule": copy.placement.rule,
            "rival": copy.placement.rival,
            "likeness": fields_of(copy.placement.likeness) if copy.placement.likeness else None,
        }
        for story in after
        for copy in story.copies
    ]
    found_in = {copy.key: story.id for story in after for copy in story.copies}
    with database.writing() as connection:
        connection.execute(_PLACE, sorted(places, key=lambda row: str(row["at"])))
        touched: set[str] = set()
        shown: list[dict[str, str | None]] = []
        pages.touch(connection, {*gone, *(story.id for story in after)})
        relations.hand_over(connection, {key: story for key, story in found_in.items() if key in gone})
        for chunk in chunks(gone):
            connection.execute(_RETIRE, {"ids": chunk, "now": now})
            withdrawals.note(connection, chunk, now)
            left = list(connection.execute(_LEAVE, {"ids": chunk}))
            touched.update(row.topic for row in left)
            shown += [{"in": row.topic, "heir": found_in.get(row.story)} for row in left if row.hidden is False]
            relations.forget(connection, chunk)
            connection.execute(delete(stories).where(stories.c.id.in_(chunk)))
        save_leads(database, connection, after, now)
        for chunk in chunks(story.id for story in after):
            connection.execute(_RESTORE, {"ids": chunk})
            connection.execute(_UNRETIRE, {"ids": chunk})
            withdrawals.forget(connection, chunk)
        old, new = stored_memberships.replace(database, connection, memberships_by_story)
        if shown:
            connection.execute(_SHOW, shown)
        stored_memberships.describe(connection, (story.id for story in after))
        touch(connection, touched | {membership.topic for membership in old | new})
        editions.touch(connection, [editions.EVERYTHING])


def leads(database: Database, ids: Collection[str]) -> dict[str, str]:
    """Which copies lead these stories, by story."""
    with database.reading() as connection:
        rows = [row for chunk in chunks(ids) for row in connection.execute(_LEADS, {"ids": chunk})]
    return {row.id: row.lead for row in rows}


def choose(database: Database, story: str, key: str) -> None:
    """Note which copy of a story a person wants to lead it."""
    with database.writing() as connection:
        connection.execute(_CHOSEN, {"of": story, "choice": key})


def wish(database: Database, kind: str, article: str, other: str | None, now: datetime) -> None:
    """Note what a person wants, for whoever is at work on this store to do."""
    with database.writing() as connection:
        connection.execute(insert(wishes), {"kind": kind, "article": article, "other": other, "made_at": now})


def wishes_open(database: Database) -> list[Wish]:
    """What is still to be done, the first wish first."""
    with database.reading() as connection:
        return [Wish(*row) for row in connection.execute(_WISHES)]


def done(database: Database, ids: Iterable[int]) -> None:
    """These wishes need not be done again."""
    with database.writing() as connection:
        connection.execute(delete(wishes).where(wishes.c.id.in_(list(ids))))
