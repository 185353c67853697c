"""Text → words: what a word is, and when two words are the same. Pure.

A word is a run of letters and digits; an apostrophe inside it stays, a possessive 's goes; "U.S." is the word "US".
Soft hyphens and joiners are no part of it. Where a script writes no spaces (Han, kana, Hangul, Thai) each character is
a word, so that a phrase of such words is found wherever it stands.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain

UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_MARKS = "\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963"
_LETTERS = rf"(?:[^\W_{UNSPACED}]++|[{_MARKS}]++)++"
_WORD = re.compile(
    rf"(?:[^\W\d_{UNSPACED}]\.)+[^\W\d_{UNSPACED}]\b"  # U.S, with or without its last dot
    rf"|[{UNSPACED}]"
    rf"|{_LETTERS}(?:['’]{_LETTERS})*+"
)
# Normalizing a run of marks takes time by the square of its length; no language has more than 30 (UAX #15 §13).
_LONG_RUN = re.compile(r"([^\w\s]{30})[^\w\s]+")
_UNSEEN = re.compile("[\u00ad\u200d\u2060\ufeff]")  # where a word may be broken or must not be: no part of it
_POSSESSIVE = re.compile(r"['’][sS]$")
_OFTEN = 40  # characters of a piece that may come again
_PART = re.compile(rf"\S{{1,10000}}[{_MARKS}]*+")  # of what has no spaces: more at once would hold up other threads


def words(text: str) -> list[str]:
    """Each word as written, without possessive and inner dots."""
    pieces = text.split()  # Unicode's normal forms join nothing over a space
    read = _again if max(map(len, pieces), default=0) <= _OFTEN else _words_of
    return list(chain.from_iterable(map(read, pieces)))


def found_in(text: str) -> tuple[str, ...]:
    """The words of a short text that need not be remembered."""
    return _found(" ".join(text.split()))


def normal(text: str) -> str:
    """The text in Unicode's form NFKC, in linear time: without the rest of endless runs of marks."""
    return text if text.isascii() else unicodedata.normalize("NFKC", _LONG_RUN.sub(r"\1", text))


def _words_of(piece: str) -> Iterable[str]:
    """The words of a piece of text that has no spaces."""
    if len(piece) <= _OFTEN:
        return _again(piece)
    return chain.from_iterable(map(_found, _PART.findall(piece)))


def _found(piece: str) -> tuple[str, ...]:
    if piece.isascii() and piece.isalnum():
        return (piece,)
    text = _UNSEEN.sub("", normal(piece))
    found = _WORD.findall(text)
    if "." in text or "'" in text or "’" in text:
        found = [word.replace(".", "") if "." in word else _POSSESSIVE.sub("", word) for word in found]
    return tuple(found)


_again = lru_cache(maxsize=50_000)(_found)  # most of a text is words that are used all the time


def fold(word: str) -> str:
    """The word without case, width and Latin accents: equal for words that a reader takes for the same."""
    return _folded_again(word) if len(word) <= _OFTEN else folded_once(word)


def folds(written: Sequence[str]) -> list[str]:
    """Each of the words, folded."""
    return list(map(_folded_again if max(map(len, written), default=0) <= _OFTEN else fold, written))


def folded(text: str) -> str:
    """A text's folded words with single spaces between them."""
    return " ".join(folds(words(text)))


def folded_once(word: str) -> str:
    """The same as `fold`, of a word that need not be remembered."""
    if word.isascii():
        return word.lower()
    letters = []
    base = ""
    for letter in unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", word.casefold()).casefold()):
        if unicodedata.combining(letter) and base < "\u0250":  # accents of Latin letters only: й is not и
            continue
        base = letter
        letters.append(letter)
    return unicodedata.normalize("NFC", "".join(letters)).replace("’", "'")


_folded_again = lru_cache(maxsize=50_000)(folded_once)


def digest(parts: Iterable[str]) -> str:
    """128 bits of SHA-256 over the parts, in hexadecimal; no two lists of parts run together."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()[:32]


def short_hash(data: bytes) -> bytes:
    """Eight bytes that tell changed data from unchanged. Who makes two that are equal fools only themselves."""
    return hashlib.sha1(data, usedforsecurity=False).digest()[:8]
