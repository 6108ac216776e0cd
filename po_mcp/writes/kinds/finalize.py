"""Finalize: mark an order complete, with a backorder for what is outstanding if that is wanted."""

from __future__ import annotations

from collections import Counter
from typing import Any

from po_mcp.erp import ERP, BeforeSend, Capability
from po_mcp.errors import ERPError
from po_mcp.orders import PurchaseOrder, Snapshot
from po_mcp.writes import order_text
from po_mcp.writes.forms import FormAnswer, Question, read_decision
from po_mcp.writes.kinds import Applied, Change, Forbidden, Words, place_of
from po_mcp.writes.kinds.snapshots import find_change, forbid_status, read_changed, say_still_shown, snapshot_of
from po_mcp.writes.observation import Observation, find_order, unreadable
from po_mcp.writes.operation import Operation
from po_mcp.writes.order_questions import ask_finalize
from po_mcp.writes.order_text import STATUS_LABELS
from po_mcp.writes.payloads import FinalizePayload, Payload

_BACKORDERS_TRIED = 3


class Finalize:
    """Closes an order for good."""

    name = "finalize"
    capability: Capability = "finalize"
    payload_type: type[Payload] = FinalizePayload
    words = Words("Closing", "closed", "Close order")

    def forbid(self, erp: ERP, snapshot: Snapshot) -> Forbidden | None:
        """Forbid it for what is neither open nor partly received."""
        if snapshot.order.status in ("open", "partial"):
            return None
        # A draft was never sent to its vendor; to close it would end what nobody ordered.
        return forbid_status(snapshot, "closed")

    def propose(self, erp: ERP, snapshot: Snapshot, arguments: dict[str, Any]) -> tuple[Payload, Question]:
        """Ask whether, and with or without a backorder where `create_backorder` is None and there may be a rest."""
        wanted = arguments["create_backorder"]
        payload = FinalizePayload(snapshot=snapshot, create_backorder=wanted)
        return payload, ask_finalize(snapshot.order, place_of(erp), wanted)

    def answer(self, operation: Operation, answer: FormAnswer) -> Payload | None:
        """Take an option that closes it, and with it what becomes of the rest."""
        assert operation.question is not None
        decision = read_decision(answer, operation.question)
        if decision not in ("backorder", "close"):
            return None
        # What is sent is what the person chose, whatever the call asked for.
        return _payload(operation).model_copy(update={"create_backorder": decision == "backorder"})

    async def find_change(self, erp: ERP, operation: Operation) -> Change | None:
        """Compare all that the person was shown."""
        return await find_change(erp, operation, "finalize")

    async def send(self, erp: ERP, operation: Operation, before_send: BeforeSend) -> Applied:
        """Close it."""
        wanted = _payload(operation).create_backorder is True
        done = await erp.finalize_order(
            operation.number, create_backorder=wanted, before_send=before_send, version=snapshot_of(operation).version
        )
        return Applied(backorder_number=done.backorder_number, tells_backorder=done.tells_backorder)

    async def confirm(self, erp: ERP, operation: Operation, applied: Applied, sent_at: float) -> Observation:
        """Take the ERP's answer, which names the order and its status, and say where a reading shows another status."""
        backorder = applied.backorder_number
        order, unseen = await read_changed(erp, operation.number)
        if order is None:
            return Observation("applied", "the ERP says so", backorder_number=backorder, detail=unseen)
        if self.is_still_applied(order):
            return Observation("applied", "the ERP says so", order.without_lines(), backorder)
        # It may be an old reading, which is not shown; but only the answer says that it is closed.
        detail = say_still_shown(erp, operation, order)
        return Observation("applied", "the ERP says so", None, backorder, detail=detail)

    async def observe(self, erp: ERP, operation: Operation, sent_at: float) -> Observation:
        """See whether the order is closed, and which backorder holds what was outstanding."""
        try:
            order = await find_order(erp, operation.number)
        except ERPError as exc:
            return unreadable(exc)
        if order is None:  # a finalize does not make an order disappear: this tells nothing of it
            return Observation("unreadable", "the order cannot be found")
        if order.status == "unknown":
            return Observation("unreadable", "the order has a status that po-mcp does not know", order)
        if order.status in ("cancelled", "deleted"):
            return Observation("ended_otherwise", f"the order is {STATUS_LABELS[order.status]}", order)
        if order.status != "closed":
            return Observation("absent", f"the order is {STATUS_LABELS[order.status]}", order)
        return await _observe_closed(erp, operation, order)

    def is_still_applied(self, order: PurchaseOrder | None) -> bool:
        """Tell whether it is closed."""
        return order is not None and order.status == "closed"

    def describe_consequence(self, operation: Operation, erp: str) -> str:
        """Say how much is outstanding, and what becomes of it."""
        payload = _payload(operation)
        if not (rest := _describe_rest(payload.snapshot.order, erp)):
            return "Everything was received. Closing cannot be undone."
        ending = {None: "", True: " The rest goes on a new backorder.", False: " The rest will not be reordered."}
        return f"{rest} Closing cannot be undone.{ending[payload.create_backorder]}"

    def describe_done(self, erp: ERP, operation: Operation, applied: Applied) -> str:
        """Say what became of the rest; a backorder that was wanted and not made is said."""
        closed = f"Order {order_text.number(operation.number)} was closed."
        has_rest, where = snapshot_of(operation).order.may_have_rest, place_of(erp).erp
        if applied.backorder_number and not wants_backorder(operation):
            made = f"Backorder {order_text.number(applied.backorder_number)} was created, although none was requested"
            return f"{made}; check in {where}. {closed}"
        if applied.backorder_number:
            return f"{closed} The rest is on the new backorder {order_text.number(applied.backorder_number)}."
        if not has_rest:
            return f"{closed} Everything had been received."
        if not _payload(operation).create_backorder:
            rest = "No backorder was created." if applied.tells_backorder else "No backorder was requested."
            return f"{closed} {rest}"
        # What is wrong comes first.
        if not applied.tells_backorder:
            return f"{where} does not say whether the requested backorder was created; check there. {closed}"
        return f"No backorder was created, although it was requested; check in {where}. {closed}"

    def offer_instead(self, erp: ERP, order: PurchaseOrder | None) -> str:
        """Offer nothing."""
        return ""


