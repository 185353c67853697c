"""The stories of an edition that is not a topic's own feed → its published files.

An item says in any edition what it says in its topic, under the same id; where an edition has several topics, also in
which of them it is. There are no archives here: what leaves these feeds is in those of the topics.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain

from aggregator import compose, editions, publication, publish
from aggregator.compose import Why
from aggregator.config import Config
from aggregator.editions import Edition
from aggregator.models import Category, Feed, Membership, Withdrawn
from aggregator.publication import MOST_WITHDRAWN, WITHDRAWN
from aggregator.store import Database, selections
from aggregator.store import contents as stored_contents
from aggregator.store import editions as stored_editions
from aggregator.store import memberships as stored_memberships
from aggregator.store import withdrawals as stored_withdrawals
from aggregator.store.contents import StoredStory
from aggregator.store.editions import DirtyEdition
from aggregator.store.selections import Part, Wanted

LARGEST_WHOLE = 2_000  # stories in the topics of an edition: of more, nobody looks whether it has all
_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Selected:
    """The stories of an edition, newest first, with the topics for whose sake they are in it."""

    stories: Sequence[StoredStory]
    told: Mapping[str, Sequence[Membership]]  # by story
    is_all: bool  # there are no others


def publish_edition(
    dirty: DirtyEdition, config: Config, database: Database, now: datetime, share: Callable[[], None] = lambda: None
) -> int:
    """Bring the files of an edition up to date; the number of changed files. `share` lets other machines have them,
    before the edition counts as published. Raises StateError, OSError."""
    edition = editions.of(config).get(dirty.name)
    if edition is None:
        return 0
    found = _selected(edition, config, database, now)
    item_ids = publication.pinned(found.stories, config, database)
    feed = _composed(edition, found, item_ids, config, dirty.created_at)
    gone = _withdrawn(edition, config, database, now - WITHDRAWN)
    feed = compose.with_withdrawn(feed, gone, config.settings.base_url)
    changed = publish.publish(feed, edition.name, editions.root(edition, config), private=edition.private)
    if not edition.private:
        publication.tell(editions.urls(edition, config.settings.base_url).values(), config, database, now)
    share()
    stored_editions.mark_published(database, dirty, _expires_at(edition, found, config))
    return changed


def _selected(edition: Edition, config: Config, database: Database, now: datetime) -> Selected:
    if not edition.topics:
        return _of_everything(edition.limit, config, database)
    topics = {slug: config.topics[slug] for slug in edition.topics}
    parts = [Part(slug, now - one.horizon, one.one_per_event) for slug, one in topics.items()]
    whole = [Part(slug, _BEGINNING) for slug in topics]
    wanted = Wanted(edition.limit, edition.lang, edition.min_score)
    found = selections.newest(database, parts, wanted)
    is_all = (
        len(found) < edition.limit
        and selections.are_small(database, edition.topics, most=LARGEST_WHOLE)
        and found == selections.newest(database, whole, wanted, past=True)
    )
    names_related = edition.is_variant and topics[edition.topics[0]].related
    related = compose.MOST_RELATED if names_related else 0
    return _told(found, database, is_all=is_all, related=related, private=config.untold(private=edition.private))


def _of_everything(limit: int, config: Config, database: Database) -> Selected:
    ids = selections.everything(database, config.private_topics, limit=limit + 1)
    public = [slug for slug, topic in config.topics.items() if not topic.private]
    return _told({story: public for story in ids[:limit]}, database, is_all=len(ids) <= limit)


def _told(
    found: Mapping[str, Sequence[str]],
    database: Database,
    *,
    is_all: bool,
    related: int = 0,
    private: Collection[str] = (),
) -> Selected:
    """Stories with what is known of them, by the topics among which those are to be named whose feeds show them."""
    known = stored_memberships.of(database, found.keys(), shown=True)
    told = {story: [known[story][slug] for slug in slugs if slug in known[story]] for story, slugs in found.items()}
    stories = stored_contents.stories_by_id(database, list(found), related=related, private=private)
    return Selected(stories, told, is_all)


def _composed(
    edition: Edition, found: Selected, item_ids: Mapping[str, str], config: Config, created_at: datetime
) -> Feed:
    settings, is_mixed = config.settings, not edition.is_variant
    empty = replace(editions.feed(edition, settings, created_at), complete=found.is_all)
    stories, why = [], {}
    for story in found.stories:
        told = [_explained(one, config, is_mixed=is_mixed) for one in found.told[story.id]]
        score = max((one.score for one in found.told[story.id]), default=0)
        stories.append(replace(story, score=score, reasons=tuple(chain.from_iterable(reasons for reasons, _ in told))))
        why[story.id] = Why(
            tuple(chain.from_iterable(one.footer for _, one in told)),
            tuple(chain.from_iterable(one.categories for _, one in told)),
        )
    return compose.filled(empty, stories, why, item_ids, settings, config.agencies)


def _explained(one: Membership, config: Config, *, is_mixed: bool) -> tuple[Sequence[str], Why]:
    """The reasons for which a story is in a topic, and what its item says of them; in a feed of several topics also in
    which one that is."""
    topic, authority = config.topics[one.topic], config.settings.tag_authority
    if not is_mixed:
        return one.reasons, compose.why(topic, one.reasons, authority)
    reasons = [f"{topic.title}: {reason}" for reason in one.reasons]
    why = compose.why(topic, reasons, authority)
    place = Category(one.topic, f"tag:{authority}:topics", topic.title)
    return reasons, replace(why, categories=(place, *why.categories))


def _withdrawn(edition: Edition, config: Config, database: Database, since: datetime) -> Sequence[Withdrawn]:
    private, most = config.untold(private=edition.private), MOST_WITHDRAWN
    if edition.topics:
        lang, min_score, slugs = edition.lang, edition.min_score, edition.topics
        return stored_withdrawals.of(database, slugs, since, private, limit=most, lang=lang, min_score=min_score)
    public = [slug for slug, topic in config.topics.items() if not topic.private]
    return stored_withdrawals.of_everything(database, public, since, private, limit=most)


def _expires_at(edition: Edition, found: Selected, config: Config) -> datetime | None:
    """When the first of the stories becomes too old for one of the topics for whose sake it is here."""
    pairs = ((story, config.topics[one.topic]) for story in found.stories for one in found.told[story.id])
    ends = (story.founded_at + topic.horizon for story, topic in pairs if topic.max_age)
    return min(ends, default=None) if edition.topics else None
