"""What does it cost to find so many names in an article, beside a plain regular expression?

Usage: python benchmarks/concepts.py [--aliases 1000 10000 100000] [--regex-most 10000]

Texts are made of invented words, 800 each, with a name in the place of every fortieth. Names have one to three words in
Latin, Cyrillic (as stems) or Arabic letters, or some Han characters. The regular expression is the alternation of all
names between word boundaries, without endings, capitals or languages, of so many names at most. CPU of the best of five
turns; memory is what the process grows by when the names are made ready, without their texts.
"""

import argparse
import gc
import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the checkout need not be installed

from aggregator.config import Concept  # noqa: E402
from aggregator.features import Vocabulary  # noqa: E402
from aggregator.models import Article  # noqa: E402

ARTICLES, WORDS, EACH, TURNS = 50, 800, 10, 5  # EACH: names of a concept
SYLLABLES = {
    "en": [a + b for a in "bcdfghklmnprstvz" for b in "aeiou"],
    "ru": [a + b for a in "бвгдклмнпрст" for b in "аеиоу"],
    "ar": [a + b for a in "بتثجحدرسشصطعفقكلمنه" for b in ("", "ا", "ي", "و")],
}


def main(counts: Sequence[int], regex_most: int) -> None:
    """One row for each number of names."""
    print(" names   made in   memory   article   words alone   regex      found")
    for count in counts:
        chance = random.Random(count)  # noqa: S311
        concepts = dict(invented(count, chance))
        names = [alias for concept in concepts.values() for _, alias in concept.named()]
        articles = [article(names, chance) for _ in range(ARTICLES)]
        gc.collect()
        before, begun = resident(), time.process_time()
        vocabulary = Vocabulary(concepts)
        made = time.process_time() - begun
        gc.collect()
        memory = resident() - before
        gc.freeze()  # as the daemon does
        found = sum(len(hits) for one in articles for hits in vocabulary.read(one).concepts.values()) / ARTICLES
        ours = best(lambda: [vocabulary.read(one) for one in articles])  # noqa: B023
        empty = Vocabulary({})
        bare = best(lambda: [empty.read(one) for one in articles])  # noqa: B023
        regex = "–"
        if count <= regex_most:
            pattern = re.compile(rf"\b(?:{'|'.join(sorted(re.escape(name.rstrip('*')) for name in names))})\b")
            regex = f"{best(lambda: [pattern.findall(one.text) for one in articles], 1):,.0f} µs"  # noqa: B023
        print(f"{count:6} {made:7.2f} s {memory / 1e6:5.1f} MB {ours:6.0f} µs {bare:10.0f} µs {regex:>11} {found:7.1f}")


def invented(count: int, chance: random.Random) -> Iterator[tuple[str, Concept]]:
    """Concepts with so many names in all."""
    for number in range(count // EACH):
        language = ("en", "en", "ru", "ar", "zh")[number % 5]
        aliases = {language: [name(language, chance) for _ in range(EACH)]}
        yield f"person:p{number}", Concept.model_validate({"label": f"P{number}", "aliases": aliases})


def name(language: str, chance: random.Random) -> str:
    """One to three words with capitals, or two to four characters."""
    if language == "zh":
        return "".join(chr(chance.randint(0x4E00, 0x9FA5)) for _ in range(chance.randint(2, 4)))
    words = " ".join(word(language, chance).capitalize() for _ in range(chance.choice((1, 1, 2, 2, 3))))
    return f"{words}*" if language == "ru" else words


def word(language: str, chance: random.Random) -> str:
    return "".join(chance.choice(SYLLABLES[language]) for _ in range(chance.randint(3, 5)))


def article(names: Sequence[str], chance: random.Random) -> Article:
    """800 words, a name in the place of every fortieth."""
    text = [
        chance.choice(names).rstrip("*") if number % 40 == 7 else word("en", chance) + "," * (number % 9 == 0)
        for number in range(WORDS)
    ]
    paragraphs = "\n\n".join(" ".join(text[start : start + 80]) for start in range(0, WORDS, 80))
    return Article(
        key="k", source="s", guid="g", title="A title of some words", text=paragraphs, html="", summary="",
        first_seen_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def best(work: Callable[[], object], turns: int = TURNS) -> float:
    """CPU in microseconds for one article."""
    spent = []
    for _ in range(turns):
        begun = time.process_time()
        work()
        spent.append(time.process_time() - begun)
    return min(spent) / ARTICLES * 1e6


def resident() -> int:
    """Bytes in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--aliases", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--regex-most", type=int, default=10_000)
    arguments = parser.parse_args()
    main(arguments.aliases, arguments.regex_most)
