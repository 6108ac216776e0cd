"""The open and partly received orders, up to a number of them."""

from __future__ import annotations

from dataclasses import dataclass

from po_mcp.desk.context import Desk
from po_mcp.desk.list_orders import add_vendor_names
from po_mcp.desk.listing import AWAITING_GOODS
from po_mcp.orders import OrderQuery, PurchaseOrder, Status


@dataclass(frozen=True)
class OpenOrders:
    """Open and partly received orders, without their lines. `total_count` includes orders that were not read.

    `complete` is False if some were not read or are in a status that is not known here, or if the ERP's list changed
    meanwhile.
    """

    orders: tuple[PurchaseOrder, ...]
    total_count: int
    complete: bool


async def read_open_orders(desk: Desk, max_orders: int) -> OpenOrders:
    """Return open and partly received orders, no fewer than `max_orders` if there are so many."""
    desk.require("list")
    # The status is checked again below: not every ERP has this filter, and some let partly received orders through.
    scan = await desk.erp.scan_orders(OrderQuery(status=_status_filter(desk), max_orders=max_orders))
    found = tuple(await add_vendor_names(desk, [order for order in scan.orders if order.status in AWAITING_GOODS]))
    others = scan.read - len(found)
    unknown = scan.unknown or [order for order in scan.orders if order.status == "unknown"]
    return OpenOrders(
        orders=found,
        total_count=max((scan.total or scan.read) - others, len(found)),
        complete=scan.complete and not unknown,
    )


def _status_filter(desk: Desk) -> Status | None:
    """Return the status to filter by; None if the ERP lists no other orders: some have no such filter."""
    return None if desk.erp.listed_statuses <= AWAITING_GOODS else "open"
