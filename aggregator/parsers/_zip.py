"""The members of a zip, and what a zip is that holds no documents.

What a header claims of sizes is not believed: more than that does not come out, and zipfile sees what is missing.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from aggregator.parsers import _unpacking
from aggregator.parsers._stream import Stream
from aggregator.parsers._unpacking import Member

MAX_LISTED = 20_000  # in a zip's directory: above, it is not even opened

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_LOCAL, _DIRECTORY = b"PK\x03\x04", b"PK\x01\x02"  # how each member begins, and its line in the directory
_HEADER_BYTES = 30  # of a member, without its name
_HEADER = struct.Struct("<6xHH8xI4xHH")  # flags, method, packed size, lengths of the name and of what is behind it
_ENCRYPTED, _SIZES_BEHIND = 1, 8  # flags
_PIECE = 1 << 16  # bytes unpacked at a time
# What a member's name says of the whole (ECMA-376 part 2, EPUB 3.3 §4.2.6.3, ODF 1.3 part 2).
_OFFICE = {"word": "a Word document", "xl": "a spreadsheet", "ppt": "a presentation"}
_MIMETYPES = {b"application/epub+zip": "an e-book", b"application/vnd.oasis.opendocument": "an office document"}


def members(body: bytes, wanted: Callable[[str], bool]) -> Iterator[Member]:
    """Those of a name that is wanted, in the order of the directory."""
    if body.count(_DIRECTORY) > MAX_LISTED:
        yield Member(_unpacking.REST, refused=f"more than {MAX_LISTED:,} members")
        return
    try:
        archive = zipfile.ZipFile(io.BytesIO(body))
    except (*_unpacking.DAMAGE, NotImplementedError):
        yield from _of_cut(body, wanted)
        return
    count = 0
    hidden = _overlapping(archive.infolist())
    for found in archive.infolist():
        name = _unpacking.label(_name(found))
        if not name or name.endswith("/") or _unpacking.is_junk(name) or not wanted(name):
            continue
        member = _of_info(body, archive, found, name, overlaps=found.header_offset in hidden)
        count += len(member.body)
        if count > _unpacking.MAX_BYTES:
            yield Member(_unpacking.REST, refused=_unpacking.too_much())
            return
        yield member


def _of_info(whole: bytes, archive: zipfile.ZipFile, found: zipfile.ZipInfo, name: str, *, overlaps: bool) -> Member:
    if found.flag_bits & _ENCRYPTED:
        return Member(name, refused="encrypted; pack it without a password")
    if overlaps:
        return Member(name, refused="lies over another member: such archives are made to do harm")
    if found.compress_type not in _METHODS:
        return Member(name, refused="packed in a way that is not read; use zip's usual one")
    if found.file_size > _unpacking.MAX_MEMBER_BYTES:
        return Member(name, refused=_unpacking.too_large())
    try:
        body = _bunzipped(whole, found) if found.compress_type == zipfile.ZIP_BZIP2 else archive.read(found)
    except (*_unpacking.DAMAGE, RuntimeError, struct.error) as error:
        return Member(name, refused=f"damaged: {error}")
    return Member(name, body, _time(found.date_time))


def _bunzipped(body: bytes, found: zipfile.ZipInfo) -> bytes:
    """zipfile unpacks bzip2 without a limit, whatever the header claims. Raises BadZipFile."""
    *_, name_length, extra_length = _HEADER.unpack_from(body, found.header_offset)
    start = found.header_offset + _HEADER_BYTES + name_length + extra_length
    unpacked = Stream(body[start : start + found.compress_size]).read(found.file_size + 1)
    if len(unpacked) != found.file_size or zlib.crc32(unpacked) != found.CRC:
        raise zipfile.BadZipFile("it is not what its header says")
    return unpacked


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


def _of_cut(body: bytes, wanted: Callable[[str], bool]) -> Iterator[Member]:
    """The members of a zip whose directory is lost, in their order, up to the first damage (APPNOTE.TXT §4.3.7)."""
    place = count = 0
    for _ in range(MAX_LISTED):
        if body[place : place + 4] != _LOCAL or len(body) < place + _HEADER_BYTES:
            break
        flags, method, size, name_length, extra_length = _HEADER.unpack_from(body, place)
        start = place + _HEADER_BYTES + name_length
        name = _unpacking.label(body[start - name_length : start].decode("utf-8", "replace"))
        found, place = _cut_member(body, start + extra_length, flags, method, size)
        count += len(found)
        if place == 0 or len(found) > _unpacking.MAX_MEMBER_BYTES or count > _unpacking.MAX_BYTES:
            break
        if wanted(name) and not name.endswith("/") and not _unpacking.is_junk(name):
            yield Member(name, found)
    yield Member(_unpacking.REST, refused="the archive is damaged from here on")


def _cut_member(body: bytes, start: int, flags: int, method: int, size: int) -> tuple[bytes, int]:
    """The bytes of a member, and where the next one begins; 0 where that cannot be told."""
    if flags & _ENCRYPTED or (method != zipfile.ZIP_DEFLATED and flags & _SIZES_BEHIND):
        return b"", 0
    if method != zipfile.ZIP_DEFLATED:
        found = body[start : start + size]
        return found, start + size if len(found) == size else 0
    try:
        found, end = _inflated(body, start)
    except zlib.error:
        return b"", 0
    return found, max(body.find(_LOCAL, end), end) if flags & _SIZES_BEHIND else end


def _inflated(body: bytes, start: int) -> tuple[bytes, int]:
    """What a member says up to one byte too many, and where it ends. In pieces: all that is behind is copied, too."""
    unpack = zlib.decompressobj(-zlib.MAX_WBITS)
    found: list[bytes] = []
    length = 0
    while not unpack.eof and start < len(body) and length <= _unpacking.MAX_MEMBER_BYTES:
        piece = unpack.decompress(body[start : start + _PIECE], _unpacking.MAX_MEMBER_BYTES + 1 - length)
        start = min(start + _PIECE, len(body)) - len(unpack.unused_data)
        found.append(piece)
        length += len(piece)
    return b"".join(found), start


def office(body: bytes) -> str:
    """What a zip is, if it is none of documents, and what to do about it."""
    names = _names(body)
    head = body[_HEADER_BYTES:][:200]
    what = next((name for kind, name in _MIMETYPES.items() if head.startswith(b"mimetype" + kind)), "")
    if not what and "[Content_Types].xml" in names:
        folders = {name.partition("/")[0] for name in names}
        what = next((name for folder, name in _OFFICE.items() if folder in folders), "an office document")
    if what:
        return f"{what}; save it as text or HTML"
    return "a program, and no documents" if "META-INF/MANIFEST.MF" in names else ""


def _names(body: bytes) -> list[str]:
    if not body.startswith(_LOCAL) or body.count(_DIRECTORY) > MAX_LISTED:
        return []
    try:
        return zipfile.ZipFile(io.BytesIO(body)).namelist()
    except (*_unpacking.DAMAGE, NotImplementedError):
        return []


def _name(found: zipfile.ZipInfo) -> str:
    """Names without a mark for UTF-8 are in it all the same, mostly; else in what a PC had first."""
    if found.flag_bits & 0x800:
        return found.filename
    try:
        return found.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return found.filename


def _time(parts: tuple[int, ...]) -> datetime | None:
    """Without a zone: taken as UTC."""
    try:
        return datetime(*parts[:6], tzinfo=UTC) if parts[0] > 1980 else None  # type: ignore[misc,arg-type]
    except ValueError:
        return None
