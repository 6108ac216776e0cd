"""Finalize, delete and cancel: what ends an order, and needs a person's yes.

    read the order -> can it succeed? -> ask the person -> read it again -> claim -> send

Whatever stops it on the way, nothing was sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from po_mcp.desk import Desk, asking
from po_mcp.desk.reading import with_names
from po_mcp.erp import Guarded
from po_mcp.errors import ERPError, OrderNotFound
from po_mcp.orders import CAN_BE_CANCELLED, STATUS_WORDS, PurchaseOrder, Snapshot, Status
from po_mcp.untrusted import quoted
from po_mcp.writes import approval
from po_mcp.writes.approval import Approver, Question
from po_mcp.writes.execution import or_cancel
from po_mcp.writes.operation import Kind, Operation, Recorded, WriteOutcome, arguments_text, digest_of_snapshot

_AFTERWARDS: Mapping[Guarded, Status] = {"finalize": "closed", "cancel": "cancelled"}
"""How an order stands after each write that leaves it in the ERP."""


async def delete_order(desk: Desk, number: str, person: Approver) -> WriteOutcome:
    """Delete an order for good, after the person typed its number."""
    return await _decide(desk, _wish(desk, "delete", number, {}), None, person)


async def finalize_order(desk: Desk, number: str, create_backorder: bool | None, person: Approver) -> WriteOutcome:
    """Mark an order complete, after the person said yes.

    Where `create_backorder` is left out and something is outstanding, the person chooses.
    """
    wish = _wish(desk, "finalize", number, {"create_backorder": create_backorder})
    return await _decide(desk, wish, create_backorder, person)


async def cancel_order(desk: Desk, number: str, person: Approver) -> WriteOutcome:
    """Call an order off, after the person said yes. The ERP keeps it."""
    return await _decide(desk, _wish(desk, "cancel", number, {}), None, person)


def _wish(desk: Desk, kind: Guarded, number: str, arguments: dict[str, object]) -> Operation:
    """Return the operation as far as the call itself tells it: the order was not read yet."""
    desk.need(kind)
    number = desk.erp.valid_number(number)
    return Operation(desk.erp.connection, kind, number, arguments_text(arguments), digest="")


def _guarded(kind: Kind) -> Guarded:
    assert kind != "create"
    return kind


async def _decide(desk: Desk, wish: Operation, create_backorder: bool | None, person: Approver) -> WriteOutcome:
    recorded = asking.carried(desk, person, wish.kind, wish.number, wish.arguments)
    if recorded is None:
        recorded = await _proposed(desk, wish, create_backorder, person)
    if isinstance(recorded, WriteOutcome):
        return recorded
    return await asking.through(desk, recorded, person, partial(carry_out, desk))


async def _proposed(
    desk: Desk, wish: Operation, create_backorder: bool | None, person: Approver
) -> Recorded | WriteOutcome:
    """Read the order and record the proposal; or return why nobody need be asked."""
    kind = _guarded(wish.kind)
    if (under_way := desk.journal.under_way(wish)) is not None:
        return under_way  # approved on the page, or sent: the order may show its effect already
    try:
        snapshot = await _named(desk, await desk.erp.snapshot(wish.number, kind))
    except OrderNotFound:
        if kind == "delete" and (replayed := _replayed(desk, wish)) is not None:
            return replayed
        raise
    if reason := _cannot_succeed(kind, snapshot):
        if snapshot.order.status == _AFTERWARDS.get(kind) and (replayed := _replayed(desk, wish)) is not None:
            return replayed
        instead = or_cancel(desk.erp, snapshot.order) if kind == "delete" else ""
        text = f"{reason} Nobody was asked and nothing was sent. {instead or 'Tell the user.'}"
        return desk.executor.say("refused", None, text, order=snapshot.order)
    return desk.journal.propose(_operation(desk, wish, create_backorder, snapshot), person.who)


async def _named(desk: Desk, snapshot: Snapshot) -> Snapshot:
    """Let the person see the vendor's name, where the order tells only its id."""
    [order] = await with_names(desk, [snapshot.order])
    return snapshot.model_copy(update={"order": order})


def _replayed(desk: Desk, wish: Operation) -> WriteOutcome | None:
    """Return the outcome of the same call, done a short while ago, whose effect the ERP shows."""
    done = desk.journal.done_lately(wish)
    return desk.executor.outcome(done).repeated() if done is not None else None


