"""What we publish of other people's feeds, good, bad and hostile, is itself beyond reproach in every format."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from xml.parsers import expat

import jsonschema
import pytest
from lxml import etree, html

from aggregator import compose, config, reading, registry
from aggregator.errors import DocumentError
from aggregator.judge import Judge
from aggregator.models import Article, Attribution, Category, Document, Feed
from aggregator.reading import Request
from aggregator.store.contents import StoredCopy, StoredStory

ROOT = Path(__file__).parent.parent
CASES = ROOT.parent / "shared" / "cases" / "reliability"
SCHEMA = CASES / "jsonfeed" / "schema-v1.1.json"
# A collection, and how many entries of it must be published.
COLLECTIONS = {
    "feed_rs": 60,
    "feedparser_sanitize": 100,
    "feedvalidator_cases": 600,
    "gofeed_pairs": 300,
    "jsonfeed": 1,
    "xml_conformance": 1,
}
SUFFIXES = {".atom", ".html", ".json", ".opml", ".rss", ".txt", ".xml"}
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
PER_FEED = 200
CONFIG = config.load(ROOT / "config", {"AGGREGATOR_BASE_URL": "https://news.example/"})
SLUG = next(iter(CONFIG.topics))
JUDGE = Judge(CONFIG)
ACCEPTS = frozenset(registry.parsers())

DC = "{http://purl.org/dc/elements/1.1/}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
CREATIVE_COMMONS = "{http://backend.userland.com/creativeCommonsRssModule}"
MEDIA = "{http://search.yahoo.com/mrss/}"
XML = "{http://www.w3.org/XML/1998/namespace}"
ATOM = "{http://www.w3.org/2005/Atom}"

ODD = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/"
  xmlns:cc="http://backend.userland.com/creativeCommonsRssModule" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel><title>Odd</title><link>https://a.example/</link><description>-</description><language>xq</language>
<item><title>It&#146;s &amp;lt;p&gt;one&amp;lt;/p&gt; &amp;amp; more&#xFFFD;&#xFDD0;</title><link>/1|2?a=^&amp;b=[3]&amp;c=100%#x#y</link>
  <guid>1</guid><dc:creator>Lo&amp;#239;c &lt;b&gt;M&lt;/b&gt;</dc:creator>
  <category domain="a b">R&amp;ouml;ck</category><pubDate>Thu, 01 Jan 1970 00:00:00 GMT</pubDate>
  <description>&lt;a href="3"&gt;x&lt;/a&gt;&lt;bdo dir="rtl"&gt;y&lt;/bdo&gt;&#150;</description>
  <enclosure url="/a|b.mp3" type="sound" length="-1"/><media:thumbnail url="t{1}.png"/><comments>/1#talk|</comments>
  <cc:license>https://a.example/by|sa</cc:license></item>
<item><title>R&amp;D: 1 &lt; 2</title><guid>2</guid><author>ann@a.example (Ann &lt;ann@a.example&gt;)</author>
  <dc:rights>&amp;copy; 2026 &lt;b&gt;Odd&lt;/b&gt;</dc:rights><content:encoded>&lt;p&gt;&amp;#129;z&amp;#0;</content:encoded>
  <pubDate>Sun, 01 Jan 2090 00:00:00 GMT</pubDate></item>
<item><title>Three</title><guid>3</guid><dc:language>iw</dc:language><pubDate>Fri, 27 Nov 2026 00:00:00 GMT</pubDate></item>
<item><title>Four</title><guid>4</guid><dc:language>xxx</dc:language><pubDate>Fri, 27 Nov 2026 00:00:00 GMT</pubDate></item>
</channel></rss>"""


def documents(folder: Path) -> Iterator[Document]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in SUFFIXES and path.is_file():
            yield Document(path.read_bytes(), str(path.relative_to(folder)), f"https://a.example/x/{path.name}")


def stories(found: Iterable[Document]) -> Iterator[StoredStory]:
    """Every article of the documents, as a story of its own."""
    for document in found:
        try:
            articles = reading.read(document, Request(document.name, ACCEPTS, NOW)).articles
        except DocumentError:
            continue
        for article in {article.key: article for article in articles}.values():
            yield story_of(article, document.url)


