"""New items at the end of sources.yaml and topics.yaml, as text: comments and layout of the files stay. Pure."""

import re
from collections.abc import Iterable, Sequence

import yaml

from aggregator.errors import AppendError

_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9./_~%?=&+@,;-]*(:\d+[A-Za-z0-9./_~%?=&+@,;-]*)?")
_PLAIN_WORDS = re.compile(r"[^\W\d_]([\w./()'-]|[ ](?=\S)){0,80}")
_NOT_WORDS = frozenset("yes no true false null on off y n".split())  # to other readers of YAML


def item(url: str, name: str = "", labels: Sequence[str] = (), indent: int = 2) -> str:
    """One feed as an item of sources.yaml, with its line ends."""
    lines = [f"- url: {url if _PLAIN_URL.fullmatch(url) else _quoted(url)}"]
    if name:
        lines.append(f"  name: {_scalar(name)}")
    if labels:
        lines.append(f"  labels: [{', '.join(map(_scalar, labels))}]")
    return "".join(f"{' ' * indent}{line}\n" for line in lines)


def appended(text: str, items: Iterable[tuple[str, str, Sequence[str]]], path: str) -> str:
    """The text of sources.yaml with items (url, name, labels) at its end.

    Raises AppendError where the list is not the last thing in the file, or not written with a line for each item.
    """
    indent, begun = _place(text, path, "sources", yaml.SequenceNode)
    addition = "" if begun else "sources:\n"
    return _joined(text, addition + "".join(item(*each, indent=indent) for each in items))


def with_topics(text: str, entries: Iterable[str], path: str) -> str:
    """The text of topics.yaml with topics at its end, each as text that is not indented, with its line ends.

    Raises AppendError where they are not the last thing in the file, or not written with a line for each key.
    """
    indent, begun = _place(text, path, "topics", yaml.MappingNode)
    addition = "" if begun else "topics:\n"
    for entry in entries:
        addition += "\n" + "".join(f"{' ' * indent}{line}\n" for line in entry.splitlines())
    return _joined(text, addition)


def _joined(text: str, addition: str) -> str:
    if text and not text.endswith("\n"):
        addition = "\n" + addition
    return text + (addition.replace("\n", "\r\n") if "\r\n" in text else addition)


def _place(text: str, path: str, name: str, kind: type[yaml.CollectionNode]) -> tuple[int, bool]:
    """How far the items under a key are indented, and whether the key is there already."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise AppendError(f"{path}:1:1: cannot be read as YAML: {' '.join(str(error).split())}") from error
    if root is None:
        return 2, False
    if not isinstance(root, yaml.MappingNode) or root.flow_style or not root.value:
        raise AppendError(f"{path}:1:1: not written with a line for each key")
    key, value = root.value[-1]
    place = f"{path}:{key.start_mark.line + 1}:{key.start_mark.column + 1}"
    if key.value != name:
        raise AppendError(f"{place}: the key '{key.value}' stands behind the list of {name}")
    if isinstance(value, yaml.ScalarNode) and not value.value:
        return 2, True
    if not isinstance(value, kind) or value.flow_style or value.start_mark.line <= key.start_mark.line:
        raise AppendError(f"{place}: the list is not written with a line for each item")
    return value.start_mark.column, True


def _scalar(text: str) -> str:
    plain = _PLAIN_WORDS.fullmatch(text) and text.lower() not in _NOT_WORDS
    return text if plain else _quoted(text)


def _quoted(text: str) -> str:
    dumped: str = yaml.safe_dump(text, allow_unicode=True, default_style='"', width=1 << 30)
    return dumped.rstrip("\n")
