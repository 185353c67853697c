"""When is a word of a text a word of a name? Looser than `words.fold`, by which copies are told. Pure.

Apostrophes part words, so that "l'Iran" and "Çin'in" hold a name and something short beside it. Letters that people
write for each other are one: Arabic أ إ آ ا, ة ه, ى ي and the Persian ک ی; ё and е; ı ł ø đ without their strokes.
Vowel signs, tatweel and Greek accents go as Latin accents do.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from aggregator.words import folded_once, folds, found_in, words

LONGEST_ENDING = 6  # letters behind a stem: китай|скими
_SHORTEST = 3  # letters of a name to which an Arabic particle is joined: two are found in everything

_APOSTROPHES = str.maketrans("'’ʼ", "   ")
_ALIKE = str.maketrans("ىیېٱکەہھةёıłøđ", "ييياكههههеilod", "ـ")
_STRIPPED = (
    ("\u0370", "\u0400"),
    ("\u0590", "\u0780"),
    ("\u1f00", "\u2000"),
)  # scripts whose marks go: Greek, Hebrew, Arabic
_ARABIC = re.compile(r"[\u0620-\u064a]")
_ARTICLE = "ال"
# "and", "so" before "in", "like", "to" before the article, which melts with "to"
_BEFORE = re.compile(r"[وف]?(?:[بكل]?(?:ال)?|لل)")
_BEFORE_ARTICLE = re.compile(r"[وف]?(?:[بك]?ال|لل)")


def pieces(text: str) -> list[str]:
    """The words of a text as written, parted at apostrophes, too."""
    found = words(text)
    if text.isascii() and "'" not in text:
        return found
    joined = " ".join(found)
    return joined.translate(_APOSTROPHES).split() if any(mark in joined for mark in "'’ʼ") else found


def loose(written: Sequence[str]) -> list[str]:
    """Each of the words, such that two that may stand for each other are equal."""
    found = folds(written)
    return found if "".join(found).isascii() else [word if word.isascii() else _alike_again(word) for word in found]


def pieces_once(text: str) -> list[str]:
    """The same as `pieces`, of a short text that need not be remembered."""
    if text.isascii() and text.replace(" ", "").isalnum():
        return text.split()
    return " ".join(found_in(text)).translate(_APOSTROPHES).split()


def loose_once(written: str) -> str:
    """The same as `loose`, of a word that need not be remembered."""
    return written.lower() if written.isascii() else _alike(folded_once(written))


def is_ending(letters: str) -> bool:
    """Whether what stands behind a stem is an inflection, by its length: no language's endings are listed here."""
    return not letters or (len(letters) <= LONGEST_ENDING and letters.isalpha())


def without_article(word: str) -> str | None:
    """Of a loose Arabic name what follows its article, if that is enough to be looked for amid words; else None."""
    core = word.removeprefix(_ARTICLE)
    return core if len(core) >= _SHORTEST and _ARABIC.match(core) else None


def is_particles(letters: str, name: str) -> bool:
    """Whether what stands before a name without its article are Arabic particles; a name with an article keeps it."""
    return bool((_BEFORE_ARTICLE if name.startswith(_ARTICLE) else _BEFORE).fullmatch(letters))


def _alike(folded: str) -> str:
    letters = []
    base = ""
    for letter in unicodedata.normalize("NFKD", folded):
        if not unicodedata.combining(letter):
            base = letter
        elif any(first <= base < end for first, end in _STRIPPED):
            continue
        letters.append(letter)
    return unicodedata.normalize("NFC", "".join(letters)).translate(_ALIKE)


_alike_again = lru_cache(maxsize=20_000)(_alike)  # most of a text is words that are used all the time
