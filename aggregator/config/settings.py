"""aggregator.yaml: the daemon itself. Every value can be overridden from the environment."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, TypeAdapter, ValidationInfo, field_validator, model_validator

from aggregator.addresses import is_outside
from aggregator.registry import Options
from aggregator.units import Duration, Network, Pause, ProxyUrl, Size, TimeOfDay, Written, ZoneName

_LISTS = ("allow", "callbacks", "trusted_proxies")  # in the environment: words
_AUTHORITY = Written(
    r"^[a-z0-9][a-z0-9.-]{0,253},[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$",
    "a tag authority is a domain and a year in which it was yours, such as 'example.org,2026'",
)
_HOST_AND_PORT = Written(
    r"^(\[[0-9a-fA-F:]+\]|[^:\s]+):[0-9]{1,5}$", "host and port are written like '127.0.0.1:8080' or '[::1]:8080'"
)
_LOCAL = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104  # all interfaces: reached by loopback


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("a base URL is written like 'https://news.example.org/'")
    return value if value.endswith("/") else value + "/"


def _listen(value: str) -> str:
    if _address(value)[1] > 65535:
        raise ValueError("a port is at most 65535")
    return value


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    return host, int(port)


def _bound(listen: str) -> tuple[str, int]:
    host, port = _address(listen)
    return host.strip("[]"), port


def own_url(listen: str) -> str:
    """Where a browser on this machine finds the web server."""
    host, port = _address(listen)
    return f"http://{_LOCAL.get(host, host)}:{port}/"


def _database(value: str) -> str:
    if value != "sqlite" and not value.startswith("postgresql+psycopg://"):
        raise ValueError("the database is 'sqlite' or 'postgresql+psycopg://user@host/name'")
    return value


def _hub(value: str) -> str:
    if value not in ("own", "off") and not re.fullmatch(r"https?://[!#-;=?-~]{1,500}", value):
        raise ValueError("a hub is 'own', 'off', or an address such as 'https://hub.example.org/'")
    return value


class Poll(Options):
    """When and how widely to read sources."""

    every: Duration = Field(
        timedelta(minutes=30),
        description="Between two visits of a source that has news about once an hour; others are visited more often"
        " or less, as they bring news.",
    )
    min: Duration = Field(timedelta(minutes=5), description="However much news a source brings.")
    max: Duration = Field(timedelta(days=1), description="However little it brings, and whatever it asks for.")
    concurrency: int = Field(64, ge=1, le=1000, description="Sources visited at the same time.")
    per_host: int = Field(2, ge=1, le=100, description="Of them, sources on one registrable domain.")
    spacing: Pause = Field(timedelta(seconds=2), description="Between the beginnings of two visits to one domain.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.min <= self.every <= self.max:
            raise ValueError("min, every and max must be in this order")
        if self.spacing > timedelta(minutes=1):
            raise ValueError("spacing is a minute at most: a domain that needs more says so, and is left alone")
        return self


class Fetch(Options):
    """What may come in over the network, and how we introduce ourselves."""

    allow: tuple[Network, ...] = Field((), description="Networks inside which addresses may be fetched all the same.")
    total: Duration = Field(timedelta(seconds=30), description="For one fetch, redirects included.")
    connect: Duration = Field(timedelta(seconds=10), description="Until a connection stands.")
    read: Duration = Field(timedelta(seconds=10), description="Without a byte.")
    rate: Size = Field(200, description="Bytes in a second that must come at least, after five seconds.")
    wire: Size = Field(10_000_000, description="The largest document, as it comes.")
    body: Size = Field(20_000_000, description="The largest document, unpacked.")
    header: Size = Field(16_000, description="The largest line of an answer's head, which has 128 lines at most.")
    redirects: int = Field(5, ge=0, le=20, description="Followed one after the other.")
    proxy: ProxyUrl | None = Field(
        None, description="An HTTP proxy for everything; it must do the checking of addresses then."
    )
    contact: str = Field(
        "https://example.org/", pattern=r"^(https?://|mailto:)[!-~]+$", description="Said in User-Agent."
    )


class Parse(Options):
    """How documents are read, and how much one of them may take."""

    full_parse: bool = Field(
        False, description="Read every entry of a document that has changed, not only its new ones."
    )
    compare: int = Field(
        1000, ge=0, le=1_000_000, description="One in so many readings is done in part and whole and compared; 0: none."
    )
    processes: int = Field(2, ge=1, le=64, description="Processes that read what may take long.")
    cpu: Duration = Field(timedelta(seconds=10), description="For one document, in a reader process.")
    time: Duration = Field(timedelta(seconds=60), description="For one document, until it is given up.")
    memory: Size = Field(512_000_000, description="Address space of a reader process.")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.cpu < timedelta(seconds=1) or self.time < timedelta(seconds=1):
            raise ValueError("cpu and time are a second at least")
        if self.memory < 200_000_000:
            raise ValueError("memory is 200MB at least: a reader process needs half of that to start")
        return self


class WebSub(Options):
    """Whether hubs may push news to us."""

    subscribe: Literal["auto", "off"] = Field(
        "auto", description="auto: where a feed names a hub and base_url can be reached from outside."
    )
    lease: Duration = Field(timedelta(days=10), description="How long a subscription is asked to last.")
    hub: Annotated[str, AfterValidator(_hub)] = Field(
        "own", description="Who tells subscribers of our news: own (built in), off, or the address of another hub."
    )
    callbacks: tuple[Network, ...] = Field(
        (), description="Networks on the inside to which our own hub may deliver, too."
    )

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if not timedelta(hours=1) <= self.lease <= timedelta(days=30):
            raise ValueError("lease is from 1h to 30d")
        return self


class Serve(Options):
    """What one reader may take of the web server."""

    requests: int = Field(
        600, ge=0, le=1_000_000, description="From one address in a minute; more are answered 429. 0: no limit."
    )
    connections: int = Field(100, ge=1, le=2000, description="From one address at the same time.")
    trusted_proxies: tuple[Network, ...] = Field(
        (), description="Networks of proxies that may say, in X-Forwarded-For, for whom they ask."
    )
    sources: Literal["local", "public"] = Field(
        "local", description="Who may see the page /sources: who asks on this machine itself, or everybody."
    )


class Log(Options):
    """What the log looks like."""

    format: Literal["auto", "text", "json"] = Field(
        "auto", description="auto: key=value, with priorities in the place of times where it goes to systemd's journal."
    )
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="From which level on.")


class Everything(Options):
    """The feed of all stories, in any topic or in none."""

    publish: bool = Field(
        False, description="Whether there is one. Stories that are in private topics only are never in it."
    )
    limit: int = Field(100, ge=1, le=1000, description="Items in it.")


class Retention(Options):
    """How long things are kept."""

    articles: Duration = Field(
        timedelta(days=365),
        description="Since they were first seen; longer where a topic's max_age is longer.",
    )

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.articles < timedelta(days=1):
            raise ValueError("articles are kept for a day at least: write 1d or more")
        return self


class Settings(Options):
    """The whole of aggregator.yaml."""

    state: str = Field("../var", min_length=1, description="Database and published files; relative to this file.")
    database: Annotated[str, AfterValidator(_database)] = Field(
        "sqlite", description="sqlite, or postgresql+psycopg://user@host/name"
    )
    listen: Annotated[str, _HOST_AND_PORT, AfterValidator(_listen)] = Field(
        "127.0.0.1:8080", description="Host and port of the web server."
    )
    health_listen: Annotated[str, _HOST_AND_PORT, AfterValidator(_listen)] | None = Field(
        None,
        description="Host and port for /healthz, /readyz and /metrics alone: also of a worker that does not serve.",
    )
    base_url: Annotated[str, AfterValidator(_base_url)] = Field(
        default_factory=lambda given: own_url(given["listen"]),
        description="What readers see; links in feeds begin with it. Else made from `listen`.",
    )
    tag_authority: Annotated[str, _AUTHORITY] = Field(
        "example.org,2026",
        description="Choose once: item ids are made from it (RFC 4151). Another one needs `former_tag_authority`.",
    )
    former_tag_authority: Annotated[str, _AUTHORITY] | None = Field(
        None, description="The tag_authority that this store has had, if it is to have another one: new ids are meant."
    )
    reload: Literal["watch", "signal"] = Field(
        "watch",
        description="When a changed configuration is taken over: when its files have been saved, or on SIGHUP only.",
    )
    timezone: ZoneName = Field(
        "UTC", description="Whose clocks digests go by, such as Europe/Zurich; a topic may have its own."
    )
    digest_at: TimeOfDay = Field(
        "00:00", description="When the days and weeks of digests begin; a topic may have its own."
    )
    poll: Poll = Poll()
    fetch: Fetch = Fetch()
    parse: Parse = Parse()
    websub: WebSub = WebSub()
    serve: Serve = Serve()
    everything: Everything = Everything()
    retention: Retention = Retention()
    log: Log = Log()
    operator_feed: Literal["private", "public", "off"] = Field(
        "private", description="Who may read the feed of what needs an operator: who has a token, everybody, nobody."
    )

    @field_validator("health_listen")
    @classmethod
    def _apart(cls, health_listen: str | None, given: ValidationInfo) -> str | None:
        port = _address(given.data["listen"])[1] if "listen" in given.data else 0
        if health_listen and port and _address(health_listen)[1] == port:
            raise ValueError(f"`listen` has port {port}, too: give one of them another")
        return health_listen

    @property
    def subscribes(self) -> bool:
        """Whether to ask hubs to push: they must be able to reach us."""
        return self.websub.subscribe == "auto" and is_outside(urlsplit(self.base_url).hostname or "")

    @property
    def hubs(self) -> tuple[str, ...]:
        """The hubs that our feeds name."""
        kind = self.websub.hub
        return {"own": (f"{self.base_url}hub",), "off": ()}.get(kind, (kind,))

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        return _bound(self.listen)

    @property
    def health_address(self) -> tuple[str, int] | None:
        """The same of what is for those who look after the daemon, where that has one of its own."""
        return _bound(self.health_listen) if self.health_listen else None


SCHEMA: TypeAdapter[Settings] = TypeAdapter(Settings)


def overridden(data: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """The data of aggregator.yaml with `AGGREGATOR_LISTEN=…`, `AGGREGATOR_POLL__EVERY=…` put over it.

    Paths in the environment are relative to the current directory, where whoever wrote them stands.
    """
    result = dict(data)
    for variable, (outer, inner) in variables().items():
        value: Any = environment.get(variable)
        if value is None:
            continue
        if inner is None:
            result[outer] = str(Path.cwd() / value) if outer == "state" and value else value
        else:
            result[outer] = {**(result.get(outer) or {}), inner: value.split() if inner in _LISTS else value}
    if "STATE_DIRECTORY" in environment and "AGGREGATOR_STATE" not in environment:  # systemd.exec(5)
        result["state"] = environment["STATE_DIRECTORY"].split(":")[0]
    return result


def variables() -> dict[str, tuple[str, str | None]]:
    """The environment variables that set something → the key, and the key inside it if there is one."""
    found: dict[str, tuple[str, str | None]] = {}
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Options):
            found |= {f"AGGREGATOR_{name}__{key}".upper(): (name, key) for key in info.annotation.model_fields}
        else:
            found[f"AGGREGATOR_{name}".upper()] = (name, None)
    return found


def state_directory(settings: Settings, config_directory: Path) -> Path:
    return (config_directory / settings.state).resolve()
