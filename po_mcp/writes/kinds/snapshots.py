"""What the writes on an order that is there have in common: the order as it was read, and whether it still is so."""

from __future__ import annotations

from collections.abc import Iterator

from po_mcp.erp import ERP, Guarded, ReadsById
from po_mcp.errors import ERPError, OrderNotFound
from po_mcp.orders import PurchaseOrder, Snapshot
from po_mcp.writes import order_text
from po_mcp.writes.content import fold
from po_mcp.writes.kinds import Change, Forbidden, place_of
from po_mcp.writes.observation import find_read_back, find_shown_order
from po_mcp.writes.operation import Operation, digest_of
from po_mcp.writes.payloads import SnapshotPayload


def snapshot_of(operation: Operation) -> Snapshot:
    """Return the order as the person was shown it."""
    assert isinstance(operation.payload, SnapshotPayload)
    return operation.payload.snapshot


def digest_of_snapshot(snapshot: Snapshot) -> str:
    """Digest all that was read of an order: when any of it changes, an approval no longer counts."""
    # All of it, not only what looks important: the person said yes to what they saw.
    return digest_of(snapshot.model_dump())


def say_still_shown(erp: ERP, operation: Operation, order: PurchaseOrder) -> str:
    """Say as what a reading after a success shows the order: unless its status is another now, it may be an old one."""
    if order.status == "unknown":
        return f"Its status in {place_of(erp).erp} is not recognized; check there."
    still = "still " if order.status == snapshot_of(operation).order.status else ""
    return f"In {place_of(erp).erp} it {still}shows as {order_text.STATUS_LABELS[order.status]}; check there."


async def read_changed(erp: ERP, number: str) -> tuple[PurchaseOrder | None, str]:
    """Read an order after a write that leaves it there; return it, and a sentence where it does not show."""
    try:
        order = await find_read_back(erp, number)
    except ERPError:
        return None, say_not_read(erp)
    return order, "" if order else say_not_shown(erp)


def say_not_shown(erp: ERP) -> str:
    """Say that a reading after a success does not show the order, which ought to be there: it may be an old one."""
    return f"{place_of(erp).erp} does not show it yet; check there."


def say_not_read(erp: ERP) -> str:
    """Say that nothing but the ERP's answer tells of the effect."""
    return f"It could not be read back; check in {place_of(erp).erp}."


async def find_change(erp: ERP, operation: Operation, kind: Guarded) -> Change | None:
    """Read the order again; return None where it is what the person was shown.

    Raises:
        ERPError: it cannot be read.
    """
    try:
        current = await erp.snapshot(operation.number, kind)
    except OrderNotFound:
        # It may go by another number by now, and be there all the same.
        renamed = await find_shown_order(erp, snapshot_of(operation)) if isinstance(erp, ReadsById) else None
        return Change("it is no longer there") if renamed is None else Change("it got another number", renamed)
    # Compared by value, not by a version field: not every ERP has one, nor counts every change.
    if digest_of_snapshot(current) == operation.order_digest:
        return None
    return Change("it changed in the meantime", current.order)


def describe_changes(operation: Operation, now: PurchaseOrder) -> str:
    """Say how an order that was written is no longer what the person was shown; "" where it is."""
    changes = "; ".join(_list_changes(snapshot_of(operation).order, now))
    return f"It is no longer what was approved: {changes}." if changes else ""


def _list_changes(shown: PurchaseOrder, now: PurchaseOrder) -> Iterator[str]:
    if not _is_same_vendor(shown, now):
        yield f"its vendor is {order_text.name(now.vendor)}"
    if now.expected_on != shown.expected_on:
        yield f"it is expected {order_text.day(now.expected_on)}" if now.expected_on else "it is expected on no day"
    if (now.total, now.currency) != (shown.total, shown.currency):
        was = "" if shown.total is None else f", not {order_text.money(shown.total, shown.currency)}"
        yield f"its {order_text.total_of(now).replace('Total', 'total is', 1)}{was}"
    if None not in (now.lines, shown.lines) and _list_ordered(now) != _list_ordered(shown):
        yield "its lines differ"


def _is_same_vendor(shown: PurchaseOrder, now: PurchaseOrder) -> bool:
    """Tell whether an order still is of the vendor that was shown.

    The person was shown a name; some ERPs' orders tell the id alone, which is no other vendor.
    """
    if None not in (now.vendor_id, shown.vendor_id) and now.vendor_id != shown.vendor_id:
        return False
    called, shown_id = fold(now.vendor), fold(shown.vendor_id or "")
    if now.vendor_id is not None and fold(shown.vendor) == shown_id:  # the name was not known when it was shown
        return True
    return called in ("", fold(now.vendor_id or ""), fold(shown.vendor), shown_id)


def _list_ordered(order: PurchaseOrder) -> list[tuple[object, ...]]:
    # Without what was received: a write may settle what is outstanding.
    return [(line.item, line.description, line.quantity, line.unit_price) for line in order.lines or ()]


def forbid_status(snapshot: Snapshot, verb: str) -> Forbidden:
    """Say that the order's status forbids what `verb` says, such as `closed`; one that is not known, whatever."""
    order = snapshot.order
    number, status = order_text.number(order.number), order_text.STATUS_LABELS[order.status]
    if order.status != "unknown":
        is_already = status == verb
        return Forbidden(
            f"Order {number} is already {verb}." if is_already else f"Order {number} is {status} and cannot be {verb}."
        )
    if not order.status_text.strip():
        return Forbidden(f"The ERP gives no status of order {number}. Check it in the ERP.")
    called = order_text.name(order.status_text)
    return Forbidden(f"Order {number} has a status that po-mcp does not know: {called}. Check it in the ERP.")
