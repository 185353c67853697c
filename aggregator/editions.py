"""Editions: what is published of stories under an address of its own, as a configuration says. Pure.

A topic's own feed; a digest of it; a variant of it, by language and least score; the feed of a label, with the stories
of its public topics once each; the feed of everything. All that an edition has at fixed places comes from its name: its
files, its addresses. A label is as public as its topics: where all of them are private, it has no edition.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from aggregator import compose, registry
from aggregator.config import Config, Settings, Topic
from aggregator.models import Feed
from aggregator.store.editions import EVERYTHING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

# In names, whose files lie beside those of topics: the name of none begins with the first, or has the second in it.
_LABEL, _JOINT = "_label-", "."
_LABEL_ID = "label-"  # before a label, the id of its place on the page of all topics

Choice = tuple[str, str]  # what a query asks for: lang and min_score, empty where it does not


@dataclass(frozen=True, slots=True)
class Edition:
    """What is published of stories under an address of its own."""

    name: str  # of its files, and in addresses
    id: str  # what its tag: URI ends with
    title: str
    description: str
    limit: int  # items
    page: str  # for people; relative to the base URL
    topics: tuple[str, ...] = ()  # whose stories it has; none: all stories but those that are in private topics only
    private: bool = False
    digest: str = ""  # hourly, daily or weekly; empty: none
    lang: str = ""  # empty: any
    min_score: int = 0

    @property
    def is_topic(self) -> bool:
        """Whether it is a topic's own feed."""
        return self.topics == (self.name,)

    @property
    def is_its_topics(self) -> bool:
        """Whether it is published together with its topic, and not behind it: its own feed and its digests."""
        return self.is_topic or bool(self.digest)

    @property
    def is_variant(self) -> bool:
        """Whether it is a part of a topic's own feed."""
        return bool(self.lang or self.min_score)

    @property
    def told(self) -> str:
        """What it is beside a topic's own feed, for people."""
        if self.digest:
            return f"{self.digest} digest"
        return ", ".join(
            (*([self.lang] if self.lang else ()), *([f"score {self.min_score}+"] if self.min_score else ()))
        )

    @property
    def choice(self) -> Choice:
        """How a query asks for it at the address of its topic."""
        return self.lang, str(self.min_score or "")


@lru_cache(maxsize=1)
def of(config: Config) -> Mapping[str, Edition]:
    """All editions by name: those of each topic in the order of the file, then labels, then everything."""
    found = [edition for slug, topic in config.topics.items() for edition in of_topic(slug, topic)]
    return {edition.name: edition for edition in (*found, *labels(config), *everything(config))}


def of_topic(slug: str, topic: Topic) -> Iterator[Edition]:
    """A topic's own feed, then its digests, then its variants."""
    own = Edition(
        name=slug,
        id=f"topic/{slug}",
        title=topic.title,
        description=topic.description,
        limit=topic.limit,
        page=f"topics/{slug}",
        topics=(slug,),
        private=topic.private,
    )
    yield own
    for kind in topic.digests:
        name = _JOINT.join((slug, kind))
        yield replace(own, name=name, id=f"topic/{slug}/{kind}", title=f"{topic.title}: {kind} digest", digest=kind)
    for lang in ("", *topic.variants.lang):
        for min_score in (0, *topic.variants.min_score):
            if lang or min_score:
                name = _JOINT.join((slug, *([lang] if lang else ()), *([f"min{min_score}"] if min_score else ())))
                variant = replace(own, name=name, id=f"topic/{name}", lang=lang, min_score=min_score)
                yield replace(variant, title=f"{topic.title} ({variant.told})")


def digests(slug: str, topic: Topic) -> list[Edition]:
    """A topic's digests."""
    return [edition for edition in of_topic(slug, topic) if edition.digest]


def published_with(slug: str, topic: Topic) -> list[str]:
    """The names of what is published together with a topic: its own feed and its digests."""
    return [edition.name for edition in of_topic(slug, topic) if edition.is_its_topics]


def labels(config: Config) -> Iterator[Edition]:
    """The feeds of labels, in the order in which public topics name them."""
    by_label: dict[str, dict[str, Topic]] = {}
    for slug, topic in config.topics.items():
        for label in topic.labels if not topic.private else ():
            by_label.setdefault(label, {})[slug] = topic
    for label, topics in by_label.items():
        yield Edition(
            name=f"{_LABEL}{label}",
            id=f"label/{label}",
            title=label,
            description=f"All of: {', '.join(topic.title for topic in topics.values())}",
            limit=max(topic.limit for topic in topics.values()),
            page=f"#{_LABEL_ID}{label}",
            topics=tuple(topics),
        )


def everything(config: Config) -> Iterator[Edition]:
    """The feed of everything, if there is one."""
    if config.settings.everything.publish:
        told = "All stories, in any topic or in none."
        yield Edition(EVERYTHING, "everything", "Everything", told, config.settings.everything.limit, page="")


def rendered_with(name: str, config: Config) -> list[str]:
    """The names of what is rendered when an edition is: its own, and those of what is published together with it."""
    topic = config.topics.get(name)
    return published_with(name, topic) if topic else [name]


def behind(slug: str, topic: Topic) -> list[str]:
    """The names of the editions that have stories of a topic, beside its own feed: they change when it does."""
    variants = [edition.name for edition in of_topic(slug, topic) if edition.is_variant]
    return [*variants, *(f"{_LABEL}{label}" for label in topic.labels if not topic.private)]


def urls(edition: Edition, base_url: str, token: str = "") -> dict[str, str]:
    """Where it is served, by format name; as `compose.urls`."""
    return compose.urls(edition.name, base_url, private=edition.private, token=token)


def feed(edition: Edition, settings: Settings, updated_at: "datetime") -> Feed:
    """Its feed, without items."""
    return Feed(
        id=f"tag:{settings.tag_authority}:{edition.id}",
        title=edition.title,
        description=edition.description,
        page=f"{settings.base_url}{edition.page}",
        urls=urls(edition, settings.base_url),
        updated_at=updated_at,
        items=(),
        hubs=() if edition.private else settings.hubs,
    )


def files(edition: Edition) -> dict[str, str]:
    """The names of its files, by format name."""
    return {name: f"{edition.name}.{kind.extension}" for name, kind in registry.formats().items()}


def root(edition: Edition, config: Config) -> "Path":
    """Where the folder of feeds lies in which its files are."""
    return config.private if edition.private else config.public


def chosen(query: str) -> Choice | None:
    """What the query of an address asks for; None if that is nothing, whatever else stands in it. What is asked for
    twice is asked for in a way that nothing is prepared for."""
    found: dict[str, list[str]] = {"lang": [], "min_score": []}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if value and (values := found.get(unquote_plus(name))) is not None:
            values.append(unquote_plus(value))
    if not any(found.values()):
        return None
    return ",".join(found["lang"]), ",".join(found["min_score"])


def offered(choices: Iterable[Choice]) -> str:
    """Words for somebody who asks for a selection that is not prepared: which ones are."""
    written = [
        "?" + "&".join(f"{name}={value}" for name, value in zip(("lang", "min_score"), choice, strict=True) if value)
        for choice in choices
    ]
    there = f"Of this feed there are {', '.join(written)}" if written else "Of this feed there are no selections"
    return f"{there}; `variants: {{lang: [en], min_score: [50]}}` of a topic in topics.yaml has them prepared.\n"
