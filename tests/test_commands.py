"""What all commands have in common: help with an example, exit codes, output for machines, quiet ends."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from aggregator.cli import main
from aggregator.plurals import counted

ROOT = Path(__file__).parent.parent
SERVICE = (ROOT / "docs" / "service.md").read_text()
ARGUMENTS = {
    "config schema": ["topic"],
    "db backup": ["b.db"],
    "db copy": ["--to", "postgresql+psycopg://nobody@127.0.0.1/none"],
    "db restore": ["b.db"],
    "discover": ["example.org"],
    "explain": ["nothing"],
    "import": ["nothing.opml"],
    "init": ["new"],
    "stories lead": ["https://example.org/nothing"],
    "stories merge": ["0" * 32, "1" * 32],
    "stories split": ["https://example.org/nothing"],
    "token add": ["nothing", "--for", "desk"],
    "token revoke": ["nothing"],
    "topics diff": ["new.yaml"],
    "topics new": ["night-trains", "--like", "empty.txt"],
}
WITHOUT_CONFIGURATION = {"init", "config schema"}
# What fails though the configuration is good: nothing is stored, nothing runs, nothing is found.
FAILS = ["status", "explain", "healthcheck", "import", "stories lead", "stories merge", "stories split", "topics new"]
FAILS += [
    "topics stats",
    "topics diff",
    "token add",
    "token list",
    "token revoke",
    "db backup",
    "db restore",
    "db check",
]


def commands(group: click.Group = main, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


NAMES = [name for name, _ in commands()]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with some files to be named, and a configuration in c/ that is good and has no state."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "aggregator.yaml").write_text("listen: 127.0.0.1:1\n")
    (tmp_path / "c" / "sources.yaml").write_text("")
    for name in ("c/topics.yaml", "new.yaml"):
        (tmp_path / name).write_text("topics:\n  t: {title: T, any: [{phrase: rail}]}\n")
    (tmp_path / "empty.txt").write_text("")
    return tmp_path


def ran(directory: str, name: str, *more: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["--config", directory, *name.split(), *ARGUMENTS.get(name, []), *more])
    assert done.exception is None or isinstance(done.exception, SystemExit), name
    return done.exit_code, done.output


@pytest.mark.parametrize("name", ["", *NAMES, *(name for name in main.commands if name not in NAMES)])
def test_help_shows_an_example_of_this_very_command(name: str) -> None:
    text = CliRunner().invoke(main, [*name.split(), "--help"]).output
    assert re.search(rf"Examples?[^:]*:\s+aggregator (--config \S+ )?{name}", " ".join(text.split())), text


@pytest.mark.parametrize("name", NAMES)
def test_bad_use_is_2(name: str, here: Path) -> None:
    code, said = ran("c", name, "--no-such-option")
    assert (code, "No such option" in said) == (2, True)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_CONFIGURATION])
def test_a_bad_configuration_is_78_and_named(name: str, here: Path) -> None:
    (here / "c" / "aggregator.yaml").write_text("listn: x\n")
    code, said = ran("c", name)
    assert code == 78
    assert "unknown key 'listn'" in said.replace("\\n", "\n")


@pytest.mark.parametrize("broken", ["topics: [", "topics:\n  t: {titel: T}\n"], ids=["no YAML", "a key"])
def test_the_state_of_affairs_is_shown_though_the_configuration_is_broken(broken: str, here: Path) -> None:
    (here / "c" / "aggregator.yaml").write_text("state: var\n")
    assert ran("c", "once")[0] == 0
    (here / "c" / "topics.yaml").write_text(broken)
    done = CliRunner().invoke(main, ["--config", "c", "status", "--json"])
    assert done.exit_code == 1
    assert "topics.yaml:" in done.stderr
    assert json.loads(done.stdout)["state"] == str(here / "c" / "var")
    (here / "c" / "aggregator.yaml").write_text("state: [\n")  # nobody can tell where it is
    assert ran("c", "status")[0] == 78


@pytest.mark.parametrize("name", FAILS)
def test_what_cannot_be_done_is_1_and_one_line(name: str, here: Path) -> None:
    code, said = ran("c", name)
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith("aggregator: ")


def test_the_papers_name_the_commands_with_output_for_machines() -> None:
    with_json = {name for name, command in commands() if any("--json" in param.opts for param in command.params)}
    line = re.search(r"^`--json`.*?\n\n", SERVICE, re.MULTILINE | re.DOTALL)
    assert line
    assert set(re.findall(r"`([a-z]+(?: [a-z]+)?)`", line[0])) == with_json


def process(*arguments: str, stdout: int = subprocess.PIPE, stdin: int | None = None) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "aggregator", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        # Who runs tests in the background may have them ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_a_reader_that_goes_away_is_no_traceback(here: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with process("--config", "c", "config", "dump", stdout=writing) as running:
        os.close(writing)
        _, said = running.communicate(timeout=60)
    assert (running.returncode, said) == (1, "")


def test_ctrl_c_is_130_and_no_traceback(here: Path) -> None:
    reading, writing = os.pipe()  # on which nothing ever comes
    with process("--config", "c", "-v", "explain", "-", stdin=reading) as running:
        os.close(reading)
        until_it_waits(running.pid)
        running.send_signal(signal.SIGINT)
        try:
            _, said = running.communicate(timeout=60)
        finally:
            running.kill()
    os.close(writing)
    assert (running.returncode, said) == (130, "\n")


def test_ctrl_c_while_it_is_being_loaded_is_no_traceback() -> None:
    code = """if True:
        import signal, sys
        class Interrupted:
            def find_spec(self, name, *_):
                if name == "click":
                    signal.raise_signal(signal.SIGINT)
        sys.meta_path.insert(0, Interrupted())
        from aggregator.__main__ import main
        main()
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("command", ["check", "--help"])
def test_an_output_that_takes_nothing_more_is_a_line_and_1(command: str, here: Path) -> None:
    with Path("/dev/full").open("w") as full, process("--config", "c", command, stdout=full.fileno()) as running:
        _, said = running.communicate(timeout=60)
    assert (running.returncode, said) == (1, "aggregator: the output cannot be written: No space left on device\n")


def until_it_waits(pid: int) -> None:
    """For its input: the kernel says in which call it is."""
    call = Path(f"/proc/{pid}/syscall")
    number = {"x86_64": "0", "aarch64": "63"}.get(os.uname().machine, "0")  # read(2)
    while not (call.read_text() + " ").startswith(f"{number} 0x0 "):
        os.sched_yield()


def test_no_colour_and_no_bar_in_a_pipe(here: Path) -> None:
    with process("--config", "c", "once") as running:
        out, said = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "\x1b" not in out + said
    assert out == "0 sources visited, 0 with errors; 0 new articles; 3 files changed\n"


def test_once_for_machines(here: Path) -> None:
    code, said = ran("c", "once", "--json")
    assert code == 0
    assert json.loads(said.splitlines()[-1]) == {"visited": 0, "failed": 0, "new": 0, "files": 3}


def test_one_is_not_many() -> None:
    assert [counted(count, "story", "stories") for count in (0, 1, 1204)] == ["0 stories", "1 story", "1,204 stories"]
    assert counted(2, "file") == "2 files"
