"""Values as rows: what `dataclasses.asdict` says, without a copy of all that is in them."""

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any


def fields_of(value: Any) -> dict[str, Any]:
    """The fields of a dataclass with two or more, by name. Frozen values need no copies, however deep."""
    names, values = _reader(value.__class__)
    return dict(zip(names, values(value), strict=True))


@cache
def _reader(kind: Any) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    names = tuple(field.name for field in fields(kind))
    return names, attrgetter(*names)
