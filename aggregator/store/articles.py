"""Articles: what is known of them, and the copies a story has."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from itertools import zip_longest
from typing import Any

from sqlalchemy import Integer, Row, bindparam, case, func, select, tuple_, union

from aggregator.models import (
    Article,
    Category,
    Copy,
    Cut,
    Enclosure,
    Kin,
    Known,
    Likeness,
    Link,
    Origin,
    Placement,
    Tag,
)
from aggregator.plaintext import ENDING, breaks_off
from aggregator.store.database import Database
from aggregator.store.rows import fields_of
from aggregator.store.schema import UtcDateTime, articles, sources, tags
from aggregator.store.schema import stories as story_table

COMPARED = 60  # articles of a source in which lines are looked for that all of its pages have
RECENT = 500  # articles of a source among which one with a new key is looked for

_CHUNK = 500  # values in one IN (…): far below what either database allows


def among(name: str) -> Any:
    """A parameter that is a list, for `in_`."""
    return bindparam(name, expanding=True)


# Statements are built here, once: to build one takes longer than to execute it.
_KNOWN = select(*(articles.c[field.name] for field in fields(Known))).where(articles.c.key.in_(among("keys")))
_KIN = select(
    articles.c.folded_title.label("title"),
    *(articles.c[field.name] for field in fields(Kin) if field.name != "title"),
).where(articles.c.source == bindparam("source"))
_RECENT_KIN = _KIN.order_by(articles.c.first_seen_at.desc(), articles.c.key).limit(RECENT)
_KIN_BY_LINK = _KIN.where(articles.c.link.in_(among("values"))).limit(RECENT)
_KIN_BY_TEXT = _KIN.where(articles.c.text_hash.in_(among("values"))).limit(RECENT)
_ENDING = func.substr(  # from the first character where there are not so many: databases count from the end in two ways
    articles.c.text, case((func.length(articles.c.text) > ENDING, func.length(articles.c.text) - ENDING + 1), else_=1)
)
# Whose an article is, for readers: a folder is nobody's name where the article says who has published it.
_SAID = func.coalesce(articles.c.origin["title"].as_string(), sources.c.name)
CREDITED = case((sources.c.url.is_(None), _SAID), else_=sources.c.name).label("name")
_COPIES = select(
    articles.c.key,
    articles.c.source,
    sources.c.rank,
    articles.c.folded_title,
    articles.c.story_link,
    articles.c.text_hash,
    articles.c.word_count,
    articles.c.dated_at,
    articles.c.story,
    articles.c.rule,
    articles.c.rival,
    articles.c.likeness,
    articles.c.chosen,
    articles.c.voice,
    articles.c.is_reprint,
    sources.c.paywall,
    _ENDING.label("ending"),
    sources.c.host,
).join(sources, sources.c.id == articles.c.source)
_COPIES_IN = _COPIES.where(articles.c.story.in_(among("stories"))).order_by(articles.c.story)
_SHARING = union(  # each has an index of its own
    select(articles.c.story).where(articles.c.key.in_(among("keys"))),
    select(articles.c.story).where(articles.c.story_link.in_(among("links"))),
    select(articles.c.story).where(articles.c.text_hash.in_(among("text_hashes"))),
)
_COPIES_SHARING = _COPIES.where(articles.c.story.in_(_SHARING))
_ORIGINALS = (
    select(articles.c.original)
    .where(articles.c.source == bindparam("source"), articles.c.original.is_not(None))
    .order_by(articles.c.first_seen_at.desc(), articles.c.key)
    .limit(COMPARED)
)
_BY_KEYS = select(articles).where(articles.c.key.in_(among("keys")))
_TEXTS = select(*(articles.c[name] for name in ("key", "source", "dated_at", "title", "text"))).where(
    articles.c.key.in_(among("keys"))
)


def known(database: Database, keys: Collection[str]) -> dict[str, Known]:
    """What the store remembers of articles, by key."""
    if not keys:
        return {}
    with database.reading() as connection:
        rows = [row for chunk in chunks(keys) for row in connection.execute(_KNOWN, {"keys": chunk})]
    return {row[0]: Known(*row) for row in rows}


def kin(database: Database, source: str, strangers: Collection[Article], *, recent: bool = True) -> list[Kin]:
    """Articles of a source that may be some of those that come under unknown keys: with the same link, and, if
    `recent`, the latest ones and those with the same words."""
    links = list(chunks(article.link or "" for article in strangers))
    texts = list(chunks(article.text_hash for article in strangers if recent and article.word_count))
    if not strangers or not (recent or links):
        return []
    with database.reading() as connection:
        rows = list(connection.execute(_RECENT_KIN, {"source": source})) if recent else []
        if not recent or len(rows) == RECENT:  # else these are all the articles of the source
            for statement, values in ((_KIN_BY_LINK, links), (_KIN_BY_TEXT, texts)):
                for chunk in values:
                    rows += connection.execute(statement, {"source": source, "values": chunk})
    return list({row.key: Kin(**row._mapping) for row in rows}.values())


def copies(
    database: Database, *, keys: Collection[str], links: Collection[str], text_hashes: Collection[str]
) -> list[Copy]:
    """Every copy of every story that has one of these articles, links or texts."""
    wanted = list(zip_longest(chunks(keys), chunks(links), chunks(text_hashes), fillvalue=list[str]()))
    if not wanted:
        return []
    found: dict[str, Copy] = {}
    with database.reading() as connection:
        for some in wanted:
            sought = dict(zip(("keys", "links", "text_hashes"), some, strict=True))
            found |= {row.key: _copy(row) for row in connection.execute(_COPIES_SHARING, sought)}
    return list(found.values())


def originals(database: Database, source: str) -> list[str]:
    """What the latest articles of a source were before anything was cut from them."""
    with database.reading() as connection:
        return list(connection.execute(_ORIGINALS, {"source": source}).scalars())


def with_originals(database: Database, *, after: str = "", limit: int) -> list[Article]:
    """Articles from which something could be cut, in the order of their keys, to walk them piece by piece."""
    is_framed = articles.c.original.is_not(None)
    some = select(articles).where(is_framed, articles.c.key > after).order_by(articles.c.key).limit(limit)
    with database.reading() as connection:
        return [article_of(row) for row in connection.execute(some)]


def walked(database: Database, *, after: str = "", limit: int) -> list[Article]:
    """Articles in the order of their keys, to walk them all piece by piece."""
    some = select(articles).where(articles.c.key > after).order_by(articles.c.key).limit(limit)
    with database.reading() as connection:
        return [article_of(row) for row in connection.execute(some)]


def links(database: Database, *, after: str = "", limit: int) -> list[tuple[str, str, str | None]]:
    """Key, link, and the link as it is compared, of articles that have one, in the order of keys: to walk them all."""
    some = select(articles.c.key, articles.c.link, articles.c.story_link).where(articles.c.link.is_not(None))
    with database.reading() as connection:
        rows = connection.execute(some.where(articles.c.key > after).order_by(articles.c.key).limit(limit))
        return [(row.key, row.link, row.story_link) for row in rows]


def count_originals(database: Database) -> int:
    """How many articles `with_originals` leads through."""
    with database.reading() as connection:
        return connection.execute(select(func.count()).where(articles.c.original.is_not(None))).scalar_one()


def get(database: Database, key_or_link: str) -> Article | None:
    """An article by its key, or the latest one with this canonical link."""
    return by_keys(database, [key_or_link]).get(key_or_link) or _at(database, key_or_link)


def by_keys(database: Database, keys: Collection[str]) -> dict[str, Article]:
    """Those articles that are stored, by key."""
    if not keys:
        return {}
    with database.reading() as connection:
        rows = [row for chunk in chunks(keys) for row in connection.execute(_BY_KEYS, {"keys": chunk})]
    return {row.key: article_of(row) for row in rows}


def texts(database: Database, keys: Collection[str]) -> dict[str, tuple[str, datetime, str, str]]:
    """Source, date, title and text of those articles that are stored, by key: what is needed to compare them."""
    if not keys:
        return {}
    with database.reading() as connection:
        rows = [row for chunk in chunks(keys) for row in connection.execute(_TEXTS, {"keys": chunk})]
    return {row.key: (row.source, row.dated_at, row.title, row.text) for row in rows}


def _at(database: Database, link: str) -> Article | None:
    latest = articles.c.dated_at.desc(), articles.c.key
    statement = select(articles).where(articles.c.link == link).order_by(*latest).limit(1)
    with database.reading() as connection:
        row = connection.execute(statement).one_or_none()
    return article_of(row) if row else None


def story_of(database: Database, key: str) -> list[Copy]:
    """All copies of the story that an article is in, the article among them."""
    return copies(database, keys=[key], links=[], text_hashes=[])


def tags_of(database: Database, key: str) -> list[Tag]:
    """An article's tags, highest score first."""
    statement = select(tags).where(tags.c.article == key).order_by(tags.c.score.desc(), tags.c.concept)
    with database.reading() as connection:
        return [tag_of(row) for row in connection.execute(statement)]


