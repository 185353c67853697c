"""Templates → pages. They escape everything that is not marked as cleaned HTML."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from aggregator import iso639, schedule
from aggregator.editions import Edition
from aggregator.masking import masked
from aggregator.web.assets import assets

# Scripts that are written from right to left (https://www.w3.org/International/questions/qa-scripts).
_RIGHT_TO_LEFT = frozenset("ar arc ckb dv fa he ks pnb ps sd syr ug ur yi".split())
_LANGUAGE = re.compile("[a-z]{2,3}")
_ADDRESS = re.compile(r"https?://[^\s<>\"'“”]*[^\s<>\"'“”.,:;!?)\]…]", re.IGNORECASE)
_TIME = Markup('<time datetime="{iso}">{shown}</time>')
_AGO = Markup('<time datetime="{iso}" title="{date}">{shown}</time>')


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around every page: whose site it is, and whether it has a page of sources for this reader."""

    base_url: str
    root: str = ""  # the way from the page to the front page: "../" for each folder between
    has_sources: bool = False
    here: str = ""  # which of the pages in the head of the page it is
    assets: Mapping[str, str] = field(default_factory=lambda: {name: asset.name for name, asset in assets().items()})


def render(page: str, frame: Frame, **values: object) -> str:
    """A page by its template's name."""
    return _templates().get_template(f"{page}.html").render(frame=frame, base_url=frame.base_url, **values)


def language(code: str | None) -> Markup:
    """The attributes that say how a text is written: its language, if it is known, and its direction."""
    if not code or not _LANGUAGE.fullmatch(code):
        return Markup(' dir="auto"')
    return Markup(' lang="{}" dir="{}"').format(code, "rtl" if code in _RIGHT_TO_LEFT else "auto")


def named(edition: Edition) -> str:
    """What an edition of a topic is beside the topic's own feed: "Daily digest", "English, score 50 or better"."""
    if edition.digest:
        return f"{edition.digest.capitalize()} digest"
    score = f"score {edition.min_score} or better" if edition.min_score else ""
    told = ", ".join(filter(None, (iso639.name(edition.lang) if edition.lang else "", score)))
    return told[:1].upper() + told[1:]


def moment(at: datetime) -> Markup:
    """A time as people write it, and as machines read it."""
    return _TIME.format(iso=at.isoformat(), shown=f"{at.astimezone(UTC):%-d %B %Y, %H:%M} UTC")


def apart(at: datetime, now: datetime) -> Markup:
    """How far from now a time is: "5 min ago", "in 2 h"."""
    span = schedule.spoken(abs(at - now))
    shown = f"in {span}" if at > now else f"{span} ago"
    return _AGO.format(iso=at.isoformat(), date=f"{at.astimezone(UTC):%-d %B %Y, %H:%M} UTC", shown=shown)


def without_queries(text: str) -> str:
    """A text whose addresses have lost what may be a secret, whatever its name: user, password and parameters."""
    return masked(_ADDRESS.sub(lambda found: place(found[0]), text))


def place(url: str) -> str:
    """Where an address leads, without what may be a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "…"
    host = parts.netloc.rpartition("@")[2]
    return masked(f"{parts.scheme}://{host}{parts.path}{'?…' if parts.query else ''}")


@cache
def _templates() -> Environment:
    found = Environment(
        loader=PackageLoader("aggregator.web"),
        autoescape=select_autoescape(),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    found.filters |= {"language": language, "moment": moment, "masked": masked, "named": named}
    return found
