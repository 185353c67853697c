"""Entry → Article: nothing dangerous, nothing unbelievable, nothing lost."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.clean import MAX_GUID, article_key, clean, safe_html
from aggregator.models import Article, Category, Enclosure, Entry, Markup

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def article(html: str = "<p>Text</p>", **fields: object) -> Article:
    return clean(Entry(content=Markup(html, html=True), **fields), source="s", now=NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("html", "gone"),
    [
        pytest.param("<p>ok</p><script>alert(1)</script>", "alert", id="script with its text"),
        pytest.param('<img src="https://a.example/i.png" onerror="alert(1)">', "alert", id="event handler"),
        pytest.param('<a href="java\x01script:alert(1)">x</a>', "alert", id="scheme split by a control character"),
        pytest.param('<a href="java&#x09;script:alert(1)">x</a>', "alert", id="scheme split by a tab"),
        pytest.param('<a href="data:text/html,alert">x</a>', "alert", id="data"),
        pytest.param("<scr\x00ipt>alert(1)</scr\x00ipt>", "alert", id="tag split by NUL"),
        pytest.param("<svg><style><img src=x onerror=alert(1)></style></svg>", "alert", id="foreign content"),
        pytest.param('<p style="background:url(//a.example/alert)">x</p>', "alert", id="style"),
        pytest.param("<iframe srcdoc='alert'></iframe><object data='alert'>alert</object>", "alert", id="frames"),
        pytest.param("a<!-- alert -->b", "alert", id="comment"),
    ],
)
def test_danger_goes(html: str, gone: str) -> None:
    result = article(html)
    assert gone not in result.html + result.text


@pytest.mark.parametrize("bad", ["\0", "\x0b", "\x1b", "\ud800", "\ufffe", "\uffff"], ids=repr)
@pytest.mark.parametrize("is_html", [True, False], ids=["html", "text"])
def test_characters_that_xml_forbids_go_everywhere(bad: str, is_html: bool) -> None:
    said = Markup(f"on{bad}e", is_html)
    result = clean(
        Entry(
            guid=f"g{bad}", title=said, summary=said, content=said, authors=(f"one{bad}",), link=f"https://a.example/{bad}",
            categories=(Category(f"one{bad}", label=f"one{bad}"),), language="en",
        ),
        source="s",
        now=NOW,
    )  # fmt: skip
    assert (result.title, result.text, result.summary, result.authors) == ("one", "one", "one", ("one",))
    assert result.guid == "g"
    assert bad not in repr(result) and repr(bad)[1:-1] not in repr(result)


def test_relative_links_become_absolute() -> None:
    result = article('<a href="../b?c">x</a> <img src="/i.png">', base="https://a.example/x/y", link="z#top")
    assert 'href="https://a.example/b?c"' in result.html
    assert 'src="https://a.example/i.png"' in result.html
    assert result.link == "https://a.example/x/z"


def test_relative_links_without_a_base_go() -> None:
    assert "href" not in article('<a href="b">x</a>').html


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
    begin = time.process_time()
    try:
        complete = article(html).text.endswith("end")
    except RecursionError:  # told here: pytest takes minutes to show a thousand frames with a megabyte in each
        complete = False
    assert complete
    assert time.process_time() - begin < 5


def test_markup_that_is_too_deep_leaves_no_attributes_in_the_text() -> None:
    assert article('<div class="secret">' * 300 + "end").text == "end"


def test_markup_that_is_too_deep_keeps_its_entities() -> None:
    text = "<div>" * 4_001 + "1 &lt; 2 &amp;amp; 3 > 2 &#" + "9" * 5_000 + ";"  # more digits than int() takes
    assert article(text).text.startswith("1 < 2 &amp; 3 > 2")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        pytest.param("<p>a <b>x</b></p>tail", "a x\n\ntail", id="after a block"),
        pytest.param("<p>a<p>b", "a\n\nb", id="unclosed"),
        pytest.param("a<br>b", "a\n\nb", id="line break"),
        pytest.param("<ul><li>a</li><li>b <i>c</i>d</li></ul>", "a\n\nb cd", id="list"),
        pytest.param("<table><tr><td>a</td><td>b</td></tr></table>", "a\n\nb", id="cells"),
        pytest.param("x &lt;b&gt; &amp;amp; y", "x <b> &amp; y", id="entities are read once"),
        pytest.param("<main>a</main><section>b</section>", "a\n\nb", id="blocks that nh3 takes away"),
        pytest.param("\n  \n", "", id="nothing"),
    ],
)
def test_blocks_are_paragraphs(html: str, text: str) -> None:
    assert article(html).text == text


def test_plain_text_is_escaped_and_keeps_its_angle_brackets() -> None:
    result = clean(Entry(content=Markup("1 < 2 & <script>alert(1)</script>")), source="s", now=NOW)
    assert result.text == "1 < 2 & <script>alert(1)</script>"
    assert result.html == "<p>1 &lt; 2 &amp; &lt;script&gt;alert(1)&lt;/script&gt;</p>\n"


@pytest.mark.parametrize(
    ("date", "kept"),
    [
        pytest.param(NOW - timedelta(days=1), True, id="yesterday"),
        pytest.param(NOW + timedelta(hours=23), True, id="time zone slip"),
        pytest.param(NOW + timedelta(hours=25), False, id="future"),
        pytest.param(datetime(1, 1, 1, tzinfo=UTC), False, id="year 1"),
        pytest.param(datetime(1969, 12, 31, tzinfo=UTC), False, id="before the epoch"),
    ],
)
def test_only_believable_dates_stay(date: datetime, kept: bool) -> None:
    result = article(published_at=date, updated_at=date)
    assert result.published_at == (date if kept else None)
    assert result.updated_at == (min(date, NOW) if kept else None)
    assert result.dated_at <= NOW


def test_identity_is_source_and_guid() -> None:
    assert article(guid=" g ").key == article("<p>Other</p>", guid="g").key == article_key("s", "g")
    assert article(link="https://a.example/x").guid == "https://a.example/x"
    assert article("<p>One</p>").guid != article("<p>Two</p>").guid


def test_a_long_guid_is_hashed() -> None:
    long = article(guid="x" * (MAX_GUID + 1)).guid
    assert len(long) == 32
    assert long != article(guid="x" * (MAX_GUID + 2)).guid
    assert article(guid="x" * MAX_GUID).guid == "x" * MAX_GUID


def test_layout_changes_the_content_but_not_the_words() -> None:
    one, other = article("<p>A b</p><p>c</p>"), article("<div>a <i>B</i> c!</div>")
    assert one.text_hash == other.text_hash
    assert one.content_hash != other.content_hash


@pytest.mark.parametrize(
    "changed",
    [
        {"title": Markup("Other")},
        {"summary": Markup("Other")},
        {"language": "fr"},
        {"link": "https://a.example/other"},
        {"authors": ("Other",)},
        {"categories": (Category("other"),)},
        {"enclosures": (Enclosure("https://a.example/other"),)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_whatever_is_published_changes_the_content(changed: dict[str, object]) -> None:
    assert article(**changed).content_hash != article().content_hash


def test_a_feed_that_dates_its_entries_anew_changes_nothing() -> None:
    one, other = (article(published_at=date, updated_at=date) for date in (NOW, NOW - timedelta(hours=1)))
    assert one.content_hash == other.content_hash


def test_what_an_entry_lists_is_bounded() -> None:
    many = [f"{number} " + "x" * 300 for number in range(1000)]
    result = article(
        authors=tuple(many),
        categories=tuple(Category(name, f"\x01{name}", name) for name in many),
        enclosures=tuple(Enclosure(f"https://a.example/{name[:4]}", "audio/" + name[5:]) for name in many),
    )
    assert (len(result.authors), len(result.categories), len(result.enclosures)) == (20, 50, 20)
    assert {len(name) for name in result.authors} == {200}
    assert result.categories[0] == Category(many[0][:200], many[0][:200], many[0][:200])
    assert result.enclosures[0].media_type is None


def test_enclosures_are_absolute_and_of_a_plausible_type() -> None:
    given = (Enclosure("/a.mp3", "audio/mpeg", 9), Enclosure("javascript:x"), Enclosure("/b", 'x"><script>', None))
    kept = (Enclosure("https://a.example/a.mp3", "audio/mpeg", 9), Enclosure("https://a.example/b"))
    assert article(enclosures=given, base="https://a.example/").enclosures == kept


# No tables among them: HTML moves what is misplaced in a table to places that its own syntax cannot write down.
_tokens = (
    "<p> </p> <b> </b> <a\thref='/x?a=1&b'> </a> <ul> <li> </ul> <script> </script> <br> <img\tsrc=x> <div> </div>"
    " <h1> </h1> <blockquote> </blockquote> <x> </x> &amp; &lt; &#0; &nbsp; \" ' <!-- --> < > a é \x01"
)


@given(st.lists(st.sampled_from([*_tokens.replace("\t", "\0").split(" "), " ", "\n"]), max_size=25))
def test_safe_html_is_idempotent(tokens: list[str]) -> None:
    once = safe_html("".join(tokens).replace("\0", " "), "https://a.example/")
    assert safe_html(once, "https://a.example/") == once
