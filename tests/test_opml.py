"""Lists of feeds: what others wrote is understood, what is hostile is refused, what we write comes back."""

import ast
import re
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import opml
from aggregator.errors import DocumentError
from aggregator.opml import Outline
from aggregator.terminal import on_one_line

SHARED = Path(__file__).parent.parent.parent / "shared" / "cases" / "reliability"
CASES = sorted((SHARED / "opml").rglob("*.xml"))
BOMBS = sorted(path for path in (SHARED / "xml_bombs").glob("*.x*") if path.suffix == ".xml")


def expectations(text: str) -> list[ast.Compare]:
    """What a case of listparser's says of feeds; other lines are about its own findings."""
    lines = re.findall(r"^\s*Eval: (.*)$", text, re.MULTILINE)
    found = [ast.parse(line, mode="eval").body for line in lines if "['feeds']" in line]
    return [node for node in found if isinstance(node, ast.Compare)]


def names_in(node: ast.Compare) -> set[str]:
    """The texts that are compared, without those that only say where to look."""
    keys = {id(part.slice) for part in ast.walk(node) if isinstance(part, ast.Subscript)}
    return {
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and id(part) not in keys and isinstance(part.value, str)
    }


@pytest.mark.skipif(not CASES, reason="the third-party cases are not here")
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case_of_listparser(path: Path) -> None:
    outlines = opml.read(path.read_bytes(), path.name)
    first = {outline.url: outline for outline in reversed(outlines)}
    feeds = [{"url": o.url, "title": o.title} for o in sorted(first.values(), key=outlines.index)]
    labels: set[str] = set()
    for node in expectations(path.read_text()):
        written = ast.unparse(node)
        if "['tags']" in written or "['categories']" in written:
            labels |= names_in(node)  # one list of labels is what we make of both
        else:
            assert eval(written, {"len": len}, {"result": {"feeds": feeds}}), written
    assert labels == {label for outline in outlines for label in outline.labels}


@pytest.mark.skipif(not BOMBS, reason="the third-party cases are not here")
@pytest.mark.parametrize("path", BOMBS, ids=lambda path: path.stem)
def test_bomb_is_refused(path: Path) -> None:
    with pytest.raises(DocumentError):
        opml.read(path.read_bytes(), path.name)


def document(body: str, head: str = "") -> bytes:
    return f'{head}<opml version="2.0"><body>{body}</body></opml>'.encode()


def feed(url: str = "http://a.example/", **said: str) -> str:
    return f'<outline xmlUrl="{url}" ' + " ".join(f'{key}="{value}"' for key, value in said.items()) + "/>"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(
            document(feed(text="&e;"), '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'),
            "entities",
            id="external",
        ),
        pytest.param(
            document(feed(text="&e;"), "<!DOCTYPE x [<!ENTITY % p \"<!ENTITY e 'x'>\"> %p;]>"),
            "entities",
            id="parameter",
        ),
        pytest.param(
            document(feed(text="&e;"), '<!DOCTYPE x [<!ENTITY e "x">]>').decode().encode("utf-16"),
            "entities",
            id="in UTF-16",
        ),
        pytest.param(b'<?xml version="1.0" encoding="utf-7"?>' + document(feed()), "encoding, 'utf-7'", id="UTF-7"),
        pytest.param(b'<?xml version="1.0" encoding="zip"?>' + document(feed()), "encoding, 'zip'", id="codec"),
        pytest.param(b'<?xml version="1.0" encoding="punycode"?>' + document(feed()), "encoding", id="slow codec"),
        pytest.param(
            document('<outline text="f">' * 21 + "</outline>" * 21), "x.opml:1:1: outlines deeper than 20", id="depth"
        ),
        pytest.param(document('<outline text="f">' * 9999 + "</outline>" * 9999), "x.opml:1:", id="great depth"),
        pytest.param(document(feed() * 20_001), "more than 20,000 outlines", id="outlines"),
        pytest.param(document("<a/>" * 250_000), "elements", id="elements"),
        pytest.param(document(" " * 5_000_000), "larger than 5,000,000 bytes", id="size"),
        pytest.param(document(feed() * 9)[:-30], "not a whole XML document", id="cut short"),
        pytest.param(b" \n", "empty", id="empty"),
        pytest.param(b"<!doctype html><html><body></body></html>", "an HTML page", id="page"),
        pytest.param(b"http://127.0.0.1:1/list.opml", "not a whole XML document", id="address"),
        pytest.param(b"<rss version='2.0'/>", "neither OPML nor RDF: it begins with <rss>", id="feed"),
        pytest.param(b"\x00\x01\x02", "x.opml", id="binary"),
    ],
)
def test_what_is_hostile_or_broken_is_refused_with_its_name(body: bytes, reason: str) -> None:
    with pytest.raises(DocumentError, match=re.escape(reason)) as caught:
        opml.read(body, "x.opml")
    assert str(caught.value).startswith("x.opml:")


