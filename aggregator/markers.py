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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import product

import yaml

from aggregator.words import folds, words

LONGEST = 300  # characters of a line that can be a marker
BEHIND, BEFORE, AMID, MENU = 1, 2, 4, 8  # kinds of markers, as bits
KINDS = {"behind": BEHIND, "before": BEFORE, "amid": AMID, "menu": MENU}
Lists = Mapping[str, Sequence[str]]

_VARIANTS = 1000  # of one pattern with many brackets and slashes
_GAP = re.compile(r"(?:…|\.\.\.)+")
_COLON = re.compile(r"[:：]")
_TOKEN = re.compile(r"\(|\)|/|[^()/\s]+")


@dataclass(frozen=True, slots=True)
class Markers:
    """Patterns by where they are looked up; each with the kinds of line that it marks.

    `opening` and `inside` hold, by their first word, patterns with gaps: the runs of words between the gaps, the first
    or last run being empty when the pattern begins or ends with one.
    """

    whole: Mapping[str, int]
    labels: Mapping[str, int]
    opening: Mapping[str, Sequence[tuple[Sequence[str], int]]]
    inside: Mapping[str, Sequence[tuple[Sequence[str], int]]]

    @classmethod
    def of(cls, *lists: Lists) -> "Markers":
        """Markers of all the lists: `{"behind": [pattern, …], "before": …, "amid": …, "menu": …}`, none required.

        ValueError, with the pattern in its message, if one cannot be understood.
        """
        whole: dict[str, int] = {}
        labels: dict[str, int] = {}
        opening: dict[str, dict[tuple[str, ...], int]] = {}
        inside: dict[str, dict[tuple[str, ...], int]] = {}
        for kind, written in _patterns(lists):
            for is_label, runs in _compiled(written):
                if is_label or len(runs) == 1:
                    exact = labels if is_label else whole
                    exact[runs[0].strip()] = exact.get(runs[0].strip(), 0) | kind
                else:
                    index = opening if runs[0] else inside
                    same = index.setdefault(next(filter(None, runs)).split()[0], {})
                    same[runs] = same.get(runs, 0) | kind
        return cls(whole, labels, _frozen(opening), _frozen(inside))

    def kinds(self, line: str) -> int:
        """Which kinds of marker a line is: a sum of BEHIND, BEFORE, AMID and MENU; 0 if none."""
        if len(line) > LONGEST:
            return 0
        form = _form(line)
        if not form:
            return 0
        found = self.whole.get(form, 0)
        if label := _COLON.search(line):
            found |= self.labels.get(_form(line[: label.start()]), 0)
        tokens = form.split()
        padded = f" {form} "
        for runs, kind in self.opening.get(tokens[0], ()):
            if _fits(padded, runs):
                found |= kind
        for token in self.inside.keys() & tokens:
            for runs, kind in self.inside[token]:
                if _fits(padded, runs):
                    found |= kind
        return found


@cache
def packaged() -> tuple[Lists, ...]:
    """The lists that come with the program, one for each language: the only reading of files in this module."""
    folder = resources.files("aggregator") / "furniture"
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    return tuple(yaml.safe_load(file.read_text(encoding="utf-8")) for file in found)


@cache
def built_in() -> Markers:
    """The markers of all languages that come with the program."""
    return Markers.of(*packaged())


def _patterns(lists: Iterable[Lists]) -> Iterator[tuple[int, str]]:
    for names in lists:
        for name, patterns in names.items():
            if name not in KINDS:
                raise ValueError(f"“{name}” is no kind of marker; there are {', '.join(KINDS)}")
            for written in patterns or ():
                if not isinstance(written, str):
                    raise ValueError(f"{written!r} in “{name}” is no pattern: perhaps YAML wants quotes around it")
                yield KINDS[name], written


def _compiled(written: str) -> Iterator[tuple[bool, tuple[str, ...]]]:
    """Each variant of a pattern: whether it is a label, and its runs of words, each between spaces."""
    if "#" in written:  # is what a comment begins with in YAML: without quotes, half the pattern would be lost
        raise ValueError(f"“{written}”: for any number write a number, 3")
    before, colon, after = _split_label(written)
    if colon and _GAP.sub("", after).strip():
        raise ValueError(f"“{written}”: after a colon only … can stand")
    for variant in _variants(before, written):
        first, *others = [_form(piece) for piece in (_GAP.split(variant) if not colon else [variant])]
        runs = [first, *filter(None, others[:-1]), *others[-1:]]
        if not any(runs):
            raise ValueError(f"“{written}” holds no word, or may hold none")
        yield bool(colon), tuple(f" {run} " if run else "" for run in runs)


def _split_label(written: str) -> tuple[str, str, str]:
    colon = _COLON.search(written)
    return (written[: colon.start()], ":", written[colon.end() :]) if colon else (written, "", "")


def _variants(text: str, written: str) -> Iterator[str]:
    """The text with each choice of what its brackets and slashes allow."""
    choices: list[list[str]] = []
    group: list[str] | None = None  # the phrases of an open bracket
    after_slash = False
    for token in _TOKEN.findall(_GAP.sub(" … ", text)):
        if token == "(" and group is None and not after_slash:
            group = [""]
        elif token == ")" and group is not None:
            choices.append(["", *group])
            group = None
        elif token == "/" and group is not None:
            group.append("")
        elif token == "/" and choices and not after_slash:
            after_slash = True
        elif token in "()/":
            raise ValueError(f"“{written}”: a “{token}” does not belong where it is")
        elif group is not None:
            group[-1] += f" {token}"
        elif after_slash:
            choices[-1].append(token)
            after_slash = False
        else:
            choices.append([token])
    if group is not None or after_slash:
        raise ValueError(f"“{written}”: something is missing at its end")
    number = 1
    for choice in choices:
        number *= len(choice)
    if number > _VARIANTS:
        raise ValueError(f"“{written}” stands for more than {_VARIANTS} patterns")
    return (" ".join(chosen) for chosen in product(*choices))


def _form(text: str) -> str:
    """A line's words as they are compared, with single spaces between them, and # for numbers, however many."""
    form: list[str] = []
    for word in folds(words(text.replace("©", " copyright "))):
        token = "#" if word[0].isdecimal() else word
        if token != "#" or not form or form[-1] != "#":
            form.append(token)
    return " ".join(form)


def _fits(padded: str, runs: Sequence[str]) -> bool:
    """Whether the runs stand in the text in their order, the first at its beginning and the last at its end."""
    if not padded.startswith(runs[0]):
        return False
    end = len(padded) - len(runs[-1]) + bool(runs[-1])  # one space may serve two runs
    if not padded.endswith(runs[-1]):
        return False
    position = max(0, len(runs[0]) - 1)
    for run in runs[1:-1]:
        found = padded.find(run, position)
        if found < 0:
            return False
        position = found + len(run) - 1
    return position < end


def _frozen(index: Mapping[str, Mapping[tuple[str, ...], int]]) -> Mapping[str, Sequence[tuple[Sequence[str], int]]]:
    return {word: tuple(found.items()) for word, found in index.items()}
