"""Write docs/configuration.md from the schema: every key with its type, default, variable, an example and its meaning.

Usage: PYTHONPATH=. python tools/make_reference.py
"""

import re
import runpy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from aggregator import registry
from aggregator.config import topics
from aggregator.config.settings import Settings, variables
from aggregator.registry import Options, Source
from aggregator.sources.http import Auth
from aggregator.units import _DURATION, _SIZE

_value = runpy.run_path(str(Path(__file__).with_name("make_man.py")))["_value"]
FILE = Path(__file__).parent.parent / "docs" / "configuration.md"
# What a person would write; a test loads each. Where there is none, the default is one.
EXAMPLES = {
    "Settings": {
        "state": "/var/lib/aggregator",
        "database": "postgresql+psycopg://news@db.example.org/news",
        "listen": "0.0.0.0:8080",
        "health_listen": "127.0.0.1:9090",
        "base_url": "https://news.example.org/",
        "tag_authority": "example.org,2026",
        "former_tag_authority": "example.com,2024",
        "reload": "signal",
        "timezone": "Europe/Zurich",
        "digest_at": "07:00",
        "operator_feed": "public",
    },
    "Poll": {
        "every": "1h",
        "min": "10m",
        "max": "2d",
        "concurrency": "32",
        "per_host": "1",
        "spacing": "5s",
    },
    "Fetch": {
        "allow": "[192.168.7.0/24]",
        "total": "1m",
        "connect": "5s",
        "read": "20s",
        "rate": "1kB",
        "wire": "20MB",
        "body": "50MB",
        "header": "32kB",
        "redirects": "3",
        "proxy": "http://127.0.0.1:3128",
        "contact": "mailto:me@example.org",
    },
    "Parse": {
        "full_parse": "true",
        "compare": "100",
        "processes": "4",
        "cpu": "20s",
        "time": "2m",
        "memory": "1GB",
    },
    "WebSub": {
        "subscribe": "off",
        "lease": "5d",
        "hub": "https://hub.example.org/",
        "callbacks": "[10.0.0.0/8]",
    },
    "Serve": {
        "requests": "0",
        "connections": "20",
        "trusted_proxies": "[127.0.0.0/8]",
        "sources": "public",
    },
    "Log": {
        "format": "json",
        "level": "warning",
    },
    "Everything": {
        "publish": "true",
        "limit": "200",
    },
    "Retention": {
        "articles": "90d",
    },
    "Source": {
        "id": "world",
        "name": "Example World",
        "rank": "10",
        "paywall": "true",
        "language": "en",
        "labels": "[world, daily]",
        "read_as": "feed",
        "every": "10m",
    },
    "HttpSource": {
        "url": "https://example.org/world.xml",
        "auth": "{user: me, password: {env: EXAMPLE_PASSWORD}}",
        "headers": "{X-Api-Key: {env: EXAMPLE_KEY}}",
        "cookies": "{session: {env: EXAMPLE_SESSION}}",
        "user_agent": "Mozilla/5.0",
        "allow": "[192.168.7.9]",
        "ca": "example-ca.pem",
        "proxy": "http://127.0.0.1:3128",
    },
    "Auth": {
        "user": "me",
        "password": "{credential: example}",
        "token": "{env: EXAMPLE_TOKEN}",
    },
    "FolderSource": {
        "folder": "'{state}/inbox'",
        "after": "move",
        "create": "true",
    },
    "OpmlSource": {
        "opml": "subscriptions.opml",
    },
    "Topic": {
        "all": "[country:china, country:russia]",
        "any": "[{phrase: gas deal}, subject:energy]",
        "none": "[{tag: Sport}]",
        "score": "40",
        "title": "China–Russia",
        "description": "What they do together.",
        "extends": "world",
        "language": "[en, ru]",
        "max_age": "30d",
        "keep": "3650d",
        "min_independent_sources": "2",
        "stories": "one-per-event",
        "related": "true",
        "reasons": "footer",
        "backfill": "0",
        "limit": "50",
        "max_per_hour": "20",
        "max_share": "30%",
        "digests": "[daily, weekly]",
        "timezone": "Europe/Zurich",
        "digest_at": "07:00",
        "variants": "{lang: [en, ru], min_score: [50]}",
        "labels": "[asia, energy]",
        "private": "true",
        "examples": "{match: [a.txt], reject: [{title: Not this}]}",
    },
    "Example": {
        "title": "Gas talks",
        "text": "They talked.",
        "url": "https://example.org/1",
        "author": "A. Smith",
        "category": "[Energy]",
        "language": "en",
        "source": "Example World",
        "age": "3d",
    },
    "Leaves": {
        "about": "country:china",
        "min": "40",
        "mentions": "country:china",
        "count": "3",
        "in": "title",
        "phrase": "gas deal",
        "words": "[pipeline, gas]",
        "near": "[country:china, {phrase: gas deal}]",
        "within": "10 words",
        "regex": "'Nord Stream [12]'",
        "ignore_case": "true",
        "tag": "category:energy",
        "language": "[en, ru]",
        "source": "Example World",
        "length": "{min: 80}",
        "age": "{max: 7d}",
    },
    "Group": {
        "all": "[country:china, {rule: sport}]",
        "any": "[{phrase: gas deal}, subject:energy]",
        "none": "[{tag: Sport}]",
        "score": "40",
        "rule": "sport",
    },
}


def text() -> str:
    """The whole reference."""
    parts = [_HEAD]
    for table in tables():
        parts += [f"{table.heading}\n", f"{table.words}\n", *_rows(table), ""]
    return "\n".join(parts)


