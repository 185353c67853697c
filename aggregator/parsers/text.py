"""An article as plain text: its title on the first line, then paragraphs, then whatever the page had behind it.

Any encoding: a byte order mark is believed, then UTF-8 if the bytes are that, then a guess, then UTF-8 with damage.
"""

from charset_normalizer import from_bytes

from aggregator import sniff
from aggregator.errors import DocumentError
from aggregator.furniture import FIRST_LINE
from aggregator.models import Document, Entry, Markup, Parsed
from aggregator.registry import Parser

QUICK_BYTES = 64_000
DAMAGE = 0.05  # share of unreadable characters at which bytes stop being text


def parse(document: Document) -> Parsed:
    """One entry. Raises DocumentError for bytes that are no text."""
    entry = Entry(
        guid=document.identity,
        base=document.url,
        content=Markup(_decoded(document).strip()),
        published_at=document.modified_at,
        framed=True,
        told=(("title", FIRST_LINE), ("published", "file time")),
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


PLUGIN = Parser(frozenset({sniff.TEXT}), parse, is_quick=lambda document: len(document.body) <= QUICK_BYTES)
