"""What JSON-LD says of the article on a page (https://schema.org/Article). Pure.

Values are of any type that JSON has: `string`, `named` and `listed` make of them what is asked for.
"""

import json
import re
from collections import deque
from collections.abc import Iterator
from html import unescape
from typing import Any

MAX_JSON = 1_000_000  # characters of one script
MAX_SCRIPTS = 50
MAX_NODES = 5000  # of JSON-LD that are looked at
MAX_LISTED = 50  # authors, categories

_ARTICLE = re.compile(r"(?:article|blogposting|report|review|socialmediaposting|podcastepisode|claimreview)$")
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,31}\d{0,2});", re.IGNORECASE)


def article(tree: Any) -> dict[str, Any]:
    """The node of JSON-LD that is an article, or one of the page; empty where there is none."""
    nodes = list(_nodes(tree))
    kinds = [[str(kind).lower() for kind in listed(node.get("@type"))] for node in nodes]
    for wanted in (_ARTICLE.search, re.compile("^webpage$").search):
        for node, names in zip(nodes, kinds, strict=True):
            if any(map(wanted, names)):
                return node | {name: _referred(node.get(name), nodes) for name in ("author", "creator", "publisher")}
    return {}


def _referred(value: Any, nodes: list[dict[str, Any]]) -> list[Any]:
    """People and organisations, where JSON-LD has but a reference to each: as it describes them elsewhere."""
    described = {node["@id"]: node for node in nodes if isinstance(node.get("@id"), str) and "name" in node}
    return [
        described.get(str(one.get("@id")), one) if isinstance(one, dict) and "name" not in one else one
        for one in listed(value)
    ]


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """What JSON-LD describes, each before its parts."""
    count = 0
    for number, script in enumerate(tree.iter("script")):
        kind = (script.get("type") or "").strip().lower()
        if (
            number >= 20 * MAX_SCRIPTS
            or not kind.startswith("application/ld+json")
            or len(script.text or "") > MAX_JSON
        ):
            continue
        waiting = deque([_read(script.text or "")])
        while waiting and count < MAX_NODES:
            node, count = waiting.popleft(), count + 1
            if isinstance(node, list):
                waiting.extendleft(reversed(node[:MAX_NODES]))
            elif isinstance(node, dict):
                yield node
                waiting.extend(node[name] for name in ("@graph", "mainEntity", "mainEntityOfPage") if name in node)


def _read(script: str) -> Any:
    text = script.strip().removeprefix("<!--").removesuffix("-->").removeprefix("//<![CDATA[").removesuffix("//]]>")
    try:
        return json.loads(text.strip().rstrip(";"), strict=False)
    except (ValueError, RecursionError):
        return None


def named(thing: Any) -> str:
    """The name of a person or an organisation, as JSON-LD has it."""
    name = thing.get("name") if isinstance(thing, dict) else thing
    return line_of(name[0] if isinstance(name, list) and name else name)


def listed(value: Any) -> list[Any]:
    return (value if isinstance(value, list) else [value] if value is not None else [])[:MAX_LISTED]


def string(value: Any) -> str | None:
    value = value[0] if isinstance(value, list) and value else value
    return value.strip() or None if isinstance(value, str) else None


def line_of(value: Any) -> str:
    """A line of text; many a publisher escapes what needs no escaping."""
    if not isinstance(value, str):
        return ""
    line = " ".join(value[:20_000].split())
    return " ".join(unescape(line).split()) if _REFERENCE.search(line) else line
