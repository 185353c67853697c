"""An article as plain text: its title on the first line, then paragraphs, then whatever the page had behind it.

Any encoding: a byte order mark is believed, then UTF-8 if the bytes are that, then a guess, then UTF-8 with damage.
"""

from charset_normalizer import from_bytes

from aggregator import sniff
from aggregator.errors import DocumentError
from aggregator.models import Document, Entry, Markup, Parsed
from aggregator.registry import Parser

DAMAGE = 0.05  # share of unreadable characters at which bytes stop being text
MAX_TITLE = 300  # a longer first line is a paragraph: the text has no title of its own


def parse(document: Document) -> Parsed:
    """One entry. Raises DocumentError for bytes that are no text."""
    text = _decoded(document).strip()
    first, _, rest = text.partition("\n")
    title, content = (first, rest) if len(first) <= MAX_TITLE else ("", text)
    entry = Entry(
        guid=document.identity,
        base=document.url,
        title=Markup(title),
        content=Markup(content),
        published_at=document.modified_at,
    )
    return Parsed((entry,))


def _decoded(document: Document) -> str:
    body = document.body
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if body.startswith(mark):
            return body.decode(encoding, "replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        guess = from_bytes(body).best()
        if guess is not None:
            return str(guess)
        damaged = body.decode("utf-8", "replace")
        if damaged.count("\ufffd") > DAMAGE * len(damaged):
            raise DocumentError(f"{document.name}: not text in any known encoding; save it as UTF-8") from None
        return damaged


PLUGIN = Parser(frozenset({sniff.TEXT}), parse, is_plain=True)
