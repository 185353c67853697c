"""JSON Feed as it is written, and as it should not be."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import registry, sniff
from aggregator.errors import DocumentError
from aggregator.models import Advice, Category, Document, Enclosure, Entry, Link, Markup, Parsed
from aggregator.parsers import jsonfeed
from aggregator.parsers.jsonfeed import MAX_ENTRIES, parse, parse_new
from tests.test_formats import feed, item

CASES = Path(__file__).parent.parent.parent / "shared" / "cases" / "reliability"
URL = "https://a.example/feed.json"
VERSION = "https://jsonfeed.org/version/1.1"


def read(value: Any) -> Parsed:
    return parse(Document(json.dumps(value).encode(), URL, url=URL))


def of(**fields: Any) -> Entry:
    (entry,) = read({"version": VERSION, "items": [{"id": "1"} | fields]}).entries
    return entry


def test_everything_that_an_item_says_is_kept() -> None:
    parsed = read(
        {
            "version": VERSION,
            "title": " News ",
            "feed_url": URL,
            "language": "de",
            "hubs": [
                {"type": "rssCloud", "url": "https://no.example/"},
                {"type": "WebSub", "url": "https://h.example/"},
            ],
            "authors": [{"name": "Desk"}],
            "items": [
                {
                    "id": "https://a.example/1",
                    "url": "https://a.example/1",
                    "external_url": "https://b.example/",
                    "title": "One & two",
                    "content_html": "<p>Text</p>",
                    "content_text": "Text",
                    "summary": "Short",
                    "image": "https://a.example/i.png",
                    "banner_image": "https://a.example/b.png",
                    "date_published": "2026-11-24T12:00:00+01:00",
                    "date_modified": "2026-11-24T12:00:00.123Z",
                    "authors": [{"name": "Ann"}, {"url": "https://no.name/"}],
                    "tags": ["a", "", "b", 3],
                    "attachments": [{"url": "https://a.example/a.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 12}],
                },
                {"id": 2, "content_text": "<b> is text", "external_url": "https://b.example/2", "language": "en"},
            ],
        }
    )
    assert (parsed.title, parsed.format) == ("News", "JSON Feed 1.1")
    assert parsed.advice == Advice(hubs=("https://h.example/",), self_url=URL)
    first, second = parsed.entries
    assert first == Entry(
        guid="https://a.example/1",
        link="https://a.example/1",
        base="https://a.example/1",
        title=Markup("One & two"),
        summary=Markup("Short"),
        content=Markup("<p>Text</p>", html=True),
        authors=("Ann",),
        categories=(Category("a"), Category("b")),
        enclosures=(Enclosure("https://a.example/a.mp3", "audio/mpeg", 12),),
        published_at=datetime(2026, 11, 24, 11, tzinfo=UTC),
        updated_at=datetime(2026, 11, 24, 12, 0, 0, 123000, tzinfo=UTC),
        language="de",
        links=(Link("https://a.example/1"), Link("https://b.example/", "related")),
        thumbnail="https://a.example/i.png",
    )
    assert str(first.published_at) == "2026-11-24 12:00:00+01:00"  # the publisher's zone
    assert (second.guid, second.link, second.base) == ("2", "https://b.example/2", URL)
    assert (second.content, second.authors, second.language) == (Markup("<b> is text"), ("Desk",), "en")


def test_version_one_has_one_author() -> None:
    assert of(author={"name": "Ann"}).authors == ("Ann",)


@pytest.mark.parametrize(
    ("field", "value", "name", "expected"),
    [
        ("title", 5, "title", Markup("")),
        ("content_html", ["x"], "content", Markup("")),
        ("tags", "a", "categories", ()),
        ("tags", [None, {"a": 1}], "categories", ()),
        ("authors", {"name": "Ann"}, "authors", ()),
        ("attachments", [None, {"url": 1}], "enclosures", ()),
        ("attachments", [{"url": "u", "size_in_bytes": -1}], "enclosures", (Enclosure("u"),)),
        ("attachments", [{"url": "u", "size_in_bytes": 10**30}], "enclosures", (Enclosure("u"),)),
        ("date_published", "yesterday", "published_at", None),
        ("date_published", "9999-12-31T23:59:59-23:59", "published_at", None),
        ("date_published", 1790000000, "published_at", None),
        ("date_published", "2026-11-24", "published_at", datetime(2026, 11, 24, tzinfo=UTC)),
        ("id", True, "guid", None),
        ("id", 1.5, "guid", "1.5"),
    ],
)
def test_what_is_wrong_in_a_field_costs_that_field(field: str, value: Any, name: str, expected: Any) -> None:
    assert getattr(of(**{field: value}), name) == expected


def test_items_that_are_none_are_left_out() -> None:
    assert len(read({"version": VERSION, "items": [None, 1, "x", [], {"id": "1"}]}).entries) == 1


def test_of_a_flood_the_newest_are_kept() -> None:
    items = [{"id": n, "date_published": f"2026-11-{1 + n % 28:02}"} for n in range(MAX_ENTRIES + 9)]
    parsed = read({"version": VERSION, "items": items})
    assert (len(parsed.entries), parsed.dropped) == (MAX_ENTRIES, 9)
    gone = {n for n in range(MAX_ENTRIES + 9)} - {int(entry.guid or 0) for entry in parsed.entries}
    assert {n % 28 for n in gone} == {0}


def test_a_banner_stands_in_for_the_picture() -> None:
    assert of(banner_image="https://a.example/b.png").thumbnail == "https://a.example/b.png"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_kind_of_unicode_is_read(encoding: str) -> None:
    body = json.dumps({"version": VERSION, "items": [{"id": "1", "title": "Россия"}]}, ensure_ascii=False)
    document = Document(body.encode(encoding), URL)
    assert sniff.media_type(document.body) == sniff.JSON_FEED
    assert parse(document).entries[0].title == Markup("Россия")


def test_another_encoding_is_named() -> None:
    body = json.dumps({"items": [{"title": "Россия"}]}, ensure_ascii=False).encode("cp1251")
    with pytest.raises(DocumentError, match="not written in UTF-8"):
        parse(Document(body, URL))


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"[]", b"null", b'{"items": {}}', b'{"version": 1}', b'{"items": [NaN]}', b"\xff\xfe\x00", b"[" * 200_000,
        b'{"items": [' + b"9" * 5000 + b"]}",
    ],
)  # fmt: skip
def test_what_is_no_feed_is_named(body: bytes) -> None:
    with pytest.raises(DocumentError, match=r"a\.example"):
        parse(Document(body, URL))


@pytest.mark.parametrize("slash", ["/", "\\/"])
def test_it_is_known_by_its_version(slash: str) -> None:
    body = '{"version": "https:%%jsonfeed.org%version%1.1", "items": []}'.replace("%", slash).encode()
    assert sniff.media_type(body) == sniff.JSON_FEED


def test_what_we_publish_is_read_as_it_was_meant() -> None:
    one = item()
    parsed = parse(Document(registry.formats()["jsonfeed"].render(feed(one)), URL, url=URL))
    (entry,) = parsed.entries
    assert (entry.guid, entry.title.value, entry.link) == (one.id, one.title, one.link)
    assert (entry.published_at, entry.updated_at, entry.authors) == (one.published_at, one.updated_at, one.authors)
    assert one.html in entry.content.value and entry.content.html


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "url", "title", "name", "authors", "tags", "attachments"]), children)
    ),
    max_leaves=12,
)


@given(st.lists(trees, max_size=4))
def test_no_items_whatever_raise_anything_else(items: list[Any]) -> None:
    read({"version": VERSION, "items": items, "authors": items, "hubs": items})


@pytest.mark.skipif(not CASES.is_dir(), reason="the collections json_parsing and feed_rs are not here")
def test_good_json_is_read_and_bad_json_refused() -> None:
    files = sorted((CASES / "json_parsing").glob("*.json"))
    for path in files:
        said = _refusal(path.read_bytes())
        if path.name.startswith("n_"):
            assert "nothing of the feed can be read" in said or "not written in UTF-8" in said, path.name
        if path.name.startswith("y_"):
            assert "no list of items" in said, path.name
    assert len(files) > 100


def _refusal(body: bytes) -> str:
    with pytest.raises(DocumentError) as caught:  # whatever it is, nothing else is raised
        parse(Document(body, URL))
    return str(caught.value)


def of_items(*items: object, **head: object) -> Document:
    return Document(json.dumps({"version": VERSION, **head, "items": items}).encode(), "x", URL)


def test_only_new_and_changed_items_are_read() -> None:
    one, two, three = ({"id": n, "title": f"Title {n}", "content_html": "<p>x</p>"} for n in "123")
    memory = parse(of_items(one, two)).memory
    part = parse_new(of_items(three, one, two | {"title": "Other"}), memory, in_passing=True)
    whole = parse(of_items(three, one, two | {"title": "Other"}))
    assert part and part.entries == (whole.entries[0], whole.entries[2])
    assert (part.memory, part.known_guids) == (whole.memory, (memory.entries[0][1],))


def test_an_item_whose_members_come_in_another_order_is_the_same() -> None:
    memory = parse(of_items({"id": "1", "title": "T"})).memory
    part = parse_new(of_items({"title": "T", "id": "1"}), memory, in_passing=True)
    assert part and part.entries == () and part.advice is None


@pytest.mark.parametrize("head", [{"language": "fr"}, {"authors": [{"name": "Jo"}]}], ids=["language", "authors"])
def test_what_items_take_over_from_the_feed_makes_all_new(head: dict[str, object]) -> None:
    memory = parse(of_items({"id": "1"})).memory
    assert parse_new(of_items({"id": "1"}, {"id": "2"}, **head), memory, in_passing=True) is None


def test_large_items_are_not_read_in_passing() -> None:
    memory = parse(of_items({"id": "1"})).memory
    large = of_items({"id": "1"}, {"id": "2", "content_html": "x" * 100_000})
    assert parse_new(large, memory, in_passing=True) is None
    assert parse_new(large, memory, in_passing=False) is not None


@pytest.mark.parametrize(
    "items", [[{}] * 160_000, [{"id": str(n)} for n in range(1001)], [{"id": "1", "x": [1] * 100_000}]]
)
def test_many_items_or_values_are_not_read_in_passing(items: list[object]) -> None:
    memory = parse(of_items({"id": "1"})).memory
    started = time.thread_time()
    assert parse_new(of_items(*items), memory, in_passing=True) is None
    assert time.thread_time() - started < 1.0


def test_only_new_items_are_made_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    whole = parse(of_items(*({"id": str(n)} for n in range(50))))
    monkeypatch.setattr(jsonfeed, "_entry", lambda item, *_: made.append(item) or Entry(guid=item["id"]))
    part = parse_new(of_items(*({"id": str(n)} for n in range(51))), whole.memory, in_passing=True)
    assert part and made == [{"id": "50"}]
    assert part.memory and part.memory.entries[:50] == whole.memory.entries


def test_another_head_is_looked_at() -> None:
    memory = parse(of_items({"id": "1"})).memory
    hub = {"hubs": [{"type": "WebSub", "url": "https://hub.example/"}]}
    part = parse_new(of_items({"id": "1"}, **hub), memory, in_passing=True)
    assert part and part.advice and part.advice.hubs == ("https://hub.example/",)
