"""The tools that need no approval: list, get and create, and what they refuse."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import quote

import anyio
import pytest

from tests.harness import ERAS, ServerHarness, outcome, text

both_eras = pytest.mark.parametrize("era", ERAS)
BOLT = {"item": "BOLT-M8-30", "quantity": "1000", "unit_price": "0.45", "warehouse": "1"}
NUT = {"item": "NUT-M8", "quantity": "1000", "unit_price": "0.22", "warehouse": "1"}
ORDER: dict[str, Any] = {"number": "PO-2025-0043", "vendor": "Acme Fasteners", "lines": [BOLT, NUT]}


@both_eras
async def test_pages_together_hold_every_open_order_once(harness: ServerHarness, era: str) -> None:
    numbers: list[str] = []
    cursor = None
    async with harness.client(era) as client:
        for _ in range(4):
            page = outcome(await client.call_tool("list_purchase_orders", {"limit": 9, "cursor": cursor}))
            numbers += [order["number"] for order in page["orders"]]
            cursor = page.get("next_cursor")
            assert page["has_more"] == (cursor is not None)
            assert page["total_count"] == 28

    assert cursor is None
    assert len(numbers) == len(set(numbers)) == 28


@both_eras
async def test_orders_are_filtered_by_the_day_they_were_placed_both_ends_included(
    harness: ServerHarness, era: str
) -> None:
    days = {"ordered_from": "2025-05-10", "ordered_to": "2025-05-15"}
    async with harness.client(era) as client:
        page = outcome(await client.call_tool("list_purchase_orders", days))

    placed = [order["ordered_at"][:10] for order in page["orders"]]
    assert {"PO-2025-0041", "PO-2025-0042"} <= {order["number"] for order in page["orders"]}
    assert page["total_count"] == len(placed)
    assert all("2025-05-10" <= day <= "2025-05-15" for day in placed)


@pytest.mark.parametrize(
    "changed",
    [
        {"ordered_from": "2025-01-01"},
        {"limit": 5},
        {"cursor": "bm90IG91cnM"},
        {"cursor": "!"},
        {"cursor": "W1sxXSwyLDNd"},
    ],
    ids=str,
)
async def test_a_cursor_of_another_query_is_refused(harness: ServerHarness, changed: dict[str, Any]) -> None:
    async with harness.client() as client:
        first = outcome(await client.call_tool("list_purchase_orders", {"limit": 9}))
        harness.wire.seen.clear()
        result = await client.call_tool("list_purchase_orders", {"limit": 9, "cursor": first["next_cursor"], **changed})

    assert result.is_error
    assert "This cursor belongs to another query." in text(result)
    assert harness.wire.seen == []


@both_eras
async def test_an_order_is_read_whole_and_exact(harness: ServerHarness, era: str) -> None:
    async with harness.client(era) as client:
        result = await client.call_tool("get_purchase_order", {"number": "PO-2025-0042"})

    order = outcome(result)
    assert (order["vendor"], order["status"], order["total"]) == ("Acme Fasteners", "open", "4250.00")
    assert order["lines"][0] == {
        "line": 1,
        "item": "BOLT-M8-30",
        "description": "M8 x 30mm Hex Bolt",
        "quantity": "1000",
        "received": "0",
        "outstanding": "1000",
        "unit_price": "0.45",
        "line_total": "450.00",
        "warehouse": "1",
        "warehouse_name": "Main",
    }
    assert "The lines add up to 910.00, the ERP's total is 4,250.00." in text(result)


async def test_an_order_that_is_not_there_is_an_error_with_the_next_step(harness: ServerHarness) -> None:
    async with harness.client() as client:
        result = await client.call_tool("get_purchase_order", {"number": "PO-1999-0001"})

    assert result.is_error
    assert text(result) == (
        "The sandbox has no order PO-1999-0001. Check the number, or find the order with list_purchase_orders."
    )


@pytest.mark.parametrize("number", ["PO-2025-42", "42", "0042", "2025-0042", "po-2025-42"])
async def test_a_number_that_is_short_for_another_is_met_with_that(harness: ServerHarness, number: str) -> None:
    async with harness.client() as client:
        result = await client.call_tool("get_purchase_order", {"number": number})

    assert result.is_error
    assert text(result) == f"The sandbox has no order {number}. Did you mean PO-2025-0042?"


@both_eras
async def test_an_order_is_created_and_shown_as_the_erp_stored_it(harness: ServerHarness, era: str) -> None:
    async with harness.client(era) as client:
        done = outcome(await client.call_tool("create_purchase_order", ORDER))

    assert done["status"] == "done"
    assert done["message"] == (
        "SANDBOX: Order PO-2025-0043 for Acme Fasteners was created: 2 lines, total 670.00. "
        "Ordered: 1,000 EA of BOLT-M8-30 (M8 x 30mm Hex Bolt) at 0.45; 1,000 EA of NUT-M8 (M8 Hex Nut) at 0.22. "
        "Deliver to: Main."
    )
    assert [line["item"] for line in done["order"]["lines"]] == ["BOLT-M8-30", "NUT-M8"]
    assert harness.order("PO-2025-0043").total == Decimal("670.00")


@pytest.mark.parametrize("vendor", ["12", "acme fasteners", " Acme Fasteners "])
async def test_a_vendor_is_found_by_id_or_by_name_in_any_case(harness: ServerHarness, vendor: str) -> None:
    async with harness.client() as client:
        done = outcome(await client.call_tool("create_purchase_order", {**ORDER, "vendor": vendor}))

    assert done["order"]["vendor"] == "Acme Fasteners"


@both_eras
async def test_the_same_order_asked_for_again_is_not_created_twice(harness: ServerHarness, era: str) -> None:
    async with harness.client(era) as client:
        reply = []

        async def call() -> None:
            reply.append(outcome(await client.call_tool("create_purchase_order", ORDER)))

        async with anyio.create_task_group() as calls:
            for _ in range(10):
                calls.start_soon(call)

    assert {one["status"] for one in reply} == {"done"}
    assert [one["replayed"] for one in reply].count(False) == 1
    assert len(harness.wire.writes) == 1


async def test_a_deleted_order_may_be_created_again(harness: ServerHarness) -> None:
    async with harness.client() as client:
        await client.call_tool("create_purchase_order", ORDER)
        harness.change(lambda book: book.delete("PO-2025-0043"))
        again = outcome(await client.call_tool("create_purchase_order", ORDER))

    assert (again["status"], again["replayed"]) == ("done", False)
    assert harness.order("PO-2025-0043") is not None


async def test_a_number_that_is_taken_is_refused_and_no_other_is_proposed(harness: ServerHarness) -> None:
    async with harness.client() as client:
        reply = outcome(await client.call_tool("create_purchase_order", {**ORDER, "number": "PO-2025-0042"}))

    assert reply["status"] == "refused"
    assert "Order PO-2025-0042 already exists with other contents." in reply["message"]
    assert "PO-2025-0043" not in reply["message"]
    assert harness.order("PO-2025-0042").total == Decimal("4250.00")


READ_FOR_ANY_NUMBER = ("Token", "PurchaseOrder", "Vendor/All", "Item/All", "Location")
HOSTILE_NUMBERS = [
    "",
    ".",
    "..",
    "../Vendor/7",
    "%2e%2e",
    "PO%2F1",
    "PO/1",
    "PO\\1",
    "PO 1",
    "PO-1#x",
    "PO-1?x=1",
    "PO-1;x",
    "PO-1\n",
    "PO-1\r\nX: y",
    "PO-1\x00",
    "PO-1\u202e",
    "ＰＯ-１",  # full-width
    "PO-" + "1" * 100,
    "-PO",
    "Finalize/",
]
CREATABLE_NUMBERS = {"PO 1", "ＰＯ-１", "-PO"}
"""Unusual numbers of `HOSTILE_NUMBERS` that are read back encoded, so that a new order may have them."""


@pytest.mark.parametrize(
    "tool", ["get_purchase_order", "delete_purchase_order", "finalize_purchase_order", "create_purchase_order"]
)
async def test_a_number_that_a_path_must_not_carry_is_refused_and_nothing_is_sent(
    harness: ServerHarness, tool: str
) -> None:
    is_create = tool == "create_purchase_order"
    async with harness.client() as client:
        for number in HOSTILE_NUMBERS:
            if is_create and number in CREATABLE_NUMBERS:
                continue
            arguments = {**ORDER, "number": number} if is_create else {"number": number}
            result = await client.call_tool(tool, arguments)
            assert result.is_error, number

    assert harness.wire.writes == []
    assert {path for _, path in harness.wire.seen} <= {f"/api/v1/{path}" for path in READ_FOR_ANY_NUMBER} | {
        f"/api/v1/PurchaseOrder/{quote(number, safe='')}" for number in HOSTILE_NUMBERS
    }


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"lines": []}, "lines: needs at least one line. Nothing was sent."),
        ({"lines": [{**BOLT, "quantity": "0"}]}, "line 1 quantity: must be more than zero"),
        ({"lines": [{**BOLT, "quantity": "1e3"}]}, "line 1 quantity: must be digits"),
        ({"lines": [{**BOLT, "unit_price": "€0.45"}]}, "line 1 unit_price: must be digits"),
        (
            {"lines": [{**BOLT, "unit_price": "12345678901234567"}]},
            "line 1 unit_price: at most 12 digits before the point",
        ),
        ({"lines": [{**BOLT, "unit_price": 0.30000000000000004}]}, "line 1 unit_price: has more digits than"),
        ({"lines": [{**BOLT, "discount": "5"}]}, "line 1 discount: unknown argument, leave it out"),
        ({"lines": [{**BOLT, "item": "BOLT\nDELETE"}]}, "line 1 item: contains invisible characters"),
        ({"approved": True}, "approved: unknown argument, leave it out. Nothing was sent. Arguments: vendor, lines,"),
        ({"expected_on": "1750000000"}, "expected_on: must be a date as YYYY-MM-DD"),
        ({"expected_on": 1750000000}, "expected_on: must be a date as YYYY-MM-DD"),
        ({"vendor": ""}, "vendor: is empty; give it. Nothing was sent."),
    ],
    ids=str,
)
async def test_bad_input_gets_a_clear_error_and_sends_nothing(
    harness: ServerHarness, changed: dict[str, Any], said: str
) -> None:
    async with harness.client() as client:
        result = await client.call_tool("create_purchase_order", {**ORDER, **changed})

    assert result.is_error
    assert "Nothing was sent." in text(result)
    assert said in text(result)
    assert "http" not in text(result)
    assert "input_value" not in text(result)
    assert harness.wire.seen == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"vendor": "Acme Fastners"}, "1 vendor is nearest to Acme Fastners: 12 (Acme Fasteners), code ACME."),
        ({"vendor": "Nobody & Sons"}, "No vendor matches Nobody & Sons."),
        ({"vendor": "Old Mill Lubricants"}, "The vendor 30 (Old Mill Lubricants) is inactive in the ERP."),
        (
            {"lines": [{**BOLT, "item": "NO-SUCH-ITEM"}]},
            "No item matches NO-SUCH-ITEM. Nothing was sent. Try search_catalog",
        ),
        (
            {"lines": [{**BOLT, "item": "hex bolt"}]},
            "2 items match «hex bolt»: BOLT-M8-30 (M8 x 30mm Hex Bolt), code 1001",
        ),
        ({"lines": [{**BOLT, "warehouse": None}]}, "Warehouses: 1 (Main), 2 ("),
        ({"lines": [{**BOLT, "warehouse": "77"}]}, "No warehouse matches 77. Available: 1 (Main), 2 ("),
        ({"expected_on": "2026-01-31"}, "expected_on"),
        ({"note": "urgent"}, "note"),
    ],
    ids=str,
)
async def test_fields_that_the_erp_needs_or_cannot_store_are_named_and_nothing_is_written(
    harness: ServerHarness, changed: dict[str, Any], said: str
) -> None:
    async with harness.client() as client:
        result = await client.call_tool("create_purchase_order", {**ORDER, **changed})

    assert result.is_error
    assert said in text(result)
    assert "Nothing was sent." in text(result)
    assert harness.wire.writes == []


@pytest.mark.parametrize("value", [1000, 1000.0])
async def test_a_number_that_a_model_sends_as_a_number_is_taken_exactly(harness: ServerHarness, value: object) -> None:
    lines = [{**BOLT, "quantity": value, "unit_price": 0.45}]
    async with harness.client() as client:
        done = outcome(await client.call_tool("create_purchase_order", {**ORDER, "lines": lines}))

    assert done["order"]["total"] == "450.00"


async def test_a_read_only_server_lists_no_tool_that_writes(harness: ServerHarness) -> None:
    async with harness.client("2025-11-25", read_only=True) as client:
        instructions = client.instructions or ""
        listed = {tool.name for tool in (await client.list_tools()).tools}
        result = await client.call_tool("delete_purchase_order", {"number": "PO-2025-0038"})
        strange = await client.call_tool("delete\u202e", {})

    assert listed == {"list_purchase_orders", "get_purchase_order", "search_catalog"}
    assert result.is_error
    assert text(result).startswith("No tool is named delete_purchase_order. ")
    assert text(result).endswith(
        "This server is read-only: nothing can be created or changed. "
        "Tools: list_purchase_orders, get_purchase_order, search_catalog."
    )
    assert text(strange).startswith("No tool is named delete\\u{202E}. ")
    assert "read-only" in instructions
