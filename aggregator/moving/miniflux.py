"""Miniflux: its OPML export with the attributes of its own, and answers of its API: /v1/feeds and /v1/me. Pure.

    aggregator import --from miniflux feeds.opml me.json

What its rules mean: internal/reader/filter/filter.go of Miniflux. An article is dropped by the first rule that blocks
it; then, if there are rules that keep, only what one of them matches stays. Rules for all feeds go with those of each.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aggregator import opml
from aggregator.errors import DocumentError
from aggregator.moving import filters
from aggregator.moving.filters import Untranslatable, bounded, either
from aggregator.moving.joining import Filters, joined
from aggregator.moving.moved import File, LeftOut, Moved, Room, Rule, left_out
from aggregator.opml import Outline
from aggregator.terminal import on_one_line

_NAMESPACE = "{https://miniflux.app/opml}"
_PLACES = {
    "EntryTitle": "title",
    "EntryURL": "url",
    "EntryContent": "text",
    "EntryAuthor": "author",
    "EntryTag": "category",
}
_OLDER = re.compile(r"max-age:(\d{1,5}[dhm])")
_ADVICE = {  # by the name in the API; in OPML it is the same, with humps
    "scraper_rules": "articles are taken as their feed has them",
    "rewrite_rules": "articles are taken as their feed has them",
    "urlrewrite_rules": "links are left as they are; known redirects are followed: see links.yaml",
    "user_agent": "write it as `user_agent` beside the feed in sources.yaml",
    "cookie": "write it as `cookies` beside the feed in sources.yaml, best from the environment",
    "username": "write user and password as `auth` beside the feed in sources.yaml, best from the environment",
    "proxy_url": "write it as `proxy` beside the feed in sources.yaml",
    "crawler": "articles are taken as their feed has them",
    "fetch_via_proxy": "write the proxy as `proxy` beside the feed in sources.yaml",
    "allow_self_signed_certificates": "write who vouches for it as `ca` beside the feed in sources.yaml",
    "ignore_entry_updates": "a change of an article is taken over, as an update if it is news to a reader",
}
_ANY_PLACE = ("url", "title", "author", "category")  # that the regexes of a feed look at


@dataclass(frozen=True, slots=True)
class _Feed:
    """A feed with what is said of it, by the names of the API."""

    outline: Outline
    place: str
    said: Mapping[str, str]


def read(files: Iterable[File]) -> Moved:
    """What is in the export. Raises DocumentError."""
    refused: list[LeftOut] = []
    feeds: list[_Feed] = []
    of_all, places, room = Filters(), dict[str, str](), Room()
    for file in files:
        if file.body.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in (b"[", b"{"):
            answer = _answer(file)
            if isinstance(answer, dict) and "feed_url" not in answer:
                places[""] = f"{file.name}:1"
                of_all = _rules(_texts(answer), places[""], refused, room)
            else:
                feeds += _of_api(answer if isinstance(answer, list) else [answer], file.name)
        else:
            feeds += _of_list(file)
    wanted = [feed for feed in feeds if not _is_disabled(feed, refused)]
    by_feed: dict[str, Filters] = {}
    for feed in wanted:
        refused += _beside(feed)
        own = _rules(feed.said, feed.place, refused, room)
        if (own.keep or own.drop) and feed.outline.url not in by_feed:
            by_feed[feed.outline.url] = _merged(own, of_all, feed.said)
            places[feed.outline.url] = feed.place
    outlines = tuple(feed.outline for feed in wanted)
    return Moved(outlines, joined(outlines, by_feed, of_all, places), tuple(refused))


def _merged(own: Filters, of_all: Filters, said: Mapping[str, str]) -> Filters:
    """The expression of a feed alone, its keep list, counts only where no rule says what to keep."""
    is_list = not said.get("keep_filter_entry_rules", "").strip()
    keep = of_all.keep if of_all.keep and is_list else (*of_all.keep, *own.keep)
    return Filters(keep, (*own.drop, *of_all.drop))


def _rules(said: Mapping[str, str], place: str, refused: list[LeftOut], room: Room) -> Filters:
    keep = tuple(_lines(said.get("keep_filter_entry_rules", ""), place, refused, room))
    if not said.get("keep_filter_entry_rules", "").strip():
        keep = tuple(_anywhere(said.get("keeplist_rules", ""), place, refused, room))
    drop = (
        *_lines(said.get("block_filter_entry_rules", ""), place, refused, room),
        *_anywhere(said.get("blocklist_rules", ""), place, refused, room),
    )
    return Filters(keep, drop)


def _lines(rules: str, place: str, refused: list[LeftOut], room: Room) -> Iterator[Rule]:
    """`EntryTitle=(?i)sale`, a rule a line."""
    for line in room.limited(filter(str.strip, rules.splitlines()), place):
        name, _, value = (part.strip() for part in line.partition("="))
        try:
            if name == "EntryDate":
                yield _dated(value)
            elif name in _PLACES:
                yield filters.re2(bounded(value), _PLACES[name])
            else:
                raise Untranslatable(
                    "of comments we know nothing" if name == "EntryCommentsURL" else "no rule of Miniflux"
                )
        except Untranslatable as error:
            refused.append(left_out(place, line, str(error)))


def _dated(value: str) -> Rule:
    found = _OLDER.fullmatch(value)
    if not found:
        raise Untranslatable("a date in a rule: see `age`, and `max_age` of a topic")
    return {"age": {"min": found[1]}}


def _anywhere(pattern: str, place: str, refused: list[LeftOut], room: Room) -> Iterator[Rule]:
    """An expression that an article's address, title, author or one of its tags may match."""
    for one in room.limited(filter(None, [pattern]), place):
        try:
            yield either([filters.re2(bounded(one), where) for where in _ANY_PLACE])
        except Untranslatable as error:
            refused.append(left_out(place, one, str(error)))


