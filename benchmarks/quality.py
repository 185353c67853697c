"""Run the project's own stages over a collection of judgement cases and write the answers that its scorer reads.

Usage: python benchmarks/quality.py CASES_DIR OUT_DIR [--config DIR]

CASES_DIR holds articles.jsonl, boilerplate.jsonl, neardup_pairs.jsonl, topics.jsonl and the scorer, score.py; OUT_DIR
gets a *_pred.jsonl for each kind of case.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the checkout need not be installed

from aggregator import boilerplate, config, furniture, near  # noqa: E402
from aggregator.clean import clean  # noqa: E402
from aggregator.config.topics import schema  # noqa: E402
from aggregator.judge import Judge  # noqa: E402
from aggregator.markers import built_in  # noqa: E402
from aggregator.models import Article, Entry, Markup  # noqa: E402
from aggregator.related import are_related, frequencies, heaviest  # noqa: E402
from aggregator.tagging import ABOUT  # noqa: E402

Row = Mapping[str, Any]

NOW = datetime(2026, 1, 1, tzinfo=UTC)
# Topics that the cases name and a configuration need not have: what a reader would write first, not fitted to them.
RULES: Mapping[str, Row] = {
    "brexit": {"any": [{"phrase": "Brexit", "in": "lede"}]},
    "china": {"all": ["country:china"]},
    "china-russia": {"all": ["country:china", "country:russia"]},
    "covid-19": {"any": [{"phrase": "COVID-19", "in": "lede"}, {"phrase": "coronavirus", "in": "lede"}]},
    "germany-russia": {"all": ["country:germany", "country:russia"]},
    "hong-kong": {"all": ["country:hong-kong"]},
    "hurricanes": {"any": [{"phrase": "hurricane", "in": "lede"}, {"phrase": "tropical storm", "in": "lede"}]},
    "iran": {"all": ["country:iran"]},
    "russia": {"all": ["country:russia"]},
    "taiwan": {"all": ["country:taiwan"]},
    "turkey": {"all": ["country:turkey"]},
    "us-election-2020": {"all": ["country:united-states", "subject:elections"]},
    "us-iran": {"all": ["country:united-states", "country:iran"]},
}


def main(cases: Path, out: Path, config_dir: Path) -> None:
    """Answer every case; say how the answers are scored."""
    out.mkdir(parents=True, exist_ok=True)
    found = config.load(config_dir)
    own = schema().validate_python({"topics": {slug: {"title": slug, **rule} for slug, rule in RULES.items()}}).topics
    judge = Judge(replace(found, topics={**own, **found.topics}))
    codes = {name: concept.code for name, concept in found.concepts.items() if concept.code}
    texts = {row["id"]: row for row in rows(cases / "articles.jsonl")}
    write(out / "boilerplate_pred.jsonl", map(cut, rows(cases / "boilerplate.jsonl")))
    write(out / "neardup_pred.jsonl", pairs(rows(cases / "neardup_pairs.jsonl"), texts))
    write(out / "topics_pred.jsonl", (topic(case, texts, judge, codes) for case in rows(cases / "topics.jsonl")))
    print(f"To score: python {cases / 'score.py'} {cases} {out}")


def cut(case: Row) -> Row:
    """Where the article ends: how many of its lines are kept."""
    lines = case["lines"]
    ends = [part.start for part in boilerplate.furniture(lines, built_in()) if part.end == len(lines)]
    return {"id": case["id"], "cut": ends[0] if ends else len(lines)}


def pair(case: Row, read: Mapping[str, near.Text], terms: Mapping[str, Mapping[str, float]]) -> Row:
    """Whether two texts are copies of one article, or else tell of the same event."""
    a, b = case["a"], case["b"]
    one, other = read[a], read[b]
    if near.compare(one, other).is_copy:
        return {"id": case["id"], "label": "same_article"}
    related_too = are_related(terms[a], terms[b], one.dated_at - other.dated_at)
    return {"id": case["id"], "label": "same_story" if related_too else "different"}


def pairs(cases: Iterable[Row], texts: Mapping[str, Row]) -> Iterator[Row]:
    """The answers for all pairs. A text without a source has one of its own; without a date it comes with the other."""
    read = {name: near_text(row) for name, row in texts.items()}
    counts = frequencies([*text.title, *text.words] for text in read.values())
    terms = {name: heaviest(text.title, text.words, counts, len(read)) for name, text in read.items()}
    for case in cases:
        ends = {side: read[case[side]] for side in ("a", "b")}
        if not all(texts[case[side]]["date"] for side in ends):
            ends = {side: replace(text, dated_at=NOW) for side, text in ends.items()}
        yield pair(case, {case[side]: text for side, text in ends.items()}, terms)


def near_text(row: Row) -> near.Text:
    made = article(row, source=row["source"] or row["id"])
    return near.text_of(made.source, dated_at(row), made.title, made.text)


def dated_at(row: Row) -> datetime:
    return datetime.fromisoformat(row["date"][:10]).replace(tzinfo=UTC) if row["date"] else NOW


def topic(case: Row, texts: Mapping[str, Row], judge: Judge, codes: Mapping[str, str]) -> Row:
    """The countries that an article is about, or whether it belongs to a topic."""
    text = texts[case["article"]]
    made = replace(article(text, source="a"), first_seen_at=dated_at(text))  # who stands for whom depends on it
    if case.get("hide_title"):
        made = replace(made, title="")  # not before: clean() gives an entry without a title its first words
    judgement = judge.judge(made)
    if "about" not in case:
        verdict = judgement.verdicts.get(case["topic"])
        return {"id": case["id"], "member": verdict is not None and verdict.holds}
    about = {codes[name] for name, tag in judgement.tags.items() if tag.score >= ABOUT and name in codes}
    return {"id": case["id"], "about": sorted(about)}


def article(text: Row, source: str) -> Article:
    """What the daemon would make of the text. All have one date: the collection dates only some of them."""
    entry = Entry(guid=text["id"], title=Markup(text["title"] or ""), content=Markup(text["text"]))
    return furniture.cut(clean(entry, source=source, now=NOW), built_in())


def rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def write(path: Path, answers: Iterable[Row]) -> None:
    path.write_text("".join(json.dumps(answer) + "\n" for answer in answers), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("cases", type=Path, metavar="CASES_DIR")
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--config", type=Path, default=ROOT / "config", metavar="DIR")
    arguments = parser.parse_args()
    main(arguments.cases, arguments.out, arguments.config)
