"""Which feeds does a page advertise? By `<link rel=alternate>` in its head, and by HTTP's Link header. Pure.

See https://www.rssboard.org/rss-autodiscovery, https://blog.whatwg.org/feed-autodiscovery and RFC 8288.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser

from aggregator.urls import absolute

MAX_HEAD = 300_000  # bytes of a page in which its head is looked for
MAX_ELEMENTS = 2000  # of the head: the time that nesting takes grows with its square
MAX_LINKS = 50
MAX_HEADER = 10_000

_TYPES = frozenset({"application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml"})
_HEAD_ENDS = re.compile(rb"</head\b|<body\b", re.IGNORECASE)
_TAG = re.compile(rb"<[a-zA-Z]")
_TARGET = re.compile(r"<([^<>]{1,2000})>([^<]{0,2000})")
_PARAMETER = re.compile(r";\s*(rel|type|title)\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FeedLink:
    """A feed that a page names. What it says of it is a hint."""

    url: str
    title: str = ""


def feed_links(html: bytes, url: str) -> tuple[FeedLink, ...]:
    """The feeds that an HTML page found at `url` names, absolute, each once."""
    head = html[:MAX_HEAD]
    end = _HEAD_ENDS.search(head)
    head = head[: end.start()] if end else head
    for number, tag in enumerate(_TAG.finditer(head)):
        if number == MAX_ELEMENTS:
            head = head[: tag.start()]
            break
    page = LexborHTMLParser(head)
    based = page.css_first("base[href]")
    base = (absolute(based.attributes.get("href"), url) if based else None) or url
    found = []
    for node in page.css("link[href]"):
        said = {name: value or "" for name, value in node.attributes.items()}
        if _is_feed(said.get("rel", ""), said.get("type", "")):
            found.append((said["href"], said.get("title", "")))
    return tuple(_resolved(found, base))


def header_links(values: Iterable[str], url: str) -> tuple[FeedLink, ...]:
    """The feeds that Link headers name."""
    found = []
    for target in _TARGET.finditer(", ".join(values)[:MAX_HEADER]):
        said = {name.lower(): quoted or token for name, quoted, token in reversed(_PARAMETER.findall(target[2]))}
        if _is_feed(said.get("rel", ""), said.get("type", "")):
            found.append((target[1], said.get("title", "")))
    return tuple(_resolved(found, url))


def _is_feed(relations: str, media_type: str) -> bool:
    names = relations.lower().split()
    kind = media_type.partition(";")[0].strip().lower()
    return ("alternate" in names and kind in _TYPES) or ("feed" in names and (not kind or kind in _TYPES))


def _resolved(links: Iterable[tuple[str, str]], base: str) -> Iterator[FeedLink]:
    seen: set[str] = set()
    for href, title in links:
        url = absolute(href, base)
        if url and url not in seen and len(seen) < MAX_LINKS:
            seen.add(url)
            yield FeedLink(url, " ".join(title.split())[:200])
