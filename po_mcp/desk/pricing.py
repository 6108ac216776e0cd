"""Prices for lines without one: the item list's, else the last one paid. A person sees each; none is invented."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from po_mcp.desk.catalog import Kind, format_entry
from po_mcp.desk.context import Desk
from po_mcp.desk.exactness import fold_case_and_blanks, normalize_blanks
from po_mcp.desk.latest_orders import LatestOrders
from po_mcp.desk.listing import sort_orders
from po_mcp.desk.resolution import ResolvedOrder
from po_mcp.desk.vendor_names import has_same_company
from po_mcp.errors import BadAnswer, ERPError, InvalidInput, NotPermitted, OrderNotFound
from po_mcp.orders import Item, OrderLine, OrderRequest, PurchaseOrder, Status, Vendor
from po_mcp.writes import order_text
from po_mcp.writes.comparison import is_of_vendor
from po_mcp.writes.order_text import day, name
from po_mcp.writes.order_text import number as order_number

_MAX_ORDERS_READ = 15
_BOUGHT_STATUSES: frozenset[Status] = frozenset({"open", "partial", "closed"})
"""Statuses of orders whose prices were agreed upon: not drafts, nor what was called off or deleted."""


@dataclass(frozen=True)
class SuggestedPrice:
    """A price per `unit` in `currency`, both None where the ERP has none, and its `source` in words."""

    price: Decimal
    source: str
    currency: str | None = None
    unit: str | None = None

    @property
    def text(self) -> str:
        """The price with its currency and unit, such as "0.45 AUD per EA"."""
        amount = order_text.money(self.price, self.currency)
        return f"{amount} per {order_text.name(self.unit, 12)}" if self.unit else amount


async def find_prices(
    desk: Desk, asked: OrderRequest, found: ResolvedOrder, latest: LatestOrders | None = None
) -> Mapping[str, SuggestedPrice]:
    """Return a price for every item that was requested without one, by the item's id.

    Args:
        desk: the ERP that has the prices.
        asked: the order as it was requested.
        found: the vendor and items that its words mean.
        latest: orders that were read already, to be used again.

    Raises:
        InvalidInput: the ERP has no price for an item; the text names it.
        ERPError: the orders cannot be read.
    """
    items = {item.id: item for item in found.items.values()}
    wanted = {found.items[line.item].id for line in asked.lines if line.unit_price is None}
    # The list first: for the price last paid, orders are read one by one.
    known = {name: listed for name in wanted if (listed := _list_price(items[name], found.vendor)) is not None}
    if wanted - set(known):
        unpriced = {name: items[name] for name in wanted - set(known)}
        known |= await _find_last_paid(desk, found.vendor, unpriced, latest or LatestOrders(desk))
    if missing := sorted(format_entry(items[identifier]) for identifier in wanted - set(known)):
        several = (
            [] if found.vendor.currency or latest is None else find_currencies(found.vendor, await latest.read_all())
        )
        raise _ask_for_prices(missing, several)
    return known


def find_currencies(vendor: Vendor, orders: Iterable[PurchaseOrder]) -> list[str]:
    """Return the currencies of this vendor's orders."""
    return sorted(_currencies(order for order in orders if is_of_vendor(order, vendor)))


def _ask_for_prices(missing: Sequence[str], currencies: Sequence[str]) -> InvalidInput:
    if len(currencies) < 2:
        return InvalidInput(
            f"No price was given for {', '.join(missing)}, and orders of this vendor show none.",
            effect="nothing_sent",
            next_step="Give the unit price.",
        )
    return InvalidInput(
        f"No price was given for {', '.join(missing)}. Orders of this vendor are in {write_currencies(currencies)}, "
        "and the ERP does not say which this one will be in.",
        effect="nothing_sent",
        next_step="Ask the user for the unit price and its currency, and give the price.",
    )


def write_currencies(currencies: Sequence[str]) -> str:
    """Write currencies in a sentence: `EUR and USD`."""
    return " and ".join(name(one, 12) for one in currencies)


def explain_prices(known: Mapping[str, SuggestedPrice], found: ResolvedOrder) -> list[str]:
    """Return a sentence on the source of each price, for the approver."""
    items = {item.id: item for item in found.items.values()}
    return [
        f"No price was given for {format_entry(items[item])}; {one.text} was {one.source}."
        # Where no amount has a currency, that is said once elsewhere.
        + (" Its currency is not given." if found.vendor.currency and not one.currency else "")
        for item, one in known.items()
    ]


