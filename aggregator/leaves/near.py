"""`near: [country:china, country:russia]` — all of these stand close together.

Each is a concept, or `{phrase: …}`. `within: sentence` (the default) or `paragraph`: one of which has them all; the
title is a sentence and a paragraph of its own. `within: 10 words`: a stretch of at most so many words has them all.
`count: 3` wants three such sentences or paragraphs, or three stretches with no word in common.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import islice
from typing import Annotated, ClassVar

from pydantic import Discriminator, Field, Tag, field_validator

from aggregator.case import Case, mentioned, worded
from aggregator.config.topics import Named
from aggregator.features import Hit, phrase_key
from aggregator.leaves._answers import Count, Phrase, answer, times
from aggregator.leaves._stretches import stretches
from aggregator.models import Verdict
from aggregator.registry import Leaf, Options
from aggregator.units import Written


class NearPhrase(Options):
    """`{phrase: gas deal}` — these words in this order."""

    phrase: Phrase


Item = Annotated[
    Annotated[Named, Tag("concept")] | Annotated[NearPhrase, Tag("NearPhrase")],
    Discriminator(lambda value: "concept" if isinstance(value, str) else "NearPhrase"),
]
_WITHIN = r"^(sentence|paragraph|[1-9]\d{0,2} words?)$"
_SHOWN = 3


class Near(Leaf):
    """`near: [country:china, {phrase: gas deal}]` — all of these stand close together."""

    KEY: ClassVar[str] = "near"
    CONCEPTS: ClassVar[tuple[str, ...]] = ("near",)

    near: tuple[Item, ...] = Field(min_length=2, max_length=10)
    within: Annotated[str, Written(_WITHIN, "write sentence, paragraph, or a number of words such as '10 words'")] = (
        Field("sentence", description="sentence, paragraph, or a number of words such as '10 words'.")
    )
    count: Count = Field(1, description="How many sentences, paragraphs or stretches, at least.")

    @field_validator("near")
    @classmethod
    def _are_several(cls, value: tuple[Item, ...]) -> tuple[Item, ...]:
        if len(set(map(_key, value))) < len(value):
            raise ValueError("the same stands here twice; `mentions` with `count` asks for one thing several times")
        return value

    def judge(self, case: Case) -> Verdict:
        per_item = [self._hits(case, key) for key in self._keys]
        if missing := [item for item, hits in zip(self.near, per_item, strict=True) if not hits]:
            return answer(False, self._rule, f"{_name(missing[0])} is not mentioned")
        if self.within in ("sentence", "paragraph"):
            common = _common([self._mask(case, key) for key in self._keys])
            found = common.bit_count()
            first: list[int | Hit] = [*_lowest(common, _SHOWN)]
        else:
            spans = self._stretches(case, per_item)
            found, first = len(spans), [*spans[:_SHOWN]]
        value = times(found)
        if not case.shows:
            return answer(found >= self.count, self._rule, value)
        return answer(found >= self.count, self._rule, value, lambda: case.excerpts(self._shown(case, per_item, first)))

    def _hits(self, case: Case, key: tuple[str, bool]) -> tuple[Hit, ...]:
        """Where an item stands; of a concept not where another of the items stands for it: one name is not two."""
        name, is_phrase = key
        hits = case.hits(name, is_phrase=is_phrase)
        others = {} if is_phrase else case.features.stand_ins.get(name, {})
        same = {hit for other in self._concepts if other in others for hit in others[other]}
        return tuple(hit for hit in hits if hit not in same) if same else hits

    def _mask(self, case: Case, key: tuple[str, bool]) -> int:
        """A number with a bit for each sentence, or paragraph, that has the item; the lowest bit is the title's."""

        def find() -> int:
            places = case.features.sentences if self.within == "sentence" else case.features.paragraphs
            bits = bytearray(len(places) // 8 + 1)
            place = _place(case, self.within)
            for hit in self._hits(case, key):
                number = place(hit) + 1
                bits[number >> 3] |= 1 << (number & 7)
            return int.from_bytes(bits, "little")

        others = case.features.stand_ins.get(key[0], {})
        beside = tuple(name for name in self._concepts if name in others)
        mask: int = case.once(("mask", key, beside, self.within), find)
        return mask

    def _stretches(self, case: Case, per_item: Sequence[Sequence[Hit]]) -> list[Hit]:
        """The first hundred: no rule asks for more."""
        most = int(self.within.split()[0])
        found: list[Hit] = case.once((self._keys, most), lambda: list(islice(stretches(per_item, most), 100)))
        return found

    def _shown(self, case: Case, per_item: Sequence[Sequence[Hit]], found: Iterable[int | Hit]) -> Iterable[Hit]:
        """What is to be shown of the first places: from the first of the things to the last."""
        for place in found:
            if isinstance(place, Hit):
                yield place
                continue
            hits = [next(hit for hit in hits if _place(case, self.within)(hit) == place - 1) for hits in per_item]
            yield Hit(min(hit.start for hit in hits), max(hit.end for hit in hits))

    @property
    def phrases(self) -> tuple[str, ...]:
        return tuple(item.phrase for item in self.near if isinstance(item, NearPhrase))

    @property
    def needs(self) -> tuple[frozenset[str], ...]:
        return tuple(frozenset({worded(key, "text") if is_phrase else mentioned(key)}) for key, is_phrase in self._keys)

    @cached_property
    def _keys(self) -> tuple[tuple[str, bool], ...]:
        return tuple(map(_key, self.near))

    @cached_property
    def _concepts(self) -> tuple[str, ...]:
        return tuple(sorted(key for key, is_phrase in self._keys if not is_phrase))

    @cached_property
    def _rule(self) -> str:
        least = f" at least {self.count} times" if self.count > 1 else ""
        unit = self.within if self.within[0].isdigit() else f"one {self.within}"
        return f"{' near '.join(map(_name, self.near))} within {unit}{least}"


def _key(item: Item) -> tuple[str, bool]:
    return (phrase_key(item.phrase), True) if isinstance(item, NearPhrase) else (item, False)


def _name(item: Item) -> str:
    return f"“{item.phrase}”" if isinstance(item, NearPhrase) else item


def _place(case: Case, within: str) -> Callable[[Hit], int]:
    return case.features.sentence_of if within == "sentence" else case.features.paragraph_of


def _common(masks: Iterable[int]) -> int:
    found = -1
    for mask in masks:
        found &= mask
    return found


def _lowest(mask: int, most: int) -> list[int]:
    """The numbers of the lowest bits."""
    found: list[int] = []
    while mask and len(found) < most:
        found.append((mask & -mask).bit_length() - 1)
        mask &= mask - 1
    return found


PLUGIN = Near
