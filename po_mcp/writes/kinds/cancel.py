"""Cancel: call an order off; the ERP keeps it, inactive."""

from __future__ import annotations

from typing import Any

from po_mcp.erp import ERP, BeforeSend, Capability
from po_mcp.errors import ERPError
from po_mcp.orders import CANCELLABLE_STATUSES, PurchaseOrder, Snapshot
from po_mcp.writes import order_text
from po_mcp.writes.forms import FormAnswer, Question, read_decision
from po_mcp.writes.kinds import Applied, Change, Forbidden, Words, place_of
from po_mcp.writes.kinds.snapshots import (
    describe_changes,
    find_change,
    forbid_status,
    read_changed,
    say_still_shown,
    snapshot_of,
)
from po_mcp.writes.observation import Observation, find_shown_order, unreadable
from po_mcp.writes.operation import Operation
from po_mcp.writes.order_questions import ask_cancel
from po_mcp.writes.order_text import STATUS_LABELS
from po_mcp.writes.payloads import Payload, SnapshotPayload


class Cancel:
    """Makes an order inactive."""

    name = "cancel"
    capability: Capability = "cancel"
    payload_type: type[Payload] = SnapshotPayload
    words = Words("Cancelling", "cancelled", "Cancel order")

    def forbid(self, erp: ERP, snapshot: Snapshot) -> Forbidden | None:
        """Forbid it for what is closed, cancelled or deleted."""
        number, status = order_text.number(snapshot.order.number), snapshot.order.status
        # The ERP would refuse it after a person was asked in vain.
        if status in CANCELLABLE_STATUSES and snapshot.blockers:
            return Forbidden(f"Order {number} cannot be cancelled: {', '.join(snapshot.blockers)}.")
        if status in CANCELLABLE_STATUSES:
            return None
        if status in ("cancelled", "deleted"):
            return Forbidden(f"Order {number} is already {STATUS_LABELS[status]}.")
        return forbid_status(snapshot, "cancelled")

    def propose(self, erp: ERP, snapshot: Snapshot, arguments: dict[str, Any]) -> tuple[Payload, Question]:
        """Ask yes or no."""
        return SnapshotPayload(snapshot=snapshot), ask_cancel(snapshot.order, place_of(erp))

    def answer(self, operation: Operation, answer: FormAnswer) -> Payload | None:
        """Take the option that cancels."""
        assert operation.question is not None
        return operation.payload if read_decision(answer, operation.question) == "cancel" else None

    async def find_change(self, erp: ERP, operation: Operation) -> Change | None:
        """Compare all that the person was shown."""
        return await find_change(erp, operation, "cancel")

    async def send(self, erp: ERP, operation: Operation, before_send: BeforeSend) -> Applied:
        """Cancel it."""
        await erp.cancel_order(operation.number, before_send, version=snapshot_of(operation).version)
        return Applied()

    async def confirm(self, erp: ERP, operation: Operation, applied: Applied, sent_at: float) -> Observation:
        """Take the ERP's answer, and see whether the order is still what the person was shown.

        Most ERPs check no version, so that somebody may save the order between our last reading and the cancel.
        """
        order, unseen = await read_changed(erp, operation.number)
        if order is None:
            return Observation("applied", "the ERP says so", detail=unseen)
        changes = describe_changes(operation, order)
        # One that the ERP says it cancelled, and that is deleted, is called off all the same.
        if self.is_still_applied(order) or order.status == "deleted":
            return Observation("applied", "the ERP says so", order.without_lines(), detail=changes)
        # It may be an old reading, which is not shown; but only the answer says that it is cancelled.
        detail = " ".join(filter(None, (say_still_shown(erp, operation, order), changes)))
        return Observation("applied", "the ERP says so", None, detail=detail)

    async def observe(self, erp: ERP, operation: Operation, sent_at: float) -> Observation:
        """See whether the order is shown as cancelled."""
        try:
            order = await find_shown_order(erp, snapshot_of(operation))
        except ERPError as exc:
            return unreadable(exc)
        if order is None:  # a cancelled order stays where it is: this tells nothing of it
            return Observation("unreadable", "the order cannot be found")
        match order.status:
            case "cancelled":
                changes = describe_changes(operation, order)
                return Observation("applied", "the order is cancelled", order, detail=changes)
            case "closed" | "deleted":
                return Observation("ended_otherwise", f"the order is {STATUS_LABELS[order.status]}", order)
            case "unknown":
                return Observation("unreadable", "the order has a status that po-mcp does not know", order)
        return Observation("absent", f"the order is {STATUS_LABELS[order.status]}", order)

    def is_still_applied(self, order: PurchaseOrder | None) -> bool:
        """Tell whether it is cancelled."""
        return order is not None and order.status == "cancelled"

    def describe_consequence(self, operation: Operation, erp: str) -> str:
        """Say what becomes of the order, and on how many of its lines goods were received."""
        order = snapshot_of(operation).order
        received = sum(bool(line.received) for line in order.lines or ())
        lines = len(order.lines or ()) + order.untold_lines
        came = f" Goods were received on {received} of {order_text.count(lines, 'line')}." if received else ""
        return f"The order stays in {erp} as inactive and can be reactivated there.{came}"

    def describe_done(self, erp: ERP, operation: Operation, applied: Applied) -> str:
        """Say that the ERP keeps it."""
        number, name = order_text.number(operation.number), place_of(erp).erp
        if applied.order is not None and applied.order.status == "deleted":
            return f"Order {number} was cancelled, but {name} shows it as deleted: it cannot be reactivated there."
        return f"Order {number} was cancelled. It stays in {name} as inactive and can be reactivated there."

    def offer_instead(self, erp: ERP, order: PurchaseOrder | None) -> str:
        """Offer nothing."""
        return ""
