"""Which article is a file that stays in its folder? Pure.

A file is known by its name, and by its content when that changes: a corrected file keeps its article, and so does one
that is renamed; the same content under a second name is no second article.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping

from aggregator import __version__
from aggregator.identity import stored_guid
from aggregator.models import File


class Kept:
    """What is remembered of the files of a folder, beside what is there now."""

    def __init__(self, known: Mapping[str, File], present: Collection[str]) -> None:
        self.gone = tuple(sorted(known.keys() - present))
        self.has_stale_copies = False  # what was a copy of a file that has been corrected meanwhile is to be read, too
        self._there: dict[str, File] = {}
        self._holders: dict[str, set[str]] = defaultdict(set)  # by guid: the names of files that are there
        self._alike: dict[str, dict[str, File]] = defaultdict(dict)  # by digest, by name: also what is gone
        for name, file in known.items():
            self._alike[file.digest][name] = file
            if name in present:
                self._put(file)

    def as_before(self, name: str, stamp: str) -> File | None:
        """What is remembered of a file that need not be read: nobody has touched it, or what it is a copy of."""
        file = self._there.get(name)
        if file is None or file.stamp != stamp or (file.reason and file.version != __version__):
            return None
        return file if self._is_current(file) else None

    def read(self, name: str, stamp: str, digest: str) -> tuple[File, bool]:
        """What to remember of a file that was read, and whether it says anything new."""
        mine = self._own(name)
        if mine is not None:
            is_new = mine.digest != digest or mine.reason is not None
            self.has_stale_copies |= is_new and len(self._holders[mine.guid]) > 1
            return self._put(File(name, stamp, digest, mine.guid, __version__)), is_new
        twin = self._twin(name, digest)
        guid = twin.guid if twin else self._new_guid(name, digest)
        return self._put(File(name, stamp, digest, guid, __version__)), twin is None

    def refused(self, name: str, stamp: str, reason: str) -> File:
        """What to remember of a file that could not be read."""
        mine = self._own(name)
        return self._put(File(name, stamp, "", mine.guid if mine else name, __version__, reason))

    def _put(self, file: File) -> File:
        before = self._there.get(file.name)
        if before is not None:
            self._holders[before.guid].discard(file.name)
            self._alike[before.digest].pop(file.name, None)
        self._there[file.name] = file
        self._holders[file.guid].add(file.name)
        self._alike[file.digest][file.name] = file
        return file

    def _owner(self, guid: str) -> File | None:
        """Whose corrections are those of the article, where several files have one content."""
        names = self._holders.get(guid)
        return self._there[guid if guid in names else min(names)] if names else None

    def _own(self, name: str) -> File | None:
        mine = self._there.get(name)
        return mine if mine is not None and self._owner(mine.guid) == mine else None

    def _is_current(self, file: File) -> bool:
        owner = self._owner(file.guid)
        return owner is None or owner.digest == file.digest

    def _twin(self, name: str, digest: str) -> File | None:
        """Another file with the same content: one that is there, or one that is gone, since it was renamed."""
        twins = (one for one in self._alike[digest].values() if one.name != name and not one.reason)
        current = [one for one in twins if self._is_current(one)]
        return min(current, key=lambda one: (one.name not in self._there, one.name), default=None)

    def _new_guid(self, name: str, digest: str) -> str:
        """The name, where no other file has it, and where no other name would be stored as the same guid."""
        is_free = not self._holders.get(name, set()) - {name} and stored_guid(name) == name
        return name if is_free else f"sha256:{digest}"
