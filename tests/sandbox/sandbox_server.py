"""The sandbox on a real port, and a relay before it with a client that has signed in."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import httpx2
import uvicorn

from po_mcp.sandbox import Book, create_app
from po_mcp.sandbox.faults import Relay, parse_fault
from po_mcp.sandbox.records import Status

TOKEN = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox"}
PARTIAL = "PO-2025-0037"


def make_older_book(path: Path) -> None:
    """Make a book as an older version did, which cannot store deleted orders."""
    Book.open(path).close()
    with closing(sqlite3.connect(path)) as older:
        older.execute("PRAGMA writable_schema = ON")
        older.execute("UPDATE sqlite_master SET sql = replace(sql, ?, '') WHERE name = 'orders'", [", 'deleted'"])
        older.commit()


@dataclass
class SandboxServer:
    """An ERP at a port; the token was asked for at the ERP itself, so a relay's first request is the test's."""

    book: Book
    port: int
    token: str

    @asynccontextmanager
    async def open_relay(self, *faults: str, patience: float = 60) -> AsyncIterator[tuple[Relay, httpx2.AsyncClient]]:
        """Open a relay with faults and a client that waits `patience` seconds for each part of an answer."""
        # No certificates: reading them takes longer than a test.
        headers = {"Authorization": f"Bearer {self.token}"}
        async with (
            Relay(self.port, map(parse_fault, faults)) as relay,
            httpx2.AsyncClient(
                base_url=relay.url,
                headers=headers,
                timeout=httpx2.Timeout(60, read=patience),
                verify=False,
                trust_env=False,
            ) as client,
        ):
            yield relay, client

    @property
    def is_finalized(self) -> bool:
        return self.book.order(PARTIAL).status is Status.CLOSED


class Server(uvicorn.Server):
    """A server that ends at once: uvicorn's own shutdown looks at the clock twice, 0.1 s each."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ended = asyncio.Event()

    async def main_loop(self) -> None:
        await self.ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)


@asynccontextmanager
async def serve_sandbox() -> AsyncIterator[SandboxServer]:
    with closing(Book.open(":memory:")) as book, socket.create_server(("127.0.0.1", 0)) as sock:
        config = uvicorn.Config(create_app(book), log_config=None, log_level="error", lifespan="off")
        server, port = Server(config), sock.getsockname()[1]
        task = asyncio.create_task(server.serve([sock]))
        try:
            async with httpx2.AsyncClient(verify=False, timeout=60, trust_env=False) as client:
                answer = await client.post(f"http://127.0.0.1:{port}/api/v1/Token", data=TOKEN)
            yield SandboxServer(book, port, answer.json()["access_token"])
        finally:
            server.ended.set()
            await task


async def finalize(client: httpx2.AsyncClient) -> str:
    """Close an order; tell what the client sees: the status, an error's name, or that there is no end."""
    body = {"poNumber": PARTIAL, "createBackorder": False}
    arrived = 0
    try:
        async with client.stream("POST", "/api/v1/PurchaseOrder/Finalize", json=body) as answer:
            async for chunk in answer.aiter_raw():
                arrived += len(chunk)
                if arrived > 2**20:
                    return f"{answer.status_code} without end"
            return str(answer.status_code)
    except httpx2.TransportError as exc:
        return type(exc).__name__
