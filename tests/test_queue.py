"""A folder is as good as a mail queue: killed at any moment, on a full disk, it loses no file and takes none twice.

The judge here knows nothing of the program but what its manual promises: it looks at the folders and at the database.
"""

import hashlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from aggregator import config, runtime
from aggregator.models import Visit
from tests.test_daemon import daemon

ROOT = Path(__file__).parent.parent
KILLS = 2000 if os.environ.get("AGGREGATOR_TEST_ALL") else 60
LONG_AGO = 1_790_000_000


class Inbox:
    """A folder that is read, what was ever dropped there, and a judge of what became of it."""

    def __init__(self, directory: Path, chance: random.Random) -> None:
        self.config = directory / "config"
        shutil.copytree(ROOT / "config", self.config)
        shutil.rmtree(self.config / "concepts")
        text = 'sources:\n  - {folder: "{state}/inbox", after: move, create: true}\n'
        (self.config / "sources.yaml").write_text(text)
        (self.config / "topics.yaml").write_text("topics:\n  all: {title: All, any: [{phrase: word}]}\n")
        self.state = directory / "var"
        self.folder = self.state / "inbox"
        self.folder.mkdir(parents=True)
        self._chance = chance
        self._good: list[bytes] = []
        self.dropped: Counter[bytes] = Counter()

    def drop(self, files: int) -> None:
        """Articles, some of them twice, some of no use, some under names that were used before, some with facts."""
        for _ in range(files):
            number = self.dropped.total()
            kind = self._chance.random()
            if kind < 0.1:
                body = b" \n" * (number + 1)
            elif kind < 0.3 and self._good:
                body = self._chance.choice(self._good)
            else:
                body = f"Title {number} word\n\nText of the article {number}, in so many words.\n".encode()
                self._good.append(body)
            name = f"{self._chance.randrange(40):02}-{number}" if kind < 0.8 else f"same-{number % 5}"
            if kind > 0.9 and not (self.folder / f"{name}.yaml").exists():
                self._put(f"{name}.yaml", f"# {number}\ntags: [a]\n".encode())
            self._put(f"{name}.txt", body)

    def _put(self, name: str, body: bytes) -> None:
        if (self.folder / name).exists():
            return
        self.dropped[body] += 1
        (self.folder / ".new").write_bytes(body)
        os.utime(self.folder / ".new", (LONG_AGO, LONG_AGO))
        (self.folder / ".new").rename(self.folder / name)

    def faults(self) -> list[str]:
        """What is not as promised."""
        places = {name: _contents(self.folder / name) for name in (".", "done", "rejected")}
        there: Counter[bytes] = sum((Counter(found.values()) for found in places.values()), Counter())
        faults = [f"lost: {body[:40]!r}" for body in (self.dropped - there).elements()]
        faults += [f"in two places: {body[:40]!r}" for body in (there - self.dropped).elements()]
        for name in places["rejected"]:
            if not (self.folder / "rejected" / f"{name}.reason.txt").read_text().strip():
                faults.append(f"refused without a reason: {name}")
        return faults + self._faults_of_the_database(places["done"])

    def _faults_of_the_database(self, done: dict[str, bytes]) -> list[str]:
        path = self.state / "aggregator.db"
        if not path.exists():
            return ["taken before there is a database"] if done else []
        with closing(sqlite3.connect(path)) as connection:
            faults = [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
            has_table = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'articles'").fetchone()
            texts = connection.execute("SELECT guid, text FROM articles").fetchall() if has_table else []
        stored = {guid: text for guid, text in texts}
        if len(stored) != len(texts):
            faults.append("an article twice")
        known = {_guid(body): body for body in self._good}
        faults += [f"an article of nothing: {guid}" for guid in stored.keys() - known.keys()]
        for guid, text in stored.items():
            if guid in known and known[guid].decode().splitlines()[2] not in text:
                faults.append(f"half an article: {text!r}")
        for name, body in done.items():
            if not name.endswith(".yaml") and _guid(body) not in stored:
                faults.append(f"done but not stored: {name}")
        return faults

    def is_done(self) -> bool:
        """Facts that were left behind by a crash wait for their article, for a minute."""
        return all(name.endswith(".yaml") for name in _contents(self.folder))


def _guid(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()[:32]}"


def _contents(folder: Path) -> dict[str, bytes]:
    if not folder.exists():
        return {}
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".") and not path.name.endswith(".reason.txt")
    }


