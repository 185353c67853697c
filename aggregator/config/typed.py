"""Data of a YAML file, all text, with the numbers and truths that its JSON Schema wants. Pure."""

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

_TYPES: dict[str, TypeAdapter[Any]] = {
    "boolean": TypeAdapter(bool),
    "integer": TypeAdapter(int),
    "number": TypeAdapter(float),
}


def typed(data: Any, schema: dict[str, Any]) -> Any:
    """The data with each text that can be nothing but a number, or true or false, as that."""
    return _typed(data, [schema], schema)


def _typed(data: Any, places: list[Any], whole: dict[str, Any]) -> Any:
    branches = [branch for place in places for branch in _branches(place, whole)]
    if isinstance(data, dict):
        return {key: _typed(value, list(_under(branches, key)), whole) for key, value in data.items()}
    if isinstance(data, list):
        items = [branch["items"] for branch in branches if "items" in branch]
        return [_typed(value, items, whole) for value in data]
    kinds = {branch.get("type") for branch in branches} - {"null", "object", "array"}
    if not isinstance(data, str) or len(kinds) != 1 or (kind := _TYPES.get(str(*kinds))) is None:
        return data
    try:
        return kind.validate_python(data)
    except ValidationError:  # what is masked
        return data


def _branches(place: Any, whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What may stand at a place, by each branch of its schema."""
    if not isinstance(place, dict):
        return
    if "$ref" in place:
        yield from _branches(whole["$defs"][place["$ref"].rpartition("/")[2]], whole)
        return
    inner = [one for key in ("anyOf", "oneOf", "allOf") for one in place.get(key, ())]
    if not inner or "type" in place or "properties" in place:
        yield place
    for one in inner:
        yield from _branches(one, whole)


def _under(branches: list[dict[str, Any]], key: str) -> Iterator[Any]:
    for branch in branches:
        if key in branch.get("properties", {}):
            yield branch["properties"][key]
        elif "additionalProperties" in branch:
            yield branch["additionalProperties"]
        yield from branch.get("patternProperties", {}).values()
