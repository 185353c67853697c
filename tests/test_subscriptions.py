"""Feeds come in from OPML and go out as OPML, by the commands that people use."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aggregator import config, opml
from aggregator.errors import ConfigError
from aggregator.opml import Outline
from aggregator.subscriptions import add, exported, plan
from tests.in_process import aggregator
from tests.test_pipeline import rss

LIST = (
    Outline("https://a.example/feed", "A", ("World", "Asia")),
    Outline("http://www.a.example/feed/", "A again"),
    Outline("https://own.example/feed", "Mine already"),
    Outline("mailto:x@a.example", "Mail \x1b[2J"),
    Outline("https://me:secret@b.example/", "Private"),
    Outline("https://b.example/ä b", "B: “c” #d"),
)


@pytest.fixture
def directory(config_directory: Path) -> Path:
    text = "# my sources\nsources:\n  - url: https://own.example/feed # mine\n    headers: {X-Key: hush}\n    labels: [Own]\n"
    (config_directory / "sources.yaml").write_text(text)
    (config_directory.parent / "list.opml").write_bytes(opml.write(LIST, "List"))
    return config_directory


def test_each_feed_of_a_list_has_one_fate() -> None:
    found = plan(LIST, {"own.example/feed"})
    assert [
        [outline.title for outline in fate] for fate in (found.add, found.configured, found.repeated, found.unusable)
    ] == [
        ["A", "B: “c” #d"],
        ["Mine already"],
        ["A again"],
        ["Mail \x1b[2J", "Private"],
    ]
    assert found.add[1].url == "https://b.example/%C3%A4%20b"


def test_import_adds_text_and_says_what_it_left_out(directory: Path) -> None:
    path = directory / "sources.yaml"
    path.chmod(0o640)
    before = path.read_text()
    ended = aggregator(directory, "import", str(directory.parent / "list.opml"))
    assert (ended.exit_code, ended.stdout.splitlines()) == (
        0,
        [f"2 feeds added to {path}; a running daemon takes them over by itself, or, with `reload: signal`, on SIGHUP"],
    )
    assert [line for line in ended.stderr.splitlines() if line[0] != " "] == [
        "1 there already:",
        "1 twice in the list:",
        "2 left out, since their addresses are none of feeds on the web:",
    ]
    assert "  https://own.example/feed  Mine already" in ended.stderr
    assert "\x1b" not in ended.stderr
    assert path.read_text() == before + (
        "  - url: https://a.example/feed\n    name: A\n    labels: [World, Asia]\n"
        '  - url: https://b.example/%C3%A4%20b\n    name: "B: “c” #d"\n'
    )
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(entry.name for entry in directory.iterdir()) == [
        "agencies.yaml",
        "aggregator.yaml",
        "concepts",
        "furniture",
        "links.yaml",
        "schema",
        "sources.yaml",
        "topics.yaml",
    ]
    again = aggregator(directory, "import", str(directory.parent / "list.opml"))
    assert (again.exit_code, again.stdout) == (0, "")
    assert "4 there already" in again.stderr
    assert again.stderr.endswith("nothing to add\n")


def test_dry_run_shows_and_changes_nothing(directory: Path) -> None:
    before = (directory / "sources.yaml").read_bytes()
    ended = aggregator(directory, "import", "--dry-run", str(directory.parent / "list.opml"))
    assert (ended.exit_code, ended.stdout.splitlines()[0]) == (0, "  - url: https://a.example/feed")
    assert ended.stderr.endswith("2 feeds would be added\n")
    assert (directory / "sources.yaml").read_bytes() == before


def test_list_that_no_text_can_be_added_to_is_left_and_the_text_shown(directory: Path) -> None:
    path = directory / "sources.yaml"
    path.write_text("sources: [{url: 'https://own.example/feed'}]\n")
    ended = aggregator(directory, "import", str(directory.parent / "list.opml"))
    assert ended.exit_code == 1
    assert f"{path}:1:1: the list is not written with a line for each item" in ended.stderr
    assert ended.stdout.startswith("  - url: https://a.example/feed\n    name: A\n")
    assert path.read_text() == "sources: [{url: 'https://own.example/feed'}]\n"


def test_configuration_that_would_be_bad_is_not_written(directory: Path) -> None:
    path = directory / "sources.yaml"
    before = path.read_bytes()
    with pytest.raises(ConfigError) as caught:
        add(directory, [Outline("ftp://a.example/")])
    assert str(caught.value.problems[0]).startswith(f"{path}:6:")
    assert path.read_bytes() == before
    assert not list(directory.glob(".sources*"))


def test_where_one_file_cannot_be_replaced_none_is(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.read_bytes() for path in directory.glob("*.yaml")}
    replace = Path.replace

    def full(self: Path, target: Path) -> Path:
        if target.name == "topics.yaml" and b"  gas:" in self.read_bytes():
            raise OSError(28, "No space left on device", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    topic = "gas:\n  title: Gas\n  any: [country:china]\n"
    with pytest.raises(ConfigError, match="No space left"):
        add(directory, [Outline("https://new.example/feed")], [topic])
    assert {path: path.read_bytes() for path in directory.glob("*.yaml")} == before
    assert not list(directory.glob(".*"))


def test_link_to_sources_yaml_stays_a_link(directory: Path, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.yaml"
    (directory / "sources.yaml").rename(real)
    (directory / "sources.yaml").symlink_to(real)
    add(directory, [Outline("https://a.example/", "A")])
    assert (directory / "sources.yaml").is_symlink()
    assert "name: A" in real.read_text()


@pytest.mark.parametrize(
    ("name", "reason"), [("nowhere.opml", "cannot be read: No such file"), ("page.opml", "an HTML page")]
)
def test_list_that_cannot_be_read_is_one_line_and_1(directory: Path, name: str, reason: str) -> None:
    (directory.parent / "page.opml").write_text("<html></html>")
    ended = aggregator(directory, "import", str(directory.parent / name))
    assert (ended.exit_code, ended.stderr.count("\n")) == (1, 1)
    assert reason in ended.stderr


async def test_list_from_an_address_is_fetched_and_dead_feeds_left_out(directory: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        path = request.path
        if path == "/good":
            return web.Response(body=rss(("1", "One", "One.")))
        if path == "/page":
            return web.Response(body=b'<html><link rel=alternate type=application/rss+xml href="/good"></html>')
        if path == "/list":
            base = f"http://{request.host}"
            return web.Response(
                body=opml.write([Outline(f"{base}/{name}", name) for name in ("good", "gone", "page")], "List")
            )
        return web.Response(status=410)

    app = web.Application()
    app.router.add_get("/{name}", answer)
    async with TestServer(app) as server:
        base = str(server.make_url("/"))
        inside = {"AGGREGATOR_FETCH__ALLOW": "127.0.0.0/8"}
        refused = await asyncio.to_thread(aggregator, directory, "import", f"{base}list")
        missing = await asyncio.to_thread(aggregator, directory, "import", f"{base}nowhere", **inside)
        ended = await asyncio.to_thread(aggregator, directory, "import", "--check", f"{base}list", **inside)
    assert (refused.exit_code, "not a public address" in refused.stderr) == (1, True)
    assert (missing.exit_code, missing.stderr) == (1, f"aggregator: {base}nowhere: answered 410\n")
    assert ended.exit_code == 0
    assert ended.stderr.splitlines()[0] == "2 left out, since they cannot be read:"
    assert f"{base}gone: answered 410" in ended.stderr
    assert [source.title for source in config.load(directory, {}).sources.values()] == ["own.example", "good"]


def test_export_has_names_and_folders_and_no_secrets(directory: Path, tmp_path: Path) -> None:
    aggregator(directory, "import", str(directory.parent / "list.opml"))
    ended = aggregator(directory, "export")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert "hush" not in ended.stdout
    assert opml.read(ended.stdout.encode(), "out") == (
        Outline("https://own.example/feed", "own.example", ("Own",)),
        Outline("https://a.example/feed", "A", ("World", "Asia")),
        Outline("https://b.example/%C3%A4%20b", "B: “c” #d"),
    )
    assert aggregator(directory, "export", "--output", str(tmp_path / "out.opml")).stdout == ""
    assert (tmp_path / "out.opml").read_text() == ended.stdout
    failed = aggregator(directory, "export", "--output", str(tmp_path / "no" / "out.opml"))
    assert (failed.exit_code, failed.stderr.count("\n")) == (1, 1)


def test_what_is_exported_can_be_imported_elsewhere(directory: Path) -> None:
    add(directory, plan(LIST, set()).add[:1])
    first = config.load(directory, {})
    (directory / "sources.yaml").write_text("sources:\n")
    add(directory, plan(opml.read(exported(first), "out"), set()).add)
    second = config.load(directory, {})
    assert list(first.sources) == list(second.sources)
    assert [source.labels for source in first.sources.values()] == [source.labels for source in second.sources.values()]


def test_file_that_is_not_there_is_named(directory: Path) -> None:
    (directory / "sources.yaml").unlink()
    with pytest.raises(ConfigError, match=r"sources\.yaml:1:1: cannot be added to: No such file"):
        add(directory, [Outline("https://a.example/")])
