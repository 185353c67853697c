"""XML as people write it → XML as expat reads it. Pure.

Two steps. `well_begun` is for every document, and changes nothing that is well-formed; `mended` is for those that are
not, and is tried once before feedparser's loose parser is asked.
"""

import re
from html.entities import html5

from aggregator.markup import legal

_ROOT = r"(?:[\w.-]{1,50}:)?(?:rss|rdf|feed|channel|urlset|sitemapindex)\b"
_START = re.compile(rf"<\?xml\s|<{_ROOT}", re.IGNORECASE)
_START_TAG = re.compile(rf"<{_ROOT}", re.IGNORECASE)
_END_TAG = re.compile(rf"</{_ROOT}\s*>", re.IGNORECASE)
# Atomic groups: what was read as a comment is never tried as a longer one.
_PROLOG = re.compile(
    r"\s*+(?>(?><!--.*?-->|<\?.*?\?>|<!DOCTYPE[^>\[]*+(?>\[.*?\]\s*+)?>)\s*+)*+", re.DOTALL | re.IGNORECASE
)
_DECLARATION = re.compile(r"\s*<\?xml\s[^>]*>")
_REFERENCE = re.compile(r"&#(\d{1,5000}|[xX][0-9a-fA-F]{1,5000});")
_SKIPPED = r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)"  # to the end where it has none: once, not at each start
_AMPERSAND = re.compile(
    rf"{_SKIPPED}|&(?:(amp|lt|gt|quot|apos|#\d+|#[xX][0-9a-fA-F]+);|([a-zA-Z]\w{{1,30}});)?", re.DOTALL
)
_NAMESPACE = re.compile(r"""(\sxmlns(?::[\w.-]{1,50})?=)(["'])\s*([^"'\s<>]{1,200})\s*\2""")
_PREFIX = re.compile(r"</?([A-Za-z_][\w.-]{0,50}):")
_NAMES = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "media": "http://search.yahoo.com/mrss/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
}
_MAX_PREFIXES = 50


def well_begun(text: str) -> str:
    """The document from its declaration or root on, without characters that XML cannot hold.

    Servers write warnings and blank lines before feeds. The declaration names UTF-8, whatever it named before.
    """
    text = legal(text).removeprefix("\ufeff")
    text = _REFERENCE.sub(_legal_reference, text) if "&#" in text else text
    start = None if _START_TAG.match(text, _prolog(text)) else _START.search(text)
    text = text[start.start() :] if start else text
    end = _prolog(text)
    # feedparser sees a declaration of an entity only at the beginning of a line
    declaration = _DECLARATION.match(text)
    prolog = text[declaration.end() if declaration else 0 : end].lstrip().replace("<!ENTITY", "\n<!ENTITY")
    return f"<?xml version='1.0' encoding='utf-8'?>\n{prolog}{text[end:]}"


def mended(data: bytes) -> bytes:
    """The usual faults put right: HTML's entities, bare ampersands, undeclared prefixes, something after the end."""
    text = data.decode()
    ends = [match.end() for match in _END_TAG.finditer(text)]
    text = text[: ends[-1]] if ends else text
    if "<!ENTITY" not in text:
        text = _AMPERSAND.sub(_as_xml, text)
    text = _NAMESPACE.sub(r"\1\2\3\2", text)
    root = _START_TAG.match(text, _prolog(text))
    return (text[: root.end()] + _declarations(text) + text[root.end() :] if root else text).encode()


def _prolog(text: str) -> int:
    """How long it is: a comment in it may name any element."""
    found = _PROLOG.match(text)
    return found.end() if found else 0


def _legal_reference(match: re.Match[str]) -> str:
    digits = match[1].lower().lstrip("x0") or "0"
    number = int(digits, 16 if match[1][0] in "xX" else 10) if len(digits) < 9 else 0
    return match[0] if number < 0x110000 and legal(chr(number)) else ""


def _as_xml(match: re.Match[str]) -> str:
    whole, known, name = match[0], match[1], match[2]
    if known or whole.startswith("<"):
        return whole.replace("&#X", "&#x") if known else whole
    letters = html5.get(f"{name};") if name else None
    return letters if letters else "&amp;" + whole[1:]


def _declarations(text: str) -> str:
    used = dict.fromkeys(match[1] for match in _PREFIX.finditer(text))
    missing = [prefix for prefix in used if f"xmlns:{prefix}" not in text and prefix.lower() != "xml"]
    uris = ((prefix, _NAMES.get(prefix, f"urn:undeclared:{prefix}")) for prefix in missing[:_MAX_PREFIXES])
    return "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in uris)
