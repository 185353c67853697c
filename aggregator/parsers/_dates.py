"""Dates as publishers write them: the instant, in the zone that the text states. Pure."""

import calendar
import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

_MAX_LENGTH = 100
_OFFSET = re.compile(r"([+-])(\d\d):?([0-5]\d)(?:\s*\([\w ]{0,30}\))?$|(?<=[\d ])([A-Z]{3})$", re.IGNORECASE)
_NAMED = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}  # RFC 822 §5.1


def date(text: Any, parsed: Any = None) -> datetime | None:
    """The date that a text states. `parsed` is the instant that feedparser found in it, as a tuple in UTC.

    Without a zone it is taken as UTC. None: there is none, or it is out of range; a feed may say anything.
    """
    text = text.strip()[:_MAX_LENGTH] if isinstance(text, str) else ""
    exact = _iso(text)  # first: feedparser drops fractions of a second, and takes compact times for midnight
    instant = None if exact else _utc(parsed)
    return exact or (_in_range(instant, _zone(text)) if instant else _internet(text))


def _iso(text: str) -> datetime | None:
    try:
        return _aware(datetime.fromisoformat(text))
    except ValueError:
        return None


def _internet(text: str) -> datetime | None:
    try:
        return _aware(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _utc(parsed: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _aware(found: datetime) -> datetime | None:
    """With a zone, and such that its instant is a date in every zone."""
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return found if 1 < found.year < 9999 else None


def _in_range(instant: datetime, zone: timezone) -> datetime | None:
    return instant.astimezone(zone) if 1 < instant.year < 9999 else None


def _zone(text: str) -> timezone:
    match = _OFFSET.search(text)
    if match is None:
        return UTC
    if match[4]:
        hours = _NAMED.get(match[4].upper(), 0)
        return timezone(timedelta(hours=hours)) if hours else UTC
    offset = timedelta(hours=int(match[2]), minutes=int(match[3])) * (-1 if match[1] == "-" else 1)
    return timezone(offset) if offset and abs(offset) < timedelta(hours=24) else UTC
