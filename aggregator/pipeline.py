"""The way of an article: the only place that knows the order of the stages.

    store.claim → sources.visit → parsers.parse → clean → dedup → features → tagging → topics → store.save → settle
        a due         bytes         entries      articles  stories  words       tags    membership  one
        source                                                      and hits                       transaction

    store.dirty → store.stories_in → compose → store.pin → formats.render → publish
        topics        stories          feed       ids          bytes         files

Stages take values and give values; the past they need is read here and handed to them. A file is moved only after its
article is stored, and publishing only repeats what the store says, so either can be cut off anywhere and done again.
"""

import logging
import time
from asyncio import get_running_loop
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from aggregator import compose, dedup, publish, registry, schedule, sniff, tagging, topics
from aggregator.clean import clean
from aggregator.config import Config
from aggregator.errors import DocumentError, LeaseLost, SourceError
from aggregator.features import Features, Vocabulary
from aggregator.fetch import Fetcher
from aggregator.models import (
    Article,
    Document,
    Entry,
    Found,
    Lease,
    Membership,
    Outcome,
    Rejected,
    Story,
    Tag,
    Verdict,
    Visit,
)
from aggregator.registry import Source
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import sources as stored_sources
from aggregator.store import topics as stored_topics
from aggregator.store import visits as stored_visits
from aggregator.words import digest

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)  # longer than any visit may take
BATCH = 200  # stories judged anew in one transaction

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Judgement:
    """What the rules say of one article."""

    features: Features
    tags: dict[str, Tag]
    verdicts: dict[str, Verdict]  # by topic


class Judge:
    """The rules of a configuration, ready to be asked about articles. Pure once made."""

    def __init__(self, config: Config) -> None:
        self.topics = config.topics
        self.vocabulary = Vocabulary(config.concepts, topics.phrases(config.topics.values()))
        rules = [repr(config.topics), repr(config.concepts)]
        self.rules_hash = digest(rules)

    def judge(self, article: Article) -> Judgement:
        features = self.vocabulary.read(article)
        tags = tagging.tags(features, self.vocabulary)
        verdicts = {slug: topics.judge(topic, features, tags) for slug, topic in self.topics.items()}
        return Judgement(features, tags, verdicts)


def parse(document: Document, accepts: frozenset[str]) -> list[Entry]:
    """A document's entries, by the parser for what it is. Raises DocumentError for what its source does not promise."""
    kind = sniff.media_type(document.body)
    parser = registry.parsers().get(kind)
    if parser is None or kind not in accepts:
        wanted = " or ".join(sorted(map(sniff.describe, accepts)))
        raise DocumentError(f"{document.name}: {sniff.describe(kind)}, not {wanted}")
    return parser.parse(document)


