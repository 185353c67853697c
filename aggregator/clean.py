"""Entry → Article: safe markup, plain text, believable dates, one identity. Pure.

Order matters: characters that XML forbids go first, because taking them out afterwards can put a dangerous
`java\\x01script:` together again; then nh3 decides what markup stays.
"""

import html as html_entities
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache

import nh3
from selectolax.lexbor import LexborHTMLParser, LexborNode

from aggregator import boilerplate, urls
from aggregator.language import language
from aggregator.models import Article, Category, Cut, Enclosure, Entry, Markup
from aggregator.words import digest, fold, words

MAX_HTML = 1_000_000  # characters: what is longer is cut, and nh3 closes what was open
MAX_ELEMENTS = 4000  # all may be nested, and nh3's time grows with the square of the depth; above, only text is kept
MAX_PASSES = 5
MAX_GUID = 500
MAX_TITLE = 500
MAX_SUMMARY = 1000
MAX_NAME = 200  # of an author, a category and its scheme
MAX_AUTHORS, MAX_CATEGORIES, MAX_ENCLOSURES = 20, 50, 20
CLOCK_SKEW = timedelta(hours=24)  # a date this far ahead is a mistake, not a time zone
OLDEST_YEAR = 1970

_BLOCKS = frozenset(
    "address article aside blockquote caption dd div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 header hr li main"
    " nav ol p pre section table tbody td th thead tr ul".split()
)
TAGS = _BLOCKS | frozenset(
    "a abbr b br cite code col colgroup del dfn em i img ins kbd mark q rp rt ruby s samp small span strong sub sup u"
    " var wbr tfoot".split()
)
ATTRIBUTES = {
    "a": {"href", "title", "hreflang"},
    "img": {"src", "alt", "title", "width", "height"},
    "blockquote": {"cite"},
    "q": {"cite"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "ol": {"start"},
    "abbr": {"title"},
    "*": {"lang", "dir"},
}
_WITH_CONTENT_GONE = frozenset({"script", "style", "template", "noscript", "iframe", "object", "svg", "math", "title"})
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 §2.2
_START_TAG = re.compile(r"<[a-zA-Z]")
_WHOLE_TAG = re.compile(r"<[^<>]*>")


def clean(entry: Entry, *, source: str, now: datetime, declared_language: str | None = None) -> Article:
    """The article that an entry of a source is, as seen first at `now`.

    Its text and HTML are safe to publish. Dates that cannot be (before 1970, more than a day ahead) are dropped; a
    change that is announced for later has happened now.
    """
    title = plain(entry.title)[:MAX_TITLE]
    body = entry.content or entry.summary
    cut: Cut | None = None
    if body.html:
        html = safe_html(body.value, entry.base)
        paragraphs = _html_paragraphs(html)
    else:
        lines = _text_paragraphs(legal(body.value)[:MAX_HTML])
        cut = boilerplate.cut(lines)
        paragraphs = lines[: cut.line] if cut else lines
        html = "".join(f"<p>{html_entities.escape(line, quote=False)}</p>\n" for line in paragraphs)
    text = "\n\n".join(paragraphs)
    title = title or _shortened(text, 100)
    link = urls.canonical(entry.link, entry.base)
    guid = _guid(entry, title, text)
    text_words = words(text)
    authors = tuple(dict.fromkeys(filter(None, map(_name, entry.authors))))[:MAX_AUTHORS]
    categories = tuple(dict.fromkeys(_categories(entry.categories)))[:MAX_CATEGORIES]
    enclosures = tuple(dict.fromkeys(_enclosures(entry.enclosures, entry.base)))[:MAX_ENCLOSURES]
    summary = _summary(entry, text)
    spoken = language(entry.language or declared_language, f"{title}. {text}")
    updated_at = _believable(entry.updated_at, now)
    # Without dates: a feed that stamps its entries anew at each visit would be news for ever.
    published = [title, html, summary, link or "", spoken or ""]
    return Article(
        key=article_key(source, guid),
        source=source,
        guid=guid,
        title=title,
        text=text,
        html=html,
        summary=summary,
        first_seen_at=now,
        link=link,
        authors=authors,
        categories=categories,
        enclosures=enclosures,
        published_at=_believable(entry.published_at or entry.updated_at, now),
        updated_at=min(updated_at, now) if updated_at else None,
        claimed_at=updated_at,
        language=spoken,
        content_hash=digest([*published, *authors, *map(repr, categories), *map(repr, enclosures)]),
        text_hash=digest(map(fold, text_words)),
        word_count=len(text_words),
        cut=cut,
    )


def article_key(source: str, guid: str) -> str:
    """The public key of an article: the same on every machine and after every rebuild."""
    return digest([source, guid])


def legal(text: str) -> str:
    """The text without characters that XML cannot hold."""
    return _ILLEGAL.sub("", text)


def plain(markup: Markup) -> str:
    """One line of plain text."""
    text = legal(markup.value)
    if markup.html:
        text = " ".join(_html_paragraphs(safe_html(text, None)))
    return " ".join(text.split())


def safe_html(html: str, base: str | None) -> str:
    """Markup that can be published: a fixed list of elements, absolute http(s) and mailto links, nothing active."""
    html = legal(html)[:MAX_HTML]
    if sum(1 for _ in _START_TAG.finditer(html)) > MAX_ELEMENTS:
        html = _WHOLE_TAG.sub(" ", html).replace("<", "&lt;").replace(">", "&gt;")
    cleaner = _cleaner(base)
    for _ in range(MAX_PASSES):  # to a fixed point: what a browser would read differently from us is read again
        before, html = html, cleaner.clean(html).strip()
        if html == before:
            break
    return html


@lru_cache(maxsize=256)
def _cleaner(base: str | None) -> nh3.Cleaner:
    absolute = urls.absolute(base)
    return nh3.Cleaner(
        tags=set(TAGS),
        attributes=ATTRIBUTES,
        clean_content_tags=set(_WITH_CONTENT_GONE),
        url_schemes={"http", "https", "mailto"},
        url_relative=("rewrite_with_base", absolute) if absolute else "deny",
        link_rel=None,
        strip_comments=True,
    )


def _html_paragraphs(html: str) -> list[str]:
    """The text of safe HTML, a string for each block."""
    body = LexborHTMLParser(f"<body>{html}").body
    pieces: list[str] = []
    if body:
        _collect(body, pieces)
    return [line for line in (" ".join(piece.split()) for piece in "".join(pieces).split("\0")) if line]


def _collect(root: LexborNode, pieces: list[str]) -> None:
    """The text below a node in order, with a NUL wherever a block begins or ends. No recursion: depth is theirs."""
    waiting: list[LexborNode | str] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            pieces.append(node)
        elif node.tag == "-text":
            pieces.append(node.text_content or "")
        else:
            edge = "\0" if node.tag in _BLOCKS or node.tag == "br" else ""
            pieces.append(edge)
            waiting.append(edge)
            waiting.extend(reversed(list(node.iter(include_text=True))))


def _text_paragraphs(text: str) -> list[str]:
    """The paragraphs of plain text: lines, unless a block of lines is one paragraph wrapped at a margin."""
    paragraphs: list[str] = []
    for block in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = [" ".join(line.split()) for line in block.split("\n") if line.strip()]
        wrapped = len(lines) >= 2 and all(45 <= len(line) <= 100 for line in lines[:-1]) and len(lines[-1]) <= 100
        paragraphs += [" ".join(lines)] if wrapped else lines
    return paragraphs


def _guid(entry: Entry, title: str, text: str) -> str:
    guid = legal((entry.guid or entry.link or "").strip()) or digest([title, text])
    return guid if len(guid) <= MAX_GUID else digest([guid])


def _summary(entry: Entry, text: str) -> str:
    return _shortened(plain(entry.summary) if entry.content else "", MAX_SUMMARY) or _shortened(text, 300)


def _shortened(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rsplit(" ", 1)[0].rstrip(" ,;:.-–—") + "…"


def _categories(categories: Iterable[Category]) -> Iterable[Category]:
    for category in categories:
        term = _name(category.term)
        if term:
            yield Category(term, _name(category.scheme) or None, _name(category.label) or None)


def _name(text: str | None) -> str:
    return plain(Markup(text or ""))[:MAX_NAME].rstrip()


def _enclosures(enclosures: Iterable[Enclosure], base: str | None) -> Iterable[Enclosure]:
    for enclosure in enclosures:
        url = urls.absolute(enclosure.url, base)
        if url:
            media_type = enclosure.media_type or ""
            known = re.fullmatch(r"[\w.+-]{1,127}/[\w.+-]{1,127}", media_type)  # RFC 6838 §4.2
            yield Enclosure(url, media_type if known else None, enclosure.length)


def _believable(date: datetime | None, now: datetime) -> datetime | None:
    return date if date and date.year >= OLDEST_YEAR and date <= now + CLOCK_SKEW else None
