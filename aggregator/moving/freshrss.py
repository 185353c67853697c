"""FreshRSS: its OPML export with the attributes of its own, and a user's configuration with saved searches. Pure.

    aggregator import --from freshrss feeds.opml.xml data/users/me/config.php

The attributes: docs/en/developers/OPML.md and app/views/helpers/export/opml.phtml of FreshRSS. A filter that marks as
read what comes becomes a rule under `none` in a topic of that feed; a saved search becomes a topic.
"""

import html
from collections.abc import Iterable, Iterator
from typing import Any

from aggregator import opml
from aggregator.moving import php, searches
from aggregator.moving.filters import Untranslatable, as_topic
from aggregator.moving.joining import Filters, joined
from aggregator.moving.moved import (
    File,
    LeftOut,
    Moved,
    Room,
    Rule,
    Wanted,
    left_out,
)
from aggregator.opml import Outline
from aggregator.units import written_duration

_NAMESPACE = "{https://freshrss.org/opml}"
_FEEDS = ("", "rss", "rss1", "rss2", "atom", "jsonfeed", "feed")
_ADVICE = {
    "cssFullContent": "articles are taken as their feed has them",
    "cssFullContentFilter": "articles are taken as their feed has them",
    "CURLOPT_USERAGENT": "write it as `user_agent` beside the feed in sources.yaml",
    "CURLOPT_PROXY": "write it as `proxy` beside the feed in sources.yaml",
    "CURLOPT_PROXYTYPE": "HTTP proxies only",
    "CURLOPT_COOKIE": "write it as `cookies` beside the feed in sources.yaml, best from the environment",
    "CURLOPT_COOKIEFILE": "write what is in it as `cookies` beside the feed in sources.yaml",
    "CURLOPT_HTTPHEADER": "write them as `headers` beside the feed in sources.yaml, best from the environment",
    "CURLOPT_POST": "feeds are asked for with GET",
    "CURLOPT_POSTFIELDS": "feeds are asked for with GET",
    "CURLOPT_FOLLOWLOCATION": "redirects are followed: see `fetch.redirects`",
    "CURLOPT_MAXREDIRS": "redirects are followed: see `fetch.redirects`",
}
_SHOWN = ("cssFullContent", "cssFullContentFilter", "CURLOPT_USERAGENT")  # the others can hold secrets
_STARRED, _NOT_STARRED = 4, 8  # bits of a saved search's `state`


def read(files: Iterable[File]) -> Moved:
    """What is in the export. Raises DocumentError."""
    lists: list[File] = []
    settings: list[File] = []
    for file in files:
        (settings if file.body.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<?php") else lists).append(file)
    refused: list[LeftOut] = []
    feeds: list[Outline] = []
    by_feed: dict[str, Filters] = {}
    places: dict[str, str] = {}
    room = Room()
    drop, asked = _settings(settings, refused, places, room)
    for file in lists:
        for outline in opml.read(file.body, file.name, folders=True):
            place = f"{file.name}:{outline.line}"
            refused += _beside(outline, place)
            if not outline.url or outline.kind not in _FEEDS:
                continue
            feeds.append(outline)
            found = tuple(_filters(outline, place, refused, room))
            if found and outline.url not in by_feed:
                by_feed[outline.url], places[outline.url] = Filters((), (*found, *drop)), place
    topics = joined(feeds, by_feed, Filters((), drop), places, asked)
    return Moved(tuple(feeds), topics, tuple(refused))


def _beside(outline: Outline, place: str) -> Iterator[LeftOut]:
    """What stands beside a feed and is no filter."""
    said = {
        name.removeprefix(_NAMESPACE): value for name, value in outline.extra.items() if name.startswith(_NAMESPACE)
    }
    if not outline.url:
        if url := said.get("opmlUrl"):
            yield left_out(
                place, f"{outline.title}: {url}", "a list that changes: write `- opml:` with it in sources.yaml"
            )
        return
    if outline.kind not in _FEEDS:
        yield left_out(place, outline.url, f"{outline.kind} makes a feed of something else: feeds only")
        return
    for name, value in said.items():
        if name in _ADVICE:
            yield left_out(place, f"{name} {value if name in _SHOWN else 'of'} {outline.url}", _ADVICE[name])


def _filters(outline: Outline, place: str, refused: list[LeftOut], room: Room) -> Iterator[Rule]:
    lines = outline.extra.get(f"{_NAMESPACE}filtersActionRead", "").splitlines()
    for line in room.limited(filter(str.strip, lines), place):
        try:
            found, age = searches.rule(line.strip())
            if age:
                raise Untranslatable("a rule that changes its mind as time goes by: see `age`")
            yield found
        except Untranslatable as error:
            refused.append(left_out(place, line, str(error)))


def _settings(
    files: Iterable[File], refused: list[LeftOut], places: dict[str, str], room: Room
) -> tuple[tuple[Rule, ...], list[Wanted]]:
    """The filters for all feeds, and the saved searches, of users' configurations."""
    drop: list[Rule] = []
    asked: list[Wanted] = []
    for file in files:
        found = php.read(file.text, file.name)
        for said in room.limited(_items(found, "filters"), file.name):
            place = f"{file.name}:{said['line']}"
            places.setdefault("", place)
            drop += _for_all(said, place, refused)
        for said in room.limited(_items(found, "queries"), file.name):
            place = f"{file.name}:{said['line']}"
            try:
                asked.append(_saved(said, place))
            except Untranslatable as error:
                shown = html.unescape(f"{said.get('name', '')}: {said.get('search', '')}")
                refused.append(left_out(place, shown, str(error)))
    return tuple(drop), asked


def _items(found: dict[Any, Any], key: str) -> Iterator[dict[Any, Any]]:
    items = found.get(key)
    for said in items.values() if isinstance(items, dict) else ():
        if isinstance(said, dict):
            yield {"line": 1, **said}


def _for_all(said: dict[Any, Any], place: str, refused: list[LeftOut]) -> Iterator[Rule]:
    actions = said.get("actions")
    search = html.unescape(str(said.get("search", "")))
    try:
        if not isinstance(actions, dict) or "read" not in actions.values():
            raise Untranslatable("stars and labels stay with your reader; make a topic of it")
        yield searches.rule(search)[0]
    except Untranslatable as error:
        refused.append(left_out(place, search, str(error)))


def _saved(said: dict[Any, Any], place: str) -> Wanted:
    """A saved search as a topic."""
    within, state = str(said.get("get", "")), said.get("state", 0)
    if within not in ("", "a"):
        raise Untranslatable(
            f"within {within}, a number that the export does not tell: write the topic with `source: its name` in it"
        )
    if isinstance(state, int) and state & _STARRED and not state & _NOT_STARRED:
        raise Untranslatable("stars stay with your reader")
    found, age = searches.rule(html.unescape(str(said.get("search", ""))))
    oldest = {"max_age": written_duration(age)} if age else {}
    return Wanted(html.unescape(str(said.get("name", ""))) or "Saved search", place, {**oldest, **as_topic(found)})
