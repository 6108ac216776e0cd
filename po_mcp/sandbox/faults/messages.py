"""Whole HTTP/1.1 messages on asyncio's streams: what the relay reads from a client, and asks the ERP.

Bodies come by Content-Length or in chunks and are kept in memory; the framing of each hop is its own.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus

import h11

Headers = tuple[tuple[bytes, bytes], ...]

HOST = "127.0.0.1"
CHUNK = 65536
# Between two neighbours only; the next hop gets its own.
_HOP = {b"connection", b"content-length", b"expect", b"keep-alive", b"te", b"transfer-encoding", b"upgrade"}
# On, and for zero seconds: closing the socket sends RST instead of FIN.
_RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


@dataclass(frozen=True)
class Request:
    """A request that has arrived whole; `last`: the client wants the connection closed after it."""

    method: str
    target: str
    headers: Headers
    body: bytes
    last: bool


@dataclass(frozen=True)
class Answer:
    """An answer; its headers leave out those that frame the body."""

    status: int
    headers: Headers = ()
    body: bytes = b""

    def head(self, *, length: bool = True) -> bytes:
        """Return the status line and the headers; without `length` the body ends with the connection."""
        phrase = HTTPStatus(self.status).phrase.encode()
        lines = [b"HTTP/1.1 %d %s" % (self.status, phrase), *(b"%s: %s" % header for header in self.headers)]
        if length and self.status != HTTPStatus.NO_CONTENT:
            lines.append(b"Content-Length: %d" % len(self.body))
        return b"\r\n".join([*lines, b"", b""])

    def with_header(self, name: bytes, value: bytes) -> Answer:
        """Return the answer with one header more, in place of any of that name."""
        kept = (header for header in self.headers if header[0].lower() != name.lower())
        return replace(self, headers=(*kept, (name, value)))


class Connection:
    """A client's connection, read one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take over both streams."""
        self.idle = False
        self._reader = reader
        self._writer = writer
        self._arrived = b""

    async def wait_for_request(self) -> bool:
        """Wait for the first byte of a request; False means that the client has closed."""
        if not self._arrived:
            self.idle = True
            self._arrived = await self._reader.read(CHUNK)
            self.idle = False
        return bool(self._arrived)

    async def read_request(self) -> Request:
        """Read one request to its end.

        Raises:
            OSError: the connection failed.
            h11.RemoteProtocolError: the message is not HTTP.
        """
        # A parser for each request: answers are written past it, so it cannot come to a next one.
        parser = h11.Connection(h11.SERVER)
        parser.receive_data(self._arrived)
        head, body = await _read_message(parser, self._reader, self._writer)
        assert isinstance(head, h11.Request)
        # A client may send the next request before it has the answer; its first bytes came with this one.
        self._arrived, _ = parser.trailing_data
        method, target = head.method.decode("ascii"), head.target.decode("ascii")
        return Request(method, target, _end_to_end_headers(head), body, last=parser.their_state is h11.MUST_CLOSE)

    async def send(self, part: bytes) -> None:
        """Write bytes, and wait while the client does not read them."""
        self._writer.write(part)
        await self._writer.drain()

    async def hang(self) -> None:
        """Say nothing more until the client closes."""
        while await self._reader.read(CHUNK):
            pass

    def reset(self) -> None:
        """End with RST: what was not sent yet is lost."""
        if sock := self._writer.get_extra_info("socket"):
            with suppress(OSError):  # the client was quicker
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._writer.transport.abort()

    def close(self) -> None:
        """End with FIN, after what was written."""
        self._writer.close()


async def forward(port: int, request: Request) -> Answer:
    """Send a request to a port of this machine, on a connection of its own, and return its answer.

    Raises:
        OSError: the connection failed.
        h11.RemoteProtocolError: the message is not HTTP.
    """
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        parser = h11.Connection(h11.CLIENT)
        # One request for each connection: the ERP's keep-alive is not what faults are about.
        framing = ((b"Content-Length", b"%d" % len(request.body)), (b"Connection", b"close"))
        head = h11.Request(method=request.method, target=request.target, headers=[*request.headers, *framing])
        for event in (head, h11.Data(data=request.body), h11.EndOfMessage()):
            writer.write(parser.send(event) or b"")
        answered, body = await _read_message(parser, reader, writer)
        assert isinstance(answered, h11.Response)
        return Answer(answered.status_code, _end_to_end_headers(answered), body)
    finally:
        writer.close()


async def _read_message(
    parser: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[h11.Request | h11.Response | None, bytes]:
    head, body = None, bytearray()
    while not isinstance(event := parser.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Request | h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.ConnectionClosed):
            raise ConnectionResetError("The connection ended before the message did.")
        elif event is h11.NEED_DATA:
            # Such a client sends its body only after this interim answer.
            if parser.they_are_waiting_for_100_continue:
                writer.write(parser.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            parser.receive_data(await reader.read(CHUNK))
    return head, bytes(body)


def _end_to_end_headers(head: h11.Request | h11.Response) -> Headers:
    return tuple((name, value) for name, value in head.headers.raw_items() if name.lower() not in _HOP)
