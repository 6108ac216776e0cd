"""What both APIs are inside: one application over one book."""

from __future__ import annotations

import httpx2
from httpx2 import AsyncClient

from po_mcp.sandbox import Book, create_app


async def test_an_api_that_is_left_out_is_not_served(book: Book) -> None:
    app = create_app(book, apis=["inventory-pro"])

    async with AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://erp.test") as client:
        served = await client.get("/api/v1/PurchaseOrder")
        orders = await client.get("/api/v3/purchase-orders")
        token = await client.post("/api/v1/oauth2/token", json={})

    assert (served.status_code, orders.status_code, token.status_code) == (401, 404, 404)


async def test_a_book_that_cannot_be_used_is_an_error_of_the_server(
    book: Book, inventory_pro: AsyncClient, exsited: AsyncClient
) -> None:
    book.close()

    one = await inventory_pro.get("/PurchaseOrder")
    other = await exsited.get("/purchase-orders")

    assert (one.status_code, one.json()["error"]) == (500, "internal_error")
    message = "The order book cannot be used now."
    assert (other.status_code, other.json()) == (500, {"errors": [{"code": 500, "message": message}]})


async def test_an_order_created_on_exsiteds_api_is_finalized_on_inventory_pros(
    inventory_pro: AsyncClient, exsited: AsyncClient
) -> None:
    line = {"item_id": "ITEM-0055", "item_quantity": "2"}
    draft = {"id": "PO-9", "account_id": "LHROM9", "lines": [line]}

    await exsited.post("/purchase-orders", json={"purchase_order": draft})
    await inventory_pro.post("/PurchaseOrder/Finalize", json={"poNumber": "PO-9", "createBackorder": True})

    backorder = (await exsited.get("/purchase-orders/PO-9-BO1")).json()["purchase_order"]
    assert (backorder["total"], backorder["account_id"]) == ("0.900000", "LHROM9")
    assert (await inventory_pro.get("/PurchaseOrder/PO-9")).json()["status"] == "Closed"
