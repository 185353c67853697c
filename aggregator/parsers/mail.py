"""A mail, or an mbox of some: its text, with the sender as the author, and each attached article as one of its own.

Its text is what `_mail_text` finds. Attached files that are plain text, Markdown, pages or mails are entries of their
own; all else is left out.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from typing import Any
from urllib.parse import urlsplit

from lxml.html import tostring

from aggregator import sniff
from aggregator.addresses import registrable_domain
from aggregator.errors import DocumentError
from aggregator.identity import of_content
from aggregator.markup import paragraphs, safe_html, without_counters
from aggregator.models import Document, Entry, Link, Markup, Origin, Parsed, Rejected
from aggregator.parsers import _headers, _mbox, _members
from aggregator.parsers._dates import date
from aggregator.parsers._dates_in_words import date_in_words
from aggregator.parsers._facts import completed
from aggregator.parsers._mail_text import SUBSTANTIVE, Text, inner, parts, payload
from aggregator.parsers._main_text import BUGS, load, main_text
from aggregator.parsers._private import Forwarded, Line, Private, lines_of, without_others
from aggregator.parsers._tree import tree_of
from aggregator.registry import Parser

MAX_MESSAGES = 500  # of an mbox
MAX_PARTS = 200
MAX_BOUNDARIES = 5000  # lines that may end a part: above, a mail is not taken apart
LINES = 6

ATTACHED = frozenset({sniff.TEXT, sniff.MARKDOWN, sniff.HTML, sniff.MAIL})
_SUFFIXES = (".txt", ".text", ".md", ".markdown", ".html", ".htm", ".xhtml", ".eml")
_TYPES = ("text/plain", "text/markdown", "text/html", "application/xhtml+xml", "message/rfc822")
_ANSWER = re.compile(
    r"^(?:\s*(?:re|fwd?|fw|aw|wg|tr|rv|res|antw|sv|vs|vb|doorst|odp|pd|回复|答复|转发|ответ|отв|пересл?)"
    r"(?:\s?[\[(]\d{1,3}[\])])?\s*[:：])+\s*",
    re.IGNORECASE,
)
_VIA = re.compile(r"\s+(?:via|durch|über|par)\s.*$", re.IGNORECASE)  # what mailing lists add to a sender's name
_LIST = re.compile(r"^(.*?)\s*<([^<>\s]{1,255})>\s*$")
_REPLY = re.compile(
    r"^\s*(?:re|aw|tr|rv|res|antw|sv|vs|odp|回复|答复|ответ|отв)(?:\s?[\[(]\d{1,3}[\])])?\s*[:：]", re.IGNORECASE
)
_EMPTY = re.compile(r"<(p|div|li|ul|ol|blockquote|span|b|strong|em|a|h[1-6])>(?:\s|<br>)*</\1>")
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)


def parse(document: Document) -> Parsed:
    """An entry for each message and each attached article. Raises DocumentError where none has a text."""
    pieces = _mbox.messages(document.body)
    entries: list[Entry] = []
    refused: list[Rejected] = []
    for piece in pieces[:MAX_MESSAGES]:
        own = replace(document, identity=of_content(piece)) if len(pieces) > 1 else document
        for found in _read(piece, own):
            entries += [found] if isinstance(found, Entry) else []
            refused += [found] if isinstance(found, Rejected) else []
    if len(pieces) > MAX_MESSAGES:
        refused.append(Rejected("…", f"from here on more than {MAX_MESSAGES} messages: split it into several files"))
    if not entries:
        reasons = "; ".join(part.reason for part in refused[:3])
        raise DocumentError(f"{document.name}: a mail without a text{f': {reasons}' if reasons else ''}")
    return Parsed(tuple(entries), format="a mail", refused=tuple(refused))


def _read(body: bytes, document: Document) -> Iterator[Entry | Rejected]:
    if body.count(b"\n--") > MAX_BOUNDARIES:
        yield Rejected("message", f"more than {MAX_BOUNDARIES:,} lines that may end a part")
        return
    attached: list[Document | None] = []
    try:
        message = message_from_bytes(body.lstrip(), policy=_headers.POLICY)
        found = list(parts(message, 0))[:MAX_PARTS]
        sent = replace(document, modified_at=date(_headers.field(message, "date")) or document.modified_at)
        texts = [part for part in found if isinstance(part, Text) and part.value.strip()]
        private = Private.of(message, [_read_as_text(text) for text in texts])
        attached = [_attachment(part, sent) for part in found if isinstance(part, EmailMessage)]
        if texts:
            yield _entry(message, texts, document, private)
    except BUGS as error:  # Python's email has its own, for malformed input
        yield Rejected("message", f"the mail cannot be read: {type(error).__name__}: {error}")
    except DocumentError as error:
        yield Rejected("message", str(error).removeprefix(f"{document.name}: "))
    for one in filter(None, attached):
        try:
            yield from map(private.entry, _members.read(one, ATTACHED).entries)
        except DocumentError as error:
            yield Rejected(one.name.removeprefix(f"{document.name}/"), str(error).removeprefix(f"{one.name}: "))


def _attachment(message: EmailMessage, document: Document) -> Document | None:
    """An attached file, where it may be an article."""
    name = _headers.readable(message.get_filename() or "")
    within = inner(message)
    if message.get_content_type() not in _TYPES and not name.lower().endswith(_SUFFIXES):
        return None
    if message.get_content_type() == "message/rfc822" and within:
        body = within[0].as_bytes(policy=policy.compat32)
    else:
        body = payload(message)
    label = f"{document.name}/{name or message.get_content_type()}"
    return replace(document, body=body, name=label, charset=message.get_content_charset(), beside=None)


def _entry(message: EmailMessage, texts: list[Text], document: Document, private: Private) -> Entry:
    subject = _headers.field(message, "subject")
    content, forwarded = _content(texts, document.name, is_answer=_REPLY.match(subject) is not None)
    link = _headers.web_address(message, "archived-at") or _headers.web_address(message, "list-post")
    senders = _headers.people(message, "from")
    authors = tuple(_VIA.sub("", name) for name, _ in senders if name and "@" not in name)
    published = date(_headers.field(message, "date"))
    place, site = _origin(message, senders)
    title = _ANSWER.sub("", subject)
    stated = {"title": ("Subject", title), "author": ("From", authors), "published": ("Date", published)}
    stated |= {"url": ("Archived-At", link), "source": (place, site)}
    entry = Entry(
        guid=document.identity,
        link=link,
        links=(Link(link),) if link else (),
        base=link,
        title=Markup(title),
        content=content,
        authors=authors,
        published_at=published,
        language=_headers.field(message, "content-language") or None,
        origin=Origin(site) if site else None,
        framed=True,
    )
    told = {name: f"mail header {header}" for name, (header, value) in stated.items() if value}
    if forwarded:
        entry, told = _of_forwarded(entry, forwarded, told)
    entry = private.entry(entry)
    text = entry.content
    lines = paragraphs(text.value) if text.html else [line for line in text.value.split("\n") if line.strip()]
    return completed(entry, document, told, [*lines[:LINES], *lines[LINES:][-LINES:]])


def _of_forwarded(entry: Entry, said: Forwarded, told: dict[str, str]) -> tuple[Entry, dict[str, str]]:
    """An entry with what the headers of the forwarded mail say: who forwards it has not written it."""
    written = date(said.date) or date_in_words(said.date, None)
    title = _ANSWER.sub("", said.subject)
    found = {"title": title, "author": said.sender, "published": written}
    told = {name: place for name, place in told.items() if name not in ("author", "source")}
    told |= {name: "header of the forwarded mail" for name, value in found.items() if value}
    entry = replace(
        entry,
        title=Markup(title) if title else entry.title,
        authors=(said.sender,) if said.sender else (),
        published_at=written or entry.published_at,
        origin=None,
    )
    return entry, told


def _read_as_text(text: Text) -> str:
    return "\n".join(paragraphs(safe_html(text.value, None))) if text.is_html else text.value


def _content(texts: list[Text], name: str, *, is_answer: bool) -> tuple[Markup, Forwarded | None]:
    read = [_own_page(text.value, name, is_answer) if text.is_html else _own(text.value, is_answer) for text in texts]
    forwarded = next((said for _, said in read if said), None)
    values = [value for value, _ in read]
    if not any(text.is_html for text in texts):
        return Markup("\n\n".join(value.strip() for value in values)), forwarded
    both = zip(texts, values, strict=True)
    return Markup("\n".join(value if text.is_html else _lines(value) for text, value in both), True), forwarded


def _own(text: str, is_answer: bool) -> tuple[str, Forwarded | None]:
    """A plain text without what is not the article's."""
    lines = text.split("\n")
    kept, forwarded = without_others([Line(line, line.startswith(">")) for line in lines], is_answer=is_answer)
    return "\n".join(line for line, is_kept in zip(lines, kept, strict=True) if is_kept), forwarded


