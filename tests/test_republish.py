"""What we publish of other people's feeds, good, bad and hostile, is itself beyond reproach in every format.

`python -m tests.test_republish FOLDER` writes the feeds, for validators to read; docs/parsing.md says with which.
"""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from aggregator import compose, config, reading, registry, sniff
from aggregator.errors import DocumentError
from aggregator.judge import Judge
from aggregator.models import Attribution, Document, Feed
from aggregator.reading import Request
from aggregator.store.topics import StoredCopy, StoredStory

ROOT = Path(__file__).parent.parent
CASES = ROOT.parent / "shared" / "cases" / "reliability"
COLLECTIONS = ["feedparser_sanitize", "feedvalidator_cases", "gofeed_pairs", "feed_rs", "xml_conformance", "jsonfeed"]
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
PER_FEED = 200
CONFIG = config.load(ROOT / "config", {"AGGREGATOR_BASE_URL": "https://news.example/"})
TOPIC = next(iter(CONFIG.topics))
JUDGE = Judge(CONFIG)
ACCEPTS = frozenset(registry.parsers())


def stories(files):
    for path in files:
        url = f"https://a.example/{path.name}"
        try:
            found = reading.read(Document(path.read_bytes(), path.name, url), Request(str(path), ACCEPTS, NOW))
        except DocumentError:
            continue
        for article in {article.key: article for article in found.articles}.values():
            origin = Attribution("Wire & Co", url, article.link)
            copies = (StoredCopy(article.key, article.dated_at, origin),)
            tags = JUDGE.judge(article).all_tags
            yield StoredStory(article.key, compose.item_id("example.org,2026", copies), article, copies, tags, 50, ())
