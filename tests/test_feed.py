"""What an entry of RSS, RDF and Atom keeps, and how documents that are not as they should be are read."""

import copy
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from feedparser.mixin import _FeedParserMixin
from feedparser.urls import _urljoin

from aggregator import sniff
from aggregator.errors import DocumentError
from aggregator.models import Advice, Category, Document, Enclosure, Entry, Link, Markup, Origin
from aggregator.parsers import _feedparser, feed
from aggregator.parsers._dates import date
from aggregator.parsers._handlers import Handlers

URL = "https://a.example/feeds/all.xml"
NAMES = (
    'xmlns:atom="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/"'
    ' xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:cc="http://web.resource.org/cc/"'
    ' xmlns:creativeCommons="http://backend.userland.com/creativeCommonsRssModule" xmlns:xhtml="http://www.w3.org/1999/xhtml"'
    ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dcterms="http://purl.org/dc/terms/"'
)
LONG = "<p>The whole text of it.</p>"


def rss(item: str, channel: str = "") -> str:
    return f'<rss version="2.0" {NAMES}><channel><title>T</title>{channel}<item>{item}</item></channel></rss>'


def atom(entry: str, head: str = "", attributes: str = "") -> str:
    names = 'xmlns="http://www.w3.org/2005/Atom" ' + NAMES.partition(" ")[2]
    return f"<feed {names} {attributes}><title>T</title>{head}<entry>{entry}</entry></feed>"


def read(text: str | bytes, **said: Any) -> Entry:
    body = text.encode() if isinstance(text, str) else text
    return feed.parse(Document(body, URL, url=URL, **said)).entries[0]


