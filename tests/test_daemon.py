"""The program as a person or systemd starts it: real processes, signals, sockets."""

import json
import os
import queue
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode
from urllib.request import urlopen

import pytest

from aggregator import commands
from tests.postgresql_server import free_port

ROOT = Path(__file__).parent.parent
WITHIN = 60.0  # seconds: far more than anything here takes, also on a machine with much else to do


def aggregator(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "aggregator", "--config", str(directory), *arguments]
    return subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=2 * WITHIN,
    )


class Running:
    """A daemon and what it said so far."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.base = f"http://127.0.0.1:{port}/"
        self.said = ""

    def until(self, pattern: str) -> None:
        """Read its output until a pattern stands in it."""
        end = time.monotonic() + WITHIN
        assert self.process.stdout
        while not re.search(pattern, self.said):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            line = os.read(self.process.stdout.fileno(), 65536).decode() if ready else ""
            assert line, f"never said {pattern!r}; it said:\n{self.said}"
            self.said += line

    def until_published(self, words: str, path: str) -> None:
        """Ask for a feed until words stand in it: changed rules are applied in the background."""
        deadline = time.monotonic() + WITHIN
        while True:
            with suppress(HTTPError):  # 503: not published yet
                if words in self.get(path):
                    return
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def get(self, path: str) -> str:
        with urlopen(self.base + path, timeout=WITHIN) as response:
            return str(response.read().decode())


@contextmanager
def daemon(directory: Path, **environment: str) -> Iterator[Running]:
    """A running daemon, ended by its pid if the test did not end it."""
    port = free_port()
    address = {"AGGREGATOR_LISTEN": f"127.0.0.1:{port}"}
    with subprocess.Popen(
        [sys.executable, "-m", "aggregator", "--config", str(directory), "run"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | address | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield Running(process, port)
        finally:
            if process.poll() is None:
                process.kill()


def test_dropped_file_is_news_within_seconds_and_ctrl_c_ends_cleanly(config_directory: Path) -> None:
    path = config_directory / "aggregator.yaml"
    assert not re.search("^base_url", path.read_text(), re.MULTILINE)  # so that it follows from `listen`
    with daemon(config_directory) as running:
        running.until(r"id=folder:seeds new=16 ")
        running.until(r"published")
        assert f"{running.base}feeds/china-russia.atom" in running.said
        inbox = config_directory.parent / "var" / "inbox"
        (inbox / "new.txt").write_text("Russia and China sign\n\nChina and Russia signed. China did. Russia did.\n")
        running.until(r"id=folder:inbox new=1 ")
        running.until_published("Russia and China sign", "feeds/china-russia.atom")
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(WITHIN) == 0


def test_a_kept_folder_may_come_later_and_a_correction_in_place_is_news_at_once(config_directory: Path) -> None:
    (config_directory / "sources.yaml").write_text("sources:\n  - folder: ../later\n")
    folder = config_directory.parent / "later"
    with daemon(config_directory) as running:
        running.until("No such file")
        folder.mkdir()
        (folder / "a.txt").write_text("China and Russia\n\nChina and Russia talked.\n")
        running.until("later: watched by the kernel")
        running.until("id=folder:later new=1 ")
        before = folder.stat().st_mtime_ns
        with (folder / "a.txt").open("a") as file:
            file.write("\nThey will talk again next week.\n")
        assert folder.stat().st_mtime_ns == before
        running.until("id=folder:later new=0 changed=1")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(WITHIN) == 0


def test_a_bar_counts_files_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for is_terminal in (False, True):
        monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)  # noqa: B023
        monkeypatch.setenv("FORCE_COLOR" if is_terminal else "NO_COLOR", "1")
        visits: list[object] = []
        with commands.progress(2, visits.append) as (done, taken):
            for left in (70, 20, 0):
                taken(50, left)
                done(left)
        assert visits == [70, 20, 0]
        assert ("reading files" in capsys.readouterr().err) == is_terminal


class Publisher(BaseHTTPRequestHandler):
    """A feed and its hub."""

    asked: ClassVar[queue.Queue[dict[str, list[str]]]] = queue.Queue()

    def do_GET(self) -> None:
        own = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Link", f"<{own}/hub>; rel=hub, <{own}/feed>; rel=self")
        self.end_headers()
        self.wfile.write(b"<rss version='2.0'><channel><title>W</title><item><title>One</title></item></channel></rss>")

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(202)
        self.end_headers()
        self.asked.put(form)

    def log_message(self, *_: object) -> None:
        pass


def test_running_daemon_asks_hubs_and_hears_them(config_directory: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Publisher) as site:
        threading.Thread(target=site.serve_forever).start()
        (config_directory / "sources.yaml").write_text(
            f"sources:\n  - {{url: http://127.0.0.1:{site.server_port}/feed, allow: [127.0.0.1]}}\n"
        )
        outside = {"AGGREGATOR_BASE_URL": "https://news.example.org/", "AGGREGATOR_FETCH__ALLOW": "127.0.0.1"}
        assert "1 new article;" in aggregator(config_directory, "once", **outside).stdout
        with daemon(config_directory, **outside) as running:
            form = Publisher.asked.get(timeout=WITHIN)
            assert form["hub.mode"] == ["subscribe"]
            path = form["hub.callback"][0].removeprefix("https://news.example.org/")
            question = {"hub.mode": "subscribe", "hub.topic": form["hub.topic"][0], "hub.challenge": "echo"}
            assert running.get(f"{path}?{urlencode(question)}") == "echo"
            with urlopen(running.base + path, data=b"ping", timeout=WITHIN) as answer:
                assert answer.status == 204
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(WITHIN) == 0
        site.shutdown()


def test_second_daemon_on_one_state_directory_is_refused(config_directory: Path) -> None:
    with daemon(config_directory) as running:
        running.until("watching")
        second = aggregator(config_directory, "once")
        assert second.returncode == 1
        assert "another aggregator is running" in second.stderr
        assert second.stderr.count("\n") == 1


def test_reload_takes_a_good_configuration_and_refuses_a_bad_one(config_directory: Path) -> None:
    path = config_directory / "topics.yaml"
    with daemon(config_directory) as running:
        running.until("id=folder:seeds new=16 ")
        path.write_text("topics:\n  sport: {title: Sport, any: [{phrase: marathon}]}\n")
        running.process.send_signal(signal.SIGHUP)
        running.until("configuration reloaded")
        running.until("(?s)reloaded.*published")
        assert "restart" not in running.said
        running.until_published("Lisbon", "feeds/sport.atom")
        path.write_text("topics:\n  sport: {titel: Sport}\n")
        running.process.send_signal(signal.SIGHUP)
        running.until(r"refused(?s:.*)topics.yaml:2:11: unknown key 'titel' \(did you mean 'title'\?\)")
        assert "Sport" in running.get("")
        assert running.get("healthz") == "ok\n"
        assert re.match("degraded\nconfiguration refused at .*topics.yaml:2:", running.get("readyz"))
        assert 'aggregator_visits_total{outcome="news"} 1.0' in running.get("metrics")
        path.write_text("topics:\n  sport: {title: Sport, any: [{phrase: marathon}]}\n")
        settings = config_directory / "aggregator.yaml"
        text = (
            settings.read_text().replace("full_parse: false", "full_parse: true").replace("compare: 1000", "compare: 9")
        )
        settings.write_text(text.replace("cpu: 10s", "cpu: 9s"))
        running.process.send_signal(signal.SIGHUP)
        running.until(r"restart to let the new parse\.cpu take effect")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(WITHIN) == 0


def test_a_configuration_is_taken_over_when_it_has_been_saved(config_directory: Path) -> None:
    topics = config_directory / "topics.yaml"
    with daemon(config_directory) as running:
        running.until("watching")
        topics.write_text("topics:\n  sport: {titel: Sport, any: [{phrase: marathon}]}\n")
        running.until(r"changed: .*topics.yaml(?s:.*)refused(?s:.*)topics.yaml:2:11: unknown key 'titel'")
        topics.unlink()
        topics.write_text("topics:\n  sport: {title: Sport, any: [{phrase: marathon}]}\n")
        running.until("configuration reloaded: 2 sources, 1 topics")
        assert running.said.count("topics.yaml:2:11: ") == 1
        settings = config_directory / "aggregator.yaml"
        settings.write_text(settings.read_text().replace("reload: watch ", "reload: signal "))
        running.until("(?s)reloaded.*reloaded")
        before = running.said.count("changed:")
        topics.write_text("topics: nothing")
        running.process.send_signal(signal.SIGHUP)
        running.until("(?s)refused.*refused")
        assert running.said.count("changed:") == before
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(WITHIN) == 0


@contextmanager
def systemd(name: str) -> Iterator[Callable[[str], str]]:
    """The socket behind NOTIFY_SOCKET. What is given waits for a message in which something stands."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0"))
        listener.settimeout(WITHIN)

        def until(pattern: str) -> str:
            deadline = time.monotonic() + WITHIN
            while not re.search(pattern, message := listener.recv(4096).decode()):
                assert time.monotonic() < deadline, f"never heard {pattern!r}; the last was {message!r}"
            return message

        yield until


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_systemd_is_told_what_goes_on(config_directory: Path, tmp_path: Path, abstract: bool) -> None:
    name = f"@aggregator-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    topics = config_directory / "topics.yaml"
    good = topics.read_text()
    with systemd(name) as until, daemon(config_directory, NOTIFY_SOCKET=name, WATCHDOG_USEC="1500000") as running:
        assert until("READY=1").startswith("READY=1\nSTATUS=2 sources")
        until("^WATCHDOG=1$")
        until(r"^STATUS=2 sources, (next visit|\d visits? under way)")
        for text, heard in (
            ("topics: {a: {}}\n", "^READY=1\nSTATUS=configuration refused"),
            (good, "STATUS=reloaded: 2"),
        ):
            topics.write_text(text)
            running.process.send_signal(signal.SIGHUP)
            assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", until("RELOADING"))
            until(heard)
            if text != good:
                until(r"^STATUS=configuration refused at \d\d:\d\d UTC: .*topics.yaml:1:\d+: .*; 2 sources")
        running.process.send_signal(signal.SIGTERM)
        until("^STOPPING=1$")
        assert running.process.wait(WITHIN) == 0


