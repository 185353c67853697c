"""What holds of stories in whatever order their copies come, and what is taken apart and put together: on real stores.

Each example is a store of its own: sources are visited, one after the other, and what they bring is folded and saved.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select

from aggregator import compose, config, near, registry, regroup, retag
from aggregator.clean import clean
from aggregator.config import Config
from aggregator.judge import Judge
from aggregator.models import Article, Document, Entry, Found, Item, Markup, Reading, Story, Wish
from aggregator.outcome import Outcomes
from aggregator.sources.folder import FolderSource
from aggregator.sources.http import HttpSource
from aggregator.store import Database, articles, claims, contents, schema, sources, topics, visits
from tests.desk import on_one_store

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LEASE = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)
FEED = timedelta(days=30)  # what a feed holds
TOPIC = "china-russia"
VIEWED = ("articles", "stories", "tags", "memberships", "sketches", "rulings", "retired")


@cache
def configured() -> Config:
    registry.load()
    return config.load(Path(__file__).parent.parent / "config", {})


@cache
def judge() -> Judge:
    return Judge(configured())


def prose(seed: str, sentences: int = 9) -> list[str]:
    """Invented sentences about China and Russia, of eighteen words each: others for another seed."""
    chance = random.Random(seed)
    letters = "bdfgklmnprstvz"
    found = []
    for _ in range(sentences):
        words = ["".join(chance.choice(letters) + chance.choice("aeiou") for _ in range(3)) for _ in range(15)]
        found.append(f"China {' '.join(words)} Russia too.")
    return found


def article(
    guid: str,
    text: Sequence[str],
    source: str = "a",
    *,
    title: str = "China and Russia talk",
    link: str | None = None,
    dated_at: datetime = NOW,
    seen_at: datetime = NOW,
) -> Article:
    body = Markup("".join(f"<p>{sentence}</p>" for sentence in text), html=True)
    entry = Entry(guid=guid, title=Markup(title), link=link, content=body, published_at=dated_at)
    return clean(entry, source=f"{source}.example/feed", now=seen_at)


class World:
    """A store, and sources that are visited in turn; each visit comes a minute after the one before."""

    def __init__(self, database: Database, **changed: dict[str, Any]) -> None:
        self.database, self.config, self.judge = database, configured(), judge()
        with database.writing() as connection:
            for table in reversed(schema.metadata.sorted_tables):
                connection.execute(delete(table))
        self.now = NOW
        made = [HttpSource(url=f"https://{name}.example/feed", **changed.get(name, {})) for name in "abcde"]
        folder = FolderSource(folder=Path("/nowhere"), id="folder.example/feed")
        self.sources: dict[str, registry.Source] = {source.key: source for source in (*made, folder)}
        sources.register(database, self.sources, NOW)
        topics.register(database, self.config.topics, self.judge.rules_hash, NOW)

    def visit(self, *found: Article) -> None:
        """A visit of the source of all these articles, which were not seen before."""
        self.now += MINUTE
        (key,) = {one.source for one in found}
        lease = claims.claim_one(self.database, key, self.now, lease=LEASE)
        assert lease
        document = Document(b"", "feed")
        reading = Reading(tuple(replace(one, first_seen_at=self.now) for one in found))
        outcomes = Outcomes(self.config, self.database, self.judge)
        outcome, _ = outcomes.reached(
            self.sources[key], lease, Found((document,), lease.state), [(document, reading)], self.now
        )
        visits.save(self.database, lease, outcome)

    def wish(self, kind: str, one: str, other: str | None = None) -> None:
        self.now += MINUTE
        regroup.fulfil(self.database, self.judge, Wish(0, kind, one, other), self.now)

    def fold_again(self) -> int:
        self.now += MINUTE
        return regroup.fold_recent(self.database, self.judge, self.now)

    def retag(self) -> int:
        self.now += MINUTE
        for _ in retag.hear_all(self.database, self.config.agencies, self.config.links):
            pass
        for _ in retag.judge_all(self.database, self.judge, self.now):
            pass
        return self.fold_again()

    def items(self) -> dict[str, Item]:
        """What the topic's feed would say now, by item id, newest first; ids are pinned."""
        found = contents.stories_in(self.database, TOPIC, since=NOW - FEED, limit=99)
        authority = self.config.settings.tag_authority
        wanted = {story.id: compose.item_id(authority, story.copies) for story in found if not story.item_id}
        pinned = contents.pin(self.database, wanted) if wanted else {}
        ids = pinned | {story.id: story.item_id for story in found if story.item_id}
        feed = compose.compose(
            TOPIC, self.config.topics[TOPIC], found, ids, self.config.settings, NOW, self.config.agencies
        )
        return {item.id: item for item in feed.items}

    def item(self) -> Item:
        (found,) = self.items().values()
        return found

    def partition(self) -> set[frozenset[str]]:
        """The keys of the articles of each story."""
        return {frozenset(copy.key for copy in copies) for copies in articles.stories(self.database).values()}

    def rows(self, *names: str) -> dict[str, list[tuple[Any, ...]]]:
        with self.database.reading() as connection:
            return {
                name: sorted((tuple(row) for row in connection.execute(select(schema.metadata.tables[name]))), key=repr)
                for name in names
            }

    def seen(self) -> tuple[Any, ...]:
        """What readers see of stories: which there are, with which copies, led by which, in which topics, by which ids."""
        with self.database.reading() as connection:
            shown = connection.execute(select(schema.stories.c.id, schema.stories.c.lead, schema.stories.c.item_id))
            of_stories = sorted(tuple(row) for row in shown)
        return self.partition(), of_stories, self.rows("memberships")