@contextmanager
def forker(inbox: Inbox, mutant: str = "") -> Iterator[subprocess.Popen[str]]:
    """Makes passes, and kills them."""
    command = [sys.executable, str(ROOT / "tests" / "forker.py"), str(inbox.config), mutant]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with (
        (inbox.state / "said").open("a") as said,
        subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def one_pass(process: subprocess.Popen[str], seconds: float) -> str:
    assert process.stdin and process.stdout
    process.stdin.write(f"{seconds}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def killed(inbox: Inbox, chance: random.Random, kills: int, mutant: str = "") -> tuple[int, list[str]]:
    """Passes killed at random moments until so many were, or something is wrong: how many were, and what is."""
    made, longest = 0, 0.25  # seconds: about as long as a pass takes on this machine
    with forker(inbox, mutant) as process:
        while made < kills:
            if inbox.is_done():
                inbox.drop(chance.randrange(1, 12))
            said = one_pass(process, chance.uniform(0.02, longest))
            made += said == "killed"
            longest *= 1.2 if said == "killed" else 0.7
            faults = inbox.faults()
            if said not in ("killed", "0"):
                faults.append(f"a pass has failed: {said}")
            if faults:
                return made, faults
        assert one_pass(process, 60) == "0"
    return made, inbox.faults()


def test_killed_at_any_moment_nothing_is_lost_and_nothing_taken_twice(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    inbox = Inbox(tmp_path, chance)
    kills, faults = killed(inbox, chance, KILLS)
    print(f"seed {seed}: {kills} kills, {inbox.dropped.total()} files, faults {faults}")
    assert faults == []
    assert inbox.is_done()
    assert inbox.dropped.total() > KILLS / 2


def test_a_mistake_is_noticed(tmp_path: Path) -> None:
    """The judge judges: a program that moves files before it stores them is found out."""
    chance = random.Random(1)
    kills, faults = killed(Inbox(tmp_path, chance), chance, 400, "moves first")
    print(f"found after {kills} kills: {faults}")
    assert any("done but not stored" in fault for fault in faults)


CALLS = ["renameat", "fsync", "fdatasync", "rename", "pwrite64", "write", "unlink", "ftruncate"]
SOME = [("renameat", 1), ("fdatasync", 2)]


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_killed_at_each_call_that_writes_nothing_is_lost_and_nothing_taken_twice(tmp_path: Path) -> None:
    """At the first such call of a thread, the second, and so on until a pass comes through; else at some of them."""
    chance = random.Random(2)
    inbox = Inbox(tmp_path, chance)
    with forker(inbox) as process:
        assert one_pass(process, 60) == "0"
    killed = Counter[str]()
    for call, numbers in points():
        for number in numbers:
            inbox.drop(4)
            code = traced_pass(inbox, call, number)
            assert inbox.faults() == [], (call, number)
            if code == 0:
                break
            assert code == -signal.SIGKILL, (call, number)
            killed[call] += 1
    print(f"killed at {killed.total()} calls: {dict(killed)}")
    assert killed.total() >= len(SOME)
    with forker(inbox) as process:
        assert one_pass(process, 60) == "0"
    assert inbox.faults() == [] and inbox.is_done()


def points() -> Iterator[tuple[str, Iterable[int]]]:
    """Calls, each with which of them are to be the last."""
    if KILLS < 1000:
        yield from ((call, [number]) for call, number in SOME)
    else:
        yield from ((call, count(1)) for call in CALLS)


def traced_pass(inbox: Inbox, call: str, number: int) -> int:
    """A pass of a new process that is killed by the kernel in a system call; its exit code, negative for a signal."""
    traced = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
    traced += ["-e", f"inject={call}:signal=SIGKILL:when={number}"]
    command = [*traced, sys.executable, "-m", "aggregator", "--config", str(inbox.config), "once"]
    return subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, timeout=120
    ).returncode


@contextmanager
def small_disk(place: Path) -> Iterator[Callable[[bool], None]]:
    """A file system of its own at a place, that can be filled, and freed again."""
    place.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True, text=True)
    if mount.returncode:
        pytest.skip(f"no file system can be mounted here: {mount.stderr.strip()}")

    def fill(is_full: bool) -> None:
        ballast = place / ".ballast"
        if not is_full:
            ballast.unlink()
            return
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    try:
        yield fill
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_leaves_files_where_they_are_and_the_daemon_goes_on_when_there_is_room(
    config_directory: Path, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (config_directory / "sources.yaml").write_text(f"sources:\n  - {{folder: {inbox}, after: move}}\n")
    state = tmp_path / "state"
    with small_disk(state) as fill, daemon(config_directory, AGGREGATOR_STATE=str(state)) as running:
        (inbox / "one.txt").write_text("China and Russia, one\n\nChina and Russia talked.")
        running.until(" new=1 ")
        fill(True)
        (inbox / "two.txt").write_text("China and Russia, two\n\nChina and Russia talked again.")
        running.until("disk is full")
        assert _contents(inbox).keys() == {"two.txt"}
        fill(False)
        running.until("(?s)disk is full.* new=1 ")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(60) == 0, running.said
        running.until("stopped")
    assert _contents(inbox) == {}
    assert _contents(inbox / "done").keys() == {"one.txt", "two.txt"}


async def test_no_room_for_a_reason_leaves_the_file_where_it_is(config_directory: Path, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    (config_directory / "sources.yaml").write_text(f"sources:\n  - {{folder: {inbox}, after: move}}\n")
    with small_disk(inbox) as fill:
        for name, text in (("bad.txt", " "), ("good.txt", "China and Russia\n\nChina and Russia talked.")):
            (inbox / name).write_text(text)
            os.utime(inbox / name, (LONG_AGO, LONG_AGO))
        (inbox / "rejected").mkdir()
        fill(True)
        visits = await once(config_directory)
        assert [visit.new for visit in visits] == [1]
        assert "could not be moved" in (visits[0].error or "") and "No space left" in (visits[0].error or "")
        assert _contents(inbox).keys() == {"bad.txt"}
        assert not list((inbox / "rejected").glob("*.txt"))
        fill(False)
        await once(config_directory)
        assert _contents(inbox) == {}
        assert (inbox / "rejected" / "bad.txt.reason.txt").read_text() == "empty\n"


async def test_what_cannot_be_moved_is_an_error_of_the_source(config_directory: Path, tmp_path: Path) -> None:
    inbox, elsewhere = tmp_path / "inbox", tmp_path / "elsewhere"
    (config_directory / "sources.yaml").write_text(f"sources:\n  - {{folder: {inbox}, after: move}}\n")
    inbox.mkdir()
    elsewhere.mkdir()
    (inbox / "done").symlink_to(elsewhere)
    (inbox / "a.txt").write_text("China and Russia\n\nChina and Russia talked.")
    os.utime(inbox / "a.txt", (LONG_AGO, LONG_AGO))
    (visit,) = await once(config_directory)
    assert (visit.outcome, visit.new) == ("failed", 0)
    assert visit.error and visit.error.endswith(
        "files cannot be moved: done is not a folder (a symbolic link): remove it, or use `after: keep`"
    )
    (inbox / "done").unlink()
    with small_disk(inbox / "done"):
        (visit,) = await once(config_directory)
        assert visit.error and visit.error.endswith("done is on another file system: make it a plain folder")
    assert list(elsewhere.iterdir()) == list((inbox / "done").iterdir()) == []
    (visit,) = await once(config_directory)
    assert (visit.new, visit.error) == (1, None)
    assert _contents(inbox / "done").keys() == {"a.txt"}


async def once(directory: Path) -> list[Visit]:
    found = config.load(directory, {})
    visits: list[Visit] = []
    with runtime.opened(found) as database:
        await runtime.once(found, database, lambda visit: visits.append(visit) if visit else None)
    return visits
