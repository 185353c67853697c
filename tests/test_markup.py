"""Markup that can be published: what stays, what goes, and no text that holds a parser up."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from aggregator.markup import ATTRIBUTES, legal, paragraphs, safe_html
from aggregator.untangle import MAX_DEPTH, untangled

BASE = "https://a.example/x/"


def text(html: str) -> str:
    return "\n\n".join(paragraphs(safe_html(html, BASE)))


@pytest.mark.parametrize("html", ["a&#1;b", "<b title='&#11;'>a&#xfffe;b</b>", "<a href='java&#1;script:x'>ab</a>"])
def test_a_reference_brings_no_character_that_xml_cannot_hold(html: str) -> None:
    found = safe_html(html, None)
    assert legal(found) == found
    assert paragraphs(found) == ["ab"]
    assert "script" not in found


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        pytest.param("<a href=../b?c>x</a>", '<a href="https://a.example/b?c">x</a>', id="link"),
        pytest.param("<a href=mailto:a@b.example>x</a>", '<a href="mailto:a@b.example">x</a>', id="mailto"),
        pytest.param("<a href=ftp://b.example>x</a>", "<a>x</a>", id="another scheme"),
        pytest.param("<img src=data:image/png;base64,AA alt=x>", '<img alt="x">', id="data"),
        pytest.param("<blockquote cite=1>x</blockquote>", '<blockquote cite="https://a.example/x/1">x</blockquote>', id="cite"),
        pytest.param("<q CITE = javascript:x>x</q>", "<q>x</q>", id="cite that is no link"),
        pytest.param(
            "<video src=v.mp4 poster=/p.png autoplay loop></video>",
            '<video src="https://a.example/x/v.mp4" poster="https://a.example/p.png" controls=""></video>',
            id="video",
        ),
        pytest.param(
            "<audio><source src=a.mp3 type=audio/mpeg></audio>",
            '<audio controls=""><source src="https://a.example/x/a.mp3" type="audio/mpeg"></audio>',
            id="audio",
        ),
        pytest.param(
            "<picture><source srcset='1.webp, /2.webp 2x' media='(width > 1px)'><img src=1.png sizes=9vw></picture>",
            '<picture><source srcset="https://a.example/x/1.webp, https://a.example/2.webp 2x" media="(width &gt; 1px)">'
            '<img src="https://a.example/x/1.png" sizes="9vw"></picture>',
            id="picture",
        ),
        pytest.param("<details open><summary>a</summary>b</details>", '<details open=""><summary>a</summary>b</details>', id="details"),
        pytest.param("<time datetime=2026-11-27 class=x>a</time>", '<time datetime="2026-11-27">a</time>', id="time"),
        pytest.param("<p style='x' class=y id=z onclick=f() dir=rtl>a</p>", '<p dir="rtl">a</p>', id="never"),
    ],
)  # fmt: skip
def test_what_stays(html: str, kept: str) -> None:
    order = sorted  # nh3 writes attributes in an order of its own
    assert order(safe_html(html, BASE).replace(">", " > ").split()) == order(kept.replace(">", " > ").split())


@pytest.mark.parametrize(
    ("srcset", "kept"),
    [
        ("a.png", "https://a.example/x/a.png"),
        (" a.png 1x ,b.png 2.5x, ", "https://a.example/x/a.png 1x, https://a.example/x/b.png 2.5x"),
        ("/w_1,h_2/a.png 100w, b.png 200w", "https://a.example/w_1,h_2/a.png 100w, https://a.example/x/b.png 200w"),
        ("a.png, b.png", "https://a.example/x/a.png, https://a.example/x/b.png"),
        ("javascript:alert(1) 1x, b.png 2x", "https://a.example/x/b.png 2x"),
        ("data:image/png;base64,AA 1x", None),
        ("a.png huge", None),
        ("a.png 1x 2x, b.png", None),
        ("a.png 1x b.png 2x", None),
        ("", None),
        (",,,", None),
        (", ".join(f"{number}.png" for number in range(100)), None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_each_candidate_of_a_srcset_is_absolute(srcset: str, kept: str | None) -> None:
    found = safe_html(f'<img srcset="{srcset}">', BASE)
    assert found == (f'<img srcset="{kept}">' if kept else "<img>")
    assert safe_html(found, BASE) == found


def test_without_a_base_relative_links_go() -> None:
    html = '<img src="a"><img srcset="a, https://b.example/b"><q cite="a">x</q><video poster="a"></video>'
    kept = '<img><img srcset="https://b.example/b"><q>x</q><video controls=""></video>'
    assert safe_html(html, None) == kept


@pytest.mark.parametrize(
    "html",
    [
        pytest.param("<div>" * 50_000 + "end", id="unclosed"),
        pytest.param("<div>" * 20_000 + "end" + "</div>" * 20_000, id="closed"),
        pytest.param("<div></x>" * 5_000 + "end", id="closed by the name of another"),
        pytest.param("<x-y/>" * 20_000 + "end", id="custom elements that only look empty"),
        pytest.param("<div></br>" * 5_000 + "end", id="end tags of void elements"),
        pytest.param("<div><!--</div>-->" * 5_000 + "end", id="end tags in comments"),
        pytest.param('<div title="</div>">' * 5_000 + "end", id="end tags in attributes"),
        pytest.param("<div><style></div></style>" * 5_000 + "end", id="end tags in raw text"),
        pytest.param(("<div>" * 99 + "<table><td>" + "</div>" * 99) * 40 + "end", id="end tags out of scope"),
    ],
)
def test_deep_nesting_takes_no_time_and_loses_no_text(html: str) -> None:
    begin = time.monotonic()
    try:
        complete = text(html).endswith("end")
    except RecursionError:  # told here: pytest takes minutes to show a thousand frames with a megabyte in each
        complete = False
    assert complete
    assert time.monotonic() - begin < 5


def test_markup_that_is_too_deep_leaves_no_attributes_in_the_text() -> None:
    assert text('<div class="secret">' * 300 + "end") == "end"


def test_markup_that_is_too_deep_keeps_its_entities() -> None:
    said = "<div>" * 4_001 + "1 &lt; 2 &amp;amp; 3 > 2 &#" + "9" * 5_000 + ";"  # more digits than int() takes
    assert text(said).startswith("1 < 2 &amp; 3 > 2")


def test_a_long_honest_page_keeps_its_markup() -> None:
    post = '<div class="post"><h3>14:30</h3><p>Talks <a href="/talks?a=1&amp;b=2">go <b>on</b></a>, says the ministry.</p></div>'
    page = f"<article>{post * 2000}</article>"
    found = safe_html(page, BASE)
    assert found == safe_html(post, BASE).join(["<article>", "</article>"]).replace(
        safe_html(post, BASE), safe_html(post, BASE) * 2000
    )
    assert found.count("<") == 2000 * 10 + 2


def test_a_long_text_keeps_its_references() -> None:
    line = "Ма&#1081;, caf&eacute; &amp; &lt;b&gt; "
    assert text(f"<p>{line * 3000}</p>").startswith("Май, café & <b> Май")


# Each takes a parser more than a second, or more than 200 MB, or did so in one that was tried. Cut to a million characters.
NAMES = " ".join(f"a{number}" for number in range(150_000))
OPEN = "".join(f"<b title={number}>" for number in range(2000))
BOMBS = {
    "elements in each other": "<div>" * 200_000,
    "as many as are looked at": "<div>" * 29_000,
    "formatting in each other": "<b>" * 29_000,
    "formatting opened again": "<p>" + OPEN + "<p>x" * 2000,
    "formatting around blocks": OPEN + "<p>" * 2000,
    "a short one": "<p>" + "".join(f"<b title={number}>" for number in range(130)) + "<p>x" * 180,
    "formatting adopted": "".join(f"<b title={number}>" for number in range(9000)) + "</b><p>x" * 9000,
    "fonts": "".join(f"<font color={number}>" for number in range(9000)) + "<p>x" * 9000,
    "links": "".join(f"<a href=/{number}>x" for number in range(4000)),
    "many links": "".join(f"<a href=/{number}>x" for number in range(29_000)),
    "carried out of a table": "<table>" + "<b>x</b>" * 14_000,
    "text out of a table": "<table>" + "x<tr>" * 14_000,
    "tables in rows": "<table>x" * 29_000,
    "tables in cells": "<table><tr><td>" * 9000,
    "formatting in captions": "<table><caption><b><td>" * 7000,
    "formatting ended in cells": "<b><table><td></b>" * 7000,
    "lists": "<ul><li>" * 14_000,
    "list items": "<li>x" * 29_000,
    "headings": "<h1><h2>" * 14_000,
    "ruby": "<ruby><rt><rp>" * 9000,
    "attributes of one element": f"<a {NAMES}>x",
    "attributes behind what looks like an end": f"<a x='>{NAMES}'>",
    "attributes of many elements": ("<a " + NAMES[:1900] + ">x") * 500,
    "allowed attributes": "<img alt=1 title=2 width=3 height=4 src=5>" * 24_000,
    "a long attribute": "<a title='" + "x" * 1_000_000 + "'>y",
    "references in attributes": ("<a href='/?" + "&x=1" * 400 + "'>x</a>") * 580,
    "srcsets": ("<img srcset='" + "/a 1x, " * 19 + "'>") * 7000,
    "cites": "<q cite=a>x</q>" * 14_000,
    "relative links": "<a href=x>y</a>" * 14_000,
    "svg with styles": "<svg><style><img src=x onerror=alert(1)>" * 20_000,
    "svg": "<svg>" * 29_000,
    "math": "<math><mi><table>" * 9000,
    "scripts": "<script>" * 29_000,
    "styles": "<style>x</style>" * 14_000,
    "templates": "<template>" * 29_000,
    "selects": "<select><option>" * 14_000,
    "comments": "x<!--" * 200_000,
    "a comment": "x<!-- " + "y" * 1_000_000,
    "CDATA": "<![CDATA[" * 29_000,
    "CDATA in svg": "<svg><![CDATA[" * 14_000,
    "a reference of many digits": "&#" + "9" * 1_000_000,
    "references of many digits": "&#99999999999;" * 70_000,
    "ampersands": "&" * 1_000_000,
    "ampersands between": "& " * 500_000,
    "references to ampersands": "&amp;" * 200_000,
    "numeric references": "&#38;" * 200_000,
    "references to nothing": "&nosuch;" * 120_000,
    "references without end": "&copy" * 200_000,
    "references to letters": "&eacute;" * 125_000,
    "less-than signs": "<" * 1_000_000,
    "less-than signs between": "< " * 500_000,
    "tags that do not end": "<a" * 500_000,
    "tags": "<a>" * 333_333,
    "quotes": "<a " + '="' * 500_000,
    "end tags": "</p>" * 29_000,
    "line breaks by end tags": "</br>" * 29_000,
    "carriage returns": "\r" * 1_000_000,
    "spaces": " " * 1_000_000,
}


@pytest.fixture(scope="module")
def cost() -> dict[str, float]:
    """What each bomb costs a process of its own: seconds of CPU by name, and by how many megabytes it grew in all."""
    program = """if True:
        import json, resource, time
        from aggregator.markup import MAX_HTML, paragraphs, safe_html
        from tests.test_markup import BASE, BOMBS
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cost = {}
        for name, bomb in BOMBS.items():
            begin = time.process_time()
            html = safe_html(bomb[:1_000_000], BASE)
            paragraphs(html)
            cost[name] = time.process_time() - begin
            assert len(html) <= MAX_HTML + 1000
        cost["memory"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(json.dumps(cost))
    """
    root = Path(__file__).parent.parent
    ran = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


@pytest.mark.parametrize("name", BOMBS)
def test_no_html_holds_us_up(cost: dict[str, float], name: str) -> None:
    assert cost[name] < 2.5  # seconds; below half a second on a machine that has nothing else to do


def test_no_html_takes_much_memory(cost: dict[str, float]) -> None:
    assert cost["memory"] < 200


_pieces = (
    "<p> </p> <b> </b> <i> <a\thref=x> </a> <div> </div> <table> </table> <tr> <td> </td> <caption> <col> <ul> <li> </ul> <h1>"
    " <pre> <dl> <dd> <ruby> <rt> <video> <select> <svg> </svg> <math> <style> </style> <!-- --> text & < > <br> </br> <x>"
)
PIECES = [piece.replace("\t", " ") for piece in _pieces.split(" ")]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30), st.integers(1, 300))
@example(["<b>", "<ul>", "<ul>", "<table>"], 14)
def test_what_is_untangled_needs_no_mending(pieces: list[str], times: int) -> None:
    """However a few tags are repeated, a parser makes of the result no more elements than it has tags, and none deep."""
    html = untangled("".join(pieces) * times, ATTRIBUTES)
    assert untangled(html, ATTRIBUTES) == html
    nodes, deepest = 0, 0
    waiting = [(LexborHTMLParser(f"<body>{html}").body, 0)]
    while waiting:
        node, depth = waiting.pop()
        nodes, deepest = nodes + 1, max(deepest, depth)
        waiting += [(child, depth + 1) for child in node.iter()]
    assert nodes <= 2 * html.count("<") + 10
    assert deepest <= 3 * MAX_DEPTH  # a parser adds rows and bodies to tables


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(PIECES), max_size=20), st.integers(1, 400))
def test_safe_html_is_idempotent_at_any_size(pieces: list[str], times: int) -> None:
    once = safe_html("".join(pieces) * times, BASE)
    assert safe_html(once, BASE) == once


# No tables among them: HTML moves what is misplaced in a table to places that its own syntax cannot write down.
_tokens = (
    "<p> </p> <b> </b> <a\thref='/x?a=1&b'> </a> <ul> <li> </ul> <script> </script> <br> <img\tsrc=x> <div> </div>"
    " <h1> </h1> <blockquote> </blockquote> <x> </x> &amp; &lt; &#0; &nbsp; \" ' <!-- --> < > a é \x01"
)


@given(st.lists(st.sampled_from([*_tokens.replace("\t", "\0").split(" "), " ", "\n"]), max_size=25))
def test_safe_html_is_idempotent(tokens: list[str]) -> None:
    once = safe_html("".join(tokens).replace("\0", " "), "https://a.example/")
    assert safe_html(once, "https://a.example/") == once


def test_many_phrases_that_are_closed_need_no_untangling(monkeypatch: pytest.MonkeyPatch) -> None:
    html = '<p>One <a href="https://a.example/1">link</a>, and <em title="a &gt; b">words</em>.</p>\n' * 300
    cleaned = safe_html(html, None)

    def never(*_: object) -> str:
        raise AssertionError

    monkeypatch.setattr("aggregator.markup.untangled", never)
    assert safe_html(html, None) == cleaned
    for open_ones in ("<b>" * 600 + "<i>x</i>" * 400, "<b a='>x</b>'>" * 600 + "<p>" * 300, '<b a=">x</b>">' * 900):
        with pytest.raises(AssertionError):
            safe_html(open_ones, None)
