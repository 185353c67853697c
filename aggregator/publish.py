"""Published files: whole or not there, byte for byte the same when nothing has changed.

Beside each file stands its gzip, so that any web server can serve the folder as it is.

Dates over HTTP know no fractions of a second, so two versions of a file never bear the same second: one that follows
too soon is dated a second later than the one before.
"""

import gzip
import os
import shutil
import tempfile
import time
from pathlib import Path

from aggregator import registry
from aggregator.models import Feed

AHEAD_SECONDS = 60  # a file that is dated later than that bears no date of ours


def publish(feed: Feed, slug: str, root: Path, *, private: bool = False) -> int:
    """Write a topic's feed in every format. Answers with the number of files that changed. Raises OSError."""
    place, changed = folder(root, private=private), 0
    for kind in registry.formats().values():
        changed += replace(place / f"{slug}.{kind.extension}", kind.render(feed), private=private)
    return changed


def publish_page(feed: Feed, slug: str, number: int, root: Path) -> int:
    """Write a page of a topic's archive in every format, as `publish` does; without stories it is taken away."""
    place = _archive(slug, root)
    files = {kind: place / f"{number}.{kind.extension}" for kind in registry.formats().values()}
    if feed.items:
        return sum(replace(path, kind.render(feed)) for kind, path in files.items())
    gone = [path for path in files.values() if path.exists()]
    for path in files.values():
        path.unlink(missing_ok=True)
        path.with_name(path.name + ".gz").unlink(missing_ok=True)
    return len(gone)


def is_published(name: str, root: Path) -> bool:
    """Whether the files of a feed are all there. `name`: that of its topic, or of a digest of it."""
    names = [f"{name}.{kind.extension}" for kind in registry.formats().values()]
    return all((root / "feeds" / file).exists() for name in names for file in (name, f"{name}.gz"))


def withdraw(keep: set[str], root: Path) -> None:
    """Remove the files of feeds that are not to be there any more. `keep`: names of topics and of digests."""
    extensions = {kind.extension for kind in registry.formats().values()}
    for path in (root / "feeds").glob("*"):
        name, _, extension = path.name.removesuffix(".gz").rpartition(".")
        if name and name not in keep and extension in extensions:
            path.unlink(missing_ok=True)
        elif not name and extension not in keep and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)  # its archive


def folder(root: Path, *, private: bool = False) -> Path:
    """Where feeds lie: made, if need be, so that web servers can look into it whatever the umask, or nobody can."""
    return _made(root, root / "feeds", mode=0o700 if private else 0o755)


def _archive(slug: str, root: Path) -> Path:
    feeds = folder(root)
    return _made(feeds / slug, feeds / slug / "archive", mode=0o755)


def _made(*folders: Path, mode: int) -> Path:
    """The last of these folders; those that are not there are made, whatever the umask."""
    for missing in (one for one in folders if not one.is_dir()):
        missing.mkdir(parents=True, mode=0o700)
        missing.chmod(mode)
    return folders[-1]


def replace(path: Path, data: bytes, *, private: bool = False) -> bool:
    """Put bytes and their gzip in a file's place at once; False if they were there already."""
    packed = path.with_name(path.name + ".gz")
    if path.exists() and packed.exists() and path.read_bytes() == data:
        return False
    changed_at, mode = _after(path), 0o600 if private else 0o644
    _write(packed, gzip.compress(data, 6, mtime=0), changed_at, mode)
    _write(path, data, changed_at, mode)
    return True


def _after(path: Path) -> float:
    """Now, in seconds since 1970, or the second that follows on that of the file that is there, if it is a near one."""
    now = time.time()
    following = int(path.stat().st_mtime) + 1.0 if path.exists() else 0.0
    return following if now < following < now + AHEAD_SECONDS else now


def _write(path: Path, data: bytes, changed_at: float, mode: int) -> None:
    """Temporary file, fsync, rename, fsync of the folder: after a crash there is the old file or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.utime(file.fileno(), (changed_at, changed_at))
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
