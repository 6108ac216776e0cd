"""Between Inventory Pro's words and ours. Pure: requests are built and answers are read, nothing is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from po_mcp.connectors.inventory_pro import wire
from po_mcp.connectors.numbers import is_echo, is_number
from po_mcp.connectors.paging import Part
from po_mcp.errors import BadAnswer, InvalidInput
from po_mcp.orders import (
    EXACT,
    DraftLine,
    Finalized,
    OrderDraft,
    OrderLine,
    OrderQuery,
    PurchaseOrder,
    Status,
    Vendor,
)

T = TypeVar("T")

LARGEST_PAGE = 50
"""Orders on one page at most (https://cissltd.com/docs/api/purchase-orders/)."""

_INTEGER = re.compile(r"[0-9]{1,9}", re.ASCII)
_STATUS: Mapping[str, Status] = {
    "open": "open",
    "partial": "partial",
    "closed": "closed",
    # Not in the API's pages; the product's manual has it.
    "canceled": "cancelled",
    "cancelled": "cancelled",
}


def check(draft: OrderDraft) -> None:
    """Raise `InvalidInput` for what a new order needs and lacks, or cannot hold."""
    if draft.expected_on is not None:
        raise _unstorable("expected_on")
    if draft.note is not None:
        raise _unstorable("note")
    _vendor_id(draft.vendor)
    for place, line in enumerate(draft.lines, 1):
        _warehouse(line, place)


def new_order(draft: OrderDraft) -> dict[str, Any]:
    """Build the body of POST /PurchaseOrder; quantities and prices are JSON numbers."""
    check(draft)
    lines = [
        {
            "shortID": line.item,
            "units": line.quantity,
            "unitPrice": line.unit_price,
            "warehouse": _warehouse(line, place),
        }
        for place, line in enumerate(draft.lines, 1)
    ]
    return {"vendorID": _vendor_id(draft.vendor), "poNumber": draft.number, "lines": lines}


def to_finalize(number: str, create_backorder: bool) -> dict[str, Any]:
    """Build the body of POST /PurchaseOrder/Finalize. Both fields are required."""
    return {"poNumber": number, "createBackorder": create_backorder}


def order_dates(query: OrderQuery) -> dict[str, str]:
    """Build the parameters of GET /PurchaseOrder that pick orders by their date."""
    params: dict[str, str] = {}
    if query.ordered_from is not None:
        params["startDate"] = f"{query.ordered_from.isoformat()}T00:00:00Z"
    if query.ordered_to is not None:
        # The end of the day. SQL Server's datetime would round .999 up into the next one.
        params["endDate"] = f"{query.ordered_to.isoformat()}T23:59:59.997Z"
    return params


def check_status(status: Status | None) -> None:
    """Raise `InvalidInput` for a status whose orders are not in the list."""
    if status not in (None, "open", "partial"):
        raise InvalidInput(
            "Inventory Pro's API lists open and partly received orders only, "
            f'so "{status}" orders cannot be listed. Nothing was sent.',
            next_step="Any order can be read by its number with get_purchase_order.",
        )


def orders_part(body: Any, params: Mapping[str, str | int]) -> Part[PurchaseOrder]:
    """Read a page of orders as a part of the whole list."""
    found = part(wire.Page[wire.Header].of(body), params)
    return Part(tuple(map(header, found.rows)), found.following, found.total)


def part(page: wire.Page[T], params: Mapping[str, str | int]) -> Part[T]:
    """Read one page of any list."""
    page = checked_page(page, params)
    return Part(page.value, page.page + 1 if page.has_more else None, page.total_count)


def checked_page(page: wire.Page[T], params: Mapping[str, str | int]) -> wire.Page[T]:
    """Return the page if it is the one that was asked for and does not contradict itself."""
    asked = (page.page, page.page_size) == (params["page"], params["pageSize"])
    if not asked or len(page.value) > page.page_size or (page.has_more and not page.value):
        raise BadAnswer("Inventory Pro gave another page than was asked for.")
    return page


def order(body: Any, number: str, *, in_any_case: bool = False) -> PurchaseOrder:
    """Read an order in full; one of another number is `BadAnswer`."""
    theirs = wire.Order.of(body)
    _same(theirs.po_no, number, in_any_case=in_any_case)
    return _with_lines(theirs, theirs.lines)


def _with_lines(theirs: wire.Header, lines: Sequence[wire.Line] | None) -> PurchaseOrder:
    """Read an order, with its lines where they are told."""
    stored = header(theirs)
    if lines is None:
        return stored
    return stored.model_copy(update={"lines": tuple(map(_line, lines)), "line_count": len(lines)})


def header(theirs: wire.Header) -> PurchaseOrder:
    """Read an order without its lines."""
    return PurchaseOrder(
        number=theirs.po_no,
        vendor=theirs.vendor or "",
        status=status_of(theirs.status),
        status_text=theirs.status or "",
        ordered_at=theirs.order_date,
        expected_on=_day(theirs.expected_date),
        line_count=theirs.total_lines,
        total=theirs.total_value,
    )


def created(body: Any, number: str) -> PurchaseOrder:
    """Read what a create answers: the stored order, whatever became of it. One of another number is `BadAnswer`."""
    theirs = wire.Created.of(body)
    if not is_echo(theirs.po_no, number):
        raise BadAnswer("Inventory Pro answered about another order.")
    return _with_lines(theirs, theirs.lines or None)


def finalized(body: Any, number: str) -> Finalized:
    """Read what a finalize answers: the order's number, closed, and a number for every backorder. Else `BadAnswer`."""
    theirs = wire.Finalized.of(body)
    _same(theirs.po_no, number, in_any_case=True)
    if status_of(theirs.status) != "closed":
        raise BadAnswer("Inventory Pro says it finalized an order that is not closed.")
    if theirs.backorder_created and not theirs.backorder_po_no:
        raise BadAnswer("Inventory Pro made a backorder and does not name it.")
    return Finalized(status_text=theirs.status, backorder_number=theirs.backorder_po_no or None)


def status_of(word: str | None) -> Status:
    """Return our word for one of theirs; `unknown` for one that is not documented."""
    return _STATUS.get((word or "").strip().casefold(), "unknown")


def _same(echoed: str, number: str, *, in_any_case: bool) -> None:
    if not is_number(echoed, number, in_any_case=in_any_case):
        raise BadAnswer("Inventory Pro answered about another order.")


def _line(theirs: wire.Line) -> OrderLine:
    price, received = theirs.unit_price, theirs.units_received
    return OrderLine(
        line=theirs.line_no,
        item=theirs.short_id,
        description=theirs.description,
        quantity=theirs.units,
        received=received,
        outstanding=None if received is None else max(EXACT.subtract(theirs.units, received), Decimal(0)),
        unit_price=price,
        line_total=None if price is None else EXACT.multiply(theirs.units, price),
        warehouse=None if theirs.warehouse is None else str(theirs.warehouse),
        warehouse_name=theirs.warehouse_name,
    )


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _vendor_id(vendor: Vendor) -> int:
    if vendor.id is None:
        raise InvalidInput(
            "Inventory Pro does not tell the id that this vendor's orders need. Nothing was sent.",
            next_step="The operator can supply it: PO_MCP_VENDOR_IDS names a file of vendor name to vendorID.",
        )
    if not _INTEGER.fullmatch(vendor.id):
        raise InvalidInput("The vendor's id must be a whole number in Inventory Pro. Nothing was sent.")
    return int(vendor.id)


def _warehouse(line: DraftLine, place: int) -> int:
    if line.warehouse is None or not _INTEGER.fullmatch(line.warehouse):
        raise InvalidInput(
            f'Line {place} needs "warehouse", the whole-number id of the warehouse to deliver to. Nothing was sent.',
            next_step="Ask the user for the warehouse, or look it up on an order that was delivered there.",
        )
    return int(line.warehouse)


def _unstorable(argument: str) -> InvalidInput:
    return InvalidInput(
        f'Inventory Pro cannot store "{argument}" on a new order. Nothing was sent.',
        next_step=f'Leave "{argument}" out and tell the user.',
    )
