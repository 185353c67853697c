"""The words by which texts say whose they are, made ready: labels, names of people and publishers. Pure."""

import re
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from typing import Any

from aggregator import packaged
from aggregator.agencies import built_in

_MAX_NAME, _MAX_SOURCE = 50, 60
_MAX_NAMES = 8
_MAX_WORDS = 5
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’.\-‐·\u0300-\u036f])*")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff·]{2,12}")
_CASED = re.compile(r"[A-Za-zÀ-ɏͰ-ӿ]")
_PARTICLES = frozenset(
    "de da do dos das del della der den van von zu zum la le du di el al bin ibn y ter ten af".split()
)
_WHERE = re.compile(r"\s+(?:in|for|at|aus|für|à|en|para|из|для)\s+(?=[^\W\d_]).*$")
_REPORT = re.compile(r"\s*(?:[\u4e00-\u9fff]{2,4})?(?:综合)?(?:报道|報道|摄影报道|摄)$")
_KINDS = ("author", "published", "updated", "source", "url", "tags")


class Words:
    """What is asked of the words."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        self._kinds: dict[str, list[str]] = {}
        for kind in _KINDS:
            for word in _all(data[kind]):
                self._kinds.setdefault(word, []).append(kind)
        self._no_sources = frozenset(data["no_sources"])
        self._no_names = frozenset(data["no_names"].split())
        self._roles = frozenset(data["roles"].split())

    @cached_property
    def labels(self) -> re.Pattern[str]:
        """A label with its colon, or slash, at the beginning of a line or after a space. Its words are group 1 or 2."""
        slashed = _alternatives(_all({"zh": self._data["author"]["zh"], "ja": self._data["author"]["ja"]}))
        words = _alternatives(self._kinds)
        return re.compile(rf"(?:^|(?<=\s))(?:({words})\s*[:：]\s*|({slashed})\s*[/／｜|・]\s*(?=\S))", re.IGNORECASE)

    def kinds(self, label: str) -> tuple[str, ...]:
        """Which facts a label can stand before."""
        return tuple(self._kinds.get(label.lower(), ()))

    @cached_property
    def dated(self) -> re.Pattern[str]:
        """The words before a date, with or without a colon."""
        published, updated = _alternatives(_all(self._data["published"])), _alternatives(_all(self._data["updated"]))
        return re.compile(rf"(?:(?P<updated>{updated})|{published})(?:\s*[:：]\s*|\s+|(?=\d))", re.IGNORECASE)

    @cached_property
    def turns(self) -> re.Pattern[str]:
        """A dash or comma before another date of the same line."""
        words = _alternatives(_all(self._data["updated"]) + _all(self._data["published"]))
        return re.compile(rf"(?:\s+[-–—]|\s*[,;])\s+(?=(?:{words})[\s:：])", re.IGNORECASE)

    @cached_property
    def _by(self) -> re.Pattern[str]:
        words = _all(self._data["by"])
        close = _alternatives(word for word in words if len(word) > 3 and not word.isascii())
        return re.compile(
            rf"(?:(?:{_alternatives(words)})\s+|(?:{close})(?=[\u4e00-\u9fff]))(?P<names>\S.*)", re.IGNORECASE
        )

    @cached_property
    def _and(self) -> re.Pattern[str]:
        words = _all(self._data["and"])
        spaced = _alternatives(word for word in words if word not in "、・")
        return re.compile(rf"\s+(?:{spaced})\s+|\s*[、・,，;/؛،]\s*(?:(?:{spaced})\s+)?", re.IGNORECASE)

    @cached_property
    def _first_in(self) -> list[re.Pattern[str]]:
        return [re.compile(pattern, re.IGNORECASE) for pattern in self._data["first_in"]]

    @cached_property
    def _credits(self) -> list[re.Pattern[str]]:
        return [re.compile(pattern, re.IGNORECASE) for pattern in self._data["credits"]]

    def first_in(self, line: str) -> str | None:
        """Where a text was first, as a sentence of its own says."""
        return next((match[1] for pattern in self._first_in if (match := pattern.match(line))), None)

    def credited(self, line: str) -> tuple[str, ...]:
        """The names in a line such as "(Reporting by Jane Doe in Paris; editing by John Roe)"."""
        found = next((match[1] for pattern in self._credits if (match := pattern.fullmatch(line))), "")
        return self.names(found, fewest=2) if found else ()

    def written_by(self, line: str) -> tuple[str, ...]:
        """The names in a line such as "By Jane Doe and John Roe"; none where it is anything else."""
        match = self._by.fullmatch(line)
        if match is None or line.endswith((".", "?", "!", "…", "。")):
            return ()
        agency = self.agency(match["names"])
        return (agency,) if agency else self.names(match["names"], fewest=2)

    def names(self, text: str, *, fewest: int) -> tuple[str, ...]:
        """The names that a text begins with, of so many words at least; none where no role or place follows them."""
        if "://" in text or len(text) > _MAX_NAME * _MAX_NAMES:
            return ()
        text = _REPORT.sub("", _WHERE.sub("", re.split(r"\s*[(（|]|\s[-–—]\s", text, maxsplit=1)[0])).strip(" .:")
        parts = [part for part in self._and.split(text) if part]
        if len(parts) == 1 and " " in text and all(map(_UNSPACED.fullmatch, text.split())):
            parts = text.split()
        found: list[str] = []
        for number, part in enumerate(parts):
            if not self._is_name(part, fewest):
                return tuple(found) if found and all(map(self._is_role, parts[number:])) else ()
            found.append(part)
        return tuple(found[:_MAX_NAMES])

    def agency(self, text: str) -> str | None:
        """The name of a news agency, as readers know it."""
        found = built_in().any_named(text)
        return found.label if found else None

    def agency_before(self, text: str) -> str | None:
        """The agency that a text begins with: "РИА Новости. Президент …"."""
        return self.agency(re.split(r"[.。]\s|\s[—–-]\s|:", text, maxsplit=1)[0][:40])

    def is_publisher(self, name: str) -> bool:
        """A name is short and no sentence; one without capitals is a host, has a figure, or is an agency's."""
        spoken = name.split()
        if not 2 <= len(name) <= _MAX_SOURCE or len(spoken) > 6 or name.lower() in self._no_sources:
            return False
        if re.search("[:@(){}<>=]", name) or sum(len(word) > 3 and word.islower() for word in spoken) > 1:
            return False  # no name; a sentence, or a title
        small = name.isascii() and name == name.lower()
        return not small or re.search(r"\d|\w\.\w", name) is not None or self.agency(name) is not None

    def _is_name(self, text: str, fewest: int) -> bool:
        if _UNSPACED.fullmatch(text):
            return True
        words = text.split()
        if not fewest <= len(words) <= _MAX_WORDS or len(text) > _MAX_NAME or len(text) < 3:
            return False
        return all(map(self._is_of_a_name, words)) and not any(map(self._is_of_a_role, words))

    def _is_of_a_name(self, word: str) -> bool:
        if not _WORD.fullmatch(word) or word.lower().strip(".") in self._no_names:
            return word in _PARTICLES
        return word[0].isupper() or word in _PARTICLES or not _CASED.match(word) or word[:2] in ("d'", "d’", "al", "el")

    def _is_role(self, text: str) -> bool:
        """What an author is, where, or for whom: words of roles, an agency, one or two capitals."""
        words = text.split()
        if self.agency(text):
            return True
        return len(words) <= _MAX_WORDS and (any(map(self._is_of_a_role, words)) or (text.istitle() and len(words) < 3))

    def _is_of_a_role(self, word: str) -> bool:
        return word.strip(".").lower() in self._roles


@cache
def words() -> Words:
    """The words that are shipped."""
    return Words(packaged.data("bylines.yaml"))


def _all(by_language: Mapping[str, list[str]]) -> list[str]:
    return [word.lower() for words in by_language.values() for word in words]


def _alternatives(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(set(words), key=lambda word: (-len(word), word))))
