"""Carry operations out: claim, send once, say truly what came of it, and settle by reading what is not known."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio

from po_mcp.erp import ERP
from po_mcp.errors import (
    Conflict,
    JournalUnavailable,
    NotPermitted,
    OrderNotFound,
    OutcomeUnknown,
    PurchaseOrderError,
    Refused,
)
from po_mcp.orders import CAN_BE_CANCELLED, PurchaseOrder, plain
from po_mcp.untrusted import quoted
from po_mcp.writes.journal import Claim
from po_mcp.writes.observation import Observation, backorder_wanted, draft_of, observe, snapshot_of
from po_mcp.writes.operation import Operation, Recorded, WriteOutcome
from po_mcp.writes.outcomes import GRACE, Outcomes

logger = logging.getLogger(__name__)

_LOOK = 15.0  # seconds that one reading to settle an operation may take
_POLL = 0.05  # seconds between looks at an operation that another call or process has in hand


_NO_EFFECT = ("absent", "forbidden")

_End = tuple[Literal["DONE", "REFUSED", "UNKNOWN"], WriteOutcome, Mapping[str, Any]]
"""How a send ended: the state, what to tell, and what to note in the trail."""


@dataclass(frozen=True)
class Executor(Outcomes):
    """Sends what was approved, and settles what is not known. Nothing is sent that is not in the journal.

    Args:
        erp: as for the outcomes, like the next four.
        journal: see there.
        timeout: see there.
        late_apply: see there.
        read_lag: see there.
        on_done: told of every write that was done now, with its outcome; what it makes of that changes nothing here.
    """

    on_done: Callable[[Operation, WriteOutcome], None] | None = None
    _in_hand: set[str] = field(default_factory=set)

    async def carry_out(self, operation_id: str) -> WriteOutcome:
        """Send an approved operation if nobody has, and return its outcome; else that of whoever did.

        Once it is claimed nothing stops it until its outcome is recorded: a call that is cancelled, a
        client that leaves or a signal must not lose what became of a write.
        """
        claim = self.journal.claim(operation_id)
        if claim is None:
            return await self.outcome_of(operation_id)
        self._in_hand.add(operation_id)
        try:
            with anyio.CancelScope(shield=True):
                outcome = await self._carried_out(claim)
        finally:
            self._in_hand.discard(operation_id)
        return outcome

    async def outcome_of(self, operation_id: str) -> WriteOutcome:
        """Return the outcome of an operation that somebody else has in hand, or that is at its end."""
        recorded = await self._when_sent(operation_id)
        if recorded is None:
            return self.say("expired", None, "This operation is not known. Nothing was sent.")
        if recorded.state in ("SENT", "UNKNOWN"):
            recorded = await self._reconciled(recorded)
        outcome = self.outcome(recorded)
        return outcome.repeated() if recorded.state == "DONE" else outcome

    def has_in_hand(self, operation_id: str) -> bool:
        """Tell whether this process is sending the operation at this moment."""
        return operation_id in self._in_hand

    async def recover(self) -> None:
        """Settle by reading what a process that died, or a doubt, left behind. Nothing is ever sent again."""
        for recorded in self.journal.live(self.erp.connection):
            if recorded.state in ("SENT", "UNKNOWN") and not self.has_in_hand(recorded.operation.id):
                await self.reconcile(recorded)

    async def reconcile(self, recorded: Recorded) -> Recorded:
        """Read what the ERP shows of a sent operation, and settle it if that is decisive."""
        operation, looked_at = recorded.operation, self.journal.now()
        observation = await self._look(operation)
        if recorded.state == "SENT" and self._is_abandoned(recorded, looked_at):
            self._settle(operation, "SENT", "UNKNOWN", self._unknown(recorded, "the process that sent it is gone."), {})
            recorded = self.journal.find(operation.id) or recorded
        self._settle_by(observation, recorded, looked_at)
        return self.journal.find(operation.id) or recorded

    async def _carried_out(self, claim: Claim) -> WriteOutcome:
        """Send a claimed operation, and record what came of it before anything else."""
        operation = claim.operation
        after, outcome, detail = await self._sent(claim)
        self._settle(operation, "SENT", after, outcome, detail)
        if after != "UNKNOWN":
            return outcome
        return self.outcome(await self._reconciled(Recorded(operation, after, 0, claim.sent_at, outcome=outcome)))

    async def _reconciled(self, recorded: Recorded) -> Recorded:
        """Reconcile; where the journal fails now, what is known is still true: it was sent."""
        try:
            return await self.reconcile(recorded)
        except JournalUnavailable:
            return recorded

    async def _sent(self, claim: Claim) -> _End:
        """Send, and classify the end: what is not definite is unknown."""
        operation = claim.operation
        if self.journal.now() - claim.sent_at > self.timeout:
            # This process was stopped in between, and others may have settled the operation meanwhile.
            return "REFUSED", self.say("refused", operation, "It was too late to send it. Nothing was sent."), {}
        try:
            outcome = await send(self.erp, claim, self)
            return "DONE", outcome, {"answer": "success, verified"}
        except OutcomeUnknown as exc:
            return "UNKNOWN", self._in_doubt(operation, exc.what), {"answer": exc.what}
        except (Refused, NotPermitted, OrderNotFound) as exc:
            return await self._looked_after(operation, exc)
        except PurchaseOrderError as exc:
            return "REFUSED", self.say("refused", operation, str(exc)), {"answer": exc.what}
        except Exception as exc:  # a crash after the claim: the request may be on its way
            logger.error("operation %s crashed while it was sent: %s", operation.id, type(exc).__name__)
            what = "the request may have been sent, but this server failed."
            return "UNKNOWN", self._in_doubt(operation, what), {"answer": type(exc).__name__}

    async def _looked_after(self, operation: Operation, refusal: PurchaseOrderError) -> _End:
        """Look once at what was refused: a gateway may say no to what the ERP has done.

        "Already exists" can be our own order, "not found" our own delete. What cannot be looked at, or does not
        fit what is seen, is unknown.
        """
        observation = await self._look(operation)
        detail = {"answer": refusal.what, "observed": observation.why}
        if observation.seen == "unreadable":
            return (
                "UNKNOWN",
                self._in_doubt(operation, "it was answered with a refusal, and the order cannot be read."),
                detail,
            )
        if observation.seen == "applied":
            outcome = self._observed(operation, observation, "the write itself was answered with a refusal")
            is_earlier = operation.kind == "create" and isinstance(refusal, Conflict)
            return "DONE", outcome.repeated() if is_earlier else outcome, detail
        if observation.seen == "absent" and isinstance(refusal, Conflict | OrderNotFound) and not self._is_prompt:
            # Where a gateway sends a request twice, the second answer is such a one; a reading may lag behind.
            what = f"it was answered with a refusal ({refusal.what}), and no reason for one is seen: {observation.why}."
            return "UNKNOWN", self._in_doubt(operation, what), detail
        text = f"{refusal.what} {refusal.next_step}".strip()
        if operation.kind == "create" and observation.seen == "conflict":
            text = (
                f"Order {operation.number} exists already, and it is another order. Nothing was changed. "
                "Look at it with get_purchase_order, and ask the user which number to take."
            )
        if operation.kind == "delete" and isinstance(refusal, Refused):
            text = f"{text} {or_cancel(self.erp, observation.order)}".strip()
        return "REFUSED", self.say("refused", operation, text), detail

    async def _look(self, operation: Operation) -> Observation:
        """Read what the ERP shows, within the time of one reading."""
        with anyio.move_on_after(min(_LOOK, self.timeout)):
            return await observe(self.erp, operation)
        return Observation("unreadable", "the ERP did not answer in time")

    def _settle_by(self, observation: Observation, recorded: Recorded, looked_at: float) -> None:
        operation, before = recorded.operation, recorded.state
        detail = {"observed": observation.why}
        if before not in ("SENT", "UNKNOWN"):
            return
        if observation.seen == "applied":
            self._settle(operation, before, "DONE", self._observed(operation, observation), detail)
        elif before == "UNKNOWN" and observation.seen == "conflict":
            text = f"This did not happen: {observation.why}."
            self._settle(operation, before, "CONFLICT", self.say("refused", operation, text), detail)
        elif before == "UNKNOWN" and observation.seen in _NO_EFFECT and self._cannot_come_late(recorded, looked_at):
            text = f"It was not applied: {observation.why}. It may be asked for again."
            self._settle(operation, before, "NOT_APPLIED", self.say("refused", operation, text), detail)

    def _settle(
        self, operation: Operation, before: Any, after: Any, outcome: WriteOutcome, detail: Mapping[str, Any]
    ) -> None:
        """Record an end. Where the journal fails now, the answer is still true; the next reading records it."""
        try:
            self.journal.settle(operation.id, before, after, outcome, detail)
        except JournalUnavailable:
            logger.error("operation %s ended %s, and the journal cannot record it", operation.id, after)
        if after == "DONE" and not outcome.replayed:
            self._tell(operation, outcome)

    def _tell(self, operation: Operation, outcome: WriteOutcome) -> None:
        if self.on_done is None:
            return
        try:
            self.on_done(operation, outcome)
        except Exception as exc:  # whoever listens must not turn what was done into a failure
            logger.warning("operation %s was done, and telling of it failed: %s", operation.id, type(exc).__name__)

    async def _when_sent(self, operation_id: str) -> Recorded | None:
        """Wait for an operation that is being sent, as long as whoever sends it may take."""
        with anyio.move_on_after(self._longest + GRACE):
            while (recorded := self.journal.find(operation_id)) is not None and recorded.state == "SENT":
                if operation_id not in self._in_hand and self._is_abandoned(recorded, self.journal.now()):
                    break
                await anyio.sleep(_POLL)
        return self.journal.find(operation_id)


def or_cancel(erp: ERP, order: PurchaseOrder | None) -> str:
    """Offer to cancel an order that cannot be deleted; "" where that cannot be done either."""
    if "cancel" not in erp.capabilities or order is None or order.status not in CAN_BE_CANCELLED:
        return ""
    return f"It can be cancelled instead, with cancel_purchase_order({order.number}), if the user wants that."


async def send(erp: ERP, claim: Claim, executor: Executor) -> WriteOutcome:
    """Send the write of a claimed operation. No other place in this program sends one.

    Raises:
        OutcomeUnknown: it was sent, and what came of it is not known.
        PurchaseOrderError: it was refused, or never left.
    """
    operation = claim.operation
    match operation.kind:
        case "create":
            draft = draft_of(operation)
            stored = await erp.create_order(draft)
            lines = f"{len(draft.lines)} line{'s' if len(draft.lines) > 1 else ''}"
            total = "" if stored.total is None else f", total {plain(stored.total)}"
            text = f"Created {stored.number} for {quoted(stored.vendor)}: {lines}{total}."
            if stored.total is not None and stored.total != draft.total:
                text += f" The ERP's total differs from what was asked for, {plain(draft.total)}."
            return executor.say("done", operation, text, order=stored)
        case "finalize":
            done = await erp.finalize_order(operation.number, create_backorder=backorder_wanted(operation))
            made = done.backorder_number
            rest = f" What was outstanding is on the new backorder {made}." if made else " No backorder was made."
            return executor.say("done", operation, f"Finalized order {operation.number}.{rest}", backorder_number=made)
        case "delete":
            await erp.delete_order(operation.number)
            order = snapshot_of(operation).order
            return executor.say("done", operation, f"Deleted order {operation.number} for good.", order=order)
        case "cancel":
            await erp.cancel_order(operation.number)
            text = f"Cancelled order {operation.number}. The ERP keeps it, and can make it active again."
            return executor.say("done", operation, text)
