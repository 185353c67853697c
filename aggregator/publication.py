"""The stories of a topic → its published files, and who is to hear of them.

Repeats what the store says, so it can be cut off and done again.
"""

from datetime import datetime, timedelta

from aggregator import compose, publish
from aggregator.config import Config, yamlfile
from aggregator.errors import ConfigError
from aggregator.models import Subscriber
from aggregator.store import Database
from aggregator.store import subscribers as stored_subscribers
from aggregator.store import topics as stored_topics
from aggregator.store.topics import DirtyTopic
from aggregator.words import digest

ALWAYS = timedelta(days=365)  # a hub of others is remembered for that long after a publication


def check_authority(config: Config, database: Database) -> None:
    """Refuse another `tag_authority` than that by which feeds were named before: readers would take each for a new one.
    Raises ConfigError, StateError."""
    settings = config.settings
    known = stored_topics.noted(database, "tag_authority")
    if known not in (None, settings.tag_authority, settings.former_tag_authority):
        file = yamlfile.load(config.directory / "aggregator.yaml")
        message = (
            f"tag_authority is {settings.tag_authority}, but was {known} so far, and the ids of all feeds and of new"
            f" items would change: readers take them for new ones. Write {known} again, or, if new ids are meant, also"
            f" `former_tag_authority: {known}`"
        )
        raise ConfigError([file.problem(("tag_authority",), message)])
    if known != settings.tag_authority:
        stored_topics.note(database, "tag_authority", settings.tag_authority)


def publish_topic(dirty: DirtyTopic, config: Config, database: Database, now: datetime) -> int:
    """Bring the files of one topic up to date. Answers with the number of changed files. Raises StateError, OSError."""
    topic = config.topics.get(dirty.slug)
    if topic is None:
        return 0
    since = now - topic.horizon
    stories = stored_topics.stories_in(
        database,
        dirty.slug,
        since=since,
        limit=topic.limit,
        one_per_event=topic.stories == "one-per-event",
        related=compose.MOST_RELATED if topic.related else 0,
    )
    item_ids = {story.id: story.item_id for story in stories if story.item_id}
    authority = config.settings.tag_authority
    unpinned = {story.id: compose.item_id(authority, story.copies) for story in stories if story.id not in item_ids}
    if unpinned:
        item_ids |= stored_topics.pin(database, unpinned)
    feed = compose.compose(dirty.slug, topic, stories, item_ids, config.settings, dirty.created_at, config.agencies)
    root = config.private if topic.private else config.public
    changed = publish.publish(feed, dirty.slug, root, private=topic.private)
    _tell(dirty.slug, config, database, now)
    oldest = min((story.founded_at for story in stories), default=None)
    expires_at = oldest + topic.horizon if oldest and topic.max_age else None
    stored_topics.mark_published(database, dirty, expires_at)
    return changed


def _tell(slug: str, config: Config, database: Database, now: datetime) -> None:
    """Have the feeds of a topic delivered, or another hub told. Before the topic counts as published, so that a crash
    forgets nobody; who has had just these bytes gets them no second time."""
    settings = config.settings
    if config.topics[slug].private or not settings.hubs:
        return
    urls = compose.urls(slug, settings.base_url).values()
    others = settings.hubs if settings.websub.hub != "own" else ()
    pairs = [(url, other) for url in urls for other in others]
    pinged = [Subscriber(digest(pair), *pair, "", None, now + ALWAYS, ping=True) for pair in pairs]
    stored_subscribers.awaken(database, urls, now, pinged)
