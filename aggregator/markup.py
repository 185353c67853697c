"""HTML → HTML that can be published, and its text. Pure.

Order matters: characters that XML forbids go first, because taking them out afterwards can put a dangerous
`java\\x01script:` together again; then what could hold a parser up is untangled; then nh3 decides what stays: what
ALLOWED names, as `docs/markup.md` explains.
"""

import re
from functools import lru_cache
from html import unescape

import nh3

from aggregator import urls
from aggregator.models import Markup
from aggregator.untangle import BLOCKS, CHEAP_REFERENCES, WITH_CONTENT_GONE, few_references, untangled

MAX_HTML = 1_000_000  # characters: what is longer is cut, and nh3 closes what was open
MAX_TAGS = 30_000  # start and end tags: above, only text is kept
MAX_PASSES = 5
MAX_CANDIDATES = 20  # of a srcset
MAX_FILTERED = 500  # attributes `cite` and `srcset`: above, all of them go
# A text within these bounds goes to nh3 as it is: at worst 2000 elements below each other, or 200,000 opened again.
_FEW_CHARACTERS = 2000
_FEW_TAGS = 2000
_FEW_REPAIRS = 200_000  # formatting elements x places where a parser may have to open them again
_SHORT_TAG = 2000
_MARKUP = 5  # times as long as its text is little HTML

_PICTURE = "src srcset sizes alt title width height"
ALLOWED = {
    "*": "lang dir",
    **dict.fromkeys(BLOCKS, ""),
    **dict.fromkeys(
        "b bdi br cite code col colgroup em i kbd mark picture rp rt ruby s samp small span strong sub sup u var"
        " wbr".split(),
        "",
    ),
    "a": "href hreflang title",
    "abbr": "title",
    "audio": "src",  # with `controls`, always
    "blockquote": "cite",
    "col": "span",
    "colgroup": "span",
    "del": "cite datetime",
    "details": "open",
    "dfn": "title",
    "img": _PICTURE,
    "ins": "cite datetime",
    "li": "value",
    "ol": "start reversed type",
    "q": "cite",
    "source": "src srcset sizes media type width height",
    "td": "colspan rowspan",
    "th": "abbr colspan rowspan scope",
    "time": "datetime",
    "video": "src poster width height",  # with `controls`, always
}
ATTRIBUTES = {tag: frozenset(names.split()) for tag, names in ALLOWED.items()}
_WITHOUT_FILTERED = {tag: names - {"cite", "srcset"} for tag, names in ATTRIBUTES.items()}

# XML 1.0 §2.2: what it forbids, and what it advises against, as does HTML.
_NO_CHARACTERS = "".join(chr(0x10000 * plane + last) for plane in range(1, 17) for last in (0xFFFE, 0xFFFF))
_ILLEGAL = re.compile(f"[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff{_NO_CHARACTERS}]")
# Controls that are letters of windows-1252 taken for Latin-1, as HTML §13.2.5.80 has it; and letters that were lost.
_MEANT = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)} | {0xFFFD: "?"}
_MISTAKEN = re.compile("[\x80-\x9f\ufffd]")
_ILLEGAL_BYTES = bytes(byte for byte in (*range(0x20), 0x7F) if byte not in b"\t\n\r")
_FORMATTING = re.compile(r"<(?:a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])", re.IGNORECASE)
# One that holds nothing but text: it is closed before anything could open it again.
_PHRASE = re.compile(
    r"""<(a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?:\s(?:[^<>"]*+"[^"<>]*+")*+[^<>"]*+)?>[^<]*+</\1>""",
    re.IGNORECASE,
)
_QUOTED_TAG_END = re.compile(r"""=\s*(?:"[^">]*>|'[^'>]*>)""")
_WHOLE_TAG = re.compile(r"<[^<>]*>")
_TAG = re.compile(r"""</?([a-z0-9]+)(?:\s[^"<>=]+(?:="[^"]*")?)*+>""")  # as nh3 writes it
_EDGES = BLOCKS | {"br"}
_VOID = frozenset("br col hr img source wbr".split())  # elements without an end tag
_BROKEN_END = re.compile(r"(?:<[^<>]{0,2000}|&#?\w{0,31})\Z")
_FILTERED = re.compile(r"(?:cite|srcset)\s*=")  # in lower case: links that nh3 does not know to be links
_CANDIDATE = re.compile(r"[\s,]*+((?>\S*[^\s,]))(?:\s++(\d{1,9}(?:\.\d{1,9})?[wxh](?:\s++\d{1,9}h)?))?\s*+(?:,|\Z)")

