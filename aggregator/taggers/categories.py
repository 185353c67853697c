"""What the publisher says an article is about: its own categories.

A category that is an alias of a concept counts as that concept, at the bound of "about". Any other becomes a
tag `category:…` with the publisher's word as its label; a long one is cut, for letters may grow by folding.
"""

import re
from collections.abc import Iterator

from aggregator.config.topics import ABOUT
from aggregator.features import Features, Vocabulary
from aggregator.models import Tag
from aggregator.registry import Tagger
from aggregator.words import folded

MAX_SLUG = 200


def tag(features: Features, vocabulary: Vocabulary) -> Iterator[Tag]:
    language = features.article.language
    for category in features.article.categories:
        label = category.label or category.term
        concept = vocabulary.concept_named(label, language) or vocabulary.concept_named(category.term, language)
        slug = re.sub(r"[^\w]+", "-", folded(label))[:MAX_SLUG].strip("-")
        if concept:
            yield Tag(concept, vocabulary.concepts[concept].label, ABOUT, (("category", ABOUT),))
        elif slug:
            yield Tag(f"category:{slug}", label, ABOUT, (("category", ABOUT),))


PLUGIN = Tagger(tag)
