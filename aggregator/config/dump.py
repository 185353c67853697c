"""A configuration as YAML that can be loaded again, with a comment on where each part of it comes from. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from aggregator.config.effective import Value
from aggregator.config.yamlfile import YamlFile

_COLUMN = 44  # where comments begin, if there is room


class _Dumper(yaml.SafeDumper):
    """Nothing is written as nothing: as a word it would be text to us."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", ""))


def settings(values: Iterable[Value]) -> str:
    """aggregator.yaml, with where each value comes from behind it. What nobody has set, and is nothing, is left out."""
    lines, section = [], ""
    for one in values:
        if one.value is None:
            continue
        if len(one.keys) == 2 and one.keys[0] != section:
            section = one.keys[0]
            lines.append(f"{section}:")
        text = _written({one.keys[-1]: one.value}, flow=True)
        lines.append(f"{'  ' * (len(one.keys) - 1)}{text}".ljust(_COLUMN) + f" # {one.origin}")
    return "".join(f"{line}\n" for line in lines)


def file(read: YamlFile, data: Any) -> str:
    """Another file, with the line in which each of its entries begins. `data` is what is to be shown of it."""
    return "".join(_sections(read, data if isinstance(data, dict) else {}))


def _sections(read: YamlFile, data: dict[str, Any]) -> Iterator[str]:
    for section, entries in data.items():
        if not entries or not isinstance(entries, dict | list):
            yield f"{_written({section: entries}, flow=True)}\n"
            continue
        yield f"{_written(section)}:\n"
        numbered = entries.items() if isinstance(entries, dict) else enumerate(entries)
        for key, entry in numbered:
            text = _written({key: entry} if isinstance(entries, dict) else [entry])
            comment = f"# {read.place((section, key))}"
            yield "".join(f"  {line}\n" if line else "\n" for line in (comment, *text.split("\n")))


def _written(value: Any, flow: bool = False) -> str:
    """Without a line's end behind it."""
    if flow and isinstance(value, dict):
        key, inner = next(iter(value.items()))
        return f"{_scalar(key)}: {_scalar(inner)}".rstrip()
    if isinstance(value, str):
        return _scalar(value)
    text: str = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)
    return text.rstrip("\n")


def _scalar(value: Any) -> str:
    """A value in one line."""
    text: str = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, default_flow_style=True, width=1 << 30)
    return text.removesuffix("\n").removesuffix("\n...")
