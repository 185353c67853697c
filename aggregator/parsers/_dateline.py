"""What stands before the first words of a paragraph: BEIJING, March 12 (Reuters) — whose it is, and of which day. Pure.

In the manners of news agencies, from place, date and agency to 新华社北京3月12日电 and 【北京共同】.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from aggregator.models import Origin
from aggregator.parsers._byline_words import words
from aggregator.parsers._dates_in_words import date_in_words, day_in_words

_MOST_DATES = 12  # that a dateline may be asked to be
_DATELINE = re.compile(
    r"(?P<place>[^\W\d_][^()（）\[\]«»“”\"!?;:：—–]{1,60}?)\s*[,，]?\s*"
    r"(?:[(（](?P<agency>[^()（）\d]{2,40})[)）]\.?)?\s*(?:—|–|\.?-{1,2}(?=\s))\s*(?P<rest>\S.*)"
)
_PLACELESS = re.compile(r"[(（](?P<agency>[^()（）\d]{2,40})[)）]\s*(?:—|–|-{1,2}(?=\s))\s*\S")
_SLASHED = re.compile(r"(?P<place>[^\W\d_][^()/]{1,60}?)\.?\s*/(?P<agency>[^()/\d]{2,40})/\.?\s*(?P<rest>\S.*)")
_CHINESE = re.compile(
    r"[（(【]?(?P<agency>[^\W\d_]{2,6}?[社网])(?P<place>[^\W\d]{0,12}?)(?P<date>(?:\d{1,2}月)?\d{1,2}日)(?:综合)?[电電讯訊]"
    r"(?:\s*[（(](?:[^\W\d]{0,6}?记者|記者)\s*(?P<names>[^()（）]{2,30})[)）])?"
)
_JAPANESE = re.compile(
    r"[［【\[](?P<place>[^\W\d_]{1,10})(?:[\s＝=]*(?P<date>(?:\d{1,2}月)?\d{1,2}日))?[\s＝=]*(?P<agency>[^\W\d_]{2,12})[］】\]]"
)


def dateline(line: str, tongue: str | None, near: datetime | None) -> Iterator[tuple[str, Any]]:
    """The facts that a line begins with, by name: source, published, author. `near` is a time shortly after it."""
    chinese, japanese, alone = _CHINESE.match(line), _JAPANESE.match(line), _PLACELESS.match(line)
    western = _SLASHED.match(line) or _DATELINE.match(line)
    if chinese or (japanese and words().agency(japanese["agency"])):
        yield from _of_eastern((chinese or japanese).groupdict(), tongue, near)  # type: ignore[union-attr]  # one is there
    elif alone and (agency := words().agency(alone["agency"])):
        yield "source", Origin(agency)
    elif western:
        yield from _of_western(western, tongue, near)


def _of_eastern(
    parts: Mapping[str, str | None], tongue: str | None, near: datetime | None
) -> Iterator[tuple[str, Any]]:
    yield "source", Origin(words().agency(parts["agency"] or "") or parts["agency"])
    date = _dateline_date([parts["date"] or ""], tongue, near)
    if date:
        yield "published", date
    names = words().names(parts.get("names") or "", fewest=1)
    if names:
        yield "author", names


def _of_western(match: re.Match[str], tongue: str | None, near: datetime | None) -> Iterator[tuple[str, Any]]:
    """PLACE, date (agency) — with the agency in brackets, or as the last or the next word."""
    parts = [part.strip() for part in re.split(r"[,،]|\.\s(?=\D)", match["place"])]
    written = match["agency"]
    date = _dateline_date(parts, tongue, near)
    agency = words().agency(written or parts[-1]) or (words().agency_before(match["rest"]) if date else None)
    loud = parts[0].isupper() and len(parts[0]) > 2
    if not (loud and (date or written)) and not (agency and len(parts[0].split()) <= 4):
        return
    if agency or (written and words().is_publisher(written)):
        yield "source", Origin(agency or written.strip())
    if date:
        yield "published", date


def _dateline_date(parts: Sequence[str], tongue: str | None, near: datetime | None) -> datetime | None:
    """The date that is in some of the parts of a dateline, or behind the place: MADRID 12 Mar."""
    starts = [*range(1, len(parts)), 0]
    ends = [", ".join(parts[start:end]) for start in starts for end in range(len(parts), start, -1)]
    behind = re.search(r"(?<=\s)\d.*", parts[0])
    for text in [*ends[:_MOST_DATES], *([behind[0]] if behind else [])]:
        found = date_in_words(text, tongue) or (day_in_words(text, tongue, near) if near else None)
        if found:
            return found
    return None
