"""The way of an article from end to end: a visit, and a publication.

    store.claim → sources.visit → reading → outcome → store.save → settle
        a due         bytes         articles    all that     one
        source                                  changes      transaction

    reading:  sniff → parsers → identity → clean        outcome:  identity → dedup → features → tagging → topics
              kind    entries   which      articles               keys       stories   words     tags     membership

    store.dirty → store.stories_in → compose → store.pin → formats.render → publish
        topics        stories          feed       ids          bytes         files

A file is moved only after its article is stored, and publishing only repeats what the store says, so either can be cut
off anywhere and done again.
"""

import logging
import time
from asyncio import gather, get_running_loop, to_thread
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from aggregator import compose, metrics, outage, publish, reading, registry, retag, samples, schedule
from aggregator.batches import Batches
from aggregator.config import Config
from aggregator.errors import DocumentError, LeaseLost, SourceError, StateError
from aggregator.fetch import Fetcher
from aggregator.judge import Judge
from aggregator.models import Document, Found, Lease, Outcome, Reading, Rejected, SourceState, Subscription, Visit
from aggregator.outage import Outage
from aggregator.outcome import Outcomes, Readings, answered_before, scatter
from aggregator.readers import Readers
from aggregator.reading import Request, TooMuch
from aggregator.registry import Source
from aggregator.store import Database
from aggregator.store import files as stored_files
from aggregator.store import memories as stored_memories
from aggregator.store import sources as stored_sources
from aggregator.store import subscriptions as stored_subscriptions
from aggregator.store import topics as stored_topics
from aggregator.store import visits as stored_visits
from aggregator.words import digest

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)  # a visit that waits longer to be stored is dropped, and made again
PIECE = 10  # documents read in passing before others get their turn
UNMOVED = timedelta(minutes=1)  # until files that could not be moved are tried again
HINTED = timedelta(minutes=1)  # between two visits that hubs can bring about

T = TypeVar("T")
Clock = Callable[[], datetime]
Taken = Callable[[int, int], None]
_Tried = tuple[Document, Reading | DocumentError | None]  # None: a reader process is to read it


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Ending:
    """A visit whose documents have been read: what it comes to is still to be stored."""

    source: Source
    lease: Lease
    found: Found | SourceError
    readings: Readings
    started: datetime
    clock: float  # monotonic seconds when it began


