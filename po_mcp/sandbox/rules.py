"""Rules of the trade that need no more than an order and the book's tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from po_mcp.sandbox import exact
from po_mcp.sandbox.records import Order
from po_mcp.sandbox.refusals import Conflict, Invalid
from po_mcp.sandbox.tables import Tables


def check_independent(order: Order) -> None:
    """Raise `Conflict` where a receipt or an invoice depends on an order."""
    dependants = [f"item receipt {receipt.id}" for receipt in order.receipts]
    dependants += [f"purchase invoice {invoice.id}" for invoice in order.invoices]
    if dependants:
        raise Conflict(f"Purchase order {order.number} is in use by {', '.join(dependants)}.")


def check_arrival(order: Order, quantities: Mapping[int, Decimal]) -> None:
    """Raise `Invalid` where more arrives than is outstanding, or nothing; as line number -> units."""
    outstanding = {line.number: line.outstanding for line in order.lines}
    problems = {
        f"lines[{number - 1}].quantity": ["must be > 0 and not more than is outstanding"]
        for number, units in quantities.items()
        if not (0 < units <= outstanding.get(number, Decimal(0)) and exact.is_storable(units))
    }
    if problems or not quantities:
        raise Invalid(problems or {"lines": ["must have at least one line"]})


def choose_backorder_number(tables: Tables, number: str) -> str:
    """Return the first free number for the backorder of an order."""
    # The backorder of PO-1-BO1 is PO-1-BO2, not PO-1-BO1-BO1.
    base, count = re.sub(r"-BO\d+$", "", number), 1
    while tables.order(f"{base}-BO{count}"):
        count += 1
    return f"{base}-BO{count}"
