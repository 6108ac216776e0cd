"""A new order that is not under its number: whether it may stand under another, which the ERP gave it itself.

Absence under our number proves nothing at an ERP that numbers orders itself and keeps no notes: the answer that would
have named its number was lost. So before an absence decides, the ERP's list must show no order of that time with the
requested vendor and lines.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from po_mcp.erp import ERP
from po_mcp.errors import ERPError
from po_mcp.orders import OrderDraft, OrderQuery, PurchaseOrder, fold_number
from po_mcp.writes import order_text
from po_mcp.writes.comparison import compare_order, is_of_vendor
from po_mcp.writes.kinds import place_of
from po_mcp.writes.kinds.create import draft_of
from po_mcp.writes.observation import Observation, unreadable
from po_mcp.writes.operation import Operation

_DAYS_APART = timedelta(days=2)
"""By how much the day of an order may lie before its sending: time zones, and an ERP whose clock is behind."""
_MAX_ORDERS_READ = 25
"""Orders of the vendor and of that time that are read to compare their lines."""


async def look_elsewhere(
    erp: ERP, operation: Operation, sent_at: float, absent: Observation, others: Collection[str]
) -> Observation:
    """Return an absence only where no order that may be ours stands under another number.

    Args:
        erp: where it was sent.
        operation: the create.
        sent_at: seconds since 1970.
        absent: what a reading of its number showed.
        others: numbers of orders that other operations made.
    """
    place, known = place_of(erp).erp, {fold_number(number) for number in others}
    day = datetime.fromtimestamp(sent_at, UTC).date() - _DAYS_APART
    try:
        listed = await erp.scan_orders(OrderQuery(ordered_from=day))
        # One without a day may be of any.
        near = [one for one in (*listed.orders, *listed.undated) if fold_number(one.number) not in known]
        found = await _find_alike(erp, draft_of(operation), near, sent_at)
    except ERPError as exc:
        return Observation("unreadable", f"{absent.why}, and its list of orders cannot be read: {unreadable(exc).why}")
    if found:
        numbers = " or ".join(order_text.number(one.number) for one in found)
        why = f"{absent.why}, but order {numbers} has the requested vendor and lines: look there"
        return Observation("elsewhere", why, found[0] if len(found) == 1 else None)
    if found is None or not listed.complete or listed.is_cut or listed.cut_by or listed.unreadable:
        return Observation("elsewhere", f"{absent.why}, and {place} does not show every order that may be it")
    return absent


async def _find_alike(
    erp: ERP, draft: OrderDraft, listed: list[PurchaseOrder], sent_at: float
) -> list[PurchaseOrder] | None:
    """Return the orders that hold what was sent; None where there are too many to read, or one cannot be read."""
    of_vendor = [one for one in listed if is_of_vendor(one, draft.vendor) is not False]
    alike: list[PurchaseOrder] = []
    is_whole = len(of_vendor) <= _MAX_ORDERS_READ
    for header in of_vendor[:_MAX_ORDERS_READ]:
        try:
            order = await erp.get_order(header.number)
        except ERPError:
            is_whole = False
            continue
        if compare_order(draft.model_copy(update={"number": order.number}), order, sent_at).verdict == "ours":
            alike.append(order)
    return alike if alike or is_whole else None
