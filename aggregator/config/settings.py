"""aggregator.yaml: the daemon itself. Every value can be overridden from the environment."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, TypeAdapter

from aggregator.config.units import Duration, Network, Size
from aggregator.registry import Options


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("a base URL is written like 'https://news.example.org/'")
    return value if value.endswith("/") else value + "/"


def _database(value: str) -> str:
    if value != "sqlite" and not value.startswith("postgresql+psycopg://"):
        raise ValueError("the database is 'sqlite' or 'postgresql+psycopg://user@host/name'")
    return value


class Poll(Options):
    """When and how widely to read sources."""

    every: Duration = Field(timedelta(minutes=30), description="Between two visits of one source.")
    concurrency: int = Field(64, ge=1, le=1000, description="Sources visited at the same time.")


class Fetch(Options):
    """What may come in over the network, and how we introduce ourselves."""

    allow: tuple[Network, ...] = Field((), description="Networks inside which addresses may be fetched all the same.")
    total: Duration = Field(timedelta(seconds=30), description="For one fetch, from the first byte to the last.")
    body: Size = Field(20_000_000, description="The largest document, unpacked.")
    contact: str = Field(
        "https://example.org/", pattern=r"^(https?://|mailto:)[!-~]+$", description="Said in User-Agent."
    )


class Settings(Options):
    """The whole of aggregator.yaml."""

    state: str = Field("../var", description="Database and published files; relative to this file.")
    database: Annotated[str, AfterValidator(_database)] = Field(
        "sqlite", description="sqlite, or postgresql+psycopg://user@host/name"
    )
    listen: str = Field(
        "127.0.0.1:8080",
        pattern=r"^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$",
        description="Host and port of the web server.",
    )
    base_url: Annotated[str, AfterValidator(_base_url)] = Field(
        "http://127.0.0.1:8080/", description="What readers see; links in feeds begin with it."
    )
    tag_authority: str = Field(
        "example.org,2026",
        pattern=r"^[a-z0-9][a-z0-9.-]{0,253},\d{4}(-\d{2}(-\d{2})?)?$",
        description="Never change it: item ids are made from it (RFC 4151).",
    )
    poll: Poll = Poll()
    fetch: Fetch = Fetch()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


SCHEMA: TypeAdapter[Settings] = TypeAdapter(Settings)


def overridden(data: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    """The data of aggregator.yaml with `AGGREGATOR_LISTEN=…`, `AGGREGATOR_POLL__EVERY=…` put over it."""
    result = dict(data)
    for name, info in Settings.model_fields.items():
        variable = f"AGGREGATOR_{name.upper()}"
        if isinstance(info.annotation, type) and issubclass(info.annotation, Options):
            inner = {
                key: environment[f"{variable}__{key.upper()}"]
                for key in info.annotation.model_fields
                if f"{variable}__{key.upper()}" in environment
            }
            if inner:
                result[name] = {**(result.get(name) or {}), **_lists(inner)}
        elif variable in environment:
            result[name] = environment[variable]
    if "STATE_DIRECTORY" in environment and "AGGREGATOR_STATE" not in environment:  # systemd.exec(5)
        result["state"] = environment["STATE_DIRECTORY"].split(":")[0]
    return result


def _lists(values: dict[str, str]) -> dict[str, Any]:
    return {key: value.split() if key == "allow" else value for key, value in values.items()}


def state_directory(settings: Settings, config_directory: Path) -> Path:
    return (config_directory / settings.state).resolve()
