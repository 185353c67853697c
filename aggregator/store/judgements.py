"""What other rules change of articles and stories that are stored already, a step at a time."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from aggregator.models import Article, Membership, Tag
from aggregator.store import editions, memberships, pages
from aggregator.store.articles import chunks
from aggregator.store.database import Database
from aggregator.store.rows import fields_of
from aggregator.store.schema import articles, stories
from aggregator.store.topics import touch
from aggregator.store.visits import lead, replace_tags
from aggregator.words import folded

_CUT = {"title", "text", "html", "summary", "content_hash", "news_hash", "text_hash", "word_count"}
_RECUT = update(articles).where(articles.c.key == bindparam("at"), articles.c.content_hash == bindparam("was"))
_RELINK = update(articles).where(articles.c.key == bindparam("at")).values(story_link=bindparam("page"))
_OTHER_VOICE = (articles.c.voice != bindparam("who")) | (articles.c.is_reprint != bindparam("again"))
_VOICE = (
    update(articles)
    .where(articles.c.key == bindparam("at"), _OTHER_VOICE)
    .values(voice=bindparam("who"), is_reprint=bindparam("again"))
)
_STORIES = select(articles.c.story).where(articles.c.key.in_(bindparam("keys", expanding=True)))
_REREAD = update(stories).where(stories.c.lead.in_(bindparam("leads", expanding=True))).values(unrelated=True)


def save(
    database: Database,
    tags_by_article: Mapping[str, tuple[Tag, ...]],
    memberships_by_story: Mapping[str, tuple[Membership, ...]],
    leads: Mapping[str, str],
    now: datetime,
) -> None:
    """New tags, memberships and leads of what is stored already: after a change of rules. Leads are by story; where it
    is another one than before, the relations of the story are looked for anew."""
    with database.writing() as connection:
        lead(connection, leads, now)
        pages.touch(connection, leads)
        replace_tags(database, connection, tags_by_article)
        before, after = memberships.replace(database, connection, memberships_by_story, is_past=True)
        memberships.describe(connection, {*leads, *memberships_by_story})
        touch(connection, {membership.topic for membership in before ^ after})
        if before != after:  # a story that is in private topics only is another one than one that is in none
            editions.touch(connection, [editions.EVERYTHING])


def save_cuts(database: Database, changed: Collection[tuple[Article, Article]]) -> None:
    """Articles from which more or less is cut now, each with what it was: what has changed meanwhile stays as it is.
    The relations of stories that they lead are looked for anew."""
    rows = [
        {"was": before.content_hash, "at": article.key, "folded_title": folded(article.title)}
        | {name: value for name, value in fields_of(article).items() if name in _CUT}
        | {"cuts": [fields_of(cut) for cut in article.cuts]}
        for article, before in changed
    ]
    if not rows:
        return
    with database.writing() as connection:
        connection.execute(_RECUT, sorted(rows, key=lambda row: str(row["at"])))
        found = [story for chunk in chunks(row["at"] for row in rows) for story in _stories(connection, chunk)]
        for chunk in chunks(row["at"] for row in rows):
            connection.execute(_REREAD, {"leads": chunk})
        pages.touch(connection, found)
        touch(connection, memberships.topics_of(connection, found))
        editions.touch(connection, [editions.EVERYTHING])


def save_links(database: Database, links: Mapping[str, str | None]) -> None:
    """The links of articles, by key, as they are compared from now on. No story changes."""
    rows = [{"at": key, "page": links[key]} for key in sorted(links)]
    if rows:
        with database.writing() as connection:
            connection.execute(_RELINK, rows)


def save_voices(database: Database, spoken: Mapping[str, tuple[str, bool]]) -> None:
    """Who speaks in articles, by key, and whether they are reprints."""
    rows = [{"at": key, "who": spoken[key][0], "again": spoken[key][1]} for key in sorted(spoken)]
    if rows:
        with database.writing() as connection:
            connection.execute(_VOICE, rows)


def _stories(connection: Connection, keys: Collection[str]) -> Iterable[str]:
    return connection.execute(_STORIES, {"keys": keys}).scalars()
