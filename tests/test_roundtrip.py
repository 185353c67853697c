"""Readers get back what was written: any feed, rendered, read by feedparser or as JSON, field by field."""

import html
import io
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import partial
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import feedparser
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from aggregator import compose, registry
from aggregator.clean import clean
from aggregator.formats._feedgen import AT, untagged
from aggregator.markup import legal
from aggregator.models import Attribution, Category, Enclosure, Entry, Feed, Item, Markup
from aggregator.urls import absolute, written
from tests.test_kinds_of_feeds import composed, naughty
from tests.test_republish import story_of

BASE = "https://news.example/"
HARD = ["A & B", "&amp;", "&#60;b>", "1 < 2 > 1", "]]>", "<!-- x -->", "</b>", "<b>x</b>", "<br/>", "&nbsp", '"', "'"]
ZONES = [UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=9)), ZoneInfo("Europe/Berlin")]
OLDEST, LATEST = datetime(1990, 1, 2), datetime(2100, 1, 1)  # noqa: DTZ001  # hypothesis adds the zone
SCRIPTS = "Ωжאبकあ汉한ไ🧭\U0001f469\u200d\U0001f680e\u0301\u202e\u200b\xad"
"""Greek to Thai, a surrogate pair in UTF-16, what joins and what turns letters around."""


def hard_text() -> st.SearchStrategy[str]:
    """What is written without care: with markup, references, naughty strings, controls. feedparser takes a text that
    has no letters but those of Latin-1 for UTF-8 that was read as Latin-1, if it could be."""
    pieces = st.one_of(st.sampled_from([*HARD, *naughty()]), st.text(max_size=12), st.text(SCRIPTS, max_size=8))
    return (
        st.lists(pieces, max_size=4)
        .map("".join)
        .filter(lambda text: text.isascii() or max(legal(text), default="") > "\xff")
    )


def line() -> st.SearchStrategy[str]:
    """The same as it stands in an item: on one line, without what XML cannot hold. Some readers look for addresses."""
    return hard_text().map(lambda text: " ".join(legal(text.replace("@", " at ")).split())).filter(bool)


def url() -> st.SearchStrategy[str]:
    """Of an item's page. Some readers mend what looks as if it were escaped twice."""
    made = st.sampled_from([*HARD, *naughty()]) | st.text(max_size=12)
    return made.map(
        lambda text: written(absolute(f"https://a.example/x/{text.replace(';', '')}") or "https://a.example/")
    )


def date() -> st.SearchStrategy[datetime]:
    return st.datetimes(OLDEST, LATEST, timezones=st.sampled_from(ZONES))


@st.composite
def feeds(draw: st.DrawFn) -> Feed:
    """Any feed: some texts, addresses and dates are drawn, and stand in places that a number chooses."""
    texts, urls = draw(st.lists(line(), min_size=1, max_size=8)), draw(st.lists(url(), min_size=1, max_size=4))
    dates, chance = draw(st.lists(date(), min_size=1, max_size=4)), Random(draw(st.integers(0, 2**32)))

    def some(make: Callable[[], Any], most: int = 3) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(make() for _ in range(chance.randint(0, most))))

    def maybe(make: Callable[[], Any]) -> Any:
        return chance.choice([make, lambda: None])()

    text, address, day = partial(chance.choice, texts), partial(chance.choice, urls), partial(chance.choice, dates)

    def attribution() -> Attribution:
        return Attribution(text(), maybe(address), maybe(address))

    def enclosure() -> Enclosure:
        kind = chance.choice([None, "image/jpeg", "audio/mpeg"])
        return Enclosure(address(), kind, maybe(lambda: chance.randint(1, 2**40)))

    def item(number: int) -> Item:
        return Item(
            id=f"tag:example.org,2026:story/{number}",
            title=text(),
            html=text(),
            summary=text(),
            published_at=day(),
            updated_at=day(),
            link=address(),
            trace=address(),
            origin=attribution(),
            also=some(attribution),
            related=some(attribution),
            authors=some(text),
            categories=some(lambda: Category(text(), maybe(lambda: "tag:example.org,2026:concepts"), maybe(text))),
            enclosures=some(enclosure),
            thumbnail=maybe(address),
            comments=maybe(address),
            licence=chance.choice([None, address(), text()]),
            language=chance.choice([None, "en", "zh", "ar"]),
            reasons=some(text),
            score=chance.randint(0, 100),
        )

    return Feed(
        id="tag:example.org,2026:topic/t",
        title=text(),
        description=text(),
        page=f"{BASE}topics/t",
        urls=compose.urls("t", BASE),
        updated_at=day(),
        items=tuple(map(item, range(chance.randint(0, 3)))),
        withdrawn=tuple(map(item, range(4, 4 + chance.randint(0, 2)))),
        language=chance.choice([None, "en"]),
        hubs=chance.choice([(), (f"{BASE}hub",)]),
        previous=chance.choice([{}, compose.page_urls("t", 1, BASE)]),
        current=chance.choice([{}, compose.urls("t", BASE)]),
    )


