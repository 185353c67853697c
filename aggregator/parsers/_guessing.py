"""Which encoding are these bytes in, when nothing says so? Told by the letters that they would make. Pure.

Each candidate is asked how usual its letters would be: in the scripts of East Asia, what share of the signs are the
everyday ones, which stand first in the old sets of characters; elsewhere, how frequent the letters are in a language of
the encoding. A few words are enough.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache

from aggregator.language import language

_LOOKED_AT = 6000  # bytes, beginning with the first that is not ASCII
_NEEDED = 0.15  # of all signs: kana in Japanese
_FEW = 0.6  # a score below which nothing is believed
_PUNCTUATION = frozenset("“”„‘’‚«»‹›–—…•·€£§°©®№\xa0¿¡²³½ºª´")
_CAPITAL_INSIDE = re.compile(r"[^\W\d_A-Za-z](?<=[a-zà-öø-ÿŀ-ſа-џα-ώ])[A-ZÀ-ÖØ-ÞА-ЯЀ-ЏΑ-Ω]")
_MIXED = re.compile(r"[A-Za-z][^\W\da-zA-Z]|[^\W\da-zA-Z][A-Za-z]")
# The letters outside ASCII of the languages of each encoding; where that is the alphabet, the most frequent ones first.
_RUSSIAN = {"ru": "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё"}
_UKRAINIAN = {"uk": "оанітирвеслкдмпуязьбгчйхцїжєшюфщґ"}
_CYRILLIC = {
    **_RUSSIAN,
    **_UKRAINIAN,
    "bg": "аиоетнрсвлкдпмзъугбчяжйцшхщфью",
    "sr": "аиоенрстувкдпјмлгзбљшчцжњћђхфџ",
    "be": "аніоелрстквыдпумзягцябьйчюжшўхфёэ",
}
_WESTERN = {
    "de": "äöüß",
    "fr": "àâæçéèêëîïôœùûüÿ",
    "es": "áéíñóúü",
    "pt": "ãõáâàçéêíóôú",
    "it": "àèéìòù",
    "nl": "ëïéèö",
    "sv": "åäöé",
    "da": "æøåé",
    "en": "éèïôçñ",
}
_CENTRAL = {
    "pl": "ąęółżśćńź",
    "cs": "áéíýěšřžčůúňťďó",
    "sk": "áéíýšžčúľťďňôŕĺä",
    "hu": "áéőíöóűúü",
    "hr": "čšžćđ",
    "ro": "ăâîșțşţ",
}
_ALPHABETS = {
    "cp1252": _WESTERN,
    "cp1251": _CYRILLIC,
    "cp1250": _CENTRAL,
    "cp1254": {"tr": "ıüşçöğİâîŞÇÖÜ"},
    "cp1253": {"el": "αοιετσνηυρπκμλςίόάγέήδωχθύφβξώζψ"},
    "cp1255": {"he": "יוהלאמרתבשנםכעדקפחטןגצזסךףץ"},
    "cp1256": {
        "ar": "اليمونرتبةعدسفهكقأحجشطصخىذإغءضزثئآظؤ",
        "fa": "ایرندمهوتبسشکزگفلخحعقجپچصطغذآئضثظژء",
    },
    "cp1257": {"lt": "ėįųšąžūęč", "lv": "āīēšņūļģčķž", "et": "äõüöšž"},
    "koi8-r": _RUSSIAN,
    "koi8-u": _UKRAINIAN,
    "cp866": _RUSSIAN,
    "iso8859-5": _RUSSIAN,
    "iso8859-2": _CENTRAL,
    "mac_roman": {name: _WESTERN[name] for name in ("de", "fr", "es")},
    "cp874": {"th": "านรอกเงมยลวดทสตะปบคหแจพชขใไโผซธณศฟภถษฐญฉฤ่้ิีัื์ุู็ำ๊๋"},
}
_SPARSE = frozenset({"cp1252", "cp1250", "cp1254", "cp1257", "iso8859-2", "mac_roman"})  # most of the letters are ASCII


def guessed(body: bytes) -> str | None:
    """Python's name of the encoding, or None. Bytes that are ASCII or UTF-8 are not asked about."""
    start = re.search(rb"[\x80-\xff]", body)
    if start is None:
        return None
    begin = max(0, start.start() - 100)
    sample = body[begin : begin + _LOOKED_AT]
    scores = [(score, -number, name) for number, (name, score) in enumerate(_scores(sample))]
    score, _, name = max(scores, default=(0.0, 0, ""))
    return name if score >= _FEW else None


