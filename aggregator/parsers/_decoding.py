"""Which characters do these bytes mean? Declarations are hints: what the bytes themselves prove wins. Pure.

In this order: a byte order mark; the zero bytes of UTF-16 and UTF-32; UTF-8 where the bytes are that; the document's
own declaration, of a page that in its `<meta>`; HTTP's charset, which is often a server's default; and a guess. Bytes
that are mostly UTF-8 stay it, and the few that are not are read as windows-1252, as browsers and people mean them.
"""

import codecs
import re
from collections.abc import Iterator
from functools import lru_cache

from charset_normalizer import from_bytes

from aggregator import sniff
from aggregator.parsers._guessing import guessed

_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([\w.:-]{1,40})["']""", re.IGNORECASE)
# https://html.spec.whatwg.org/#prescan-a-byte-stream-to-determine-its-encoding
_IN_PAGE = re.compile(rb"""<meta\s[^<>]{0,300}?\bcharset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
_HEAD = 20_000  # bytes in which a page's declaration is looked for: browsers that save pages write much before it
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_JAPANESE = re.compile(rb"\x1b\$[@B][!-~]+\x1b\([BJ]")  # ISO-2022-JP, as mail has it
_AFTER = re.compile(rb"[^<>]{0,400}+")
# The WHATWG's reading of names: what people call by the name is the larger set (https://encoding.spec.whatwg.org/).
_MEANT = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
_EAST_ASIAN = frozenset({"gb18030", "big5", "big5hkscs", "cp932", "cp949", "cp950", "euc_jp", "johab"})
_ESCAPING = ("iso2022", "hz")  # other letters written in ASCII's bytes
# Not for documents: Python's own, or slow, or long forbidden.
_NO_ENCODINGS = ("utf-16", "utf-32", "utf-7", "punycode", "idna", "unicode", "raw-unicode", "undefined")
_LONGEST = 40  # characters of an encoding's name
_AMBIGUOUS = 3  # UTF-8 sequences up to which a text of few letters can be East Asian by chance
_PROBABLY, _SURELY = 0.5, 0.9  # of the bytes outside ASCII: so many in UTF-8 sequences make a text UTF-8
_GUESSED_FROM = 20_000  # bytes around letters outside ASCII: the guess takes its time


def decoded(body: bytes, charset: str | None = None) -> str:
    """The text of a document, without a byte order mark. `charset` is what HTTP said. Never fails."""
    return _decoded(body, _declared(body), charset)


def decoded_page(body: bytes, charset: str | None = None) -> str:
    """The text of an HTML page, likewise; what it declares itself may stand in its `<meta>`."""
    match = _IN_PAGE.search(body[:_HEAD])
    return _decoded(body, _declared(body) or (_known(match[1].decode("ascii")) if match else None), charset)


def _decoded(body: bytes, own: str | None, charset: str | None) -> str:
    proven = sniff.encoding(body)
    if proven:
        return body.decode(proven, "replace").removeprefix("\ufeff")
    declared = [name for name in (own, _known(charset)) if name and name != "utf-8"]
    if _JAPANESE.search(body) and body.isascii():
        declared.append("iso2022_jp")
    utf8 = _strictly(body, "utf-8")
    if utf8 is not None and not any(_rather(name, body) for name in declared):
        return utf8
    found = next((text for name in declared if (text := _strictly(body, name)) is not None), utf8)
    return found if found is not None else _damaged(body)


def _declared(body: bytes) -> str | None:
    match = _DECLARED.search(body[:2000])
    return _known(match[1].decode("ascii")) if match else None


def _known(name: str | None) -> str | None:
    """Python's name of the encoding that is meant, if it is one of bytes without zeros."""
    return _looked_up(name) if name and len(name) <= _LONGEST else None


@lru_cache(maxsize=100)
def _looked_up(name: str) -> str | None:
    try:
        found = codecs.lookup(name).name
        b"".decode(found)
    except (LookupError, ValueError):
        return None
    return None if found.startswith(_NO_ENCODINGS) else _MEANT.get(found, found)


def _rather(name: str, body: bytes) -> bool:
    """Whether an encoding is to be believed although the bytes are UTF-8, too."""
    if body.isascii():
        return name.startswith(_ESCAPING)
    return name in _EAST_ASIAN and len(_UTF8_SEQUENCE.findall(body)) <= _AMBIGUOUS


def _strictly(body: bytes, encoding: str) -> str | None:
    try:
        return body.decode(encoding)
    except (UnicodeError, LookupError):
        return _latin(body) if encoding == "cp1252" else None


def _latin(body: bytes) -> str:
    """windows-1252 as browsers read it: its five unused bytes are control characters."""
    return body.decode("cp1252", "aggregator_latin")


def _damaged(body: bytes) -> str:
    """Bytes that are what nothing says they are."""
    letters = sum(map(len, _UTF8_SEQUENCE.findall(body)))
    share = letters / (len(body) - len(body.translate(None, _HIGH)))
    sample = b"".join(_around_letters(body)) if share < _SURELY else b""
    guess = guessed(sample)
    if share >= _SURELY or (share >= _PROBABLY and guess not in _EAST_ASIAN):
        return body.decode("utf-8", "aggregator_latin")
    text = _strictly(body, guess or _other(sample) or "cp1252")
    return text if text is not None else _latin(body)


def _other(sample: bytes) -> str | None:
    guess = from_bytes(sample).best()
    return guess.encoding if guess else None


def _around_letters(body: bytes) -> Iterator[bytes]:
    """The text around bytes that are not ASCII, as much of it as a guess needs."""
    place = length = 0
    while length < _GUESSED_FROM and (letter := _NOT_ASCII.search(body, place)):
        start = max(place, letter.start() - 200)
        start = max(start, *(body.rfind(sign, start, letter.start()) + 1 for sign in (b"<", b">")))
        apart = b" " if start > place else b""  # what follows at once may be the other half of a letter
        place = _AFTER.match(body, letter.start()).end()  # type: ignore[union-attr]  # it matches nothing, too
        yield apart + body[start:place]
        length += place - start


def _one_by_one(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    bad = error.object[error.start : error.end]
    return "".join(bytes([byte]).decode("cp1252" if byte not in _UNUSED else "latin-1") for byte in bad), error.end


_HIGH = bytes(range(0x80, 0x100))
_UNUSED = b"\x81\x8d\x8f\x90\x9d"
codecs.register_error("aggregator_latin", _one_by_one)