def said(item: Item) -> dict[str, Any]:
    """What an item says, with dates as readers know them: in UTC, by the second; they do not keep spaces around HTML."""
    return {
        "id": item.id,
        "title": item.title,
        "html": item.html.strip(),
        "summary": item.summary,
        "published": _second(item.published_at),
        "updated": _second(item.updated_at),
        "link": item.link,
        "authors": list(item.authors or (item.origin.name,)),
        "categories": [(one.term, one.scheme, one.label or one.term) for one in item.categories],
        "enclosures": [(one.url, one.media_type, one.length) for one in item.enclosures],
        "thumbnail": item.thumbnail,
        "comments": item.comments,
        "licence": item.licence,
        "language": item.language,
        "source": (item.origin.name, item.origin.source_url) if item.origin.source_url else None,
        "related": [(one.name, one.link) for one in (*item.also, *item.related) if one.link],
    }


def in_atom(item: Item, language: str | None) -> dict[str, Any]:
    """Names, labels and titles of links cannot be declared to be HTML; the language is the feed's if none is said."""
    facts = said(item)
    return facts | {
        "authors": list(map(untagged, facts["authors"])),
        "categories": _once((term, scheme, untagged(label)) for term, scheme, label in facts["categories"]),
        "enclosures": [(url, kind or "text/html", length) for url, kind, length in facts["enclosures"]],
        "language": item.language or language,
        "related": [(untagged(name), link) for name, link in facts["related"]],
    }


def in_rss(item: Item) -> dict[str, Any]:
    """It knows no date of change, no terms and no related items, and of its first enclosure type and length."""
    facts = said(item)
    first, others = facts["enclosures"][:1], facts["enclosures"][1:]
    source, licence = facts["source"], facts["licence"]
    is_address = (licence or "").startswith(("http://", "https://"))
    return facts | {
        "title": untagged(item.title),
        "updated": None,
        "authors": list(map(untagged, facts["authors"])),
        "categories": _once((untagged(label), scheme, untagged(label)) for _, scheme, label in facts["categories"]),
        "enclosures": [(url, kind or "application/octet-stream", length or 0) for url, kind, length in first] + others,
        "licence": licence if is_address or not licence else untagged(licence),
        "source": (untagged(source[0]), source[1]) if source else None,
        "related": [],
    }


def read(entry: Any) -> dict[str, Any]:
    """The same of an entry that feedparser has read."""
    links = {link.rel: link.href for link in entry.links}
    files = [(link.href, link.get("type"), link.get("length")) for link in entry.links if link.rel == "enclosure"]
    files += [(one["url"], one.get("type"), one.get("filesize")) for one in entry.get("media_content", [])]
    is_atom = "updated" in entry
    text = _of_atom if is_atom else _of_rss
    source = entry.get("source")
    return {
        "id": entry.id,
        "title": text(entry, "title"),
        "html": entry.content[0].value,
        "summary": text(entry, "summary"),
        "published": _instant(entry.published_parsed),
        "updated": _instant(entry.updated_parsed) if is_atom else None,
        "link": entry.link,
        "authors": [author.name for author in entry.authors],
        "categories": _once((tag.term, tag.scheme, tag.label or tag.term) for tag in entry.get("tags", [])),
        "enclosures": [(href, kind, int(length) if length else None) for href, kind, length in files],
        "thumbnail": entry.media_thumbnail[0]["url"] if "media_thumbnail" in entry else None,
        "comments": links.get("replies") if is_atom else entry.get("comments"),
        "licence": links.get("license") or (text(entry, "rights") if "rights" in entry else None),
        "language": entry.title_detail.language if is_atom else entry.get("language"),
        "source": (text(source, "title"), source.link if is_atom else source.href) if source else None,
        "related": [(link.title, link.href) for link in entry.links if link.rel == "related"],
    }


def of_json(item: dict[str, Any]) -> dict[str, Any]:
    """The same of an item of a JSON Feed."""
    ours = item["_aggregator"]
    schemes = {one["term"]: one["scheme"] for one in ours.get("categories", [])}
    files = [(one["url"], one["mime_type"], one.get("size_in_bytes")) for one in item.get("attachments", [])]
    source, others = ours["source"], (*ours.get("also_in", []), *ours.get("related", []))
    return {
        "id": item["id"],
        "title": item["title"],
        "html": item["content_html"].strip(),
        "summary": item["summary"],
        "published": _second(datetime.fromisoformat(item["date_published"])),
        "updated": _second(datetime.fromisoformat(item["date_modified"])),
        "link": item["url"],
        "authors": [author["name"] for author in item["authors"]],
        "categories": [(schemes, label) for label in item.get("tags", [])],
        "enclosures": files,
        "thumbnail": item.get("image"),
        "comments": ours.get("comments"),
        "licence": ours.get("licence"),
        "language": item.get("language"),
        "source": (source["title"], source["url"]) if "url" in source else None,
        "related": [(one["title"], one["url"]) for one in others if "url" in one],
    }


