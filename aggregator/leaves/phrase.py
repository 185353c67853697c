"""`phrase: no limits partnership` — these words, in this order, with nothing between them but punctuation.

Case, accents of Latin letters and the form of quotation marks do not matter. `in` says where: in the title, the lede
(the title and the first 70 words), the text (the title and all), or in what the publisher says beside it: author, url,
category. `count` says how often.
"""

from functools import cached_property
from typing import ClassVar

from pydantic import Field

from aggregator.case import IN_TEXT, Case, Place, worded
from aggregator.features import phrase_key
from aggregator.leaves._answers import WHERE, Count, Phrase, counted
from aggregator.models import Verdict
from aggregator.registry import Leaf


class PhraseLeaf(Leaf):
    """`phrase: no limits partnership` — these words in this order."""

    KEY: ClassVar[str] = "phrase"

    phrase: Phrase
    where: Place = Field("text", alias="in", description=WHERE)
    count: Count = Field(1, description="How often, at least.")

    def judge(self, case: Case) -> Verdict:
        return counted(
            case,
            self._rule,
            case.count(self._key, self.where),
            self.count,
            lambda: case.hits(self._key, self.where, is_phrase=True) if self.where in IN_TEXT else (),
        )

    @property
    def phrases(self) -> tuple[str, ...]:
        return (self.phrase,) if self.where in IN_TEXT else ()

    @property
    def needs(self) -> tuple[frozenset[str], ...]:
        return (frozenset({worded(self._key, self.where)}),)

    @cached_property
    def _rule(self) -> str:
        return f"phrase “{self.phrase}” in {self.where}"

    @cached_property
    def _key(self) -> str:
        return phrase_key(self.phrase)


PLUGIN = PhraseLeaf
