"""Which kind of file system a path lies on: some are written by other machines, unseen by this one's kernel.

As Linux says it in /proc/self/mountinfo (proc_pid_mountinfo(5)); unknown elsewhere.
"""

import re
from pathlib import Path

REMOTE = ("nfs", "cifs", "smb", "fuse", "9p", "afs", "ceph", "gfs", "ocfs", "lustre", "virtiofs", "vboxsf", "prl_fs")
_LOCAL = ("fuseblk",)  # a disk of this machine, by way of a program
_OCTAL = re.compile(r"\\([0-7]{3})")


def kind(path: Path) -> str:
    """The type of the file system: "ext4"; empty where that is not known. `path` is absolute, without links."""
    try:
        table = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
    return _kind(path, table)


def is_remote(kind: str) -> bool:
    """Whether others may write there unseen: a file system of the network, or one that a program makes up."""
    return kind.startswith(REMOTE) and kind not in _LOCAL


def _kind(path: Path, table: str) -> str:
    """That of the innermost mount, and of the last one where several are on one place."""
    found, depth = "", -1
    for line in table.splitlines():
        place, _, rest = line.partition(" - ")
        point = Path(_OCTAL.sub(lambda match: chr(int(match[1], 8)), place.split(" ")[4]))
        if path.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = rest.split(" ")[0], len(point.parts)
    return found
