"""One odd order, line or row blocks nothing: what can be read is read, and what cannot is counted."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from po_mcp.connectors.exsited import references
from po_mcp.connectors.exsited import schemas as exsited_wire
from po_mcp.connectors.exsited import translate as exsited_translate
from po_mcp.connectors.inventory_pro import schemas as inventory_pro_wire
from po_mcp.connectors.inventory_pro import translate
from po_mcp.errors import BadAnswer, Refused
from po_mcp.orders import OrderLine, OrderQuery, OrderScan, PurchaseOrder
from po_mcp.writes.order_text import line_of
from tests.connectors.calls import Connect, exsited, html, inventory_pro
from tests.connectors.raw_peer import Reply, raw_peer, reply

NUMBER = "PO-1"
both = pytest.mark.parametrize("connect", [inventory_pro, exsited])


def inventory_pro_order(**fields: Any) -> PurchaseOrder:
    return translate.parse_order({"poNo": NUMBER, "status": "Open", **fields}, NUMBER)


def exsited_order(**fields: Any) -> PurchaseOrder:
    body = {"purchase_order": {"id": NUMBER, "status": "ACTIVE", **fields}}
    return exsited_translate.combine(exsited_translate.parse_order(body, NUMBER), [])


@pytest.mark.parametrize("fields", [{}, {"lines": None}, {"lines": ""}, {"lines": []}])
def test_an_order_without_lines_is_read_with_no_lines(fields: dict[str, Any]) -> None:
    for order in (inventory_pro_order(**fields), exsited_order(**fields)):
        assert (order.lines, order.line_count) == ((), 0)


@pytest.mark.parametrize("item", [{}, {"shortID": None}, {"shortID": ""}])
def test_a_line_of_freight_is_shown_by_its_description(item: dict[str, Any]) -> None:
    freight = {**item, "description": "Freight", "units": None, "unitPrice": "25.00", "unitsReceived": None}
    bolt = {"lineNo": "1", "shortID": 42, "units": "10", "unitsReceived": Decimal("4.5"), "warehouse": "1"}

    order = inventory_pro_order(lines=[bolt, freight])

    quantities = {"quantity": Decimal(10), "received": Decimal("4.5"), "outstanding": Decimal("5.5")}
    assert order.lines == (
        OrderLine(line=1, item="42", warehouse="1", **quantities),
        OrderLine(item="", description="Freight", unit_price=Decimal("25.00")),
    )
    assert order.sum_of_lines is None


@pytest.mark.parametrize(
    ("reported", "place"), [("2", 2), (None, None), ("two", None), (-2, None), (Decimal("1.5"), None)]
)
def test_a_line_is_read_whatever_its_place_is_called(reported: object, place: int | None) -> None:
    order = inventory_pro_order(lines=[{"lineNo": reported, "shortID": "42", "units": "10", "unitPrice": "0.45"}])

    [line] = order.lines or ()
    assert (line.line, line.item, line.quantity) == (place, "42", Decimal(10))


def test_of_a_return_nothing_is_said_to_be_received_or_outstanding() -> None:
    back = {"lineNo": 1, "shortID": "42", "units": "-5", "unitsReceived": "0"}

    order = inventory_pro_order(lines=[back])

    [line] = order.lines or ()
    assert (line.quantity, line.received, line.outstanding) == (Decimal(-5), Decimal(0), None)
    assert (order.tells_receipts, order.may_have_rest) == (False, True)
    assert line_of(1, line) == "1) -5, 0 received: 42"


def test_a_line_of_text_is_shown_by_its_name() -> None:
    text = {"uuid": "l9", "item_id": "", "item_uuid": "", "item_name": "Freight &amp; duty", "total": "25.000000"}
    bare = {"item_description": "see drawing", "item_price_snapshot": "", "item_quantity": 3}

    order = exsited_order(lines=[text, bare])

    assert order.lines == (
        OrderLine(line=1, item="", description="Freight & duty", received=Decimal(0), line_total=Decimal(25)),
        OrderLine(line=2, item="", description="see drawing", quantity=Decimal(3)),
    )


@pytest.mark.parametrize("received", [None, ""])
def test_receipts_that_are_missing_leave_received_quantities_unknown(received: object) -> None:
    order = inventory_pro_order(lines=[{"shortID": "A", "units": 1, "unitsReceived": received}])

    assert order.lines == (OrderLine(item="A", quantity=Decimal(1)),)


@pytest.mark.parametrize(
    "receipts",
    [
        html(404),
        html(403),
        html(400),
        reply(200, {"purchase_order": {"item_receipts": [{"id": "IR-1"}, 7], "pagination": {"records": 2}}}),
        reply(200, {"another": "shape"}),
    ],
)
async def test_an_order_is_read_without_the_receipts_that_cannot_be(receipts: Reply) -> None:
    line = {"uuid": "u", "item_id": "A", "item_quantity": "2"}
    async with raw_peer(reply(200, {"purchase_order": {"id": NUMBER, "lines": [line]}}), receipts) as peer:
        erp = exsited(peer.url)
        order = await erp.get_order(NUMBER)
        await erp.aclose()

    assert order.lines == (OrderLine(line=1, item="A", quantity=Decimal(2)),)


@pytest.mark.parametrize("rows", [{}, {"receipts": None}, {"receipts": []}])
@pytest.mark.parametrize(("status", "received"), [("COMPLETED", None), (None, None), ("PENDING", Decimal(0))])
def test_a_receipt_whose_lines_are_not_told_is_not_a_receipt_of_nothing(
    rows: dict[str, Any], status: str | None, received: Decimal | None
) -> None:
    """A list may name documents without what they hold: then "received 0" would be a guess."""
    body = {"purchase_order": {"id": NUMBER, "lines": [{"uuid": "u", "item_id": "A", "item_quantity": "2"}]}}
    receipt = exsited_wire.Receipt.parse({"id": "IR-1", "receipt_status": status, **rows})

    [line] = exsited_translate.combine(exsited_translate.parse_order(body, NUMBER), [receipt]).lines or ()

    assert line.received == received


async def test_no_delete_is_decided_on_a_document_that_cannot_be_read() -> None:
    order = reply(200, {"purchase_order": {"id": NUMBER, "lines": []}})
    odd = reply(200, {"purchase_invoices": [{"id": "PI-1"}, {"id": ["PI-2"]}], "pagination": {"records": 2}})
    async with raw_peer(order, odd) as peer:
        erp = exsited(peer.url)
        with pytest.raises(BadAnswer, match="a document of this order that cannot be read"):
            await erp.snapshot(NUMBER, "delete")
        await erp.aclose()


ODD_ORDERS: list[Any] = [
    None,
    7,
    "PO-2",
    [],
    {},
    {"poNo": None, "id": ""},
    {"poNo": ["PO-2"], "id": {}},
    {"poNo": "PO-2", "id": "PO-2", "vendor": ["Acme"], "account_id": ["Acme"]},
]


def page_of(connect: Connect, rows: list[Any]) -> Reply:
    if connect is inventory_pro:
        return reply(200, {"value": rows, "totalCount": len(rows), "page": 1, "pageSize": 50, "hasMore": False})
    return reply(200, {"purchase_orders": rows, "pagination": {"records": len(rows), "offset": 0}})


async def run_scan(connect: Connect, page: Reply) -> OrderScan:
    async with raw_peer(page) as peer:
        erp = connect(peer.url)
        try:
            return await erp.scan_orders(OrderQuery())
        finally:
            await erp.aclose()


@both
@pytest.mark.parametrize("odd", ODD_ORDERS, ids=str)
async def test_an_order_that_cannot_be_read_is_counted_and_hides_no_other(connect: Connect, odd: Any) -> None:
    good = [{"poNo": number, "id": number} for number in ("PO-1", "PO-3")]

    found = await run_scan(connect, page_of(connect, [good[0], odd, good[1]]))

    assert [order.number for order in found.orders] == ["PO-1", "PO-3"]
    assert (found.unreadable, found.complete, found.total) == (1, False, 3)


@both
@pytest.mark.parametrize("field", ["order date", "expected date", "total"])
async def test_an_order_of_a_list_is_kept_without_a_field_that_cannot_be_read(connect: Connect, field: str) -> None:
    names = {
        "order date": ("orderDate", "issue_date"),
        "expected date": ("expectedDate", "expected_completion_date"),
        "total": ("totalValue", "total"),
    }
    odd = {"poNo": "PO-2", "id": "PO-2", **dict.fromkeys(names[field], "soon")}

    found = await run_scan(connect, page_of(connect, [{"poNo": "PO-1", "id": "PO-1"}, odd]))

    assert [[(one.field, one.value) for one in order.odd] for order in found.orders] == [[], [(field, '"soon"')]]
    assert (found.unreadable, found.complete) == (0, True)


@both
async def test_a_list_with_a_single_odd_order_is_empty_and_incomplete(connect: Connect) -> None:
    found = await run_scan(connect, page_of(connect, [{}]))

    assert (found.orders, found.unreadable, found.complete) == ((), 1, False)


@both
async def test_a_list_of_which_nothing_can_be_read_is_refused(connect: Connect) -> None:
    with pytest.raises(BadAnswer, match="not in the documented format"):
        await run_scan(connect, page_of(connect, [{}, {"number": "PO-1"}]))


@both
async def test_a_header_of_nulls_is_an_order(connect: Connect) -> None:
    nulls = dict.fromkeys(("vendor", "orderDate", "status", "totalLines", "totalValue", "lines", "kpis", "currency"))

    found = await run_scan(connect, page_of(connect, [{"poNo": 42, "id": 42, **nulls}]))

    note = "" if connect is exsited else None  # Exsited tells notes: none is a note of no words
    assert found.orders == (PurchaseOrder(number="42", vendor="", status="unknown", status_text="", note=note),)
    assert found.complete


@both
@pytest.mark.parametrize(
    "empty",
    [reply(204), reply(404, {"statusCode": 404, "error": "not_found", "errors": [{"code": 404}]})],
    ids=["204", "404 in the envelope"],
)
async def test_an_empty_list_may_be_answered_with_204_or_404(connect: Connect, empty: Reply) -> None:
    found = await run_scan(connect, empty)

    assert (found.orders, found.complete) == ((), True)


@both
async def test_a_page_of_a_gateway_is_no_empty_list(connect: Connect) -> None:
    with pytest.raises(Refused):
        await run_scan(connect, html(404))
    with pytest.raises(BadAnswer):
        await run_scan(connect, reply(200))


def test_the_reference_and_the_moment_of_an_order_are_read() -> None:
    note = "Dock 3, urgent [po-mcp 3f2a91c0-77]"

    order = exsited_order(purchase_order_note=note, created_on="2026-11-27T01:02:03Z")

    assert (order.reference, str(order.created_at)) == ("3f2a91c0-77", "2026-11-27 01:02:03+00:00")
    assert not {"reference", "created_at"} & set(order.to_json())


@pytest.mark.parametrize("created_on", [None, "", "2026-11-27", "2026-11-27T00:00:00Z", "2026-11-27T10:00:00", "x", 5])
def test_a_day_is_not_the_moment_of_an_order(created_on: object) -> None:
    assert exsited_order(created_on=created_on).created_at is None


@pytest.mark.parametrize("note", [None, "", "Dock 3", "[po-mcp ]", "[po-mcp a b]", "[po-mcp 3f2a"])
def test_a_note_without_a_reference_has_none(note: str | None) -> None:
    assert exsited_order(purchase_order_note=note).reference is None


def test_several_references_in_a_note_tell_nothing() -> None:
    asked = references.add_reference("again [po-mcp aaaa]", "bbbb")

    assert asked == "again [po-mcp aaaa] [po-mcp bbbb]"
    assert exsited_order(purchase_order_note=f"<p>{asked}</p>").reference is None
    assert exsited_order(purchase_order_note=f"{asked} [po-mcp aaaa]").reference is None


def test_a_reference_that_is_repeated_or_in_capitals_is_that_reference() -> None:
    assert exsited_order(purchase_order_note="[po-mcp 3f2a] [PO-MCP 3F2A]").reference == "3f2a"


def test_an_unreadable_created_order_keeps_its_number() -> None:
    bare = PurchaseOrder(number=NUMBER, vendor="", status="unknown", status_text="")

    assert translate.parse_created({"poNo": NUMBER, "totalValue": {}}, NUMBER) == bare
    odd = {"id": NUMBER, "total": {}, "lines": [1]}
    assert exsited_translate.parse_created({"purchase_order": odd}, NUMBER) == bare


def test_a_receipt_of_a_quantity_that_is_no_number_cannot_be_read() -> None:
    assert exsited_wire.Receipt.parse_rows([{"receipts": [{"receipt_quantity": "some"}]}, {"id": "IR-1"}])[1]


def test_a_row_is_parsed_once_beside_an_odd_one(monkeypatch: pytest.MonkeyPatch) -> None:
    parse, parsed = inventory_pro_wire.OrderHeader.parse_order, []

    def count(row: Any) -> Any:
        parsed.append(row)
        return parse(row)

    monkeypatch.setattr(inventory_pro_wire.OrderHeader, "parse_order", count)
    rows = [{"poNo": "PO-1"}, {"poNo": "PO-2", "vendor": ["x"]}, {"poNo": "PO-3"}]
    read, odd = inventory_pro_wire.OrderHeader.parse_rows(rows)

    assert parsed == rows
    assert [one.po_no for one in read] == ["PO-1", "PO-3"]
    assert inventory_pro_wire.OrderHeader.name_rows(odd) == ("PO-2",)
