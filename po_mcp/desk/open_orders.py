"""The orders that are open or partly received, as many as are asked for."""

from __future__ import annotations

from dataclasses import dataclass

from po_mcp.desk.context import Desk
from po_mcp.desk.list_orders import with_names
from po_mcp.desk.listing import TO_COME
from po_mcp.orders import OrderQuery, PurchaseOrder, Status


@dataclass(frozen=True)
class OpenOrders:
    """Open and partly received orders, without their lines. `total_count` counts those that were left out, too.

    `complete` is False where some were left out, or where the ERP's list moved while it was read.
    """

    orders: tuple[PurchaseOrder, ...]
    total_count: int
    complete: bool


async def open_orders(desk: Desk, max_orders: int) -> OpenOrders:
    """Return open and partly received orders, no fewer than `max_orders` if there are so many."""
    desk.need("list")
    scan = await desk.erp.scan_orders(OrderQuery(status=_asked_for(desk), max_orders=max_orders))
    found = tuple(await with_names(desk, [order for order in scan.orders if order.status in TO_COME]))
    return OpenOrders(orders=found, total_count=scan.total or len(found), complete=scan.complete)


def _asked_for(desk: Desk) -> Status | None:
    """Ask for a status only where the ERP lists others, too: some have no filter for it."""
    return None if desk.erp.listed_statuses <= TO_COME else "open"
