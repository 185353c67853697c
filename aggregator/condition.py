"""How the daemon is: at work, or ready to serve, and what is not as it should be. Said in words and as JSON. Pure."""

import json
from dataclasses import dataclass

from aggregator.masking import masked
from aggregator.terminal import plain

LONGEST = 300  # characters of one reason
MOST = 20  # reasons


@dataclass(frozen=True, slots=True)
class Condition:
    """What is asked for is so unless it is `down`; `reasons` say why it is, or what is wrong all the same."""

    is_down: bool = False
    reasons: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        return "down" if self.is_down else "degraded" if self.reasons else "ok"

    def brief(self) -> "Condition":
        """The same for strangers: of each reason what stands before its colon, which names no source and no path."""
        return Condition(self.is_down, tuple(reason.partition(": ")[0] for reason in self.reasons))

    def text(self) -> str:
        """The state, and each reason on a line."""
        return "".join(f"{line}\n" for line in (self.state, *self._told()))

    def json(self) -> str:
        return json.dumps({"state": self.state, "reasons": list(self._told())}, ensure_ascii=False) + "\n"

    def _told(self) -> tuple[str, ...]:
        return tuple(one_line(reason) for reason in self.reasons[:MOST])


def one_line(text: str) -> str:
    """The first line of what an error says, without secrets and what would move a cursor."""
    first = plain(masked(text.strip().partition("\n")[0]))
    return first if len(first) <= LONGEST else first[: LONGEST - 1] + "…"
