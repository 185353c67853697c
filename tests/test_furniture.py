"""What stands around an article goes, and nothing is destroyed: the stage that cuts, and what it learns."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import furniture
from aggregator.boilerplate import line_hash
from aggregator.clean import clean
from aggregator.markers import Markers, built_in
from aggregator.markup import blocks, paragraphs, safe_html
from aggregator.models import Article, Cut, Entry, Markup

NOW = datetime(2026, 11, 27, tzinfo=UTC)
PROSE = [
    "The ministers of the two countries met on Monday for the third time in as many weeks to talk about gas.",
    "Neither side would say what had been agreed, but both called the talks useful and promised to meet again.",
    "A pipeline between the two has been planned for eleven years, and its price has doubled since then.",
    "Analysts in the capital said that the winter would decide more than any of the people at the table.",
]
MARKERS = built_in()


def article(text: str, *, title: str = "", html: bool = False, told: tuple[tuple[str, str], ...] = ()) -> Article:
    entry = Entry(guid="1", title=Markup(title), content=Markup(text, html), framed=True, told=told)
    return clean(entry, source="folder:inbox", now=NOW)


def of_file(*lines: str) -> Article:
    return article("\n\n".join(lines), told=(("title", furniture.FIRST_LINE),))


def kept(found: Article) -> str:
    """What is left of the original without its cuts."""
    text, place = "", 0
    for part in found.cuts:
        text += (found.original or "")[place : part.start]
        place = part.end
    return text + (found.original or "")[place:]


def removed(found: Article) -> list[list[str]]:
    return [paragraphs((found.original or "")[part.start : part.end]) for part in found.cuts]


def test_title_and_furniture_go_and_the_original_stays() -> None:
    found = furniture.cut(of_file("Gas talks end", *PROSE, "Source link", "Leave a Reply"), MARKERS)
    assert found.title == "Gas talks end"
    assert found.text.split("\n\n") == PROSE
    assert found.summary.startswith("The ministers")
    assert found.cuts[0].reason == "the title"
    assert removed(found) == [["Gas talks end"], ["Source link", "Leave a Reply"]]
    assert paragraphs(found.original or "") == ["Gas talks end", *PROSE, "Source link", "Leave a Reply"]
    assert kept(found) == found.html


def test_hashes_are_those_of_the_article_alone() -> None:
    dirty = furniture.cut(of_file("Gas talks end", *PROSE, "Source link", "Leave a Reply"), MARKERS)
    bare = furniture.cut(of_file("Gas talks end", *PROSE), MARKERS)
    for name in ("title", "text", "html", "summary", "content_hash", "news_hash", "text_hash", "word_count"):
        assert getattr(dirty, name) == getattr(bare, name)


def test_cutting_again_changes_nothing() -> None:
    once = furniture.cut(of_file("Gas talks end", *PROSE, "Source link"), MARKERS)
    assert furniture.cut(once, MARKERS) == once


def test_other_rules_are_applied_to_the_original() -> None:
    page = of_file("Gas talks end", *PROSE, "Source link", "Leave a Reply")
    without_rules = furniture.cut(page, Markers.of())
    assert without_rules.text.endswith("Leave a Reply")
    assert furniture.cut(without_rules, MARKERS) == furniture.cut(page, MARKERS)
    assert furniture.cut(furniture.cut(page, MARKERS), Markers.of()) == without_rules


def test_a_summary_of_the_publishers_stays() -> None:
    entry = Entry(title=Markup("T"), summary=Markup("Own words."), content=Markup("\n\n".join([*PROSE, "Source link"])))
    assert furniture.cut(clean(entry, source="s", now=NOW), MARKERS).summary == "Own words."


def test_what_comes_alone_is_left_alone() -> None:
    entry = Entry(title=Markup("T"), content=Markup("<p>a</p><p>Source link</p>", html=True))
    found = clean(entry, source="s", now=NOW)
    assert found.original is None
    assert furniture.cut(found, MARKERS) is found


def test_a_title_is_not_said_twice() -> None:
    found = furniture.cut(
        article(f"<h1>Gas – talks end</h1><p>{PROSE[0]}</p>", title="Gas - Talks End", html=True), MARKERS
    )
    assert found.text == PROSE[0]
    assert found.cuts[0].reason == "the title, said again"


def test_a_text_of_its_title_alone_has_no_body() -> None:
    found = furniture.cut(of_file("Gas talks end"), MARKERS)
    assert (found.title, found.text, found.html) == ("Gas talks end", "", "")


def test_a_first_paragraph_is_no_title() -> None:
    found = furniture.cut(of_file(" ".join(PROSE), PROSE[0]), MARKERS)
    assert found.title.endswith("…")
    assert found.text.startswith(PROSE[0])


def test_blocks_of_html_go_whole_with_their_pictures() -> None:
    body = "".join(f"<p>{line}</p>" for line in PROSE)
    tail = '<h3>Related Articles</h3><p><img src="https://a.example/b.png"></p><ul><li>Leave a Reply</li><li>Share this</li></ul>'
    found = furniture.cut(article(body + tail, title="T", html=True), MARKERS)
    assert found.html == body
    assert found.cuts == (Cut(len(body), len(found.original or ""), found.cuts[0].reason),)


def test_a_picture_between_kept_paragraphs_stays() -> None:
    body = f'<p><img src="https://a.example/b.png"></p><p>{PROSE[0]}</p><p><img src="https://a.example/c.png"></p><p>{PROSE[1]}</p>'
    found = furniture.cut(article(body + "<p>Source link</p>", title="T", html=True), MARKERS)
    assert found.html == body


SITE = ["The Harbour Post, since 1871", "Weather at the lighthouse", "Write to the harbour master"]


def page(number: int) -> Article:
    prose = [f"{line} That was story number {number * 7 + index} of {number}." for index, line in enumerate(PROSE)]
    return of_file(f"Story {number}", *prose, *SITE)


def test_lines_that_pages_of_one_site_share_are_learned() -> None:
    originals = [page(number).original or "" for number in range(3)]
    assert furniture.learned(originals) == {line_hash(line) for line in SITE}
    assert furniture.learned(originals[:2]) == frozenset()
    found = furniture.cut(page(9), MARKERS, furniture.learned(originals))
    assert removed(found) == [["Story 9"], SITE]
    assert furniture.cut(page(9), MARKERS).text.endswith(SITE[-1])


def test_a_site_is_learned_from_short_articles() -> None:
    top, end = ["THE HARBOUR POST", "Your quay, your voice", "Subscriptions from 3 a month"], SITE[1:]
    texts = [
        of_file(*top, f"Council votes on pier {number}", f"Pier {number} is to be mended by spring {number}.", *end)
        for number in range(3)
    ]
    learned = furniture.learned(text.original or "" for text in texts)
    assert learned == {line_hash(line) for line in (*top, *end)}
    found = furniture.cut(texts[2], MARKERS, learned)
    assert (found.title, found.text) == ("Council votes on pier 2", "Pier 2 is to be mended by spring 2.")
    assert removed(found) == [top, ["Council votes on pier 2"], end]
    assert found.cuts[-1].reason == "“Weather at the lighthouse” stands in other files of this source"


def test_background_told_in_every_article_stays() -> None:
    background = "The two countries share a border of 4,200 kilometres."
    texts = [
        of_file(f"Gas talks {n}", *(f"{line} It was round {n}." for line in PROSE), background, f"Talk {n} is due.")
        for n in range(4)
    ]
    learned = furniture.learned(text.original or "" for text in texts)
    assert line_hash(background) in learned
    for text in texts:
        assert [cut.reason for cut in furniture.cut(text, MARKERS, learned).cuts] == ["the title"]


def test_a_text_of_nothing_but_furniture_stays() -> None:
    lines = ["Home", "World", "Sign in", "Subscribe", "© 2026 The Harbour Post"]
    for repeated in (frozenset(), frozenset(map(line_hash, lines))):
        found = furniture.cut(of_file(*lines), MARKERS, repeated)
        assert found.title
        assert kept(found) == found.html


def test_copies_of_one_article_teach_nothing() -> None:
    copies = [of_file("Gas talks end", *PROSE, f"Copy {number}").original or "" for number in range(9)]
    assert furniture.learned(copies) == frozenset()
    mine = furniture.cut(of_file("Gas talks end", *PROSE), MARKERS, frozenset(map(line_hash, PROSE)))
    assert mine.text.split("\n\n") == PROSE


@pytest.mark.parametrize(
    "html", ["", "text", "<p>a</p>", "a<p>b</p>c<p>d</p>\n", "<hr><p>a</p>", "<ul><li><p>a</p></li></ul>x"]
)
def test_blocks_are_the_whole(html: str) -> None:
    assert "".join(html[start:end] for start, end in blocks(html)) == html


@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from(["<p>", "</p>", "<div>", "<b>", "</div>", "a", "<br>", "<table><tr><td>", "x > y"])).map(
        "".join
    )
)
def test_blocks_of_anything_are_well_formed(html: str) -> None:
    safe = safe_html(html, None)
    parts = [safe[start:end] for start, end in blocks(safe)]
    assert "".join(parts) == safe
    assert [line for part in parts for line in paragraphs(part)] == paragraphs(safe)
    assert [safe_html(part, None) for part in parts] == [part.strip() for part in parts]


@given(
    st.lists(
        st.sampled_from([*PROSE, "Source link", "Share this", "Leave a Reply", "By Ann Bee", "Home", "1"]), max_size=12
    )
)
def test_nothing_is_destroyed(lines: list[str]) -> None:
    for found in (of_file(*lines), article("".join(f"<p>{line}</p>" for line in lines), title="T", html=True)):
        cut = furniture.cut(found, MARKERS)
        assert cut.original == found.original
        assert kept(cut) == cut.html
        assert all(part.start < part.end for part in cut.cuts)
        assert all(one.end <= other.start for one, other in zip(cut.cuts, cut.cuts[1:], strict=False))
