"""How much memory does the daemon take with many sources that are not due?

Usage: python benchmarks/memory.py [--sources 10000]

Starts the real daemon on a configuration with so many feeds, lets it register them, puts all of them off by a day, and
reads its resident memory and CPU while nothing happens.
"""

import argparse
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 10


def main(count: int) -> None:
    """Print one line with sources and one without."""
    for sources in (0, count):
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), sources)


def measure(folder: Path, count: int) -> None:
    """Run the daemon twice: once to register its sources, once to look at it."""
    shutil.copytree(ROOT / "config", folder / "config")
    shutil.copytree(ROOT / "seeds", folder / "seeds")
    lines = [f"  - url: http://host{n % 3000}.example/{n}.xml\n    name: Feed {n}\n" for n in range(count)]
    (folder / "config" / "sources.yaml").write_text("sources:\n" + "".join(lines) if lines else "sources: []\n")
    command = [sys.executable, "-m", "aggregator", "--config", str(folder / "config"), "run"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    environment = os.environ | {"AGGREGATOR_LISTEN": listen, "AGGREGATOR_POLL__CONCURRENCY": "1"}
    for last in (False, True):
        with subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as daemon:
            assert daemon.stdout and daemon.stdout.readline()  # it is ready
            if last:
                before = ticks(daemon.pid)
                time.sleep(SECONDS)
                cpu = (ticks(daemon.pid) - before) / os.sysconf("SC_CLK_TCK") / SECONDS
                print(f"{count:6} sources: {resident(daemon.pid) / 1e6:6.1f} MB resident, {cpu:6.1%} CPU while idle")
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(60)
        with sqlite3.connect(folder / "var" / "aggregator.db") as store:
            store.execute("UPDATE sources SET due_at = datetime('now', '+1 day') || '.000000'")


def resident(pid: int) -> int:
    """Bytes in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def ticks(pid: int) -> int:
    """CPU used so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sources", type=int, default=10_000)
    main(parser.parse_args().sources)
