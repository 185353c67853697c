"""In articles of which languages does an alias hold? Pure.

An alias that a concept lists under a language holds in articles of that language, and where nobody knows the language.
In others it holds, too, if it cannot well be a word of theirs:

- it has several words, or several characters where each is a word: "Casa Blanca", 中国;
- or the concept lists no name for the article's language in the script of the alias, and the alias is English or not in
  Latin letters: "Putin" in a Polish article, where the concept has no Polish name; Россия in one declared English.

So the Portuguese "Omã" is no German "Oma", and the Japanese 米 no Chinese rice. What is listed for `any` language holds
everywhere, and so do guards.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from aggregator.config.concepts import ANY
from aggregator.lexicon import STEM
from aggregator.words import UNSPACED

_SAME = {"nb": "no", "nn": "no"}  # Norwegian, by its written forms
_GENITIVE = frozenset(("de", "da", "no", "sv"))  # names get an s without an apostrophe: Chinas
_BEGINS = (0x0250, 0x0370, 0x0400, 0x0530, 0x0590, 0x0600, 0x0780, 0x1E00, 0x1F00)
_SCRIPTS = (
    "Latin",
    "",
    "Greek",
    "Cyrillic",
    "Armenian",
    "Hebrew",
    "Arabic",
    "",
    "Latin",
    "",
)  # before each, and behind
_SEVERAL = re.compile(rf"\w[\W_]+\w|[{UNSPACED}]{{2}}")


@dataclass(frozen=True, slots=True)
class Reach:
    """The languages in which an alias holds: its own; any but some others; or, without any of its own, every one."""

    own: frozenset[str] = frozenset()
    elsewhere: bool = True
    not_in: frozenset[str] = frozenset()

    def holds_in(self, language: str | None) -> bool:
        """Whether it holds in an article of this language; None: nobody knows which it is."""
        if not self.own or language is None:
            return True
        spoken = _SAME.get(language, language)
        return spoken in self.own or (self.elsewhere and spoken not in self.not_in)


EVERYWHERE = Reach()


def reaches(names: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Reach]]:
    """Each form of a concept's aliases, which come behind their languages, with its reach; each once."""
    by_form: dict[str, set[str]] = defaultdict(set)
    by_script: dict[str, set[str]] = defaultdict(set)
    for listed, alias in names:
        language = _SAME.get(listed, listed)
        by_script[_script(alias)].add(language)
        for form in _forms(language, alias):
            by_form[form].add(language)
    others = {script: frozenset(languages) for script, languages in by_script.items()}
    for form, languages in by_form.items():
        if ANY in languages or _SEVERAL.search(form):
            yield form, EVERYWHERE
        else:
            script = _script(form)
            yield form, _reach(frozenset(languages), "en" in languages or script != "Latin", others[script])


_reach = cache(Reach)  # few differ: what many concepts have in common is kept once


def _forms(language: str, alias: str) -> Iterator[str]:
    yield alias
    if language in _GENITIVE and alias[0].isupper() and not alias.endswith(("s", "x", "z", "ß", STEM)):
        yield f"{alias}s"


def _script(alias: str) -> str:
    """By its first letter, and only as finely as scripts matter that several languages share."""
    return _SCRIPTS[bisect_right(_BEGINS, ord(next(filter(str.isalpha, alias), "a")))]
