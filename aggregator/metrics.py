"""What the daemon counts of itself, for Prometheus (https://prometheus.io/docs/practices/naming/).

No label has a value for each source: there may be tens of thousands. What stands in the store is put here by `gauges`.
"""

import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from aggregator import __version__
from aggregator.models import Outcome, Reading, Rejected, Visit

MEDIA_TYPE = CONTENT_TYPE_LATEST
MOST_WAITING = 1000  # stories of a topic whose way to publication is timed at once

disable_created_metrics()  # type: ignore[no-untyped-call]  # when a counter began: a third of the page, and nobody asks
_REGISTRY = CollectorRegistry()


def _counter(name: str, help_: str, **labels: tuple[str, ...]) -> Counter:
    """A counter. Where the values of its label are known, each is there from the beginning."""
    found = Counter(f"aggregator_{name}", help_, list(labels), registry=_REGISTRY)
    for values in labels.values():
        for value in values:
            found.labels(value)
    return found


def _gauge(name: str, help_: str, *labels: str) -> Gauge:
    return Gauge(f"aggregator_{name}", help_, labels, registry=_REGISTRY)


def _histogram(name: str, help_: str, buckets: tuple[float, ...], **labels: tuple[str, ...]) -> Histogram:
    found = Histogram(f"aggregator_{name}", help_, list(labels), buckets=buckets, registry=_REGISTRY)
    for values in labels.values():
        for value in values:
            found.labels(value)
    return found


_PARTS_OF_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SECONDS = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
# Of failures, as `SourceError.kind`: plug-ins may have others.
_FAILURES = (
    "dns connect timeout slow proxy protocol truncated tls redirect url inside status 5xx busy denied forbidden missing"
    " gone challenge document list folder reader bug other"
)
_KINDS = frozenset(_FAILURES.split())

_STATUSES = ("200", "304", "404", "412", "429", "503", "other")

_VISITS = _counter("visits", "Visits that have ended, by outcome.", outcome=("news", "unchanged", "failed"))
_FAILED = _counter("visit_failures", "Failed visits, by the kind of the error.", kind=tuple(_FAILURES.split()))
_VISIT_SECONDS = _histogram("visit_seconds", "How long visits took, from the request to the store.", _SECONDS)
_ARTICLES = _counter(
    "articles", "Articles that visits have met.", kind=("new", "changed", "known", "unusable", "rekeyed")
)
_FOLDS = _counter("folds", "New articles that were found to be copies of stored ones.")
_PUBLISHED_SECONDS = _histogram(
    "published_seconds", "From the beginning of the visit that brought a story to the feed that shows it.", _SECONDS
)
_FILES = _counter("published_files", "Published files that were written.")
_READINGS = _counter("readings", "Documents read: in part, whole, or refused.", way=("part", "whole", "refused"))
_ENTRIES = _counter("entries", "Entries read, and skipped as known.", way=("read", "skipped"))
_COMPARED = _counter(
    "comparisons", "Readings in part compared with the whole, by what came of it.", result=("equal", "different")
)
_FALLBACKS = _counter("parse_fallbacks", "Documents read whole although it was known what they had held.")
_KILLS = _counter(
    "reader_kills",
    "Reader processes that were lost over a document, by what it took too much of.",
    reason=("cpu", "memory", "time", "outside", "ended"),
)
_REFUSED = _counter(
    "refused_files", "Files of folders that were refused, by how far they came.", kind=("unread", "unusable", "part")
)
_RETAGGED = _counter("retagged", "Articles and stories that were looked at by changed rules.")
_REQUESTS = _counter("feed_requests", "Requests for published files, by status.", status=_STATUSES)
_DATABASE_SECONDS = _histogram(
    "database_seconds", "How long transactions took.", _PARTS_OF_SECONDS, operation=("read", "write")
)
_DATABASE_ERRORS = _counter("database_errors", "Transactions that the database has failed.")

_INFO = _gauge("info", "1; the label says which version runs.", "version")
_INFO.labels(__version__).set(1)
_UNPUBLISHED = _gauge(
    "unpublished_seconds", "For how long the oldest new story of this process has waited, where it publishes."
)
REACHABLE = _gauge("store_reachable", "1 while the store answers; else what is read from it is of earlier.")
SOURCES = _gauge("sources", "Sources of the configuration.")
FAILING = _gauge("sources_failing", "Sources whose last visit failed.")
DUE = _gauge("sources_due", "Sources that could be visited now and are not.")
OVERDUE = _gauge("source_overdue_seconds", "For how long the first of them has waited.")
UNDER_WAY = _gauge("visits_under_way", "Visits at this moment.")
STORED_ARTICLES = _gauge("stored_articles", "Articles in the store.")
STORED_STORIES = _gauge("stored_stories", "Stories in the store.")
TOPIC_STORIES = _gauge("topic_stories", "Stories of a topic; those of private topics together as _private.", "topic")
DIRTY = _gauge("topics_unpublished", "Topics and editions that have changed since they were published.")
RETAG_PENDING = _gauge("retag_pending", "1 while changed rules are not applied to all that is stored.")
UNRELATED = _gauge("stories_unrelated", "Stories whose relations are to be looked for.")
DELIVERIES = _gauge("deliveries_due", "Subscribers to whom something is to be delivered.")
SUBSCRIPTIONS = _gauge("subscriptions", "Subscriptions at hubs, by state.", "state")
ALERTS = _gauge("alerts", "Alerts that are not over, by kind.", "kind")
DATABASE_BYTES = _gauge("database_bytes", "Size of the database.")
FREE_BYTES = _gauge("state_free_bytes", "Free space where the state is.")
ProcessCollector(registry=_REGISTRY)


