"""What does the W3C's feed validator say of our feeds? Those that tests publish of collections and of every kind.

Usage: python benchmarks/validate.py CHECKOUT [--level AA] [--feeds FOLDER]

CHECKOUT is a checkout of https://github.com/w3c/feedvalidator, which needs lxml and html5lib and runs offline. Each
Atom and RSS file is read with the media type that it is served with and its own address as the base. Level A is errors,
AA warnings as well (what validator.w3.org shows), AAA notes as well.
"""

import argparse
import io
import re
import sys
import tempfile
import urllib.request  # noqa: F401  # the validator needs it and does not import it
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from aggregator import registry  # noqa: E402
from tests import test_kinds_of_feeds as kinds_of_feeds  # noqa: E402

_OWN = re.compile(rb'<(?:atom:)?link href="([^"]*)" rel="self"')


def events(path: Path, media_type: str, level: str) -> Iterator[Any]:
    import feedvalidator  # type: ignore[import-not-found]  # from the checkout
    from feedvalidator import compatibility  # type: ignore[import-not-found]

    data = path.read_bytes()
    own = _OWN.search(data)
    base = own[1].decode() if own else ""
    found = feedvalidator.validateStream(io.BytesIO(data), 0, media_type, base)["loggedEvents"]
    yield from getattr(compatibility, level)(found)


def validate(folder: Path, level: str) -> Counter[str]:
    """Print the events of all files in a folder; how many there are of each kind."""
    formats = registry.formats()
    kinds = {f".{formats[name].extension}": formats[name].media_type for name in ("atom", "rss")}
    counts: Counter[str] = Counter()
    for path in sorted(path for path in folder.iterdir() if path.suffix in kinds):
        counts["files"] += 1
        for event in events(path, kinds[path.suffix], level):
            counts[type(event).__name__] += 1
            told = {name: event.params[name] for name in ("parent", "element", "value", "line") if name in event.params}
            print(f"{path.name}: {type(event).__name__} {told}")
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--level", choices=["A", "AA", "AAA"], default="AA")
    parser.add_argument("--feeds", type=Path, help="a folder of feeds, instead of those that tests publish")
    given = parser.parse_args()
    sys.path.insert(0, str(given.checkout / "src"))
    with tempfile.TemporaryDirectory() as folder:
        if given.feeds is None:
            for line in kinds_of_feeds.write(Path(folder)):
                print(line)
        counts = validate(given.feeds or Path(folder), given.level)
    print(f"level {given.level}: {dict(counts)}")


if __name__ == "__main__":
    main()
