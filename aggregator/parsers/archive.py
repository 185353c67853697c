"""Documents packed together (zip, tar) or alone (gzip, bzip2, xz): each is read as if it had been dropped by itself.

Nothing is ever written: names in an archive are labels. What a header claims of sizes is not believed; bytes are
counted while they come out. Facts in YAML beside a member (`NAME.yaml` or `NAME.txt.yaml` for `NAME.txt`) are given to
it.
What belongs to a page but is no text (`page_files/`, stylesheets, scripts, fonts, pictures) is left out.
Archives inside of archives are refused, and so is what only looks like one: a Word document, an e-book.
"""

import bz2
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aggregator import sniff
from aggregator.errors import DocumentError
from aggregator.models import Document, Entry, Parsed, Rejected
from aggregator.parsers import _members
from aggregator.parsers._main_text import load
from aggregator.registry import Parser

MAX_MEMBERS = 2000
MAX_LISTED = 20_000  # in a zip's directory: above, it is not even opened
MAX_MEMBER_BYTES = 20_000_000
MAX_BYTES = 100_000_000  # of all members, unpacked, with those that are passed over
MAX_FACTS_BYTES = 100_000  # of YAML beside a member
MAX_ENTRIES = 5000
MAX_NAME = 200
MAX_STREAMS = 10_000  # gzip files one behind the other
MAX_DICTIONARY = 100_000_000  # bytes that xz may keep in memory

MEMBERS = frozenset({sniff.TEXT, sniff.MARKDOWN, sniff.HTML, sniff.MAIL, sniff.FEED, sniff.JSON_FEED, sniff.SITEMAP})
_REST = "…"  # in the place of the names of all that comes behind
_PIECE = 1 << 20  # bytes unpacked at a time
_DAMAGE = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, tarfile.TarError, zipfile.BadZipFile)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_LOCAL, _DIRECTORY = b"PK\x03\x04", b"PK\x01\x02"  # how each member begins, and its line in the directory
_HEADER_BYTES = 30  # of a member, without its name
_OURS_TO_SKIP = ("thumbs.db", "desktop.ini")
# What a member's name says of the whole (ECMA-376 part 2, EPUB 3.3 §4.2.6.3, ODF 1.3 part 2).
_OFFICE = {"word": "a Word document", "xl": "a spreadsheet", "ppt": "a presentation"}
_MIMETYPES = {b"application/epub+zip": "an e-book", b"application/vnd.oasis.opendocument": "an office document"}


@dataclass(frozen=True, slots=True)
class _Member:
    """What an archive holds under a name: its bytes, or why they are not to be had."""

    name: str
    body: bytes = b""
    modified_at: datetime | None = None
    refused: str = ""


def parse(document: Document) -> Parsed:
    """The entries of all members. Raises DocumentError where none could be read, with the reasons."""
    facts = {one.name: one for one in _unpacked(document, _is_yaml) if one.name != _REST}
    entries: list[Entry] = []
    refused: list[Rejected] = []
    seen: set[str] = set()
    used: set[str] = set()
    for member in _unpacked(document, lambda name: not _is_yaml(name)):
        if member.body and (key := _members.identity(member.body)) in seen:
            continue
        beside = next((name for name in _names_of_facts(member.name) if name in facts), "")
        used.add(beside)
        try:
            found = _read(member, document, facts.get(beside))
        except DocumentError as error:
            reason = str(error).removeprefix(f"{document.name}/{member.name}: ")
            refused.append(Rejected(member.name, reason))
            continue
        seen.add(key)
        entries += found.entries[: MAX_ENTRIES - len(entries)]
        refused += found.refused
    refused += [Rejected(name, "no document of that name is beside it") for name in facts if name not in used]
    if not entries:
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in refused[:5]) or "it is empty, or holds no texts"
        raise DocumentError(f"{document.name}: nothing in this archive can be read: {reasons}")
    return Parsed(tuple(entries), format="an archive", refused=tuple(refused))


