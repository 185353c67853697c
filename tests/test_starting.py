"""The way in: a configuration to start from, the default command, a health check, man pages, completions, the package."""

import json
import re
import runpy
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from aggregator import cli, config, explain, health, starting
from aggregator.errors import ConfigError, StateError
from tests.postgresql_server import free_port

ROOT = Path(__file__).parent.parent
UNITS = ROOT / "systemd"


@pytest.mark.parametrize("state", ["var", "/var/lib/aggregator", "a place: #1"])
def test_what_init_writes_is_good_and_looks_like_what_is_shipped(tmp_path: Path, state: str) -> None:
    new = tmp_path / "news"
    done = CliRunner().invoke(cli.main, ["init", str(new), "--state", state])
    assert done.exit_code == 0
    assert f"aggregator --config {new} run" in done.output
    assert f"written to {new}, as they are in {ROOT / 'config'}\n" in done.output
    loaded = config.load(new, {})
    assert list(explain.failing_examples(loaded)) == []
    assert loaded.state == (new / state).resolve()
    written, shipped = ((folder / "aggregator.yaml").read_text() for folder in (new, ROOT / "config"))
    different = [
        mine for mine, theirs in zip(written.splitlines(), shipped.splitlines(), strict=True) if mine != theirs
    ]
    assert [line.split(":")[0] for line in different] == ["state"]
    assert written.count("#") >= shipped.count("#")
    again = CliRunner().invoke(cli.main, ["init", str(new)])
    assert (again.exit_code, "is there already" in again.stderr) == (1, True)


def test_init_replaces_nothing_at_all(tmp_path: Path) -> None:
    (tmp_path / "topics.yaml").write_text("mine")
    with pytest.raises(StateError, match=r"topics\.yaml is there already"):
        starting.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["topics.yaml"]
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be written"):
        starting.write(tmp_path / "file" / "inside")


def test_without_command_and_option_there_is_help_and_with_an_option_the_daemon(tmp_path: Path) -> None:
    bare = CliRunner().invoke(cli.main, [])
    assert bare.output.startswith("Usage: ")
    ended = CliRunner().invoke(cli.main, ["--config", str(tmp_path / "nowhere")])
    assert (ended.exit_code, "no such directory" in ended.stderr) == (78, True)