def recent_copies(database: Database, since: datetime) -> list[Copy]:
    """All copies of the stories of which one was first seen since then."""
    recent = select(articles.c.story).where(articles.c.first_seen_at >= since)
    with database.reading() as connection:
        return [_copy(row) for row in connection.execute(_COPIES.where(articles.c.story.in_(recent)))]


def stories(
    database: Database, *, after: str = "", limit: int = 200, since: datetime | None = None
) -> dict[str, list[Copy]]:
    """The copies of each story, or of those whose lead is dated `since` then, in the order of story ids, to walk the
    whole store piece by piece."""
    some = select(story_table.c.id).where(story_table.c.id > after).order_by(story_table.c.id).limit(limit)
    if since is not None:
        some = some.join(articles, articles.c.key == story_table.c.lead).where(articles.c.dated_at >= since)
    found: dict[str, list[Copy]] = {}
    with database.reading() as connection:
        wanted = connection.execute(some).scalars().all()
        for chunk in chunks(wanted):
            for row in connection.execute(_COPIES_IN, {"stories": chunk}):
                found.setdefault(row.story, []).append(_copy(row))
    return found


_WALK = articles.c.first_seen_at, articles.c.key  # as their index is
_NEWEST = (
    select(story_table.c.id, articles.c.first_seen_at)
    .join(articles, articles.c.key == story_table.c.id)
    .order_by(*(column.desc() for column in _WALK))
    .limit(bindparam("limit", type_=Integer()))
)
_OLDER = _NEWEST.where(tuple_(*_WALK) < tuple_(bindparam("time", type_=UtcDateTime()), bindparam("name")))