KEPT: dict[str, tuple[str, str, Any]] = {
    # link
    "guid as written": (rss("<guid>42</guid>"), "guid", "42"),
    "guid that is an address is the link": (rss("<guid>https://a.example/1</guid>"), "link", "https://a.example/1"),
    "guid that is none": (rss("<guid>42</guid>"), "link", None),
    "guid that is no permalink": (rss('<guid isPermaLink="false">https://a.example/1</guid>'), "link", None),
    "the first link": (rss("<link>/1</link><link>/2</link>"), "link", "https://a.example/1"),
    "the first HTML link": (
        atom('<link href="/1.pdf" type="application/pdf"/><link href="/1"/>'), "link", "https://a.example/1",
    ),
    "links with rel and stated type": (
        atom('<link href="/1"/><link rel="related" type="text/html" href="/2" title="x"/><link rel="via" href="/3"/>'),
        "links",
        (
            Link("https://a.example/1"),
            Link("https://a.example/2", "related", "text/html", "x"),
            Link("https://a.example/3", "via"),
        ),
    ),
    "xml:base for links": (
        atom('<link href="1"/>', attributes='xml:base="https://b.example/x/"'), "link", "https://b.example/x/1",
    ),
    "xml:base for HTML": (atom('<content type="html" xml:base="b/">x</content>'), "base", "https://a.example/feeds/b/"),
    "base is the document's": (rss("<description>x</description>"), "base", URL),
    # title
    "title": (rss("<title>A &amp;amp; B</title>"), "title", Markup("A &amp; B", html=True)),
    "title before those of media and images": (
        rss("<media:title>M</media:title><title>T</title><image><title>I</title></image>"), "title", Markup("T"),
    ),
    "title of media alone": (rss("<media:group><media:title>M</media:title></media:group>"), "title", Markup("M")),
    "subtitle": (rss("<itunes:subtitle>S</itunes:subtitle>"), "subtitle", Markup("S")),
    # content and summary
    "content before summary": (
        rss(f"<content:encoded><![CDATA[{LONG}]]></content:encoded><description>short</description>"),
        "content",
        Markup(LONG, html=True),
    ),
    "summary beside content": (
        rss(f"<content:encoded><![CDATA[{LONG}]]></content:encoded><description>short</description>"),
        "summary",
        Markup("short", html=True),
    ),
    "content is no summary": (rss("<content:encoded>x</content:encoded>"), "summary", Markup("")),
    "a caption is no content": (
        rss("<description>d</description><media:description>Photo: A caption that is longer</media:description>"),
        "content",
        Markup(""),
    ),
    "a caption is no summary": (
        rss("<media:description>Photo: caption</media:description><description>d</description>"),
        "summary",
        Markup("d", html=True),
    ),
    "a description of media alone": (
        rss("<media:group><media:description>d</media:description></media:group>"), "summary", Markup("d"),
    ),
    "HTML rather than longer text": (
        rss("<itunes:summary>The longest of all, but plain</itunes:summary><description>&lt;p&gt;d</description>"),
        "summary",
        Markup("<p>d", html=True),
    ),
    "the longest content": (
        atom('<content type="html">a</content><content type="html">longer</content>'),
        "content",
        Markup("longer", html=True),
    ),
    "xhtml:body": (rss("<xhtml:body><p>x</p></xhtml:body>"), "content", Markup("<p>x</p>", html=True)),
    "XHTML": (
        atom('<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><b>x</b></div></content>'),
        "content",
        Markup("<b>x</b>", html=True),
    ),
    "a picture is no text": (atom('<content type="image/png">iVBORw0KGgo=</content>'), "content", Markup("")),
    # people
    "all authors": (rss("<dc:creator>A</dc:creator><dc:creator>B</dc:creator>"), "authors", ("A", "B")),
    "each once": (rss("<dc:creator>A</dc:creator><itunes:author>A</itunes:author>"), "authors", ("A",)),
    "name of an address": (rss("<author>a@a.example (Ann)</author>"), "authors", ("Ann",)),
    "address without a name": (rss("<author>a@a.example</author>"), "authors", ("a@a.example",)),
    "authors of the source": (
        atom("<source><author><name>S</name></author></source>", "<author><name>F</name></author>"), "authors", ("S",),
    ),
    "authors of the feed": (atom("<id>1</id>", "<author><name>F</name></author>"), "authors", ("F",)),
    "name of an address that is a link": (rss("<dc:creator>Ann (mailto:a@a.example)</dc:creator>"), "authors", ("Ann",)),
    "name with brackets": (rss("<author>Ann (Desk) &lt;a@a.museum&gt;</author>"), "authors", ("Ann (Desk)",)),
    "an editor is no author": (rss("", "<managingEditor>e@a.example (Ed)</managingEditor>"), "authors", ()),
    "a podcast's author is that of its episodes": (rss("", "<itunes:author>P</itunes:author>"), "authors", ("P",)),
    # language
    "language of the item": (
        rss("<dc:language>fr</dc:language>", "<language>en</language>"), "language", "fr",
    ),
    "language of the feed": (rss("", "<language>en-us</language>"), "language", "en-us"),
    "xml:lang inherited": (atom("<title>x</title>", attributes='xml:lang="de"'), "language", "de"),
    "xml:lang of the content": (
        atom('<content xml:lang="pt_BR">x</content>', attributes='xml:lang="de"'), "language", "pt-BR",
    ),
    # categories
    "categories": (
        rss(
            '<category domain="d">a</category><category/><category>b</category><dc:subject>c</dc:subject>'
            '<media:category scheme="s" label="l">m</media:category><media:keywords>k, n</media:keywords>'
            '<itunes:category text="i"/><itunes:keywords>x,y</itunes:keywords>'
        ),
        "categories",
        (
            Category("a", "d"),
            Category("b"),
            Category("c"),
            Category("m", "s", "l"),
            Category("k"),
            Category("n"),
            Category("i", "http://www.itunes.com/"),
            Category("x", "http://www.itunes.com/"),
            Category("y", "http://www.itunes.com/"),
        ),
    ),
    "an empty category lends no scheme": (
        rss('<category domain="d"></category><category>b</category>'), "categories", (Category("b"),),
    ),
    "Atom's categories": (
        atom('<category term="a" scheme="s" label="l"/>'), "categories", (Category("a", "s", "l"),),
    ),
    # files
    "enclosure": (
        rss('<enclosure url="/a.mp3" length="12" type="audio/mpeg"/>'),
        "enclosures",
        (Enclosure("https://a.example/a.mp3", "audio/mpeg", 12),),
    ),
    "enclosure of nonsense length": (
        rss('<enclosure url="https://a.example/a" length="-1"/>'), "enclosures", (Enclosure("https://a.example/a"),),
    ),
    "link that is an enclosure": (
        atom('<link rel="enclosure" href="/a" type="image/png" length="3"/>'),
        "enclosures",
        (Enclosure("https://a.example/a", "image/png", 3),),
    ),
    "enclosures are no links": (atom('<link rel="enclosure" href="/a"/>'), "links", ()),
    "media in a group": (
        rss(
            '<media:group><media:content url="/a.mp4" type="video/mp4" fileSize="9"/><media:content url="/b.mp4"/>'
            "</media:group>"
        ),
        "enclosures",
        (Enclosure("https://a.example/a.mp4", "video/mp4", 9), Enclosure("https://a.example/b.mp4")),
    ),
    "content elsewhere": (
        atom('<content src="https://a.example/v" type="video/mp4"/>'),
        "enclosures",
        (Enclosure("https://a.example/v", "video/mp4"),),
    ),
    "a page elsewhere": (atom('<content src="https://a.example/1" type="html"/>'), "link", "https://a.example/1"),
    # pictures
    "thumbnail": (
        rss('<media:content url="/c.png" medium="image"/><media:thumbnail url="/t.png"/>'),
        "thumbnail",
        "https://a.example/t.png",
    ),
    "picture of the media": (
        rss('<media:content url="/v" type="video/mp4"/><media:content url="/c" type="image/png"/>'),
        "thumbnail",
        "https://a.example/c",
    ),
    "picture of a podcast": (rss('<itunes:image href="/i.png"/>'), "thumbnail", "https://a.example/i.png"),
    "picture of the item": (
        rss("<image><url>/i.png</url><title>I</title></image>", "<image><url>/c.png</url></image>"),
        "thumbnail",
        "https://a.example/i.png",
    ),
    "an author's page is no picture": (
        atom("<author><name>A</name><uri>https://a.example/ann</uri></author>"), "thumbnail", None,
    ),
    # comments, origin, licence
    "comments": (rss("<comments>/1#c</comments>"), "comments", "https://a.example/1#c"),
    "replies": (
        atom('<link rel="replies" type="application/atom+xml" href="/r.xml"/>'
             '<link rel="replies" type="text/html" href="/r"/>'),
        "comments",
        "https://a.example/r",
    ),
    "source in RSS": (
        rss('<source url="https://b.example/feed">B</source>'), "origin", Origin("B", "https://b.example/feed"),
    ),
    "source in Atom": (
        atom('<source><title>B</title><link href="https://b.example/"/><link rel="self" href="https://b.example/f"/>'
             "</source>"),
        "origin",
        Origin("B", "https://b.example/f"),
    ),
    "licence by link": (
        atom('<rights>words</rights><link rel="license" href="https://l.example/by"/>'),
        "licence",
        "https://l.example/by",
    ),
    "licence of Creative Commons": (
        rss("<creativeCommons:license>https://l.example/by</creativeCommons:license>"
            "<media:content><creativeCommons:license>https://l.example/nc</creativeCommons:license></media:content>"),
        "licence",
        "https://l.example/by",
    ),
    "licence in RDF": (rss('<cc:license rdf:resource="https://l.example/by"/>'), "licence", "https://l.example/by"),
    "rights": (rss("<dc:rights>All of them</dc:rights>"), "licence", "All of them"),
    "rights of the feed": (rss("", "<copyright>2026 A</copyright>"), "licence", "2026 A"),
    # dates
    "published with its zone": (
        rss("<pubDate>Fri, 27 Nov 2026 09:00:00 -0500</pubDate>"),
        "published_at",
        datetime(2026, 11, 27, 9, tzinfo=timezone(timedelta(hours=-5))),
    ),
    "Dublin Core's date": (
        rss("<dc:date>2026-11-27T09:00:00+01:00</dc:date>"), "published_at", datetime(2026, 11, 27, 8, tzinfo=UTC),
    ),
    "updated": (
        atom("<updated>2026-11-27T09:00:00.5Z</updated>"), "updated_at", datetime(2026, 11, 27, 9, 0, 0, 500000, UTC),
    ),
    "updated is not published": (rss("<pubDate>Fri, 27 Nov 2026 09:00:00 GMT</pubDate>"), "updated_at", None),
}  # fmt: skip


