"""Folding by lookup finds what comparing each copy with each other finds, and takes no time by the square."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup import MIN_WORDS, WINDOW, fold, lead
from aggregator.models import Copy, Placement, Story

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def fold_by_comparing(new: Sequence[Copy], past: Sequence[Copy]) -> tuple[Story, ...]:
    """The rule as a person would state it."""
    placed = {copy.key: copy for copy in past}
    latest = {copy.key: copy for copy in (*past, *new)}.values()
    counts = Counter((copy.source, copy.link) for copy in latest if copy.link)
    touched = []
    for copy in sorted(new, key=seniority):
        if before := placed.get(copy.key):
            copy = replace(copy, story=before.story, placement=before.placement)
        else:
            rival, rule = rival_of(copy, placed.values(), counts)
            story = rival.story if rival else copy.key
            copy = replace(copy, story=story, placement=Placement(rule, rival.key if rival else None))
        placed[copy.key] = copy
        touched.append(copy.story)
    stories = []
    for identity in dict.fromkeys(touched):
        members = tuple(sorted((copy for copy in placed.values() if copy.story == identity), key=seniority))
        stories.append(Story(str(identity), lead(members).key, members))
    return tuple(stories)


def rival_of(copy: Copy, others: Iterable[Copy], counts: Counter[tuple[str, str | None]]) -> tuple[Copy | None, str]:
    for other in sorted(others, key=seniority):
        same_text = copy.word_count > 0 and copy.text_hash == other.text_hash
        if same_text and (copy.word_count >= MIN_WORDS or copy.title == other.title):
            return other, "text"
        same_link = copy.link and copy.link == other.link and copy.source != other.source
        near = abs(other.dated_at - copy.dated_at) <= WINDOW
        if same_link and near and counts[copy.source, copy.link] < 2 and counts[other.source, other.link] < 2:
            return other, "link"
    return None, "first"


def seniority(copy: Copy) -> tuple[datetime, str]:
    return copy.dated_at, copy.key


_copies = st.lists(
    st.builds(
        Copy,
        key=st.sampled_from("0123456789"),
        source=st.sampled_from("abc"),
        rank=st.sampled_from([10, 50]),
        title=st.sampled_from("xy"),
        link=st.sampled_from([None, "https://a.example/1", "https://a.example/2"]),
        text_hash=st.sampled_from("tuvw"),
        word_count=st.sampled_from([0, MIN_WORDS - 1, MIN_WORDS]),
        dated_at=st.sampled_from([0, 1, 50, 100]).map(lambda hours: NOW - timedelta(hours=hours)),
    ),
    max_size=9,
    unique_by=lambda copy: copy.key,
)


@given(_copies, _copies)
def test_lookup_finds_what_comparison_finds(early: list[Copy], late: list[Copy]) -> None:
    past = [member for story in fold_by_comparing(early, ()) for member in story.copies]
    assert fold(early, ()) == fold_by_comparing(early, ())
    assert fold(late, past) == fold_by_comparing(late, past)


@pytest.mark.parametrize(
    ("shared", "stories"),
    [
        pytest.param({"link": None}, 30_000, id="nothing"),
        pytest.param({"text_hash": "t"}, 1, id="text"),
        pytest.param({"text_hash": "t", "word_count": 1}, 30_000, id="short text"),
        pytest.param({"link": "https://a.example/1"}, 30_000, id="link"),
    ],
)
def test_many_copies_take_no_time_by_the_square(shared: dict[str, str | int | None], stories: int) -> None:
    copies = []
    for number in range(30_000):  # compared with each other, these take an hour
        name = str(number)
        fields = {"link": f"https://a.example/{name}", "text_hash": name, "word_count": 100} | shared
        copies.append(Copy(key=name, source="a", rank=50, title=name, dated_at=NOW, **fields))  # type: ignore[arg-type]
    found = fold(copies, ())
    assert len(found) == stories
    members = [member for story in found for member in story.copies]
    assert len(fold([replace(copy, text_hash="new") for copy in copies], members)) == stories