@pytest.fixture
def new_world(database: Database) -> Callable[..., World]:
    """Makes an empty store with sources. Each time it is the same store, emptied."""
    return lambda **changed: World(database, **changed)


# Copies of a few articles. Whatever is made of one is a copy of whatever else is made of it.


@cache
def edition(number: int, name: str, kind: str, source: str, link: str) -> Article:
    text = prose(f"article {number}")
    text = {"whole": text, "shortened": text[:6], "edited": [*text[:8], *prose(name, 1)], "retitled": text}[kind]
    title = f"Late news, now in edition {name}" if kind == "retitled" else f"China and Russia talk: {name}"
    return article(name, text, source, title=title, link=link)


def _editions(chosen: Iterable[tuple[int, str, str, bool]]) -> list[Article]:
    """Some link to one page; of those of one source only one does, or they would be one article with a changed id."""
    found: list[Article] = []
    pages: set[tuple[int, str]] = set()
    for place, (number, kind, source, is_shared) in enumerate(chosen):
        own = not is_shared or (number, source) in pages
        pages.add((number, source))
        link = f"https://{source}.example/{place}" if own else f"https://a.example/story-{number}"
        found.append(edition(number, str(place), kind, source, link))
    return found


kinds = st.sampled_from(["whole", "shortened", "edited", "retitled"])
choices = st.lists(st.tuples(st.integers(0, 2), kinds, st.sampled_from("abc"), st.booleans()), min_size=2, max_size=7)
editions = choices.map(_editions)


def told(item: Item) -> tuple[object, ...]:
    """What an item says of its story but who else has it."""
    return (
        item.id,
        item.title,
        item.summary,
        item.link,
        item.published_at,
        item.updated_at,
        item.categories,
        item.reasons,
    )


def of_one_article(found: Sequence[Article]) -> set[frozenset[str]]:
    """The editions of each article, as they are to be found in stories."""
    by_opening: dict[str, set[str]] = {}
    for one in found:
        by_opening.setdefault(one.text[:60], set()).add(one.key)
    return {frozenset(group) for group in by_opening.values()}


def in_visits(found: Sequence[Article], chance: random.Random) -> Iterator[list[Article]]:
    """In any order, in visits that bring one or several."""
    order = list(found)
    chance.shuffle(order)
    visit: list[Article] = []
    for one in order:
        if visit and (visit[-1].source != one.source or chance.random() < 0.4):
            yield visit
            visit = []
        visit.append(one)
    if visit:
        yield visit


randoms = st.randoms(use_true_random=False)


@on_one_store
@given(editions, randoms)
def test_copies_are_together_in_whatever_order_they_come(
    new_world: Callable[..., World], found: list[Article], chance: random.Random
) -> None:
    world = new_world()
    for visit in in_visits(found, chance):
        world.visit(*visit)
    assert world.partition() == of_one_article(found)