def describe_source(known: SuggestedPrice, item: Item, vendor: Vendor) -> str:
    """Say where a price is from beside the line that it is in, with its unit and currency where the line has none."""
    per = f"per {order_text.name(known.unit, 12)}, " if known.unit and not item.unit else ""
    return f"{per}{known.source}" + ("; its currency is not given" if vendor.currency and not known.currency else "")


def explain_zero_prices(asked: OrderRequest, found: ResolvedOrder) -> list[str]:
    """Return a sentence on each item with a price of zero: a person must see it."""
    # A price of 0 is valid for samples; it may as well be a figure that the model made up.
    free = {item.id: item for line in asked.lines if line.unit_price == 0 and (item := found.items[line.item])}
    return [say_free(format_entry(item), found.vendor.currency) for item in free.values()]


def say_free(item: str, currency: str | None) -> str:
    """Say that an item has a price of zero."""
    return f"The price of {item} is {order_text.in_currency('0', currency)}: it is ordered for nothing."


def explain_several_prices(asked: OrderRequest, found: ResolvedOrder, known: Mapping[str, SuggestedPrice]) -> list[str]:
    """Return a sentence on each item that is ordered at several prices, with the lines.

    Not on what a person saw beside a choice: an item that goes by one word.
    """
    words: dict[str, set[str]] = {}
    for line in asked.lines:
        words.setdefault(found.items[line.item].id, set()).add(line.item)
    at_price: dict[str, dict[Decimal, list[int]]] = {}
    for place, line in enumerate(asked.lines, 1):
        item = found.items[line.item]
        price = known[item.id].price if line.unit_price is None else line.unit_price
        at_price.setdefault(item.id, {}).setdefault(price, []).append(place)
    items = {item.id: item for item in found.items.values()}
    return [
        _say_several(format_entry(items[item]), prices, found.vendor.currency)
        for item, prices in at_price.items()
        if len(prices) > 1 and (found.choice != "last" or len(words[item]) > 1)
    ]


def describe_prices_of_words(asked: OrderRequest, currency: str | None) -> list[str]:
    """Return a sentence on each word that is ordered at several prices, before it is known what it means."""
    at_price: dict[str, dict[Decimal, list[int]]] = {}
    for place, line in enumerate(asked.lines, 1):
        if line.unit_price is not None:
            at_price.setdefault(line.item, {}).setdefault(line.unit_price, []).append(place)
    return [_say_several(name(item), prices, currency) for item, prices in at_price.items() if len(prices) > 1]


def _say_several(item: str, prices: Mapping[Decimal, Sequence[int]], currency: str | None) -> str:
    at = ", ".join(_describe_price(price, places, currency) for price, places in prices.items())
    return f"{item} is ordered at several prices: {at}."


def _describe_price(price: Decimal, places: Sequence[int], currency: str | None) -> str:
    lines = "line" if len(places) == 1 else "lines"
    return f"{order_text.money(price, currency)} on {lines} {' and '.join(map(str, places))}"


def _list_price(item: Item, vendor: Vendor) -> SuggestedPrice | None:
    # Many ERPs store 0 for an item without a price.
    if item.price is None or item.price <= 0:
        return None
    # Nor where the vendor's is not known: a price of the list would become one of another currency.
    if item.currency and item.currency != vendor.currency:
        return None
    return SuggestedPrice(item.price, "the item's price in the ERP", item.currency, item.unit)


async def _find_last_paid(
    desk: Desk, vendor: Vendor, wanted: Mapping[str, Item], latest: LatestOrders
) -> dict[str, SuggestedPrice]:
    """Read this vendor's latest orders for the prices paid; orders that cannot be read are skipped."""
    orders = await _find_orders(desk, vendor, await latest.read_all())
    currency = _expected_currencies(vendor, orders)
    find_item = await _find_items(desk, wanted)
    known: dict[str, SuggestedPrice] = {}
    # Lists have no lines, so each order is read by its number, the latest first.
    for header in orders[:_MAX_ORDERS_READ]:
        if set(known) == set(wanted):
            break
        order = await _read_order(desk, header.number)
        # The status may have changed since the list was read.
        if order is None or order.status not in _BOUGHT_STATUSES or not _is_in_currency(order, currency):
            continue
        source = f"last paid, on {order_number(order.number)}{_order_day(order)}{_shown_vendor(header, vendor)}"
        for item, line in _find_priced_lines(order, wanted, find_item).items():
            assert line.unit_price is not None
            unit = wanted[item].unit or line.unit
            known.setdefault(item, SuggestedPrice(line.unit_price, source, order.currency, unit))
    return known


