"""topics.yaml: the grammar of the topic language. What its rules mean is in `aggregator.topics`."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, TypeAdapter, WithJsonSchema, model_validator

from aggregator.registry import Options
from aggregator.units import LONGEST, Duration, Written

ABOUT = 25  # from this score on an article is about a concept; below, it mentions it

_CONCEPT = r"^[a-z]+:[a-z0-9-]+$"
ConceptId = Annotated[str, Written(_CONCEPT, "a concept is written like 'country:china', in small letters, no spaces")]
# In a rule any text may stand here: whether it names a concept is asked where all concepts are known.
Named = Annotated[str, WithJsonSchema({"type": "string", "pattern": _CONCEPT})]
Slug = Annotated[
    str,
    Written(
        r"^[a-z0-9][a-z0-9-]{0,63}$",
        "a topic's name in addresses has small letters, digits and hyphens, at most 64; people see its `title`",
    ),
]
Language = Annotated[str, Written(r"^[a-z]{2,3}$", "a language is its ISO 639 code, such as 'en'")]
Where = Literal["title", "lede", "text"]


class About(Options):
    """`about: country:china` — the article is about it, not just mentions it."""

    about: Named
    min: int = Field(ABOUT, ge=1, le=100, description=f"The least score: 40 is a main subject, {ABOUT} one of several.")


class Phrase(Options):
    """`phrase: no limits partnership` — these words in this order."""

    phrase: str = Field(min_length=1, max_length=200)
    where: Where = Field("text", alias="in", description="title, lede (the title and first 70 words), or text (all).")


class Group(Options):
    """`all:`, `any:`, `none:` — rules within rules. What is given must all hold."""

    all: tuple["Rule", ...] = ()
    any: tuple["Rule", ...] = ()
    none: tuple["Rule", ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> "Group":
        if not (self.all or self.any):
            raise ValueError("a rule needs something under 'all' or 'any'")
        return self


def _kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "concept"
    if isinstance(value, Options):
        return type(value).__name__
    if isinstance(value, dict):
        for key, kind in (("about", "About"), ("phrase", "Phrase"), ("all", "Group"), ("any", "Group")):
            if key in value:
                return kind
    return None


_HELP = "a rule is a concept such as country:china, or has one of the keys about, phrase, all, any"
Rule = Annotated[
    Annotated[Named, Tag("concept")]
    | Annotated[About, Tag("About")]
    | Annotated[Phrase, Tag("Phrase")]
    | Annotated[Group, Tag("Group")],
    Discriminator(
        _kind,
        custom_error_type="unknown_kind",
        custom_error_message=_HELP,
    ),
]


Group.model_rebuild(force=True)  # `Rule` is known only now


class Example(Options):
    """An article made up to test a topic."""

    title: str
    text: str = ""


# Told apart by looks, so that a mistake in one is not also called a mistake in the other.
FileOrExample = Annotated[
    Annotated[str, Tag("file")] | Annotated[Example, Tag("Example")],
    Discriminator(lambda value: "file" if isinstance(value, str) else "Example"),
]


class Examples(Options):
    """Articles that must, and must not, be in the topic: files (relative to topics.yaml) or `{title, text}`."""

    match: tuple[FileOrExample, ...] = ()
    reject: tuple[FileOrExample, ...] = ()


class Topic(Group):
    """One topic: a rule, and how its feed is shown."""

    title: str = Field(min_length=1, max_length=200)
    description: str = Field("", max_length=1000)
    language: tuple[Language, ...] = Field((), description="Only articles in these languages, or of unknown language.")
    max_age: Duration | None = Field(None, description="Older stories leave the feed.")
    min_independent_sources: int = Field(
        1, ge=1, le=100, description="Only stories that so many tell: reprints of one agency's text count once."
    )
    stories: Literal["one", "one-per-event"] = Field(
        "one", description="`one-per-event`: of all stories about one event only the first one."
    )
    related: bool = Field(False, description="Name stories about the same event at the end of each item.")
    limit: int = Field(100, ge=1, le=1000, description="Items in the feed.")
    private: bool = Field(False, description="Only for those who have a token: see `aggregator token add`.")
    examples: Examples = Examples()

    @property
    def horizon(self) -> timedelta:
        """How old a story in the feed may be."""
        return LONGEST if self.max_age is None else self.max_age


class TopicsFile(Options):
    """The whole of topics.yaml."""

    topics: dict[Slug, Topic] = Field(min_length=1)


SCHEMA: TypeAdapter[TopicsFile] = TypeAdapter(TopicsFile)
