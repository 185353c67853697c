"""Where the sentences of a paragraph end. Pure; linear time.

A full stop, question or exclamation mark ends a sentence where a space follows and then no small letter; after an
abbreviation (Mr., J., млн.) a full stop does not, after one with inner dots (U.S., a.m.) only if a word follows that
begins sentences (The, He, In). A decimal point has no space behind it. The marks of Chinese and Japanese, of Arabic,
Urdu, Hindi, Armenian and Amharic end a sentence wherever they stand.
"""

import re
from collections.abc import Iterator

_CLOSING = r"[\"'”’»›)\]）」』】〉》]*+"
_STOP = re.compile(
    rf"(?<![.!?…])(?P<mark>[.!?…]++){_CLOSING}\s++(?=(?P<next>[\"'“‘«‹(\[„]*+\S))"
    rf"|(?<![。！？｡؟۔।॥։።])[。！？｡؟۔।॥։።]++{_CLOSING}\s*+"
)
_BEFORE = re.compile(r"[^\W_](?:[\w.’'-]{0,30})$")
_REACH = 32  # characters before a full stop that can be an abbreviation
_WORD = re.compile(r"[^\W\d_]+")
# Names and numbers follow these. Months stand here only where they are cut short: "may" and "mars" are words.
_BEFORE_NAMES = frozenset(
    """mr mrs ms mx dr prof rev hon sr st ste mt ft gen lt col maj capt cmdr adm sgt gov sen rep pres amb insp supt
    messrs mme mlle vs hr fr dipl ing sra srta srs ud uds dña им акад проф ул""".split()
)
_ABBREVIATIONS = frozenset(
    """jr etc al approx dept est inc ltd corp co bros nos fig vol ed eds pp jan feb mar apr jun jul aug sept sep oct nov
    dec ca bzw usw ggf evtl sog str nr prov núm pág av г гг тыс млн млрд трлн руб коп стр рис см напр др""".split()
)
_BEFORE_NUMBERS = frozenset("no art p sec para ch кв д п ст".split())
_BEGINNINGS = frozenset(
    """the a an he she it they we i you this that these those there in on at by for from with but and or if when while
    as after before since his her its their our officials asked both under last some many most""".split()
)


def sentences(paragraph: str) -> Iterator[str]:
    """The sentences of a paragraph, in order and with nothing left out."""
    begun = 0
    for stop in _STOP.finditer(paragraph):
        if stop["mark"] is None or _ends(paragraph, stop):
            yield paragraph[begun : stop.end()]
            begun = stop.end()
    if begun < len(paragraph):
        yield paragraph[begun:]


def _ends(paragraph: str, stop: re.Match[str]) -> bool:
    following = stop["next"][-1]
    if following.islower():
        return False
    if stop["mark"] != ".":
        return True
    found = _BEFORE.search(paragraph[max(0, stop.start() - _REACH) : stop.start()])
    if found is None:
        return True
    before = found[0].lower()
    if before in _BEFORE_NUMBERS:
        return not following.isdecimal()
    if before in _BEFORE_NAMES or (len(before) == 1 and found[0].isupper()):
        return False
    return not ("." in before or before in _ABBREVIATIONS) or _begins(paragraph, stop.end())


def _begins(paragraph: str, position: int) -> bool:
    """Whether the word at a position is one that begins sentences, rather than a name."""
    word = _WORD.search(paragraph, position, position + _REACH)
    return word is not None and word[0].lower() in _BEGINNINGS
