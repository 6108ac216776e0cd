"""The docket: what waits for a person, and the one way from an answer outside of a client to the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from po_mcp.approvals.pin import TRIES, Pin
from po_mcp.desk import asking
from po_mcp.writes.approval import Answer
from po_mcp.writes.journal import Journal
from po_mcp.writes.operation import Recorded

Verdict = Literal["taken", "too_late", "no_answer", "no_pin", "wrong_pin", "locked"]
"""What became of an answer. Only `taken` moved anything."""

Decision = Literal["approve", "reject"]

_PIN_TRIED = "pin tried"
_LATEST = 30


@dataclass(frozen=True)
class Docket:
    """The operations of one connection (None: of all) that a person is asked about.

    Args:
        journal: where they are.
        connection: the ERP that they belong to.
        notice: what stands over everything that is shown, or "".
        pin: what a decision needs besides the link; None where the operator set none.
    """

    journal: Journal
    connection: str | None
    notice: str = ""
    pin: Pin | None = None

    def find(self, operation_id: str) -> Recorded | None:
        """Return an operation that a person is or was asked about; None for every other id."""
        recorded = self.journal.find(operation_id)
        return recorded if recorded is not None and self._belongs(recorded) else None

    def open(self) -> list[Recorded]:
        """Return what waits, is approved and not sent, or is not known, the oldest first."""
        return [one for one in self.journal.live(self.connection) if self._belongs(one)]

    def decided(self) -> list[Recorded]:
        """Return what came to an end lately, the latest first."""
        if self.connection is None:
            return []
        return [one for one in self.journal.latest(self.connection, _LATEST) if self._belongs(one)]

    def is_locked(self, recorded: Recorded) -> bool:
        """Tell whether too many PINs were tried; the trail keeps them, so a new start changes nothing."""
        return self.pin is not None and self._tried(recorded) >= TRIES

    def tries_left(self, recorded: Recorded) -> int:
        """Return how many more wrong PINs it takes until nobody can decide any more."""
        return max(0, TRIES - self._tried(recorded))

    def decide(
        self, recorded: Recorded, decision: Decision, content: Mapping[str, Any], pin: str, through: Mapping[str, str]
    ) -> Verdict:
        """Take an answer.

        Args:
            recorded: the operation, as it was shown.
            decision: what the person pressed.
            content: the fields of the question's form, for an approval.
            pin: what was typed as the PIN.
            through: how the answer came, for the trail.
        """
        operation, answer = recorded.operation, Answer("accepted", content)
        if recorded.state != "PROPOSED":
            return "too_late"
        if decision == "approve" and not asking.is_yes(operation, answer):
            return "no_answer"
        if (refused := self._refused(operation.id, pin)) is not None:
            return refused
        if decision == "approve":
            taken = asking.take_yes(self.journal, operation, answer, through)
        else:
            taken = self.journal.reject(operation.id, through)
        return "taken" if taken else "too_late"

    def _refused(self, operation_id: str, pin: str) -> Verdict | None:
        """Count the try before it is judged, so that many at once are not more than one after the other."""
        if self.pin is None:
            return None
        if not pin:
            return "no_pin"
        if not self.journal.note_one_of(operation_id, _PIN_TRIED, TRIES):
            return "locked"
        return None if self.pin.fits(pin) else "wrong_pin"

    def _tried(self, recorded: Recorded) -> int:
        return sum(event.event == _PIN_TRIED for event in self.journal.events(recorded.operation.id))

    def _belongs(self, recorded: Recorded) -> bool:
        operation = recorded.operation
        return operation.question is not None and self.connection in (None, operation.connection)
