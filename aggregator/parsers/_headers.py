"""Header fields of mails as people read them: RFC 2047's encoded words, and letters that nobody encoded. Pure."""

import binascii
import quopri
import re
from base64 import b64decode
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import getaddresses
from typing import cast

from aggregator.parsers._decoding import decoded

MAX_HEADER = 5000  # characters of a field that are kept: the time that one takes grows with its length's square

_WORD = re.compile(r"=\?([\w.:-]{1,40})(?:\*[\w-]{0,20})?\?([bq])\?([^?]{0,2000})\?=", re.IGNORECASE)
_BETWEEN = re.compile(r"(?<=\?=)\s+(?==\?)")  # RFC 2047 §6.2: such space is none
_URL = re.compile(r"https?://[^\s<>]{1,2000}")


class _Bounded(EmailPolicy):
    """Python's newer ways with mail, in bounded time."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:MAX_HEADER]


POLICY = cast("EmailPolicy[EmailMessage]", _Bounded())  # it makes messages of the newer kind, as its own default does


def field(message: EmailMessage, name: str) -> str:
    """A field on one line; empty where there is none."""
    return " ".join(readable(_raw(message, name)).split())


def people(message: EmailMessage, name: str) -> list[tuple[str, str]]:
    """Names, which may be empty, and addresses."""
    found = getaddresses([_raw(message, name).replace("\n", " ")])
    return [(" ".join(readable(said).split()).strip("\"' "), address) for said, address in found if said or address]


def web_address(message: EmailMessage, name: str) -> str | None:
    found = _URL.search(field(message, name))
    return found[0] if found else None


def readable(text: str) -> str:
    """Encoded words decoded; those of one charset together, since some programs cut letters in two."""
    return "".join(_decoded_words(_BETWEEN.sub("", text)))


def _decoded_words(text: str) -> Iterator[str]:
    place, waiting, charset = 0, b"", ""
    for word in _WORD.finditer(text):
        if waiting and (word.start() > place or word[1].lower() != charset):
            yield decoded(waiting, charset)
            waiting = b""
        yield text[place : word.start()]
        waiting, charset, place = waiting + _bytes(word[2], word[3]), word[1].lower(), word.end()
    if waiting:
        yield decoded(waiting, charset)
    yield text[place:]


def _bytes(encoding: str, text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    if encoding in "qQ":
        return quopri.decodestring(data.replace(b" ", b"_"), header=True)
    try:
        return b64decode(data + b"=" * (-len(data) % 4))
    except binascii.Error:
        return b""


def _raw(message: EmailMessage, name: str) -> str:
    """The first field of a name as it was written. What stands for bytes in it becomes the letters that were meant."""
    found = next((str(value) for key, value in message.raw_items() if key.lower() == name), "")
    if found.isascii():
        return found
    return decoded(found.encode("utf-8", "surrogateescape"), message.get_content_charset() or "windows-1252")
