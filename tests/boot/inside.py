"""Runs inside a booted Debian, as a unit of its systemd: installs the package, and lives through what services live
through. Writes a line for each check to /result/out: `name<TAB>ok`, or what was wrong.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

BASE = "http://127.0.0.1:8080/"
STATE = Path("/var/lib/private/aggregator")
CONFIG = Path("/etc/aggregator")
DROP_IN = Path("/etc/systemd/system/aggregator.service.d/test.conf")
PATIENCE = 180.0  # seconds: far more than anything takes, also on a machine with much else to do

CHECKS: list[Callable[[], None]] = []


def check(function: Callable[[], None]) -> Callable[[], None]:
    CHECKS.append(function)
    return function


def run(*command: str, ok: bool = True) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200)
    assert not ok or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{journal()[-3000:]}"
    assert ok or done.returncode != 0, f"{command} should have failed\n{done.stdout}"
    return done.stdout


def same(found: object, wanted: object) -> None:
    assert found == wanted, f"{found!r}, and not {wanted!r}\n{journal()[-3000:]}"


def of_unit(name: str, unit: str = "aggregator.service") -> str:
    return run("systemctl", "show", "-p", name, "--value", unit).strip()


def process() -> int:
    return int(of_unit("MainPID"))


def get(path: str) -> str:
    with urlopen(BASE + path, timeout=PATIENCE) as response:
        return str(response.read().decode())


def journal() -> str:
    command = ["journalctl", "-u", "aggregator.service", "--no-pager", "-o", "cat"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout


@contextmanager
def changed(name: str, change: Callable[[str], str]) -> Iterator[None]:
    """A file of the configuration with another text, until the end."""
    before = (CONFIG / name).read_text()
    assert change(before) != before
    (CONFIG / name).write_text(change(before))
    try:
        yield
    finally:
        (CONFIG / name).write_text(before)


def until(true: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if true():
                return
        except (OSError, HTTPException, ValueError):
            pass
        assert time.monotonic() < end, f"never: {what}\n{journal()[-3000:]}"
        time.sleep(0.1)


def articles() -> int:
    return int(json.loads(run("aggregator", "status", "--json"))["articles"])


@check
def installed_and_started() -> None:
    DROP_IN.parent.mkdir(parents=True)
    DROP_IN.write_text("[Unit]\nStartLimitIntervalSec=0\n[Service]\nWatchdogSec=9\nRestartSec=1\n")
    run("dpkg", "-i", sys.argv[1])
    same((of_unit("ActiveState"), of_unit("SubState")), ("active", "running"))
    same(of_unit("UnitFileState"), "enabled")


@check
def status_says_what_is_done() -> None:
    until(lambda: re.match(r"2 sources, (next visit|\d visit)", of_unit("StatusText")), "STATUS")


@check
def serves() -> None:
    same(run("aggregator", "healthcheck"), "ok\n")
    until(lambda: get("feeds/china-russia.atom").count("<entry") >= 2, "samples in the feed")


@check
def user_of_its_own_and_state_closed() -> None:
    facts = STATE.stat()
    assert facts.st_uid >= 61184, facts.st_uid
    same(facts.st_mode & 0o777, 0o700)
    same(Path(f"/proc/{process()}").stat().st_uid, facts.st_uid)


@check
def confined() -> None:
    status = Path(f"/proc/{process()}/status").read_text()
    for line in ("Seccomp:\t2", "NoNewPrivs:\t1", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"):
        assert line in status, f"no {line!r} in\n{status}"
    for path in ("/usr/x", "/etc/aggregator/x", "/srv/x"):
        assert "Read-only" in run("nsenter", "-t", str(process()), "-m", "touch", path, ok=False)


@check
def exposure() -> None:
    said = run("systemd-analyze", "security", "--no-pager", "--threshold=12", "aggregator.service")
    assert re.search(r"Overall exposure level .*: 1\.[0-2] ", said), said


@check
def reader_processes_work_and_are_bounded() -> None:
    page = "".join(
        f"<p>China and Russia agreed on point {number} of the rail plan in Chita.</p>" for number in range(30)
    )
    (STATE / "inbox" / "page.html").write_text(
        f"<!DOCTYPE html><html><head><title>China and Russia plan rails</title></head><body><article>{page}</article>"
    )
    run("chown", "--reference", str(STATE), str(STATE / "inbox" / "page.html"))
    until(lambda: "plan rails" in get("feeds/china-russia.atom"), "the page in the feed")
    children = Path(f"/proc/{process()}/task/{process()}/children").read_text().split() or [
        pid for task in Path(f"/proc/{process()}/task").iterdir() for pid in (task / "children").read_text().split()
    ]
    readers = [pid for pid in children if b"reader_process" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert readers
    limits = Path(f"/proc/{readers[0]}/limits").read_text()
    assert re.search(r"Max address space +512000000 +512000000", limits), limits
    assert Path(f"/proc/{readers[0]}/stat").read_text().split()[18] == "5"  # nice
    assert "CapEff:\t0000000000000000" in Path(f"/proc/{readers[0]}/status").read_text()


@check
def credentials_of_the_folder_are_handed_over() -> None:
    secret = CONFIG / "credentials" / "example-token"
    secret.write_text("abc\n")
    secret.chmod(0o600)
    sources = CONFIG / "sources.yaml"
    sources.write_text(
        sources.read_text() + "  - {url: 'https://example.org/f.xml', auth: {token: {credential: example-token}}}\n"
    )
    run("systemctl", "restart", "aggregator.service")
    until(lambda: re.match("3 sources", of_unit("StatusText")), "three sources")
    assert "good; 3 sources" in run("aggregator", "check")  # for root, without systemd


@check
def colleagues_drop_files_as_the_manual_says() -> None:
    run("groupadd", "--system", "news-desk")
    run("install", "-d", "-m", "2775", "-g", "news-desk", "/srv/news")
    extra = DROP_IN.with_name("inbox.conf")
    extra.write_text("[Service]\nSupplementaryGroups=news-desk\nReadWritePaths=/srv/news\n")
    text = "China and Russia sign a treaty on cranes\n\nChina and Russia signed. China did. Russia did.\n"
    with changed("sources.yaml", lambda before: before + "  - {folder: /srv/news, after: move}\n"):
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", "aggregator.service")
        file = Path("/srv/news/cranes.txt")
        file.write_text(text)
        run("chown", "daemon:news-desk", str(file))
        file.chmod(0o640)
        until(lambda: "treaty on cranes" in get("feeds/china-russia.atom"), "the file in the feed")
        until(lambda: Path("/srv/news/done/cranes.txt").exists(), "the file in done/")
    extra.unlink()
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "aggregator.service")


@check
def good_reload() -> None:
    pid, topics = process(), CONFIG / "topics.yaml"
    topics.write_text(topics.read_text().replace("title: Energy\n", "title: Power and light\n"))
    run("systemctl", "reload", "aggregator.service")
    until(lambda: "Power and light" in get(""), "the new title")
    same(process(), pid)


@check
def bad_reload_fails_with_the_reason_and_changes_nothing() -> None:
    pid = process()
    with changed("topics.yaml", lambda text: text.replace("title: Power and light", "titel: Power")):
        run("systemctl", "reload", "aggregator.service", ok=False)
        assert re.search(r"topics\.yaml:\d+:\d+: unknown key 'titel' \(did you mean 'title'\?\)", journal()), journal()
        same(of_unit("ActiveState"), "active")
        os.kill(pid, signal.SIGHUP)  # who does not ask beforehand
        until(lambda: "configuration refused" in of_unit("StatusText"), "the refusal in STATUS")
        same(process(), pid)
        assert "Power and light" in get("")
    run("systemctl", "reload", "aggregator.service")
    until(lambda: re.match("3 sources", of_unit("StatusText")), "no refusal any more")


@check
def database_is_backed_up_and_examined_while_it_runs() -> None:
    run("aggregator", "db", "backup", "/root/news.db")
    assert "sound" in run("aggregator", "db", "check")
    facts = {path.name: path.stat().st_uid for path in STATE.iterdir()}
    assert set(facts.values()) == {STATE.stat().st_uid}, facts


@check
def killed_and_back() -> None:
    pid, before = process(), articles()
    os.kill(pid, signal.SIGKILL)
    until(lambda: process() not in (0, pid) and of_unit("ActiveState") == "active", "another process")
    until(lambda: get("healthz") == "ok\n", "answers")
    same((of_unit("NRestarts"), articles()), ("1", before))


@check
def ended_by_the_watchdog_when_it_stands_still() -> None:
    pid = process()
    time.sleep(10)  # longer than the watchdog waits: it is fed
    same(process(), pid)
    os.kill(pid, signal.SIGSTOP)
    until(lambda: of_unit("NRestarts") == "2" and of_unit("ActiveState") == "active", "a restart")
    assert "Watchdog timeout" in journal()


@check
def restored_with_the_right_owner() -> None:
    assert "another aggregator is running" in run("aggregator", "db", "restore", "/root/news.db", ok=False)
    before = articles()
    run("systemctl", "stop", "aggregator.service")
    run("aggregator", "db", "restore", "/root/news.db")
    run("systemctl", "start", "aggregator.service")
    same(articles(), before)
    same((STATE / "aggregator.db").stat().st_uid, STATE.stat().st_uid)


@check
def stopped_cleanly() -> None:
    run("systemctl", "stop", "aggregator.service")
    same(of_unit("Result"), "success")
    assert "Traceback" not in journal(), journal()


@check
def socket_starts_it_and_nobody_is_refused_while_it_restarts() -> None:
    run("systemctl", "start", "aggregator.socket")
    same(of_unit("ActiveState"), "inactive")
    same(get("healthz"), "ok\n")
    same(of_unit("ActiveState"), "active")
    refused: list[str] = []
    answered = 0
    over = threading.Event()

    def read() -> None:
        nonlocal answered
        while not over.is_set():
            try:
                get("healthz")
                answered += 1
            except (OSError, HTTPException) as error:
                refused.append(repr(error))
            time.sleep(0.02)

    reader = threading.Thread(target=read)
    reader.start()
    pids = set()
    for _ in range(3):
        run("systemctl", "restart", "aggregator.service")
        pids.add(process())
        time.sleep(0.5)
    over.set()
    reader.join()
    same((len(pids), refused), (3, []))
    assert answered > 10
    run("systemctl", "stop", "aggregator.socket", "aggregator.service")


@check
def once_works_on_the_same_state() -> None:
    before = articles()
    owner = STATE.stat().st_uid
    run("systemctl", "start", "aggregator-once.service")
    same((of_unit("Result", "aggregator-once.service"), articles()), ("success", before))
    same(STATE.stat().st_uid, owner)
    run("systemctl", "start", "aggregator-once.timer")
    same(of_unit("ActiveState", "aggregator-once.timer"), "active")
    run("systemctl", "stop", "aggregator-once.timer")
    run("systemctl", "start", "aggregator.service")


@check
def other_web_servers_read_what_is_published_as_the_manual_says() -> None:
    run("systemctl", "stop", "aggregator.service")
    run("useradd", "--system", "--user-group", "aggregator")
    extra = DROP_IN.with_name("public.conf")
    extra.write_text("[Service]\nDynamicUser=no\nStateDirectoryMode=0755\nUMask=0022\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "aggregator.service")
    published = "/var/lib/aggregator/public/feeds/energy.atom"
    run("chmod", "-R", "go+rX", "/var/lib/aggregator/public")
    assert "<entry" in run("setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", "cat", published)
    run("systemctl", "stop", "aggregator.service")
    extra.unlink()
    run("systemctl", "daemon-reload")
    run("userdel", "aggregator")
    run("systemctl", "start", "aggregator.service")
    same(STATE.stat().st_uid >= 61184, True)


@check
def upgraded_with_its_data_and_settings() -> None:
    run("systemctl", "stop", "aggregator.service")
    run("systemctl", "start", "aggregator.socket", "aggregator.service")
    before, pid = articles(), process()
    run("dpkg", "-i", "--force-confold", sys.argv[2])
    same([of_unit("ActiveState", f"aggregator.{kind}") for kind in ("service", "socket")], ["active", "active"])
    assert process() != pid
    same(articles(), before)
    assert "Power and light" in get("")
    run("systemctl", "stop", "aggregator.socket")


@check
def stopped_service_stays_stopped_when_upgraded() -> None:
    run("systemctl", "disable", "--now", "aggregator.service")
    run("dpkg", "-i", "--force-confold", sys.argv[2])
    same((of_unit("ActiveState"), of_unit("UnitFileState")), ("inactive", "disabled"))


@check
def bad_configuration_is_no_restart() -> None:
    with changed("aggregator.yaml", lambda text: text + "liste: x\n"):
        run("systemctl", "start", "aggregator.service", ok=False)
        same(of_unit("ExecMainStatus"), "78")
        time.sleep(2)
        same(of_unit("NRestarts"), "0")


@check
def removed_and_purged() -> None:
    run("dpkg", "-r", "aggregator")
    assert (STATE / "aggregator.db").exists()
    assert not Path("/usr/lib/aggregator").exists()
    run("dpkg", "-P", "aggregator")
    left = [path for path in (STATE, Path("/var/lib/aggregator"), CONFIG) if path.exists() or path.is_symlink()]
    same(left, [])
    assert "aggregator" not in run("systemctl", "list-unit-files", "--no-pager").replace("test.conf", "")


def main() -> None:
    with Path("/result/out").open("w", buffering=1) as out:
        for function in CHECKS:
            began = time.monotonic()
            try:
                function()
                said = "ok"
            except Exception:
                said = json.dumps(traceback.format_exc())
            out.write(f"{function.__name__}\t{said}\t{time.monotonic() - began:.1f} s\n")


main()
