"""What an article is found to be about, and in which topics, against the labels of tests/labelled.

Usage: python benchmarks/golden_topics.py [--misses]

Each file is read as an article whose language nobody declared, with the configuration of this checkout. A row for each
language: the tags of a score of 25 or more against `about`, the topics that hold against `topics`. What is `arguable`
counts neither way, nor does what a concept of either list stands for on any day. `--misses` lists every difference.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the checkout need not be installed

from aggregator import config, tagging  # noqa: E402
from aggregator.clean import clean  # noqa: E402
from aggregator.judge import Judge  # noqa: E402
from aggregator.models import Entry, Markup  # noqa: E402

LABELLED = ROOT / "tests" / "labelled"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
Names = frozenset[str]


@dataclass(frozen=True)
class Labelled:
    """An article and what careful readers say of it."""

    language: str
    name: str
    title: str
    text: str
    about: Names
    arguable: Names
    topics: Names


@dataclass(frozen=True)
class Answer:
    """What was asked for, found in vain, and found, of one article or many."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def __add__(self, other: "Answer") -> "Answer":
        return Answer(self.right + other.right, self.wrong + other.wrong, self.missed + other.missed)

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.right + self.missed)

    @property
    def f1(self) -> float:
        return 2 * self.right / max(1, 2 * self.right + self.wrong + self.missed)


@dataclass(frozen=True)
class Result:
    """One article's answers, and each difference in words."""

    language: str
    about: Answer
    topics: Answer
    differences: tuple[str, ...]


def main(with_misses: bool) -> None:
    results = list(judged())
    print(table(results))
    if with_misses:
        print(*(line for result in results for line in result.differences), sep="\n")


def judged() -> Iterator[Result]:
    """All labelled articles, judged."""
    found = config.load(ROOT / "config", {})
    judge = Judge(found)
    wider = {name: frozenset(meant.concept for meant in concept.stands_for) for name, concept in found.concepts.items()}
    for labelled in read():
        entry = Entry(title=Markup(labelled.title), content=Markup(labelled.text))
        judgement = judge.judge(clean(entry, source="golden", now=NOW))
        scores = {tag.concept: tag.score for tag in judgement.all_tags}
        about = frozenset(tag.concept for tag in tagging.about(judgement.all_tags))
        open_to = labelled.arguable.union(*(wider[name] for name in labelled.about | labelled.arguable))
        topics = frozenset(slug for slug, verdict in judgement.verdicts.items() if verdict.holds)
        place = f"{labelled.language}/{labelled.name}"
        lines = [f"{place}: not about {name} ({scores.get(name, 0)})" for name in sorted(labelled.about - about)]
        lines += [f"{place}: about {name} ({scores[name]})" for name in sorted(about - labelled.about - open_to)]
        lines += [f"{place}: not in {name}" for name in sorted(labelled.topics - topics)]
        lines += [f"{place}: in {name}" for name in sorted(topics - labelled.topics)]
        yield Result(
            labelled.language,
            compared(labelled.about, about, open_to),
            compared(labelled.topics, topics, frozenset()),
            tuple(lines),
        )


def read() -> Iterator[Labelled]:
    """The articles, by language and name."""
    for path in sorted(LABELLED.glob("*/*.txt")):
        _, head, text = path.read_text(encoding="utf-8").split("---\n", 2)
        labels = yaml.safe_load(head)
        names = (frozenset(labels.get(key, ())) for key in ("about", "arguable", "topics"))
        yield Labelled(path.parent.name, path.stem, labels["title"], text, *names)


def compared(wanted: Names, found: Names, open_to: Names) -> Answer:
    return Answer(len(wanted & found), len(found - wanted - open_to), len(wanted - found))


def by_language(results: Iterable[Result]) -> dict[str, tuple[int, Answer, Answer]]:
    """The number of articles and the answers of each language, and of all."""
    rows: dict[str, tuple[int, Answer, Answer]] = {}
    for result in results:
        for language in (result.language, "all"):
            count, about, topics = rows.get(language, (0, Answer(), Answer()))
            rows[language] = (count + 1, about + result.about, topics + result.topics)
    return {language: rows[language] for language in sorted(rows, key=lambda name: (name == "all", name))}


def table(results: Iterable[Result]) -> str:
    lines = [
        "| language | articles | about: precision | recall | F1 | topics: right | wrong | missed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for language, (count, about, topics) in by_language(results).items():
        lines.append(
            f"| {language} | {count} | {about.precision:.3f} | {about.recall:.3f} | {about.f1:.3f}"
            f" | {topics.right} | {topics.wrong} | {topics.missed} |"
        )
    return "\n".join(lines).replace("0.", ".")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--misses", action="store_true", help="list every difference")
    main(parser.parse_args().misses)
