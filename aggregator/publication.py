"""The stories of a topic → its published files, and who is to hear of them.

Repeats what the store says, so it can be cut off and done again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator import archive, bundles, compose, digesting, editions, entering, opml, publish
from aggregator.config import Config, Topic, yamlfile
from aggregator.editions import Edition
from aggregator.errors import ConfigError
from aggregator.models import Feed, Subscriber
from aggregator.opml import Outline
from aggregator.store import Database
from aggregator.store import contents as stored_contents
from aggregator.store import pages as stored_pages
from aggregator.store import settings as stored_settings
from aggregator.store import subscribers as stored_subscribers
from aggregator.store import told as stored_told
from aggregator.store import topics as stored_topics
from aggregator.store import withdrawals as stored_withdrawals
from aggregator.store.contents import StoredStory
from aggregator.store.pages import Page
from aggregator.store.told import Entered
from aggregator.store.topics import DirtyTopic
from aggregator.words import digest

WITHDRAWN = timedelta(days=14)  # so long a feed says what was withdrawn from it
MOST_WITHDRAWN = 50
_ACROSS = "Across topics"  # the folder of what has stories of several, in the list of all
ALWAYS = timedelta(days=365)  # a hub of others is remembered for that long after a publication


def check_authority(config: Config, database: Database) -> None:
    """Refuse another `tag_authority` than that by which feeds were named before: readers would take each for a new one.
    Raises ConfigError, StateError."""
    settings = config.settings
    known = stored_settings.noted(database, "tag_authority")
    if known not in (None, settings.tag_authority, settings.former_tag_authority):
        file = yamlfile.load(config.directory / "aggregator.yaml")
        message = (
            f"tag_authority is {settings.tag_authority}, but was {known} so far, and the ids of all feeds and of new"
            f" items would change: readers take them for new ones. Write {known} again, or, if new ids are meant, also"
            f" `former_tag_authority: {known}`"
        )
        raise ConfigError([file.problem(("tag_authority",), message)])
    if known != settings.tag_authority:
        stored_settings.note(database, "tag_authority", settings.tag_authority)


def publish_list(config: Config) -> bool:
    """Write the list of all topics that everybody may read, as OPML, with what goes across them in a folder before;
    False if it was there already. Raises OSError."""
    base_url = config.settings.base_url
    across = [_outline(one, base_url, (_ACROSS,)) for one in (*editions.everything(config), *editions.labels(config))]
    public = [
        _outline(edition, base_url, topic.labels[:1], topic.labels)
        for slug, topic in config.topics.items()
        for edition in editions.of_topic(slug, topic)
        if edition.is_topic and not topic.private
    ]
    path = publish.folder(config.public).parent / compose.LIST
    return publish.replace(path, opml.write([*across, *public], f"Topics of {base_url}"))


def _outline(edition: Edition, base_url: str, folder: tuple[str, ...], categories: tuple[str, ...] = ()) -> Outline:
    return Outline(
        editions.urls(edition, base_url)["atom"],
        edition.title,
        folder,
        categories=categories,
        page=f"{base_url}{edition.page}",
        description=edition.description,
    )


def publish_topic(
    dirty: DirtyTopic, config: Config, database: Database, now: datetime, share: Callable[[], None] = lambda: None
) -> int:
    """Bring the files of one topic up to date. Answers with the number of changed files. Raises StateError, OSError.

    `share` lets other machines have them, before the topic counts as published.
    """
    topic = config.topics.get(dirty.slug)
    if topic is None:
        return 0
    entering.admit(dirty.slug, topic, database, now)
    has_bundles = dirty.has_bundles or entering.is_capped(topic)
    shown = _shown(dirty.slug, topic, config.untold(private=topic.private), database, now, has_bundles=has_bundles)
    feed = _composed(dirty, shown.stories, config, database)
    feed = _with_bundles(feed, shown, dirty, config, database, most=bundles.MOST_STORIES)
    archived = _archived(dirty.slug, topic, shown, database, now, has_bundles=has_bundles)
    changed = sum(_publish_page(page, dirty, config, database) for page in archived.pages)
    feed = _connected(feed, dirty.slug, archived, config, database, now)
    root = config.private if topic.private else config.public
    changed += publish.publish(feed, dirty.slug, root, private=topic.private)
    digested = digesting.bring_up(dirty, topic, config, database, now)
    if not topic.private:
        names = editions.published_with(dirty.slug, topic)
        tell(
            [url for name in names for url in compose.urls(name, config.settings.base_url).values()],
            config,
            database,
            now,
        )
    share()
    is_left = archived.pages and stored_pages.changed(database, dirty.slug, limit=1)
    times = (_expires_at(shown, topic), now if is_left else archived.again_at, digested.again_at)
    behind = editions.behind(dirty.slug, topic)
    next_at = min(filter(None, times), default=None)
    stored_topics.mark_published(database, dirty, next_at, behind, digested_at=digested.digested_at)
    return changed + digested.changed


def _shown(
    slug: str, topic: Topic, untold: Collection[str], database: Database, now: datetime, *, has_bundles: bool
) -> bundles.Shown:
    """What the feed of a topic has room for. `untold`: private topics of which nothing is to be named."""
    since, per_event = now - topic.horizon, topic.one_per_event
    found = stored_contents.stories_in(
        database,
        slug,
        since=since,
        limit=topic.limit,
        one_per_event=per_event,
        related=_most_related(topic),
        private=untold,
    )
    some: Mapping[datetime, Sequence[Entered]] = {}
    if has_bundles:
        some = stored_told.bundles(database, slug, since, limit=bundles.MOST, one_per_event=per_event)
    return bundles.shown(found, some, topic.limit)


def _archived(
    slug: str, topic: Topic, shown: bundles.Shown, database: Database, now: datetime, *, has_bundles: bool
) -> archive.Archived:
    """The archive, in which is all that has left the feed; a private topic has none."""
    if topic.private:
        return archive.Archived()
    held = archive.Shown(now - topic.horizon, shown.last, shown.bundles.keys(), has_bundles)
    return archive.bring_up(slug, topic, held, database, now)


def _connected(
    feed: Feed, slug: str, archived: archive.Archived, config: Config, database: Database, now: datetime
) -> Feed:
    """The feed with what it says of its archive, and of what was withdrawn from it."""
    base_url = config.settings.base_url
    if archived.last:
        feed = replace(feed, previous=compose.page_urls(slug, archived.last, base_url))
    untold = config.untold(private=config.topics[slug].private)
    gone = stored_withdrawals.of(database, [slug], now - WITHDRAWN, untold, limit=MOST_WITHDRAWN)
    return compose.with_withdrawn(replace(feed, complete=archived.is_all), gone, base_url)


def _expires_at(shown: bundles.Shown, topic: Topic) -> datetime | None:
    """When the oldest item becomes too old for the feed."""
    oldest = min((*(story.founded_at for story in shown.stories), *shown.bundles), default=None)
    return oldest + topic.horizon if oldest and topic.max_age else None


def _most_related(topic: Topic) -> int:
    return compose.MOST_RELATED if topic.related else 0


def _publish_page(page: Page, dirty: DirtyTopic, config: Config, database: Database) -> int:
    """Write a page of the archive, or take it away if there is nothing on it any more."""
    slug, base_url, topic = dirty.slug, config.settings.base_url, config.topics[dirty.slug]
    per_event, related, untold = topic.one_per_event, _most_related(topic), config.untold(private=topic.private)
    stories = stored_contents.stories_on(
        database, slug, page.number, one_per_event=per_event, related=related, private=untold
    )
    some = stored_told.bundles_on(database, slug, page.number, one_per_event=per_event)
    shown = bundles.Shown(stories, some, is_full=False)
    before = stored_pages.before(database, slug, page.number)
    feed = _with_bundles(_composed(dirty, stories, config, database), shown, dirty, config, database)
    feed = compose.page(feed, slug, page.number, before, base_url)
    changed = publish.publish_page(feed, slug, page.number, config.public)
    stored_pages.mark_published(database, slug, page, is_empty=not feed.items)
    return changed


def _with_bundles(
    feed: Feed, shown: bundles.Shown, dirty: DirtyTopic, config: Config, database: Database, most: int | None = None
) -> Feed:
    """The feed with its bundles, in each of which so many stories are named."""
    last = stored_told.last_bundled(database, dirty.slug, shown.bundles)
    items = {
        hour: bundles.item(
            hour,
            last[hour],
            entered,
            stored_told.told(database, entered[:most]),
            dirty.slug,
            config.topics[dirty.slug],
            config.settings,
        )
        for hour, entered in shown.bundles.items()
    }
    return bundles.together(feed, shown.stories, items)


def _composed(dirty: DirtyTopic, stories: Sequence[StoredStory], config: Config, database: Database) -> Feed:
    """The feed of some stories of a topic, whose item ids are pinned."""
    topic, item_ids = config.topics[dirty.slug], pinned(stories, config, database)
    return compose.compose(dirty.slug, topic, stories, item_ids, config.settings, dirty.created_at, config.agencies)


def pinned(stories: Collection[StoredStory], config: Config, database: Database) -> dict[str, str]:
    """The item ids of stories, by story; those that have none yet get theirs for ever."""
    item_ids = {story.id: story.item_id for story in stories if story.item_id}
    authority = config.settings.tag_authority
    unpinned = {story.id: compose.item_id(authority, story.copies) for story in stories if story.id not in item_ids}
    return item_ids | stored_contents.pin(database, unpinned) if unpinned else item_ids


def tell(urls: Collection[str], config: Config, database: Database, now: datetime) -> None:
    """Have feeds at these addresses delivered, or another hub told. Before they count as published, so that a crash
    forgets nobody; who has had just these bytes gets them no second time."""
    settings = config.settings
    if not settings.hubs:
        return
    others = settings.hubs if settings.websub.hub != "own" else ()
    pairs = [(url, other) for url in urls for other in others]
    pinged = [Subscriber(digest(pair), *pair, "", None, now + ALWAYS, ping=True) for pair in pairs]
    stored_subscribers.awaken(database, urls, now, pinged)
