"""Whose the dateline of a paragraph is, and of which day: BEIJING, March 12 (Reuters). Pure."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from aggregator.bylines import words
from aggregator.datelines import BARE, CHINESE, JAPANESE, Form, forms
from aggregator.models import Origin
from aggregator.parsers._dates_in_words import date_in_words, day_in_words

_MOST_DATES = 12  # that a dateline may be asked to be


def dateline(line: str, tongue: str | None, near: datetime | None) -> Iterator[tuple[str, Any]]:
    """The facts that a line begins with, by name: source, published, author. `near` is a time shortly after it."""
    for form in forms(line):
        agency = words().agency(form.agency)
        if form.manner in (JAPANESE, BARE) and not agency:
            continue
        if form.manner == BARE:
            yield "source", Origin(agency)
        elif form.manner in (CHINESE, JAPANESE):
            yield from _of_eastern(form, tongue, near)
        else:
            yield from _of_western(form, tongue, near)
        return


def _of_eastern(form: Form, tongue: str | None, near: datetime | None) -> Iterator[tuple[str, Any]]:
    yield "source", Origin(words().agency(form.agency) or form.agency)
    date = _dateline_date([form.date], tongue, near)
    if date:
        yield "published", date
    names = words().names(form.names, fewest=1)
    if names:
        yield "author", names


def _of_western(form: Form, tongue: str | None, near: datetime | None) -> Iterator[tuple[str, Any]]:
    """PLACE, date (agency) — with the agency in brackets, or as the last or the next word."""
    date = _dateline_date(form.parts, tongue, near)
    agency = words().agency(form.agency or form.parts[-1]) or (words().agency_before(form.rest) if date else None)
    if not (form.is_loud and (date or form.agency)) and not (agency and len(form.parts[0].split()) <= 4):
        return
    if agency or (form.agency and words().is_publisher(form.agency)):
        yield "source", Origin(agency or form.agency.strip())
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