_HEAD = """# Configuration reference

Made by `tools/make_reference.py` from the schema; a test keeps it current. Three files in one directory:
`config/aggregator.yaml`, `config/sources.yaml` and `config/topics.yaml`. Any key may be left out unless it is *needed*.
`./run check` says what is wrong, with file, line and column; editors complete keys by `config/schema/`. How to begin is
in `docs/quickstart.md`.

Times are written like 30s, 5m, 12h, 365d or 2w, sizes like 512kB, 20MB or 1GiB, networks like 10.1.0.0/16. A secret is
text, `{env: NAME}` or `{credential: NAME}` (systemd, or a file in `credentials/`).
"""


@dataclass(frozen=True, slots=True)
class Table:
    """Keys of one kind of thing."""

    heading: str
    words: str
    model: type[Options]
    examples: str  # a key of EXAMPLES
    keys: dict[str, str | None]  # each with its variable, if there is one


def tables() -> Iterator[Table]:
    """All of them, in their order; those with a heading `## …` begin a file."""
    named = {place: name for name, place in variables().items()}
    groups = {name: field.annotation for name, field in Settings.model_fields.items() if _is_group(field.annotation)}
    words = "The daemon itself. A variable of the environment goes before the file; lists are words in it."
    own = {key: named.get((key, None)) for key in Settings.model_fields if key not in groups}
    yield Table("## aggregator.yaml", words, Settings, "Settings", own)
    for name, group in groups.items():
        inner = {key: named[name, key] for key in group.model_fields}
        yield Table(f"### {name}", _flat(group.__doc__), group, group.__name__, inner)
    kinds = registry.sources()
    words = "A list under `sources:`. Each item has `url`, `folder` or `opml`, and any of these:"
    yield Table("## sources.yaml", words, kinds["url"], "Source", dict.fromkeys(Source.model_fields))
    for key, kind in kinds.items():
        inner = dict.fromkeys(name for name in kind.model_fields if name not in Source.model_fields)
        yield Table(f"### {key}", _flat(kind.__doc__), kind, kind.__name__, inner)
    yield Table("### auth", _flat(Auth.__doc__), Auth, "Auth", dict.fromkeys(Auth.model_fields))
    yield from _topics()


def _topics() -> Iterator[Table]:
    topics.schema()
    words = (
        "Topics by name under `topics:`, rules by name under `rules:`; what they mean is in `docs/topics.md`. A topic:"
    )
    keys = dict.fromkeys(name for name in topics.Topic.model_fields if name != "rule")
    yield Table("## topics.yaml", words, topics.Topic, "Topic", keys)
    words = "Also in each other. What is given must all hold; `rule` stands by itself."
    yield Table("### Rules in rules", words, topics.Group, "Group", dict.fromkeys(topics.Group.model_fields))
    for key, leaf in registry.leaves().items():
        yield Table(f"### {key}", _flat(leaf.__doc__), leaf, "Leaves", dict.fromkeys(leaf.model_fields))
    words = f"{_flat(topics.Example.__doc__)} In `examples: {{match: […], reject: […]}}`."
    yield Table("### Examples", words, topics.Example, "Example", dict.fromkeys(topics.Example.model_fields))


def _rows(table: Table) -> Iterator[str]:
    schema = table.model.model_json_schema()
    properties = (schema if "properties" in schema else schema["$defs"][table.model.__name__])["properties"]
    with_variables = any(table.keys.values())
    yield "| Key | Type | Default | Example | Meaning |" + (" Variable |" if with_variables else "")
    yield "|---|---|---|---|---|" + ("---|" if with_variables else "")
    for name, variable in table.keys.items():
        field = table.model.model_fields[name]
        key = field.alias or name
        cells = [f"`{key}`", _kind(properties[key]), _default(field), f"`{EXAMPLES[table.examples][key]}`"]
        cells += [_flat(field.description) or "see above", *([f"`{variable}`"] if with_variables else [])]
        yield "| " + " | ".join(map(_cell, cells)) + " |"


def _kind(said: dict[str, Any]) -> str:
    """A type in a person's words, from its JSON Schema."""
    if options := said.get("anyOf"):
        kinds = dict.fromkeys(_kind(one) for one in options if one.get("type") != "null")
        return "text or secret" if "{env, credential}" in " ".join(kinds) else " or ".join(kinds)
    if values := said.get("enum") or ([said["const"]] if "const" in said else None):
        return " or ".join(f"`{value}`" for value in values)
    if said.get("pattern") == _DURATION:
        return "time"
    if said.get("pattern") == _SIZE:
        return "size"
    match said.get("type"):
        case "integer":
            return f"number{_bounds(said)}"
        case "boolean":
            return "true or false"
        case "array":
            return f"list of {_kind(said.get('items', {}))}s"
        case "object":
            return "{env, credential}" if {"env"} <= said.get("properties", {}).keys() else "keys and values"
    return (
        "keys and values" if "$ref" in said and "Rule" not in said["$ref"] else "text" if said.get("type") else "rule"
    )


def _bounds(said: dict[str, Any]) -> str:
    least, most = said.get("minimum"), said.get("maximum")
    return f", {least:,} to {most:,}" if least is not None and most is not None else ""


def _default(field: Any) -> str:
    if field.is_required():
        return "*needed*"
    if field.default is PydanticUndefined:
        return "from `listen`"
    if isinstance(field.default, Options) or field.default in ((), None, {}, ""):
        return ""
    return f"`{_value(field.default)}`"


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Options)


def _flat(said: str | None) -> str:
    return " ".join((said or "").split())


def _cell(said: str) -> str:
    return re.sub(r"\|", r"\\|", said)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
