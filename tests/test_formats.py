"""What we publish: well formed, true to the feed, the same in every format and at every time."""

import html
import io
import json
from datetime import UTC, datetime

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import validate
from lxml import etree

from aggregator import publish, registry
from aggregator.clean import clean
from aggregator.markup import legal
from aggregator.models import Attribution, Category, Enclosure, Entry, Feed, Item, Markup

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CONCEPTS = "tag:example.org,2026:concepts"
URLS = {name: f"https://news.example/feeds/t.{kind.extension}" for name, kind in registry.formats().items()}


def item(**changes: object) -> Item:
    fields: dict[str, object] = {
        "id": "tag:example.org,2026:story/1",
        "title": "A & B <em>",
        "html": '<p>Text with <a href="https://a.example/?x=1&amp;y=2">a link</a> ]]&gt;</p>',
        "summary": "Short & plain",
        "published_at": datetime(2026, 11, 1, tzinfo=UTC),
        "updated_at": datetime(2026, 11, 2, tzinfo=UTC),
        "link": "https://a.example/1?x=1&y=2",
        "trace": "https://news.example/articles/1",
        "origin": Attribution("Wire & Co", "https://a.example/feed", "https://a.example/1"),
        "also": (Attribution("Post", None, "https://b.example/1"),),
        "authors": ("Ann <Smith>", "Bo"),
        "categories": (Category("country:china", CONCEPTS, "China"), Category("R&D")),
        "enclosures": (
            Enclosure("https://a.example/i.jpg", "image/jpeg", 123),
            Enclosure("https://a.example/a.mp3", "audio/mpeg", 9),
        ),
        "thumbnail": "https://a.example/t.png",
        "comments": "https://a.example/1#talk",
        "licence": "https://a.example/by",
        "language": "en",
        "reasons": ("about country:china ≥ 25: 65",),
        "score": 65,
    }
    return Item(**(fields | changes))  # type: ignore[arg-type]


def feed(*items: Item) -> Feed:
    return Feed(
        "tag:example.org,2026:topic/t", "T & T", "All of <T>", "https://news.example/topics/t", URLS, NOW, items
    )


@pytest.mark.parametrize("name", ["atom", "rss"])
def test_readers_get_back_what_was_written(name: str) -> None:
    parsed = feedparser.parse(io.BytesIO(registry.formats()[name].render(feed(item()))), sanitize_html=False)
    assert not parsed.bozo
    (entry,) = parsed.entries
    assert (entry.id, entry.link) == (item().id, item().link)
    assert entry.title == (html.escape(item().title) if name == "atom" else item().title)  # in Atom it is declared
    assert entry.content[0].value == item().html
    assert entry.summary == (html.escape(item().summary) if name == "rss" else item().summary)  # in RSS it is HTML
    assert entry.published_parsed[:3] == (2026, 11, 1)
    assert [author.name for author in entry.authors] == list(item().authors)
    assert entry.enclosures[0].href == "https://a.example/i.jpg"
    assert (entry.enclosures[0].type, entry.enclosures[0].length) == ("image/jpeg", "123")
    china, own = entry.tags
    assert (china.scheme, own.scheme) == (CONCEPTS, None)
    assert (china.label or china.term, own.term) == ("China", "R&D")
    assert entry.source.title == "Wire & Co"
    assert entry.media_thumbnail == [{"url": "https://a.example/t.png"}]
    links = {link.rel: (link.href, link.get("type")) for link in entry.links}
    if name == "atom":
        assert links["replies"] == ("https://a.example/1#talk", "text/html")
        assert links["license"][0] == "https://a.example/by"
        assert china.term == "country:china"
        assert (entry.enclosures[1].type, entry.enclosures[1].length) == ("audio/mpeg", "9")
        assert parsed.entries[0].title_detail.language == "en"
    else:
        assert entry.language == "en"
        assert entry.media_content == [{"url": "https://a.example/a.mp3", "type": "audio/mpeg", "filesize": "9"}]
        assert entry.comments == "https://a.example/1#talk"
        assert links["license"][0] == "https://a.example/by"
    assert parsed.feed.link == "https://news.example/topics/t"


