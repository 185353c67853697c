"""Where does the article end and the page's furniture begin? Pure.

Lines are scored by how much they look like furniture; the best-scoring end of the text is cut off if a marker confirms
it near its beginning, else everything from the first marker in the later part is. Without a marker nothing is cut:
losing article text costs more than keeping a tail.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from aggregator.words import folded, short_hash

CONFIRMED_WITHIN = 6  # lines from the start of the tail in which a marker must stand
BODY_SHARE = 0.35  # of the words: before that, a marker alone cuts nothing
LONG = 30  # words: a headline or teaser has fewer, so a longer line is prose even without a full stop

# What stands behind articles and hardly ever inside them. Each must match a whole line, or begin one.
_MARKER_PATTERNS = r"""
source link
check also
leave a (?:reply|comment)
your email address will not
required fields
(?:related|recommended|similar|more|latest) (?:articles?|posts?|stor(?:y|ies)|news|reading|from|in|on)\b.{0,60}$
(?:popular|trending|recent) (?:articles?|posts?|stor(?:y|ies)|news|content|topics?|videos?)\b.{0,60}$
(?:read|see) (?:more|also|next)\b.{0,80}$
you (?:may|might) (?:also )?(?:like|be interested).{0,30}$
also read\b.{0,100}$
share (?:this|on|via|with)\b.{0,60}$
share:?$
(?:follow|like|find) us\b.{0,80}
tweet$
facebook$
twitter$
whatsapp$
pinterest$
linkedin$
reddit$
(?:sign|signed) up\b.{0,100}
subscribe\b.{0,100}
get (?:the|our) .{0,40}newsletter.{0,80}
.{0,40}\bnewsletters?$
(?:most|editor.?s) (?:read|popular|viewed|shared|picks?)\b.{0,20}$
up next$
advertisement$
sponsored(?: content)?$
promoted$
previous (?:article|post|story)\b.{0,120}$
next (?:article|post|story)\b.{0,120}$
about the (?:author|writer)s?\b.{0,40}$
(?:filed under|tags?|topics?|categor(?:y|ies)|tagged) ?:?.{0,120}$
posted in\b.{0,80}$
(?:©|\(c\)|copyright\b).{0,150}
all rights reserved.{0,60}
.{0,100}all rights reserved\.?$
(?:add|post|write|view|show|leave) (?:a |your |all )?comments?\b.{0,40}$
comments?(?: \(?\d+\)?)?$
\d+ comments?$
no comments yet.{0,40}$
this site uses (?:akismet|cookies).{0,200}
(?:save|notify) m[ye]\b.{0,120}
click (?:here|to)\b.{0,100}$
print(?: this page)?$
e?-?mail(?: this)?$
(?:privacy policy|terms (?:of (?:use|service)|and conditions)|cookie (?:policy|settings))\b.{0,80}$
for media inquiries.{0,100}
the post .{0,200} (?:appeared first|first appeared) on\b.{0,100}
(?:image|photo|picture|featured image) (?:credit|source|by)s?:?.{0,100}$
have (?:a|any) (?:tip|question|story)\b.{0,120}
(?:download|get) (?:the|our) app\b.{0,60}
back to top$
load more.{0,20}$
trending(?: now)?$
related$
related topics?\b.{0,40}$
(?:our |the )?latest (?:articles?|posts?|stor(?:y|ies)|news|headlines|videos?)$
more \w+(?: \w+)? (?:news|stories|headlines)$
like this (?:article|story|post)\?.{0,80}
if you (?:enjoyed|liked) this (?:article|story|post)\b.{0,200}
stay (?:up to date|informed|connected)(?: with .{1,40})?$
(?:follow|find) .{1,30} on$
(?:previous|next) \w+ (?:news|article|story|post)$
\d[\d.,]*k? shares?$
[\w.+-]+@[\w-]+(?:\.[\w-]+)+$
(?:https?://)?(?:www\.)?(?:twitter|x|facebook|instagram)\.com/\S+$
th(?:is|e) (?:article|content|document|material) is subject to copyright.{0,200}
th(?:is|e) (?:article|content|document|material) may not be (?:published|reproduced).{0,200}
citation: .{1,280}
"""
_MARKERS = re.compile(r"^\W*(?:" + "|".join(_MARKER_PATTERNS.split("\n")[1:-1]) + r")\W*$", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?。！？]['\"”’»)\]]*$")
_ITEM = re.compile(r"(?:[-*•‣▪–—]|\d{1,3}[.)])\s")
_TIMED_END = re.compile(r"(?:END\b\W*)?\d{1,2}[:.]\d\d\s*[AP]\.?M\b.{0,12}$")  # below an official transcript
_ELLIPSIS = re.compile(r"(?:…|\.\.\.)\W*$")
_AFTER_COLON = " '\"”’»)]-–—"
_END = 300  # characters at the end of a line that tell how it ends: a line may be a million long


@dataclass(frozen=True, slots=True)
class Markers:
    """Lines that stand around articles."""


@dataclass(frozen=True, slots=True)
class Range:
    """Lines [start, end) and why they are no part of the article."""

    start: int
    end: int
    reason: str


def built_in() -> Markers:
    return Markers()


def line_hash(line: str) -> bytes:
    return short_hash(folded(line).encode())


def furniture(
    lines: Sequence[str], markers: Markers, *, repeated: Collection[bytes] = frozenset(), titled: bool = False
) -> tuple[Range, ...]:
    found = cut(lines)
    return (Range(found[0], len(lines), found[1]),) if found else ()


def cut(lines: Sequence[str]) -> tuple[int, str] | None:
    """Where to cut a text's lines (or paragraphs), the first being line 0; None to leave it whole."""
    counts = [len(line.split()) for line in lines]
    markers = {number for number, line in enumerate(lines) if number and is_marker(line)}
    if not markers:
        return None
    start = _best_tail(
        [3.0 if number in markers else _score(line, counts[number]) for number, line in enumerate(lines)]
    )
    confirming = next((number for number in range(start, start + CONFIRMED_WITHIN) if number in markers), None)
    if start and confirming:
        return _cut(lines, start, f"the end of the text looks like furniture, as {_quoted(lines[confirming])} confirms")
    before = 0
    total = sum(counts)
    for number, count in enumerate(counts):
        if number in markers and before >= BODY_SHARE * total:
            return _cut(lines, number, f"{_quoted(lines[number])} marks the end of the article")
        before += count
    return None


def is_marker(line: str) -> bool:
    """Whether a line is of a kind that stands behind articles and hardly ever inside them."""
    return len(line) < 300 and _MARKERS.match(line.strip()) is not None


def _score(line: str, count: int) -> float:
    """How much a line that is no marker looks like furniture: above zero it does, below it looks like prose."""
    end = line[-_END:]
    ends = bool(_SENTENCE_END.search(end))
    announces = end.rstrip(_AFTER_COLON).endswith(":")  # a list
    if not ends and (count > LONG or announces or _ITEM.match(line) or _TIMED_END.match(line)):
        return -1.0
    if _ELLIPSIS.search(end):
        return 1.0
    if count <= 12 and not ends:
        return 0.8
    if not ends:
        return 0.2
    return -1.0 if count <= 12 else -min(4.0, count / 6)


def _best_tail(scores: Sequence[float]) -> int:
    """Where the suffix with the greatest sum begins; 0 when no suffix has a positive sum."""
    best, start, total = 0.0, 0, 0.0
    for number in range(len(scores) - 1, 0, -1):
        total += scores[number]
        if total > best:
            best, start = total, number
    return start


def _cut(lines: Sequence[str], start: int, reason: str) -> tuple[int, str]:
    return start, reason


def _quoted(line: str) -> str:
    return f"“{line.strip()[:60]}”"