def _own_page(html: str, name: str, is_answer: bool) -> tuple[str, Forwarded | None]:
    page = _page(html, name)
    found = list(lines_of(page))
    kept, forwarded = without_others([line for _, _, line in found], is_answer=is_answer)
    pieces, place = [], 0
    for (start, end, _), is_kept in zip(found, kept, strict=True):
        if not is_kept:
            pieces.append(page[place:start])
            place = end
    own = "".join([*pieces, page[place:]])
    while pieces and own != (own := _EMPTY.sub("", own)):
        pass
    return own, forwarded


def _page(html: str, name: str) -> str:
    """The article of a page, as safe HTML; the whole page, where that is none such as sites have."""
    tree = tree_of(without_counters(html), name)
    _without_hidden(tree)
    _with_pictures_apart(tree)
    whole = tostring(tree, encoding="unicode")
    everything = " ".join(tree.text_content().split())
    found = "\n".join(main_text(tree, "https://mail.invalid/"))
    is_article = len(" ".join(paragraphs(found))) >= SUBSTANTIVE * len(everything)
    return safe_html(found if is_article else whole, None)


def _with_pictures_apart(tree: Any) -> None:
    """Loose pictures as paragraphs of their own: else trafilatura loses them."""
    for picture in list(tree.iter("img")):
        around = picture.getparent()
        if around is not None and around.tag in ("div", "td", "body", "center", "a"):
            own = picture.makeelement("p")
            picture.addprevious(own)
            own.tail, picture.tail = picture.tail, None
            own.append(picture)


def _without_hidden(tree: Any) -> None:
    """What no program shows: words for a preview, to be counted, for telephones. Signatures, where they are marked."""
    for element in list(tree.iter("div", "span", "p", "td", "tr", "table", "img", "pre")):
        marked = "gmail_signature" in element.get("class", "") or "moz-signature" in element.get("class", "")
        if (marked or _HIDDEN.search(element.get("style", ""))) and element.getparent() is not None:
            element.drop_tree()


def _lines(text: str) -> str:
    return "".join(f"<p>{escape(line.strip(), quote=False)}</p>\n" for line in text.split("\n") if line.strip())


def _origin(message: EmailMessage, senders: list[tuple[str, str]]) -> tuple[str, str | None]:
    """Where it comes from, and the field that says so: a list's name, or the domain of the sender."""
    listed = _LIST.match(_headers.field(message, "list-id"))
    if listed:
        return "List-Id", listed[1].strip('" ') or listed[2]
    host = senders[0][1].rpartition("@")[2].lower() if senders else ""
    return "From", registrable_domain(host) if urlsplit(f"//{host}").hostname == host and "." in host else None


PLUGIN = Parser(frozenset({sniff.MAIL}), parse, prepare=load)
