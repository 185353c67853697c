"""Other people's feeds, good, bad and hostile: each is read or refused, in time, and nothing else happens."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aggregator import sniff
from aggregator.errors import DocumentError
from aggregator.models import Document, Parsed
from aggregator.parsers import feed, jsonfeed, sitemap, text

CASES = Path(__file__).parent.parent.parent / "shared" / "cases" / "reliability"
SECONDS = 2  # of processor time
# A collection, how many files it has, how many of them must be readable.
COLLECTIONS = [
    ("feedparser_sanitize", 300, 290),
    ("feedvalidator_cases", 1000, 500),
    ("gofeed_pairs", 400, 180),
    ("feed_rs", 60, 27),
    ("xml_conformance", 200, 0),
    ("xml_bombs", 5, 0),
    ("json_parsing", 100, 0),
    ("jsonfeed", 1, 1),
]
PARSERS: tuple[Callable[[Document], Parsed], ...] = (feed.parse, sitemap.parse, jsonfeed.parse, text.parse)


@pytest.mark.skipif(not CASES.is_dir(), reason="the collections are not here")
@pytest.mark.parametrize(("name", "at_least", "readable"), COLLECTIONS)
def test_each_file_is_read_or_refused_in_time(name: str, at_least: int, readable: int) -> None:
    files = [path for path in sorted((CASES / name).rglob("*")) if path.suffix in (".xml", ".json", ".html", ".opml")]
    slow, read = [], 0
    for path in files:
        document = Document(path.read_bytes(), path.name, url="https://a.example/")
        sniff.describe(sniff.media_type(document.body))
        started = time.process_time()
        read += any([_is_read(parser, document) for parser in PARSERS[:3]])
        _is_read(text.parse, document)
        if time.process_time() - started > SECONDS:
            slow.append(path.name)
    assert slow == []
    assert len(files) >= at_least
    assert read >= readable


def _is_read(parse: Callable[[Document], Parsed], document: Document) -> bool:
    try:
        return bool(parse(document).entries)
    except DocumentError:
        return False
