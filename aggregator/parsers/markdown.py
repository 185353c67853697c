"""An article as Markdown: CommonMark with tables and strikethrough, behind front matter if there is some.

Text that merely has a name or front matter as Markdown has them is read as plain text: it must hold a heading, link,
picture, fence, table, bold words, or two items of a list or lines of a quotation. In Markdown, too, indented paragraphs
are paragraphs and no code, and a year that begins a line begins no list.
The first heading is the title if nothing else states one, and then stands in the body no more.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, list_block
from markdown_it.token import Token

from aggregator import sniff
from aggregator.errors import DocumentError
from aggregator.furniture import FIRST_LINE
from aggregator.markup import ATTRIBUTES, MAX_HTML
from aggregator.models import Document, Entry, Markup, Parsed
from aggregator.parsers import text
from aggregator.parsers._facts import completed, front_matter, with_facts
from aggregator.registry import Parser
from aggregator.untangle import BLOCKS, WITH_CONTENT_GONE

QUICK_BYTES = 8_000
_NESTING = 20  # blocks in blocks: what is deeper, markdown-it leaves out
FIRST_HEADING = "first heading"
_LINE = 500  # characters of a line in which facts are looked for
_TITLE_WITHIN = 5  # blocks: a heading of the first level stands among them; another one is the first
_SURE = re.compile(
    r"^ {0,3}#{1,6}\s+\S"  # heading
    r"|^ {0,3}\S.*\n {0,3}(?:=+|-{3,})[ \t]*$"  # the same, underlined
    r"|^ {0,3}(?:```|~~~)"
    r"|!?\[[^\]\n]{0,300}\]\([^()\s]{1,500}(?:\s+\"[^\"\n]*\")?\)"
    r"|^ {0,3}\[[^\]\n]{1,300}\]:\s+\S"
    r"|(?<![\w*])\*\*[^\s*][^*\n]{0,300}\*\*(?![\w*])"
    r"|^ {0,3}\|?(?:[ \t]*:?-{3,}:?[ \t]*\|)+[ \t]*:?-*:?[ \t]*$",
    re.MULTILINE,
)
_ITEM = re.compile(r"^ {0,3}(?:[-*+]|\d{1,2}[.)]|>)\s+\S", re.MULTILINE)
_YEAR = re.compile(r"\s*\d{3,9}[.)]")
_WRAPPER = re.compile(r"\s*</?(?:div|section|article|main|center|header|footer|aside)\b[^<>]*>\s*", re.IGNORECASE)
_TAG = re.compile(r"</?([A-Za-z][\w:-]*)")
_DEFINITION = re.compile(r"^ {0,3}\[[^\]\n]{1,300}\]:\s*(\S+)", re.MULTILINE)
_SWALLOWING = WITH_CONTENT_GONE | {"textarea", "title", "xmp", "iframe", "noembed", "noframes", "plaintext", "select"}
_ELEMENTS = frozenset(ATTRIBUTES) | BLOCKS | _SWALLOWING | frozenset("font big tt nobr strike input label".split())
_LINK = re.compile(r"!?\[([^\]\n]*)\]\((\S+?)(?:\s+\"[^\"\n]*\")?\)")
_EMPHASIS = re.compile(r"[*`~]+|(?<!\w)_+|_+(?!\w)|^\s*(?:#+|>)\s*|\s*\\$")


def parse(document: Document) -> Parsed:
    """One entry. Raises DocumentError as `text.parse` does."""
    facts, body, stated = front_matter(text.written(document))
    tokens = _tokens(body) if is_markdown(body) else []
    if not tokens or max(token.level for token in tokens) >= _NESTING - 1:
        return text.parse(document)
    entry = Entry(guid=document.identity, base=document.url, framed=True)
    told = {"title": FIRST_LINE} | stated
    if facts is not None:
        entry = with_facts(entry, facts)
    heading = None if entry.title else _title(tokens)
    if heading is not None:
        entry, told["title"] = (
            replace(entry, title=Markup(_html(tokens[heading + 1 : heading + 2]), True)),
            FIRST_HEADING,
        )
        del tokens[heading : heading + 3]
    html = _html(tokens)
    if len(html) > MAX_HTML:
        raise DocumentError(f"{document.name}: longer than {MAX_HTML:,} characters: split it into several files")
    entry = replace(entry, content=Markup(html, html=True))
    return Parsed((completed(entry, document, told, [_bare(line[:_LINE]) for line in body.split("\n")]),))


def is_markdown(body: str) -> bool:
    """Whether a text is written in Markdown, not merely named so."""
    return _SURE.search(body) is not None or len(_ITEM.findall(body)) > 1


def _tokens(body: str) -> list[Token]:
    """The blocks of a text, without elements that do nothing but stand around several of them."""
    found = [token for token in _parser(_is_balanced(body), _defines(body)).parse(body) if not _is_wrapper(token)]
    for token in found:
        for part in (token, *(token.children or ())):
            if part.type in ("html_block", "html_inline"):
                part.content = _TAG.sub(_known_tag, part.content)
    return found


def _html(tokens: Sequence[Token]) -> str:
    parser = _parser(True, True)
    return str(parser.renderer.render(tokens, parser.options, {}))


@cache
def _parser(with_html: bool, with_definitions: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": with_html, "maxNesting": _NESTING}).enable(["table", "strikethrough"])
    parser.disable("code" if with_definitions else ["code", "reference"])
    parser.block.ruler.at("list", _list, {"alt": ["paragraph", "reference", "blockquote"]})
    return parser


def _list(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """A list, unless it would begin with a year."""
    start = state.bMarks[first] + state.tShift[first]
    return not _YEAR.match(state.src, start) and list_block(state, first, last, silent)


def _is_balanced(body: str) -> bool:
    """Whether no element or comment takes the rest of the text with it because nothing ends it."""
    written = body.lower()
    pairs = [("<!--", "-->"), ("<?", "?>"), ("<![cdata[", "]]>"), *((f"<{tag}", f"</{tag}") for tag in _SWALLOWING)]
    return all(
        written.count(start) <= written.count(end) and written.rfind(start) <= written.rfind(end)
        for start, end in pairs
    )


def _defines(body: str) -> bool:
    """Whether lines such as [1]: https://… are addresses of links: else they are text."""
    return all(re.search("[/#.:]", match[1]) for match in _DEFINITION.finditer(body))


def _is_wrapper(token: Token) -> bool:
    return token.type == "html_block" and _WRAPPER.fullmatch(token.content) is not None


def _known_tag(tag: re.Match[str]) -> str:
    """What is no element of HTML is text in angle brackets."""
    return tag[0] if tag[1].lower() in _ELEMENTS else f"&lt;{tag[0][1:]}"


def _title(tokens: Sequence[Token]) -> int | None:
    """Where the heading stands that is the title."""
    tops = [number for number, token in enumerate(tokens) if token.level == 0 and token.nesting >= 0]
    for place, number in enumerate(tops[:_TITLE_WITHIN]):
        token = tokens[number]
        if token.type == "heading_open" and (token.tag == "h1" or place == 0) and tokens[number + 1].content.strip():
            return number
    return None


def _bare(line: str) -> str:
    """A line without signs of Markdown, and with the addresses of links behind their words."""
    return _EMPHASIS.sub("", _LINK.sub(r"\1 \2", line)).strip()


PLUGIN = Parser(frozenset({sniff.MARKDOWN}), parse, is_quick=lambda document: len(document.body) <= QUICK_BYTES)
