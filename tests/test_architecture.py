"""Imports point downwards, and each kind of work stays in its place."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "aggregator"
# From the ground up. A module imports from its own line or lines above it, never from below.
LAYERS = [
    [
        "errors",
        "models",
        "words",
        "sniff",
        "urls",
        "notify",
        "units",
        "periods",
        "addresses",
        "inflate",
        "freshness",
        "batches",
        "mounts",
        "clock",
        "unwrapping",
        "datelines",
        "sentences",
        "expressions",
        "iso639",
        "packaged",
        "plurals",
        "masking",
        "terminal",
        "garbage",
    ],
    ["logs", "condition"],
    ["links", "agencies", "shingles", "spelling", "capitals"],
    ["templates", "related", "lexicon", "gaps"],
    ["near"],
    ["untangle", "markup", "significance", "splice", "identity", "metrics", "markers", "plaintext"],
    ["boilerplate"],
    ["registry"],
    ["config"],
    ["store", "fetch", "reach"],
    [
        "origins",
        "bylines",
        "language",
        "clean",
        "furniture",
        "features",
        "dedup",
        "tagging",
        "case",
        "topics",
        "index",
        "schedule",
        "compose",
        "editions",
        "caps",
        "telling",
        "sections",
        "digests",
        "bundles",
        "websub",
        "tokens",
        "hub",
    ],
    ["opml", "autodiscovery", "outage", "alerts", "alert_feed"],
    ["sources", "parsers", "taggers", "leaves", "formats", "publish"],
    ["sharing"],
    ["judge"],
    ["reading", "folding", "outcome", "retag", "regroup", "relating", "archive", "entering", "digesting"],
    ["reader_process", "readers", "samples"],
    ["documents", "publication", "selecting"],
    ["ending", "catching_up"],
    ["pipeline"],
    ["housekeeping", "visiting"],
    ["runtime", "explain", "show", "subscribe", "distribute", "discover", "watching", "config_files"],
    ["gauges", "overview", "roles"],
    ["preview", "firing", "drafting", "moving"],
    ["web", "subscriptions", "service", "starting", "health"],
    ["alerting"],
    ["ticks"],
    ["polling", "publishing", "reloading"],
    ["daemon"],
    ["commands"],
    [
        "config_commands",
        "topic_commands",
        "story_commands",
        "subscription_commands",
        "token_commands",
        "database_commands",
    ],
    ["cli"],
]
PURE = [
    "words",
    "sniff",
    "urls",
    "language",
    "boilerplate",
    "furniture",
    "clean",
    "features",
    "lexicon",
    "gaps",
    "spelling",
    "capitals",
    "reach",
    "dedup",
    "tagging",
    "topics",
    "sentences",
    "expressions",
    "case",
    "index",
    "leaves",
]
PURE += [
    "judge",
    "outage",
    "clock",
    "addresses",
    "inflate",
    "freshness",
    "schedule",
    "compose",
    "taggers",
    "formats",
    "parsers",
    "websub",
]
PURE += [
    "iso639",
    "plurals",
    "plaintext",
    "opml",
    "autodiscovery",
    "untangle",
    "markup",
    "significance",
    "splice",
    "identity",
    "reading",
    "markers",
    "shingles",
    "templates",
    "near",
    "related",
    "unwrapping",
    "links",
    "agencies",
    "bylines",
    "datelines",
    "origins",
    "tokens",
    "hub",
    "masking",
    "terminal",
    "condition",
    "alerts",
    "alert_feed",
    "editions",
    "periods",
    "caps",
    "telling",
    "sections",
    "digests",
    "bundles",
]
OUTSIDE_WORLD = {"os", "pathlib", "socket", "time", "random", "asyncio", "aiohttp", "sqlalchemy", "subprocess"}
LEVEL = {name: number for number, names in enumerate(LAYERS) for name in names}


def files() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts)


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """What a module imports when it is loaded: not for type checkers only, not inside functions."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "aggregator")


def project_imports(path: Path) -> set[str]:
    names = {name.split(".")[1] for name in imports(path) if name.startswith("aggregator.")}
    return names - {part_of(path), "__version__"}


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path: Path) -> None:
    part = part_of(path)
    if part in ("__init__", "__main__"):
        return
    assert part in LEVEL, f"give {part} its layer"
    assert {name for name in project_imports(path) if LEVEL[name] > LEVEL[part]} == set()


def test_each_part_is_named_once_and_is_there() -> None:
    named, there = [name for names in LAYERS for name in names], {part_of(path) for path in files()}
    assert sorted(named) == sorted(there - {"__init__", "__main__"})
    assert sorted(PURE) == sorted(set(PURE))


def test_no_import_goes_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for path in files():
        graph.setdefault(part_of(path), set()).update(project_imports(path))
    while graph:
        leaves = {name for name, needs in graph.items() if not needs & graph.keys()}
        assert leaves, f"a circle among {sorted(graph)}"
        graph = {name: needs for name, needs in graph.items() if name not in leaves}


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_store_speaks_sql_and_only_fetch_and_web_speak_http(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports(path)}
    assert "sqlalchemy" not in roots or part_of(path) == "store"
    assert "aiohttp" not in roots or part_of(path) in ("fetch", "web")


@pytest.mark.parametrize("path", [path for path in files() if part_of(path) in PURE], ids=lambda path: path.stem)
def test_stages_have_no_clock_and_no_outside_world(path: Path) -> None:
    assert {name.split(".")[0] for name in imports(path)} & OUTSIDE_WORLD == set()
    text = path.read_text()
    assert ".now(" not in text
    assert "utcnow" not in text


def test_compose_takes_values_from_the_store_and_asks_it_nothing() -> None:
    found = {name for name in imports(PACKAGE / "compose.py") if name.startswith("aggregator.store")}
    assert found == {"aggregator.store.contents"}
    assert "Database" not in (PACKAGE / "compose.py").read_text()
