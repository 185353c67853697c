"""What is this document? Told from its bytes: declared types are often wrong. Pure."""

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping

FEED = "application/xml+feed"  # RSS of any kind, RDF, Atom, CDF: one parser reads them all
JSON_FEED = "application/feed+json"
SITEMAP = "application/xml+sitemap"
HTML = "text/html"  # a page, or a part of one
MARKDOWN = "text/markdown"
MAIL = "message/rfc822"
ARCHIVE = "application/x-archive"  # zip, tar, and what is packed with gzip, bzip2 or xz: one parser opens them all
XML = "application/xml"
TEXT = "text/plain"
BINARY = "application/octet-stream"

# As a person names them.
BY_NAME = {"feed": FEED, "json": JSON_FEED, "sitemap": SITEMAP, "text": TEXT}
BY_NAME |= {"html": HTML, "markdown": MARKDOWN, "mail": MAIL}

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
_NOISE, _MUCH_NOISE = 25, 10  # of so many characters one
_WORD = re.compile("[A-Za-z]{3,}")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_ROOT = re.compile(r"<([a-zA-Z_][\w.-]*:)?([a-zA-Z_][\w.-]*)")
_ROOTS = dict.fromkeys(("rss", "rdf", "feed", "channel"), FEED) | dict.fromkeys(("urlset", "sitemapindex"), SITEMAP)
_ROOTS |= dict.fromkeys(("html", "head", "body"), HTML)
# With what a page begins where its frame is left away, or a part of one.
_PARTS = frozenset(
    "article aside blockquote body div dl figure footer h1 h2 h3 h4 h5 h6 head header hr link main meta nav ol p pre"
    " script section style table title ul".split()
)
# What is no text: how it begins, what it is called, and what to do.
_AS_TEXT = "save it as plain text or HTML"
_NO_TEXTS = tuple(
    (re.compile(pattern, re.DOTALL), what)
    for pattern, what in (
        (rb"[\s\xef\xbb\xbf]{0,3}\{\\rtf", f"a Rich Text document; {_AS_TEXT}"),
        (rb"[^\w{]{0,20}%PDF-\d", "a PDF; save its text"),
        (rb"%PDF", "a PDF; save its text"),
        (rb"%!PS", "PostScript; save its text"),
        (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", f"an Office document; {_AS_TEXT}"),
        (
            rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP|II\*\0|MM\0\*|BM....\0\0\0\0|8BPS\0",
            "a picture; drop its text",
        ),
        (rb"....ftyp(?:heic|heix|avif|mif1)|\0\0[\x01\x02]\0[^\0]\0", "a picture; drop its text"),
        (rb"....ftyp|RIFF....AVI |\x1a\x45\xdf\xa3", "a film; drop its text"),
        (rb"ID3[\x02-\x04]|OggS\0|fLaC|RIFF....WAVE|\xff[\xfb\xf3\xf2]", "a recording; drop its text"),
        (rb"wOF[F2]|OTTO\0|ttcf\0|\0\x01\0\0\0", "a font, and no article"),
        (rb"\x7fELF|MZ[^\n]{0,60}\0|\xca\xfe\xba\xbe|[\xce\xcf]\xfa\xed\xfe|\0asm", "a program, and no article"),
        (rb"SQLite format 3\0", "a database; write its texts to files"),
        (
            rb"Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|\x28\xb5\x2f\xfd",
            "an archive of a kind that is not opened; pack it as zip or tar",
        ),
    )
)
_NO_TEXT = "no text; drop the article as text, HTML, Markdown or a mail"
_DENSE = 25  # of so many characters one is a brace, a semicolon or an equals sign
_RULE = re.compile(r"[\w.#*@:\[][^{};\n]{0,200}\{(?:\s*[\w-]{1,40}\s*:[^{};]{1,500};?)+\s*\}")
_SCRIPT = tuple(
    re.compile(pattern)
    for pattern in (
        r"\bfunction\s*\w*\s*\(",
        r"\)\s*=>|\w\s*=>\s*[{(]",
        r"\b(?:var|let|const)\s+\w+\s*=",
        r"\b(?:document|window|console|module|JSON|Object)\.\w",
        r"\breturn\b[^\n;]{0,200};",
        r"(?:['\"]use strict['\"]|\}\)\s*\(\w*\);?)",
        r"\bif\s?\([^\n]{1,200}\)\s*\{",
    )
)
_PACKED = re.compile(rb"PK(?:\x03\x04|\x05\x06|\x07\x08)|\x1f\x8b\x08|BZh[1-9](?:1AY&SY|\x17rE8P\x90)|\xfd7zXZ\0")
_TAR = re.compile(rb".{257}ustar[\0 ]", re.DOTALL)

# RFC 5322 §3.6, and what servers write before it.
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,60}):(?:[ \t]+(.*))?$")
_MAIL_HEADERS = frozenset(
    "from to cc subject date message-id mime-version received return-path dkim-signature delivered-to reply-to sender"
    " list-id".split()
)
_TELLING_HEADERS = frozenset("from subject date message-id".split())
_WRITTEN_BY_PROGRAMS = frozenset(
    "message-id mime-version received return-path dkim-signature delivered-to content-type list-id".split()
)
_MAIL_VALUE = re.compile(r"\S@\S|\d{1,2} [A-Z][a-z]{2} \d{4} \d{1,2}:\d\d")  # an address, a date of mail
_MAIL_LINES = 200  # of headers that are looked at

