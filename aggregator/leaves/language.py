"""`language: en`, or `language: [en, ru]` — the article is in one of these languages (ISO 639 codes).

A language that is not known never keeps an article out: such an article counts as being in any of them, and under
`none` in none of them.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from aggregator.case import Case
from aggregator.leaves._answers import answer, one_or_more
from aggregator.models import Verdict
from aggregator.registry import Leaf
from aggregator.units import LanguageCode


class LanguageLeaf(Leaf):
    """`language: [en, ru]` — the article is in one of these languages, or in one that is not known."""

    KEY: ClassVar[str] = "language"

    language: Annotated[tuple[LanguageCode, ...], one_or_more(LanguageCode)] = Field(min_length=1, max_length=50)

    def judge(self, case: Case) -> Verdict:
        spoken = case.article.language
        holds = spoken in self.language if spoken else not case.is_negated
        return answer(holds, f"language {' or '.join(self.language)}", spoken or "not known")


PLUGIN = LanguageLeaf
