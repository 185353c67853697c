"""The configuration: a directory of YAML files → one frozen value. An error names file, line and column."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from aggregator.agencies import Agencies
from aggregator.agencies import built_in as built_in_agencies
from aggregator.config import (
    agencies,
    concepts,
    furniture,
    links,
    names,
    references,
    settings,
    sources,
    topics,
    yamlfile,
)
from aggregator.config.concepts import Concept
from aggregator.config.settings import Settings
from aggregator.config.topics import Example, Topic
from aggregator.config.yamlfile import YamlFile, suggest
from aggregator.errors import ConfigError, SourceError
from aggregator.links import Rules
from aggregator.links import built_in as built_in_links
from aggregator.markers import Markers, built_in, lists_built_in
from aggregator.packaged import data
from aggregator.registry import Source

log = logging.getLogger(__name__)

__all__ = ["Concept", "Config", "Example", "Settings", "Topic", "find", "load", "schemas", "suggest"]


@dataclass(frozen=True)
class Config:
    """A configuration that has been checked as a whole."""

    directory: Path
    state: Path
    settings: Settings
    sources: Mapping[str, Source]  # by key
    topics: Mapping[str, Topic]  # by slug
    concepts: Mapping[str, Concept]  # by id
    markers: Markers  # of what stands around articles on their pages
    links: Rules  # by which links are compared
    agencies: Agencies  # whose texts others reprint
    example_places: Mapping[tuple[str, str, int], str]  # (topic, match | reject, number) → file:line:column

    @property
    def public(self) -> Path:
        """Where published files go: any web server may serve this folder as it is."""
        return self.state / "public"

    @property
    def private(self) -> Path:
        """Where files of private topics go: nobody else may look into it."""
        return self.state / "private"

    @property
    def kept_for(self) -> timedelta:
        """How long articles are kept: never shorter than the oldest story that a topic wants to show.

        Topics with a time of their own are in `kept_by_topic`.
        """
        shown = (topic.max_age or timedelta() for topic in self.topics.values() if topic.keep is None)
        return max((self.settings.retention.articles, *shown))

    @property
    def kept_by_topic(self) -> Mapping[str, timedelta]:
        """How long the stories of those topics are kept that say so themselves."""
        return {slug: topic.keep for slug, topic in self.topics.items() if topic.keep is not None}


def find(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The configuration directory: `--config`, else $AGGREGATOR_CONFIG, else ./config, else /etc/aggregator.

    Raises ConfigError when the variable names no directory.
    """
    if given is not None:
        return given
    if named := environment.get("AGGREGATOR_CONFIG"):
        if not Path(named).is_dir():
            raise ConfigError([f"environment variable AGGREGATOR_CONFIG: there is no directory {named}"])
        return Path(named)
    local = Path("config")
    return local if (local / "aggregator.yaml").exists() else Path("/etc/aggregator")


def load(
    directory: Path,
    environment: Mapping[str, str] = os.environ,
    *,
    source_file_name: str = "sources.yaml",
    topic_file: Path | None = None,
) -> Config:
    """Read and check everything. Raises ConfigError with all problems that were found.

    `source_file_name` and `topic_file` are for trying out others in the place of sources.yaml and topics.yaml.
    """
    if not directory.is_dir():
        raise ConfigError([f"{directory}:1:1: there is no such directory; name one with --config DIR"])
    problems: list[str] = []
    environment = _with_credentials(directory, environment)
    main = _read(directory / "aggregator.yaml", settings.SCHEMA, problems, environment)
    source_file = _read(directory / source_file_name, sources.schema(), problems, environment)
    known = _concepts(directory / "concepts", problems, environment)
    markers = _markers(directory / "furniture", problems, environment)
    rules = _links(directory / "links.yaml", problems, environment)
    named = _agencies(directory / "agencies.yaml", problems, environment)
    topic_read = _read(
        topic_file or directory / "topics.yaml",
        topics.schema(),
        problems,
        environment,
        also=lambda file: (
            *names.unknown_concepts(file, known, directory / "concepts"),
            *names.unknown_rules(file),
            *references.circles(file),
        ),
    )
    if problems or main is None or source_file is None or topic_read is None or known is None:
        raise ConfigError(problems)

    state = settings.state_directory(main[1], directory)
    found = _sources(*source_file, directory.resolve(), state, problems)
    problems += names.unknown_sources(topic_read[0], found.values())
    whole = references.resolved(topic_read[1])
    problems += references.widened(topic_read[0], topic_read[1].topics, whole)
    problems += references.too_large(topic_read[0], whole)
    if problems:
        raise ConfigError(problems)
    return Config(
        directory,
        state,
        main[1],
        found,
        whole,
        known,
        markers,
        rules,
        named,
        dict(_example_places(*topic_read)),
    )


