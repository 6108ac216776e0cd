"""Inventory Pro's API as cissltd.com/docs/api documents it: signing in and reading."""

from __future__ import annotations

from decimal import Decimal

import pytest
from httpx2 import AsyncClient

from po_mcp.sandbox import Book
from tests.sandbox.conftest import CREDENTIALS, exact

# The samples of cissltd.com/docs/api/purchase-orders.
HEADER_0042 = {
    "poNo": "PO-2025-0042",
    "vendor": "Acme Fasteners",
    "orderDate": "2025-05-15T00:00:00Z",
    "expectedDate": "2025-06-01T00:00:00Z",
    "status": "Open",
    "totalLines": 3,
    "totalValue": Decimal("4250.00"),
}
HEADER_0041 = {
    "poNo": "PO-2025-0041",
    "vendor": "Central Supply Co.",
    "orderDate": "2025-05-10T00:00:00Z",
    "expectedDate": "2025-05-28T00:00:00Z",
    "status": "Partial",
    "totalLines": 8,
    "totalValue": Decimal("12740.50"),
}
LINES_0042 = [
    {
        "lineNo": 1,
        "shortID": "BOLT-M8-30",
        "description": "M8 x 30mm Hex Bolt",
        "units": 1000,
        "unitsReceived": 0,
        "unitPrice": Decimal("0.45"),
        "warehouse": 1,
        "warehouseName": "Main",
    },
    {
        "lineNo": 2,
        "shortID": "NUT-M8",
        "description": "M8 Hex Nut",
        "units": 1000,
        "unitsReceived": 0,
        "unitPrice": Decimal("0.22"),
        "warehouse": 1,
        "warehouseName": "Main",
    },
    {
        "lineNo": 3,
        "shortID": "WSHR-M8",
        "description": "M8 Flat Washer",
        "units": 2000,
        "unitsReceived": 0,
        "unitPrice": Decimal("0.12"),
        "warehouse": 1,
        "warehouseName": "Main",
    },
]


async def test_the_first_page_of_the_list_is_the_vendors_sample(inventory_pro: AsyncClient) -> None:
    answer = await inventory_pro.get("/PurchaseOrder")

    page = exact(answer)
    assert page["value"][:2] == [HEADER_0042, HEADER_0041]
    del page["value"]
    assert page == {"totalCount": 28, "page": 1, "pageSize": 25, "pageCount": 2, "hasMore": True}
    assert answer.headers["X-Total-Count"] == "28"
    assert answer.headers["X-Page-Size"] == "25"
    assert answer.headers["X-Page"] == "1"
    assert answer.headers["X-API-Version"] == "v1"


async def test_an_order_is_the_vendors_sample_down_to_the_digits(inventory_pro: AsyncClient) -> None:
    answer = await inventory_pro.get("/PurchaseOrder/PO-2025-0042")

    assert exact(answer) == {**HEADER_0042, "lines": LINES_0042}
    assert '"totalValue":4250.00,' in answer.text
    assert '"units":1000,' in answer.text
    assert '"unitPrice":0.45,' in answer.text


async def test_signing_in_takes_form_fields_or_http_basic(stranger: AsyncClient) -> None:
    grant = {"grant_type": "client_credentials"}

    by_form = await stranger.post("/api/v1/Token", data=grant | CREDENTIALS)
    by_basic = await stranger.post("/api/v1/Token", data=grant, auth=("sandbox", "sandbox"))
    wrong = await stranger.post("/api/v1/Token", data=grant, auth=("sandbox", "wrong"))

    assert by_form.json() | {"access_token": ""} == {
        "access_token": "",
        "token_type": "bearer",
        "expires_in": 14399,
    }
    assert by_basic.status_code == 200
    assert (wrong.status_code, wrong.json()["error"]) == (401, "unauthorized")


async def test_a_request_without_a_token_is_not_answered(stranger: AsyncClient, book: Book) -> None:
    read = await stranger.get("/api/v1/PurchaseOrder")
    write = await stranger.post("/api/v1/PurchaseOrder", json={})

    assert (read.status_code, write.status_code) == (401, 401)
    assert read.json() == {
        "statusCode": 401,
        "error": "unauthorized",
        "message": "The credentials are missing, wrong or expired.",
        "details": None,
    }


async def test_closed_and_cancelled_orders_are_not_listed(inventory_pro: AsyncClient, book: Book) -> None:
    book.cancel("PO-2025-0042")

    page = (await inventory_pro.get("/PurchaseOrder?pageSize=50")).json()
    closed = (await inventory_pro.get("/PurchaseOrder/PO-2025-0012")).json()
    cancelled = (await inventory_pro.get("/PurchaseOrder/PO-2025-0042")).json()

    assert {order["status"] for order in page["value"]} == {"Open", "Partial"}
    assert page["totalCount"] == 27
    assert (closed["status"], cancelled["status"]) == ("Closed", "Canceled")


async def test_a_page_size_is_capped_and_the_last_page_says_so(inventory_pro: AsyncClient) -> None:
    capped = (await inventory_pro.get("/PurchaseOrder?pageSize=500")).json()
    last = (await inventory_pro.get("/PurchaseOrder?pageSize=10&page=3")).json()
    beyond = (await inventory_pro.get("/PurchaseOrder?page=9")).json()

    assert (capped["pageSize"], len(capped["value"]), capped["hasMore"]) == (50, 28, False)
    assert (last["pageCount"], len(last["value"]), last["hasMore"]) == (3, 8, False)
    assert (beyond["value"], beyond["hasMore"]) == ([], False)


