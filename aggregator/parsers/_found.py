"""Fields of feedparser's dictionaries as what they should be: a feed can bring anything under any name. Pure."""

from typing import Any


def mappings(raw: Any, name: str) -> list[Any]:
    """A field as the mappings it should consist of. An unknown element of that name in the feed is plain text."""
    value = dict.get(raw, name)
    return [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, dict)]


def string(value: Any) -> str | None:
    """A field as text with something in it."""
    return value.strip() or None if isinstance(value, str) else None
