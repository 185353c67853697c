"""The way of an article from end to end: a visit, and a publication.

    store.claim → sources.visit → reading → outcome → store.save → settle
        a due         bytes         articles    all that     one
        source                                  changes      transaction

    reading:  sniff → parsers → identity → clean        outcome:  identity → dedup → features → tagging → topics
              kind    entries   which      articles               keys       stories   words     tags     membership

    relating → store.dirty → entering → store.stories_in → compose → store.pin → formats.render → publish
    stories    topics        when       stories          feed       ids          bytes            files
    of one event

    with a topic:  digesting → formats.render → publish   behind topics:  selecting → compose → formats.render → publish
                   digests     bytes            files                     stories     feed      bytes            files

A file is moved only after its article is stored, and publishing only repeats what the store says, so either can be cut
off anywhere and done again.
"""

import logging
import time
from asyncio import get_running_loop, to_thread
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from aggregator import metrics, publication, regroup, selecting
from aggregator.batches import Batches
from aggregator.catching_up import CatchingUp
from aggregator.config import Config
from aggregator.documents import Documents, bug, put_off
from aggregator.ending import Ending, Endings, report
from aggregator.errors import LeaseLost, SourceError, StateError
from aggregator.fetch import Fetcher
from aggregator.judge import Judge
from aggregator.models import Document, Found, Lease, Refusal, SourceState, Subscription, Visit
from aggregator.outage import Outage
from aggregator.outcome import Outcomes, Readings
from aggregator.readers import Readers
from aggregator.registry import Source
from aggregator.relating import Relating
from aggregator.retag import Progress
from aggregator.sharing import Shared
from aggregator.store import Database
from aggregator.store import claims as stored_claims
from aggregator.store import editions as stored_editions
from aggregator.store import files as stored_files
from aggregator.store import memories as stored_memories
from aggregator.store import settings as stored_settings
from aggregator.store import sources as stored_sources
from aggregator.store import stories as stored_stories
from aggregator.store import subscriptions as stored_subscriptions
from aggregator.store import topics as stored_topics
from aggregator.store import visits as stored_visits

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)  # a visit that waits longer to be stored is dropped, and made again
HINTED = timedelta(minutes=1)  # between two visits that hubs can bring about

T = TypeVar("T")
Clock = Callable[[], datetime]
Taken = Callable[[int, int], None]


