"""Finalize and delete: what cannot be taken back, and needs a person's yes.

    read the order -> can it succeed? -> ask the person -> read it again -> claim -> send

Whatever stops it on the way, nothing was sent.
"""

from __future__ import annotations

from po_mcp.desk import Desk
from po_mcp.erp import Guarded
from po_mcp.errors import ERPError, InvalidInput, OrderNotFound
from po_mcp.orders import STATUS_WORDS, PurchaseOrder, Snapshot
from po_mcp.untrusted import quoted
from po_mcp.writes import approval
from po_mcp.writes.approval import Answer, Approver
from po_mcp.writes.execution import carry_out, end_unsent
from po_mcp.writes.operation import (
    Operation,
    OutcomeStatus,
    WriteOutcome,
    arguments_text,
    digest_of_snapshot,
)


async def delete_order(desk: Desk, number: str, person: Approver) -> WriteOutcome:
    """Delete an order for good, after the person typed its number."""
    return await _decide(desk, "delete", number, None, person)


async def finalize_order(desk: Desk, number: str, create_backorder: bool | None, person: Approver) -> WriteOutcome:
    """Mark an order complete, after the person said yes.

    Where `create_backorder` is left out and something is outstanding, the person chooses.
    """
    return await _decide(desk, "finalize", number, create_backorder, person)


async def _decide(
    desk: Desk, kind: Guarded, number: str, create_backorder: bool | None, person: Approver
) -> WriteOutcome:
    desk.need(kind)
    number = desk.erp.valid_number(number)
    arguments = arguments_text({"create_backorder": create_backorder} if kind == "finalize" else {})
    if person.carried is not None:
        operation = desk.journal.find(person.carried)
        if operation is None:
            return _outcome(desk, "expired", person.carried, "The time for approving this is over. Nothing was sent.")
        if (operation.kind, operation.number, operation.arguments) != (kind, number, arguments):
            raise InvalidInput("The answer belongs to another operation. Nothing was sent.")
    else:
        snapshot = await desk.erp.snapshot(number, kind)
        if reason := _cannot_succeed(kind, snapshot):
            return _outcome(desk, "refused", None, f"{reason} Nobody was asked and nothing was sent.", snapshot.order)
        operation = desk.journal.propose(_proposal(desk, kind, number, arguments, create_backorder, snapshot))
    assert operation.question is not None
    answer = await person.ask(operation.id, operation.question)
    if stop := _not_approved(desk, operation, answer):
        return stop
    return await _carry_out(desk, operation, kind, _backorder_choice(create_backorder, answer))


def _proposal(
    desk: Desk, kind: Guarded, number: str, arguments: str, create_backorder: bool | None, snapshot: Snapshot
) -> Operation:
    if kind == "delete":
        question = approval.ask_delete(snapshot.order, desk.erp.notice)
    else:
        question = approval.ask_finalize(snapshot.order, desk.erp.notice, create_backorder)
    return Operation(desk.erp.connection, kind, number, arguments, digest_of_snapshot(snapshot), question)


def _cannot_succeed(kind: Guarded, snapshot: Snapshot) -> str | None:
    """Say why the ERP would refuse this, so that nobody is asked in vain."""
    order = snapshot.order
    state = f"Order {order.number} is {STATUS_WORDS[order.status]}"
    if order.status == "unknown":
        return f"{state}: the ERP calls it {quoted(order.status_text)}."
    if kind == "finalize" and order.status not in ("open", "partial"):
        return f"{state}, so it cannot be finalized."
    if kind == "delete" and order.status == "deleted":
        return f"{state} already."
    if kind == "delete" and snapshot.blockers:
        return f"Order {order.number} cannot be deleted: it is used by {', '.join(snapshot.blockers)}."
    if kind == "delete" and any(line.received for line in order.lines or ()):
        return f"Order {order.number} cannot be deleted: goods were received for it."
    return None


