"""concepts/*.yaml: named things and the words that name them; and those that come with the program."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, Tag, TypeAdapter, WithJsonSchema, model_validator

from aggregator import packaged
from aggregator.config.topics import ConceptId
from aggregator.iso639 import checked
from aggregator.registry import Options

ANY = "any"  # in the place of a language: the words mean this in every language
_WORDS = re.compile(r"\w")
_WORDS_OF_ONE = "\u2e80"  # from here on one character may be a word: 中, 日
_STEM_WRONG = re.compile(r"(?<!\w\w)\*|\*(?=[\w*])")


def _understood(alias: str) -> str:
    if not _WORDS.search(alias):
        raise ValueError("has neither letters nor digits")
    if _STEM_WRONG.search(alias):
        raise ValueError("a * stands at the end of a word, behind two letters at least, for its endings")
    if len(letters := _WORDS.findall(alias)) == 1 and letters[0] < _WORDS_OF_ONE:
        raise ValueError(
            "one letter by itself stands in too many texts: write a longer name, or ask for it in a topic, by `phrase:`"
        )
    return alias


Alias = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_understood)]
Spoken = Annotated[
    str,
    WithJsonSchema({"type": "string", "pattern": "^[a-z]{2,3}$"}),
    AfterValidator(lambda code: code if code == ANY else checked(code)),
]
Listed = Annotated[tuple[Alias, ...], Field(min_length=1)]
ByLanguage = Annotated[dict[Spoken, Listed], Field(min_length=1)]
# Told apart by looks, so that a mistake in one is not also called a mistake in the other.
_LOOKS = Discriminator(lambda value: "by language" if isinstance(value, dict) else "list")
Aliases = Annotated[Annotated[Listed, Tag("list")] | Annotated[ByLanguage, Tag("by language")], _LOOKS]
Guards = Annotated[Annotated[tuple[Alias, ...], Tag("list")] | Annotated[ByLanguage, Tag("by language")], _LOOKS]


class StandsFor(Options):
    """Who is named also counts as another concept, in articles of these days."""

    concept: ConceptId
    since: date | None = Field(None, alias="from", description="The first day; without it, always before.")
    until: date | None = Field(None, description="The last day; without it, to this day.")

    @model_validator(mode="after")
    def _ordered(self) -> "StandsFor":
        if self.since and self.until and self.until < self.since:
            raise ValueError("until is before from")
        return self

    def holds_on(self, day: date) -> bool:
        """Whether an article of that day is meant."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


class Concept(Options):
    """A named thing. A capital in an alias must be a capital in the text; all else ignores case and accents."""

    label: str = Field(min_length=1, max_length=100, description="What people see.")
    aliases: Aliases = Field(
        description="Words and phrases that name it: a list, or lists by language. Кита* is a stem."
    )
    guards: Guards = Field((), description="Phrases inside which an alias does not count: as aliases.")
    stands_for: tuple[StandsFor, ...] = Field((), description="What is meant, too, where it is named.")
    code: str | None = Field(None, pattern="^[A-Z]{2}$", description="ISO 3166-1, for countries.")

    def named(self) -> Iterator[tuple[str, str]]:
        """Each alias behind its language, which may be `any`."""
        return _pairs(self.aliases)

    def guarded(self) -> Iterator[tuple[str, str]]:
        """Each guard, likewise."""
        return _pairs(self.guards)


class ConceptsFile(Options):
    """The whole of one file in concepts/."""

    concepts: dict[ConceptId, Concept] = Field(description="Of your own; a known id replaces that one.")


SCHEMA: TypeAdapter[ConceptsFile] = TypeAdapter(ConceptsFile)


@cache
def shipped() -> Mapping[str, Concept]:
    """What comes with the program, by id."""
    return {fields["id"]: _concept(**fields) for fields in packaged.rows("concepts")}


def _concept(id: str, **fields: Any) -> Concept:
    return Concept.model_validate(fields)


def _pairs(names: tuple[str, ...] | dict[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    lists = names.items() if isinstance(names, dict) else ((ANY, names),)
    return ((language, name) for language, listed in lists for name in listed)
