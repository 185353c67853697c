"""Tokens for private topics: made, recognised, and told to one person once. Pure.

A token has 256 random bits, so its plain SHA-256 gives nothing away, and only that is stored.
"""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta

from aggregator.models import Token

NOTICED_SECONDS = 5  # until a running daemon knows of a new token, or of one that was revoked
NOTED_EVERY = timedelta(hours=1)  # a use is written at most so often


def digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def recognised(token: str, topic: str, known: Iterable[Token]) -> Token | None:
    """The one of a topic that this token is. How long that takes does not tell how much of it was right."""
    given, found = digest(token), None
    for one in known:
        if hmac.compare_digest(one.digest, given) and one.topic == topic:
            found = one
    return found


def is_worth_noting(token: Token, now: datetime) -> bool:
    """Whether a use now tells anything new."""
    return token.used_at is None or now - token.used_at >= NOTED_EVERY
