"""Entry → Article: nothing dangerous, nothing unbelievable, nothing lost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from aggregator.clean import FILE_TIME, article_key, clean
from aggregator.identity import MAX_GUID
from aggregator.language import language
from aggregator.models import Article, Category, Enclosure, Entry, Link, Markup, Origin

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


def test_links_inside_an_article_lead_to_its_page() -> None:
    said = '<a href="#note">1</a> <a href="#?a=1&b">2</a> <a href="other#note">3</a>'
    result = article(said, base="https://a.example/feed.xml?a=1&b=2", link="/story?x=1&y=2#top")
    assert 'href="https://a.example/story?x=1&amp;y=2#note"' in result.html
    assert 'href="https://a.example/story?x=1&amp;y=2#?a=1&amp;b"' in result.html
    assert 'href="https://a.example/other#note"' in result.html


def test_relative_links_without_a_base_go() -> None:
    assert "href" not in article('<a href="b">x</a>').html


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
        {"subtitle": Markup("Other")},
        {"links": (Link("https://a.example/other", "via"),)},
        {"thumbnail": "https://a.example/other.png"},
        {"comments": "https://a.example/other#comments"},
        {"origin": Origin("Other")},
        {"licence": "Other"},
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


def test_a_change_of_counters_is_published_but_no_news() -> None:
    one, other = article("<p>Text</p><p>12 comments</p>"), article("<p>Text</p><p>13 comments</p>")
    assert one.content_hash != other.content_hash
    assert one.news_hash == other.news_hash
    assert one.news_hash != article("<p>Other text</p>").news_hash


def test_pictures_are_no_news_and_a_summary_is_where_nothing_else_is() -> None:
    assert article('<p>Text<img src="https://a.example/1.png">').news_hash == article("<p>Text").news_hash
    assert article(summary=Markup("One")).news_hash == article(summary=Markup("Other")).news_hash
    one, other = (clean(Entry(summary=Markup(text)), source="s", now=NOW) for text in ("One", "Other"))
    assert one.news_hash != other.news_hash


def test_dates_are_utc() -> None:
    moscow = datetime(2026, 11, 24, 14, 0, tzinfo=timezone(timedelta(hours=3)))
    result = article(published_at=moscow, updated_at=moscow)
    assert result.published_at == moscow
    assert str(result.published_at) == str(result.updated_at) == "2026-11-24 11:00:00+00:00"


@pytest.mark.parametrize("date", [(1, 1, 1), (9999, 12, 31), (1970, 1, 1)])
@pytest.mark.parametrize("hours", [-14, 14])
def test_dates_at_the_ends_of_time_are_not_believed(date: tuple[int, int, int], hours: int) -> None:
    said = datetime(*date, tzinfo=timezone(timedelta(hours=hours)))
    believed = article(published_at=said, updated_at=said).published_at
    assert believed is None


def test_what_else_an_entry_says_is_absolute_and_plain() -> None:
    result = article(
        base="https://a.example/x/",
        link="1?utm_source=feed",
        subtitle=Markup("All <b>of</b> it &amp; more", html=True),
        links=(
            Link("1"), Link("/1.pdf", " Alternate", "Application/PDF", "As\na file"), Link("javascript:alert(1)", "related"),
            Link("https://b.example/", "via", "x>y"), Link("#part", "", None, "\x01"),
        ),
        thumbnail="t.png",
        comments="1#comments",
        origin=Origin(" The\x00 Wire ", "../feed"),
        licence="/licence",
    )  # fmt: skip
    assert result.subtitle == "All of it & more"
    assert result.links == (
        Link("https://a.example/1.pdf", "alternate", "application/pdf", "As a file"),
        Link("https://b.example/", "via"),
        Link("https://a.example/x/#part", "alternate"),
    )
    assert result.thumbnail == "https://a.example/x/t.png"
    assert result.comments == "https://a.example/x/1#comments"
    assert result.origin == Origin("The Wire", "https://a.example/feed")
    assert result.licence == "https://a.example/licence"


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        ("CC BY 4.0", "CC BY 4.0"),
        ("MIT/X11", "MIT/X11"),
        ("https://creativecommons.org/licenses/by/4.0/", "https://creativecommons.org/licenses/by/4.0/"),
        ("Licence: free", "Licence: free"),
        (" javascript:alert(1)", None),
        ("java\x01script:alert(1)", None),
        (" ", None),
    ],
)
def test_a_licence_is_a_link_or_words(said: str, understood: str | None) -> None:
    assert article(licence=said, base="https://a.example/").licence == understood


def test_what_is_no_link_is_none() -> None:
    result = article(
        thumbnail="data:image/png;base64,", comments="mailto:a@a.example", origin=Origin("\x01", "javascript:x")
    )
    assert (result.thumbnail, result.comments, result.origin) == (None, None, None)


def test_links_are_at_most_thirty() -> None:
    assert len(article(links=tuple(Link(f"https://a.example/{number}") for number in range(100))).links) == 30


@pytest.mark.parametrize(
    ("said", "is_html", "title"),
    [
        pytest.param("AT&amp;amp;T", True, "AT&amp;T", id="references are read once"),
        pytest.param("<b>One</b> &lt;two&gt;", True, "One <two>", id="markup goes"),
        pytest.param("AT&amp;T <b>", False, "AT&amp;T <b>", id="plain text is taken at its word"),
        pytest.param("One <p>two</p> three<br>four", True, "One two three four", id="one line"),
        pytest.param("1 < 2", True, "1 < 2", id="no tag"),
    ],
)
def test_titles_are_plain_text(said: str, is_html: bool, title: str) -> None:
    result = article(title=Markup(said, is_html), subtitle=Markup(said, is_html))
    assert (result.title, result.subtitle) == (title, title)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        pytest.param("Lo&#239;c Le Meur", "Loïc Le Meur", id="escaped twice"),
        pytest.param("Arts &amp; Life", "Arts & Life", id="escaped twice, as many a category is"),
        pytest.param("<b>Ann</b> Smith", "Ann Smith", id="markup"),
        pytest.param("AT&T <Labs>", "AT&T <Labs>", id="none of these"),
        pytest.param("John Doe <john@a.example>", "John Doe", id="address"),
        pytest.param("<john@a.example>", "<john@a.example>", id="nothing but an address"),
    ],
)
def test_names_hold_no_markup(said: str, name: str) -> None:
    assert article(authors=(said,)).authors == (name,)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        pytest.param("it\x92s \x93so\x94", "it’s “so”", id="windows-1252 taken for Latin-1"),
        pytest.param("a\x81\x7fb\ufdd0\U0001ffffc", "abc", id="controls, no characters"),
        pytest.param("caf\ufffd", "caf?", id="lost letter"),
    ],
)
def test_characters_are_those_that_were_meant(said: str, text: str) -> None:
    entry = Entry(title=Markup(said), content=Markup(f"<p>{said}", html=True), authors=(said,))
    result = clean(entry, source="s", now=NOW)
    assert (result.title, result.text, result.html, *result.authors) == (text, text, f"<p>{text}</p>", text)


def test_references_to_what_is_no_character_are_none() -> None:
    assert article("<p>a&#x81;&#xFDD0;&#0;b&#146;").html == "<p>a?b’</p>"


@pytest.mark.parametrize(
    ("declared", "understood"),
    [
        ("en-GB", "en"),
        ("DE_at", "de"),
        ("iw", "he"),
        ("xq", None),
        ("und", None),
        ("xxx", None),
        ("gsw", "gsw"),
        ("", None),
    ],
)
def test_languages_that_are_none_are_not_believed(declared: str, understood: str | None) -> None:
    assert language(declared, "") == understood


def test_hebrew_is_called_as_today() -> None:
    assert language("xq", "שלום לכולם, זוהי כתבה ארוכה על הכלכלה בישראל ועל מה שקורה בעולם היום.") == "he"


@pytest.mark.parametrize("markup", ["", "<b>word</b> ", "<i title='" + "x" * 300 + "'>word</i> "])
def test_a_long_summary_is_cut_as_if_it_had_been_read_to_its_end(markup: str) -> None:
    short, long = (
        clean(
            Entry(guid="g", summary=Markup((markup or "word ") * count, html=True), content=Markup("x")),
            source="s",
            now=NOW,
        )
        for count in (300, 5000)
    )
    assert short.summary == long.summary
    assert len(short.summary) > 990


def test_a_date_that_a_file_states_is_part_of_its_content() -> None:
    def hashed(place: str, day: int) -> str:
        entry = Entry(guid="1", title=Markup("T"), content=Markup("Text"), told=(("published", place),))
        return clean(replace(entry, published_at=datetime(2026, 1, day, tzinfo=UTC)), source="s", now=NOW).content_hash

    assert hashed("a.yaml", 1) != hashed("a.yaml", 2)
    assert hashed(FILE_TIME, 1) == hashed(FILE_TIME, 2)


def test_a_better_known_link_is_no_other_article() -> None:
    """What stands for a missing id is the link as it was written, whatever is learned of links."""
    written = "https://www.google.com/url?q=https%3A%2F%2Fwww.example.com%2Fferry&utm_source=rss"
    found = clean(Entry(link=written, title=Markup("Ferry")), source="s", now=NOW)
    assert (found.guid, found.link) == (written, "https://www.example.com/ferry")
    assert found.key == article_key("s", written)
