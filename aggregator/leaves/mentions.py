"""`mentions: country:china` — one of its names stands in the article, however much the article is about it.

`count: 3` wants it three times, `in: title` or `lede` there. A name inside a longer name of something else (China in
South China Sea) does not count.
"""

from typing import ClassVar, Literal

from pydantic import Field

from aggregator.case import Case, mentioned
from aggregator.config.topics import Named
from aggregator.leaves._answers import Count, counted
from aggregator.models import Verdict
from aggregator.registry import Leaf


class Mentions(Leaf):
    """`mentions: country:china` — one of its names stands in the article."""

    KEY: ClassVar[str] = "mentions"
    CONCEPTS: ClassVar[tuple[str, ...]] = ("mentions",)

    mentions: Named
    count: Count = Field(1, description="How often, at least.")
    where: Literal["title", "lede", "text"] = Field(
        "text", alias="in", description="title, lede (the title and first 70 words), or text (the title and all)."
    )

    def judge(self, case: Case) -> Verdict:
        hits = case.hits(self.mentions, self.where)
        return counted(case, f"mentions {self.mentions} in {self.where}", len(hits), self.count, lambda: hits)

    @property
    def needs(self) -> tuple[frozenset[str], ...]:
        return (frozenset({mentioned(self.mentions)}),)


PLUGIN = Mentions
