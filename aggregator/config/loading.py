"""The files of a configuration, one after the other: their values, and what is wrong with each, with its place."""

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from aggregator.config import settings, yamlfile
from aggregator.config.sayings import saying, suggest
from aggregator.config.settings import Settings
from aggregator.config.yamlfile import Location, YamlFile
from aggregator.errors import ConfigError, Problem

_THEIRS = ("AGGREGATOR_TEST_", "AGGREGATOR_SERVICE_", "AGGREGATOR_PORT")  # of our tests, and of Kubernetes
_PREFIX = "AGGREGATOR_"


class Loading:
    """What has been found so far.

    What is wrong in one place must not hide what is wrong in another: of a file with problems, the entries without one
    are used, and `unread`, its text in small letters, holds names of which nobody can tell whether they are there.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self.unread = ""
        self._environment = environment

    def read(
        self,
        path: Path,
        schema: TypeAdapter[Any],
        also: Callable[[YamlFile], Iterable[Problem]] = lambda file: (),
        broken: Callable[[YamlFile, set[Location]], Collection[Location]] = lambda file, entries: entries,
    ) -> tuple[YamlFile, Any] | None:
        """A file and its value, both of what is sound in it; None where nothing is.

        `also` finds more problems; `broken` says which entries cannot be used, given those that have problems.
        """
        try:
            file = yamlfile.load(path)
        except ConfigError as error:
            self._note(error.problems, path)
            return None
        problems, parsed = list(also(file)), None
        try:
            parsed = self._parsed(file, schema)
        except ConfigError as error:
            problems += error.problems
        if problems:
            self._note(problems, path)
        entries = broken(file, {problem.place.keys[:2] for problem in problems if problem.place})
        if not entries and parsed is not None:
            return file, parsed
        sound = file.without(entries)
        try:
            return sound, self._parsed(sound, schema)
        except ConfigError:
            return None

    def settings(self, path: Path) -> Settings:
        """aggregator.yaml with the environment put over it."""
        found = self.read(path, settings.SCHEMA)
        self.unread = ""  # nothing is defined there
        if found is None:
            return Settings()
        try:
            return _with_environment(*found, self._environment)
        except ConfigError as error:
            self.problems += error.problems
            return found[1]  # type: ignore[no-any-return]

    def _parsed(self, file: YamlFile, schema: TypeAdapter[Any]) -> Any:
        return file.validate(schema, {"environment": self._environment})

    def _note(self, problems: Iterable[Problem], path: Path) -> None:
        self.problems += problems
        try:
            self.unread += path.read_bytes()[: yamlfile.MAX_BYTES].decode(errors="replace").casefold()
        except OSError:
            self.unread += "\n"  # whatever may stand there


def _with_environment(file: YamlFile, parsed: Settings, environment: Mapping[str, str]) -> Settings:
    """The settings again with the environment put over the file, so that a problem names the variable."""
    known = {*settings.variables(), "AGGREGATOR_CONFIG"}
    problems = [
        Problem(f"environment variable {name}: there is no such setting{suggest(name, known, _PREFIX)}")
        for name in sorted(environment.keys() - known)
        if name.startswith(_PREFIX) and not name.startswith(_THEIRS)
    ]
    data = settings.overridden(file.data, environment)
    try:
        parsed = parsed if data == file.data else settings.SCHEMA.validate_python(data)
    except ValidationError as error:
        for detail in yamlfile.details(error):
            name = "__".join(str(step) for step in detail["loc"][:2]).upper()
            problems.append(Problem(f"environment variable AGGREGATOR_{name}: {saying(detail)}"))
    if problems:
        raise ConfigError(problems)
    return parsed
