"""What systemd and we tell each other: sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3). Without it, nothing."""

import os
import socket
import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress

FIRST_PASSED = 3  # the file descriptor of the first socket that systemd opens for us


def is_listening(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether anybody wants to be told."""
    return bool(environment.get("NOTIFY_SOCKET"))


def notify(*lines: str) -> None:
    """Send lines such as `READY=1` to the socket that systemd named, if it did. That nobody hears it is no error."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # a name in the abstract space
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.connect(address)
        out.sendall("\n".join(lines).encode())


def reloading() -> None:
    """Say that a reload begins, and when: newer systemd takes that for the answer to its signal."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def watchdog_seconds(environment: Mapping[str, str] = os.environ) -> float | None:
    """Within how many seconds we have to say that all is well, again and again; None where nobody waits for that."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    with suppress(ValueError):
        return int(environment.get("WATCHDOG_USEC", "0")) / 1e6 or None
    return None


def passed_sockets(environment: MutableMapping[str, str] = os.environ) -> list[socket.socket]:
    """The sockets that systemd listens on for us. The variables go: what we start is not to take them for its own."""
    given = [environment.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")]
    if given[0] != str(os.getpid()) or not given[1].isdigit():
        return []
    found = [socket.socket(fileno=FIRST_PASSED + number) for number in range(int(given[1]))]
    for one in found:
        os.set_inheritable(one.fileno(), False)
    return found
