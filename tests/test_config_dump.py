"""The configuration as it is used: each value with its origin, no secret, and YAML that means the same."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import TypeAdapter

from aggregator import config, units
from aggregator.cli import main
from aggregator.config.effective import without_secrets
from aggregator.web.rendering import place

OWN = {
    "aggregator.yaml": "listen: 127.0.0.1:8081\npoll: {every: 45m}\nfetch:\n  proxy: {env: NEWS_PROXY}\n  body: 3MiB\n",
    "sources.yaml": """sources:
  - url: https://example.org/feed?token=s3cret&page=2
    name: "no"
    auth: {user: me, password: s3cret}
    headers: {X-Key: s3cret, X-Other: {env: NEWS_KEY}}
    cookies: {session: s3cret}
    proxy: http://me:s3cret@127.0.0.1:1
  - url: https://social.example/@desk.rss
  - {folder: ../in, labels: [a, "012"]}
""",
    "topics.yaml": """rules:
  rail: {phrase: rail}
topics:
  t:
    title: "true"
    description: "a: #b\\nc"
    any: [{rule: rail}, {length: {min: 5}}]
    max_age: 7d
    max_per_hour: 5
    private: yes
    variants: {min_score: [50]}
    examples: {match: [{title: Rail, text: "- x\\n\\n  y"}]}
