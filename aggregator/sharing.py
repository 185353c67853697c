"""Published files, the same on every machine: one renders, all serve the very bytes, with the same date and ETag.

Who has rendered an edition puts what has changed into the store before the edition counts as published; everybody else
brings their files up to date when they hear of it, within a fraction of a second, or when they look, every two seconds.
On PostgreSQL only: what SQLite keeps is on one machine.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from aggregator import alert_feed, editions, publish
from aggregator.config import Config
from aggregator.errors import StateError
from aggregator.plurals import counted
from aggregator.store import Database, renditions
from aggregator.store.renditions import Rendition

LOOK_SECONDS = 2.0  # between two looks while nothing is heard
OF_LATE = timedelta(minutes=2)  # longer than a publication and two looks take
COMPLAINT_LOOKS = 30  # between two lines about the same trouble

log = logging.getLogger(__name__)


class Shared:
    """The published files of this machine, and those of all."""

    def __init__(self, config: Callable[[], Config], database: Database) -> None:
        self._config = config
        self._database = database
        self._own = threading.Lock()  # nobody else in this process touches the files
        self._is_behind = True  # all files are to be looked at
        self._is_refused = False  # what lies here was rendered in a turn that was lost

    @contextmanager
    def rendering(self, edition: str) -> Iterator[Callable[[], None] | None]:
        """Nobody else renders this edition meanwhile; None while another process does. What is given is called once the
        files are written: all have them when what comes after is stored, too. Raises StateError, also where another
        process has taken over."""
        with self._own:
            try:
                with self._database.holding(f"edition {edition}") as join:
                    if join is None:
                        yield None
                        return
                    known = renditions.dates(self._database, edition=edition)
                    self._bring(known)
                    yield lambda: renditions.put(self._database, join(), edition, list(self._changed(edition, known)))
            except BaseException:
                self._is_behind = self._is_refused = True
                raise

    def bring_up(self) -> int:
        """Write what others have rendered; how many files. Raises StateError, OSError."""
        with self._own:
            within, self._is_behind = None if self._is_behind else OF_LATE, True
            count = self._bring(renditions.dates(self._database, within=within))
            self._is_behind = self._is_refused = False
            return count

    async def follow(self) -> None:
        """Bring the files up to date, for ever."""
        failures = 0
        while True:
            try:
                async with renditions.listening(self._database) as wait:
                    while True:
                        if count := await asyncio.to_thread(self.bring_up):
                            log.info("%s taken over that others have rendered", counted(count, "file"))
                        failures = 0
                        await wait(LOOK_SECONDS)
            except (StateError, OSError) as error:
                if failures % COMPLAINT_LOOKS == 0:
                    log.error("files that others render are not brought up to date: %s", error)
                failures += 1
            except Exception:
                failures += 1
                log.exception("a bug met while files that others have rendered were looked for; please report it")
            await asyncio.sleep(LOOK_SECONDS)

    def _bring(self, dates: dict[str, int | None]) -> int:
        """What is newer here than anywhere stays: readers have seen it, and who rendered it died before it could be
        shared. It is rendered again; only what was rendered in a turn that was lost is taken back."""
        wanted = {name: date for name, date in dates.items() if self._is_wanted(name)}
        outdated = {name for name, date in wanted.items() if self._is_outdated(name, date)}
        for one in renditions.read(self._database, outdated):
            private = one.name.startswith("private/")
            publish.put(self._path(one.name), one.packed, one.changed_at, private=private)
        return len(outdated)

    def _is_outdated(self, name: str, date: int | None) -> bool:
        here = publish.date_of(self._path(name))
        is_newer = here is not None and date is not None and here > date
        return here != date and (self._is_refused or not is_newer)

    def _changed(self, edition: str, known: dict[str, int | None]) -> Iterator[Rendition]:
        """The files of an edition as they lie here, where all have others."""
        names = editions.rendered_with(edition, self._config())
        paths = (path for root in self._roots for name in names for path in publish.files_of(name, root))
        here = {self._name(path): path for path in paths}
        for name, path in here.items():
            changed_at = publish.date_of(path)
            if changed_at is not None and known.get(name) != changed_at:
                yield Rendition(name, publish.packed(path), changed_at)
        for name in sorted(known.keys() - here.keys()):
            if known[name] is not None:
                yield Rendition(name, None, 0)

    @property
    def names(self) -> set[str]:
        """The editions that some machine has rendered."""
        return {_edition(name) for name in renditions.dates(self._database)}

    def withdraw(self) -> None:
        """Forget the files of editions that are not there any more, or not in that place."""
        with self._own:
            known = renditions.dates(self._database)
            renditions.forget(self._database, [name for name in known if not self._is_wanted(name)])

    def _is_wanted(self, name: str) -> bool:
        """What has become private must not come back in public."""
        config, private = self._config(), name.startswith("private/")
        if _edition(name) == alert_feed.SLUG:
            return config.settings.operator_feed == ("private" if private else "public")
        edition = editions.of(config).get(_edition(name))
        return edition is not None and edition.private == private

    @property
    def _roots(self) -> tuple[Path, Path]:
        config = self._config()
        return config.public, config.private

    def _path(self, name: str) -> Path:
        return self._config().state / name

    def _name(self, path: Path) -> str:
        return path.relative_to(self._config().state).as_posix()


def _edition(name: str) -> str:
    """Of a file such as `public/feeds/energy.en.atom` or `public/feeds/energy/archive/1.rss`."""
    first, _, rest = name.split("/", 2)[2].partition("/")
    return first if rest else first.rpartition(".")[0]
