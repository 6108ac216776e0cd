"""Habits that change a new order before it is stored; its total follows its lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from uuid import NAMESPACE_URL, uuid5

from po_mcp.sandbox import exact
from po_mcp.sandbox.drafting import new_line
from po_mcp.sandbox.records import Item, Line, Order
from po_mcp.sandbox.tables import Tables

FREIGHT = "FREIGHT"
FREIGHT_PRICE = Decimal("25.00")
# Beyond the numbers of the samples.
FREIGHT_PART_NO = 9001


def uppercase_note(order: Order, _: Tables, __: str) -> Order:
    """Put the note in capitals."""
    return replace(order, note=order.note.upper())


def cut_note(order: Order, _: Tables, characters: str) -> Order:
    """Keep the beginning of the note."""
    return replace(order, note=order.note[: int(characters)])


def use_item_prices(order: Order, _: Tables, __: str) -> Order:
    """Take the items' prices."""
    return _with_lines(order, (replace(line, price=line.item.price) for line in order.lines))


def round_prices(order: Order, _: Tables, decimals: str) -> Order:
    """Round the unit prices."""
    return _with_lines(
        order, (replace(line, price=exact.normalize_money(_round(line.price, decimals))) for line in order.lines)
    )


def round_quantities(order: Order, _: Tables, decimals: str) -> Order:
    """Round the quantities; what would be zero becomes the least quantity that there is."""
    least = Decimal(1).scaleb(-int(decimals))
    return _with_lines(
        order,
        (
            replace(line, quantity=exact.normalize_quantity(max(_round(line.quantity, decimals), least)))
            for line in order.lines
        ),
    )


def merge_lines(order: Order, _: Tables, __: str) -> Order:
    """Make one line of those of one item for one warehouse."""
    merged: dict[tuple[int, int], Line] = {}
    for line in order.lines:
        key = (line.item.part_no, line.warehouse.id)
        first = merged.get(key)
        merged[key] = (
            replace(first, quantity=exact.normalize_quantity(first.quantity + line.quantity)) if first else line
        )
    return _with_lines(order, merged.values())


def split_lines(order: Order, _: Tables, __: str) -> Order:
    """Make two lines of each that has two units or more: half of the units, in whole ones, and the rest."""
    return _with_lines(order, (part for line in order.lines for part in _halves(line)))


def add_freight(order: Order, tables: Tables, _: str) -> Order:
    """Add a line for the freight, of an item that the catalog lists as discontinued."""
    # Every line needs a warehouse, and freight has none of its own.
    item, warehouse = _freight(tables), order.lines[0].warehouse
    return _with_lines(order, [*order.lines, new_line(0, item, Decimal(1), FREIGHT_PRICE, warehouse)])


def _with_lines(order: Order, lines: Iterable[Line]) -> Order:
    # Numbered again, without gaps, as an ERP numbers the lines that it stores.
    numbered = tuple(replace(line, number=number) for number, line in enumerate(lines, start=1))
    total = exact.add_up(line.total for line in numbered)
    return replace(order, lines=numbered, line_count=len(numbered), total=total)


def _round(value: Decimal, decimals: str) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-int(decimals)), ROUND_HALF_UP)


def _halves(line: Line) -> Iterator[Line]:
    # Whole units: half a box is no line of a real order.
    half = (line.quantity / 2).to_integral_value(ROUND_FLOOR)
    if half < 1:
        yield line
        return
    for units in (half, line.quantity - half):
        yield new_line(0, line.item, units, line.price, line.warehouse)


def _freight(tables: Tables) -> Item:
    # Entered with the first order that has it: the catalog of a book without this habit stays the samples'.
    if item := tables.item("short_id", FREIGHT):
        return item
    entered = datetime(2023, 3, 1, tzinfo=UTC)
    tables.insert(
        "items",
        part_no=FREIGHT_PART_NO,
        uuid=str(uuid5(NAMESPACE_URL, "po-mcp:sandbox/item/freight")),
        code=FREIGHT,
        short_id=FREIGHT,
        description="Freight",
        category="Services",
        sub_category="Freight",
        unit="EA",
        price=FREIGHT_PRICE,
        active=False,
        created_at=entered,
        modified_at=entered,
    )
    return _freight(tables)