def test_atom_keeps_relation_and_type_of_entry_links() -> None:
    tree = etree.fromstring(registry.formats()["atom"].render(feed(item())))
    links = tree.findall("{*}entry/{*}link")
    assert [(link.get("rel"), link.get("type")) for link in links] == [
        ("alternate", None),
        ("enclosure", "image/jpeg"),
        ("enclosure", "audio/mpeg"),
        ("related", None),
        ("replies", "text/html"),
        ("license", None),
    ]


@pytest.mark.parametrize(
    ("name", "element"),
    [("atom", "{http://www.w3.org/2005/Atom}rights"), ("rss", "{http://purl.org/dc/elements/1.1/}rights")],
)
def test_a_licence_in_words_is_said_in_words(name: str, element: str) -> None:
    tree = etree.fromstring(registry.formats()[name].render(feed(item(licence="CC & friends"))))
    assert [found.text for found in tree.iter(element)] == ["CC & friends"]
    assert "license" not in {etree.QName(found).localname for found in tree.iter()}


@pytest.mark.parametrize(
    ("title", "atom", "kind", "rss"),
    [
        ("A & B", "A &amp; B", None, "A &#x26; B"),
        ("R&D1 <i>", "R&amp;amp;D1 &amp;lt;i&amp;gt;", "html", "R&#x26;D1 &#x3C;i&gt;"),
        ("1 < 2", "1 &lt; 2", None, "1 &#x3C; 2"),
        ("All <b>bold</b>", "All &amp;lt;b&amp;gt;bold&amp;lt;/b&amp;gt;", "html", "All bold"),
        ("</b>", "&amp;lt;/b&amp;gt;", "html", "(untitled)"),
    ],
)
def test_titles_are_themselves_for_readers_that_take_them_for_html(title: str, atom: str, kind: str, rss: str) -> None:
    said = f'<title type="{kind}">{atom}</title>' if kind else f"<title>{atom}</title>"
    assert said.encode() in registry.formats()["atom"].render(feed(item(title=title)))
    assert f"<title>{rss}</title>".encode() in registry.formats()["rss"].render(feed(item(title=title)))


JSON_FEED = {
    "type": "object",
    "required": ["version", "title", "items"],
    "properties": {
        "version": {"const": "https://jsonfeed.org/version/1.1"},
        "home_page_url": {"type": "string", "format": "uri"},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "content_html"],
                "properties": {
                    "id": {"type": "string"},
                    "date_published": {"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00$"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "attachments": {"items": {"required": ["url", "mime_type"]}},
                },
            },
        },
    },
}


def test_json_feed_follows_its_schema_and_holds_no_nulls() -> None:
    data = registry.formats()["jsonfeed"].render(feed(item(), item(id="2", language=None, enclosures=(), also=())))
    validate(json.loads(data), JSON_FEED)
    assert b"null" not in data
    validate(json.loads(registry.formats()["jsonfeed"].render(feed())), JSON_FEED)  # `items` is required


@pytest.mark.parametrize("name", sorted(registry.formats()))
def test_same_feed_gives_same_bytes(name: str) -> None:
    render = registry.formats()[name].render
    assert render(feed(item())) == render(feed(item()))
    assert b"\n" in render(feed())  # a feed without items is a feed


@given(st.text(max_size=200))
def test_any_text_gives_well_formed_feeds(text: str) -> None:
    cleaned = clean(Entry(title=Markup(text), content=Markup(text, html=True), authors=(text,)), source="s", now=NOW)
    found = item(title=cleaned.title or "-", html=cleaned.html, summary=cleaned.summary, authors=cleaned.authors)
    for name in ("atom", "rss"):
        etree.fromstring(registry.formats()[name].render(feed(found)))
    json.loads(registry.formats()["jsonfeed"].render(feed(found)))
    assert legal(cleaned.title) == cleaned.title


def test_file_is_replaced_only_when_it_changes(tmp_path) -> None:
    path = tmp_path / "f.atom"
    assert publish.replace(path, b"one") is True
    before = path.stat().st_ino
    assert publish.replace(path, b"one") is False
    assert path.stat().st_ino == before
    assert publish.replace(path, b"two") is True
    assert sorted(name.name for name in tmp_path.iterdir()) == ["f.atom", "f.atom.gz"]
