"""Translation between Inventory Pro's JSON and the records of `orders`: request bodies and answers. No I/O."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, TypeVar

from po_mcp.amounts import EXACT, compute_outstanding
from po_mcp.connectors import days
from po_mcp.connectors.inventory_pro import schemas
from po_mcp.connectors.inventory_pro.error_body import is_error
from po_mcp.connectors.numbers import is_number_echo, is_same_number, need_number_echo, wrong_order
from po_mcp.connectors.pages import Page
from po_mcp.errors import BadAnswer, InvalidInput
from po_mcp.orders import DraftLine, Finalized, OrderDraft, OrderLine, OrderQuery, PurchaseOrder, Status, Vendor
from po_mcp.untrusted import quote_text

R = TypeVar("R", bound=schemas.ErpModel)

MAX_ORDERS_PER_PAGE = 50
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


def check_draft(draft: OrderDraft) -> None:
    """Raise `InvalidInput` for a draft that lacks a required field or has one that Inventory Pro cannot store."""
    # Refused and not dropped: the buyer would believe that it reaches the vendor.
    if draft.expected_on is not None:
        raise _cannot_store("expected_on")
    if draft.note is not None:
        raise _cannot_store("note")
    _require_vendor_id(draft.vendor)
    for place, line in enumerate(draft.lines, 1):
        _require_warehouse_id(line, place)


def build_order(draft: OrderDraft) -> dict[str, Any]:
    """Build the body of POST /PurchaseOrder, with quantities and prices as JSON numbers."""
    check_draft(draft)
    lines = [
        {
            "shortID": line.item,
            "units": line.quantity,
            "unitPrice": line.unit_price,
            "warehouse": _require_warehouse_id(line, place),
        }
        for place, line in enumerate(draft.lines, 1)
    ]
    return {"vendorID": _require_vendor_id(draft.vendor), "poNumber": draft.number, "lines": lines}


def build_finalize(number: str, create_backorder: bool) -> dict[str, Any]:
    """Build the body of POST /PurchaseOrder/Finalize. Both fields are required."""
    return {"poNumber": number, "createBackorder": create_backorder}


def build_order_dates(query: OrderQuery, zone: tzinfo | None = UTC) -> dict[str, str]:
    """Build the query of GET /PurchaseOrder that filters by date.

    The range covers the days both in the company's zone and in UTC. A bound beyond the calendar is left out.
    """
    # An ERP may write a date as midnight in either zone; a range in one zone would miss orders at its ends.
    params: dict[str, str] = {}
    with contextlib.suppress(OverflowError):
        if query.ordered_from is not None:
            params["startDate"] = _format_moment(days.start_of_day(query.ordered_from, zone), "seconds")
    with contextlib.suppress(OverflowError):
        if query.ordered_to is not None:
            params["endDate"] = _format_moment(days.end_of_day(query.ordered_to, zone), "milliseconds")
    return params


def check_status(status: Status | None) -> None:
    """Raise `InvalidInput` for a status whose orders are not in the list."""
    if status not in (None, "open", "partial"):
        raise InvalidInput(
            f"Inventory Pro lists only open and partly received orders, so {status} orders cannot be listed.",
            next_step="get_purchase_order can read any order by its number.",
        )


def parse_orders_page(body: Any, params: Mapping[str, str | int], zone: tzinfo | None = UTC) -> Page[PurchaseOrder]:
    """Parse a page of orders; None is an empty list."""
    if body is None:
        return Page((), None, None)
    found = parse_page(body, schemas.OrderHeader, params)
    rows = tuple(convert_header(row, zone) for row in found.rows)
    return found.with_rows(rows)


def parse_page(body: Any, row: type[R], params: Mapping[str, str | int]) -> Page[R]:
    """Parse one page of any list.

    A page may be shorter than requested, since the ERP caps the size, or longer, where it ignores that. Without
    `hasMore` the total decides whether a page follows; without a total, the next page will be empty.

    A later page that is empty ends the list, whatever it says of more: some counts hold rows that no page has, and what
    is missing is counted (`RowCollector`).

    Raises:
        BadAnswer: the first page has no rows before the end of the list.
    """
    page = schemas.Page.parse(body)
    place, asked = int(params["page"]), int(params["pageSize"])
    if page.has_more and not page.value and place == 1:
        raise BadAnswer("Inventory Pro returned a different page than requested.")
    found, odd = row.parse_rows(page.value)
    total = _find_total(page, place)
    more = _has_more(page, place, total) and bool(page.value)
    next_start = place + 1 if more or (more is None and page.value) else None
    is_full, is_other = len(page.value) >= asked, page.page not in (None, place)
    # Any other number below the rows is a count that is wrong, and makes the list uncertain.
    told = None if total is None and page.total_count in (0, len(page.value)) else page.total_count
    return Page(found, next_start, told, len(odd), more is not None, row.name_rows(odd), is_full, is_other)


def _find_total(page: schemas.Page, place: int) -> int | None:
    """Return what a page counts; None where it counts nothing, or fewer rows than there are up to its end."""
    end = (place - 1) * (page.page_size or len(page.value)) + len(page.value)
    return None if page.total_count is None or page.total_count < end else page.total_count


def _has_more(page: schemas.Page, place: int, total: int | None) -> bool | None:
    """Tell whether a page follows, None where the page does not show it."""
    # Where pages are shorter than asked for, a page that is full by its own measure may end nothing.
    is_capped = 0 < (page.page_size or 0) <= len(page.value)
    if page.has_more is not None or total is None:
        is_doubtful = page.has_more is False and is_capped and page.total_count is not None and total is None
        return None if is_doubtful else page.has_more
    if is_capped and place == 1 and total == len(page.value):  # it may count the rows of the page
        return None
    # A page that is shorter than asked for may be the last, or all that the ERP gives at once.
    if page.page_size:
        return (place - 1) * page.page_size + len(page.value) < total and bool(page.value)
    return None if place > 1 or len(page.value) < total else False


def parse_vendor(body: Any, wanted: Vendor) -> schemas.Vendor:
    """Parse the answer to a read of one vendor.

    Raises:
        BadAnswer: the answer is an error, or another vendor.
    """
    row = schemas.Vendor.parse(_raise_for_error(body))
    is_wanted = row.short_id == wanted.code if wanted.code else str(row.vendor_id) == wanted.id
    if not is_wanted or (row.name or row.short_id) is None:
        raise BadAnswer("Inventory Pro answered about a different vendor.")
    return row


def parse_found_items(body: Any, item_id: str) -> tuple[schemas.Item, ...]:
    """Parse the answer to a search for the item of an id: a page, one item, or None; return the item, or nothing.

    Raises:
        BadAnswer: the answer is an error, or other items alone, so that the search was ignored.
    """
    if body is None:
        return ()
    is_page = isinstance(body, Mapping) and "value" in body
    rows = schemas.Page.parse(body).value if is_page else (_raise_for_error(body),)
    found, odd = schemas.Item.parse_rows(rows)
    wanted = tuple(row for row in found if row.short_id == item_id)[:1]
    # A search that the ERP ignores answers with the first page of everything.
    if not wanted and (found or odd):
        raise BadAnswer("Inventory Pro answered about a different item.")
    return wanted


def parse_order(body: Any, number: str, zone: tzinfo | None = UTC, *, in_any_case: bool = False) -> PurchaseOrder:
    """Parse the answer to a read of one order.

    Raises:
        BadAnswer: the answer is an error, an order of another number, or has a line that cannot be read.
    """
    source = schemas.Order.parse_order(_raise_for_error(body))
    _check_same_number(source.po_no, number, in_any_case=in_any_case)
    return _with_lines(source, source.lines, zone)


def _with_lines(
    source: schemas.OrderHeader, lines: Sequence[schemas.Line] | None, zone: tzinfo | None
) -> PurchaseOrder:
    """Convert an order, with its lines unless they are None."""
    stored = convert_header(source, zone)
    if lines is None:
        return stored
    # Where the header counts more lines than came, the rest was kept back, and nothing is known of it.
    count = max(len(lines), source.total_lines or 0)
    return stored.model_copy(update={"lines": tuple(map(_convert_line, lines)), "line_count": count})


def convert_header(source: schemas.OrderHeader, zone: tzinfo | None = UTC) -> PurchaseOrder:
    """Convert an order without its lines."""
    return PurchaseOrder(
        number=source.po_no,
        vendor=source.vendor or "",
        status=status_of(source.status),
        status_text=source.status or "",
        ordered_at=days.to_local(source.order_date, zone),
        expected_on=days.local_date(source.expected_date, zone),
        line_count=source.total_lines,
        total=source.total_value,
        odd=source.odd,
    )


def parse_created(body: Any, number: str, zone: tzinfo | None = UTC) -> PurchaseOrder:
    """Parse the answer to a create: the stored order, or its number only where the rest cannot be read.

    Raises:
        BadAnswer: the answer is an error.
        OtherNumber: it is about an order of another number.
    """
    stored = schemas.OrderNumber.parse(_raise_for_error(body)).po_no
    # Under another number it would be asked for again, and created twice.
    need_number_echo("Inventory Pro", stored, number)
    try:
        source = schemas.Order.parse(body)
    except BadAnswer:
        # The number proves that it was created; what else stands in the answer is read again anyway.
        return PurchaseOrder(number=stored, vendor="", status="unknown", status_text="")
    return _with_lines(source, source.lines or None, zone)


def parse_finalized(body: Any, number: str) -> Finalized:
    """Parse the answer to a finalize.

    Raises:
        BadAnswer: the answer is about another order, the order is not closed, or its backorder cannot be what it says.
    """
    source = schemas.FinalizeResponse.parse(_raise_for_error(body))
    _check_same_number(source.po_no, number, in_any_case=True)
    if status_of(source.status) != "closed":
        raise BadAnswer("Inventory Pro says the order is not closed.")
    # The backorder's number is all that the user gets to find the rest of the goods.
    if source.backorder_created and not source.backorder_po_no:
        raise BadAnswer("Inventory Pro created a backorder without giving its number.")
    if source.backorder_created is False and source.backorder_po_no:
        raise BadAnswer("Inventory Pro says that it created no backorder, and names one.")
    # What is left of an order is on another one: where this one is named, nothing says what became of it.
    if source.backorder_po_no and is_number_echo(source.backorder_po_no, source.po_no):
        raise BadAnswer("Inventory Pro names the order as its own backorder.")
    tells_backorder = source.backorder_created is not None or bool(source.backorder_po_no)
    return Finalized(
        status_text=source.status, backorder_number=source.backorder_po_no or None, tells_backorder=tells_backorder
    )


def status_of(word: str | None) -> Status:
    """Return the status for Inventory Pro's word, in any letter case; `unknown` for an undocumented one."""
    return _STATUS.get((word or "").strip().casefold(), "unknown")


