"""Run the stages over a collection of judgement cases and write the answers for its scorer.

Usage: python benchmarks/quality.py CASES OUT
       python CASES/score.py CASES OUT

CASES holds articles.jsonl, neardup_pairs.jsonl, topics.jsonl and boilerplate.jsonl; OUT gets the *_pred.jsonl files.
"""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aggregator import boilerplate, config, dedup
from aggregator.clean import clean
from aggregator.models import Article, Entry, Markup
from aggregator.pipeline import Judge
from aggregator.tagging import ABOUT

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CONFIG = Path(__file__).parent.parent / "config"


def main(cases: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    texts = {row["id"]: row for row in rows(cases / "articles.jsonl")}
    write(out / "boilerplate_pred.jsonl", (cut(row) for row in rows(cases / "boilerplate.jsonl")))
    write(out / "neardup_pred.jsonl", (pair(row, texts) for row in rows(cases / "neardup_pairs.jsonl")))
    found = config.load(CONFIG)
    judge = Judge(found)
    codes = {name: concept.code for name, concept in found.concepts.items() if concept.code}
    write(out / "topics_pred.jsonl", (about(row, texts, judge, codes) for row in rows(cases / "topics.jsonl")))


def cut(case: dict[str, Any]) -> dict[str, Any]:
    found = boilerplate.cut(case["lines"])
    return {"id": case["id"], "cut": found.line if found else len(case["lines"])}


def pair(case: dict[str, Any], texts: dict[str, Any]) -> dict[str, Any]:
    """Two copies in two sources: one story or two?"""
    one, other = (dedup.copy_of(article(texts[case[side]], side), 50) for side in ("a", "b"))
    return {"id": case["id"], "label": "same_article" if len(dedup.fold([one, other], [])) == 1 else "different"}


def about(case: dict[str, Any], texts: dict[str, Any], judge: Judge, codes: dict[str, str]) -> dict[str, Any]:
    text = texts[case["article"]]
    judgement = judge.judge(article(text | {"title": ""} if case.get("hide_title") else text, "s"))
    if "about" in case:
        tags = judgement.tags.values()
        return {
            "id": case["id"],
            "about": [codes[tag.concept] for tag in tags if tag.score >= ABOUT and tag.concept in codes],
        }
    verdict = judgement.verdicts.get(case["topic"])
    return {"id": case["id"], "member": bool(verdict and verdict.holds)}


def article(text: dict[str, Any], source: str) -> Article:
    entry = Entry(guid=text["id"], title=Markup(text["title"] or ""), content=Markup(text["text"]))
    made = clean(entry, source=source, now=NOW)
    return made


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def write(path: Path, answers: Iterator[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(answer) + "\n" for answer in answers), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
