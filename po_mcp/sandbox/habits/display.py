"""Habits that change an order before it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from po_mcp.sandbox.records import Item, Line, Order, Receipt


def hide_lines_at_first(order: Order, now: datetime, seconds: str) -> Order:
    """Leave out the lines of an order that is younger than that."""
    shown_from = order.created_at + timedelta(milliseconds=int(Decimal(seconds) * 1000))
    return order if now >= shown_from else replace(order, lines=(), line_count=0)


def use_legal_name(order: Order, _: datetime, __: str) -> Order:
    """Name the vendor by its legal name."""
    return replace(order, vendor=replace(order.vendor, name=f"{order.vendor.name} GmbH"))


def lowercase_items(order: Order, _: datetime, __: str) -> Order:
    """Put the item codes in small letters."""
    return _with_codes(order, str.lower)


def pad_items(order: Order, _: datetime, __: str) -> Order:
    """Put two blanks behind the item codes."""
    return _with_codes(order, lambda code: f"{code}  ")


def _with_codes(order: Order, spell: Callable[[str], str]) -> Order:
    def item(record: Item) -> Item:
        return replace(record, code=spell(record.code), short_id=spell(record.short_id))

    def line(record: Line) -> Line:
        return replace(record, item=item(record.item))

    def receipt(record: Receipt) -> Receipt:
        return replace(record, lines=tuple(replace(one, line=line(one.line)) for one in record.lines))

    return replace(order, lines=tuple(map(line, order.lines)), receipts=tuple(map(receipt, order.receipts)))
