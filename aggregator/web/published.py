"""Published files as they are sent: what is said of each, and a bounded number of their bytes in memory.

A file is known by its identity (inode, times, size), which is looked at with each request: what the daemon, another
process or a person has put in its place is seen at once. Only when that has changed is a file read; its strong ETag is
a hash of the very bytes that are sent, so that the packed and the plain form have tags of their own.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from aggregator import alert_feed, compose, editions, registry
from aggregator.config import Config
from aggregator.editions import Choice

MAX_AGE_SECONDS = 60
PAGE_MAX_AGE_SECONDS = 3600  # of archives, which hardly ever change
MEMORY_BYTES = 64_000_000  # of bodies; more are read from the disk each time

_ALWAYS = (("Vary", "Accept-Encoding"), ("X-Content-Type-Options", "nosniff"))
_OF_PAGES = (("Cache-Control", f"public, max-age={PAGE_MAX_AGE_SECONDS}"), *_ALWAYS)
_LIST = f"/{compose.LIST}"  # of which there are no selections
_LIST_TYPE = "text/x-opml; charset=utf-8"
_UNTOLD = (("Referrer-Policy", "no-referrer"), ("X-Robots-Tag", "noindex"))

_PAGE = re.compile(r"/feeds/([a-z0-9][a-z0-9-]{0,63})/archive/([1-9][0-9]{0,8})\.([a-z]{1,10})")
_MOST_PAGES = 10_000  # of archives, known at a time

_Places = Iterator[tuple[str, "Place"]]
_Choices = dict[str, dict[Choice, "Place"]]
_Identity = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a feed's file lies, and what is said of it whatever stands in it."""

    path: str
    media_type: str
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """One form of a file: plain, or packed."""

    path: str
    place: Place
    identity: _Identity
    etag: str
    modified_at: int | None  # seconds since 1970
    until: float  # so long this is what is to be said of the file, unless it changes
    headers: tuple[tuple[str, str], ...]  # of an answer with the body
    short: tuple[tuple[str, str], ...]  # of one without
    lines: bytes  # both as they are sent
    short_lines: bytes


class Published:
    """The feeds of the configuration in use."""

    def __init__(self, config: Callable[[], Config]) -> None:
        self._config = config
        self._known: dict[str, Copy] = {}
        self._bodies: dict[str, tuple[_Identity, bytes]] = {}  # the one used last at the end
        self._held = 0
        self._placed: Config | None = None
        self._places: dict[str, Place] = {}
        self._private: dict[str, Place] = {}
        self._choices: _Choices = {}  # selections by the path of their topic's feed
        self._private_choices: _Choices = {}  # likewise; never looked at for whom no token speaks
        self._pages: dict[str, Place] = {}  # of archives, as they are asked for

    def place(self, target: str) -> Place | None:
        """The feed at an address such as `/feeds/china-russia.atom`, a selection of it, such as
        `/feeds/china-russia.atom?lang=en`, or a page of its archive, such as `/feeds/china-russia/archive/1.atom`; None
        if there is none that everybody may read."""
        self._look_at_config()
        path, _, query = target.partition("?")
        choice = editions.chosen(query) if query and path != _LIST else None
        if choice is not None:
            return self._choices.get(path, {}).get(choice)
        return self._places.get(path) or self._page(path)

    def private(self, target: str) -> Place | None:
        """The feed of a private topic, or a selection of it, by the end of its address, such as `desk.atom`."""
        self._look_at_config()
        path, _, query = target.partition("?")
        choice = editions.chosen(query) if query else None
        return self._private.get(path) if choice is None else self._private_choices.get(path, {}).get(choice)

    def choices(self, target: str) -> Collection[Choice] | None:
        """Which selections there are of the feed at an address; None if that asks for none, or there is no feed."""
        path, _, query = target.partition("?")
        there = self._choices if path in self._places else self._private_choices if path in self._private else None
        return tuple(there.get(path, ())) if there is not None and editions.chosen(query) is not None else None

    def _look_at_config(self) -> None:
        config = self._config()
        if config is not self._placed:
            self._places, self._private = dict(_public(config)), dict(_private(config))
            self._choices = _choices(config, self._places, "/feeds/")
            self._private_choices = _choices(config, self._private, "")
            self._pages.clear()
            self._placed = config

    def _page(self, target: str) -> Place | None:
        """The page of an archive, if there is one."""
        found = _PAGE.fullmatch(target)
        feed = self._places.get(f"/feeds/{found[1]}.{found[3]}") if found else None
        if found is None or feed is None:
            return None
        path = Path(feed.path).with_name(found[1]) / "archive" / f"{found[2]}.{found[3]}"
        if not path.exists():
            return None
        if len(self._pages) >= _MOST_PAGES:
            self._pages.clear()
        return self._pages.setdefault(target, Place(str(path), feed.media_type, _OF_PAGES))

    def copy(self, place: Place, *, packed: bool) -> Copy | None:
        """What to send of a feed: packed if wanted and there; None while it is not published."""
        return (self._look(place, place.path + ".gz") if packed else None) or self._look(place, place.path)

    def body(self, copy: Copy) -> bytes | None:
        """The bytes that a copy was made from; None when they are not there any more."""
        held = self._bodies.pop(copy.path, None)
        if held is not None and held[0] == copy.identity:
            self._bodies[copy.path] = held
            return held[1]
        self._held -= len(held[1]) if held else 0
        read = _read(copy.path)
        if read is None or read[0] != copy.identity:
            return None
        self._hold(copy.path, *read)
        return read[1]

    def _look(self, place: Place, path: str) -> Copy | None:
        try:
            identity = _identity(os.stat(path))  # noqa: PTH116  # a third of the time of Path.stat
        except OSError:
            self._known.pop(path, None)
            return None
        known = self._known.get(path)
        if known and known.identity == identity and known.place is place and time.time() < known.until:
            return known
        read = _read(path)
        if read is None:
            return None
        self._hold(path, *read)
        copy = self._known[path] = _described(place, path, *read, time.time())
        return copy

    def _hold(self, path: str, identity: _Identity, body: bytes) -> None:
        """Keep bytes in memory, in the place of those that were not used for longest."""
        held = self._bodies.pop(path, None)
        self._held += len(body) - (len(held[1]) if held else 0)
        self._bodies[path] = identity, body
        while self._held > MEMORY_BYTES:
            oldest = next(iter(self._bodies))
            self._held -= len(self._bodies.pop(oldest)[1])


