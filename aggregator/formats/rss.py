"""RSS 2.0 with `content:encoded` and `dc:creator`, for readers that want nothing newer."""

import re

from aggregator.formats._feedgen import generator
from aggregator.models import Feed
from aggregator.registry import Format

# Whether titles are HTML is nowhere said. Written so, `&` and `<` come out as themselves in readers of both opinions:
# https://www.rssboard.org/rss-profile#data-types-characterdata
_PLAIN = re.compile(rb"<(?:title|category|source|dc:creator|dc:rights)\b[^>]*>[^<]*")
_DESCRIPTION = re.compile(rb"<description>[^<]*")  # the first is the channel's; those of items are HTML


def render(feed: Feed) -> bytes:
    xml: bytes = generator(feed, "rss").rss_str(pretty=True)
    return _PLAIN.sub(_referred, _DESCRIPTION.sub(_referred, xml, count=1))


def _referred(plain: re.Match[bytes]) -> bytes:
    return plain[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;")


PLUGIN = Format("RSS", "application/rss+xml; charset=utf-8", "rss", render)