@pytest.mark.parametrize(("text", "name", "expected"), KEPT.values(), ids=KEPT.keys())
def test_what_a_publisher_says_is_kept(text: str, name: str, expected: Any) -> None:
    assert getattr(read(text), name) == expected


@pytest.mark.parametrize(
    ("text", "expected", "hours"),
    [
        ("Fri, 27 Nov 2026 09:00:00 +0530", "2026-11-27T03:30:00", 5.5),
        ("Fri, 27 Nov 2026 09:00:00 EST", "2026-11-27T14:00:00", -5),
        ("Fri, 27 Nov 2026 09:00:00 GMT", "2026-11-27T09:00:00", 0),
        ("Fri, 27 Nov 2026 09:00:00 +0100 (CET)", "2026-11-27T08:00:00", 1),
        ("27 Nov 26 09:00", "2026-11-27T09:00:00", 0),
        ("2026-11-27T09:00:00+02:00", "2026-11-27T07:00:00", 2),
        ("2026-11-27 09:00:00 +0200", "2026-11-27T07:00:00", 2),
        ("2026-11-27T09:00:00.123456789Z", "2026-11-27T09:00:00.123456", 0),
        ("2026-11-27", "2026-11-27T00:00:00", 0),
        ("Fri Nov 27 09:00:00 2026", "2026-11-27T09:00:00", 0),
        ("Friday, 27 November 2026 09:00:00 GMT", "2026-11-27T09:00:00", 0),
        ("20261127T090000Z", "2026-11-27T09:00:00", 0),
    ],
)
def test_dates_keep_their_zone(text: str, expected: str, hours: float) -> None:
    found = read(rss(f"<pubDate>{text}</pubDate>")).published_at
    assert found is not None
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert found.utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "0000-00-00",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+14:00",
        "99999999999",
        "x" * 9999,
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert read(rss(f"<pubDate>{text}</pubDate>")).published_at is None
    assert date(text) is None