def _raise_for_error(body: Any) -> Any:
    """Return the body of a 2xx; raise `BadAnswer` where it is an error."""
    if is_error(body):
        raise BadAnswer("Inventory Pro answered with an error.")
    return body


def _check_same_number(echoed: str, number: str, *, in_any_case: bool) -> None:
    if not is_same_number(echoed, number, in_any_case=in_any_case):
        raise wrong_order("Inventory Pro", echoed, number)


def _convert_line(source: schemas.Line) -> OrderLine:
    price, ordered, received = source.unit_price, source.units, source.units_received
    return OrderLine(
        line=source.line_no,
        item=source.short_id or "",
        description=source.description,
        quantity=ordered,
        received=received,
        outstanding=compute_outstanding(ordered, received),
        unit_price=price,
        line_total=None if price is None or ordered is None else EXACT.multiply(ordered, price),
        warehouse=source.warehouse,
        warehouse_name=source.warehouse_name,
    )


def _format_moment(moment: datetime, timespec: str) -> str:
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")


def _require_vendor_id(vendor: Vendor) -> int:
    if vendor.id is None:
        raise InvalidInput(
            f"{quote_text(vendor.name)} has no vendor id in po-mcp, so it cannot be ordered from yet.",
            effect="nothing_sent",
            next_step="Your administrator can add it to the file named by PO_MCP_VENDOR_IDS.",
        )
    if not _INTEGER.fullmatch(vendor.id):
        raise InvalidInput("The vendor id must be a whole number in Inventory Pro.", effect="nothing_sent")
    return int(vendor.id)


def _require_warehouse_id(line: DraftLine, place: int) -> int:
    if line.warehouse is None or not _INTEGER.fullmatch(line.warehouse):
        raise InvalidInput(f"Line {place} needs a warehouse (name or id).", effect="nothing_sent")
    return int(line.warehouse)


def _cannot_store(argument: str) -> InvalidInput:
    return InvalidInput(
        f"Inventory Pro cannot store {argument} on a new order.",
        effect="nothing_sent",
        next_step="Leave it out and mention that.",
    )
