"""Where connections come in: slow and greedy ones go no further, and feeds are answered without further ado.

A connection is held here until the head of its first request is complete. A plain request for a feed that is published
is answered from what is prepared (`published`), and so are those that follow on the connection. With anything else
(pages, bodies, errors, old versions of HTTP) the connection becomes aiohttp's, which understands all of HTTP; only how
long its answers take is still looked after here.
"""

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate

from aggregator import metrics
from aggregator.web import conditional
from aggregator.web.limits import Limits
from aggregator.web.published import Copy, Published

HEAD_SECONDS = 15.0  # from the first byte of a request's head to its last
IDLE_SECONDS = 60.0  # between two requests
SEND_SECONDS = 300.0  # for an answer to be taken, once it does not go out by itself
SWEEP_SECONDS = 1.0
MAX_HEAD = 16_384  # bytes
SEND_BYTES = 131_072  # that the system holds for a connection; by itself it would take megabytes for who does not read

_END = b"\r\n\r\n"
_REASONS = {200: "OK", 304: "Not Modified", 408: "Request Timeout", 412: "Precondition Failed"}
_REASONS |= {429: "Too Many Requests", 431: "Request Header Fields Too Large", 503: "Service Unavailable"}
# Fields with which a request is not plain: it has a body, or wants another protocol or the end of the connection.
_NOT_PLAIN = frozenset(("content-length", "transfer-encoding", "expect", "upgrade", "connection", "http2-settings"))
_WANTED = frozenset((*conditional.NAMES, "x-forwarded-for"))


class Front:
    """All connections. `handler` makes aiohttp's part of one."""

    def __init__(self, published: Published, limits: Limits, handler: Callable[[], asyncio.Protocol]) -> None:
        self.published = published
        self.limits = limits
        self.handler = handler
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self._date: tuple[int, bytes] = (0, b"")
        self._sweeping: asyncio.TimerHandle | None = None
        self._sweep()

    def close(self) -> None:
        """Break all connections off."""
        if self._sweeping:
            self._sweeping.cancel()
        for connection in list(self.connections):
            connection.transport.abort()

    def answer(self, head: bytes, peer: str) -> bytes | None:
        """The whole answer to a request with this head; None if it is for aiohttp to answer."""
        method, target, fields = parsed(head)
        place = self.published.place(target) if method else None
        if place is None:
            return None
        if wait := self.limits.wait(self.limits.client(peer, fields.get("x-forwarded-for")), self.loop.time()):
            metrics.count_request(429)
            return self._short(429, f"Retry-After: {wait}\r\n")
        copy = self.published.copy(place, packed=conditional.takes_gzip(fields.get("accept-encoding", "")))
        status = conditional.status(fields, copy.etag, copy.modified_at) if copy else 0
        said = self._said(copy, status, method) if copy else None
        if said is not None:
            metrics.count_request(status)
        return said

    def _said(self, copy: Copy, status: int, method: str) -> bytes | None:
        if status == 304:
            return b"HTTP/1.1 304 Not Modified\r\n" + copy.short_lines + self._now() + b"\r\n"
        if status != 200:
            return self._short(status)
        body = b"" if method == "HEAD" else self.published.body(copy)
        if body is None:
            return None  # it was replaced just now
        return b"HTTP/1.1 200 OK\r\n" + copy.lines + self._now() + b"\r\n" + body

    def refusal(self, status: int) -> bytes:
        """An answer after which the connection is closed."""
        return self._short(status, "Connection: close\r\n")

    def _short(self, status: int, more: str = "") -> bytes:
        return f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Length: 0\r\n{more}".encode() + self._now() + b"\r\n"

    def _now(self) -> bytes:
        """The Date line."""
        now = int(time.time())
        if self._date[0] != now:
            self._date = now, f"Date: {formatdate(now, usegmt=True)}\r\n".encode()
        return self._date[1]

    def _sweep(self) -> None:
        now = self.loop.time()
        for connection in list(self.connections):
            connection.look(now)
        self._sweeping = self.loop.call_later(SWEEP_SECONDS, self._sweep)