_KEY = re.compile(r"[\w\"'][\w \"'.-]{0,60}:(?: |$)")  # of YAML
_FIRST_HEADING = re.compile(r"# (?=[^\W\d_])[^\n#][^\n]{0,300}\n[ \t]*\n|[^\n]{3,300}\n={3,}[ \t]*\n")
# Each kind of mark is counted once: what no writer of plain text uses, and what some do.
_SURE_MARKS = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^#{1,6} (?=[^\W\d_])[^\n]{1,200}$",
        r"(?<!\\)\[[^\[\]\n]{1,200}\]\((?:https?://|/|#|mailto:)[^\s()]{0,500}(?: \"[^\"\n]{0,200}\")?\)",
        r"^```[\w-]{0,20}[ \t]*$",
        r"^\[[^\[\]\n]{1,100}\]: +<?https?://\S+",
        r"^[^\s=][^\n]{2,200}\n={3,}[ \t]*$",
        r"^\|?[ \t]*:?-{3,}:?[ \t]*\|[ \t:|-]*$",
    )
)
_OTHER_MARKS = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"(?<![\w*])\*\*(?=\S)[^*\n]{1,200}(?<=\S)\*\*(?![\w*])",
        r"^[-*+] +\S[^\n]*\n(?:[ \t]*\n)?[-*+] +\S",
        r"^> ?\S",
        r"^\d{1,3}\. +\S[^\n]*\n(?:[ \t]*\n)?\d{1,3}\. +\S",
        r"(?<![\w*])[*_](?=\w)[^*_\n]{1,100}(?<=\w)[*_](?![\w*])",
    )
)


def media_type(body: bytes) -> str:
    """One of the constants above; TEXT for anything that people could read, BINARY for the rest."""
    if _PACKED.match(body) or is_tar(body):
        return ARCHIVE
    head = _head(body)
    if _named(body) or _is_noise(head[:_TELLING]):
        return BINARY
    text = head.lstrip("\ufeff \t\r\n").replace("\r\n", "\n").replace("\r", "\n")
    if _is_mail(text):
        return MAIL
    start = text.lower()
    if start.startswith("{") and "jsonfeed.org/version" in start.replace("\\/", "/"):  # PHP writes \/ for /
        return JSON_FEED
    if start.startswith(("<!doctype html", "<head", "<body")):
        return HTML
    root = _first_element(start)
    if root in _ROOTS:
        return _ROOTS[root]
    if start.startswith("<?xml") or (start.startswith("<") and root and ("</" in start or "/>" in start)):
        return HTML if root in _PARTS and "</" in start else XML
    if _is_markdown(text):
        return MARKDOWN
    return BINARY if _code(text) else TEXT


