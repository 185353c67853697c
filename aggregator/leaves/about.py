"""`about: country:china` — the article is about it, not just mentions it.

`min` is the least score; the default is the bound at which a concept written by itself counts, too. The title of the
article counts most, then how often the text names it, then how early, then how it compares with others of its kind: see
`taggers/concepts.py`. A publisher's own category that names the concept makes it about it, at just that bound.
"""

from typing import ClassVar

from pydantic import Field

from aggregator.case import Case, scored
from aggregator.config.topics import ABOUT, Named
from aggregator.models import Verdict
from aggregator.registry import Leaf


class About(Leaf):
    """`about: country:china` — the article is about it, not just mentions it."""

    KEY: ClassVar[str] = "about"
    CONCEPTS: ClassVar[tuple[str, ...]] = ("about",)

    about: Named
    min: int = Field(ABOUT, ge=1, le=100, description=f"The least score: 40 is a main subject, {ABOUT} one of several.")

    def judge(self, case: Case) -> Verdict:
        tag = case.tags.get(self.about)
        rule = f"about {self.about} ≥ {self.min}"
        if tag is None:
            return Verdict(False, rule, "not mentioned")
        value = f"{tag.score} = {' + '.join(f'{name} {points}' for name, points in tag.evidence)}"
        holds = tag.score >= self.min
        return Verdict(holds, rule, value, tag.score if holds else 0, (), case.excerpts(case.hits(self.about)))

    @property
    def needs(self) -> tuple[frozenset[str], ...]:
        return (frozenset({scored(self.about, self.min)}),)


PLUGIN = About
