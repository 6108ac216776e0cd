"""What the writes on an order that is there have in common: the order as it was read, and whether it still is so."""

from __future__ import annotations

from po_mcp.erp import ERP, Guarded
from po_mcp.errors import OrderNotFound
from po_mcp.orders import Snapshot
from po_mcp.writes import order_text
from po_mcp.writes.kinds import Change, Forbidden
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


async def find_change(erp: ERP, operation: Operation, kind: Guarded) -> Change | None:
    """Read the order again; return None where it is what the person was shown.

    Raises:
        ERPError: it cannot be read.
    """
    try:
        current = await erp.snapshot(operation.number, kind)
    except OrderNotFound:
        return Change("it is no longer there")
    # Compared by value, not by a version field: not every ERP has one, nor counts every change.
    if digest_of_snapshot(current) == operation.order_digest:
        return None
    return Change("it changed in the meantime", current.order)


def forbid_status(snapshot: Snapshot, verb: str) -> Forbidden:
    """Say that the order's status forbids what `verb` says, such as `closed`; one that is not known, whatever."""
    order = snapshot.order
    number, status = order_text.number(order.number), order_text.STATUS_LABELS[order.status]
    if order.status != "unknown":
        is_already = status == verb
        return Forbidden(
            f"Order {number} is already {verb}." if is_already else f"Order {number} is {status} and cannot be {verb}."
        )
    called = order_text.name(order.status_text)
    return Forbidden(f"Order {number} has a status that po-mcp does not know: {called}. Check it in the ERP.")
