"""The commands `config …`: the configuration as it is used, and what may stand in it."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aggregator.commands import failing_well

if TYPE_CHECKING:
    from aggregator.config import Config
    from aggregator.config.effective import Value


@click.group("config")
def config() -> None:
    """Show the configuration as it is used, and what may stand in it.

    Example: aggregator config dump
    """


@config.command()
@click.option("--all", "everything", is_flag=True, help="Sources, topics and all other files as well, whole.")
@click.option("--unmasked", is_flag=True, help="Show secrets as well, so that it can be loaded again.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_obj
def dump(directory: Path | None, everything: bool, unmasked: bool, as_json: bool) -> None:
    """Show each setting as it is used, and where it comes from: a file and its line, the environment, a default.

    Secrets are masked. The output is YAML; with --all it has a document for each file.

    Example: aggregator config dump --all
    """
    with failing_well():
        from aggregator import config as configuration
        from aggregator.config import dump as dumping
        from aggregator.config import yamlfile

        found = configuration.load(configuration.find(directory))
        values = configuration.effective_settings(found.directory, unmasked=unmasked)
        files = dict(_others(found, unmasked)) if everything else {}
        if as_json:
            click.echo(json.dumps(_facts(found, values, files), indent=1, ensure_ascii=False))
            return
        click.echo(f"# {found.directory / 'aggregator.yaml'}, state in {found.state}")
        click.echo(dumping.settings(values), nl=False)
        for path, data in files.items():
            click.echo(f"--- # {path.relative_to(found.directory)}")
            click.echo(dumping.file(yamlfile.load(path), data), nl=False)
        if not everything:
            click.echo("".join(f"# {line}\n" for line in _summary(found)), nl=False)


@config.command()
@click.argument("name", required=False)
def schema(name: str | None) -> None:
    """Show what may stand in the file NAME, such as topics, as a JSON Schema; without NAME, which files there are.

    Example: aggregator config schema topics
    """
    with failing_well():
        from aggregator import config as configuration

        schemas = {key.partition(".")[0]: one for key, one in configuration.schemas().items()}
        if name is None:
            click.echo("\n".join(schemas))
        elif name not in schemas:
            hint = configuration.suggest(name, schemas)
            raise click.BadParameter(f"there is no file '{name}'{hint}", param_hint="NAME")
        else:
            click.echo(json.dumps(schemas[name], indent=1, ensure_ascii=False))


def _others(found: "Config", unmasked: bool) -> Iterator[tuple[Path, Any]]:
    """The data of all files beside aggregator.yaml."""
    from aggregator import config as configuration
    from aggregator.config import effective, yamlfile
    from aggregator.config.typed import typed

    schemas = configuration.schemas()

    for path in configuration.files(found.directory):
        if path.suffix == ".yaml" and path.name != "aggregator.yaml" and path.exists():
            data = yamlfile.load(path).data
            kind = path.stem if path.parent == found.directory else path.parent.name
            yield path, typed(data if unmasked else effective.without_secrets(data), schemas[f"{kind}.schema.json"])


def _facts(found: "Config", values: "list[Value]", files: Mapping[Path, Any]) -> dict[str, Any]:
    settings = {
        ".".join(one.keys): {"value": one.value, "from": one.kind, "place": one.place or None} for one in values
    }
    return {
        "directory": os.fspath(found.directory),
        "state": os.fspath(found.state),
        "settings": settings,
        "counts": _counts(found),
        "files": {os.fspath(path.relative_to(found.directory)): data for path, data in files.items()},
    }


def _counts(found: "Config") -> dict[str, int]:
    kinds = Counter(f"of them with `{source.KEY}`" for source in found.sources.values())
    private = sum(topic.private for topic in found.topics.values())
    return {
        "sources": len(found.sources),
        **kinds,
        "topics": len(found.topics),
        "private topics": private,
        "concepts": len(found.concepts),
        "examples": len(found.example_places),
    }


def _summary(found: "Config") -> Iterator[str]:
    yield "and " + ", ".join(f"{what}: {count:,}" for what, count in _counts(found).items()) + "; --all shows them"
