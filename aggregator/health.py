"""Is the daemon well? Asked from outside, as a container's HEALTHCHECK does; loads next to nothing."""

from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from aggregator.errors import StateError

_KINDS = {"http": HTTPConnection, "https": HTTPSConnection}
LONGEST = 1000  # bytes of an answer that are looked at


def asked(url: str, seconds: float, page: str = "healthz") -> str:
    """What `/healthz`, or `/readyz`, of a daemon answers, on one line. Raises StateError unless it is 200.

    No proxy that the environment names is asked: the daemon is on this machine.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme not in _KINDS:
            raise ValueError("an address begins with http:// or https://")
        with closing(_KINDS[parts.scheme](parts.hostname or "", parts.port, timeout=seconds)) as connection:
            connection.request("GET", parts.path.rstrip("/") + f"/{page}")
            with connection.getresponse() as answer:
                said = " ".join(answer.read(LONGEST).decode(errors="replace").split())
                status = answer.status
    except (OSError, ValueError, HTTPException) as error:
        raise StateError(f"no answer from {url}: {error}") from error
    if status != 200:
        raise StateError(f"{url} says {status}: {said}")
    return said


def own_url(directory: Path | None) -> str:
    """Where the daemon of a configuration says how it is. Raises ConfigError."""
    from aggregator import config
    from aggregator.config.settings import own_url

    settings = config.load_settings(config.find(directory))
    return own_url(settings.health_listen or settings.listen)