async def test_pages_together_show_every_order_once(inventory_pro: AsyncClient) -> None:
    numbers = []
    for page in range(1, 5):
        answer = await inventory_pro.get(f"/PurchaseOrder?pageSize=7&page={page}&sort=vendor")
        numbers += [order["poNo"] for order in answer.json()["value"]]

    assert len(numbers) == len(set(numbers)) == 28


async def test_a_total_is_sorted_as_a_number(inventory_pro: AsyncClient) -> None:
    answer = await inventory_pro.get("/PurchaseOrder?sort=totalValue&direction=DESC&pageSize=50")

    totals = [order["totalValue"] for order in exact(answer)["value"]]
    assert totals == sorted(totals, reverse=True)
    assert totals[0] == Decimal("12740.50")
    assert totals[-1] == Decimal("0.12")


@pytest.mark.parametrize("sort", ["poNo", "vendor", "orderDate", "status", "totalValue"])
async def test_a_named_sort_ascends_by_default(inventory_pro: AsyncClient, sort: str) -> None:
    page = exact(await inventory_pro.get(f"/PurchaseOrder?sort={sort}&pageSize=50"))

    values = [order[sort] for order in page["value"]]
    assert values == sorted(values)


async def test_dates_bound_the_list_inclusively(inventory_pro: AsyncClient) -> None:
    bounds = {"startDate": "2025-05-07T00:00:00Z", "endDate": "2025-05-10"}

    page = (await inventory_pro.get("/PurchaseOrder", params=bounds)).json()

    assert [order["poNo"] for order in page["value"]] == ["PO-2025-0041", "PO-2025-0040"]


async def test_modified_since_finds_changed_orders(inventory_pro: AsyncClient, book: Book) -> None:
    book.receive("PO-2025-0010", {1: Decimal(5)})

    page = (await inventory_pro.get("/PurchaseOrder?modifiedSince=2025-05-31")).json()

    assert [(order["poNo"], order["status"]) for order in page["value"]] == [("PO-2025-0010", "Partial")]


@pytest.mark.parametrize(
    "query",
    [
        "sort=total",
        "direction=up",
        "page=0",
        "page=x",
        "pageSize=-1",
        "startDate=yesterday",
        "page=9999999999",
    ],
)
async def test_a_parameter_without_sense_is_a_bad_request(inventory_pro: AsyncClient, query: str) -> None:
    answer = await inventory_pro.get(f"/PurchaseOrder?{query}")

    assert answer.status_code == 400
    assert answer.json()["error"] == "bad_request"
    assert answer.json()["details"] is None


async def test_missing_records_are_refused_in_the_vendors_words(inventory_pro: AsyncClient) -> None:
    order = await inventory_pro.get("/PurchaseOrder/PO-NO-SUCH")
    path = await inventory_pro.get("/WorkOrder")
    slash = await inventory_pro.get("/PurchaseOrder/")
    method = await inventory_pro.delete("/PurchaseOrder/PO-2025-0042")

    assert order.json() == {
        "statusCode": 404,
        "error": "not_found",
        "message": "There is no purchase order PO-NO-SUCH.",
        "details": None,
    }
    assert (path.status_code, path.json()["error"]) == (404, "not_found")
    assert slash.status_code == 404
    assert (method.status_code, method.json()["statusCode"]) == (405, 405)


async def test_vendors_carry_the_integer_that_creating_needs(inventory_pro: AsyncClient) -> None:
    page = (await inventory_pro.get("/Vendor/All?pageSize=4")).json()
    by_id = (await inventory_pro.get("/Vendor/12")).json()
    by_short_id = (await inventory_pro.get("/Vendor/ACME")).json()

    acme = next(vendor for vendor in page["value"] if vendor["name"] == "Acme Fasteners")
    assert acme == by_id == by_short_id
    assert acme["vendorID"] == 12
    assert not acme["created"].endswith("Z")
    assert (page["totalCount"], page["pageCount"], page["hasMore"]) == (10, 3, True)
    assert (await inventory_pro.get("/Vendor/99")).status_code == 404


async def test_items_are_listed_by_short_id_and_found_by_key(inventory_pro: AsyncClient) -> None:
    active = (await inventory_pro.get("/Item?pageSize=250")).json()
    everything = (await inventory_pro.get("/Item/All?pageSize=250")).json()
    found = (await inventory_pro.get("/Item?key=NUT-M8&type=id")).json()

    names = [item["shortID"] for item in active["value"]]
    assert names == sorted(names)
    assert "GRS-NLGI2" not in names
    assert everything["totalCount"] == active["totalCount"] + 1
    assert [item["description"] for item in found["value"]] == ["M8 Hex Nut"]
    assert (await inventory_pro.get("/Item?key=NUT-M8&type=alias")).status_code == 400


async def test_locations_name_the_warehouses(inventory_pro: AsyncClient) -> None:
    everywhere = (await inventory_pro.get("/Location")).json()
    main = (await inventory_pro.get("/Location?wid=1")).json()

    warehouses = {(spot["warehouseID"], spot["warehouseName"]) for spot in everywhere["value"]}
    assert warehouses == {(1, "Main"), (2, "East Annex"), (3, "Yard")}
    assert main["value"][0] == {
        "spot": "A-01",
        "warehouseID": 1,
        "warehouseName": "Main",
        "description": "Aisle A, bay 1",
        "hold": False,
        "active": True,
    }
    assert {spot["warehouseID"] for spot in main["value"]} == {1}
