"""What the store promises, on SQLite and on PostgreSQL alike."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from aggregator import dedup, tagging
from aggregator.clean import clean
from aggregator.errors import LeaseLost
from aggregator.features import Vocabulary
from aggregator.models import (
    Article,
    Category,
    Cut,
    Enclosure,
    Entry,
    File,
    Lease,
    Markup,
    Membership,
    Memory,
    Outcome,
    SourceState,
    Tag,
    Visit,
)
from aggregator.sources.http import HttpSource
from aggregator.store import (
    Database,
    articles,
    claims,
    contents,
    files,
    judgements,
    memberships,
    memories,
    retention,
    schema,
    sources,
    topics,
    visits,
)

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
LEASE = timedelta(minutes=10)
LATER = NOW + timedelta(hours=1)
MEMORY = Memory(b"c" * 8, b"h" * 8, (("language", "en"),), ((b"1" * 8, b"2" * 8), (b"3" * 8, b"")), NOW)
CONFIGURED = {name: HttpSource(url=f"https://{name}.example/feed", name=name.upper()) for name in ("a", "b", "c")}


@pytest.fixture
def store(database: Database) -> Database:
    """A store with three sources and two topics."""
    sources.register(database, CONFIGURED, NOW)
    topics.register(database, ["one", "two"], "rules", NOW)
    return database


def article(key: str = "1", source: str = "a", **changes: Any) -> Article:
    fields: dict[str, Any] = {
        "key": key.zfill(32),
        "source": source,
        "guid": key,
        "title": "Título “quoted”",
        "text": "One.\n\nTwo 中国.",
        "html": "<p>One.</p>",
        "summary": "One.",
        "first_seen_at": NOW,
        "link": "https://a.example/1",
        "authors": ("Ann", "Bo"),
        "categories": (Category("x", "urn:s", "X"), Category("y")),
        "enclosures": (Enclosure("https://a.example/i.jpg", "image/jpeg", 12), Enclosure("https://a.example/j")),
        "published_at": NOW - timedelta(days=1),
        "updated_at": None,
        "language": "en",
        "content_hash": "c" + key,
        "text_hash": "t" + key,
        "word_count": 50,
        "original": "<p>One.</p><p>Share this</p>",
        "cuts": (Cut(11, 28, "because"),),
        "told": (("title", "first line"),),
    }
    return Article(**(fields | changes))


def visited(lease: Lease, *found: Article, past: tuple[Any, ...] = (), **changes: Any) -> Outcome:
    visit = Visit(lease.source, NOW, "news", 5, status=200, byte_count=9, new=len(found))
    stories = dedup.fold([dedup.copy_of(one, 50) for one in found], past)
    outcome = Outcome(
        visit,
        SourceState("etag", "date", "hash"),
        LATER,
        0,
        found,
        stories,
        {one.key: (Tag("country:china", "China", 65, (("title", 35), ("lede", 30))),) for one in found},
        {story.id: (Membership("one", story.id, 65, ("because",)),) for story in stories},
    )
    return replace(outcome, **changes)


def lease_of(store: Database, source: str = "a", now: datetime = NOW) -> Lease:
    claimed = claims.claim(store, now, limit=9, lease=LEASE)
    claims.release(store, [lease for lease in claimed if lease.source != source])
    return next(lease for lease in claimed if lease.source == source)


def test_due_source_is_claimed_once_until_its_lease_ends(store: Database) -> None:
    assert [lease.source for lease in claims.claim(store, NOW, limit=2, lease=LEASE)] == ["a", "b"]
    assert [lease.source for lease in claims.claim(store, NOW, limit=2, lease=LEASE)] == ["c"]
    assert claims.claim(store, NOW, limit=2, lease=LEASE) == []
    assert len(claims.claim(store, NOW + LEASE, limit=9, lease=LEASE)) == 3


def test_released_source_is_due_again(store: Database) -> None:
    claimed = claims.claim(store, NOW, limit=9, lease=LEASE)
    claims.release(store, claimed[:1])
    assert [lease.source for lease in claims.claim(store, NOW, limit=9, lease=LEASE)] == ["a"]
    claims.release_all(store)
    assert len(claims.claim(store, NOW, limit=9, lease=LEASE)) == 3


def test_removed_source_is_not_visited_and_comes_back_with_its_state(store: Database) -> None:
    visits.save(store, lease := lease_of(store), visited(lease))
    sources.register(store, {"b": CONFIGURED["b"]}, NOW)
    assert [status.id for status in sources.statuses(store)] == ["b"]
    sources.register(store, CONFIGURED, NOW)
    assert lease_of(store, "a", LATER).state == SourceState("etag", "date", "hash")


def test_article_comes_back_as_it_was(store: Database) -> None:
    one = article()
    visits.save(store, lease := lease_of(store), visited(lease, one))
    assert articles.get(store, one.key) == one
    assert articles.get(store, "https://a.example/1") == one
    assert articles.get(store, "nothing") is None
    assert [tag.evidence for tag in articles.tags_of(store, one.key)] == [(("title", 35), ("lede", 30))]
    (known,) = articles.known(store, [one.key, "nothing"]).values()
    assert (known.content_hash, known.first_seen_at) == (one.content_hash, one.first_seen_at)


def test_any_category_can_be_stored(store: Database) -> None:
    strange = ("\ufdfa" * 200, "x\0y\ud800" * 999, "中" * 999, "a" * 200, "a" * 201, "\U0001d400" * 200)
    entry = Entry(guid="g", title=Markup("T"), categories=tuple(Category(one, one, one) for one in strange))
    one = clean(entry, source="a", now=NOW)
    tags = tuple(tagging.tags(Vocabulary({}).read(one), Vocabulary({})).values())
    visits.save(store, lease := lease_of(store), visited(lease, one, tags={one.key: tags}))
    assert articles.get(store, one.key) == one
    assert set(articles.tags_of(store, one.key)) == set(tags)


@pytest.mark.parametrize(
    "by",
    [{"keys": ["1".zfill(32)]}, {"links": ["https://a.example/1"]}, {"text_hashes": ["t1"]}],
    ids=lambda by: next(iter(by)),
)
def test_copies_are_found(store: Database, by: dict[str, list[str]]) -> None:
    visits.save(store, lease := lease_of(store), visited(lease, article("1"), article("2", link=None)))
    (copy,) = articles.copies(store, **({"keys": [], "links": [], "text_hashes": []} | by))
    assert copy == replace(dedup.copy_of(article("1"), 50), story="1".zfill(32), host="a.example")


def test_saving_again_changes_nothing(store: Database) -> None:
    lease = lease_of(store)
    outcome = visited(lease, article())
    visits.save(store, lease, outcome)
    again = lease_of(store, "a", LATER)
    visits.save(store, again, outcome)
    assert articles.count(store) == (1, 1)
    assert len(contents.stories_in(store, "one", since=NOW - timedelta(days=9), limit=9)) == 1


def test_changed_article_keeps_its_first_sight(store: Database) -> None:
    visits.save(store, lease := lease_of(store), visited(lease, article()))
    changed = article(title="New", first_seen_at=LATER, content_hash="other")
    visits.save(store, lease := lease_of(store, "a", LATER), visited(lease, changed))
    found = articles.get(store, changed.key)
    assert found and (found.title, found.first_seen_at) == ("New", NOW)


def test_what_is_cut_from_stored_articles_can_change(store: Database) -> None:
    one, other, alone = article("1"), article("2", link=None, text_hash="t2"), article("3", link=None, original=None)
    visits.save(store, lease := lease_of(store), visited(lease, one, other, alone))
    (slug, published) = next((topic.slug, topic) for topic in topics.dirty(store, NOW) if topic.slug == "one")
    topics.mark_published(store, published, None)
    assert articles.count_originals(store) == 2
    assert articles.with_originals(store, limit=1) == [one]
    assert articles.with_originals(store, after=one.key, limit=9) == [other]
    assert articles.originals(store, "a") == [one.original, other.original]
    assert articles.originals(store, "b") == []
    whole = replace(one, title="Whole", cuts=(), html="<p>All</p>", text="All", content_hash="new", text_hash="tn")
    raced = replace(other, title="Lost")
    judgements.save_cuts(store, [(whole, one), (raced, replace(other, content_hash="changed meanwhile"))])
    assert articles.get(store, one.key) == whole
    assert articles.get(store, other.key) == other
    assert slug in {topic.slug for topic in topics.dirty(store, NOW)}
    (copy,) = articles.copies(store, keys=[], links=[], text_hashes=["tn"])
    assert copy.title == "whole"


def test_save_is_all_or_nothing(store: Database) -> None:
    lease = lease_of(store)
    outcome = visited(lease, article())
    story = outcome.stories[0].id
    broken = replace(outcome, memberships={story: (Membership("no-such-topic", story, 1, ()),)})
    with pytest.raises(IntegrityError):
        visits.save(store, lease, broken)
    assert articles.count(store) == (0, 0)
    assert {status.visits for status in sources.statuses(store)} == {()}
    visits.save(store, lease, outcome)
    assert articles.count(store) == (1, 1)


def test_files_are_remembered_and_forgotten_with_what_a_visit_brought(store: Database) -> None:
    one, two = (File(name, "7 1 2", "d" * 32, f"sha256:{name}", "1.0") for name in ("é\u2028.txt", "b" * 255))
    visits.save(store, lease := lease_of(store), visited(lease, files=(one, two)))
    assert files.of(store, "a") == {one.name: one, two.name: two}
    assert files.of(store, "b") == {}
    changed = replace(two, stamp="8 1 3", reason="no text")
    lost = lease_of(store, now=LATER)
    taken = lease_of(store, now=LATER + LEASE)
    outcome = visited(taken, files=(changed,), gone=(one.name, "never there"))
    with pytest.raises(LeaseLost):
        visits.save(store, lost, outcome)
    assert files.of(store, "a") == {one.name: one, two.name: two}
    visits.save(store, taken, outcome)
    assert files.of(store, "a") == {two.name: changed}


def test_a_failure_after_a_visit_is_shown_and_puts_off_the_next(store: Database) -> None:
    visits.save(store, lease := lease_of(store), visited(lease))
    visits.note_failure(store, Visit("a", NOW, "failed", 0, kind="folder", error="no room"), LATER + LEASE, "no room")
    (status,) = sources.statuses(store, "a", visits_each=9)
    assert [visit.error for visit in status.visits] == ["no room", None]
    assert (status.due_at, status.plan) == (LATER + LEASE, "no room")


def test_late_worker_writes_nothing(store: Database) -> None:
    old = lease_of(store)
    new = lease_of(store, "a", NOW + LEASE)
    with pytest.raises(LeaseLost):
        visits.save(store, old, visited(old, article()))
    assert articles.count(store) == (0, 0)
    visits.save(store, new, visited(new, article()))
    with pytest.raises(LeaseLost):
        visits.save(store, new, visited(new, article("2")))


def unchanged(lease: Lease, **changes: Any) -> tuple[Lease, Outcome]:
    visit = Visit(lease.source, lease.due_at, "unchanged", 5, status=304)
    return lease, replace(Outcome(visit, SourceState("etag"), LATER, plan="why"), **changes)


def test_quiet_visits_are_saved_together_but_for_lost_ones(store: Database) -> None:
    lost, *others = claims.claim(store, NOW, limit=9, lease=LEASE)
    (taken,) = claims.claim(store, NOW + LEASE, limit=1, lease=LEASE)  # by somebody else, before the others end
    assert taken.source == lost.source
    items = [unchanged(lease, memory=MEMORY, rest_until=LATER) for lease in (others[1], lost, others[0])]
    assert visits.save_quiet(store, items) == [True, False, True]
    found = {status.id: status for status in sources.statuses(store)}
    untouched = found.pop("a")
    assert (untouched.state, untouched.due_at, untouched.visits, untouched.free_at) == (
        SourceState(),
        NOW,
        (),
        NOW + LEASE,
    )
    for (lease, outcome), status in zip(
        sorted(items[::2], key=lambda item: item[0].source), found.values(), strict=True
    ):
        assert (status.id, status.due_at, status.plan, status.state) == (lease.source, LATER, "why", outcome.state)
        assert (status.visits, status.free_at) == ((outcome.visit,), LATER)
    assert [memories.of(store, source) for source in "abc"] == [None, MEMORY, MEMORY]
    visits.save(store, *unchanged(taken))


def test_lease_that_has_ended_a_visit_ends_no_other(store: Database) -> None:
    item = unchanged(lease_of(store))
    assert visits.save_quiet(store, [item, item]) == [True, False]
    assert visits.save_quiet(store, [item]) == [False]
    assert visits.save_quiet(store, []) == []
    assert [len(status.visits) for status in sources.statuses(store, "a", visits_each=9)] == [1]


def test_quiet_visit_may_forget_and_leaves_what_is_not_said(store: Database) -> None:
    assert visits.save_quiet(store, [unchanged(lease_of(store), memory=MEMORY)]) == [True]
    assert visits.save_quiet(store, [unchanged(lease_of(store, now=LATER), plan=None)]) == [True]
    assert memories.of(store, "a") == MEMORY
    assert visits.save_quiet(store, [unchanged(lease_of(store, now=LATER), forgets=True)]) == [True]
    assert memories.of(store, "a") is None
    assert sources.statuses(store, "a")[0].plan == "why"


def test_the_longest_rest_of_a_host_counts(store: Database) -> None:
    until = [LATER, LATER + LEASE, LATER]
    leases = claims.claim(store, NOW, limit=9, lease=LEASE)
    sources.register(store, CONFIGURED | {name: HttpSource(url=f"https://{name}.a.example/") for name in "bc"}, NOW)
    assert all(visits.save_quiet(store, [unchanged(one, rest_until=at) for one, at in zip(leases, until, strict=True)]))
    assert {status.free_at for status in sources.statuses(store)} == {LATER + LEASE}


def test_story_that_leaves_a_topic_changes_both(store: Database) -> None:
    visits.save(store, lease := lease_of(store), visited(lease, article()))
    for topic in topics.dirty(store, NOW):
        topics.mark_published(store, topic, None)
    changed = article(title="New", content_hash="other", first_seen_at=NOW - LEASE)
    outcome = visited(lease := lease_of(store, "a", LATER), changed)
    story = outcome.stories[0].id
    outcome = replace(outcome, memberships={story: (Membership("two", story, 9, ()),)}, tags={changed.key: ()})
    visits.save(store, lease, outcome)
    assert [topic.slug for topic in topics.dirty(store, NOW)] == ["one", "two"]
    assert memberships.counts(store) == {"one": (0, None), "two": (1, NOW - timedelta(days=1))}
    assert articles.tags_of(store, changed.key) == []


def test_no_keys_are_no_question(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "reading", None)
    assert articles.known(store, []) == articles.by_keys(store, []) == {}
    assert articles.kin(store, "a", []) == articles.copies(store, keys=[], links=[], text_hashes=[""]) == []
    assert retention.buried(store, "a", []) == {}


def test_call_during_a_visit_is_not_lost(store: Database) -> None:
    lease = lease_of(store)
    sources.make_due(store, NOW + timedelta(seconds=5), ["a"])
    visits.save(store, lease, visited(lease))
    assert lease_of(store, "a", NOW + timedelta(seconds=5)).source == "a"


def test_change_during_publication_stays_to_be_published(store: Database) -> None:
    first, second = topics.dirty(store, NOW)
    topics.mark_published(store, first, None)
    topics.mark_published(store, second, NOW + timedelta(days=1))
    assert topics.dirty(store, NOW) == []
    assert [topic.slug for topic in topics.dirty(store, NOW + timedelta(days=1))] == ["two"]
    visits.save(store, lease := lease_of(store), visited(lease, article("1")))
    (read,) = topics.dirty(store, NOW)
    visits.save(store, lease := lease_of(store, "b"), visited(lease, article("2", "b", link=None)))
    topics.mark_published(store, read, None)
    assert [topic.slug for topic in topics.dirty(store, NOW)] == ["one"]


def test_item_id_is_pinned_once(store: Database) -> None:
    visits.save(store, lease := lease_of(store), visited(lease, article()))
    key = "1".zfill(32)
    assert contents.pin(store, {key: "tag:first"}) == {key: "tag:first"}
    assert contents.pin(store, {key: "tag:second"}) == {key: "tag:first"}


def test_stories_come_newest_first_within_bounds(store: Database) -> None:
    dates = [NOW - timedelta(days=days) for days in (3, 1, 2)]
    found = [article(str(n), link=None, published_at=date) for n, date in enumerate(dates)]
    visits.save(store, lease := lease_of(store), visited(lease, *found))
    stories = contents.stories_in(store, "one", since=NOW - timedelta(days=2), limit=9)
    assert [story.lead.guid for story in stories] == ["1", "2"]
    assert stories[0].copies[0].attribution.name == "A"
    assert stories[0].reasons == ("because",)
    assert len(contents.stories_in(store, "one", since=NOW - timedelta(days=9), limit=1)) == 1
    assert memberships.counts(store) == {"one": (3, dates[1]), "two": (0, None)}


def test_topic_that_is_gone_takes_its_memberships_along(store: Database) -> None:
    visits.save(store, lease := lease_of(store), visited(lease, article()))
    assert topics.register(store, ["two"], "rules", NOW) is True
    topics.note_rules(store, "rules")
    assert topics.register(store, ["one", "two"], "rules", NOW) is False
    assert memberships.counts(store)["one"] == (0, None)


def test_only_the_last_visits_are_kept(store: Database) -> None:
    for number in range(visits.KEPT_VISITS + 3):
        now = NOW + number * LATER.resolution + number * timedelta(hours=2)
        lease = lease_of(store, "a", now)
        outcome = visited(lease)
        visits.save(store, lease, replace(outcome, visit=replace(outcome.visit, milliseconds=number), due_at=now))
    (last,) = [status.visits[0] for status in sources.statuses(store) if status.id == "a"]
    assert last and last.milliseconds == visits.KEPT_VISITS + 2
    with store.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM visits").scalar() == visits.KEPT_VISITS


def test_times_are_text_in_utc_on_sqlite(store: Database) -> None:
    """As SQLAlchemy writes and reads it, so that databases of older versions can be read."""
    if not store.is_sqlite:
        pytest.skip("PostgreSQL has a type of its own")
    for time, text in ((NOW, "12:00:00.123456"), (NOW.replace(microsecond=0), "12:00:00.000000")):
        sources.make_due(store, time.astimezone(timezone(timedelta(hours=5, minutes=30))))
        with store.reading() as connection:
            assert connection.exec_driver_sql("SELECT DISTINCT due_at FROM sources").scalar() == f"2026-11-24 {text}"
        assert {status.due_at for status in sources.statuses(store)} == {time}


def test_time_without_zone_is_refused(store: Database) -> None:
    with pytest.raises(Exception, match="without its zone"):
        sources.make_due(store, datetime(2026, 1, 1))  # noqa: DTZ001  # that is the point


def test_stories_are_dated_when_they_are_founded_and_never_again(store: Database) -> None:
    def newest() -> list[str]:
        return [story.id for story in contents.stories_in(store, "one", since=NOW - timedelta(days=9), limit=9)]

    lease = lease_of(store)
    one, two = (article(name, link=None, published_at=NOW - timedelta(days=int(name))) for name in "12")
    visits.save(store, lease, replace(visited(lease, one, two), due_at=NOW))
    assert newest() == [one.key, two.key]
    lease = lease_of(store)
    past = dedup.fold([dedup.copy_of(two, 50)], ())[0].copies
    visits.save(store, lease, visited(lease, replace(two, published_at=NOW), past=past))
    assert newest() == [one.key, two.key]
    with store.reading() as connection:
        dates = connection.execute(select(schema.memberships.c.story, schema.memberships.c.dated_at)).all()
    assert {tuple(row) for row in dates} == {(one.key, one.dated_at), (two.key, two.dated_at)}
    judgements.save(store, {}, {}, {two.key: one.key}, NOW)
    assert newest() == [one.key, two.key]