class Pipeline:
    """The stages bound to one configuration and one store."""

    def __init__(
        self,
        config: Config,
        database: Database,
        executor: Executor,
        readers: Readers,
        clock: Clock = utc_now,
        reload: Callable[[], None] = lambda: None,
        taken: Taken = lambda documents, left: None,
    ) -> None:
        """`executor` has one thread, for all that is not network; what may take long is read by `readers`.

        `reload` is told when a visit has found that which sources there are has changed; `taken`, after each visit, how
        many documents were taken or refused, and how many files wait for the next one.
        """
        self.config = config
        self.database = database
        self.judge = Judge(config)
        self.outage = Outage()
        self._outcomes = Outcomes(config, database, self.judge)
        self._executor = executor
        self._readers = readers
        self._endings: Batches[_Ending, Visit | None] = Batches(
            lambda endings: self.in_executor(lambda: self._finish_all(endings))
        )
        self._clock = clock
        self._reload = reload
        self._taken = taken

    def prepare(self) -> None:
        """Tell the store what the configuration says, and apply changed rules to everything that is stored."""
        registry.load()
        now = self._clock()
        for old, new in stored_sources.register(self.database, self.config.sources, now).items():
            log.info("%s: what it had is now that of %s, to which it has moved", old, new)
        fixed = (source.every for source in self.config.sources.values() if source.every)
        longest = max(schedule.MUTED, self.config.settings.poll.max, *fixed)
        stored_sources.limit_waits(self.database, now, longest * 2, schedule.LONGEST_REST, LEASE * 2)
        outdated = stored_topics.register(self.database, self.config.topics, self.judge.rules_hash, now)
        publish.withdraw(set(self.config.topics), self.config.public)
        cut_rules = retag.cut_rules(self.config.markers)
        cuts_outdated = stored_topics.is_outdated(self.database, "furniture", cut_rules)
        if cuts_outdated:
            changed = retag.cut_all(self.database, self.config.markers)
            if changed:
                log.info("other rules of what is furniture: %d articles are cut in another way", changed)
        if outdated or cuts_outdated:
            retag.judge_all(self.database, self.judge)
            stored_topics.note_rules(self.database, self.judge.rules_hash, furniture=cut_rules)
        link_rules = retag.link_rules(self.config.links)
        if stored_topics.is_outdated(self.database, "links", link_rules):
            retag.compare_all(self.database, self.config.links)
            stored_topics.note(self.database, "links", link_rules)
        settings = self.config.settings
        shown = [settings.base_url, settings.tag_authority, repr(self.config.topics)]
        shown += [f"{key} {source.title} {source.rank}" for key, source in sorted(self.config.sources.items())]
        stored_topics.touch_all_if(self.database, "shown", digest(shown))
        missing = [slug for slug in self.config.topics if not publish.is_published(slug, self.config.public)]
        stored_topics.republish(self.database, missing)

    def retag(self, progress: retag.Progress = lambda count: None) -> int:
        """Apply all rules to everything that is stored; the number of articles from which something else is cut."""
        changed = retag.cut_all(self.database, self.config.markers, progress)
        retag.judge_all(self.database, self.judge, progress)
        return changed

    def adopt(self, config: Config) -> None:
        """Go on with another configuration. Runs where all else runs, so no visit or publication is torn in two."""
        before = self.config, self.judge, self._outcomes
        self.config, self.judge = config, Judge(config)
        self._outcomes = Outcomes(config, self.database, self.judge)
        try:
            self.prepare()
        except BaseException:
            self.config, self.judge, self._outcomes = before
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
            found: Found | SourceError = await source.visit(await self._state(source, lease), fetcher, started)
        except SourceError as error:
            found = error
        except StateError:
            raise  # the database's trouble or the machine's, not the source's
        except Exception as error:  # a plug-in's bug costs its source alone
            found = _bug(source, error)
        readings: Readings = ()
        if isinstance(found, Found) and found.documents:
            try:
                readings = await self._read(source, found.documents, started)
            except StateError:
                raise
            except Exception as error:
                found = _bug(source, error)
        visit = await self._endings.result(_Ending(source, lease, found, readings, started, clock))
        if visit and isinstance(found, Found):
            self._taken(len(found.documents) + len(found.refused), found.left)
            if found.reload:
                self._reload()
        return visit

    async def receive(self, subscription: Subscription, document: Document | None) -> bool:
        """Take in what a hub has pushed; False while the source is being visited: the hub may try again.

        When this is True, what came is stored. A document that holds no article, or None, is but a hint that there is
        news: the source is visited soon.
        """
        now, clock = self._clock(), time.monotonic()
        source = self.config.sources.get(subscription.source)
        readings: Readings = ()
        if source is not None and document is not None:
            try:
                readings = await self._read(source, [document], now)
            except StateError:
                raise
            except Exception as error:
                _bug(source, error)  # met by what one hub says: the poll will meet it too, and record it
        return await self.in_executor(lambda: self._receive(subscription, source, readings, now, clock))

    def _receive(
        self, subscription: Subscription, source: Source | None, readings: Readings, now: datetime, clock: float
    ) -> bool:
        understood = False
        if source is not None and readings:
            lease = stored_sources.claim_one(self.database, source.key, now, lease=LEASE)
            if lease is None:
                return False
            try:
                understood = self._take_in(source, lease, readings, now, clock)
            except LeaseLost:
                return False
            except Exception as error:
                stored_sources.release(self.database, [lease])
                if isinstance(error, StateError):
                    raise
                _bug(source, error)
        if not understood:
            last = subscription.pushed_at
            stored_sources.hasten(self.database, subscription.source, max(now, last + HINTED) if last else now)
        stored_subscriptions.note_push(self.database, subscription.token, now)
        return True

    def _take_in(self, source: Source, lease: Lease, readings: Readings, now: datetime, clock: float) -> bool:
        """Store a pushed document as if a visit had brought it; what only a visit can tell stays as it was.

        False if it holds no article. What changes known articles may be late or out of order, so the next visit reads
        the whole document.
        """
        documents = tuple(document for document, _ in readings)
        found = Found(documents, lease.state, byte_count=sum(len(document.body) for document in documents))
        memory = stored_memories.of(self.database, source.key)
        present = [guid for _, guid in memory.entries] if memory else []
        outcome, rejected = self._outcomes.reached(source, lease, found, readings, now, present)
        if rejected or not (outcome.visit.new or outcome.visit.updated or outcome.visit.known):
            stored_sources.release(self.database, [lease])
            return False
        state = replace(lease.state, rhythm=outcome.state.rhythm)
        if outcome.visit.updated:
            state = replace(state, body_hash=None, packed_hash=None, read_at=None)
        visit = replace(outcome.visit, milliseconds=round((time.monotonic() - clock) * 1000))
        outcome = replace(outcome, visit=visit, state=state, due_at=lease.due_at, failures=lease.failures, plan=None)
        # A memory is of the whole document, which this is not; and it would hide that an old version was pushed.
        outcome = replace(outcome, memory=None, forgets=bool(outcome.visit.updated))
        stored_visits.save(self.database, lease, outcome)
        _report(outcome.visit)
        return True

    async def _state(self, source: Source, lease: Lease) -> SourceState:
        """What the source is to know of earlier visits. Many files take a while to look up: elsewhere."""
        if not source.remembers_files:
            return lease.state
        return replace(lease.state, files=await to_thread(stored_files.of, self.database, source.key))

    async def _read(self, source: Source, documents: Sequence[Document], now: datetime) -> Readings:
        """What the documents say. What may take long is read by a reader process, while others go on."""
        request, tried = await self.in_executor(lambda: self._read_in_passing(source, documents[:PIECE], now))
        for start in range(PIECE, len(documents), PIECE):  # others get their turn in between
            some = documents[start : start + PIECE]
            tried += await self.in_executor(partial(_all_in_passing, source, some, request))
        return await gather(*(self._read_for_sure(source, document, request, found) for document, found in tried))

    def _read_in_passing(
        self, source: Source, documents: Sequence[Document], now: datetime
    ) -> tuple[Request, list[_Tried]]:
        """What takes but a moment to read; None for what may take longer, or is to be read twice."""
        memory = stored_memories.of(self.database, source.key) if source.ONE_DOCUMENT else None
        options = self.config.settings.parse
        if options.full_parse:
            memory = None
        request = Request(
            source.key,
            source.ACCEPTS,
            now,
            source.language,
            source.media_type,
            memory,
            compared=memory is not None and scatter(source.key, now) * options.compare < 1 <= options.compare,
        )
        return request, _all_in_passing(source, documents, request)

    async def _read_for_sure(
        self, source: Source, document: Document, request: Request, found: Reading | DocumentError | None
    ) -> tuple[Document, Reading | DocumentError]:
        if found is None:
            ask = partial(self._readers.read, document, request)
            try:
                found = await get_running_loop().run_in_executor(self._readers.threads, ask)
            except DocumentError as error:
                found = error
            except StateError:
                raise
            except Exception as error:  # one document among many must not keep the others from being read
                if source.ONE_DOCUMENT:
                    raise
                found = _bug_in(source, document, error)
        metrics.note(found, compared=request.compared)
        if isinstance(found, Reading) and found.differs:
            await self._keep_sample(document, request, found.differs)
        return document, found

    async def _keep_sample(self, document: Document, request: Request, differs: str) -> None:
        try:
            kept = str(await to_thread(samples.keep, document, request, differs, self.config.state))
        except OSError as error:
            kept = f"the document, of which no sample could be kept: {error}"
        log.error("%s: reading in part differs; please report it with %s: %s", request.source, kept, differs)

    def _finish_all(self, endings: Sequence[_Ending]) -> list[Visit | Exception | None]:
        """The part of visits that is never broken off: what each comes to, stored, and tidied up behind.

        Those that have changed nothing are stored together.
        """
        found = [self._finish(ending) for ending in endings]
        quiet = {number: one for number, one in enumerate(found) if isinstance(one, Outcome)}
        stored = self._store_quiet([(endings[number], outcome) for number, outcome in quiet.items()])
        visits = dict(zip(quiet, stored, strict=True))
        return [visits.get(number) if isinstance(one, Outcome) else one for number, one in enumerate(found)]

    def _finish(self, ending: _Ending, *, alone: bool = False) -> Visit | Outcome | Exception | None:
        """The visit as it is stored; what it comes to where that can be stored with others; None where it is lost."""
        try:
            return self._finished(ending, alone)
        except LeaseLost as error:
            log.warning("visit dropped: %s", error)
            return None
        except StateError as error:
            return error  # the database's trouble, not the source's
        except Exception as error:  # not even that it has failed can be stored: only who made this visit is told
            log.exception("nothing of the visit of %s can be stored; please report it", ending.source.key)
            return error

    def _finished(self, ending: _Ending, alone: bool) -> Visit | Outcome:
        try:
            outcome, rejected = self._outcome(ending)
            if not alone and _is_quiet(ending, outcome):
                return outcome
            return self._store(ending, outcome, rejected)
        except (LeaseLost, StateError):
            raise
        except Exception as error:  # a bug of ours, met by what one source says, must not stop the others
            culprits = self._culprits(ending)
            if culprits:
                return self._finished(replace(ending, readings=culprits), alone)
            failure = replace(ending, found=_bug(ending.source, error), readings=())
            return self._store(failure, *self._outcome(failure))

    def _culprits(self, ending: _Ending) -> Readings:
        """The readings of a visit with errors in the place of those that cannot be dealt with: one document does not
        keep the others from being stored. Nothing where that is not the reason, or no other is left."""
        found = ending.found
        if not isinstance(found, Found) or len(ending.readings) < 2:
            return ()
        readings: list[tuple[Document, Reading | DocumentError]] = []
        bad = 0
        for document, read in ending.readings:
            part = replace(found, documents=(document,), refused=(), files=(), gone=())
            try:
                self._outcomes.reached(ending.source, ending.lease, part, [(document, read)], ending.started)
                readings.append((document, read))
            except Exception as error:
                bad += 1
                readings.append((document, _bug_in(ending.source, document, error)))
        return readings if 0 < bad < len(readings) else ()

    def _store_quiet(self, quiet: Sequence[tuple[_Ending, Outcome]]) -> list[Visit | Exception | None]:
        try:
            saved = stored_visits.save_quiet(self.database, [(ending.lease, outcome) for ending, outcome in quiet])
        except StateError as error:
            return [error] * len(quiet)
        except Exception:  # what one of them says cannot be stored: it must not take the others with it
            log.exception("%d visits cannot be stored together; each is stored alone", len(quiet))
            visits = (self._finish(ending, alone=True) for ending, _ in quiet)
            return [None if isinstance(visit, Outcome) else visit for visit in visits]
        for (ending, _), is_saved in zip(quiet, saved, strict=True):
            if not is_saved:
                log.warning("visit dropped: %s: another worker has taken this source over", ending.source.key)
        return [
            self._saved(ending, outcome) if is_saved else None
            for (ending, outcome), is_saved in zip(quiet, saved, strict=True)
        ]

    def _outcome(self, ending: _Ending) -> tuple[Outcome, list[Rejected]]:
        source, lease, found, readings, now = ending.source, ending.lease, ending.found, ending.readings, ending.started
        rejected: list[Rejected] = []
        if source.ONE_DOCUMENT and readings and isinstance(readings[0][1], DocumentError):
            found = readings[0][1]
        if isinstance(found, SourceError):
            outcome = self._outcomes.failed(source, lease, found, now, network_is_down=self.outage.is_on)
        else:
            outcome, rejected = self._outcomes.reached(source, lease, found, readings, now)
        milliseconds = round((time.monotonic() - ending.clock) * 1000)
        return replace(outcome, visit=replace(outcome.visit, milliseconds=milliseconds)), rejected

    def _store(self, ending: _Ending, outcome: Outcome, rejected: list[Rejected]) -> Visit:
        stored_visits.save(self.database, ending.lease, outcome)
        visit = self._saved(ending, outcome)
        if isinstance(ending.found, Found):
            try:
                ending.source.settle(ending.found.documents, rejected)
            except OSError as error:
                return self._unmoved(visit, error)
        return visit

    def _unmoved(self, visit: Visit, error: OSError) -> Visit:
        """What was read is stored, but stands where it stood: not at once again."""
        reason = f"files could not be moved, and will be read again: {error.strerror or error}"
        log.error("%s: %s", visit.source, reason)
        note = Visit(visit.source, visit.started_at, "failed", 0, kind="folder", error=reason)
        try:
            stored_visits.note_failure(self.database, note, visit.started_at + UNMOVED, reason)
        except StateError as trouble:
            log.error("%s: nor could that be noted: %s", visit.source, trouble)
        return replace(visit, error=reason)

    def _saved(self, ending: _Ending, outcome: Outcome) -> Visit:
        if ending.source.host:
            self._watch_network(ending.source.host, ending.lease, outcome.visit)
        _report(outcome.visit)
        return outcome.visit

    def _watch_network(self, host: str, lease: Lease, visit: Visit) -> None:
        before = self.outage.is_on
        since = self.outage.note(host, visit.kind, visit.started_at, answered_before=answered_before(lease))
        if since is not None:
            log.warning("the network is back: what has failed since %s is visited again", since)
            try:
                stored_sources.make_failing_due(self.database, visit.started_at, since)
            except StateError as error:  # the visit itself is stored
                log.error("they wait for their next visit: %s", error)
        elif self.outage.is_on and not before:
            log.warning("no answer from any of %d hosts: our own network seems to be down", outage.HOSTS)

    def publish(self) -> int:
        """Bring the published files of every changed topic up to date. Answers with the number of changed files."""
        return sum(self.publish_topic(dirty) for dirty in self.dirty())

    def dirty(self) -> list[stored_topics.DirtyTopic]:
        """The topics whose published files are out of date."""
        return stored_topics.dirty(self.database, self._clock())

    def publish_topic(self, dirty: stored_topics.DirtyTopic) -> int:
        """Bring the files of one topic up to date. Answers with the number of changed files."""
        topic = self.config.topics.get(dirty.slug)
        if topic is None:
            return 0
        since = self._clock() - topic.horizon
        stories = stored_topics.stories_in(self.database, dirty.slug, since=since, limit=topic.limit)
        item_ids = {story.id: story.item_id for story in stories if story.item_id}
        authority = self.config.settings.tag_authority
        unpinned = {story.id: compose.item_id(authority, story.copies) for story in stories if story.id not in item_ids}
        if unpinned:
            item_ids |= stored_topics.pin(self.database, unpinned)
        feed = compose.compose(dirty.slug, topic, stories, item_ids, self.config.settings, dirty.created_at)
        changed = publish.publish(feed, dirty.slug, self.config.public)
        oldest = min((story.lead.dated_at for story in stories), default=None)
        expires_at = oldest + topic.horizon if oldest and topic.max_age else None
        stored_topics.mark_published(self.database, dirty, expires_at)
        return changed