class Connection(asyncio.Protocol):
    """One connection, until it is closed."""

    transport: asyncio.Transport

    def __init__(self, front: Front) -> None:
        self._front = front
        self._peer = ""
        self._buffer = b""
        self._handler: asyncio.Protocol | None = None
        self._is_full = False  # what was written does not go out
        self._deadline = front.loop.time() + HEAD_SECONDS
        self._stuck_since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if peer else "::"
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        if self._front.limits.enter(self._peer):
            self._front.connections.add(self)
        else:
            transport.write(self._front.refusal(503 if self._front.limits.is_full else 429))
            transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._front.connections:
            self._front.connections.remove(self)
            self._front.limits.leave(self._peer)
        if self._handler:
            self._handler.connection_lost(error)

    def data_received(self, data: bytes) -> None:
        if self._handler:
            self._handler.data_received(data)
        elif not self.transport.is_closing():
            if not self._buffer:
                self._deadline = self._front.loop.time() + HEAD_SECONDS
            self._buffer += data
            self._work()

    def eof_received(self) -> bool | None:
        return self._handler.eof_received() if self._handler else None

    def pause_writing(self) -> None:
        self._is_full = True
        if self._handler:
            self._handler.pause_writing()
        else:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        self._is_full = False
        if self._handler:
            self._handler.resume_writing()
        else:
            self.transport.resume_reading()
            self._work()

    def look(self, now: float) -> None:
        """Break off what has taken too long."""
        if not self.transport.get_write_buffer_size():
            self._stuck_since = None
        elif self._stuck_since is None:
            self._stuck_since = now
        elif now - self._stuck_since > SEND_SECONDS:
            self._break_off()
        if self._handler is None and self._stuck_since is None and now > self._deadline:
            if self._buffer:
                self.transport.write(self._front.refusal(408))
            self.transport.close()

    def _work(self) -> None:
        """Answer requests that are complete, as long as the answers are taken."""
        while self._buffer and not self._is_full and not self.transport.is_closing():
            end = self._buffer.find(_END) + len(_END)
            if end < len(_END) or end > MAX_HEAD:
                if len(self._buffer) > MAX_HEAD:
                    self.transport.write(self._front.refusal(431))
                    self.transport.close()
                return
            answer = self._front.answer(self._buffer[:end], self._peer)
            if answer is None:
                self._hand_over()
                return
            self._buffer = self._buffer[end:]
            self._deadline = self._front.loop.time() + (HEAD_SECONDS if self._buffer else IDLE_SECONDS)
            self.transport.write(answer)

    def _break_off(self) -> None:
        """At once: the system, too, forgets what was to be sent."""
        own: socket.socket = self.transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _hand_over(self) -> None:
        self._handler, data, self._buffer = self._front.handler(), self._buffer, b""
        self._handler.connection_made(self.transport)
        self._handler.data_received(data)


def parsed(head: bytes) -> tuple[str, str, dict[str, str]]:
    """Method, target and the fields that matter of a plain GET or HEAD; an empty method if it is anything else, or
    if there is the least doubt (RFC 9112 §2.2, §5)."""
    nothing: tuple[str, str, dict[str, str]] = "", "", {}
    text = head.decode("latin-1")
    lines = text[:-4].split("\r\n")
    method, _, rest = lines[0].partition(" ")
    target, _, version = rest.partition(" ")
    ends = len(lines) + 1
    if version != "HTTP/1.1" or method not in ("GET", "HEAD") or text.count("\n") != ends or text.count("\r") != ends:
        return nothing
    fields: dict[str, str] = {}
    for name, value in _fields(lines):
        if name in _NOT_PLAIN and (name != "connection" or value.lower() != "keep-alive"):
            return nothing
        if name in fields or not name or name != name.strip() or "\0" in value:
            return nothing
        if name in _WANTED:
            fields[name] = value
    return method, target, fields


def _fields(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines[1:]:
        name, _, value = line.partition(":")
        yield name.lower(), value.strip(" \t")
