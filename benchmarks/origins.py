"""Which texts are found to be a news agency's, and where they say so.

Usage: python benchmarks/origins.py CASES_DIR [--show N] [--missed N]

CASES_DIR holds articles.jsonl. Each text is read as a file that was copied from a page: with the title in a field of
its own, without a link. `--show` prints N finds, with the beginning and the end of their texts, for eyes; `--missed`
prints N texts that name an agency near one of their ends and were found to be nobody's.
"""

import argparse
import json
import re
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the checkout need not be installed

from aggregator import furniture, origins  # noqa: E402
from aggregator.clean import clean  # noqa: E402
from aggregator.markers import built_in  # noqa: E402
from aggregator.models import Article, Entry, Markup  # noqa: E402

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMED = re.compile(r"\b(?:Reuters|AP|Associated Press|AFP|UPI|PTI|ANI|IANS|TASS|Xinhua|Interfax|Bloomberg|dpa|EFE)\b")


def main(cases: Path, shown: int, missed: int) -> None:
    counts: Counter[tuple[str, str, str]] = Counter()
    texts: Counter[str] = Counter()
    finds, others = [], []
    for line in (cases / "articles.jsonl").open(encoding="utf-8"):
        row = json.loads(line)
        family = row["id"].split(":")[0]
        texts[family] += 1
        article = read(row["title"] or "", row["text"])
        credit = origins.credit(article)
        if credit:
            counts[family, credit.label, credit.place] += 1
            finds.append((row["id"], f"{credit.label}, {credit.place}", ends(row["text"])))
        elif NAMED.search(row["text"][:300]) or NAMED.search(row["text"][-300:]):
            others.append((row["id"], "nobody's", ends(row["text"])))
    for (family, label, place), count in sorted(counts.items()):
        print(f"{family:6} {label:14} {place:12} {count:4} of {texts[family]}")
    print(f"{len(finds)} of {texts.total()} texts are an agency's; {len(others)} more name one near an end")
    for name, verdict, text in [*some(finds, shown), *some(others, missed)]:
        print(f"\n{name} → {verdict}\n    {text}")


def read(title: str, text: str) -> Article:
    entry = Entry(title=Markup(title), content=Markup(text), framed=True)
    return furniture.cut(clean(entry, source="cases", now=NOW), built_in())


def ends(text: str) -> str:
    flat = "⏎".join(line.strip() for line in text.split("\n") if line.strip())
    return f"{flat[:250]} … {flat[-200:]}" if len(flat) > 450 else flat


def some(rows: list[tuple[str, str, str]], count: int) -> list[tuple[str, str, str]]:
    return rows[:: max(1, len(rows) // count)][:count] if count else []


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("cases", type=Path, metavar="CASES_DIR")
    parser.add_argument("--show", type=int, default=0, metavar="N")
    parser.add_argument("--missed", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    main(arguments.cases, arguments.show, arguments.missed)
