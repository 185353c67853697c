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
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from aggregator import compose, dedup, outage, publish, registry, schedule, sniff, websub
from aggregator.clean import clean, legal
from aggregator.config import Config
from aggregator.errors import DocumentError, LeaseLost, SourceError, StateError
from aggregator.fetch import Fetcher
from aggregator.judge import Judge
from aggregator.models import (
    Article,
    Document,
    Found,
    Lease,
    Membership,
    Outcome,
    Parsed,
    Rejected,
    SourceState,
    Story,
    Subscription,
    Tag,
    Visit,
)
from aggregator.outage import Outage
from aggregator.registry import Source
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import retention as stored_retention
from aggregator.store import sources as stored_sources
from aggregator.store import subscriptions as stored_subscriptions
from aggregator.store import topics as stored_topics
from aggregator.store import visits as stored_visits
from aggregator.words import digest

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)  # a visit that waits longer to be stored is dropped, and made again
HINTED = timedelta(minutes=1)  # between two visits that hubs can bring about
BATCH = 200  # stories judged anew in one transaction

T = TypeVar("T")
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def parse(document: Document, accepts: frozenset[str]) -> Parsed:
    """What a document holds, by the parser for its kind. Raises DocumentError for what its source does not promise."""
    kind = sniff.media_type(document.body)
    parser = registry.parsers().get(kind)
    if parser is None or kind not in accepts:
        wanted = " or ".join(sorted(set(map(sniff.describe, accepts))))
        raise DocumentError(f"{document.name}: {sniff.describe(kind)}, not {wanted}")
    return parser.parse(document)


