"""Which orders are overdue, and what a reader must know of how orders were found."""

from __future__ import annotations

from collections import Counter
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from datetime import date

from po_mcp.desk.context import Desk
from po_mcp.desk.listing import has_no_date, is_overdue
from po_mcp.desk.receipts import Receipts, find_receipts
from po_mcp.erp import ListsReceipts, Progress
from po_mcp.orders import PurchaseOrder
from po_mcp.untrusted import visible
from po_mcp.writes.order_text import count, number

_MAX_ODD = 5
"""Orders with a field that cannot be read of which a list says which one it is."""


@dataclass(frozen=True)
class Chosen:
    """The orders of a list, and sentences on what was left out or is not known.

    `complete` is False where an order was left out that may be one of them.
    """

    orders: list[PurchaseOrder]
    notes: list[str]
    complete: bool = True


async def find_overdue(
    desk: Desk,
    orders: Sequence[PurchaseOrder],
    known: MutableMapping[str, Receipts],
    progress: Progress | None = None,
) -> Chosen:
    """Return the orders whose expected day has passed and of which something is still to come.

    An order in a status that is not known here is left out, and counted. Where the ERP's list does not say what was
    received, the first orders are read, whatever their status says; those that were received in full are left out.

    Args:
        desk: the desk.
        orders: in the order in which they will be shown: what is shown first is read first.
        known: what was found of these orders before, by number; it is added to.
        progress: is awaited after each order that was read.
    """
    today = desk.today()
    notes = [f"Overdue: expected before {today}."]
    undated = sum(has_no_date(order) for order in orders)
    notes += [_describe_undated(undated)] if undated else []
    unknown = [order for order in orders if order.status == "unknown" and _is_past(order, today)]
    notes += describe_unknown(unknown)
    found = [order for order in orders if is_overdue(order, today)]
    if isinstance(desk.erp, ListsReceipts):
        return Chosen(found, notes, not unknown)
    # Whatever the status says: an order may still be called open whose goods are all here.
    await find_receipts(desk.erp, [order.number for order in found], known, progress)
    notes += _describe_receipts(desk.erp.title, Counter(known[order.number] for order in found))
    # What is not known stays in: left out, it would read as received.
    left = [order for order in found if known[order.number] not in (Receipts.IN_FULL, Receipts.NOT_DUE)]
    return Chosen(left, notes, not unknown)


def _describe_receipts(erp: str, counts: Counter[Receipts]) -> list[str]:
    """Return sentences on the orders that were left out, and on those that may have been received in full."""
    sentences = []
    if received := counts[Receipts.IN_FULL]:
        sentences.append(f"{count(received, 'order')} received in full and left out.")
    if closed := counts[Receipts.NOT_DUE]:
        sentences.append(f"{count(closed, 'order')} closed meanwhile and left out.")
    if untold := counts[Receipts.NOT_TOLD]:
        sentences.append(f"Of {count(untold, 'order')} {erp} does not say what is still to come; {_included(untold)}.")
    if unread := counts[Receipts.NOT_READ]:
        sentences.append(f"{count(unread, 'order')} could not be opened to see what was received; {_included(unread)}.")
    if skipped := counts[Receipts.NOT_LOOKED_UP]:
        was = "was" if skipped == 1 else "were"
        sentences.append(
            f"{count(skipped, 'order')} {was} not looked up for what was received; {_included(skipped)}. "
            "A vendor or dates make the list shorter."
        )
    return sentences


def _included(orders: int) -> str:
    return "it is included" if orders == 1 else "they are included"


def _is_past(order: PurchaseOrder, today: date) -> bool:
    return order.expected_on is not None and order.expected_on < today


def describe_unknown(orders: Sequence[PurchaseOrder]) -> list[str]:
    """Return a sentence on orders that were left out for a status that is not known here; none without such orders."""
    if not orders:
        return []
    words = ", ".join(sorted({visible(order.status_text.strip(), 40) or "none given" for order in orders})[:5])
    return [f"{count(len(orders), 'order')} of a status that po-mcp does not know ({words}) left out."]


def describe_without_day(orders: Sequence[PurchaseOrder]) -> list[str]:
    """Return a sentence on orders that are in no range of dates; none without such orders."""
    have, are = ("has", "is") if len(orders) == 1 else ("have", "are")
    return [f"{count(len(orders), 'order')} {have} no order date and {are} not included."] if orders else []


def describe_odd(orders: Sequence[PurchaseOrder]) -> list[str]:
    """Return a sentence on fields of orders that are left out since they cannot be read; none without such orders."""
    if not orders:
        return []
    named = [f"{number(order.number)}: {', '.join(one.field for one in order.odd)}" for order in orders[:_MAX_ODD]]
    named += [f"and {len(orders) - _MAX_ODD} more"] if len(orders) > _MAX_ODD else []
    return [f"{count(len(orders), 'order')} with a field that cannot be read, and is left out ({'; '.join(named)})."]


def _describe_undated(undated: int) -> str:
    have, are = ("has", "is") if undated == 1 else ("have", "are")
    return f"{count(undated, 'open order')} {have} no expected date and {are} not included."