""",
    "concepts/own.yaml": "concepts:\n  person:ada: {label: Ada, aliases: {en: [Ada*]}}\n",
    "links.yaml": "tracking: [ref]\n",
}
ENVIRONMENT = {"NEWS_PROXY": "http://me:s3cret@127.0.0.1:3128", "NEWS_KEY": "s3cret", "AGGREGATOR_POLL__MIN": "6m"}


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "c" / "concepts").mkdir(parents=True)
    for name, text in OWN.items():
        (tmp_path / "c" / name).write_text(text)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "c"


def dumped(directory: Path, *options: str) -> str:
    ran = CliRunner().invoke(main, ["--config", str(directory), "config", "dump", *options])
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def test_each_value_names_its_origin(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/news")
    monkeypatch.setenv("AGGREGATOR_DATABASE", "postgresql+psycopg://me:s3cret@db.example/news?sslpassword=s3cret")
    lines = [" ".join(line.split()).replace(f"{directory}/", "") for line in dumped(directory).splitlines()]
    for expected in (
        "state: /var/lib/news # systemd's STATE_DIRECTORY",
        "database: postgresql+psycopg://me:***@db.example/news?sslpassword=*** # environment variable AGGREGATOR_DATABASE",
        "listen: 127.0.0.1:8081 # aggregator.yaml:1:1",
        "base_url: http://127.0.0.1:8081/ # default",
        "every: 45m # aggregator.yaml:2:8",
        "min: 6m # environment variable AGGREGATOR_POLL__MIN",
        "max: 1d # default",
        "body: 3MiB # aggregator.yaml:5:3",
        "proxy: http://***@127.0.0.1:3128 # environment variable NEWS_PROXY",
    ):
        assert expected in lines
    assert lines[-1].startswith("# and sources: 3, of them with `url`: 2, of them with `folder`: 1, topics: 1")


def test_no_secret_is_shown_unless_it_is_asked_for(directory: Path) -> None:
    for options in ((), ("--all",), ("--all", "--json"), ("--json",)):
        assert "s3cret" not in dumped(directory, *options)
    assert "https://social.example/@desk.rss" in dumped(directory, "--all")
    assert dumped(directory, "--all", "--unmasked").count("s3cret") == 6


def test_what_is_dumped_whole_can_be_loaded_and_is_the_same(directory: Path, tmp_path: Path) -> None:
    before = config.load(directory)
    documents = re.split(r"^--- # (.*)$", dumped(directory, "--all", "--unmasked"), flags=re.MULTILINE)
    (tmp_path / "again" / "concepts").mkdir(parents=True)
    for name, text in zip(["aggregator.yaml", *documents[1::2]], documents[::2], strict=True):
        (tmp_path / "again" / name).write_text(text)
    after = config.load(tmp_path / "again")
    for part in ("state", "settings", "sources", "topics", "concepts", "links", "agencies", "markers"):
        assert getattr(after, part) == getattr(before, part), part
    assert after.example_places.keys() == before.example_places.keys()


def test_for_machines(directory: Path) -> None:
    found = json.loads(dumped(directory, "--json"))
    assert found["settings"]["poll.every"] == {
        "value": "45m",
        "from": "file",
        "place": f"{directory}/aggregator.yaml:2:8",
    }
    assert found["settings"]["fetch.proxy"]["place"] == "NEWS_PROXY"
    assert (found["files"], found["counts"]["topics"]) == ({}, 1)
    files = json.loads(dumped(directory, "--json", "--all"))["files"]
    assert files["links.yaml"] == {"tracking": ["ref"]}
    topic = files["topics.yaml"]["topics"]["t"]
    assert (topic["title"], topic["max_per_hour"], topic["private"], topic["max_age"]) == ("true", 5, True, "7d")
    assert (topic["variants"], topic["any"][1]) == ({"min_score": [50]}, {"length": {"min": 5}})
    assert files["sources.yaml"]["sources"][2]["labels"] == ["a", "012"]
    assert "max_per_hour: 5\n" in dumped(directory, "--all")


def test_a_reference_to_a_secret_is_none() -> None:
    said = {"auth": {"token": {"credential": "wire"}}, "headers": {"A": {"env": "B", "more": "x"}}}
    assert without_secrets(said) == {
        "auth": {"token": {"credential": "wire"}},
        "headers": {"A": {"env": "***", "more": "***"}},
    }
    assert without_secrets("https://a.example/x?page=2#a@b") == "https://a.example/x?page=2#a@b"


@pytest.mark.parametrize("name", ["sig", "session", "sid", "pwd", "credentials", "pass", "jwt", "access", "api_key"])
def test_one_list_says_what_is_secret_in_an_address(name: str) -> None:
    said = [f"https://a.example/feed?n=1&{name}=it's \"s3cret", f"https://a.example/private/{'s3cret' * 7}/t.atom"]
    assert "s3cret" not in str(without_secrets(said))
    assert "s3cret" not in place(f"https://a.example/feeds/private/{'s3cret' * 7}/t.atom?{name}=s3cret")


@pytest.mark.parametrize(
    ("kind", "text", "written"),
    [
        (units.Pause, "0s", "0s"),
        (units.Pause, "90m", "90m"),
        (units.Pause, "48h", "2d"),
        (units.Size, "0B", "0B"),
        (units.Size, "1536KiB", "1536KiB"),
        (units.Size, "2000MB", "2GB"),
        (units.Size, "999999999GB", "999999999GB"),
    ],
)
def test_a_value_is_written_as_a_person_writes_it(kind: object, text: str, written: str) -> None:
    adapter: TypeAdapter[timedelta | int] = TypeAdapter(kind)
    value = adapter.validate_python(text)
    assert adapter.dump_python(value, mode="json") == written
    assert adapter.validate_python(written) == value


def test_the_schema_of_a_file_can_be_had() -> None:
    ran = CliRunner().invoke(main, ["config", "schema", "topics"])
    assert json.loads(ran.stdout) == config.schemas()["topics.schema.json"]
    assert CliRunner().invoke(main, ["config", "schema"]).stdout.splitlines()[:2] == ["aggregator", "sources"]
    wrong = CliRunner().invoke(main, ["config", "schema", "topic"])
    assert (wrong.exit_code, "did you mean 'topics'?" in wrong.output) == (2, True)


def test_verbose_is_no_setting(config_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.logs._is_verbose", False)
    plain, verbose = (
        CliRunner().invoke(main, [*more, "--config", str(config_directory), "config", "dump"]).stdout
        for more in ([], ["-v"])
    )
    assert "level: info" in plain
    assert plain == verbose
