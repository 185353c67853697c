"""What reading dropped files costs: texts and pages the whole way, beside trafilatura alone on the same pages.

Usage: python benchmarks/files.py [--rounds N] [--texts N]

CPU of this process. Ours is `reading.read` and `furniture.cut`, from bytes to the article that is stored; trafilatura's
is `extract` from the same bytes with the same options, with the metadata that it finds and without. Pages are those of
tests/golden/html, and larger ones that are composed here. Each page is read in all ways, one right after the other, and
its time is the median of the rounds; the ratio is what to look at.
"""

import argparse
import logging
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the checkout need not be installed

from aggregator import config, furniture, registry  # noqa: E402
from aggregator.errors import DocumentError  # noqa: E402
from aggregator.models import Document  # noqa: E402
from aggregator.parsers import _main_text  # noqa: E402
from aggregator.reading import Request, read  # noqa: E402
from benchmarks.newsfeeds import ODDS, WORDS  # noqa: E402

NOW = datetime(2026, 11, 27, tzinfo=UTC)
LARGE = 6  # larger pages of each size
SIZES = (20, 60, 200)  # paragraphs


def main(rounds: int, texts: int) -> None:
    """Read everything some times over; print a table."""
    import trafilatura

    _main_text.load()
    markers = config.load(ROOT / "config").markers
    request = Request("s", frozenset(registry.parsers()), NOW)

    def ours(body: bytes) -> None:
        try:
            articles = read(Document(body, "f", identity="f", modified_at=NOW), request).articles
        except DocumentError:
            return
        for article in articles:
            furniture.cut(article, markers)

    def theirs(body: bytes, metadata: bool = True) -> None:
        trafilatura.extract(
            body,
            output_format="html",
            include_comments=False,
            include_formatting=True,
            include_links=True,
            include_images=True,
            with_metadata=metadata,
        )

    kinds = {"texts of 3 kB": [text(number).encode() for number in range(texts)]}
    pages = [path.read_bytes() for path in sorted((ROOT / "tests" / "golden" / "html").glob("*.html"))]
    kinds[f"{len(pages)} golden pages"] = pages
    for size in SIZES:
        kinds[f"pages of {size} paragraphs"] = [page(size, number).encode() for number in range(LARGE)]
    print(
        f"{'':24} {'kB':>6} {'ours/s':>8} {'ours':>9} {'trafilatura':>12} {'ratio':>6}"
        f" {'without metadata':>17} {'ratio':>6}"
    )
    for name, bodies in kinds.items():
        ways: list[Callable[[bytes], None]] = [ours]
        if "text" not in name:
            ways += [theirs, lambda body: theirs(body, metadata=False)]
        spent = [
            list(map(statistics.median, zip(*times, strict=True)))
            for times in zip(*measured(bodies, ways, rounds), strict=True)
        ]
        report(name, bodies, [sum(times) for times in spent])


def measured(bodies: Iterable[bytes], ways: list[Callable[[bytes], None]], rounds: int) -> list[list[list[float]]]:
    """By round, way and document: CPU in seconds. The first round warms up and is left out."""
    found = []
    for _ in range(rounds + 1):
        times: list[list[float]] = [[] for _ in ways]
        for body in bodies:
            for way, spent in zip(ways, times, strict=True):
                begun = time.process_time()
                way(body)
                spent.append(time.process_time() - begun)
        found.append(times)
    return found[1:]


def report(name: str, bodies: list[bytes], spent: list[float]) -> None:
    count = len(bodies)
    size = sum(map(len, bodies)) / count / 1000
    shown = f"{name:24} {size:6.1f} {count / spent[0]:8.0f} {1000 * spent[0] / count:6.2f} ms"
    if len(spent) > 1:
        for other, width in zip(spent[1:], (9, 14), strict=True):
            shown += f" {1000 * other / count:{width}.2f} ms {spent[0] / other:6.2f}"
    print(shown)


def sentence(chance: random.Random) -> str:
    return " ".join(chance.choices(WORDS, cum_weights=ODDS, k=chance.randint(8, 26))).capitalize() + "."


def text(number: int) -> str:
    chance = random.Random(number)  # noqa: S311  # news, not secrets
    paragraphs = [" ".join(sentence(chance) for _ in range(3)) for _ in range(10)]
    return "\n\n".join([sentence(chance)[:80], *paragraphs])


def page(paragraphs: int, number: int) -> str:
    """A page as sites have them: as much around the article as in it."""
    chance = random.Random(f"{paragraphs} {number}")  # noqa: S311
    title = sentence(chance)[:90]
    links = "".join(f'<li class="menu-item"><a href="/s/{n}">{sentence(chance)[:30]}</a></li>' for n in range(40))
    cards = "".join(
        f'<div class="card related"><a href="/n/{n}"><img src="/i/{n}.jpg" alt="">'
        f"<h3>{sentence(chance)[:70]}</h3></a></div>"
        for n in range(30)
    )
    body = ""
    for place in range(paragraphs):
        said = " ".join(sentence(chance) for _ in range(chance.randint(2, 5)))
        words = said.split(" ")
        words[2] = f'<a href="https://a.example/{place}">{words[2]}</a>'
        words[4] = f"<strong>{words[4]}</strong>"
        body += f"<p>{' '.join(words)}</p>\n"
        if place % 9 == 4:
            body += f'<h2>{sentence(chance)[:50]}</h2><div class="ad-slot" data-id="{place}"></div>'
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title} | Site</title>'
        '<meta property="og:site_name" content="Site">'
        '<meta property="article:published_time" content="2026-05-01T10:00:00Z">'
        f'<link rel="canonical" href="https://a.example/n/{number}"><meta name="author" content="Ann Ba">'
        f"<style>{'.c{margin:0}' * 400}</style><script>{'var a=1;' * 800}</script></head><body>"
        f"<header><nav><ul>{links}</ul></nav></header><main><article><h1>{title}</h1>"
        f'<div class="article-body">{body}</div>'
        f'</article><aside class="sidebar">{cards}</aside></main><footer><ul>{links}</ul></footer></body></html>'
    )


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--texts", type=int, default=100, metavar="N")
    arguments = parser.parse_args()
    main(arguments.rounds, arguments.texts)