class _Waiting:
    """New stories, from the visits that have brought them until their topics are published. From any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._topics: frozenset[str] = frozenset()  # that this process publishes
        self._since: dict[str, deque[float]] = {}  # by topic: when visits began, in seconds since 1970

    def add(self, topic: str, since: float) -> None:
        with self._lock:
            if topic in self._topics:
                self._since.setdefault(topic, deque(maxlen=MOST_WAITING)).append(since)

    def taken(self, topic: str) -> Collection[float]:
        with self._lock:
            return self._since.pop(topic, ())

    def keep(self, topics: Collection[str]) -> None:
        with self._lock:
            self._topics = frozenset(topics)
            self._since = {topic: times for topic, times in self._since.items() if topic in self._topics}

    def age(self) -> float:
        with self._lock:
            oldest = min((min(times) for times in self._since.values()), default=None)
        return max(0.0, time.time() - oldest) if oldest is not None else 0.0


_waiting = _Waiting()
_UNPUBLISHED.set_function(_waiting.age)


def count_visit(visit: Visit) -> None:
    """A visit has ended, and is stored."""
    _VISITS.labels(visit.outcome).inc()
    if visit.kind:
        _FAILED.labels(visit.kind if visit.kind in _KINDS else "other").inc()
    _VISIT_SECONDS.observe(visit.milliseconds / 1000)
    counts = {"new": visit.new, "changed": visit.updated, "known": visit.known}
    for kind, count in (counts | {"unusable": visit.skipped, "rekeyed": visit.rekeyed}).items():
        _ARTICLES.labels(kind).inc(count)
    _FOLDS.inc(visit.folded)


def stored(outcome: Outcome) -> None:
    """What a visit has brought is stored: from now on its new stories wait to be published."""
    began_at = outcome.visit.started_at
    new = {article.key for article in outcome.articles if article.first_seen_at == began_at}
    for story, memberships in outcome.memberships.items():
        for membership in memberships if story in new else ():
            _waiting.add(membership.topic, began_at.timestamp())


def published(topic: str, now: float, files: int) -> None:
    """The files of a topic are up to date, so many were written. `now` in seconds since 1970."""
    _FILES.inc(files)
    for since in _waiting.taken(topic):
        _PUBLISHED_SECONDS.observe(max(0.0, now - since))


def keep_topics(topics: Collection[str]) -> None:
    """These are the topics that this process publishes from now on: for others nothing waits here."""
    _waiting.keep(topics)


def note(found: Reading | Exception, *, compared: bool, remembered: bool = False) -> None:
    """Count a document that was read, or refused with an error. `remembered`: it could have been read in part."""
    if isinstance(found, Exception):
        _READINGS.labels("refused").inc()
        return
    _READINGS.labels("whole" if found.whole else "part").inc()
    _ENTRIES.labels("read").inc(len(found.articles))
    _ENTRIES.labels("skipped").inc(found.known)
    if remembered and found.whole:
        _FALLBACKS.inc()
    if compared and not found.whole:
        _COMPARED.labels("different" if found.differs else "equal").inc()


def count_kill(reason: str) -> None:
    """A reader process was lost over a document: cpu, memory, time, outside, or ended, where nobody knows why."""
    _KILLS.labels(reason).inc()


def count_refused(unread: Iterable[Rejected], readings: Iterable[tuple[object, Reading | Exception]]) -> None:
    """Files of a visit were refused, or read in part. Those without a stamp were so before, and are only named."""
    _REFUSED.labels("unread").inc(sum(bool(one.stamp) for one in unread))
    for _, reading in readings:
        if isinstance(reading, Exception):
            _REFUSED.labels("unusable").inc()
        elif reading.refused:
            _REFUSED.labels("part").inc()


def count_retagged(count: int) -> None:
    _RETAGGED.inc(count)


def count_request(status: int) -> None:
    """A request for a feed was answered."""
    _REQUESTS.labels(str(status) if str(status) in _STATUSES else "other").inc()


@contextmanager
def timed(operation: str) -> Iterator[None]:
    """Time a transaction: read, or write."""
    began = time.perf_counter()
    try:
        yield
    finally:
        _DATABASE_SECONDS.labels(operation).observe(time.perf_counter() - began)


def count_database_error() -> None:
    _DATABASE_ERRORS.inc()


def set_labelled(gauge: Gauge, values: Mapping[str, float]) -> None:
    """Let a gauge with one label have these values and no others."""
    gauge.clear()
    for label, value in values.items():
        gauge.labels(label).set(value)


def page() -> bytes:
    """All of it as text, to be served as MEDIA_TYPE."""
    return generate_latest(_REGISTRY)