def story_of(article: Article, url: str | None = None) -> StoredStory:
    """An article that nobody has copied, with its tags."""
    attribution = Attribution("Wire & Co", url, article.link)
    copies = (StoredCopy(article.key, article.dated_at, "", "s", attribution),)
    identity, tags = compose.item_id("example.org,2026", copies), JUDGE.judge(article).all_tags
    return StoredStory(article.key, identity, article, copies, tags, 50, (), article.dated_at, None)


def feeds(found: list[StoredStory]) -> Iterator[Feed]:
    for start in range(0, len(found), PER_FEED):
        part = found[start : start + PER_FEED]
        ids = {story.id: story.item_id or "" for story in part}
        yield compose.compose(SLUG, CONFIG.topics[SLUG], part, ids, CONFIG.settings, NOW, CONFIG.agencies)


@pytest.mark.skipif(not CASES.is_dir(), reason="the collections are not here")
@pytest.mark.parametrize("name", COLLECTIONS)
def test_collection_is_republished_without_fault(name: str) -> None:
    found = list(stories(documents(CASES / name)))
    assert len(found) >= COLLECTIONS[name]
    assert [fault for feed in feeds(found) for fault in faults(feed)] == []


def test_odd_feeds_are_republished_without_fault() -> None:
    found = list(stories([Document(ODD.encode(), "odd", "https://a.example/x/odd.xml"), *documents(ROOT / "seeds")]))
    (feed,) = feeds(found)
    assert len(feed.items) > 10
    assert list(faults(feed)) == []
    odd = {item.title: item for item in feed.items}
    first = odd["It’s <p>one</p> & more?"]
    assert first.link == "https://a.example/1%7C2?a=%5E&b=%5B3%5D&c=100%25"
    assert first.comments == "https://a.example/1#talk%7C"
    assert first.thumbnail == "https://a.example/x/t%7B1%7D.png"
    assert first.licence == "https://a.example/by%7Csa"
    assert first.authors == ("Loïc M",)
    assert first.categories[0] == Category("Röck")
    assert odd["R&D: 1 < 2"].authors == ("Ann",)
    assert odd["R&D: 1 < 2"].licence == "© 2026 Odd"
    assert (odd["Three"].language, odd["Four"].language) == ("he", None)


def test_items_of_one_date_are_told_apart_for_ever() -> None:
    found = list(stories([Document(ODD.encode(), "odd")]))
    dates = {item.id: item.updated_at for feed in feeds(found) for item in feed.items}
    assert len(set(dates.values())) == 4
    assert {date.replace(microsecond=0) for date in dates.values()} == {NOW, NOW.replace(hour=0)}
    assert {item.id: item.updated_at for feed in feeds(found[2:]) for item in feed.items}.items() <= dates.items()


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("atom", b"<name>", b"<name> </name><x>"),
        ("atom", b'href="https://', b'href="'),
        ("atom", b"<updated>", b"<updated>2"),
        ("atom", b"tag:example.org,2026:story/", b""),
        ("atom", b' label="', b' label="&lt;/b>'),
        ("rss", b"<guid ", b"<guid/><guid "),
        ("rss", b"<pubDate>Fri", b"<pubDate>Thu"),
        ("rss", b"https://a.example/x/odd.xml", b"odd.xml"),
        ("rss", b"<link>https://a.example/1", b"<link>/1"),
        ("rss", "’".encode(), "\x92".encode()),
        ("rss", b"<dc:creator>", b"<dc:creator>&lt;/b>"),
        ("rss", b'a href="https:', b'a href="x'),
        ("jsonfeed", b'"content_html": "<p>', b'"content_html": "<p><a href=\\"x\\">x</a>'),
    ],
)
def test_faults_are_seen(name: str, before: bytes, after: bytes) -> None:
    (feed,) = feeds(list(stories([Document(ODD.encode(), "odd", "https://a.example/x/odd.xml")])))
    data = registry.formats()[name].render(feed)
    assert before in data
    assert list(FAULTS[name](data)) == []
    broken = data.replace(before, after).replace(b"<x>", b"<name>")
    assert list(FAULTS[name](broken)) != []


def faults(feed: Feed) -> Iterator[str]:
    for name, find in FAULTS.items():
        yield from (f"{name}: {fault}" for fault in find(registry.formats()[name].render(feed)))


