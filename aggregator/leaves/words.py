"""`words: [pipeline, gas, Siberia]` — all of these words, in any order and at any distance.

Each may also be several words, which then stand side by side. `in` and how words are compared: as for `phrase`.
"""

from functools import cached_property
from typing import ClassVar

from pydantic import Field

from aggregator.case import IN_TEXT, Case, Place, worded
from aggregator.features import phrase_key
from aggregator.leaves._answers import WHERE, Phrase, answer
from aggregator.models import Verdict
from aggregator.registry import Leaf


class Words(Leaf):
    """`words: [pipeline, gas]` — all of these words, in any order."""

    KEY: ClassVar[str] = "words"

    words: tuple[Phrase, ...] = Field(min_length=1, max_length=50)
    where: Place = Field("text", alias="in", description=WHERE)

    def judge(self, case: Case) -> Verdict:
        missing = [word for word, key in zip(self.words, self._keys, strict=True) if not case.count(key, self.where)]
        found = len(self.words) - len(missing)
        value = f"{found} of {len(self.words)} found" + (f", not “{missing[0]}”" if missing else "")
        rule = f"words {', '.join(f'“{word}”' for word in self.words)} in {self.where}"
        return answer(not missing, rule, value, lambda: self._excerpts(case))

    def _excerpts(self, case: Case) -> tuple[str, ...]:
        if not case.shows or self.where not in IN_TEXT:
            return ()
        firsts = [hits[0] for key in self._keys if (hits := case.hits(key, self.where, is_phrase=True))]
        return tuple(shown for hit in firsts for shown in case.excerpts([hit]))

    @property
    def phrases(self) -> tuple[str, ...]:
        return self.words if self.where in IN_TEXT else ()

    @property
    def needs(self) -> tuple[frozenset[str], ...]:
        return tuple(frozenset({worded(key, self.where)}) for key in self._keys)

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        return tuple(map(phrase_key, self.words))


PLUGIN = Words
