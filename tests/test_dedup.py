"""Which articles are copies of which story."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import packaged
from aggregator.dedup import MIN_WORDS, SPAN, WINDOW, Evidence, copy_of, fold, lead, news
from aggregator.links import Rules
from aggregator.models import Article, Copy, Known, Likeness, Placement, Story

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
EARLIER, LATER = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
LINK = "https://a.example/x"


def copy(key: str, source: str = "a", text: str | None = None, link: str | None = None, **fields: object) -> Copy:
    given = {"rank": 50, "title": "title", "word_count": 100, "dated_at": NOW, "text_hash": text or key}
    return Copy(key=key, source=source, link=link, **given | fields)  # type: ignore[arg-type]


def inside(key: str, containment: float = 0.75, **fields: object) -> Copy:
    """A copy that was compared with copy 1 when it was placed."""
    likeness = Likeness(True, "contained", 50, 0.3, containment, 0.4, 0.0)
    return copy(key, "b", placement=Placement("near", "1", likeness), **fields)


def linked(key: str, **fields: object) -> Copy:
    """A copy from a folder that has the link of copy 1, and other words."""
    return copy(key, "b", link=LINK, placement=Placement("link", "1"), **fields)


def partition(stories: tuple[Story, ...]) -> set[frozenset[str]]:
    return {frozenset(member.key for member in story.copies) for story in stories}


def folds(*copies: Copy) -> bool:
    return len(fold(copies, ())) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param(copy("1", "a", "t"), copy("2", "b", "t"), True, id="text, two sources"),
        pytest.param(copy("1", "a", "t"), copy("2", "a", "t"), True, id="text, one source"),
        pytest.param(
            copy("1", "a", "t", host="a.example"),
            copy("2", "b", "t", host="b.example", dated_at=NOW - SPAN),
            True,
            id="text, in the span",
        ),
        pytest.param(
            copy("1", "a", "t", host="a.example"),
            copy("2", "b", "t", host="b.example", dated_at=NOW - SPAN - timedelta(seconds=1)),
            False,
            id="text, outside the span",
        ),
        pytest.param(copy("1", "a", link=LINK), copy("2", "b", link=LINK), True, id="link, two sources"),
        pytest.param(copy("1", "a", link=LINK), copy("2", "a", link=LINK), False, id="link, one source"),
        pytest.param(
            copy("1", "a", link=LINK), copy("2", "b", link=LINK, dated_at=NOW - WINDOW), True, id="link, in the window"
        ),
        pytest.param(
            copy("1", "a", link=LINK),
            copy("2", "b", link=LINK, dated_at=NOW - WINDOW - timedelta(seconds=1)),
            False,
            id="link, outside the window",
        ),
        pytest.param(copy("1", "a"), copy("2", "b"), False, id="nothing in common but the title"),
        pytest.param(
            copy("1", "a", "t", word_count=MIN_WORDS - 1),
            copy("2", "b", "t", word_count=MIN_WORDS - 1, title="other"),
            False,
            id="short text, other title",
        ),
        pytest.param(
            copy("1", "a", "t", word_count=5), copy("2", "b", "t", word_count=5), True, id="short text, same title"
        ),
        pytest.param(
            copy("1", "a", "t", word_count=MIN_WORDS),
            copy("2", "b", "t", word_count=MIN_WORDS, title="other"),
            True,
            id="text long enough for any title",
        ),
        pytest.param(copy("1", "a", "t", word_count=0), copy("2", "b", "t", word_count=0), False, id="no text"),
    ],
)
def test_two_copies(one: Copy, other: Copy, same: bool) -> None:
    assert folds(one, other) is same
    assert len(fold([one], fold([other], ())[0].copies)[0].copies) == 1 + same


def test_a_link_that_a_source_repeats_folds_nothing() -> None:
    assert not folds(copy("1", "a", link=LINK), copy("2", "a", link=LINK), copy("3", "b", link=LINK))
    assert len(fold([copy("1", "a", link=LINK), copy("2", "a", link=LINK), copy("3", "b", link=LINK)], ())) == 3


def test_a_file_joins_what_has_its_words_at_any_distance() -> None:
    """It is dated by its copying."""
    past = fold([copy("1", "a", "t", host="a.example", dated_at=NOW - 9 * SPAN)], ())[0].copies
    assert len(fold([copy("2", "b", "t")], past)[0].copies) == 2


def test_the_same_words_again_and_again_do_not_make_a_chain() -> None:
    copies = [copy(str(day), "a", "t", host="a.example", dated_at=NOW + timedelta(days=day)) for day in range(0, 50, 5)]
    assert {tuple(one.key for one in story.copies) for story in fold(copies, ())} == {
        (str(day), str(day + 5)) for day in range(0, 50, 10)
    }


def test_placement_names_the_rule_and_the_rival() -> None:
    (story,) = fold([copy("1", "a", "t", LINK), copy("2", "b", "t"), copy("3", "c", link=LINK)], ())
    assert [(item.placement.rule, item.placement.rival) for item in story.copies] == [
        ("first", None),
        ("text", "1"),
        ("link", "1"),
    ]
    assert (story.id, story.lead) == ("1", "1")


def test_a_copy_stays_in_its_story_though_its_text_changes() -> None:
    (story,) = fold([copy("1", "a", "t"), copy("2", "b", "t")], ())
    (again,) = fold([copy("2", "b", "new text")], story.copies)
    assert again.id == story.id
    assert [(item.key, item.text_hash) for item in again.copies] == [("1", "t"), ("2", "new text")]
    assert again.copies[1].placement == story.copies[1].placement


def test_resemblance_does_not_spread_to_what_nothing_resembles() -> None:
    stories = fold([copy("1", "a", "t"), copy("2", "b", "t", LINK), copy("3", "c", "u", LINK), copy("4", "d", "v")], ())
    assert partition(stories) == {frozenset("123"), frozenset("4")}


@pytest.mark.parametrize(
    ("copies", "shown"),
    [
        pytest.param([copy("1", rank=50, word_count=900), copy("2", rank=10, word_count=90)], "2", id="rank first"),
        pytest.param(
            [copy("1", word_count=79), inside("2", word_count=900)], "2", id="the full text before an excerpt"
        ),
        pytest.param(
            [copy("1", word_count=79), inside("2", 0.7, word_count=900)], "1", id="but not what only begins so"
        ),
        pytest.param([copy("1", word_count=79), copy("2", word_count=900)], "1", id="nor what was not compared"),
        pytest.param(
            [copy("1", word_count=100), inside("2", word_count=900)], "1", id="no excerpt: long, and ends well"
        ),
        pytest.param(
            [copy("1", word_count=400, breaks_off=True), inside("2", word_count=501)],
            "2",
            id="an excerpt that breaks off",
        ),
        pytest.param(
            [copy("1", word_count=80), inside("2", word_count=100)], "1", id="about as full: the earliest, or the key"
        ),
        pytest.param(
            [copy("1", word_count=50), inside("2", word_count=300), inside("3", word_count=60, dated_at=EARLIER)],
            "2",
            id="one full text is enough for all excerpts",
        ),
        pytest.param(
            [copy("1", "b", link=LINK, host="b.example"), copy("2", link=LINK, host="a.example", dated_at=LATER)],
            "2",
            id="whose page it is before who links to it",
        ),
        pytest.param(
            [copy("1", "b", link=LINK, host="b.example"), copy("2", link=LINK, host="c.example", dated_at=LATER)],
            "1",
            id="nobody's page",
        ),
        pytest.param(
            [copy("1", link=LINK, host="a.example", word_count=30), linked("2", word_count=300, dated_at=LATER)],
            "2",
            id="a file of the owner's is believed to be the whole of a page",
        ),
        pytest.param([copy("2"), copy("1")], "1", id="the key at last"),
        pytest.param([copy("1", rank=10), copy("2", rank=90, chosen=True)], "2", id="a person's choice before all"),
        pytest.param([copy("1", is_reprint=True, word_count=900), copy("2")], "2", id="the original before reprints"),
        pytest.param([copy("1", is_reprint=True), copy("2", is_reprint=True, rank=10)], "2", id="rank before that"),
        pytest.param([copy("1", is_paywalled=True), copy("2", word_count=90)], "2", id="what everybody can read"),
        pytest.param(
            [copy("1", is_paywalled=True, word_count=200), inside("2", word_count=70)], "1", id="but not an excerpt"
        ),
    ],
)
def test_lead(copies: list[Copy], shown: str) -> None:
    assert {lead(order).key for order in permutations(copies)} == {shown}


_copies = st.lists(
    st.builds(
        lambda source, text, link, hours: copy(
            "", source, text, link and LINK + link, dated_at=NOW - timedelta(hours=hours)
        ),
        st.sampled_from("abc"),
        st.sampled_from("tuvw"),
        st.sampled_from([None, "1", "2"]),
        st.sampled_from([0, 1, 50, 100]),
    ),
    max_size=7,
).map(lambda found: [replace(item, key=str(number)) for number, item in enumerate(found)])


@given(_copies, st.randoms())
def test_order_of_arrival_in_a_batch_does_not_matter(copies: list[Copy], random: object) -> None:
    shuffled = list(copies)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert set(fold(copies, ())) == set(fold(shuffled, ()))


@given(_copies)
def test_each_copy_is_in_one_story_and_a_second_visit_changes_nothing(copies: list[Copy]) -> None:
    stories = fold(copies, ())
    members = [member for story in stories for member in story.copies]
    assert sorted(member.key for member in members) == sorted(item.key for item in copies)
    assert set(fold(copies, members)) == set(stories)


def article(**fields: object) -> Article:
    given = {"key": "k", "source": "a", "guid": "g", "title": "T", "text": "x", "html": "", "summary": ""}
    return Article(**given | {"first_seen_at": NOW, "content_hash": "new", "news_hash": "new"} | fields)  # type: ignore[arg-type]


SEEN = Known("k", "old", "old", NOW - timedelta(days=2), None, None, 0)


def test_an_unchanged_article_is_no_news() -> None:
    assert news([article(content_hash="old")], {"k": SEEN}) == ()


def test_a_changed_article_keeps_the_date_of_its_first_sight() -> None:
    (changed,) = news([article()], {"k": SEEN})
    assert (changed.first_seen_at, changed.updated_at) == (SEEN.first_seen_at, NOW)


def test_a_changed_article_has_the_publishers_date_unless_it_is_the_old_one() -> None:
    dated = NOW - timedelta(hours=1)
    assert news([article(claimed_at=dated)], {"k": SEEN})[0].updated_at == dated
    assert news([article(claimed_at=dated)], {"k": replace(SEEN, claimed_at=dated)})[0].updated_at == NOW


def test_of_a_guid_that_stands_twice_the_first_counts() -> None:
    assert [item.title for item in news([article(title="1"), article(title="2")], {})] == ["1"]


def test_a_guid_that_always_stands_twice_is_no_news_the_second_time() -> None:
    twice = [article(title="1", content_hash="old"), article(title="2")]
    assert news(twice, {"k": SEEN}) == ()


def test_a_front_page_is_no_link_to_fold_by() -> None:
    assert copy_of(article(link="https://a.example/"), 50).link is None
    assert copy_of(article(link="https://a.example/index.html"), 50).link is None
    assert copy_of(article(link=LINK, title="U.S. Talks"), 50).title == "us talks"


def test_links_are_compared_by_their_page() -> None:
    mobile, rules = (
        article(link="http://m.a.example/x/amp/?via=1"),
        Rules.of(packaged.data("links.yaml"), {"tracking": ["via"]}),
    )
    assert copy_of(mobile, 50, rules).link == LINK
    assert copy_of(mobile, 50).link == f"{LINK}?via=1"


def test_the_date_of_the_last_change_never_goes_back() -> None:
    """A change that is announced may have been made before one that was not."""
    silent = replace(SEEN, updated_at=NOW - timedelta(hours=2), claimed_at=NOW - timedelta(hours=9))
    (changed,) = news([article(claimed_at=NOW - timedelta(hours=5))], {"k": silent})
    assert changed.updated_at == silent.updated_at


def test_a_word_of_a_person_is_found_among_many() -> None:
    said = {frozenset(("1", "2")): True, frozenset(("1", "3")): False, frozenset(("2", "3")): False}
    evidence = Evidence({}, lambda one, other: None, said)
    assert (evidence.together("1"), evidence.together("3")) == ({"2"}, set())
    more = Evidence({}, evidence.likeness, said | {frozenset(("2", "4")): True, frozenset(("4", "3")): True})
    assert more.together("1") == {"2", "4"}  # 3 is said to be no copy of it
    assert not evidence.allows(copy("3"), [copy("9"), copy("1")])
    assert evidence.allows(copy("3"), [copy("9")])
