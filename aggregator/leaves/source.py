"""`source: Example World`, or a list — the article comes from one of these sources.

A source is named by its name, its id, or one of its labels; case does not matter. `*` stands for any characters, `?`
for one: `source: '*.example.org/*'`. Of a story it is the source of the copy that leads.
"""

import re
from fnmatch import translate
from functools import cached_property
from typing import Annotated, ClassVar

from pydantic import Field

from aggregator.case import Case
from aggregator.leaves._answers import answer, one_or_more
from aggregator.models import Verdict
from aggregator.registry import Leaf

Name = Annotated[str, Field(min_length=1, max_length=500)]


class SourceLeaf(Leaf):
    """`source: Example World` — the article comes from a source with this name, id or label; * and ? are wild."""

    KEY: ClassVar[str] = "source"

    source: Annotated[tuple[Name, ...], one_or_more(Name)] = Field(min_length=1, max_length=500)

    def judge(self, case: Case) -> Verdict:
        rule = f"source {' or '.join(self.source)}"
        return answer(self.fits(case.sources), rule, ", ".join(dict.fromkeys(case.sources)) or "not known")

    def fits(self, names: tuple[str, ...]) -> bool:
        """Whether one of the names of a source is meant; they are in small letters."""
        return any(self._pattern.match(name) for name in names)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(translate(name.casefold().replace("[", "[[]")) for name in self.source))


PLUGIN = SourceLeaf