def newest_stories(
    database: Database, before: tuple[datetime, str] | None, limit: int
) -> list[tuple[tuple[datetime, str], list[Copy]]]:
    """Stories that were founded before a time (and id), latest first, to walk the store back piece by piece: the copies
    of each, with the time and id to go on from."""
    given = {"time": before[0], "name": before[1]} if before else {}
    found: dict[str, list[Copy]] = {}
    with database.reading() as connection:
        latest = connection.execute(_OLDER if before else _NEWEST, {"limit": limit, **given})
        wanted = {row.id: row.first_seen_at for row in latest}
        for chunk in chunks(wanted):
            for row in connection.execute(_COPIES_IN, {"stories": chunk}):
                found.setdefault(row.story, []).append(_copy(row))
    return [((time, name), found[name]) for name, time in wanted.items() if name in found]


def count(database: Database) -> tuple[int, int]:
    """How many articles and stories there are."""
    with database.reading() as connection:
        return (
            connection.execute(select(func.count()).select_from(articles)).scalar_one(),
            connection.execute(select(func.count()).select_from(story_table)).scalar_one(),
        )


def row_of(article: Article, copy: Copy) -> dict[str, Any]:
    """An article and its place in a story as a row."""
    return fields_of(article) | {
        "categories": [fields_of(category) for category in article.categories],
        "enclosures": [fields_of(enclosure) for enclosure in article.enclosures],
        "links": [fields_of(link) for link in article.links],
        "origin": fields_of(article.origin) if article.origin else None,
        "cuts": [fields_of(cut) for cut in article.cuts],
        "dated_at": article.dated_at,
        "story": copy.story,
        "rule": copy.placement.rule,
        "rival": copy.placement.rival,
        "voice": copy.voice,
        "is_reprint": copy.is_reprint,
        "likeness": fields_of(copy.placement.likeness) if copy.placement.likeness else None,
        "story_link": copy.link,
        "folded_title": copy.title,
    }


def article_of(row: Row[Any]) -> Article:
    """The article in a row that has all columns of the table."""
    return Article(
        key=row.key,
        source=row.source,
        guid=row.guid,
        title=row.title,
        text=row.text,
        html=row.html,
        summary=row.summary,
        subtitle=row.subtitle,
        first_seen_at=row.first_seen_at,
        link=row.link,
        authors=tuple(row.authors),
        categories=tuple(Category(**category) for category in row.categories),
        enclosures=tuple(Enclosure(**enclosure) for enclosure in row.enclosures),
        published_at=row.published_at,
        updated_at=row.updated_at,
        claimed_at=row.claimed_at,
        language=row.language,
        links=tuple(Link(**link) for link in row.links),
        thumbnail=row.thumbnail,
        comments=row.comments,
        origin=Origin(**row.origin) if row.origin else None,
        licence=row.licence,
        content_hash=row.content_hash,
        news_hash=row.news_hash,
        text_hash=row.text_hash,
        word_count=row.word_count,
        original=row.original,
        cuts=tuple(Cut(**cut) for cut in row.cuts),
        told=tuple((name, place) for name, place in row.told),
        silent_changes=row.silent_changes,
    )


def tag_of(row: Row[Any]) -> Tag:
    return Tag(row.concept, row.label, row.score, tuple((name, points) for name, points in row.evidence))


def _copy(row: Any) -> Copy:
    return Copy(
        row.key,
        row.source,
        row.rank,
        row.folded_title,
        row.story_link,
        row.text_hash,
        row.word_count,
        row.dated_at,
        row.story,
        Placement(row.rule, row.rival, Likeness(**row.likeness) if row.likeness else None),
        row.chosen,
        row.voice,
        row.is_reprint,
        row.paywall,
        breaks_off(row.ending),
        row.host,
    )


def chunks(values: Iterable[str]) -> Iterator[list[str]]:
    """The values in order, in lists that fit into one IN (…)."""
    ordered = sorted({value for value in values if value})
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]