@on_one_store
@given(editions, randoms)
def test_what_comes_again_and_what_is_folded_again_changes_nothing(
    new_world: Callable[..., World], found: list[Article], chance: random.Random
) -> None:
    world = new_world()
    order = list(in_visits(found, chance))
    for visit in order:
        world.visit(*visit)
    world.items()
    stored, seen = world.rows(*VIEWED), world.seen()
    for visit in order:
        world.visit(*visit)
    assert world.rows(*VIEWED) == stored
    world.retag()
    assert world.seen() == seen
    stored = world.rows(*VIEWED)
    assert world.retag() == 0
    assert world.rows(*VIEWED) == stored


# A chain: each piece of a long text is like its neighbours, and unlike those farther away.


@cache
def piece(place: int, source: str, dated_at: datetime = NOW) -> Article:
    text = prose("chain", 20)[place : place + 9]
    return article(f"piece {place}", text, source, title="A long report", dated_at=dated_at)


chains = st.lists(st.integers(0, 8), min_size=2, max_size=6, unique=True)


@on_one_store
@given(chains, randoms)
def test_in_one_visit_no_order_matters(
    new_world: Callable[..., World], places: list[int], chance: random.Random
) -> None:
    found = [piece(place, "a") for place in places]
    world = new_world()
    world.visit(*found)
    whole = world.rows("articles", "stories", "memberships")
    chance.shuffle(found)
    world = new_world()
    world.visit(*found)
    assert world.rows("articles", "stories", "memberships") == whole
    assert world.fold_again() == 0


@on_one_store
@given(chains, randoms)
def test_of_a_chain_newcomers_move_nobody_and_folding_again_decides_as_they_came(
    new_world: Callable[..., World], places: list[int], chance: random.Random
) -> None:
    claimed = [NOW - chance.randint(0, 9) * MINUTE for _ in places]
    found = [piece(place, "abcd"[place % 4], dated_at) for place, dated_at in zip(places, claimed, strict=True)]
    for _ in range(2):
        world = new_world()
        before: set[frozenset[str]] = set()
        for visit in in_visits(found, chance):
            world.visit(*visit)
            after = world.partition()
            assert all(any(story <= other for other in after) for story in before)
            before = after
        for copies in articles.stories(world.database).values():
            keys = {copy.key for copy in copies}
            assert [copy.placement.rule for copy in copies].count("first") == 1
            assert all(copy.placement.rival in keys for copy in copies if copy.placement.rule != "first")
        stored = world.rows(*VIEWED)
        assert world.fold_again() == 0
        assert world.rows(*VIEWED) == stored


@pytest.mark.parametrize("earlier", [timedelta(0), timedelta(hours=1)], ids=["as late", "under an earlier date"])
def test_a_newcomer_puts_nothing_together(new_world: Callable[..., World], earlier: timedelta) -> None:
    """It has the words of one article and the address of another."""
    world = new_world()
    one, other = prose("one"), prose("other")
    world.visit(article("1", one, "a", link="https://a.example/1"))
    world.visit(article("2", other, "b", link="https://b.example/2", title="China meets Russia"))
    before = world.seen()[1]
    world.visit(article("3", one, "c", link="https://b.example/2", dated_at=NOW - earlier))
    assert {len(story) for story in world.partition()} == {1, 2}
    if not earlier:
        assert world.seen()[1] == before
    world.fold_again()
    assert {len(story) for story in world.partition()} == {1, 2}


@pytest.mark.parametrize("order", sorted(permutations("abc")), ids="".join)
@pytest.mark.parametrize("text", [prose("one"), [*prose("one"), *prose("more", 2)]], ids=["its words", "and more"])
def test_whoever_comes_first_words_of_one_and_the_address_of_another_put_nothing_together(
    new_world: Callable[..., World], text: list[str], order: tuple[str, ...]
) -> None:
    found = {
        "a": article("1", prose("one"), "a", link="https://a.example/1"),
        "b": article("2", prose("other"), "b", link="https://b.example/2", title="China meets Russia"),
        "c": article("3", text, "c", link="https://b.example/2", dated_at=NOW - timedelta(hours=1)),
    }
    world = new_world()
    for name in order:
        world.visit(found[name])
    assert not any({found["a"].key, found["b"].key} <= story for story in world.partition())
    world.fold_again()
    assert not any({found["a"].key, found["b"].key} <= story for story in world.partition())


def test_a_newcomer_with_the_words_of_two_puts_nothing_together_when_all_is_folded_again(
    new_world: Callable[..., World],
) -> None:
    world = new_world()
    one, other = prose("one"), prose("other")
    world.visit(article("1", one, "a"))
    world.visit(article("2", other, "b", title="China meets Russia"))
    world.visit(article("3", [*one, *other], "c", dated_at=NOW - timedelta(hours=1)))
    world.fold_again()
    assert {len(story) for story in world.partition()} == {1, 2}


