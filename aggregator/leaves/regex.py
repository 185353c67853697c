"""`regex: '\\bpower of siberia( 2)?\\b'` — a regular expression matches somewhere in a field.

The syntax is RE2's (no look-around, no back-references), with words and spaces of all scripts for \\w, \\b and \\s: see
`expressions.py`. Case matters unless `ignore_case: true`, or (?i) at the beginning. Accents matter, too. `in` says
where, as for `phrase`; of the text the first 100,000 characters are read, after the title and an empty line. Authors,
and categories, are lines.
"""

from functools import cached_property
from typing import ClassVar, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from aggregator.case import Case, Place, marked
from aggregator.expressions import Expression, expression
from aggregator.leaves._answers import WHERE, answer
from aggregator.models import Verdict
from aggregator.registry import Leaf


class Regex(Leaf):
    """`regex: 'Nord Stream [12]'` — a regular expression of RE2 matches."""

    KEY: ClassVar[str] = "regex"

    regex: str = Field(min_length=1)
    where: Place = Field("text", alias="in", description=WHERE)
    ignore_case: bool = Field(False, description="Capital and small letters are the same.")

    @field_validator("regex")
    @classmethod
    def _can_be_read(cls, value: str, info: ValidationInfo) -> str:
        expression(value)
        return value

    @model_validator(mode="after")
    def _can_be_read_without_case(self) -> Self:
        assert self._expression
        return self

    def judge(self, case: Case) -> Verdict:
        text = case.written(self.where)
        found = case.once(self._term, lambda: self._expression.search(text))
        rule = f"regex /{self.regex}/{'i' if self.ignore_case else ''} in {self.where}"
        if found is None:
            return answer(False, rule, "no match")
        start, end = _without_edges(text, *found) if r"\b" in self.regex else found
        value = f"“{' '.join(text[start : min(end, start + 80)].split())}”"
        return answer(True, rule, value, lambda: (marked(text, start, end),) if case.shows else ())

    @property
    def expressions(self) -> tuple[tuple[str, Place, Expression], ...]:
        return ((self._term, self.where, self._expression),)

    @property
    def needs(self) -> tuple[frozenset[str], ...]:
        return (frozenset({self._term}),)

    @cached_property
    def _expression(self) -> Expression:
        return expression(self.regex, ignore_case=self.ignore_case)

    @cached_property
    def _term(self) -> str:
        return f"regex {self.where} {self._expression.exact}"


def _without_edges(text: str, start: int, end: int) -> tuple[int, int]:
    """Without the character beside a word that was looked at, on either side, to see that it is one."""
    return start + (not text[start : start + 1].isalnum()), end - (not text[end - 1 : end].isalnum())


PLUGIN = Regex
