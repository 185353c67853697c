"""Has the reader this already, and in which encoding does it want it? (RFC 9110 §12.5.3, §13.) Pure.

Fields are given by their names in small letters; those that were sent twice are joined with a comma.
"""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache

# The fields of a request that have a say here.
NAMES = ("accept-encoding", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since")

_TAG = re.compile(r'[ \t,]*(W/)?"([^"\x00-\x20\x7f]*)"[ \t]*(?=,|$)')
_WEIGHT = re.compile(r"[ \t]*q[ \t]*=[ \t]*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*", re.IGNORECASE)


def status(fields: Mapping[str, str], etag: str, modified_at: int | None) -> int:
    """What a GET or HEAD comes to: 200, 304 or 412, by the precedence of §13.2.2.

    `etag` is strong, with its quotes; `modified_at` in seconds since 1970, None if there is nothing to say of it.
    """
    if "if-match" in fields:
        if not _names(fields["if-match"], etag, weakly=False):
            return 412
    elif "if-unmodified-since" in fields and _is_newer(modified_at, fields["if-unmodified-since"], unless=False):
        return 412
    if "if-none-match" in fields:
        given = fields["if-none-match"]
        return 304 if given == etag or _names(given, etag, weakly=True) else 200
    if "if-modified-since" in fields and not _is_newer(modified_at, fields["if-modified-since"], unless=True):
        return 304
    return 200


@lru_cache(maxsize=256)
def takes_gzip(accepted: str) -> bool:
    """Whether the value of Accept-Encoding allows gzip. One without a value does not."""
    weights: dict[str, float] = {}
    for member in accepted.split(","):
        coding, _, parameter = member.partition(";")
        weight = _WEIGHT.fullmatch(parameter)
        weights[coding.strip().lower()] = float(weight[1]) if weight else 0.0 if parameter.strip() else 1.0
    named = [weights[name] for name in ("gzip", "x-gzip") if name in weights]
    return max(named) > 0 if named else weights.get("*", 0.0) > 0


def _names(given: str, etag: str, *, weakly: bool) -> bool:
    """Whether a list of entity tags has this one, by weak or strong comparison (§8.8.3.2). Nothing is read behind what
    cannot be understood."""
    if given.strip() == "*":
        return True
    position = 0
    while found := _TAG.match(given, position):
        if f'"{found[2]}"' == etag and (weakly or not found[1]):
            return True
        position = found.end()
    return False


def _is_newer(modified_at: int | None, given: str, *, unless: bool) -> bool:
    """Whether it has changed after a date as HTTP writes them; `unless` that is none, or nothing is known."""
    since = _seconds(given)
    return unless if since is None or modified_at is None else modified_at > since


@lru_cache(maxsize=1024)
def _seconds(given: str) -> float | None:
    try:
        date = parsedate_to_datetime(given)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
