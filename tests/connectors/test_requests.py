"""What leaves over a real socket, and what never does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date

import pytest

from po_mcp.connectors.exsited import Exsited
from po_mcp.connectors.http.urls import normalize_base_url
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.erp import ERP
from po_mcp.errors import (
    BadAnswer,
    InvalidInput,
    PurchaseOrderError,
)
from po_mcp.orders import OrderQuery
from tests.connectors.calls import (
    LIST,
    NUMBER,
    SECRET,
    draft,
    exsited,
    inventory_pro,
)
from tests.connectors.raw_peer import raw_peer, reply

HOSTILE = ["", " ", ".", "..", "...", "a\r\nX: y", "a\x00", "a\t", "PO\u202e", "a\u2028b", "\ud800", "x" * 101]
CLIMBING = ["../Vendor/All", "a/../b", "a\\..\\b", "a%2f..", "%2e%2e", "%252e%252e/b", "./a", "a/."]
NOT_FOR_NEW_ONES = ["a/b", "a?x=1", "a#x", "a;b", "a%b", "a\\b", " a", "a ", *CLIMBING]


@pytest.mark.parametrize("number", HOSTILE)
@pytest.mark.parametrize("connect", [inventory_pro, exsited])
async def test_a_number_that_is_no_segment_sends_nothing(connect: Callable[[str], ERP], number: str) -> None:
    calls: list[Callable[[ERP], Awaitable[object]]] = [
        lambda erp: erp.get_order(number),
        lambda erp: erp.create_order(draft("1").model_copy(update={"number": number})),
        lambda erp: erp.delete_order(number),
        lambda erp: erp.cancel_order(number),
        lambda erp: erp.finalize_order(number, create_backorder=False),
        lambda erp: erp.snapshot(number, "finalize"),
    ]
    async with raw_peer() as peer:
        erp = connect(peer.url)
        for call in calls:
            with pytest.raises(PurchaseOrderError):
                await call(erp)
        with pytest.raises(InvalidInput):
            erp.check_number(number)
        await erp.aclose()
    assert peer.connections == 0


@pytest.mark.parametrize("number", CLIMBING)
async def test_a_write_never_names_an_order_by_a_path_that_leads_elsewhere(number: str) -> None:
    async with raw_peer(reply(403, {})) as peer:
        erp = exsited(peer.url)
        calls = (erp.delete_order, erp.cancel_order, lambda number: erp.snapshot(number, "delete"))
        for call in calls:
            with pytest.raises(BadAnswer, match="cannot be opened or changed here"):
                await call(number)
        await erp.aclose()
    # The list is asked whether it has such an order; no other address is.
    assert {line.partition("?")[0] for line in peer.lines} <= {"GET /api/v3/purchase-orders"}


@pytest.mark.parametrize("number", NOT_FOR_NEW_ONES)
@pytest.mark.parametrize("connect", [inventory_pro, exsited])
async def test_a_number_that_could_not_be_read_back_is_not_given_to_a_new_order(
    connect: Callable[[str], ERP], number: str
) -> None:
    asked = draft("1" if connect is inventory_pro else None).model_copy(update={"number": number})
    async with raw_peer() as peer:
        erp = connect(peer.url)
        with pytest.raises(InvalidInput, match="Nothing was sent"):
            await erp.create_order(asked)
        with pytest.raises(InvalidInput, match="Nothing was sent"):
            erp.check_draft(asked)
        assert erp.check_number(number) == number
        await erp.aclose()
    assert peer.connections == 0


async def test_the_path_of_finalize_is_no_order_number() -> None:
    async with raw_peer() as peer:
        erp = inventory_pro(peer.url)
        for number in ("Finalize", "finalize"):
            with pytest.raises(InvalidInput):
                await erp.get_order(number)
        await erp.aclose()
    assert peer.connections == 0


def test_no_secret_is_in_a_repr() -> None:
    for erp in (inventory_pro("http://erp.invalid"), exsited("http://erp.invalid")):
        assert SECRET not in repr(erp)
        assert SECRET not in repr(erp.connection)
        assert "client" not in erp.connection.credentials


def test_connections_differ_by_host_and_client_and_not_by_secret() -> None:
    def key(url: str, client_id: str, secret: str, company: str | None = None) -> str:
        return InventoryPro(url, client_id, secret, company=company).connection.key

    first = key("https://one.example", "a", "x")

    assert first == key("https://one.example/api/v1/", "a", "y")
    assert first != key("https://two.example", "a", "x")
    assert first != key("http://one.example", "a", "x")
    assert first != key("https://one.example", "b", "x")
    assert first != key("https://one.example:8443", "a", "x")
    assert first != key("https://one.example/test", "a", "x")
    assert key("https://one.example", "a", "x", "Acme") == key("https://one.example", "b", "x", "Acme")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://ERP.Example.COM", "https://erp.example.com"),
        ("https://erp.example.com:443/", "https://erp.example.com"),
        ("https://erp.example.com:8443/Test/", "https://erp.example.com:8443/Test"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_a_base_url_has_a_single_normal_form(url: str, address: str) -> None:
    assert normalize_base_url(url) == address


async def test_inventory_pro_gets_the_documented_requests() -> None:
    header = {"poNo": NUMBER, "status": "Open"}
    closed = {"poNo": NUMBER, "status": "Closed", "backorderCreated": False}
    async with raw_peer(reply(200, {**LIST, "pageSize": 50}), reply(201, header), reply(200, closed)) as peer:
        erp = InventoryPro(f"{peer.url}/api/v1/", "client", SECRET)
        await erp.scan_orders(OrderQuery(ordered_from=date(2025, 5, 1), ordered_to=date(2025, 5, 31)))
        await erp.create_order(draft("1"))
        await erp.finalize_order(NUMBER, create_backorder=False)
        await erp.aclose()

    dates = "startDate=2025-05-01T00%3A00%3A00Z&endDate=2025-05-31T23%3A59%3A59.997Z"
    assert peer.lines == [
        f"GET /api/v1/PurchaseOrder?page=1&pageSize=50&{dates} HTTP/1.1",
        "POST /api/v1/PurchaseOrder HTTP/1.1",
        "POST /api/v1/PurchaseOrder/Finalize HTTP/1.1",
    ]
    assert peer.requests[1].endswith(
        b'{"vendorID":12,"poNumber":"PO-2025-0042",'
        b'"lines":[{"shortID":"BOLT-M8-30","units":1000,"unitPrice":0.45,"warehouse":1}]}'
    )
    assert peer.body(2) == {"poNumber": NUMBER, "createBackorder": False}


async def test_exsited_gets_the_documented_requests() -> None:
    order = {"id": NUMBER, "status": "ACTIVE"}
    empty = {"pagination": {"records": 0, "offset": 0}}
    replies = (
        reply(201, {"purchase_order": order}),
        reply(200, {"purchase_order": {**order, "lines": []}}),
        reply(200, {"purchase_invoices": [], **empty}),
        reply(200, {"purchase_order": {"item_receipts": [], **empty}}),
        reply(204),
    )
    async with raw_peer(*replies) as peer:
        erp = Exsited(f"{peer.url}/api/v3", "client", SECRET, "r", api_versions={"purchase_invoices": "v3"})
        await erp.create_order(draft(None))
        assert (await erp.snapshot(NUMBER, "delete")).blockers == ()
        await erp.delete_order(NUMBER)
        await erp.aclose()

    assert peer.lines == [
        "POST /api/v3/purchase-orders HTTP/1.1",
        f"GET /api/v3/purchase-orders/{NUMBER} HTTP/1.1",
        f"GET /api/v3/purchase-orders/{NUMBER}/purchase-invoices?limit=100&offset=0 HTTP/1.1",
        f"GET /api/v2/purchase-orders/{NUMBER}/item-receipts?limit=100&offset=0 HTTP/1.1",
        f"DELETE /api/v3/purchase-orders/{NUMBER} HTTP/1.1",
    ]
