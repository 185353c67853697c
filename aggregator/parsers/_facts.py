"""What a file says of itself, completed by what stands beside it, in its lines, and on the disk. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aggregator.models import Document, Entry


def completed(entry: Entry, document: Document, told: Mapping[str, str], lines: Sequence[str] = ()) -> Entry:
    """The entry with its date where the document states none, and with where each field was found."""
    found = dict(told)
    if entry.published_at is None and document.modified_at:
        found["published"] = "file time"
    return replace(entry, published_at=entry.published_at or document.modified_at, told=tuple(found.items()))
