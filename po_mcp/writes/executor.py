"""The one way to the wire: read again, compare, claim, send once, classify, record, read back."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import anyio

from po_mcp import telemetry
from po_mcp.erp import ERP, acting_for
from po_mcp.errors import (
    ERPError,
    JournalUnavailable,
    OutcomeUnknown,
    PurchaseOrderError,
    Refused,
    SignInEnded,
    Stale,
    TooLate,
)
from po_mcp.writes import order_text
from po_mcp.writes.books import need_same_books
from po_mcp.writes.journal import Claim, Journal, Proposed
from po_mcp.writes.journal.audit_log import ANSWERED_NUMBER, Event
from po_mcp.writes.journal.proposals import ASKED_AGAIN
from po_mcp.writes.kinds import Applied, Change, kind_of
from po_mcp.writes.kinds.snapshots import say_not_read
from po_mcp.writes.local_time import THIS_MACHINE, LocalTime
from po_mcp.writes.observation import Observation
from po_mcp.writes.operation import Operation, Recorded, WriteOutcome
from po_mcp.writes.outcomes import OutcomeWriter
from po_mcp.writes.policy import LOOK_S, SettlementPolicy
from po_mcp.writes.reconcile import Reconciler

logger = logging.getLogger(__name__)

_EndState = Literal["DONE", "UNKNOWN", "REFUSED"]


@dataclass(frozen=True)
class _End:
    """How a send ended: the state, what is said, and what the audit log keeps."""

    state: _EndState
    outcome: WriteOutcome
    detail: Mapping[str, Any]
    was_sent: bool = True


@dataclass(frozen=True)
class Executor:
    """Carries out what was approved, for every caller alike: a tool's call, the page, a terminal.

    Args:
        erp: where it is sent.
        journal: where it is recorded; nothing is sent that is not in it.
        policy: time-outs and how long an effect may take to show.
        reconciler: settles what is not known.
        words: what is said of it.
    """

    erp: ERP
    journal: Journal
    policy: SettlementPolicy
    reconciler: Reconciler
    words: OutcomeWriter

    async def execute(self, operation_id: str, approved: Operation | None = None) -> WriteOutcome:
        """Carry out an approved operation if nobody has, and return its outcome; else what came of it.

        `approved` is the operation as this caller has just recorded it approved; the claim decides whether it still is.

        The order is read again, and the operation ends as STALE if it is no longer what the person was shown; for a
        new order the number is seen to be free. Once it is claimed nothing stops it until its outcome is recorded: a
        call that is cancelled, a client that leaves or a signal must not lose what became of a write.

        Raises:
            ERPError: the order cannot be read again; nothing was sent, and the approval still holds.
            JournalUnavailable: nothing was sent.
            ConnectionNotAdopted: nothing was sent.
        """
        if approved is None:
            recorded = await self.journal.find(operation_id)
            if recorded is None or recorded.state != "APPROVED":
                return await self.outcome_of(operation_id)
            approved = recorded.operation
        # Of every approver, on the page or in a terminal: a yes lends nobody's credentials but the requester's.
        with acting_for(approved.actor):
            return await self._execute_approved(approved)

    async def _execute_approved(self, operation: Operation) -> WriteOutcome:
        operation_id = operation.id
        try:
            # Here and not in the callers: a tool, the page and a terminal all come through here, so none of them can
            # send what the person was not shown, or to another company.
            await need_same_books(self.erp, operation)
            change = await kind_of(operation.kind).find_change(self.erp, operation)
        except ERPError:  # an order that is being deleted by the same answer, given twice, cannot be read whole
            if (latest := await self.journal.find(operation_id)) is None or latest.state == "APPROVED":
                raise
            return await self.outcome_of(operation_id)
        if change is not None:
            # The yes was for what was shown; for what stands there now a person must be asked again.
            return await self._end_as_stale(operation, change)
        return await self._claim_and_send(operation)

    async def say_earlier_no(self, recorded: Recorded) -> str:
        """Say that the same request was answered with a no before; "" where it was not."""
        operation = recorded.operation
        is_new = isinstance(recorded, Proposed)
        no = recorded.last_no if isinstance(recorded, Proposed) else await self.journal.find_last_no(operation)
        if no is None:
            return ""
        is_again = is_new or no.operation_id != operation.id or await self.find_own_no(operation) is None
        return self.words.earlier_no(no, self.journal.now(), is_again=is_again)

    async def find_own_no(self, operation: Operation) -> Event | None:
        """Return the no that this very question was answered with last; None where it was asked again since."""
        no: Event | None = None
        for event in await self.journal.events(operation.id):
            if event.event in ("APPROVED", ASKED_AGAIN):
                no = None
            elif event.event == "DECLINED" or event.detail.get("how") == "declined":
                no = event
        return no

    async def note_asked_again(self, recorded: Recorded) -> None:
        """Record that what was declined is requested again: from now on it waits for approval."""
        if isinstance(recorded, Proposed):
            return  # nobody can have answered it yet
        if await self.find_own_no(recorded.operation) is not None:
            await self.journal.note(recorded.operation.id, ASKED_AGAIN, {})

    async def outcome_of(self, operation_id: str) -> WriteOutcome:
        """Return the outcome of an operation that another call is sending, or that is at its end."""
        recorded = await self.reconciler.wait_until_settled(operation_id)
        if recorded is None:
            return self.words.lost()
        recorded = await self._try_reconcile(recorded)
        outcome = self.words.outcome(recorded)
        return outcome.as_repeated() if recorded.state == "DONE" else outcome

    async def _end_as_stale(self, operation: Operation, change: Change) -> WriteOutcome:
        outcome = self.words.changed(operation, change)
        if await self.journal.finish(operation.id, "APPROVED", "STALE", outcome, {"because": change.why}):
            return outcome
        return await self.outcome_of(operation.id)

    async def _claim_and_send(self, operation: Operation) -> WriteOutcome:
        sending = self.reconciler.sending
        with anyio.CancelScope(shield=True), telemetry.about(operation.id):
            # Before the claim, so that no recovery of this process takes the operation for one that was left behind.
            sending.add(operation.id)
            try:
                claim = await self.journal.claim(operation.id, self.erp.connection)
                if claim is not None:
                    return await self._send_and_record(claim)
            finally:
                sending.discard(operation.id)
        return await self.outcome_of(operation.id)

    async def _send_and_record(self, claim: Claim) -> WriteOutcome:
        """Send a claimed operation, and record what came of it before anything else."""
        operation = claim.operation
        self.reconciler.begin(claim)
        end = await self._send(claim)
        if isinstance(end, PurchaseOrderError):
            return await self._watch_refusal(claim, end)
        # Before the caller hears of it: an outcome that is given and not recorded would be asked for again.
        if not await self.reconciler.record(operation, "SENT", end.state, end.outcome, end.detail):
            return await self._record_after_others(operation, end)
        # One look at once: most lost answers are of writes that were carried out, and the caller then knows.
        if end.state == "UNKNOWN":
            found = await self._find(operation.id)
            return end.outcome if found is None else self.words.outcome(await self._try_reconcile(found))
        return end.outcome

    async def _send(self, claim: Claim) -> _End | PurchaseOrderError:
        """Send, and classify the end; return the ERP's own refusal as it is. What is not definite is unknown."""
        operation, kind = claim.operation, kind_of(claim.operation.kind)

        def in_time() -> None:
            age = max(time.monotonic() - claim.claimed, self.journal.now() - claim.sent_at)
            # Two clocks: the monotonic one does not run while some machines sleep, and the other one may be set back.
            if age > self.policy.timeout:  # the machine slept, or this process was stopped
                raise _too_late_error(operation)

        try:
            applied = await kind.send(self.erp, operation, in_time)
        except PurchaseOrderError as exc:
            if exc.effect == "nothing_changed":
                return exc
            if exc.effect == "nothing_sent":
                status: Literal["stale", "refused"] = "stale" if isinstance(exc, Stale) else "refused"
                outcome = self.words.say(status, operation, exc.message, exc.next_step)
                return _End("REFUSED", outcome, {"answer": exc.message}, was_sent=False)
            # Neither "not sent" nor "refused": the request left, so only a reading can tell.
            return self._doubt(claim, exc.reason, exc.answered_number if isinstance(exc, OutcomeUnknown) else None)
        except Exception as exc:  # a crash after the claim: the request may be on its way
            logger.error("operation %s: sending failed with %s", operation.id, type(exc).__name__)
            return self._doubt(claim, "po-mcp failed while sending it")
        seen = await self._confirm(claim, applied)
        # A gateway, or a second request of its own, can answer "created" for an order that is another's.
        if seen.seen != "applied":
            return self._doubt(claim, f"the ERP says that it was done, but {_contents(seen)}")
        confirmed = replace(applied, order=seen.order or applied.order)
        outcome = self.words.done(operation, confirmed, seen)
        return _End("DONE", outcome, {"answer": "success, verified"})

    async def _confirm(self, claim: Claim, applied: Applied) -> Observation:
        """Look at what a success left; where that fails, or takes too long, the ERP's answer stands."""
        operation = claim.operation
        try:
            with anyio.move_on_after(min(LOOK_S, self.policy.timeout)):
                return await kind_of(operation.kind).confirm(self.erp, operation, applied, claim.sent_at)
        except Exception as exc:  # a crash here must not lose what the ERP has answered
            logger.error("operation %s was done, and looking at it crashed: %s", operation.id, type(exc).__name__)
        unseen = say_not_read(self.erp)
        return Observation("applied", "the ERP says so", applied.order, applied.backorder_number, detail=unseen)

    def _doubt(self, claim: Claim, what: str, answered_number: str | None = None) -> _End:
        is_settled_by_reading = answered_number is None
        outcome = self.words.unknown(claim.operation, claim.sent_at, what, is_settled_by_reading=is_settled_by_reading)
        detail = {"answer": what} if is_settled_by_reading else {"answer": what, ANSWERED_NUMBER: answered_number}
        return _End("UNKNOWN", outcome, detail)

    async def _watch_refusal(self, claim: Claim, refusal: PurchaseOrderError) -> WriteOutcome:
        """Believe the ERP's own refusal after two looks, and watch it: a gateway may have sent the request twice.

        It is recorded as watched first, so that nobody loses it who looks while this one does.
        """
        operation = claim.operation
        until = self.journal.now() + self.policy.watches_for
        outcome = _as_stale(self.words.watched(operation, refusal.reason, until, refusal.next_step), refusal)
        detail = {"answer": refusal.reason}
        # Recorded as watched before the first look: if this process dies now, another one goes on with the watch.
        if not await self.reconciler.record(operation, "SENT", "WATCHED", outcome, detail, watched_until=until):
            return await self.outcome_of(operation.id)
        # The second request of a gateway follows the first within seconds, and so does its effect.
        seen = await self._look_twice(claim)
        if shown := self._end_shown_by(claim, refusal, seen):
            state, outcome = shown
            return await self._end_watch(operation, state, outcome, seen)
        offer = kind_of(operation.kind).offer_instead(self.erp, seen.order) if _is_about_order(refusal) else ""
        next_step = offer or refusal.next_step
        # Where a read shows all that there is, two looks are the whole watch.
        if self.policy.watches_for == 0 or seen.seen == "ended_otherwise":
            refused = self.words.refused(operation, refusal.reason, next_step, seen)
            return await self._end_watch(operation, "REFUSED", _as_stale(refused, refusal), seen)
        return _as_stale(self.words.watched(operation, refusal.reason, until, next_step), refusal)

    def _end_shown_by(
        self, claim: Claim, refusal: PurchaseOrderError, seen: Observation
    ) -> tuple[_EndState, WriteOutcome] | None:
        """Return how a refused write ended, as far as the ERP shows another end than its refusal."""
        match seen.seen:
            case "applied" | "gone":
                because = f"{self.words.name} had reported an error"
                return "DONE", self.words.observed(claim.operation, seen, because)
            case "differs" | "unreadable":
                what = f"{refusal.reason.rstrip('.')}, but {_contents(seen)}"
                return "UNKNOWN", self.words.unknown(claim.operation, claim.sent_at, what)
            case "foreign":
                return "REFUSED", self.words.taken(claim.operation, seen.order)
        return None

    async def _look_twice(self, claim: Claim) -> Observation:
        """Look at once, and again a moment later unless the effect, or what keeps it from coming, is seen already."""
        # Not read from the journal, which may fail just now: the look needs no more than the claim holds.
        recorded = Recorded(claim.operation, "WATCHED", 0.0, claim.sent_at)
        seen = await self.reconciler.look(recorded)
        if seen.seen in ("applied", "ended_otherwise"):
            return seen
        await anyio.sleep(self.policy.looks_again_after)
        again = await self.reconciler.look(recorded)
        # What one reading alone shows of another's order, or of none, proves nothing.
        return again if again.seen not in ("foreign", "gone") or again.seen == seen.seen else seen

    async def _end_watch(
        self,
        operation: Operation,
        after: _EndState,
        outcome: WriteOutcome,
        seen: Observation,
    ) -> WriteOutcome:
        if await self.reconciler.record(operation, "WATCHED", after, outcome, {"observed": seen.why}):
            return outcome
        return await self.outcome_of(operation.id)

    async def _record_after_others(self, operation: Operation, end: _End) -> WriteOutcome:
        """Record an end for an operation that others took for unknown meanwhile: its sender knows better."""
        if end.state == "DONE":
            await self.reconciler.record(operation, "UNKNOWN", "DONE", end.outcome, end.detail)
            return end.outcome
        if not end.was_sent:
            await self.reconciler.record(operation, "UNKNOWN", "NOT_APPLIED", end.outcome, end.detail)
            return end.outcome
        if ANSWERED_NUMBER in end.detail:
            # Before anybody looks again: by its absence under our number it would be called not done.
            await self.journal.note(operation.id, "ANSWERED", end.detail)
            await self.outcome_of(operation.id)
            return end.outcome
        return await self.outcome_of(operation.id)

    async def _try_reconcile(self, recorded: Recorded) -> Recorded:
        """Reconcile; where the journal fails now, what is known is still true."""
        try:
            return await self.reconciler.reconcile(recorded)
        except JournalUnavailable:
            return recorded

    async def _find(self, operation_id: str) -> Recorded | None:
        try:
            return await self.journal.find(operation_id)
        except JournalUnavailable:
            return None


