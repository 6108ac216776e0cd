"""Exsited's API as developer.exsited.com documents it: signing in and reading."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from httpx2 import AsyncClient

from po_mcp.sandbox import Book
from tests.sandbox.conftest import CREDENTIALS, Clock, exsited_token, messages


async def test_a_new_token_revokes_the_former_token(exsited: AsyncClient) -> None:
    assert (await exsited.get("/purchase-orders")).status_code == 200

    renewed = await exsited_token(exsited)

    revoked = await exsited.get("/purchase-orders")
    assert (revoked.status_code, messages(revoked)) == (
        401,
        ["The access token is missing, expired or revoked."],
    )
    exsited.headers["Authorization"] = f"Bearer {renewed['access_token']}"
    assert (await exsited.get("/purchase-orders")).status_code == 200


async def test_a_token_lives_for_an_hour(exsited: AsyncClient, clock: Clock) -> None:
    clock.time += timedelta(seconds=3599)
    assert (await exsited.get("/accounts")).status_code == 200

    clock.time += timedelta(seconds=1)
    assert (await exsited.get("/accounts")).status_code == 401


async def test_a_refresh_token_works_once(stranger: AsyncClient) -> None:
    first = await exsited_token(stranger)
    renewal = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}

    second = await exsited_token(stranger, **renewal)
    again = await exsited_token(stranger, **renewal)

    assert second["expires_in"] == 3600
    assert second["access_token"] != first["access_token"]
    assert again["errors"] == [{"code": 400, "message": "The refresh token is not valid."}]


async def test_wrong_credentials_are_sent_to_a_sign_in_page(stranger: AsyncClient) -> None:
    body = {"grant_type": "client_credentials", "redirect_uri": "https://erp.test", **CREDENTIALS}

    wrong = await stranger.post("/api/v1/oauth2/token", json=body | {"client_secret": "wrong"})
    incomplete = await stranger.post("/api/v1/oauth2/token", json=body | {"redirect_uri": None})

    assert (wrong.status_code, wrong.headers["location"]) == (302, "/login")
    assert (incomplete.status_code, messages(incomplete)) == (400, ["redirect_uri is required."])


async def test_an_order_is_written_with_the_vendors_fields(exsited: AsyncClient) -> None:
    order = (await exsited.get("/purchase-orders/PO-2025-0042")).json()["purchase_order"]

    lines, kpis, currency = order.pop("lines"), order.pop("kpis"), order.pop("currency")
    assert len(order.pop("uuid")) == 36
    assert isinstance(order.pop("version"), int)
    assert order == {
        "status": "ACTIVE",
        "id": "PO-2025-0042",
        "supplier_invoice_id": "",
        "sale_order_id": "",
        "issue_date": "2025-05-15T00:00:00Z",
        "due_date": "",
        "expected_completion_date": "2025-06-01T00:00:00Z",
        "subtotal": "4250.000000",
        "tax": "0.000000",
        "total": "4250.000000",
        "price_tax_inclusive": "false",
        "purchase_order_note": "",
        "account_id": "LHROM9",
        "created_by": "Sandbox",
        "created_on": "2025-05-15T00:00:00Z",
        "last_updated_by": "Sandbox",
        "last_updated_on": "2025-05-15T00:00:00Z",
        "custom_attributes": [],
        "custom_objects": [],
    }
    assert (currency["name"], kpis["total_purchase_invoice"]) == ("USD", 0)
    assert [(line["item_id"], line["item_quantity"], line["total"]) for line in lines] == [
        ("ITEM-0055", "1000.000000", "450.000000"),
        ("ITEM-0056", "1000.000000", "220.000000"),
        ("ITEM-0057", "2000.000000", "240.000000"),
    ]
    assert lines[0]["item_price_snapshot"]["pricing_rule"] == {
        "price_type": "INCREMENTAL_PER_UNIT_PRICING",
        "price": "0.450000",
        "uom": "EA",
        "warehouse": "Main",
    }


async def test_information_has_no_lines_and_lines_have_no_header(exsited: AsyncClient) -> None:
    whole = (await exsited.get("/purchase-orders/PO-2025-0042")).json()["purchase_order"]

    information = (await exsited.get("/purchase-orders/PO-2025-0042/information")).json()
    lines = (await exsited.get("/purchase-orders/PO-2025-0042/lines")).json()

    assert lines == {"purchase_order": {"lines": whole.pop("lines")}}
    del whole["kpis"]
    assert information == {"purchase_order": whole}


async def test_v2_is_served_like_v3(exsited: AsyncClient) -> None:
    v3 = await exsited.get("/purchase-orders/PO-2025-0042")
    v2 = await exsited.get("http://erp.test/api/v2/purchase-orders/PO-2025-0042")

    assert v2.json() == v3.json()


async def test_the_ends_of_a_list_are_an_empty_text_and_the_text_null(exsited: AsyncClient) -> None:
    first = (await exsited.get("/purchase-orders")).json()
    last = (await exsited.get("/purchase-orders?offset=20&limit=20")).json()

    assert first["pagination"] == {
        "records": 33,
        "limit": 20,
        "offset": 0,
        "previous_page": "",
        "next_page": "http://erp.test/api/v3/purchase-orders?limit=20&offset=20",
    }
    assert len(last["purchase_orders"]) == 13
    assert last["pagination"]["next_page"] == "NULL"
    assert last["pagination"]["previous_page"].endswith("?limit=20&offset=0")
    assert (await exsited.get("/purchase-orders?limit=500")).json()["pagination"]["limit"] == 100


async def test_a_list_is_sorted_and_its_rows_have_lines(exsited: AsyncClient) -> None:
    page = (await exsited.get("/purchase-orders?order_by=total&direction=desc&limit=2")).json()

    rows = [(order["id"], order["total"], len(order["lines"])) for order in page["purchase_orders"]]
    assert rows == [("PO-2025-0041", "12740.500000", 8), ("PO-2025-0042", "4250.000000", 3)]


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        ("purchase-orders/status eq 'ACTIVE'", 32),
        ("purchase-orders/status ne 'ACTIVE'", 1),
        ("purchase-orders/status eq 'INACTIVE'", 1),
        ("purchase-orders/status eq 'DELETED'", 0),
        ("purchase-orders/status ne 'DRAFT'", 33),
        ("purchase-orders/code eq 'PO-2025-0042'", 1),
        ("purchase-orders/code ne 'PO-2025-0042'", 32),
        ("purchase-orders/code contain 'po-2025-004'", 3),
        ("purchase-orders/code not_contain '2025-001'", 23),
    ],
)
async def test_a_filter_narrows_a_list(exsited: AsyncClient, book: Book, expression: str, count: int) -> None:
    book.cancel("PO-2025-0038")

    page = (await exsited.get("/purchase-orders", params={"filter": expression})).json()

    assert page["pagination"]["records"] == count


@pytest.mark.parametrize(
    "expression",
    [
        "purchase-orders/status eq 'OPEN'",
        "purchase-orders/status contain 'ACT'",
        "purchase-orders/total eq '1'",
        "orders/code eq 'x'",
        "purchase-orders/code eq 'x' or 1 eq '1'",
        "purchase-orders/code eq 'it''s'",
    ],
)
async def test_a_filter_that_cannot_be_read_is_refused(exsited: AsyncClient, expression: str) -> None:
    assert (await exsited.get("/purchase-orders", params={"filter": expression})).status_code == 400


async def test_the_orders_of_a_supplier_are_wrapped_in_its_account(exsited: AsyncClient) -> None:
    account = (await exsited.get("/accounts/KQ27VD/purchase-orders")).json()["account"]
    unknown = await exsited.get("/accounts/ZZZZZZ/purchase-orders")

    numbers = [order["id"] for order in account["purchase_orders"]]
    assert numbers == ["PO-2025-0037", "PO-2025-0027", "PO-2025-0017"]
    assert account["pagination"]["records"] == 3
    assert unknown.status_code == 404


async def test_received_quantities_are_in_the_item_receipts(exsited: AsyncClient) -> None:
    order = (await exsited.get("/purchase-orders/PO-2025-0037")).json()["purchase_order"]

    answer = (await exsited.get("/purchase-orders/PO-2025-0037/item-receipts")).json()

    first, second = answer["purchase_order"]["item_receipts"]
    assert first["date"] == "2025-05-13T00:00:00Z"
    assert first["id"].startswith("IR-0000")
    assert len(first["receipts"]) == 2
    assert second["receipts"][0] == {
        "line_uuid": order["lines"][1]["uuid"],
        "item_id": "ITEM-0072",
        "uom": "EA",
        "warehouse": "Main",
        "receipt_quantity": "10.000000",
        "receipt_left": "50.000000",
    }
    assert answer["purchase_order"]["pagination"]["records"] == 2


async def test_an_invoice_shows_in_its_list_and_in_the_key_figures(exsited: AsyncClient) -> None:
    order = (await exsited.get("/purchase-orders/PO-2025-0031")).json()["purchase_order"]

    answer = (await exsited.get("/purchase-orders/PO-2025-0031/purchase-invoices")).json()

    [invoice] = answer["purchase_invoices"]
    assert (invoice["total"], invoice["purchase_order_id"]) == ("1668.000000", "PO-2025-0031")
    assert order["kpis"]["total_purchase_invoice"] == 1
    assert order["kpis"]["last_invoice_total"] == "1668.000000"
    assert answer["pagination"]["next_page"] == "NULL"


async def test_accounts_and_items_are_found_by_name(exsited: AsyncClient) -> None:
    accounts = (await exsited.get("/accounts?filter=accounts/name contain 'acme'")).json()
    items = (await exsited.get("/items?filter=items/name contain 'hex bolt'&limit=1")).json()

    [acme] = accounts["accounts"]
    assert (acme["id"], acme["name"], acme["type"], acme["status"]) == (
        "LHROM9",
        "Acme Fasteners",
        "SUPPLIER",
        "ACTIVE",
    )
    assert items["pagination"]["records"] == 2
    assert items["items"][0]["id"] == "ITEM-0058"


async def test_settings_name_the_warehouses_and_currencies(exsited: AsyncClient) -> None:
    warehouses = (await exsited.get("/settings/warehouses")).json()["settings"]["warehouses"]
    currencies = (await exsited.get("/settings/currencies")).json()["settings"]["currencies"]

    assert [warehouse["name"] for warehouse in warehouses] == ["Main", "East Annex", "Yard"]
    assert [currency["name"] for currency in currencies] == ["USD", "AUD", "EUR"]


async def test_unknown_paths_and_methods_are_refused_in_the_vendors_words(
    exsited: AsyncClient,
) -> None:
    path = await exsited.get("/subscriptions")
    method = await exsited.put("/purchase-orders/PO-2025-0042", json={})
    body = await exsited.post("/purchase-orders", content="{")

    assert (path.status_code, messages(path)) == (404, ["No such resource."])
    assert (method.status_code, messages(method)) == (405, ["Method not allowed."])
    assert (body.status_code, messages(body)) == (400, ["The body is not valid JSON."])


async def test_goods_that_arrived_show_on_both_apis(
    exsited: AsyncClient, inventory_pro: AsyncClient, book: Book
) -> None:
    book.receive("PO-2025-0042", {1: Decimal("250.5")})

    line = (await inventory_pro.get("/PurchaseOrder/PO-2025-0042")).json()["lines"][0]
    receipts = (await exsited.get("/purchase-orders/PO-2025-0042/item-receipts")).json()

    assert line["unitsReceived"] == 250.5
    [receipt] = receipts["purchase_order"]["item_receipts"]
    assert receipt["receipts"][0]["receipt_left"] == "749.500000"