def wants_backorder(operation: Operation) -> bool:
    """Tell whether a backorder is made for what is outstanding."""
    return _payload(operation).create_backorder is True


def _payload(operation: Operation) -> FinalizePayload:
    assert isinstance(operation.payload, FinalizePayload)
    return operation.payload


async def _observe_closed(erp: ERP, operation: Operation, order: PurchaseOrder) -> Observation:
    found = await _find_backorders(erp, operation)
    several = " or ".join(map(order_text.number, found))
    if not wants_backorder(operation):
        detail = ""
        if found:
            detail = f"A backorder {several} of what was outstanding is there, although none was requested; check it."
        elif snapshot_of(operation).order.may_have_rest:
            # The answer, which would say it, was lost or cannot be taken at its word.
            where = place_of(erp).erp
            detail = f"A backorder of the rest was not seen; whether there is one is not known. Check in {where}."
        return Observation("applied", "the order is closed", order, detail=detail)
    if not found:
        detail, which = f"Its backorder was not found; check in {place_of(erp).erp}.", "its backorder was not found"
    elif len(found) == 1:
        detail, which = f"The rest is on backorder {order_text.number(found[0])}.", f"with backorder {found[0]}"
    else:
        detail = f"The rest is on backorder {several}; check in {place_of(erp).erp}."
        which = "with one of its backorders"
    backorder = found[0] if len(found) == 1 else None
    return Observation("applied", f"the order is closed, {which}", order, backorder, detail=detail)


async def _find_backorders(erp: ERP, operation: Operation) -> list[str]:
    """Find the backorder by what it must hold, under the numbers that the ERP gives such orders.

    Several where an earlier finalize left one of the same content: nothing tells which is the new one.
    """
    outstanding = snapshot_of(operation).order.outstanding_lines
    if not outstanding:  # nothing to know it by: an order without lines would do
        return []
    wanted = Counter((line.item, line.outstanding) for line in outstanding)
    alike: list[str] = []
    # The ERP's answer names it; where that was lost, the number can only be looked for.
    for count in range(1, _BACKORDERS_TRIED + 1):
        number = f"{operation.number}-BO{count}"
        try:
            found = await erp.get_order(number)
        except ERPError:
            break
        # By content and not by name alone: an older finalize may have left a backorder under the same number.
        if Counter((line.item, line.quantity) for line in found.lines or ()) == wanted:
            alike.append(number)
    return alike


def _describe_rest(order: PurchaseOrder, erp: str) -> str:
    """Say how many lines are outstanding, and of how many the ERP does not tell it; "" where all was received."""
    lines, outstanding, untold = len(order.lines or ()) + order.untold_lines, len(order.outstanding_lines), ""
    # What the ERP does not show is not 0, nor all: "everything was received" would be our own claim.
    if (silent := order.lines_without_receipts) or not lines:
        which = f" on {silent} of {order_text.count(lines, 'line')}" if silent < lines else ""
        untold = f"{order_text.begin_sentence(erp)} does not show what was received{which}."
    elif order.untold_receipts:
        which = (
            f" on {order.untold_receipts} of {order_text.count(lines, 'line')}" if order.untold_receipts < lines else ""
        )
        untold = f"{order_text.begin_sentence(erp)} does not show what is outstanding{which}."
    are = "is" if outstanding == 1 else "are"
    rest = f"{outstanding} of {order_text.count(lines, 'line')} {are} outstanding." if outstanding else ""
    return " ".join(filter(None, [rest, untold]))