def _read(member: _Member, document: Document, facts: _Member | None) -> Parsed:
    name = f"{document.name}/{member.name}"
    if member.refused:
        raise DocumentError(f"{name}: {member.refused}")
    if facts and (facts.refused or len(facts.body) > MAX_FACTS_BYTES):
        raise DocumentError(f"{name}: {facts.name}: {facts.refused or f'larger than {MAX_FACTS_BYTES:,} bytes'}")
    if sniff.media_type(member.body) == sniff.ARCHIVE:
        what = _office(member.body)
        raise DocumentError(f"{name}: {what or 'an archive inside of an archive; unpack it'}")
    inner = Document(
        member.body,
        name,
        modified_at=member.modified_at or document.modified_at,
        beside=facts.body if facts else None,
        beside_name=f"{document.name}/{facts.name}" if facts else "",
    )
    return _members.read(inner, MEMBERS)


def _is_yaml(name: str) -> bool:
    return name.lower().endswith((".yaml", ".yml"))


def _names_of_facts(name: str) -> Iterator[str]:
    """Under which names facts about a member stand beside it."""
    folder, slash, last = name.rpartition("/")
    stem = last.rpartition(".")[0] or last
    for beginning in (name, f"{folder}{slash}{stem}"):
        yield from (f"{beginning}.yaml", f"{beginning}.yml")


def _unpacked(document: Document, wanted: Callable[[str], bool]) -> Iterator[_Member]:
    """The members of a name that is wanted, but for what systems leave in archives for themselves."""
    body = document.body
    if body.startswith(b"PK"):
        if what := _office(body):
            raise DocumentError(f"{document.name}: {what}")
        return _within_bounds(_of_zip(body, wanted))
    stream = _Stream(body)
    if sniff.is_tar(stream.peek()):
        return _within_bounds(_of_tar(stream, wanted))
    name = document.name.rpartition("/")[2].rpartition(".")[0] or document.name
    return iter([_alone(stream, name)] if wanted("") else [])


def _within_bounds(members: Iterable[_Member]) -> Iterator[_Member]:
    for number, member in enumerate(members):
        if number == MAX_MEMBERS:
            yield _Member(_REST, refused=f"from here on more than {MAX_MEMBERS:,} members; pack fewer together")
            return
        yield member


def _is_junk(name: str) -> bool:
    *folders, last = name.split("/")
    ours = "__MACOSX" in folders or last.startswith(".") or last.lower() in _OURS_TO_SKIP
    return ours or _members.is_of_a_page(name)


def _alone(stream: "_Stream", name: str) -> _Member:
    """A document that was packed by itself. What is damaged ends where the damage begins."""
    body = stream.read(MAX_MEMBER_BYTES + 1)
    if len(body) > MAX_MEMBER_BYTES:
        return _Member(name, refused=f"larger than {MAX_MEMBER_BYTES:,} bytes")
    return _Member(name, body, refused="" if body.strip() else "damaged, or empty")


class _Stream(io.RawIOBase):
    """What is packed with gzip, bzip2 or xz, or not at all, unpacked as it is asked for; over at the first damage."""

    def __init__(self, body: bytes) -> None:
        self._pieces = _pieces(body)
        self._held = b""
        self.count = 0

    def peek(self) -> bytes:
        """The beginning, which stays to be read."""
        while len(self._held) < tarfile.BLOCKSIZE and (piece := next(self._pieces, b"")):
            self._held += piece
        return self._held

    def read(self, size: int = -1) -> bytes:
        found = [self._held]
        length = len(self._held)
        while length < size and (piece := next(self._pieces, b"")):
            found.append(piece)
            length += len(piece)
        whole = b"".join(found)
        self._held = whole[size:]
        self.count += len(whole[:size])
        if self.count > MAX_BYTES:
            raise _TooMuch
        return whole[:size]


class _TooMuch(Exception):
    """All members together are larger than is unpacked. Caught by: _of_tar, _of_zip."""


