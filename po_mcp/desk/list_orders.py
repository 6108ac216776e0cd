"""Reading orders: a page of those that match with sums of all, or one order with its lines."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import anyio
from pydantic import Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from po_mcp.desk.context import Desk
from po_mcp.desk.listing import ListRequest, Summary, sort_orders, summarize
from po_mcp.desk.receipts import Receipts
from po_mcp.erp import Progress
from po_mcp.errors import BadAnswer, ERPError, InvalidInput, OrderNotFound, Refused
from po_mcp.orders import OrderQuery, OrderScan, PurchaseOrder, Vendor
from po_mcp.writes.order_text import count
from po_mcp.writes.order_text import number as order_number

if TYPE_CHECKING:
    from po_mcp.desk.overdue import Chosen

DEFAULT_LIMIT = 25
MAX_LIMIT = 50
_MAX_OFFSET = 1_000_000
_cursor = re.compile(r"([0-9]{1,7})-([0-9]{1,2})-([0-9a-f]{6})", re.ASCII)
_VENDOR_NAMES_TIMEOUT_S = 5.0
"""How long a list, or a question to a person, waits for vendors' names."""
_SIMILAR_NUMBERS_TIMEOUT_S = 10.0
"""How long the answer about a missing number waits for the list of similar ones."""
_MAX_UNREADABLE = 5
"""Orders that cannot be read of which a list gives the numbers."""
_SCAN_CACHE_S = 120.0
"""How long the orders read for a first page serve the pages after it."""


class OrderList(Summary):
    """A page of orders, with the sums of all that match; `next_cursor` fetches what follows.

    `complete` is false where the ERP's list moved while it was read, is longer than is read, or has rows that
    cannot be read: then count and sums may be short, and `note` says what is missing.
    """

    orders: Annotated[
        tuple[PurchaseOrder, ...],
        WithJsonSchema(
            {"type": "array", "items": {"type": "object"}, "description": "As get_purchase_order, without lines"}
        ),
    ]
    has_more: bool
    next_cursor: str | None = None
    complete: bool = True
    note: str | None = None
    # Not published: the place of the first order of this page among all that match.
    begins_at: Annotated[SkipJsonSchema[int], Field(exclude=True)] = 0


async def list_orders(
    desk: Desk, request: ListRequest, limit: int | None, cursor: str | None, progress: Progress | None = None
) -> OrderList:
    """Return a page of the orders that match, with the count and sums of all of them.

    Raises:
        InvalidInput: the dates are the wrong way round, the ERP does not list this status, or the cursor is not
            one of this query.
    """
    desk.require("list")
    if request.ordered_from and request.ordered_to and request.ordered_from > request.ordered_to:
        raise InvalidInput("ordered_from is after ordered_to.", next_step="Swap them.")
    # All matches are read, not only the page: count and sums must not depend on the page that is shown.
    offset, size = _read_cursor(cursor, request, limit)
    scan, receipts = await _scan(desk, request, offset > 0, progress)
    chosen = await _filter_orders(desk, request, scan, receipts, progress)
    found = chosen.orders
    # Sorted here, and not by the ERP: each of them sorts by other fields, and some by none.
    page = sort_orders(found, request.sort, request.direction)[offset : offset + size]
    more = len(found) > offset + size
    return OrderList(
        **summarize(found).model_dump(),
        orders=tuple(page),
        has_more=more,
        next_cursor=_write_cursor(offset + size, size, request) if more else None,
        complete=scan.complete and chosen.complete,
        note=" ".join([*chosen.notes, *_explain_gaps(scan, desk.erp.title)]) or None,
        begins_at=offset,
    )


async def get_order(desk: Desk, number: str) -> PurchaseOrder:
    """Return one order with its lines; the case of the number does not count.

    Raises:
        OrderNotFound: no such order; the text names similar numbers.
    """
    desk.require("get")
    number = desk.erp.check_number(number)
    try:
        order = await desk.erp.get_order(number, in_any_case=True)
    except OrderNotFound as exc:
        raise await name_similar(desk, number, exc) from None
    return (await add_vendor_names(desk, [order]))[0]


