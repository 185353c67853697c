"""The pages of topics and articles, as text."""

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from markupsafe import Markup

from aggregator import compose, dedup, editions, explain, origins, registry
from aggregator.config import Config
from aggregator.config.topics import ABOUT, Topic
from aggregator.editions import Edition
from aggregator.furniture import THE_TITLE, removed
from aggregator.parsers._facts import UNREAD
from aggregator.pipeline import utc_now
from aggregator.plurals import counted
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import contents as stored_contents
from aggregator.store import relations as stored_relations
from aggregator.store.contents import StoredCopy, StoredStory
from aggregator.store.volumes import Volume
from aggregator.web import charts
from aggregator.web.overview import DAYS
from aggregator.web.rendering import Frame, render
from aggregator.web.trace import Trace, Tracer

STORIES = 30  # on a page of a topic
ALTERNATES = 30  # feeds that the head of `/` names; of more no browser makes a list

_CURSOR = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z)_([0-9a-f]{32})")
_IMAGE = "<img "  # as safe HTML writes it; in a text or an attribute its quotes could do no harm, for it has none


def index(config: Config, volumes: Mapping[str, Volume], *, has_sources: bool = False) -> str:
    """All topics that everybody may read: how much comes to each, its newest story, and where to subscribe."""
    today = utc_now().date()
    listed = {slug: topic for slug, topic in config.topics.items() if not topic.private}
    found = {slug: volumes.get(slug, Volume()) for slug in listed}
    feeds = {slug: _feeds(next(editions.of_topic(slug, topic)), config) for slug, topic in listed.items()}
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for slug, topic in listed.items():
        row = {
            "slug": slug,
            "topic": topic,
            "feeds": feeds[slug],
            "beside": _beside(slug, topic),
            "volume": found[slug],
            "chart": charts.by_day(found[slug].by_day or {}, today, DAYS, "stories"),
        }
        rows[next(iter(topic.labels), "")].append(row)
    labels = [(one.title, one, _feeds(one, config), rows[one.title]) for one in editions.labels(config)]
    groups = [group for group in labels if group[-1]]
    other = ("Other topics" if groups else "", None, (), rows[""])
    across = [group[1:3] for group in labels if not group[-1]]
    across += [(one, _feeds(one, config)) for one in editions.everything(config)]
    alternates = [(listed[slug], feed) for slug in feeds for feed in feeds[slug]][:ALTERNATES]
    return render(
        "index",
        Frame(config.settings.base_url, has_sources=has_sources, here="topics"),
        groups=[*groups, *([other] if rows[""] else [])],
        across=across,
        alternates=alternates,
        is_empty=not any(volume.stories for volume in found.values()),
    )


def topic(
    config: Config,
    database: Database,
    slug: str,
    *,
    private: bool = False,
    after: str | None = None,
    has_sources: bool = False,
) -> str | None:
    """A topic's stories with the reasons why they are in it, those `after` a story on. That of a private one names no
    feeds: there are no addresses without tokens, and those stand on no page."""
    found, cursor = config.topics.get(slug), _read_cursor(after)
    if found is None or found.private is not private or (after is not None and cursor is None):
        return None
    stories = stored_contents.stories_in(
        database,
        slug,
        since=utc_now() - found.horizon,
        limit=STORIES + 1,
        one_per_event=found.one_per_event,
        related=compose.MOST_RELATED,
        private=config.untold(private=private),
        past=True,
        after=cursor,
    )
    shown = stories[:STORIES]
    return render(
        "topic",
        Frame(config.settings.base_url, "../../../" if private else "../", has_sources),
        topic=found,
        feeds=[] if private else [(one, _feeds(one, config)) for one in editions.of_topic(slug, found)],
        beside=_beside(slug, found),
        stories=shown,
        voices={story.id: origins.independent_in(story.copies) for story in shown},
        others={story.id: _others(story) for story in shown},
        is_later=after is not None,
        more=_cursor(shown[-1]) if len(stories) > STORIES else None,
    )


def article(
    config: Config, database: Database, key: str, tracer: Tracer | None = None, *, has_sources: bool = False
) -> str | None:
    """An article as it is stored, and each decision about it: its text, what was cut, what it is about, the copies of
    its story, and the topics that it is in, or not, and why."""
    found = stored_articles.get(database, key)
    if found is None:
        return None
    copies = stored_articles.story_of(database, found.key)
    story = copies[0].story or found.key
    trace = tracer.trace(config, found, story) if tracer else Trace()
    return render(
        "article",
        Frame(config.settings.base_url, "../", has_sources),
        article=found,
        html=Markup(found.html.replace(_IMAGE, "<img loading=lazy ")),  # noqa: S704  # cleaned before it was stored
        told=list(explain.told(found)),
        dated=dict(found.told).get("published", ""),
        unread=UNREAD,
        cuts=[(part.reason, lines) for part, lines in removed(found) if part.reason != THE_TITLE],
        tags=stored_articles.tags_of(database, found.key),
        about=ABOUT,
        copies=sorted(copies, key=lambda copy: (copy.dated_at, copy.key)),
        lead=dedup.lead(copies).key,
        independent=origins.independent_in(copies),
        credit=origins.credit(found, config.agencies),
        related=stored_relations.of(database, [story], stored_relations.MOST, config.private_topics)[story],
        names={key: source.title for key, source in config.sources.items()},
        trace=trace,
    )


def _beside(slug: str, topic: Topic) -> str:
    """Which feeds a topic has beside its own, such as "daily and weekly digests and 3 selections"; empty: none."""
    digests = " and ".join(filter(None, (", ".join(topic.digests[:-1]), *topic.digests[-1:])))
    count = sum(one.is_variant for one in editions.of_topic(slug, topic))
    word = "digest" if len(topic.digests) == 1 else "digests"
    return " and ".join(filter(None, (digests and f"{digests} {word}", counted(count, "selection") if count else "")))


def _feeds(edition: Edition, config: Config) -> list[tuple[str, str, str]]:
    """Title, media type and URL of each format of an edition."""
    urls = editions.urls(edition, config.settings.base_url)
    return [(kind.title, kind.media_type.split(";")[0], urls[name]) for name, kind in registry.formats().items()]


def _others(story: StoredStory) -> list[StoredCopy]:
    """Copies of a story in other sources than its lead's, one of each."""
    found: dict[str, StoredCopy] = {}
    for copy in story.copies:
        if copy.source != story.lead.source:
            found.setdefault(copy.source, copy)
    return list(found.values())


def _cursor(story: StoredStory) -> str:
    """A story's place in the order of its topic, as it stands in the address of what comes after it."""
    return f"{story.founded_at:%Y-%m-%dT%H:%M:%S.%f}Z_{story.id}"


def _read_cursor(written: str | None) -> tuple[datetime, str] | None:
    found = _CURSOR.fullmatch(written or "")
    try:
        return (datetime.fromisoformat(found[1]), found[2]) if found else None
    except ValueError:
        return None
