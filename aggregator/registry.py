"""The extension surface on one page: what a plug-in is, and which ones there are.

Each plural folder (`sources`, `parsers`, `taggers`, `leaves`, `formats`) is a plug-in point: one file there, whose
docstring is its manual, defines `PLUGIN`. A package of somebody else's offers one through an entry point in the group
`aggregator.sources` (…) that names the same kind of object; built-in and foreign plug-ins are treated alike.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aggregator import sniff
from aggregator.models import Document, Feed, Found, Memory, Parsed, Rejected, SourceState, Tag, Verdict
from aggregator.units import Duration, Label, LanguageCode

if TYPE_CHECKING:
    from aggregator.case import Case, Place
    from aggregator.expressions import Expression
    from aggregator.features import Features, Vocabulary
    from aggregator.fetch import Access, Fetcher


DEFAULT_RANK = 50


class Options(BaseModel):
    """What a person may write in YAML: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    def __copy__(self) -> Self:
        """What `model_copy` begins with: without what was derived from the values, since some may be replaced."""
        copied = super().__copy__()
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied


class Source(Options, ABC):
    """A place we read. A plug-in of `sources` is a subclass; its fields are the keys of an item of sources.yaml."""

    KEY: ClassVar[str]  # the key that tells this kind of source from others: `url`, `folder`
    ACCEPTS: ClassVar[frozenset[str]]  # sniffed media types that mean what this source promises
    IS_LIST: ClassVar[bool] = False  # it has members, and a visit may change which
    ONE_DOCUMENT: ClassVar[bool] = False  # a visit brings one document: if that is bad, the visit has failed

    id: str | None = Field(None, pattern=r"^\S{1,500}$", description="Identity of the source; item ids depend on it.")
    name: str | None = Field(None, min_length=1, max_length=200, description="What readers see as the origin.")
    rank: int = Field(DEFAULT_RANK, ge=0, le=1000, description="Whose copy leads a story: the lower number.")
    paywall: bool = Field(False, description="Its articles are for subscribers only: others lead, if there are any.")
    language: LanguageCode | None = Field(None, description="Language of what it says, if it never says.")
    labels: tuple[Label, ...] = Field((), description="Your own words for it; exported as folders.")
    read_as: Literal["feed", "json", "sitemap", "text", "html", "markdown", "mail"] | None = Field(
        None, description="What its documents are, whatever they look like."
    )
    every: Duration | None = Field(None, description="A fixed time between visits, instead of a learned one.")

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if self.media_type and self.media_type not in self.ACCEPTS:
            raise ValueError(f"read_as: {self.read_as} is nothing that a source with `{self.KEY}` reads")
        return self

    def located(self, config_directory: Path, state_directory: Path) -> "Source":
        """This source with relative paths made absolute."""
        return self

    def members(self, config_directory: Path, state_directory: Path) -> "Iterable[Source]":
        """The sources that this one stands for beside itself, all located. Raises SourceError."""
        return ()

    @property
    @abstractmethod
    def identity(self) -> str:
        """The default id: as independent of host, scheme and path as the kind allows."""

    @property
    @abstractmethod
    def label(self) -> str:
        """The default name."""

    @property
    def key(self) -> str:
        return self.id or self.identity

    @property
    def title(self) -> str:
        return self.name or self.label

    @property
    def names(self) -> tuple[str, ...]:
        """All that a rule may call it: its id, its name, its labels."""
        return (self.key, self.title, *self.labels)

    @property
    def media_type(self) -> str | None:
        """What a person says that its documents are, as `sniff` names it; None: that is to be seen."""
        return sniff.BY_NAME[self.read_as] if self.read_as else None

    @property
    def address(self) -> str | None:
        """The URL to give as credit, if it has one."""
        return None

    @property
    def host(self) -> str | None:
        """The registrable domain to be polite to; None for a place on this machine."""
        return None

    def access_to(self, hub: str) -> "Access | None":
        """How to reach the hub that pushes its news; None: as everybody does."""
        return None

    @property
    def remembers_files(self) -> bool:
        """Whether what `Found.files` says is to be remembered, and handed to the next visit in its state."""
        return False

    @abstractmethod
    async def visit(self, state: SourceState, fetcher: "Fetcher", now: datetime) -> Found:
        """What is there that `state` does not cover yet. Raises SourceError."""

    def settle(self, documents: Iterable[Document], rejected: Iterable[Rejected]) -> None:
        """Tidy up after the articles of a visit are durable. Must bear being repeated after a crash. Raises OSError."""

    def watched(self) -> Path | None:
        """A folder or file whose changes mean news, if there is one on this machine."""
        return None

    def heeds(self, name: str) -> bool:
        """Whether a file of this name in the folder that is watched may mean news."""
        return True

    def waits(self) -> bool:
        """Whether something lies on this machine that only a worker on it can take; its place is made if that is
        wanted. Raises OSError."""
        return False