_IMAGE = re.compile(r"<img\b[^<>]{0,4000}>", re.IGNORECASE)
_SAID = re.compile(r"""\s(src|width|height|style)\s*=\s*("[^"]*"|'[^']*'|[^\s"'<>]+)""", re.IGNORECASE)
_SIZE = re.compile(r"(?<![\w-])(?:width|height)\s*:\s*([^;!]+)", re.IGNORECASE)
_TINY = re.compile(r"[012](?:\.\d+)?(?:px)?$")
_HIDDEN = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_COUNTER = re.compile(
    r"^(?:https?:)?//(?:[^/?#]*\.)?(?:track|tracking|tracker|trk|pixel|beacon|open)\d*\.[^/?#]+\.[^/?#]+"
    r"|^[^?#]*/(?:[\w-]{0,20}pixel|open|track|tracking|beacon|1x1|spacer|blank|o)\.(?:gif|png|php|aspx?)(?:[?#]|$)"
    r"|^[^?#]*/(?:wf/open|pixel|beacon|track/open|trk|e/o|open)/?(?:[?#]|$)|^[^?#]*/(?:track/open|wf/open)[/.]",
    re.IGNORECASE,
)
_PHOTO = re.compile(r"\.(?:jpe?g|webp|avif)(?:[?#]|$)", re.IGNORECASE)


def legal(text: str) -> str:
    """The text without characters that XML cannot hold or should not, and with those that were meant in their place."""
    if text.isascii():
        return text.encode().translate(None, _ILLEGAL_BYTES).decode()
    return _ILLEGAL.sub("", text.translate(_MEANT) if _MISTAKEN.search(text) else text)


def without_counters(html: str) -> str:
    """HTML without pictures that are there to be counted: nobody sees them, or their address says what they are for."""
    return _IMAGE.sub(lambda tag: "" if _counts(tag[0]) else tag[0], html) if "<" in html else html


def _counts(tag: str) -> bool:
    said = {name.lower(): unescape(value.strip("\"'")) for name, value in _SAID.findall(tag)}
    sizes = [said.get("width", ""), said.get("height", ""), *_SIZE.findall(said.get("style", ""))]
    if any(_TINY.match(size.strip()) for size in sizes) or _HIDDEN.search(said.get("style", "")):
        return True
    url = said.get("src", "")
    return _COUNTER.search(url) is not None and not _PHOTO.search(url)


def plain(markup: Markup, most: int | None = None) -> str:
    """One line of plain text. What is HTML loses its markup and has its character references read, once; what is plain
    text is taken at its word: `&amp;` and `<b>` stand for themselves there.

    `most`: so many characters of it are enough, though there may come more.
    """
    text = legal(markup.value)
    if markup.html and ("<" in text or "&" in text):
        beginning = _BROKEN_END.sub("", text[: _MARKUP * most]) if most else text
        told = _plain_html(beginning)
        text = told if len(beginning) == len(text) or (most and len(told) > most) else _plain_html(text)
    return " ".join(text.split())


def _plain_html(html: str) -> str:
    return " ".join(paragraphs(safe_html(html, None)))


def safe_html(html: str, base: str | None) -> str:
    """Markup that can be published: elements and attributes of ALLOWED, absolute http(s) and mailto links, nothing
    active. Given its own answer it gives the same answer."""
    for _ in range(MAX_PASSES):  # to a fixed point: what a browser would read differently from us is read again
        before, html = html, _bounded(legal(html))
        html = legal(_cleaner(urls.absolute(base), _has_filtered(html)).clean(html)).strip()
        if html == before:
            return html
    return legal(nh3.clean(html, tags=set())).strip()


