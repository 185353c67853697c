"""Alerts: what is told, once, and that it is over."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import feedparser
import pytest
from aiohttp.test_utils import TestClient, TestServer

from aggregator import alert_feed, alerting, alerts, config, runtime, schedule
from aggregator.alerts import Facts, Finding
from aggregator.cli import main
from aggregator.config import Config
from aggregator.models import Alert, Outcome, Refusal, Rhythm, SourceFacts, SourceState, Visit
from aggregator.pipeline import Pipeline
from aggregator.readers import Readers
from aggregator.sharing import Shared
from aggregator.store import Database
from aggregator.store import alerts as stored_alerts
from aggregator.store import claims as stored_claims
from aggregator.store import sources as stored_sources
from aggregator.store import visits as stored_visits
from aggregator.web.serve import application

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GB = 1_000_000_000
NOTHING = Facts(free_bytes=50 * GB, all_bytes=100 * GB)


def kinds(facts: Facts, told: Iterable[alerts.Key] = (), now: datetime = NOW) -> list[str]:
    return [finding.kind for finding in alerts.found(facts, set(told), now)]


def of(*sources: SourceFacts) -> Facts:
    return replace(NOTHING, sources=sources)


def failing(hours: float, failures: int, kind: str = "connect") -> SourceFacts:
    return SourceFacts("a", "A", failures, NOW - HOUR * hours, "refused", kind)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (failing(5, 9), []),
        (failing(7, 2), []),
        (failing(7, 3), ["failing"]),
        (failing(0, 1, "gone"), ["failing"]),
        (failing(0, 1, "challenge"), []),
        (failing(0, 2, "challenge"), ["challenge"]),
        (SourceFacts("a", "A", hub="https://hub.example/", hub_failures=5, hub_error="no"), ["hub"]),
        (SourceFacts("a", "A", hub_failures=4), []),
    ],
)
def test_a_source_that_fails_is_told_when_that_is_not_for_a_moment(source: SourceFacts, found: list[str]) -> None:
    assert kinds(of(source)) == found


def test_a_network_that_is_down_is_one_alert_and_none_for_each_source() -> None:
    facts = replace(of(failing(7, 3)), network_is_down=True)
    assert kinds(facts) == ["network"]
    assert kinds(facts, [("failing", "a")]) == ["failing", "network"]  # told before: it is not over


def learned(a_day: int, days: int) -> tuple[Rhythm, datetime]:
    """The rhythm of a source that was visited each hour for so many days, and then brought nothing for three."""
    began = at = NOW - DAY * (days + 3)
    rhythm = schedule.learned(Rhythm(), at, at, after_success=True, news=[])
    last = at
    while at < NOW:
        before, at = at, at + HOUR
        gap = DAY / a_day
        news = [began + gap * n for n in range(1, a_day * days) if before < began + gap * n <= at]
        last = news[-1] if news else last
        rhythm = schedule.learned(rhythm, at, at, after_success=True, news=list(news))
    return rhythm, last


@pytest.mark.parametrize(
    ("a_day", "days", "found"), [(12, 20, ["silent"]), (12, 8, ["silent"]), (1, 30, []), (12, 1, [])]
)
def test_silence_is_measured_by_the_habit_of_the_source(a_day: int, days: int, found: list[str]) -> None:
    rhythm, news_at = learned(a_day, days)
    facts = of(SourceFacts("a", "A", rhythm=rhythm, news_at=news_at))
    assert kinds(facts) == found
    assert kinds(facts, [("silent", "a")]) == ["silent"]
    assert kinds(of(SourceFacts("a", "A", rhythm=rhythm, news_at=NOW)), [("silent", "a")]) == []


@pytest.mark.parametrize("days", [8, 30])
def test_what_a_source_usually_brings_is_not_forgotten_while_it_is_silent(days: int) -> None:
    rhythm, news_at = learned(12, days)
    found = schedule.usual(rhythm, NOW - news_at, NOW)
    assert found is not None
    assert found == pytest.approx(12, rel=0.15)
    (finding,) = alerts.found(of(SourceFacts("a", "A", rhythm=rhythm, news_at=news_at)), set(), NOW)
    assert finding.text.startswith("Silent for 3 d, usually 1")


def visits(*counts: int, skipped: int = 0, **fields: Any) -> SourceFacts:
    """Visits with so many entries each, the latest first."""
    found = [Visit("a", NOW - HOUR * n, "news", 1, known=count) for n, count in enumerate(counts)]
    return SourceFacts("a", "A", visits=(replace(found[0], skipped=skipped, **fields), *found[1:]))


@pytest.mark.parametrize(
    ("source", "told", "found"),
    [
        (visits(20, 20, 20, 20, 20, 20), False, []),
        (visits(5, 20, 20, 20, 20, 20), False, ["drift"]),
        (visits(0, 20, 20, 20, 20, 20, skipped=20), False, ["drift"]),
        (visits(0, 20, 20, 20, 20, 20), False, []),  # not changed since: nothing was read
        (visits(9, 20, 20, 20, 20, 20), False, []),
        (visits(9, 20, 20, 20, 20, 20), True, ["drift"]),
        (visits(15, 20, 20, 20, 20, 20), True, []),
        (visits(1, 20, 20, 20), False, []),
        (visits(1, 4, 4, 4, 4, 4), False, []),
        (visits(1, 20, 20, 20, 20, 20, kind="bug"), False, []),
    ],
)
def test_a_document_that_holds_much_less_than_before_is_told(source: SourceFacts, told: bool, found: list[str]) -> None:
    assert kinds(of(source), [("drift", "a")] if told else []) == found


def test_ids_that_have_changed_are_told_once() -> None:
    facts = of(visits(20, 20, rekeyed=20))
    assert kinds(facts) == ["ids"]
    assert kinds(of(visits(20, rekeyed=2))) == []
    told = alerts.changed([], alerts.found(facts, set(), NOW), NOW)
    assert told[0].resolved_at == NOW
    later = NOW + HOUR
    assert alerts.changed(told, alerts.found(facts, set(), later), later) == []
    assert kinds(facts, now=NOW + DAY * 2) == []


@pytest.mark.parametrize(
    ("free", "size", "told", "found"),
    [
        (0.9 * GB, 100 * GB, False, ["disk"]),
        (1.1 * GB, 100 * GB, False, []),
        (1.1 * GB, 100 * GB, True, ["disk"]),
        (1.6 * GB, 100 * GB, True, []),
        (0.3 * GB, 5 * GB, False, []),
        (0.2 * GB, 5 * GB, False, ["disk"]),
    ],
)
def test_a_disk_that_is_nearly_full_is_told_and_does_not_flap(
    free: float, size: float, told: bool, found: list[str]
) -> None:
    facts = Facts(free_bytes=int(free), all_bytes=int(size))
    assert kinds(facts, [("disk", "")] if told else []) == found


def test_other_things_that_are_told() -> None:
    refusal = Refusal(NOW - HOUR, "topics.yaml:1:1: no\nand https://u:p@h/ more")
    facts = replace(NOTHING, refusal=refusal, differing=(("x.json", NOW - HOUR),))
    refused, drift = alerts.found(facts, set(), NOW)
    assert (refused.kind, refused.since) == ("refused", refusal.at)
    assert refused.text.endswith("in use: topics.yaml:1:1: no")
    assert (drift.kind, drift.happened) == ("differs", True)
    for seconds, found in ((59, []), (61, ["store"])):
        trouble = (NOW - timedelta(seconds=seconds), NOW, "locked")
        assert kinds(replace(NOTHING, store_trouble=trouble)) == found


def finding(subject: str = "a", since: datetime = NOW, kind: str = "failing") -> Finding:
    return Finding(kind, subject, subject.upper(), "No.", since)


def test_an_alert_is_told_once_and_once_that_it_is_over() -> None:
    (begun,) = alerts.changed([], [finding()], NOW)
    assert (begun.kind, begun.subject, begun.since, begun.updated_at, begun.resolved_at) == (
        "failing",
        "a",
        NOW,
        NOW,
        None,
    )
    assert alerts.changed([begun], [finding()], NOW + HOUR) == []
    (over,) = alerts.changed([begun], [], NOW + HOUR * 5)
    assert over == replace(begun, updated_at=NOW + HOUR * 5, resolved_at=NOW + HOUR * 5)
    assert alerts.changed([over], [], NOW + HOUR * 6) == []


def test_what_comes_back_soon_goes_on_and_later_is_another() -> None:
    (begun,) = alerts.changed([], [finding()], NOW)
    (over,) = alerts.changed([begun], [], NOW + HOUR)
    (again,) = alerts.changed([over], [finding(since=NOW + HOUR * 2)], NOW + HOUR * 2)
    assert again == replace(begun, updated_at=NOW + HOUR * 2)
    (other,) = alerts.changed([over], [finding(since=NOW + DAY)], NOW + DAY)
    assert (other.id != begun.id, other.since) == (True, NOW + DAY)


@pytest.mark.parametrize(
    ("kind", "before", "after", "hours", "told"),
    [
        ("refused", "topics.yaml:3:1: no", "topics.yaml:9:1: no", 0, True),
        ("refused", "topics.yaml:3:1: no", "topics.yaml:3:1: no", 9, False),
        ("failing", "Failures: answered 500", "Failures: timed out", 0, False),
        ("failing", "Failures: answered 500", "Failures: timed out", 1, True),
        ("silent", "Silent for 3 d, usually 1.2 a day.", "Silent for 4 d, usually 12 a day.", 9, False),
    ],
)
def test_an_alert_that_goes_on_says_what_is_so_by_now(
    kind: str, before: str, after: str, hours: int, told: bool
) -> None:
    (begun,) = alerts.changed([], [replace(finding(kind=kind), text=before)], NOW)
    now = NOW + HOUR * hours
    renewed = alerts.changed([begun], [replace(finding(kind=kind), text=after)], now)
    assert renewed == ([replace(begun, text=after, updated_at=now)] if told else [])
    (over,) = alerts.changed([begun], [], now)
    (again,) = alerts.changed([over], [replace(finding(kind=kind), text=after)], now)
    assert (again.id, again.text, again.resolved_at) == (begun.id, after, None)


def test_an_alert_in_other_words_is_kept_on_both_databases(database: Database) -> None:
    (begun,) = alerts.changed([], [finding(kind="refused")], NOW)
    other = replace(begun, text="Another.", updated_at=NOW + HOUR)
    for alert in (begun, other):
        stored_alerts.save(database, [alert], NOW)
    assert stored_alerts.latest(database, 9) == [other]


def test_no_secret_is_told_to_who_reads_the_operator_feed(found: Config) -> None:
    source = SourceFacts(
        "example.org/feed?token=s3cret",
        "Example",
        failures=5,
        failing_since=NOW - DAY,
        error="https://example.org/feed?token=s3cret: no",
        hub="https://hub.example/?key=s3cret",
        hub_failures=9,
    )
    begun = alerts.changed([], alerts.found(of(source), set(), NOW), NOW)
    shown = [f"{item.title} {item.summary} {item.html}" for item in alert_feed.feed(begun, found).items]
    assert len(shown) == 2
    assert all("token=***" in text and "s3cret" not in text for text in shown)


def test_a_source_of_any_name_is_told_to_be_over(found: Config) -> None:
    over = Alert("1" * 32, "drift", "a", "reading", "A comparison is missing", NOW, NOW + HOUR * 2, NOW + HOUR * 2)
    (item,) = alert_feed.feed([over], found).items
    assert item.title == "Over after 2 h: Holds less: reading"
    assert item.summary == "A comparison is missing. That is over; it lasted 2 h. Source: a"


def test_hundreds_of_one_kind_are_told_together() -> None:
    many = [finding(f"s{number}") for number in range(300)]
    begun = alerts.changed([], [*many, finding("hub", kind="hub")], NOW)
    assert len(begun) == alerts.MOST_OF_A_KIND + 2
    (rest,) = [alert for alert in begun if alert.subject == alerts.OTHERS]
    assert rest.text.startswith("250 more, ")
    assert alerts.changed(begun, [*reversed(many), finding("hub", kind="hub")], NOW + HOUR) == []
    over = [alert for alert in alerts.changed(begun, many[:10], NOW + HOUR) if alert.resolved_at]
    left = {finding.key for finding in many[:10]} & {(alert.kind, alert.subject) for alert in begun}
    assert len(over) == len(begun) - len(left)


def source(key: str, host: str | None = "example.org") -> Any:
    return SimpleNamespace(title=key.upper(), address=None, rank=1, host=host, paywall=False, moved_from=None, KIND="x")


def visited(database: Database, key: str, at: datetime, failures: int = 0, **fields: Any) -> None:
    lease = stored_claims.claim_one(database, key, at, lease=HOUR)
    assert lease
    rhythm = Rhythm(at, 14.0, 168.0)
    state = SourceState(rhythm=rhythm, failing_since=NOW - DAY if failures else None)
    visit = Visit(key, at, fields.pop("outcome", "unchanged"), 1, **fields)
    stored_visits.save(database, lease, Outcome(visit, state, at, failures))


def test_suspects_are_found_on_both_databases(database: Database) -> None:
    stored_sources.register(database, {key: source(key) for key in "abc"} | {"f": source("f", None)}, NOW)
    for failures in (1, 2):
        visited(database, "a", NOW, failures, outcome="failed", kind="connect", error=f"no {failures}")
    visited(database, "b", NOW, known=3)
    first = stored_alerts.last_visit(database)
    visited(database, "c", NOW, known=4, rekeyed=4, folded=1)
    found, last = stored_alerts.suspects(database, NOW, 5, first, ["b"])
    assert last == first + 1
    by_id = {one.id: one for one in found}
    assert (by_id["a"].failures, by_id["a"].error, by_id["a"].kind) == (2, "no 2", "connect")
    assert [(visit.known, visit.rekeyed, visit.folded) for visit in by_id["c"].visits] == [(4, 4, 1)]
    assert [visit.known for visit in by_id["b"].visits] == [3]
    assert len(found) == 3  # none of them has articles, so none is silent
    assert stored_alerts.suspects(database, NOW, 5, last, [])[0] == [by_id["a"]]


def test_alerts_are_kept_and_forgotten_on_both_databases(database: Database) -> None:
    begun = alerts.changed([], [finding("a"), finding("b")], NOW)
    stored_alerts.save(database, begun, NOW)
    assert sorted(stored_alerts.recent(database, NOW + DAY), key=lambda one: one.id) == sorted(
        begun, key=lambda one: one.id
    )
    (over,) = alerts.changed(begun, [finding("a")], NOW + DAY)
    stored_alerts.save(database, [over], NOW + DAY)
    assert [alert.subject for alert in stored_alerts.recent(database, NOW + DAY * 2)] == ["a"]
    assert [alert.subject for alert in stored_alerts.latest(database, 9)] == ["a", "b"]
    stored_alerts.save(database, [], NOW + DAY + stored_alerts.FORGOTTEN + HOUR)
    assert [alert.subject for alert in stored_alerts.latest(database, 9)] == ["a"]


def told(config_: Config) -> Any:
    return feedparser.parse((config_.private / "feeds" / "_operator.atom").read_bytes())


@pytest.fixture
def found(config_directory: Path) -> Config:
    return config.load(config_directory, {})


def test_the_daemon_tells_operators_in_a_feed(found: Config) -> None:
    now = [NOW]
    with runtime.opened(found) as database, runtime.executor() as pool, Readers(found.settings.parse) as readers:
        pipeline = Pipeline(found, database, pool, readers, clock=lambda: now[0])
        pipeline.prepare()
        made = alerting.Alerting(pipeline, lambda: None)
        assert made.look() == []
        assert told(found).entries == []
        pipeline.refusal = Refusal(NOW, "topics.yaml:1:1: <b>no</b>\x1b[2J\u202e")
        assert len(made.look()) == 1
        (entry,) = told(found).entries
        assert entry.title == "Refused: configuration"
        assert "&lt;b&gt;no&lt;/b&gt; [2J" in entry.content[0].value
        before = (found.private / "feeds" / "_operator.atom").read_bytes()
        now[0] += HOUR
        assert made.look() == []
        assert (found.private / "feeds" / "_operator.atom").read_bytes() == before
        pipeline.refusal = None
        now[0] += HOUR * 4
        assert len(made.look()) == 1
        (over,) = told(found).entries
        assert (over.id, over.title) == (entry.id, "Over after 5 h: Refused: configuration")
        assert over.updated > entry.updated
        pipeline.prepare()
        assert told(found).entries  # what is none of a topic is not withdrawn


@pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)  # SQLite is on one machine
def test_all_machines_serve_the_same_operator_feed_whoever_tells(
    new_database: Callable[[], Database], found: Config, tmp_path: Path
) -> None:
    class Machine:
        def __init__(self, name: str) -> None:
            self.config, self.database = replace(found, state=tmp_path / name), new_database()
            self.shared = Shared(lambda: self.config, self.database)

        def tell(self, *alerts_: Alert) -> bool:
            stored_alerts.save(self.database, alerts_, NOW)
            return alerting.publish_feed(self.config, self.database, self.shared)

        def files(self) -> dict[str, bytes]:
            state = self.config.state
            return {str(path.relative_to(state)): path.read_bytes() for path in state.rglob("_operator.*")}

    one, other = Machine("one"), Machine("other")
    (begun,) = alerts.changed([], [finding()], NOW)
    assert one.tell(begun)
    assert other.shared.bring_up() == 3
    assert other.tell(replace(begun, updated_at=NOW + HOUR, resolved_at=NOW + HOUR))
    assert one.shared.bring_up() == 3
    assert one.files() == other.files()
    assert b"Over after 1 h" in one.files()["private/feeds/_operator.atom"]
    with other.shared.rendering(alert_feed.SLUG):
        assert not one.tell()
    settings = found.settings.model_copy(update={"operator_feed": "off"})
    one.config = replace(one.config, settings=settings)
    one.shared.withdraw()
    third = Machine("third")
    third.shared.bring_up()
    assert third.files() == {}


@pytest.mark.parametrize("setting", ["private", "public", "off"])
async def test_who_may_read_the_operator_feed(setting: str, config_directory: Path) -> None:
    from click.testing import CliRunner

    environment = {"AGGREGATOR_OPERATOR_FEED": setting}
    found = config.load(config_directory, environment)
    with runtime.opened(found) as database, runtime.executor() as pool, Readers(found.settings.parse) as readers:
        pipeline = Pipeline(found, database, pool, readers)
        pipeline.prepare()
        alerting.Alerting(pipeline, lambda: None).look()
        added = CliRunner(env=environment).invoke(
            main, ["--config", str(config_directory), "token", "add", "_operator", "--for", "me"]
        )
        assert (added.exit_code == 0) == (setting == "private")
        async with TestClient(TestServer(application(lambda: found, database))) as client:
            for extension in ("atom", "rss", "json"):
                answer = await client.get(f"/feeds/_operator.{extension}")
                assert answer.status == (200 if setting == "public" else 404)
            if setting == "private":
                path = added.output.split("8080")[1].split()[0]
                answer = await client.get(path)
                assert (answer.status, answer.headers["Cache-Control"]) == (200, "private, max-age=60")
                assert (await client.get(path.replace("/feeds/", "/topics/").removesuffix(".atom"))).status == 404
    assert (found.public / "feeds" / "_operator.atom").exists() == (setting == "public")
    assert (found.private / "feeds" / "_operator.atom").exists() == (setting == "private")


def test_a_feed_of_alerts_is_the_same_for_the_same_alerts(found: Config) -> None:
    one = Alert("1" * 32, "ids", "https://a.example/", "A", "Three.", NOW, NOW, NOW)
    two = Alert("2" * 32, "failing", "b", "B", "No.", NOW, NOW + HOUR)
    assert alert_feed.feed([two, one], found) == alert_feed.feed([two, one], found)
    assert [item.title for item in alert_feed.feed([two, one], found).items] == ["Failing: B", "New ids: A"]
    assert alert_feed.feed([], found).updated_at.year == 1970