def _all_in_passing(source: Source, documents: Sequence[Document], request: Request) -> list[_Tried]:
    tried: list[_Tried] = []
    for document in documents:
        try:
            tried.append((document, _in_passing(document, request)))
        except Exception as error:  # one document among many must not keep the others from being read
            if source.ONE_DOCUMENT:
                raise
            tried.append((document, _bug_in(source, document, error)))
    return tried


def _in_passing(document: Document, request: Request) -> Reading | DocumentError | None:
    if request.compared:
        return None
    try:
        return reading.read(document, request, in_passing=True)
    except DocumentError as error:
        return error
    except TooMuch:
        return None


def _is_quiet(ending: _Ending, outcome: Outcome) -> bool:
    """Whether there is nothing to store but the visit itself, and nothing to tidy up."""
    reached = isinstance(ending.found, Found) and outcome.visit.kind is None
    return reached and ending.source.host is not None and not outcome.articles and not outcome.rest_until


def _bug(source: Source, error: Exception) -> SourceError:
    log.exception("a bug met in %s; please report it", source.key, exc_info=error)
    return SourceError("bug", f"a bug of ours: {type(error).__name__}: {error}")


def _bug_in(source: Source, document: Document, error: Exception) -> DocumentError:
    return DocumentError(f"{document.name}: {_bug(source, error)}; please report it", "bug")


def _report(visit: Visit) -> None:
    if visit.error:
        log.warning("%s: %s", visit.source, visit.error)
    if visit.new or visit.updated:
        log.info("%s: %d new, %d updated, %d ms", visit.source, visit.new, visit.updated, visit.milliseconds)
    else:
        log.debug("%s: %s, %d ms", visit.source, visit.outcome, visit.milliseconds)
