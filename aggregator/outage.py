"""Is it the sources that fail, or our own network?

When sources on several hosts that answered last time fail one after the other without a single answer, it is the
network: then nobody's failures count, one source at a time is tried, and at the first answer all that have failed
meanwhile are due again. A source that has been failing before says nothing about the network.
"""

from datetime import datetime

HOSTS = 5  # different ones without an answer between them
KINDS = ("dns", "connect", "timeout", "proxy")  # failures that a network which is down looks like
_MUTE = ("bug", "url", "inside")  # failures that say nothing: nobody was asked


class Outage:
    """Told of each visit over the network, in the order in which they end."""

    def __init__(self) -> None:
        self._silent: set[str] = set()
        self._since: datetime | None = None

    @property
    def is_on(self) -> bool:
        return len(self._silent) >= HOSTS

    def note(self, host: str, kind: str | None, began_at: datetime, *, answered_before: bool) -> datetime | None:
        """A visit has ended, with this kind of failure if any. Since when an outage lasted, if that ends it."""
        if kind in KINDS:
            if answered_before:
                self._since = min(self._since or began_at, began_at)
                self._silent.add(host)
            return None
        if kind in _MUTE:
            return None
        since = self._since if self.is_on else None
        self._silent.clear()
        self._since = None
        return since
