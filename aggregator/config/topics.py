"""topics.yaml: the grammar of the topic language. What its rules mean is in `aggregator.topics` and the `leaves`."""

from datetime import timedelta
from functools import cache, reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Discriminator, Field, Tag, TypeAdapter, WithJsonSchema, model_validator

from aggregator import registry
from aggregator.registry import Leaf, Options
from aggregator.units import LONGEST, Duration, LanguageCode, Percent, TimeOfDay, Written, ZoneName

ABOUT = 25  # from this score on an article is about a concept; below, it mentions it
QUANTIFIERS = ("all", "any", "none")

_CONCEPT = r"^[a-z]+:[a-z0-9-]+$"
ConceptId = Annotated[str, Written(_CONCEPT, "a concept is written like 'country:china', in small letters, no spaces")]
# In a rule any text may stand here: whether it names a concept is asked where all concepts are known.
Named = Annotated[str, WithJsonSchema({"type": "string", "pattern": _CONCEPT})]
SLUG = r"^[a-z0-9][a-z0-9-]{0,63}$"
Slug = Annotated[
    str,
    Written(
        SLUG,
        "a topic's name in addresses has small letters, digits and hyphens, at most 64; people see its `title`",
    ),
]
RuleName = Annotated[str, Written(SLUG, "a rule's name has small letters, digits and hyphens, at most 64")]
Label = Annotated[str, Written(SLUG, "a label stands in addresses: small letters, digits and hyphens, at most 64")]
MOST_VARIANTS = 40  # of a topic: each is written anew when the topic has changed

if TYPE_CHECKING:
    Rule: TypeAlias = "str | Leaf | Group"  # a text is a concept


def _once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    twice = next((value for number, value in enumerate(values) if value in values[:number]), None)
    if twice is not None:
        raise ValueError(f"{twice} stands here twice")
    return values


class Group(Options):
    """`all:`, `any:`, `none:` — rules within rules. What is given must all hold."""

    all: "tuple[Rule, ...]" = Field((), description="Each of these must hold.")
    any: "tuple[Rule, ...]" = Field((), description="At least one of these must hold.")
    none: "tuple[Rule, ...]" = Field((), description="None of these may hold.")
    score: int = Field(0, ge=0, le=100, description="The least score of the whole: of all the lowest, of any the best.")
    rule: str | None = Field(None, description="The name of a rule under `rules`, instead of all other keys.")

    @model_validator(mode="after")
    def _says_something(self) -> "Group":
        if self.rule is not None and self.model_fields_set != {"rule"}:
            raise ValueError("`rule: …` stands by itself: put it into a list under all, any or none")
        if not (self.rule or self.all or self.any or self.none):
            raise ValueError("a rule needs something under 'all', 'any' or 'none'")
        return self


class Example(Options):
    """An article made up to test a topic."""

    title: str = Field(description="Its title.")
    text: str = Field("", description="Its text: paragraphs, with empty lines between them.")
    url: str | None = Field(None, description="Its address.")
    author: str | None = Field(None, description="Who has written it.")
    category: tuple[str, ...] = Field((), description="What its publisher files it under.")
    language: LanguageCode | None = Field(None, description="Instead of that of its words.")
    source: str | None = Field(None, description="The name or id of the source that it comes from.")
    age: Duration | None = Field(None, description="How old it is when it is first seen.")


# Told apart by looks, so that a mistake in one is not also called a mistake in the other.
FileOrExample = Annotated[
    Annotated[str, Tag("file")] | Annotated[Example, Tag("Example")],
    Discriminator(lambda value: "file" if isinstance(value, str) else "Example"),
]


class Examples(Options):
    """Articles that must, and must not, be in the topic: files (relative to topics.yaml) or `{title, text, …}`."""

    match: tuple[FileOrExample, ...] = ()
    reject: tuple[FileOrExample, ...] = ()


class Variants(Options):
    """Selections of a topic's stories that have feeds of their own: one for each of these, and for each two."""

    lang: Annotated[tuple[LanguageCode, ...], AfterValidator(_once)] = Field(
        (), description="Only stories that are shown in this language."
    )
    min_score: Annotated[tuple[Annotated[int, Field(ge=1, le=100)], ...], AfterValidator(_once)] = Field(
        (), description="Only stories with this score or a better one."
    )

    @model_validator(mode="after")
    def _bounded(self) -> "Variants":
        if (count := (1 + len(self.lang)) * (1 + len(self.min_score)) - 1) > MOST_VARIANTS:
            raise ValueError(f"with each language at each score these are {count} feeds: more than {MOST_VARIANTS}")
        return self


