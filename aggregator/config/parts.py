"""The parts of a configuration beside its settings and topics: each file, with what comes with the program."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aggregator.agencies import Agencies
from aggregator.agencies import built_in as built_in_agencies
from aggregator.config import agencies, concepts, furniture, links, names
from aggregator.config.concepts import Concept
from aggregator.config.loading import Loading
from aggregator.config.yamlfile import YamlFile
from aggregator.errors import Problem, SourceError
from aggregator.links import Rules
from aggregator.links import built_in as built_in_links
from aggregator.markers import Markers, built_in, lists_built_in
from aggregator.packaged import data
from aggregator.registry import Source

log = logging.getLogger(__name__)


def yaml_files(folder: Path) -> list[Path]:
    """In order; without what editors put beside them, such as .#own.yaml."""
    return sorted(path for path in folder.glob("*.yaml") if not path.name.startswith("."))


def read_concepts(folder: Path, loading: Loading) -> Mapping[str, Concept]:
    """What comes with the program and what the folder has, by id, the folder's first."""
    own: dict[str, Concept] = {}
    files = list(filter(None, (loading.read(path, concepts.SCHEMA) for path in yaml_files(folder))))
    for file, parsed in files:
        for name, concept in parsed.concepts.items():
            if name in own:
                message = f"the concept '{name}' is in another file as well"
                loading.problems.append(file.problem(("concepts", name), message))
            own[name] = concept
    known = {**concepts.shipped(), **own}
    for file, parsed in files:
        loading.problems += _stands_for_nothing(file, parsed.concepts, known, loading.unread)
    return known


def _stands_for_nothing(
    file: YamlFile, own: Mapping[str, Concept], known: Mapping[str, Concept], unread: str
) -> Iterator[Problem]:
    for name, concept in own.items():
        for number, meant in enumerate(concept.stands_for):
            if meant.concept not in known and not names.stands_in(meant.concept, unread):
                place = ("concepts", name, "stands_for", number, "concept")
                yield file.problem(place, f"unknown concept '{meant.concept}'{names.similar(meant.concept, known)}")


def read_markers(folder: Path, loading: Loading) -> Markers:
    """What comes with the program, and the lists of the folder."""
    files = [loading.read(path, furniture.SCHEMA) for path in yaml_files(folder)]
    lists = [own for _, parsed in filter(None, files) if any((own := parsed.model_dump()).values())]
    return Markers.of(*lists_built_in(), *lists) if lists else built_in()


def read_links(path: Path, loading: Loading) -> Rules:
    """What comes with the program, and what the file adds, if there is one."""
    found = loading.read(path, links.SCHEMA) if path.exists() else None
    return Rules.of(data("links.yaml"), found[1].model_dump()) if found else built_in_links()


def read_agencies(path: Path, loading: Loading) -> Agencies:
    """What comes with the program, and what the file adds, if there is one."""
    found = loading.read(path, agencies.SCHEMA) if path.exists() else None
    return Agencies.of(data("agencies.yaml"), found[1].model_dump()) if found else built_in_agencies()


def read_sources(
    file: YamlFile, parsed: Any, directory: Path, state: Path, problems: list[Problem]
) -> dict[str, Source]:
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