class Pipeline:
    """The stages bound to one configuration and one store."""

    def __init__(self, config: Config, database: Database, executor: Executor, clock: Clock = utc_now) -> None:
        self.config = config
        self.database = database
        self.judge = Judge(config)
        self._executor = executor  # where everything but the network happens
        self._clock = clock

    def prepare(self) -> None:
        """Tell the store what the configuration says, and apply changed rules to everything that is stored."""
        now = self._clock()
        stored_sources.register(self.database, self.config.sources, now)
        outdated = stored_topics.register(self.database, self.config.topics, self.judge.rules_hash, now)
        publish.withdraw(set(self.config.topics), self.config.public)
        if outdated:
            self._judge_all()
            stored_topics.note_rules(self.database, self.judge.rules_hash)
        settings = self.config.settings
        shown = [settings.base_url, settings.tag_authority, repr(self.config.topics)]
        shown += [f"{key} {source.title} {source.rank}" for key, source in sorted(self.config.sources.items())]
        stored_topics.touch_all_if(self.database, "shown", digest(shown))
        missing = [slug for slug in self.config.topics if not publish.is_published(slug, self.config.public)]
        stored_topics.republish(self.database, missing)

    async def ingest(self, lease: Lease, fetcher: Fetcher) -> Visit | None:
        """One visit, from source to store. A failure is recorded at the source; None when the lease was lost."""
        source = self.config.sources[lease.source]
        started, clock = self._clock(), time.monotonic()
        try:
            found: Found | SourceError = await source.visit(lease.state, fetcher, started)
        except SourceError as error:
            found = error
        finish = get_running_loop().run_in_executor
        return await finish(self._executor, self._finish, source, lease, found, started, clock)

    def _finish(
        self, source: Source, lease: Lease, found: Found | SourceError, started: datetime, clock: float
    ) -> Visit | None:
        """The part of a visit that is never broken off: understand what came, store it, tidy up."""
        rejected: list[Rejected] = []
        try:
            if isinstance(found, SourceError):
                outcome = self._failure(lease, found, started)
            else:
                outcome, rejected = self._digest(source, lease, found, started)
            milliseconds = round((time.monotonic() - clock) * 1000)
            outcome = replace(outcome, visit=replace(outcome.visit, milliseconds=milliseconds))
            stored_visits.save(self.database, lease, outcome)
            if isinstance(found, Found):
                source.settle(found.documents, rejected)
        except LeaseLost as error:
            log.warning("visit dropped: %s", error)
            return None
        except OSError as error:
            log.error("files of %s could not be moved, they will be read again: %s", source.key, error)
        _report(outcome.visit)
        return outcome.visit

    def _digest(self, source: Source, lease: Lease, found: Found, now: datetime) -> tuple[Outcome, list[Rejected]]:
        rejected = list(found.refused)
        articles: list[Article] = []
        skipped = 0
        for document in found.documents:
            try:
                for entry in parse(document, source.ACCEPTS):
                    article = clean(entry, source=source.key, now=now, declared_language=source.language)
                    articles += [article] if article.title else []
                    skipped += not article.title
            except DocumentError as error:
                rejected.append(Rejected(document.name, str(error)))
        if rejected and source.address:  # one document is all there is
            return self._failure(lease, DocumentError(rejected[0].reason), now), rejected
        known = stored_articles.known(self.database, [article.key for article in articles])
        fresh = dedup.news(articles, known)
        stories = self._fold(source, fresh)
        tags, memberships = self._judge(fresh, stories)
        visit = Visit(
            source=source.key,
            started_at=now,
            outcome="news" if fresh else "unchanged",
            milliseconds=0,
            status=found.status,
            byte_count=found.byte_count,
            new=sum(article.key not in known for article in fresh),
            updated=sum(article.key in known for article in fresh),
            known=len(articles) - len(fresh),
            skipped=skipped,
            error=_summary(rejected),
        )
        due_at = schedule.next_visit(now, every=self.config.settings.poll.every, unsettled=found.unsettled)
        state = replace(found.state, body_hash=None) if rejected else found.state  # look again next time
        return Outcome(visit, state, due_at, 0, fresh, stories, tags, memberships), rejected

    def _fold(self, source: Source, fresh: Iterable[Article]) -> tuple[Story, ...]:
        copies = [dedup.copy_of(article, source.rank) for article in fresh]
        past = stored_articles.copies(
            self.database,
            keys=[copy.key for copy in copies],
            links=[copy.link for copy in copies if copy.link],
            text_hashes=[copy.text_hash for copy in copies],
        )
        return dedup.fold(copies, past)

    def _judge(
        self, fresh: Iterable[Article], stories: Iterable[Story]
    ) -> tuple[dict[str, tuple[Tag, ...]], dict[str, tuple[Membership, ...]]]:
        """Tags of the new articles; memberships of the stories that they lead."""
        judgements = {article.key: self.judge.judge(article) for article in fresh}
        tags = {key: tuple(judgement.tags.values()) for key, judgement in judgements.items()}
        memberships: dict[str, tuple[Membership, ...]] = {}
        for story in stories:
            if story.lead in judgements:
                memberships[story.id] = tuple(_memberships(story.id, judgements[story.lead]))
        return tags, memberships

    def _judge_all(self) -> None:
        """Apply the rules to the whole store, piece by piece."""
        last = ""
        while batch := stored_articles.leads(self.database, after=last, limit=BATCH):
            judgements = {story: self.judge.judge(article) for story, article in batch}
            stored_visits.save_judgement(
                self.database,
                {article.key: tuple(judgements[story].tags.values()) for story, article in batch},
                {story: tuple(_memberships(story, judgement)) for story, judgement in judgements.items()},
            )
            last = batch[-1][0]

    def _failure(self, lease: Lease, error: SourceError, now: datetime) -> Outcome:
        failures = lease.failures + 1
        status = getattr(error, "status", None)
        visit = Visit(lease.source, now, "failed", 0, status=status, error=f"{error.kind}: {error}")
        due_at = schedule.next_visit(now, every=self.config.settings.poll.every, failures=failures)
        return Outcome(visit, lease.state, due_at, failures)

    def publish(self) -> int:
        """Bring the published files of every changed topic up to date. Answers with the number of changed files."""
        now = self._clock()
        changed = 0
        for dirty in stored_topics.dirty(self.database, now):
            topic = self.config.topics.get(dirty.slug)
            if topic is None:
                continue
            since = now - topic.horizon
            stories = stored_topics.stories_in(self.database, dirty.slug, since=since, limit=topic.limit)
            item_ids = {story.id: story.item_id for story in stories if story.item_id}
            authority = self.config.settings.tag_authority
            unpinned = {
                story.id: compose.item_id(authority, story.copies) for story in stories if story.id not in item_ids
            }
            if unpinned:
                item_ids |= stored_topics.pin(self.database, unpinned)
            feed = compose.compose(dirty.slug, topic, stories, item_ids, self.config.settings, dirty.created_at)
            changed += publish.publish(feed, dirty.slug, self.config.public)
            oldest = min((story.lead.dated_at for story in stories), default=None)
            expires_at = oldest + topic.horizon if oldest and topic.max_age else None
            stored_topics.mark_published(self.database, dirty, expires_at)
        return changed


def _memberships(story: str, judgement: Judgement) -> Iterator[Membership]:
    for slug, verdict in judgement.verdicts.items():
        if verdict.holds:
            yield Membership(slug, story, verdict.score, topics.reasons(verdict))


def _summary(rejected: list[Rejected]) -> str | None:
    if not rejected:
        return None
    more = f" (and {len(rejected) - 1} more)" if len(rejected) > 1 else ""
    reason = rejected[0].reason
    name = rejected[0].name.encode("utf-8", "replace").decode()
    return f"document: {reason if reason.startswith(name) else f'{name}: {reason}'}{more}"


def _report(visit: Visit) -> None:
    if visit.error:
        log.warning("%s: %s", visit.source, visit.error)
    if visit.new or visit.updated:
        log.info("%s: %d new, %d updated, %d ms", visit.source, visit.new, visit.updated, visit.milliseconds)
    else:
        log.debug("%s: %s, %d ms", visit.source, visit.outcome, visit.milliseconds)
