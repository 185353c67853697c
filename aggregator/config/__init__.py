"""The configuration: a directory of YAML files → one frozen value. An error names file, line and column."""

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from aggregator.config import concepts, settings, sources, topics, yamlfile
from aggregator.config.concepts import Concept
from aggregator.config.settings import Settings
from aggregator.config.topics import About, Example, Group, Phrase, Topic
from aggregator.config.yamlfile import YamlFile, suggest
from aggregator.errors import ConfigError, SourceError
from aggregator.registry import Source

log = logging.getLogger(__name__)

__all__ = ["Concept", "Config", "Example", "Settings", "Topic", "find", "load", "schemas"]


@dataclass(frozen=True)
class Config:
    """A configuration that has been checked as a whole."""

    directory: Path
    state: Path
    settings: Settings
    sources: Mapping[str, Source]  # by key
    topics: Mapping[str, Topic]  # by slug
    concepts: Mapping[str, Concept]  # by id
    example_places: Mapping[tuple[str, str, int], str]  # (topic, match | reject, number) → file:line:column

    @property
    def public(self) -> Path:
        """Where published files go: any web server may serve this folder as it is."""
        return self.state / "public"


def find(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The configuration directory: `--config`, else $AGGREGATOR_CONFIG, else ./config, else /etc/aggregator."""
    if given is not None:
        return given
    if named := environment.get("AGGREGATOR_CONFIG"):
        return Path(named)
    local = Path("config")
    return local if (local / "aggregator.yaml").exists() else Path("/etc/aggregator")


def load(
    directory: Path, environment: Mapping[str, str] = os.environ, *, source_file_name: str = "sources.yaml"
) -> Config:
    """Read and check everything. Raises ConfigError with all problems that were found.

    `source_file_name` is for trying out another file in the place of sources.yaml.
    """
    if not directory.is_dir():
        raise ConfigError([f"{directory}:1:1: there is no such directory; name one with --config DIR"])
    problems: list[str] = []
    main = _read(directory / "aggregator.yaml", settings.SCHEMA, problems, environment)
    source_file = _read(directory / source_file_name, sources.schema(), problems, environment)
    topic_file = _read(directory / "topics.yaml", topics.SCHEMA, problems, environment)
    concept_files = [
        _read(path, concepts.SCHEMA, problems, environment) for path in sorted((directory / "concepts").glob("*.yaml"))
    ]
    known: dict[str, Concept] = {}
    for file, parsed in filter(None, concept_files):
        for name, concept in parsed.concepts.items():
            if name in known:
                problems.append(file.problem(("concepts", name), f"the concept '{name}' is in another file as well"))
            known[name] = concept
    if problems or main is None or source_file is None or topic_file is None:
        raise ConfigError(problems)

    state = settings.state_directory(main[1], directory)
    problems += _unknown_concepts(*topic_file, known)
    found = _sources(*source_file, directory.resolve(), state, problems)
    if problems:
        raise ConfigError(problems)
    return Config(directory, state, main[1], found, topic_file[1].topics, known, dict(_example_places(*topic_file)))


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of each kind of file, by file name: what editors use to complete and check."""
    adapters: dict[str, TypeAdapter[Any]] = {
        "aggregator": settings.SCHEMA,
        "sources": sources.schema(),
        "topics": topics.SCHEMA,
        "concepts": concepts.SCHEMA,
    }
    return {f"{name}.schema.json": adapter.json_schema() for name, adapter in adapters.items()}


def _read(
    path: Path, schema: TypeAdapter[Any], problems: list[str], environment: Mapping[str, str]
) -> tuple[YamlFile, Any] | None:
    try:
        file = yamlfile.load(path)
        parsed = file.validate(schema, {"environment": environment})
        if isinstance(parsed, Settings):
            parsed = _with_environment(file, parsed, environment)
        return file, parsed
    except ConfigError as error:
        problems.extend(error.problems)
        return None


def _with_environment(file: YamlFile, parsed: Settings, environment: Mapping[str, str]) -> Settings:
    """The settings again with the environment put over the file, so that a problem names the variable."""
    data = settings.overridden(file.data, dict(environment))
    if data == file.data:
        return parsed
    try:
        return settings.SCHEMA.validate_python(data)
    except ValidationError as error:
        raise ConfigError(
            [
                f"environment variable AGGREGATOR_{'__'.join(str(step) for step in detail['loc'][:2]).upper()}:"
                f" {detail['msg'].removeprefix('Value error, ')} (got {detail['input']!r:.60})"
                for detail in error.errors()
            ]
        ) from None


def _unknown_concepts(file: YamlFile, parsed: topics.TopicsFile, known: Mapping[str, Concept]) -> Iterator[str]:
    for slug, topic in parsed.topics.items():
        for location, name in _concepts_of(topic, ("topics", slug)):
            if name not in known:
                yield file.problem(location, f"unknown concept '{name}'{suggest(name, known)}")


def _concepts_of(rule: Any, location: yamlfile.Location) -> Iterator[tuple[yamlfile.Location, str]]:
    match rule:
        case str():
            yield location, rule
        case About():
            yield (*location, "about"), rule.about
        case Group():
            for key in ("all", "any", "none"):
                for number, part in enumerate(getattr(rule, key)):
                    yield from _concepts_of(part, (*location, key, number))
        case Phrase():
            pass


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