async def _find_orders(desk: Desk, vendor: Vendor, orders: Sequence[PurchaseOrder]) -> list[PurchaseOrder]:
    """Return the orders that were placed with this vendor, the latest first; those under its legal name come last."""
    bought = sort_orders((order for order in orders if order.status in _BOUGHT_STATUSES), "ordered", "desc")
    known = await _list_entries(desk, "vendor")
    of_vendor = [order for order in bought if is_of_vendor(order, vendor)]
    legal = [
        order
        for order in bought
        if is_of_vendor(order, vendor) is None and has_same_company(order.vendor, vendor, known)
    ]
    return of_vendor + legal


async def _find_items(desk: Desk, wanted: Mapping[str, Item]) -> Callable[[str], str | None]:
    """Return what finds the id of the wanted item that a line names by an id or its code; None for any other.

    ERPs show codes in small letters, or padded: that counts only where no other item is equal but for case and blanks.
    """
    ids: dict[str, set[str]] = {}
    texts: dict[str, str] = {}
    for item in (*await _list_entries(desk, "item"), *wanted.values()):
        for text in map(normalize_blanks, filter(None, (item.id, item.code, *item.other_ids))):
            ids.setdefault(fold_case_and_blanks(text), set()).add(item.id)
            texts |= dict.fromkeys((text, text.lower(), text.upper()), item.id)

    def find(shown: str) -> str | None:
        written = normalize_blanks(shown)
        is_one = len(ids.get(fold_case_and_blanks(written), ())) == 1
        found = written if written in wanted else texts.get(written) if is_one else None
        return found if found in wanted else None

    return find


async def _list_entries(desk: Desk, kind: Kind) -> Sequence[Any]:
    try:
        return await desk.catalog.entries(kind)
    except ERPError:  # an ERP without such a list: ids are compared as they are
        return ()


def _shown_vendor(order: PurchaseOrder, vendor: Vendor) -> str:
    """Say which name an order shows for its vendor where it is another."""
    return "" if is_of_vendor(order, vendor) else f", whose vendor is shown as {name(order.vendor)}"


async def _read_order(desk: Desk, number: str) -> PurchaseOrder | None:
    # What concerns this one order is passed over; where the ERP is away, nobody knows what was paid.
    try:
        return await desk.erp.get_order(number)
    except (BadAnswer, InvalidInput, NotPermitted, OrderNotFound):
        return None


def _find_priced_lines(
    order: PurchaseOrder, wanted: Mapping[str, Item], find_item: Callable[[str], str | None]
) -> dict[str, OrderLine]:
    """Return the line that has the price of each wanted item: the first with a price and a quantity above zero.

    A line in another unit than the item is ordered in gives none.
    """
    lines: dict[str, OrderLine] = {}
    for line in order.lines or ():
        item = next(filter(None, map(find_item, (line.item_key, *line.other_ids))), None)
        unit = wanted[item].unit if item is not None else None
        if item is None or (unit and line.unit and normalize_blanks(unit) != normalize_blanks(line.unit)):
            continue
        # Neither what was free nor what goes back says what is paid.
        if line.unit_price is not None and line.unit_price > 0 and line.quantity is not None and line.quantity > 0:
            lines.setdefault(item, line)
    return lines


def _expected_currencies(vendor: Vendor, orders: Sequence[PurchaseOrder]) -> frozenset[str]:
    """Return the currency of a new order for this vendor; several if the vendor has none and orders differ."""
    return frozenset([vendor.currency]) if vendor.currency else _currencies(orders)


def _currencies(orders: Iterable[PurchaseOrder]) -> frozenset[str]:
    return frozenset(order.currency for order in orders if order.currency)


def _is_in_currency(order: PurchaseOrder, currency: frozenset[str]) -> bool:
    """Return whether the order is in the one currency that a new order will have; unknown currencies fit."""
    return order.currency is None or not currency or currency == {order.currency}


def _order_day(order: PurchaseOrder) -> str:
    return f" of {day(order.ordered_at)}" if order.ordered_at else ""
