"""Does the clock of this machine run, or does it jump? Pure: told of two clocks, it compares what passed on each."""

from datetime import datetime, timedelta

JUMP = timedelta(minutes=1)  # smaller corrections are everybody's: nothing depends on them


class Clock:
    """Told again and again what time it is, by the wall clock and by one that only runs forward."""

    def __init__(self) -> None:
        self._last: tuple[datetime, float] | None = None

    def jumped(self, now: datetime, monotonic: float) -> timedelta:
        """By how much the wall clock was put forward (or back: less than zero) since it was last looked at; else zero.

        A machine that was asleep looks like one whose clock was put forward.
        """
        last, self._last = self._last, (now, monotonic)
        if last is None:
            return timedelta()
        off = (now - last[0]) - timedelta(seconds=monotonic - last[1])
        return off if abs(off) > JUMP else timedelta()
