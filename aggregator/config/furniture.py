"""furniture/*.yaml: lines that sites put around articles, beside those that come with the program."""

from typing import Annotated

from pydantic import AfterValidator, Field, TypeAdapter

from aggregator.markers import Markers
from aggregator.registry import Options


def _understood(pattern: str) -> str:
    Markers.of({"behind": [pattern]})
    return pattern


Pattern = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_understood)]


class FurnitureFile(Options):
    """The whole of one file in furniture/. A pattern is the words of a line; … stands for anything."""

    behind: tuple[Pattern, ...] = Field((), description="Lines that stand behind an article: here it ends.")
    before: tuple[Pattern, ...] = Field((), description="Lines that stand before an article's first paragraph.")
    amid: tuple[Pattern, ...] = Field((), description="Lines that stand by themselves within an article.")
    menu: tuple[Pattern, ...] = Field((), description="Names of sections: furniture where several stand together.")


SCHEMA: TypeAdapter[FurnitureFile] = TypeAdapter(FurnitureFile)