def _pieces(body: bytes) -> Iterator[bytes]:
    opened: dict[bytes, Callable[[], Any]] = {
        b"\x1f\x8b": lambda: zlib.decompressobj(31),
        b"BZ": bz2.BZ2Decompressor,
        b"\xfd7": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_DICTIONARY),
    }
    packing = opened.get(body[:2])
    if packing is None:
        yield from (body[place : place + _PIECE] for place in range(0, len(body), _PIECE))
        return
    for _ in range(MAX_STREAMS):
        unpack = packing()
        try:
            while not unpack.eof:
                piece = unpack.decompress(body, _PIECE)
                body = getattr(unpack, "unconsumed_tail", b"")
                if not piece and not body and getattr(unpack, "needs_input", True) and not unpack.eof:
                    return  # it ends too early
                yield piece
        except _DAMAGE:
            return
        body = unpack.unused_data
        if body[:2] not in opened:
            return


def _of_tar(stream: _Stream, wanted: Callable[[str], bool]) -> Iterator[_Member]:
    """Members in their order, up to the first damage."""
    try:
        with tarfile.open(fileobj=stream, mode="r|", errorlevel=0) as archive:
            for found in archive:
                archive.members = []  # type: ignore[attr-defined]  # else it remembers all of them
                name = _label(found.name)
                if found.isdir() or _is_junk(name) or not wanted(name):
                    continue
                refused = _refusal(found)
                file = None if refused else archive.extractfile(found)
                body = file.read(MAX_MEMBER_BYTES + 1) if file else b""
                yield _Member(name, body, _time(found.mtime), refused)
    except _TooMuch:
        yield _Member(_REST, refused=f"from here on more than {MAX_BYTES:,} bytes; pack fewer files together")
    except _DAMAGE as error:
        yield _Member(_REST, refused=f"the archive is damaged from here on: {error}")


def _refusal(found: tarfile.TarInfo) -> str:
    if not found.isfile() or found.issparse():
        return "not a plain file (a link, a pipe, a device)"
    return f"larger than {MAX_MEMBER_BYTES:,} bytes" if found.size > MAX_MEMBER_BYTES else ""


def _of_zip(body: bytes, wanted: Callable[[str], bool]) -> Iterator[_Member]:
    if body.count(_DIRECTORY) > MAX_LISTED:
        yield _Member(_REST, refused=f"more than {MAX_LISTED:,} members")
        return
    try:
        archive = zipfile.ZipFile(io.BytesIO(body))
    except (*_DAMAGE, NotImplementedError):
        yield from _of_cut_zip(body, wanted)
        return
    count = 0
    hidden = _overlapping(archive.infolist())
    for found in archive.infolist():
        name = _label(_zip_name(found))
        if not name or name.endswith("/") or _is_junk(name) or not wanted(name):
            continue
        member = _of_info(archive, found, name, found.header_offset in hidden)
        count += len(member.body)
        if count > MAX_BYTES:
            yield _Member(_REST, refused=f"from here on more than {MAX_BYTES:,} bytes; pack fewer files together")
            return
        yield member


def _of_info(archive: zipfile.ZipFile, found: zipfile.ZipInfo, name: str, overlaps: bool) -> _Member:
    if found.flag_bits & 1:
        return _Member(name, refused="encrypted; pack it without a password")
    if overlaps:
        return _Member(name, refused="lies over another member: such archives are made to do harm")
    if found.compress_type not in _METHODS:
        return _Member(name, refused="packed in a way that is not read; use zip's usual one")
    try:
        with archive.open(found) as file:
            body = file.read(MAX_MEMBER_BYTES + 1)
    except (*_DAMAGE, RuntimeError) as error:
        return _Member(name, refused=f"damaged: {error}")
    if len(body) > MAX_MEMBER_BYTES:
        return _Member(name, refused=f"larger than {MAX_MEMBER_BYTES:,} bytes")
    return _Member(name, body, _zip_time(found.date_time))


