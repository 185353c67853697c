"""What is this document? Told from its bytes: declared types are often wrong. Pure."""

import re
from collections.abc import Mapping

FEED = "application/xml+feed"  # RSS of any kind, RDF, Atom, CDF: one parser reads them all
JSON_FEED = "application/feed+json"
HTML = "text/html"
XML = "application/xml"
TEXT = "text/plain"
BINARY = "application/octet-stream"

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
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_ROOT = re.compile(r"<([a-zA-Z_][\w.-]*:)?([a-zA-Z_][\w.-]*)")
_MAGIC = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"PK\x03\x04", b"\x1f\x8b", b"\x7fELF")


def media_type(body: bytes) -> str:
    """One of the constants above; TEXT for anything that people could read, BINARY for the rest."""
    head = _head(body)
    if body.startswith(_MAGIC) or _is_binary(head[:_TELLING]):
        return BINARY
    start = head.lstrip("\ufeff \t\r\n").lower()
    if start.startswith("{") and "jsonfeed.org/version" in start.replace("\\/", "/"):  # PHP writes \/ for /
        return JSON_FEED
    root = _first_element(start)
    if root in ("rss", "rdf", "feed", "channel"):
        return FEED
    if root == "html" or start.startswith(("<!doctype html", "<head", "<body")):
        return HTML
    return XML if start.startswith("<?xml") or (start.startswith("<") and root) else TEXT


def challenge(headers: Mapping[str, str], body: bytes) -> str | None:
    """Whose page asks for proof that a person reads it, if it is such a page. Header names are found in any case."""
    for name, value, maker in _CHALLENGE_HEADERS:
        if name in headers and value in headers[name].lower():
            return maker
    head = body[:_LOOKED_AT].lower()
    return next((maker for mark, maker in _CHALLENGE_MARKS if mark in head), None) if b"<html" in head else None


def describe(kind: str) -> str:
    """A media type in a person's words."""
    names = {FEED: "a feed", JSON_FEED: "a feed", HTML: "an HTML page", TEXT: "plain text", XML: "other XML"}
    return names.get(kind, "no text at all" if kind == BINARY else "empty")


def _head(body: bytes) -> str:
    for bom, encoding in _BOMS:
        if body.startswith(bom):
            return body[:_LOOKED_AT].decode(encoding, "replace")
    if body[:4] in (b"\x00<\x00?", b"\x00<\x00r", b"\x00<\x00f"):
        return body[:_LOOKED_AT].decode("utf-16-be", "replace")
    if body[:4] in (b"<\x00?\x00", b"<\x00r\x00", b"<\x00f\x00"):
        return body[:_LOOKED_AT].decode("utf-16-le", "replace")
    return body[:_LOOKED_AT].decode("latin-1")


def _is_binary(head: str) -> bool:
    """Whether more than one character in ten is a control character that no text has."""
    return len(_CONTROLS.findall(head)) * 10 > len(head)


def _first_element(text: str) -> str | None:
    """The local name of the first element, past declarations, comments and a little junk.

    Without a declaration it must begin its line: prose may speak of an <html> tag.
    """
    declared = "<?xml" in text
    text = re.sub(r"<!--.*?(-->|$)|<\?.*?(\?>|$)", "", text, flags=re.DOTALL)
    match = _ROOT.search(text)
    if match is None or match.start() >= 2000:
        return None
    line = text[: match.start()].rpartition("\n")[2]
    return match[2] if declared or not line.strip("\ufeff \t\r") else None