def _public(config: Config) -> Iterator[tuple[str, Place]]:
    headers_of_list = (("Cache-Control", f"public, max-age={MAX_AGE_SECONDS}"), *_ALWAYS)
    yield _LIST, Place(str(config.public / compose.LIST), _LIST_TYPE, headers_of_list)
    for edition in (edition for edition in editions.of(config).values() if not edition.private):
        files = editions.files(edition)
        for name, url in editions.urls(edition, config.settings.base_url).items():
            links = [f'<{hub}>; rel="hub"' for hub in config.settings.hubs]
            links += [f'<{url}>; rel="self"'] if links else []
            headers = [("Cache-Control", f"public, max-age={MAX_AGE_SECONDS}"), *_ALWAYS]
            headers += [("Link", ", ".join(links))] if links else []
            path = str(config.public / "feeds" / files[name])
            yield f"/feeds/{files[name]}", Place(path, registry.formats()[name].media_type, tuple(headers))
    for file, place in _operators(config, "public", config.public, headers_of_list):
        yield f"/feeds/{file}", place


def _private(config: Config) -> Iterator[tuple[str, Place]]:
    headers = (("Cache-Control", f"private, max-age={MAX_AGE_SECONDS}"), *_ALWAYS, *_UNTOLD)
    for edition in (edition for edition in editions.of(config).values() if edition.private):
        for name, file in editions.files(edition).items():
            yield file, Place(str(config.private / "feeds" / file), registry.formats()[name].media_type, headers)
    yield from _operators(config, "private", config.private, headers)


def _operators(config: Config, setting: str, root: Path, headers: tuple[tuple[str, str], ...]) -> _Places:
    """The feed for operators, where it is this setting that is meant."""
    for kind in registry.formats().values() if config.settings.operator_feed == setting else ():
        file = f"{alert_feed.SLUG}.{kind.extension}"
        yield file, Place(str(root / "feeds" / file), kind.media_type, headers)


def _choices(config: Config, places: Mapping[str, Place], folder: str) -> _Choices:
    """Those of these places that are selections, by the path of their topic's feed, as a query asks for them there."""
    found: _Choices = {}
    for edition in (edition for edition in editions.of(config).values() if edition.is_variant):
        for name, file in editions.files(edition).items():
            if place := places.get(f"{folder}{file}"):
                path = f"{folder}{edition.topics[0]}.{registry.formats()[name].extension}"
                found.setdefault(path, {})[edition.choice] = place
    return found


def _described(place: Place, path: str, identity: _Identity, body: bytes, now: float) -> Copy:
    modified_at = identity[1] // 1_000_000_000
    is_ahead = modified_at > now  # a date to come must not be said (RFC 9110 §8.8.2.1)
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    short = [("ETag", etag), *place.headers]
    if not is_ahead:
        short.insert(1, ("Last-Modified", formatdate(modified_at, usegmt=True)))
    content = [("Content-Type", place.media_type), ("Content-Length", str(len(body)))]
    if path.endswith(".gz"):
        content.append(("Content-Encoding", "gzip"))
    return Copy(
        path,
        place,
        identity,
        etag,
        None if is_ahead else modified_at,
        float(modified_at) if is_ahead else float("inf"),
        headers=(*content, *short),
        short=tuple(short),
        lines=_lines(*content, *short),
        short_lines=_lines(*short),
    )


def _lines(*headers: tuple[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("ascii")


def _read(path: str) -> tuple[_Identity, bytes] | None:
    try:
        with Path(path).open("rb") as file:
            return _identity(os.fstat(file.fileno())), file.read()
    except OSError:
        return None


def _identity(facts: os.stat_result) -> _Identity:
    return facts.st_ino, facts.st_mtime_ns, facts.st_size, facts.st_ctime_ns
