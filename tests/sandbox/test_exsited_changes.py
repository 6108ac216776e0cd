"""Exsited's API as developer.exsited.com documents it: creating, deleting, cancelling and changing."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from tests.sandbox.conftest import messages

CREATE: dict[str, Any] = {
    "id": "PO-X-1",
    "currency": "AUD",
    "account_id": "LHROM9",
    "price_tax_inclusive": "true",
    "purchase_order_note": "Ring the bell.",
    "lines": [{"item_id": "ITEM-0055", "item_name": "Bolt", "item_quantity": "40"}],
}


async def create(exsited: AsyncClient, **changes: Any) -> Response:
    return await exsited.post("/purchase-orders", json={"purchase_order": CREATE | changes})


async def test_a_created_order_is_answered_whole(exsited: AsyncClient) -> None:
    answer = await create(exsited)

    order = answer.json()["purchase_order"]
    assert answer.status_code == 201
    assert (order["id"], order["status"], order["currency"]["name"]) == ("PO-X-1", "ACTIVE", "AUD")
    assert (order["total"], order["issue_date"]) == ("18.000000", "2025-05-31T14:22:00Z")
    assert (order["price_tax_inclusive"], order["purchase_order_note"]) == ("true", "Ring the bell.")
    assert order["lines"][0]["item_quantity"] == "40.000000"
    assert (await exsited.get("/purchase-orders/PO-X-1")).json() == answer.json()


async def test_an_order_without_an_id_gets_an_id_of_its_account(exsited: AsyncClient) -> None:
    first = (await create(exsited, id=None)).json()["purchase_order"]["id"]
    await exsited.delete(f"/purchase-orders/{first}")

    second = (await create(exsited, id=None)).json()["purchase_order"]["id"]

    assert (first, second) == ("PO-LHROM9-0001", "PO-LHROM9-0002")


async def test_a_line_may_name_its_price_warehouse_and_item_uuid(exsited: AsyncClient) -> None:
    item = (await exsited.get("/items?filter=items/id eq 'ITEM-0056'")).json()["items"][0]
    rule = {"price_type": "INCREMENTAL_PER_UNIT_PRICING", "price": "0.215", "warehouse": "East Annex"}
    line = {
        "item_uuid": item["uuid"],
        "item_quantity": "12.5",
        "item_price_snapshot": {"pricing_rule": rule},
    }

    order = (await create(exsited, lines=[line])).json()["purchase_order"]

    written = order["lines"][0]
    assert (written["item_id"], written["item_quantity"]) == ("ITEM-0056", "12.500000")
    assert (order["total"], written["total"]) == ("2.687500", "2.687500")
    assert written["item_price_snapshot"]["pricing_rule"]["warehouse"] == "East Annex"


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"id": "PO-2025-0042"}, 409, "Purchase order PO-2025-0042 already exists."),
        ({"account_id": "ZZZZZZ"}, 400, "account_id is unknown."),
        ({"account_id": None}, 400, "account_id is required."),
        ({"currency": "GBP"}, 400, "currency must be one of USD, AUD, EUR."),
        ({"lines": []}, 400, "lines must have at least one line."),
        ({"lines": [{"item_quantity": "1"}]}, 400, "lines[0].item_id is required."),
        (
            {"lines": [{"item_id": "ITEM-0055", "item_quantity": "0"}]},
            400,
            "lines[0].item_quantity must be > 0.",
        ),
        (
            {"lines": [{"item_id": "ITEM-0055", "item_quantity": "1e3"}]},
            400,
            "lines[0].item_quantity must be a decimal.",
        ),
        ({"issue_date": "31 May"}, 400, "issue_date must be a date, YYYY-MM-DD."),
    ],
)
async def test_a_wrong_order_is_refused_with_its_reason(
    exsited: AsyncClient, changes: dict[str, Any], status: int, message: str
) -> None:
    answer = await create(exsited, **changes)

    assert (
        answer.status_code,
        [text.partition("purchase_order.")[2] or text for text in messages(answer)],
    ) == (
        status,
        [message],
    )


async def test_a_deleted_order_is_gone_on_both_apis(exsited: AsyncClient, inventory_pro: AsyncClient) -> None:
    answer = await exsited.delete("/purchase-orders/PO-2025-0042")

    assert (answer.status_code, answer.content) == (204, b"")
    gone = await exsited.get("/purchase-orders/PO-2025-0042")
    assert (gone.status_code, messages(gone)) == (404, ["There is no purchase order PO-2025-0042."])
    assert (await exsited.delete("/purchase-orders/PO-2025-0042")).status_code == 404
    assert (await inventory_pro.get("/PurchaseOrder/PO-2025-0042")).status_code == 404


@pytest.mark.parametrize(
    ("number", "dependant"),
    [("PO-2025-0031", "purchase invoice PI-PNLEL5-"), ("PO-2025-0041", "item receipt IR-000000")],
)
async def test_an_order_in_use_is_not_deleted(exsited: AsyncClient, number: str, dependant: str) -> None:
    answer = await exsited.delete(f"/purchase-orders/{number}")

    assert answer.status_code == 409
    assert messages(answer)[0].startswith(f"Purchase order {number} is in use by {dependant}")
    assert (await exsited.get(f"/purchase-orders/{number}")).status_code == 200


async def test_a_number_used_again_is_another_order(exsited: AsyncClient) -> None:
    before = (await create(exsited)).json()["purchase_order"]
    await exsited.delete("/purchase-orders/PO-X-1")

    after = (await create(exsited)).json()["purchase_order"]

    assert after["uuid"] != before["uuid"]
    assert after["version"] > before["version"]


async def test_a_cancelled_order_can_be_made_active_again(exsited: AsyncClient) -> None:
    before = (await exsited.get("/purchase-orders/PO-2025-0041")).json()["purchase_order"]

    cancelled = (await exsited.post("/purchase-orders/PO-2025-0041/cancel")).json()["purchase_order"]
    twice = await exsited.post("/purchase-orders/PO-2025-0041/cancel")
    active = (await exsited.post("/purchase-orders/PO-2025-0041/reactivate")).json()["purchase_order"]
    again = await exsited.post("/purchase-orders/PO-2025-0041/reactivate")

    assert (cancelled["status"], active["status"]) == ("INACTIVE", "ACTIVE")
    assert cancelled["kpis"]["last_calcelled_on"] == "2025-05-31T14:22:00Z"
    assert before["version"] < cancelled["version"] < active["version"]
    assert (twice.status_code, messages(twice)) == (409, ["Purchase order PO-2025-0041 is cancelled."])
    assert (again.status_code, messages(again)) == (409, ["Purchase order PO-2025-0041 is not cancelled."])


async def test_a_reactivated_order_has_its_former_status(exsited: AsyncClient, inventory_pro: AsyncClient) -> None:
    for number in ("PO-2025-0041", "PO-2025-0042"):
        await exsited.post(f"/purchase-orders/{number}/cancel")
        await exsited.post(f"/purchase-orders/{number}/reactivate")

    partial = (await inventory_pro.get("/PurchaseOrder/PO-2025-0041")).json()
    opened = (await inventory_pro.get("/PurchaseOrder/PO-2025-0042")).json()

    assert (partial["status"], opened["status"]) == ("Partial", "Open")


async def test_a_closed_order_stays_active_and_cannot_be_cancelled(exsited: AsyncClient) -> None:
    order = (await exsited.get("/purchase-orders/PO-2025-0012")).json()["purchase_order"]
    refused = await exsited.post("/purchase-orders/PO-2025-0012/cancel")

    assert order["status"] == "ACTIVE"
    assert (refused.status_code, messages(refused)) == (409, ["Purchase order PO-2025-0012 is closed."])


async def test_a_header_change_is_answered_under_another_root(exsited: AsyncClient, inventory_pro: AsyncClient) -> None:
    body = {"expected_completion_date": "2025-07-20", "supplier_invoice_id": "INV-88991"}

    answer = await exsited.patch("/purchase-orders/PO-2025-0042/information", json={"purchase-order": body})

    order = answer.json()["purchase_order"]
    assert order["expected_completion_date"] == "2025-07-20T00:00:00Z"
    assert (order["supplier_invoice_id"], order["total"]) == ("INV-88991", "4250.000000")
    header = (await inventory_pro.get("/PurchaseOrder/PO-2025-0042")).json()
    assert header["expectedDate"] == "2025-07-20T00:00:00Z"


@pytest.mark.parametrize(
    "body",
    [{"purchase_order": {}}, {"purchase-order": {"lines": []}}, {"purchase-order": {"issue_date": ""}}],
)
async def test_a_wrong_header_change_is_refused(exsited: AsyncClient, body: dict[str, Any]) -> None:
    answer = await exsited.patch("/purchase-orders/PO-2025-0042/information", json=body)

    assert answer.status_code == 400
