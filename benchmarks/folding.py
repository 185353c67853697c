"""What does it cost to find the stories of new articles, in a store that has many?

Usage: python benchmarks/folding.py [--stored 5000] [--new 50] [--words 500] [--copies .3] [--formulas 0] [--profile]

Invented texts, of which some are edited copies of what another source has; `--formulas` is the share of sentences that
all take from the same few. One core, SQLite; CPU of a visit from its articles to the store, and of folding alone.
"""

import argparse
import cProfile
import itertools
import pstats
import random
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the checkout need not be installed

from aggregator import config as configuration  # noqa: E402
from aggregator import folding, registry  # noqa: E402
from aggregator.clean import clean  # noqa: E402
from aggregator.judge import Judge  # noqa: E402
from aggregator.models import Article, Document, Entry, Found, Markup, Reading  # noqa: E402
from aggregator.outcome import Outcomes  # noqa: E402
from aggregator.sources.http import HttpSource  # noqa: E402
from aggregator.store import Database, claims, sources, topics, visits  # noqa: E402

START = datetime(2026, 11, 24, tzinfo=UTC)
LEASE = timedelta(minutes=10)
SYLLABLES = [a + b for a, b in itertools.product("b d f g k l m n p r s t v z".split(), "a e i o u".split())]


class Texts:
    """An endless supply of articles."""

    def __init__(self, seed: int, size: int, copies: float, formulas: float) -> None:
        self.chance = random.Random(seed)  # noqa: S311
        self.words = ["".join(self.chance.choices(SYLLABLES, k=self.chance.randint(1, 4))) for _ in range(20_000)]
        self.weights = list(itertools.accumulate(1 / (rank + 20) for rank in range(len(self.words))))
        self.size, self.copies, self.share = size, copies, formulas
        self.formulas = [self.sentence() for _ in range(40)]
        self.known: list[list[str]] = []

    def sentence(self) -> str:
        return " ".join(self.chance.choices(self.words, cum_weights=self.weights, k=20)).capitalize() + "."

    def next(self) -> list[str]:
        if self.known and self.chance.random() < self.copies:
            found = list(self.chance.choice(self.known[-500:]))
            found[self.chance.randrange(len(found))] = self.sentence()
            return found
        is_formula = [self.chance.random() < self.share for _ in range(self.size // 20)]
        found = [self.chance.choice(self.formulas) if one else self.sentence() for one in is_formula]
        self.known.append(found)
        return found


def article(text: list[str], source: str, number: int, now: datetime) -> Article:
    body = "".join(f"<p>{sentence}</p>" for sentence in text)
    entry = Entry(
        guid=str(number),
        link=f"https://{source.rpartition('/')[0].rpartition('/')[2]}/{number}",
        title=Markup(text[0][:60]),
        content=Markup(body, html=True),
        published_at=now,
    )
    return clean(entry, source=source, now=now)


def main(stored: int, new: int, size: int, copies: float, formulas: float, profile: bool) -> None:
    registry.load()
    config = configuration.load(ROOT / "config", {})
    judge = Judge(config)
    texts = Texts(1, size, copies, formulas)
    places = {place.key: place for place in (HttpSource(url=f"https://s{n}.example/feed") for n in range(20))}
    with tempfile.TemporaryDirectory() as folder:
        database = Database("sqlite", Path(folder))
        sources.register(database, places, START)
        topics.register(database, config.topics, "rules", START)
        outcomes = Outcomes(config, database, judge)
        numbers = itertools.count()
        spent: dict[str, list[float]] = {"visit": [], "fold": []}
        fold = folding.fold

        def timed(*given: Any) -> Any:
            began = time.process_time()
            try:
                return fold(*given)
            finally:
                spent["fold"].append(time.process_time() - began)

        folding.fold = timed
        profiler = cProfile.Profile()
        rounds = stored // new + 5
        for turn, key in zip(range(rounds), itertools.cycle(places), strict=False):
            now = START + timedelta(minutes=20 * turn)
            found = [article(texts.next(), key, next(numbers), now) for _ in range(new)]
            lease = claims.claim_one(database, key, now, lease=LEASE)
            assert lease
            document = Document(b"", name="feed")
            reading = Reading(tuple(found))
            if profile and turn >= rounds - 5:
                profiler.enable()
            began = time.process_time()
            outcome, _ = outcomes.reached(
                places[key], lease, Found((document,), lease.state), [(document, reading)], now
            )
            visits.save(database, lease, outcome)
            spent["visit"].append(time.process_time() - began)
            profiler.disable()
        for name, seconds in spent.items():
            print(f"{name}: {1000 * sorted(seconds[-5:])[2] / new:.2f} ms an article, the last {new} of {stored}")
        if profile:
            pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)
        database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stored", type=int, default=5000)
    parser.add_argument("--new", type=int, default=50)
    parser.add_argument("--words", type=int, default=500)
    parser.add_argument("--copies", type=float, default=0.3)
    parser.add_argument("--formulas", type=float, default=0.0)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    main(given.stored, given.new, given.words, given.copies, given.formulas, given.profile)
