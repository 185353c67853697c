"""Which file in a folder is an article, and which says something about another one? Pure: by their names alone."""

import unicodedata
from collections.abc import Collection, Iterable

from aggregator.sources._files import split

FACTS = (".yaml", ".yml")
NO_ARTICLE = "facts for a file that is not here: drop it before its article, or together with it"


def paired(names: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Articles in the order of their names, each with the name of its facts or ""; facts of nothing, with the reason.

    `a.txt` has its facts in `a.txt.yaml`, or else in `a.yaml`. One file of facts is for one article: the first one.
    """
    by_place: dict[str, list[str]] = {}
    articles = []
    for name in sorted(names):
        if name.lower().endswith(FACTS):
            by_place.setdefault(split(name)[0], []).append(name)
        else:
            articles.append(name)
    found = {name: _next(by_place, name) for name in articles}
    for name in articles if any(by_place.values()) else ():
        if not found[name]:
            found[name] = _next(by_place, split(name)[0])
    return found, {name: _reason(place, found) for place, left in by_place.items() for name in left}


def problem(name: str) -> str | None:
    """Why no file may have such a name."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "the file's name is not UTF-8"
    if any(unicodedata.category(character) == "Cc" for character in name):
        return "the file's name has a line break or another control character in it"
    return None


def _next(by_place: dict[str, list[str]], place: str) -> str:
    left = by_place.get(place)
    return left.pop(0) if left else ""


def _reason(place: str, articles: Collection[str]) -> str:
    owners = [name for name in articles if place in (name, split(name)[0])]
    return f"{owners[0]} has other facts beside it: only one file of facts is for one article" if owners else NO_ARTICLE
