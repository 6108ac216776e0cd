"""The orders of one status: what the filter gives, held against the list without a filter.

The vendor's page gives the values ACTIVE, INACTIVE, DELETED and DRAFT, and an example with another one, 'OPEN'
(https://developer.exsited.com, Purchase Order GET). An installation that knows a value by another word, or a status
more, answers with fewer orders, which looks like a short list. So the filter's word is not taken alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from po_mcp.concurrency import map_concurrently
from po_mcp.connectors.exsited import translate
from po_mcp.errors import BadAnswer, IgnoredFilter, Refused
from po_mcp.orders import OrderScan, Status

ReadScan = Callable[[Status | None], Awaitable[OrderScan]]
"""Reads the orders of a status, or those of the list without a filter."""
CountRows = Callable[[Status | None], Awaitable[int | None]]
"""Returns how many orders of a status the ERP counts, or how many in all; None where it does not say."""

_MOST_TO_READ = 500
"""A list of so many orders is read as quickly as the proof is made that it need not be."""


async def scan_status(status: Status, read: ReadScan, count: CountRows) -> OrderScan:
    """Return a scan that has every order of the status, beside others; a status that is not known, too.

    Raises:
        ERPError: the list cannot be read.
    """
    try:
        filtered = await read(status)
    except (IgnoredFilter, Refused):  # this installation filters otherwise, or not at all
        return await read(None)
    if await _has_every_order(filtered, status, count):
        return filtered
    # The filter may give orders that the list hides, such as deleted ones.
    return _join(await read(None), filtered)


async def _has_every_order(filtered: OrderScan, status: Status, count: CountRows) -> bool:
    """Tell whether the orders of the status and those of each other one are all that there are."""
    if filtered.total is None or not filtered.complete:
        return False
    total = await count(None)
    if total is None or total <= _MOST_TO_READ:
        return False
    try:
        others = await map_concurrently(count, [other for other in translate.FILTERED if other != status])
    except (BadAnswer, Refused):
        return False
    return None not in others and total == filtered.total + sum(filter(None, others))


def _join(whole: OrderScan, filtered: OrderScan) -> OrderScan:
    """Return the whole list with the orders that the filter alone gave."""
    listed = {order.number for order in whole.orders}
    hidden = tuple(order for order in filtered.orders if order.number not in listed)
    return whole.model_copy(
        update={
            "orders": whole.orders + hidden,
            "read": whole.read + len(hidden),
            "total": None if whole.total is None else whole.total + len(hidden),
            "complete": whole.complete and filtered.complete,
        }
    )
