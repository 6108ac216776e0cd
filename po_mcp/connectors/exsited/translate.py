"""Translation between Exsited's JSON and the records of `orders`: request bodies and answers. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import Any

from po_mcp.amounts import EXACT, compute_outstanding, plain
from po_mcp.connectors import days
from po_mcp.connectors.exsited import paging, references, schemas
from po_mcp.connectors.exsited.error_body import raise_for_error
from po_mcp.connectors.numbers import is_same_number, need_number_echo, wrong_order
from po_mcp.connectors.pages import Page
from po_mcp.errors import BadAnswer, IgnoredFilter, InvalidInput
from po_mcp.orders import DraftLine, OrderDraft, OrderLine, PurchaseOrder, Snapshot, Status

_STATUS: Mapping[str, Status] = {
    # The filter's values (https://developer.exsited.com, Purchase Order GET); a cancel makes INACTIVE.
    "active": "open",
    "inactive": "cancelled",
    "draft": "draft",
    "deleted": "deleted",
}
FILTERED: Mapping[Status, str] = {ours: source.upper() for source, ours in _STATUS.items()}
"""The statuses that the list can be filtered by, and their words."""
_NOT_RECEIVED = "pending"
_RECEIVED = (None, "completed")


def check_draft(draft: OrderDraft) -> None:
    """Raise `InvalidInput` for a draft that lacks a required field or has one that Exsited cannot store."""
    if draft.vendor.id is None:
        raise InvalidInput("Exsited needs the vendor's account id.", effect="nothing_sent")
    # A note with two marks says nothing of whose order it is, and that is what counts after a lost answer.
    if (mark := references.find_mark(draft.note)) is not None:
        raise InvalidInput(
            f'The note holds "{mark}", by which po-mcp knows the orders that it made.',
            effect="nothing_sent",
            next_step="Leave that out of the note.",
        )
    # Refused and not dropped: the goods would arrive elsewhere than the buyer believes.
    for place, line in enumerate(draft.lines, 1):
        if line.warehouse is not None:
            raise InvalidInput(
                f"Exsited cannot store a warehouse on a new order (line {place}).",
                effect="nothing_sent",
                next_step="Leave it out and mention that.",
            )


def build_order(draft: OrderDraft) -> dict[str, Any]:
    """Build the body of POST /purchase-orders, with decimals as strings."""
    check_draft(draft)
    order: dict[str, Any] = {"id": draft.number, "account_id": draft.vendor.id}
    if draft.vendor.currency is not None:
        order["currency"] = draft.vendor.currency
    if draft.expected_on is not None:
        order["expected_completion_date"] = draft.expected_on.isoformat()
    if (note := references.add_reference(draft.note, draft.reference, draft.buyer)) is not None:
        order["purchase_order_note"] = note
    order["lines"] = [_build_line(line) for line in draft.lines]
    return {"purchase_order": order}


def parse_order(body: Any, number: str, *, in_any_case: bool = False) -> schemas.Order:
    """Parse the answer to a read of one order.

    Raises:
        BadAnswer: the answer is an error, or an order of another number.
    """
    found = raise_for_error(body)
    roots = map(found.get, schemas.ROOTS) if isinstance(found, Mapping) else ()
    inner = next(filter(None, roots), None)
    if not isinstance(inner, Mapping):
        raise BadAnswer("Exsited's answer is not in the documented format.")
    source = schemas.Order.parse_order(inner)
    if not is_same_number(source.id, number, in_any_case=in_any_case):
        raise wrong_order("Exsited", source.id, number)
    return source


def parse_created(body: Any, number: str, zone: tzinfo | None = UTC) -> PurchaseOrder:
    """Parse the answer to a create: the stored order, or its number only where the rest cannot be read.

    Raises:
        BadAnswer: the answer is an error.
        OtherNumber: it is about an order of another number.
    """
    stored = schemas.CreateResponse.parse(raise_for_error(body)).purchase_order.id
    need_number_echo("Exsited", stored, number)
    # The id proves that it was created; an odd field beside it is no reason to doubt that.
    with suppress(BadAnswer):
        source = schemas.OrderResponse.parse(body).purchase_order
        return _with_lines(source, source.lines or None, None, zone)
    with suppress(BadAnswer):
        return _convert_header(schemas.HeaderResponse.parse(body).purchase_order, zone)
    return PurchaseOrder(number=stored, vendor="", status="unknown", status_text="")


def check_cancelled(body: Any, number: str) -> None:
    """Check the answer to a cancel.

    Raises:
        BadAnswer: the answer is about an order of another number, or shows a status other than inactive.
    """
    source = schemas.CancelResponse.parse(raise_for_error(body)).purchase_order
    if not is_same_number(source.id, number, in_any_case=True):
        raise wrong_order("Exsited", source.id, number)
    # What a cancel answers is not documented, so only a status that contradicts it counts.
    if source.status is not None and status_of(source.status) != "cancelled":
        raise BadAnswer("Exsited says the order is not inactive.")


def combine(
    source: schemas.Order, receipts: Sequence[schemas.Receipt] | None, zone: tzinfo | None = UTC
) -> PurchaseOrder:
    """Combine an order with its item receipts. With None for the receipts, the received quantities are unknown."""
    received = None if receipts is None else _sum_receipts(receipts)
    return _with_lines(source, source.lines, received, zone)


def _with_lines(
    source: schemas.OrderHeader,
    lines: Sequence[schemas.Line] | None,
    received: Mapping[str, Decimal] | None,
    zone: tzinfo | None,
) -> PurchaseOrder:
    """Convert an order, with its lines unless they are None."""
    stored = _convert_header(source, zone)
    if lines is None:
        return stored
    found = tuple(_convert_line(line, place, received) for place, line in enumerate(lines, 1))
    return stored.model_copy(update={"lines": found, "line_count": len(found)})


def _describe_document(what: str, document_id: str | None) -> str:
    return f"it has {what} {document_id}" if document_id else f"it has {what} without an id"


def build_delete_snapshot(
    source: schemas.Order,
    invoices: Sequence[schemas.Invoice],
    receipts: Sequence[schemas.Receipt],
    zone: tzinfo | None = UTC,
) -> Snapshot:
    """Build the snapshot for a delete, with every document that forbids it.

    An order with receipts or invoices cannot be deleted (https://developer.exsited.com, Purchase Order DELETE).
    """
    blockers = [_describe_document("purchase invoice", invoice.id) for invoice in invoices]
    # The figures may count invoices that the client may not list; they forbid the delete, too.
    if not invoices and source.kpis and source.kpis.total_purchase_invoice:
        blockers.append("it has purchase invoices that are not listed")
    blockers += [_describe_document("item receipt", receipt.id) for receipt in receipts]
    return Snapshot(
        order=combine(source, receipts, zone),
        erp_id=source.uuid,
        version=source.version,
        blockers=tuple(blockers),
    )


def build_cancel_snapshot(
    source: schemas.Order, receipts: Sequence[schemas.Receipt] | None, zone: tzinfo | None = UTC
) -> Snapshot:
    """Build the snapshot for a cancel."""
    return Snapshot(order=combine(source, receipts, zone), erp_id=source.uuid, version=source.version)


def build_order_filter(status: Status | None) -> dict[str, str]:
    """Build the query of GET /purchase-orders that filters by status.

    Raises:
        InvalidInput: Exsited has no such status.
    """
    if status is None:
        return {}
    if status not in FILTERED:
        raise InvalidInput(
            f"Exsited has no status for {status} orders.",
            next_step="List open orders instead, then read them with get_purchase_order to see what was received.",
        )
    return {"filter": f"purchase-orders/status eq '{FILTERED[status]}'"}


def parse_orders_page(
    body: Any,
    offset: int,
    status: Status | None,
    zone: tzinfo | None = UTC,
    *,
    asked: int | None = None,
    in_full: bool = False,
) -> Page[PurchaseOrder]:
    """Parse a page of orders; None is an empty list. With `in_full`, the lines of the list are parsed, too.

    Raises:
        IgnoredFilter: the page is not filtered by the requested status.
    """
    if body is None:
        return Page((), None, None)
    found = paging.parse_page(parse_orders(body), schemas.ListedOrder, offset, asked)
    # An installation that ignores the filter would otherwise show cancelled orders as open ones.
    if status is not None and any(status_of(row.status) != status for row in found.rows):
        raise IgnoredFilter("Exsited ignored the status filter.")
    read = convert_with_listed_lines if in_full else convert_listed
    rows = tuple(read(row, zone) for row in found.rows)
    return found.with_rows(rows)


def convert_listed(source: schemas.ListedOrder, zone: tzinfo | None = UTC) -> PurchaseOrder:
    """Convert an order of the list."""
    count = None if source.lines is None else len(source.lines)
    return _convert_header(source, zone).model_copy(update={"line_count": count})


def convert_with_listed_lines(source: schemas.ListedOrder, zone: tzinfo | None = UTC) -> PurchaseOrder:
    """Convert an order of the list, with its lines where they can be parsed."""
    try:
        lines = None if source.lines is None else schemas.OrderLines.parse({"lines": source.lines}).lines
    except BadAnswer:
        lines = None
    return convert_listed(source, zone) if lines is None else _with_lines(source, lines, None, zone)


def parse_orders(body: Any) -> schemas.OrdersPage:
    """Parse a page of orders."""
    return schemas.OrdersPage.parse(raise_for_error(body))


def parse_accounts(body: Any) -> schemas.AccountsPage:
    """Parse a page of accounts."""
    return schemas.AccountsPage.parse(raise_for_error(body))


def parse_items(body: Any) -> schemas.ItemsPage:
    """Parse a page of items."""
    return schemas.ItemsPage.parse(raise_for_error(body))


def parse_account(body: Any, account_id: str | None) -> schemas.Account:
    """Parse the answer to a read of one account.

    Raises:
        BadAnswer: the answer is an error, or another account.
    """
    account = schemas.AccountResponse.parse(raise_for_error(body)).account
    if account.id != account_id:
        raise BadAnswer("Exsited answered about a different supplier.")
    return account


def parse_item(body: Any, item_id: str) -> schemas.Item:
    """Parse the answer to a read of one item.

    Raises:
        BadAnswer: the answer is an error, or another item.
    """
    item = schemas.ItemResponse.parse(raise_for_error(body)).item
    if item.id != item_id:
        raise BadAnswer("Exsited answered about a different item.")
    return item


def parse_warehouses(body: Any) -> tuple[tuple[schemas.Warehouse, ...], int]:
    """Parse the warehouses; return those with a name, and how many have none."""
    found, odd = schemas.Warehouse.parse_rows(schemas.WarehousesResponse.parse(raise_for_error(body)).rows)
    return found, len(odd)


def parse_invoices(body: Any) -> schemas.InvoicesPage:
    """Parse a page of an order's purchase invoices."""
    return schemas.InvoicesPage.parse(raise_for_error(body))


def parse_receipts(body: Any) -> schemas.ReceiptsPage:
    """Parse a page of an order's item receipts."""
    return schemas.ReceiptsPage.parse(raise_for_error(body))


def status_of(word: str | None) -> Status:
    """Return the status for Exsited's word, in any letter case; `unknown` for an undocumented one."""
    return _STATUS.get((word or "").strip().casefold(), "unknown")


def _convert_header(source: schemas.OrderHeader, zone: tzinfo | None) -> PurchaseOrder:
    return PurchaseOrder(
        number=source.id,
        vendor=source.vendor_id or "",
        vendor_id=source.vendor_id,
        status=status_of(source.status),
        status_text=source.status or "",
        ordered_at=days.to_local(source.issue_date, zone),
        expected_on=days.local_date(source.expected_completion_date, zone),
        currency=source.currency,
        total=source.total,
        odd=source.odd,
        reference=references.find_reference(source.note),
        note=source.note or "",
        created_at=source.created_on,
    )


def _convert_line(source: schemas.Line, place: int, received: Mapping[str, Decimal] | None) -> OrderLine:
    ordered_quantity, price = source.quantity_ordered, source.snapshot.pricing_rule
    arrived = None
    # Receipts name their lines by uuid. What is not said to be received is not 0.
    if received is not None and source.uuid is not None:
        arrived = received.get(source.uuid, Decimal(0))
    return OrderLine(
        line=place,
        item=source.item_id or source.item_uuid or "",
        description=source.item_name or source.description,
        quantity=ordered_quantity,
        unit=price.uom,
        received=arrived,
        outstanding=compute_outstanding(ordered_quantity, arrived),
        unit_price=price.price,
        line_total=source.total,
        warehouse=price.warehouse,
        other_ids=(source.item_uuid,) if source.item_uuid else (),
    )


def _sum_receipts(receipts: Iterable[schemas.Receipt]) -> Mapping[str, Decimal] | None:
    """Sum the received quantities by line uuid; None where a receipt lacks the line, the quantity or a known status."""
    total: dict[str, Decimal] = {}
    for receipt in receipts:
        status = receipt.receipt_status and receipt.receipt_status.casefold()
        if status == _NOT_RECEIVED:  # not received yet; `build_delete_snapshot` counts it as a blocker all the same
            continue
        # A list may leave out what its documents hold.
        if not receipt.receipts:
            return None
        for row in receipt.receipts:
            # A sum over some of the receipts would show fewer goods than arrived.
            if row.line_uuid is None or row.receipt_quantity is None or status not in _RECEIVED:
                return None
            total[row.line_uuid] = EXACT.add(total.get(row.line_uuid, Decimal(0)), row.receipt_quantity)
    return total


def _build_line(line: DraftLine) -> dict[str, Any]:
    """Build a line, with the price in the field that https://github.com/exsited/exsited-php uses."""
    # As text, like the vendor's own samples: a JSON number may be read as a float there.
    rule = {"price_type": "INCREMENTAL_PER_UNIT_PRICING", "price": plain(line.unit_price)}
    return {
        "item_id": line.item,
        "item_quantity": plain(line.quantity),
        "item_price_snapshot": {"pricing_rule": rule},
    }
