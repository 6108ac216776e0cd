"""Settle by reading what is not known, and watch what was refused. Nothing is ever sent here."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import anyio

from po_mcp import telemetry
from po_mcp.erp import ERP, ReadsByReference, acting_for
from po_mcp.errors import ERPError, JournalUnavailable
from po_mcp.orders import fold_number
from po_mcp.writes.books import need_same_books
from po_mcp.writes.journal import Claim, Journal
from po_mcp.writes.kinds import kind_of
from po_mcp.writes.observation import NEEDS_TWO_READINGS, Observation, unreadable
from po_mcp.writes.operation import SENT_STATES, Operation, Recorded, Requester, State, WriteOutcome
from po_mcp.writes.outcomes import OutcomeWriter
from po_mcp.writes.policy import LOOK_S, SettlementPolicy

logger = logging.getLogger(__name__)

MAX_WAIT_S = 35.0
"""Seconds that a call waits for who sends, for a refusal to be certain, or for a second reading.

What takes longer is left open: hosts give up a call after a minute.
"""


_MADE_BEFORE = 100
"""The latest creates that tell whether the ERP numbers orders itself."""


_INSTEAD: Mapping[State, State] = {"DONE": "DONE", "REFUSED": "NOT_APPLIED"}
"""What the end of an own send is where another process took it for unknown meanwhile: REFUSED is what never left."""


@dataclass(frozen=True)
class _End:
    """How an own send ended, which the journal could not take."""

    after: State
    outcome: WriteOutcome
    detail: Mapping[str, Any]
    watched_until: float | None


@dataclass(frozen=True)
class Reconciler:
    """Reads what the ERP shows of operations that were sent, and records what that decides.

    Args:
        erp: where they were sent.
        journal: where they are recorded.
        policy: how long an effect may take to show.
        words: what is said of them.
        on_done: called for every write that was done now, with its outcome; a failure of it changes nothing.
    """

    erp: ERP
    journal: Journal
    policy: SettlementPolicy
    words: OutcomeWriter
    on_done: Callable[[Operation, WriteOutcome], None] | None = None
    sent_here: dict[str, float] = field(default_factory=dict)
    """What this process sent, by its id, with the monotonic second of the send."""
    sending: set[str] = field(default_factory=set)
    unrecorded: dict[str, _End] = field(default_factory=dict)
    """How sends of this process ended that the journal could not take: nobody else knows it."""

    async def recover(self) -> None:
        """Settle what a process that died, a doubt or a refusal left behind. One that fails stops no other."""
        for recorded in await self.journal.live(await self.journal.name_of(self.erp.connection)):
            # Its own sender in this process records what becomes of it, and knows more than a look does.
            if recorded.state not in SENT_STATES or self.is_sending(recorded.operation.id):
                continue
            try:
                await self.reconcile(recorded)
            except Exception as exc:  # whatever is wrong with one operation, the server goes on
                logger.warning("operation %s could not be looked at: %s", recorded.operation.id, type(exc).__name__)

    def is_sending(self, operation_id: str) -> bool:
        """Tell whether this process is sending the operation at this moment."""
        return operation_id in self.sending

    async def look(self, recorded: Recorded, *, beyond_number: bool = False) -> Observation:
        """Read what the ERP shows of an operation that was sent, within the time of one reading.

        With `beyond_number` a new order that is not under its number is looked for under others, too.
        """
        operation = recorded.operation
        try:
            # By who requested it: others may not see it, and what is not seen counts as absent.
            with acting_for(operation.actor), anyio.move_on_after(min(LOOK_S, self.policy.timeout)):
                await need_same_books(self.erp, operation)
                seen = await kind_of(operation.kind).observe(self.erp, operation, recorded.earliest_send)
                # An effect under our number settles it; its absence there is none where the ERP named another number.
                if recorded.state != "UNKNOWN" or seen.seen == "applied":
                    return seen
                answered = await self.journal.answered_number(operation.id)
                if answered is not None:
                    from po_mcp.writes.kinds.answered import observe_answered  # late, for a quick start

                    return await observe_answered(self.erp, operation, answered)
                if beyond_number and operation.makes_order and seen.seen == "absent":
                    return await self._look_elsewhere(recorded, seen)
                return seen
        except ERPError as exc:
            return unreadable(exc)
        except Exception as exc:  # a look that crashes shows nothing, and must not lose what is known
            logger.error("looking at operation %s crashed: %s", operation.id, type(exc).__name__)
            return Observation("unreadable", "po-mcp failed to read the order")
        return Observation("unreadable", f"{self.words.name} did not answer in time")

    async def reconcile(self, recorded: Recorded) -> Recorded:
        """Look at a sent operation, and settle it if that is decisive; return it as it stands then."""
        recorded = await self._record_at_last(recorded)
        if recorded.state == "SENT" and self._is_abandoned(recorded):
            recorded = await self._give_up_waiting(recorded)
        # Its own sender in this process records what becomes of it, and knows more than a look does.
        is_on_its_way = recorded.state == "SENT" and self.is_sending(recorded.operation.id)
        if is_on_its_way or recorded.state not in SENT_STATES:
            return recorded
        looked_at = self.journal.now()
        # Before its absence decides, a new order is looked for under every number that the ERP may have given it.
        seen = await self.look(recorded, beyond_number=self._cannot_come_late(recorded, looked_at))
        # A gateway can say "not found", and a replica can lag: one reading that shows nothing, or another's order, is
        # no proof.
        if seen.seen in NEEDS_TWO_READINGS:
            looked_at = self.journal.now()
            if not await self._is_second_reading(recorded, looked_at):
                return await self._look_again(recorded, seen)
        elif recorded.foreign_since is not None:
            await self.journal.note_foreign(recorded.operation.id, None)
        # The time of the reading, not of now: what is decided must hold for when it was looked.
        await self._settle_by(seen, recorded, looked_at)
        latest = await self.journal.find(recorded.operation.id) or recorded
        if latest.state == "UNKNOWN" and seen.seen == "elsewhere":
            outcome = self.words.unknown(latest.operation, latest.sent_at, seen.why, is_settled_by_reading=False)
            return replace(latest, outcome=outcome)
        return latest

    async def wait_until_certain(self, recorded: Recorded) -> Recorded:
        """Wait for what is being sent, and for the end of a watch that is not far; settle the rest by reading."""
        if recorded.state == "SENT":
            recorded = await self.wait_until_settled(recorded.operation.id) or recorded
        if recorded.state in SENT_STATES:
            recorded = await self.reconcile(recorded)
        # A refusal is believed only at the end of its watch: a gateway may have sent the request twice, and passed on
        # the answer to the second.
        rest = (recorded.watched_until or 0.0) - self.journal.now()
        if recorded.state == "WATCHED" and rest <= MAX_WAIT_S:
            await anyio.sleep(max(0.0, rest))
            recorded = await self.reconcile(recorded)
        return recorded

    async def wait_out_lag(self, done: Recorded) -> bool:
        """Wait until a reading must show what was done; False where that takes too long to wait for.

        Until then an effect that is not shown may be an old reading, and no reason to do it again.
        """
        shows_at = (done.settled_at or 0.0) + self.policy.watches_for
        rest = shows_at - self.journal.now()
        if 0 < rest <= MAX_WAIT_S:
            await anyio.sleep(rest)
        return self.journal.now() >= shows_at

    async def wait_until_settled(self, operation_id: str) -> Recorded | None:
        """Wait for an operation that is being sent, as long as a call may take; it may be under way still."""
        with anyio.move_on_after(min(self.policy.abandoned_after, MAX_WAIT_S)):
            wait = self.journal.next_change()
            while (recorded := await self.journal.find(operation_id)) is not None and recorded.state == "SENT":
                # The sender may be another process that died: waiting for it would never end.
                is_over = operation_id in self.unrecorded or self._is_abandoned(recorded)
                if not self.is_sending(operation_id) and is_over:
                    break
                await wait()
                wait = self.journal.next_change()
        return await self.journal.find(operation_id)

    async def find_late_news(self, reader: Requester | None = None) -> list[Recorded]:
        """Look at what is watched; return what was done after it was called refused, of the reader's or of all."""
        # Nearly always there is neither, and each answer of a tool asks: one look in place of three.
        if not await self.journal.may_have_news(self.erp.connection):
            return []
        name = await self.journal.name_of(self.erp.connection)
        for recorded in await self.journal.live(name):
            if recorded.state == "WATCHED":
                await self.reconcile(recorded)
        return await self.journal.take_late_news(name, reader)

    async def record(
        self,
        operation: Operation,
        before: State,
        after: State,
        outcome: WriteOutcome,
        detail: Mapping[str, Any],
        *,
        watched_until: float | None = None,
        is_late: bool = False,
    ) -> bool:
        """Record an end. Where the journal fails now, the answer is still true; the next reading records it."""
        try:
            moved = await self.journal.finish(
                operation.id, before, after, outcome, detail, watched_until=watched_until, is_late=is_late
            )
        except JournalUnavailable:
            logger.error("operation %s ended %s but could not be recorded", operation.id, after)
            moved = True
            if before == "SENT":
                self.unrecorded[operation.id] = _End(after, outcome, detail, watched_until)
        if moved:
            telemetry.count("po_mcp.operations", kind=operation.kind, state=after)
        # Only the one that moved it notifies, so that there is one notification however many processes saw it.
        if moved and after == "DONE":
            self._notify(operation, outcome)
        return moved

    async def _record_at_last(self, recorded: Recorded) -> Recorded:
        """Record how an own send ended that the journal could not take then; return it as it stands, or as is known."""
        operation_id = recorded.operation.id
        if (end := self.unrecorded.get(operation_id)) is None:
            return recorded
        after = end.after if recorded.state == "SENT" else _INSTEAD.get(end.after)
        try:
            if after is not None and recorded.state in ("SENT", "UNKNOWN"):
                until = end.watched_until if after == "WATCHED" else None
                await self.journal.finish(
                    operation_id, recorded.state, after, end.outcome, end.detail, watched_until=until
                )
            found = await self.journal.find(operation_id)
        except JournalUnavailable:
            is_known = recorded.state == "SENT" and end.after in _INSTEAD
            return replace(recorded, state=end.after, outcome=end.outcome) if is_known else recorded
        self.unrecorded.pop(operation_id, None)
        return found or recorded

    def begin(self, claim: Claim) -> None:
        """Note that this process sends the operation now."""
        self.sent_here[claim.operation.id] = claim.claimed

    async def _find_given_number(self, made: Recorded) -> str:
        """Return the number that the ERP gave an order, as far as it told one; else the one that was asked for."""
        if (answered := await self.journal.answered_number(made.operation.id)) is not None:
            return answered
        order = None if made.outcome is None or made.state != "DONE" else made.outcome.order
        return made.operation.number if order is None else order.number

    async def _look_elsewhere(self, recorded: Recorded, absent: Observation) -> Observation:
        """Look for a new order under other numbers; where the ERP gave one of its own before, it may always have."""
        if isinstance(self.erp, ReadsByReference):
            return absent  # it was looked for by its reference, whatever its number is
        name, operation = await self.journal.name_of(self.erp.connection), recorded.operation
        made = await self.journal.latest(name, _MADE_BEFORE, kind="create")
        numbers: set[str] = set()
        keeps_ours = numbers_itself = False
        for one in (*made, *await self.journal.live(name)):
            if not one.operation.makes_order or one.operation.id == operation.id:
                continue
            given = await self._find_given_number(one)
            # Some ERPs store numbers in capitals: such a one is ours all the same.
            is_ours = fold_number(given) == fold_number(one.operation.number)
            numbers_itself |= not is_ours
            keeps_ours |= is_ours and one.state == "DONE"
            numbers |= {given} if one.state == "DONE" else set()
        from po_mcp.writes.kinds.elsewhere import look_elsewhere  # late, for a quick start

        seen = await look_elsewhere(self.erp, operation, recorded.earliest_send, absent, numbers)
        if seen.seen == "absent" and numbers_itself:
            why = f"{seen.why}, and {self.words.name} has numbered orders itself before"
            return Observation("elsewhere", why)
        if seen.seen == "absent" and not keeps_ours:
            # Its list may not show an order that it numbered itself: without a day or a vendor, or closed at once.
            why = f"{seen.why}, and {self.words.name} has not been seen to keep a number of ours"
            return Observation("elsewhere", why)
        return seen

    async def _settle_by(self, seen: Observation, recorded: Recorded, looked_at: float) -> None:
        """Record what an observation decides; most decide nothing."""
        operation, before = recorded.operation, recorded.state
        detail = {"observed": seen.why}
        if seen.seen in ("applied", "gone"):
            because = f"{self.words.name} gave no clear answer"
            if recorded.sent_at is None:
                because = "the record of changes was restored from a copy"
            if before == "WATCHED":
                because = f"{self.words.name} had reported an error"
            outcome = self.words.observed(operation, seen, because)
            await self.record(operation, before, "DONE", outcome, detail, is_late=before == "WATCHED")
        elif before == "WATCHED":
            # The vendor said no: what is not seen at the end of the watch did not happen, whatever LATE_APPLY is.
            await self._end_watch(seen, recorded, looked_at)
        elif before == "UNKNOWN" and seen.seen in ("foreign", "ended_otherwise"):
            await self.record(operation, before, "CONFLICT", self.words.conflict(operation, seen), detail)
        elif before == "UNKNOWN" and seen.seen == "absent" and self._cannot_come_late(recorded, looked_at):
            # Too early a "not applied" would release a second send while the first is still on its way.
            await self.record(
                operation, before, "NOT_APPLIED", self.words.not_done(operation, seen, again=True), detail
            )

    async def _end_watch(self, seen: Observation, recorded: Recorded, looked_at: float) -> None:
        """End a watch that is over, or in which something was seen that keeps the effect from coming.

        Where it ends in doubt it becomes unknown, so that a person can settle it: at once for an order that may be
        ours, and after a while for one that cannot be read.
        """
        until = recorded.watched_until or 0.0
        # A look that began before the end proves nothing for the time after it.
        is_over = looked_at >= until
        if seen.seen == "differs" or (seen.seen == "unreadable" and looked_at >= until + self.policy.verdict_after):
            operation = recorded.operation
            unknown = self.words.unknown(operation, recorded.sent_at, f"{self.words.name} refused it, but {seen.why}")
            await self.record(operation, "WATCHED", "UNKNOWN", unknown, {"observed": seen.why})
            return
        if seen.seen in ("ended_otherwise", "foreign") or (is_over and seen.seen == "absent"):
            outcome = recorded.outcome or self.words.not_done(recorded.operation, seen)
            final = self.words.after_watch(recorded.operation, outcome, seen)
            await self.record(recorded.operation, "WATCHED", "REFUSED", final, {"observed": seen.why})

    async def _give_up_waiting(self, recorded: Recorded) -> Recorded:
        """Call unknown what nobody can be sending any more."""
        operation = recorded.operation
        outcome = self.words.unknown(operation, recorded.sent_at, f"po-mcp stopped before {self.words.name} answered")
        await self.record(operation, "SENT", "UNKNOWN", outcome, {})
        return await self.journal.find(operation.id) or recorded

    async def _is_second_reading(self, recorded: Recorded, now: float) -> bool:
        """Tell whether the same was seen long enough before; else note that it is seen now."""
        gap = self.policy.foreign_after
        # The first reading is kept in the journal: the second may be made by another process.
        if gap == 0 or (recorded.foreign_since is not None and now - recorded.foreign_since >= gap):
            return True
        if recorded.foreign_since is None:
            await self.journal.note_foreign(recorded.operation.id, now)
        return False

    async def _look_again(self, recorded: Recorded, seen: Observation) -> Recorded:
        """Take the second reading in the same call where it is not long until then."""
        gap = self.policy.foreign_after
        # A caller that waits for a minute is given up by its host; the next call takes the reading.
        if recorded.foreign_since is not None or gap > MAX_WAIT_S:
            return recorded
        await anyio.sleep(gap)
        again = await self.look(recorded)
        if again.seen == seen.seen:
            await self._settle_by(again, recorded, self.journal.now())
        return await self.journal.find(recorded.operation.id) or recorded

    def _notify(self, operation: Operation, outcome: WriteOutcome) -> None:
        if self.on_done is None:
            return
        try:
            self.on_done(operation, outcome)
        except Exception as exc:  # a listener must not turn what was done into a failure
            logger.warning("operation %s is done; notifying clients failed with %s", operation.id, type(exc).__name__)

    def _is_abandoned(self, recorded: Recorded) -> bool:
        """Tell whether its sender is gone for sure, by the clock of the one who may know and by the journal's."""
        return self._least_age(recorded) > self.policy.abandoned_after

    def _cannot_come_late(self, recorded: Recorded, looked_at: float) -> bool:
        """Tell whether an effect that is absent now will not appear any more."""
        seconds = self.policy.absence_decides_after
        # No vendor documents how late a request may be applied: unless the operator says it, an absence decides
        # nothing.
        if seconds is None or recorded.counts_from is None:
            return False
        return self._least_age(recorded, looked_at) > seconds

    def _least_age(self, recorded: Recorded, now: float | None = None) -> float:
        """Return how long ago it was sent at least: a clock that was set ahead makes nothing older here."""
        age = (self.journal.now() if now is None else now) - (recorded.counts_from or recorded.sent_at or 0.0)
        # For what this process sent, the monotonic clock is at hand, which nobody can set.
        sent = self.sent_here.get(recorded.operation.id)
        return age if sent is None else min(age, time.monotonic() - sent)