CYRILLIC = "Россия и Китай подписали новое соглашение о поставках газа"
WITH_TITLE = f"<rss version='2.0'><channel><item><title>{CYRILLIC}</title></item></channel></rss>"
GERMAN = "Köln: größer, älter, schöner – mehr davon"
IN_GERMAN = WITH_TITLE.replace(CYRILLIC, GERMAN)


def declared(name: str, text: str = WITH_TITLE) -> str:
    return f'<?xml version="1.0" encoding="{name}"?>{text}'


CHARACTERS: dict[str, tuple[bytes, str | None, str | None, str]] = {
    "UTF-8": (WITH_TITLE.encode(), None, None, CYRILLIC),
    "UTF-8 that HTTP calls Latin-1": (WITH_TITLE.encode(), "iso-8859-1", "text/xml", CYRILLIC),
    "UTF-8 that calls itself windows-1251": (declared("windows-1251").encode(), None, None, CYRILLIC),
    "UTF-8 as text/html": (WITH_TITLE.encode(), None, "text/html", CYRILLIC),
    "UTF-8 as text/plain": (WITH_TITLE.encode(), "us-ascii", "text/plain", CYRILLIC),
    "UTF-8 with a mark": (declared("utf-8").encode("utf-8-sig"), None, None, CYRILLIC),
    "a mark and blank lines": (b"\xef\xbb\xbf\r\n\r\n" + declared("utf-8").encode(), None, None, CYRILLIC),
    "two marks": (b"\xef\xbb\xbf\xef\xbb\xbf" + declared("utf-8").encode(), None, None, CYRILLIC),
    "UTF-16 with a mark": (declared("utf-16").encode("utf-16"), None, None, CYRILLIC),
    "UTF-16BE with a mark": (b"\xfe\xff" + declared("utf-16").encode("utf-16-be"), "utf-8", None, CYRILLIC),
    "UTF-16LE without": (declared("utf-16").encode("utf-16-le"), None, None, CYRILLIC),
    "UTF-16BE without": (WITH_TITLE.encode("utf-16-be"), None, None, CYRILLIC),
    "UTF-32 with a mark": (declared("utf-32").encode("utf-32"), None, None, CYRILLIC),
    "UTF-32BE without": (declared("utf-32").encode("utf-32-be"), None, None, CYRILLIC),
    "windows-1251": (declared("windows-1251").encode("cp1251"), None, None, CYRILLIC),
    "windows-1251 that HTTP calls Latin-1": (declared("windows-1251").encode("cp1251"), "iso-8859-1", None, CYRILLIC),
    "windows-1251 by HTTP alone": (WITH_TITLE.encode("cp1251"), "windows-1251", "text/xml", CYRILLIC),
    "windows-1251 that calls itself UTF-8": (declared("utf-8").encode("cp1251"), "utf-8", None, CYRILLIC),
    "windows-1251 undeclared": (WITH_TITLE.encode("cp1251"), None, None, CYRILLIC),
    "KOI8-R": (declared("koi8-r").encode("koi8-r"), None, None, CYRILLIC),
    "GB 2312": (
        declared("gb2312", WITH_TITLE.replace(CYRILLIC, "中国与俄罗斯签署协议")).encode("gb18030"),
        None, None, "中国与俄罗斯签署协议",
    ),
    "GBK that looks like UTF-8": (
        declared("gbk", WITH_TITLE.replace(CYRILLIC, "联通")).encode("gbk"), None, None, "联通",
    ),
    "Shift JIS": (
        declared("shift_jis", WITH_TITLE.replace(CYRILLIC, "日本と中国")).encode("cp932"), None, None, "日本と中国",
    ),
    "ISO-2022-JP": (
        declared("iso-2022-jp", WITH_TITLE.replace(CYRILLIC, "日本と中国")).encode("iso-2022-jp"),
        None, None, "日本と中国",
    ),
    "Latin-1 with windows' dash": (declared("iso-8859-1", IN_GERMAN).encode("cp1252"), None, None, GERMAN),
    "UTF-8 with a stray byte": (IN_GERMAN.encode().replace(b"mehr", b"m\xe9hr"), None, None, GERMAN.replace("meh", "méh")),
    "an encoding that is none": (WITH_TITLE.encode("cp1251"), "punycode", None, CYRILLIC),
    "an encoding that nobody knows": (declared("x-unheard-of").encode(), "none", None, CYRILLIC),
}  # fmt: skip


