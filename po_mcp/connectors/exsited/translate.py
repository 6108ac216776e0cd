"""Between Exsited's words and ours. Pure: requests are built and answers are read, nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import Any, TypeVar

from po_mcp.connectors import days
from po_mcp.connectors.exsited import references, wire
from po_mcp.connectors.exsited.complaints import told
from po_mcp.connectors.numbers import another_order, is_echo, is_number
from po_mcp.connectors.paging import Part
from po_mcp.errors import BadAnswer, InvalidInput
from po_mcp.orders import (
    EXACT,
    DraftLine,
    OrderDraft,
    OrderLine,
    PurchaseOrder,
    Snapshot,
    Status,
    plain,
)

R = TypeVar("R", bound=wire.Theirs)

_STATUS: Mapping[str, Status] = {
    # The filter's values (https://developer.exsited.com, Purchase Order GET); a cancel makes INACTIVE.
    "active": "open",
    "inactive": "cancelled",
    "draft": "draft",
    "deleted": "deleted",
}
_FILTER: Mapping[Status, str] = {ours: theirs.upper() for theirs, ours in _STATUS.items()}
_NOT_RECEIVED = "pending"
_RECEIVED = (None, "completed")


def check(draft: OrderDraft) -> None:
    """Raise `InvalidInput` for what a new order needs and lacks, or cannot hold."""
    if draft.vendor.id is None:
        raise InvalidInput("Exsited needs the vendor's account id. Nothing was sent.")
    for place, line in enumerate(draft.lines, 1):
        if line.warehouse is not None:
            raise InvalidInput(
                f'Exsited cannot store "warehouse" on a new order (line {place}). Nothing was sent.',
                next_step='Leave "warehouse" out and tell the user.',
            )


def new_order(draft: OrderDraft) -> dict[str, Any]:
    """Build the body of POST /purchase-orders; decimals are strings."""
    check(draft)
    order: dict[str, Any] = {"id": draft.number, "account_id": draft.vendor.id}
    if draft.vendor.currency is not None:
        order["currency"] = draft.vendor.currency
    if draft.expected_on is not None:
        order["expected_completion_date"] = draft.expected_on.isoformat()
    if (note := references.note_with(draft.note, draft.reference)) is not None:
        order["purchase_order_note"] = note
    order["lines"] = [_new_line(line) for line in draft.lines]
    return {"purchase_order": order}


def order(body: Any, number: str, *, in_any_case: bool = False) -> wire.Order:
    """Read an order in full; one of another number is `BadAnswer`."""
    theirs = wire.Read.of(told(body)).purchase_order
    if not is_number(theirs.id, number, in_any_case=in_any_case):
        raise another_order("Exsited", theirs.id, number)
    return theirs


def created(body: Any, number: str, zone: tzinfo | None = UTC) -> PurchaseOrder:
    """Read what a create answers: the stored order, whatever became of it, as far as it can be read.

    Raises:
        BadAnswer: it is about an order of another number.
    """
    stored = wire.Created.of(told(body)).purchase_order.id
    if not is_echo(stored, number):
        raise another_order("Exsited", stored, number)
    try:
        theirs = wire.Read.of(body).purchase_order
    except BadAnswer:
        return PurchaseOrder(number=stored, vendor="", status="unknown", status_text="")
    return _with_lines(theirs, theirs.lines or None, None, zone)


def cancelled(body: Any, number: str) -> None:
    """Check what a cancel answers: it is about our order, which is inactive if its status is told. Else `BadAnswer`."""
    theirs = wire.Cancelled.of(told(body)).purchase_order
    if not is_number(theirs.id, number, in_any_case=True):
        raise another_order("Exsited", theirs.id, number)
    if theirs.status is not None and status_of(theirs.status) != "cancelled":
        raise BadAnswer("Exsited says it cancelled an order that is not inactive.")


def complete(theirs: wire.Order, receipts: Sequence[wire.Receipt] | None, zone: tzinfo | None = UTC) -> PurchaseOrder:
    """Put an order and its item receipts together. Without receipts (None), what was received is not known."""
    received = None if receipts is None else _received(receipts)
    return _with_lines(theirs, theirs.lines, received, zone)


def _with_lines(
    theirs: wire.Header,
    lines: Sequence[wire.Line] | None,
    received: Mapping[str, Decimal] | None,
    zone: tzinfo | None,
) -> PurchaseOrder:
    """Read an order, with its lines where they are told."""
    stored = _header(theirs, zone)
    if lines is None:
        return stored
    found = tuple(_line(line, place, received) for place, line in enumerate(lines, 1))
    return stored.model_copy(update={"lines": found, "line_count": len(found)})


def to_delete(
    theirs: wire.Order,
    invoices: Sequence[wire.Invoice],
    receipts: Sequence[wire.Receipt],
    zone: tzinfo | None = UTC,
) -> Snapshot:
    """Put together what a delete is decided on, with every document that forbids it.

    An order that receiving or invoicing used cannot be deleted
    (https://developer.exsited.com, Purchase Order DELETE).
    """
    blockers = [f"purchase invoice {invoice.id or 'without an id'}" for invoice in invoices]
    if not invoices and theirs.kpis and theirs.kpis.total_purchase_invoice:
        blockers.append("purchase invoices that are not listed")
    blockers += [f"item receipt {receipt.id or 'without an id'}" for receipt in receipts]
    return Snapshot(
        order=complete(theirs, receipts, zone),
        erp_id=theirs.uuid,
        version=theirs.version,
        blockers=tuple(blockers),
    )


def to_cancel(theirs: wire.Order, receipts: Sequence[wire.Receipt] | None, zone: tzinfo | None = UTC) -> Snapshot:
    """Put together what a cancel is decided on."""
    return Snapshot(order=complete(theirs, receipts, zone), erp_id=theirs.uuid, version=theirs.version)


def next_offset(page: wire.Page, offset: int) -> int | None:
    """Return where the page after this one starts, None at the end.

    The number of records decides; where it is missing, an empty next_page does. Where a page says neither, the
    next one will be empty. A page that stands elsewhere than was asked, or is empty before the end, is `BadAnswer`.
    """
    said = page.pagination
    if said.offset not in (None, offset):
        raise BadAnswer("Exsited gave another page than was asked for.")
    end = offset + len(page.rows)
    if not says_its_end(page):
        return end if page.rows else None
    if end >= said.records if said.records is not None else said.next_page is None:
        return None
    if not page.rows:
        raise BadAnswer("Exsited gave an empty page before the end of its list.")
    return end


def says_its_end(page: wire.Page) -> bool:
    """Tell whether a page says whether it is the last one."""
    return page.pagination.records is not None or "next_page" in page.pagination.model_fields_set


def part(page: wire.Page, row: type[R], offset: int) -> Part[R]:
    """Read one page of any list."""
    found, unread = row.each(page.rows)
    following = next_offset(page, offset)
    return Part(found, following, page.pagination.records, unread, says_its_end(page))


def order_filter(status: Status | None) -> dict[str, str]:
    """Build the parameter of GET /purchase-orders that picks orders by their status.

    Raises:
        InvalidInput: Exsited does not tell orders of this status from others.
    """
    if status is None:
        return {}
    if status not in _FILTER:
        raise InvalidInput(
            "Exsited tells open, cancelled, draft and deleted orders apart, and not by what was received, "
            f'so "{status}" orders cannot be listed. Nothing was sent.',
            next_step='Ask for status "open": received orders are among them, and get_purchase_order tells how far.',
        )
    return {"filter": f"purchase-orders/status eq '{_FILTER[status]}'"}


def orders_part(
    body: Any, offset: int, status: Status | None, zone: tzinfo | None = UTC, *, in_full: bool = False
) -> Part[PurchaseOrder]:
    """Read a page of orders as a part of the whole list; `in_full`: with their lines, as far as it has them.

    Raises:
        BadAnswer: it was not filtered by the status asked for.
    """
    if body is None:
        return Part((), None, None)
    found = part(orders(body), wire.Listed, offset)
    if status is not None and any(status_of(row.status) != status for row in found.rows):
        raise BadAnswer(
            "Exsited gave orders of another status than was asked for.", next_step="List the orders without a status."
        )
    read = listed_in_full if in_full else listed
    rows = tuple(read(row, zone) for row in found.rows)
    return Part(rows, found.following, found.total, found.unread, found.sure)


def listed(theirs: wire.Listed, zone: tzinfo | None = UTC) -> PurchaseOrder:
    """Read an order as the list shows it."""
    count = None if theirs.lines is None else len(theirs.lines)
    return _header(theirs, zone).model_copy(update={"line_count": count})


def listed_in_full(theirs: wire.Listed, zone: tzinfo | None = UTC) -> PurchaseOrder:
    """Read an order as the list shows it, with its lines where they are told and can be read."""
    try:
        lines = None if theirs.lines is None else wire.Lines.of({"lines": theirs.lines}).lines
    except BadAnswer:
        lines = None
    return listed(theirs, zone) if lines is None else _with_lines(theirs, lines, None, zone)


def orders(body: Any) -> wire.Orders:
    """Read a page of orders."""
    return wire.Orders.of(told(body))


def accounts(body: Any) -> wire.Accounts:
    """Read a page of accounts."""
    return wire.Accounts.of(told(body))


def items(body: Any) -> wire.Items:
    """Read a page of items."""
    return wire.Items.of(told(body))


def warehouses(body: Any) -> tuple[wire.Warehouse, ...]:
    """Read the warehouses; a row without a name is left out."""
    return wire.Warehouse.each(wire.Warehouses.of(told(body)).rows)[0]


def invoices(body: Any) -> wire.Invoices:
    """Read a page of an order's purchase invoices."""
    return wire.Invoices.of(told(body))


def receipts(body: Any) -> wire.Receipts:
    """Read a page of an order's item receipts."""
    return wire.Receipts.of(told(body))


def status_of(word: str | None) -> Status:
    """Return our word for one of theirs, in any case; `unknown` for one that is not documented."""
    return _STATUS.get((word or "").strip().casefold(), "unknown")


def _header(theirs: wire.Header, zone: tzinfo | None) -> PurchaseOrder:
    return PurchaseOrder(
        number=theirs.id,
        vendor=theirs.account_id or "",
        vendor_id=theirs.account_id,
        status=status_of(theirs.status),
        status_text=theirs.status or "",
        ordered_at=days.local(theirs.issue_date, zone),
        expected_on=days.day(theirs.expected_completion_date, zone),
        currency=theirs.currency,
        total=theirs.total,
        reference=references.reference_in(theirs.note),
        created_at=theirs.created_on,
    )


def _line(theirs: wire.Line, place: int, received: Mapping[str, Decimal] | None) -> OrderLine:
    ordered, price = theirs.ordered, theirs.snapshot.pricing_rule
    arrived = None
    if received is not None and theirs.uuid is not None:
        arrived = received.get(theirs.uuid, Decimal(0))
    return OrderLine(
        line=place,
        item=theirs.item_id or theirs.item_uuid or "",
        description=theirs.item_name or theirs.description,
        quantity=ordered,
        received=arrived,
        outstanding=None if arrived is None or ordered is None else max(EXACT.subtract(ordered, arrived), Decimal(0)),
        unit_price=price.price,
        line_total=theirs.total,
        warehouse=price.warehouse,
    )


def _received(receipts: Iterable[wire.Receipt]) -> Mapping[str, Decimal] | None:
    """Add up what was received, by line; None where a receipt does not say of which line, how much, or whether."""
    total: dict[str, Decimal] = {}
    for receipt in receipts:
        status = receipt.receipt_status and receipt.receipt_status.casefold()
        if status == _NOT_RECEIVED:  # it forbids a delete all the same: see to_delete
            continue
        for row in receipt.receipts:
            if row.line_uuid is None or row.receipt_quantity is None or status not in _RECEIVED:
                return None
            total[row.line_uuid] = EXACT.add(total.get(row.line_uuid, Decimal(0)), row.receipt_quantity)
    return total


def _new_line(line: DraftLine) -> dict[str, Any]:
    """Build a line. Its price goes where https://github.com/exsited/exsited-php puts it."""
    rule = {"price_type": "INCREMENTAL_PER_UNIT_PRICING", "price": plain(line.unit_price)}
    return {
        "item_id": line.item,
        "item_quantity": plain(line.quantity),
        "item_price_snapshot": {"pricing_rule": rule},
    }
