"""The orders that are open or partly received, as many as are asked for."""

from __future__ import annotations

from dataclasses import dataclass

from po_mcp.desk import Desk
from po_mcp.orders import OrderQuery, PurchaseOrder, Status

_PAGE = 50
_OPEN: frozenset[Status] = frozenset({"open", "partial"})


@dataclass(frozen=True)
class OpenOrders:
    """Open and partly received orders, without their lines. `total_count` counts those that were left out, too.

    `complete` is False where some were left out, or where the ERP's list moved while it was read.
    """

    orders: tuple[PurchaseOrder, ...]
    total_count: int
    complete: bool


async def open_orders(desk: Desk, most: int) -> OpenOrders:
    """Return open and partly received orders, no fewer than `most` if there are so many."""
    desk.need("list")
    found: dict[str, PurchaseOrder] = {}
    offset, is_whole = 0, True
    while True:
        page = await desk.erp.list_orders(OrderQuery(status=_asked_for(desk), limit=_PAGE, offset=offset))
        found |= {order.number: order for order in page.orders}
        offset += _PAGE
        is_whole = is_whole and page.complete
        if not page.has_more or offset >= most:
            break
    complete = is_whole and len(found) == page.total_count
    return OpenOrders(orders=tuple(found.values()), total_count=page.total_count, complete=complete)


def _asked_for(desk: Desk) -> Status | None:
    """Ask for a status only where the ERP lists others, too: some have no filter, and read every order for one."""
    return None if desk.erp.listed <= _OPEN else "open"
