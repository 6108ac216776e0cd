"""Inventory Pro's API as cissltd.com/docs/api documents it: creating and finalizing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.sandbox.conftest import exact

# The sample of cissltd.com/docs/api/purchase-orders.
CREATE_0043: dict[str, Any] = {
    "vendorID": 12,
    "poNumber": "PO-2025-0043",
    "lines": [
        {"shortID": "BOLT-M8-30", "units": 1000, "unitPrice": 0.45, "warehouse": 1},
        {"shortID": "NUT-M8", "units": 1000, "unitPrice": 0.22, "warehouse": 1},
    ],
}


def order_text(units: str) -> str:
    line = f'{{"shortID":"NUT-M8","units":{units},"unitPrice":0,"warehouse":1}}'
    return f'{{"vendorID":12,"poNumber":"PO-1","lines":[{line}]}}'


async def test_creating_is_the_vendors_sample(inventory_pro: AsyncClient) -> None:
    answer = await inventory_pro.post("/PurchaseOrder", json=CREATE_0043)

    assert answer.status_code == 201
    assert exact(answer) == {
        "poNo": "PO-2025-0043",
        "vendor": "Acme Fasteners",
        "orderDate": "2025-05-31T14:22:00Z",
        "expectedDate": None,
        "status": "Open",
        "totalLines": 2,
        "totalValue": Decimal("670.00"),
    }
    assert '"totalValue":670.00' in answer.text


async def test_finalizing_is_the_vendors_sample(inventory_pro: AsyncClient) -> None:
    body = {"poNumber": "PO-2025-0042", "createBackorder": True}

    answer = await inventory_pro.post("/PurchaseOrder/Finalize", json=body)

    assert answer.status_code == 200
    assert answer.json() == {
        "poNo": "PO-2025-0042",
        "status": "Closed",
        "backorderCreated": True,
        "backorderPoNo": "PO-2025-0042-BO1",
    }


@pytest.mark.parametrize(
    ("change", "details"),
    [
        ({"vendorID": 99}, {"vendorID": ["is unknown"]}),
        ({"vendorID": 30}, {"vendorID": ["is not active"]}),
        ({"vendorID": "12"}, {"vendorID": ["must be a whole number"]}),
        ({"vendorID": True}, {"vendorID": ["must be a whole number"]}),
        ({"vendorID": None}, {"vendorID": ["is required"]}),
        ({"poNumber": ""}, {"poNumber": ["must be printable text without blanks around it"]}),
        ({"poNumber": "a/b"}, {"poNumber": ["must not be a path"]}),
        ({"poNumber": "P" * 51}, {"poNumber": ["must have at most 50 characters"]}),
        ({"lines": []}, {"lines": ["must have at least one line"]}),
        ({"lines": {}}, {"lines": ["must be a list"]}),
        ({"lines": [7]}, {"lines[0]": ["must be an object"]}),
    ],
)
async def test_a_wrong_order_is_refused_by_field(
    inventory_pro: AsyncClient, change: dict[str, Any], details: dict[str, Any]
) -> None:
    answer = await inventory_pro.post("/PurchaseOrder", json=CREATE_0043 | change)

    found = answer.json()["details"]
    assert (answer.status_code, answer.json()["error"]) == (400, "validation_error")
    assert {name: found[name] for name in details} == details


@pytest.mark.parametrize(
    ("change", "details"),
    [
        ({"units": 0}, {"lines[0].units": ["must be > 0"]}),
        ({"units": -1}, {"lines[0].units": ["must be > 0"]}),
        ({"units": "10"}, {"lines[0].units": ["must be a number"]}),
        ({"unitPrice": -0.01}, {"lines[0].unitPrice": ["must be >= 0"]}),
        ({"shortID": "NO-SUCH"}, {"lines[0].shortID": ["is unknown"]}),
        ({"shortID": "GRS-NLGI2"}, {"lines[0].shortID": ["is discontinued"]}),
        ({"warehouse": 9}, {"lines[0].warehouse": ["is unknown"]}),
        (
            {"units": 0, "warehouse": 9},
            {"lines[0].units": ["must be > 0"], "lines[0].warehouse": ["is unknown"]},
        ),
    ],
)
async def test_a_wrong_line_is_refused_by_field(
    inventory_pro: AsyncClient, change: dict[str, Any], details: dict[str, Any]
) -> None:
    line = CREATE_0043["lines"][0] | change

    answer = await inventory_pro.post("/PurchaseOrder", json=CREATE_0043 | {"lines": [line]})

    assert answer.json() == {
        "statusCode": 400,
        "error": "validation_error",
        "message": "Model validation failed.",
        "details": details,
    }
    assert (await inventory_pro.get("/PurchaseOrder/PO-2025-0043")).status_code == 404


@pytest.mark.parametrize("units", ["1e3", "0.000001", "999999999999.999999"])
async def test_a_quantity_stays_exact(inventory_pro: AsyncClient, units: str) -> None:
    body = order_text(units)

    await inventory_pro.post("/PurchaseOrder", content=body)

    order = exact(await inventory_pro.get("/PurchaseOrder/PO-1"))
    assert order["lines"][0]["units"] == Decimal(units)
    assert order["totalValue"] == 0


@pytest.mark.parametrize("units", ["0.0000001", "1e12", "1e999999", "1e-999999"])
async def test_a_quantity_out_of_bounds_is_refused(inventory_pro: AsyncClient, units: str) -> None:
    body = order_text(units)

    answer = await inventory_pro.post("/PurchaseOrder", content=body)

    message = "must have at most 12 digits before the point and 6 after it"
    assert answer.json()["details"] == {"lines[0].units": [message]}


@pytest.mark.parametrize("body", ["", "{", '{"units":NaN}', "[" * 100_000, '{"a":1e99999999999999999999}'])
async def test_a_body_that_is_not_json_is_a_bad_request(inventory_pro: AsyncClient, body: str) -> None:
    answer = await inventory_pro.post("/PurchaseOrder", content=body)

    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


async def test_half_a_surrogate_pair_is_no_text(inventory_pro: AsyncClient) -> None:
    body = '{"poNumber":"\\ud800","createBackorder":true}'

    answer = await inventory_pro.post("/PurchaseOrder/Finalize", content=body)

    assert answer.json()["details"] == {"poNumber": ["must be text"]}


async def test_a_taken_number_is_a_conflict(inventory_pro: AsyncClient) -> None:
    answer = await inventory_pro.post("/PurchaseOrder", json=CREATE_0043 | {"poNumber": "PO-2025-0012"})

    assert answer.status_code == 409
    assert answer.json() == {
        "statusCode": 409,
        "error": "conflict",
        "message": "Purchase order PO-2025-0012 already exists.",
        "details": None,
    }


async def test_a_backorder_has_the_outstanding_quantities(inventory_pro: AsyncClient) -> None:
    body = {"poNumber": "PO-2025-0037", "createBackorder": True}

    answer = await inventory_pro.post("/PurchaseOrder/Finalize", json=body)

    backorder = exact(await inventory_pro.get(f"/PurchaseOrder/{answer.json()['backorderPoNo']}"))
    lines = [
        (line["lineNo"], line["shortID"], line["units"], line["unitsReceived"], line["unitPrice"])
        for line in backorder.pop("lines")
    ]
    assert lines == [
        (1, "BRG-6205-2RS", 50, 0, Decimal("7.95")),
        (2, "SEAL-25-40", 225, 0, Decimal("3.25")),
    ]
    assert backorder == {
        "poNo": "PO-2025-0037-BO1",
        "vendor": "Northwind Bearings",
        "orderDate": "2025-05-31T14:22:00Z",
        "expectedDate": None,
        "status": "Open",
        "totalLines": 2,
        "totalValue": Decimal("1128.75"),
    }


async def test_no_backorder_is_made_without_the_flag(inventory_pro: AsyncClient) -> None:
    body = {"poNumber": "PO-2025-0037", "createBackorder": False}

    answer = await inventory_pro.post("/PurchaseOrder/Finalize", json=body)

    assert (answer.json()["backorderCreated"], answer.json()["backorderPoNo"]) == (False, None)
    assert (await inventory_pro.get("/PurchaseOrder/PO-2025-0037-BO1")).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"poNumber": "PO-2025-0012", "createBackorder": True}, 409, "conflict"),
        ({"poNumber": "PO-NO-SUCH", "createBackorder": True}, 404, "not_found"),
        ({"poNumber": "PO-2025-0042"}, 400, "validation_error"),
        ({"poNumber": "PO-2025-0042", "createBackorder": "true"}, 400, "validation_error"),
        ([], 400, "validation_error"),
    ],
)
async def test_a_finalize_that_cannot_be_done_is_refused(
    inventory_pro: AsyncClient, body: Any, status: int, error: str
) -> None:
    answer = await inventory_pro.post("/PurchaseOrder/Finalize", json=body)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