def utc_now() -> datetime:
    return datetime.now(UTC)


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
        *,
        publishes: bool = True,
    ) -> None:
        """`executor` has one thread, for all that is not network; what may take long is read by `readers`.

        `reload` is told when a visit has found that which sources there are has changed; `taken`, after each visit, how
        many documents were taken or refused, and how many files wait for the next one. `publishes`: not only others do.
        """
        self.config = config
        self.database = database
        self.judge = Judge(config)
        self.shared = None if database.is_sqlite else Shared(lambda: self.config, database)
        self.outage = Outage()
        self.refusal: Refusal | None = None  # the last configuration that was not taken over, until one is
        self._outcomes = Outcomes(config, database, self.judge)
        self._relating = Relating(database)
        self._catching_up = CatchingUp(database, self.shared, self._relating, clock, LEASE, publishes=publishes)
        self._executor = executor
        self._documents = Documents(database, readers, self.in_executor)
        endings = Endings(database, lambda: self._outcomes, self.outage)
        self._endings: Batches[Ending, Visit | None] = Batches(
            lambda some: self.in_executor(lambda: endings.finish_all(some))
        )
        self._clock = clock
        self._reload = reload
        self._taken = taken

    def prepare(self, progress: Progress = lambda count: None) -> None:
        """Tell the store what the configuration says: see `CatchingUp.prepare`."""
        self._catching_up.prepare(self.config, self.judge, progress)

    def catch_up(self) -> tuple[int, int] | None:
        """Apply changed rules to a little more of what is stored: see `CatchingUp.step`."""
        return self._catching_up.step(self.config, self.judge)

    def retag(self, progress: Progress) -> int:
        """Prepare, and apply all rules though they have not changed; the number of articles that are cut in another
        way. If that is broken off, the next start does it."""
        stored_settings.forget(self.database, ["rules", "furniture", "folds"])
        self.prepare()
        changed = 0
        while step := self.catch_up():
            progress(step[0])
            changed += step[1]
        return changed

    def relate(self) -> int:
        """Find what tells of the same event as some stories that are new, or others than before; how many these are."""
        return self._relating.relate(self._clock())

    def fulfil(self) -> int:
        """Do what people wish of stories; the number of wishes. One that meets a bug of ours is dropped."""
        wishes = stored_stories.wishes_open(self.database)
        for wish in wishes:
            try:
                with self.database.in_turn(stored_stories.TURN):
                    regroup.fulfil(self.database, self.judge, wish, self._clock())
            except StateError:
                raise
            except Exception:  # it would come again at each tick, and nothing would be published any more
                log.exception("a bug met in `stories %s %s`; please report it", wish.kind, wish.article)
                stored_stories.done(self.database, [wish.id])
            else:
                done = {"split": "split off", "merge": "merged", "lead": "leads now"}[wish.kind]
                log.info("%s %s", done, wish.article)
        return len(wishes)

    def stand_by(self) -> None:
        """Another worker catches up, relates, publishes: what this one has found out for that is outdated."""
        self._catching_up.begin_again()
        self._relating.stand_by()
        metrics.keep_topics(())

    def adopt(self, config: Config, progress: Progress = lambda count: None) -> None:
        """Go on with another configuration. Runs where all else runs, so no visit or publication is torn in two."""
        before = self.config, self.judge, self._outcomes
        self.config, self.judge = config, Judge(config)
        self._outcomes = Outcomes(config, self.database, self.judge)
        try:
            self.prepare(progress)
        except BaseException:
            self.config, self.judge, self._outcomes = before
            with suppress(StateError, OSError):  # if so, `catch_up` does it
                self.prepare()  # the store may have been told of the other one
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
            await self.in_executor(lambda: stored_claims.release(self.database, [lease]))
            return None  # it left the configuration after it was claimed
        started, clock = self._clock(), time.monotonic()
        try:
            found: Found | SourceError = await source.visit(await self._state(source, lease), fetcher, started)
        except SourceError as error:
            found = error
        except StateError:
            raise  # the database's trouble or the machine's, not the source's
        except Exception as error:  # a plug-in's bug costs its source alone
            found = bug(source, error)
        readings: Readings = ()
        if isinstance(found, Found) and found.documents:
            try:
                readings = await self._documents.read(source, found.documents, self.config, started)
                found = put_off(found, readings)
            except StateError:
                raise
            except Exception as error:
                found = bug(source, error)
        visit = await self._endings.result(Ending(source, lease, found, readings, started, clock))
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
                readings = await self._documents.read(source, [document], self.config, now)
            except StateError:
                raise
            except Exception as error:
                bug(source, error)  # met by what one hub says: the poll will meet it too, and record it
        return await self.in_executor(lambda: self._receive(subscription, source, readings, now, clock))

    def _receive(
        self, subscription: Subscription, source: Source | None, readings: Readings, now: datetime, clock: float
    ) -> bool:
        understood = False
        if source is not None and readings:
            lease = stored_claims.claim_one(self.database, source.key, now, lease=LEASE)
            if lease is None:
                return False
            try:
                with self.database.in_turn(stored_stories.TURN):
                    understood = self._take_in(source, lease, readings, now, clock)
            except LeaseLost:
                return False
            except Exception as error:
                stored_claims.release(self.database, [lease])
                if isinstance(error, StateError):
                    raise
                bug(source, error)
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
            stored_claims.release(self.database, [lease])
            return False
        state = replace(lease.state, rhythm=outcome.state.rhythm)
        if outcome.visit.updated:
            state = replace(state, body_hash=None, packed_hash=None, read_at=None)
        visit = replace(outcome.visit, milliseconds=round((time.monotonic() - clock) * 1000))
        outcome = replace(outcome, visit=visit, state=state, due_at=lease.due_at, failures=lease.failures, plan=None)
        # A memory is of the whole document, which this is not; and it would hide that an old version was pushed.
        outcome = replace(outcome, memory=None, forgets=bool(outcome.visit.updated))
        stored_visits.save(self.database, lease, outcome)
        metrics.stored(outcome)
        report(source, outcome.visit)
        return True

    async def _state(self, source: Source, lease: Lease) -> SourceState:
        """What the source is to know of earlier visits. Many files take a while to look up: elsewhere."""
        if not source.remembers_files:
            return lease.state
        return replace(lease.state, files=await to_thread(stored_files.of, self.database, source.key))

    def publish(self) -> int:
        """Bring the published files of every changed topic up to date. Answers with the number of changed files."""
        while self.relate():
            pass
        changed = 0
        while dirty := self.dirty():  # more than once where archives are long
            changed += sum(map(self.publish_topic, dirty))
        return changed + sum(map(self.publish_edition, self.dirty_editions()))

    def dirty(self) -> list[stored_topics.DirtyTopic]:
        """The topics whose published files are out of date."""
        return stored_topics.dirty(self.database, self._clock())

    def publish_topic(self, dirty: stored_topics.DirtyTopic) -> int:
        """Bring the files of one topic up to date, unless another worker does. Answers with the number of changed
        files."""
        changed = self._publish_topic(dirty)
        metrics.published(dirty.slug, self._clock().timestamp(), changed)
        return changed

    def _publish_topic(self, dirty: stored_topics.DirtyTopic) -> int:
        if self.shared is None:
            return publication.publish_topic(dirty, self.config, self.database, self._clock())
        with self.shared.rendering(dirty.slug) as share:
            latest = next((one for one in self.dirty() if one.slug == dirty.slug), None)
            if share is None or latest is None:
                return 0
            return publication.publish_topic(latest, self.config, self.database, self._clock(), share)

    def dirty_editions(self) -> list[stored_editions.DirtyEdition]:
        """The other editions whose published files are out of date: those of topics that were published are."""
        return stored_editions.dirty(self.database, self._clock())

    def publish_edition(self, dirty: stored_editions.DirtyEdition) -> int:
        """Bring the files of an edition up to date, unless another worker does. Answers with the number of changed
        files."""
        if self.shared is None:
            return selecting.publish_edition(dirty, self.config, self.database, self._clock())
        with self.shared.rendering(dirty.name) as share:
            latest = next((one for one in self.dirty_editions() if one.name == dirty.name), None)
            if share is None or latest is None:
                return 0
            return selecting.publish_edition(latest, self.config, self.database, self._clock(), share)