async def name_similar(desk: Desk, number: str, missing: OrderNotFound) -> ERPError:
    """Return the error that there is no such order, with the numbers that may be meant.

    Where the list does not bear it out, another: it has the order, or whoever answered has no list either.
    """
    try:
        orders = await _read_list_in_time(desk)
    except ERPError:
        title, which = desk.erp.title, order_number(number)
        return BadAnswer(
            f"Whether there is an order {which} is not known: {title}, or something before it, finds neither it nor "
            "the list of orders.",
            next_step="Try again later. If it keeps failing, your administrator must check PO_MCP_BASE_URL "
            "(po-mcp doctor).",
        )
    if any(order.number == number for order in orders):
        return BadAnswer(
            f"{desk.erp.title} lists order {order_number(number)}, and answers that it is not found.",
            next_step=f"Try again. If it keeps failing, open it in {desk.erp.title} itself.",
        )
    from po_mcp.desk.similar_numbers import find_similar_numbers  # late, for a quick start

    similar = find_similar_numbers(number, orders)
    meant = " or ".join(dict.fromkeys(map(order_number, similar)))
    return OrderNotFound(missing.what, next_step=f"Did you mean {meant}?") if similar else missing


async def _read_list_in_time(desk: Desk) -> Sequence[PurchaseOrder]:
    """Return the orders of the list; none where it cannot be read in time.

    Raises:
        Refused, BadAnswer: it was answered with what is no list, as by a gateway that says "not found" to everything.
    """
    if "list" not in desk.erp.capabilities:
        return ()
    # The numbers are a courtesy: neither a missing right nor a slow ERP may replace the answer "no such order".
    with anyio.move_on_after(_SIMILAR_NUMBERS_TIMEOUT_S):
        try:
            return (await desk.erp.scan_orders(OrderQuery())).orders
        except (Refused, BadAnswer):
            raise
        except ERPError:
            return ()
    return ()


async def add_vendor_names(desk: Desk, orders: Sequence[PurchaseOrder]) -> list[PurchaseOrder]:
    """Return the orders with vendors' names in the place of ids; an id stays where its name cannot be read in time."""
    names: dict[str | None, str] = {}
    # Only some ERPs show an id in the place of the name; for the others no list is read.
    if any(order.vendor == order.vendor_id for order in orders):
        with anyio.move_on_after(_VENDOR_NAMES_TIMEOUT_S):
            vendors = await _list_vendors(desk)
            names = {other: vendor.name for vendor in vendors for other in vendor.other_ids}
            names |= {vendor.id: vendor.name for vendor in vendors}
    return [
        order.model_copy(update={"vendor": names.get(order.vendor_id, order.vendor)})
        if order.vendor == order.vendor_id
        else order
        for order in orders
    ]


async def _scan(
    desk: Desk, request: ListRequest, is_later_page: bool, progress: Progress | None
) -> tuple[OrderScan, dict[str, Receipts]]:
    """Read every order of the query; pages after the first take what was read for it a few minutes ago.

    The second of the pair is what is known of the receipts of these orders, by number, and is added to.
    """
    # Vendor and overdue are no part of the query: pages with other filters can share the scan.
    query = OrderQuery(status=request.status, ordered_from=request.ordered_from, ordered_to=request.ordered_to)
    kept = desk.scans.get(query)
    if is_later_page and kept is not None and time.monotonic() - kept[0] < _SCAN_CACHE_S:
        return kept[1:]
    scan = await desk.erp.scan_orders(query, progress)
    receipts: dict[str, Receipts] = {}
    desk.scans.clear()  # one scan is enough: a conversation pages through one list at a time
    desk.scans[query] = time.monotonic(), scan, receipts
    return scan, receipts


async def _filter_orders(
    desk: Desk, request: ListRequest, scan: OrderScan, receipts: dict[str, Receipts], progress: Progress | None
) -> Chosen:
    """Apply the filters that the ERP does not have; return the orders, and notes on how they were chosen."""
    from po_mcp.desk.overdue import Chosen, describe_odd, describe_unknown, describe_without_day, find_overdue  # late

    notes: list[str] = []
    unnamed: list[PurchaseOrder] = []
    every = (scan.orders, scan.unknown, scan.undated)
    found, unknown, undated = [await add_vendor_names(desk, orders) for orders in every]
    # The caller's words are matched here, typos and codes included, in the same way for every ERP.
    if request.vendor is not None:
        from po_mcp.desk.vendor_filter import VendorFilter, describe_unnamed  # late, for a quick start

        listed = [*found, *unknown]
        meant = VendorFilter(request.vendor, await _list_vendors(desk), listed)
        unnamed = meant.find_unnamed([*listed, *undated])
        found, unknown, undated = meant.pick(found), meant.pick(unknown), meant.pick(undated)
        none = "" if found or unknown else meant.describe_none(listed)
        notes += [*(note for note in (meant.note, none) if note), *describe_unnamed(unnamed)]
    notes += describe_without_day(undated)
    odd = [order for order in (*found, *unknown, *undated) if order.odd]
    notes += describe_odd(odd)
    # A sum lacks such a total, and nobody knows whether such an order is overdue.
    counted = {"total", "expected date"} if request.overdue else {"total"}
    left_out = undated or unnamed or any(one.field in counted for order in odd for one in order.odd)
    if request.overdue:
        shown = sort_orders([*found, *unknown], request.sort, request.direction)
        overdue = await find_overdue(desk, shown, receipts, _go_on(progress, scan.read))
        return Chosen(overdue.orders, [*notes, *overdue.notes], overdue.complete and not left_out)
    return Chosen(found, [*notes, *describe_unknown(unknown)], not (unknown or left_out))


