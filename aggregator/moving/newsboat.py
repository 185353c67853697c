"""newsboat: its file of addresses, with tags, titles and query feeds, and the killfile of its configuration. Pure.

    aggregator import --from newsboat ~/.newsboat/urls ~/.newsboat/config

A query feed becomes a topic. What `ignore-article` drops of a feed becomes a rule under `none` in a topic of that feed;
what it drops of all feeds goes into every topic, and into one of all feeds. Scripts, and commands in backticks, are not
run. The files are told apart line by line: an address has a colon in its first word, a setting has none.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from aggregator import opml
from aggregator.errors import DocumentError
from aggregator.moving import comparisons
from aggregator.moving.filters import Untranslatable, as_topic
from aggregator.moving.joining import Filters, joined
from aggregator.moving.moved import File, LeftOut, Moved, Room, Rule, Wanted, left_out
from aggregator.opml import Outline
from aggregator.terminal import on_one_line
from aggregator.units import written_duration

MAX_LINE = 20_000  # characters
MAX_LOOKS = 5_000_000  # at names of feeds, in all filters together

_TOKEN = re.compile(r'[ \t]*(?:(?P<comment>#.*)|"(?P<quoted>(?:[^"\\]|\\.)*+)"?|(?P<bare>[^ \t]+))', re.DOTALL)
_OF_FEEDS = re.compile(r"^regex:|rssurl|feedtitle")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_RUN = "runs a program, which is not done here; give the feed that it makes to the inbox, or a script of your own"
_ADVICE = {
    "include": "name that file, too: none is followed",
    "urls-source": "your feeds are kept elsewhere: export them there, as OPML",
    "opml-url": "a list that changes: write `- opml:` with it in sources.yaml",
    "reload-time": "how often a feed is visited is learned; see `poll` in aggregator.yaml",
    "keep-articles-days": "see `retention.articles` in aggregator.yaml",
    "max-items": "see `limit` of a topic",
    "proxy": "see `fetch.proxy` in aggregator.yaml",
    "user-agent": "see `fetch.contact` in aggregator.yaml, and `user_agent` in sources.yaml",
    "ignore-mode": "articles are kept, and topics leave them out: an `ignore-article` can be undone",
}


@dataclass(slots=True)
class _Found:
    """What was read so far."""

    feeds: dict[str, Outline] = field(default_factory=dict)  # by address
    queries: list[tuple[str, str]] = field(default_factory=list)  # place, `query:…`
    ignored: list[tuple[str, str, str]] = field(default_factory=list)  # place, feed, filter
    refused: list[LeftOut] = field(default_factory=list)
    looks: dict[str, int] = field(default_factory=dict)  # settings of its screen, by file
    room: Room = field(default_factory=Room)
    looked: int = 0  # at names of feeds

    def look(self, text: str, place: str) -> None:
        """Count what a filter asks of the names of all feeds. Raises DocumentError where that takes too long."""
        self.looked += len(_OF_FEEDS.findall(text)) * len(self.feeds)
        if self.looked > MAX_LOOKS:
            raise DocumentError(f"{place}:1: the filters so far ask too much of the names of so many feeds")


def read(files: Iterable[File]) -> Moved:
    """What is in the files. Raises DocumentError."""
    found = _Found()
    for file in files:
        for place, line in _lines(file):
            _take(found, file.name, place, line)
    by_feed, of_all, places = _killfile(found)
    topics = joined(tuple(found.feeds.values()), by_feed, of_all, places, _queries(found))
    looks = (
        left_out(name, f"{count} settings", "they are of its screen, its keys and its network")
        for name, count in found.looks.items()
    )
    return Moved(tuple(found.feeds.values()), topics, (*found.refused, *looks))


def _lines(file: File) -> Iterator[tuple[str, str]]:
    """Lines with their places; one that ends with a backslash goes on in the next."""
    begun, start = "", 0
    for number, line in enumerate(file.text.split("\n"), 1):
        start = start if begun else number
        begun += line.rstrip("\r")
        if len(begun) > MAX_LINE:
            raise DocumentError(f"{file.name}:{start}:1: a line of more than {MAX_LINE:,} characters")
        if begun.endswith("\\"):
            begun = begun[:-1] or " "
            continue
        if begun.strip():
            yield f"{file.name}:{start}", begun
        begun = ""


def _words(line: str) -> list[str]:
    found: list[str] = []
    position = 0
    while (token := _TOKEN.match(line, position)) and not token["comment"]:
        quoted = token["quoted"]
        unescaped = re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), quoted or "", flags=re.DOTALL)
        found.append(token["bare"] if quoted is None else unescaped)
        position = token.end()
    return found


def _take(found: _Found, name: str, place: str, line: str) -> None:
    """One line."""
    words = _words(line)
    if not words:
        return
    if ":" in words[0]:
        _address(found, place, words[0], words[1:])
    elif words[0] == "ignore-article" and "`" in line:
        found.refused.append(left_out(place, line, "has a command in it, which is not run"))
    elif words[0] == "ignore-article" and len(words) > 2:
        found.ignored.append((place, words[1], words[2]))
    elif words[0] in _ADVICE or words[0] == "ignore-article":
        shown = words[0] if words[0] == "proxy" else " ".join(words[:2])
        found.refused.append(left_out(place, shown, _ADVICE.get(words[0], "a feed and a filter are wanted")))
    else:
        found.looks[name] = found.looks.get(name, 0) + 1


def _address(found: _Found, place: str, address: str, tags: list[str]) -> None:
    kind = address.partition(":")[0].lower()
    if kind == "query":
        found.queries.append((place, address))
    elif kind in ("exec", "filter"):
        found.refused.append(left_out(place, address, _RUN))
    elif address in found.feeds:  # as there: tags are put together
        before = found.feeds[address]
        found.feeds[address] = replace(before, labels=tuple(dict.fromkeys((*before.labels, *_labels(tags)))))
    elif len(found.feeds) == opml.MAX_OUTLINES:
        raise DocumentError(f"{place}:1: more than {opml.MAX_OUTLINES:,} feeds")
    else:
        titles = [on_one_line(tag[1:], opml.MAX_TITLE) for tag in tags if tag.startswith("~")]
        line = int(place.rpartition(":")[2])
        found.feeds[address] = Outline(address, next(iter(titles), ""), _labels(tags), line)


def _labels(tags: Iterable[str]) -> tuple[str, ...]:
    shown = (on_one_line(tag, opml.MAX_LABEL) for tag in tags if not tag.startswith(("~", "!")))
    return tuple(dict.fromkeys(filter(None, shown)))[: opml.MAX_LABELS]


def _queries(found: _Found) -> Iterator[Wanted]:
    """`query:Name:filter`"""
    for place, query in found.room.limited(found.queries, "query feeds"):
        found.look(query, place)
        _, _, rest = query.partition(":")
        title, _, text = rest.partition(":")
        try:
            asked = comparisons.read(text, found.feeds)
            if asked.rule is None:
                raise Untranslatable(comparisons.STATE if asked.notes else "asks for nothing but how old articles are")
        except Untranslatable as error:
            found.refused.append(left_out(place, query, str(error)))
            continue
        found.refused += (left_out(place, f"{title}: {note}", comparisons.STATE) for note in asked.notes)
        oldest = {"max_age": written_duration(asked.max_age)} if asked.max_age else {}
        shown = on_one_line(title, opml.MAX_TITLE) or "Query"
        yield Wanted(shown, place, {**oldest, **as_topic(asked.rule)})


def _killfile(found: _Found) -> tuple[dict[str, Filters], Filters, dict[str, str]]:
    """What is dropped of each feed, and of all; and where that is said first."""
    of_all: list[Rule] = []
    of_feeds: dict[str, list[Rule]] = {}
    places: dict[str, str] = {}
    for place, feed, text in found.room.limited(found.ignored, "ignore-article"):
        found.look(feed, place)
        found.look(text, place)
        try:
            urls = _meant(feed, found)
            asked = comparisons.read(text, found.feeds)
            if asked.rule is None or asked.max_age or asked.notes:
                raise Untranslatable("asks how old an article is, or whether it was read: see `age` and `max_age`")
        except Untranslatable as error:
            found.refused.append(left_out(place, f"{feed} {text}", str(error)))
            continue
        for url in urls:
            places.setdefault(url, place)
            (of_feeds.setdefault(url, []) if url else of_all).append(asked.rule)
    everywhere = Filters((), tuple(of_all))
    return {url: Filters((), (*rules, *of_all)) for url, rules in of_feeds.items()}, everywhere, places


def _meant(feed: str, found: _Found) -> list[str]:
    """The addresses of the feeds that a killfile's line is about; the empty one for all."""
    if feed == "*":
        return [""]
    if feed.startswith("regex:"):
        matches = comparisons.like(feed.removeprefix("regex:"))
        urls = [url for url in found.feeds if matches.search(url)]
    else:
        urls = [feed] if feed in found.feeds else []
    if not urls:
        raise Untranslatable("no feed of these files has such an address")
    return urls
