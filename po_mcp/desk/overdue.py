"""Which orders are overdue, and what a reader must know of how that was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import anyio

from po_mcp.desk.context import Desk
from po_mcp.desk.listing import has_no_date, is_overdue
from po_mcp.errors import ERPError
from po_mcp.orders import PurchaseOrder
from po_mcp.untrusted import visible
from po_mcp.writes.order_text import count

MAX_READ = 20
"""Overdue orders that are read one by one where the ERP's list does not say what was received."""
READ_TIMEOUT_S = 10.0
_AT_ONCE = 4


@dataclass(frozen=True)
class Chosen:
    """The orders of a list, and sentences on what was left out or is not known.

    `complete` is False where an order was left out that may be one of them.
    """

    orders: list[PurchaseOrder]
    notes: list[str]
    complete: bool = True


async def find_overdue(desk: Desk, orders: Sequence[PurchaseOrder]) -> Chosen:
    """Return the orders whose expected day has passed and of which something is still to come.

    An order in a status that is not known here is left out, and counted. Where the ERP's list does not tell received
    orders from open ones, up to `MAX_READ` orders are read, and those that were received in full are left out.
    """
    today = desk.today()
    notes = [f"Overdue: expected before {today}."]
    undated = sum(has_no_date(order) for order in orders)
    notes += [_describe_undated(undated)] if undated else []
    unknown = [order for order in orders if order.status == "unknown" and _is_past(order, today)]
    notes += describe_unknown(unknown)
    found = [order for order in orders if is_overdue(order, today)]
    # Where the list tells partly received orders from open ones, only those can have been received in full.
    tells_partial = "partial" in desk.erp.listed_statuses
    doubtful = [order for order in found if order.status == "partial"] if tells_partial else found
    received, unread = await _find_received(desk, doubtful[:MAX_READ])
    unread += max(0, len(doubtful) - MAX_READ)
    left = [order for order in found if order.number not in received]
    if received:
        notes.append(f"{count(len(received), 'order')} received in full and left out.")
    if unread:
        notes.append(
            f"{desk.erp.title}'s list does not say what was received, and of {count(unread, 'order')} it is not known."
        )
    return Chosen(left, notes, not unknown)


def _is_past(order: PurchaseOrder, today: date) -> bool:
    return order.expected_on is not None and order.expected_on < today


def describe_unknown(orders: Sequence[PurchaseOrder]) -> list[str]:
    """Return a sentence on orders that were left out for a status that is not known here; none without such orders."""
    if not orders:
        return []
    words = ", ".join(sorted({visible(order.status_text, 40) for order in orders})[:5])
    return [f"{count(len(orders), 'order')} of a status that po-mcp does not know ({words}) left out."]


def _describe_undated(undated: int) -> str:
    have, are = ("has", "is") if undated == 1 else ("have", "are")
    return f"{count(undated, 'open order')} {have} no expected date and {are} not included."


async def _find_received(desk: Desk, orders: Sequence[PurchaseOrder]) -> tuple[set[str], int]:
    """Read orders; return the numbers of those received in full, and how many do not say what was received."""
    received: set[str] = set()
    answered: set[str] = set()
    slots = anyio.Semaphore(_AT_ONCE)

    async def look(number: str) -> None:
        async with slots:
            try:
                order = await desk.erp.get_order(number)
            except ERPError:
                return
        if order.tells_receipts:
            answered.add(number)
            if not order.outstanding_lines:
                received.add(number)

    with anyio.move_on_after(READ_TIMEOUT_S):
        async with anyio.create_task_group() as reads:
            for order in orders:
                reads.start_soon(look, order.number)
    return received, len(orders) - len(answered)
