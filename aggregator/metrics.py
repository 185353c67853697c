"""What the daemon counts of itself, for Prometheus (https://prometheus.io/docs/concepts/metric_types/)."""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest

from aggregator.models import Reading

MEDIA_TYPE = CONTENT_TYPE_LATEST

_REGISTRY = CollectorRegistry()
_READINGS = Counter("aggregator_readings", "Documents read: in part, whole, or refused.", ["way"], registry=_REGISTRY)
_ENTRIES = Counter("aggregator_entries", "Entries read, and skipped as known.", ["way"], registry=_REGISTRY)
_COMPARED = Counter(
    "aggregator_comparisons",
    "Readings in part compared with the whole, by what came of it.",
    ["result"],
    registry=_REGISTRY,
)
for way in ("part", "whole", "refused"):
    _READINGS.labels(way)
for result in ("equal", "different"):
    _COMPARED.labels(result)


def note(found: Reading | Exception, *, compared: bool) -> None:
    """Count a document that was read, or refused with an error."""
    if isinstance(found, Exception):
        _READINGS.labels("refused").inc()
        return
    _READINGS.labels("whole" if found.whole else "part").inc()
    _ENTRIES.labels("read").inc(len(found.articles))
    _ENTRIES.labels("skipped").inc(found.known)
    if compared and not found.whole:
        _COMPARED.labels("different" if found.differs else "equal").inc()


def page() -> bytes:
    """All counters as text, to be served as MEDIA_TYPE."""
    return generate_latest(_REGISTRY)