@pytest.mark.parametrize(("body", "charset", "media_type", "title"), CHARACTERS.values(), ids=CHARACTERS.keys())
def test_characters_are_what_the_bytes_prove(
    body: bytes, charset: str | None, media_type: str | None, title: str
) -> None:
    assert sniff.media_type(body) == sniff.FEED
    assert read(body, charset=charset, media_type=media_type).title.value == title


ITEM = "<item><title>One</title><link>https://a.example/1</link></item>"
BROKEN: dict[str, tuple[str, str]] = {
    "a server's warning first": (f"Warning: x in y\n<?xml version='1.0'?><rss version='2.0'><channel>{ITEM}", "One"),
    "a warning in HTML first": (f"<br />\n<b>Warning</b>: x\n<?xml version='1.0'?>{rss('<title>One</title>')}", "One"),
    "blank lines first": (f"\n\n  <?xml version='1.0'?>{rss('<title>One</title>')}", "One"),
    "something behind": (rss("<title>One</title>") + "<script>x</script>", "One"),
    "cut off in an element": (f"<rss version='2.0'><channel>{ITEM}<item><title>Tw", "One"),
    "cut off in a tag": (f"<rss version='2.0'><channel>{ITEM}<item><ti", "One"),
    "cut off in CDATA": (f"<rss version='2.0'><channel>{ITEM}<item><title><![CDATA[Tw", "One"),
    "an entity of HTML": (rss("<title>One&nbsp;more</title>"), "One\xa0more"),
    "a comment that names elements": (f"<!-- <rss> --><?x <feed> ?>{rss('<title>One</title>')}", "One"),
    "a comment, and a fault": (f"<!-- <rss> -->{rss('<title>One & two</title><zz:y/>')}", "One & two"),
    "a bare ampersand": (rss("<title>One & two</title>"), "One & two"),
    "an ampersand in CDATA": (rss("<title><![CDATA[One & two]]></title><dc:x>&nbsp;</dc:x>"), "One & two"),
    "a reference in capitals": (rss("<title>One &#X26; two</title>"), "One & two"),
    "a control character": (rss("<title>O\x01ne</title>"), "One"),
    "a reference to one": (rss("<title>O&#1;n&#xD800;e&#x110000;</title>"), "One"),
    "a reference of many digits": (rss(f"<title>One&#{'9' * 4000};</title>"), "One"),
    "an undeclared prefix": (
        "<rss version='2.0'><channel><item><title>One</title><content:encoded>x</content:encoded><zz:y/></item>"
        "</channel></rss>",
        "One",
    ),
    "a document type": (f'<!DOCTYPE rss [<!ENTITY e "One">]>{rss("<title>&e;</title>")}', "One"),
    "elements named like feedparser's lists": (
        rss("<links>x</links><authors><author>A</author></authors><tags>x</tags><title>One</title><link>/1</link>"),
        "One",
    ),
    "two licences": (
        rss("<media:group><creativeCommons:license>a</creativeCommons:license></media:group>"
            "<creativeCommons:license>b</creativeCommons:license><title>One</title>"),
        "One",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "title"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_is_read_as_it_was_meant(text: str, title: str) -> None:
    assert sniff.media_type(text.encode()) == sniff.FEED
    assert read(text).title.value == title


def test_a_declaration_in_the_text_is_text() -> None:
    entry = read(rss("<title>x</title><description><![CDATA[<?xml version='1.0'?>]]></description>"))
    assert entry.summary.value == "<?xml version='1.0'?>"


def test_feedparser_stays_as_it_is_for_others() -> None:
    assert Handlers.pop.__code__ is _FeedParserMixin.pop.__code__
    assert _FeedParserMixin.pop.__globals__["copy"] is copy
    assert _FeedParserMixin.resolve_uri.__globals__["_urljoin"] is _urljoin


def test_content_of_an_undeclared_prefix_is_content() -> None:
    entry = read("<rss version='2.0'><channel><item><content:encoded>x</content:encoded></item></channel></rss>")
    assert entry.content == Markup("x", html=True)


def test_a_feed_without_entries_is_one_unless_it_is_broken() -> None:
    assert feed.parse(Document(b"<rss version='2.0'><channel/></rss>", URL)).entries == ()
    with pytest.raises(DocumentError, match=r"a\.example"):
        feed.parse(Document(b"<rss version='2.0'><channel>", URL))
    with pytest.raises(DocumentError, match="no entries"):
        feed.parse(Document(b"<x/>", URL))


def test_head_tells_what_entries_take_over_in_a_fixed_order() -> None:
    text = atom(
        "<id>1</id>",
        '<rights>R</rights><author><name>A</name></author><author><name>B</name></author><link rel="hub" href="/h"/>'
        '<link rel="self" href="/f"/>',
        'xml:lang="en"',
    )
    (entry,), head = _feedparser.parse(Document(text.encode(), URL, url=URL))
    assert head.inherited == (("language", "en"), ("author", "A"), ("author", "B"), ("licence", "R"))
    assert (head.title, head.format) == ("T", "Atom 1.0")
    assert head.advice == Advice(hubs=("https://a.example/h",), self_url="https://a.example/f")
    assert (entry.authors, entry.licence) == ((), None)
    whole = _feedparser.inheriting(entry, head.inherited)
    assert (whole.language, whole.authors, whole.licence) == ("en", ("A", "B"), "R")


def test_what_an_entry_says_itself_is_not_taken_over() -> None:
    entry = Entry(language="fr", authors=("C",), licence="own")
    assert _feedparser.inheriting(entry, (("language", "en"), ("author", "A"), ("licence", "R"))) == entry


def test_of_a_flood_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MAX_ENTRIES", 3)
    days = ("<pubDate>Fri, 20 Nov 2026 09:00:00 GMT</pubDate>", "", "<pubDate>Fri, 27 Nov 2026 09:00:00 GMT</pubDate>")
    items = "".join(f"<item><guid>{number}</guid>{days[number % 3]}</item>" for number in range(6))
    parsed = feed.parse(Document(f"<rss version='2.0'><channel>{items}</channel></rss>".encode(), URL))
    assert [entry.guid for entry in parsed.entries] == ["0", "2", "5"]
    assert parsed.dropped == 3


def test_a_flood_without_dates_is_cut_where_it_is() -> None:
    items = "".join(f"<item><guid>{number}</guid></item>" for number in range(feed.MAX_ENTRIES + 5))
    parsed = feed.parse(Document(f"<rss version='2.0'><channel>{items}</channel></rss>".encode(), URL))
    assert (len(parsed.entries), parsed.entries[0].guid, parsed.dropped) == (feed.MAX_ENTRIES, "0", 5)


def test_an_id_does_not_depend_on_where_it_was_found() -> None:
    body = rss("<guid>a/1</guid>").encode()
    guids = {feed.parse(Document(body, "x", url=url)).entries[0].guid for url in (None, URL, "https://b.example/")}
    assert guids == {"a/1"}


@pytest.mark.parametrize(
    "inside",
    [
        "<x " + " ".join(f'a{n}="1"' for n in range(20_000)) + "/>",
        "<b>" * 20_000 + "</b>" * 20_000,
        "<title><![CDATA[ & " * 5_000,
        "<!-- & " * 5_000,
        "<!--x-->" * 5_000 + "&",
        "<" * 20_000,
        "<skipHours>" * 8_000,
        "word " * 4_000 + "\udce9",
    ],
    ids=["attributes", "depth", "open CDATA", "open comments", "comments", "angles", "hours", "one bad byte"],
)
def test_time_does_not_grow_with_the_square(inside: str) -> None:
    started = time.process_time()
    with suppress(DocumentError):
        read(rss(inside).encode("utf-8", "surrogateescape"))
    assert time.process_time() - started < 3