class Topic(Group):
    """One topic: a rule, and how its feed is shown."""

    title: str = Field(min_length=1, max_length=200, description="What readers see.")
    description: str = Field("", max_length=1000, description="What the feed says of itself.")
    extends: str | None = Field(
        None, description="Another topic: what is in this one is in that one, too, and shown alike if nothing is said."
    )
    language: tuple[LanguageCode, ...] = Field(
        (), description="Only articles in these languages, or of unknown language."
    )
    max_age: Duration | None = Field(None, description="Older stories leave the feed.")
    keep: Duration | None = Field(
        None,
        description="How long its stories are kept, instead of `retention.articles`; of several topics the longest"
        " counts.",
    )
    min_independent_sources: int = Field(
        1, ge=1, le=100, description="Only stories that so many tell: reprints of one agency's text count once."
    )
    stories: Literal["one", "one-per-event"] = Field(
        "one", description="`one-per-event`: of all stories about one event only the first one."
    )
    related: bool = Field(False, description="Name stories about the same event at the end of each item.")
    reasons: Literal["footer", "categories", "off"] = Field(
        "off", description="Why a story is here, in its item: at its end, as categories, or for programs only (JSON)."
    )
    backfill: int = Field(
        20, ge=0, le=1000, description="At most so many older stories enter the feed when the rules are changed."
    )
    limit: int = Field(100, ge=1, le=1000, description="Items in the feed.")
    variants: Variants = Field(Variants(), description="Selections of its stories that have feeds of their own.")
    labels: Annotated[tuple[Label, ...], AfterValidator(_once)] = Field(
        (),
        max_length=10,
        description="Each has a feed with the stories of all its public topics; the first is a folder.",
    )
    max_per_hour: int | None = Field(
        None, ge=1, le=10_000, description="Stories that enter the feed in an hour; the rest are in one item together."
    )
    max_share: Percent | None = Field(
        None, description="Of one source among the last `limit` stories; the rest are in one item for each hour."
    )
    digests: Annotated[tuple[Literal["hourly", "daily", "weekly"], ...], AfterValidator(_once)] = Field(
        (), description="Feeds with one item for each hour, day or week."
    )
    timezone: ZoneName | None = Field(None, description="Whose clocks digests go by, instead of that for all topics.")
    digest_at: TimeOfDay | None = Field(None, description="When days and weeks begin, instead of that for all topics.")
    private: bool = Field(False, description="Only for those who have a token: see `aggregator token add`.")
    examples: Examples = Field(Examples(), description="Articles that must, and must not, be in it; `check` asks them.")

    @model_validator(mode="after")
    def _says_something(self) -> "Topic":
        if self.rule is not None:
            raise ValueError("`rule: …` stands in a list: write all: [{rule: …}]")
        if not (self.all or self.any or self.extends):
            raise ValueError("a rule needs something under 'all' or 'any'")
        if self.keep is not None and self.keep < timedelta(days=1):
            raise ValueError("`keep` is a day at least")
        return self

    @property
    def one_per_event(self) -> bool:
        """Whether of all stories about one event only the first one is in the feed."""
        return self.stories == "one-per-event"

    @property
    def horizon(self) -> timedelta:
        """How old a story in the feed may be."""
        return LONGEST if self.max_age is None else self.max_age


class TopicsFile(Options):
    """The whole of topics.yaml."""

    rules: "dict[RuleName, Rule]" = Field(default={}, description="Rules with names, to be used by `rule: …`.")
    topics: dict[Slug, Topic] = Field(min_length=1)


@cache
def schema() -> TypeAdapter[TopicsFile]:
    """The whole of topics.yaml, with the kinds of rules that are installed."""
    kinds = registry.leaves()

    def kind(value: Any) -> str | None:
        if isinstance(value, Options):
            return "Group" if isinstance(value, Group) else type(value).__name__
        if not isinstance(value, dict):
            return "concept" if isinstance(value, str) else None
        if any(key in value for key in (*QUANTIFIERS, "rule")):
            return "Group"
        return next((plugin.__name__ for key, plugin in kinds.items() if key in value), None)

    keys = [*kinds, *QUANTIFIERS, "rule"]
    discriminator = Discriminator(
        kind,
        custom_error_type="unknown_kind",
        custom_error_message=f"a rule is a concept such as country:china, or has one of the keys {', '.join(keys)}",
        custom_error_context={"keys": " ".join(keys)},
    )
    models: tuple[type[Options], ...] = (*kinds.values(), Group)
    members: list[Any] = [Annotated[model, Tag(model.__name__)] for model in models]
    rule: Any = Annotated[reduce(or_, members, Annotated[Named, Tag("concept")]), discriminator]
    for model in (Group, Topic, TopicsFile):
        model.model_rebuild(force=True, _types_namespace={**globals(), "Rule": rule})
    return TypeAdapter(TopicsFile)
