"""What the publisher says an article is about: its own categories.

A category that is an alias of a concept counts as that concept, at the bound of "about"; so does each part of one that
is a path or a list ("World/Asia/China", "Country: China"). What is no concept as a whole is a tag `category:…` with the
publisher's word as its label; a long one is cut, for letters may grow by folding.
"""

import re
from collections.abc import Iterable, Iterator

from aggregator.config.topics import ABOUT
from aggregator.features import Features, Vocabulary
from aggregator.models import Tag
from aggregator.registry import Tagger
from aggregator.words import folded

MAX_SLUG = 200
MAX_PARTS = 10
_BETWEEN = re.compile(r"[/>|:;,#]+")
_EVIDENCE = (("category", ABOUT),)


def tag(features: Features, vocabulary: Vocabulary) -> Iterator[Tag]:
    for category in features.article.categories:
        label = category.label or category.term
        language = features.article.language
        whole = _named((label, category.term), vocabulary, language)
        parts = _named(_BETWEEN.split(label)[:MAX_PARTS], vocabulary, language)
        for concept in whole[:1] or parts:
            yield Tag(concept, vocabulary.concepts[concept].label, ABOUT, _EVIDENCE)
        slug = re.sub(r"[^\w]+", "-", folded(label))[:MAX_SLUG].strip("-")
        if slug and not whole:
            yield Tag(f"category:{slug}", label, ABOUT, _EVIDENCE)


def _named(texts: Iterable[str], vocabulary: Vocabulary, language: str | None) -> list[str]:
    """The concepts of which the texts are aliases."""
    return [concept for text in texts if (concept := vocabulary.concept_named(text, language))]


PLUGIN = Tagger(tag)
