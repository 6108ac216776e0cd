"""What is said of an operation: the words of every outcome. What is not known is said to be not known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from po_mcp.erp import ERP
from po_mcp.writes.kinds import Applied, Change, kind_of
from po_mcp.writes.local_time import THIS_MACHINE, LocalTime
from po_mcp.writes.observation import Observation, without_effect
from po_mcp.writes.operation import Operation, OutcomeStatus, Recorded, State, WriteOutcome
from po_mcp.writes.payloads import CreatePayload
from po_mcp.writes.policy import SettlementPolicy

MAX_LINES = 100
"""Lines of a new order that its outcome carries."""


@dataclass(frozen=True)
class OutcomeWriter:
    """Writes outcomes in words.

    Args:
        erp: where operations are sent; its notice stands first.
        policy: when a reading is decisive.
        local: writes times.
    """

    erp: ERP
    policy: SettlementPolicy
    local: LocalTime = THIS_MACHINE

    def say(self, status: OutcomeStatus, operation: Operation | None, text: str, **more: Any) -> WriteOutcome:
        """Make an outcome."""
        message = f"{self.erp.notice} {text}".strip()
        order = more.get("order")
        if order is not None and (
            operation is None or operation.kind != "create" or len(order.lines or ()) > MAX_LINES
        ):
            more["order"] = order.without_lines()  # get_purchase_order shows them, page by page
        return WriteOutcome(status=status, operation_id=operation and operation.id, message=message, **more)

    def outcome(self, recorded: Recorded) -> WriteOutcome:
        """Return the outcome of an operation as it stands."""
        operation = recorded.operation
        words = _STANDING.get(recorded.state)
        if recorded.outcome is not None and words is None:
            return recorded.outcome
        if recorded.state == "SENT":
            return self.unknown(operation, recorded.sent_at, "its answer is not there yet.")
        if recorded.outcome is not None and recorded.state in ("STALE", "DECLINED"):
            return recorded.outcome
        assert words is not None
        status, text = words
        return self.say(status, operation, text.format(kind=operation.kind, number=operation.number))

    def done(self, operation: Operation, applied: Applied, differences: tuple[str, ...] = ()) -> WriteOutcome:
        """Say what the ERP carried out, how it stored it otherwise, and what words were taken for."""
        parts = [kind_of(operation.kind).describe_done(self.erp, operation, applied), *_describe(differences)]
        if isinstance(operation.payload, CreatePayload):
            parts += operation.payload.notes
        more = {"order": applied.order, "backorder_number": applied.backorder_number}
        return self.say("done", operation, " ".join(parts), **more)

    def observed(self, operation: Operation, seen: Observation, because: str) -> WriteOutcome:
        """Say that the effect of a write was seen by reading, and why that was needed."""
        text = f"Done: {seen.why} ({operation.kind} of order {operation.number}, seen by reading; {because})."
        parts = [text, *_describe(seen.differences)]
        more = {"order": seen.order, "backorder_number": seen.backorder_number}
        return self.say("done", operation, " ".join(parts), **more)

    def unknown(self, operation: Operation, sent_at: float | None, what: str) -> WriteOutcome:
        """Say that nobody knows what came of it.

        Args:
            operation: what was sent.
            sent_at: the journal's time of the send, in seconds since 1970.
            what: why it is not known, to the end of the sentence.
        """
        sent = "" if sent_at is None else f", at {datetime.fromtimestamp(sent_at, UTC):%H:%M:%S} UTC"
        repeat = "it, not under another number either" if operation.kind == "create" else "it"
        text = (
            f"What came of the {operation.kind} of order {operation.number} is not known: {what} It was sent "
            f"once{sent}. Do not repeat {repeat}, and tell the user. get_operation "
            f"reads the order again and settles it {self._settling}."
        )
        return self.say("unknown", operation, text, do_not_repeat=True)

    def watched(self, operation: Operation, refusal: str, until: float) -> WriteOutcome:
        """Say that the ERP refused it, and until when that is checked; that nothing was changed is not certain yet."""
        time = datetime.fromtimestamp(until, UTC)
        text = f"{without_effect(refusal)} {_CHECKED} {time:%H:%M:%S} UTC."
        return self.say("refused", operation, text, not_before=time.replace(microsecond=0))

    def after_watch(self, watched: WriteOutcome) -> WriteOutcome:
        """Say that a refusal is final: no effect of the write was seen."""
        text = f"{watched.message.partition(f' {_CHECKED}')[0]} Nothing was changed."
        return watched.model_copy(update={"message": text, "not_before": None})

    def changed(self, operation: Operation, change: Change) -> WriteOutcome:
        """Say that an approved operation is no longer sent."""
        if change.is_taken:
            text = (
                f"Order {operation.number} exists already, and {change.why}. Nothing was changed. "
                "Look at it with get_purchase_order, and ask the user which number to take."
            )
            return self.say("refused", operation, text, order=change.order)
        text = f"Order {operation.number} is not what the person was shown: {change.why}."
        next_step = "tell the user" if change.order is None else "ask for it again"
        return self.say("stale", operation, f"{text} Nothing was sent; {next_step}.", order=change.order)

    @property
    def _settling(self) -> str:
        """Say when a reading is decisive."""
        seconds = self.policy.absence_decides_after
        if seconds is None:
            return "once the effect is seen; where none is ever seen, a person does (po-mcp journal settle)"
        return f"once the effect is seen, or after {seconds:.0f} s without it"


_CHECKED = "No effect is seen so far; this is checked again until"

_STANDING: dict[State, tuple[OutcomeStatus, str]] = {
    "PROPOSED": ("approval_required", "It waits for a person: {kind} of order {number}. Nothing was sent."),
    "APPROVED": (
        "approval_required",
        "It was approved and not sent yet: {kind} of {number}. The same call again sends it.",
    ),
    "EXPIRED": ("expired", "The time for approving this is over. Nothing was sent; ask for it again to be asked anew."),
    "STALE": ("stale", "Another operation took the place of this one. Nothing was sent."),
    "DECLINED": ("declined", "A person rejected this. Nothing was sent."),
}
"""What is said of an operation that has no outcome of its own."""


def _describe(differences: tuple[str, ...]) -> list[str]:
    """Say how the stored order is not what was asked for, if it is not."""
    return [f"The ERP stored it in its own way: {'; '.join(differences)}."] if differences else []
