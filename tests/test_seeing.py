"""What the daemon shows of itself: metrics, and whether it is well."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zipfile import ZipFile

import pytest
import yaml
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer

from aggregator import condition, config, gauges, metrics, runtime, service
from aggregator.condition import Condition
from aggregator.config import Config
from aggregator.errors import ConfigError, Place, Problem, StateError
from aggregator.models import Article, Membership, Outcome, Refusal, SourceState, Visit
from aggregator.store import Database, editions, stock
from aggregator.store import claims as stored_claims
from aggregator.web import health
from aggregator.web import metrics as metrics_page
from aggregator.web.serve import application
from tests.conftest import ROOT, Site
from tests.postgresql_server import free_port
from tests.test_pipeline import once, only_inbox

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
DOCS = (ROOT / "docs" / "metrics.md").read_text()


def value(name: str, **labels: str) -> float:
    return metrics._REGISTRY.get_sample_value(f"aggregator_{name}", labels) or 0.0


def families() -> dict[str, Any]:
    return {one.name: one for one in metrics._REGISTRY.collect() if one.name.startswith("aggregator_")}


def names() -> set[str]:
    """Everything that can be asked for."""
    page = metrics.page().decode()
    found = set(re.findall(r"^(\w+)[ {]", page, re.MULTILINE)) | set(re.findall(r"^# TYPE (\w+)", page, re.MULTILINE))
    return found | {"up"}


def used(expression: str) -> set[str]:
    """The metrics of an expression of Prometheus."""
    without = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"|\b(?:by|without|on)\s*\([^)]*\)", " ", expression)
    return set(re.findall(r"\b((?:aggregator|process)_\w+|up)\b", without))


def test_the_page_of_metrics_is_described() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \| (.*) \|$", DOCS, re.MULTILINE)
    written = {name: (kind, labels.strip(), text) for name, kind, labels, text in rows}
    found = {}
    for gauge in (metrics.TOPIC_STORIES, metrics.SUBSCRIPTIONS, metrics.ALERTS):  # without values they show no labels
        metrics.set_labelled(gauge, {"a": 1})
    for one in families().values():
        labels = {label for sample in one.samples for label in sample.labels} - {"le"}
        name = f"{one.name}_total" if one.type == "counter" else one.name
        found[name] = (one.type, " ".join(f"`{label}`" for label in labels), one.documentation)
    assert written == found


def test_the_dashboard_asks_for_what_is_there() -> None:
    board = json.loads((ROOT / "docs" / "grafana.json").read_text())
    panels = [panel for panel in board["panels"] if "targets" in panel]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(expressions) > 10
    assert {one: used(one) - names() for one in expressions if not used(one) or used(one) - names()} == {}
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_the_rules_for_alerts_ask_for_what_is_there() -> None:
    rules = yaml.safe_load((ROOT / "docs" / "prometheus-rules.yaml").read_text())["groups"][0]["rules"]
    assert len(rules) >= 5
    assert {rule["alert"]: used(rule["expr"]) - names() for rule in rules if used(rule["expr"]) - names()} == {}
    assert all(rule["annotations"]["summary"] for rule in rules)


def test_no_label_has_a_value_for_each_source() -> None:
    labels = {label for one in families().values() for sample in one.samples for label in sample.labels}
    assert labels <= {
        "outcome",
        "kind",
        "way",
        "result",
        "reason",
        "status",
        "operation",
        "version",
        "topic",
        "state",
        "database",
        "le",
    }


def outcome(**fields: Any) -> Outcome:
    visit = Visit("a", NOW, "news", 1500, **fields)
    return Outcome(visit, SourceState(), NOW)


def test_a_visit_is_counted() -> None:
    asked = [("visits_total", {"outcome": "news"}), ("folds_total", {}), ("visit_failures_total", {"kind": "other"})]
    asked += [("articles_total", {"kind": kind}) for kind in ("new", "changed", "known", "unusable", "rekeyed")]
    before = [value(name, **labels) for name, labels in asked]
    visit = Visit(
        "a", NOW, "news", 1500, new=5, updated=4, known=3, skipped=2, folded=1, rekeyed=2, kind="of a plug-in"
    )
    metrics.count_visit(visit)
    after = [value(name, **labels) for name, labels in asked]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 1, 5, 4, 3, 2, 2]


def test_the_time_from_visit_to_feed_is_measured() -> None:
    began = datetime.now(UTC) - timedelta(seconds=4)
    article = Article("k" * 32, "a", "g", "T", "", "", "", began)
    old = Article("o" * 32, "a", "h", "T", "", "", "", began - timedelta(days=1))
    belongs = {
        one.key: (Membership("energy", one.key, 1, ()), Membership("gone", one.key, 1, ())) for one in (article, old)
    }
    found = Outcome(Visit("a", began, "news", 1), SourceState(), NOW, articles=(article, old), memberships=belongs)
    metrics.keep_topics(())
    before = value("published_seconds_count"), value("published_seconds_sum")
    metrics.stored(found)  # which others publish
    assert value("unpublished_seconds") == 0
    metrics.keep_topics({"energy"})
    metrics.stored(found)
    assert 4 <= value("unpublished_seconds") < 60
    metrics.published("energy", began.timestamp() + 4, files=3)
    metrics.published("energy", began.timestamp() + 9, files=0)
    metrics.published("gone", began.timestamp() + 9, files=0)
    assert (value("published_seconds_count") - before[0], value("published_seconds_sum") - before[1]) == (1, 4)
    assert value("unpublished_seconds") == 0


def test_what_waits_is_bounded() -> None:
    metrics.keep_topics({"energy"})
    for _ in range(3 * metrics.MOST_WAITING):
        metrics._waiting.add("energy", 1.0)
    assert len(metrics._waiting.taken("energy")) == metrics.MOST_WAITING


def source(key: str, host: str | None) -> Any:
    return SimpleNamespace(title=key, address=None, rank=1, host=host, paywall=False, moved_from=None, KIND="x")


def test_the_stock_is_taken_on_both_databases(database: Database) -> None:
    from aggregator.store import sources as stored_sources
    from aggregator.store import topics as stored_topics

    stored_sources.register(database, {"a": source("a", None), "b": source("b", "example.org")}, NOW)
    stored_topics.register(database, ["energy", "desk"], "rules", NOW)
    editions.register(database, ["_all"], NOW)
    found = stock.taken(database, NOW + timedelta(minutes=1))
    assert (found.sources, found.due, found.due_since, found.failing) == (2, 2, NOW, 0)
    assert (found.topic_stories, found.unpublished, found.is_retagging) == ({"energy": 0, "desk": 0}, 3, True)
    assert (found.articles, found.stories, found.deliveries, found.alerts) == (0, 0, 0, {})
    assert found.database_bytes > 0
    stored_claims.claim_one(database, "a", NOW, lease=timedelta(hours=1))
    stored_topics.note_rules(database, "rules")
    found = stock.taken(database, NOW + timedelta(minutes=1))
    assert (found.due, found.is_retagging) == (1, False)


@pytest.fixture
async def served(config_directory: Path) -> AsyncIterator[tuple[TestClient, Config, Database]]:
    path = config_directory / "topics.yaml"
    path.write_text(path.read_text().replace("  energy:\n", "  energy:\n    private: true\n"))
    found = config.load(config_directory, {})
    with runtime.opened(found) as database:
        await runtime.once(found, database, lambda visit: None)
        routes = metrics_page.routes(gauges.Gauges(lambda: found, database, lambda: 0))
        async with TestClient(TestServer(application(lambda: found, database, routes))) as client:
            yield client, found, database


async def test_metrics_are_served(served: tuple[TestClient, Config, Database]) -> None:
    client, _, _ = served
    requests = value("feed_requests_total", status="200"), value("feed_requests_total", status="404")
    assert (await client.get("/feeds/us-china.atom")).status == 200
    assert (await client.get("/feeds/nothing.atom")).status == 404
    response = await client.get("/metrics")
    assert response.headers["Content-Type"] == metrics.MEDIA_TYPE
    text = await response.text()
    assert "\naggregator_stored_articles 16.0\n" in text
    assert '\naggregator_topic_stories{topic="_private"} 5.0\n' in text
    assert "energy" not in text
    assert (value("feed_requests_total", status="200"), value("feed_requests_total", status="404")) == (
        requests[0] + 1,
        requests[1] + 1,
    )


async def test_the_store_is_asked_seldom_and_together(
    served: tuple[TestClient, Config, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, found, database = served
    asked = []
    real = stock.taken
    monkeypatch.setattr(stock, "taken", lambda *args: asked.append(1) or real(*args))
    made = gauges.Gauges(lambda: found, database, lambda: 7)
    await asyncio.gather(*(made.page() for _ in range(5)))
    await made.page()
    assert len(asked) == 1
    assert value("visits_under_way") == 7


async def test_a_store_that_does_not_answer_costs_no_page(
    served: tuple[TestClient, Config, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, found, database = served

    def fails(*_: object) -> None:
        raise StateError("locked")

    monkeypatch.setattr(stock, "taken", fails)
    made = gauges.Gauges(lambda: found, database, lambda: 0)
    assert b"aggregator_store_reachable 0.0" in await made.page()


class Pipeline:
    config = SimpleNamespace(sources={}, topics={})
    refusal: Refusal | None = None
    outage = SimpleNamespace(is_on=False)
    refusal: Refusal | None = None


def watched(stopping: Callable[[], bool] = lambda: False) -> service.Service:
    return service.Service(Pipeline(), lambda: 0, list, stopping)  # type: ignore[arg-type]


@pytest.mark.parametrize("part", service.PARTS)
def test_the_daemon_is_not_live_where_a_part_of_its_work_stands_still(part: str) -> None:
    made, now = watched(), [0.0]
    made.pulse = service.Pulse(lambda: now[0])
    assert made.live() == Condition()
    now[0] = service.PATIENCE_SECONDS + 1
    made.pulse.beat(*(other for other in service.PARTS if other != part))
    assert made.live() == Condition(True, (f"{part}: nothing for 91 s",))


def test_the_daemon_is_ready_once_it_has_published() -> None:
    made = watched()
    assert made.readiness() == Condition(True, ("nothing is published yet",))
    made.note("publication", OSError(28, "No space left on device"))
    assert made.readiness().is_down
    made.note("publication", None)
    assert made.readiness() == Condition()
    made.note("publication", OSError(28, "No space left on device"))
    assert made.readiness().state == "degraded"
    assert "No space left" in made.readiness().text()


def test_what_keeps_the_daemon_from_being_ready_is_said() -> None:
    made = watched()
    made.note("publication", None)
    made.note("store", StateError("the database is locked"))
    assert made.readiness() == Condition(True, ("store: the database is locked",))
    made.note("store", None)
    made.refused(ConfigError([Problem("no", Place("topics.yaml")), Problem("more", Place("topics.yaml", 2))]))
    assert made.readiness().state == "degraded"
    assert made.readiness().reasons[0].endswith("UTC: topics.yaml:1:1: no")
    made.reloaded()
    assert made.readiness() == Condition()
    stopping = watched(lambda: True)
    stopping.note("publication", None)
    assert stopping.readiness() == Condition(True, ("stopping",))


async def test_health_is_said_as_text_and_as_json(config_directory: Path) -> None:
    found = config.load(config_directory, {})
    reports = {
        "healthz": lambda: Condition(True, ("a\x1b[2J https://u:p@h/", *("x" * 999 for _ in range(99)))),
        "readyz": lambda: Condition(False, ("look",)),
    }
    with runtime.opened(found) as database:
        database.close()  # nobody asks it
        async with TestClient(TestServer(application(lambda: found, database, health.routes(reports)))) as client:
            bad, good = await client.get("/healthz"), await client.get("/readyz")
            assert (bad.status, good.status) == (503, 200)
            text = await bad.text()
            assert text.startswith("down\na [2J https://***@h/\nxxx")
            assert len(text) < (condition.MOST + 1) * (condition.LONGEST + 1)
            assert await good.text() == "degraded\nlook\n"
            for answer in (
                await client.get("/readyz?format=json"),
                await client.get("/readyz", headers={"Accept": "application/json"}),
            ):
                assert answer.content_type == "application/json"
                assert await answer.json() == {"state": "degraded", "reasons": ["look"]}


async def test_where_health_is_alone_no_page_names_the_program() -> None:
    address = "127.0.0.1", free_port()
    async with health.running(address, health.routes({"healthz": Condition})), ClientSession() as session:
        for page, status in ("healthz", 200), ("sources", 404):
            async with session.get(f"http://127.0.0.1:{address[1]}/{page}") as response:
                assert (response.status, response.headers.get("Server")) == (status, None)


async def test_strangers_hear_no_more_than_what_it_is_about(config_directory: Path) -> None:
    made = watched()
    made.refused(
        ConfigError([Problem("unknown key 'any'", Place("/etc/aggregator/topics.yaml", 9, 1, ("secret-desk",)))])
    )
    made.note(
        "publication", OSError(28, "No space left on device", "/var/lib/aggregator/private/feeds/secret-desk.atom")
    )
    made.note("store", StateError("postgresql://user@db.internal/x: no answer"))
    found = config.load(config_directory, {})
    reports = {"healthz": made.live, "readyz": made.readiness}
    with runtime.opened(found) as database:
        async with TestClient(TestServer(application(lambda: found, database, health.routes(reports)))) as client:
            own = await (await client.get("/readyz")).text()
            assert "topics.yaml" in own and "secret-desk" in own and "db.internal" in own
            for headers in ({"X-Forwarded-For": "192.0.2.1"}, {"Host": "news.example.org"}):
                for query in ("", "?format=json"):
                    answer = await client.get(f"/readyz{query}", headers=headers)
                    said = await answer.text()
                    assert answer.status == 503
                    assert re.search(r"configuration refused at \d\d:\d\d UTC", said)
                    assert not re.search("secret|topics|internal|space|/", said)


async def test_a_visit_that_folds_and_one_with_other_ids_say_so(config_directory: Path, site: Site) -> None:
    def feed(prefix: str) -> bytes:
        items = (
            f"<item><guid>{prefix}{n}</guid><link>https://example.org/{n}</link><title>Story {n} of the day</title>"
            f"<description>Number {n}. {'Words ' * 60}</description></item>"
            for n in range(4)
        )
        return f"<rss version='2.0'><channel><title>W</title>{''.join(items)}</channel></rss>".encode()

    async def once() -> Visit:
        found = config.load(config_directory)
        visits: list[Visit | None] = []
        with runtime.opened(found) as database:
            await runtime.once(found, database, visits.append)
        (visit,) = visits
        assert visit
        return visit

    site.body = feed("a")
    first = await once()
    site.body = feed("b")
    second = await once()
    assert (first.new, first.rekeyed, second.new, second.rekeyed) == (4, 0, 0, 4)


async def test_refused_files_are_counted_by_how_far_they_came(config_directory: Path) -> None:
    kinds = ("unread", "unusable", "part")
    before = [value("refused_files_total", kind=kind) for kind in kinds]
    inbox = only_inbox(config_directory)
    (inbox / "link.txt").symlink_to(config_directory / "topics.yaml")
    (inbox / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with ZipFile(inbox / "some.zip", "w") as archive:
        archive.writestr("a.txt", "Oil rises\n\nOil rose on Monday.")
        archive.writestr("b.txt", b"\x89PNG\r\n\x1a\n" + bytes(100))
    await once(config_directory)
    after = [value("refused_files_total", kind=kind) for kind in kinds]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 1]


def test_the_page_says_of_no_counter_when_it_began() -> None:
    assert "_created" not in metrics.page().decode()
