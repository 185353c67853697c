"""What topics cost: microseconds per article, for configurations of 10 to 10,000 topics.

Usage: python benchmarks/topics.py [--articles 60] [--rounds 3] [--config DIR]

Articles and topics are made up from the shipped concepts and a vocabulary of made-up words, always the same. Of the
topics 45% are pairs of concepts with an exclusion, 25% one concept with phrases, 15% phrases only, 10% concepts that
stand near each other, 5% have a regular expression. Beside them, in the same run, one regular expression of Python's
that is the alternation of all their phrases.
"""

import argparse
import gc
import random
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the checkout need not be installed

from aggregator import config, topics  # noqa: E402
from aggregator.config.references import resolved  # noqa: E402
from aggregator.config.topics import schema  # noqa: E402
from aggregator.judge import Judge  # noqa: E402
from aggregator.models import Article  # noqa: E402

COUNTS = (10, 100, 1_000, 10_000)
MOST_IN_ALTERNATION = 1_000  # topics: more take Python's expressions longer than anybody waits
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def main(articles: int, rounds: int, config_dir: Path) -> None:
    """Print a table."""
    found = config.load(config_dir)
    names = sorted(found.concepts)
    aliases = {name: found.concepts[name].aliases[0] for name in names}
    dice = random.Random(1)  # noqa: S311 - the same articles every time
    words = ["".join(dice.choices("aeioulnrstdmkp", k=dice.randint(3, 9))) for _ in range(8_000)]
    texts = [article(dice, words, names, aliases) for _ in range(articles)]
    size = sum(len(one.text) for one in texts) / len(texts)
    print(f"{articles} articles of {size:,.0f} characters; microseconds per article, median of {rounds} rounds")
    print("| topics | all of judging | topics alone | topics near / in | without the index | alternation in Python |")
    print("|---|---|---|---|---|---|")
    for count in COUNTS:
        made = {f"t{number}": rule(dice, words, names) for number in range(count)}
        checked = resolved(schema().validate_python({"topics": made}))
        judge = Judge(replace(found, topics=checked))
        cases = [judge._case(one) for one in texts]
        whole = timed(rounds, lambda judge=judge: [judge.judge(one) for one in texts])
        alone = timed(rounds, lambda judge=judge, cases=cases: [belong(judge, replace(one, memo={})) for one in cases])
        every = timed(1, lambda judge=judge, cases=cases: [all_of(judge, replace(one, memo={})) for one in cases[:10]])
        judged = [judge.judge(one).verdicts for one in texts]
        near, held = (sum(map(len, judged)), sum(verdict.holds for one in judged for verdict in one.values()))
        plain = "–"
        if count <= MOST_IN_ALTERNATION:
            phrases = {phrase for topic in checked.values() for leaf in topics.leaves(topic) for phrase in leaf.phrases}
            pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(phrases)))})\b", re.IGNORECASE)
            plain = f"{timed(1, lambda pattern=pattern: [pattern.findall(one.text) for one in texts]) / articles:,.0f}"
        per = f"{whole / articles:,.0f} | {alone / articles:,.0f} | {near / articles:.1f} / {held / articles:.1f}"
        print(f"| {count:,} | {per} | {every / min(10, articles):,.0f} | {plain} |", flush=True)


def belong(judge: Judge, case: Any) -> None:
    for slug in judge._index.candidates(case):
        topics.judge(judge.topics[slug], case)


def all_of(judge: Judge, case: Any) -> None:
    for topic in judge.topics.values():
        topics.judge(topic, case)


def timed(rounds: int, work: Callable[[], object]) -> float:
    """Microseconds of CPU, the median. As in the daemon, full collections of garbage are for other moments."""
    taken = []
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        before = time.process_time()
        work()
        taken.append((time.process_time() - before) * 1e6)
    return median(taken)


def article(dice: random.Random, words: Sequence[str], names: Sequence[str], aliases: Mapping[str, str]) -> Article:
    """Some 800 words in 25 paragraphs; two or three concepts often, a dozen once."""
    main, aside = dice.sample(names, dice.randint(2, 3)), dice.sample(names, 12)
    written = [dice.choice(words) for _ in range(800)]
    for place in dice.sample(range(800), 40):
        written[place] = aliases[dice.choice(main)]
    for place, name in zip(dice.sample(range(800), 12), aside, strict=True):
        written[place] = aliases[name]
    sentences = [" ".join(written[first : first + 16]).capitalize() + "." for first in range(0, 800, 16)]
    text = "\n\n".join(" ".join(sentences[first : first + 2]) for first in range(0, 50, 2))
    title = " ".join([aliases[main[0]], *dice.sample(list(words), 6)])
    return Article("k", "s", "g", title, text, "", "", NOW, language="en", word_count=800)


def rule(dice: random.Random, words: Sequence[str], names: Sequence[str]) -> Mapping[str, Any]:
    """A topic."""
    one, other = dice.sample(list(names), 2)
    phrases = [{"phrase": " ".join(dice.sample(list(words), 2))} for _ in range(5)]
    kind = dice.random()
    if kind < 0.45:
        body: dict[str, Any] = {"all": [one, other], "none": phrases[:2]}
    elif kind < 0.70:
        body = {"all": [one], "any": phrases}
    elif kind < 0.85:
        body = {"any": [*phrases, {"words": dice.sample(list(words), 3)}]}
    elif kind < 0.95:
        body = {"any": [{"near": [one, other], "count": 2}, {"near": [one, phrases[0]], "within": "10 words"}]}
    else:
        body = {
            "all": [{"mentions": one}],
            "any": [{"regex": rf"\b{dice.choice(words)} (?:{dice.choice(words)}|\d+)\b"}],
        }
    return {"title": "T", **body}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--articles", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--config", type=Path, default=ROOT / "config", metavar="DIR")
    arguments = parser.parse_args()
    main(arguments.articles, arguments.rounds, arguments.config)
