"""Delete: remove an order from the ERP for good."""

from __future__ import annotations

from typing import Any

from po_mcp.erp import ERP, BeforeSend, Capability, ReadsById
from po_mcp.errors import ERPError
from po_mcp.orders import PurchaseOrder, Snapshot
from po_mcp.writes import order_text
from po_mcp.writes.forms import FormAnswer, Question, is_typed_number, read_typed_number
from po_mcp.writes.kinds import Applied, Change, Forbidden, Words, place_of
from po_mcp.writes.kinds.snapshots import find_change, forbid_status, say_not_read, say_still_shown, snapshot_of
from po_mcp.writes.observation import Observation, find_read_back, find_shown_order, unreadable
from po_mcp.writes.operation import Operation
from po_mcp.writes.order_questions import ask_delete
from po_mcp.writes.payloads import Payload, SnapshotPayload


class Delete:
    """Deletes an order, after the person typed its number."""

    name = "delete"
    capability: Capability = "delete"
    payload_type: type[Payload] = SnapshotPayload
    words = Words("Deleting", "deleted", "Delete order", " permanently")

    def forbid(self, erp: ERP, snapshot: Snapshot) -> Forbidden | None:
        """Forbid it for what is deleted, was received, or is used by another document."""
        if snapshot.order.status == "unknown":
            return forbid_status(snapshot, "deleted")
        if (reason := _what_forbids(snapshot)) is None:
            return None
        return Forbidden(reason, _offer_cancel(erp, snapshot.order) or "Tell the user.")

    def propose(self, erp: ERP, snapshot: Snapshot, arguments: dict[str, Any]) -> tuple[Payload, Question]:
        """Ask for the typed order number."""
        return SnapshotPayload(snapshot=snapshot), ask_delete(snapshot.order, place_of(erp))

    def answer(self, operation: Operation, answer: FormAnswer) -> Payload | None:
        """Take the order number, and nothing else."""
        # A delete cannot be undone: a yes that is clicked by habit must not do.
        return operation.payload if is_typed_number(read_typed_number(answer), operation.number) else None

    async def find_change(self, erp: ERP, operation: Operation) -> Change | None:
        """Compare all that the person was shown."""
        return await find_change(erp, operation, "delete")

    async def send(self, erp: ERP, operation: Operation, before_send: BeforeSend) -> Applied:
        """Delete it; what it was is what can be shown of it."""
        await erp.delete_order(operation.number, before_send, version=snapshot_of(operation).version)
        return Applied(order=snapshot_of(operation).order)

    async def confirm(self, erp: ERP, operation: Operation, applied: Applied, sent_at: float) -> Observation:
        """Take the ERP's answer, which is that of a success alone, and say where a reading still shows the order."""
        try:
            order = await find_read_back(erp, operation.number)
            detail = "" if order is None or self.is_still_applied(order) else say_still_shown(erp, operation, order)
        except ERPError:
            detail = say_not_read(erp)
        return Observation("applied", "the ERP says so", applied.order, detail=detail)

    async def observe(self, erp: ERP, operation: Operation, sent_at: float) -> Observation:
        """See whether the order is gone, shown as deleted, or another one by now."""
        shown = snapshot_of(operation)
        try:
            order = await find_shown_order(erp, shown)
            if order is None:
                return Observation("gone", "the order is gone")
            # Some ERPs keep deleted orders, and go on showing them.
            if order.status == "deleted":
                return Observation("applied", "the order is deleted", order)
            if isinstance(erp, ReadsById) and shown.erp_id is not None:  # found by its id: it is this very order
                return Observation("absent", "the order is still there", order)
            # It is there: the number may have been given to a new order, which only an id of the ERP's own shows.
            current = await erp.snapshot(operation.number, "delete")
        except ERPError as exc:
            return unreadable(exc)
        if shown.erp_id is not None and current.erp_id != shown.erp_id:
            return Observation("applied", f"order {order_text.number(operation.number)} was created again since", order)
        if current.blockers:
            return Observation("absent", f"the order is still there: {', '.join(current.blockers)}", order)
        return Observation("absent", "the order is still there", order)

    def is_still_applied(self, order: PurchaseOrder | None) -> bool:
        """Tell whether it is gone."""
        return order is None or order.status == "deleted"

    def describe_consequence(self, operation: Operation, erp: str) -> str:
        """Say that it is for good."""
        return f"This removes the order from {erp}. It cannot be undone."

    def describe_done(self, erp: ERP, operation: Operation, applied: Applied) -> str:
        """Say that it is gone."""
        return f"Order {order_text.number(operation.number)} was deleted."

    def offer_instead(self, erp: ERP, order: PurchaseOrder | None) -> str:
        """Offer to cancel it, where the ERP would."""
        return _offer_cancel(erp, order)


def _offer_cancel(erp: ERP, order: PurchaseOrder | None) -> str:
    """Offer to cancel an order that cannot be deleted; "" where that cannot be done either."""
    if "cancel" not in erp.capabilities or order is None or order.status not in erp.cancellable_statuses:
        return ""
    return f"It can be cancelled instead: offer the user cancel_purchase_order({order_text.number(order.number)})."


def _what_forbids(snapshot: Snapshot) -> str | None:
    order = snapshot.order
    if order.status == "deleted":
        return f"Order {order_text.number(order.number)} is already deleted."
    if snapshot.blockers:
        return f"Order {order_text.number(order.number)} cannot be deleted: {', '.join(snapshot.blockers)}."
    # Not every ERP shows its receipts as documents; goods that arrived need their order all the same.
    if any(line.received for line in order.lines or ()):
        return f"Order {order_text.number(order.number)} cannot be deleted: goods were received for it."
    return None
