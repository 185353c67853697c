"""A packed body, unpacked piece by piece and never beyond a limit, however well the bomb is packed. Pure."""

import zlib

from aggregator.errors import FetchError

OFFERED = "gzip, deflate"  # what is said in Accept-Encoding; nothing else is taken

MOST_MEMBERS = 10_000  # of one gzip body: a server that begins one at each flush has far less

_PIECE = 1 << 20  # bytes unpacked at a time
_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's wbits
_GZIP_MAGIC = b"\x1f\x8b"


class Inflater:
    """Give it the chunks of a body in order with `add`, then ask for all of it with `finish`.

    Each member of a gzip body copies the rest of its chunk: many small chunks are quicker than a large one.
    """

    def __init__(self, encoding: str, limit: int, url: str) -> None:
        """`encoding` as in Content-Encoding, `limit` in bytes of the unpacked body. Raises FetchError `encoding`."""
        self._url = url
        self._limit = limit
        self._pieces: list[bytes] = []
        self.count = 0  # bytes unpacked so far
        self._began = False
        self._members = 1
        self._held = b""  # the first half of what may be another member's magic number
        self._encoding = encoding.strip().lower()
        self._unpack = self._opened()

    def add(self, data: bytes) -> None:
        """Raises FetchError: `too-large` beyond the limit, `encoding` for damage."""
        if self._unpack is None:
            self._keep(data)
            return
        data, self._held = self._held + data, b""
        more = bool(data)
        while more:
            if self._unpack.eof:  # gzip may have several members, one behind the other (RFC 1952 §2.2)
                if self._encoding != "deflate" and data == _GZIP_MAGIC[:1]:
                    self._held = data
                    return
                if self._encoding == "deflate" or not data.startswith(_GZIP_MAGIC):
                    return
                self._members += 1
                if self._members > MOST_MEMBERS:
                    raise FetchError("encoding", f"{self._url}: packed in more than {MOST_MEMBERS:,} gzip members")
                self._unpack = zlib.decompressobj(_GZIP)
            piece = self._unpacked(data)
            self._began = True
            self._keep(piece)
            data = self._unpack.unconsumed_tail or self._unpack.unused_data
            more = bool(data) or len(piece) == _PIECE  # a full piece may have left more inside

    def finish(self) -> bytes:
        """The whole body. Raises FetchError `truncated`."""
        if self._unpack is not None and not self._unpack.eof and self._began:
            raise FetchError("truncated", f"{self._url}: the packed body ends too early")
        return b"".join(self._pieces)

    def _opened(self) -> "zlib._Decompress | None":
        if self._encoding in ("", "identity"):
            return None
        if self._encoding in ("gzip", "x-gzip"):
            return zlib.decompressobj(_GZIP)
        if self._encoding == "deflate":
            return zlib.decompressobj(_ZLIB)
        raise FetchError(
            "encoding", f"{self._url}: sent in the encoding {self._encoding[:40]!r}, which was not offered"
        )

    def _unpacked(self, data: bytes) -> bytes:
        assert self._unpack is not None
        try:
            return self._unpack.decompress(data, _PIECE)
        except zlib.error as error:
            if self._encoding != "deflate" or self._began:
                raise FetchError("encoding", f"{self._url}: the packed body is damaged: {error}") from error
            self._unpack = zlib.decompressobj(_RAW)  # many servers send deflate without its zlib wrapper
            self._began = True
            return self._unpacked(data)

    def _keep(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.count += len(piece)
        if self.count > self._limit:
            raise FetchError("too-large", f"{self._url}: larger than fetch.body ({self._limit:,} bytes)")
