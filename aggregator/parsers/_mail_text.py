"""What a mail says: the pieces of its text, and what is attached. Pure.

Of a text in two forms the plain one is taken, if it says what the other does. Forwarded mails stay in the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage

from aggregator.markup import plain
from aggregator.models import Markup
from aggregator.parsers import _headers
from aggregator.parsers._decoding import decoded, decoded_page

MAX_DEPTH = 10  # parts inside of parts
SUBSTANTIVE = 0.5  # of the letters of the page that a plain text has at least, to be taken in its place
STUB = 300  # characters up to which a plain text may be one that only points to the page

_POINTS_ELSEWHERE = re.compile(
    r"(?:view|read|see|open) (?:this|it|the) .{0,40}(?:browser|online|web)"
    r"|html[- ](?:mail|e-?mail|version|format|capable)|im browser (?:ansehen|anzeigen|lesen)"
    r"|dans votre navigateur|в браузере",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of a mail's text."""

    value: str
    is_html: bool


def parts(message: EmailMessage, depth: int) -> Iterator[Text | EmailMessage]:
    """The pieces of text in their order, and what is attached."""
    kind, within = message.get_content_type(), inner(message)
    if depth > MAX_DEPTH:
        return
    if message.get_content_disposition() == "attachment" or (depth and kind.startswith("text/") and _is_file(message)):
        yield message
    elif kind == "message/rfc822" and within:
        for part in within:
            yield Text(_heading(part), False)
            yield from parts(part, depth + 1)
    elif kind == "multipart/alternative" and within:
        yield from _best([list(parts(part, depth + 1)) for part in within])
    elif within:
        for part in within:
            yield from parts(part, depth + 1)
    elif kind in ("text/html", "application/xhtml+xml"):
        yield Text(decoded_page(payload(message), message.get_content_charset()), True)
    elif kind == "text/plain" or (depth == 0 and not kind.startswith(("image/", "audio/", "video/", "application/"))):
        yield _plain_text(message)


def inner(message: EmailMessage) -> list[EmailMessage]:
    """The parts of a part; a multipart without boundaries has none."""
    found = message.get_payload()
    return [part for part in found if isinstance(part, EmailMessage)] if isinstance(found, list) else []


def _best(forms: list[list[Text | EmailMessage]]) -> list[Text | EmailMessage]:
    """Of the forms of one text: the plain one, if it says about as much as the page does."""
    pages = [form for form in forms if any(isinstance(part, Text) and part.is_html for part in form)]
    others = [form for form in forms if form not in pages and any(isinstance(part, Text) for part in form)]
    best = (others or pages or [[]])[-1] if not pages or not others else _better(others[0], pages[-1])
    # Some programs put what is attached beside the page, and both of them beside the plain text.
    return [*best, *(part for form in forms if form is not best for part in form if isinstance(part, EmailMessage))]


def _better(form: list[Text | EmailMessage], page: list[Text | EmailMessage]) -> list[Text | EmailMessage]:
    said = " ".join(part.value for part in form if isinstance(part, Text))
    shown = " ".join(plain(Markup(part.value, True)) for part in page if isinstance(part, Text) and part.is_html)
    points = len(said) <= STUB and _POINTS_ELSEWHERE.search(said)
    return page if points or len(" ".join(said.split())) < SUBSTANTIVE * len(shown) else form


def _heading(message: EmailMessage) -> str:
    """What a forwarded mail is, in the line above it."""
    names = [name for name, _ in _headers.people(message, "from") if "@" not in name]
    return ", ".join(filter(None, [*names, _headers.field(message, "subject"), _headers.field(message, "date")]))


def _plain_text(message: EmailMessage) -> Text:
    text = decoded(payload(message), message.get_content_charset()).replace("\r\n", "\n")
    if str(message.get_param("format", "")).lower() == "flowed":
        text = unwrapped(text, joins=str(message.get_param("delsp", "")).lower() == "yes")
    return Text(text, False)


def unwrapped(text: str, *, joins: bool) -> str:
    """Text of `format=flowed` with each paragraph on one line (RFC 3676 §4). `joins`: the last space goes (DelSp)."""
    paragraphs: list[list[str]] = []
    quoted, flows = 0, False
    for line in text.split("\n"):
        inner = line.lstrip(">")
        depth, content = len(line) - len(inner), inner.removeprefix(" ")
        if flows and depth == quoted and content != "-- ":
            paragraphs[-1].append(content)
        else:
            paragraphs.append([">" * depth + " " * bool(depth) + content])
        quoted, flows = depth, content.endswith(" ") and content != "-- "
        if flows and joins:
            paragraphs[-1][-1] = paragraphs[-1][-1][:-1]
    return "\n".join(map("".join, paragraphs))


def payload(message: EmailMessage) -> bytes:
    data = message.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _is_file(message: EmailMessage) -> bool:
    return bool(message.get_filename()) and message.get_content_disposition() != "inline"