def _is_disabled(feed: _Feed, refused: list[LeftOut]) -> bool:
    if feed.said.get("disabled") != "true":
        return False
    refused.append(left_out(feed.place, feed.outline.url, "is disabled there"))
    return True


def _beside(feed: _Feed) -> Iterator[LeftOut]:
    for name, advice in _ADVICE.items():
        if feed.said.get(name, "") not in ("", "false"):
            yield left_out(feed.place, f"{name} of {feed.outline.url}", advice)


def _of_list(file: File) -> Iterator[_Feed]:
    for outline in opml.read(file.body, file.name):
        said = {_underscored(name): value for name, value in outline.extra.items() if name.startswith(_NAMESPACE)}
        yield _Feed(outline, f"{file.name}:{outline.line}", said)


def _underscored(name: str) -> str:
    humps = re.sub(r"([A-Z])", r"_\1", name.removeprefix(_NAMESPACE)).lower()
    return {"url_rewrite_rules": "urlrewrite_rules"}.get(humps, humps)


def _answer(file: File) -> Any:
    text = file.text
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DocumentError(f"{file.name}:{error.lineno}:{error.colno}: no JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{file.name}: numbers too long, or brackets too deep in each other") from error


def _of_api(answers: list[Any], name: str) -> Iterator[_Feed]:
    for number, answer in enumerate(answers, 1):
        if not isinstance(answer, dict) or not isinstance(answer.get("feed_url"), str):
            raise DocumentError(f"{name}: item {number} is no feed as /v1/feeds has them")
        if number > opml.MAX_OUTLINES:
            raise DocumentError(f"{name}: more than {opml.MAX_OUTLINES:,} feeds")
        category = answer.get("category")
        label = on_one_line(str(category.get("title", "")), opml.MAX_LABEL) if isinstance(category, dict) else ""
        title = on_one_line(str(answer.get("title", "")), opml.MAX_TITLE)
        outline = Outline(answer["feed_url"], title, (label,) if label else ())
        yield _Feed(outline, f"{name}: item {number}", _texts(answer))


def _texts(answer: Mapping[str, Any]) -> dict[str, str]:
    found = {name: value for name, value in answer.items() if isinstance(value, str | bool)}
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in found.items()}
