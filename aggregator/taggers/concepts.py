"""Which concepts is an article about, rather than just mentions? Scores 0–100.

    score = 35 if the title names it
          + 15 · how early the text does: whole within the first 20 words, nothing from the 50th on;
                 less where more than five of its kind stand there: that is a list
          + 9 · log₂(1 + mentions), up to 40; in a text of more than 500 words, mentions per 500
          + 10 · (mentions + 3 · mentions in the title) / (the same of the concept of its kind mentioned most, or 4)

40 and more is a main subject, 25 to 39 one of several, below that a mention in passing. Each further mention is worth
less, so that a short text is not about all that it names twice; and of less than 80 words even the first are not early.

What stands for a concept, as a president does for a country, counts as the concept does. What a score owes to that is
a part of its own, by the name: "through Ada Brook 11".

The weights come from measurements on news texts with countries given by their indexers: docs/quality.md.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from math import log2

from aggregator.features import Features, Hit, Vocabulary
from aggregator.models import Tag
from aggregator.registry import Tagger

TITLE, LEDE, MENTIONS, DOMINANCE = 35, 15, 40, 10
EARLY, LATE = 20, 50  # words of the text before the first mention
DOUBLED = 9  # for twice as many mentions
SHORT, LONG = 80, 500  # words
TITLE_WEIGHT = 3  # a mention in the title counts as so many, where concepts are compared
UNSPACED = frozenset(("zh", "ja", "ko", "th"))  # languages in whose texts each character is a word
CHARACTERS = 2  # of them are a word, more or less
NAMED = 3  # of those who stand for a concept, in the evidence
LISTED = 5  # of a kind among the first words: more are a list
FEW = 4  # mentions: with less nobody is dominant

Evidence = tuple[tuple[str, int], ...]


def tag(features: Features, vocabulary: Vocabulary) -> Iterator[Tag]:
    heaviest: dict[str, int] = {}
    early: Counter[str] = Counter()
    unit = CHARACTERS if features.article.language in UNSPACED else 1
    for concept, hits in features.concepts.items():
        heaviest[_kind(concept)] = max(heaviest.get(_kind(concept), FEW), _weight(features, hits))
        early[_kind(concept)] += any(0 <= hit.start - features.title_length < EARLY * unit for hit in hits)
    for concept, hits in features.concepts.items():
        stand_ins = features.stand_ins.get(concept, {})
        others = {hit for some in stand_ins.values() for hit in some}
        own = _evidence(
            features, [hit for hit in hits if hit not in others], heaviest[_kind(concept)], early[_kind(concept)]
        )
        whole = _evidence(features, hits, heaviest[_kind(concept)], early[_kind(concept)]) if others else own
        through = _through([vocabulary.concepts[name].label for name in stand_ins])
        evidence = (*own, *_points({through: _sum(whole) - _sum(own)}))
        yield Tag(concept, vocabulary.concepts[concept].label, min(100, _sum(evidence)), evidence)


def _evidence(features: Features, hits: Collection[Hit], heaviest: int, rivals: int) -> Evidence:
    unit = CHARACTERS if features.article.language in UNSPACED else 1
    length = features.body_length / unit
    body = [(hit.start - features.title_length) / unit for hit in hits if not features.in_title(hit)]
    early = (LATE - min(body, default=LATE)) / (LATE - EARLY) * min(1, length / SHORT)
    mentions = len(body) * LONG / max(LONG, length)
    return _points(
        {
            "title": TITLE * (len(body) < len(hits)),
            "lede": LEDE * max(0, min(1, early)) * min(1, LISTED / max(1, rivals)),
            "mentions": min(MENTIONS, DOUBLED * log2(1 + mentions)),
            "dominance": DOMINANCE * _weight(features, hits) / heaviest,
        }
    )


def _weight(features: Features, hits: Collection[Hit]) -> int:
    return len(hits) + (TITLE_WEIGHT - 1) * sum(1 for hit in hits if features.in_title(hit))


def _through(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - NAMED} more" if len(labels) > NAMED else ""
    return f"through {', '.join(sorted(labels)[:NAMED])}{more}"


def _kind(concept: str) -> str:
    return concept.partition(":")[0]


def _points(parts: Mapping[str, float]) -> Evidence:
    return tuple((name, round(points)) for name, points in parts.items() if round(points))


def _sum(evidence: Evidence) -> int:
    return sum(points for _, points in evidence)


PLUGIN = Tagger(tag)
