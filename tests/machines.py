"""Machines for tests: network namespaces at one switch, each with a name and an address of its own.

None of them has a name or a file outside, so the kernel takes all away with the last process that is in it, however a
test ends, and nothing of it is seen by the network of this machine.
"""

import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_NAMESPACES = {"net": 0x40000000, "uts": 0x04000000}  # setns(2)
_C = ctypes.CDLL(None, use_errno=True)


class Machine:
    """One of them. The switch, with an address of its own, is the first."""

    def __init__(self, name: str, address: str) -> None:
        """Made where the calling thread is, which is in it afterwards."""
        _call("unshare", sum(_NAMESPACES.values()))
        socket.sethostname(name)
        self.name = name
        self.address = address
        self.open = [os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in _NAMESPACES]
        _ip("link set lo up")

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This thread is in the machine, and what it begins stays there: sockets, threads, processes."""
        with _back_again():
            for one, kind in zip(self.open, _NAMESPACES.values(), strict=True):
                _call("setns", one, kind)
            yield


class Network:
    """A switch, and the machines at it."""

    def __init__(self) -> None:
        self.machines: list[Machine] = []
        with _back_again():
            self.switch = self._made("switch")
            _ip("link add switch type bridge")
            _ip(f"address add {self.switch.address}/24 dev switch")
            _ip("link set switch up")

    def add(self, name: str) -> Machine:
        with _back_again():
            machine = self._made(name)
            _ip(f"link add eth0 type veth peer name {name} netns /proc/{os.getpid()}/fd/{self.switch.open[0]}")
            _ip(f"address add {machine.address}/24 dev eth0")
            _ip("link set eth0 up")
        with self.switch.inside():
            _ip(f"link set {name} master switch up")
        return machine

    def unplug(self, machine: Machine) -> None:
        """What is sent to it and by it vanishes from now on, and nobody is told."""
        with self.switch.inside():
            _ip(f"link set {machine.name} down")

    def plug_in(self, machine: Machine) -> None:
        with self.switch.inside():
            _ip(f"link set {machine.name} up")

    def close(self) -> None:
        for one in (one for machine in self.machines for one in machine.open):
            os.close(one)
        self.machines.clear()

    def _made(self, name: str) -> Machine:
        self.machines.append(Machine(name, f"10.90.0.{len(self.machines) + 1}"))
        return self.machines[-1]


def missing() -> str:
    """Why there can be no machines; empty if there can."""
    if os.getuid() != 0:
        return "network namespaces are for root"
    if shutil.which("ip") is None:
        return "ip is missing: apt-get install iproute2"
    network = None
    try:
        network = Network()
        network.add("probe")
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no network namespaces: {error}"
    finally:
        if network:
            network.close()
    return ""


@contextmanager
def _back_again() -> Iterator[None]:
    """This thread is afterwards where it was before."""
    before = [os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in _NAMESPACES]
    try:
        yield
    finally:
        for one, kind in zip(before, _NAMESPACES.values(), strict=True):
            _call("setns", one, kind)
            os.close(one)


def _call(name: str, *arguments: int) -> None:
    if getattr(_C, name)(*arguments):
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def _ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True, capture_output=True)
