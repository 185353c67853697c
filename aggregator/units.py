"""The small types of the configuration: durations, sizes, shares, addresses, secrets, and how a person writes them."""

import os
import re
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from aggregator import iso639

LONGEST = timedelta(days=36500)  # added to any date that is believed, it is still a date
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES = {"B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_DURATION = r"^(\d{1,6})\s*(s|m|h|d|w)$"
_OF_FOLDER = "aggregator_"  # before the names of credentials that systemd has loaded from the folder of our unit
_PERCENT = r"^(\d{1,3})\s*%$"
_SIZE = r"^(\d{1,9})\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)$"


@dataclass(frozen=True)
class Written:
    """For Annotated: text that the pattern finds something in, and the words for a person whose text is another."""

    pattern: str
    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": self.pattern}

    def _checked(self, value: str) -> str:
        if not re.search(self.pattern, value) or value.endswith("\n"):  # `$` also matches before a last line's end
            raise ValueError(self.words)
        return value


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    match = re.match(_DURATION, str(value))
    if not match:
        raise ValueError("a duration is a number and one of s, m, h, d, w, such as '30m'")
    found = timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
    if found > LONGEST:
        raise ValueError("a duration is at most 100 years")
    return found


def written_duration(value: timedelta) -> str:
    """As a person writes it, in the largest unit without a rest."""
    seconds = round(value.total_seconds())
    unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0) if seconds else "s"
    return f"{seconds // _SECONDS[unit]}{unit}"


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("this duration must be longer than 0")
    return value


def _size(value: Any) -> Any:
    if isinstance(value, int):
        return value
    match = re.match(_SIZE, str(value))
    if not match:
        raise ValueError("a size is a number and one of B, kB, MB, GB, KiB, MiB, GiB, such as '20MB'")
    return int(match[1]) * _BYTES[match[2]]


def _written_size(value: int) -> str:
    """Likewise."""
    unit = (
        "B"
        if value == 0
        else next(unit for unit in ("GB", "GiB", "MB", "MiB", "kB", "KiB", "B") if value % _BYTES[unit] == 0)
    )
    return f"{value // _BYTES[unit]}{unit}"


def _percent(value: Any) -> Any:
    if isinstance(value, int):
        return value
    match = re.match(_PERCENT, str(value))
    if not match or not 1 <= int(match[1]) <= 100:
        raise ValueError("a share is written in percent, from 1% to 100%, such as '30%'")
    return int(match[1])


def _zone(value: str) -> str:
    if value != "UTC":  # which is there on machines without a tz database, too
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            near = get_close_matches(value, sorted(available_timezones()), n=1)
            meant = f" (did you mean '{near[0]}'?)" if near else ""
            raise ValueError(f"a time zone is named as in 'Europe/Zurich' or 'UTC'{meant}") from None
    return value


def _network(value: Any) -> Any:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        return ip_network(str(value))
    except ValueError as error:
        raise ValueError(f"a network is written like '10.1.0.0/16' or '192.168.7.9': {error}") from None


def _secret(value: Any, info: ValidationInfo) -> Any:
    """The text itself, or the text that `{env: NAME}` or `{credential: NAME}` (systemd.exec(5)) stands for."""
    if not isinstance(value, dict):
        return value
    environment = (info.context or {}).get("environment", os.environ)
    match value:
        case {"env": str(name)} if len(value) == 1:
            if name not in environment:
                raise ValueError(f"the environment variable {name} is not set")
            return environment[name]
        case {"credential": str(name)} if len(value) == 1 and re.fullmatch(r"[\w.-]{1,255}", name):
            folder = environment.get("CREDENTIALS_DIRECTORY")
            if folder is None:
                raise ValueError(
                    f"there are no credentials: put a file '{name}' into credentials/ beside this file,"
                    f" or name '{name}' with LoadCredential= in the systemd unit"
                )
            own = Path(folder) / name
            try:
                path = own if own.exists() else own.with_name(_OF_FOLDER + name)
                return path.read_text(encoding="utf-8").rstrip("\n")
            except (OSError, UnicodeError) as error:
                raise ValueError(f"the credential '{name}' cannot be read: {error}") from None
    raise ValueError("a secret is text, {env: NAME} or {credential: NAME}")


def _proxy(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"http://[!-~]+", secret.get_secret_value()):
        raise ValueError("a proxy is written like 'http://127.0.0.1:3128'")
    return secret


def _sendable(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if not value.isprintable() or not value.isascii():
        raise ValueError("only printable ASCII can be sent in a header")
    return secret


# A pause may be 0, a duration may not.
Pause = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(written_duration, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _DURATION}),
]
Duration = Annotated[Pause, AfterValidator(_positive)]
Size = Annotated[
    int,
    BeforeValidator(_size),
    PlainSerializer(_written_size, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _SIZE}),
]
Percent = Annotated[int, BeforeValidator(_percent), WithJsonSchema({"type": "string", "pattern": _PERCENT})]
ZoneName = Annotated[str, AfterValidator(_zone)]
TimeOfDay = Annotated[str, Written(r"^([01][0-9]|2[0-3]):[0-5][0-9]$", "a time of the day is written like '07:00'")]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network), WithJsonSchema({"type": "string"})]
LanguageCode = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": "^[a-z]{2,3}$"}), AfterValidator(iso639.checked)
]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
_SECRET_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        *(
            {
                "type": "object",
                "properties": {key: {"type": "string"}},
                "required": [key],
                "additionalProperties": False,
            }
            for key in ("env", "credential")
        ),
    ]
}
Secret = Annotated[SecretStr, BeforeValidator(_secret), WithJsonSchema(_SECRET_SCHEMA)]
HeaderSecret = Annotated[Secret, AfterValidator(_sendable)]
ProxyUrl = Annotated[Secret, AfterValidator(_proxy)]  # it may hold a user and a password
