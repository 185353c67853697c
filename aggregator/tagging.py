"""What is an article about, all taggers taken together? Pure."""

from collections.abc import Iterable

from aggregator import registry
from aggregator.config.topics import ABOUT
from aggregator.features import Features, Vocabulary
from aggregator.models import Tag


def tags(features: Features, vocabulary: Vocabulary) -> dict[str, Tag]:
    """Tags by concept, highest score first. Where taggers agree on a concept the highest score counts."""
    best: dict[str, Tag] = {}
    for tagger in registry.taggers().values():
        for tag in tagger.tag(features, vocabulary):
            rival = best.get(tag.concept)
            if rival is None or tag.score > rival.score:
                best[tag.concept] = tag
    return {tag.concept: tag for tag in ranked(best.values())}


def ranked(tags: Iterable[Tag]) -> tuple[Tag, ...]:
    """Highest score first, then by name."""
    return tuple(sorted(tags, key=lambda tag: (-tag.score, tag.concept)))


def about(tags: Iterable[Tag]) -> tuple[Tag, ...]:
    """The tags worth showing: what the article is about."""
    return tuple(tag for tag in ranked(tags) if tag.score >= ABOUT)
