"""`length: {min: 80}` — how many words the text has, without its title; `min`, `max` or both.

In scripts without spaces each character is a word.
"""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from aggregator.case import Case
from aggregator.leaves._answers import answer
from aggregator.models import Verdict
from aggregator.registry import Leaf, Options


class Lengths(Options):
    """`{min: 80, max: 2000}`, or one of them, in words."""

    min: int | None = Field(None, ge=0, le=1_000_000)
    max: int | None = Field(None, ge=0, le=1_000_000)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("a length needs min or max, such as {min: 80}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"no text has {self.min:,} words at least and {self.max:,} at most: min is above max")
        return self


class Length(Leaf):
    """`length: {min: 80}` — how many words the text has."""

    KEY: ClassVar[str] = "length"

    length: Lengths

    def judge(self, case: Case) -> Verdict:
        count, least, most = case.article.word_count, self.length.min, self.length.max
        holds = (least is None or count >= least) and (most is None or count <= most)
        bounds = [f"{sign} {bound:,}" for sign, bound in (("≥", least), ("≤", most)) if bound is not None]
        return answer(holds, f"length {' and '.join(bounds)} words", f"{count:,} words")


PLUGIN = Length
