"""The pages, as text. Templates escape everything that is not marked as cleaned HTML."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from aggregator import compose, dedup, digests, origins, registry
from aggregator.config import Config
from aggregator.furniture import THE_TITLE, removed
from aggregator.pipeline import utc_now
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import relations as stored_relations
from aggregator.store import topics as stored_topics


@cache
def _templates() -> Environment:
    return Environment(loader=PackageLoader("aggregator.web"), autoescape=select_autoescape(), trim_blocks=True)


def index(config: Config, database: Database) -> str:
    """All topics with the addresses to subscribe to."""
    counts = stored_topics.counts(database)
    rows = [
        {
            "slug": slug,
            "topic": topic,
            "feeds": _feeds(slug, config),
            "count": counts.get(slug, (0, None))[0],
            "newest": counts.get(slug, (0, None))[1],
        }
        for slug, topic in config.topics.items()
        if not topic.private
    ]
    return _render("index", config, rows=rows)


def topic(config: Config, database: Database, slug: str, *, private: bool = False) -> str | None:
    """A topic's stories with the reasons why they are in it. That of a private one names no feeds: there are no
    addresses without tokens, and those stand on no page."""
    found = config.topics.get(slug)
    if found is None or found.private is not private:
        return None
    since = utc_now() - found.horizon
    stories = stored_topics.stories_in(
        database,
        slug,
        since=since,
        limit=found.limit,
        one_per_event=found.stories == "one-per-event",
        related=compose.MOST_RELATED,
        past=True,
    )
    voices = {story.id: origins.independent_in(story.copies) for story in stories}
    names = [] if private else digests.names(slug, found)
    feeds = {name.removeprefix(slug).removeprefix("."): _feeds(name, config) for name in names}
    return _render("topic", config, topic=found, feeds=feeds, stories=stories, voices=voices)


def article(config: Config, database: Database, key: str) -> str | None:
    """An article as it is stored: its text, what it is about, and the copies of its story."""
    found = stored_articles.get(database, key)
    if found is None:
        return None
    copies = stored_articles.story_of(database, found.key)
    story = copies[0].story or found.key
    names = {key: source.title for key, source in config.sources.items()}
    return _render(
        "article",
        config,
        article=found,
        html=Markup(found.html),  # noqa: S704  # cleaned before it was stored
        cuts=[(part.reason, lines) for part, lines in removed(found) if part.reason != THE_TITLE],
        tags=stored_articles.tags_of(database, found.key),
        copies=sorted(copies, key=lambda copy: (copy.dated_at, copy.key)) if len(copies) > 1 else [],
        lead=dedup.lead(copies).key,
        independent=origins.independent_in(copies),
        credit=origins.credit(found, config.agencies),
        related=stored_relations.of(database, [story], stored_relations.MOST)[story],
        names=names,
    )


def _render(page: str, config: Config, **values: Any) -> str:
    return _templates().get_template(f"{page}.html").render(base_url=config.settings.base_url, **values)


def _feeds(name: str, config: Config) -> list[tuple[str, str, str]]:
    """Title, media type and URL of each format of a topic's feed, or of a digest's."""
    urls = compose.urls(name, config.settings.base_url)
    return [(kind.title, kind.media_type.split(";")[0], urls[name]) for name, kind in registry.formats().items()]
