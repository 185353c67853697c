"""agencies.yaml: news agencies beside those that come with the program, or more names of those."""

from typing import Annotated

from pydantic import Field, TypeAdapter

from aggregator.config.links import Host
from aggregator.registry import Options

Name = Annotated[str, Field(min_length=2, max_length=100)]
Language = Annotated[str, Field(pattern="^[a-z]{2}$")]
Phrase = Annotated[str, Field(min_length=3, max_length=100, pattern="^[^A-Z]+$")]
Id = Annotated[str, Field(pattern="^[a-z0-9]+(?:-[a-z0-9]+)*$")]


class AgencyEntry(Options):
    """An agency, or what is added to one that the program knows by the same id."""

    label: str = Field("", max_length=100, description="As readers know it; the id if there is none.")
    names: tuple[Name, ...] = Field((), description="As they stand in datelines and bylines, in all languages.")
    only_in: dict[Language, tuple[Name, ...]] = Field({}, description="Names that are its in these languages only.")
    hosts: tuple[Host, ...] = Field((), description="Its own sites: what stands there is its.")
    signatures: tuple[Annotated[tuple[Phrase, ...], Field(min_length=1)], ...] = Field(
        (), description="Phrases, in small letters, of a line behind an article that nobody else writes so, in order."
    )


class AgenciesFile(Options):
    """The whole of agencies.yaml; see `aggregator/data/agencies.yaml`, which has the same keys."""

    agencies: dict[Id, AgencyEntry] = Field({}, description="Agencies by their ids.")


SCHEMA: TypeAdapter[AgenciesFile] = TypeAdapter(AgenciesFile)
