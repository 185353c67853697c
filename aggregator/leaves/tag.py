"""`tag: category:foreign-policy` — the article has this tag, with a score of `min` or more.

A tag is a concept, or a word under which its publisher files it: `category:` and that word in small letters, with
hyphens. It may also be written as people see it, `tag: Foreign policy`. Publishers' words have a score of 25.
"""

from typing import ClassVar

from pydantic import Field

from aggregator.case import Case, labelled, scored
from aggregator.config.topics import ABOUT
from aggregator.leaves._answers import answer
from aggregator.models import Verdict
from aggregator.registry import Leaf
from aggregator.words import folded


class TagLeaf(Leaf):
    """`tag: category:foreign-policy`, or its label — the article has this tag."""

    KEY: ClassVar[str] = "tag"

    tag: str = Field(min_length=1, max_length=300)
    min: int = Field(ABOUT, ge=1, le=100, description="The least score.")

    def judge(self, case: Case) -> Verdict:
        label = folded(self.tag)
        tags = [tag for tag in case.tags.values() if tag.concept == self.tag or folded(tag.label) == label]
        best = max((tag.score for tag in tags), default=0)
        return answer(best >= self.min, f"tag {self.tag} ≥ {self.min}", f"{best}" if tags else "no such tag")

    @property
    def needs(self) -> tuple[frozenset[str], ...]:
        return (frozenset({labelled(self.tag), scored(self.tag, self.min)}),)


PLUGIN = TagLeaf