def test_broken_line_is_named() -> None:
    with pytest.raises(DocumentError, match=r"^x.opml:4:1: "):
        opml.read(b"<opml>\n<body>\n<outline text='a>\n</body></opml>", "x.opml")


def test_much_of_everything_costs_little() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    categories = ",".join(f"/c{number}" for number in range(500_000))
    (outline,) = opml.read(document(feed(category=categories)), "x.opml")
    assert len(outline.labels) == opml.MAX_LABELS
    opml.read(document("&x" * 2_000_000), "x.opml")
    opml.read(
        document("".join(f'<outline text="{number}">' for number in range(19)) + feed() * 15_000 + "</outline>" * 19),
        "x.opml",
    )
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 20


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", False),
        ("utf-8-sig", False),
        ("utf-8", True),
        ("utf-16", True),
        ("windows-1251", True),
        ("koi8-r", True),
    ],
)
def test_encodings(encoding: str, declared: bool) -> None:
    head = f'<?xml version="1.0" encoding="{encoding}"?>' if declared else ""
    text = document(feed(text="Новости"), head).decode()
    assert [outline.title for outline in opml.read(text.encode(encoding), "x.opml")] == ["Новости"]


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("http://a.example/?b=1&c=2", "?b=1&c=2"),
        ("http://a.example/?b=1&amp;copy=2", "?b=1&copy=2"),
        ("http://a.example/?&copy=2", "?&copy=2"),
        ("http://a.example/?&#0;&#x110000;&#55;", "?7"),
    ],
)
def test_ampersands_that_are_none_are_mended(written: str, url: str) -> None:
    assert [outline.url for outline in opml.read(document(feed(written)), "x.opml")] == [f"http://a.example/{url}"]


def test_labels_are_the_folders_outermost_first_and_then_the_categories() -> None:
    body = f'<outline text="World"><outline text="Asia ">{feed(title="A", category="/x/y,World")}</outline></outline>{feed(text="B")}'
    first, second = opml.read(document(body), "x.opml")
    assert (first.title, first.labels) == ("A", ("World", "Asia", "x", "y"))
    assert (second.title, second.labels) == ("B", ())


def test_written_lists_have_a_fixed_form() -> None:
    outlines = [
        Outline("https://a.example/?b&c", 'A "&" <b>', ("World", "Asia")),
        Outline("https://b.example/", "", ("World",)),
    ]
    assert opml.write(outlines, "Mine").decode().splitlines() == [
        "<?xml version='1.0' encoding='utf-8'?>",
        '<opml version="2.0">',
        "  <head>",
        "    <title>Mine</title>",
        "  </head>",
        "  <body>",
        '    <outline text="World" title="World">',
        '      <outline text="Asia" title="Asia">',
        '        <outline text="A &quot;&amp;&quot; &lt;b&gt;" title="A &quot;&amp;&quot; &lt;b&gt;" type="rss" xmlUrl="https://a.example/?b&amp;c"/>',
        "      </outline>",
        '      <outline text="https://b.example/" title="https://b.example/" type="rss" xmlUrl="https://b.example/"/>',
        "    </outline>",
        "  </body>",
        "</opml>",
    ]


def lines(limit: int) -> st.SearchStrategy[str]:
    """Text as titles have it: one line, no blanks around it."""
    return st.text(min_size=1, max_size=limit).map(lambda text: on_one_line(text, limit)).filter(bool)


def feeds() -> Iterator[st.SearchStrategy[Outline]]:
    labels = st.lists(lines(20), max_size=5, unique=True).map(tuple)
    urls = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=40).map(
        lambda path: f"http://a.example/{path}".strip()
    )
    yield st.builds(Outline, urls, lines(60), labels)


@given(st.lists(next(feeds()), max_size=8))
def test_what_is_written_is_read_back(outlines: list[Outline]) -> None:
    written = opml.write(outlines, "List")
    read = opml.read(written, "x.opml")
    assert sorted(read, key=repr) == sorted(outlines, key=repr)
    assert opml.write(read, "List") == opml.write(opml.read(opml.write(read, "List"), "x.opml"), "List")


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_anything_is_read_or_refused(text: str) -> None:
    try:
        opml.read(document(text), "x.opml")
    except DocumentError as error:
        assert str(error).startswith("x.opml:")
    except UnicodeEncodeError:
        pass  # of this test: lone surrogates are no bytes
