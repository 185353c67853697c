"""What is this document? Told from its bytes: declared types are often wrong. Pure."""

import codecs
import re
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
# The high bytes of the letters and signs of scripts with few letters: Latin, Greek, Cyrillic, …, Thai, punctuation.
_SCRIPTS = frozenset(b"\0\1\2\3\4\5\6\7\x09\x0e\x10\x1e\x20\x21")
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
    """UTF-32; or UTF-16 of a script with few letters, which have nearly all the same high byte."""
    if len(head) < 2 * _FEWEST:
        return None
    if not head[2::4].strip(b"\0") and not head[3::4].strip(b"\0"):
        return "utf-32-le"
    if not head[0::4].strip(b"\0") and not head[1::4].strip(b"\0"):
        return "utf-32-be"
    even, odd = (sum(byte in _SCRIPTS for byte in part) / len(part) for part in (head[0::2], head[1::2]))
    if odd >= _ALIKE and even < 0.5:
        return "utf-16-le"
    return "utf-16-be" if even >= _ALIKE and odd < 0.5 else None


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
