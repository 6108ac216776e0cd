"""An ERP that keeps back its answers to writes, for servers in processes of their own."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from starlette.types import Message, Receive, Scope, Send

from po_mcp.sandbox import Book, create_app
from po_mcp.transports.uvicorn_server import create_server
from tests.harness import is_write


@dataclass
class SlowErp:
    """An ERP on a port of its own, with what was written to it; it carries a write out, and answers it when it may."""

    url: str
    writes: list[str] = field(default_factory=list)
    has_written: anyio.Event = field(default_factory=anyio.Event)
    may_answer: anyio.Event = field(default_factory=anyio.Event)

    @property
    def settings(self) -> dict[str, str]:
        return {
            "PO_MCP_ERP": "inventory-pro",
            "PO_MCP_BASE_URL": self.url,
            "PO_MCP_CLIENT_ID": "me",
            "PO_MCP_CLIENT_SECRET": "mine",
        }


@asynccontextmanager
async def slow_erp(file: Path) -> AsyncIterator[SlowErp]:
    """Serve the book of a file as Inventory Pro."""
    book = Book.open(file)
    app = create_app(book, apis=("inventory-pro",), client_id="me", client_secret="mine")
    sock = socket.create_server(("127.0.0.1", 0))
    erp = SlowErp(f"http://127.0.0.1:{sock.getsockname()[1]}")

    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if is_write(scope["method"], scope["path"]):
                if message["type"] == "http.response.start":
                    erp.writes.append(f"{scope['method']} {scope['path']}")
                erp.has_written.set()
                await erp.may_answer.wait()
            await send(message)

        await app(scope, receive, sending)

    server = create_server(counting)
    with closing(book), sock:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [sock])
            try:
                yield erp
            finally:
                erp.may_answer.set()
                server.stop()