def is_tar(body: bytes) -> bool:
    """Whether a tar begins here, as POSIX and GNU mark it."""
    return _TAR.match(body) is not None


def _is_mail(text: str) -> bool:
    """Whether a message begins here: nothing but header lines up to an empty one, two of them those of mail, and one
    such as no writer of prose puts there. An mbox's `From ` line may stand before."""
    names: set[str] = set()
    told = False
    lines = text.split("\n", _MAIL_LINES)[:_MAIL_LINES]
    for line in lines[1:] if lines[0].startswith(("From ", ">From ")) else lines:
        if not line.strip():
            break
        header = _HEADER.match(line)
        if header is None and not (names and line[0] in " \t"):
            return False
        if header:
            name = header[1].lower()
            names.add(name)
            told = told or name in _WRITTEN_BY_PROGRAMS or _MAIL_VALUE.search(header[2] or "") is not None
    return told and len(names & _MAIL_HEADERS) > 1 and not names.isdisjoint(_TELLING_HEADERS)


def _is_markdown(text: str) -> bool:
    """Whether a text has front matter, begins with a heading, or is marked in ways that plain text is not."""
    if _has_front_matter(text) or _FIRST_HEADING.match(text):
        return True
    sure = sum(mark.search(text) is not None for mark in _SURE_MARKS)
    return sure > 1 or (sure == 1 and any(mark.search(text) for mark in _OTHER_MARKS))


def _has_front_matter(text: str) -> bool:
    """Whether a text begins with lines of YAML between two of dashes."""
    first, *lines = text.split("\n")
    keys = 0
    for line in lines if first.rstrip() == "---" else ():
        if line.rstrip() in ("---", "..."):
            return keys > 0
        if _KEY.match(line):
            keys += 1
        elif line.strip() and not line.startswith((" ", "\t", "-", "#")):
            return False
    return False


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
    names |= {SITEMAP: "a news sitemap", MARKDOWN: "Markdown", MAIL: "a mail", ARCHIVE: "an archive"}
    return names.get(kind, "no text at all" if kind == BINARY else "empty")


def _head(body: bytes) -> str:
    return body[:_LOOKED_AT].decode(encoding(body) or "latin-1", "replace")


def no_text(body: bytes) -> str:
    """What a document is that is no text, and what to do about it, in a person's words."""
    return _named(body) or _code(_head(body)) or _NO_TEXT


def _named(body: bytes) -> str | None:
    head = body[:_TELLING]
    return next((what for pattern, what in _NO_TEXTS if pattern.match(head)), None)


def _code(text: str) -> str | None:
    """What a text is that is written for browsers alone."""
    if "{" not in text or sum(map(text.count, "{};=")) * _DENSE < len(text):
        return None
    rules = sum(len(rule[0]) for rule in _RULE.finditer(text))
    if rules * 2 > len(text):
        return "a stylesheet, and no article"
    return "a script, and no article" if sum(mark.search(text) is not None for mark in _SCRIPT) > 1 else None


def _is_noise(head: str) -> bool:
    """Whether too many characters are such as no text has: controls, or none at all. Read as Latin-1, letters of all
    encodings are assigned ones. A text of words may hold a few more."""
    controls = len(_CONTROLS.findall(head))
    if controls * _NOISE > len(head):
        return controls * _MUCH_NOISE > len(head) or sum(map(len, _WORD.findall(head))) * 2 < len(head)
    odd = 0 if head.isascii() else sum(unicodedata.category(sign) in ("Cn", "Co", "Cs") for sign in head)
    return odd * _NOISE > len(head)


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
