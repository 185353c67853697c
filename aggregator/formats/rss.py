"""RSS 2.0 with `content:encoded` and `dc:creator`, for readers that want nothing newer."""

import re

from aggregator.formats._feedgen import generator
from aggregator.models import Feed
from aggregator.registry import Format

# Whether titles are HTML is nowhere said. Written so, `&` and `<` come out as themselves in readers of both opinions:
# https://www.rssboard.org/rss-profile#data-types-characterdata
_PLAIN = re.compile(rb"<(?:title|category|source|dc:creator|dc:rights)\b[^>]*>[^<]*")


def render(feed: Feed) -> bytes:
    xml: bytes = generator(feed, "rss").rss_str(pretty=True)
    return _PLAIN.sub(lambda found: found[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;"), xml)


PLUGIN = Format("RSS", "application/rss+xml; charset=utf-8", "rss", render)
