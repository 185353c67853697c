"""Stories about one event are linked in the store, on both databases, and shown together; they stay stories."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Select, select, update
from sqlalchemy.dialects import sqlite

from aggregator import compose, config, explain, relating, runtime
from aggregator import related as related_words
from aggregator.daemon import Daemon
from aggregator.models import Membership, Story, Terms
from aggregator.relating import LEAST, Relating
from aggregator.store import (
    Database,
    alike,
    articles,
    contents,
    frequencies,
    judgements,
    relations,
    retention,
    schema,
    sources,
    stories,
    topics,
    visits,
)
from aggregator.web import pages
from tests.test_pipeline import drop, items, once, only_inbox
from tests.test_related import ENGLISH, OTHERS, vectors
from tests.test_store import CONFIGURED, NOW, article, lease_of, visited

HOUR = timedelta(hours=1)
STORM = {"ada": 0.6, "tarvis": 0.6, "roofs": 0.5}


@pytest.fixture
def store(database: Database) -> Database:
    sources.register(database, CONFIGURED, NOW)
    topics.register(database, ["one", "two"], "rules", NOW)
    return database


def key(name: str) -> str:
    return name.zfill(32)


def give(store: Database, *names: str, **changes: object) -> None:
    """Store articles, each a story of its own in topic one."""
    fields = {"link": None, "text_hash": "", "published_at": None} | changes
    found = [replace(article(name, **fields), text_hash=name) for name in names]
    lease = lease_of(store, "a")
    visits.save(store, lease, replace(visited(lease, *found), due_at=NOW))


def save(store: Database, found: Mapping[str, Mapping[str, float]], hours: int = 0) -> None:
    """Save terms of stories as if they came an hour after each other."""
    relations.save(
        store,
        {
            key(name): Terms(key(name), NOW + (hours + number) * HOUR, weights)
            for number, (name, weights) in enumerate(found.items())
        },
    )


def related(store: Database, *names: str) -> dict[str, set[str]]:
    found = relations.of(store, [key(name) for name in names], limit=99)
    return {story.lstrip("0"): {one.story.lstrip("0") for one in group} for story, group in found.items()}


def events(store: Database) -> dict[str, str | None]:
    with store.reading() as connection:
        rows = connection.execute(select(schema.stories.c.id, schema.stories.c.event))
        return {row.id.lstrip("0"): row.event and row.event.lstrip("0") for row in rows}


def everything(store: Database) -> list[list[tuple[object, ...]]]:
    tables = (schema.terms, schema.relations, schema.stories)
    with store.reading() as connection:
        return [sorted(tuple(row) for row in connection.execute(select(table))) for table in tables]


def shown(store: Database, *, one_per_event: bool) -> set[str]:
    found = contents.stories_in(store, "one", since=NOW - timedelta(days=9), limit=99, one_per_event=one_per_event)
    return {story.id.lstrip("0") for story in found}


def test_what_shares_its_heaviest_terms_is_related_each_way(store: Database) -> None:
    give(store, "1", "2", "3")
    save(store, {"1": STORM, "2": STORM | {"power": 0.2}, "3": {"ada": 0.6, "tarvis": 0.6, "harbour": 0.5}})
    assert related(store, "1", "2", "3") == {"1": {"2"}, "2": {"1"}, "3": set()}
    assert events(store) == {"1": "1", "2": "1", "3": "3"}
    assert not relations.waiting(store, 9)


def test_what_was_found_is_found_again_and_nothing_else(store: Database) -> None:
    give(store, "1", "2", "3")
    found = {"1": STORM, "2": STORM | {"power": 0.2}, "3": STORM | {"roofs": 0.9}}
    save(store, found)
    before = everything(store)
    save(store, found)
    save(store, dict(list(found.items())[::-1][:1]), hours=2)
    assert everything(store) == before


def test_old_news_is_not_related(store: Database) -> None:
    give(store, "1", "2", "3")
    save(store, {"1": STORM})
    save(store, {"2": STORM}, hours=72)
    save(store, {"3": STORM}, hours=145)
    assert related(store, "1", "2", "3") == {"1": {"2"}, "2": {"1"}, "3": set()}


def test_no_chain_leads_from_one_event_to_the_next(store: Database) -> None:
    give(store, "1", "2", "3")
    save(store, {"1": STORM, "2": STORM | {"mayor": 0.6, "resigns": 0.6, "vote": 0.5}})
    save(store, {"3": {"mayor": 0.6, "resigns": 0.6, "vote": 0.5}}, hours=2)
    assert related(store, "2") == {"2": {"1", "3"}}
    assert events(store) == {"1": "1", "2": "1", "3": "3"}


def test_only_the_likeliest_are_kept(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relations, "MOST", 2)
    names = [str(number) for number in range(1, 6)]
    give(store, *names)
    save(store, {name: STORM | {"roofs": 0.5 + int(name) / 10} for name in names[:-1]})
    save(store, {"5": STORM | {"roofs": 1.0}}, hours=5)
    assert related(store, "5") == {"5": {"3", "4"}}


def test_changed_story_is_looked_at_anew_and_its_event_stays_while_they_are_related(store: Database) -> None:
    give(store, "1", "2", "3")
    save(store, {"1": STORM, "2": STORM, "3": {"mayor": 0.6, "resigns": 0.6, "vote": 0.5}})
    save(store, {"1": STORM | {"power": 0.3}})
    assert events(store)["1"] == events(store)["2"] == "1"
    save(store, {"2": {"mayor": 0.6, "resigns": 0.6, "vote": 0.5}}, hours=1)
    assert related(store, "1", "2") == {"1": set(), "2": {"3"}}
    assert events(store)["2"] == "3"


MAYOR = {"mayor": 0.6, "resigns": 0.6, "vote": 0.5}


def test_who_followed_a_story_that_tells_of_something_else_now_is_looked_at_anew(store: Database) -> None:
    give(store, "1", "2", "3", "4")
    save(store, dict.fromkeys(["1", "2", "3"], STORM) | {"4": MAYOR})
    save(store, {"1": MAYOR})
    assert {one.story for one in relations.waiting(store, 9)} == {key("2"), key("3")}
    assert shown(store, one_per_event=True) >= {"1"}
    save(store, dict.fromkeys(["2", "3"], STORM), hours=1)
    assert events(store) == {"1": "1", "2": "2", "3": "2", "4": "4"}
    assert shown(store, one_per_event=True) == {"1", "2", "4"}
    assert not relations.waiting(store, 9)


@pytest.mark.parametrize("common", [pytest.param(99, id="rare terms"), pytest.param(3, id="terms of many")])
def test_an_event_holds_together_however_many_tell_of_it(
    store: Database, monkeypatch: pytest.MonkeyPatch, common: int
) -> None:
    monkeypatch.setattr(relations, "MOST", 2)
    monkeypatch.setattr(alike, "COMMON", common)
    monkeypatch.setattr(alike, "LATEST", 3)
    names = [str(number) for number in range(1, 13)]
    give(store, *names)
    for name in reversed(names):  # the likeliest of each are those that came last
        save(store, {name: STORM}, hours=12 - int(name))
    assert set(events(store).values()) == {"12"}
    for name in names:
        save(store, {name: STORM}, hours=12 - int(name))
        before = everything(store)
        save(store, {name: STORM}, hours=12 - int(name))
        assert everything(store) == before
    assert set(events(store).values()) == {"12"}


def test_many_that_come_together_join_the_event_that_is_there(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike, "COMMON", 3)
    monkeypatch.setattr(alike, "LATEST", 2)
    names = [str(number) for number in range(1, 13)]
    give(store, *names)
    for begin in (0, 4, 8):
        save(store, dict.fromkeys(names[begin : begin + 4], STORM), hours=begin)
    assert set(events(store).values()) == {"1"}


def test_saving_again_keeps_what_others_have_found(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relations, "MOST", 1)
    give(store, "1", "2", "3")
    found = {"1": STORM, "2": STORM, "3": STORM | {"roofs": 0.4}}
    save(store, found)
    assert related(store, "1") == {"1": {"2", "3"}}
    before = everything(store)
    save(store, {"1": STORM})
    assert everything(store) == before
    save(store, {"1": MAYOR})
    assert related(store, "1", "2", "3") == {"1": set(), "2": set(), "3": set()}


def test_only_so_many_are_told(store: Database) -> None:
    give(store, "1", "2", "3")
    save(store, {"1": STORM, "2": STORM | {"roofs": 0.4}, "3": STORM})
    found = relations.of(store, [key("1"), key("2")], limit=1)
    assert [[one.story for one in found[key(name)]] for name in "12"] == [[key("3")], [key("1")]]


def test_what_is_in_private_topics_only_is_left_out_where_that_is_wanted(store: Database) -> None:
    give(store, "1", "2", "3")
    save(store, dict.fromkeys("123", STORM))
    topics.register(store, ["desk", "open"], "rules", NOW)

    def named(*slugs: str, limit: int = 1) -> set[str]:
        found = tuple(Membership(slug, key("2"), 1, ()) for slug in slugs)
        judgements.save(store, {}, {key("2"): found}, {}, NOW)
        return {one.story.lstrip("0") for one in relations.of(store, [key("1")], limit, {"desk"})[key("1")]}

    assert named("desk") == {"3"}  # and it takes no other's place
    assert named("desk", "open", limit=9) == named(limit=9) == {"2", "3"}


def test_terms_that_another_process_has_written_meanwhile_are_replaced(store: Database) -> None:
    give(store, "1")
    with store.writing() as connection:
        for weight in (0.2, 0.3):
            alike.write(store, connection, {key("1"): Terms(key("1"), NOW, {"ada": weight})})
    assert [row[3] for row in everything(store)[0]] == [300]


def test_what_many_formulas_share_is_not_looked_up_for_each_of_them(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alike, "COMMON", 3)
    monkeypatch.setattr(alike, "LATEST", 2)
    names = [str(number) for number in range(1, 9)]
    give(store, *names)
    for number, name in enumerate(names):
        save(store, {name: STORM}, hours=number)
    told = related(store, "8")["8"]
    assert "7" in told and "1" in told  # among the latest; and the first
    assert len(told) < len(names) - 1


def test_a_story_alone_in_its_event_joins_an_earlier_one_when_that_is_found(store: Database) -> None:
    """As where it came before it was known which terms are common."""
    give(store, "1", "2", "3")
    save(store, {"1": {}, "2": {}, "3": {}})
    assert events(store) == {"1": "1", "2": "2", "3": "3"}
    save(store, {"1": STORM, "2": STORM, "3": STORM})
    assert events(store) == {"1": "1", "2": "1", "3": "1"}
    save(store, {"1": STORM})
    assert events(store)["1"] == "1"


def test_topics_of_both_stories_are_published_again(store: Database) -> None:
    give(store, "1", "2")
    save(store, {"1": STORM})
    for topic in topics.dirty(store, NOW):
        topics.mark_published(store, topic, None)
    save(store, {"2": STORM}, hours=1)
    assert [topic.slug for topic in topics.dirty(store, NOW)] == ["one"]


def test_story_whose_lead_has_changed_meanwhile_waits_on(store: Database) -> None:
    give(store, "1")
    relations.save(store, {key("1"): Terms("another", NOW, STORM)})
    assert [one.story for one in relations.waiting(store, 9)] == [key("1")]


def plan_of(connection: Connection, statement: Select[Any], given: Mapping[str, object]) -> str:
    """How SQLite would answer: with which indexes."""
    asked = statement.params(given).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}").all())


def test_what_is_asked_most_is_read_from_indexes_alone(store: Database) -> None:
    with store.reading() as connection:
        if store.is_sqlite:
            assert "ix_stories_unrelated" in plan_of(connection, relations._WAITING, {"limit": 9})
            assert "ix_articles_first_seen_at" in plan_of(connection, relations._NEWS, {"looked_at": 9})
            in_one = frequencies._SAMPLE.where(schema.articles.c.language == "en")
            plan = plan_of(connection, in_one, {"limit": 9})
            assert "ix_articles_language_first_seen_at" in plan and "TEMP B-TREE" not in plan
            given = {"topic": "one", "since": NOW, "limit": 9, "past": False}
            assert "ix_memberships_topic_dated_at" in plan_of(connection, contents._STORIES_IN, given)
            plan = plan_of(connection, contents._ONE_PER_EVENT, given)
            assert "SEARCH others USING INDEX ix_stories_event" in plan
            assert "SEARCH theirs USING" in plan and "(topic=? AND story=?)" in plan
        else:
            keys = "SELECT indexdef FROM pg_indexes WHERE indexname = 'pk_terms'"
            assert "INCLUDE (weight)" in connection.exec_driver_sql(keys).scalar_one()


def test_terms_that_many_have_are_not_looked_up_beside_the_rarest(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alike, "COMMON", 3)
    monkeypatch.setattr(alike, "RAREST", 3)
    names = [str(number) for number in range(1, 7)]
    give(store, *names)
    known = {"president": 0.9}  # that tells a story's event from no other's
    save(store, {name: known | {f"{name}{letter}": 0.2 for letter in "abc"} for name in names[:4]})
    save(store, {"5": known | {"ada": 0.1, "tarvis": 0.1, "roofs": 0.1}}, hours=5)
    save(store, {"6": known | {"ada": 0.1, "tarvis": 0.1, "roofs": 0.1, "power": 0.1}}, hours=6)
    assert related(store, "6") == {"6": set()}
    save(store, {"5": STORM}, hours=5)
    save(store, {"6": STORM | known}, hours=6)
    assert related(store, "6") == {"6": {"5"}}


def test_what_everybody_tells_of_is_found_though_its_terms_are_common(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alike, "COMMON", 3)
    names = [str(number) for number in range(1, 7)]
    give(store, *names)
    save(store, dict.fromkeys(names, STORM))
    assert related(store, "6") == {"6": set(names[:5])}


def test_one_story_of_an_event_stays_shown_whatever_comes(store: Database) -> None:
    give(store, "1", "2", "3")
    assert shown(store, one_per_event=True) == set()  # nobody knows yet
    save(store, {"2": STORM, "1": STORM, "3": {"mayor": 0.6, "resigns": 0.6, "vote": 0.5}})
    assert shown(store, one_per_event=True) == {"2", "3"}
    give(store, "4", first_seen_at=NOW + 9 * HOUR)
    assert shown(store, one_per_event=True) == {"2", "3"}
    save(store, {"4": STORM}, hours=9)
    assert shown(store, one_per_event=True) == {"2", "3"}
    assert shown(store, one_per_event=False) == {"1", "2", "3", "4"}


def test_where_the_first_story_is_in_another_topic_the_one_that_came_first_is_shown(store: Database) -> None:
    give(store, "3", first_seen_at=NOW - HOUR)
    give(store, "1", "2")
    save(store, {"1": STORM, "2": STORM, "3": STORM})
    with store.writing() as connection:
        connection.execute(update(schema.memberships).where(schema.memberships.c.story == key("1")).values(topic="two"))
    assert events(store) == {"1": "1", "2": "1", "3": "1"}
    assert shown(store, one_per_event=True) == {"3"}


def test_stories_of_an_earlier_version_are_shown(store: Database) -> None:
    give(store, "1")
    with store.writing() as connection:
        connection.execute(update(schema.stories).values(unrelated=False))
    assert shown(store, one_per_event=True) == {"1"}


def test_what_is_gone_is_related_to_nothing_and_its_event_goes_on(store: Database) -> None:
    give(store, "1", "2", "3")
    save(store, {"1": STORM, "2": STORM, "3": STORM})
    merged = articles.copies(store, keys=[key("1"), key("2")], links=[], text_hashes=[])
    both = tuple(replace(copy, story=key("2")) for copy in merged)
    stories.regroup(store, {key("1")}, [Story(key("2"), key("1"), both)], {}, NOW)
    assert events(store) == {"2": "2", "3": "2"}
    assert related(store, "3") == {"3": {"2"}}
    later = NOW + timedelta(days=9)
    retention.remove(store, [key("2")], retention.Limits(later), later)
    assert related(store, "3") == {"3": set()}
    with store.reading() as connection:
        assert set(connection.execute(select(schema.terms.c.story)).scalars()) == {key("3")}


def test_terms_to_which_nothing_can_be_related_any_more_go(store: Database) -> None:
    give(store, "1", "2")
    save(store, {"1": STORM, "2": STORM})
    assert relations.forget_terms(store, NOW + relations.KEPT, limit=99) == 0
    assert related(store, "1") == {"1": {"2"}}
    late = NOW + relations.KEPT + 2 * HOUR
    assert [relations.forget_terms(store, late, limit=4) for _ in range(3)] == [4, 2 * len(STORM) - 4, 0]
    assert related(store, "1") == {"1": {"2"}}  # known for good


def news(texts: Iterable[str]) -> list[tuple[str, str]]:
    return [(title, text) for title, _, text in (one.partition(". ") for one in texts)]


def fillers(count: int) -> list[tuple[str, str]]:
    """So many articles that have but the words in common that all texts have."""
    said = " ".join([*OTHERS[:3], *(text.partition(". ")[2] for text in ENGLISH.values() if "harbour" not in text)])
    common = [word for word in said.split() if word.islower() and len(word) < 5]
    return [(f"Notice {n}", " ".join([*common, *(f"xyz{n}w{m}" for m in range(30))])) for n in range(count)]


def give_texts(store: Database, texts: Iterable[tuple[str, str]], begin: int) -> None:
    lease = lease_of(store, "a")
    found = [
        article(str(begin + n), link=None, title=title, text=text, text_hash=str(begin + n), language="en")
        for n, (title, text) in enumerate(texts)
    ]
    visits.save(store, lease, replace(visited(lease, *found), due_at=NOW))


def test_nothing_is_related_before_it_is_known_what_is_common(store: Database) -> None:
    give_texts(store, news(ENGLISH.values()), 1)
    links = Relating(store)
    assert links.relate(NOW) == len(ENGLISH)
    names = [str(number + 1) for number in range(len(ENGLISH))]
    assert set().union(*related(store, *names).values()) == set()
    give_texts(store, fillers(LEAST), 100)
    while links.relate(NOW):
        pass
    found = related(store, *names)
    titles = [name.split()[0] for name in ENGLISH]
    for number, (name, title) in enumerate(zip(names, titles, strict=True)):
        others = {other for place, other in enumerate(names) if titles[place] == title and place != number}
        assert found[name] == others


def test_how_common_terms_are_is_remembered_and_learned_anew_when_more_has_come(store: Database) -> None:
    give_texts(store, fillers(LEAST), 100)
    links = Relating(store)
    while links.relate(NOW):
        pass
    (first,) = learned(store)
    assert first[:3] == ("en", LEAST, 0)
    give_texts(store, fillers(LEAST - 1), 300)
    Relating(store).relate(NOW)  # another process
    assert learned(store)[0][:3] == ("en", LEAST, LEAST - 1)
    give_texts(store, fillers(1), 400)
    Relating(store).relate(NOW)
    assert learned(store)[0][:3] == ("en", 2 * LEAST, 0)


def test_news_does_not_wait_for_what_else_was_brought(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relations, "NEWS", 2)
    for number, name in enumerate("51324"):
        give(store, name, first_seen_at=NOW + number * HOUR)
    assert [one.story for one in relations.waiting(store, 3)] == [key("4"), key("2"), key("1")]
    assert {one.story for one in relations.waiting(store, 9)} == {key(name) for name in "12345"}


def test_a_language_of_few_is_not_learned_with_each_story(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    samples: list[str] = []
    sample = frequencies.sample
    monkeypatch.setattr(frequencies, "sample", lambda *asked: samples.append(asked[1]) or sample(*asked))
    links = Relating(store)
    for number, one in enumerate(fillers(relating.MORE + 1)):
        give_texts(store, [one], 100 + number)
        links.relate(NOW)
    assert len(samples) == 2
    assert learned(store)[0][:3] == ("en", relating.MORE + 1, 0)


def test_what_was_forgotten_is_learned_though_nothing_new_comes(store: Database) -> None:
    give_texts(store, fillers(LEAST), 100)
    links = Relating(store)
    while links.relate(NOW):
        pass
    links.forget(NOW)
    assert not learned(store)
    links.relate(NOW)
    assert learned(store)[0][:2] == ("en", LEAST)


def test_a_bug_met_in_one_story_costs_its_relations_and_no_others(
    store: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    give_texts(store, [*fillers(LEAST), *news(ENGLISH.values())], 1)
    heaviest = related_words.heaviest

    def broken(title: Sequence[str], *given: Any) -> dict[str, float]:
        if "acquitted" in title:
            raise ZeroDivisionError
        return heaviest(title, *given)

    monkeypatch.setattr(related_words, "heaviest", broken)
    assert Relating(store).relate(NOW)
    assert not relations.waiting(store, 99)
    assert "please report it" in caplog.text
    place = list(ENGLISH).index("court 2")
    names = [str(LEAST + 1 + number) for number in range(len(ENGLISH))]
    found = related(store, *names)
    assert [name for name in names if not found[name]] == [names[place - 1], names[place]]
    assert events(store)[names[place]] == names[place]


def test_story_with_another_lead_or_another_text_of_it_is_looked_at_anew(store: Database) -> None:
    give(store, "1", "2", "3")
    save(store, {"1": STORM, "2": STORM, "3": STORM})
    judgements.save(store, {}, {}, {key("1"): key("2"), key("3"): key("3")}, NOW)
    assert [one.story for one in relations.waiting(store, 9)] == [key("1")]
    (whole,) = articles.by_keys(store, [key("3")]).values()
    judgements.save_cuts(store, [(replace(whole, text="Less.", content_hash="other"), whole)])
    assert {one.story for one in relations.waiting(store, 9)} == {key("1"), key("3")}


async def test_a_bug_in_relating_keeps_nothing_from_publication(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(Relating, "relate", broken)
    only_inbox(config_directory)
    loaded = config.load(config_directory, {})
    with runtime.opened(loaded) as database:
        daemon = Daemon(loaded, database, lambda: loaded)
        await daemon._pipeline.in_executor(daemon._pipeline.prepare)
        await daemon._publishing.relate()
        await daemon._publishing.publish()
        daemon._executor.shutdown()
        daemon._readers.close()
    assert items(config_directory, "china-russia") == []
    assert caplog.text.count("please report it") == 2


async def test_all_that_waits_is_related_without_a_publication(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [2, 2, 0, 9]
    monkeypatch.setattr(Relating, "relate", lambda *_: left.pop(0))
    loaded = config.load(config_directory, {})
    with runtime.opened(loaded) as database:
        daemon = Daemon(loaded, database, lambda: loaded)
        await daemon._publishing.relate()
        daemon._executor.shutdown()
        daemon._readers.close()
    assert left == [9]


@given(
    st.lists(st.tuples(vectors, st.integers(-80, 80)), min_size=2, max_size=5),
    st.booleans(),
)
@settings(max_examples=50, suppress_health_check=list(HealthCheck), deadline=None)
def test_the_store_finds_what_the_rule_says(
    store: Database, found: list[tuple[dict[str, float], int]], crowded: bool
) -> None:
    pairs = list(permutations(range(len(found)), 2))
    likenesses = [related_words.likeness(found[one][0], found[other][0]) for one, other in pairs]
    assume(all(abs(how_much - related_words.LIKENESS) > 0.01 for how_much in likenesses))  # the store rounds weights
    terms = {str(n): Terms(str(n), NOW + hours * HOUR, weights) for n, (weights, hours) in enumerate(found)}
    candidates = {story: set(terms) for story in terms} if crowded else {}  # asked in two ways
    with store.writing() as connection:
        alike.write(store, connection, terms)
        stored = alike.pairs(connection, terms, {}, candidates)
        alike.forget(connection, terms)
    expected = {
        (str(one), str(other))
        for one, other in pairs
        if related_words.are_related(found[one][0], found[other][0], (found[one][1] - found[other][1]) * HOUR)
    }
    assert {(one, other) for one, group in stored.items() for other in group} == expected


def test_a_language_is_learned_again_when_looking_again_was_broken_off(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_texts(store, fillers(LEAST), 100)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(relations, "look_again", killed)
    with pytest.raises(KeyboardInterrupt):
        Relating(store).relate(NOW)
    assert not learned(store)


def learned(store: Database) -> list[tuple[object, ...]]:
    with store.reading() as connection:
        return [tuple(row) for row in connection.execute(select(schema.frequencies))]


FIRST = (
    "China and Russia open rail bridge at Tongjiang\n\nChina and Russia opened the Tongjiang rail bridge on Monday. Freight"
    " trains crossed the Amur at noon, and officials of both countries cut a ribbon on the Tongjiang side of the bridge."
)
SECOND = (
    "What the Amur bridge changes for China and Russia\n\nFor thirty years Tongjiang waited for its bridge. Now that freight trains"
    " cross the Amur, exporters in China and Russia expect the railway at Tongjiang to halve their costs."
)


async def test_related_stories_are_shown_and_one_of_an_event_is_enough_where_that_is_wanted(
    config_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relating, "LEAST", 3)
    inbox = only_inbox(config_directory)
    topics_file = config_directory / "topics.yaml"
    written = topics_file.read_text()
    named = written.replace("    title: China–Russia\n", "    title: China–Russia\n    related: true\n")
    topics_file.write_text(named)
    for number, (title, text) in enumerate(fillers(12)):
        drop(inbox, f"filler{number}.txt", f"{title}\n\n{text}".encode())
    drop(inbox, "a.txt", FIRST.encode())
    await once(config_directory)
    drop(inbox, "b.txt", SECOND.encode())
    await once(config_directory)
    found = {item["title"]: item for item in items(config_directory, "china-russia")}
    one, other = found.values()
    assert [link["title"] for link in one["_aggregator"]["related"]] == [other["title"]]
    assert f'Related: <a href="{other["url"]}">{other["title"]}</a>' in one["content_html"]

    loaded = config.load(config_directory, {})
    with runtime.opened(loaded) as database:
        page = pages.topic(loaded, database, "china-russia") or ""
        assert page.count("<dt>Related</dt>") == 2
        told = str(one["url"]).rpartition("/")[2]
        assert other["title"] in (pages.article(loaded, database, told) or "").partition("Related:")[2]
        (trace,) = explain.traces(told, loaded, database)
        assert [line for line in explain.lines(trace, loaded) if line.startswith("  related ")]
        assert explain.facts(trace)["related"][0]["title"] == other["title"]

    topics_file.write_text(named.replace("    related: true\n", "    stories: one-per-event\n"))
    await once(config_directory)
    (left,) = items(config_directory, "china-russia")
    assert left == {**found["China and Russia open rail bridge at Tongjiang"], **left}
    assert left["title"] == "China and Russia open rail bridge at Tongjiang"
    assert compose.MOST_RELATED < relations.MOST
