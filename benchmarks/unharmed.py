"""How many texts that stand alone lose words to the search for furniture?

Usage: python benchmarks/unharmed.py CASES_DIR [--show N]

CASES_DIR holds articles.jsonl. Its families `syn` (furniture was added) and `fnc` (scraped pages) are left out. What
goes from the others is listed, the greatest loss first.
"""

import argparse
import json
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the checkout need not be installed

from aggregator import furniture  # noqa: E402
from aggregator.clean import clean  # noqa: E402
from aggregator.markers import built_in  # noqa: E402
from aggregator.models import Article, Entry, Markup  # noqa: E402

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOT_ALONE = ("syn", "fnc")
HURT = 0.02  # of the words


def main(cases: Path, show: int) -> None:
    counts: Counter[str] = Counter()
    losses = []
    for line in (cases / "articles.jsonl").open(encoding="utf-8"):
        text = json.loads(line)
        if not text["id"].startswith(NOT_ALONE):
            entry = Entry(guid=text["id"], title=Markup(text["title"] or ""), content=Markup(text["text"]))
            whole = clean(entry, source="s", now=NOW)
            losses.append((whole, furniture.cut(whole, built_in())))
    for whole, cut in losses:
        counts.update(texts=1, words=whole.word_count, lost=whole.word_count - cut.word_count)
        counts["hurt"] += _loss(whole, cut) > HURT
    print(
        f"{counts['texts']:,} texts: {counts['hurt'] / counts['texts']:.2%} lose more than {HURT:.0%} of their words;"
        f" {counts['lost'] / counts['words']:.3%} of all words go"
    )
    for whole, cut in sorted(losses, key=lambda pair: -_loss(*pair))[:show]:
        print(f"{_loss(whole, cut):6.1%}  {whole.guid}  " + "; ".join(part.reason for part in cut.cuts))


def _loss(whole: Article, cut: Article) -> float:
    return 1 - cut.word_count / whole.word_count if whole.word_count else 0.0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("cases", type=Path, metavar="CASES_DIR")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="list the N texts that lose most")
    arguments = parser.parse_args()
    main(arguments.cases, arguments.show)