def test_served_on_the_socket_that_systemd_has_opened(config_directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        command = f"import os; os.dup2({opened.fileno()}, 3); os.environ['LISTEN_PID'] = str(os.getpid())"
        command += "; import runpy; runpy.run_module('aggregator', run_name='__main__', alter_sys=True)"
        port = opened.getsockname()[1]
        with subprocess.Popen(
            [sys.executable, "-c", command, "--config", str(config_directory), "run"],
            env=os.environ | {"PYTHONPATH": str(ROOT), "LISTEN_FDS": "1", "AGGREGATOR_LISTEN": "127.0.0.1:1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=[opened.fileno()],
        ) as process:
            running = Running(process, port)
            try:
                assert "ok" in running.get("healthz")  # it waited in the socket until somebody came for it
                running.until("whatever `listen` says: .*127.0.0.1")
                process.send_signal(signal.SIGTERM)
                assert process.wait(WITHIN) == 0
            finally:
                if process.poll() is None:
                    process.kill()
        with socket.create_connection(("127.0.0.1", port), timeout=WITHIN):
            pass  # between two daemons nobody answers, and nobody is refused


def test_killed_daemon_goes_on_where_it_was(config_directory: Path) -> None:
    with daemon(config_directory) as running:
        running.until("id=folder:seeds new=16 ")
        running.process.kill()
        running.process.wait(WITHIN)
    with daemon(config_directory) as running:
        running.until("watching")
        assert "China–Russia" in running.get("")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(WITHIN) == 0
    assert json.loads(aggregator(config_directory, "status", "--json").stdout)["articles"] == 16


@pytest.mark.parametrize("setting", ["listen", "health_listen"])
def test_port_that_is_taken_is_one_line(setting: str, config_directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        given = {"AGGREGATOR_LISTEN": f"127.0.0.1:{free_port()}", f"AGGREGATOR_{setting.upper()}": address}
        ended = aggregator(config_directory, "run", **given)
    assert ended.returncode == 1
    assert f"cannot listen on {address}" in ended.stderr
    assert f"`{setting}` of aggregator.yaml or in AGGREGATOR_{setting.upper()}" in ended.stderr


def test_once_check_status_and_explain(config_directory: Path) -> None:
    assert "16 new articles; 9 files changed" in aggregator(config_directory, "once").stdout
    assert "0 new articles; 0 files changed" in aggregator(config_directory, "once").stdout
    assert "good; 2 sources" in aggregator(config_directory, "check").stdout
    status = aggregator(config_directory, "status")
    assert "Samples" in status.stdout
    assert status.returncode == 0
    seed = str(config_directory.parent / "seeds" / "solar-grid-storage.txt")
    explained = aggregator(config_directory, "explain", seed)
    assert "china-russia: not in" in explained.stdout
    assert json.loads(aggregator(config_directory, "explain", "--json", seed).stdout)[0]["cuts"][-1]["start"] > 500
    missing = aggregator(config_directory, "explain", "https://nowhere.example/")
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)


def test_bad_configuration_is_78_and_the_line(config_directory: Path) -> None:
    missing = aggregator(config_directory / "nowhere", "check")
    assert (missing.returncode, "no such directory" in missing.stderr) == (78, True)
    path = config_directory / "aggregator.yaml"
    path.write_text(path.read_text() + "liste: x\n")
    number = path.read_text().count("\n")
    bad = aggregator(config_directory, "run")
    assert bad.returncode == 78
    assert bad.stderr == f"{path}:{number}:1: unknown key 'liste' (did you mean 'listen'?)\n"


def test_state_that_cannot_be_written_is_one_line_and_1(config_directory: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for command in ("once", "status"):
        ended = aggregator(config_directory, command, AGGREGATOR_STATE=str(tmp_path / "file" / "state"))
        assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize("command", [["status"], ["explain", "0" * 32]], ids=["status", "explain"])
def test_command_that_only_looks_makes_no_state(config_directory: Path, command: list[str]) -> None:
    ended = aggregator(config_directory, *command)
    state = config_directory.parent / "var"
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert f"no state in {state}" in ended.stderr
    assert "AGGREGATOR_STATE" in ended.stderr
    assert not state.exists()


def test_usage_error_is_2_and_names_the_program() -> None:
    ended = aggregator(ROOT / "config", "explode")
    assert ended.returncode == 2
    assert ended.stderr.startswith("Usage: aggregator ")


def test_stories_are_taken_apart_and_put_together_beside_a_daemon(config_directory: Path) -> None:
    inbox = config_directory.parent / "folder"
    inbox.mkdir()
    (config_directory / "sources.yaml").write_text("sources:\n  - folder: ../folder\n")
    said = " ".join(f"China and Russia agreed on point {number} of the rail plan in Chita." for number in range(20))
    for name in ("one", "two"):
        (inbox / f"{name}.txt").write_text(f"China and Russia agree on a plan\n\n{said} That was said on day {name}.\n")
    with daemon(config_directory) as running:
        running.until("id=folder:folder new=2 ")
        (trace, *_) = json.loads(aggregator(config_directory, "explain", "--json", str(inbox / "two.txt")).stdout)
        (other, *_) = json.loads(aggregator(config_directory, "explain", "--json", str(inbox / "one.txt")).stdout)
        assert "noted" in aggregator(config_directory, "stories", "split", trace["key"]).stdout
        running.until("split off")
        assert json.loads(aggregator(config_directory, "status", "--json").stdout)["stories"] == 2
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(WITHIN) == 0
    again = aggregator(config_directory, "stories", "split", trace["key"])
    assert (again.returncode, "only copy of its story already" in again.stderr) == (1, True)
    page = f"http://127.0.0.1:8080/articles/{trace['key']}"
    assert "done" in aggregator(config_directory, "stories", "merge", page, other["key"]).stdout
    assert json.loads(aggregator(config_directory, "status", "--json").stdout)["stories"] == 1
    (shown, *_) = json.loads(aggregator(config_directory, "explain", "--json", trace["key"]).stdout)
    assert {copy["rule"] for copy in shown["story"]} == {"first", "person"}
    unknown = aggregator(config_directory, "stories", "lead", "0" * 32)
    assert (unknown.returncode, "no article has this key" in unknown.stderr) == (1, True)
