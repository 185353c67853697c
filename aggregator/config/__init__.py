"""The configuration: a directory of YAML files → one frozen value. An error names file, line and column."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from aggregator.agencies import Agencies
from aggregator.config import (
    agencies,
    concepts,
    furniture,
    links,
    names,
    parts,
    references,
    settings,
    sources,
    topics,
    yamlfile,
)
from aggregator.config.concepts import Concept
from aggregator.config.effective import Value, values
from aggregator.config.loading import Loading
from aggregator.config.sayings import suggest
from aggregator.config.settings import Settings
from aggregator.config.topics import Example, Topic
from aggregator.config.yamlfile import YamlFile
from aggregator.errors import ConfigError, Place, Problem
from aggregator.links import Rules
from aggregator.markers import Markers
from aggregator.registry import Source

_FILES = ("aggregator", "sources", "topics", "links", "agencies")
_FOLDERS = ("concepts", "furniture")

__all__ = [
    "Concept",
    "Config",
    "Examined",
    "Example",
    "Settings",
    "Topic",
    "effective_settings",
    "examine",
    "files",
    "find",
    "load",
    "schemas",
    "sound",
    "suggest",
]


@dataclass(frozen=True, eq=False)
class Config:
    """A configuration that has been checked as a whole. Each is one of its own, so that what is made of it can be kept
    with it."""

    directory: Path
    state: Path
    settings: Settings
    sources: Mapping[str, Source]  # by key
    topics: Mapping[str, Topic]  # by slug
    concepts: Mapping[str, Concept]  # by id
    markers: Markers  # of what stands around articles on their pages
    links: Rules  # by which links are compared
    agencies: Agencies  # whose texts others reprint
    example_places: Mapping[tuple[str, str, int], Place]  # (topic, match | reject, number) → where it stands

    @property
    def public(self) -> Path:
        """Where published files go: any web server may serve this folder as it is."""
        return self.state / "public"

    @property
    def private(self) -> Path:
        """Where files of private topics go: nobody else may look into it."""
        return self.state / "private"

    @property
    def private_topics(self) -> frozenset[str]:
        """The slugs of topics that not everybody may read."""
        return frozenset(slug for slug, topic in self.topics.items() if topic.private)

    def untold(self, *, private: bool) -> frozenset[str]:
        """The topics of which a feed says nothing that is public, or private: it names no story that is only there."""
        return frozenset() if private else self.private_topics

    @property
    def example_files(self) -> frozenset[Path]:
        """The files that topics have for examples."""
        examples = (topic.examples for topic in self.topics.values())
        listed = (one for sides in examples for one in (*sides.match, *sides.reject))
        return frozenset(self.directory / one for one in listed if isinstance(one, str))

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


@dataclass(frozen=True)
class Examined:
    """A configuration, as much of it as is sound, and all that is wrong with the rest. `config` is for trying its
    examples only where there are problems; None where there are no topics to be tried."""

    config: Config | None
    problems: tuple[Problem, ...]
    rest: Config | None = None  # where there are no topics: all else


def find(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The configuration directory: `--config`, else $AGGREGATOR_CONFIG, else ./config, else /etc/aggregator.

    Raises ConfigError when the variable names no directory.
    """
    if given is not None:
        return given
    if named := environment.get("AGGREGATOR_CONFIG"):
        if not Path(named).is_dir():
            raise ConfigError([Problem(f"environment variable AGGREGATOR_CONFIG: there is no directory {named}")])
        return Path(named)
    local = Path("config")
    return local if (local / "aggregator.yaml").exists() else Path("/etc/aggregator")


def files(directory: Path) -> list[Path]:
    """All that a configuration may be read from: files that must be there, files that may, and what is in folders."""
    found = [directory / f"{name}.yaml" for name in _FILES]
    for name in _FOLDERS:
        found += parts.yaml_files(directory / name)
    with suppress(OSError):  # for root alone
        found += (path for path in sorted((directory / "credentials").iterdir()) if not path.name.startswith("."))
    return found


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
    found = examine(directory, environment, source_file_name=source_file_name, topic_file=topic_file)
    if found.problems or found.config is None:
        raise ConfigError(found.problems)
    return found.config


def examine(
    directory: Path,
    environment: Mapping[str, str] = os.environ,
    *,
    source_file_name: str = "sources.yaml",
    topic_file: Path | None = None,
) -> Examined:
    """Read and check everything, as `load` does; what is wrong in one place hides nothing that is wrong in another."""
    if not directory.is_dir():
        place = Place(str(directory))
        return Examined(None, (Problem("there is no such directory; name one with --config DIR", place),))
    loading = Loading(_with_credentials(directory, environment))
    main = loading.settings(directory / "aggregator.yaml")
    source_read = loading.read(directory / source_file_name, sources.schema())
    state = settings.state_directory(main, directory)
    found = parts.read_sources(*source_read, directory.resolve(), state, loading.problems) if source_read else {}
    known = parts.read_concepts(directory / "concepts", loading)
    unread = loading.unread
    markers = parts.read_markers(directory / "furniture", loading)
    rules = parts.read_links(directory / "links.yaml", loading)
    named = parts.read_agencies(directory / "agencies.yaml", loading)
    topic_read = loading.read(
        topic_file or directory / "topics.yaml",
        topics.schema(),
        also=lambda file: (
            *names.unknown_concepts(file, known, directory / "concepts", unread),
            *names.unknown_rules(file),
            *names.unknown_sources(file, found.values(), unread),
            *references.circles(file),
        ),
        broken=lambda file, entries: names.resting_on(file, entries, unread),
    )
    if topic_read is None:
        rest = Config(directory, state, main, found, {}, known, markers, rules, named, {})
        return Examined(None, tuple(loading.problems), rest)
    file, parsed = topic_read
    whole = references.resolved(parsed)
    loading.problems += references.widened(file, parsed.topics, whole)
    loading.problems += references.forgotten_too_soon(file, parsed.topics, whole)
    loading.problems += references.too_large(file, whole)
    places = dict(_example_places(file, parsed))
    config = Config(directory, state, main, found, whole, known, markers, rules, named, places)
    loading.problems += references.kept_too_short(file, whole, config.kept_for)
    return Examined(config, tuple(loading.problems))


def sound(directory: Path, environment: Mapping[str, str] = os.environ) -> Examined:
    """What a command needs that only looks into the store: with broken topics, sources and the like it is there all the
    same. Raises ConfigError where aggregator.yaml, which says where the store is, has problems."""
    load_settings(directory, environment)
    found = examine(directory, environment)
    return replace(found, config=found.config or found.rest)


def load_settings(directory: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """aggregator.yaml alone, and nothing else that could be wrong. Raises ConfigError."""
    loading = Loading(_with_credentials(directory, environment))
    found = loading.settings(directory / "aggregator.yaml")
    if loading.problems:
        raise ConfigError(loading.problems)
    return found


def effective_settings(
    directory: Path, environment: Mapping[str, str] = os.environ, *, unmasked: bool = False
) -> list[Value]:
    """Each value of aggregator.yaml as it is used, with where it comes from. Raises ConfigError."""
    environment = _with_credentials(directory, environment)
    found = load_settings(directory, environment)
    return list(values(found, yamlfile.load(directory / "aggregator.yaml"), environment, unmasked=unmasked))


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


def _example_places(file: YamlFile, parsed: topics.TopicsFile) -> Iterator[tuple[tuple[str, str, int], Place]]:
    for slug, topic in parsed.topics.items():
        for side in ("match", "reject"):
            for number in range(len(getattr(topic.examples, side))):
                yield (slug, side, number), file.place(("topics", slug, "examples", side, number))
