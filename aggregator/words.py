"""Text → words: what a word is, and when two words are the same. Pure.

A word is a run of letters and digits; an apostrophe inside it stays, a possessive 's goes; "U.S." is the word "US".
Where a script writes no spaces (Han, kana, Hangul, Thai) each character is a word, so that a phrase of such words is
found wherever it stands.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_MARKS = "\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963"
_LETTER = rf"(?:[^\W_]|[{_MARKS}])"
_WORD = re.compile(
    rf"(?:[^\W\d_{_UNSPACED}]\.)+[^\W\d_{_UNSPACED}]\b"  # U.S, with or without its last dot
    rf"|[{_UNSPACED}]"
    rf"|(?:(?![{_UNSPACED}]){_LETTER})+(?:['’](?:(?![{_UNSPACED}]){_LETTER})+)*"
)
# Normalizing a run of marks takes time by the square of its length; no language has more than 30 (UAX #15 §13).
_LONG_RUN = re.compile(r"([^\w\s]{30})[^\w\s]+")
_POSSESSIVE = re.compile(r"['’][sS]$")


def words(text: str) -> list[str]:
    """Each word as written, without possessive and inner dots."""
    found = []
    for match in _WORD.finditer(normal(text)):
        word = match[0]
        if "." in word:
            word = word.replace(".", "")
        elif "'" in word or "’" in word:
            word = _POSSESSIVE.sub("", word)
        found.append(word)
    return found


def normal(text: str) -> str:
    """The text in Unicode's form NFKC, in linear time: without the rest of endless runs of marks."""
    return unicodedata.normalize("NFKC", _LONG_RUN.sub(r"\1", text))


@lru_cache(maxsize=50_000)
def fold(word: str) -> str:
    """The word without case, width and Latin accents: equal for words that a reader takes for the same."""
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


def folded(text: str) -> str:
    """A text's folded words with single spaces between them."""
    return " ".join(fold(word) for word in words(text))


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