def _scores(sample: bytes) -> Iterable[tuple[str, float]]:
    for name, score in _EAST_ASIAN.items():
        text = _decoded(sample, name)
        if text is not None:
            yield name, score(sample)
    for name, alphabets in _ALPHABETS.items():
        text = _decoded(sample, name)
        if text is not None:
            yield name, max(_usual(text, tongue, letters, name in _SPARSE) for tongue, letters in alphabets.items())


def _decoded(sample: bytes, encoding: str) -> str | None:
    """The text, whose end may be cut in the midst of a character."""
    for end in (len(sample), len(sample) - 1, len(sample) - 2):
        try:
            return sample[:end].decode(encoding)
        except UnicodeDecodeError as error:
            if len(sample) < _LOOKED_AT or error.start < len(sample) - 4:
                return None
    return None


def _usual(text: str, tongue: str, alphabet: str, is_sparse: bool) -> float:
    """How usual the letters outside ASCII are in a language, 0–1."""
    found = [sign for sign in text if not sign.isascii() and sign not in _PUNCTUATION]
    if not found:
        return _FEW if is_sparse else 0.0
    ranks = _ranks(alphabet, is_sparse)
    score = sum(ranks.get(sign.lower(), -0.5) for sign in found) / len(found)
    score -= 0.5 * len(_CAPITAL_INSIDE.findall(text)) / len(found)
    score -= 0 if is_sparse else len(_MIXED.findall(text)) / len(found)
    return score + 0.05 * (is_sparse and language(None, text) == tongue)


@cache
def _ranks(alphabet: str, is_sparse: bool) -> dict[str, float]:
    """The weight of each letter: 1 for the more frequent half of an alphabet, less and less for the others."""
    size = len(alphabet)
    return {sign: 0.9 if is_sparse else min(1.0, 1.3 - place / size) for place, sign in enumerate(alphabet)}


def _share(usual: bytes, needed: bytes = b"", pair: bytes = rb"[\x81-\xfe][\x40-\xfe]") -> Callable[[bytes], float]:
    """Of the signs that take two bytes, the share of the usual ones; nothing where too few are of those needed."""
    every = re.compile(rb"[\x00-\x7f]|(" + pair + rb")|.", re.DOTALL)

    def score(sample: bytes) -> float:
        pairs = [found for found in every.findall(sample) if found]
        if not pairs or (needed and _count(needed, pairs) < _NEEDED * len(pairs)):
            return 0.0
        return _count(usual, pairs) / (len(pairs) + 0.2)

    return score


def _count(pattern: bytes, pairs: Iterable[bytes]) -> int:
    return sum(re.fullmatch(pattern, found) is not None for found in pairs)


# In the order in which they are believed: Korean's everyday signs are a part of Chinese's.
_EAST_ASIAN: dict[str, Callable[[bytes], float]] = {
    "cp949": _share(rb"[\xb0-\xc8][\xa1-\xfe]|[\xa1-\xa3][\xa1-\xfe]"),
    "euc_jp": _share(rb"[\xa1-\xa5\xb0-\xcf][\xa1-\xfe]", needed=rb"[\xa4\xa5]."),
    "gb18030": _share(rb"[\xa1-\xa3\xb0-\xd7][\xa1-\xfe]"),
    "big5hkscs": _share(rb"[\xa1-\xc6][\x40-\x7e\xa1-\xfe]"),
    "cp932": _share(
        rb"[\x81-\x83\x88-\x97].", needed=rb"[\x82\x83].", pair=rb"[\x81-\x9f\xe0-\xfc][\x40-\xfc]|[\xa1-\xdf]"
    ),
}