class ParseNew(Protocol):
    """What of a document is new since a memory; None where the whole is to be read.

    `in_passing`: only if that is sure to take no more than some milliseconds.
    """

    def __call__(self, document: Document, memory: Memory, *, in_passing: bool) -> Parsed | None: ...


@dataclass(frozen=True, slots=True)
class Parser:
    """A plug-in of `parsers`: Document → Parsed. Both functions raise DocumentError when there is nothing to be had."""

    media_types: frozenset[str]  # as `sniff.media_type` names them; each belongs to one parser
    parse: Callable[[Document], Parsed]
    parse_new: "ParseNew | None" = None  # where a parser can tell what is new from the bytes
    is_quick: Callable[[Document], bool] = lambda document: False  # `parse` is sure to take but some milliseconds
    prepare: Callable[[], None] = lambda: None  # loads what takes long to load: the daemon itself never does


@dataclass(frozen=True, slots=True)
class Tagger:
    """A plug-in of `taggers`: what one article is about. Pure."""

    tag: Callable[["Features", "Vocabulary"], Iterable[Tag]]


class Leaf(Options, ABC):
    """A rule with no rules in it. A plug-in of `leaves` is a subclass; its fields are its keys in topics.yaml.

    Pure, and quick for any text: what it asks of the text should be found for all rules at once, by `phrases` and
    `expressions`.
    """

    KEY: ClassVar[str]  # the key that tells this kind of rule from others: `about`, `phrase`
    CONCEPTS: ClassVar[tuple[str, ...]] = ()  # keys whose values name concepts, which must be there

    @abstractmethod
    def judge(self, case: "Case") -> Verdict:
        """Its answer about an article, with the value it saw."""

    @property
    def phrases(self) -> Iterable[str]:
        """What must be looked for in every text."""
        return ()

    @property
    def expressions(self) -> "Iterable[tuple[str, Place, Expression]]":
        """Regular expressions that must be looked for, each with the term that it gives and the field to look in."""
        return ()

    @property
    def needs(self) -> tuple[frozenset[str], ...]:
        """Sets of terms, see `case`: where the rule holds, an article has a term of each. None: that is not known."""
        return ()


@dataclass(frozen=True, slots=True)
class Format:
    """A plug-in of `formats`: Feed → bytes. The same feed gives the same bytes."""

    title: str  # for people: "Atom"
    media_type: str  # with charset, as sent in Content-Type
    extension: str
    render: Callable[[Feed], bytes]


@cache
def _plugins(kind: str) -> Mapping[str, Any]:
    package = import_module(f"aggregator.{kind}")
    names = sorted(module.name for module in iter_modules(package.__path__) if not module.name.startswith("_"))
    found = {name: import_module(f"aggregator.{kind}.{name}").PLUGIN for name in names}
    return found | {point.name: point.load() for point in entry_points(group=f"aggregator.{kind}")}


def load() -> None:
    """Import all plug-ins now: to do so in the midst of other work holds it up."""
    for kind in ("sources", "parsers", "taggers", "leaves", "formats"):
        _plugins(kind)


def sources() -> Mapping[str, type[Source]]:
    """Kinds of source by the key that names them in sources.yaml."""
    return {plugin.KEY: plugin for plugin in _plugins("sources").values()}


def parsers() -> Mapping[str, Parser]:
    """Parsers by the sniffed media type they take."""
    return {media_type: parser for parser in _plugins("parsers").values() for media_type in parser.media_types}


def leaves() -> Mapping[str, type[Leaf]]:
    """Kinds of rules by the key that names them in topics.yaml."""
    return {plugin.KEY: plugin for plugin in _plugins("leaves").values()}


def taggers() -> Mapping[str, Tagger]:
    return _plugins("taggers")


def formats() -> Mapping[str, Format]:
    return _plugins("formats")
