"""Lines that websites put around articles: written by people as patterns, asked of one line at a time. Pure.

A pattern is the words of a line. Case, punctuation, Latin accents and possessives do not matter. What else it may hold:

    read more …         anything or nothing in place of … (or ...), at the beginning, in the middle or at the end
    3 shares            a number stands for any number
    leave (a) reply     what is in brackets may be absent
    read/see more       either word; within brackets, either phrase
    tags: …             the words before a line's first colon, or a line that ends with that colon

Without … the pattern has to be the whole line. A line of more than LONGEST characters is no marker.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product
from math import prod

from aggregator import packaged
from aggregator.words import folds, words

LONGEST = 400  # characters of a line that can be a marker
BEHIND, BEFORE, AMID, MENU = 1, 2, 4, 8  # kinds of markers, as bits
KINDS = {"behind": BEHIND, "before": BEFORE, "amid": AMID, "menu": MENU}
Lists = Mapping[str, Sequence[str]]

_VARIANTS = 1000  # of one pattern with many brackets and slashes
_OFTEN = 40  # characters of a piece of text that may come again
_GAP = re.compile(r"(?:…|\.\.\.)+")
_COLON = re.compile(r"[:：]")
_NUMBERS = re.compile(r"#(?: #)+")
_PART = re.compile(r"\(([^()]*)\)|([^()\s]+)")


_Gapped = Mapping[str, Sequence[tuple[Sequence[str], int]]]


@dataclass(frozen=True, slots=True)
class Markers:
    """Patterns by where they are looked up; each with the kinds of line that it marks.

    Patterns with gaps are runs of words, each between spaces. Those that begin with words are in `opening`, by their
    first run; those that begin with a gap in `inside`, by the first word of the run that follows it.
    """

    whole: Mapping[str, int]
    labels: Mapping[str, int]
    opening: _Gapped
    inside: _Gapped
    beginnings: Collection[str]  # of the first runs of those that are in `opening`: each run so far as a line has it

    @classmethod
    def of(cls, *lists: Lists) -> "Markers":
        """Markers of all the lists: `{"behind": [pattern, …], "before": …, "amid": …, "menu": …}`, none required.

        ValueError, with the pattern in its message, if one cannot be understood.
        """
        whole: dict[str, int] = {}
        labels: dict[str, int] = {}
        opening: dict[str, list[tuple[Sequence[str], int]]] = {}
        inside: dict[str, list[tuple[Sequence[str], int]]] = {}
        for kind, written in _patterns(lists):
            for is_label, (first, *others) in _variants(written):
                if not others:
                    exact = labels if is_label else whole
                    exact[first.strip()] = exact.get(first.strip(), 0) | kind
                elif first:
                    opening.setdefault(first, []).append((others, kind))
                else:
                    inside.setdefault(others[0].split()[0], []).append((others, kind))
        # No set: in each process it would be in another order, and the rules would seem to be others.
        beginnings = dict.fromkeys(
            run[: space + 1] for run in opening for space in range(1, len(run)) if run[space] == " "
        )
        return cls(whole, labels, opening, inside, beginnings)

    def kinds(self, line: str) -> int:
        """Which kinds of marker a line is: a sum of BEHIND, BEFORE, AMID and MENU; 0 if none."""
        form = _form(line) if len(line) <= LONGEST else ""
        if not form:
            return 0
        found = self.whole.get(form, 0)
        if label := _COLON.search(line):
            found |= self.labels.get(_form(line[: label.start()]), 0)
        tokens = form.split(" ")
        run = " "
        for token in tokens:
            run += f"{token} "
            if run not in self.beginnings:
                break
            if run in self.opening:
                found |= _fitting(f" {form} "[len(run) - 1 :], self.opening[run])
        for token in self.inside.keys() & tokens:
            found |= _fitting(f" {form} ", self.inside[token])
        return found


def lists_built_in() -> list[Lists]:
    """The lists that come with the program, one for each language."""
    return [packaged.data(name) for name in packaged.names("furniture")]


@cache
def built_in() -> Markers:
    """The markers of all languages that come with the program."""
    return Markers.of(*lists_built_in())


def _patterns(lists: Iterable[Lists]) -> Iterator[tuple[int, str]]:
    for names in lists:
        for name, patterns in names.items():
            if name not in KINDS:
                raise ValueError(f"“{name}” is no kind of marker; there are {', '.join(KINDS)}")
            for written in [patterns] if isinstance(patterns, str) else patterns or ():
                if not isinstance(written, str):
                    raise ValueError(f"{written!r} in “{name}” is no pattern: perhaps YAML wants quotes around it")
                yield KINDS[name], written


def _variants(written: str) -> Iterator[tuple[bool, tuple[str, ...]]]:
    """All that a pattern stands for: whether it is a label, and its runs of words, each between spaces."""
    if "#" in written:  # begins a comment in YAML: without quotes around it, half of the pattern would be lost
        raise ValueError(f"“{written}”: for any number write a number, 3")
    text, *after = _COLON.split(_GAP.sub(" … ", written), maxsplit=1)
    if after and after[0].strip(" …"):
        raise ValueError(f"“{written}”: after a colon only … can stand")
    for chosen in _chosen(text, written):
        first, *others = [_form(piece) for piece in chosen.split("…")]
        if after and others:
            raise ValueError(f"“{written}”: before a colon no … can stand")
        runs = [first, *filter(None, others[:-1]), *others[-1:]]
        if not any(runs):
            raise ValueError(f"“{written}” holds no word, or need not hold one")
        yield bool(after), tuple(f" {run} " if run else "" for run in runs)


def _chosen(text: str, written: str) -> Iterator[str]:
    """The text with each choice that its brackets and slashes leave."""
    choices = []
    for phrases, word in _PART.findall(text):
        options = (phrases or word).split("/")
        if not all(map(str.strip, options)):
            raise ValueError(f"“{written}”: something is missing beside a slash, or in brackets")
        choices.append([*options, ""] if phrases else options)
    if _PART.sub("", text).strip():
        raise ValueError(f"“{written}”: a bracket has no other, or stands within others")
    if prod(map(len, choices)) > _VARIANTS:
        raise ValueError(f"“{written}” stands for more than {_VARIANTS} patterns")
    return map(" ".join, product(*choices))


def _form(text: str) -> str:
    """A line's words as they are compared, with single spaces between them, and # for numbers, however many."""
    pieces = text.split()
    fold = _folded_again if max(map(len, pieces), default=0) <= _OFTEN else _folded
    form = " ".join(filter(None, map(fold, pieces)))
    return _NUMBERS.sub("#", form) if "# #" in form else form


def _folded(piece: str) -> str:
    found = filter(None, folds(words(piece.replace("©", " copyright "))))  # a mark without a letter folds to nothing
    return " ".join("#" if word[0].isdecimal() else word for word in found)


_folded_again = lru_cache(maxsize=50_000)(_folded)  # most of a text is words that are used all the time


def _fitting(text: str, patterns: Sequence[tuple[Sequence[str], int]]) -> int:
    found = 0
    for runs, kind in patterns:
        if _fits(text, runs):
            found |= kind
    return found


def _fits(text: str, runs: Sequence[str]) -> bool:
    """Whether the runs stand in the text in their order, the last at its end; a space may belong to two of them."""
    *inner, last = runs
    position = 0
    for run in inner:
        found = text.find(run, position)
        if found < 0:
            return False
        position = max(0, found + len(run) - 1)
    return text.endswith(last) and position <= len(text) - len(last)