# A person takes stories apart and puts them together.


@on_one_store
@given(editions, randoms, st.booleans())
def test_what_is_put_together_and_taken_apart_is_what_it_was(
    new_world: Callable[..., World], found: list[Article], chance: random.Random, published: bool
) -> None:
    world = new_world()
    for visit in in_visits(found, chance):
        world.visit(*visit)
    world.items()
    seen = world.seen()
    groups = sorted(map(sorted, world.partition()))
    one, other = (chance.choice(group) for group in (groups[0], groups[-1]))
    if len(groups) == 1:
        return
    world.wish("merge", one, other)
    assert len(world.partition()) == len(groups) - 1
    if published:
        world.items()
    world.wish("split", chance.choice([one, other]))
    world.items()
    assert world.seen() == seen


@on_one_store
@given(editions, randoms, st.booleans())
def test_what_is_split_off_and_put_back_is_what_it_was(
    new_world: Callable[..., World], found: list[Article], chance: random.Random, published: bool
) -> None:
    world = new_world()
    for visit in in_visits(found, chance):
        world.visit(*visit)
    world.items()
    seen = world.seen()
    group = max(map(sorted, world.partition()), key=len)
    if len(group) == 1:
        return
    one, other = chance.sample(group, 2)
    world.wish("split", one)
    assert frozenset({one}) in world.partition()
    if published:
        world.items()
    world.wish("merge", one, other)
    world.items()
    assert world.seen() == seen
    world.wish("split", one)
    assert frozenset({one}) in world.partition()


def test_large_stories_are_put_together_by_few_words_and_taken_apart_again(new_world: Callable[..., World]) -> None:
    world = new_world()
    for letter in "ab":
        text = prose(f"large {letter}")
        world.visit(*(article(f"{letter}{number}", text[: 9 - number % 2], letter) for number in range(8)))
    one, other = sorted(map(sorted, world.partition()))
    world.wish("merge", one[3], other[5])
    assert world.partition() == {frozenset([*one, *other])}
    assert len(world.rows("rulings")["rulings"]) < len(one) + len(other)
    world.wish("split", one[0])
    assert world.partition() == {frozenset(one), frozenset(other)}
    world.wish("merge", other[1], one[1])
    assert world.partition() == {frozenset([*one, *other])}


