"""What a feed says of itself to those who read it: when to come back, and who pushes its news. Pure."""

import re
from datetime import timedelta
from typing import Any

from aggregator.models import Advice
from aggregator.parsers._found import mappings, string

_HEAD = 100_000  # characters in which a channel's own elements are looked for
_LIST = 2000  # characters in which a list of hours or days ends
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}


def advice(feed: Any, text: str) -> Advice:
    """From what feedparser found of a feed, and from its text."""
    links = [(link.get("rel"), string(link.get("href"))) for link in mappings(feed, "links")]
    hours = (int(hour) for hour in _listed(text, "skipHours", "hour") if hour.isdigit())
    days = (day[:3].lower() for day in _listed(text, "skipDays", "day"))
    return Advice(
        ttl=max(filter(None, (_ttl(feed), _update_period(feed))), default=None),
        skip_hours=frozenset(hour % 24 for hour in hours if hour <= 24),
        skip_days=frozenset(_DAYS.index(day) for day in days if day in _DAYS),
        hubs=tuple(href for rel, href in links if rel == "hub" and href),
        self_url=next((href for rel, href in links if rel == "self" and href), None),
    )


def _ttl(feed: Any) -> timedelta | None:
    """RSS 2.0 `ttl`, in minutes."""
    minutes = _number(feed.get("ttl"))
    return timedelta(minutes=minutes) if minutes else None


def _update_period(feed: Any) -> timedelta | None:
    """RSS 1.0 syndication module: so many updates in a period. Nonsense is as if nothing were said."""
    period = _PERIODS.get(str(feed.get("sy_updateperiod")).strip().lower())
    return period / (_number(feed.get("sy_updatefrequency")) or 1) if period else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 1e-3 < number < 1e6 else None


def _listed(text: str, outer: str, inner: str) -> list[str]:
    """The texts of `inner` inside `outer`: of repeated elements feedparser keeps the last alone."""
    start = text.find(f"<{outer}>", 0, _HEAD)
    end = text.find(f"</{outer}>", start, start + _LIST) if start >= 0 else -1
    return re.findall(rf"<{inner}>\s*(\w{{1,9}})\s*</{inner}>", text[start:end], re.ASCII) if end >= 0 else []
