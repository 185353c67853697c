"""Exports of other readers → feeds for sources.yaml, and topics made from their filters. Nothing in them is run. Pure.

Each reader has a module; all give the same. What cannot be said in our language is never made into something like it:
it is listed, with its place and the reason.
"""

from collections.abc import Callable, Iterable

from aggregator import opml
from aggregator.moving import freshrss, miniflux, newsboat
from aggregator.moving.moved import File, Moved


def _lists(files: Iterable[File]) -> Moved:
    """Plain lists of feeds: what other namespaces say in them is not looked at."""
    return Moved(tuple(outline for file in files for outline in opml.read(file.body, file.name)))


READERS: dict[str, Callable[[Iterable[File]], Moved]] = {
    "opml": _lists,
    "freshrss": freshrss.read,
    "miniflux": miniflux.read,
    "newsboat": newsboat.read,
}
