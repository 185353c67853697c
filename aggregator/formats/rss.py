"""RSS 2.0 with `content:encoded` and `dc:creator`, for readers that want nothing newer."""

from aggregator.formats._feedgen import generator
from aggregator.models import Feed
from aggregator.registry import Format


def render(feed: Feed) -> bytes:
    xml: bytes = generator(feed, "rss").rss_str(pretty=True)
    return xml


PLUGIN = Format("RSS", "application/rss+xml; charset=utf-8", "rss", render)