def _overlapping(members: Iterable[zipfile.ZipInfo]) -> set[int]:
    """Where those members begin that lie over one another (https://www.bamsoftware.com/hacks/zipbomb/)."""
    hidden: set[int] = set()
    end, last = 0, -1
    for found in sorted(members, key=lambda one: one.header_offset):
        if found.header_offset < end:
            hidden |= {last, found.header_offset}
        behind = found.header_offset + _HEADER_BYTES + len(found.orig_filename) + found.compress_size
        end, last = max((end, last), (behind, found.header_offset))
    return hidden


def _of_cut_zip(body: bytes, wanted: Callable[[str], bool]) -> Iterator[_Member]:
    """The members of a zip whose directory is lost, in their order, up to the first damage (APPNOTE.TXT §4.3.7)."""
    place = count = 0
    while body[place : place + 4] == _LOCAL and len(body) >= place + _HEADER_BYTES:
        flags, method = (int.from_bytes(body[place + at : place + at + 2], "little") for at in (6, 8))
        size = int.from_bytes(body[place + 18 : place + 22], "little")
        lengths = [int.from_bytes(body[place + at : place + at + 2], "little") for at in (26, 28)]
        start = place + _HEADER_BYTES
        name = _label(body[start : start + lengths[0]].decode("utf-8", "replace"))
        start += sum(lengths)
        if method == zipfile.ZIP_DEFLATED and not flags & 1:
            unpack = zlib.decompressobj(-15)
            try:
                found = unpack.decompress(body[start:], MAX_MEMBER_BYTES + 1)
            except zlib.error:
                break
            place = len(body) - len(unpack.unused_data) if unpack.eof else len(body)
        else:
            found, place = body[start : start + size], start + size
            if flags & 1 or flags & 8 or len(found) < size:
                break
        if flags & 8:
            place = max(body.find(_LOCAL, place), place)  # behind what tells the sizes
        count += len(found)
        if len(found) > MAX_MEMBER_BYTES or count > MAX_BYTES:
            break
        if wanted(name) and not name.endswith("/") and not _is_junk(name):
            yield _Member(name, found)
    yield _Member(_REST, refused="the archive is damaged from here on")


def _office(body: bytes) -> str:
    """What a zip is, if it is none of documents, and what to do about it."""
    names = _zip_names(body)
    head = body[_HEADER_BYTES:][:200]
    what = next((name for kind, name in _MIMETYPES.items() if head.startswith(b"mimetype" + kind)), "")
    if not what and "[Content_Types].xml" in names:
        folders = {name.partition("/")[0] for name in names}
        what = next((name for folder, name in _OFFICE.items() if folder in folders), "an office document")
    if what:
        return f"{what}; save it as text or HTML"
    return "a program, and no documents" if "META-INF/MANIFEST.MF" in names else ""


def _zip_names(body: bytes) -> list[str]:
    if not body.startswith(_LOCAL) or body.count(_DIRECTORY) > MAX_LISTED:
        return []
    try:
        return zipfile.ZipFile(io.BytesIO(body)).namelist()
    except (*_DAMAGE, NotImplementedError):
        return []


def _zip_name(found: zipfile.ZipInfo) -> str:
    """Names without a mark for UTF-8 are in it all the same, mostly; else in what a PC had first."""
    if found.flag_bits & 0x800:
        return found.filename
    try:
        return found.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return found.filename


def _label(name: str) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in name[-MAX_NAME:])
    return shown.replace("\\", "/").removeprefix("./").lstrip("/")


def _time(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def _zip_time(parts: tuple[int, ...]) -> datetime | None:
    """Without a zone: taken as UTC."""
    try:
        return datetime(*parts[:6], tzinfo=UTC) if parts[0] > 1980 else None  # type: ignore[misc,arg-type]
    except ValueError:
        return None


PLUGIN = Parser(frozenset({sniff.ARCHIVE}), parse, prepare=load)
