"""Completion: numbers, vendors and items from the ERP, and nothing at all where that fails."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.types import Completion, PromptReference, ResourceTemplateReference

from po_mcp.bootstrap import build_server
from po_mcp.connectors.sandbox import Sandbox
from po_mcp.erp import OnItems, Progress
from po_mcp.errors import Unreachable
from po_mcp.orders import Item, OrderQuery, OrderScan, PurchaseOrder, Vendor
from po_mcp.server import completions
from tests.harness import ERAS, IN_MEMORY, MODES, ServerHarness, Transport

both_eras = pytest.mark.parametrize("era", ERAS)
both_transports = pytest.mark.parametrize("transport", ["memory", "stdio"])
ORDER = ResourceTemplateReference(type="ref/resource", uri="po://orders/{number}")
OVERDUE = PromptReference(type="ref/prompt", name="overdue_this_week")
QUOTE = PromptReference(type="ref/prompt", name="new_order_from_quote")
Ref = PromptReference | ResourceTemplateReference


async def complete(client: Client, ref: Ref, name: str, typed: str) -> Completion:
    return (await client.complete(ref, {"name": name, "value": typed})).completion


@both_transports
@both_eras
async def test_numbers_vendors_and_items_are_completed(harness: ServerHarness, era: str, transport: Transport) -> None:
    async with harness.client(era, transport=transport) as client:
        numbers = await complete(client, ORDER, "number", "po-2025-004")
        by_tail = await complete(client, ORDER, "number", "0042")
        every = await complete(client, ORDER, "number", "")
        vendors = await complete(client, OVERDUE, "vendor", "ac")
        by_id = await complete(client, QUOTE, "vendor", "12")
        items = await complete(client, QUOTE, "item", "hex bolt")

    assert sorted(numbers.values) == ["PO-2025-0040", "PO-2025-0041", "PO-2025-0042"]
    assert by_tail.values == ["PO-2025-0042"]
    assert (len(every.values), every.total, every.has_more) == (28, 28, False)
    assert vendors.values[0] == "Acme Fasteners"
    assert "Acme Fasteners" in by_id.values
    assert "BOLT-M8-30" in items.values


@both_eras
@pytest.mark.parametrize(
    ("ref", "name"),
    [
        (ORDER, "vendor"),
        (QUOTE, "quote"),
        (ResourceTemplateReference(type="ref/resource", uri="po://other/{number}"), "number"),
        (PromptReference(type="ref/prompt", name="nothing"), "number"),
    ],
    ids=str,
)
async def test_unknown_arguments_are_not_completed(harness: ServerHarness, era: str, ref: Ref, name: str) -> None:
    async with harness.client(era) as client:
        found = await complete(client, ref, name, "P")

    assert (found.values, found.total, found.has_more) == ([], 0, False)
    assert harness.wire.seen == []


class Many(Sandbox):
    """An ERP with 120 vendors, two of them alike, and orders whose numbers no request can carry."""

    asked = 0

    async def vendors(self) -> tuple[Vendor, ...]:
        self.asked += 1
        twice = Vendor(id="200", name="Vendor 7")
        gone = Vendor(id="201", name="Vendor gone", active=False)
        return (*(Vendor(id=str(one), name=f"Vendor {one}") for one in range(120)), twice, gone)

    async def scan_orders(self, query: OrderQuery, progress: Progress | None = None) -> OrderScan:
        numbers = ("PO-1", "PO 2", "..", "PO-4\n", "Finalize")
        orders = tuple(PurchaseOrder(number=one, vendor="v", status="open", status_text="Open") for one in numbers)
        return OrderScan(orders=orders, read=5, total=5)


@both_eras
async def test_at_most_a_hundred_values_are_given_and_the_rest_is_counted(era: str) -> None:
    async with Client(build_server(IN_MEMORY, erp=Many()), mode=MODES[era]) as client:
        found = await complete(client, OVERDUE, "vendor", "v")

    assert (len(found.values), found.total, found.has_more) == (100, 120, True)
    assert len(set(found.values)) == 100


async def test_values_that_start_with_the_letters_come_before_values_that_contain_them() -> None:
    async with Client(build_server(IN_MEMORY, erp=Many())) as client:
        found = await complete(client, OVERDUE, "vendor", "9")

    assert found.values[:11] == ["Vendor 9", *(f"Vendor {one}" for one in range(90, 100))]
    assert found.values[11:] == [f"Vendor {one}9" for one in (*range(1, 9), 10, 11)]


async def test_a_number_that_no_request_can_carry_is_not_offered() -> None:
    async with Client(build_server(IN_MEMORY, erp=Many())) as client:
        found = await complete(client, ORDER, "number", "")

    assert found.values == ["PO-1", "PO 2"]


async def test_the_next_letters_do_not_ask_the_erp_again() -> None:
    erp = Many()
    async with Client(build_server(IN_MEMORY, erp=erp)) as client:
        for typed in ("v", "ve", "ven"):
            await complete(client, OVERDUE, "vendor", typed)

    assert erp.asked == 1


class Failing(Sandbox):
    """An ERP that cannot be reached."""

    async def items(self, on_items: OnItems | None = None) -> tuple[Item, ...]:
        raise Unreachable("The sandbox gave no answer.")


class Silent(Sandbox):
    """An ERP that does not answer."""

    async def items(self, on_items: OnItems | None = None) -> tuple[Item, ...]:
        await anyio.sleep_forever()
        return ()


@both_eras
@pytest.mark.parametrize("erp", [Failing, Silent])
async def test_an_erp_that_fails_or_is_slow_offers_nothing_and_the_next_time_is_asked_again(
    era: str, erp: type[Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completions, "COMPLETION_TIMEOUT_S", 0.1)
    connected: Any = erp()
    async with Client(build_server(IN_MEMORY, erp=connected), mode=MODES[era]) as client:
        with anyio.fail_after(2):
            before = await complete(client, QUOTE, "item", "bolt")
        monkeypatch.setattr(completions, "COMPLETION_TIMEOUT_S", 30.0)
        monkeypatch.setattr(connected, "items", Sandbox.items.__get__(connected))
        after = await complete(client, QUOTE, "item", "bolt")

    assert before.values == []
    assert after.values != []


class WithoutCatalog(Sandbox):
    capabilities = Sandbox.capabilities - {"catalog"}


async def test_an_erp_without_a_catalog_offers_nothing() -> None:
    async with Client(build_server(IN_MEMORY, erp=WithoutCatalog())) as client:
        found = await complete(client, OVERDUE, "vendor", "a")

    assert found.values == []
