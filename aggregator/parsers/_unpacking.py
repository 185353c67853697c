"""What an archive holds under a name, and how much of it is unpacked."""

import lzma
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from datetime import datetime

from aggregator.parsers._members import is_of_a_page

MAX_MEMBER_BYTES = 20_000_000
MAX_BYTES = 100_000_000  # of all members, unpacked, with those that are passed over
MAX_NAME = 200
REST = "…"  # in the place of the names of all that comes behind
DAMAGE = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, tarfile.TarError, zipfile.BadZipFile)

_OURS_TO_SKIP = ("thumbs.db", "desktop.ini")


@dataclass(frozen=True, slots=True)
class Member:
    """What an archive holds under a name: its bytes, or why they are not to be had."""

    name: str
    body: bytes = b""
    modified_at: datetime | None = None
    refused: str = ""


def label(name: str) -> str:
    """A name for people: nothing is ever written under it."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in name[-MAX_NAME:])
    return shown.replace("\\", "/").removeprefix("./").lstrip("/")


def is_junk(name: str) -> bool:
    """Whether systems leave such a file in archives for themselves, or it is but what a page is made of."""
    *folders, last = name.split("/")
    left_over = "__MACOSX" in folders or last.startswith(".") or last.lower() in _OURS_TO_SKIP
    return left_over or is_of_a_page(name)


def too_large() -> str:
    return f"larger than {MAX_MEMBER_BYTES:,} bytes"


def too_much() -> str:
    return f"from here on more than {MAX_BYTES:,} bytes; pack fewer files together"
