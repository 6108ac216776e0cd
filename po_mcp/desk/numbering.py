"""The number of a new order that was asked for without one: the next free one in the pattern of the latest orders."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from po_mcp.desk import Desk
from po_mcp.errors import InvalidInput, OrderNotFound
from po_mcp.orders import OrderQuery, PurchaseOrder, Vendor

_REACHES = (timedelta(days=92), timedelta(days=730), None)
"""How far back orders are read, to have some: a list of years is not read for a number."""
_LATEST = 50
_TRIED = 20
_ends_in_figures = re.compile(r"(.*?)([0-9]+)", re.ASCII | re.DOTALL)
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_VENDOR = "\0"


async def free_numbers(desk: Desk, vendor: Vendor) -> AsyncIterator[str]:
    """Yield the next numbers that neither the ERP nor an operation under way has, each looked up when its turn comes.

    Raises:
        InvalidInput: no order shows how numbers are made here.
        ERPError: the orders cannot be read.
    """
    orders = await _orders(desk)
    taken = {order.number for order in orders} | desk.journal.numbers_of_creates(desk.erp.connection)
    numbers = list(islice(following(orders, taken, vendor), _TRIED))
    if not numbers:
        raise InvalidInput(
            "No order shows how numbers are made here. Nothing was sent.",
            next_step="Ask the user for the new order's number and give it as number.",
        )
    for number in numbers:
        if await _is_free(desk, number):
            yield number


def following(orders: Sequence[PurchaseOrder], taken: Iterable[str], vendor: Vendor) -> Iterator[str]:
    """Yield the numbers after the highest, in the pattern that most of the latest orders have.

    Where numbers hold the vendor's id, they are made with that of this vendor.
    """
    latest = sorted(orders, key=lambda order: order.ordered_at or _BEGINNING, reverse=True)[:_LATEST]
    patterns = Counter(pattern for order in latest if (pattern := _pattern(order)) is not None)
    if not patterns:
        return
    prefix, width = patterns.most_common(1)[0][0]
    prefix = prefix.replace(_VENDOR, vendor.id or "")
    numbers = [order.number for order in orders] + list(taken)
    used = [int(number[len(prefix) :]) for number in numbers if _is_of(number, prefix)]
    highest = max(used, default=0)
    while True:
        highest += 1
        yield f"{prefix}{highest:0{width}d}"


def _pattern(order: PurchaseOrder) -> tuple[str, int] | None:
    """Return what stands before the last figures of the number, and how many figures these are."""
    found = _ends_in_figures.fullmatch(order.number)
    if found is None:
        return None
    prefix = found[1].replace(order.vendor_id, _VENDOR) if order.vendor_id else found[1]
    return prefix, len(found[2])


def _is_of(number: str, prefix: str) -> bool:
    rest = number[len(prefix) :]
    return number.startswith(prefix) and rest.isascii() and rest.isdecimal()


async def _orders(desk: Desk) -> Sequence[PurchaseOrder]:
    found: Sequence[PurchaseOrder] = ()
    for reach in _REACHES:
        begin = None if reach is None else desk.today() - reach
        found = (await desk.erp.scan_orders(OrderQuery(ordered_from=begin))).orders
        if found:
            break
    return found


async def _is_free(desk: Desk, number: str) -> bool:
    try:
        await desk.erp.get_order(desk.erp.valid_number(number))
    except OrderNotFound:
        return True
    return False
