"""Prices that nobody gave: what the ERP knows, for a person to see. Never invented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from po_mcp.desk import Desk
from po_mcp.desk.listing import in_order
from po_mcp.desk.resolving import Found
from po_mcp.errors import InvalidInput
from po_mcp.orders import AskedOrder, OrderQuery, PurchaseOrder, Vendor, plain
from po_mcp.untrusted import quoted
from po_mcp.writes.observation import is_from

_ORDERS_READ = 15


@dataclass(frozen=True)
class Known:
    """A price, and where it comes from, in words for the person."""

    price: Decimal
    source: str


async def prices(desk: Desk, asked: AskedOrder, found: Found) -> Mapping[str, Known]:
    """Return a price for every item that was asked for without one, by its id.

    Raises:
        InvalidInput: the ERP knows none; the text says of which item.
        ERPError: the orders cannot be read.
    """
    wanted = {found.items[line.item].id for line in asked.lines if line.unit_price is None}
    listed = {item.id: item.price for item in found.items.values()}
    known = {name: Known(price, "the ERP's item list") for name in wanted if (price := listed.get(name)) is not None}
    if wanted - set(known):
        known |= await _last_paid(desk, found.vendor, wanted - set(known))
    if missing := sorted(wanted - set(known)):
        raise InvalidInput(
            f"No unit_price was given for {', '.join(map(quoted, missing))}, and the ERP shows none that was paid "
            "to this vendor before. Nothing was sent.",
            next_step="Ask the user for the price.",
        )
    return known


def told(known: Mapping[str, Known]) -> list[str]:
    """Say where each price comes from."""
    return [
        f"Nobody gave the price of {quoted(name, 40)}: {plain(one.price)} is from {one.source}."
        for name, one in known.items()
    ]


async def _last_paid(desk: Desk, vendor: Vendor, wanted: set[str]) -> dict[str, Known]:
    """Look through this vendor's latest orders."""
    scan = await desk.erp.scan_orders(OrderQuery())
    of_vendor = [order for order in scan.orders if is_from(order, vendor)]
    known: dict[str, Known] = {}
    for header in in_order(of_vendor, "ordered", "desc")[:_ORDERS_READ]:
        order = await desk.erp.get_order(header.number)
        for line in order.lines or ():
            if line.item in wanted and line.item not in known and line.unit_price is not None:
                known[line.item] = Known(line.unit_price, f"order {quoted(order.number)}{_when(order)}")
        if len(known) == len(wanted):
            break
    return known


def _when(order: PurchaseOrder) -> str:
    return f" of {order.ordered_at:%Y-%m-%d}" if order.ordered_at else ""
