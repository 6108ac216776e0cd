"""The text and the structured content of a result say the same: hosts hand either of them to their model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from po_mcp.desk.catalog import Catalog
from po_mcp.orders import Item
from po_mcp.sandbox import Book
from tests.harness import ERAS, ScriptedPerson, ServerHarness, outcome, text, yes
from tests.tools.test_tokens import tokens

NOTICE = "Sandbox: no real orders."


async def call(harness: ServerHarness, tool: str, **arguments: Any) -> tuple[str, Mapping[str, Any]]:
    async with harness.client(ERAS[0]) as client:
        result = await client.call_tool(tool, arguments)
    assert result.structured_content is not None
    return text(result), result.structured_content


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("list_purchase_orders", {"limit": 1}),
        ("get_purchase_order", {"number": "PO-2025-0042"}),
        ("search_catalog", {"kind": "item", "text": "bolt"}),
        ("get_operation", {}),
    ],
)
async def test_the_sandbox_is_named_in_both_forms(harness: ServerHarness, tool: str, arguments: dict[str, Any]) -> None:
    said, structured = await call(harness, tool, **arguments)

    assert NOTICE in said
    assert NOTICE in json.dumps(structured)


async def test_an_outcome_of_the_sandbox_begins_with_its_tag_in_both_forms(harness: ServerHarness) -> None:
    said, structured = await call(harness, "delete_purchase_order", number="PO-2025-0038")

    assert said.startswith("approval_required: SANDBOX: Deleting order PO-2025-0038 needs approval.")
    assert structured["message"].startswith("SANDBOX: ")


@pytest.mark.parametrize(
    ("arguments", "remark"),
    [
        ({"number": "PO-2025-0042"}, "The lines add up to 910.00, the ERP's total is 4,250.00."),
        (
            {"number": "PO-2025-0041", "detail": "short"},
            "8 lines, 6 outstanding; detail=full lists them.",
        ),
    ],
)
async def test_remarks_on_an_order_stand_in_both_forms(
    harness: ServerHarness, arguments: dict[str, Any], remark: str
) -> None:
    said, structured = await call(harness, "get_purchase_order", **arguments)

    assert remark in said.splitlines()
    assert structured["remarks"] == [remark]


async def test_the_next_step_stands_in_both_forms(harness: ServerHarness) -> None:
    said, structured = await call(harness, "search_catalog", kind="item", text="zzzzz")
    none, operations = await call(harness, "get_operation")

    assert structured["note"] == "No item matches (31 exist). Try other words, or leave text out to list all."
    assert structured["note"] in said
    assert operations["note"] == none == f"{NOTICE} Nothing is waiting for approval, and nothing is unconfirmed."


async def test_the_latest_write_is_named_where_nothing_is_open(harness: ServerHarness) -> None:
    new = {"vendor": "12", "lines": [{"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}]}
    _, created = await call(harness, "create_purchase_order", number="PO-2025-0050", **new)
    said, operations = await call(harness, "get_operation")

    assert (
        operations["note"]
        == said
        == (
            f"{NOTICE} Nothing is waiting for approval, and nothing is unconfirmed. In the last ten minutes order "
            f"PO-2025-0050 was created (operation_id {created['operation_id']})."
        )
    )


async def test_an_effect_that_shows_later_stands_in_both_forms_of_the_next_answer(harness: ServerHarness) -> None:
    async def refuse(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(409, stream=httpx2.ByteStream(b'{"errors": [{"code": 409}]}'))

    harness.wire.on_write = refuse
    async with harness.client(ERAS[0], ScriptedPerson(yes), erp_bounds=(None, None)) as client:
        refused = outcome(await client.call_tool("cancel_purchase_order", {"number": "PO-2025-0041"}))
        harness.change(lambda book: book.cancel("PO-2025-0041"))
        next_ = await client.call_tool("list_purchase_orders", {"limit": 1})
        after = await client.call_tool("list_purchase_orders", {"limit": 1})

    assert refused["status"] == "refused"
    assert next_.structured_content is not None
    [news] = next_.structured_content["late_news"]
    assert news.startswith("Late: order PO-2025-0041 was reported as not cancelled, and it was.")
    assert news in text(next_)
    assert after.structured_content is not None
    assert "late_news" not in after.structured_content


async def test_values_that_follow_from_others_are_left_out(harness: ServerHarness) -> None:
    _, order = await call(harness, "get_purchase_order", number="PO-2025-0041")
    _, short = await call(harness, "get_purchase_order", number="PO-2025-0041", detail="short")
    _, page = await call(harness, "list_purchase_orders", limit=1)

    assert len(order["lines"]) == 8
    assert not {"status_text", "line_count"} & order.keys()
    assert (short["line_count"], short["ordered_at"]) == (8, "2025-05-10")
    assert "status_text" not in page["orders"][0]


async def test_the_structured_form_of_fifty_orders_is_at_most_twice_the_text(harness: ServerHarness) -> None:
    with closing(Book.open(harness.book, orders=200)):
        said, structured = await call(harness, "list_purchase_orders", limit=50)

    assert tokens(json.dumps(structured, separators=(",", ":"))) <= 2 * tokens(said)


@pytest.mark.parametrize("kind", ["vendor", "item", "warehouse"])
async def test_every_row_of_the_catalog_has_the_columns_of_its_head(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    entries = Catalog.entries

    async def with_a_bar(self: Catalog, kind: Any, *, refresh: bool = False) -> tuple[Any, ...]:
        found = await entries(self, kind, refresh=refresh)
        return (*found, Item(id="B|1", name="Acme | Bar", code="x|y", price=Decimal("0.5"), unit="EA"))

    monkeypatch.setattr(Catalog, "entries", with_a_bar)
    said, structured = await call(harness, "search_catalog", kind=kind)
    [head, *rows] = [line for line in said.splitlines() if "|" in line]

    assert head == "id|name|code|why, unit, price"
    assert len(rows) == len(structured["candidates"])
    assert any(row.startswith(r"B\|1|Acme \| Bar|x\|y|") for row in rows)
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows} == {4}