def test_help_loads_no_more_than_it_needs() -> None:
    """It takes 0.1 s: what takes long to load is loaded by the command that needs it."""
    heavy = {"aiohttp", "sqlalchemy", "pydantic", "lxml", "feedparser", "rich", "yaml", "trafilatura", "jinja2", "ssl"}
    code = (
        "import sys; from aggregator.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


class Health(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/news/healthz" else 404)
        self.end_headers()
        self.wfile.write(b"ok\n" if self.status == 200 else b"visits: nothing\nfor 300 s")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/news/"
        server.shutdown()


def test_health_is_asked_for(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    well = CliRunner().invoke(cli.main, ["healthcheck", "--url", address])
    assert (well.exit_code, well.output) == (0, "ok\n")
    monkeypatch.setattr(Health, "status", 503)
    ill = CliRunner().invoke(cli.main, ["healthcheck", "--url", address])
    assert (ill.exit_code, ill.stderr) == (1, f"aggregator: {address} says 503: visits: nothing for 300 s\n")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/", "http://", "nonsense", "ftp://127.0.0.1:1/", "http://[::1/", "http://a:99999/"]
)
def test_nobody_to_ask_is_exit_code_1(url: str) -> None:
    ended = CliRunner().invoke(cli.main, ["healthcheck", "--timeout", "1", "--url", url.format(port=free_port())])
    assert (ended.exit_code, ended.stderr.count("\n")) == (1, 1)


def test_only_http_is_asked(address: str) -> None:
    ended = CliRunner().invoke(cli.main, ["healthcheck", "--url", address.replace("http:", "ftp:")])
    assert (ended.exit_code, "begins with http:// or https://" in ended.stderr) == (1, True)


@pytest.mark.parametrize(("listen", "url"), [("0.0.0.0:81", "http://127.0.0.1:81/"), ("[::]:81", "http://[::1]:81/")])
def test_asked_where_it_listens(listen: str, url: str, config_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (config_directory / "topics.yaml").write_text("broken")  # that is not what is asked
    monkeypatch.setenv("AGGREGATOR_LISTEN", listen)
    assert health.own_url(config_directory) == url
    monkeypatch.setenv("AGGREGATOR_HEALTH_LISTEN", "0.0.0.0:82")
    assert health.own_url(config_directory) == "http://127.0.0.1:82/"


def test_credentials_may_lie_beside_the_configuration(config_directory: Path) -> None:
    text = "sources:\n  - {url: 'https://example.org/f', auth: {token: {credential: token}}}\n"
    (config_directory / "sources.yaml").write_text(text)
    with pytest.raises(ConfigError, match="put a file 'token' into credentials/"):
        config.load(config_directory, {})
    folder = config_directory / "credentials"
    folder.mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(config_directory, {})
    (folder / "token").write_text("abc\n")
    handed = config_directory / "handed over"
    handed.mkdir()
    (handed / "aggregator_token").write_text("def\n")  # as systemd names the files of a folder
    for environment, secret in (({}, "abc"), ({"CREDENTIALS_DIRECTORY": str(handed)}, "def")):
        (source,) = config.load(config_directory, environment).sources.values()
        assert source.access.headers["Authorization"] == f"Bearer {secret}"  # type: ignore[attr-defined]


MADE = runpy.run_path(str(ROOT / "tools" / "make_man.py"))["files"]()


@pytest.mark.parametrize("name", sorted(MADE))
def test_man_pages_and_completions_are_current(name: str) -> None:
    assert (ROOT / name).read_text() == MADE[name], "run: PYTHONPATH=. python tools/make_man.py"


def test_man_pages_name_all_there_is() -> None:
    page = MADE["man/aggregator.1"].replace("\\-", "-")
    for name, command in [*cli.main.commands.items(), *cli.db.commands.items()]:
        assert re.search(rf"^\.SS (\w+ )?{name}\b", page, re.MULTILINE) or hasattr(command, "commands"), name
    settings = MADE["man/aggregator.yaml.5"]
    for variable in config.settings.variables():
        assert variable in settings.replace("\n", " "), variable


@pytest.mark.parametrize("name", ["man/aggregator.1", "man/aggregator.yaml.5"])
@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is missing: apt-get install mandoc")
def test_man_pages_are_good_roff(name: str) -> None:
    said = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", ROOT / name], capture_output=True, text=True).stdout
    assert [line for line in said.splitlines() if "missing date" not in line] == []


@pytest.mark.parametrize(
    ("shell", "file"), [("bash", "aggregator.bash"), ("zsh", "_aggregator"), ("fish", "aggregator.fish")]
)
def test_completions_are_good_shell(shell: str, file: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is missing: apt-get install {shell}")
    subprocess.run([shell, "-n", ROOT / "completion" / file], check=True)


def test_bash_completes_commands(tmp_path: Path) -> None:
    program = tmp_path / "aggregator"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m aggregator "$@"\n')
    program.chmod(0o755)
    script = (
        f"PATH={tmp_path}:$PATH; source {ROOT}/completion/aggregator.bash; COMP_WORDS=(aggregator db re); COMP_CWORD=2;"
        " _aggregator_completion aggregator; printf '%s\\n' ${COMPREPLY[@]}"
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "restore\n"


def settings_of(unit: str) -> list[str]:
    section = (UNITS / unit).read_text().partition("[Service]\n")[2].partition("\n[")[0]
    return [line for line in section.partition("# A user of its own")[2].splitlines() if line and line[0] != "#"]


def test_both_services_are_confined_alike() -> None:
    assert settings_of("aggregator.service") == settings_of("aggregator-once.service")
    assert len(settings_of("aggregator.service")) > 40
    workers = set(settings_of("aggregator-worker@.service"))
    theirs = {
        one for one in settings_of("aggregator.service") if "aggregator" not in one.replace("/etc/aggregator", "")
    }
    assert theirs <= workers


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing: apt-get install systemd"
)
@pytest.mark.parametrize("unit", sorted(path.name for path in UNITS.iterdir()))
def test_units_are_verified_and_little_exposed(unit: str, tmp_path: Path) -> None:
    for path in UNITS.iterdir():
        text = path.read_text().replace("/usr/lib/aggregator/bin/aggregator", "/bin/true")
        (tmp_path / path.name).write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit)]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    assert (done.returncode, [line for line in done.stderr.splitlines() if str(tmp_path) in line]) == (0, [])
    if unit.endswith(".service"):
        command = ["systemd-analyze", "security", "--offline=yes", "--threshold=12", "--no-pager", str(UNITS / unit)]
        assert subprocess.run(command, capture_output=True).returncode == 0  # an exposure of 1.2 at most


def test_wheel_is_told_to_take_everything_along() -> None:
    """What lies beside the package, and the program or its service needs. The boot test uses it from there."""
    text = (ROOT / "pyproject.toml").read_text()
    for folder in ("config", "seeds", "systemd", *MADE):
        assert f'"{folder}" = ' in text
    json.loads((ROOT / "config" / "schema" / "aggregator.schema.json").read_text())