class Pipeline:
    """The stages bound to one configuration and one store."""

    def __init__(
        self,
        config: Config,
        database: Database,
        executor: Executor,
        clock: Clock = utc_now,
        reload: Callable[[], None] = lambda: None,
    ) -> None:
        """`reload` is told when a visit has found that which sources there are has changed."""
        self.config = config
        self.database = database
        self.judge = Judge(config)
        self.outage = Outage()
        self._executor = executor  # where everything but the network happens
        self._clock = clock
        self._reload = reload

    def prepare(self) -> None:
        """Tell the store what the configuration says, and apply changed rules to everything that is stored."""
        now = self._clock()
        for old, new in stored_sources.register(self.database, self.config.sources, now).items():
            log.info("%s: what it had is now that of %s, to which it has moved", old, new)
        fixed = (source.every for source in self.config.sources.values() if source.every)
        longest = max(schedule.MUTED, self.config.settings.poll.max, *fixed)
        stored_sources.limit_waits(self.database, now, longest * 2, schedule.LONGEST_REST, LEASE * 2)
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

    def adopt(self, config: Config) -> None:
        """Go on with another configuration. Runs where all else runs, so no visit or publication is torn in two."""
        before = self.config, self.judge
        self.config, self.judge = config, Judge(config)
        try:
            self.prepare()
        except BaseException:
            self.config, self.judge = before
            raise

    def now(self) -> datetime:
        return self._clock()

    async def in_executor(self, work: Callable[[], T]) -> T:
        """Do something with the store where everything is done that is not network."""
        try:
            future = get_running_loop().run_in_executor(self._executor, work)
        except RuntimeError as error:  # it has been shut down
            raise StateError("the daemon is stopping") from error
        return await future

    async def ingest(self, lease: Lease, fetcher: Fetcher) -> Visit | None:
        """One visit, from source to store. A failure is recorded at the source; None when lease or source was lost."""
        source = self.config.sources.get(lease.source)
        if source is None:
            await self.in_executor(lambda: stored_sources.release(self.database, [lease]))
            return None  # it left the configuration after it was claimed
        started, clock = self._clock(), time.monotonic()
        try:
            found: Found | SourceError = await source.visit(lease.state, fetcher, started)
        except SourceError as error:
            found = error
        except Exception as error:  # a plug-in's bug costs its source alone
            found = _bug(source, error)
        visit = await self.in_executor(lambda: self._finish(source, lease, found, started, clock))
        if visit and isinstance(found, Found) and found.reload:
            self._reload()
        return visit

    async def receive(self, subscription: Subscription, document: Document | None) -> bool:
        """Take in what a hub has pushed; False while the source is being visited: the hub may try again.

        When this is True, what came is stored. A document that holds no article, or None, is but a hint that there is
        news: the source is visited soon.
        """
        return await self.in_executor(lambda: self._receive(subscription, document))

    def _receive(self, subscription: Subscription, document: Document | None) -> bool:
        now, clock = self._clock(), time.monotonic()
        source = self.config.sources.get(subscription.source)
        if source is not None and document is not None:
            lease = stored_sources.claim_one(self.database, source.key, now, lease=LEASE)
            if lease is None:
                return False
            try:
                understood = self._take_in(source, lease, document, now, clock)
            except LeaseLost:
                return False
            except Exception as error:
                stored_sources.release(self.database, [lease])
                if isinstance(error, StateError):
                    raise
                _bug(source, error)  # met by what one hub says: the poll will meet it too, and record it
                understood = False
            document = document if understood else None
        if document is None:
            last = subscription.pushed_at
            stored_sources.hasten(self.database, subscription.source, max(now, last + HINTED) if last else now)
        stored_subscriptions.note_push(self.database, subscription.token, now)
        return True

    def _take_in(self, source: Source, lease: Lease, document: Document, now: datetime, clock: float) -> bool:
        """Store a pushed document as if a visit had brought it; what only a visit can tell stays as it was.

        False if it holds no article. What changes known articles may be late or out of order, so the next visit reads
        the whole document.
        """
        found = Found((document,), lease.state, byte_count=len(document.body))
        outcome, rejected = self._digest(source, lease, found, now)
        if rejected or not (outcome.visit.new or outcome.visit.updated or outcome.visit.known):
            stored_sources.release(self.database, [lease])
            return False
        state = replace(lease.state, rhythm=outcome.state.rhythm)
        if outcome.visit.updated:
            state = replace(state, body_hash=None, read_at=None)
        visit = replace(outcome.visit, milliseconds=round((time.monotonic() - clock) * 1000))
        outcome = replace(outcome, visit=visit, state=state, due_at=lease.due_at, failures=lease.failures, plan=None)
        stored_visits.save(self.database, lease, outcome)
        _report(outcome.visit)
        return True

    def _finish(
        self, source: Source, lease: Lease, found: Found | SourceError, started: datetime, clock: float
    ) -> Visit | None:
        """The part of a visit that is never broken off: understand what came, store it, tidy up."""
        try:
            return self._store(source, lease, found, started, clock)
        except LeaseLost as error:
            log.warning("visit dropped: %s", error)
            return None
        except StateError:
            raise  # the database's trouble, not the source's
        except Exception as error:  # a bug of ours, met by what one source says, must not stop the others
            return self._store(source, lease, _bug(source, error), started, clock)

    def _store(
        self, source: Source, lease: Lease, found: Found | SourceError, started: datetime, clock: float
    ) -> Visit:
        rejected: list[Rejected] = []
        if isinstance(found, SourceError):
            outcome = self._failure(source, lease, found, started)
        else:
            outcome, rejected = self._digest(source, lease, found, started)
        milliseconds = round((time.monotonic() - clock) * 1000)
        outcome = replace(outcome, visit=replace(outcome.visit, milliseconds=milliseconds))
        stored_visits.save(self.database, lease, outcome)
        if source.host:
            self._watch_network(source.host, lease, outcome.visit)
        if isinstance(found, Found):
            try:
                source.settle(found.documents, rejected)
            except OSError as error:
                log.error("files of %s could not be moved, they will be read again: %s", source.key, error)
        _report(outcome.visit)
        return outcome.visit

    def _watch_network(self, host: str, lease: Lease, visit: Visit) -> None:
        before = self.outage.is_on
        since = self.outage.note(host, visit.kind, visit.started_at, answered_before=_answered_before(lease))
        if since is not None:
            log.warning("the network is back: what has failed since %s is visited again", since)
            stored_sources.make_failing_due(self.database, visit.started_at, since)
        elif self.outage.is_on and not before:
            log.warning("no answer from any of %d hosts: our own network seems to be down", outage.HOSTS)

    def _digest(self, source: Source, lease: Lease, found: Found, now: datetime) -> tuple[Outcome, list[Rejected]]:
        rejected = list(found.refused)
        articles: list[Article] = []
        skipped = 0
        state = found.state
        for document in found.documents:
            try:
                parsed = parse(document, source.ACCEPTS)
            except DocumentError as error:
                rejected.append(Rejected(document.name, str(error)))
                if source.ONE_DOCUMENT:
                    return self._failure(source, lease, error, now), rejected
                continue
            if parsed.advice is not None:
                state = replace(state, advice=websub.resolved(parsed.advice, document.url))
            for entry in parsed.entries:
                article = clean(entry, source=source.key, now=now, declared_language=source.language)
                articles += [article] if article.title else []
                skipped += not article.title
        state = replace(state, advice=websub.merged(found.advice, state.advice))
        known = stored_articles.known(self.database, [article.key for article in articles])
        articles, carried = self._without_buried(articles, known, now)
        fresh = dedup.news(articles, known)
        stories = self._fold(source, fresh)
        tags, memberships = self._judge(fresh, stories)
        new = [article for article in fresh if article.key not in known]
        visit = Visit(
            source=source.key,
            started_at=now,
            outcome="news" if fresh else "unchanged",
            milliseconds=0,
            status=found.status,
            byte_count=found.byte_count,
            new=len(new),
            updated=len(fresh) - len(new),
            known=len(articles) - len(fresh) + carried,
            skipped=skipped,
            url=found.url,
            error=_summary(rejected),
        )
        rhythm = schedule.learned(
            state.rhythm,
            now,
            lease.due_at,
            after_success=lease.failures == 0,
            news=[article.published_at for article in new],
        )
        missed = bool(new) and not (known or carried) and lease.state.succeeded_at is not None
        state = replace(
            state,
            body_hash=None if rejected else state.body_hash,  # look again next time
            rhythm=rhythm,
            succeeded_at=now,
            failing_since=None,
        )
        plan = self._next(source, state, found, now, missed, bool(new))
        return Outcome(visit, state, plan.due_at, 0, fresh, stories, tags, memberships, plan.reason), rejected

    def _without_buried(
        self, articles: Sequence[Article], known: Collection[str], now: datetime
    ) -> tuple[list[Article], int]:
        """The articles that retention has not taken away, and the number of the others, which are still carried."""
        buried = stored_retention.buried(
            self.database, [article.key for article in articles if article.key not in known]
        )
        stored_retention.note_carried(self.database, buried, now)
        kept = [article for article in articles if article.key not in buried]
        return kept, len(articles) - len(kept)

    def _next(
        self, source: Source, state: SourceState, found: Found, now: datetime, missed: bool, new: bool
    ) -> schedule.Plan:
        poll = self.config.settings.poll
        if found.unsettled:
            return schedule.Plan(now + schedule.SOON, "something is still being written")
        return schedule.after_success(
            now,
            poll,
            state.rhythm,
            state.advice,
            fixed=source.every or (None if source.host else poll.every),
            fresh_for=found.fresh_for,
            missed=missed,
            pushed=self._is_pushed(source, state, now, new),
            scatter=_scatter(source.key, now),
        )

    def _is_pushed(self, source: Source, state: SourceState, now: datetime, new: bool) -> bool:
        """Whether a hub can be trusted to tell of this source's news. `new`: this visit has found some itself."""
        if not state.advice.hubs:
            return False
        known = stored_subscriptions.of_source(self.database, source.key)
        if known is None or known.state != "active" or known.lease_until is None or known.lease_until <= now:
            return False
        return schedule.relies_on_pushes(state.rhythm, known.pushed_at, now, untold=new)

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
        self, fresh: Iterable[Article], stories: Sequence[Story]
    ) -> tuple[dict[str, tuple[Tag, ...]], dict[str, tuple[Membership, ...]]]:
        """Tags of the new articles; memberships of the stories, by the articles that lead them."""
        judgements = {article.key: self.judge.judge(article) for article in fresh}
        tags = {key: judgement.all_tags for key, judgement in judgements.items()}
        others = [story.lead for story in stories if story.lead not in judgements]
        for key, article in stored_articles.by_keys(self.database, others).items():
            judgements[key] = self.judge.judge(article)
        return tags, {story.id: judgements[story.lead].memberships(story.id) for story in stories}

    def _judge_all(self) -> None:
        """Apply the rules to the whole store, piece by piece: who leads, what it is about, where it belongs."""
        last = ""
        while batch := stored_articles.stories(self.database, after=last, limit=BATCH):
            stories = [Story(story, dedup.lead(copies).key, tuple(copies)) for story, copies in batch.items()]
            articles = stored_articles.by_keys(self.database, [copy.key for story in stories for copy in story.copies])
            judgements = {key: self.judge.judge(article) for key, article in articles.items()}
            stored_visits.save_judgement(
                self.database,
                {key: judgement.all_tags for key, judgement in judgements.items()},
                {story.id: judgements[story.lead].memberships(story.id) for story in stories},
                {story.id: story.lead for story in stories},
            )
            last = stories[-1].id

    def _failure(self, source: Source, lease: Lease, error: SourceError, now: datetime) -> Outcome:
        status, retry_after = getattr(error, "status", None), getattr(error, "retry_after", None)
        failures = lease.failures + 1
        if self.outage.is_on and error.kind in outage.KINDS and _answered_before(lease):
            failures = lease.failures
            plan = schedule.Plan(now + schedule.OFFLINE, "our own network seems to be down")
        else:
            plan = schedule.after_failure(
                now,
                self.config.settings.poll,
                failures,
                error.kind,
                fixed=source.every,
                retry_after=retry_after,
                scatter=_scatter(source.key, now),
            )
        served = lease.state.succeeded_at is not None
        rest = schedule.rest(error.kind, retry_after, answered_before=served)
        state = replace(lease.state, failing_since=lease.state.failing_since or now)
        trouble = schedule.trouble(state, error.kind, now)
        if trouble:
            log.warning("%s: look at it: %s", source.title, trouble)
        visit = Visit(lease.source, now, "failed", 0, status=status, kind=error.kind, error=legal(str(error)))
        return Outcome(visit, state, plan.due_at, failures, plan=plan.reason, rest_until=now + rest if rest else None)

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


def _answered_before(lease: Lease) -> bool:
    return lease.failures == 0 and lease.state.succeeded_at is not None


def _bug(source: Source, error: Exception) -> SourceError:
    log.exception("a bug met in %s; please report it", source.key, exc_info=error)
    return SourceError("bug", f"a bug of ours: {type(error).__name__}: {error}")


def _scatter(key: str, now: datetime) -> float:
    """A number from 0 to 1, another one for each source and visit."""
    return int(digest([key, now.isoformat()])[:8], 16) / 0xFFFFFFFF


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
