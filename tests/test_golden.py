"""Saved pages and mails, and what remains of each: NAME.html or NAME.eml beside NAME.json in tests/golden.

A new pair of files is a new test. What stands in the JSON is compared, what does not stand there is not. This prints
what is found now, to be checked and corrected before it becomes an expectation:

    python -m tests.test_golden FILE
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aggregator import config, furniture, registry
from aggregator.errors import DocumentError
from aggregator.models import Article, Document
from aggregator.reading import Request, read

FOLDER = Path(__file__).parent / "golden"
CONFIG = Path(__file__).parent.parent / "config"
FILES = sorted(path for path in FOLDER.glob("*/*.*") if path.suffix != ".json" and path.parent.name != "topics")
NOW = datetime(2026, 11, 27, tzinfo=UTC)


def articles(path: Path) -> list[Article]:
    """The articles in a file, as a folder's visit would find them."""
    document = Document(path.read_bytes(), path.name, identity=path.name, modified_at=datetime(2026, 11, 1, tzinfo=UTC))
    found = read(document, Request("s", frozenset(registry.parsers()), NOW)).articles
    return [furniture.cut(article, config.load(CONFIG, {}).markers) for article in found]


def facts(article: Article) -> dict[str, Any]:
    return {
        "title": article.title,
        "authors": list(article.authors),
        "published": article.published_at.isoformat() if article.published_at else None,
        "link": article.link,
        "language": article.language,
        "site": article.origin.title if article.origin else None,
        "text": article.text.split("\n\n"),
    }


def found_in(path: Path) -> dict[str, Any]:
    try:
        first, *others = articles(path)
    except DocumentError as error:
        return {"refused": str(error).removeprefix(f"{path.name}: ")}
    return facts(first) | ({"others": list(map(facts, others))} if others else {})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_remains_of_a_page_is_its_article(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    found = found_in(path)
    assert {name: found.get(name) for name in expected} == expected


def test_every_golden_has_its_expectation() -> None:
    assert len(FILES) >= 18
    assert {path.with_suffix(".json") for path in FILES} == set(FOLDER.glob("*/*.json"))


if __name__ == "__main__":
    print(json.dumps(found_in(Path(sys.argv[1])), indent=1, ensure_ascii=False))