def load_settings(directory: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """aggregator.yaml alone, and nothing else that could be wrong. Raises ConfigError."""
    problems: list[str] = []
    found = _read(directory / "aggregator.yaml", settings.SCHEMA, problems, _with_credentials(directory, environment))
    if found is None:
        raise ConfigError(problems)
    return found[1]  # type: ignore[no-any-return]


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of each kind of file, by file name: what editors use to complete and check."""
    adapters: dict[str, TypeAdapter[Any]] = {
        "aggregator": settings.SCHEMA,
        "sources": sources.schema(),
        "topics": topics.schema(),
        "concepts": concepts.SCHEMA,
        "furniture": furniture.SCHEMA,
        "links": links.SCHEMA,
        "agencies": agencies.SCHEMA,
    }
    return {f"{name}.schema.json": adapter.json_schema() for name, adapter in adapters.items()}


def _with_credentials(directory: Path, environment: Mapping[str, str]) -> Mapping[str, str]:
    """Where systemd has put no credentials, those in the folder credentials/ of the configuration, if there is one."""
    folder = directory / "credentials"
    return {"CREDENTIALS_DIRECTORY": str(folder), **environment} if folder.is_dir() else environment


def _read(
    path: Path,
    schema: TypeAdapter[Any],
    problems: list[str],
    environment: Mapping[str, str],
    also: Callable[[YamlFile], Iterable[str]] = lambda file: (),
) -> tuple[YamlFile, Any] | None:
    """A file and its value. What is wrong, `also` in the eyes of the caller, is added to the problems."""
    try:
        file = yamlfile.load(path)
        problems.extend(also(file))
        parsed = file.validate(schema, {"environment": environment})
        if isinstance(parsed, Settings):
            parsed = _with_environment(file, parsed, environment)
        return file, parsed
    except ConfigError as error:
        problems.extend(error.problems)
        return None


def _with_environment(file: YamlFile, parsed: Settings, environment: Mapping[str, str]) -> Settings:
    """The settings again with the environment put over the file, so that a problem names the variable."""
    problems = []
    theirs = ("AGGREGATOR_TEST_", "AGGREGATOR_SERVICE_", "AGGREGATOR_PORT")  # of our tests, and of Kubernetes
    prefix, known = "AGGREGATOR_", {*settings.variables(), "AGGREGATOR_CONFIG"}
    for name in sorted(environment.keys() - known):
        if name.startswith(prefix) and not name.startswith(theirs):
            problems.append(f"environment variable {name}: there is no such setting{suggest(name, known, prefix)}")
    data = settings.overridden(file.data, environment)
    try:
        parsed = parsed if data == file.data else settings.SCHEMA.validate_python(data)
    except ValidationError as error:
        for detail in yamlfile.details(error):
            name = "__".join(str(step) for step in detail["loc"][:2]).upper()
            problems.append(f"environment variable AGGREGATOR_{name}: {yamlfile.saying(detail)}")
    if problems:
        raise ConfigError(problems)
    return parsed


def _concepts(folder: Path, problems: list[str], environment: Mapping[str, str]) -> Mapping[str, Concept] | None:
    """What comes with the program and what the folder has, by id, the folder's first.

    None where a file cannot be used, so that nobody misses what stands in it.
    """
    own: dict[str, Concept] = {}
    files = [_read(path, concepts.SCHEMA, problems, environment) for path in sorted(folder.glob("*.yaml"))]
    for file, parsed in filter(None, files):
        for name, concept in parsed.concepts.items():
            if name in own:
                problems.append(file.problem(("concepts", name), f"the concept '{name}' is in another file as well"))
            own[name] = concept
    if None in files:
        return None
    known = {**concepts.shipped(), **own}
    for file, parsed in filter(None, files):
        problems.extend(_stands_for_nothing(file, parsed.concepts, known))
    return known


def _stands_for_nothing(file: YamlFile, own: Mapping[str, Concept], known: Mapping[str, Concept]) -> Iterator[str]:
    for name, concept in own.items():
        for number, meant in enumerate(concept.stands_for):
            if meant.concept not in known:
                place = ("concepts", name, "stands_for", number, "concept")
                yield file.problem(place, f"unknown concept '{meant.concept}'{names.similar(meant.concept, known)}")


def _markers(folder: Path, problems: list[str], environment: Mapping[str, str]) -> Markers:
    """What comes with the program, and the lists of the folder."""
    files = [_read(path, furniture.SCHEMA, problems, environment) for path in sorted(folder.glob("*.yaml"))]
    lists = [parsed.model_dump() for _, parsed in filter(None, files)]
    return Markers.of(*lists_built_in(), *lists) if lists else built_in()


def _links(path: Path, problems: list[str], environment: Mapping[str, str]) -> Rules:
    """What comes with the program, and what the file adds, if there is one."""
    found = _read(path, links.SCHEMA, problems, environment) if path.exists() else None
    return Rules.of(data("links.yaml"), found[1].model_dump()) if found else built_in_links()


def _agencies(path: Path, problems: list[str], environment: Mapping[str, str]) -> Agencies:
    """What comes with the program, and what the file adds, if there is one."""
    found = _read(path, agencies.SCHEMA, problems, environment) if path.exists() else None
    return Agencies.of(data("agencies.yaml"), found[1].model_dump()) if found else built_in_agencies()


def _sources(file: YamlFile, parsed: Any, directory: Path, state: Path, problems: list[str]) -> dict[str, Source]:
    configured = [source.located(directory, state) for source in parsed.sources]
    found: dict[str, Source] = {}
    for number, source in enumerate(configured):
        if source.key in found:
            problems.append(
                file.problem(
                    ("sources", number),
                    f"another source has the id '{source.key}' too: give one of them an `id:` of its own",
                )
            )
        found[source.key] = source
    for number, source in enumerate(configured):
        try:
            members = list(source.members(directory, state))
        except SourceError as error:
            problems.append(file.problem(("sources", number), str(error)))
            continue
        for member in members:
            if found.setdefault(member.key, member) is not member:
                log.debug("%s: in the list %s, and elsewhere before it", member.key, source.title)
    return found


def _example_places(file: YamlFile, parsed: topics.TopicsFile) -> Iterator[tuple[tuple[str, str, int], str]]:
    for slug, topic in parsed.topics.items():
        for side in ("match", "reject"):
            for number in range(len(getattr(topic.examples, side))):
                yield (slug, side, number), file.place(("topics", slug, "examples", side, number))
