"""Prices that nobody gave: what the ERP knows, for a person to see. Never invented."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from po_mcp.desk.context import Desk
from po_mcp.desk.latest_orders import LatestOrders
from po_mcp.desk.listing import in_order
from po_mcp.desk.resolving import Found
from po_mcp.errors import BadAnswer, InvalidInput, NotPermitted, OrderNotFound
from po_mcp.orders import Item, OrderRequest, PurchaseOrder, Status, Vendor, plain
from po_mcp.untrusted import quote_text
from po_mcp.writes.comparison import is_of_vendor

_ORDERS_READ = 15
_BOUGHT: frozenset[Status] = frozenset({"open", "partial", "closed"})
"""Statuses of orders whose prices were agreed upon: not drafts, nor what was called off or deleted."""


@dataclass(frozen=True)
class Known:
    """A price of one `unit`, in a `currency`, as far as the ERP tells them, and where it is from, for the person."""

    price: Decimal
    source: str
    currency: str | None = None
    unit: str | None = None

    @property
    def shown(self) -> str:
        """Write the price with its currency and unit."""
        amount = " ".join(filter(None, [plain(self.price), self.currency]))
        return f"{amount} per {self.unit}" if self.unit else amount


async def prices(
    desk: Desk, asked: OrderRequest, found: Found, latest: LatestOrders | None = None
) -> Mapping[str, Known]:
    """Return a price for every item that was asked for without one, by its id.

    Args:
        desk: where.
        asked: the order as it was asked for.
        found: what its words mean.
        latest: the orders, where some were read already.

    Raises:
        InvalidInput: the ERP knows none; the text says of which item.
        ERPError: the orders cannot be read.
    """
    items = {item.id: item for item in found.items.values()}
    wanted = {found.items[line.item].id for line in asked.lines if line.unit_price is None}
    known = {name: listed for name in wanted if (listed := _listed(items[name])) is not None}
    if wanted - set(known):
        missing = {name: items[name] for name in wanted - set(known)}
        known |= await _last_paid(desk, found.vendor, missing, latest or LatestOrders(desk))
    if missing_names := sorted(wanted - set(known)):
        raise InvalidInput(
            f"No unit_price was given for {', '.join(map(quote_text, missing_names))}, and the ERP shows none that was "
            "paid to this vendor before. Nothing was sent.",
            next_step="Ask the user for the price.",
        )
    return known


def told(known: Mapping[str, Known]) -> list[str]:
    """Say where each price comes from."""
    return [
        f"Nobody gave the price of {quote_text(name, 40)}: {one.shown} is from {one.source}."
        for name, one in known.items()
    ]


def of_zero(asked: OrderRequest, found: Found) -> list[str]:
    """Say which items were asked for at a price of zero: a person must see them."""
    free = dict.fromkeys(found.items[line.item].id for line in asked.lines if line.unit_price == 0)
    return [f"The price of {quote_text(name, 40)} is 0: it is ordered for nothing." for name in free]


def _listed(item: Item) -> Known | None:
    if item.price is None or item.price <= 0:
        return None
    return Known(item.price, "the ERP's item list", unit=item.unit)


async def _last_paid(desk: Desk, vendor: Vendor, wanted: Mapping[str, Item], latest: LatestOrders) -> dict[str, Known]:
    """Look through this vendor's latest orders, and pass over those that cannot be read."""
    orders = [order for order in await latest.all() if is_of_vendor(order, vendor) and order.status in _BOUGHT]
    currency = _currency(vendor, orders)
    known: dict[str, Known] = {}
    for header in in_order(orders, "ordered", "desc")[:_ORDERS_READ]:
        if set(known) == set(wanted):
            break
        order = await _read(desk, header.number)
        if order is None or order.status not in _BOUGHT or not _is_in(order, currency):
            continue
        for name, price in _paid(order).items():
            if name in wanted:
                source = f"order {quote_text(order.number)}{_when(order)}"
                known.setdefault(name, Known(price, source, order.currency, wanted[name].unit))
    return known


async def _read(desk: Desk, number: str) -> PurchaseOrder | None:
    try:
        return await desk.erp.get_order(number)
    except (BadAnswer, InvalidInput, NotPermitted, OrderNotFound):
        return None


def _paid(order: PurchaseOrder) -> dict[str, Decimal]:
    """Return the price of each item; what is free or goes back has none, and the first of several counts."""
    prices: dict[str, Decimal] = {}
    for line in order.lines or ():
        if line.unit_price is not None and line.unit_price > 0 and line.quantity is not None and line.quantity > 0:
            prices.setdefault(line.item, line.unit_price)
    return prices


def _currency(vendor: Vendor, orders: Sequence[PurchaseOrder]) -> frozenset[str]:
    """Return the currency that a new order for this vendor will have; several where the ERP does not say which."""
    return frozenset([vendor.currency]) if vendor.currency else _currencies(orders)


def _currencies(orders: Iterable[PurchaseOrder]) -> frozenset[str]:
    return frozenset(order.currency for order in orders if order.currency)


def _is_in(order: PurchaseOrder, currency: frozenset[str]) -> bool:
    """Tell whether the order is in the one currency that a new one will have, as far as either is told."""
    return order.currency is None or not currency or currency == {order.currency}


def _when(order: PurchaseOrder) -> str:
    return f" of {order.ordered_at:%Y-%m-%d}" if order.ordered_at else ""
