"""Which article is an entry: careless ids, changed ids, and what is never taken for the same."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.dedup import MOST_SILENT, news
from aggregator.identity import MOST_SHARING, guid_hash, recognised, trusts_guids
from aggregator.models import Article, Kin, Known
from aggregator.words import folded

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
OTHERS = [guid_hash(f"other{number}") for number in range(20)]


def article(number: int, **said: object) -> Article:
    link = f"https://a.example/{number}"
    found = Article(
        key=f"key{number}", source="s", guid=f"g{number}", title=f"Title {number}", text="", html="", summary="",
        first_seen_at=NOW, link=link, text_hash=f"text{number}", content_hash=f"content{number}", news_hash=f"news{number}", word_count=9,
    )  # fmt: skip
    return replace(found, **said)


def kin(number: int) -> Kin:
    one = article(number)
    return Kin(one.key, one.guid, folded(one.title), one.link, one.text_hash, one.word_count, one.published_at)


def known(one: Article, **said: object) -> Known:
    found = Known(one.key, one.content_hash, one.news_hash, NOW - timedelta(days=1), None, None, 0)
    return replace(found, **said)


@pytest.mark.parametrize(
    ("guids", "trusted"),
    [
        pytest.param(["a", "b", "c"], True, id="each once"),
        pytest.param(["a"] * 3, False, id="all the same"),
        pytest.param([*map(str, range(39)), "38"], True, id="one in forty repeated"),
        pytest.param([*map(str, range(18)), "0", "1"], False, id="one in ten repeated"),
        pytest.param([None, None, "a"], True, id="missing ones are not repeated"),
        pytest.param([], True, id="none"),
    ],
)
def test_guids_are_believed_unless_they_are_repeated(guids: list[str | None], trusted: bool) -> None:
    assert trusts_guids(map(guid_hash, guids)) is trusted


def strangers(*numbers: int, **said: object) -> list[Article]:
    return [article(number, key=f"new{number}", guid=f"new{number}", **said) for number in numbers]


def keys(found: list[Article]) -> list[str]:
    return [one.key for one in found]


def test_one_changed_id_is_recognised_by_page_and_title() -> None:
    (found,) = recognised(strangers(1), {}, [kin(1), kin(2)], present=OTHERS)
    assert (found.key, found.guid) == ("key1", "g1")


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"title": "Other", "text_hash": "other"}, id="same page, other article"),
        pytest.param({"link": "https://a.example/other"}, id="same title and words on another page"),
        pytest.param({"link": "https://a.example/", "text_hash": "other"}, id="same title, front page"),
        pytest.param({"text_hash": "other"}, id="same page and title, other words, no date"),
        pytest.param({"title": "Other", "text_hash": "text1"}, id="same page and few words"),
    ],
)
def test_one_stranger_is_no_known_article(said: dict[str, object]) -> None:
    (found,) = recognised(strangers(1, **said), {}, [kin(1), kin(2)], present=OTHERS)
    assert found.key == "new1"


def test_an_entry_that_stands_elsewhere_in_the_document_keeps_its_article() -> None:
    assert keys(recognised(strangers(1), {}, [kin(1)], present=[guid_hash("g1")])) == ["new1"]


def test_the_same_guid_is_the_same_article_though_its_key_is_another() -> None:
    moved = article(1, key="other", title="Corrected", link=None, text_hash="other")
    assert keys(recognised([moved], {}, [kin(1)], present=OTHERS)) == ["key1"]


def test_what_many_articles_share_tells_nothing() -> None:
    many = [replace(kin(1), key=f"key{number}", guid=f"g{number}") for number in range(MOST_SHARING + 1)]
    assert keys(recognised(strangers(1), {}, many, present=OTHERS)) == ["new1"]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"title": "Other", "text_hash": "other"}, id="by page"),
        pytest.param({"link": "https://b.example/moved"}, id="by title and words"),
        pytest.param({"link": None, "text_hash": "other"}, id="by title"),
    ],
)
def test_when_all_ids_change_at_once_all_are_recognised(said: dict[str, object]) -> None:
    found = recognised(strangers(1, 2, 3, 4, **said), {}, [kin(n) for n in range(1, 5)])
    assert keys(found) == ["key1", "key2", "key3", "key4"]


def test_what_is_new_among_changed_ids_is_new() -> None:
    found = recognised(strangers(1, 2, 3, 9), {}, [kin(n) for n in range(1, 5)])
    assert keys(found) == ["key1", "key2", "key3", "new9"]


def test_after_a_long_absence_a_title_that_is_used_again_is_another_article() -> None:
    entries = [*strangers(11, 12, 13), replace(strangers(14)[0], title="Title 1")]
    assert keys(recognised(entries, {}, [kin(n) for n in range(1, 5)])) == ["new11", "new12", "new13", "new14"]


def test_two_strangers_are_never_one_article() -> None:
    same = {"link": "https://a.example/1", "title": "Title 1", "text_hash": "text1"}
    found = recognised(strangers(1, 2, 3, **same), {}, [kin(1)])
    assert keys(found) == ["key1", "new2", "new3"]


def test_a_page_that_several_articles_share_tells_nothing() -> None:
    said = {"link": "https://a.example/live", "text_hash": "other"}
    entries = [replace(one, title=f"Other {number}") for number, one in enumerate(strangers(1, 2, 3, **said))]
    shared = [replace(kin(number), link="https://a.example/live") for number in (1, 2, 3)]
    assert keys(recognised(entries, {}, shared)) == ["new1", "new2", "new3"]


def test_an_article_in_the_same_document_is_not_taken_over() -> None:
    old, new = article(1), strangers(1)[0]
    assert keys(recognised([old, new], {"key1": known(old)}, [kin(1)])) == ["key1", "new1"]


def test_a_cosmetic_change_is_stored_and_is_no_news() -> None:
    one = article(1)
    before = known(one, content_hash="other", updated_at=NOW - timedelta(hours=5))
    (found,) = news([one], {"key1": before})
    assert (found.updated_at, found.first_seen_at, found.silent_changes) == (before.updated_at, before.first_seen_at, 1)


@pytest.mark.parametrize(
    ("claimed", "moved_to"),
    [
        pytest.param(None, NOW, id="without a date: now"),
        pytest.param(NOW - timedelta(hours=1), NOW - timedelta(hours=1), id="with a newer date: that one"),
        pytest.param(NOW - timedelta(days=9), NOW, id="with an old date: now"),
        pytest.param(NOW + timedelta(hours=3), NOW, id="with a date to come: now"),
    ],
)
def test_changed_words_are_news(claimed: datetime | None, moved_to: datetime) -> None:
    one = article(1, claimed_at=claimed)
    before = known(one, content_hash="o", news_hash="o", claimed_at=NOW - timedelta(days=2))
    (found,) = news([one], {"key1": before})
    assert found.updated_at == moved_to


def test_what_changes_for_ever_is_let_be() -> None:
    one = article(1)
    before = known(one, content_hash="0", news_hash="0", claimed_at=NOW - timedelta(days=2))
    changes = 0
    for number in range(100):
        for found in news([replace(one, content_hash=f"{number}", news_hash=f"{number}x")], {"key1": before}):
            changes += 1
            before = replace(
                before,
                content_hash=found.content_hash,
                news_hash=found.news_hash,
                silent_changes=found.silent_changes,
                updated_at=found.updated_at,
            )
    assert changes == MOST_SILENT
    tomorrow = replace(one, content_hash="retracted", news_hash="retracted", first_seen_at=NOW + timedelta(days=1))
    (found,) = news([tomorrow], {"key1": replace(before, updated_at=NOW)})
    assert (found.updated_at, found.silent_changes) == (tomorrow.first_seen_at, MOST_SILENT)
    announced = replace(one, content_hash="end", claimed_at=NOW)
    (found,) = news([announced], {"key1": before})
    assert found.silent_changes == 0


def test_counters_do_not_use_up_what_is_news() -> None:
    one = article(1)
    before = known(one, content_hash="o", silent_changes=MOST_SILENT)
    assert news([replace(one, content_hash="counter")], {"key1": before}) == ()
    (found,) = news([replace(one, content_hash="words", news_hash="words")], {"key1": before})
    assert found.updated_at == NOW


def test_an_article_stored_before_there_were_news_hashes_is_brought_up_to_date_in_silence() -> None:
    one = article(1)
    (found,) = news([one], {"key1": known(one, content_hash="old", news_hash="")})
    assert found.updated_at is None
