"""`age: {max: 7d}` — how old the article was when we first saw it, by its publisher's date; `min`, `max` or both.

That never changes, so neither does what follows from it: an article that was new when it came stays one that was. What
should leave a feed as it grows older is the business of the topic's `max_age`. An article without a date has the age 0.
"""

from datetime import timedelta
from typing import ClassVar, Self

from pydantic import model_validator

from aggregator.case import Case
from aggregator.leaves._answers import answer
from aggregator.models import Verdict
from aggregator.registry import Leaf, Options
from aggregator.units import Duration


class Ages(Options):
    """`{min: 1d, max: 7d}`, or one of them."""

    min: Duration | None = None
    max: Duration | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("an age needs min or max, such as {max: 7d}")
        return self


class Age(Leaf):
    """`age: {max: 7d}` — how old the article was when we first saw it."""

    KEY: ClassVar[str] = "age"

    age: Ages

    def judge(self, case: Case) -> Verdict:
        age = case.article.first_seen_at - case.article.dated_at
        holds = (self.age.min is None or age >= self.age.min) and (self.age.max is None or age <= self.age.max)
        bounds = [f"{sign} {_said(bound)}" for sign, bound in (("≥", self.age.min), ("≤", self.age.max)) if bound]
        return answer(holds, f"age {' and '.join(bounds)} when first seen", _said(age))


def _said(age: timedelta) -> str:
    return f"{age.total_seconds() / 86400:.1f}".removesuffix(".0") + " days"


PLUGIN = Age
