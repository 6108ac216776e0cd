"""What is told of an operation: the words of every outcome, and how long its effect may take to show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from po_mcp.erp import ERP
from po_mcp.writes.journal import Journal
from po_mcp.writes.observation import Observation
from po_mcp.writes.operation import Operation, OutcomeStatus, Recorded, WriteOutcome

GRACE = 5.0  # seconds after its time-out in which whoever sends an operation records what came of it


@dataclass(frozen=True)
class Outcomes:
    """Says what came of operations, truly: what is not known is told as not known.

    Args:
        erp: where they are sent.
        journal: where they are recorded.
        timeout: seconds that one call to the ERP may take.
        late_apply: seconds after that in which the ERP may still apply a request; None where nobody knows.
        read_lag: seconds by which a read may show less than the ERP holds; None where nobody knows.
    """

    erp: ERP
    journal: Journal
    timeout: float = 60.0
    late_apply: float | None = None
    read_lag: float | None = None

    def outcome(self, recorded: Recorded) -> WriteOutcome:
        """Return the outcome of an operation as it stands."""
        match recorded.state:
            case "PROPOSED":
                text = f"It waits for a person: {recorded.operation.kind} of order {recorded.operation.number}."
                return self.say("approval_required", recorded.operation, f"{text} Nothing was sent.")
            case "APPROVED":
                text = f"It was approved and not sent yet: {recorded.operation.kind} of {recorded.operation.number}."
                return self.say("approval_required", recorded.operation, f"{text} get_operation with its id goes on.")
            case "SENT":
                return self._unknown(recorded, "its answer is not there yet.")
            case "EXPIRED":
                text = "The time for approving this is over. Nothing was sent; ask for it again to be asked anew."
                return self.say("expired", recorded.operation, text)
            case "STALE" if recorded.outcome is None:
                text = "Another operation took the place of this one. Nothing was sent."
                return self.say("stale", recorded.operation, text)
            case "DECLINED" if recorded.outcome is None:
                return self.say("declined", recorded.operation, "A person rejected this. Nothing was sent.")
        assert recorded.outcome is not None
        return recorded.outcome

    def say(self, status: OutcomeStatus, operation: Operation | None, text: str, **more: Any) -> WriteOutcome:
        """Make an outcome; the ERP's notice, if it has one, stands first."""
        message = f"{self.erp.notice} {text}".strip()
        return WriteOutcome(status=status, operation_id=operation and operation.id, message=message, **more)

    def _observed(
        self, operation: Operation, observation: Observation, because: str = "the answer to the write did not arrive"
    ) -> WriteOutcome:
        text = f"Done: {observation.why} (seen by reading; {because})."
        more = {"order": observation.order, "backorder_number": observation.backorder_number}
        return self.say("done", operation, text, **more)

    def _in_doubt(self, operation: Operation, what: str) -> WriteOutcome:
        return self._unknown(Recorded(operation, "UNKNOWN", 0, self.journal.now()), what)

    def _unknown(self, recorded: Recorded, what: str) -> WriteOutcome:
        operation = recorded.operation
        sent = datetime.fromtimestamp(recorded.sent_at or 0, UTC)
        text = (
            f"What came of the {operation.kind} of order {operation.number} is not known: {what} It was sent once, at "
            f"{sent:%H:%M:%S} UTC. Do not repeat it, and tell the user. get_operation reads the order again and "
            f"settles it {self._settling}."
        )
        return self.say("unknown", operation, text, do_not_repeat=True)

    # How long an effect may take

    @property
    def _is_prompt(self) -> bool:
        """Tell whether what the ERP shows is what it holds, at any moment."""
        return self.late_apply == 0 and self.read_lag == 0

    @property
    def _longest(self) -> float:
        """Seconds from the claim to the last byte: signing in may take as long as the write itself."""
        return 2 * self.timeout

    def _is_abandoned(self, recorded: Recorded, now: float) -> bool:
        return now > (recorded.sent_at or now) + self._longest + GRACE

    def _cannot_come_late(self, recorded: Recorded, looked_at: float) -> bool:
        """Tell whether an effect that is absent now will not appear any more."""
        if self.late_apply is None or self.read_lag is None or recorded.sent_at is None:
            return False
        return looked_at > recorded.sent_at + self._longest + self.late_apply + self.read_lag

    @property
    def _settling(self) -> str:
        """Say when a reading is decisive."""
        if self.late_apply is None or self.read_lag is None:
            return "once the effect is seen; where none is ever seen, a person does (po-mcp journal settle)"
        return f"once the effect is seen, or after {self._longest + self.late_apply + self.read_lag:.0f} s without it"
