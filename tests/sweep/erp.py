"""The sandbox at a port, which records the writes that it was sent, and which of them it carried out."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from po_mcp.sandbox import Book, create_app
from po_mcp.sandbox.query import Query
from po_mcp.transports.uvicorn_server import create_server

TAG = "x-sweep-write"
"""A header that the sweep gives every write, so that the ERP's side knows which one it carried out."""

Moment = Callable[[str], Awaitable[None]]


async def do_nothing(tag: str) -> None:
    """Do nothing at a moment of the wire."""


class Lost(Exception):
    """Raised at a moment of the wire: the request gets no further."""


@dataclass
class Gate:
    """Stands before the ERP's app: `arrives` runs before a write is carried out, `applied` before it is answered.

    What was carried out is seen in the book, whatever the ERP answers.
    """

    app: Any
    book: Book
    arrives: Moment = do_nothing
    applied: Moment = do_nothing
    answers: list[tuple[str, int]] = field(default_factory=list)
    """The tag and the status of every write that was answered."""
    carried_out: list[str] = field(default_factory=list)
    """The tags of the writes that changed the book."""
    _arrived: int = 0
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] == "GET" or "oken" in scope["path"]:
            await self.app(scope, receive, send)
            return
        kept: list[Any] = []

        async def keep(message: Any) -> None:
            kept.append(message)

        body = await _read_body(receive)
        self._arrived += 1
        tag = dict(scope["headers"]).get(TAG.encode(), b"process %d" % self._arrived).decode()
        try:
            await self.arrives(tag)
        except Lost:
            await _wait_for_hangup(receive)
            return
        async with self._one_at_a_time:
            before = read_contents(self.book)
            await self.app(scope, _send_whole(body), keep)
            if read_contents(self.book) != before:
                self.carried_out.append(tag)
        self.answers.append((tag, kept[0]["status"]))
        await self.applied(tag)
        for message in kept:
            await send(message)


def read_contents(book: Book) -> Mapping[str, str]:
    """Return which orders stand in the book, by their inner id, and how."""
    return {order.uuid: order.status.value for order in book.orders(Query(limit=1000)).records}


async def _read_body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


def _send_whole(body: bytes) -> Any:
    """Give the app a request that is whole, even where its sender is gone by now."""

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _wait_for_hangup(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@dataclass(frozen=True)
class ERPAtPort:
    book: Book
    port: int
    gate: Gate

    def become(self, book: Book) -> None:
        """Serve another company's book at the same address from now on."""
        self.gate.app, self.gate.book = create_app(book), book


@asynccontextmanager
async def erp_at_port(
    book: Path | str = ":memory:", habits: Sequence[str] = (), clock: Callable[[], float] | None = None
) -> AsyncIterator[ERPAtPort]:
    """Serve a book at a port, by an ERP with these habits; `clock` is the ERP's, in seconds since 1970."""
    tell = clock or time.time

    def now() -> datetime:
        return datetime.fromtimestamp(tell(), UTC)

    with (
        # Of its own day: numbers of a year that is over are not gone on with.
        closing(Book.open(book, now=now, made_on=now().date())) as opened,
        socket.create_server(("127.0.0.1", 0)) as sock,
    ):
        gate = Gate(create_app(opened, habits=habits), opened)
        server = create_server(gate)
        task = asyncio.create_task(server.serve([sock]))
        try:
            yield ERPAtPort(opened, sock.getsockname()[1], gate)
        finally:
            server.stop()
            await task
