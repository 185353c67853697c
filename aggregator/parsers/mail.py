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
from urllib.parse import urlsplit

from aggregator import sniff
from aggregator.addresses import registrable_domain
from aggregator.errors import DocumentError
from aggregator.markup import paragraphs, safe_html
from aggregator.models import Document, Entry, Link, Markup, Origin, Parsed, Rejected
from aggregator.parsers import _headers, _mbox, _members
from aggregator.parsers._dates import date
from aggregator.parsers._facts import completed
from aggregator.parsers._mail_text import SUBSTANTIVE, Text, inner, parts, payload
from aggregator.parsers._main_text import BUGS, load, main_text
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


def parse(document: Document) -> Parsed:
    """An entry for each message and each attached article. Raises DocumentError where none has a text."""
    pieces = _mbox.messages(document.body)
    entries: list[Entry] = []
    refused: list[Rejected] = []
    for piece in pieces[:MAX_MESSAGES]:
        own = replace(document, identity=_members.identity(piece)) if len(pieces) > 1 else document
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
        attached = [_attachment(part, sent) for part in found if isinstance(part, EmailMessage)]
        texts = [part for part in found if isinstance(part, Text) and part.value.strip()]
        if texts:
            yield _entry(message, texts, document)
    except BUGS as error:  # Python's email has its own, for malformed input
        yield Rejected("message", f"the mail cannot be read: {type(error).__name__}: {error}")
    except DocumentError as error:
        yield Rejected("message", str(error).removeprefix(f"{document.name}: "))
    for one in filter(None, attached):
        try:
            yield from _members.read(one, ATTACHED).entries
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


def _entry(message: EmailMessage, texts: list[Text], document: Document) -> Entry:
    content = _content(texts, document.name)
    link = _headers.web_address(message, "archived-at") or _headers.web_address(message, "list-post")
    senders = _headers.people(message, "from")
    authors = tuple(_VIA.sub("", name) for name, _ in senders if name)
    published = date(_headers.field(message, "date"))
    place, site = _origin(message, senders)
    title = _ANSWER.sub("", _headers.field(message, "subject"))
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
    lines = paragraphs(content.value) if content.html else [line for line in content.value.split("\n") if line.strip()]
    told = {name: f"mail header {header}" for name, (header, value) in stated.items() if value}
    return completed(entry, document, told, [*lines[:LINES], *lines[LINES:][-LINES:]])


def _content(texts: list[Text], name: str) -> Markup:
    if not any(text.is_html for text in texts):
        return Markup("\n\n".join(text.value.strip() for text in texts))
    return Markup("\n".join(_page(text.value, name) if text.is_html else _lines(text.value) for text in texts), True)


def _page(html: str, name: str) -> str:
    """The article of a page; the whole page, where that is none such as sites have."""
    tree = tree_of(html, name)
    everything = " ".join(tree.text_content().split())
    found = "\n".join(main_text(tree, "https://mail.invalid/"))
    if len(" ".join(paragraphs(found))) >= SUBSTANTIVE * len(everything):
        return found
    return safe_html(html, None)


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