def faults_of_atom(data: bytes) -> Iterator[str]:
    """What RFC 4287 has against a feed, and what readers have."""
    feed = _tree(data)
    entries = feed.findall(f"{ATOM}entry")
    if not feed.xpath("*[local-name()='link'][@rel='self']"):
        yield "no self link"
    for part in [feed, *entries, *feed.iter(f"{ATOM}source")]:
        for name in ("id", "title", "updated"):
            yield from _exactly_one(part, ATOM + name)
    yield from _each_once(ATOM + "id", entries)
    yield from _each_once(ATOM + "updated", entries)
    for entry in entries:
        for name in ("published", "summary", "content", "rights", "source"):
            yield from _at_most_one(entry, ATOM + name)
        if not entry.findall(f"{ATOM}author"):
            yield "no author"
        kinds = [(link.get("rel"), link.get("type")) for link in entry.findall(f"{ATOM}link")]
        if kinds.count(("alternate", None)) != 1 or kinds.count(("license", None)) > 1:
            yield f"links: {kinds}"
        if ("hub", None) in kinds:
            yield "a hub of an entry"
    for element in feed.iter():
        name, text = etree.QName(element).localname, element.text or ""
        if name in ("id", "name", "title", "updated", "published", "summary", "content", "rights") and not text.strip():
            yield f"empty {name}"
        if name in ("updated", "published") and not _is_rfc3339(text):
            yield f"{name}: {text}"
        if name == "id" and not URI.fullmatch(text):
            yield f"id: {text}"
        if name == "link" and not URL.fullmatch(element.get("href", "")):
            yield f"link: {element.get('href')}"
        if name == "link" and element.get("rel") not in RELATIONS:
            yield f"relation: {element.get('rel')}"
        if not MEDIA_TYPE.fullmatch(element.get("type", "a/a")) and name == "link":
            yield f"media type: {element.get('type')}"
        if name == "category" and not (element.get("term", "").strip() and element.get("label", "x").strip()):
            yield "empty category"
        if name == "name" and re.search(r"</\w|&#?\w+;|<\S+@\S+>", text):
            yield f"name: {text}"
        for said in (element.get("label", ""), element.get("title", "")):
            if END_TAG.search(said):
                yield f"{name} looks like HTML: {said}"
        if name in ("title", "summary", "rights", "content"):
            if element.get("type") == "html":
                yield from _faults_of_html(text)
            elif re.search(r"</?[a-z]|&#?\w+;", text, re.IGNORECASE):
                yield f"{name} looks like HTML: {text}"
        yield from _faults_of_extension(element)


def faults_of_rss(data: bytes) -> Iterator[str]:
    """What RSS 2.0 has against a feed, and what readers have."""
    rss = _tree(data)
    (channel,) = rss
    for name in ("title", "link", "description", "lastBuildDate"):
        yield from _exactly_one(channel, name)
    relations = [link.get("rel") for link in channel.findall(f"{ATOM}link")]
    if relations.count("self") != 1 or not {*relations} <= {"hub", "prev-archive", "current", "self"}:
        yield f"links of the channel: {relations}"
    yield from _each_once("guid", channel.findall("item"))
    for item in channel.findall("item"):
        for name in ("title", "link", "description", "guid", "pubDate", f"{CONTENT}encoded"):
            yield from _exactly_one(item, name)
        for name in ("enclosure", "comments", "source", f"{CREATIVE_COMMONS}license", f"{DC}rights"):
            yield from _at_most_one(item, name)
        names = [child.tag for child in item]
        if names.index("description") > names.index(f"{CONTENT}encoded"):
            yield "description behind content:encoded"
    for element in rss.iter():
        name, text = element.tag, element.text or ""
        if (
            name in ("title", "description", "guid", "category", "source", f"{DC}creator", f"{DC}rights")
            and not text.strip()
        ):
            yield f"empty {name}"
        if name in ("link", "comments", f"{CREATIVE_COMMONS}license") and not URL.fullmatch(text):
            yield f"{name}: {text}"
        if name == "guid" and (element.get("isPermaLink") != "false" or not URI.fullmatch(text)):
            yield f"guid: {text}"
        if name in ("pubDate", "lastBuildDate") and not _is_rfc822(text):
            yield f"{name}: {text}"
        if name == "enclosure" and not (
            element.get("length", "").isdigit() and MEDIA_TYPE.fullmatch(element.get("type", ""))
        ):
            yield f"enclosure: {dict(element.attrib)}"
        if name in ("enclosure", "source") and not URL.fullmatch(element.get("url", "")):
            yield f"{name}: {element.get('url')}"
        if name == "language" and not re.fullmatch("[a-z]{2,3}", text):
            yield f"language: {text}"
        if name in ("title", "category", "source", f"{DC}creator", f"{DC}rights") and END_TAG.search(text):
            yield f"{name} looks like HTML: {text}"
        if name in ("description", f"{CONTENT}encoded") and element.getparent().tag == "item":
            yield from _faults_of_html(text)
        yield from _faults_of_extension(element)
    plain_texts = re.findall(rb"<(?:title|category|source|dc:creator|dc:rights)\b[^>]*>[^<]*", data)
    for plain in [*plain_texts, *re.findall(rb"<description>[^<]*", data)[:1]]:  # of descriptions the channel's
        if b"&amp;" in plain or b"&lt;" in plain:
            yield f"& or < as no hexadecimal reference: {plain!r}"


