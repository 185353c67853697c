"""Write the man pages and the shell completions: from the texts of --help, from the schema, by click's generator.

Usage: python tools/make_man.py
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from textwrap import wrap
from typing import Any

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete
from pydantic_core import PydanticUndefined

from aggregator import __version__
from aggregator.cli import main
from aggregator.config.settings import Settings, variables
from aggregator.registry import Options

ROOT = Path(__file__).parent.parent
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_FILES = {
    "/etc/aggregator/aggregator.yaml": "The daemon itself: see aggregator.yaml(5).",
    "/etc/aggregator/sources.yaml": "Where news comes from.",
    "/etc/aggregator/topics.yaml": "What you follow.",
    "/etc/aggregator/concepts/": "The things that topics are about, with the words that name them.",
    "/etc/aggregator/credentials/": "Passwords and tokens, a file each, to be named in sources.yaml.",
    "/var/lib/aggregator/": "The state of the service: database, inbox, published files.",
}


def files() -> dict[str, str]:
    """All that is made, by its place in the project."""
    return {"man/aggregator.1": command_page(), "man/aggregator.yaml.5": settings_page()} | {
        f"completion/{name}": _completion(kind)
        for name, kind in {
            "aggregator.bash": BashComplete,
            "_aggregator": ZshComplete,
            "aggregator.fish": FishComplete,
        }.items()
    }


def command_page() -> str:
    """aggregator(1)."""
    context = click.Context(main, info_name="aggregator", color=False)
    parts = [_head("AGGREGATOR", 1, "aggregator", _first_sentence(main.help))]
    parts += [".SH SYNOPSIS", ".B aggregator", f"{_text('[OPTIONS] COMMAND [ARGS]...')}"]
    parts += [".SH DESCRIPTION", _paragraphs(main.help)]
    parts += [".SH OPTIONS", *_options(main, context), ".SH COMMANDS"]
    for command, inner in _commands(main, context):
        usage = " ".join(command.collect_usage_pieces(inner))
        parts += [f".SS {_text(inner.command_path.removeprefix('aggregator '))} {_text(usage)}"]
        parts += [_paragraphs(command.help), *_options(command, inner)]
    parts += [".SH EXIT STATUS", _paragraphs(main.epilog)]
    parts += [".SH ENVIRONMENT", _paragraphs("Every setting of aggregator.yaml(5) has a variable, which goes first.")]
    parts += _entries({"AGGREGATOR_CONFIG": "The configuration directory.", "NO_COLOR": "No colours, if set."})
    parts += [".SH FILES", *_entries(_FILES), ".SH SEE ALSO", ".BR aggregator.yaml (5)"]
    return "\n".join(parts) + "\n"


def settings_page() -> str:
    """aggregator.yaml(5)."""
    named = {place: name for name, place in variables().items()}
    parts = [_head("AGGREGATOR.YAML", 5, "aggregator.yaml", "settings of aggregator")]
    parts += [".SH DESCRIPTION"]
    parts += [_paragraphs("The daemon itself. Any key may be left out. " + _writing())]
    parts += [".SH KEYS"]
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Options):
            parts += [f".SS {_text(name)}", _paragraphs(kind.__doc__)]
            for key, inner in kind.model_fields.items():
                parts += _entries({key: _said(inner, named[name, key])})
        else:
            parts += _entries({name: _said(field, named[name, None])})
    parts += [".SH SEE ALSO", ".BR aggregator (1)"]
    return "\n".join(parts) + "\n"


def _writing() -> str:
    return (
        "Durations are written like 30s, 5m, 12h, 365d or 2w, sizes like 512kB, 20MB or 1GiB. Paths are relative to the"
        " directory of this file. `aggregator check` says what is wrong, with line and column."
    )


def _said(field: Any, variable: str) -> str:
    default = "" if field.default is PydanticUndefined else f" Default: {_value(field.default)}."
    return f"{(field.description or '').rstrip('.')}.{default} Variable: {variable}."


def _value(value: Any) -> str:
    """A default as a person writes it."""
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        unit = next(unit for unit, length in _UNITS.items() if seconds % length == 0)
        return f"{seconds // _UNITS[unit]}{unit}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value and value % 1_000_000 == 0:
        return f"{value // 1_000_000}MB"
    return "none" if value in ((), None) else str(value)


def _commands(group: click.Group, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    for name, command in sorted(group.commands.items()):
        inner = click.Context(command, parent=context, info_name=name, color=False)
        if isinstance(command, click.Group):
            yield from _commands(command, inner)
        else:
            yield command, inner


def _options(command: click.Command, context: click.Context) -> list[str]:
    records = [param.get_help_record(context) for param in command.get_params(context)]
    return _entries({names: said for names, said in filter(None, records) if said and "--help" not in names})


def _entries(named: dict[str, str]) -> list[str]:
    return [line for name, said in named.items() for line in (".TP", f".B {_text(name)}", _paragraphs(said))]


def _head(title: str, section: int, name: str, what: str) -> str:
    head = f'.TH {title} {section} "" "aggregator {__version__}"'
    return f'.\\" Made by tools/make_man.py.\n{head}\n.SH NAME\n{_text(name)} \\- {_text(what)}'


def _first_sentence(text: str | None) -> str:
    return " ".join((text or "").split("\n\n")[0].split()).rstrip(".")


def _paragraphs(text: str | None) -> str:
    """Plain text as roff: a blank line begins a paragraph."""
    return "\n.PP\n".join("\n".join(map(_text, wrap(one, 76))) for one in (text or "").strip().split("\n\n"))


def _text(text: str) -> str:
    """A line of which no character means anything to roff."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", escaped)


def _completion(kind: type[ShellComplete]) -> str:
    maker = kind(main, {}, "aggregator", "_AGGREGATOR_COMPLETE")
    return ShellComplete.source(maker).strip() + "\n"


if __name__ == "__main__":
    for name, content in files().items():
        (ROOT / name).parent.mkdir(exist_ok=True)
        (ROOT / name).write_text(content, encoding="utf-8")