def paragraphs(html: str) -> list[str]:
    """The text of safe HTML, a string for each block. It is well-formed, and its text holds no `<`."""
    pieces = _TAG.sub(_edge, html).split("\0")
    return [line for piece in pieces if (line := " ".join(unescape(piece).split()))]


def blocks(html: str) -> list[tuple[int, int]]:
    """Where the outermost elements of safe HTML begin and end, as [start, end) in characters; what stands between two
    of them belongs to the one before. Together they are the whole."""
    starts, depth = [0], 0
    for tag in _TAG.finditer(html):
        if tag[1] in _VOID:
            continue
        if tag[0].startswith("</"):
            depth -= 1
        else:
            if depth == 0 and tag[1] in BLOCKS and tag.start() > 0:
                starts.append(tag.start())
            depth += 1
    return list(zip(starts, [*starts[1:], len(html)], strict=True)) if html else []


def _bounded(html: str) -> str:
    """HTML that takes a parser little time and memory: as it is, wherever counting shows that it does."""
    html = _cut(html)
    if len(html) <= _FEW_CHARACTERS:
        return html
    tags = html.count("<")
    if tags > MAX_TAGS:
        return _cut(few_references(_WHOLE_TAG.sub(" ", html)).replace("<", "&lt;"))
    tangled = (
        tags > _FEW_TAGS
        or (
            2 * tags * tags > _FEW_REPAIRS and 2 * tags * len(_FORMATTING.findall(_PHRASE.sub("", html))) > _FEW_REPAIRS
        )
        or html.count("&") * len(html) > CHEAP_REFERENCES
        or max(map(len, html.split(">"))) > _SHORT_TAG  # perhaps a tag; perhaps a long text, which costs nothing
        or _QUOTED_TAG_END.search(html) is not None  # a tag that goes on behind what looks like its end
    )
    if _has_filtered(html) and len(_FILTERED.findall(html.lower())) > MAX_FILTERED:
        return _cut(untangled(html, _WITHOUT_FILTERED))
    return _cut(untangled(html, ATTRIBUTES)) if tangled else html


def _has_filtered(html: str) -> bool:
    text = html.encode().lower()  # of ASCII alone: several times as fast
    return b"cite" in text or b"srcset" in text


def _cut(html: str) -> str:
    return html if len(html) <= MAX_HTML else _BROKEN_END.sub("", html[:MAX_HTML])


@lru_cache(maxsize=256)
def _cleaner(base: str | None, filtered: bool) -> nh3.Cleaner:
    def rewritten(tag: str, attribute: str, value: str) -> str | None:
        if attribute == "srcset":
            return _srcset(value, base)
        return urls.absolute(value, base) if attribute == "cite" else value

    return nh3.Cleaner(
        tags={tag for tag in ATTRIBUTES if tag != "*"},
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        attribute_filter=rewritten if filtered else None,  # called for each attribute
        set_tag_attribute_values={"audio": {"controls": ""}, "video": {"controls": ""}},
        clean_content_tags=set(WITH_CONTENT_GONE),
        url_schemes={"http", "https", "mailto"},
        url_relative=("rewrite_with_base", base) if base else "deny",
        link_rel=None,
        strip_comments=True,
    )


def _srcset(value: str, base: str | None) -> str | None:
    """The candidates of a `srcset` that are http(s), made absolute; None where it is malformed (HTML §4.8.4)."""
    candidates: list[str] = []
    position, value = 0, value.rstrip(" \t\n\r,")
    while position < len(value):
        found = _CANDIDATE.match(value, position)
        if not found or len(candidates) == MAX_CANDIDATES:
            return None
        position = found.end()
        url = urls.absolute(found[1], base)
        if url:
            candidates.append(f"{url} {found[2]}" if found[2] else url)
    return ", ".join(candidates) or None


def _edge(tag: re.Match[str]) -> str:
    """A NUL where a block begins or ends; no text holds one."""
    return "\0" if tag[1] in _EDGES else ""