def _as_stale(outcome: WriteOutcome, refusal: PurchaseOrderError) -> WriteOutcome:
    """Call a refusal stale where the ERP itself saw that the order is no longer the version that was approved."""
    return outcome.model_copy(update={"status": "stale"}) if isinstance(refusal, Stale) else outcome


def _is_about_order(refusal: PurchaseOrderError) -> bool:
    """Tell whether a delete was refused for what the order is, and not for a right, a sign-in or too many requests."""
    # What was changed meanwhile is looked at again, and not cancelled in the place of a delete.
    return isinstance(refusal, Refused) and not isinstance(refusal, Stale | SignInEnded)


def _contents(seen: Observation) -> str:
    """Say what stands in the ERP instead, to the end of the sentence."""
    how = f": {'; '.join(seen.differences)}" if seen.differences else ""
    return f"{seen.why}{how}."


def _too_late_error(operation: Operation) -> TooLate:
    done = kind_of(operation.kind).words.done
    return TooLate(
        f"Order {order_text.number(operation.number)} was not {done}: "
        "po-mcp was interrupted for too long before sending it.",
        effect="nothing_sent",
    )


def build_executor(
    erp: ERP,
    journal: Journal,
    policy: SettlementPolicy,
    on_done: Any = None,
    *,
    local: LocalTime = THIS_MACHINE,
) -> Executor:
    """Return an executor with its reconciler.

    Args:
        erp: where writes are sent.
        journal: where they are recorded.
        policy: time-outs and how long an effect may take to show.
        on_done: called for every write that was done now, with the operation and its outcome.
        local: writes times in outcomes.
    """
    words = OutcomeWriter(erp, policy, local)
    return Executor(erp, journal, policy, Reconciler(erp, journal, policy, words, on_done), words)
