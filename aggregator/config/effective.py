"""What aggregator.yaml comes to: each setting, and who says so. Secrets are masked, where nobody asks for them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from aggregator.config import settings as settings_file
from aggregator.config.settings import Settings
from aggregator.config.yamlfile import Location, YamlFile
from aggregator.masking import MASK, masked_address
from aggregator.registry import Options

_PRIVATE = {"auth", "headers", "cookies"}  # keys under which each text is a secret, but for the name of a user
_REFERENCES = ({"env"}, {"credential"})  # say where a secret stands, and not what it is


@dataclass(frozen=True, slots=True)
class Value:
    """A setting as it is used."""

    keys: tuple[str, ...]  # ("poll", "every")
    value: Any  # as in YAML: a text, a number, true or false, a list of them, or None
    kind: str  # who says so: default | file | environment | systemd | credential
    place: str = ""  # file:line:column, or the name of a variable, or of a credential

    @property
    def origin(self) -> str:
        """For people."""
        words = {"environment": "environment variable ", "credential": "credential ", "systemd": "systemd's "}
        return f"{words.get(self.kind, '')}{self.place}" or self.kind


def values(
    found: Settings, file: YamlFile, environment: Mapping[str, str], *, unmasked: bool = False
) -> Iterator[Value]:
    """Each setting in the order of the schema. `file` is aggregator.yaml, over which the environment was put."""
    variables = {place: name for name, place in settings_file.variables().items()}
    dumped = found.model_dump(mode="json")
    for name, info in Settings.model_fields.items():
        is_section = isinstance(info.annotation, type) and issubclass(info.annotation, Options)
        for inner in dumped[name] if is_section else (None,):
            keys = (name,) if inner is None else (name, inner)
            value = dumped[name] if inner is None else dumped[name][inner]
            used = getattr(found, name) if inner is None else getattr(getattr(found, name), inner)
            if isinstance(used, SecretStr):
                value = used.get_secret_value()
            yield Value(keys, _shown(name, value, unmasked), *_origin(keys, variables[name, inner], file, environment))


def without_secrets(data: Any, private: bool = False) -> Any:
    """The data of a YAML file, such as sources.yaml, without what is secret in it. References to secrets stay."""
    if isinstance(data, dict):
        if private and set(data) in _REFERENCES:
            return data
        return {
            key: one if key == "user" else without_secrets(one, private or key in _PRIVATE) for key, one in data.items()
        }
    if isinstance(data, list):
        return [without_secrets(one, private) for one in data]
    if not isinstance(data, str) or not data:
        return data
    return MASK if private else masked_address(data)


def _shown(name: str, value: Any, unmasked: bool) -> Any:
    if unmasked or not isinstance(value, str):
        return value
    return masked_address(value, keeps_user=name == "database")


def _origin(keys: Location, variable: str, file: YamlFile, environment: Mapping[str, str]) -> tuple[str, str]:
    if variable in environment:
        return "environment", variable
    if keys == ("state",) and "STATE_DIRECTORY" in environment:
        return "systemd", "STATE_DIRECTORY"
    if keys not in file.marks:
        return "default", ""
    match _at(file.data, keys):
        case {"env": str(name)}:
            return "environment", name
        case {"credential": str(name)}:
            return "credential", name
    return "file", str(file.place(keys))


def _at(data: Any, keys: Location) -> Any:
    for key in keys:
        data = data[key]
    return data
