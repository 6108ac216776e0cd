"""No more requests than the limit are under way at an ERP, and one that waits for its turn too long was not sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx2
import pytest

from po_mcp.config import Settings
from po_mcp.connectors import connect
from po_mcp.connectors.http.call_limit import CallLimit, TakesCallLimit
from po_mcp.connectors.http.client import ErpHttpClient
from po_mcp.connectors.http.error_mapping import ErrorMapping
from po_mcp.errors import TooManyRequests
from po_mcp.writes.journal import JournalStore

MAPPING = ErrorMapping("An ERP", lambda body: "", "", "")


class Counting(httpx2.AsyncBaseTransport):
    """An ERP that takes a moment, and counts the requests that are under way."""

    def __init__(self) -> None:
        self.under_way = self.most = self.all = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.all += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await anyio.sleep(0.01)
        self.under_way -= 1
        return httpx2.Response(200, stream=httpx2.ByteStream(b"{}"))


class Slots:
    """Slots that others share, as a test has them."""

    def __init__(self, free: int) -> None:
        self._free = anyio.Semaphore(free)
        self.asked = anyio.Event()
        self.is_closed = False

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        self.asked.set()
        async with self._free:
            yield

    async def aclose(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize(("own", "shared", "most"), [(5, 2, 2), (1, 3, 1), (3, None, 3)])
async def test_so_many_requests_are_under_way(own: int, shared: int | None, most: int) -> None:
    wire, slots = Counting(), None if shared is None else Slots(shared)
    client = ErpHttpClient("http://erp.invalid", MAPPING, transport=wire)
    client.limit = CallLimit(own, slots)

    async with anyio.create_task_group() as calls:
        for _ in range(12):
            calls.start_soon(client.read, "/orders")
    await client.aclose()

    assert (wire.most, wire.all) == (most, 12)
    assert slots is None or slots.is_closed


async def test_a_write_that_waits_for_a_shared_slot_too_long_was_not_sent() -> None:
    wire, slots = Counting(), Slots(1)
    client = ErpHttpClient("http://erp.invalid", MAPPING, transport=wire, timeout=0.2)
    client.limit = CallLimit(3, slots)

    async with slots.one():
        with pytest.raises(TooManyRequests, match=r"Nothing was sent\.") as refused:
            await client.write("POST", "/orders", body={}, expect=frozenset({200}), verify=lambda answer: answer)
    await client.read("/orders")  # its own place was given back
    await client.aclose()

    assert (wire.all, refused.value.effect) == (1, "nothing_sent")


@pytest.mark.parametrize("erp", ["inventory-pro", "exsited", "tryton"])
async def test_the_requests_of_every_connector_can_be_limited(erp: str) -> None:
    given = {"base_url": "https://erp.example.com/db", "client_id": "me", "client_secret": "mine"}
    settings = Settings.model_validate({"erp": erp, **given, "redirect_uri": "https://example.com/callback"})
    connector = connect(settings, JournalStore().shared_token)

    assert isinstance(connector, TakesCallLimit)
    slots = Slots(0)
    connector.limit_calls(CallLimit(1, slots))
    with anyio.fail_after(30):
        async with anyio.create_task_group() as calls:
            calls.start_soon(connector.probe)
            await slots.asked.wait()  # for a slot, before anything is sent
            calls.cancel_scope.cancel()
    await connector.aclose()

    assert slots.is_closed