def faults_of_json(data: bytes) -> Iterator[str]:
    document = json.loads(data)
    if SCHEMA.exists():
        validator = jsonschema.validators.validator_for(_schema())(_schema())
        yield from (error.message[:300] for error in validator.iter_errors(document))
    ids = [item["id"] for item in document["items"]]
    if len(set(ids)) != len(ids):
        yield "duplicate ids"
    for item in document["items"]:
        links = [item["url"], item.get("image"), *(file["url"] for file in item.get("attachments", []))]
        yield from (f"link: {link}" for link in links if link is not None and not URL.fullmatch(link))
        yield from (
            f"date: {item[name]}" for name in ("date_published", "date_modified") if not _is_rfc3339(item[name])
        )
        yield from _faults_of_html(item["content_html"])
    yield from _faults_of_characters(data.decode())


FAULTS: dict[str, Callable[[bytes], Iterator[str]]] = {
    "atom": faults_of_atom,
    "rss": faults_of_rss,
    "jsonfeed": faults_of_json,
}
_REST = r"(?:[\w.~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*"  # RFC 3986
URL = re.compile(rf"https?://(?:[\w.~!$&'()*+,;=:@%-]|\[[0-9a-f:.]+\])+{_REST}(?:#{_REST})?", re.ASCII)
URI = re.compile(rf"[a-z][a-z0-9+.-]*:{_REST}(?:#{_REST})?", re.ASCII)
MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
END_TAG = re.compile(r"</\w")
RELATIONS = {"self", "alternate", "enclosure", "related", "replies", "license", "hub", "prev-archive", "current"}
DISADVISED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffd-\uffff]")  # XML 1.0 §2.2; lost letters


def _tree(data: bytes) -> Any:
    expat.ParserCreate().Parse(data, True)
    return etree.fromstring(data)


def _schema() -> Any:
    return json.loads(SCHEMA.read_bytes())


def _exactly_one(part: Any, name: str) -> Iterator[str]:
    if len(part.findall(name)) != 1:
        yield f"{len(part.findall(name))} {name} in {part.tag}"


def _at_most_one(part: Any, name: str) -> Iterator[str]:
    if len(part.findall(name)) > 1:
        yield f"{len(part.findall(name))} {name} in {part.tag}"


def _each_once(name: str, parts: list[Any]) -> Iterator[str]:
    texts = [part.findtext(name) for part in parts]
    if len(set(texts)) != len(texts):
        yield f"{name} is not unique"


def _is_rfc3339(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text):
        return False
    return 1990 <= datetime.fromisoformat(text).year <= NOW.year


def _is_rfc822(text: str) -> bool:
    date = parsedate_to_datetime(text)
    return f"{date:%a, %d %b %Y %H:%M:%S %z}" == text and 1990 <= date.year <= NOW.year


def _faults_of_html(text: str) -> Iterator[str]:
    """Links that are not absolute."""
    if "<" in text:
        for _, attribute, link, _ in html.fragment_fromstring(text, create_parent="div").iterlinks():
            if attribute != "srcset" and not re.match("(https?://|mailto:)", link.strip()):
                yield f"link in HTML: {link}"


def _faults_of_extension(element: Any) -> Iterator[str]:
    if element.tag == f"{MEDIA}thumbnail" and not URL.fullmatch(element.get("url", "")):
        yield f"thumbnail: {element.get('url')}"
    if not re.fullmatch("[a-z]{2,3}", element.get(f"{XML}lang", "en")):
        yield f"language: {element.get(f'{XML}lang')}"
    yield from _faults_of_characters("".join([element.text or "", *element.attrib.values()]))


def _faults_of_characters(text: str) -> Iterator[str]:
    if DISADVISED.search(text):
        yield f"characters: {text!r:.200}"