def _not_approved(desk: Desk, operation: Operation, answer: Answer) -> WriteOutcome | None:
    """Return the outcome of everything that is not a clear yes to this question."""
    if answer.how == "not_asked":
        text = (
            f"A person must approve this ({operation.kind} of order {operation.number}), and this client offers no "
            "way to ask one. Nothing was sent. It can be approved from a client that shows forms (MCP elicitation)."
        )
        return _outcome(desk, "approval_required", operation.id, text)
    assert operation.question is not None
    if operation.kind == "delete":
        approved = approval.is_approval_of_delete(answer, operation.number)
    else:
        approved = approval.is_approval_of_finalize(answer, operation.question)
    if approved:
        return None
    text = (
        "Not approved: the person said no, the answer did not fit, or the client showed no question. Nothing was sent."
    )
    return _outcome(desk, "declined", operation.id, text)


def _backorder_choice(create_backorder: bool | None, answer: Answer) -> bool:
    if create_backorder is not None:
        return create_backorder
    return bool((answer.content or {}).get("create_backorder", False))


async def _carry_out(desk: Desk, operation: Operation, kind: Guarded, backorder: bool) -> WriteOutcome:
    """Read the order again, and send the write only if it is still what the person was shown."""
    if (known := await desk.journal.outcome(operation.id)) is not None:
        return known.repeated()
    try:
        order = await _as_approved(desk, operation, kind)
    except ERPError:  # an order that is being deleted by the same answer, given twice, cannot be read whole
        if (known := await desk.journal.outcome(operation.id)) is not None:
            return known.repeated()
        raise
    if isinstance(order, WriteOutcome):
        return await end_unsent(desk.journal, operation, order)

    async def send() -> WriteOutcome:
        if kind == "delete":
            return await _delete(desk, operation, order)
        return await _finalize(desk, operation, backorder)

    return await carry_out(desk.journal, operation, send, desk.erp.notice)


async def _as_approved(desk: Desk, operation: Operation, kind: Guarded) -> PurchaseOrder | WriteOutcome:
    """Return the order if it is what was approved, else the outcome `stale`."""
    try:
        current = await desk.erp.snapshot(operation.number, kind)
    except OrderNotFound:
        return _stale(desk, operation, "it is no longer there")
    if digest_of_snapshot(current) != operation.digest:
        return _stale(desk, operation, "it changed in the meantime", current.order)
    return current.order


async def _delete(desk: Desk, operation: Operation, order: PurchaseOrder) -> WriteOutcome:
    await desk.erp.delete_order(operation.number)
    return _outcome(desk, "done", operation.id, f"Deleted order {operation.number} for good.", order)


async def _finalize(desk: Desk, operation: Operation, backorder: bool) -> WriteOutcome:
    done = await desk.erp.finalize_order(operation.number, create_backorder=backorder)
    made = done.backorder_number
    rest = f" What was outstanding is on the new backorder {made}." if made else " No backorder was made."
    return WriteOutcome(
        status="done",
        operation_id=operation.id,
        order=await _read_back(desk, operation.number),
        backorder_number=made,
        message=desk.say(f"Finalized order {operation.number}.{rest}"),
    )


async def _read_back(desk: Desk, number: str) -> PurchaseOrder | None:
    try:
        return await desk.erp.get_order(number)
    except ERPError:
        return None


def _stale(desk: Desk, operation: Operation, why: str, order: PurchaseOrder | None = None) -> WriteOutcome:
    text = f"Order {operation.number} is not what the person was shown: {why}. Nothing was sent; ask for it again."
    return _outcome(desk, "stale", operation.id, text, order)


def _outcome(
    desk: Desk, status: OutcomeStatus, operation_id: str | None, text: str, order: PurchaseOrder | None = None
) -> WriteOutcome:
    return WriteOutcome(status=status, operation_id=operation_id, message=desk.say(text), order=order)
