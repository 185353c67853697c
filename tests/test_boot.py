"""The package in a clean Debian, under a real systemd as its first process: tests/boot/inside.py says what happens.

Takes minutes, root, debootstrap and systemd-nspawn; so only `./test --all` runs it.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
INSIDE = Path(__file__).parent / "boot" / "inside.py"
NAMES = re.findall(r"^@check\ndef (\w+)", INSIDE.read_text(), re.MULTILINE)
CACHE = ROOT / "dist"
UNIT = """
[Unit]
SuccessAction=exit-force
FailureAction=exit-force
Requires=basic.target dbus.socket
After=basic.target dbus.socket
[Service]
Type=oneshot
ExecStart=/usr/bin/python3 /test/inside.py {packages}
TimeoutStartSec=20min
"""

pytestmark = [
    pytest.mark.skipif(not os.environ.get("AGGREGATOR_TEST_ALL"), reason="takes minutes: ./test --all"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    *(
        pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is missing: apt-get install {package}")
        for program, package in {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container"}.items()
    ),
]


def test_lives_through_what_services_live_through(tmp_path: Path) -> None:
    """One test, since one boot is enough: what inside.py says of each of its checks."""
    subprocess.run([ROOT / "tools" / "debian-root", CACHE / "debian"], check=True)
    subprocess.run([ROOT / "tools" / "build-deb"], check=True, stdout=subprocess.DEVNULL)
    package = max(CACHE.glob("aggregator_*.deb"), key=lambda path: path.stat().st_mtime)
    with overlay(CACHE / "debian" / "root", tmp_path) as root:
        test = root / "test"
        test.mkdir()
        shutil.copy(INSIDE, test)
        shutil.copy(package, test / "old.deb")
        newer(test / "old.deb", test / "new.deb", tmp_path)
        (root / "etc/systemd/system/test.service").write_text(UNIT.format(packages="/test/old.deb /test/new.deb"))
        (root / "etc/machine-id").write_text("")
        results = booted(root, tmp_path)
    wrong = {name: json.loads(said) for name, said in results.items() if said != "ok"}
    assert not wrong, "\n\n".join(f"{name}: {said}" for name, said in wrong.items())
    assert list(results) == NAMES


@contextmanager
def overlay(below: Path, folder: Path) -> Iterator[Path]:
    """A root in which anything can be changed, and nothing is."""
    top, root = folder / "top", folder / "root"
    for path in (top, root):
        path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3g,mode=755", "tmpfs", top], check=True)
    try:
        for name in ("upper", "work"):
            (top / name).mkdir()
        options = f"lowerdir={below},upperdir={top}/upper,workdir={top}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, root], check=True)
        try:
            yield root
        finally:
            subprocess.run(["umount", root], check=True)
    finally:
        subprocess.run(["umount", top], check=True)


def newer(package: Path, target: Path, folder: Path) -> None:
    """The same package with a higher version."""
    unpacked = folder / "newer"
    subprocess.run(["dpkg-deb", "-R", package, unpacked], check=True)
    control = unpacked / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^(Version: .*)$", r"\1+1", control.read_text()))
    command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", unpacked, target]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(unpacked)


def booted(root: Path, folder: Path) -> dict[str, str]:
    results = folder / "results"
    results.mkdir()
    command = ["systemd-nspawn", "-q", "-D", root, "--register=no", "--keep-unit", "--boot", "--private-network"]
    command += ["--console=pipe", f"--bind={results}:/result", "systemd.unit=test.service", "systemd.show_status=0"]
    with (folder / "console").open("wb") as console:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, timeout=1500, check=False)
    out = results / "out"
    assert out.exists(), (folder / "console").read_text(errors="replace")
    lines = [line.split("\t") for line in out.read_text().splitlines()]
    for name, _, seconds in lines:
        print(name, seconds)
    return {name: said for name, said, _ in lines}
