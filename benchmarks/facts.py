"""What is found in texts of who wrote them, when, and where they were first, as if each were a dropped file.

Usage: python benchmarks/facts.py CASES_DIR [--show N]

CASES_DIR holds articles.jsonl; where it states the date or the source of a text, what is found is compared with it.
`--show` prints N finds of each fact, for eyes.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the checkout need not be installed

from aggregator.models import Document, Entry  # noqa: E402
from aggregator.parsers import text  # noqa: E402

Row = Mapping[str, Any]
FACTS = {"author": "authors", "published": "published_at", "source": "origin", "url": "link", "tags": "categories"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = timedelta(days=2)  # after it was written, a text is dropped


def main(cases: Path, shown: int) -> None:
    found: Counter[str] = Counter()
    compared: Counter[tuple[str, str]] = Counter()
    finds: dict[str, list[str]] = {}
    rows = list(map(json.loads, (cases / "articles.jsonl").open(encoding="utf-8")))
    for row in rows:
        for name, value, place in stated(row):
            found[name] += 1
            verdict = judged(name, value, row)
            compared[name, verdict] += 1
            finds.setdefault(name, []).append(f"{verdict:7} {row['id']:14} {place}: {value!r:.90}")
    for name, count in found.items():
        verdicts = ", ".join(f"{number} {verdict}" for (fact, verdict), number in compared.items() if fact == name)
        print(f"{name}: {count} of {len(rows)} texts ({verdicts})")
        for line in finds[name][:: max(1, count // shown)] if shown else ():
            print("   ", line)


def stated(row: Row) -> Iterator[tuple[str, Any, str]]:
    """The facts that a text states, their values and places."""
    document = Document(f"{row['title'] or ''}\n\n{row['text']}".encode(), row["id"], modified_at=dated(row) + LATER)
    (entry,) = text.parse(document).entries
    places = dict(entry.told)
    for name, field in FACTS.items():
        if name in places and places[name] != "the file's time":
            yield name, _plain(entry, field), places[name]


def dated(row: Row) -> datetime:
    return datetime.fromisoformat(row["date"]).replace(tzinfo=UTC) if row["date"] else NOW


def judged(name: str, value: Any, row: Row) -> str:
    """Whether a find is what the collection says; "unknown" where it says nothing."""
    if name == "published" and row["date"]:
        return "right" if abs(value - dated(row)) <= timedelta(days=1) else "wrong"
    if name == "source" and row["source"]:
        known = row["source"].split(".")[0].lower()
        return "right" if known in str(value).lower().replace(" ", "") else "other"
    return "unknown"


def _plain(entry: Entry, field: str) -> Any:
    value = getattr(entry, field)
    if field == "origin":
        return value.title
    return [category.term for category in value] if field == "categories" else value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("cases", type=Path, metavar="CASES_DIR")
    parser.add_argument("--show", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    main(arguments.cases, arguments.show)
