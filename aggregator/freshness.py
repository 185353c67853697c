"""How long does an HTTP answer stay fresh, and when may we ask again? Pure.

RFC 9111 (caching) and RFC 9110 §10.2.3 (Retry-After). Servers say nonsense; what cannot be read is as if it were not
said, and `schedule` keeps the rest within bounds.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MAX_VALIDATOR = 1000  # characters; a longer one costs more than it saves

_LONGEST = timedelta(days=3650)


def fresh_for(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """For how long the answer may be kept, by `max-age`, else `Expires`; None where nothing useful is said."""
    said = headers.get("cache-control", "").lower()
    if re.search(r"\bno-(cache|store)\b", said):
        return None
    max_age = re.search(r"(?<![\w-])max-age\s*=\s*\"?(\d{1,9})", said)
    if max_age:
        age = headers.get("age", "").strip()
        seconds = int(max_age[1]) - (int(age) if re.fullmatch(r"\d{1,9}", age) else 0)
        return timedelta(seconds=seconds) if seconds > 0 else None
    expires_at = http_date(headers.get("expires"))
    if expires_at is None:
        return None
    left = expires_at - (http_date(headers.get("date")) or now)
    return min(left, _LONGEST) if left > timedelta() else None


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long to stay away, from Retry-After in seconds or as a date, else from a rate limit's reset."""
    for name in ("retry-after", "x-ratelimit-reset", "ratelimit-reset"):
        said = headers.get(name, "").strip()
        if re.fullmatch(r"\d{1,9}(\.\d+)?", said):
            wait = timedelta(seconds=float(said))
            return wait if timedelta() < wait < timedelta(days=365) else None  # a longer one is a date in disguise
        at = http_date(said)
        if at is not None and at > now:
            return min(at - now, _LONGEST)
    return None


def http_date(value: str | None) -> datetime | None:
    """A date of HTTP (RFC 9110 §5.6.7), in UTC."""
    if not value:
        return None
    try:
        found = parsedate_to_datetime(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def etag(value: str | None) -> str | None:
    """An entity tag worth sending back."""
    found = (value or "").strip()
    return found if len(found) > 2 and found != 'W/""' and _is_sendable(found) else None


def last_modified(value: str | None, now: datetime) -> str | None:
    """A modification date worth sending back, as the server wrote it: one that has passed."""
    found = (value or "").strip()
    date = http_date(found) if _is_sendable(found) else None
    return found if date is not None and date <= now + timedelta(hours=1) else None


def _is_sendable(value: str) -> bool:
    return len(value) <= MAX_VALIDATOR and value.isascii() and value.isprintable()
