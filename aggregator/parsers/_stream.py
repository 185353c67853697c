"""What is packed with gzip, bzip2 or xz, or not at all, unpacked as it is asked for: all of a size that counts."""

import bz2
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from aggregator.parsers import _unpacking

MAX_STREAMS = 10_000  # gzip files one behind the other
MAX_DICTIONARY = 100_000_000  # bytes that xz may keep in memory

_PIECE = 1 << 20  # bytes unpacked at a time


class TooMuch(Exception):
    """All members together are larger than is unpacked. Caught by: _tar."""


class Stream(io.RawIOBase):
    """A file to read from; over at the first damage."""

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
        if self.count > _unpacking.MAX_BYTES:
            raise TooMuch
        return whole[:size]


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
        except _unpacking.DAMAGE:
            return
        body = unpack.unused_data
        if body[:2] not in opened:
            return
