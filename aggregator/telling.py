"""How digests and bundles tell a story: its title, a sentence or two, where it stands, why it is here. Pure.

A story is told as it was when its period ended: copies that come later do not change what is published. Only the copy
that leads is that of now, so that a correction is seen.
"""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from aggregator import compose, origins
from aggregator.models import Attribution
from aggregator.periods import Calendar
from aggregator.sentences import sentences
from aggregator.store.told import Told, ToldCopy
from aggregator.urls import written

MOST_SENTENCES = 2
LONGEST = 300  # characters of them
MOST_COPIES = 10
MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Teller:
    """What is told beside the stories themselves."""

    base_url: str
    calendar: Calendar
    until: datetime  # the end of the period

    def link(self, one: Told) -> str:
        """Where the story is read."""
        return written(one.entered.link or self._page(one))

    def title(self, one: Told) -> str:
        return one.entered.title or "(untitled)"

    def voices(self, one: Told) -> int:
        """How many independent sources told it by then."""
        return origins.independent_in(self._copies(one))

    def whole(self, one: Told) -> str:
        """The story as an entry of a list."""
        title = f'<a href="{html.escape(self.link(one))}"><strong>{html.escape(self.title(one))}</strong></a>'
        parts = (title, html.escape(brief(one.summary)), self._facts(one))
        return f"<li>{'<br>'.join(filter(None, parts))}</li>"

    def short(self, one: Told) -> str:
        """The same without its sentences."""
        return f"<li>{compose.anchor(self.title(one), self.link(one))}<br>{self._facts(one)}</li>"

    def _facts(self, one: Told) -> str:
        return f"<small>{' · '.join(self._told(one))}</small>"

    def _told(self, one: Told) -> Iterator[str]:
        yield compose.anchor(one.entered.origin.name, self.link(one))
        others = [copy.attribution for copy in self._copies(one) if copy.key != one.entered.lead]
        also = list(dict.fromkeys(copy for copy in others if copy.name != one.entered.origin.name))
        if also:
            yield f"also in {_list(also)}"
        if (voices := self.voices(one)) > 1:
            yield f"{voices} independent sources"
        yield self.calendar.moment(one.entered.founded_at)
        reasons = (reason.partition(" = ")[0] for reason in one.entered.reasons)  # how a score is made up: on the page
        why = html.escape("; ".join(islice(reasons, MOST_REASONS)))
        yield f"{compose.anchor('Why it is here', self._page(one))}{f': {why}' if why else ''}"

    def _copies(self, one: Told) -> Sequence[ToldCopy]:
        return [copy for copy in one.copies if copy.first_seen_at < self.until or copy.key == one.entered.lead]

    def _page(self, one: Told) -> str:
        return compose.our_page(self.base_url, one.entered.lead)


def brief(summary: str) -> str:
    """The first sentences, or as much as there is room for."""
    found = ""
    for number, sentence in enumerate(sentences(" ".join(summary.split()))):
        if number == MOST_SENTENCES or (found and len(found) + len(sentence) > LONGEST):
            break
        found += sentence
    found = found.strip()
    return found if len(found) <= LONGEST else found[:LONGEST].rpartition(" ")[0].rstrip(" ,;:") + "…"


def _list(copies: Sequence[Attribution]) -> str:
    named = [compose.anchor(copy.name, copy.link and written(copy.link)) for copy in copies[:MOST_COPIES]]
    more = len(copies) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