def _go_on(progress: Progress | None, begin: int) -> Progress | None:
    """Return a progress that counts on from what was read before."""
    if progress is None:
        return None

    async def report(read: int, of: int | None) -> None:
        await progress(begin + read, None if of is None else begin + of)

    return report


async def _list_vendors(desk: Desk) -> Sequence[Vendor]:
    # Names make a list easier to read; without them it is still right.
    if "catalog" not in desk.erp.capabilities:
        return ()
    try:
        return await desk.catalog.vendors()
    except ERPError:  # the vendor names that stand in the orders are searched instead
        return ()


def _explain_gaps(scan: OrderScan, erp: str) -> list[str]:
    gaps = []
    if scan.unreadable:
        which = _name_unreadable(scan)
        gaps.append(
            f"{count(scan.unreadable, 'row')} of the list could not be read{which}; counts and totals leave them out."
        )
    if scan.is_cut:
        gaps.append(_explain_cut(scan, erp))
    # One reason is enough: a list that was cut, or has bad rows, is incomplete in any case.
    elif not scan.complete and not scan.unreadable:
        gaps.append(_explain_incomplete(scan, erp))
    return gaps


def _explain_incomplete(scan: OrderScan, erp: str) -> str:
    if scan.total is None:
        return f"{erp}'s pages do not follow one another, so an order may be missing."
    if scan.moved or scan.total == scan.read:
        return "The list changed while it was being read; an order may be missing or outdated."
    if scan.total > scan.read:
        return f"{erp} counts {scan.total} orders and gave {scan.read}; counts and totals cover those."
    return f"{erp} counts {scan.total} orders and gave {scan.read}, so how many there are is not certain."


def _explain_cut(scan: OrderScan, erp: str) -> str:
    of = f" of {scan.total}" if scan.total is not None and scan.total > scan.read else ""
    if not scan.cut_by:
        return f"Only {scan.read}{of} orders could be read; counts and totals cover those. Narrow the dates."
    return (
        f"Only {scan.read}{of} orders could be read: {scan.cut_by} Counts and totals cover those. "
        f"Look for the rest in {erp} itself."
    )


def _name_unreadable(scan: OrderScan) -> str:
    """Name the orders that could not be read, in brackets: somebody must look at them in the ERP."""
    named = [order_number(one) for one in scan.unreadable_numbers]
    if not named:
        return ""
    rest = scan.unreadable - len(named[:_MAX_UNREADABLE])
    return f" ({', '.join([*named[:_MAX_UNREADABLE], *([f'and {rest} more'] if rest > 0 else [])])})"


def _write_cursor(offset: int, size: int, request: ListRequest) -> str:
    """Return the cursor of a page: offset, size and the digest of its query, in few tokens."""
    # The digest binds the cursor to its query: an offset into other orders would silently skip some.
    return f"{offset}-{size}-{_digest_query(request)}"


def _read_cursor(cursor: str | None, request: ListRequest, limit: int | None) -> tuple[int, int]:
    """Return offset and limit of a page, from the cursor if one is given.

    Raises:
        InvalidInput: the cursor was not made for this query.
    """
    if cursor is None:
        return 0, limit or DEFAULT_LIMIT
    if (written := _cursor.fullmatch(cursor)) is None:
        raise _cursor_error()
    offset, size = int(written[1]), int(written[2])
    # The size is the cursor's own: another limit on a later page would skip orders, or show some twice.
    fits = 0 < offset <= _MAX_OFFSET and 0 < size <= MAX_LIMIT
    if not fits or offset % size or written[3] != _digest_query(request) or limit not in (None, size):
        raise _cursor_error()
    return offset, size


def _digest_query(request: ListRequest) -> str:
    return hashlib.sha256(request.model_dump_json().encode()).hexdigest()[:6]


def _cursor_error() -> InvalidInput:
    return InvalidInput(
        "This cursor belongs to another query.",
        next_step="Use next_cursor unchanged with the same arguments, or leave it out to start over.",
    )
