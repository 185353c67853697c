"""What is this document? Told from its bytes: declared types are often wrong. Pure."""

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping

FEED = "application/xml+feed"  # RSS of any kind, RDF, Atom, CDF: one parser reads them all
JSON_FEED = "application/feed+json"
SITEMAP = "application/xml+sitemap"
HTML = "text/html"
MARKDOWN = "text/markdown"
XML = "application/xml"
TEXT = "text/plain"
BINARY = "application/octet-stream"

BY_NAME = {"feed": FEED, "json": JSON_FEED, "sitemap": SITEMAP, "text": TEXT}  # as a person names them

_LOOKED_AT = 8192
_TELLING = 1024  # characters in which binary data gives itself away
# What the pages of those who keep robots out say of themselves.
_CHALLENGE_HEADERS = (
    ("cf-mitigated", "challenge", "Cloudflare"),
    ("x-amzn-waf-action", "", "AWS WAF"),
    ("x-datadome", "", "DataDome"),
    ("x-vercel-mitigated", "challenge", "Vercel"),
)
_CHALLENGE_MARKS = (
    (b"/cdn-cgi/challenge-platform/", "Cloudflare"),
    (b"<title>just a moment...</title>", "Cloudflare"),
    (b"ddos-guard", "DDoS-Guard"),
    (b"_incapsula_resource", "Imperva"),
    (b"sucuri website firewall", "Sucuri"),
    (b"within.website/x/cmd/anubis", "Anubis"),
    (b"/.within.website/", "Anubis"),
    (b"px-captcha", "HUMAN"),
)
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ZEROS = (  # two characters of ASCII in each (XML 1.0, appendix F)
    (re.compile(rb"\0\0\0[^\0]\0\0\0[^\0]", re.DOTALL), "utf-32-be"),
    (re.compile(rb"[^\0]\0\0\0[^\0]\0\0\0", re.DOTALL), "utf-32-le"),
    (re.compile(rb"\0[^\0]\0[^\0]", re.DOTALL), "utf-16-be"),
    (re.compile(rb"[^\0]\0[^\0]\0", re.DOTALL), "utf-16-le"),
)
_FEWEST = 8  # characters
_EAST = frozenset((*range(0x4E, 0xA0), *range(0xAC, 0xD8)))  # pages of Unicode: Han, Hangul
_ALIKE = 0.95
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_ROOT = re.compile(r"<([a-zA-Z_][\w.-]*:)?([a-zA-Z_][\w.-]*)")
_ROOTS = dict.fromkeys(("rss", "rdf", "feed", "channel"), FEED) | dict.fromkeys(("urlset", "sitemapindex"), SITEMAP)
_ROOTS["html"] = HTML
_MAGIC = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"PK\x03\x04", b"\x1f\x8b", b"\x7fELF")


def media_type(body: bytes) -> str:
    """One of the constants above; TEXT for anything that people could read, BINARY for the rest."""
    head = _head(body)
    if body.startswith(_MAGIC) or _is_binary(head[:_TELLING]):
        return BINARY
    start = head.lstrip("\ufeff \t\r\n").lower()
    if start.startswith("{") and "jsonfeed.org/version" in start.replace("\\/", "/"):  # PHP writes \/ for /
        return JSON_FEED
    if start.startswith(("<!doctype html", "<head", "<body")):
        return HTML
    root = _first_element(start)
    return _ROOTS[root] if root in _ROOTS else _other(start, root)


def _other(start: str, root: str | None) -> str:
    return XML if start.startswith("<?xml") or (start.startswith("<") and root) else TEXT


def challenge(headers: Mapping[str, str], body: bytes) -> str | None:
    """Whose page asks for proof that a person reads it, if it is such a page. Header names are found in any case."""
    for name, value, maker in _CHALLENGE_HEADERS:
        if name in headers and value in headers[name].lower():
            return maker
    head = body[:_LOOKED_AT].lower()
    return next((maker for mark, maker in _CHALLENGE_MARKS if mark in head), None) if b"<html" in head else None


def encoding(body: bytes) -> str | None:
    """What the first bytes prove: by a byte order mark, or by the zeros that UTF-16 and UTF-32 have in ASCII."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            return name
    return next((name for zeros, name in _ZEROS if zeros.match(body)), None) or _wide(body[:_TELLING])


def _wide(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without ASCII at its beginning. Bytes that no text has are the sign of it, or of no text."""
    if len(head) < 2 * _FEWEST or not _CONTROLS.search(head.decode("latin-1")) or _is_utf_8(head):
        return None
    for name, zeros in (("utf-32-le", head[3::4] + head[2::4]), ("utf-32-be", head[0::4] + head[1::4])):
        if not zeros.strip(b"\0"):
            return name if _is_readable(_decoded(head, name)) else None
    texts = {name: _decoded(head, name) for name in ("utf-16-le", "utf-16-be")}
    fitting = [name for name, text in texts.items() if _is_readable(text) and _is_of_one_script(text)]
    return min(fitting, key=lambda name: len({ord(sign) >> 8 for sign in texts[name]}), default=None)


def _is_utf_8(head: bytes) -> bool:
    """Whether it is that, and holds more than ASCII: hardly by chance."""
    try:
        return b"\0" not in head and not head.isascii() and bool(head[:-3].decode("utf-8"))
    except UnicodeDecodeError as error:
        return error.end >= len(head) - 3 and error.start > 0


def _decoded(head: bytes, encoding: str) -> str:
    return head[: len(head) // 4 * 4].decode(encoding, "replace")


def _is_readable(text: str) -> bool:
    good = sum(unicodedata.category(sign)[0] in "LMNPZ" or sign in "\r\n\t" for sign in text)
    return good >= _ALIKE * len(text)


def _is_of_one_script(text: str) -> bool:
    """Whether nearly all signs stand close together in Unicode, or are East Asia's, or ASCII and punctuation."""
    pages = Counter(ord(sign) >> 8 for sign in text)
    common = sum(pages.pop(page, 0) for page in (0x00, 0x20, 0x30, 0xFF))
    east = sum(count for page, count in pages.items() if page in _EAST)
    script = max((count for page, count in pages.items() if page < 0x20), default=0)
    return max(east, script) + common >= _ALIKE * len(text)


def describe(kind: str) -> str:
    """A media type in a person's words."""
    names = {FEED: "a feed", JSON_FEED: "a feed", HTML: "an HTML page", TEXT: "plain text", XML: "other XML"}
    names[SITEMAP] = "a news sitemap"
    return names.get(kind, "no text at all" if kind == BINARY else "empty")


def _head(body: bytes) -> str:
    return body[:_LOOKED_AT].decode(encoding(body) or "latin-1", "replace")


def _is_binary(head: str) -> bool:
    """Whether more than one character in ten is a control character that no text has."""
    return len(_CONTROLS.findall(head)) * 10 > len(head)


def _first_element(text: str) -> str | None:
    """The local name of the first element, past declarations, comments and a little junk.

    Without a declaration it must begin its line: prose may speak of an <html> tag.
    """
    before, declared, after = text.partition("<?xml ")
    text = declared + after if declared else before  # what stands before it is a server's
    text = re.sub(r"<!--.*?(-->|$)|<\?.*?(\?>|$)|<!doctype[^>\[]*(\[.*?\]\s*)?>", "", text, flags=re.DOTALL)
    match = _ROOT.search(text)
    if match is None or match.start() >= 2000:
        return None
    line = text[: match.start()].rpartition("\n")[2]
    return match[2] if declared or not line.strip("\ufeff \t\r") else None