def _operation(desk: Desk, wish: Operation, create_backorder: bool | None, snapshot: Snapshot) -> Operation:
    question = _question(_guarded(wish.kind), snapshot.order, desk.erp.notice, create_backorder)
    intent = {"snapshot": snapshot.model_dump(mode="json"), "create_backorder": create_backorder}
    return replace(wish, digest=digest_of_snapshot(snapshot), question=question, intent=json.dumps(intent))


def _question(kind: Guarded, order: PurchaseOrder, notice: str, create_backorder: bool | None) -> Question:
    match kind:
        case "finalize":
            return approval.ask_finalize(order, notice, create_backorder)
        case "delete":
            return approval.ask_delete(order, notice)
        case "cancel":
            return approval.ask_cancel(order, notice)


def _cannot_succeed(kind: Guarded, snapshot: Snapshot) -> str | None:
    """Say why the ERP would refuse this, so that nobody is asked in vain."""
    order = snapshot.order
    state = f"Order {order.number} is {STATUS_WORDS[order.status]}"
    if order.status == "unknown":
        return f"{state}: the ERP calls it {quoted(order.status_text)}. Look at it in the ERP before asking again."
    match kind:
        case "finalize":
            return None if order.status in ("open", "partial") else f"{state}, so it cannot be finalized."
        case "delete":
            return f"{state} already." if order.status == "deleted" else _what_forbids_a_delete(snapshot)
        case "cancel" if order.status in ("cancelled", "deleted"):
            return f"{state} already."
        case "cancel":
            return None if order.status in CAN_BE_CANCELLED else f"{state}, so it cannot be cancelled."


def _what_forbids_a_delete(snapshot: Snapshot) -> str | None:
    order = snapshot.order
    if snapshot.blockers:
        return f"Order {order.number} cannot be deleted: it is used by {', '.join(snapshot.blockers)}."
    if any(line.received for line in order.lines or ()):
        return f"Order {order.number} cannot be deleted: goods were received for it."
    return None


async def carry_out(desk: Desk, operation: Operation) -> WriteOutcome:
    """Read the order again, and send the write only if it is still what the person was shown."""
    now = desk.journal.find(operation.id)
    if now is None or now.state != "APPROVED":
        return await desk.executor.outcome_of(operation.id)
    try:
        changed = await _changed(desk, operation)
    except ERPError:  # an order that is being deleted by the same answer, given twice, cannot be read whole
        if (latest := desk.journal.find(operation.id)) is None or latest.state == "APPROVED":
            raise
        return await desk.executor.outcome_of(operation.id)
    if changed is None:
        return await _with_order(desk, operation, await desk.executor.carry_out(operation.id))
    if desk.journal.settle(operation.id, "APPROVED", "STALE", changed, {}):
        return changed
    return await desk.executor.outcome_of(operation.id)


async def _changed(desk: Desk, operation: Operation) -> WriteOutcome | None:
    """Return None if the order is what was approved, else the outcome `stale`."""
    try:
        current = await desk.erp.snapshot(operation.number, _guarded(operation.kind))
    except OrderNotFound:
        return _stale(desk, operation, "it is no longer there", None)
    if digest_of_snapshot(current) == operation.digest:
        return None
    return _stale(desk, operation, "it changed in the meantime", current.order)


def _stale(desk: Desk, operation: Operation, why: str, order: PurchaseOrder | None) -> WriteOutcome:
    text = f"Order {operation.number} is not what the person was shown: {why}. Nothing was sent; ask for it again."
    return desk.executor.say("stale", operation, text, order=order)


async def _with_order(desk: Desk, operation: Operation, outcome: WriteOutcome) -> WriteOutcome:
    """Add the order as it is now to a write that was done and left it; a reading that lags behind is left out."""
    if outcome.status != "done" or outcome.order is not None:
        return outcome
    order = await read_back(desk, operation.number)
    is_done = order is not None and order.status == _AFTERWARDS.get(_guarded(operation.kind))
    return outcome.model_copy(update={"order": order}) if is_done else outcome


async def read_back(desk: Desk, number: str) -> PurchaseOrder | None:
    """Read an order after a write; None where that fails, which changes nothing of the outcome."""
    try:
        return await desk.erp.get_order(number)
    except ERPError:
        return None