def in_json(item: Item) -> dict[str, Any]:
    """Labels of categories; terms and schemes of those that have one stand apart."""
    facts = said(item)
    schemes = {one.term: one.scheme for one in item.categories if one.scheme}
    return facts | {
        "categories": [(schemes, label) for _, _, label in facts["categories"]],
        "enclosures": [(url, kind or "application/octet-stream", length) for url, kind, length in facts["enclosures"]],
    }


def _of_atom(part: Any, name: str) -> str:
    """Text of an element; what is declared as HTML is text that looks like it."""
    is_html = part[f"{name}_detail"].type == "text/html"
    return html.unescape(part[name]) if is_html else part[name]


def _of_rss(part: Any, name: str) -> str:
    return html.unescape(part[name]) if name == "summary" else part[name]


def _once(values: Iterable[Any]) -> list[Any]:
    """As feedparser does it."""
    return list(dict.fromkeys(values))


def _second(date: datetime) -> datetime:
    return date.astimezone(UTC).replace(microsecond=0)


def _instant(parsed: Any) -> datetime:
    return datetime(*parsed[:6], tzinfo=UTC)


def parsed(found: Feed, name: str) -> Any:
    data = registry.formats()[name].render(found)
    result = feedparser.parse(io.BytesIO(data), sanitize_html=False, resolve_relative_uris=False)
    assert not result.bozo, data
    return result


@settings(max_examples=80)
@given(feeds())
def test_atom_is_read_back_as_it_was_meant(found: Feed) -> None:
    result = parsed(found, "atom")
    assert [read(entry) for entry in result.entries] == [in_atom(item, found.language) for item in found.items]
    head, links = result.feed, {link.rel: link.href for link in result.feed.links}
    assert (head.id, _of_atom(head, "title"), _of_atom(head, "subtitle")) == (found.id, found.title, found.description)
    assert (links["self"], links["alternate"]) == (found.urls["atom"], found.page)
    assert (links.get("hub"),) == (found.hubs or (None,))
    assert (links.get("prev-archive"), links.get("current")) == (found.previous.get("atom"), found.current.get("atom"))
    tree = etree.fromstring(registry.formats()["atom"].render(found))
    gone = [(one.get("ref"), one.get("when"), one[0].text) for one in tree.findall(f"{{{AT}}}deleted-entry")]
    assert gone == [(item.id, item.updated_at.isoformat(), item.summary) for item in found.withdrawn]


@settings(max_examples=80)
@given(feeds())
def test_rss_is_read_back_as_it_was_meant(found: Feed) -> None:
    result = parsed(found, "rss")
    assert [read(entry) for entry in result.entries] == [in_rss(item) for item in (*found.items, *found.withdrawn)]
    head, links = result.feed, {link.rel: link.href for link in result.feed.links}
    assert (head.title, head.subtitle) == (untagged(found.title), untagged(found.description))
    assert (links["self"], head.link, head.get("language")) == (found.urls["rss"], found.page, found.language)
    assert (links.get("hub"),) == (found.hubs or (None,))
    assert (links.get("prev-archive"), links.get("current")) == (found.previous.get("rss"), found.current.get("rss"))


@settings(max_examples=80)
@given(feeds())
def test_json_is_read_back_as_it_was_meant(found: Feed) -> None:
    document = json.loads(registry.formats()["jsonfeed"].render(found))
    items = [item for item in document["items"] if "withdrawn" not in item["_aggregator"]]
    assert list(map(of_json, items)) == list(map(in_json, found.items))
    gone = [(item["id"], item["title"], item["content_html"]) for item in document["items"][len(items) :]]
    assert gone == [(item.id, item.title, item.html) for item in found.withdrawn]
    facts = ("title", "description", "home_page_url", "feed_url", "next_url", "language")
    assert [document.get(name) for name in facts] == [
        found.title,
        found.description,
        found.page,
        found.urls["jsonfeed"],
        found.previous.get("jsonfeed"),
        found.language,
    ]


@settings(max_examples=60)
@given(hard_text(), hard_text(), date(), st.sampled_from(ZONES) | st.none())
def test_what_publishers_write_is_what_readers_read(title: str, body: str, day: datetime, zone: tzinfo | None) -> None:
    day = day.replace(tzinfo=zone)
    entry = Entry(guid="1", title=Markup(title), content=Markup(body), authors=(title,), published_at=day)
    article = clean(entry, source="s", now=LATEST.replace(tzinfo=UTC))
    found = composed([story_of(article)])
    assert article.title == legal(article.title)
    (item,) = found.items
    assert item.published_at.astimezone(UTC).replace(microsecond=0) == _second(day.replace(tzinfo=zone or UTC))
    for name, expected in (("atom", in_atom(item, found.language)), ("rss", in_rss(item))):
        assert [read(one) for one in parsed(found, name).entries] == [expected]
