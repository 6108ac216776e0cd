"""Exsited's orders tell a vendor's account id; people are shown the name where it can be had."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing

import anyio
import httpx2
import pytest
from mcp import Client

from po_mcp.bootstrap import build_server
from po_mcp.connectors.exsited import Exsited
from po_mcp.desk import list_orders
from po_mcp.sandbox import Book, create_app
from tests.harness import ERAS, IN_MEMORY, MODES, ScriptedPerson, accept, outcome, text

both_eras = pytest.mark.parametrize("era", ERAS)
OPEN = "PO-2025-0042"
Accounts = Callable[[httpx2.AsyncBaseTransport, httpx2.Request], Awaitable[httpx2.Response]]


async def as_they_are(erp: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
    return await erp.handle_async_request(request)


async def forbidden(erp: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(403, json={"errors": [{"code": 403, "message": "no"}]})


async def silent(erp: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
    await anyio.sleep_forever()
    raise AssertionError


class BookTransport(httpx2.AsyncBaseTransport):
    """The way to the ERP, with an answer of its own for accounts."""

    def __init__(self, book: Book, accounts: Accounts) -> None:
        self._erp = httpx2.ASGITransport(create_app(book))
        self._accounts = accounts

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/accounts"):
            return await self._accounts(self._erp, request)
        return await self._erp.handle_async_request(request)


@asynccontextmanager
async def client(era: str, accounts: Accounts, person: ScriptedPerson | None = None) -> AsyncIterator[Client]:
    with closing(Book.open(":memory:")) as book:
        erp = Exsited(
            "http://localhost", "sandbox", "sandbox", "http://localhost", transport=BookTransport(book, accounts)
        )
        async with Client(build_server(IN_MEMORY, erp=erp), mode=MODES[era], elicitation_callback=person) as connected:
            yield connected


@both_eras
async def test_lists_orders_and_questions_show_the_vendors_name(era: str) -> None:
    person = ScriptedPerson(accept(order_number="PO-2025-0038"))
    async with client(era, as_they_are, person) as connected:
        page = outcome(await connected.call_tool("list_purchase_orders", {"status": "open", "vendor": "acme"}))
        order = outcome(await connected.call_tool("get_purchase_order", {"number": OPEN}))
        done = outcome(await connected.call_tool("delete_purchase_order", {"number": "PO-2025-0038"}))

    assert {(order["vendor"], order["vendor_id"]) for order in page["orders"]} == {("Acme Fasteners", "LHROM9")}
    assert (order["vendor"], order["vendor_id"]) == ("Acme Fasteners", "LHROM9")
    assert "Vendor: Acme Fasteners, LHROM9 · localhost" in person.asked[0].message
    assert done["status"] == "done"


@pytest.mark.parametrize("accounts", [forbidden, silent])
async def test_the_vendor_id_is_shown_soon_if_its_name_cannot_be_read(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_orders, "_VENDOR_NAMES_TIMEOUT_S", 0.1)
    async with client(ERAS[0], accounts) as connected:
        with anyio.fail_after(5):
            result = await connected.call_tool("get_purchase_order", {"number": OPEN})

    assert outcome(result)["vendor"] == "LHROM9"
    assert f"{OPEN}|LHROM9|" in text(result)
