"""What stands before the first words of a paragraph: BEIJING, March 12 (Reuters) — as agencies write. Pure.

Only its form, from place, date and agency to 新华社北京3月12日电 and 【北京共同】. Whether the agency is one, and the
date a date, is for those to tell who ask.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

CHINESE, JAPANESE, BARE, WESTERN = "Chinese", "Japanese", "bare", "western"  # BARE: nothing but the agency
_DATELINE = re.compile(
    r"(?P<place>[^\W\d_][^()（）\[\]«»“”\"!?;:：—–]{1,60}?)\s*[,，]?\s*"
    r"(?:[(（](?P<agency>[^()（）\d]{2,40})[)）]\.?)?\s*(?:—|–|\.?-{1,2}(?=\s))\s*(?P<rest>\S.*)"
)
_BARE = re.compile(r"[(（](?P<agency>[^()（）\d]{2,40})[)）]\s*(?:—|–|-{1,2}(?=\s))\s*\S")
_SLASHED = re.compile(r"(?P<place>[^\W\d_][^()/]{1,60}?)\.?\s*/(?P<agency>[^()/\d]{2,40})/\.?\s*(?P<rest>\S.*)")
_CHINESE = re.compile(
    r"[（(【]?(?P<agency>[^\W\d_]{2,6}?[社网])(?P<place>[^\W\d]{0,12}?)(?P<date>(?:\d{1,2}月)?\d{1,2}日)(?:综合)?[电電讯訊]"
    r"(?:\s*[（(](?:[^\W\d]{0,6}?记者|記者)\s*(?P<names>[^()（）]{2,30})[)）])?"
)
_JAPANESE = re.compile(
    r"[［【\[](?P<place>[^\W\d_]{1,10})(?:[\s＝=]*(?P<date>(?:\d{1,2}月)?\d{1,2}日))?[\s＝=]*(?P<agency>[^\W\d_]{2,12})[］】\]]"
)


@dataclass(frozen=True, slots=True)
class Form:
    """What may be a dateline. `agency`, `date` and `names` as they are written; empty where they are not."""

    manner: str
    agency: str
    parts: tuple[str, ...] = ()  # of what stands before: places, dates, perhaps the agency
    rest: str = ""  # what follows
    date: str = ""
    names: str = ""

    @property
    def is_loud(self) -> bool:
        """Whether its place is written in capitals."""
        return bool(self.parts) and self.parts[0].isupper() and len(self.parts[0]) > 2


def forms(line: str) -> Iterator[Form]:
    """Each way in which the beginning of a line can be read as a dateline."""
    for manner, pattern in ((CHINESE, _CHINESE), (JAPANESE, _JAPANESE)):
        if match := pattern.match(line):
            said = match.groupdict(default="")
            yield Form(manner, said["agency"], date=said["date"], names=said.get("names", ""))
    if match := _BARE.match(line):
        yield Form(BARE, match["agency"])
    if match := _SLASHED.match(line) or _DATELINE.match(line):
        parts = tuple(part.strip() for part in re.split(r"[,،]|\.\s(?=\D)", match["place"]))
        yield Form(WESTERN, match["agency"] or "", parts, match["rest"])
