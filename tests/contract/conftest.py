"""The connections that keep the contract: the sandbox in this process, each vendor's API over a real socket."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import pytest
import uvicorn

from po_mcp.connectors.exsited import Exsited
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.connectors.sandbox import Sandbox
from po_mcp.erp import ERP
from po_mcp.orders import DraftLine, OrderDraft
from po_mcp.sandbox import Book, create_app


@dataclass(frozen=True)
class Subject:
    """A connection, what its ERP calls an item and a warehouse, and how many orders its list holds."""

    erp: ERP
    item: str
    warehouse: str | None
    listed_count: int

    def offers(self, operation: str) -> bool:
        return operation in self.erp.capabilities

    async def draft(self, number: str, quantity: str = "87.5", unit_price: str = "0.085") -> OrderDraft:
        vendor = next(vendor for vendor in await self.erp.vendors() if vendor.name == "Acme Fasteners")
        line = {"item": self.item, "quantity": quantity, "unit_price": unit_price, "warehouse": self.warehouse}
        return OrderDraft(number=number, vendor=vendor, lines=(DraftLine.model_validate(line),))


@asynccontextmanager
async def serve_book() -> AsyncIterator[str]:
    """Serve a fresh book on a port of its own, and yield the base URL."""
    book = Book.open(":memory:")
    listening = socket.create_server(("127.0.0.1", 0))  # it listens already, so nobody waits for the server
    server = uvicorn.Server(uvicorn.Config(create_app(book), lifespan="off", ws="none", log_level="critical"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, [listening])
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
    book.close()


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with serve_book() as address:
        yield address


@asynccontextmanager
async def connected(name: str) -> AsyncIterator[Subject]:
    if name == "sandbox":
        yield Subject(Sandbox(), item="BOLT-M8-30", warehouse="1", listed_count=28)
        return
    async with serve_book() as url:
        if name == "inventory-pro":
            erp: ERP = InventoryPro(url, "sandbox", "sandbox")
            yield Subject(erp, item="BOLT-M8-30", warehouse="1", listed_count=28)
        else:
            erp = Exsited(url, "sandbox", "sandbox", "https://localhost/")
            yield Subject(erp, item="ITEM-0055", warehouse=None, listed_count=33)


@pytest.fixture(params=["sandbox", "inventory-pro", "exsited"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with connected(request.param) as found:
        yield found
        await found.erp.aclose()
