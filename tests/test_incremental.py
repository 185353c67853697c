"""Reading in part gives what reading the whole gives, entry by entry and field by field."""

import time
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from aggregator import splice
from aggregator.errors import DocumentError
from aggregator.models import Document, Entry, Memory, Parsed
from aggregator.parsers import feed

CASES = Path(__file__).parent.parent.parent / "shared" / "cases" / "reliability"
COLLECTIONS = ["feedparser_sanitize", "feedvalidator_cases", "gofeed_pairs", "feed_rs", "xml_conformance"]
URL = "https://a.example/feeds/x.xml"
# Where reading the whole is what is wrong: feedparser carries something over from what stands before the entry.
LEAKS: set[str] = set()

RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>T</title><language>en</language>
<lastBuildDate>Mon, 01 Jun 2026 10:00:00 GMT</lastBuildDate>
{}
</channel></rss>"""
ATOM = """<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de" xml:base="/b/"><title>T</title><id>urn:f</id>{}</feed>"""
RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">
<channel rdf:about="https://a.example/"><title>T</title><items><rdf:Seq><rdf:li resource="x"/></rdf:Seq></items></channel>
{}</rdf:RDF>"""


def document(body: bytes | str, **said: str) -> Document:
    data = body if isinstance(body, bytes) else body.encode()
    return replace(Document(data, "case", URL, "application/xml"), **said)


def item(number: int, more: str = "") -> str:
    return f"<item><guid>g{number}</guid><title>Title {number}</title><description>Text {number}</description>{more}</item>\n"


def entry(number: int, more: str = "") -> str:
    return f'<entry><id>urn:{number}</id><title>Title {number}</title><link href="p/{number}"/>{more}</entry>'


def entries(path: Path) -> tuple[Document, Parsed] | None:
    """A case and the whole of what it says, if it is a feed of which parts can be read."""
    case = document(path.read_bytes())
    try:
        whole = feed.parse(case)
    except DocumentError:
        return None
    return (case, whole) if whole.memory and whole.entries else None


def without(memory: Memory, unknown: set[int]) -> Memory:
    return replace(memory, entries=tuple(pair for number, pair in enumerate(memory.entries) if number not in unknown))


def differences(found: tuple[Entry, ...], wanted: tuple[Entry, ...]) -> Iterator[str]:
    if len(found) != len(wanted):
        yield f"{len(found)} entries, not {len(wanted)}"
    for one, other in zip(found, wanted, strict=False):
        for field in fields(Entry):
            mine, theirs = getattr(one, field.name), getattr(other, field.name)
            if mine != theirs:
                yield f"{field.name}: {mine!r:.200} in part, {theirs!r:.200} whole"


def compared(case: Document, whole: Parsed, unknown: set[int]) -> Iterator[str]:
    """How the entries of these numbers, and their likes, differ when they alone are read."""
    memory = whole.memory
    assert memory
    hashes = {memory.entries[number][0] for number in unknown}
    unknown = {number for number, (seen, _) in enumerate(memory.entries) if seen in hashes}
    part = feed.parse_new(case, without(memory, unknown), in_passing=False)
    if part is None:
        yield "cannot be read in part"
        return
    yield from differences(part.entries, tuple(whole.entries[number] for number in sorted(unknown)))
    if part.memory != memory:
        yield "remembers something else"


def tripled(case: Document) -> Document | None:
    """The same feed with each of its entries three times, one behind the other."""
    try:
        cuts = splice.cut(case)
    except splice.Uncut:
        return None
    body, position = b"", 0
    for start, end in cuts.spans:
        body, position = body + case.body[position:start] + case.body[start:end] * 3, end
    return replace(case, body=body + case.body[position:])


@pytest.mark.parametrize("name", COLLECTIONS)
def test_each_entry_of_a_collection_alone_and_in_its_crowd(name: str) -> None:
    if not (CASES / name).exists():
        pytest.skip("the third-party cases are not here")
    faults: list[str] = []
    files = feeds = 0
    for path in sorted((CASES / name).rglob("*.xml")):
        files += 1
        label = str(path.relative_to(CASES))
        found = entries(path)
        if found is None:
            continue
        feeds += 1
        case, whole = found
        count = len(whole.entries)
        for unknown in [{number} for number in range(min(count, 40))] + [set(range(count)), set(range(0, count, 2))]:
            faults += [f"{label} {sorted(unknown)[:3]}: {fault}" for fault in compared(case, whole, unknown)]
        crowd = tripled(case)
        if crowd and label not in LEAKS:
            thrice = feed.parse(crowd)
            faults += [f"{label} tripled: {fault}" for fault in differences(thrice.entries[1::3], whole.entries)]
    print(f"{name}: {files} files, {feeds} read in part")
    assert faults == []
    assert feeds or name == "xml_conformance"


@pytest.mark.parametrize(("frame", "make"), [(RSS, item), (ATOM, entry), (RDF, item)], ids=["RSS 2.0", "Atom", "RDF"])
def test_only_the_new_entry_is_read(frame: str, make, monkeypatch: pytest.MonkeyPatch) -> None:
    first = feed.parse(document(frame.format(make(1) + make(2))))
    assert first.memory and len(first.memory.entries) == 2
    second = document(frame.format(make(3) + make(1) + make(2)))
    part = feed.parse_new(second, first.memory, in_passing=True)
    assert part and len(part.known_guids) == 2
    assert part.entries == (feed.parse(second).entries[0],)
    assert part.memory == replace(feed.parse(second).memory, head=part.memory.head)


def test_nothing_new_is_not_even_checked() -> None:
    body = RSS.format(item(1))
    memory = feed.parse(document(body)).memory
    part = feed.parse_new(document(body), memory, in_passing=True)
    assert part == Parsed((), None, known_guids=(memory.entries[0][1],), memory=memory)


def test_a_head_with_another_date_is_the_same_head() -> None:
    memory = feed.parse(document(RSS.format(item(1)))).memory
    later = RSS.format(item(1)).replace("10:00:00", "11:00:00")
    part = feed.parse_new(document(later), memory, in_passing=True)
    assert part and part.advice is None


def test_another_head_is_looked_at_and_what_entries_take_over_from_it_makes_all_new() -> None:
    memory = feed.parse(document(RSS.format(item(1)))).memory
    retitled = RSS.format(item(1)).replace("<title>T</title>", "<title>U</title><ttl>90</ttl>")
    part = feed.parse_new(document(retitled), memory, in_passing=True)
    assert part and part.advice and part.advice.ttl and part.advice.ttl.total_seconds() == 5400
    translated = RSS.format(item(1)).replace(">en<", ">fr<")
    assert feed.parse_new(document(translated), memory, in_passing=True) is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"charset": "iso-8859-1"}, id="charset over HTTP"),
        pytest.param({"url": "https://b.example/"}, id="base URL"),
        pytest.param({"media_type": "text/xml"}, id="media type"),
    ],
)
def test_another_context_makes_all_new(change: dict[str, str]) -> None:
    memory = feed.parse(document(ATOM.format(entry(1)))).memory
    assert feed.parse_new(document(ATOM.format(entry(1) + entry(2)), **change), memory, in_passing=True) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('xml:lang="de"', 'xml:lang="fr"', id="xml:lang"),
        pytest.param('xml:base="/b/"', 'xml:base="/c/"', id="xml:base"),
        pytest.param('<?xml version="1.0"?>', '<?xml version="1.0" encoding="windows-1252"?>', id="encoding"),
        pytest.param('<?xml version="1.0"?>', '<!DOCTYPE feed [<!ENTITY x "y">]>', id="DOCTYPE"),
        pytest.param("</feed>", "", id="truncated"),
        pytest.param("<entry>", "<entry><entry/>", id="an entry in an entry"),
    ],
)
def test_what_is_not_plain_is_read_whole(old: str, new: str) -> None:
    memory = feed.parse(document(ATOM.format(entry(1)))).memory
    body = ATOM.format(entry(2) + entry(1)).replace(old, new, 1)
    assert feed.parse_new(document(body), memory, in_passing=False) is None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(RSS.format("<!-- <item> -->" + item(1, "<x><![CDATA[</item><item>]]></x>") + item(2)), id="comments and CDATA"),
        pytest.param(RSS.format(item(1) + "<image><title>i</title></image>" + item(2)), id="channel elements between"),
        pytest.param(RSS.format(item(1).replace("<item>", '<item x="a>b">') + item(2)), id="> in an attribute"),
        pytest.param(RSS.format(item(1) + "<item/>" + item(2)), id="an empty element"),
        pytest.param("\ufeff" + RSS.format(item(1) + item(2)), id="byte order mark"),
        pytest.param('<a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:title>t</a:title>'
                     '<a:entry><a:id>1</a:id><a:title>x</a:title></a:entry></a:feed>', id="prefixes"),
    ],
)  # fmt: skip
def test_entries_are_found_where_they_are(body: str) -> None:
    case = document(body)
    cuts = splice.cut(case)
    assert list(cuts.spans) == splice._exact(case.body)
    whole = feed.parse(case)
    assert whole.memory
    for number in range(len(whole.entries)):
        assert list(compared(case, whole, {number})) == []


@pytest.mark.parametrize(
    "new",
    [
        pytest.param(item(2, "<a " + " ".join(f"x{n}='1'" for n in range(1500)) + "/>"), id="attributes"),
        pytest.param(item(2, "<b>" * 3000 + "</b>" * 3000), id="depth"),
        pytest.param(item(2, "&lt;b&gt;" * 3000), id="escaped markup"),
        pytest.param(item(2, "word " * 20_000), id="size"),
    ],
)
def test_what_may_take_long_is_not_read_in_passing(new: str) -> None:
    memory = feed.parse(document(RSS.format(item(1)))).memory
    case = document(RSS.format(new + item(1)))
    assert feed.parse_new(case, memory, in_passing=True) is None
    assert feed.parse_new(case, memory, in_passing=False) is not None


def dated(number: int) -> str:
    return item(number, f"<pubDate>{number % 28 + 1:02} Jan {2000 + number // 28} 00:00:00 GMT</pubDate>")


@pytest.mark.parametrize("order", [1, -1], ids=["oldest first", "newest first"])
def test_of_a_flood_the_newest_are_taken(order: int) -> None:
    numbers = list(range(feed.MAX_ENTRIES + 300))[::order]
    case = document(RSS.format("".join(map(dated, numbers))))
    whole = feed.parse(case)
    assert whole.dropped == 300
    assert [entry.guid for entry in whole.entries] == [f"g{number}" for number in numbers if number >= 300]
    later = document(RSS.format(dated(len(numbers)) + "".join(map(dated, numbers))))
    part = feed.parse_new(later, whole.memory, in_passing=False)
    assert part and [entry.guid for entry in part.entries] == [f"g{len(numbers)}"]
    assert (part.dropped, len(part.known_guids)) == (301, feed.MAX_ENTRIES - 1)


def flood(*more: str) -> str:
    return RSS.format("".join(more) + "".join(map(dated, range(feed.MAX_ENTRIES * 10))))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(flood(item(1, "&nbsp;")), id="an entity of HTML"),
        pytest.param(flood(item(1, "<b>")), id="an element without an end"),
        pytest.param(flood().encode().replace(b"utf-8", b"windows-1252").replace(b"Text", b"T\xe9xt"), id="encoding"),
    ],
)
def test_of_a_damaged_flood_the_newest_are_taken_in_time(body: str | bytes) -> None:
    started = time.process_time()
    whole = feed.parse(document(body))
    assert time.process_time() - started < 8  # of the ten seconds of parse.cpu
    assert (len(whole.entries), whole.entries[-1].guid) == (feed.MAX_ENTRIES, f"g{feed.MAX_ENTRIES * 10 - 1}")
    assert whole.dropped >= feed.MAX_ENTRIES * 9
    assert whole.memory is None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("<!DOCTYPE rss [<!ENTITY x 'y'>]>" + flood()[39:], id="a DOCTYPE"),
        pytest.param(flood().replace("<channel>", "<channel><a>"), id="an element around all"),
        pytest.param(flood(item(1).replace("item>", "Item>")), id="another spelling"),
    ],
)
def test_of_a_flood_that_cannot_be_cut_the_first_are_read(body: str) -> None:
    started = time.process_time()
    whole = feed.parse(document(body))
    assert time.process_time() - started < 8
    assert (len(whole.entries), whole.dropped) == (feed.MAX_ENTRIES, pytest.approx(feed.MAX_ENTRIES * 9, abs=1))


def test_a_flood_of_small_entries_is_read_in_time() -> None:
    started = time.process_time()
    whole = feed.parse(document(RSS.format("".join(f"<item><guid>g{n}</guid></item>" for n in range(100_000)))))
    assert time.process_time() - started < 8
    assert (len(whole.entries), whole.dropped) == (feed.MAX_ENTRIES, 100_000 - feed.MAX_ENTRIES)


PREFIXED = RSS.replace("<rss ", '<rss xmlns:x="http://purl.org/rss/1.0/" ')


@pytest.mark.parametrize(
    "stray",
    [
        item(2).replace("item>", "Item>"),
        "<x:item><x:title>Title 2</x:title><x:link>https://a.example/2</x:link></x:item>",
    ],
    ids=["upper case", "prefix"],
)
def test_entries_that_are_written_otherwise_are_not_lost(stray: str) -> None:
    memory = feed.parse(document(PREFIXED.format(item(1)))).memory
    both = document(PREFIXED.format(item(1) + stray))
    assert len(feed.parse(both).entries) == 2
    assert feed.parse(both).memory is None
    assert feed.parse_new(both, memory, in_passing=True) is None


def test_what_is_no_feed_alone_is_read_whole() -> None:
    unknown = RDF.replace(' xmlns="http://purl.org/rss/1.0/"', ' xmlns="urn:x"')
    memory = feed.parse(document(unknown.format(item(1)))).memory
    assert memory
    retitled = document(unknown.replace("<title>T<", "<title>U<").format(item(1)))
    assert len(feed.parse(retitled).entries) == 1
    assert feed.parse_new(retitled, memory, in_passing=True) is None


def laughs(start: str) -> bytes:
    lines = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 8))
    return RSS.replace("<rss", f"{start}<!DOCTYPE rss [<!ENTITY l0 'ha'>{lines}]><rss").format(item(1, "&l7;")).encode()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(laughs(""), id="DOCTYPE"),
        pytest.param(laughs("<!-- <a -->"), id="DOCTYPE behind a comment"),
        pytest.param(RSS.replace("utf-8", "x:y").format(item(1)).encode(), id="unknown encoding"),
        pytest.param(RSS.format("<item " + "a" * 900_000).encode(), id="a tag without an end"),
    ],
)
def test_what_cannot_be_cut_is_told_at_once(body: bytes) -> None:
    started = time.thread_time()
    with pytest.raises(splice.Uncut):
        splice.cut(document(body))
        splice.check(body)
    with pytest.raises(splice.Uncut):
        splice._exact(body)
    assert time.thread_time() - started < 0.2


def test_an_entity_is_not_read_in_passing() -> None:
    assert not feed.PLUGIN.is_quick(document(laughs("<!-- <a -->")))
