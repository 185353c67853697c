"""What the feed for operators says: alerts → Feed. Pure."""

import html
from collections.abc import Sequence
from datetime import UTC, datetime

from aggregator import compose
from aggregator.alerts import HAPPENINGS
from aggregator.config import Config
from aggregator.masking import masked
from aggregator.models import Alert, Attribution, Category, Feed, Item
from aggregator.schedule import spoken

SLUG = "_operator"  # no topic has such a name
MOST = 100  # items
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # dates a feed in which nothing has ever been
_TITLES = {
    "silent": "Silent",
    "failing": "Failing",
    "challenge": "Keeps robots out",
    "drift": "Holds less",
    "differs": "Reads otherwise",
    "ids": "New ids",
    "hub": "Hub refuses",
    "refused": "Refused",
    "disk": "Low",
    "store": "Failed",
    "network": "Down",
}


def feed(alerts: Sequence[Alert], config: Config) -> Feed:
    """The feed. `alerts`: those that are not over first."""
    settings = config.settings
    items = tuple(_item(alert, settings.tag_authority, settings.base_url) for alert in alerts[:MOST])
    return Feed(
        id=f"tag:{settings.tag_authority}:operator",
        title="Operator",
        description="What needs a look: each thing once, and again when it is over.",
        page=settings.base_url,
        urls=compose.urls(SLUG, settings.base_url, private=settings.operator_feed == "private"),
        updated_at=max((item.updated_at for item in items), default=_NEVER),
        items=tuple(sorted(items, key=lambda item: item.updated_at, reverse=True)),
    )


def title(alert: Alert) -> str:
    """`Failing: Example World`, or `Over after 5 h: Failing: Example World`."""
    named = f"{_TITLES.get(alert.kind, alert.kind)}: {masked(alert.name)}"
    return named if alert.resolved_at is None or alert.kind in HAPPENINGS else f"Over after {_lasted(alert)}: {named}"


def _item(alert: Alert, authority: str, base_url: str) -> Item:
    is_over = alert.resolved_at is not None and alert.kind not in HAPPENINGS
    over = f"That is over; it lasted {_lasted(alert)}." if is_over else ""
    about = f"Source: {alert.subject}" if alert.subject and alert.subject != alert.name else ""
    text = alert.text if alert.text.endswith((".", "!", "?", "…")) else f"{alert.text}."
    said = masked(" ".join(filter(None, (text, over, about))))
    return Item(
        id=f"tag:{authority}:alert/{alert.id}",
        title=title(alert),
        html=f"<p>{html.escape(said)}</p>",
        summary=said,
        published_at=alert.since,
        updated_at=alert.updated_at,
        link=base_url,
        trace=base_url,
        origin=Attribution("aggregator", None, None),
        categories=(Category(alert.kind, f"tag:{authority}:alerts", _TITLES.get(alert.kind, alert.kind)),),
    )


def _lasted(alert: Alert) -> str:
    return spoken((alert.resolved_at or alert.updated_at) - alert.since)
