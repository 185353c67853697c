"""Small charts as SVG: numbers → a row of bars, with the same in words for who does not see it. Pure.

One path for all bars and no attribute `style`, so that a page with a thousand of them stays small and its
Content-Security-Policy strict. Colours come from the stylesheet (`currentColor`).
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from markupsafe import Markup

BAR, GAP = 4, 1  # units of the picture; how large it is shown says the stylesheet
HEIGHT = 24
LEAST = 2  # height of a bar that stands for anything at all

_SVG = Markup(
    '<svg class="chart" role="img" aria-label="{label}" viewBox="0 0 {width} {height}" width="{width}"'
    ' height="{height}" preserveAspectRatio="none" focusable="false">'
    '<path class="base" d="M0 {base}H{width}"/>{bars}</svg>'
)


def by_day(counts: Mapping[date, int], today: date, days: int, what: str) -> Markup:
    """So many days up to today, as bars. `what` is counted, in the plural: "stories"."""
    values = [counts.get(today - timedelta(days=days - 1 - number), 0) for number in range(days)]
    label = f"{_counted(sum(values), what)} in {days} days"
    if any(values):
        most = max(values)
        busiest = today - timedelta(days=days - 1 - values.index(most))
        label += f", {most:,} at most in a day ({busiest:%-d %B}), {values[-1]:,} today"
    return bars(values, label)


def by_hour(shares: Sequence[float], what: str) -> Markup:
    """The 24 hours of the day (UTC), as bars. Only how they compare is shown, not how much it is."""
    if not any(shares):
        return bars(shares, f"{what} by hour: nothing known yet")
    hours = sorted(range(24), key=lambda hour: (-shares[hour], hour))[:3]
    named = ", ".join(f"{hour}:00" for hour in hours if shares[hour])
    return bars(shares, f"{what} by hour (UTC): most at {named}")


def bars(values: Sequence[float], label: str) -> Markup:
    """A bar for each value; the greatest is as high as the picture."""
    most = max(values, default=0)
    heights = [max(LEAST, round(HEIGHT * value / most)) if value > 0 else 0 for value in values]
    path = "".join(
        f"M{number * (BAR + GAP)} {HEIGHT}v-{height}h{BAR}v{height}z" for number, height in enumerate(heights) if height
    )
    drawn = Markup('<path fill="currentColor" d="{path}"/>').format(path=path) if path else ""
    width = max(1, len(values) * (BAR + GAP) - GAP)
    return _SVG.format(label=label, width=width, height=HEIGHT, base=HEIGHT - 0.5, bars=drawn)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number else f"no {what}"
