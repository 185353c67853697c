"""The end of a visit: what it comes to is stored, then files are moved. After a crash it is done again."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aggregator import folding, metrics, outage
from aggregator.documents import bug, bug_in
from aggregator.errors import DocumentError, LeaseLost, SourceError, StateError
from aggregator.models import Document, Found, Lease, Outcome, Reading, Rejected, Visit
from aggregator.outage import Outage
from aggregator.outcome import Outcomes, Readings, answered_before
from aggregator.registry import Source
from aggregator.store import Database
from aggregator.store import sources as stored_sources
from aggregator.store import stories as stored_stories
from aggregator.store import visits as stored_visits

UNMOVED = timedelta(minutes=1)  # until files that could not be moved are tried again
MOST_TOGETHER = 50  # articles: to judge thousands takes longer than a transaction may be silent

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ending:
    """A visit whose documents have been read: what it comes to is still to be stored."""

    source: Source
    lease: Lease
    found: Found | SourceError
    readings: Readings
    started: datetime
    clock: float  # monotonic seconds when it began


class Endings:
    """Ends visits, in the one thread where everything is done that is not network."""

    def __init__(self, database: Database, outcomes: Callable[[], Outcomes], outage: Outage) -> None:
        """`outcomes` gives those of the configuration that is in use."""
        self._database = database
        self._outcomes = outcomes
        self._outage = outage

    def finish_all(self, endings: Sequence[Ending]) -> list[Visit | Exception | None]:
        """The part of visits that is never broken off: what each comes to, stored, and tidied up behind.

        Those that have changed nothing are stored together.
        """
        found = [self._finish(ending) for ending in endings]
        quiet = {number: one for number, one in enumerate(found) if isinstance(one, Outcome)}
        stored = self._store_quiet([(endings[number], outcome) for number, outcome in quiet.items()])
        visits = dict(zip(quiet, stored, strict=True))
        return [visits.get(number) if isinstance(one, Outcome) else one for number, one in enumerate(found)]

    def _finish(self, ending: Ending, *, alone: bool = False) -> Visit | Outcome | Exception | None:
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

    def _finished(self, ending: Ending, alone: bool) -> Visit | Outcome:
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
            failure = replace(ending, found=bug(ending.source, error), readings=())
            return self._store(failure, *self._outcome(failure))

    def _culprits(self, ending: Ending) -> Readings:
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
                self._outcomes().reached(ending.source, ending.lease, part, [(document, read)], ending.started)
                readings.append((document, read))
            except Exception as error:
                bad += 1
                readings.append((document, bug_in(ending.source, document, error)))
        return readings if 0 < bad < len(readings) else ()

    def _store_quiet(self, quiet: Sequence[tuple[Ending, Outcome]]) -> list[Visit | Exception | None]:
        try:
            saved = stored_visits.save_quiet(self._database, [(ending.lease, outcome) for ending, outcome in quiet])
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

    def _outcome(self, ending: Ending) -> tuple[Outcome, list[Rejected]]:
        source, lease, found, readings, now = ending.source, ending.lease, ending.found, ending.readings, ending.started
        rejected: list[Rejected] = []
        if source.ONE_DOCUMENT and readings and isinstance(readings[0][1], DocumentError):
            found = readings[0][1]
        if isinstance(found, SourceError):
            outcome = self._outcomes().failed(source, lease, found, now, network_is_down=self._outage.is_on)
        else:
            few = sum(len(one.articles) for _, one in readings if isinstance(one, Reading)) <= MOST_TOGETHER
            with self._database.together() if few else nullcontext():
                outcome, rejected = self._outcomes().reached(source, lease, found, readings, now)
        milliseconds = round((time.monotonic() - ending.clock) * 1000)
        return replace(outcome, visit=replace(outcome.visit, milliseconds=milliseconds)), rejected

    def _store(self, ending: Ending, outcome: Outcome, rejected: list[Rejected]) -> Visit:
        outcome, rejected = self._written(ending, outcome, rejected)
        metrics.stored(outcome)
        visit = self._saved(ending, outcome)
        if isinstance(ending.found, Found):
            if not ending.source.ONE_DOCUMENT:
                metrics.count_refused(ending.found.refused, ending.readings)
            try:
                ending.source.settle(ending.found.documents, rejected)
            except OSError as error:
                return self._unmoved(visit, error)
        return visit

    def _written(self, ending: Ending, outcome: Outcome, rejected: list[Rejected]) -> tuple[Outcome, list[Rejected]]:
        """Write what a visit comes to; with articles in turn, and found anew where another worker has just written what
        they are to be folded with: else each of two copies of an article would found a story."""
        if outcome.past is None:
            stored_visits.save(self._database, ending.lease, outcome)
            return outcome, rejected
        with self._database.in_turn(stored_stories.TURN):
            if not self._database.is_sqlite and folding.is_outdated(self._database, outcome.past):
                outcome, rejected = self._outcome(ending)
            stored_visits.save(self._database, ending.lease, outcome)
        return outcome, rejected

    def _unmoved(self, visit: Visit, error: OSError) -> Visit:
        """What was read is stored, but stands where it stood: not at once again."""
        which = f"{error.filename}: " if error.filename else ""
        reason = f"files could not be moved, and will be read again: {which}{error.strerror or error}"
        log.error("%s: %s", visit.source, reason)
        note = Visit(visit.source, visit.started_at, "failed", 0, kind="folder", error=reason)
        try:
            stored_visits.note_failure(self._database, note, visit.started_at + UNMOVED, reason)
        except StateError as trouble:
            log.error("%s: nor could that be noted: %s", visit.source, trouble)
        return replace(visit, error=reason)

    def _saved(self, ending: Ending, outcome: Outcome) -> Visit:
        if ending.source.host:
            self._watch_network(ending.source.host, ending.lease, outcome.visit)
        report(ending.source, outcome.visit)
        return outcome.visit

    def _watch_network(self, host: str, lease: Lease, visit: Visit) -> None:
        before = self._outage.is_on
        since = self._outage.note(host, visit.kind, visit.started_at, answered_before=answered_before(lease))
        if since is not None:
            log.warning("the network is back: what has failed since %s is visited again", since)
            try:
                stored_sources.make_failing_due(self._database, visit.started_at, since)
            except StateError as error:  # the visit itself is stored
                log.error("they wait for their next visit: %s", error)
        elif self._outage.is_on and not before:
            log.warning("no answer from any of %d hosts: our own network seems to be down", outage.HOSTS)


def _is_quiet(ending: Ending, outcome: Outcome) -> bool:
    """Whether there is nothing to store but the visit itself, and nothing to tidy up."""
    reached = isinstance(ending.found, Found) and outcome.visit.kind is None
    return reached and ending.source.host is not None and not outcome.articles and not outcome.rest_until


def report(source: Source, visit: Visit) -> None:
    """One line in the log of a visit that brought something, at the level of what there is to do; and the counters."""
    metrics.count_visit(visit)
    brought = bool(visit.new or visit.updated)
    level = logging.WARNING if visit.error else logging.INFO if brought else logging.DEBUG
    facts = {
        "source": source.title,
        "id": visit.source,
        "status": visit.status,
        "new": visit.new,
        "changed": visit.updated,
        "folded": visit.folded,
        "ms": visit.milliseconds,
        "error": visit.error,
    }
    log.log(level, "visit failed" if visit.outcome == "failed" else "visited", facts)
