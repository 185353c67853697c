"""concepts/*.yaml: named things and the words that name them."""

from typing import Annotated

from pydantic import Field, TypeAdapter

from aggregator.config.topics import ConceptId
from aggregator.registry import Options

Alias = Annotated[str, Field(min_length=1, max_length=100)]


class Concept(Options):
    """A named thing. A capital in an alias must be a capital in the text; all else ignores case and accents."""

    label: str = Field(min_length=1, max_length=100, description="What people see.")
    aliases: tuple[Alias, ...] = Field(min_length=1, description="Words and phrases that name it.")
    guards: tuple[Alias, ...] = Field((), description="Phrases inside which an alias does not count.")
    code: str | None = Field(None, pattern="^[A-Z]{2}$", description="ISO 3166-1, for countries.")


class ConceptsFile(Options):
    """The whole of one file in concepts/."""

    concepts: dict[ConceptId, Concept]


SCHEMA: TypeAdapter[ConceptsFile] = TypeAdapter(ConceptsFile)