@pytest.mark.parametrize("batch", [1, 2])
def test_what_is_folded_again_is_written_in_pieces(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    world = new_world()
    for number in range(5):
        text = prose(f"pieces {number}", 12)
        world.visit(article(f"a{number}", text, "a"))
        world.visit(article(f"b{number}", [*text[:6], *prose(f"other {number}", 6)], "b"))
    world.items()
    seen = world.seen()
    written: list[int] = []
    regrouped = regroup.stored_stories.regroup

    def noted(database: Database, gone: set[str], after: Sequence[Story], *more: Any) -> None:
        written.append(len(after))
        regrouped(database, gone, after, *more)

    monkeypatch.setattr(regroup.stored_stories, "regroup", noted)
    monkeypatch.setattr(regroup, "BATCH", batch)
    with monkeypatch.context() as patch:
        patch.setattr(near, "ALIKE", 0.3)
        world.fold_again()
    assert {len(story) for story in world.partition()} == {2}
    assert (sum(written), max(written)) == (5, batch)
    world.fold_again()
    assert world.seen() == seen


def test_an_item_keeps_its_id_though_the_copy_that_it_is_named_for_is_split_off(
    new_world: Callable[..., World],
) -> None:
    """The earliest copy names the item, the first one that came its story."""
    world = new_world()
    text = prose("one")
    world.visit(article("1", text, "a"))
    world.visit(earliest := article("2", text[:8], "b", dated_at=NOW - timedelta(hours=1)))
    (identity,) = world.items()
    assert earliest.key in identity
    world.wish("split", earliest.key)
    assert len(world.items()) == 2
    assert identity in world.items()


# Other thresholds.


def test_other_thresholds_decide_anew_and_keep_ids_and_a_persons_word(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = new_world()
    text = prose("one", 12)
    half = [*text[:6], *prose("two", 6)]
    found = [article("1", text, "a"), article("2", half, "b"), article("3", text[:11], "c")]
    parted, merged = article("4", text[:10], "d"), article("5", prose("three"), "e", title="Of something else")
    late = article("6", text[:9], "b")
    for one in (*found, parted, merged):
        world.visit(one)
    world.wish("split", parted.key)
    world.wish("merge", merged.key, found[0].key)
    world.visit(late)
    world.items()
    seen = world.seen()
    said = {found[0].key, found[2].key, merged.key}  # together by a person's word
    alone = frozenset({parted.key})
    assert world.partition() == {frozenset({*said, late.key}), frozenset({found[1].key}), alone}
    with monkeypatch.context() as patch:
        patch.setattr(near, "ALIKE", 0.3)
        assert world.retag() > 0
        assert world.partition() == {frozenset({*said, late.key, found[1].key}), alone}
        assert {(one, item) for one, _, item in world.seen()[1]} < {(one, item) for one, _, item in seen[1]}
    assert world.retag() > 0
    assert world.seen() == seen
    with monkeypatch.context() as patch:
        for name in ("ALIKE", "CONTAINED", "EDITED"):
            patch.setattr(near, name, 1.01)
        assert world.retag() > 0
        assert world.partition() == {frozenset(said), *(frozenset({one.key}) for one in (late, found[1])), alone}
        assert {(one, item) for one, _, item in world.seen()[1]} > {(one, item) for one, _, item in seen[1]}
    assert world.retag() > 0
    assert world.seen() == seen


# A better copy that comes late.

AGENCY = "BEIJING, Nov 24 (Reuters) - "
WHOLE = prose("better")
EXCERPT = WHOLE[:3]


@pytest.mark.parametrize(
    ("first", "better", "changed"),
    [
        pytest.param({"text": EXCERPT}, {"text": WHOLE}, {}, id="the full text after an excerpt"),
        pytest.param(
            {"text": [*WHOLE[:6], "China and more …"]}, {"text": WHOLE}, {}, id="the full text after a cut one"
        ),
        pytest.param({"text": WHOLE}, {"text": WHOLE[:6]}, {"b": {"rank": 10}}, id="a better rank"),
        pytest.param({"text": [AGENCY + WHOLE[0], *WHOLE[1:]]}, {"text": WHOLE}, {}, id="the original after a reprint"),
        pytest.param({"text": WHOLE}, {"text": WHOLE[:8]}, {"a": {"paywall": True}}, id="one that all can read"),
        pytest.param({"text": WHOLE}, {"text": WHOLE, "dated_at": NOW - 3 * MINUTE}, {}, id="an earlier one"),
        pytest.param(
            {"text": WHOLE, "link": "https://b.example/1"},
            {"text": WHOLE, "link": "https://b.example/1", "dated_at": NOW + MINUTE},
            {},
            id="one on its own page",
        ),
        pytest.param(
            {"text": ["A teaser in words of its own."], "link": "https://a.example/1"},
            {"text": WHOLE, "link": "https://a.example/1", "source": "folder"},
            {},
            id="the whole page, dropped by the owner",
        ),
    ],
)
def test_a_better_copy_that_comes_late_takes_the_item_over_in_place(
    new_world: Callable[..., World], first: dict[str, Any], better: dict[str, Any], changed: dict[str, Any]
) -> None:
    world = new_world(**changed)
    one = article("1", **first, title="China and Russia talk in China and in Russia")
    other = article("2", **{"source": "b"} | better, title="China and Russia talk")
    world.visit(one)
    before = world.item()
    assert before.title == one.title
    world.visit(other)
    after = world.item()
    assert (after.title, after.id, after.published_at) == (other.title, before.id, before.published_at)
    assert before.updated_at < after.updated_at
    assert after.updated_at.replace(microsecond=0) == world.now
    world.wish("lead", one.key)
    again = world.item()
    assert (again.title, again.id, again.published_at) == (one.title, before.id, before.published_at)
    assert again.updated_at > after.updated_at
    stored = world.rows(*VIEWED)
    world.wish("lead", one.key)
    assert world.rows(*VIEWED) == stored


def test_a_persons_choice_of_lead_stays_though_the_chosen_article_changes(new_world: Callable[..., World]) -> None:
    world = new_world()
    world.visit(article("1", WHOLE, dated_at=NOW - MINUTE))
    world.visit(chosen := article("2", WHOLE, "b", title="China and Russia, as one likes it"))
    world.wish("lead", chosen.key)
    assert world.item().title == chosen.title
    world.visit(changed := article("2", [*WHOLE, *prose("more", 1)], "b", title="China and Russia, changed"))
    assert world.item().title == changed.title


def test_a_copy_that_does_not_lead_changes_no_date_and_no_place(new_world: Callable[..., World]) -> None:
    world = new_world()
    world.visit(article("1", WHOLE))
    world.visit(article("9", prose("newer"), dated_at=NOW + MINUTE, title="China and Russia: a newer one"))
    before = list(world.items().values())
    world.visit(article("2", [*WHOLE, *prose("more", 4)], "b", dated_at=NOW + 2 * MINUTE))
    world.visit(article("3", EXCERPT, "c", dated_at=NOW + 3 * MINUTE))
    after = list(world.items().values())
    assert [len(item.also) for item in after] == [0, 2]
    assert [told(item) for item in after] == [told(item) for item in before]


# No source alters, hides or retags what another has written.

SPAM = prose("spam", 30)


@pytest.mark.parametrize("is_first", [False, True], ids=["later", "first"])
@pytest.mark.parametrize(
    "attack",
    [
        pytest.param({"text": WHOLE}, id="the same words"),
        pytest.param({"text": [*WHOLE, *SPAM[:3]]}, id="something behind them"),
        pytest.param({"text": [*SPAM[:3], *WHOLE, *SPAM[3:]]}, id="much around them"),
        pytest.param({"text": SPAM}, id="other words"),
        pytest.param({"text": SPAM, "dated_at": NOW - timedelta(days=2)}, id="other words, under an earlier date"),
        pytest.param({"text": WHOLE, "dated_at": NOW - timedelta(days=900)}, id="the same words, years ago"),
        pytest.param({"text": []}, id="no words"),
    ],
)
def test_who_copies_guid_link_and_title_changes_nothing_of_the_other(
    new_world: Callable[..., World], attack: dict[str, Any], is_first: bool
) -> None:
    shared = {"guid": "1", "link": "https://a.example/1", "title": "China and Russia talk"}
    mine, theirs = article(text=WHOLE, **shared), article(**shared | attack, source="e")
    alone = new_world()
    alone.visit(mine)
    row, tags, item = alone.rows("articles"), alone.rows("tags"), alone.item()
    world = new_world()
    for one in (theirs, mine) if is_first else (mine, theirs):
        world.visit(one)
        world.items()
    found = {
        key: [line for line in lines if line[0] == mine.key] for key, lines in world.rows("articles", "tags").items()
    }
    assert found["tags"] == tags["tags"]
    if not is_first:
        assert found["articles"] == row["articles"]
        assert [told(one) for one in world.items().values() if one.id == item.id] == [told(item)]
    shown = [one for one in world.items().values() if one.trace == item.trace]
    assert [(one.title, one.html.partition("<p><small>")[0]) for one in shown] == [
        (item.title, item.html.partition("<p><small>")[0])
    ]


def test_who_founded_a_story_does_not_hide_it_by_a_date_that_he_moves(new_world: Callable[..., World]) -> None:
    world = new_world()
    world.visit(article("1", WHOLE, "e"))
    world.visit(article("1", WHOLE, "a"))
    (before,) = world.items()
    world.visit(article("1", [*WHOLE, *SPAM[:1]], "e", dated_at=NOW - timedelta(days=900)))
    assert list(world.items()) == [before]
    world.retag()
    assert before in world.items()


def test_the_same_words_after_a_year_are_news(new_world: Callable[..., World]) -> None:
    world = new_world()
    world.visit(article("1", WHOLE, "a", dated_at=NOW - timedelta(days=300)))
    assert not world.items()
    world.visit(article("2", WHOLE, "b"))
    assert world.item().published_at.replace(microsecond=0) == NOW


@pytest.mark.parametrize("added", [3, 30])
def test_what_another_source_writes_behind_a_text_is_not_published_in_its_place(
    new_world: Callable[..., World], added: int
) -> None:
    """A copy on a page of its own, which has the words of the other, and more."""
    world = new_world()
    world.visit(article("1", WHOLE, link="https://a.example/1"))
    before = world.item()
    world.visit(article("2", [*WHOLE, *SPAM[:added]], "e", link="https://e.example/2"))
    after = world.items()[before.id]
    assert (after.trace, after.title) == (before.trace, before.title)
    assert after.html.startswith(before.html.partition("<p><small>")[0])
